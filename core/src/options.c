/* The options of keep_open(): read from JSON, checked, and filled in. */
#include "core.h"

#include "refuse.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

struct number_option {
    const char *name;
    size_t offset;
    bool wide; /* int64_t, else int */
    int64_t low, high, usual;
};

#define OPTION(name, wide, low, high, usual)                                                       \
    {                                                                                              \
#name, offsetof(struct options, name), wide, low, high, usual                              \
    }

static const struct number_option NUMBERS[] = {
    OPTION(connections, false, 1, LIMIT_CONNECTIONS, 0),
    OPTION(deadline_ms, false, 0, INT32_MAX, 30000),
    OPTION(connect_ms, false, 1, INT32_MAX, 0),
    OPTION(lock_ms, false, 0, INT32_MAX, 200),
    OPTION(queue_ms, false, 0, INT32_MAX, 0),
    OPTION(lease_idle_ms, false, 0, INT32_MAX, 600000),
    OPTION(queue, false, 1, 1 << 24, 16384),
    OPTION(queue_bytes, true, 1, INT64_C(1) << 40, INT64_C(256) << 20),
    OPTION(batch, false, 1, 1 << 16, 256),
    OPTION(batch_bytes, true, 1, INT64_C(1) << 30, INT64_C(1) << 20),
    /* jsonb itself ends at 256 MiB, a parameter at 1 GiB */
    OPTION(argument_bytes, true, 1, INT64_C(1) << 29, INT64_C(64) << 20),
};

/* Used when neither the options nor the dsn say otherwise. */
enum { USUAL_CONNECTIONS = 4, USUAL_CONNECT_MS = 5000 };

static void option_set(struct options *options, const struct number_option *option, int64_t value)
{
    char *at = (char *)options + option->offset;
    if (option->wide)
        memcpy(at, &value, sizeof value);
    else
        memcpy(at, &(int){(int)value}, sizeof(int));
}

static keep_status option_tables(keep_store *store, const cJSON *tables, char **error)
{
    const cJSON *table;
    if (!cJSON_IsObject(tables))
        return refuse(error, "option \"tables\" is not an object");
    cJSON_ArrayForEach(table, tables)
    {
        int slot = catalog_table_find(table->string);
        if (slot < 0)
            return refuse(error, "option \"tables\": there is no table \"%s\"", table->string);
        if (!cJSON_IsString(table))
            return refuse(error, "option \"tables\": the name of \"%s\" is not a string",
                          table->string);
        keep_status status = ident_parse(table->valuestring, strlen(table->valuestring),
                                         &store->tables[slot], error);
        if (status != KEEP_OK)
            return status;
    }
    return KEEP_OK;
}

static keep_status option_read(keep_store *store, const cJSON *item, char **error)
{
    if (strcmp(item->string, "tables") == 0)
        return option_tables(store, item, error);
    if (strcmp(item->string, "hold") == 0) {
        store->options.hold = cJSON_IsTrue(item);
        return cJSON_IsBool(item) ? KEEP_OK
                                  : refuse(error, "option \"hold\" is neither true nor false");
    }
    if (strcmp(item->string, "gather") == 0) {
        store->options.gather = cJSON_IsTrue(item);
        return cJSON_IsBool(item) ? KEEP_OK
                                  : refuse(error, "option \"gather\" is neither true nor false");
    }
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        const struct number_option *option = &NUMBERS[i];
        if (strcmp(item->string, option->name) != 0)
            continue;
        double value = item->valuedouble;
        if (!cJSON_IsNumber(item) || value < (double)option->low || value > (double)option->high ||
            value != (double)(int64_t)value)
            return refuse(error, "option \"%s\" is not a whole number from %lld to %lld",
                          option->name, (long long)option->low, (long long)option->high);
        option_set(&store->options, option, (int64_t)value);
        return KEEP_OK;
    }
    return refuse(error, "there is no option \"%s\"", item->string);
}

keep_status options_parse(keep_store *store, const char *json, char **error)
{
    *error = NULL;
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++)
        option_set(&store->options, &NUMBERS[i], NUMBERS[i].usual);
    for (int slot = 0; slot < catalog_table_count(); slot++) {
        const char *name = catalog_table_name(slot);
        keep_status status = ident_parse(name, strlen(name), &store->tables[slot], error);
        if (status != KEEP_OK)
            return status;
    }
    if (!json || !*json)
        return KEEP_OK;
    errno = 0; /* the only way to tell why there is nothing */
    cJSON *options = cJSON_Parse(json);
    if (!options && errno == ENOMEM)
        return KEEP_NO_MEMORY;
    keep_status status =
        cJSON_IsObject(options) ? KEEP_OK : refuse(error, "options are not a JSON object");
    const cJSON *item;
    if (status == KEEP_OK) {
        cJSON_ArrayForEach(item, options)
        {
            status = option_read(store, item, error);
            if (status != KEEP_OK)
                break;
        }
    }
    cJSON_Delete(options);
    return status;
}

static int first_given(int a, int b, int usual)
{
    return a ? a : b ? b : usual;
}

void options_complete(struct options *options, const struct dsn *dsn)
{
    options->connect_ms = first_given(options->connect_ms, dsn->connect_ms, USUAL_CONNECT_MS);
    options->connections = first_given(options->connections, dsn->connections, USUAL_CONNECTIONS);
    if (options->connections > LIMIT_CONNECTIONS)
        options->connections = LIMIT_CONNECTIONS;
}
