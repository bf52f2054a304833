/* One link to the server: connecting, sending a range, reading its answer, losing the link.
 *
 * Invariants:
 *  - Only conn_set_state() changes the state; what the watch is asked for follows from the state.
 *  - A BUSY connection has sent exactly one range that ends in one Sync; it is IDLE again only after that Sync's answer,
 *    so "committed" is told only when the commit was read.
 *  - A socket is forgotten by the watch before it is closed, and registered anew after each PQconnectPoll(). */
#include "core.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void conn_watch(struct conn *conn, int fd, unsigned interest)
{
    struct watch *watch = conn->store->watch;
    if (conn->fd >= 0 && conn->fd != fd) {
        keep_io.watch_set(watch, conn->fd, 0, conn->index);
        conn->interest = 0;
    }
    if (fd >= 0 && (conn->fd != fd || conn->interest != interest))
        keep_io.watch_set(watch, fd, interest, conn->index);
    conn->fd = fd;
    conn->interest = fd < 0 ? 0 : interest;
}

/* The rows of a COPY that nobody asks for stay at the server, and so the socket is not looked at. */
static bool conn_looks_away(const struct conn *conn)
{
    return conn->role == ROLE_SQL && conn->session.phase == SESSION_COPY_OUT && !conn->session.op;
}

void conn_set_state(struct conn *conn, enum conn_state state)
{
    if (state == CONN_IDLE && conn->state != CONN_IDLE)
        conn->idle_us = keep_io.now_us();
    conn->state = state;
    if (state == CONN_CONNECTING)
        return; /* PQconnectPoll() says */
    if (state == CONN_DOWN || (state == CONN_BUSY && conn_looks_away(conn))) {
        conn_watch(conn, -1, 0);
        return;
    }
    int fd = conn->fd >= 0 ? conn->fd : keep_io.PQsocket(conn->link);
    bool writes = state == CONN_BUSY && !conn->flushed;
    conn_watch(conn, fd, writes ? WATCH_READ | WATCH_WRITE : WATCH_READ);
}

/* The server's notices are not for the host's standard error; one that ends the link is for us. */
static void conn_notice(void *argument, const PGresult *notice)
{
    struct conn *conn = argument;
    const char *severity = keep_io.PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
        conn->ending = true;
}

void conn_clear_results(struct conn *conn)
{
    keep_io.PQclear(conn->rows);
    keep_io.PQclear(conn->failure);
    conn->rows = conn->failure = NULL;
    conn->answered = false;
}

static void conn_close(struct conn *conn)
{
    conn_set_state(conn, CONN_DOWN);
    session_clear(conn);
    if (conn->link)
        keep_io.PQfinish(conn->link);
    conn->link = NULL;
    conn->ending = false;
    conn_clear_results(conn);
}

void conn_lost(struct conn *conn, const char *why, bool certainly_not)
{
    keep_store *store = conn->store;
    char message[LIMIT_MESSAGE];
    snprintf(message, sizeof message, "%s", why && *why ? why : "the connection was lost");
    for (size_t end = strlen(message); end > 0 && message[end - 1] == '\n'; end--)
        message[end - 1] = '\0';
    store->stats.lost++;
    if (conn->role == ROLE_SQL)
        session_lost(conn, certainly_not, message);
    else
        batch_lost(conn, certainly_not, message);
    conn_close(conn);
    pool_lost(store, conn->role);
}

void conn_end(struct conn *conn)
{
    batch_lost(conn, false, "the store was closed");
    conn_close(conn);
}

void conn_retire(struct conn *conn)
{
    conn_close(conn);
}

/* In a forked child: what libpq says in parting must not reach the parent's session. */
void conn_abandon(struct conn *conn)
{
    if (!conn->link)
        return;
    int fd = keep_io.PQsocket(conn->link);
    if (fd >= 0)
        keep_io.socket_blind(fd);
    keep_io.PQfinish(conn->link);
    notes_free(&conn->session);
    conn_clear_results(conn);
    conn->link = NULL;
}

/* ---- connecting */

static void conn_connect_failed(struct conn *conn, const char *message)
{
    char copy[LIMIT_MESSAGE];
    snprintf(copy, sizeof copy, "%s", message);
    /* libpq does not wait for the refusal of a server that asks for the password it has not. */
    bool no_password = conn->link && keep_io.PQconnectionNeedsPassword(conn->link);
    conn_close(conn);
    pool_connect_failed(conn->store, copy, no_password ? "28P01" : "");
}

