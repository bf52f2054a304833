/* Calls: their slots, states, lists, deadlines and outcomes.
 *
 * Invariants:
 *  - A call gets its outcome exactly once: op_end() is the only way to DONE or TAKEN, and asserts that it was neither.
 *  - A state is a list: only op_set_state() moves a call between lists.
 *  - A call in a batch (op->conn) keeps its slot and its arguments until the batch lets go of it, whatever its caller
 *    did meanwhile: the batch may have to be split or sent again.
 *  - A call stays in its key's chain until it can no longer take effect: until it ends unsent, or leaves its batch. */
#include "core.h"

#include <assert.h>
#include <string.h>

static void list_append(struct list *list, struct op *op)
{
    op->prev = list->last;
    op->next = NULL;
    if (list->last)
        list->last->next = op;
    else
        list->first = op;
    list->last = op;
    list->count++;
}

static void list_remove(struct list *list, struct op *op)
{
    if (op->prev)
        op->prev->next = op->next;
    else
        list->first = op->next;
    if (op->next)
        op->next->prev = op->prev;
    else
        list->last = op->prev;
    op->prev = op->next = NULL;
    list->count--;
}

/* By order of submission: a call that comes back, or waited for its key, has its old place. Most are younger than all
 * that wait, and those that come back are near the head. */
static void list_insert(struct list *list, struct op *op)
{
    struct op *after = list->first;
    if (!list->last || list->last->sequence < op->sequence) {
        list_append(list, op);
        return;
    }
    while (after->sequence < op->sequence)
        after = after->next;
    op->next = after;
    op->prev = after->prev;
    if (after->prev)
        after->prev->next = op;
    else
        list->first = op;
    after->prev = op;
    list->count++;
}

static struct list *op_list(keep_store *store, const struct op *op)
{
    switch (op->state) {
    case OP_FREE:
        return &store->free;
    case OP_QUEUED:
        if (op->kind == OP_CALL)
            return &store->lanes[op->statement->index].queue;
        if (!op->via)
            return &store->sql_queue;
        return op->kind == OP_NOTIFICATION ? &op->via->session.listeners : &op->via->session.queue;
    case OP_DELAYED:
        return &store->delayed;
    case OP_DONE:
        return &store->done;
    default:
        return NULL;
    }
}

void op_set_state(keep_store *store, struct op *op, enum op_state state)
{
    struct list *from = op_list(store, op);
    if (from)
        list_remove(from, op);
    if (op->kind == OP_CALL)
        store->queued_count += (state == OP_QUEUED) - (size_t)(op->state == OP_QUEUED);
    op->state = state;
    struct list *to = op_list(store, op);
    if (!to)
        return;
    if (state == OP_QUEUED)
        list_insert(to, op);
    else
        list_append(to, op);
}

/* ---- slots */

static bool slots_grow(keep_store *store)
{
    int count = store->slot_count ? store->slot_count * 2 : 64;
    if (count > store->options.queue)
        count = store->options.queue;
    struct op **slots = keep_alloc(store->slots, (size_t)count * sizeof *slots);
    if (!slots)
        return false;
    store->slots = slots;
    struct op **deadlines = keep_alloc(store->deadlines, (size_t)count * sizeof *deadlines);
    if (!deadlines)
        return false;
    store->deadlines = deadlines;
    /* Slots made so far stay usable when memory ends half way. */
    while (store->slot_count < count) {
        struct op *op = keep_alloc(NULL, sizeof *op);
        if (!op)
            break;
        *op = (struct op){.slot = (uint32_t)store->slot_count, .generation = 1, .heap_index = -1};
        slots[store->slot_count++] = op;
        list_append(&store->free, op);
    }
    return store->free.count > 0;
}

/* A slot for a new call, in state BLOCKED (in no list); NULL without memory. The caller looked at the caps. */
struct op *op_take(keep_store *store)
{
    if (store->free.count == 0 && !slots_grow(store))
        return NULL;
    struct op *op = store->free.first;
    op_set_state(store, op, OP_BLOCKED);
    store->held_count++;
    return op;
}

static bool op_has_place(const keep_store *store, const struct conn *lease)
{
    size_t queue = (size_t)store->options.queue, kept = 0;
    if (store->held_count + LIMIT_CONNECTIONS >= queue)
        kept = lease_places(store, lease);
    return store->held_count + kept < queue;
}

