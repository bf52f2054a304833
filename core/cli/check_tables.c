/* The tables, through the operations themselves: each is planned as the engine would run it. Planning finds missing
 * tables, columns and keys, wrong types and missing rights, and runs nothing. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *sqlstate, *part, *todo;
} faults[] = {
    {"42P01", "table",
     "run statekeep setup, or name the table with --table and the option \"tables\""},
    {"3F000", "schema", "create the schema, or correct the table's name"},
    {"42703", "column",
     "the table is another program's or incomplete: compare with statekeep setup --sql"},
    {"42P10", "key", "give the table the primary key that statekeep setup --sql shows"},
    {"42501", "rights",
     "grant usage on the schema and select, insert, update, delete on the table"},
    {"42804", "type", "a column has another type: compare with statekeep setup --sql"},
    {"42883", "type", "a column has another type: compare with statekeep setup --sql"},
    {"42809", "table", "it must be a table, not a view: correct the name"},
};

/* The operation's SQL with the configured table names; allocated, NULL when there is none. */
static char *operation_sql(keep_store *store, const char *name)
{
    char *json = NULL;
    keep_op op = keep_admin_setup_sql(store, (keep_text){name, strlen(name)}, 0);
    keep_text result = keep_op_result(store, op);
    cJSON *sql = keep_op_status(store, op) == KEEP_OK
                     ? cJSON_ParseWithLength(result.data, result.size)
                     : NULL;
    const char *text = cJSON_GetStringValue(sql);
    size_t size = text ? strlen(text) : 0;
    if (text && (json = malloc(size + sizeof "explain ")))
        sprintf(json, "explain %s", text);
    cJSON_Delete(sql);
    keep_release(store, op);
    return json;
}

/* Whether the tables could be made here. */
static void check_create(struct check *check)
{
    const char *may =
        check_query(check->link, "select has_schema_privilege(current_schema(), 'create')");
    if (may && *may == 'f')
        check_note("rights", "let its owner run statekeep setup, or grant create on the schema",
                   "this user may not create tables in the schema");
}

static void report(struct check *check, const char *name, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *part = "operation", *todo = NULL;
    for (size_t i = 0; state && i < sizeof faults / sizeof *faults; i++)
        if (strcmp(state, faults[i].sqlstate) == 0) {
            part = faults[i].part;
            todo = faults[i].todo;
        }
    check_wrong(check, part, todo, "%s: %s", name,
                message ? message : PQresultErrorMessage(result));
    if (strcmp(part, "table") == 0)
        check_create(check);
}

/* Plans one operation. The complaint of an earlier one of the same store is not repeated. */
static void check_operation(struct check *check, keep_store *store, const cJSON *operation,
                            char last[256])
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(operation, "op"));
    char *sql = operation_sql(store, name);
    /* Set-up operations are procedures, which cannot be planned. */
    if (!sql || strncmp(sql, "explain do ", strlen("explain do ")) == 0) {
        free(sql);
        return;
    }
    int count = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(operation, "args"));
    const char *values[CALL_ARGS] = {NULL};
    PGresult *result = PQexecParams(check->link, sql, count, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        char complaint[256];
        const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        snprintf(complaint, sizeof complaint, "%s", message ? message : "");
        if (strcmp(complaint, last) != 0)
            report(check, name, result);
        memcpy(last, complaint, sizeof complaint);
    }
    PQclear(result);
    free(sql);
}

bool check_tables(struct check *check)
{
    int exit_code, before = check->wrong;
    keep_store *store = session_open(check->arguments->dsn, check->arguments->options, &exit_code);
    if (!store) {
        check_wrong(check, "options", NULL, "the engine refuses them");
        return false;
    }
    cJSON *catalog = cJSON_Parse(keep_catalog());
    const cJSON *operation;
    char last[256] = "";
    cJSON_ArrayForEach(operation, catalog)
    {
        check_operation(check, store, operation, last);
    }
    cJSON_Delete(catalog);
    session_close(store);
    if (check->wrong == before)
        check_fine("tables", "every operation can be planned, with the rights it needs");
    return check->wrong == 0;
}