/* For operations the lock wait is bounded, and the plans are fixed, from start-up, where the server or pooler takes
 * settings there. Callers' own SQL gets a session as anybody else's. */
static PGconn *conn_start(const keep_store *store, enum conn_role role)
{
    bool settled = role == ROLE_CALLS && !store->plain_startup;
    enum { EXTRA = 2 };
    int count = 0;
    const char *const *keys = dial_keys(store->dial), *const *values = dial_values(store->dial);
    while (keys[count])
        count++;
    const char **all_keys = keep_alloc(NULL, (size_t)(count + EXTRA) * 2 * sizeof *all_keys);
    struct buffer settings = {0};
    if (!all_keys)
        return NULL;
    const char **all_values = all_keys + count + EXTRA;
    int used = 0;
    for (int i = 0; i < count; i++) {
        if (strcmp(keys[i], "options") == 0) {
            buffer_text(&settings, values[i]);
            continue;
        }
        all_keys[used] = keys[i];
        all_values[used++] = values[i];
    }
    if (store->options.lock_ms > 0 && settled) {
        char setting[48];
        snprintf(setting, sizeof setting, " -c lock_timeout=%d", store->options.lock_ms);
        buffer_text(&settings, setting);
    }
    /* The statements have one good plan, by index. Left to itself the server would plan each small batch anew, because
     * it takes an unknown array for ten rows; and a plan kept from when a table was small would read all of it when it
     * is large. */
    if (settled)
        buffer_text(&settings,
                    " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off");
    if (settings.size > 0) {
        all_keys[used] = "options";
        all_values[used++] = settings.data;
    }
    all_keys[used] = all_values[used] = NULL;
    PGconn *link = settings.failed ? NULL : keep_io.PQconnectStartParams(all_keys, all_values, 0);
    buffer_free(&settings);
    keep_alloc(all_keys, 0);
    return link;
}

bool conn_open(struct conn *conn, enum conn_role role)
{
    keep_store *store = conn->store;
    assert(conn->state == CONN_DOWN && !conn->link);
    conn->role = role;
    conn->link = conn_start(store, role);
    if (!conn->link || keep_io.PQstatus(conn->link) == CONNECTION_BAD) {
        conn_connect_failed(conn, conn->link ? keep_io.PQerrorMessage(conn->link) : "no memory");
        return false;
    }
    memset(conn->prepared, 0, (size_t)catalog_count() * FORM_COUNT * sizeof *conn->prepared);
    keep_io.PQsetNoticeReceiver(conn->link, conn_notice, conn);
    keep_io.PQsetErrorVerbosity(conn->link,
                                PQERRORS_VERBOSE); /* the only way to a refusal's SQLSTATE */
    conn->give_up_us = keep_io.now_us() + (int64_t)store->options.connect_ms * 1000;
    conn_set_state(conn, CONN_CONNECTING);
    conn_watch(conn, keep_io.PQsocket(conn->link), WATCH_WRITE);
    step_arm(store, conn->give_up_us);
    return true;
}

void conn_give_up(struct conn *conn)
{
    conn_connect_failed(conn, "the server gave no answer in time (\"connect_ms\")");
}

static void conn_connecting(struct conn *conn)
{
    PostgresPollingStatusType next = keep_io.PQconnectPoll(conn->link);
    switch (next) {
    case PGRES_POLLING_READING:
    case PGRES_POLLING_WRITING:
        /* The socket may be another one with the same number: forget it, then register it. */
        conn_watch(conn, -1, 0);
        conn_watch(conn, keep_io.PQsocket(conn->link),
                   next == PGRES_POLLING_READING ? WATCH_READ : WATCH_WRITE);
        return;
    case PGRES_POLLING_OK:
        break;
    default:
        conn_connect_failed(conn, keep_io.PQerrorMessage(conn->link));
        return;
    }
    if (keep_io.PQsetnonblocking(conn->link, 1) != 0 ||
        (conn->role == ROLE_CALLS && keep_io.PQenterPipelineMode(conn->link) != 1)) {
        conn_connect_failed(conn, keep_io.PQerrorMessage(conn->link));
        return;
    }
    conn_watch(conn, keep_io.PQsocket(conn->link), WATCH_READ);
    conn_set_state(conn, CONN_IDLE);
    conn->store->stats.opened++;
    pool_connected(conn->store, conn->role);
}

/* ---- sending */

