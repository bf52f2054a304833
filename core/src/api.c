/* The public functions: each looks whether the store is this process's, takes the lock, and hands over to the file that
 * knows. See statekeep.h for the contracts. */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- fork: a child counts on from its parent, so a store knows that it was opened by somebody else */

static unsigned process_count;

static void process_forked(void)
{
    process_count++;
}

static void process_watch_forks(void)
{
    pthread_atfork(NULL, NULL, process_forked);
}

static bool forked(const keep_store *store)
{
    return store->process != process_count;
}

static keep_store *lock(const keep_store *store)
{
    keep_store *locked = (keep_store *)store; /* reading takes the lock, too */
    pthread_mutex_lock(&locked->lock);
    return locked;
}

static void unlock(keep_store *store)
{
    pthread_mutex_unlock(&store->lock);
}

/* ---- shared tickets: one for each status, for calls that cannot have a slot */

enum { SHARED_SLOT = UINT32_MAX - 64 };

static keep_op shared_ticket(keep_status status)
{
    return (uint64_t)1 << 32 | (SHARED_SLOT + (uint32_t)status);
}

static keep_status shared_status(keep_op ticket)
{
    uint32_t slot = (uint32_t)ticket;
    return slot >= SHARED_SLOT && slot <= SHARED_SLOT + KEEP_INTERNAL
               ? (keep_status)(slot - SHARED_SLOT)
               : KEEP_PENDING;
}

