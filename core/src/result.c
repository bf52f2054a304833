/* Rows as JSON. A batched statement's first column is the number of the item that a row answers, so the order of the
 * rows means nothing across items. json and jsonb pass through untouched. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

static void put_row(struct buffer *out, const struct conn *conn, const enum cell_kind *cells,
                    int row)
{
    const struct statement_spec *spec = conn->batch.statement->spec;
    int first = conn->form->array ? 1 : 0;
    for (int i = 0; i < spec->column_count; i++) {
        buffer_append(out, spec->columns[i].head, spec->columns[i].head_size);
        cell_put(out, conn->rows, row, first + i, cells[i]);
    }
    buffer_text(out, spec->tail);
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
    enum cell_kind cells[LIMIT_OP_COLUMNS];
    for (int i = 0; rows > 0 && i < spec->column_count; i++)
        cells[i] = cell_kind(keep_io.PQftype(conn->rows, conn->form->array ? i + 1 : i), true);
    for (int row = 0; row < rows; row++) {
        int item = conn->form->array ? atoi(keep_io.PQgetvalue(conn->rows, row, 0)) : 1;
        if (item < 1 || item > batch->sent_count)
            continue;
        struct op *op = batch->sent[item - 1];
        if (!op_live(op))
            continue;
        if (spec->gives == GIVES_MANY)
            buffer_text(&op->result, op->result.size == 0 ? "[" : ",");
        put_row(&op->result, conn, cells, row);
    }
    for (int i = 0; i < batch->sent_count; i++)
        if (op_live(batch->sent[i]))
            result_finish(conn->store, batch->sent[i]);
}