static bool conn_send_setting(struct conn *conn)
{
    char value[16];
    const char *values[] = {value};
    const Oid text = 25;
    snprintf(value, sizeof value, "%d", conn->store->options.lock_ms);
    conn->steps[conn->step_count++] = STEP_SETTING;
    return keep_io.PQsendQueryParams(conn->link, "select set_config('lock_timeout', $1, true)", 1,
                                     &text, values, NULL, NULL, 0) == 1;
}

/* Whether the current range's form is prepared on this link. */
static bool *conn_prepared(struct conn *conn)
{
    struct statement *statement = conn->batch.statement;
    return &conn->prepared[statement->index * FORM_COUNT + (int)(conn->form - statement->forms)];
}

static bool conn_send_query(struct conn *conn, const char *const *values, const int *sizes)
{
    static const int binary[LIMIT_ARGS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const struct form *form = conn->form;
    int count = conn->batch.statement->spec->arg_count;
    bool sent = true;
    conn->named = !conn->store->unnamed;
    if (conn->named && !*conn_prepared(conn)) {
        conn->steps[conn->step_count++] = STEP_PREPARE;
        sent = keep_io.PQsendPrepare(conn->link, form->name, form->sql, count, form->types) == 1;
    }
    conn->steps[conn->step_count++] = STEP_QUERY;
    if (!conn->named)
        return sent && keep_io.PQsendQueryParams(conn->link, form->sql, count, form->types, values,
                                                 sizes, binary, 0) == 1;
    return sent && keep_io.PQsendQueryPrepared(conn->link, form->name, count, values, sizes, binary,
                                               0) == 1;
}

static void conn_flush(struct conn *conn)
{
    int left = keep_io.PQflush(conn->link);
    if (left < 0) {
        conn_lost(conn, keep_io.PQerrorMessage(conn->link), !conn->flushed);
        return;
    }
    conn->flushed = left == 0;
    conn_set_state(conn, CONN_BUSY);
}

/* Sends the current range: everything it needs leaves together, with one Sync. */
void conn_send(struct conn *conn)
{
    keep_store *store = conn->store;
    const char *values[LIMIT_ARGS];
    int sizes[LIMIT_ARGS];
    conn_clear_results(conn);
    conn->step = conn->step_count = 0;
    conn->flushed = false;
    struct statement *statement = conn->batch.statement;
    bool single = conn->batch.sent_count == 1 && statement->spec->single;
    bool reals = statement->spec->vectors && store->real_vectors;
    conn->form = statement_form(store, statement,
                                reals    ? FORM_REAL
                                : single ? FORM_SINGLE
                                         : FORM_MANY);
    if (!conn->form || !encode_range(conn, values, sizes)) {
        conn_set_state(conn, CONN_IDLE);
        batch_no_memory(conn);
        batch_next_range(conn);
        return;
    }
    bool bounded = !store->plain_startup || store->options.lock_ms == 0 || !statement->spec->writes;
    bool sent = (bounded || conn_send_setting(conn)) && conn_send_query(conn, values, sizes);
    conn->steps[conn->step_count++] = STEP_SYNC;
    /* Without its Sync nothing of a range is ever committed. */
    if (!sent || keep_io.PQpipelineSync(conn->link) != 1) {
        conn_lost(conn, keep_io.PQerrorMessage(conn->link), true);
        return;
    }
    store->stats.round_trips++;
    store->stats.bytes_sent += store->encode.size;
    if (store->encode.capacity > LIMIT_ENCODE_KEPT)
        buffer_free(&store->encode);
    conn_flush(conn);
}

/* ---- the answer */

static void conn_range_over(struct conn *conn)
{
    if (conn->failure) {
        const char *why = keep_io.PQresultErrorField(conn->failure, PG_DIAG_MESSAGE_PRIMARY);
        if (batch_failed(conn) == FAILURE_LINK) {
            conn_lost(conn, why, true);
            return;
        }
    } else {
        batch_done(conn);
    }
    conn_clear_results(conn);
    if (conn->ending) {
        conn_lost(conn, "the server ended the connection", true);
        return;
    }
    conn_set_state(conn, CONN_IDLE);
    if (conn->batch.range_count > 0 && conn_alive(conn))
        batch_next_range(conn);
}

/* The server's own word that it ends the session before it ran what we sent: then nothing of it was committed. Poolers
 * send the same SQLSTATE for other reasons, and an answered query may have been committed. */
bool conn_ended_before(const struct conn *conn)
{
    const char *function =
        conn->failure ? keep_io.PQresultErrorField(conn->failure, PG_DIAG_SOURCE_FUNCTION) : NULL;
    return !conn->answered && function && strcmp(function, "ProcessInterrupts") == 0;
}

/* Words that are not the server's are libpq's own (no memory for the rows, a broken message): what became of the query
 * is not known. */
bool conn_ends_link(const PGresult *failure)
{
    const char *severity = keep_io.PQresultErrorField(failure, PG_DIAG_SEVERITY_NONLOCALIZED);
    return !severity || strcmp(severity, "ERROR") != 0;
}

/* Takes one result; false when the link is gone (the connection is closed then). */
static bool conn_take(struct conn *conn, PGresult *result)
{
    switch (keep_io.PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        if (conn->steps[conn->step] == STEP_PREPARE)
            *conn_prepared(conn) = true;
        if (conn->steps[conn->step] == STEP_QUERY) {
            conn->answered = true;
            conn->rows = result;
            return true;
        }
        break;
    case PGRES_PIPELINE_SYNC:
        keep_io.PQclear(result);
        assert(conn->steps[conn->step] == STEP_SYNC);
        conn_range_over(conn);
        return false;
    case PGRES_PIPELINE_ABORTED:
        break;
    default:
        if (conn->failure)
            break;
        conn->failure = result;
        if (keep_io.PQstatus(conn->link) == CONNECTION_BAD || conn_ends_link(result)) {
            const char *why = keep_io.PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
            conn_lost(conn, why ? why : keep_io.PQerrorMessage(conn->link),
                      conn_ended_before(conn));
            return false;
        }
        return true;
    }
    keep_io.PQclear(result);
    return true;
}

/* Takes what has arrived. In pipeline mode each step's results end in a NULL; the Sync has just one result. */
static void conn_take_results(struct conn *conn)
{
    while (conn->state == CONN_BUSY && !keep_io.PQisBusy(conn->link)) {
        PGresult *result = keep_io.PQgetResult(conn->link);
        if (result) {
            if (!conn_take(conn, result))
                return;
            continue;
        }
        if (keep_io.PQstatus(conn->link) == CONNECTION_BAD) {
            conn_lost(conn, keep_io.PQerrorMessage(conn->link), conn_ended_before(conn));
            return;
        }
        if (conn->steps[conn->step] == STEP_SYNC)
            return; /* its answer has not arrived */
        conn->step++;
    }
}

/* On TLS a record may leave bytes in the library's buffer that the socket does not announce again; two more reads take
 * what one record can leave. */
bool conn_consume(struct conn *conn)
{
    int reads = keep_io.PQsslInUse(conn->link) ? 3 : 1;
    while (reads-- > 0)
        if (!keep_io.PQconsumeInput(conn->link))
            return false;
    return true;
}

static void conn_busy(struct conn *conn, unsigned ready)
{
    bool consumed = conn_consume(conn);
    if (!consumed) {
        /* What arrived before the end is still worth taking: it may hold the answer, or say why. */
        conn_take_results(conn);
        if (conn->state == CONN_BUSY)
            conn_lost(conn, keep_io.PQerrorMessage(conn->link), conn_ended_before(conn));
        return;
    }
    conn_take_results(conn);
    if (conn->state == CONN_BUSY && !conn->flushed && ready & WATCH_WRITE)
        conn_flush(conn);
}

/* Something arrived that nobody asked for: a notice, a parameter, or the end. */
static void conn_idle(struct conn *conn)
{
    bool stands = conn_consume(conn);
    keep_io.PQisBusy(conn->link); /* has libpq read what arrived */
    if (stands && conn->role == ROLE_SQL)
        note_take(conn);
    if (stands && !conn->ending && keep_io.PQstatus(conn->link) == CONNECTION_OK)
        return;
    conn_lost(conn, "the server ended an idle connection", true);
}

bool conn_alive(struct conn *conn)
{
    /* More looks than one, because notices and the words of the end arrive before the end. */
    for (int looks = 0;
         looks < LIMIT_LOOKS && conn->state == CONN_IDLE && !keep_io.socket_quiet(conn->fd);
         looks++)
        conn_idle(conn);
    return conn->state == CONN_IDLE;
}

void conn_event(struct conn *conn, unsigned ready)
{
    switch (conn->state) {
    case CONN_CONNECTING:
        conn_connecting(conn);
        break;
    case CONN_IDLE:
        if (!keep_io.socket_quiet(conn->fd))
            conn_idle(conn);
        break;
    case CONN_BUSY:
        if (conn->role == ROLE_SQL)
            session_event(conn, ready);
        else
            conn_busy(conn, ready);
        break;
    case CONN_DOWN:
        break;
    }
}
