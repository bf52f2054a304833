#include "check.h"

#include "../src/io.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: statekeep check [STORE…] [--dsn DSN] [--table NAME=TABLE]…\n\n"
    "Looks for what is wrong between a program and its database, and says what to do: the "
    "connection\n"
    "string, names that do not resolve, a server that refuses, the password, the database, its "
    "version\n"
    "and settings, a pooler in between, tables, columns and rights. Changes nothing.\n\n"
    "  STORE               as in state, whose tables must be there then. When none is named, a "
    "store\n"
    "                      without tables is wrong only if --table names one of them, or if no "
    "store\n"
    "                      has any\n"
    "  --dsn DSN           the database; else $STATEKEEP_DSN, else $DATABASE_URL, else "
    "\"embedded:\"\n"
    "  --table NAME=TABLE  another name for a table; repeatable\n\n"
    "Exit code: 0 when nothing is wrong (notes aside), 64 for a wrong command line, else 1.\n";

static void print_line(const char *mark, const char *part, const char *todo, const char *format,
                       va_list arguments)
{
    printf("%-5s %-18s ", mark, part);
    vprintf(format, arguments);
    putchar('\n');
    if (todo)
        printf("%25s→ %s\n", "", todo);
    fflush(stdout);
}

void check_fine(const char *part, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line("ok", part, NULL, format, arguments);
    va_end(arguments);
}

void check_note(const char *part, const char *todo, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line("note", part, todo, format, arguments);
    va_end(arguments);
}

void check_wrong(struct check *check, const char *part, const char *todo, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line("WRONG", part, todo, format, arguments);
    va_end(arguments);
    check->wrong++;
}

static void join_embedded(struct check *check)
{
    char *conninfo = NULL, *error = NULL;
    keep_status status = embedded_join(check->dsn.embedded_text, &check->hold, &conninfo, &error);
    dsn_free(&check->dsn);
    if (status == KEEP_OK)
        status = dsn_parse(&check->dsn, conninfo, &error);
    if (status == KEEP_OK)
        check_fine("embedded server", "runs");
    else
        check_wrong(check, "embedded server", NULL, "%s", error ? error : "no memory");
    keep_alloc(conninfo, 0);
    keep_alloc(error, 0);
}

bool check_dsn(struct check *check)
{
    char *error = NULL;
    if (dsn_parse(&check->dsn, check->arguments->dsn, &error) != KEEP_OK) {
        check_wrong(
            check, "connection string",
            "write postgres://user:password@host:5432/database, key=value words, or embedded:",
            "%s", error ? error : "no memory");
        keep_alloc(error, 0);
        return false;
    }
    check->connections = check->dsn.connections ? check->dsn.connections : 4;
    check_fine("connection string", "%s",
               check->dsn.embedded ? check->dsn.embedded_text : "a PostgreSQL server's");
    if (check->dsn.embedded)
        join_embedded(check);
    return check->wrong == 0;
}

bool check_engine(struct check *check)
{
    int exit_code;
    keep_store *store = session_open(check->arguments->dsn, check->arguments->options, &exit_code);
    keep_status status = KEEP_INVALID;
    if (store) {
        status = session_finish(store, keep_admin_ping(store, 0), NULL);
        session_close(store);
    }
    if (status == KEEP_OK)
        check_fine("engine", "had an answer");
    else
        check_wrong(check, "engine", NULL, "had no answer: %s", keep_status_name(status));
    return status == KEEP_OK;
}

static int check_run(const struct arguments *arguments)
{
    struct check check = {.arguments = arguments,
                          .stores = session_stores(&check_command, arguments)};
    if (!check.stores)
        return EXIT_USAGE;
    bool (*const steps[])(struct check *) = {check_dsn,    check_hosts,  check_link,
                                             check_server, check_tables, check_engine};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (!steps[i](&check))
            break;
    PQfinish(check.link);
    dsn_free(&check.dsn);
    embedded_leave(check.hold);
    cJSON_Delete(check.stores);
    if (check.wrong > 0)
        printf("\n%d thing%s wrong\n", check.wrong, check.wrong == 1 ? " is" : "s are");
    else
        printf("\nnothing is wrong\n");
    return check.wrong > 0;
}

const struct command check_command = {
    .name = "check",
    .takes = "dt",
    .positionals = POSITIONALS_MANY,
    .summary = "finds what is wrong with a connection string, server, pooler or schema",
    .help = help,
    .run = check_run,
};
