/* Blocking callers on a real server: who waits for whom, the options "gather" and "queue_ms". Where a time matters the clock
 * stands still until the test moves it. */
#include "store.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { NOT_HELD = 32 /* calls after one that was held in vain */ };

static int64_t (*real_now_us)(void);
static _Atomic int64_t stopped_us; /* 0: the clock runs */
static _Atomic int slowed = 1;     /* and so many times slower than the real one */

static int64_t clock_now_us(void)
{
    int64_t at_us = stopped_us;
    return at_us ? at_us : real_now_us() / slowed;
}

static bool (*real_timer)(struct watch *watch, int64_t at_us);

static bool clock_timer(struct watch *watch, int64_t at_us)
{
    return stopped_us || real_timer(watch, at_us * slowed);
}

static void clock_stop(void)
{
    stopped_us = real_now_us();
}

static keep_op save(keep_store *store, const char *session, int deadline_ms)
{
    return keep_state_save(store, KEEP_TEXT("wait"), text(session), KEEP_TEXT("{}"), deadline_ms);
}

static keep_op load(keep_store *store)
{
    return keep_state_load(store, KEEP_TEXT("wait"), KEEP_TEXT("nobody's"), PATIENT_MS);
}

static bool says(keep_store *store, keep_op op, const char *wanted)
{
    const char *result = keep_op_result(store, op).data;
    return result && strstr(result, wanted);
}

static long trips(keep_store *store)
{
    static const char name[] = "\"round_trips\":";
    keep_op op = keep_admin_stats(store, 0);
    const char *found = strstr(keep_op_result(store, op).data, name);
    long value = found ? atol(found + sizeof name - 1) : -1;
    keep_release(store, op);
    return value;
}

/* A thread of its own that waits for one ticket. */
struct waiting {
    keep_store *store;
    keep_op op;
    pthread_t thread;
    keep_status status;
};

static void *wait_for(void *argument)
{
    struct waiting *waiting = argument;
    waiting->status = keep_wait(waiting->store, waiting->op, PATIENT_MS);
    return NULL;
}

static struct waiting waiting_for(keep_store *store, keep_op op)
{
    return (struct waiting){.store = store, .op = op};
}

static void wait_begin(struct waiting *waiting)
{
    CHECK(pthread_create(&waiting->thread, NULL, wait_for, waiting) == 0);
}

static keep_status wait_end(struct waiting *waiting)
{
    pthread_join(waiting->thread, NULL);
    return waiting->status;
}

/* A ticket that has woken its thread and is not released: whoever submits is held for it. */
static keep_op awaited(keep_store *store)
{
    keep_op op = load(store);
    CHECK(keep_wait(store, op, PATIENT_MS) == KEEP_OK);
    return op;
}

/* Two of them. The second one was held for the first in vain, so the calls that are not held for that are spent. */
static void awaited_twice(keep_store *store, keep_op *first, keep_op *second)
{
    *first = awaited(store);
    *second = awaited(store);
    for (int i = 0; i < NOT_HELD; i++)
        CHECK(finish(store, load(store)) == KEEP_OK);
}

/* ---- a session of somebody else that locks the row of "locked" */

struct locker {
    keep_store *store;
    keep_lease lease;
};

static keep_status locker_run(const struct locker *locker, const char *sql)
{
    return finish(locker->store,
                  keep_query(locker->store, locker->lease, text(sql), NULL, 0, PATIENT_MS));
}

static struct locker lock_row(void)
{
    struct locker locker = {.store = open_store(NULL)};
    CHECK(finish(locker.store, save(locker.store, "locked", 0)) == KEEP_OK);
    keep_op op = keep_lease_take(locker.store, PATIENT_MS);
    CHECK(keep_wait(locker.store, op, PATIENT_MS) == KEEP_OK);
    CHECK(sscanf(keep_op_result(locker.store, op).data, "{\"lease\":%lu", &locker.lease) == 1);
    keep_release(locker.store, op);
    CHECK(locker_run(&locker, "begin") == KEEP_OK);
    CHECK(locker_run(&locker, "select from agent_states where session_id = 'locked' for update") ==
          KEEP_OK);
    return locker;
}

static void unlock_row(const struct locker *locker)
{
    CHECK(locker_run(locker, "commit") == KEEP_OK);
    keep_lease_return(locker->store, locker->lease);
    close_store(locker->store);
}

/* ---- "queue_ms" */