static keep_text shared_result(keep_status status)
{
#define SHARED(name, text, retry)                                                                  \
    [KEEP_##name] =                                                                                \
        KEEP_TEXT("{\"status\":\"" #name "\",\"message\":\"" text "\",\"retry\":" retry "}")
    static const keep_text results[KEEP_INTERNAL + 1] = {
        SHARED(FULL, "the queue is full", "true"),
        SHARED(CLOSED, "the store is closed", "false"),
        SHARED(FORKED, "the store was opened by the parent process; open another one here",
               "false"),
        SHARED(NO_MEMORY, "no memory for the call", "true"),
    };
#undef SHARED
    return results[status];
}

/* ---- opening */

static bool store_allocate(keep_store *store)
{
    size_t statements = (size_t)catalog_count();
    store->tables = keep_alloc(NULL, (size_t)catalog_table_count() * sizeof *store->tables);
    store->statements = keep_alloc(NULL, statements * sizeof *store->statements);
    store->lanes = keep_alloc(NULL, statements * sizeof *store->lanes);
    store->buckets = keep_alloc(NULL, LIMIT_KEY_BUCKETS * sizeof(struct op *));
    for (int i = 0; store->statements && i < catalog_count(); i++)
        store->statements[i] = (struct statement){.spec = catalog_at(i), .index = i};
    if (!store->tables || !store->statements || !store->lanes || !store->buckets)
        return false;
    memset(store->lanes, 0, statements * sizeof *store->lanes);
    memset(store->buckets, 0, LIMIT_KEY_BUCKETS * sizeof(struct op *));
    return true;
}

static bool store_allocate_conns(keep_store *store)
{
    size_t items = (size_t)store->options.batch;
    /* A lease must never keep operations waiting, so one connection alone is not enough for both. */
    store->conn_count = store->options.connections + (store->options.connections == 1);
    store->conns = keep_alloc(NULL, (size_t)store->conn_count * sizeof *store->conns);
    if (!store->conns)
        return false;
    for (int i = 0; i < store->conn_count; i++)
        store->conns[i] = (struct conn){.store = store, .index = (uint32_t)i, .fd = -1};
    for (int i = 0; i < store->conn_count; i++) {
        struct conn *conn = &store->conns[i];
        conn->prepared =
            keep_alloc(NULL, (size_t)catalog_count() * FORM_COUNT * sizeof *conn->prepared);
        conn->batch.items = keep_alloc(NULL, items * sizeof *conn->batch.items);
        conn->batch.sent = keep_alloc(NULL, items * sizeof *conn->batch.sent);
        conn->batch.sent_at = keep_alloc(NULL, items * sizeof *conn->batch.sent_at);
        if (!conn->prepared || !conn->batch.items || !conn->batch.sent || !conn->batch.sent_at)
            return false;
    }
    return true;
}

static keep_status store_break(keep_store *store, keep_status status, const char *message)
{
    struct buffer json = {0};
    snprintf(store->fault, sizeof store->fault, "%s", message);
    error_json(&json, status, "open", message, NULL, NULL, NULL);
    store->error = json.data;
    store->fault_status = status;
    store->state = STORE_BROKEN;
    return status;
}

/* A service file may hold "options" of its own, which ours would replace unseen. */
static bool names_service(const struct dsn *dsn)
{
    for (int i = 0; i < dsn->count; i++)
        if (strcmp(dsn->keys[i], "service") == 0)
            return true;
    return getenv("PGSERVICE") != NULL;
}

static keep_status store_start(keep_store *store, const char *dsn, const char *options)
{
    struct dsn parsed;
    char *error = NULL;
    keep_status status = options_parse(store, options, &error);
    if (status == KEEP_OK)
        status = dsn_parse(&parsed, dsn, &error);
    if (status == KEEP_INVALID)
        store_break(store, status, error);
    keep_alloc(error, 0);
    if (status != KEEP_OK)
        return status;
    store->watch = keep_io.watch_open();
    if (!store->watch) {
        dsn_free(&parsed);
        return store_break(store, KEEP_UNAVAILABLE, "the system refuses descriptors");
    }
    options_complete(&store->options, &parsed);
    store->plain_startup = names_service(&parsed);
    store->dial = dial_open(&parsed, store->watch);
    if (!store->dial) {
        dsn_free(&parsed);
        return KEEP_NO_MEMORY;
    }
    return store_allocate_conns(store) ? KEEP_OK : KEEP_NO_MEMORY;
}

keep_status keep_open(keep_store **out, const char *dsn, const char *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, process_watch_forks);
    keep_store *store = keep_alloc(NULL, sizeof *store);
    *out = NULL;
    if (!store)
        return KEEP_NO_MEMORY;
    *store = (keep_store){.process = process_count};
    pthread_mutex_init(&store->lock, NULL);
    keep_status status = store_allocate(store) ? store_start(store, dsn, options) : KEEP_NO_MEMORY;
    if (status == KEEP_NO_MEMORY || (status != KEEP_OK && !store->error)) {
        keep_free(store);
        return KEEP_NO_MEMORY;
    }
    *out = store;
    return status;
}

keep_text keep_error(const keep_store *store)
{
    return store->error ? (keep_text){store->error, strlen(store->error)} : (keep_text){NULL, 0};
}

/* ---- closing */

static void close_unsent(keep_store *store)
{
    for (int i = 0; i < store->slot_count; i++) {
        struct op *op = store->slots[i];
        if (op->state == OP_BLOCKED || op->state == OP_QUEUED || op->state == OP_DELAYED)
            op_finish_error(store, op, KEEP_CLOSED, "the store was closed before the call was sent",
                            NULL, NULL);
    }
}

static void close_sent(keep_store *store)
{
    for (int i = 0; i < store->slot_count; i++) {
        struct op *op = store->slots[i];
        if (op->state != OP_SENT)
            continue;
        if (op->kind != OP_CALL) {
            sql_close(store, op);
            continue;
        }
        bool doubt = op->statement->spec->writes && batch_under_way(op);
        op_finish_error(store, op, doubt ? KEEP_UNKNOWN : KEEP_CLOSED,
                        "the store was closed before an answer", NULL, doubt ? "link" : NULL);
    }
}

keep_status keep_close(keep_store *store, int drain_ms)
{
    if (forked(store))
        return KEEP_FORKED;
    lock(store);
    if (store->state == STORE_OPEN) {
        int64_t until_us = keep_io.now_us() + (int64_t)(drain_ms > 0 ? drain_ms : 0) * 1000;
        store->state = STORE_CLOSING;
        close_unsent(store);
        for (;;) {
            int64_t left_us = until_us - keep_io.now_us();
            if (!pool_busy(store) || left_us <= 0)
                break;
            int64_t slice_us = left_us < CLOSE_SLICE_MS * 1000 ? left_us : CLOSE_SLICE_MS * 1000;
            size_t done = store->done.count;
            step(store, (int)((slice_us + 999) / 1000));
            close_unsent(store); /* what a lost link gave back */
            if (store->watched && store->done.count > done)
                keep_io.watch_wake(store->watch);
        }
        close_sent(store);
        if (store->watched && store->done.count > 0)
            keep_io.watch_wake(store->watch); /* a step above may have taken the host's wake-up */
        for (int i = 0; i < store->conn_count; i++)
            conn_end(&store->conns[i]);
        store->state = STORE_CLOSED;
        dial_close(store->dial);
        store->dial = NULL;
        wait_interrupt(store, NULL);
    }
    unlock(store);
    return KEEP_OK;
}

static void store_free_conns(keep_store *store)
{
    for (int i = 0; store->conns && i < store->conn_count; i++) {
        struct conn *conn = &store->conns[i];
        plans_free(&conn->session.plans);
        keep_alloc(conn->prepared, 0);
        keep_alloc(conn->batch.items, 0);
        keep_alloc(conn->batch.sent, 0);
        keep_alloc(conn->batch.sent_at, 0);
    }
    keep_alloc(store->conns, 0);
}

static void store_free(keep_store *store)
{
    store_free_conns(store);
    for (int i = 0; i < store->slot_count; i++) {
        keep_alloc(store->slots[i]->arena, 0);
        buffer_free(&store->slots[i]->result);
        keep_alloc(store->slots[i], 0);
    }
    for (int i = 0; store->statements && i < catalog_count(); i++)
        for (int kind = 0; kind < FORM_COUNT; kind++)
            keep_alloc(store->statements[i].forms[kind].sql, 0);
    keep_alloc(store->slots, 0);
    keep_alloc(store->deadlines, 0);
    keep_alloc(store->buckets, 0);
    keep_alloc(store->lanes, 0);
    keep_alloc(store->statements, 0);
    keep_alloc(store->tables, 0);
    keep_alloc(store->error, 0);
    buffer_free(&store->encode);
    pthread_mutex_destroy(&store->lock);
    keep_alloc(store, 0);
}

/* A fork may have happened while another thread of the parent was inside the engine. Then what it left half done is not
 * touched, and leaks: the child's copy of some kilobytes. */
static void store_abandon(keep_store *store)
{
    if (pthread_mutex_trylock(&store->lock) != 0)
        return;
    for (int i = 0; store->conns && i < store->conn_count; i++)
        conn_abandon(&store->conns[i]);
    if (store->dial)
        dial_close(store->dial);
    if (store->watch)
        keep_io.watch_abandon(store->watch);
    pthread_mutex_unlock(&store->lock);
    store_free(store);
}

void keep_free(keep_store *store)
{
    if (!store)
        return;
    if (forked(store)) {
        store_abandon(store);
        return;
    }
    if (store->state == STORE_OPEN && store->conns)
        keep_close(store, 0);
    if (store->dial)
        dial_close(store->dial);
    if (store->watch)
        keep_io.watch_close(store->watch);
    store_free(store);
}

/* ---- calls */

/* A slot with the call in it, BLOCKED; NULL with the status why not. */
static struct op *submit_take(keep_store *store, struct statement *statement, const keep_text *args,
                              int count, keep_status *why)
{
    size_t bytes = (size_t)count * sizeof *args, room = bytes;
    for (int i = 0; i < count; i++)
        bytes += args[i].data ? args[i].size : 0;
    struct op *op = op_reserve(store, NULL, bytes, why);
    if (!op)
        return NULL;
    op->statement = statement;
    for (int i = 0; i < count; i++) {
        size_t size = args[i].data ? args[i].size : 0;
        op->args[i] = (keep_text){args[i].data ? op->arena + room : NULL, size};
        if (size > 0)
            memcpy(op->arena + room, args[i].data, size);
        room += size;
    }
    return op;
}

static void submit_start(keep_store *store, struct op *op, int deadline_ms)
{
    int limit_ms = deadline_ms ? deadline_ms : store->options.deadline_ms;
    int queue_ms = store->options.queue_ms;
    op->sequence = ++store->sequence;
    op->submitted_us = keep_io.now_us();
    op->deadline_us = limit_ms > 0 ? op->submitted_us + (int64_t)limit_ms * 1000 : 0;
    op->queue_bound = queue_ms > 0 && (limit_ms <= 0 || queue_ms < limit_ms);
    if (op->queue_bound) {
        op->answer_us = op->deadline_us;
        op->deadline_us = op->submitted_us + (int64_t)queue_ms * 1000;
    }
    op_deadline_set(store, op);
    step_arm(store, op->deadline_us);
    if (key_enter(store, op))
        op_set_state(store, op, OP_QUEUED);
}

static void submit_refuse(keep_store *store, struct op *op, const char *name, const char *message,
                          const char *sqlstate)
{
    struct statement_spec nameless = {.name = name};
    struct statement statement = {.spec = &nameless};
    struct statement *known = op->statement;
    if (!known)
        op->statement = &statement;
    op_finish_refused(store, op, store->state == STORE_BROKEN ? store->fault_status : KEEP_INVALID,
                      message, sqlstate);
    op->statement = known;
}

static void submit_engine(keep_store *store, struct op *op)
{
    if (strcmp(op->statement->spec->name, "admin.stats") == 0) {
        stats_json(store, &op->result);
    } else {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)op->args[0].size, op->args[0].data);
        int index = catalog_find(name);
        const struct statement_spec *spec = index < 0 ? NULL : catalog_at(index);
        if (!spec || spec->engine) {
            op_finish_error(store, op, KEEP_INVALID, "op does not name an operation with SQL", NULL,
                            NULL);
            return;
        }
        char *sql = catalog_sql(store, spec, FORM_MANY);
        if (sql)
            buffer_json(&op->result, sql, strlen(sql));
        op->result.failed = op->result.failed || !sql;
        keep_alloc(sql, 0);
    }
    if (op->result.failed)
        op_finish_error(store, op, KEEP_NO_MEMORY, "no memory for the answer", NULL, NULL);
    else
        op_finish_ok(store, op, NULL);
}

