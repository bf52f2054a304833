/* Calls on sessions: from the caller's arguments to a slot, and from a deadline, a cancelling or the store's end to an
 * outcome. What the server says is session.c's business. */
#include "core.h"

#include <stdio.h>
#include <string.h>

/* What errors and statistics call them. */
static const struct statement_spec specs[OP_KIND_COUNT] = {
    [OP_TAKE] = {.name = "lease.take"},
    [OP_QUERY] = {.name = "sql.query"},
    [OP_COPY_IN] = {.name = "sql.copy_in"},
    [OP_COPY_OUT] = {.name = "sql.copy_out"},
    [OP_NOTIFICATION] = {.name = "sql.notification"},
};

static struct statement statements[OP_KIND_COUNT] = {
    [OP_TAKE] = {.spec = &specs[OP_TAKE], .index = -1},
    [OP_QUERY] = {.spec = &specs[OP_QUERY], .index = -1},
    [OP_COPY_IN] = {.spec = &specs[OP_COPY_IN], .index = -1},
    [OP_COPY_OUT] = {.spec = &specs[OP_COPY_OUT], .index = -1},
    [OP_NOTIFICATION] = {.spec = &specs[OP_NOTIFICATION], .index = -1},
};

/* ---- arguments */

/* Copies into the arena with a closing NUL, as libpq wants text. */
static char *put_text(char *at, keep_text text)
{
    if (text.size > 0)
        memcpy(at, text.data, text.size);
    at[text.size] = '\0';
    return at + text.size + 1;
}

static size_t text_room(keep_text text)
{
    return text.data ? text.size + 1 : 0;
}

enum { FIXED_ARGS = 2 };

/* A slot with the call in it, BLOCKED; NULL with the status why not. */
static struct op *sql_reserve(keep_store *store, enum op_kind kind, const struct conn *lease,
                              keep_text first, keep_text second, const keep_param *params,
                              int count, keep_status *why)
{
    size_t each = sizeof(char *) + 2 * sizeof(int) + sizeof(Oid), used = (size_t)count;
    size_t bytes =
        FIXED_ARGS * sizeof(keep_text) + used * each + text_room(first) + text_room(second);
    for (int i = 0; i < count; i++)
        bytes += text_room(params[i].value);
    /* Waiting for notifications leaves a lease at rest: any number of such calls would pass for its next one. */
    const struct conn *holder = kind == OP_NOTIFICATION ? NULL : lease;
    struct op *op = op_reserve(store, holder, bytes, why);
    if (!op)
        return NULL;
    op->kind = kind;
    op->statement = &statements[kind];
    struct params *out = &op->params;
    out->count = count;
    out->values = (const char **)(void *)(op->args + FIXED_ARGS);
    out->sizes = (int *)(void *)(out->values + used);
    out->formats = out->sizes + used;
    out->types = (Oid *)(void *)(out->formats + used);
    char *at = (char *)(out->types + used);
    op->args[0] = (keep_text){first.data ? at : NULL, first.size};
    at = first.data ? put_text(at, first) : at;
    op->args[1] = (keep_text){second.data ? at : NULL, second.size};
    at = second.data ? put_text(at, second) : at;
    for (int i = 0; i < count; i++) {
        keep_text value = params[i].value;
        out->values[i] = value.data ? at : NULL;
        out->sizes[i] = (int)value.size;
        out->formats[i] = params[i].binary != 0;
        out->types[i] = params[i].type;
        at = value.data ? put_text(at, value) : at;
    }
    return op;
}

static void sql_queue(keep_store *store, struct op *op, struct conn *conn, int deadline_ms)
{
    int limit_ms = deadline_ms ? deadline_ms : store->options.deadline_ms;
    op->sequence = ++store->sequence;
    op->submitted_us = keep_io.now_us();
    op->deadline_us = limit_ms > 0 ? op->submitted_us + (int64_t)limit_ms * 1000 : 0;
    op_deadline_set(store, op);
    step_arm(store, op->deadline_us);
    op->via = conn;
    op_set_state(store, op, OP_QUEUED);
    if (conn)
        lease_touch(conn);
    if (op->kind == OP_NOTIFICATION) {
        note_give(conn, op);
    } else if (!store->options.hold) {
        if (conn)
            lease_serve(conn);
        else
            lease_pump(store);
    }
}

static keep_op sql_refuse(keep_store *store, enum op_kind kind, const char *fault,
                          const char *sqlstate, keep_status *why)
{
    struct op *op =
        sql_reserve(store, kind, NULL, (keep_text){NULL, 0}, (keep_text){NULL, 0}, NULL, 0, why);
    if (!op)
        return 0;
    op_finish_refused(store, op, store->state == STORE_BROKEN ? store->fault_status : KEEP_INVALID,
                      fault, sqlstate);
    return op_ticket(op);
}

static bool holds_nul(keep_text text)
{
    return text.size > 0 && memchr(text.data, 0, text.size);
}