static void test_queue_limit(void)
{
    struct locker locker = lock_row();
    keep_store *store = open_store("{\"connections\":1,\"lock_ms\":0,\"queue_ms\":50}");
    CHECK(finish(store, load(store)) == KEEP_OK); /* the connection is up */
    keep_op sent = save(store, "locked", PATIENT_MS), waits = save(store, "other", PATIENT_MS),
            same_key = save(store, "locked", PATIENT_MS), short_of_time = save(store, "third", 10);
    CHECK(keep_wait(store, short_of_time, PATIENT_MS) == KEEP_DEADLINE);
    CHECK(!says(store, short_of_time, "\"reason\""));
    CHECK(keep_wait(store, waits, PATIENT_MS) == KEEP_DEADLINE);
    CHECK(says(store, waits, "\"reason\":\"queue\"") && says(store, waits, "\"retry\":true"));
    CHECK(keep_wait(store, sent, 100) == KEEP_PENDING); /* it has left, and goes on */
    CHECK(keep_op_status(store, same_key) == KEEP_PENDING);
    unlock_row(&locker);
    CHECK(finish(store, sent) == KEEP_OK);
    CHECK(finish(store, same_key) == KEEP_OK); /* it waited for its key, not for a connection */
    keep_release(store, waits);
    keep_release(store, short_of_time);
    close_store(store);
}

/* What has left has its own deadline still. */
static void test_deadline_behind_the_queue(void)
{
    struct locker locker = lock_row();
    keep_store *store = open_store("{\"connections\":1,\"lock_ms\":0,\"queue_ms\":20}");
    CHECK(finish(store, load(store)) == KEEP_OK);
    clock_stop();
    keep_op op = save(store, "locked", 200);
    stopped_us += 100000;
    keep_poll(store);
    CHECK(keep_op_status(store, op) == KEEP_PENDING);
    stopped_us += 100000;
    keep_poll(store);
    CHECK(keep_op_status(store, op) == KEEP_UNKNOWN);
    CHECK(says(store, op, "\"reason\":\"deadline\""));
    keep_release(store, op);
    stopped_us = 0;
    unlock_row(&locker);
    close_store(store);
}

/* A host that was held up itself, after it submitted, has had no time to send; nothing was lacking. */
static void test_queue_limit_where_nothing_is_lacking(void)
{
    for (int up = 0; up < 2; up++) {
        keep_store *store = open_store("{\"connections\":1,\"hold\":true,\"queue_ms\":50}");
        CHECK(!up || finish(store, load(store)) == KEEP_OK);
        clock_stop();
        keep_op op = save(store, "other", PATIENT_MS);
        stopped_us += 60 * 1000;
        struct pollfd ready = {.fd = keep_fd(store), .events = POLLIN};
        while (keep_poll(store) == 0)
            poll(&ready, 1, -1);
        CHECK(keep_next(store) == op);
        CHECK(finish(store, op) == KEEP_OK);
        stopped_us = 0;
        close_store(store);
    }
}

/* Only the first of two may leave first; for the other one no connection is free then. */
static void test_queue_limit_behind_one_that_left(void)
{
    struct locker locker = lock_row();
    keep_store *store =
        open_store("{\"connections\":1,\"lock_ms\":0,\"hold\":true,\"queue_ms\":50}");
    CHECK(finish(store, load(store)) == KEEP_OK);
    clock_stop();
    keep_op sent = save(store, "locked", PATIENT_MS), waits = load(store);
    stopped_us += 60 * 1000;
    keep_poll(store);
    CHECK(keep_op_status(store, sent) == KEEP_PENDING);
    CHECK(keep_op_status(store, waits) == KEEP_PENDING);
    stopped_us += 1000;
    keep_poll(store);
    CHECK(keep_op_status(store, sent) == KEEP_PENDING);
    CHECK(says(store, waits, "\"reason\":\"queue\""));
    keep_release(store, waits);
    stopped_us = 0;
    unlock_row(&locker);
    CHECK(finish(store, sent) == KEEP_OK);
    close_store(store);
}

/* The connection that is kept for reads is free for no write. */
static void test_queue_limit_of_writes(void)
{
    struct locker locker = lock_row();
    keep_store *store = open_store("{\"connections\":2,\"lock_ms\":0,\"queue_ms\":50}");
    CHECK(finish(store, load(store)) == KEEP_OK);
    clock_stop();
    keep_op sent = save(store, "locked", PATIENT_MS);
    CHECK(finish(store, load(store)) == KEEP_OK); /* the second connection is up */
    keep_op waits = save(store, "other", PATIENT_MS);
    stopped_us += 60 * 1000;
    keep_poll(store);
    CHECK(says(store, waits, "\"reason\":\"queue\""));
    keep_release(store, waits);
    stopped_us = 0;
    unlock_row(&locker);
    CHECK(finish(store, sent) == KEEP_OK);
    close_store(store);
}

