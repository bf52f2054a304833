/* Which connection does what next, when to open another one, and what becomes of waiting calls when none can be had.
 *
 * No timer gathers batches: while connections are busy calls gather by themselves, and a connection that comes free
 * takes its share of what waits. A lone call leaves at once. */
#include "core.h"

#include <stdio.h>
#include <string.h>

/* Whether calls that waited for "connect_ms" are given up: not while a server of our own is being made. */
static bool pool_impatient(const keep_store *store)
{
    return store->down_us && !(dial_is_embedded(store->dial) && dial_is_running(store->dial));
}

static bool conn_is_up(const struct conn *conn)
{
    return conn->state == CONN_IDLE || conn->state == CONN_BUSY;
}

static int pool_count(const keep_store *store, enum conn_state state)
{
    int count = 0;
    for (int i = 0; i < store->options.connections; i++)
        count += store->conns[i].state == state;
    return count;
}

static bool pool_up(const keep_store *store)
{
    for (int i = 0; i < store->options.connections; i++)
        if (conn_is_up(&store->conns[i]))
            return true;
    return false;
}

bool pool_busy(const keep_store *store)
{
    return pool_count(store, CONN_BUSY) > 0;
}

/* One connection is kept from writes, so that a small read never waits for large writes to end. */
static bool pool_may_write(const keep_store *store)
{
    int writers = 0;
    for (int i = 0; i < store->options.connections; i++)
        writers +=
            store->conns[i].state == CONN_BUSY && store->conns[i].batch.statement->spec->writes;
    return writers == 0 || writers < store->options.connections - 1;
}

/* The lane whose first call was submitted first. */
static struct lane *pool_lane(keep_store *store)
{
    struct lane *chosen = NULL;
    bool may_write = pool_may_write(store);
    for (int i = 0; i < catalog_count(); i++) {
        struct lane *lane = &store->lanes[i];
        if (!lane->queue.first || (catalog_at(i)->writes && !may_write))
            continue;
        if (!chosen || lane->queue.first->sequence < chosen->queue.first->sequence)
            chosen = lane;
    }
    return chosen;
}

/* The first one that is free, so that the same few stay in use. */
static struct conn *pool_idle(keep_store *store)
{
    for (int i = 0; i < store->options.connections; i++)
        if (store->conns[i].state == CONN_IDLE && conn_alive(&store->conns[i]))
            return &store->conns[i];
    return NULL;
}

static void pool_open(keep_store *store)
{
    int64_t now_us = keep_io.now_us();
    if (now_us < store->retry_us) {
        step_arm(store, store->retry_us); /* nobody may have waited when it was set */
        return;
    }
    if (pool_count(store, CONN_CONNECTING) > 0)
        return;
    for (int i = 0; i < store->options.connections; i++) {
        if (store->conns[i].state != CONN_DOWN)
            continue;
        if (store->down_us == 0 && !pool_up(store))
            store->down_us = now_us;
        enum dial_state dial = dial_begin(store->dial, now_us);
        if (dial == DIAL_READY && dial_is_embedded(store->dial) && !pool_up(store))
            store->down_us = now_us; /* making the server was worth any wait; patience begins now */
        if (dial == DIAL_READY)
            conn_open(&store->conns[i]);
        else if (dial == DIAL_FAILED)
            pool_connect_failed(store, dial_error(store->dial));
        return;
    }
}

void pool_pump(keep_store *store)
{
    while (store->state == STORE_OPEN && store->queued_count > 0) {
        struct lane *lane = pool_lane(store);
        struct conn *conn = lane ? pool_idle(store) : NULL;
        if (!conn) {
            pool_open(store);
            return;
        }
        int index = (int)(lane - store->lanes);
        int idle = pool_count(store, CONN_IDLE);
        int share = ((int)lane->queue.count + idle - 1) / idle;
        batch_collect(conn, &store->statements[index], share < SHARE_MIN ? SHARE_MIN : share);
        batch_next_range(conn);
    }
}

void pool_connected(keep_store *store)
{
    store->down_us = 0;
    store->retry_us = 0;
    store->connect_backoff_ms = 0;
    store->connect_error[0] = '\0';
}

void pool_lost(keep_store *store)
{
    if (store->down_us == 0 && !pool_up(store))
        store->down_us = keep_io.now_us();
    dial_stale(store->dial);
}

/* ---- no server */

/* Ends the calls that waited long enough, or all: `patient` says whether a server may still come up. */
static void pool_expire(keep_store *store, bool patient)
{
    int64_t now_us = keep_io.now_us();
    int64_t patience_us = (int64_t)store->options.connect_ms * 1000;
    const char *why = store->connect_error[0] ? store->connect_error
                                              : "no connection came up in time (\"connect_ms\")";
    for (int i = 0; i < catalog_count(); i++) {
        for (struct op *op = store->lanes[i].queue.first; op; op = store->lanes[i].queue.first) {
            int64_t since_us =
                op->submitted_us > store->down_us ? op->submitted_us : store->down_us;
            if (patient && now_us - since_us < patience_us)
                break;
            op_finish_refused(store, op, KEEP_UNAVAILABLE, why, store->connect_sqlstate);
        }
    }
}