/* Why the arguments cannot travel, with the SQLSTATE the server would give; NULL when they can. */
static const char *query_fault(const keep_store *store, keep_text sql, const keep_param *params,
                               int count, const char **sqlstate)
{
    if (!sql.data)
        return "sql cannot be null";
    if (count < 0 || count > LIMIT_PARAMS)
        return "there are more parameters than a statement can have";
    *sqlstate = "22021";
    if (holds_nul(sql))
        return "sql holds a NUL byte";
    for (int i = 0; i < count; i++)
        if (!params[i].binary && params[i].value.data && holds_nul(params[i].value))
            return "a parameter holds a NUL byte";
    *sqlstate = NULL;
    if ((int64_t)sql.size > store->options.argument_bytes)
        return "sql is larger than \"argument_bytes\"";
    for (int i = 0; i < count; i++)
        if ((int64_t)params[i].value.size > store->options.argument_bytes)
            return "a parameter is larger than \"argument_bytes\"";
    return NULL;
}

keep_op sql_submit_query(keep_store *store, keep_lease lease, keep_text sql,
                         const keep_param *params, int count, int deadline_ms, keep_status *why)
{
    char message[128];
    const char *sqlstate = NULL;
    struct conn *conn = store->state == STORE_OPEN ? lease_find(store, lease) : NULL;
    const char *fault = store->state == STORE_BROKEN
                            ? store->fault
                            : query_fault(store, sql, params, count, &sqlstate);
    if (!fault && lease && !conn) {
        lease_why_not(store, lease, message, sizeof message);
        fault = message;
    }
    if (fault)
        return sql_refuse(store, OP_QUERY, fault, sqlstate, why);
    struct op *op =
        sql_reserve(store, OP_QUERY, conn, sql, (keep_text){NULL, 0}, params, count, why);
    if (!op)
        return 0;
    keep_op ticket = op_ticket(op);
    op->scanned = scan_sql(sql.data, sql.size);
    sql_queue(store, op, conn, deadline_ms);
    return ticket;
}

keep_op sql_submit(keep_store *store, enum op_kind kind, keep_lease lease, keep_text data,
                   const char *failure, int deadline_ms, keep_status *why)
{
    char message[128];
    const char *fault = NULL;
    struct conn *conn = store->state == STORE_OPEN ? lease_find(store, lease) : NULL;
    if (store->state == STORE_BROKEN) {
        fault = store->fault;
    } else if (kind != OP_TAKE && !conn) {
        lease_why_not(store, lease, message, sizeof message);
        fault = message;
    } else if ((int64_t)data.size > store->options.argument_bytes) {
        fault = "the rows are larger than \"argument_bytes\"";
    }
    if (fault)
        return sql_refuse(store, kind, fault, NULL, why);
    keep_text reason = {failure, failure ? strlen(failure) : 0};
    struct op *op = sql_reserve(store, kind, conn, data, reason, NULL, 0, why);
    if (!op)
        return 0;
    keep_op ticket = op_ticket(op);
    sql_queue(store, op, conn, deadline_ms);
    return ticket;
}

/* ---- outcomes that do not come from the server */

void sql_ended(keep_store *store, struct op *op)
{
    struct conn *conn = op->via;
    (void)store;
    op->via = NULL;
    if (!conn)
        return;
    if (conn->session.op == op)
        session_let_go(conn);
    lease_touch(conn);
}

static void take_expire(keep_store *store, struct op *op)
{
    char message[160];
    int out = lease_count(store), limit = lease_limit(store);
    snprintf(message, sizeof message,
             "no lease came free in time: %d of at most %d out, %zu waiting, \"connections\" is %d",
             out, limit, lease_waiting(store), store->options.connections);
    op_finish_error(store, op, KEEP_DEADLINE, message, NULL, NULL);
}

/* Whether what was sent for the call may take effect, in a transaction perhaps that lives on. */
static bool sql_at_work(const struct op *op)
{
    return op->via->session.phase == SESSION_QUERY && op->kind != OP_COPY_OUT && !copy_fails(op);
}

/* Whether it may have been committed, or may yet be, when the session ends now. */
static bool sql_in_doubt(const struct op *op)
{
    bool decided = op->via->session.in_transaction && !(op->scanned & SCAN_COMMITS);
    return sql_at_work(op) && !decided;
}

void sql_expire(keep_store *store, struct op *op)
{
    if (op->kind == OP_TAKE) {
        take_expire(store, op);
        return;
    }
    bool doubt = op->state == OP_SENT && sql_at_work(op);
    bool left = doubt && (op->via->flushed || op->via->session.lease);
    if (left && !op->overdue) {
        /* Stopped at the server, its end tells what became of it: worth a moment. */
        op->overdue = true;
        session_cancel(op->via);
        op_deadline_move(store, op, keep_io.now_us() + CANCEL_GRACE_MS * 1000);
    } else if (left) {
        op_finish_error(
            store, op, KEEP_UNKNOWN,
            "the deadline passed while the server was at work; the statement may still take effect",
            NULL, "deadline");
    } else {
        op_finish_error(store, op, KEEP_DEADLINE, "the deadline passed before an answer", NULL,
                        NULL);
    }
}

void sql_close(keep_store *store, struct op *op)
{
    bool doubt = sql_in_doubt(op);
    op_finish_error(store, op, doubt ? KEEP_UNKNOWN : KEEP_CLOSED,
                    "the store was closed before an answer", NULL, doubt ? "link" : NULL);
}
