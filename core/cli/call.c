/* statekeep call: one operation, from a shell. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: statekeep call OP [ARGUMENTS] [--dsn DSN] [--table NAME=TABLE]…\n\n"
    "Runs one operation and prints its result as JSON.\n\n"
    "  OP                  its name, as in state.save; without one all are listed\n"
    "  ARGUMENTS           a JSON object of named arguments, or a JSON array of them in order; "
    "\"-\" reads\n"
    "                      it from standard input. What is given for an argument of type json is "
    "stored\n"
    "                      as it is written, every digit of it.\n"
    "  --dsn DSN           the database; else $STATEKEEP_DSN, else $DATABASE_URL, else "
    "\"embedded:\"\n"
    "  --table NAME=TABLE  another name for a table; repeatable\n\n"
    "An error is printed on standard error as JSON. Exit codes: 0 OK, 1 ABSENT, 2 CONFLICT, 3 "
    "INVALID,\n"
    "4 DEADLINE, 5 CANCELLED, 6 UNKNOWN, 7 UNAVAILABLE, 8 FULL, 9 CLOSED, 10 FORKED, 11 "
    "NO_MEMORY,\n"
    "12 INTERNAL, 64 for a wrong command line.\n\n"
    "  statekeep call state.save '{\"agent_id\": \"a\", \"session_id\": \"s\", \"state\": "
    "{\"turn\": 1}}'\n"
    "  statekeep call state.load '[\"a\", \"s\"]'\n";

static const cJSON *find_operation(const cJSON *catalog, const char *name)
{
    const cJSON *operation;
    cJSON_ArrayForEach(operation, catalog)
    {
        const char *found = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(operation, "op"));
        if (strcmp(found, name) == 0)
            return operation;
    }
    return NULL;
}

static void list_operations(const cJSON *catalog)
{
    const cJSON *operation, *arg;
    cJSON_ArrayForEach(operation, catalog)
    {
        printf("%s(", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(operation, "op")));
        const char *before = "";
        cJSON_ArrayForEach(arg, cJSON_GetObjectItemCaseSensitive(operation, "args"))
        {
            bool nullable = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(arg, "nullable"));
            printf("%s%s %s%s", before,
                   cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(arg, "name")),
                   cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(arg, "type")),
                   nullable ? "?" : "");
            before = ", ";
        }
        printf(")\n    %s\n",
               cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(operation, "doc")));
    }
}

/* All of standard input, ending in a NUL; NULL after saying why not. */
static char *read_input(void)
{
    size_t size = 0, capacity = 1 << 16;
    char *text = malloc(capacity);
    while (text) {
        size += fread(text + size, 1, capacity - size - 1, stdin);
        if (feof(stdin) || ferror(stdin))
            break;
        capacity *= 2;
        char *larger = realloc(text, capacity);
        if (!larger)
            free(text);
        text = larger;
    }
    if (!text || ferror(stdin)) {
        fprintf(stderr, "statekeep: standard input could not be read\n");
        free(text);
        return NULL;
    }
    text[size] = '\0';
    if (strlen(text) < size) {
        fprintf(stderr, "statekeep: standard input holds a NUL\n");
        free(text);
        return NULL;
    }
    return text;
}

static int call_submit(const struct arguments *arguments, const char *name,
                       const struct call_args *args)
{
    int exit_code;
    keep_store *store = session_open(arguments->dsn, arguments->options, &exit_code);
    if (!store)
        return exit_code;
    keep_op op = keep_submit(store, name, args->args, args->count, 0);
    keep_status status = keep_wait(store, op, -1);
    keep_text result = keep_op_result(store, op);
    FILE *out = status == KEEP_OK ? stdout : stderr;
    fwrite(result.data, 1, result.size, out);
    fputc('\n', out);
    keep_release(store, op);
    session_close(store);
    return (int)status;
}

static int call_operation(const struct arguments *arguments, const cJSON *catalog, const char *text)
{
    const char *name = arguments->positional[0];
    const cJSON *operation = find_operation(catalog, name);
    if (!operation) {
        fprintf(stderr, "statekeep: there is no operation \"%s\"; statekeep call lists them\n",
                name);
        return KEEP_INVALID;
    }
    struct call_args args;
    int exit_code = KEEP_INVALID;
    if (call_args_read(&args, operation, text))
        exit_code = call_submit(arguments, name, &args);
    else
        fprintf(stderr, "statekeep: %s\n", args.why);
    call_args_free(&args);
    return exit_code;
}

static int call_run(const struct arguments *arguments)
{
    cJSON *catalog = cJSON_Parse(keep_catalog());
    const char *text = arguments->positional_count > 1 ? arguments->positional[1] : "[]";
    int exit_code = EXIT_USAGE;
    if (arguments->positional_count == 0) {
        list_operations(catalog);
        exit_code = 0;
    } else if (strcmp(text, "-") == 0) {
        char *input = read_input();
        if (input)
            exit_code = call_operation(arguments, catalog, input);
        free(input);
    } else {
        exit_code = call_operation(arguments, catalog, text);
    }
    cJSON_Delete(catalog);
    return exit_code;
}

const struct command call_command = {
    .name = "call",
    .takes = "dt",
    .positionals = 2,
    .summary = "runs one operation; without one, lists them all",
    .help = help,
    .run = call_run,
};
