/* One step of the engine: wait for events (the only place where the lock is let go), serve them, look at the clock, and
 * send what can be sent. */
#include "core.h"

/* The timer is only ever moved forward to an earlier time; a late deadline finds its own time when an earlier one has
 * gone off. So calls with ever later deadlines cost no system call. */
void step_arm(keep_store *store, int64_t at_us)
{
    if (at_us == 0 || (store->timer_us && store->timer_us <= at_us))
        return;
    store->timer_us = at_us;
    keep_io.watch_timer(store->watch, at_us);
}

static void step_timers(keep_store *store)
{
    int64_t now_us = keep_io.now_us();
    store->timer_us = 0;
    op_expire(store, now_us);
    op_wake_delayed(store, now_us);
    pool_timers(store, now_us);
}

static void step_arm_next(keep_store *store)
{
    if (store->deadline_count > 0)
        step_arm(store, store->deadlines[0]->deadline_us);
    for (struct op *op = store->delayed.first; op; op = op->next)
        step_arm(store, op->not_before_us);
    step_arm(store, pool_next_time(store));
    step_arm(store, store->held_until_us);
}

void step(keep_store *store, int timeout_ms)
{
    struct watch_event events[LIMIT_EVENTS];
    int count;
    if (timeout_ms == 0) {
        count = keep_io.watch_wait(store->watch, events, LIMIT_EVENTS, 0);
    } else {
        store->sleeping++;
        pthread_mutex_unlock(&store->lock);
        count = keep_io.watch_wait(store->watch, events, LIMIT_EVENTS, timeout_ms);
        pthread_mutex_lock(&store->lock);
        store->sleeping--;
    }
    bool timers = store->timer_us && store->timer_us <= keep_io.now_us(), woken = false;
    for (int i = 0; i < count; i++) {
        if (events[i].tag == WATCH_TAG_TIMER)
            timers = true;
        else if (events[i].tag == WATCH_TAG_WAKE)
            woken = true;
        else if (store->state == STORE_OPEN || store->state == STORE_CLOSING)
            conn_event(&store->conns[events[i].tag], events[i].ready);
    }
    if (woken) {
        keep_io.watch_quiet(store->watch);
        pool_woken(store);
    }
    if (store->state == STORE_CLOSED)
        return; /* by another thread, while this one waited */
    if (timers)
        step_timers(store);
    wait_pump(store);
    if (timers || store->timer_us == 0)
        step_arm_next(store);
}
