/* Rows as JSON. A batched statement's first column is the number of the item that a row answers, so the order of the
 * rows means nothing across items. jsonb columns pass through untouched. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

enum {
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_JSON = 114,
    OID_NUMERIC = 1700,
    OID_JSONB = 3802,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701
};

static void put_column(struct buffer *out, const PGresult *rows, int row, int column)
{
    const char *text = keep_io.PQgetvalue(rows, row, column);
    size_t size = (size_t)keep_io.PQgetlength(rows, row, column);
    if (keep_io.PQgetisnull(rows, row, column)) {
        buffer_append(out, "null", 4);
        return;
    }
    switch (keep_io.PQftype(rows, column)) {
    case OID_BOOL:
        buffer_text(out, text[0] == 't' ? "true" : "false");
        return;
    case OID_NUMERIC:
    case OID_FLOAT4:
    case OID_FLOAT8:
        if (text[size - 1] < '0' || text[size - 1] > '9') { /* NaN, Infinity */
            buffer_json(out, text, size);
            return;
        }
        buffer_append(out, text, size);
        return;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
    case OID_JSON:
    case OID_JSONB:
        buffer_append(out, text, size);
        return;
    default:
        buffer_json(out, text, size);
    }
}

static void put_row(struct buffer *out, const struct conn *conn, int row)
{
    const struct statement_spec *spec = conn->batch.statement->spec;
    const PGresult *rows = conn->rows;
    int first = conn->form->array ? 1 : 0;
    if (spec->bare) {
        put_column(out, rows, row, first);
        return;
    }
    for (int i = 0; i < spec->column_count; i++) {
        buffer_text(out, i == 0 ? "{" : ",");
        buffer_json(out, spec->columns[i], strlen(spec->columns[i]));
        buffer_text(out, ":");
        put_column(out, rows, row, first + i);
    }
    buffer_text(out, "}");
}

/* An operation that must give a row and gives none failed as its first declared failure says. */
static void result_missing(keep_store *store, struct op *op)
{
    const char *fails = op->statement->spec->fails, *words = strchr(fails, ' ');
    keep_status status = strncmp(fails, "ABSENT ", 7) == 0     ? KEEP_ABSENT
                         : strncmp(fails, "CONFLICT ", 9) == 0 ? KEEP_CONFLICT
                                                               : KEEP_INTERNAL;
    op_finish_error(store, op, status, words ? words + 1 : "the server gave no row", NULL, NULL);
}

static void result_finish(keep_store *store, struct op *op)
{
    const struct statement_spec *spec = op->statement->spec;
    bool empty = op->result.size == 0 && !op->result.failed;
    if (!empty && spec->gives == GIVES_MANY)
        buffer_text(&op->result, "]");
    if (op->result.failed && spec->writes)
        op_finish_error(store, op, KEEP_UNKNOWN,
                        "committed, but there was no memory for the answer", NULL, "memory");
    else if (op->result.failed)
        op_finish_error(store, op, KEEP_NO_MEMORY, "no memory for the answer", NULL, NULL);
    else if (empty && spec->gives == GIVES_ONE)
        result_missing(store, op);
    else
        op_finish_ok(store, op, !empty ? NULL : spec->gives == GIVES_MANY ? "[]" : "null");
}

void result_deliver(struct conn *conn)
{
    struct batch *batch = &conn->batch;
    const struct statement_spec *spec = batch->statement->spec;
    int rows = spec->gives == GIVES_NONE ? 0 : keep_io.PQntuples(conn->rows);
    for (int row = 0; row < rows; row++) {
        int item = conn->form->array ? atoi(keep_io.PQgetvalue(conn->rows, row, 0)) : 1;
        if (item < 1 || item > batch->sent_count)
            continue;
        struct op *op = batch->sent[item - 1];
        if (!op_live(op))
            continue;
        if (spec->gives == GIVES_MANY)
            buffer_text(&op->result, op->result.size == 0 ? "[" : ",");
        put_row(&op->result, conn, row);
    }
    for (int i = 0; i < batch->sent_count; i++)
        if (op_live(batch->sent[i]))
            result_finish(conn->store, batch->sent[i]);
}