struct op *op_reserve(keep_store *store, const struct conn *lease, size_t bytes, keep_status *why)
{
    *why = KEEP_FULL;
    if (!op_has_place(store, lease) ||
        (store->held_count > 0 &&
         (int64_t)(store->held_bytes + bytes) > store->options.queue_bytes))
        return NULL;
    *why = KEEP_NO_MEMORY;
    struct op *op = op_take(store);
    if (!op)
        return NULL;
    if (bytes > op->arena_capacity) {
        char *arena = keep_alloc(op->arena, bytes);
        if (!arena) {
            op_free(store, op);
            return NULL;
        }
        op->arena = arena;
        op->arena_capacity = bytes;
    }
    op->args = (keep_text *)(void *)op->arena;
    op->arena_size = bytes;
    store->held_bytes += bytes;
    return op;
}

void op_free(keep_store *store, struct op *op)
{
    assert(!op->conn && op->key_hash == 0 && op->heap_index < 0 && !op->returning);
    store->held_count--;
    store->held_bytes -= op->arena_size;
    buffer_free(&op->result);
    op->fixed_result = NULL;
    op->arena_size = 0;
    op->kind = OP_CALL;
    op->via = NULL;
    op->scanned = 0;
    op->unread = 0;
    op->params.count = 0;
    op->awaited = op->alone = op->in_doubt = op->overdue = false;
    op->attempts = 0;
    op->not_before_us = 0;
    op->waiter = NULL;
    if (op->arena_capacity > LIMIT_ARENA_KEPT) {
        keep_alloc(op->arena, 0);
        op->arena = NULL;
        op->arena_capacity = 0;
    }
    op->generation++;
    op_set_state(store, op, OP_FREE);
}

keep_op op_ticket(const struct op *op)
{
    return (uint64_t)op->generation << 32 | op->slot;
}

struct op *op_find(const keep_store *store, keep_op ticket)
{
    uint32_t slot = (uint32_t)ticket;
    if (slot >= (uint32_t)store->slot_count)
        return NULL;
    struct op *op = store->slots[slot];
    bool held = op->state != OP_FREE && op->state != OP_RELEASED;
    return held && op->generation == ticket >> 32 ? op : NULL;
}

/* ---- deadlines: a binary heap, earliest first */

static void heap_place(keep_store *store, int index, struct op *op)
{
    store->deadlines[index] = op;
    op->heap_index = index;
}

