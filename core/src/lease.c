/* Who holds which session: takers of leases and statements without one, served in order of arrival; the calls of a lease, one
 * at a time; giving back, and taking back what lies unused.
 *
 * Invariants:
 *  - A session has one holder at most: a lease, or the one statement that is under way without a lease.
 *  - Sessions are at most lease_limit(), so operations always have a connection.
 *  - A lease's calls run in order of submission; only waiting for a notification takes no turn. */
#include "core.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int lease_limit(const keep_store *store)
{
    return store->conn_count - 1;
}

/* With nothing under way. */
static bool lease_rests(const struct conn *conn)
{
    return conn->session.lease && !conn->session.op && !conn->session.queue.first;
}

/* Places of the queue that are kept from a call of `lease`, or of none, for the next calls of leases that rest: what fills
 * the queue may wait for their holders. Half of the queue at most. */
size_t lease_places(const keep_store *store, const struct conn *lease)
{
    size_t places = 0, most = (size_t)store->options.queue / 2;
    if (lease && lease_rests(lease))
        return 0;
    for (int i = 0; i < store->conn_count; i++)
        places += lease_rests(&store->conns[i]);
    return places < most ? places : most;
}

int lease_count(const keep_store *store)
{
    int count = 0;
    for (int i = 0; i < store->conn_count; i++)
        count += store->conns[i].session.lease != 0;
    return count;
}

size_t lease_waiting(const keep_store *store)
{
    size_t count = 0;
    for (const struct op *op = store->sql_queue.first; op; op = op->next)
        count += op->kind == OP_TAKE;
    return count;
}

struct conn *lease_find(const keep_store *store, keep_lease lease)
{
    for (int i = 0; lease && i < store->conn_count; i++)
        if (store->conns[i].session.lease == lease)
            return &store->conns[i];
    return NULL;
}

void lease_why_not(const keep_store *store, keep_lease lease, char *message, size_t size)
{
    for (int i = 0; i < LIMIT_ENDED; i++) {
        if (!lease || store->ended[i].lease != lease)
            continue;
        if (store->ended[i].reclaimed)
            snprintf(message, size,
                     "the lease was taken back after lying unused for %d ms (\"lease_idle_ms\")",
                     store->options.lease_idle_ms);
        else
            snprintf(message, size, "the lease's connection was lost");
        return;
    }
    snprintf(message, size, "the lease is not out");
}

/* ---- the calls of a lease */

void lease_touch(struct conn *conn)
{
    struct session *session = &conn->session;
    bool used = !session->lease || session->op || session->queue.first || session->listeners.first;
    if (used) {
        session->unused_us = 0;
    } else if (!session->unused_us) {
        session->unused_us = keep_io.now_us();
        if (conn->store->options.lease_idle_ms > 0)
            step_arm(conn->store,
                     session->unused_us + (int64_t)conn->store->options.lease_idle_ms * 1000);
    }
}

static struct op *lease_turn(struct conn *conn)
{
    struct op *op = conn->session.queue.first;
    op_set_state(conn->store, op, OP_SENT);
    return op;
}

/* A call of COPY whose turn it is; false when it has to wait. */
static bool lease_copy(struct conn *conn, const struct op *op)
{
    struct session *session = &conn->session;
    enum session_phase wanted = op->kind == OP_COPY_IN ? SESSION_COPY_IN : SESSION_COPY_OUT;
    bool settled = session->phase == SESSION_READY || session->phase == SESSION_COPY_IN ||
                   session->phase == SESSION_COPY_OUT;
    if (!settled)
        return false;
    if (session->phase == wanted) {
        copy_call(conn, lease_turn(conn));
    } else if (op->kind == OP_COPY_OUT && session->copied) {
        session->copied = false;
        op_finish_ok(conn->store, session->queue.first, "");
    } else {
        op_finish_error(conn->store, session->queue.first, KEEP_INVALID,
                        op->kind == OP_COPY_IN ? "no COPY from stdin is under way on the lease"
                                               : "no COPY to stdout is under way on the lease",
                        NULL, NULL);
    }
    return true;
}