/* ---- "gather" */

enum { THREADS = 8, ROUNDS = 15 };

/* Threads of a language that runs one at a time: all but the waiting is done under one lock. */
struct crowd {
    keep_store *store;
    pthread_mutex_t turn;
    atomic_int wrong;
};

static void *ask_in_turn(void *argument)
{
    struct crowd *crowd = argument;
    pthread_mutex_lock(&crowd->turn);
    for (int i = 0; i < ROUNDS; i++) {
        keep_op op = load(crowd->store);
        pthread_mutex_unlock(&crowd->turn);
        crowd->wrong += keep_wait(crowd->store, op, PATIENT_MS) != KEEP_OK;
        pthread_mutex_lock(&crowd->turn);
        keep_release(crowd->store, op);
        usleep(2000); /* longer than a trip: whoever does not wait for the others travels alone */
    }
    pthread_mutex_unlock(&crowd->turn);
    return NULL;
}

/* Alone each call would need its own trip, as no other call is submitted while it is under way. */
static void test_threads_ask_together(void)
{
    pthread_t threads[THREADS];
    slowed = 1000; /* a busy machine must not take the bound for over, and the end waits for it */
    struct crowd crowd = {.store = open_store("{\"gather\":true}")};
    pthread_mutex_init(&crowd.turn, NULL);
    CHECK(finish(crowd.store, load(crowd.store)) == KEEP_OK);
    long before = trips(crowd.store);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, ask_in_turn, &crowd) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    long taken = trips(crowd.store) - before;
    CHECK(crowd.wrong == 0);
    CHECK(taken >= ROUNDS && taken <= THREADS * ROUNDS / 2);
    pthread_mutex_destroy(&crowd.turn);
    close_store(crowd.store);
    slowed = 1;
}

static void test_alone_is_never_held(const char *options, bool polls)
{
    keep_store *store = open_store(options);
    keep_release(store, awaited(store));
    clock_stop();
    for (int i = 0; i < 50; i++) {
        long before = trips(store);
        keep_op op = load(store);
        if (polls)
            keep_poll(store);
        CHECK(trips(store) == before + 1);
        CHECK(finish(store, op) == KEEP_OK);
    }
    stopped_us = 0;
    close_store(store);
}

/* Whether a call that is submitted now is held. */
static bool held(keep_store *store, keep_op *op)
{
    long before = trips(store);
    *op = load(store);
    return trips(store) == before;
}

static void test_held_until_released(void)
{
    keep_store *store = open_store("{\"gather\":true}");
    keep_op back, another, ops[3];
    awaited_twice(store, &back, &another);
    clock_stop();
    CHECK(held(store, &ops[0]));
    keep_poll(store);
    keep_release(store, back);
    CHECK(held(store, &ops[1]));
    long before = trips(store);
    keep_release(store, another); /* the last one, and nobody leads */
    CHECK(trips(store) == before + 1);
    CHECK(finish(store, ops[0]) == KEEP_OK && finish(store, ops[1]) == KEEP_OK);
    CHECK(!held(store, &ops[2]));
    CHECK(finish(store, ops[2]) == KEEP_OK);
    stopped_us = 0;
    close_store(store);
}

/* A thread that does something else holds others up for 1 ms since anybody came back, and then not at all for 32 calls. */
static void test_bound(void)
{
    keep_store *store = open_store("{\"gather\":true}");
    keep_op away, back, op, next;
    awaited_twice(store, &away, &back);
    clock_stop();
    CHECK(held(store, &op));
    stopped_us += 900;
    keep_release(store, back);
    stopped_us += 900;
    long before = trips(store);
    keep_poll(store);
    CHECK(trips(store) == before);
    stopped_us += 100;
    keep_poll(store);
    CHECK(trips(store) == before + 1);
    CHECK(finish(store, op) == KEEP_OK);
    for (int i = 0; i < NOT_HELD; i++) {
        CHECK(!held(store, &op));
        CHECK(finish(store, op) == KEEP_OK);
    }
    CHECK(held(store, &op));
    keep_release(store, away);
    CHECK(finish(store, op) == KEEP_OK);
    CHECK(!held(store, &next));
    CHECK(finish(store, next) == KEEP_OK);
    stopped_us = 0;
    close_store(store);
}

