/* Calls that travel together: who is in a batch, what travels of it, and what the server's answer means for each.
 *
 * A batch is sent in ranges, one statement and one commit each. At first one range holds everything; a range that the
 * server refuses for its data is split in two until the culprit stands alone and fails alone.
 *
 * Invariants:
 *  - Calls of one key are side by side, oldest first, and they are the head of their key's chain.
 *  - Under `same key: last` only the last live call of a key in a range travels. The superseded ones share its success;
 *    when it fails they travel without it.
 *  - A call leaves the batch as soon as its range has an outcome; whoever is left is in a range still to be sent. */
#include "core.h"

#include <assert.h>
#include <string.h>

static void batch_take(struct conn *conn, struct op *op, int64_t now_us)
{
    keep_store *store = conn->store;
    uint64_t waited = (uint64_t)(now_us - op->submitted_us);
    store->stats.queue_wait_us += waited;
    if (waited > store->stats.queue_wait_max_us)
        store->stats.queue_wait_max_us = waited;
    op_set_state(store, op, OP_SENT);
    op->conn = conn;
    conn->batch.items[conn->batch.count++] = op;
}

/* The calls of the same key right behind `op`, as far as they may share its batch. */
static void batch_take_followers(struct conn *conn, struct op *op, size_t *bytes, int64_t now_us)
{
    const struct options *options = &conn->store->options;
    enum same_key policy = op->statement->spec->same_key;
    if (policy != SAME_KEY_ANY && policy != SAME_KEY_LAST)
        return;
    for (op = op->key_next; op && op->statement == conn->batch.statement && !op->alone;
         op = op->key_next) {
        if (conn->batch.count == options->batch ||
            (int64_t)(*bytes + op->arena_size) > options->batch_bytes)
            return;
        *bytes += op->arena_size;
        batch_take(conn, op, now_us);
    }
}

void batch_collect(struct conn *conn, struct statement *statement, int share)
{
    keep_store *store = conn->store;
    struct batch *batch = &conn->batch;
    int64_t now_us = keep_io.now_us();
    size_t bytes = 0;
    batch->statement = statement;
    batch->count = batch->retries = 0;
    batch->vectors_turned = false;
    batch->abandoned_us = 0;
    if (share > store->options.batch)
        share = store->options.batch;
    for (struct op *op = store->lanes[statement->index].queue.first, *next; op; op = next) {
        next = op->next;
        bool fits = (int64_t)(bytes + op->arena_size) <= store->options.batch_bytes && !op->alone;
        if (batch->count > 0 && (!fits || batch->count >= share)) {
            if (op->alone)
                continue;
            break;
        }
        bytes += op->arena_size;
        batch_take(conn, op, now_us);
        if (op->alone || !statement->spec->batch)
            break;
        batch_take_followers(conn, op, &bytes, now_us);
    }
    batch->ranges[0] = (struct range){0, batch->count};
    batch->range_count = 1;
    store->stats.batches++;
    store->stats.batch_calls += (uint64_t)batch->count;
    int power = 0;
    while (1 << power < batch->count && power < 16)
        power++;
    store->stats.batch_sizes[power]++;
}

/* Whether a later call of the same key in the range travels in place of item `at`. */
static bool batch_superseded(const struct batch *batch, int at, int to)
{
    if (batch->statement->spec->same_key != SAME_KEY_LAST)
        return false;
    for (; at + 1 < to && batch->items[at]->key_next == batch->items[at + 1]; at++)
        if (op_live(batch->items[at + 1]))
            return true;
    return false;
}

/* Chooses what travels of the topmost range that still has live calls, and sends it; an empty batch is over. */
void batch_next_range(struct conn *conn)
{
    struct batch *batch = &conn->batch;
    while (batch->range_count > 0) {
        struct range range = batch->ranges[batch->range_count - 1];
        batch->sent_count = 0;
        for (int i = range.from; i < range.to; i++) {
            if (!op_live(batch->items[i]))
                continue;
            if (batch_superseded(batch, i, range.to)) {
                conn->store->stats.superseded++;
                continue;
            }
            batch->sent_at[batch->sent_count] = i;
            batch->sent[batch->sent_count++] = batch->items[i];
        }
        if (batch->sent_count > 0) {
            conn_send(conn);
            return;
        }
        for (int i = range.from; i < range.to; i++)
            op_leave_batch(conn->store, batch->items[i]);
        batch->range_count--;
    }
}

