/* The result of a caller's statement as JSON. Integers, booleans and finite floats are JSON values; everything else is the
 * server's text form, as a string. */
#include "core.h"

#include <string.h>

enum { MOST_COLUMNS = 1664 }; /* of a PostgreSQL result */

static void put_number(struct buffer *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    buffer_append(out, digits + at, sizeof digits - at);
}

static void put_rows(struct buffer *out, const PGresult *rows)
{
    enum cell_kind cells[MOST_COLUMNS];
    int count = keep_io.PQntuples(rows), columns = keep_io.PQnfields(rows);
    buffer_text(out, ",\"columns\":[");
    for (int i = 0; i < columns; i++) {
        const char *name = keep_io.PQfname(rows, i);
        if (i > 0)
            buffer_append(out, ",", 1);
        buffer_json(out, name, strlen(name));
    }
    buffer_text(out, "],\"types\":[");
    for (int i = 0; i < columns; i++) {
        Oid type = keep_io.PQftype(rows, i);
        if (i < MOST_COLUMNS)
            cells[i] = cell_kind(type, false);
        if (i > 0)
            buffer_append(out, ",", 1);
        put_number(out, type);
    }
    buffer_text(out, "],\"rows\":[");
    for (int row = 0; row < count; row++) {
        buffer_text(out, row > 0 ? ",[" : "[");
        for (int i = 0; i < columns; i++) {
            if (i > 0)
                buffer_append(out, ",", 1);
            cell_put(out, rows, row, i, i < MOST_COLUMNS ? cells[i] : CELL_TEXT);
        }
        buffer_append(out, "]", 1);
    }
    buffer_append(out, "]", 1);
}

void rows_json(struct buffer *out, PGresult *rows)
{
    const char *command = keep_io.PQcmdStatus(rows), *count = keep_io.PQcmdTuples(rows);
    buffer_text(out, "{\"command\":");
    buffer_json(out, command, strlen(command));
    buffer_text(out, ",\"count\":");
    if (keep_io.PQresultStatus(rows) == PGRES_TUPLES_OK && !*count)
        put_number(out, (uint64_t)keep_io.PQntuples(rows)); /* "SHOW" says no number */
    else
        buffer_text(out, *count ? count : "null");
    if (keep_io.PQresultStatus(rows) == PGRES_TUPLES_OK)
        put_rows(out, rows);
}
