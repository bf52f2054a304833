/* A link that runs callers' own SQL: one statement at a time, its results, and the reset after it. COPY is in copy.c; who
 * holds the session, and whose turn it is, in lease.c.
 *
 * Invariants:
 *  - One statement is under way at most, and the next is sent only when the server was ready for it: no stranger's
 *    statement ever waits behind another's.
 *  - A statement is sent to the server once. It is sent again only when the server refused its prepared form before it ran,
 *    or when it had not left whole.
 *  - While a request to cancel is under way nothing is sent: it would hit the wrong statement.
 *  - A session that is IDLE, held by nobody, without a request to cancel, is clean. */
#include "core.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool session_free(const struct conn *conn)
{
    const struct session *session = &conn->session;
    return conn->role == ROLE_SQL && conn->state == CONN_IDLE && !session->lease &&
           !session->cancel;
}

/* What a refusal means for the caller of a statement of his own. */
keep_status session_status(const char *sqlstate)
{
    static const char *const conflict[] = {"23505", "23P01", "40001", "40P01"};
    static const char *const unavailable[] = {"57P0", "53"};
    for (size_t i = 0; i < sizeof conflict / sizeof conflict[0]; i++)
        if (strcmp(sqlstate, conflict[i]) == 0)
            return KEEP_CONFLICT;
    for (size_t i = 0; i < sizeof unavailable / sizeof unavailable[0]; i++)
        if (strncmp(sqlstate, unavailable[i], strlen(unavailable[i])) == 0)
            return KEEP_UNAVAILABLE;
    return strncmp(sqlstate, "XX", 2) == 0 || strncmp(sqlstate, "58", 2) == 0 ? KEEP_INTERNAL
                                                                              : KEEP_INVALID;
}

/* Whether what was sent can have been committed by now, as far as the transaction tells. */
static bool session_may_commit(const struct session *session)
{
    return !session->in_transaction || (session->op && session->op->scanned & SCAN_COMMITS);
}

/* ---- sending */

void session_flush(struct conn *conn)
{
    int left = keep_io.PQflush(conn->link);
    if (left < 0) {
        conn_lost(conn, keep_io.PQerrorMessage(conn->link), !conn->flushed);
        return;
    }
    conn->flushed = left == 0;
    conn_set_state(conn, CONN_BUSY);
    if (conn->flushed)
        copy_flushed(conn);
}

static void session_began(struct conn *conn, enum session_phase phase, bool sent)
{
    struct session *session = &conn->session;
    session->phase = phase;
    session->abandoned_us = session->op ? 0 : keep_io.now_us();
    if (!session->op)
        step_arm(conn->store, session->abandoned_us + ABANDONED_MS * 1000);
    conn->flushed = false;
    if (!sent) {
        conn_lost(conn, keep_io.PQerrorMessage(conn->link), true);
        return;
    }
    conn->store->stats.round_trips++;
    session_flush(conn);
}

static bool send_by_text(struct conn *conn, const struct op *op)
{
    const struct params *params = &op->params;
    return keep_io.PQsendQueryParams(conn->link, op->args[0].data, params->count, params->types,
                                     params->values, params->sizes, params->formats, 0) == 1;
}

/* Whether prepared statements survive here is asked once, beside the first statement that would be prepared: behind a
 * pooler the server's own process is another one than the link was told of. */
static bool send_probe(struct conn *conn)
{
    conn->steps[conn->step_count++] = STEP_PROBE;
    return keep_io.PQsendQueryParams(conn->link, "select pg_catalog.pg_backend_pid()", 0, NULL,
                                     NULL, NULL, NULL, 0) == 1;
}

