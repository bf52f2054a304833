/* What is written behind a subcommand. */
#include "cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_HELP = 'h' };

static const struct option options[] = {
    {"dsn", required_argument, NULL, 'd'},    {"table", required_argument, NULL, 't'},
    {"sql", no_argument, NULL, 's'},          {"schema", required_argument, NULL, 'c'},
    {"rounds", required_argument, NULL, 'r'}, {"ms", required_argument, NULL, 'm'},
    {"help", no_argument, NULL, OPTION_HELP}, {NULL, 0, NULL, 0},
};

static bool read_number(const char *name, const char *text, int *out)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < 1 || number > 1000000) {
        fprintf(stderr, "statekeep: --%s wants a number from 1 to 1000000\n", name);
        return false;
    }
    *out = (int)number;
    return true;
}

/* NAME=TABLE into the option "tables". */
static bool read_table(struct arguments *out, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || equals[1] == '\0') {
        fprintf(stderr, "statekeep: --table wants NAME=TABLE, as in agent_states=app.states\n");
        return false;
    }
    cJSON *tables = cJSON_GetObjectItemCaseSensitive(out->options, "tables");
    if (!tables)
        tables = cJSON_AddObjectToObject(out->options, "tables");
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    cJSON_DeleteItemFromObjectCaseSensitive(tables, name);
    cJSON_AddStringToObject(tables, name, equals + 1);
    return true;
}

static bool read_option(struct arguments *out, const struct command *command, int letter)
{
    if (!strchr(command->takes, letter)) {
        const struct option *option = options;
        while (option->val != letter)
            option++;
        fprintf(stderr, "statekeep %s: takes no --%s\n", command->name, option->name);
        return false;
    }
    switch (letter) {
    case 'd':
        out->dsn = optarg;
        return true;
    case 't':
        return read_table(out, optarg);
    case 's':
        out->sql = true;
        return true;
    case 'c':
        out->schema = optarg;
        return true;
    case 'r':
        return read_number("rounds", optarg, &out->rounds);
    default:
        return read_number("ms", optarg, &out->ms);
    }
}

static bool read_words(struct arguments *out, const struct command *command, int argc, char **argv)
{
    if (argc - optind > command->positionals) {
        fprintf(stderr, "statekeep %s: \"%s\" is one word too many\n", command->name,
                argv[optind + command->positionals]);
        return false;
    }
    out->positional = argv + optind;
    out->positional_count = argc - optind;
    return true;
}

bool arguments_read(struct arguments *out, const struct command *command, int argc, char **argv,
                    int *exit_code)
{
    *out = (struct arguments){.options = cJSON_CreateObject()};
    *exit_code = EXIT_USAGE;
    int letter;
    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (letter == OPTION_HELP) {
            printf("%s", command->help);
            *exit_code = 0;
            return false;
        }
        if (letter == '?' || !read_option(out, command, letter)) {
            fprintf(stderr, "statekeep %s --help tells what it takes\n", command->name);
            return false;
        }
    }
    return read_words(out, command, argc, argv);
}

void arguments_free(struct arguments *arguments)
{
    cJSON_Delete(arguments->options);
}
