/* Which connection does what next, when to open another one, and what becomes of waiting calls when none can be had.
 *
 * No timer gathers batches (but see "gather" in wait.c): while connections are busy calls gather by themselves, and a
 * connection that comes free takes its share of what waits. A lone call leaves at once. */
#include "core.h"

#include <stdio.h>
#include <string.h>

/* Whether calls that waited for "connect_ms" are given up: not while a server of our own is being made. */
static bool pool_impatient(const keep_store *store, enum conn_role role)
{
    return store->down_us[role] && !(dial_is_embedded(store->dial) && dial_is_running(store->dial));
}

int pool_count(const keep_store *store, enum conn_role role, enum conn_state state)
{
    int count = 0;
    for (int i = 0; i < store->conn_count; i++)
        count += store->conns[i].state == state && store->conns[i].role == role;
    return count;
}

int pool_up(const keep_store *store, enum conn_role role)
{
    return pool_count(store, role, CONN_IDLE) + pool_count(store, role, CONN_BUSY);
}

/* Whether anybody waits for an answer of the server. */
bool pool_busy(const keep_store *store)
{
    for (int i = 0; i < store->conn_count; i++) {
        const struct conn *conn = &store->conns[i];
        if (conn->state == CONN_BUSY && (conn->role == ROLE_CALLS || conn->session.op))
            return true;
    }
    return false;
}

/* One connection is kept from writes, so that a small read never waits for large writes to end. Sessions that cannot be
 * had now are not counted on. */
static bool pool_may_write(const keep_store *store)
{
    int writers = 0, taken = 0;
    for (int i = 0; i < store->conn_count; i++) {
        const struct conn *conn = &store->conns[i];
        bool session = conn->role == ROLE_SQL;
        taken += session && conn->state != CONN_DOWN && !session_free(conn);
        writers += !session && conn->state == CONN_BUSY && conn->batch.statement->spec->writes;
    }
    int usable = store->conn_count - taken < store->options.connections
                     ? store->conn_count - taken
                     : store->options.connections;
    return writers == 0 || writers < usable - 1;
}

/* Whether a connection is free for a call that waits. */
bool pool_is_free(const keep_store *store, const struct op *op)
{
    return pool_count(store, ROLE_CALLS, CONN_IDLE) > 0 &&
           (!op->statement->spec->writes || pool_may_write(store));
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
    for (int i = 0; i < store->conn_count; i++)
        if (store->conns[i].role == ROLE_CALLS && store->conns[i].state == CONN_IDLE &&
            conn_alive(&store->conns[i]))
            return &store->conns[i];
    return NULL;
}

static int pool_limit(const keep_store *store, enum conn_role role)
{
    return role == ROLE_SQL ? lease_limit(store) : store->options.connections;
}

static int pool_opened(const keep_store *store, enum conn_role role)
{
    return pool_up(store, role) + pool_count(store, role, CONN_CONNECTING);
}

/* The other role's connection that was unused longest; operations keep one. */
static struct conn *pool_spare(keep_store *store, enum conn_role role)
{
    enum conn_role other = role == ROLE_SQL ? ROLE_CALLS : ROLE_SQL;
    struct conn *spare = NULL;
    if (other == ROLE_CALLS && pool_up(store, other) < 2)
        return NULL;
    for (int i = 0; i < store->conn_count; i++) {
        struct conn *conn = &store->conns[i];
        bool idle = conn->role == other && conn->state == CONN_IDLE &&
                    (other == ROLE_CALLS || session_free(conn));
        if (idle && (!spare || conn->idle_us < spare->idle_us))
            spare = conn;
    }
    return spare;
}

/* A place for one more connection of the role. Up to half of all it gets at once, if need be from the other role; beyond
 * that only what the other has not used for a while, lest two busy roles take connections from each other in turns. */
static struct conn *pool_place(keep_store *store, enum conn_role role, int64_t now_us)
{
    int opened = pool_opened(store, role);
    if (opened >= pool_limit(store, role))
        return NULL;
    for (int i = 0; i < store->conn_count; i++)
        if (store->conns[i].state == CONN_DOWN)
            return &store->conns[i];
    struct conn *spare = pool_spare(store, role);
    if (!spare)
        return NULL;
    int64_t free_us = spare->idle_us + ROLE_IDLE_MS * 1000;
    if (opened > 0 && opened >= store->conn_count / 2 && free_us > now_us) {
        step_arm(store, free_us);
        return NULL;
    }
    conn_retire(spare);
    return spare;
}