static bool send_by_plan(struct conn *conn, const struct op *op)
{
    struct session *session = &conn->session;
    const struct params *params = &op->params;
    struct plan *plan = session->plan;
    bool sent = true, probing = !conn->store->probed;
    if (probing) {
        sent = send_probe(conn);
    } else if (!plan->number) {
        char name[32];
        plan->number = ++session->plans.numbers;
        plan_name(plan, name);
        conn->steps[conn->step_count++] = STEP_PREPARE;
        sent = keep_io.PQsendPrepare(conn->link, name, op->args[0].data, params->count,
                                     params->types) == 1;
    }
    conn->steps[conn->step_count++] = STEP_QUERY;
    if (probing) {
        session->plan = NULL;
        sent = sent && send_by_text(conn, op);
    } else if (sent) {
        char name[32];
        plan_name(plan, name);
        sent = keep_io.PQsendQueryPrepared(conn->link, name, params->count, params->values,
                                           params->sizes, params->formats, 0) == 1;
    }
    conn->steps[conn->step_count++] = STEP_SYNC;
    return sent && keep_io.PQpipelineSync(conn->link) == 1;
}

/* Everything a statement needs leaves together. Pipeline mode is entered only where more than one message pair has to: COPY
 * and several statements in one text cannot do with it. */
static bool session_send(struct conn *conn, struct op *op)
{
    struct session *session = &conn->session;
    bool ready = session->plan && session->plan->number && conn->store->probed;
    conn->step = conn->step_count = 0;
    session->piped = session->plan && !ready;
    if (session->piped)
        return keep_io.PQenterPipelineMode(conn->link) == 1 && send_by_plan(conn, op);
    conn->steps[conn->step_count++] = STEP_QUERY;
    if (ready) {
        char name[32];
        plan_name(session->plan, name);
        return keep_io.PQsendQueryPrepared(conn->link, name, op->params.count, op->params.values,
                                           op->params.sizes, op->params.formats, 0) == 1;
    }
    if (op->scanned & SCAN_SEVERAL && op->params.count == 0)
        return keep_io.PQsendQuery(conn->link, op->args[0].data) == 1;
    return send_by_text(conn, op);
}

void session_start(struct conn *conn, struct op *op)
{
    keep_store *store = conn->store;
    struct session *session = &conn->session;
    assert(conn->state == CONN_IDLE && !session->cancel && !session->op);
    conn_clear_results(conn);
    session->op = op;
    session->results = 0;
    session->copied = false;
    session->in_transaction = keep_io.PQtransactionStatus(conn->link) != PQTRANS_IDLE;
    session->left |= op->scanned & (SCAN_CHANGES | SCAN_FORGETS);
    if (op->scanned & SCAN_FORGETS)
        plans_clear(&session->plans, false);
    bool plannable = op->scanned & SCAN_PLAN && !store->unnamed && !store->plain_startup &&
                     !store->sql_unnamed && (store->probed || !session->in_transaction);
    session->plan = plannable ? plan_of(&session->plans, op) : NULL;
    store->stats.statements++;
    session_began(conn, SESSION_QUERY, session_send(conn, op));
}

/* ---- the reset */

static void put_dropped(struct buffer *sql, struct plans *plans)
{
    for (int i = 0; i < plans->dropped_count; i++) {
        char text[64];
        snprintf(text, sizeof text, "deallocate statekeep_%u;", plans->dropped[i]);
        buffer_text(sql, text);
    }
    plans->dropped_count = 0;
}

/* Undoes what the last holder left, as far as his words told. false when nothing had to be. */
static bool session_reset(struct conn *conn)
{
    struct session *session = &conn->session;
    bool open = keep_io.PQtransactionStatus(conn->link) != PQTRANS_IDLE;
    if (!open && !session->left && session->plans.dropped_count == 0)
        return false;
    struct buffer sql = {0};
    if (open)
        buffer_text(&sql, "rollback;");
    if (session->left & SCAN_CHANGES)
        buffer_text(&sql, "reset session authorization;reset role;reset all;close all;unlisten *;"
                          "select pg_catalog.pg_advisory_unlock_all();"
                          "discard temp;discard sequences;");
    if (session->left & SCAN_FORGETS) {
        buffer_text(&sql, "deallocate all;");
        plans_clear(&session->plans, true);
    } else {
        put_dropped(&sql, &session->plans);
    }
    conn->store->stats.resets++;
    session->left = 0;
    session->piped = false;
    conn->step = conn->step_count = 0;
    conn->steps[conn->step_count++] = STEP_QUERY;
    conn_clear_results(conn);
    bool sent = !sql.failed && keep_io.PQsendQuery(conn->link, sql.data) == 1;
    buffer_free(&sql);
    session_began(conn, SESSION_RESET, sent);
    return true;
}

