/* The tables, store by store, through the operations themselves: each is planned as the engine would run it. Planning
 * finds missing tables, columns and keys, wrong types and missing rights, and runs nothing. A program may use one
 * store of many, so a store without any table is wrong only where it was asked for. */
#include "check.h"

#include "../src/core.h"
#include "../src/ident.h"
#include "../src/io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_SIZE = 2048 }; /* of a list for people, cut when longer */

struct survey {
    struct check *check;
    keep_store *store;
    const cJSON *catalog;
};

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

static void report(struct check *check, const char *name, const PGresult *failure)
{
    const char *state = PQresultErrorField(failure, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(failure, PG_DIAG_MESSAGE_PRIMARY);
    const char *part = "operation", *todo = NULL;
    for (size_t i = 0; state && i < sizeof faults / sizeof *faults; i++)
        if (strcmp(state, faults[i].sqlstate) == 0) {
            part = faults[i].part;
            todo = faults[i].todo;
        }
    check_wrong(check, part, todo, "%s: %s", name,
                message ? message : PQresultErrorMessage(failure));
}

static const char *text_of(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void names_add(char names[NAMES_SIZE], const char *name)
{
    size_t size = strlen(names);
    snprintf(names + size, NAMES_SIZE - size, "%s%s", size > 0 ? ", " : "", name);
}

/* Why the operation cannot be planned; NULL when it can. Free with PQclear(). */
static PGresult *plan_failure(const struct survey *survey, const cJSON *operation)
{
    char *sql = operation_sql(survey->store, text_of(operation, "op"));
    PGresult *result = NULL;
    /* Set-up operations are procedures, which cannot be planned. */
    if (sql && strncmp(sql, "explain do ", strlen("explain do ")) != 0) {
        int count = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(operation, "args"));
        const char *values[CALL_ARGS] = {NULL};
        result = PQexecParams(survey->check->link, sql, count, NULL, values, NULL, NULL, 0);
        if (!result) /* the link is lost */
            result = PQmakeEmptyPGresult(survey->check->link, PGRES_FATAL_ERROR);
        if (PQresultStatus(result) == PGRES_TUPLES_OK) {
            PQclear(result);
            result = NULL;
        }
    }
    free(sql);
    return result;
}

/* The slots of the tables that a store's set-up makes; none when it makes whole schemas. */
static const cJSON *store_tables(const cJSON *catalog, const char *noun)
{
    const cJSON *operation;
    char name[80];
    snprintf(name, sizeof name, "%s.setup", noun);
    cJSON_ArrayForEach(operation, catalog)
    {
        if (strcmp(text_of(operation, "op"), name) == 0)
            return cJSON_GetObjectItemCaseSensitive(operation, "tables");
    }
    return NULL;
}

/* An operation belongs to the store whose set-up makes its tables: its noun may be another. */
static bool operation_belongs(const cJSON *operation, const cJSON *tables)
{
    const cJSON *slot, *first = cJSON_GetObjectItemCaseSensitive(operation, "tables")->child;
    cJSON_ArrayForEach(slot, tables)
    {
        if (first && strcmp(slot->valuestring, first->valuestring) == 0)
            return true;
    }
    return false;
}

static const char *configured_name(const struct survey *survey, const char *slot)
{
    const cJSON *options = survey->check->arguments->options;
    return text_of(cJSON_GetObjectItemCaseSensitive(options, "tables"), slot);
}

/* How many of the tables are not there; `names` gets their names. */
static int tables_missing(const struct survey *survey, const cJSON *tables, char names[NAMES_SIZE])
{
    const cJSON *slot;
    int missing = 0;
    names[0] = '\0';
    cJSON_ArrayForEach(slot, tables)
    {
        const char *given = configured_name(survey, slot->valuestring);
        char sql[IDENT_SQL_SIZE + 64], literal[IDENT_SQL_SIZE], quoted[IDENT_SQL_SIZE];
        char *error = NULL;
        struct ident name;
        given = given ? given : catalog_table_name(catalog_table_find(slot->valuestring));
        if (ident_parse(given, strlen(given), &name, &error) != KEEP_OK) {
            keep_alloc(error, 0);
            continue; /* never so: the engine has taken these options */
        }
        ident_literal(&name, literal);
        ident_quoted(&name, quoted);
        snprintf(sql, sizeof sql, "select to_regclass(%s) is null", literal);
        /* No answer (no right to the schema, another database's name): planning will say why. */
        const char *answer = check_query(survey->check->link, sql);
        if (answer && *answer == 't') {
            names_add(names, quoted);
            missing++;
        }
    }
    return missing;
}

/* Whether the command line asks for this store: by its name, or by the name of a table. */
static bool store_wanted(const struct survey *survey, const cJSON *tables)
{
    const cJSON *slot;
    bool wanted = survey->check->arguments->positional_count > 0;
    cJSON_ArrayForEach(slot, tables)
    {
        wanted = wanted || configured_name(survey, slot->valuestring);
    }
    return wanted;
}

/* Plans what works right after the set-up. A complaint that several operations have is told once. */
static void check_operations(const struct survey *survey, const cJSON *tables)
{
    const cJSON *operation;
    cJSON *told = cJSON_CreateObject();
    cJSON_ArrayForEach(operation, survey->catalog)
    {
        if (!operation_belongs(operation, tables) || text_of(operation, "needs"))
            continue;
        PGresult *failure = plan_failure(survey, operation);
        const char *message = PQresultErrorField(failure, PG_DIAG_MESSAGE_PRIMARY);
        message = message ? message : "";
        if (failure && !cJSON_GetObjectItemCaseSensitive(told, message)) {
            report(survey->check, text_of(operation, "op"), failure);
            cJSON_AddTrueToObject(told, message);
        }
        PQclear(failure);
    }
    cJSON_Delete(told);
}

/* Plans what needs an opt-in, which may not have run: then a table or a column is not there. */
static void check_features(const struct survey *survey, const cJSON *tables)
{
    const cJSON *operation, *feature;
    cJSON *features = cJSON_CreateObject(); /* opt-in → the operations that fail without it */
    cJSON_ArrayForEach(operation, survey->catalog)
    {
        const char *needs = text_of(operation, "needs"), *name = text_of(operation, "op");
        if (!needs || !operation_belongs(operation, tables))
            continue;
        PGresult *failure = plan_failure(survey, operation);
        const char *state = PQresultErrorField(failure, PG_DIAG_SQLSTATE);
        if (state && (strcmp(state, "42703") == 0 || strcmp(state, "42P01") == 0)) {
            char names[NAMES_SIZE] = "";
            const char *others = text_of(features, needs);
            if (others)
                names_add(names, others);
            names_add(names, name);
            cJSON_DeleteItemFromObjectCaseSensitive(features, needs);
            cJSON_AddStringToObject(features, needs, names);
        } else if (failure) {
            report(survey->check, name, failure);
        }
        PQclear(failure);
    }
    cJSON_ArrayForEach(feature, features)
    {
        char todo[128];
        snprintf(todo, sizeof todo, "statekeep call %s makes it", feature->string);
        check_note("feature", todo, "not set up: %s", feature->valuestring);
    }
    cJSON_Delete(features);
}

/* Whether a statement on vectors only fails as there is no pgvector, for which the engine has another form of it. */
static bool vectors_missing(const cJSON *operation, const PGresult *failure)
{
    const char *state = PQresultErrorField(failure, PG_DIAG_SQLSTATE);
    const cJSON *arg;
    cJSON_ArrayForEach(arg, cJSON_GetObjectItemCaseSensitive(operation, "args"))
    {
        if (strcmp(text_of(arg, "type"), "vector") == 0)
            return state && (strcmp(state, "42704") == 0 || strcmp(state, "42883") == 0);
    }
    return false;
}

/* A store of whole schemas: what needs its set-up is planned. A complaint is told once. */
static void check_schema(const struct survey *survey, const char *noun)
{
    const cJSON *operation;
    char setup[80];
    cJSON *told = cJSON_CreateObject();
    snprintf(setup, sizeof setup, "%s.setup", noun);
    cJSON_ArrayForEach(operation, survey->catalog)
    {
        const char *needs = text_of(operation, "needs");
        if (!needs || strcmp(needs, setup) != 0)
            continue;
        PGresult *failure = plan_failure(survey, operation);
        const char *message = PQresultErrorField(failure, PG_DIAG_MESSAGE_PRIMARY);
        message = message ? message : "";
        if (failure && !vectors_missing(operation, failure) &&
            !cJSON_GetObjectItemCaseSensitive(told, message)) {
            report(survey->check, text_of(operation, "op"), failure);
            cJSON_AddTrueToObject(told, message);
        }
        PQclear(failure);
    }
    if (!told->child)
        check_fine("store", "%s: its operations can be planned, with the rights they need", noun);
    cJSON_Delete(told);
}

/* `some`: one store at least has tables. */
static void check_store(const struct survey *survey, const char *noun, bool some)
{
    struct check *check = survey->check;
    const cJSON *tables = store_tables(survey->catalog, noun);
    char names[NAMES_SIZE], todo[160];
    int before = check->wrong;
    if (!tables->child) {
        check_schema(survey, noun);
        return;
    }
    if (tables_missing(survey, tables, names) < cJSON_GetArraySize(tables)) {
        check_operations(survey, tables);
        /* A broken table would pass for a feature that is not set up. */
        if (check->wrong == before) {
            check_fine("store", "%s: its operations can be planned, with the rights they need",
                       noun);
            check_features(survey, tables);
        }
    } else if (some && !store_wanted(survey, tables)) {
        snprintf(todo, sizeof todo, "statekeep setup %s makes it", noun);
        check_note("store", todo, "%s: not set up", noun);
    } else {
        snprintf(todo, sizeof todo,
                 "run statekeep setup %s, or name the table with --table and the option \"tables\"",
                 noun);
        check_wrong(check, "table", todo, "%s: there is no %s", noun, names);
    }
}

static void check_stores(const struct survey *survey)
{
    const cJSON *noun;
    char names[NAMES_SIZE];
    bool some = false, all = true;
    cJSON_ArrayForEach(noun, survey->check->stores)
    {
        const cJSON *tables = store_tables(survey->catalog, noun->valuestring);
        int missing = tables_missing(survey, tables, names);
        some = some || missing < cJSON_GetArraySize(tables);
        all = all && missing == 0;
    }
    cJSON_ArrayForEach(noun, survey->check->stores)
    {
        check_store(survey, noun->valuestring, some);
    }
    if (!all)
        check_create(survey->check);
}

bool check_tables(struct check *check)
{
    int exit_code, before = check->wrong;
    struct survey survey = {.check = check};
    survey.store = session_open(check->arguments->dsn, check->arguments->options, &exit_code);
    if (!survey.store) {
        check_wrong(check, "options", NULL, "the engine refuses them");
        return false;
    }
    cJSON *catalog = cJSON_Parse(keep_catalog());
    survey.catalog = catalog;
    check_stores(&survey);
    cJSON_Delete(catalog);
    session_close(survey.store);
    return check->wrong == before;
}