static keep_op submit_locked(keep_store *store, const char *name, const keep_text *args, int count,
                             int deadline_ms)
{
    char message[256];
    keep_status why = KEEP_CLOSED;
    store->stats.submitted++;
    if (store->state == STORE_CLOSING || store->state == STORE_CLOSED)
        return shared_ticket(KEEP_CLOSED);
    int index = catalog_find(name);
    const struct statement_spec *spec = index < 0 ? NULL : catalog_at(index);
    const char *fault = NULL, *sqlstate = NULL;
    if (store->state == STORE_BROKEN)
        fault = store->fault;
    else if (!spec)
        fault = "there is no such operation";
    else
        sqlstate = args_refused(spec, &store->options, args, count, message, sizeof message);
    if (sqlstate)
        fault = message;
    struct op *op = submit_take(store, spec ? &store->statements[index] : NULL, fault ? NULL : args,
                                fault ? 0 : count, &why);
    if (!op) {
        store->stats.finished[why]++;
        return shared_ticket(why);
    }
    keep_op ticket = op_ticket(op);
    if (fault) {
        submit_refuse(store, op, name, fault, sqlstate);
    } else if (spec->engine) {
        submit_engine(store, op);
    } else {
        submit_start(store, op, deadline_ms);
        if (!store->options.hold)
            wait_pump(store);
        store->gather_pause -= store->gather_pause > 0;
    }
    return ticket;
}