/* The same with the clock that runs: nobody but the timer wakes the leader, or the host that waits on the descriptor. */
static void test_bound_wakes(const char *options)
{
    keep_store *store = open_store(options);
    keep_op away = awaited(store);
    CHECK(finish(store, load(store)) == KEEP_OK);
    keep_release(store, away);
    close_store(store);
    store = open_store(options);
    int fd = keep_fd(store);
    away = awaited(store);
    keep_op op = load(store);
    while (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, PATIENT_MS) == 1) {
        keep_poll(store);
        if (keep_op_status(store, op) != KEEP_PENDING)
            break;
    }
    CHECK(keep_op_status(store, op) == KEEP_OK);
    keep_release(store, op);
    keep_release(store, away);
    close_store(store);
}

static void test_gather_with_hold(void)
{
    keep_store *store = open_store("{\"gather\":true,\"hold\":true}");
    keep_op away = awaited(store), first, second;
    clock_stop();
    CHECK(held(store, &first));
    long before = trips(store);
    keep_poll(store);
    CHECK(trips(store) == before); /* for `away` */
    stopped_us += 1000;
    CHECK(held(store, &second)); /* for keep_poll() */
    keep_poll(store);
    CHECK(trips(store) == before + 1); /* both */
    keep_release(store, away);
    CHECK(finish(store, first) == KEEP_OK && finish(store, second) == KEEP_OK);
    stopped_us = 0;
    close_store(store);
}

static void test_sql_is_not_held(void)
{
    keep_store *store = open_store("{\"gather\":true}");
    keep_op away = awaited(store), op;
    clock_stop();
    CHECK(held(store, &op));
    CHECK(finish(store, keep_query(store, 0, KEEP_TEXT("select 1"), NULL, 0, 0)) == KEEP_OK);
    CHECK(keep_op_status(store, op) == KEEP_PENDING);
    stopped_us = 0;
    CHECK(finish(store, op) == KEEP_OK);
    keep_release(store, away);
    close_store(store);
}

static void test_close_while_held(void)
{
    struct locker locker = lock_row();
    keep_store *store = open_store("{\"gather\":true,\"lock_ms\":0}");
    keep_op away = awaited(store), sent, unsent;
    keep_release(store, away);
    sent = save(store, "locked", PATIENT_MS);
    away = awaited(store);
    clock_stop();
    CHECK(held(store, &unsent));
    unlock_row(&locker);
    CHECK(keep_close(store, 5000) == KEEP_OK);
    stopped_us = 0;
    CHECK(keep_op_status(store, sent) == KEEP_OK);
    CHECK(keep_op_status(store, unsent) == KEEP_CLOSED);
    keep_release(store, away);
    keep_free(store);
}

/* ---- a call that another thread ends */

static void test_ended_by_another(bool release)
{
    struct locker locker = lock_row();
    keep_store *store = open_store("{\"gather\":true,\"connections\":2,\"lock_ms\":0}");
    CHECK(finish(store, load(store)) == KEEP_OK);
    keep_op op = save(store, "locked", PATIENT_MS), next;
    struct waiting waiting = waiting_for(store, op);
    wait_begin(&waiting);
    CHECK(finish(store, load(store)) == KEEP_OK); /* a second connection is up */
    usleep(50000); /* it most likely leads and sleeps by now; what follows is true in any case */
    if (release) {
        keep_release(store, op);
        CHECK(wait_end(&waiting) == KEEP_INVALID);
        clock_stop();
        CHECK(!held(store, &next)); /* there is nobody whose release is still to come */
        stopped_us = 0;
        CHECK(finish(store, next) == KEEP_OK);
    } else {
        keep_cancel(store, op);
        CHECK(wait_end(&waiting) == KEEP_CANCELLED);
        keep_release(store, op);
    }
    unlock_row(&locker);
    close_store(store);
}

int main(void)
{
    if (!server_start())
        return 1;
    real_now_us = keep_io.now_us;
    real_timer = keep_io.watch_timer;
    keep_io.now_us = clock_now_us;
    keep_io.watch_timer = clock_timer;
    keep_store *store = open_store(NULL);
    CHECK(finish(store, keep_state_setup(store, PATIENT_MS)) == KEEP_OK);
    close_store(store);
    test_queue_limit();
    test_deadline_behind_the_queue();
    test_queue_limit_where_nothing_is_lacking();
    test_queue_limit_behind_one_that_left();
    test_queue_limit_of_writes();
    test_threads_ask_together();
    test_alone_is_never_held("{\"gather\":true}", false);
    test_alone_is_never_held("{\"gather\":true,\"hold\":true}", true);
    test_held_until_released();
    test_bound();
    test_bound_wakes("{\"gather\":true}");
    test_bound_wakes("{\"gather\":true,\"hold\":false,\"connections\":1}");
    test_gather_with_hold();
    test_sql_is_not_held();
    test_close_while_held();
    test_ended_by_another(true);
    test_ended_by_another(false);
    return server_end();
}
