/* Many callers in one loop, as asyncio and tokio have them: what a turn of the loop submits leaves at its end.
 *
 *     share DSN seconds
 *
 * Prints a JSON object, calls per second of saves of new keys and of loads (1 KiB states) at 64 and 256 callers. Built once
 * for each KEEP_SHARE_MIN, it tells what the least share of the queue that a connection takes is worth. */
#include "statekeep.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DOCUMENT = 1024, KEYS = 1000 };

static char document[DOCUMENT + 1];
static keep_store *store;
static long next_key;

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

static void submit(bool saves, const char *kind)
{
    char key[32];
    long number = saves ? next_key++ : rand() % KEYS;
    keep_text session = {key, (size_t)snprintf(key, sizeof key, "%s-%ld", kind, number)};
    if (saves)
        keep_state_save(store, KEEP_TEXT("agent"), session, (keep_text){document, DOCUMENT}, 0);
    else
        keep_state_load(store, KEEP_TEXT("agent"), session, 0);
}

/* Releases what is finished, and submits as many calls again when `again`. Gives how many. */
static int turn(bool saves, const char *kind, bool again)
{
    int count = 0;
    for (keep_op op; (op = keep_next(store)) != 0; count++) {
        if (keep_op_status(store, op) != KEEP_OK)
            fail(kind, keep_op_result(store, op).data);
        keep_release(store, op);
    }
    for (int i = 0; again && i < count; i++)
        submit(saves, kind);
    return count;
}

static double rate(bool saves, const char *kind, int callers, double seconds)
{
    struct pollfd ready = {.fd = keep_fd(store), .events = POLLIN};
    double start = now();
    long done = 0;
    int pending = callers;
    for (int i = 0; i < callers; i++)
        submit(saves, kind);
    while (pending > 0) {
        bool again = now() - start < seconds;
        keep_poll(store);
        int count = turn(saves, kind, again);
        done += count;
        pending -= again ? 0 : count;
        if (count == 0)
            poll(&ready, 1, -1);
    }
    return (double)done / (now() - start);
}

int main(int count, char **words)
{
    const char *dsn = count > 1 ? words[1] : "embedded:?temp=1";
    double seconds = count > 2 ? atof(words[2]) : 1;
    memset(document, 'x', DOCUMENT);
    memcpy(document, "{\"text\":\"", 9);
    memcpy(document + DOCUMENT - 2, "\"}", 2);
    if (keep_open(&store, dsn, "{\"hold\":true}") != KEEP_OK)
        fail("open", keep_error(store).data);
    keep_op setup = keep_state_setup(store, 0);
    if (keep_wait(store, setup, -1) != KEEP_OK)
        fail("set-up", keep_op_result(store, setup).data);
    keep_release(store, setup);
    char kind[32];
    snprintf(kind, sizeof kind, "%.6f", now()); /* other keys than an earlier run's */
    rate(true, kind, 256, 0.2);
    while (next_key < KEYS)
        rate(true, kind, 256, 0);
    printf("{\"save_new\":{\"64\":%.0f", rate(true, kind, 64, seconds));
    printf(",\"256\":%.0f},", rate(true, kind, 256, seconds));
    printf("\"load\":{\"64\":%.0f", rate(false, kind, 64, seconds));
    printf(",\"256\":%.0f}}\n", rate(false, kind, 256, seconds));
    keep_close(store, 1000);
    keep_free(store);
    return 0;
}