void lease_serve(struct conn *conn)
{
    struct session *session = &conn->session;
    while (session->lease && !session->op && !session->cancel && session->queue.first) {
        struct op *op = session->queue.first;
        if (op->kind != OP_QUERY) {
            if (!lease_copy(conn, op))
                break;
        } else if (conn->state == CONN_IDLE) {
            if (conn_alive(conn))
                session_start(conn, lease_turn(conn));
        } else {
            if (session->phase == SESSION_COPY_IN || session->phase == SESSION_COPY_OUT)
                copy_break(conn, "another statement came");
            break;
        }
    }
    lease_touch(conn);
}

static void lease_end_calls(struct conn *conn, keep_status status, const char *why)
{
    struct session *session = &conn->session;
    struct op *op;
    while ((op = session->queue.first ? session->queue.first : session->listeners.first))
        op_finish_error(conn->store, op, status, why, NULL, NULL);
}

/* ---- giving back */

void lease_return(keep_store *store, keep_lease lease)
{
    struct conn *conn = lease_find(store, lease);
    if (!conn)
        return;
    struct session *session = &conn->session;
    session->lease = 0;
    session->unused_us = 0;
    lease_end_calls(conn, KEEP_CANCELLED, "the lease was given back");
    notes_free(session);
    session->copied = false;
    if (session->op)
        op_finish_error(store, session->op, KEEP_CANCELLED, "the lease was given back", NULL, NULL);
    else if (session->phase == SESSION_COPY_IN || session->phase == SESSION_COPY_OUT)
        copy_break(conn, "the lease was given back");
    if (conn->state == CONN_IDLE)
        session_next(conn);
    lease_pump(store);
}

void lease_end(struct conn *conn, bool reclaimed, const char *why)
{
    keep_store *store = conn->store;
    struct session *session = &conn->session;
    store->ended[store->ended_at] = (struct ended){session->lease, reclaimed};
    store->ended_at = (store->ended_at + 1) % LIMIT_ENDED;
    store->stats.leases_reclaimed += reclaimed;
    session->lease = 0;
    session->unused_us = 0;
    lease_end_calls(conn, KEEP_UNAVAILABLE, why);
}

void lease_reclaim(struct conn *conn)
{
    lease_end(conn, true, NULL);
    conn_retire(conn);
}

/* ---- whoever comes next */

static struct conn *lease_free_session(keep_store *store)
{
    for (int i = 0; i < store->conn_count; i++)
        if (session_free(&store->conns[i]) && conn_alive(&store->conns[i]))
            return &store->conns[i];
    return NULL;
}

static void lease_grant(struct conn *conn, struct op *op)
{
    char text[48];
    keep_store *store = conn->store;
    snprintf(text, sizeof text, "{\"lease\":%" PRIu64 "}", store->leases + 1);
    buffer_text(&op->result, text);
    if (op->result.failed) {
        op_finish_error(store, op, KEEP_NO_MEMORY, "no memory for the lease", NULL, NULL);
        return;
    }
    conn->session.lease = op->unread = ++store->leases;
    store->stats.leases_taken++;
    op_finish_ok(store, op, NULL);
    lease_touch(conn);
}

/* Calls of leases that were submitted while submitting does not send. */
static void lease_send_held(keep_store *store)
{
    for (int i = 0; i < store->conn_count; i++)
        if (store->conns[i].session.queue.first)
            lease_serve(&store->conns[i]);
}

void lease_pump(keep_store *store)
{
    if (store->options.hold)
        lease_send_held(store);
    while (store->state == STORE_OPEN && store->sql_queue.first) {
        struct op *op = store->sql_queue.first;
        struct conn *conn = lease_free_session(store);
        if (!conn) {
            pool_want(store, ROLE_SQL);
            return;
        }
        if (op->kind == OP_TAKE) {
            lease_grant(conn, op);
            continue;
        }
        op_set_state(store, op, OP_SENT);
        op->via = conn;
        session_start(conn, op);
    }
}
