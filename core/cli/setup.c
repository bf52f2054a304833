/* statekeep setup: makes the tables of the stores, or prints how. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: statekeep setup [STORE…] [--schema STORE] [--dsn DSN] [--table NAME=TABLE]… [--sql]\n\n"
    "Makes the tables and indexes of the stores. Tables that exist are left as they are, so it "
    "may\n"
    "run at every start, by several processes at once, and with data rights only.\n\n"
    "  STORE               as in state, whose tables state.setup makes; when none is named all "
    "but\n"
    "                      those with table names like \"events\" (room) or whole schemas "
    "(gathering)\n"
    "  --schema STORE      the same: setup --schema gathering\n"
    "  --dsn DSN           the database; else $STATEKEEP_DSN, else $DATABASE_URL, else "
    "\"embedded:\"\n"
    "  --table NAME=TABLE  another name for a table, as in agent_states=app.\"My States\"; "
    "repeatable\n"
    "  --sql               print the SQL and run nothing\n\n"
    "Exit code: 0, or the number of the status of the call that failed.\n";

static keep_status print_sql(keep_store *store, const char *name)
{
    char *result = NULL;
    keep_text op = {name, 0};
    while (name[op.size] != '\0')
        op.size++;
    keep_status status = session_finish(store, keep_admin_setup_sql(store, op, 0), &result);
    cJSON *sql = status == KEEP_OK ? cJSON_Parse(result) : NULL;
    if (sql)
        printf("-- %s\n%s;\n\n", name, cJSON_GetStringValue(sql));
    cJSON_Delete(sql);
    free(result);
    return status;
}

static keep_status make_tables(keep_store *store, const char *name)
{
    keep_status status = session_finish(store, keep_submit(store, name, NULL, 0, -1), NULL);
    if (status == KEEP_OK) {
        progress_end();
        printf("%s: done\n", name);
    }
    return status;
}

static int setup_stores(const struct arguments *arguments, const cJSON *nouns)
{
    int exit_code;
    keep_store *store = session_open(arguments->dsn, arguments->options, &exit_code);
    if (!store)
        return exit_code;
    keep_status status = KEEP_OK;
    int total = cJSON_GetArraySize(nouns);
    for (int i = 0; i < total && status == KEEP_OK; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s.setup", cJSON_GetArrayItem(nouns, i)->valuestring);
        if (!arguments->sql)
            progress_show(i, total, name);
        status = arguments->sql ? print_sql(store, name) : make_tables(store, name);
    }
    progress_end();
    session_close(store);
    return (int)status;
}

static int setup_run(const struct arguments *arguments)
{
    cJSON *nouns = session_stores(&setup_command, arguments);
    int exit_code = nouns ? setup_stores(arguments, nouns) : EXIT_USAGE;
    cJSON_Delete(nouns);
    return exit_code;
}

const struct command setup_command = {
    .name = "setup",
    .takes = "dtsc",
    .positionals = POSITIONALS_MANY,
    .summary = "makes the tables, or prints the SQL that does",
    .help = help,
    .run = setup_run,
};