/* "FATAL:  28P01: password …" is how libpq in verbose mode gives the server's refusal. */
static void pool_read_refusal(keep_store *store, const char *message)
{
    const char *severity = strstr(message, "FATAL:  ");
    store->connect_sqlstate[0] = '\0';
    size_t size = 0;
    for (const char *at = message; *at && size + 1 < sizeof store->connect_error; at++) {
        if (severity && at == severity + 8 && strlen(at) > 7 && at[5] == ':') {
            memcpy(store->connect_sqlstate, at, 5);
            store->connect_sqlstate[5] = '\0';
            at += 6; /* the code and the colon */
            continue;
        }
        if (strncmp(at, "\nLOCATION:", 10) == 0) {
            at += strcspn(at + 1, "\n");
            continue;
        }
        store->connect_error[size++] = *at;
    }
    while (size > 0 && store->connect_error[size - 1] == '\n')
        size--;
    store->connect_error[size] = '\0';
}

/* Whether a server may still come up for calls that wait. One that was never reached and gives no word is taken to be a
 * mistake in the connection string, and told at once; one that was there, or says why not now, may come back. */
static bool pool_may_come_up(const keep_store *store)
{
    static const char *const lasting[] = {"28", "3D", "42", "22"};
    for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++)
        if (strncmp(store->connect_sqlstate, lasting[i], 2) == 0)
            return false;
    return store->connect_sqlstate[0] || store->stats.opened > 0;
}

void pool_connect_failed(keep_store *store, const char *message)
{
    store->stats.connect_failures++;
    dial_stale(store->dial);
    if (strstr(message, "unsupported startup parameter") && !store->plain_startup) {
        store->plain_startup = true; /* a pooler: bound the lock wait in each write's own trip */
        store->retry_us = 0;
        return;
    }
    pool_read_refusal(store, message);
    int backoff_ms = store->connect_backoff_ms ? store->connect_backoff_ms * 2 : BACKOFF_MIN_MS;
    store->connect_backoff_ms = backoff_ms < BACKOFF_MAX_MS ? backoff_ms : BACKOFF_MAX_MS;
    int64_t wait_us = (int64_t)store->connect_backoff_ms * 1000;
    store->retry_us = keep_io.now_us() + wait_us / 2 + keep_io.random() % wait_us;
    if (!pool_up(store))
        pool_expire(store, pool_may_come_up(store));
    step_arm(store, store->retry_us);
}

/* ---- time */

void pool_timers(keep_store *store, int64_t now_us)
{
    for (int i = 0; i < store->options.connections; i++) {
        struct conn *conn = &store->conns[i];
        if (conn->state == CONN_CONNECTING && conn->give_up_us <= now_us) {
            conn_give_up(conn);
        } else if (conn->state == CONN_BUSY && !batch_live(&conn->batch)) {
            if (conn->batch.abandoned_us == 0)
                conn->batch.abandoned_us = now_us;
            else if (now_us - conn->batch.abandoned_us >= ABANDONED_MS * 1000)
                conn_lost(conn, "nobody waits for the answer any more", false);
        }
    }
    if (pool_impatient(store) && !pool_up(store))
        pool_expire(store, true);
}

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us == 0 || (b_us != 0 && b_us < a_us) ? b_us : a_us;
}

/* When pool_timers() or pool_pump() has something to do next; 0: nothing to come. */
int64_t pool_next_time(const keep_store *store)
{
    int64_t next_us = 0;
    bool waiting = store->queued_count > 0;
    for (int i = 0; i < store->options.connections; i++) {
        const struct conn *conn = &store->conns[i];
        if (conn->state == CONN_CONNECTING)
            next_us = earlier(next_us, conn->give_up_us);
        if (conn->state == CONN_BUSY && conn->batch.abandoned_us)
            next_us = earlier(next_us, conn->batch.abandoned_us + ABANDONED_MS * 1000);
    }
    if (waiting && pool_count(store, CONN_CONNECTING) == 0 && pool_count(store, CONN_DOWN) > 0)
        next_us = earlier(next_us, store->retry_us);
    if (waiting && pool_impatient(store))
        for (int i = 0; i < catalog_count(); i++) {
            const struct op *op = store->lanes[i].queue.first;
            int64_t since_us =
                op && op->submitted_us > store->down_us ? op->submitted_us : store->down_us;
            if (op)
                next_us = earlier(next_us, since_us + (int64_t)store->options.connect_ms * 1000);
        }
    return next_us;
}