keep_op keep_submit(keep_store *store, const char *name, const keep_text *args, int count,
                    int deadline_ms)
{
    if (forked(store))
        return shared_ticket(KEEP_FORKED);
    lock(store);
    keep_op ticket = submit_locked(store, name, args, count, deadline_ms);
    unlock(store);
    return ticket;
}

/* ---- SQL of the caller's own */

/* Locks for a call of that kind, or says as a shared ticket why there can be none. */
static keep_op sql_enter(keep_store *store)
{
    if (forked(store))
        return shared_ticket(KEEP_FORKED);
    lock(store);
    store->stats.submitted++;
    if (store->state != STORE_CLOSING && store->state != STORE_CLOSED)
        return 0;
    unlock(store);
    return shared_ticket(KEEP_CLOSED);
}

static keep_op sql_leave(keep_store *store, keep_op ticket, keep_status why)
{
    if (!ticket) {
        store->stats.finished[why]++;
        ticket = shared_ticket(why);
    }
    unlock(store);
    return ticket;
}

static keep_op sql_call(keep_store *store, enum op_kind kind, keep_lease lease, keep_text data,
                        const char *failure, int deadline_ms)
{
    keep_status why;
    keep_op ticket = sql_enter(store);
    if (ticket)
        return ticket;
    ticket = sql_submit(store, kind, lease, data, failure, deadline_ms, &why);
    return sql_leave(store, ticket, why);
}

keep_op keep_lease_take(keep_store *store, int deadline_ms)
{
    return sql_call(store, OP_TAKE, 0, (keep_text){NULL, 0}, NULL, deadline_ms);
}

void keep_lease_return(keep_store *store, keep_lease lease)
{
    if (forked(store))
        return;
    lock(store);
    if (store->state == STORE_OPEN)
        lease_return(store, lease);
    unlock(store);
}