static void batch_push(struct batch *batch, int from, int to)
{
    if (from == to)
        return;
    assert(batch->range_count < LIMIT_RANGES);
    batch->ranges[batch->range_count++] = (struct range){from, to};
}

bool batch_live(const struct batch *batch)
{
    for (int i = 0; i < batch->range_count; i++)
        for (int at = batch->ranges[i].from; at < batch->ranges[i].to; at++)
            if (op_live(batch->items[at]))
                return true;
    return false;
}

bool batch_under_way(const struct op *op)
{
    const struct batch *batch = &op->conn->batch;
    struct range current =
        batch->range_count > 0 ? batch->ranges[batch->range_count - 1] : (struct range){0, 0};
    for (int i = current.from; i < current.to; i++)
        if (batch->items[i] == op)
            return true;
    return false;
}

void batch_no_memory(struct conn *conn)
{
    struct batch *batch = &conn->batch;
    struct range range = batch->ranges[--batch->range_count];
    for (int i = range.from; i < range.to; i++) {
        if (op_live(batch->items[i]))
            op_finish_error(conn->store, batch->items[i], KEEP_NO_MEMORY,
                            "no memory to send the call", NULL, NULL);
        op_leave_batch(conn->store, batch->items[i]);
    }
}

void batch_done(struct conn *conn)
{
    struct batch *batch = &conn->batch;
    struct range range = batch->ranges[--batch->range_count];
    result_deliver(conn);
    for (int i = range.from; i < range.to; i++) {
        if (op_live(batch->items[i])) /* superseded: committed with the call that took its place */
            op_finish_ok(conn->store, batch->items[i], "null");
        op_leave_batch(conn->store, batch->items[i]);
    }
    batch->retries = 0;
}

static void batch_refuse(struct conn *conn, int at)
{
    struct op *op = conn->batch.items[at];
    if (op_live(op)) {
        const char *sqlstate = keep_io.PQresultErrorField(conn->failure, PG_DIAG_SQLSTATE);
        op_finish_error(conn->store, op, sqlstate ? status_of(sqlstate) : KEEP_INTERNAL, NULL,
                        conn->failure, NULL);
    }
    op_leave_batch(conn->store, op);
}

static bool batch_joined(const struct batch *batch, int at)
{
    return batch->items[at - 1]->key_next == batch->items[at];
}

static bool batch_one_key(const struct batch *batch, struct range range)
{
    int at = range.from + 1;
    while (at < range.to && batch_joined(batch, at))
        at++;
    return at >= range.to;
}

/* Where to split: near the middle of what travelled. Calls of one key stay together while there are others: a part may
 * be put off for a lock, and the younger calls of its key must not overtake it. */
static int batch_cut(const struct batch *batch, struct range range)
{
    int middle = batch->sent_at[batch->sent_count / 2 - 1] + 1, cut = middle;
    while (cut < range.to && batch_joined(batch, cut))
        cut++;
    if (cut < range.to)
        return cut;
    for (cut = middle; cut > range.from && batch_joined(batch, cut);)
        cut--;
    return cut > range.from ? cut : middle;
}

/* The one that travelled alone is the culprit; those it superseded travel without it. */
static void batch_split(struct conn *conn, struct range range)
{
    struct batch *batch = &conn->batch;
    conn->store->stats.splits++;
    if (batch->sent_count == 1) {
        int culprit = batch->sent_at[0];
        batch_refuse(conn, culprit);
        batch_push(batch, culprit + 1, range.to);
        batch_push(batch, range.from, culprit);
        return;
    }
    int cut = batch_cut(batch, range);
    batch_push(batch, cut, range.to);
    batch_push(batch, range.from, cut);
}

