/* Prepared statements of a session: a text that is used again gets a name there. The least recently used of
 * LIMIT_PLANS texts makes room for a new one; if it had been prepared, the server is told at the next reset. */
#include "core.h"

#include <stdio.h>
#include <string.h>

static uint64_t plan_hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t plan_hash(const struct op *op)
{
    uint64_t hash = plan_hash_bytes(0xcbf29ce484222325u, op->args[0].data, op->args[0].size);
    hash = plan_hash_bytes(hash, op->params.types, (size_t)op->params.count * sizeof(Oid));
    return hash ? hash : 1;
}

static bool plan_fits(const struct plan *plan, uint64_t hash, const struct op *op)
{
    size_t types = (size_t)op->params.count * sizeof(Oid);
    return plan->hash == hash && plan->size == op->args[0].size &&
           plan->count == op->params.count &&
           memcmp(plan->text, op->args[0].data, plan->size) == 0 &&
           (types == 0 || memcmp(plan->types, op->params.types, types) == 0);
}

static void plan_free(struct plan *plan)
{
    keep_alloc(plan->types, 0); /* the start of both */
    *plan = (struct plan){0};
}

void plan_forget(struct plans *plans, struct plan *plan)
{
    if (plan->number && plans->dropped_count < LIMIT_PLANS)
        plans->dropped[plans->dropped_count++] = plan->number;
    plan_free(plan);
}

/* A place for a new text; NULL when the server could not be told of one more that was given up. */
static struct plan *plan_place(struct plans *plans)
{
    struct plan *oldest = &plans->slots[0];
    for (int i = 0; i < LIMIT_PLANS && oldest->hash; i++)
        if (!plans->slots[i].hash || plans->slots[i].used < oldest->used)
            oldest = &plans->slots[i];
    if (oldest->number && plans->dropped_count == LIMIT_PLANS)
        return NULL;
    if (oldest->hash)
        plan_forget(plans, oldest);
    return oldest;
}

/* Text and types share an allocation. */
static void plan_note(struct plans *plans, uint64_t hash, const struct op *op)
{
    size_t size = op->args[0].size, types = (size_t)op->params.count * sizeof(Oid);
    struct plan *plan = plan_place(plans);
    char *copy = plan ? keep_alloc(NULL, types + size + 1) : NULL;
    if (!copy)
        return;
    if (types > 0)
        memcpy(copy, op->params.types, types);
    memcpy(copy + types, op->args[0].data, size);
    *plan = (struct plan){.hash = hash,
                          .text = copy + types,
                          .size = size,
                          .types = (Oid *)(void *)copy,
                          .count = op->params.count,
                          .used = ++plans->clock};
}

struct plan *plan_of(struct plans *plans, const struct op *op)
{
    if (op->args[0].size > LIMIT_PLAN_TEXT)
        return NULL;
    if (!plans->slots) {
        plans->slots = keep_alloc(NULL, LIMIT_PLANS * sizeof *plans->slots);
        if (!plans->slots)
            return NULL;
        memset(plans->slots, 0, LIMIT_PLANS * sizeof *plans->slots);
    }
    uint64_t hash = plan_hash(op);
    for (int i = 0; i < LIMIT_PLANS; i++) {
        struct plan *plan = &plans->slots[i];
        if (plan->hash != hash || !plan_fits(plan, hash, op))
            continue;
        plan->used = ++plans->clock;
        return plan;
    }
    plan_note(plans, hash, op);
    return NULL;
}

void plan_name(const struct plan *plan, char name[32])
{
    snprintf(name, 32, "statekeep_%u", plan->number);
}

void plans_clear(struct plans *plans, bool at_server)
{
    for (int i = 0; plans->slots && i < LIMIT_PLANS; i++)
        if (plans->slots[i].hash)
            plan_free(&plans->slots[i]);
    if (at_server)
        plans->dropped_count = 0;
}

void plans_free(struct plans *plans)
{
    plans_clear(plans, true);
    keep_alloc(plans->slots, 0);
    *plans = (struct plans){0};
}