void session_next(struct conn *conn)
{
    struct session *session = &conn->session;
    assert(conn->state == CONN_IDLE && session->phase == SESSION_READY);
    if (session->cancel)
        return;
    if (session->lease)
        lease_serve(conn);
    else
        session_reset(conn);
}

/* ---- the answer */

/* A prepared form that the server refuses to run, for what has become of it since: the text itself will do. */
static bool session_stale(struct conn *conn)
{
    struct session *session = &conn->session;
    if (!session->plan || session->in_transaction || conn->answered || !session->op)
        return false;
    const char *sqlstate = keep_io.PQresultErrorField(conn->failure, PG_DIAG_SQLSTATE);
    enum failure failure = sqlstate ? failure_of(sqlstate) : FAILURE_ITEM;
    bool gone = failure == FAILURE_PREPARED;
    if (!gone && !(sqlstate && strcmp(sqlstate, "0A000") == 0))
        return false;
    if (gone)
        conn->store->sql_unnamed = true;
    plan_forget(&session->plans, session->plan);
    session->plan = NULL;
    conn_clear_results(conn);
    conn_set_state(conn, CONN_IDLE);
    session_began(conn, SESSION_QUERY, session_send(conn, session->op));
    return true;
}

static void session_refused(struct conn *conn, struct op *op)
{
    const char *sqlstate = keep_io.PQresultErrorField(conn->failure, PG_DIAG_SQLSTATE);
    keep_status status = sqlstate ? session_status(sqlstate) : KEEP_INTERNAL;
    if (op->overdue && sqlstate && strcmp(sqlstate, "57014") == 0)
        op_finish_error(conn->store, op, KEEP_DEADLINE,
                        "the deadline passed, and the server stopped the statement", conn->failure,
                        NULL);
    else
        op_finish_error(conn->store, op, status, NULL, conn->failure, NULL);
}

static void session_answered(struct conn *conn, struct op *op)
{
    struct session *session = &conn->session;
    if (op->kind == OP_COPY_OUT) {
        session->copied = op->result.size > 0; /* the end is told by the next call */
    } else {
        if (session->results > 1)
            buffer_text(&op->result, "]");
        buffer_text(&op->result, "}");
    }
    if (op->result.failed)
        op_finish_error(conn->store, op, KEEP_UNKNOWN,
                        "the statement ran, but there was no memory for its result", NULL,
                        "memory");
    else
        op_finish_ok(conn->store, op, op->result.size > 0 ? NULL : "");
}

void session_over(struct conn *conn)
{
    struct session *session = &conn->session;
    bool resetting = session->phase == SESSION_RESET;
    if (resetting && conn->failure) {
        conn_lost(conn, keep_io.PQresultErrorField(conn->failure, PG_DIAG_MESSAGE_PRIMARY), true);
        return;
    }
    if (conn->failure && session_stale(conn))
        return;
    session->phase = SESSION_READY;
    session->abandoned_us = session->cancel_again_us = 0;
    conn_set_state(conn, CONN_IDLE);
    note_take(conn);
    struct op *op = session->op;
    session->op = NULL;
    if (op && conn->failure)
        session_refused(conn, op);
    else if (op)
        session_answered(conn, op);
    conn_clear_results(conn);
    if (conn->ending)
        conn_lost(conn, "the server ended the connection", true);
    else
        session_next(conn);
}

/* Several statements give several results; those after the first stand in its "more". */
static void session_result(struct conn *conn, PGresult *result)
{
    struct session *session = &conn->session;
    conn->answered = true;
    if (!session->op || session->op->kind == OP_COPY_OUT)
        return;
    struct buffer *out = &session->op->result;
    if (session->results == 1)
        buffer_text(out, ",\"more\":[");
    else if (session->results > 1)
        buffer_text(out, ",");
    rows_json(out, result);
    if (session->results++ > 0)
        buffer_text(out, "}");
}

