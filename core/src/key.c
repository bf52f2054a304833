/* Order: calls of one store that name the same key take effect in the order of their submission.
 *
 * The calls of a key form a chain, oldest first; the table finds the oldest. Invariant: of a chain only a head part can
 * be queued or travel, and only on one connection: the oldest is QUEUED, DELAYED or in a batch; those behind it are
 * BLOCKED, unless they are in the same batch. So two statements that name one key never run side by side, and two
 * batches never wait for each other's rows. */
#include "core.h"

#include <assert.h>
#include <string.h>

/* "state" of "state.save": the operations of one store share their keys. */
static size_t noun_size(const char *name)
{
    return (size_t)(strchr(name, '.') - name);
}

static uint64_t hash_bytes(uint64_t hash, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)data[i]) * 0x100000001b3u;
    return hash * 0x100000001b3u; /* the end counts: ("ab", "c") is not ("a", "bc") */
}

static uint64_t key_hash(const struct op *op)
{
    const struct statement_spec *spec = op->statement->spec;
    uint64_t hash = hash_bytes(0xcbf29ce484222325u, spec->name, noun_size(spec->name));
    for (int i = 0; i < spec->key_count; i++)
        hash = hash_bytes(hash, op->args[spec->key[i]].data, op->args[spec->key[i]].size);
    return hash ? hash : 1;
}

static bool key_equal(const struct op *a, const struct op *b)
{
    const struct statement_spec *left = a->statement->spec, *right = b->statement->spec;
    size_t noun = noun_size(left->name);
    if (a->key_hash != b->key_hash || left->key_count != right->key_count ||
        noun != noun_size(right->name) || memcmp(left->name, right->name, noun) != 0)
        return false;
    for (int i = 0; i < left->key_count; i++) {
        keep_text x = a->args[left->key[i]], y = b->args[right->key[i]];
        if (!x.data != !y.data || x.size != y.size || memcmp(x.data, y.data, x.size) != 0)
            return false;
    }
    return true;
}

static struct op **bucket_of(keep_store *store, const struct op *op)
{
    struct op **at = &store->buckets[op->key_hash % LIMIT_KEY_BUCKETS];
    while (*at && !key_equal(*at, op))
        at = &(*at)->bucket_next;
    return at;
}

bool key_enter(keep_store *store, struct op *op)
{
    op->key_next = NULL;
    if (op->statement->spec->key_count == 0)
        return true;
    op->key_hash = key_hash(op);
    struct op **at = bucket_of(store, op);
    if (*at) {
        (*at)->key_tail->key_next = op;
        (*at)->key_tail = op;
        return false;
    }
    *at = op;
    op->key_tail = op;
    op->bucket_next = NULL;
    return true;
}

bool key_first(keep_store *store, const struct op *op)
{
    return op->key_hash == 0 || *bucket_of(store, op) == op;
}

static void key_leave_behind(struct op *oldest, struct op *op)
{
    struct op *before = oldest;
    while (before->key_next != op)
        before = before->key_next;
    before->key_next = op->key_next;
    if (oldest->key_tail == op)
        oldest->key_tail = before;
}

void key_leave(keep_store *store, struct op *op)
{
    if (op->key_hash == 0)
        return;
    struct op **at = bucket_of(store, op);
    struct op *oldest = *at, *next = op->key_next;
    assert(oldest);
    if (oldest != op) {
        key_leave_behind(oldest, op);
    } else if (next) {
        next->key_tail = op->key_tail;
        next->bucket_next = op->bucket_next;
        *at = next;
    } else {
        *at = op->bucket_next;
    }
    op->key_hash = 0;
    op->key_next = NULL;
    if (oldest == op && next && next->state == OP_BLOCKED)
        op_resume(store, next);
}