keep_op keep_query(keep_store *store, keep_lease lease, keep_text sql, const keep_param *params,
                   int count, int deadline_ms)
{
    keep_status why;
    keep_op ticket = sql_enter(store);
    if (ticket)
        return ticket;
    ticket = sql_submit_query(store, lease, sql, params, count, deadline_ms, &why);
    return sql_leave(store, ticket, why);
}

keep_op keep_copy_in(keep_store *store, keep_lease lease, keep_text data, const char *failure,
                     int deadline_ms)
{
    return sql_call(store, OP_COPY_IN, lease, data, failure, deadline_ms);
}

keep_op keep_copy_out(keep_store *store, keep_lease lease, int deadline_ms)
{
    return sql_call(store, OP_COPY_OUT, lease, (keep_text){NULL, 0}, NULL, deadline_ms);
}

keep_op keep_notification(keep_store *store, keep_lease lease, int deadline_ms)
{
    return sql_call(store, OP_NOTIFICATION, lease, (keep_text){NULL, 0}, NULL, deadline_ms);
}

void keep_cancel(keep_store *store, keep_op ticket)
{
    if (forked(store))
        return;
    lock(store);
    struct op *op = op_find(store, ticket);
    if (op && op->state != OP_DONE && op->state != OP_TAKEN)
        op_finish_error(store, op, KEEP_CANCELLED, "the caller cancelled", NULL, NULL);
    unlock(store);
}

int keep_fd(const keep_store *store)
{
    if (forked(store))
        return -1;
    keep_store *locked = lock(store);
    bool usable = store->state == STORE_OPEN || store->state == STORE_CLOSING;
    locked->watched = locked->watched || usable;
    int fd = usable ? keep_io.watch_fd(store->watch) : -1;
    unlock(locked);
    return fd;
}

int keep_poll(keep_store *store)
{
    if (forked(store))
        return 0;
    lock(store);
    store->polling = true;
    if (store->state == STORE_OPEN || store->state == STORE_CLOSING)
        step(store, 0);
    store->polling = false;
    int finished = (int)store->done.count;
    unlock(store);
    return finished;
}

keep_op keep_next(keep_store *store)
{
    if (forked(store))
        return 0;
    lock(store);
    struct op *op = store->done.first;
    if (op)
        op_set_state(store, op, OP_TAKEN);
    keep_op ticket = op ? op_ticket(op) : 0;
    unlock(store);
    return ticket;
}

keep_status keep_op_status(const keep_store *store, keep_op ticket)
{
    if (forked(store))
        return KEEP_FORKED;
    keep_status status = shared_status(ticket);
    if (status != KEEP_PENDING)
        return status;
    keep_store *locked = lock(store);
    const struct op *op = op_find(store, ticket);
    if (!op)
        status = KEEP_INVALID;
    else if (op->state == OP_DONE || op->state == OP_TAKEN)
        status = op->status;
    unlock(locked);
    return status;
}

keep_text keep_op_result(const keep_store *store, keep_op ticket)
{
    if (forked(store))
        return shared_result(KEEP_FORKED);
    keep_status shared = shared_status(ticket);
    if (shared != KEEP_PENDING)
        return shared_result(shared);
    keep_text result = {NULL, 0};
    keep_store *locked = lock(store);
    struct op *op = op_find(store, ticket);
    if (op && (op->state == OP_DONE || op->state == OP_TAKEN)) {
        op->unread = 0;
        result = op->fixed_result ? (keep_text){op->fixed_result, strlen(op->fixed_result)}
                                  : (keep_text){op->result.data, op->result.size};
    }
    unlock(locked);
    return result;
}

void keep_release(keep_store *store, keep_op ticket)
{
    if (forked(store))
        return;
    lock(store);
    struct op *op = op_find(store, ticket);
    if (op)
        op_release(store, op);
    unlock(store);
}

keep_status keep_wait(keep_store *store, keep_op ticket, int timeout_ms)
{
    if (forked(store))
        return KEEP_FORKED;
    keep_status status = shared_status(ticket);
    if (status != KEEP_PENDING)
        return status;
    lock(store);
    status = wait_ticket(store, ticket, timeout_ms);
    unlock(store);
    return status;
}

void keep_interrupt(keep_store *store, keep_op ticket)
{
    if (forked(store))
        return;
    lock(store);
    struct op *op = ticket ? op_find(store, ticket) : NULL;
    if (!ticket || op)
        wait_interrupt(store, op);
    unlock(store);
}
