/* statekeep bench: what travelling together is worth, on one server, in one process. Each round runs both ways one after
 * the other, so that what disturbs the machine disturbs both; the ratios are of such pairs. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    USUAL_ROUNDS = 5,
    USUAL_MS = 300,   /* of one measurement */
    KEY_COUNT = 4096, /* sessions written and read; more than are ever in flight */
    STATE_SIZE = 1024,
    MOST_ROUNDS = 101,
};

static const int CALLERS[] = {1, 64, 256};

static const char help[] =
    "usage: statekeep bench [--dsn DSN] [--table NAME=TABLE]… [--rounds N] [--ms N]\n\n"
    "Saves and loads states of 1 KiB with 1, 64 and 256 calls under way at a time, against the "
    "same\n"
    "calls made one at a time; prints calls a second and the ratio of paired rounds.\n\n"
    "  --dsn DSN           the database; a temporary one of its own when not given. Rows are "
    "written\n"
    "                      under an agent of the bench's own and deleted at the end\n"
    "  --table NAME=TABLE  another name for a table; repeatable\n"
    "  --rounds N          pairs measured for each line, at most 101; 5 when not given\n"
    "  --ms N              milliseconds of one measurement; 300 when not given\n\n"
    "Exit code: 0, or the number of the status of the call that failed.\n";

struct bench {
    keep_store *store;
    char agent[64];
    char state[STATE_SIZE + 1];
    int rounds, ms;
    long done, total; /* measurements */
};

struct line {
    double alone[MOST_ROUNDS], together[MOST_ROUNDS], ratio[MOST_ROUNDS];
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

enum kind { SAVE, LOAD, DELETE };

static keep_op submit(const struct bench *bench, enum kind kind, long number)
{
    char session[24];
    int size = snprintf(session, sizeof session, "%ld", number % KEY_COUNT);
    keep_text agent_id = {bench->agent, strlen(bench->agent)};
    keep_text session_id = {session, (size_t)size};
    switch (kind) {
    case SAVE:
        return keep_state_save(bench->store, agent_id, session_id,
                               (keep_text){bench->state, STATE_SIZE}, 0);
    case LOAD:
        return keep_state_load(bench->store, agent_id, session_id, 0);
    default:
        return keep_state_delete(bench->store, agent_id, session_id, 0);
    }
}

/* Makes calls until `seconds` are over and `least` are made, `callers` at a time. Calls a second, or -1. */
static double run_together(const struct bench *bench, enum kind kind, int callers, double seconds,
                           long least)
{
    long submitted = 0, finished = 0;
    double began = now(), end = began + seconds;
    while (submitted < callers)
        submit(bench, kind, submitted++);
    while (finished < submitted) {
        if (keep_poll(bench->store) == 0) {
            struct pollfd ready = {keep_fd(bench->store), POLLIN, 0};
            poll(&ready, 1, -1);
            continue;
        }
        bool more = now() < end || submitted < least;
        keep_op op;
        while ((op = keep_next(bench->store)) != 0) {
            finished++;
            if (keep_op_status(bench->store, op) != KEEP_OK) {
                session_finish(bench->store, op, NULL);
                return -1;
            }
            keep_release(bench->store, op);
            if (more)
                submit(bench, kind, submitted++);
        }
    }
    return (double)finished / (now() - began);
}

static double run_alone(const struct bench *bench, enum kind kind, double seconds)
{
    long finished = 0;
    double began = now(), end = began + seconds;
    while (now() < end) {
        if (session_finish(bench->store, submit(bench, kind, finished), NULL) != KEEP_OK)
            return -1;
        finished++;
    }
    return (double)finished / (now() - began);
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static bool measure(struct bench *bench, enum kind kind, int callers, struct line *line)
{
    char label[64];
    snprintf(label, sizeof label, "%s, %d at a time", kind == SAVE ? "saves" : "loads", callers);
    for (int round = 0; round < bench->rounds; round++) {
        progress_show(bench->done++, bench->total, label);
        /* Which comes first alternates, so that neither always finds the warmer server. */
        double seconds = bench->ms / 1000.0, first = 0;
        if (round % 2 == 0)
            first = run_alone(bench, kind, seconds);
        line->together[round] = first < 0 ? -1 : run_together(bench, kind, callers, seconds, 0);
        line->alone[round] = round % 2 == 0 ? first : run_alone(bench, kind, seconds);
        if (line->together[round] < 0 || line->alone[round] < 0)
            return false;
        line->ratio[round] = line->together[round] / line->alone[round];
    }
    size_t count = (size_t)bench->rounds;
    qsort(line->alone, count, sizeof(double), compare);
    qsort(line->together, count, sizeof(double), compare);
    qsort(line->ratio, count, sizeof(double), compare);
    progress_end();
    printf("%-5s %9d %15.0f %10.0f %10.2f %8.2f %8.2f\n", kind == SAVE ? "save" : "load", callers,
           line->alone[count / 2], line->together[count / 2], line->ratio[0],
           line->ratio[count / 2], line->ratio[count - 1]);
    fflush(stdout);
    return true;
}

static bool run_lines(struct bench *bench)
{
    struct line line;
    printf("states of %d bytes, %d rounds of %d ms; calls a second (medians)\n\n"
           "op      callers  one at a time   together  ratio min   median      max\n",
           STATE_SIZE, bench->rounds, bench->ms);
    for (enum kind kind = SAVE; kind <= LOAD; kind++)
        for (size_t i = 0; i < sizeof CALLERS / sizeof *CALLERS; i++)
            if (!measure(bench, kind, CALLERS[i], &line))
                return false;
    return true;
}

static void prepare(struct bench *bench, const struct arguments *arguments)
{
    bench->rounds = arguments->rounds ? arguments->rounds : USUAL_ROUNDS;
    if (bench->rounds > MOST_ROUNDS)
        bench->rounds = MOST_ROUNDS;
    bench->ms = arguments->ms ? arguments->ms : USUAL_MS;
    bench->total = 2 * (long)(sizeof CALLERS / sizeof *CALLERS) * bench->rounds;
    snprintf(bench->agent, sizeof bench->agent, "statekeep-bench-%ld", (long)getpid());
    /* Letters that do not compress to nothing, as a conversation does not. */
    unsigned seed = 1;
    for (int i = 0; i < STATE_SIZE; i++) {
        seed = seed * 1103515245u + 12345u;
        bench->state[i] = (char)('a' + (seed >> 16) % 26);
    }
    memcpy(bench->state, "{\"text\":\"", 9);
    memcpy(bench->state + STATE_SIZE - 2, "\"}", 3);
}

static int bench_run(const struct arguments *arguments)
{
    static struct bench bench;
    int exit_code;
    prepare(&bench, arguments);
    bench.store = session_open(arguments->dsn ? arguments->dsn : "embedded:?temp=1",
                               arguments->options, &exit_code);
    if (!bench.store)
        return exit_code;
    progress_show(0, bench.total, "preparing");
    bool done = session_finish(bench.store, keep_state_setup(bench.store, 0), NULL) == KEEP_OK;
    done = done &&
           run_together(&bench, SAVE, 256, 0, KEY_COUNT) > 0; /* so that loads find something */
    progress_end();
    done = done && run_lines(&bench);
    done = done && run_together(&bench, DELETE, 256, 0, KEY_COUNT) > 0;
    session_close(bench.store);
    return done ? 0 : KEEP_UNAVAILABLE;
}

const struct command bench_command = {
    .name = "bench",
    .takes = "dtrm",
    .summary = "measures calls that travel together against one at a time",
    .help = help,
    .run = bench_run,
};
