/* The simulated PGresult. All that is alive is in one list, so that what was not cleared is found. */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESULTS = 1 << 16 };

static PGresult *alive[RESULTS];
static int alive_count;

PGresult *result_new(ExecStatusType status, int columns)
{
    PGresult *result = calloc(1, sizeof *result);
    if (!result || alive_count == RESULTS)
        world_fail("too many results are alive");
    result->status = status;
    result->columns = columns;
    alive[alive_count++] = result;
    return result;
}

PGresult *result_error(const char *severity, const char *sqlstate, const char *message,
                       const char *function)
{
    PGresult *result = result_new(PGRES_FATAL_ERROR, 0);
    result->severity = severity;
    result->message = message;
    result->function = function;
    if (sqlstate)
        snprintf(result->sqlstate, sizeof result->sqlstate, "%s", sqlstate);
    return result;
}

void result_column(PGresult *result, int column, const char *name, Oid type)
{
    result->names[column] = name;
    result->types[column] = type;
}

int result_row(PGresult *result)
{
    size_t cells = (size_t)(result->rows + 1) * (size_t)result->columns;
    result->cells = realloc(result->cells, cells * sizeof *result->cells);
    memset(result->cells + result->rows * result->columns, 0,
           (size_t)result->columns * sizeof *result->cells);
    return result->rows++;
}

void result_put(PGresult *result, int row, int column, const char *format, ...)
{
    struct cell *cell = &result->cells[row * result->columns + column];
    va_list arguments;
    va_start(arguments, format);
    cell->size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    cell->text = malloc((size_t)cell->size + 1);
    va_start(arguments, format);
    vsnprintf(cell->text, (size_t)cell->size + 1, format, arguments);
    va_end(arguments);
}

void result_swap_rows(PGresult *result, int a, int b)
{
    for (int column = 0; column < result->columns; column++) {
        struct cell *left = &result->cells[a * result->columns + column];
        struct cell *right = &result->cells[b * result->columns + column];
        struct cell kept = *left;
        *left = *right;
        *right = kept;
    }
}

void result_free(PGresult *result)
{
    int at = 0;
    while (at < alive_count && alive[at] != result)
        at++;
    if (at == alive_count)
        world_fail("a result is cleared twice");
    alive[at] = alive[--alive_count];
    for (int i = 0; i < result->rows * result->columns; i++)
        free(result->cells[i].text);
    free(result->cells);
    free(result);
}

long results_handed_out(void)
{
    long count = 0;
    for (int i = 0; i < alive_count; i++)
        count += alive[i]->handed_out;
    return count;
}

void results_reset(void)
{
    while (alive_count)
        result_free(alive[0]);
}

static ExecStatusType sim_result_status(const PGresult *result)
{
    return result ? result->status : PGRES_FATAL_ERROR;
}

static char *sim_error_field(const PGresult *result, int field)
{
    const char *text = NULL;
    if (!result)
        return NULL;
    switch (field) {
    case PG_DIAG_SEVERITY:
    case PG_DIAG_SEVERITY_NONLOCALIZED:
        text = result->severity;
        break;
    case PG_DIAG_SQLSTATE:
        text = result->sqlstate[0] ? result->sqlstate : NULL;
        break;
    case PG_DIAG_MESSAGE_PRIMARY:
        text = result->message;
        break;
    case PG_DIAG_MESSAGE_DETAIL:
        text = result->detail;
        break;
    case PG_DIAG_SOURCE_FUNCTION:
        text = result->function;
        break;
    default:
        break;
    }
    return (char *)text;
}

static int sim_ntuples(const PGresult *result)
{
    return result ? result->rows : 0;
}

static int sim_nfields(const PGresult *result)
{
    return result ? result->columns : 0;
}

static void in_range(const PGresult *result, int row, int column)
{
    if (!result || row < 0 || row >= result->rows || column < 0 || column >= result->columns)
        world_fail("row %d, column %d of a result of %d rows and %d columns is asked for", row,
                   column, sim_ntuples(result), sim_nfields(result));
}

static char *sim_fname(const PGresult *result, int column)
{
    return column < sim_nfields(result) ? (char *)result->names[column] : NULL;
}

static Oid sim_ftype(const PGresult *result, int column)
{
    return column < sim_nfields(result) ? result->types[column] : 0;
}

static const struct cell *cell_at(const PGresult *result, int row, int column)
{
    in_range(result, row, column);
    return &result->cells[row * result->columns + column];
}

static char *sim_getvalue(const PGresult *result, int row, int column)
{
    char *text = cell_at(result, row, column)->text;
    return text ? text : (char *)"";
}

static int sim_getlength(const PGresult *result, int row, int column)
{
    return cell_at(result, row, column)->size;
}

static int sim_getisnull(const PGresult *result, int row, int column)
{
    return cell_at(result, row, column)->text == NULL;
}

static void sim_clear(PGresult *result)
{
    if (!result)
        return;
    if (!result->handed_out)
        world_fail("a result is cleared that was never handed out");
    result_free(result);
}

static char *sim_cmd_status(PGresult *result)
{
    return (char *)(result->status == PGRES_TUPLES_OK ? "SELECT 1" : "DONE");
}

static char *sim_cmd_tuples(PGresult *result)
{
    return (char *)(result->status == PGRES_TUPLES_OK ? "1" : "");
}

void result_install(void)
{
    keep_io.PQcmdStatus = sim_cmd_status;
    keep_io.PQcmdTuples = sim_cmd_tuples;
    keep_io.PQresultStatus = sim_result_status;
    keep_io.PQresultErrorField = sim_error_field;
    keep_io.PQntuples = sim_ntuples;
    keep_io.PQnfields = sim_nfields;
    keep_io.PQfname = sim_fname;
    keep_io.PQftype = sim_ftype;
    keep_io.PQgetvalue = sim_getvalue;
    keep_io.PQgetlength = sim_getlength;
    keep_io.PQgetisnull = sim_getisnull;
    keep_io.PQclear = sim_clear;
}
