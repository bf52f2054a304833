/* Finds the subcommand and hands over. */
#include "cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {&setup_command, &check_command, &call_command,
                                                 &stats_command, &bench_command};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_help(FILE *out)
{
    fprintf(out,
            "StateKeep %s: storage for the state of AI agents.\n\n"
            "usage: statekeep COMMAND [OPTIONS]\n\n",
            keep_version());
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\nstatekeep COMMAND --help tells more. The connection string is --dsn, else "
                 "$STATEKEEP_DSN,\n"
                 "else $DATABASE_URL, else \"embedded:\", a server of StateKeep's own.\n");
}

static int run(const struct command *command, int argc, char **argv)
{
    struct arguments arguments;
    int exit_code = 0;
    if (arguments_read(&arguments, command, argc, argv, &exit_code))
        exit_code = command->run(&arguments);
    arguments_free(&arguments);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("statekeep: standard output");
        return exit_code != 0 ? exit_code : KEEP_INTERNAL;
    }
    return exit_code;
}

int main(int argc, char **argv)
{
    /* A reader that has seen enough must not end us in the middle of a write: the flush reports it. */
    signal(SIGPIPE, SIG_IGN);
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("statekeep %s\n", keep_version());
        return 0;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help(stdout);
        return 0;
    }
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(word, commands[i]->name) == 0)
            return run(commands[i], argc - 1, argv + 1);
    if (*word != '\0')
        fprintf(stderr, "statekeep: there is no command \"%s\"\n\n", word);
    print_help(stderr);
    return EXIT_USAGE;
}
