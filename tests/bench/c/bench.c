/* One caller: StateKeep against bare blocking libpq with a prepared statement, in turn on one server.
 *
 *     bench DSN [rounds] [calls]
 *
 * Prints a JSON object: for saves of new keys and for loads (1 KiB states) the ratios ours/theirs of calls per second,
 * one for each pair of rounds. The libpq side runs the plain single-row statements the peers run. */
#include "statekeep.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DOCUMENT = 1024 };

static char document[DOCUMENT + 1];
static keep_store *store;
static PGconn *bare;

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static keep_text text(const char *data)
{
    return (keep_text){data, strlen(data)};
}

static void take(keep_op op)
{
    if (keep_wait(store, op, -1) != KEEP_OK)
        fail("statekeep", keep_op_result(store, op).data);
    keep_release(store, op);
}

static void ours_save(const char *session)
{
    take(keep_state_save(store, KEEP_TEXT("ours"), text(session), text(document), 0));
}

static void ours_load(const char *session)
{
    take(keep_state_load(store, KEEP_TEXT("ours"), text(session), 0));
}

static void prepare(const char *name, const char *sql)
{
    PGresult *result = PQprepare(bare, name, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail("prepare", PQerrorMessage(bare));
    PQclear(result);
}

static void execute(const char *name, int count, const char *const *values)
{
    PGresult *result = PQexecPrepared(bare, name, count, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail(name, PQerrorMessage(bare));
    PQclear(result);
}

static void theirs_save(const char *session)
{
    execute("save", 3, (const char *[]){"theirs", session, document});
}

static void theirs_load(const char *session)
{
    execute("load", 2, (const char *[]){"theirs", session});
}

static double rate(void (*call)(const char *), int round, int calls)
{
    char session[32];
    double start = now();
    for (int i = 0; i < calls; i++) {
        snprintf(session, sizeof session, "%d-%d", round, i);
        call(session);
    }
    return calls / (now() - start);
}

static void compare(const char *name, void (*ours)(const char *), void (*theirs)(const char *),
                    int rounds, int calls)
{
    printf("\"%s\":[", name);
    for (int round = 0; round < rounds; round++) {
        bool first = round % 2 == 0; /* who begins takes turns */
        double a = first ? rate(ours, round, calls) : 0;
        double b = rate(theirs, round, calls);
        if (!first)
            a = rate(ours, round, calls);
        printf("%s%.3f", round ? "," : "", a / b);
        fprintf(stderr, "%s: %.0f against %.0f calls/s\n", name, a, b);
    }
    printf("]");
}

int main(int count, char **words)
{
    const char *dsn = count > 1 ? words[1] : "embedded:?temp=1";
    int rounds = count > 2 ? atoi(words[2]) : 7, calls = count > 3 ? atoi(words[3]) : 2000;
    memset(document, 'x', DOCUMENT);
    memcpy(document, "{\"text\":\"", 9);
    memcpy(document + DOCUMENT - 2, "\"}", 2);
    if (keep_open(&store, dsn, NULL) != KEEP_OK)
        fail("open", keep_error(store).data);
    take(keep_state_setup(store, 0));
    bare = PQconnectdb(dsn);
    if (PQstatus(bare) != CONNECTION_OK)
        fail("connect", PQerrorMessage(bare));
    prepare("save",
            "insert into agent_states (agent_id, session_id, state, created_at, updated_at) "
            "values ($1, $2, $3, now(), now()) on conflict (agent_id, session_id) do update "
            "set state = excluded.state, updated_at = now()");
    prepare("load", "select state from agent_states where agent_id = $1 and session_id = $2");
    rate(ours_save, -1, 200);
    rate(theirs_save, -1, 200);
    printf("{");
    compare("save_new", ours_save, theirs_save, rounds, calls);
    printf(",");
    compare("load", ours_load, theirs_load, rounds, calls);
    printf("}\n");
    PQfinish(bare);
    keep_close(store, 1000);
    keep_free(store);
    return 0;
}
