/* statekeep stats: what a database holds, and what one trip to it costs. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "usage: statekeep stats [--dsn DSN] [--table NAME=TABLE]…\n\n"
                           "Counts what the stores hold and prints it as JSON with the engine's "
                           "counters for doing so. A\n"
                           "store whose table is not there is left out. The counters of a running "
                           "program are its own: call\nadmin.stats there.\n\n"
                           "  --dsn DSN           the database; else $STATEKEEP_DSN, else "
                           "$DATABASE_URL, else \"embedded:\"\n"
                           "  --table NAME=TABLE  another name for a table; repeatable\n\n"
                           "Exit code: 0, or the number of the status of the call that failed.\n";

/* A store whose table is not there, as most of a database's are not, is left out. */
static bool no_table(keep_store *store, keep_op op)
{
    cJSON *error = keep_wait(store, op, -1) == KEEP_UNAVAILABLE
                       ? cJSON_Parse(keep_op_result(store, op).data)
                       : NULL;
    const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "sqlstate"));
    bool missing = state && (strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0);
    cJSON_Delete(error);
    return missing;
}

static keep_status add_result(cJSON *object, const char *name, keep_store *store, keep_op op)
{
    char *result = NULL;
    if (no_table(store, op)) {
        keep_release(store, op);
        return KEEP_OK;
    }
    keep_status status = session_finish(store, op, &result);
    if (status == KEEP_OK && !cJSON_AddItemToObject(object, name, cJSON_Parse(result)))
        status = KEEP_NO_MEMORY;
    free(result);
    return status;
}

static int stats_run(const struct arguments *arguments)
{
    int exit_code;
    keep_store *store = session_open(arguments->dsn, arguments->options, &exit_code);
    if (!store)
        return exit_code;
    cJSON *out = cJSON_CreateObject(), *names = session_operations(".count");
    const cJSON *name;
    keep_status status = KEEP_OK;
    cJSON_ArrayForEach(name, names)
    {
        if (status == KEEP_OK)
            status = add_result(out, name->valuestring, store,
                                keep_submit(store, name->valuestring, NULL, 0, 0));
    }
    if (status == KEEP_OK)
        status = add_result(out, "engine", store, keep_admin_stats(store, 0));
    char *text = status == KEEP_OK ? cJSON_Print(out) : NULL;
    if (text)
        printf("%s\n", text);
    cJSON_free(text);
    cJSON_Delete(names);
    cJSON_Delete(out);
    session_close(store);
    return (int)status;
}

const struct command stats_command = {
    .name = "stats",
    .takes = "dt",
    .summary = "counts what the stores hold, with the engine's counters",
    .help = help,
    .run = stats_run,
};