void pool_want(keep_store *store, enum conn_role role)
{
    int64_t now_us = keep_io.now_us();
    if (now_us < store->retry_us) {
        step_arm(store, store->retry_us); /* nobody may have waited when it was set */
        return;
    }
    if (pool_count(store, role, CONN_CONNECTING) > 0)
        return;
    struct conn *conn = pool_place(store, role, now_us);
    if (!conn)
        return;
    bool up = pool_up(store, role) > 0;
    if (store->down_us[role] == 0 && !up)
        store->down_us[role] = now_us;
    enum dial_state dial = dial_begin(store->dial, now_us);
    if (dial == DIAL_READY && dial_is_embedded(store->dial) && !up)
        store->down_us[role] =
            now_us; /* making the server was worth any wait; patience begins now */
    if (dial == DIAL_READY)
        conn_open(conn, role);
    else if (dial == DIAL_FAILED)
        pool_connect_failed(store, dial_error(store->dial), "");
}

void pool_pump(keep_store *store)
{
    lease_pump(store);
    while (store->state == STORE_OPEN && store->queued_count > 0) {
        struct lane *lane = pool_lane(store);
        struct conn *conn = lane ? pool_idle(store) : NULL;
        if (!conn) {
            pool_want(store, ROLE_CALLS);
            return;
        }
        int index = (int)(lane - store->lanes);
        int idle = pool_count(store, ROLE_CALLS, CONN_IDLE);
        int share = ((int)lane->queue.count + idle - 1) / idle;
        batch_collect(conn, &store->statements[index], share < SHARE_MIN ? SHARE_MIN : share);
        batch_next_range(conn);
        if (share > SHARE_MIN && idle == 1)
            pool_want(store, ROLE_CALLS); /* as callers who wait together come back together */
    }
}

void pool_connected(keep_store *store, enum conn_role role)
{
    store->down_us[role] = 0;
    store->retry_us = 0;
    store->connect_backoff_ms = 0;
    store->connect_error[0] = '\0';
}

void pool_lost(keep_store *store, enum conn_role role)
{
    if (store->down_us[role] == 0 && pool_up(store, role) == 0)
        store->down_us[role] = keep_io.now_us();
    dial_stale(store->dial);
    /* Others may wait for the link of a call that is let go of, and who lets go does not step. */
    step_arm(store, keep_io.now_us());
}

/* ---- no server */

/* Since when a call waits for a connection of the role. */
static int64_t pool_since(const keep_store *store, enum conn_role role, const struct op *op)
{
    return op->submitted_us > store->down_us[role] ? op->submitted_us : store->down_us[role];
}

static void pool_expire_queue(keep_store *store, enum conn_role role, const struct list *queue,
                              bool patient)
{
    int64_t now_us = keep_io.now_us();
    int64_t patience_us = (int64_t)store->options.connect_ms * 1000;
    const char *why = store->connect_error[0] ? store->connect_error
                                              : "no connection came up in time (\"connect_ms\")";
    for (struct op *op = queue->first; op; op = queue->first) {
        if (patient && now_us - pool_since(store, role, op) < patience_us)
            break;
        op_finish_refused(store, op, KEEP_UNAVAILABLE, why, store->connect_sqlstate);
    }
}

/* Ends the calls that waited long enough for a role without any connection, or all: `patient` says whether a server may
 * still come up. */
static void pool_expire(keep_store *store, bool patient)
{
    for (int i = 0; pool_up(store, ROLE_CALLS) == 0 && i < catalog_count(); i++)
        pool_expire_queue(store, ROLE_CALLS, &store->lanes[i].queue, patient);
    if (pool_up(store, ROLE_SQL) == 0)
        pool_expire_queue(store, ROLE_SQL, &store->sql_queue, patient);
}

/* "FATAL:  28P01: password …" is how libpq in verbose mode gives the server's refusal; `sqlstate` is what is known
 * without one. */