static void session_probed(struct conn *conn, const PGresult *result)
{
    keep_store *store = conn->store;
    store->probed = true;
    if (keep_io.PQntuples(result) == 1 &&
        atoi(keep_io.PQgetvalue(result, 0, 0)) != keep_io.PQbackendPID(conn->link))
        store->sql_unnamed = true;
}

/* Takes one result; false when what was sent is answered, or the link is gone. */
static bool session_take_result(struct conn *conn, PGresult *result)
{
    ExecStatusType status = keep_io.PQresultStatus(result);
    enum conn_step step = conn->steps[conn->step];
    bool ok =
        status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
    if (ok && step == STEP_PROBE) {
        session_probed(conn, result);
    } else if (ok && step == STEP_QUERY && conn->session.phase == SESSION_QUERY) {
        session_result(conn, result);
    } else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
        keep_io.PQclear(result);
        copy_begin(conn, status == PGRES_COPY_IN);
        return true;
    } else if (status == PGRES_PIPELINE_SYNC) {
        keep_io.PQclear(result);
        if (keep_io.PQexitPipelineMode(conn->link) == 1)
            session_over(conn);
        else
            conn_lost(conn, keep_io.PQerrorMessage(conn->link), false);
        return false;
    } else if (!ok && status != PGRES_PIPELINE_ABORTED && !conn->failure) {
        conn->failure = result;
        if (step == STEP_PREPARE)
            conn->session.plan->number = 0;
        if (keep_io.PQstatus(conn->link) != CONNECTION_BAD && !conn_ends_link(result))
            return true;
        const char *why = keep_io.PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        conn_lost(conn, why ? why : keep_io.PQerrorMessage(conn->link), conn_ended_before(conn));
        return false;
    }
    keep_io.PQclear(result);
    return true;
}

void session_take(struct conn *conn)
{
    struct session *session = &conn->session;
    while (conn->state == CONN_BUSY) {
        if (session->phase == SESSION_COPY_IN)
            return;
        if (session->phase == SESSION_COPY_OUT || session->phase == SESSION_DISCARD) {
            if (!copy_take(conn))
                return;
            continue;
        }
        if (keep_io.PQisBusy(conn->link))
            return;
        PGresult *result = keep_io.PQgetResult(conn->link);
        if (result) {
            if (!session_take_result(conn, result))
                return;
        } else if (keep_io.PQstatus(conn->link) == CONNECTION_BAD) {
            conn_lost(conn, keep_io.PQerrorMessage(conn->link), conn_ended_before(conn));
        } else if (!session->piped) {
            session_over(conn);
        } else if (conn->steps[conn->step] == STEP_SYNC) {
            return; /* its answer has not arrived */
        } else {
            conn->step++;
        }
    }
}

void session_event(struct conn *conn, unsigned ready)
{
    if (ready & WATCH_READ) {
        bool consumed = conn_consume(conn);
        /* What arrived before the end is still worth taking: it may hold the answer, or say why. */
        session_take(conn);
        if (conn->state == CONN_BUSY)
            note_take(conn); /* what is under way may take its time */
        if (!consumed && conn->state == CONN_BUSY) {
            conn_lost(conn, keep_io.PQerrorMessage(conn->link), conn_ended_before(conn));
            return;
        }
    }
    if (conn->state == CONN_BUSY && !conn->flushed && ready & WATCH_WRITE)
        session_flush(conn);
    if (conn->state == CONN_BUSY)
        lease_serve(conn); /* a COPY goes on */
}

/* ---- letting go */

void session_cancel(struct conn *conn)
{
    struct session *session = &conn->session;
    session->cancel_again_us = 0;
    if (session->cancel)
        return;
    conn->store->stats.cancels++;
    session->cancel = cancel_begin(conn->store->watch, conn->link);
    if (session->cancel)
        return;
    session->cancel_again_us = keep_io.now_us() + CANCEL_AGAIN_MS * 1000;
    step_arm(conn->store, session->cancel_again_us);
}