static void heap_up(keep_store *store, int index, struct op *op)
{
    while (index > 0 && store->deadlines[(index - 1) / 2]->deadline_us > op->deadline_us) {
        heap_place(store, index, store->deadlines[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    heap_place(store, index, op);
}

static void heap_down(keep_store *store, int index, struct op *op)
{
    for (;;) {
        int child = 2 * index + 1;
        if (child >= store->deadline_count)
            break;
        if (child + 1 < store->deadline_count &&
            store->deadlines[child + 1]->deadline_us < store->deadlines[child]->deadline_us)
            child++;
        if (store->deadlines[child]->deadline_us >= op->deadline_us)
            break;
        heap_place(store, index, store->deadlines[child]);
        index = child;
    }
    heap_place(store, index, op);
}

void op_deadline_set(keep_store *store, struct op *op)
{
    if (op->deadline_us)
        heap_up(store, store->deadline_count++, op);
}

static void op_deadline_clear(keep_store *store, struct op *op)
{
    int index = op->heap_index;
    if (index < 0)
        return;
    op->heap_index = -1;
    struct op *last = store->deadlines[--store->deadline_count];
    if (last == op)
        return;
    if (index > 0 && store->deadlines[(index - 1) / 2]->deadline_us > last->deadline_us)
        heap_up(store, index, last);
    else
        heap_down(store, index, last);
}

void op_deadline_move(keep_store *store, struct op *op, int64_t at_us)
{
    op_deadline_clear(store, op);
    op->deadline_us = at_us;
    op_deadline_set(store, op);
    step_arm(store, at_us);
}

/* Ends a call that no connection was free for. What waits for a server, for a foreign lock or for an earlier call of its
 * key has only the other deadline. A host that was held up itself may find a connection free that it has had no time to
 * send on: then the call leaves first. */
static void op_expire_queue(keep_store *store, struct op *op, int64_t now_us)
{
    bool wants = op->state == OP_QUEUED && op->not_before_us == 0 && pool_up(store, ROLE_CALLS) > 0;
    int64_t again_us = now_us + QUEUE_AGAIN_MS * 1000;
    if (wants && !pool_is_free(store, op)) {
        op_finish_error(store, op, KEEP_DEADLINE, "no connection was free in time", NULL, "queue");
        return;
    }
    if (wants && (op->answer_us == 0 || again_us < op->answer_us)) {
        op_deadline_move(store, op, again_us);
        return;
    }
    op_deadline_clear(store, op);
    op->queue_bound = false;
    op->deadline_us = op->answer_us;
    op_deadline_set(store, op);
}

void op_expire(keep_store *store, int64_t now_us)
{
    while (store->deadline_count > 0 && store->deadlines[0]->deadline_us <= now_us) {
        struct op *op = store->deadlines[0];
        if (op->kind != OP_CALL)
            sql_expire(store, op);
        else if (op->queue_bound)
            op_expire_queue(store, op, now_us);
        else if (op->conn && op->statement->spec->writes && batch_under_way(op))
            op_finish_error(
                store, op, KEEP_UNKNOWN,
                "the deadline passed while the server was at work; the write may still take effect",
                NULL, "deadline");
        else
            op_finish_error(store, op, KEEP_DEADLINE, "the deadline passed before an answer", NULL,
                            NULL);
    }
}

void op_wake_delayed(keep_store *store, int64_t now_us)
{
    for (struct op *op = store->delayed.first, *next; op; op = next) {
        next = op->next;
        if (op->not_before_us <= now_us)
            op_set_state(store, op, OP_QUEUED);
    }
}

/* ---- outcomes */

bool op_live(const struct op *op)
{
    return op->state == OP_SENT;
}

static void op_end(keep_store *store, struct op *op, keep_status status)
{
    assert(op->state == OP_BLOCKED || op->state == OP_QUEUED || op->state == OP_DELAYED ||
           op->state == OP_SENT);
    op_deadline_clear(store, op);
    store->stats.finished[status]++;
    op->status = status;
    op_set_state(store, op, op->awaited ? OP_TAKEN : OP_DONE);
    if (op->kind != OP_CALL)
        sql_ended(store, op);
    else if (!op->conn)
        key_leave(store, op);
    else if (status != KEEP_OK)
        step_arm(store, keep_io.now_us() + ABANDONED_MS * 1000);
    wait_finished(store, op);
    if (op->state == OP_DONE && store->done.count == 1 && store->watched && !store->polling)
        keep_io.watch_wake(store->watch);
}

/* `fixed` is a constant result; NULL when the rows are in op->result. */
void op_finish_ok(keep_store *store, struct op *op, const char *fixed)
{
    op->fixed_result = fixed;
    op_end(store, op, KEEP_OK);
}

static void put_field(struct buffer *out, const char *name, const char *value)
{
    if (!value)
        return;
    buffer_text(out, out->size == 0 ? "{" : ",");
    buffer_json(out, name, strlen(name));
    buffer_text(out, ":");
    buffer_json(out, value, strlen(value));
}

void error_json(struct buffer *out, keep_status status, const char *op, const char *message,
                const char *sqlstate, const PGresult *failure, const char *reason)
{
    static const struct {
        const char *name;
        int field;
    } server[] = {{"detail", PG_DIAG_MESSAGE_DETAIL}, {"hint", PG_DIAG_MESSAGE_HINT},
                  {"schema", PG_DIAG_SCHEMA_NAME},    {"table", PG_DIAG_TABLE_NAME},
                  {"column", PG_DIAG_COLUMN_NAME},    {"constraint", PG_DIAG_CONSTRAINT_NAME}};
    put_field(out, "status", keep_status_name(status));
    put_field(out, "op", op);
    put_field(out, "message", message);
    put_field(out, "sqlstate", sqlstate);
    for (size_t i = 0; failure && i < sizeof server / sizeof server[0]; i++)
        put_field(out, server[i].name, keep_io.PQresultErrorField(failure, server[i].field));
    const char *position =
        failure ? keep_io.PQresultErrorField(failure, PG_DIAG_STATEMENT_POSITION) : NULL;
    if (position) {
        buffer_text(out, ",\"position\":");
        buffer_text(out, position);
    }
    put_field(out, "reason", reason);
    buffer_text(out, status_retry(status, sqlstate) ? ",\"retry\":true}" : ",\"retry\":false}");
}

static void op_end_error(keep_store *store, struct op *op, keep_status status, const char *message,
                         const char *sqlstate, const PGresult *failure, const char *reason)
{
    /* These say nothing of what became of an earlier sending. */
    bool silent = status == KEEP_DEADLINE || status == KEEP_UNAVAILABLE || status == KEEP_CLOSED ||
                  status == KEEP_NO_MEMORY || status == KEEP_INTERNAL ||
                  (sqlstate && strncmp(sqlstate, "40", 2) == 0);
    if (op->in_doubt && silent) {
        status = KEEP_UNKNOWN;
        reason = "link";
        sqlstate = NULL; /* who goes by it would take the earlier sending for refused, too */
        failure = NULL;
    }
    buffer_free(&op->result);
    error_json(&op->result, status, op->statement->spec->name, message, sqlstate, failure, reason);
    /* Without memory for the words the status still stands. */
    op->fixed_result = op->result.failed
                           ? "{\"message\":\"no memory for the error's text\",\"retry\":false}"
                           : NULL;
    op_end(store, op, status);
}

void op_finish_refused(keep_store *store, struct op *op, keep_status status, const char *message,
                       const char *sqlstate)
{
    op_end_error(store, op, status, message, sqlstate && *sqlstate ? sqlstate : NULL, NULL, NULL);
}

void op_finish_error(keep_store *store, struct op *op, keep_status status, const char *message,
                     const PGresult *failure, const char *reason)
{
    const char *sqlstate = NULL;
    if (failure) {
        const char *primary = keep_io.PQresultErrorField(failure, PG_DIAG_MESSAGE_PRIMARY);
        sqlstate = keep_io.PQresultErrorField(failure, PG_DIAG_SQLSTATE);
        if (!message)
            message = primary ? primary : "the server refused without a word";
    }
    op_end_error(store, op, status, message, sqlstate, failure, reason);
}

/* The batch no longer needs the call. */
void op_leave_batch(keep_store *store, struct op *op)
{
    assert(op->conn && op->state != OP_SENT);
    op->conn = NULL;
    key_leave(store, op);
    if (op->state == OP_RELEASED)
        op_free(store, op);
}

/* A BLOCKED call is the oldest of its key (now): it may travel, at once or when its delay is over. */
void op_resume(keep_store *store, struct op *op)
{
    op_set_state(store, op, op->not_before_us > keep_io.now_us() ? OP_DELAYED : OP_QUEUED);
}

/* Back from a batch to where it can travel again; one that nobody waits for is dropped. */
void op_requeue(keep_store *store, struct op *op)
{
    if (op->state != OP_SENT) {
        op_leave_batch(store, op);
        return;
    }
    op->conn = NULL;
    op_set_state(store, op, OP_BLOCKED);
    if (key_first(store, op))
        op_resume(store, op);
}

void op_release(keep_store *store, struct op *op)
{
    if (op->conn) {
        if (op->state == OP_SENT) {
            op_deadline_clear(store, op);
            store->stats.finished[KEEP_CANCELLED]++;
        }
        op_set_state(store, op, OP_RELEASED);
        wait_finished(store, op);
        wait_released(store, op);
        step_arm(store, keep_io.now_us() + ABANDONED_MS * 1000);
        return;
    }
    if (op->state != OP_DONE && op->state != OP_TAKEN) {
        op_deadline_clear(store, op);
        store->stats.finished[KEEP_CANCELLED]++;
        op_set_state(store, op, OP_TAKEN);
        if (op->kind == OP_CALL)
            key_leave(store, op);
        else
            sql_ended(store, op);
        wait_finished(store, op);
    }
    wait_released(store, op);
    if (op->unread)
        lease_return(store, op->unread);
    op_free(store, op);
}
