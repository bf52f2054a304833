/* The command `statekeep`: one file for each subcommand, and what they share. Built on the public interface; only
 * `check`, which diagnoses what the engine would meet, looks below it. */
#ifndef STATEKEEP_CLI_H
#define STATEKEEP_CLI_H

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdbool.h>
#include <statekeep.h>

enum {
    EXIT_USAGE = 64,            /* the command line is wrong (sysexits.h) */
    POSITIONALS_MANY = INT_MAX, /* no limit to the words that are no options */
};

/* What is written behind a subcommand. */
struct arguments {
    const char *dsn;    /* NULL: as keep_open() has it */
    cJSON *options;     /* an object, for keep_open() */
    bool sql;           /* --sql */
    const char *schema; /* --schema; NULL: not said */
    int rounds;         /* --rounds; 0: not said */
    int ms;             /* --ms; 0: not said */
    char **positional;  /* words that are no options; borrowed from argv */
    int positional_count;
};

struct command {
    const char *name;
    const char *
        takes; /* the letters of the options it takes: d(sn) t(able) s(ql) c: schema, r(ounds) m(s) */
    int positionals; /* most words that are no options */
    const char *summary;
    const char *help;
    int (*run)(const struct arguments *arguments); /* gives the exit code */
};

extern const struct command setup_command, check_command, call_command, stats_command,
    bench_command;

/* Reads argv[1…] for `command`. false: told, and *exit_code says how to end (0 after --help). Free in any case. */
bool arguments_read(struct arguments *out, const struct command *command, int argc, char **argv,
                    int *exit_code);
void arguments_free(struct arguments *arguments);

/* A store on the arguments' options; NULL after saying on stderr why not, with the exit code. `dsn` NULL: as
 * keep_open() has it. */
keep_store *session_open(const char *dsn, const cJSON *options, int *exit_code);

/* Waits for the call. KEEP_OK: *result is allocated text, unless it is NULL. Else the error is told on stderr. */
keep_status session_finish(keep_store *store, keep_op op, char **result);
void session_close(keep_store *store);

/* The operations whose names end in `ending` (".setup"), as a list of names to free with cJSON_Delete(). */
cJSON *session_operations(const char *ending);

/* The stores that --schema and the positional words name, each once: a store is the noun of a ".setup" operation. When
 * none is named, those whose tables are stores' own: whole schemas (gathering) are only for who names them. A list of
 * names to free with cJSON_Delete(); NULL after saying on stderr that a word names none. */
cJSON *session_stores(const struct command *command, const struct arguments *arguments);

/* A bar on stderr when that is a terminal, else nothing. */
void progress_show(long done, long total, const char *label);
void progress_end(void); /* takes the bar away */

/* Cuts the JSON text of a call's arguments, an object or an array, into those of `operation` (an entry of
 * keep_catalog()), in its order. A json-typed argument is the very bytes of `text`; others are decoded and freed with
 * free(*owned). false: *why says what is wrong; free it in any case with free(). */
enum { CALL_ARGS = 16 };
struct call_args {
    keep_text args[CALL_ARGS];
    char *owned[CALL_ARGS];
    int count;
    char why[256];
};
bool call_args_read(struct call_args *out, const cJSON *operation, const char *text);
void call_args_free(struct call_args *args);

#endif
