/* COPY on a lease: rows in, piece by piece, each finished when it has left; rows out, taken only as they are asked for; and
 * breaking either off. */
#include "core.h"

#include <string.h>

static void copy_finish(struct conn *conn, const char *fixed)
{
    struct op *op = conn->session.op;
    conn->session.op = NULL;
    op_finish_ok(conn->store, op, fixed);
}

/* The server is ready for rows, or has some: the query that asked for it is finished. */
void copy_begin(struct conn *conn, bool in)
{
    struct session *session = &conn->session;
    struct op *op = session->op;
    session->phase = in ? SESSION_COPY_IN : SESSION_COPY_OUT;
    if (!op) {
        copy_break(conn, "the caller let go");
        return;
    }
    if (!session->lease) {
        op_finish_error(conn->store, op, KEEP_INVALID, "COPY from or to the caller needs a lease",
                        NULL, NULL);
        return;
    }
    buffer_text(&op->result, session->results == 0   ? ""
                             : session->results == 1 ? ",\"more\":["
                                                     : ",");
    buffer_text(&op->result, in ? "{\"copy\":\"in\"" : "{\"copy\":\"out\"");
    buffer_text(&op->result, session->results == 0 ? "}" : "}]}");
    session->results = 0;
    if (op->result.failed) {
        op_finish_error(conn->store, op, KEEP_NO_MEMORY, "no memory for the result", NULL, NULL);
        return;
    }
    copy_finish(conn, NULL);
    conn_set_state(conn, CONN_BUSY);
    lease_serve(conn);
}

/* Whether the call ends a COPY as failed: by it nothing is ever stored. */
bool copy_fails(const struct op *op)
{
    return op->kind == OP_COPY_IN && op->args[1].data;
}

static void copy_end(struct conn *conn, const char *failure)
{
    conn->session.phase = SESSION_QUERY;
    conn->session.results = 0;
    conn->flushed = false;
    if (keep_io.PQputCopyEnd(conn->link, failure) != 1)
        conn_lost(conn, keep_io.PQerrorMessage(conn->link), false);
    else
        session_flush(conn);
}

static void copy_in(struct conn *conn, const struct op *op)
{
    keep_text data = op->args[0], failure = op->args[1];
    if (!data.data || failure.data) {
        copy_end(conn, failure.data);
        return;
    }
    conn->flushed = false;
    int put = keep_io.PQputCopyData(conn->link, data.data, (int)data.size);
    if (put < 0) {
        conn_lost(conn, keep_io.PQerrorMessage(conn->link), true);
    } else if (put == 0) {
        struct op *refused = conn->session.op;
        conn->session.op = NULL;
        op_finish_error(conn->store, refused, KEEP_NO_MEMORY, "no memory to send the rows", NULL,
                        NULL);
        session_flush(conn);
    } else {
        session_flush(conn);
    }
}

/* Everything has left: the rows' call is finished. */
void copy_flushed(struct conn *conn)
{
    if (conn->session.phase == SESSION_COPY_IN && conn->session.op)
        copy_finish(conn, "null");
}

void copy_call(struct conn *conn, struct op *op)
{
    conn->session.op = op;
    if (op->kind == OP_COPY_IN) {
        copy_in(conn, op);
        return;
    }
    conn_set_state(conn, CONN_BUSY); /* the socket is looked at again */
    /* Under TLS rows may wait where no socket announces them. */
    bool stands = conn_consume(conn);
    session_take(conn);
    if (!stands && conn->state == CONN_BUSY)
        conn_lost(conn, keep_io.PQerrorMessage(conn->link), true);
}

/* Whether more has arrived than libpq has read; a row is only given once it has arrived whole. */
static bool copy_more(struct conn *conn)
{
    return !keep_io.socket_quiet(conn->fd) && conn_consume(conn);
}

/* libpq has no memory for the next row, and keeps it. Without an answer to whoever asked, the COPY would be taken for one that
 * has only begun; what is being thrown away must not wait for memory. */
static void copy_starved(struct conn *conn)
{
    struct op *op = conn->session.op;
    if (op)
        op_finish_error(conn->store, op, KEEP_NO_MEMORY, "no memory for the rows", NULL, NULL);
    else
        conn_lost(conn, "no memory for the rows of a COPY that was broken off", false);
}

bool copy_take(struct conn *conn)
{
    struct session *session = &conn->session;
    while (session->op || session->phase == SESSION_DISCARD) {
        char *row = NULL;
        int size = keep_io.PQgetCopyData(conn->link, &row, 1);
        if (size == -2 && keep_io.PQstatus(conn->link) == CONNECTION_OK) {
            copy_starved(conn);
            return true;
        }
        if (size < 0) { /* the end, or an error: the results that follow tell */
            session->phase = SESSION_QUERY;
            conn_set_state(conn, CONN_BUSY);
            return true;
        }
        if (size > 0 && session->phase == SESSION_COPY_OUT)
            buffer_append(&session->op->result, row, (size_t)size);
        if (size > 0)
            keep_io.PQfreemem(row);
        struct op *op = session->op;
        if (size == 0 && session->phase == SESSION_COPY_OUT && op->result.size == 0)
            return false;
        if (session->phase == SESSION_DISCARD) {
            if (size == 0)
                return false;
            continue;
        }
        if (op->result.failed) {
            op_finish_error(conn->store, op, KEEP_NO_MEMORY, "no memory for the rows", NULL, NULL);
            return true; /* broken off */
        }
        if (op->result.size >= LIMIT_COPY_OUT || (size == 0 && !copy_more(conn)))
            copy_finish(conn, NULL);
    }
    conn_set_state(conn, CONN_BUSY); /* nobody asks: the socket is looked at no longer */
    return false;
}

/* Ends the COPY as failed; its results, which nobody waits for, are taken as they come. */
void copy_break(struct conn *conn, const char *why)
{
    struct session *session = &conn->session;
    session->abandoned_us = keep_io.now_us();
    step_arm(conn->store, session->abandoned_us + ABANDONED_MS * 1000);
    if (session->phase == SESSION_COPY_IN) {
        copy_end(conn, why);
        return;
    }
    session->phase = SESSION_DISCARD;
    session_cancel(conn);
    conn_set_state(conn, CONN_BUSY);
    session_take(conn); /* all of it may have arrived, and then no event comes */
}