/* Alone and later: a call behind a foreign lock must not hold up its neighbours, nor a connection for long. */
static void batch_delay(struct conn *conn, struct range range)
{
    int64_t not_before_us =
        keep_io.now_us() + (DELAY_MIN_MS + keep_io.random() % DELAY_MIN_MS) * 1000;
    for (int i = range.from; i < range.to; i++) {
        struct op *op = conn->batch.items[i];
        op->alone = true;
        op->not_before_us = not_before_us;
        op_requeue(conn->store, op);
    }
    step_arm(conn->store, not_before_us);
}

/* Whether pgvector is there is found out by use: the statement that does not fit the server is sent in its other form,
 * once. That holds too when the extension comes or goes while the store is open. */
static bool batch_turns_vectors(struct conn *conn, const char *sqlstate)
{
    static const char *const unfit[] = {"42704", "42883", "42846",
                                        "42804"}; /* type, function, casts */
    if (!conn->batch.statement->spec->vectors || conn->batch.vectors_turned || !sqlstate)
        return false;
    for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++)
        if (strcmp(sqlstate, unfit[i]) == 0) {
            conn->batch.vectors_turned = true;
            conn->store->real_vectors = !conn->form->reals;
            return true;
        }
    return false;
}

enum failure batch_failed(struct conn *conn)
{
    struct batch *batch = &conn->batch;
    keep_store *store = conn->store;
    struct range range = batch->ranges[batch->range_count - 1];
    const char *sqlstate = keep_io.PQresultErrorField(conn->failure, PG_DIAG_SQLSTATE);
    enum failure failure = sqlstate ? failure_of(sqlstate) : FAILURE_ITEM;
    if (failure == FAILURE_PREPARED && conn->named) {
        store->unnamed = true;
        return failure; /* the range is sent again, unnamed */
    }
    if (failure == FAILURE_AGAIN && batch->retries++ < LIMIT_RETRIES) {
        store->stats.retries++;
        return failure;
    }
    if (failure == FAILURE_LINK)
        return failure;
    if (batch_turns_vectors(conn, sqlstate))
        return FAILURE_AGAIN;
    batch->range_count--;
    if (failure == FAILURE_BLOCKED && (batch->sent_count == 1 || batch_one_key(batch, range))) {
        batch_delay(conn, range);
    } else if (failure == FAILURE_ALL || failure == FAILURE_PREPARED) {
        for (int i = range.from; i < range.to; i++)
            batch_refuse(conn, i);
    } else {
        batch_split(conn, range);
    }
    return failure;
}

static bool op_resendable(const struct op *op)
{
    const struct statement_spec *spec = op->statement->spec;
    return spec->resend == RESEND_YES ||
           (spec->resend == RESEND_KEY && op->args[spec->resend_arg].data);
}

static void op_lost(struct op *op, bool in_doubt, const char *why, const PGresult *failure)
{
    keep_store *store = op->conn->store;
    op->in_doubt = op->in_doubt || (in_doubt && op->statement->spec->writes);
    if (op_live(op) && in_doubt && !op_resendable(op)) {
        op_finish_error(store, op, KEEP_UNKNOWN, why, NULL, "link");
    } else if (op_live(op) && ++op->attempts >= LIMIT_ATTEMPTS) {
        op_finish_error(store, op, KEEP_UNAVAILABLE, why, failure, NULL);
    } else if (op_live(op)) {
        store->stats.resent++;
        op_requeue(store, op);
        return;
    }
    op_leave_batch(store, op);
}

/* `certainly_not`: the server told, or cannot but have, that the current range was not committed. Ranges that were not
 * sent yet are never in doubt. */
void batch_lost(struct conn *conn, bool certainly_not, const char *why)
{
    struct batch *batch = &conn->batch;
    for (bool current = true; batch->range_count > 0; current = false) {
        struct range range = batch->ranges[--batch->range_count];
        for (int i = range.from; i < range.to; i++)
            op_lost(batch->items[i], current && !certainly_not, why,
                    current ? conn->failure : NULL);
    }
}
