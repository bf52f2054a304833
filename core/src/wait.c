/* Blocking callers. Of many waiting threads one leads: it waits on the watch and steps the engine for all. The others
 * sleep, each on a condition of its own, until their call is finished or the lead is handed to them. */
#include "core.h"

#include <time.h>

struct waiter {
    struct waiter *prev, *next;
    pthread_cond_t wake;
    bool interrupted;
};

static void waiter_add(keep_store *store, struct waiter *waiter)
{
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
#ifndef __APPLE__
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
#endif
    *waiter = (struct waiter){.next = store->waiters};
    pthread_cond_init(&waiter->wake, &clock);
    pthread_condattr_destroy(&clock);
    if (store->waiters)
        store->waiters->prev = waiter;
    store->waiters = waiter;
}

static void waiter_remove(keep_store *store, struct waiter *waiter)
{
    if (waiter->prev)
        waiter->prev->next = waiter->next;
    else
        store->waiters = waiter->next;
    if (waiter->next)
        waiter->next->prev = waiter->prev;
    pthread_cond_destroy(&waiter->wake);
    if (!store->leading && store->waiters)
        pthread_cond_signal(&store->waiters->wake); /* somebody has to lead */
}

/* It may be the leader's own call, ended by another thread while the leader waits on the watch. */
void wait_finished(keep_store *store, struct op *op)
{
    if (!op->waiter)
        return;
    op->returning = true;
    store->returning++;
    pthread_cond_signal(&op->waiter->wake);
    if (store->leading && store->sleeping > 0)
        keep_io.watch_wake(store->watch);
}

/* ---- gathering
 *
 * Threads of a host with a lock of its own (Ruby's, Python's) come back from a batch one after the other, and the first of
 * them would send its next call alone. So calls are held while others are on their way back, until the last of them
 * submits. Whoever does not submit again must not keep the others waiting: the timer goes off when nobody came back for
 * GATHER_MS, and as that was in vain, the next calls are not held. SQL of the caller's own travels alone, so it is not held
 * at all. */

static bool wait_holds(const keep_store *store)
{
    return store->options.gather && store->returning > 0 && store->queued_count > 0 &&
           store->gather_pause == 0 && store->state == STORE_OPEN;
}

void wait_pump(keep_store *store)
{
    if (wait_holds(store)) {
        int64_t now_us = keep_io.now_us();
        if (store->held_until_us == 0) {
            store->held_until_us = now_us + GATHER_MS * 1000;
            step_arm(store, store->held_until_us);
        }
        if (now_us < store->held_until_us) {
            lease_pump(store);
            return;
        }
        store->gather_pause = GATHER_PAUSE;
    }
    store->held_until_us = 0;
    pool_pump(store);
}

/* Where somebody leads, the last thread to come back has until the timer goes off to add its own next call. */
void wait_released(keep_store *store, struct op *op)
{
    if (!op->returning)
        return;
    op->returning = false;
    store->returning--;
    if (store->held_until_us == 0)
        return;
    if (store->returning == 0 && !store->leading)
        wait_pump(store);
    else
        store->held_until_us = keep_io.now_us() + GATHER_MS * 1000;
}

void wait_interrupt(keep_store *store, struct op *op)
{
    for (struct waiter *waiter = store->waiters; waiter; waiter = waiter->next) {
        if (op && op->waiter != waiter)
            continue;
        waiter->interrupted = true;
        pthread_cond_signal(&waiter->wake);
    }
    if (store->leading)
        keep_io.watch_wake(store->watch);
}

static void wait_sleep(keep_store *store, struct waiter *waiter, int64_t wait_us)
{
    keep_io.sleep(&waiter->wake, &store->lock, wait_us);
}

/* Steps on a waiting caller's behalf. true when tickets are finished for a host that waits on keep_fd(): the step may
 * have taken the wake-up that was meant for it, so it is called again, and is on its way. */
static bool wait_step(keep_store *store, int timeout_ms)
{
    step(store, timeout_ms);
    bool host_called = store->watched && store->done.count > 0;
    if (host_called)
        keep_io.watch_wake(store->watch);
    return host_called;
}

static void wait_lead(keep_store *store, struct waiter *waiter, int64_t wait_us)
{
    store->leading = true;
    bool host_called = wait_step(store, wait_us < 0 ? -1 : (int)((wait_us + 999) / 1000));
    store->leading = false;
    if (host_called)
        wait_sleep(store, waiter, 1000);
}

/* Runs under the lock until the ticket is finished, `timeout_ms` is over, or somebody interrupts. */
static keep_status wait_for(keep_store *store, keep_op ticket, int timeout_ms)
{
    int64_t until_us = timeout_ms < 0 ? 0 : keep_io.now_us() + (int64_t)timeout_ms * 1000;
    struct waiter waiter;
    struct op *op = op_find(store, ticket);
    keep_status status;
    waiter_add(store, &waiter);
    op->waiter = &waiter;
    for (;;) {
        op = op_find(store, ticket);
        status = !op ? KEEP_INVALID : op->state == OP_TAKEN ? op->status : KEEP_PENDING;
        int64_t wait_us = timeout_ms < 0 ? -1 : until_us - keep_io.now_us();
        if (status != KEEP_PENDING || waiter.interrupted || (timeout_ms >= 0 && wait_us <= 0))
            break;
        if (store->leading)
            wait_sleep(store, &waiter, wait_us);
        else
            wait_lead(store, &waiter, wait_us);
    }
    if (op && op->waiter == &waiter)
        op->waiter = NULL;
    waiter_remove(store, &waiter);
    return status;
}

keep_status wait_ticket(keep_store *store, keep_op ticket, int timeout_ms)
{
    struct op *op = op_find(store, ticket);
    if (!op)
        return KEEP_INVALID;
    op->awaited = true;
    if (op->state == OP_DONE)
        op_set_state(store, op, OP_TAKEN);
    if (op->state == OP_TAKEN)
        return op->status;
    wait_pump(store); /* what "hold" kept back has to leave before anybody sleeps */
    if (timeout_ms == 0)
        wait_step(store, 0);
    op = op_find(store, ticket);
    if (timeout_ms == 0 || !op)
        return !op ? KEEP_INVALID : op->state == OP_TAKEN ? op->status : KEEP_PENDING;
    return wait_for(store, ticket, timeout_ms);
}
