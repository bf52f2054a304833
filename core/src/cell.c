/* One value of a result as JSON. */
#include "core.h"

enum cell_kind cell_kind(Oid type, bool documents)
{
    switch (type) {
    case 16: /* bool */
        return CELL_BOOL;
    case 20: /* int8 */
    case 21: /* int2 */
    case 23: /* int4 */
    case 26: /* oid */
        return CELL_PLAIN;
    case 700: /* float4 */
    case 701: /* float8 */
        return CELL_FLOAT;
    case 1700: /* numeric */
        return documents ? CELL_FLOAT : CELL_TEXT;
    case 114:  /* json */
    case 3802: /* jsonb */
        return documents ? CELL_PLAIN : CELL_TEXT;
    default:
        return CELL_TEXT;
    }
}

void cell_put(struct buffer *out, const PGresult *rows, int row, int column, enum cell_kind kind)
{
    const char *text = keep_io.PQgetvalue(rows, row, column);
    size_t size = (size_t)keep_io.PQgetlength(rows, row, column);
    if (size == 0 && keep_io.PQgetisnull(rows, row, column)) {
        buffer_append(out, "null", 4);
    } else if (kind == CELL_PLAIN) {
        buffer_append(out, text, size);
    } else if (kind == CELL_BOOL) {
        buffer_text(out, text[0] == 't' ? "true" : "false");
    } else if (kind == CELL_FLOAT && text[size - 1] >= '0' && text[size - 1] <= '9') {
        buffer_append(out, text, size); /* not NaN, not Infinity */
    } else {
        buffer_json(out, text, size);
    }
}