static void pool_read_refusal(keep_store *store, const char *message, const char *sqlstate)
{
    const char *severity = strstr(message, "FATAL:  ");
    snprintf(store->connect_sqlstate, sizeof store->connect_sqlstate, "%s", sqlstate);
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

void pool_connect_failed(keep_store *store, const char *message, const char *sqlstate)
{
    store->stats.connect_failures++;
    dial_stale(store->dial);
    if (strstr(message, "unsupported startup parameter") && !store->plain_startup) {
        store->plain_startup = true; /* a pooler: bound the lock wait in each write's own trip */
        store->retry_us = 0;
        return;
    }
    pool_read_refusal(store, message, sqlstate);
    int backoff_ms = store->connect_backoff_ms ? store->connect_backoff_ms * 2 : BACKOFF_MIN_MS;
    store->connect_backoff_ms = backoff_ms < BACKOFF_MAX_MS ? backoff_ms : BACKOFF_MAX_MS;
    int64_t wait_us = (int64_t)store->connect_backoff_ms * 1000;
    store->retry_us = keep_io.now_us() + wait_us / 2 + keep_io.random() % wait_us;
    pool_expire(store, pool_may_come_up(store));
    step_arm(store, store->retry_us);
}

/* ---- time */

void pool_timers(keep_store *store, int64_t now_us)
{
    for (int i = 0; i < store->conn_count; i++) {
        struct conn *conn = &store->conns[i];
        if (conn->state == CONN_CONNECTING && conn->give_up_us <= now_us) {
            conn_give_up(conn);
        } else if (conn->role == ROLE_SQL) {
            session_timers(conn, now_us);
        } else if (conn->state == CONN_BUSY && !batch_live(&conn->batch)) {
            if (conn->batch.abandoned_us == 0)
                conn->batch.abandoned_us = now_us;
            else if (now_us - conn->batch.abandoned_us >= ABANDONED_MS * 1000)
                conn_lost(conn, "nobody waits for the answer any more", false);
        }
    }
    if (pool_impatient(store, ROLE_CALLS) || pool_impatient(store, ROLE_SQL))
        pool_expire(store, true);
}

void pool_woken(keep_store *store)
{
    for (int i = 0; i < store->conn_count; i++)
        if (store->conns[i].session.cancel)
            session_woken(&store->conns[i]);
}

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us == 0 || (b_us != 0 && b_us < a_us) ? b_us : a_us;
}

static int64_t pool_conn_time(const struct conn *conn)
{
    if (conn->state == CONN_CONNECTING)
        return conn->give_up_us;
    if (conn->role == ROLE_SQL)
        return session_next_time(conn);
    return conn->state == CONN_BUSY && conn->batch.abandoned_us
               ? conn->batch.abandoned_us + ABANDONED_MS * 1000
               : 0;
}

/* When the first call of a queue is given up for want of a connection. */
static int64_t pool_patience(const keep_store *store, enum conn_role role, const struct list *queue)
{
    return queue->first && pool_impatient(store, role)
               ? pool_since(store, role, queue->first) + (int64_t)store->options.connect_ms * 1000
               : 0;
}

/* When pool_timers() or pool_pump() has something to do next; 0: nothing to come. */
int64_t pool_next_time(const keep_store *store)
{
    int64_t next_us = 0, now_us = keep_io.now_us();
    const size_t waiting[ROLE_COUNT] = {store->queued_count, store->sql_queue.count};
    for (int i = 0; i < store->conn_count; i++)
        next_us = earlier(next_us, pool_conn_time(&store->conns[i]));
    for (int role = 0; role < ROLE_COUNT; role++)
        if (waiting[role] > 0 && store->retry_us > now_us &&
            pool_count(store, (enum conn_role)role, CONN_CONNECTING) == 0 &&
            pool_opened(store, (enum conn_role)role) < pool_limit(store, (enum conn_role)role))
            next_us = earlier(next_us, store->retry_us);
    for (int i = 0; i < catalog_count(); i++)
        next_us = earlier(next_us, pool_patience(store, ROLE_CALLS, &store->lanes[i].queue));
    return earlier(next_us, pool_patience(store, ROLE_SQL, &store->sql_queue));
}
