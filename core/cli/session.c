/* A store for the length of one command, and calls waited for one by one. */
#include "cli.h"

#include "../src/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAIN_MS = 1000 };

/* The message of a JSON error, and what the server said besides. */
static void tell_error(keep_text error)
{
    cJSON *parsed = cJSON_ParseWithLength(error.data, error.size);
    const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(parsed, "message"));
    const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(parsed, "sqlstate"));
    const char *detail = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(parsed, "detail"));
    fprintf(stderr, "statekeep: %s", message ? message : "no message");
    if (state)
        fprintf(stderr, " (SQLSTATE %s)", state);
    if (detail)
        fprintf(stderr, "\n  %s", detail);
    fputc('\n', stderr);
    cJSON_Delete(parsed);
}

keep_store *session_open(const char *dsn, const cJSON *options, int *exit_code)
{
    keep_store *store = NULL;
    char *text = cJSON_PrintUnformatted(options);
    keep_status status = text ? keep_open(&store, dsn, text) : KEEP_NO_MEMORY;
    cJSON_free(text);
    *exit_code = (int)status;
    if (status == KEEP_OK)
        return store;
    if (store)
        tell_error(keep_error(store));
    else
        fprintf(stderr, "statekeep: no memory\n");
    keep_free(store);
    return NULL;
}

keep_status session_finish(keep_store *store, keep_op op, char **result)
{
    keep_status status = keep_wait(store, op, -1);
    keep_text text = keep_op_result(store, op);
    if (status != KEEP_OK) {
        progress_end();
        tell_error(text);
    } else if (result) {
        *result = malloc(text.size + 1);
        if (*result)
            memcpy(*result, text.data, text.size + 1);
        else
            status = KEEP_NO_MEMORY;
    }
    keep_release(store, op);
    return status;
}

void session_close(keep_store *store)
{
    keep_close(store, DRAIN_MS);
    keep_free(store);
}

cJSON *session_operations(const char *ending)
{
    cJSON *catalog = cJSON_Parse(keep_catalog());
    cJSON *names = cJSON_CreateArray();
    const cJSON *operation;
    cJSON_ArrayForEach(operation, catalog)
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(operation, "op"));
        size_t size = strlen(name), tail = strlen(ending);
        if (size > tail && strcmp(name + size - tail, ending) == 0)
            cJSON_AddItemToArray(names, cJSON_CreateString(name));
    }
    cJSON_Delete(catalog);
    return names;
}

static bool list_has(const cJSON *list, const char *text)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(item->valuestring, text) == 0)
            return true;
    }
    return false;
}

/* Whether the tables a set-up makes are called as nobody else's: those of whole schemas have no slots, and a slot that is
 * not its table's name stands for one like "events". */
static bool tables_own(const cJSON *tables)
{
    const cJSON *slot;
    cJSON_ArrayForEach(slot, tables)
    {
        if (strcmp(catalog_table_name(catalog_table_find(slot->valuestring)), slot->valuestring) !=
            0)
            return false;
    }
    return tables->child != NULL;
}

/* The nouns of the ".setup" operations: all, or only those that can do no harm to tables of others. */
static cJSON *stores_known(bool all)
{
    cJSON *catalog = cJSON_Parse(keep_catalog()), *stores = cJSON_CreateArray();
    const cJSON *operation;
    cJSON_ArrayForEach(operation, catalog)
    {
        char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(operation, "op"));
        char *verb = strchr(name, '.');
        const cJSON *tables = cJSON_GetObjectItemCaseSensitive(operation, "tables");
        if (strcmp(verb, ".setup") == 0 && (all || tables_own(tables))) {
            *verb = '\0';
            cJSON_AddItemToArray(stores, cJSON_CreateString(name));
        }
    }
    cJSON_Delete(catalog);
    return stores;
}

/* Adds the store that a word names; false after saying on stderr that there is none. */
static bool stores_add(cJSON *chosen, const char *word, const struct command *command)
{
    cJSON *stores = stores_known(true);
    const cJSON *store;
    bool known = list_has(stores, word);
    if (known && !list_has(chosen, word))
        cJSON_AddItemToArray(chosen, cJSON_CreateString(word));
    if (!known) {
        fprintf(stderr, "statekeep %s: there is no store \"%s\"; the stores are", command->name,
                word);
        cJSON_ArrayForEach(store, stores)
        {
            fprintf(stderr, "%s %s", store == stores->child ? "" : ",", store->valuestring);
        }
        fputc('\n', stderr);
    }
    cJSON_Delete(stores);
    return known;
}

cJSON *session_stores(const struct command *command, const struct arguments *arguments)
{
    if (arguments->positional_count == 0 && !arguments->schema)
        return stores_known(false);
    cJSON *chosen = cJSON_CreateArray();
    bool known = !arguments->schema || stores_add(chosen, arguments->schema, command);
    for (int i = 0; known && i < arguments->positional_count; i++)
        known = stores_add(chosen, arguments->positional[i], command);
    if (known)
        return chosen;
    cJSON_Delete(chosen);
    return NULL;
}