/* The request is over; what it was aimed at may not have been there yet. */
static void session_cancelled(struct conn *conn)
{
    struct session *session = &conn->session;
    cancel_release(session->cancel);
    session->cancel = NULL;
    if (conn->state == CONN_IDLE) {
        session_next(conn);
    } else if (session->phase != SESSION_RESET) {
        session->cancel_again_us = keep_io.now_us() + CANCEL_AGAIN_MS * 1000;
        step_arm(conn->store, session->cancel_again_us);
    }
}

void session_woken(struct conn *conn)
{
    if (conn->session.cancel && cancel_over(conn->session.cancel))
        session_cancelled(conn);
}

void session_let_go(struct conn *conn)
{
    struct session *session = &conn->session;
    session->op = NULL;
    if (conn->state != CONN_BUSY)
        return;
    if (!conn->flushed && session->phase == SESSION_QUERY && !session->lease) {
        conn_lost(conn, "a statement was given up before it had left", true);
        return;
    }
    session->abandoned_us = keep_io.now_us();
    step_arm(conn->store, session->abandoned_us + ABANDONED_MS * 1000);
    if (session->phase == SESSION_COPY_IN || session->phase == SESSION_COPY_OUT)
        copy_break(conn, "the caller let go");
    else
        session_cancel(conn);
}

static void session_op_lost(struct conn *conn, struct op *op, bool certainly_not, const char *why)
{
    keep_store *store = conn->store;
    bool unsent = certainly_not && !conn->flushed && op->kind == OP_QUERY;
    if (unsent && !conn->session.lease && !op->overdue && ++op->attempts < LIMIT_ATTEMPTS) {
        store->stats.resent++;
        op->via = NULL;
        op_set_state(store, op, OP_QUEUED);
        return;
    }
    bool doubt = !certainly_not && session_may_commit(&conn->session) && !copy_fails(op) &&
                 (op->kind == OP_QUERY || conn->session.phase == SESSION_QUERY);
    conn->session.op = NULL;
    op_finish_error(store, op, doubt ? KEEP_UNKNOWN : KEEP_UNAVAILABLE, why,
                    doubt ? NULL : conn->failure, doubt ? "link" : NULL);
}

void session_lost(struct conn *conn, bool certainly_not, const char *why)
{
    struct session *session = &conn->session;
    struct op *op = session->op;
    if (op)
        session_op_lost(conn, op, certainly_not, why);
    session->op = NULL;
    session->phase = SESSION_READY;
    if (session->lease)
        lease_end(conn, false, why);
}

void session_clear(struct conn *conn)
{
    struct session *session = &conn->session;
    struct plans plans = session->plans;
    assert(!session->op && !session->queue.first && !session->listeners.first);
    cancel_release(session->cancel);
    notes_free(session);
    plans_clear(&plans, true);
    plans.numbers = 0;
    *session = (struct session){.plans = plans};
}

/* ---- time */

void session_timers(struct conn *conn, int64_t now_us)
{
    struct session *session = &conn->session;
    int64_t idle_us = (int64_t)conn->store->options.lease_idle_ms * 1000;
    session_woken(conn);
    if (conn->state == CONN_BUSY && session->cancel_again_us && session->cancel_again_us <= now_us)
        session_cancel(conn);
    if (conn->state == CONN_BUSY && session->abandoned_us && !session->op &&
        now_us - session->abandoned_us >= ABANDONED_MS * 1000)
        conn_lost(conn, "nobody waits for the answer any more", false);
    else if (session->lease && session->unused_us && idle_us &&
             now_us - session->unused_us >= idle_us)
        lease_reclaim(conn);
}

int64_t session_next_time(const struct conn *conn)
{
    const struct session *session = &conn->session;
    int64_t next_us = 0, idle_us = (int64_t)conn->store->options.lease_idle_ms * 1000;
    const int64_t times[] = {
        conn->state == CONN_BUSY ? session->cancel_again_us : 0,
        conn->state == CONN_BUSY && session->abandoned_us && !session->op
            ? session->abandoned_us + ABANDONED_MS * 1000
            : 0,
        session->lease && session->unused_us && idle_us ? session->unused_us + idle_us : 0};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if (times[i] && (next_us == 0 || times[i] < next_us))
            next_us = times[i];
    return next_us;
}
