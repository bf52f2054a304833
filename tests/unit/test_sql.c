/* SQL of the caller's own on a real server: what a C host relies on and the conformance suite cannot see from outside. */
#include "store.h"

#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static keep_op query(keep_store *store, keep_lease lease, const char *sql)
{
    return keep_query(store, lease, text(sql), NULL, 0, 60000);
}

static keep_status run(keep_store *store, keep_lease lease, const char *sql)
{
    return finish(store, query(store, lease, sql));
}

/* Runs a statement whose result must hold `wanted`. */
static void check_holds(int line, keep_store *store, keep_op op, const char *wanted)
{
    keep_wait(store, op, 60000);
    const char *result = keep_op_result(store, op).data;
    if (!result || !strstr(result, wanted)) {
        check_failures++;
        fprintf(stderr, "%s:%d: %s does not hold %s\n", __FILE__, line, result ? result : "NULL",
                wanted);
    }
    keep_release(store, op);
}

#define HOLDS(store, op, wanted) check_holds(__LINE__, store, op, wanted)

static keep_lease lease_of(keep_store *store, keep_op op)
{
    const char *result = keep_op_result(store, op).data;
    keep_lease lease =
        result && strncmp(result, "{\"lease\":", 9) == 0 ? strtoull(result + 9, NULL, 10) : 0;
    keep_release(store, op);
    return lease;
}

static keep_lease take(keep_store *store)
{
    keep_op op = keep_lease_take(store, 60000);
    CHECK(keep_wait(store, op, 60000) == KEEP_OK);
    return lease_of(store, op);
}

static long counter(keep_store *store, const char *name)
{
    keep_op op = keep_admin_stats(store, 0);
    const char *found = strstr(keep_op_result(store, op).data, name);
    long value = found ? atol(found + strlen(name)) : -1;
    keep_release(store, op);
    return value;
}

static long leases_out(keep_store *store)
{
    return counter(store, "\"leases\":{\"out\":");
}

static void test_parameters(void)
{
    keep_store *store = open_store(NULL);
    keep_param params[] = {{.value = KEEP_TEXT("\0\0\0\7"), .type = 23, .binary = 1},
                           {.value = KEEP_TEXT("x"), .type = 25},
                           {.value = {NULL, 0}}};
    keep_text sql = KEEP_TEXT("select $1, $2, $3::text");
    for (int i = 0; i < 4; i++)
        HOLDS(store, keep_query(store, 0, sql, params, 3, 0), "\"rows\":[[7,\"x\",null]]");
    params[1].value = (keep_text){"a\0b", 3};
    HOLDS(store, keep_query(store, 0, sql, params, 3, 0), "\"sqlstate\":\"22021\"");
    HOLDS(store, keep_query(store, 0, (keep_text){"select\0", 7}, NULL, 0, 0), "22021");
    HOLDS(store, keep_query(store, 0, (keep_text){NULL, 0}, NULL, 0, 0), "INVALID");
    HOLDS(store, keep_query(store, 0, sql, params, 70000, 0), "INVALID");
    HOLDS(store, keep_query(store, 77, sql, params, 1, 0), "the lease is not out");
    HOLDS(store, keep_copy_in(store, 0, (keep_text){NULL, 0}, NULL, 0), "the lease is not out");
    HOLDS(store, keep_notification(store, 0, 0), "the lease is not out");
    CHECK(counter(store, "\"opened\":") == 1);
    close_store(store);
    store = open_store("{\"argument_bytes\":10}");
    HOLDS(store, query(store, 0, "select 1 + 1 + 1"), "argument_bytes");
    close_store(store);
}

/* A taker that lets go of its ticket gets no lease, whenever that is. */
static void test_unread(void)
{
    keep_store *store = open_store("{\"connections\":2}");
    keep_op op = keep_lease_take(store, 0);
    CHECK(keep_wait(store, op, 60000) == KEEP_OK);
    CHECK(leases_out(store) == 1);
    keep_release(store, op);
    CHECK(leases_out(store) == 0);
    keep_lease lease = take(store);
    CHECK(leases_out(store) == 1);
    keep_op second = keep_lease_take(store, 0), third = keep_lease_take(store, 0);
    keep_cancel(store, second);
    CHECK(finish(store, second) == KEEP_CANCELLED);
    keep_release(store, third);
    keep_lease_return(store, lease);
    keep_lease_return(store, lease);
    keep_lease_return(store, 0);
    lease = take(store);
    CHECK(run(store, lease, "select 1") == KEEP_OK);
    keep_lease_return(store, lease);
    close_store(store);
}

/* A statement that is let go of before it has left takes its link along: the next one gets another, without anybody's
 * help but the descriptor's. */
static void test_let_go_half_sent(void)
{
    keep_store *store = open_store("{\"connections\":2,\"connect_ms\":1000000}");
    int fd = keep_fd(store);
    CHECK(run(store, 0, "select 1") == KEEP_OK);
    enum { LARGE = 60 << 20 };
    char *large = malloc(LARGE);
    memset(large, 'x', LARGE);
    keep_param param = {.value = {large, LARGE}};
    keep_op half = keep_query(store, 0, KEEP_TEXT("select length($1)"), &param, 1, -1);
    keep_op next = keep_query(store, 0, KEEP_TEXT("select 'next'"), NULL, 0, PATIENT_MS / 2);
    free(large);
    keep_poll(store);
    keep_release(store, half);
    while (keep_op_status(store, next) == KEEP_PENDING) {
        CHECK(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, PATIENT_MS) == 1);
        keep_poll(store);
    }
    HOLDS(store, next, "[[\"next\"]]");
    close_store(store);
}

static void test_pending_at_the_return(void)
{
    keep_store *store = open_store("{\"connections\":2}");
    keep_lease lease = take(store);
    keep_op running = query(store, lease, "select pg_sleep(30)"),
            waiting = query(store, lease, "select 1"), ear = keep_notification(store, lease, 0);
    keep_poll(store);
    keep_lease_return(store, lease);
    CHECK(finish(store, running) == KEEP_CANCELLED);
    CHECK(finish(store, waiting) == KEEP_CANCELLED);
    CHECK(finish(store, ear) == KEEP_CANCELLED);
    HOLDS(store, query(store, lease, "select 1"), "the lease is not out");
    lease = take(store);
    CHECK(run(store, lease, "copy (select 1) to stdout") == KEEP_OK);
    keep_lease_return(store, lease);
    lease = take(store);
    CHECK(run(store, lease, "create temp table x (a int); copy x from stdin") == KEEP_OK);
    CHECK(finish(store, keep_copy_in(store, lease, text("1\n"), NULL, 0)) == KEEP_OK);
    keep_lease_return(store, lease);
    CHECK(run(store, 0, "select 1") == KEEP_OK);
    CHECK(counter(store, "\"lost\":") == 0);
    close_store(store);
}

/* However many wait for leases: their holders can go on, and so give them back. */
static void test_places_of_leases(void)
{
    enum { QUEUE = 6 };
    keep_store *store = open_store("{\"connections\":3,\"queue\":6}");
    keep_lease first = take(store), second = take(store);
    keep_op takers[QUEUE];
    int waiting = 0;
    while (waiting < QUEUE) {
        takers[waiting] = keep_lease_take(store, 60000);
        if (keep_op_status(store, takers[waiting]) != KEEP_PENDING)
            break;
        waiting++;
    }
    CHECK(waiting == QUEUE - 2); /* a place is kept for each lease */
    CHECK(keep_op_status(store, takers[waiting]) == KEEP_FULL);
    CHECK(keep_op_status(store, keep_notification(store, first, PATIENT_MS)) == KEEP_FULL);
    keep_op busy = query(store, first, "select pg_sleep(0.2)");
    CHECK(keep_op_status(store, query(store, first, "select 1")) == KEEP_FULL);
    CHECK(run(store, second, "select 1") == KEEP_OK);
    CHECK(finish(store, busy) == KEEP_OK);
    keep_lease_return(store, first);
    CHECK(keep_wait(store, takers[0], 60000) == KEEP_OK);
    first = lease_of(store, takers[0]);
    CHECK(run(store, first, "select 1") == KEEP_OK);
    for (int i = 1; i < waiting; i++)
        keep_release(store, takers[i]);
    keep_lease_return(store, first);
    keep_lease_return(store, second);
    close_store(store);
    store = open_store("{\"connections\":3,\"queue\":1}");
    first = take(store);
    CHECK(run(store, 0, "select 1") == KEEP_OK); /* never more than half of the queue is kept */
    keep_lease_return(store, first);
    close_store(store);
}

static void test_copy_out_of_turn(void)
{
    keep_store *store = open_store(NULL);
    keep_lease lease = take(store);
    keep_text rows = text("1\n"), end = {NULL, 0};
    HOLDS(store, keep_copy_in(store, lease, rows, NULL, 0), "no COPY from stdin");
    HOLDS(store, keep_copy_out(store, lease, 0), "no COPY to stdout");
    CHECK(run(store, lease, "create temp table x (a int)") == KEEP_OK);
    CHECK(run(store, lease, "copy x from stdin") == KEEP_OK);
    HOLDS(store, keep_copy_out(store, lease, 0), "no COPY to stdout");
    keep_op pieces[50];
    for (int i = 0; i < 50; i++)
        pieces[i] = keep_copy_in(store, lease, rows, NULL, 0);
    keep_op ended = keep_copy_in(store, lease, end, NULL, 0);
    for (int i = 0; i < 50; i++)
        CHECK(finish(store, pieces[i]) == KEEP_OK);
    HOLDS(store, ended, "\"count\":50");
    CHECK(run(store, lease, "copy x from stdin") == KEEP_OK);
    CHECK(finish(store, keep_copy_in(store, lease, rows, NULL, 0)) == KEEP_OK);
    HOLDS(store, query(store, lease, "select count(*) from x"), "[[50]]"); /* breaks it off */
    CHECK(run(store, lease, "copy x to stdout") == KEEP_OK);
    keep_op out[3];
    for (int i = 0; i < 3; i++)
        out[i] = keep_copy_out(store, lease, 0);
    size_t size = 0;
    for (int i = 0; i < 3; i++) {
        CHECK(keep_wait(store, out[i], 60000) == (size < 100 || i < 2 ? KEEP_OK : KEEP_INVALID));
        size += keep_op_status(store, out[i]) == KEEP_OK ? keep_op_result(store, out[i]).size : 0;
        keep_release(store, out[i]);
    }
    CHECK(size == 100);
    CHECK(run(store, lease, "select 1; copy x to stdout; select 2") == KEEP_OK);
    CHECK(run(store, lease, "select 1") == KEEP_OK);
    keep_lease_return(store, lease);
    close_store(store);
}

/* What a COPY has left to tell is told to nobody but the lease that ran it. */
static void test_copy_of_the_last_lease(void)
{
    keep_store *store = open_store("{\"connections\":2}");
    keep_lease lease = take(store);
    CHECK(run(store, lease, "copy (select 1) to stdout") == KEEP_OK);
    HOLDS(store, keep_copy_out(store, lease, 0), "1\n"); /* its end would be the next call's */
    keep_lease_return(store, lease);
    lease = take(store);
    HOLDS(store, keep_copy_out(store, lease, 0), "no COPY to stdout");
    keep_lease_return(store, lease);
    CHECK(counter(store, "\"opened\":") == 1);
    close_store(store);
}

/* Nobody fetches: a megabyte is kept, in order; the rest is dropped and counted. */
static void test_notifications_kept(void)
{
    keep_store *store = open_store(NULL);
    keep_lease lease = take(store);
    char number[64];
    CHECK(run(store, lease, "listen news") == KEEP_OK);
    CHECK(run(store, 0,
              "select pg_notify('news', n || repeat('x', 5000)) from generate_series(1, 300) n") ==
          KEEP_OK);
    for (int i = 0; i < 200 && counter(store, "\"notifications_dropped\":") == 0; i++)
        CHECK(run(store, lease, "select 1") == KEEP_OK);
    CHECK(counter(store, "\"notifications_dropped\":") > 50);
    for (int i = 1; i <= 200; i++) {
        snprintf(number, sizeof number, "\"payload\":\"%dx", i);
        HOLDS(store, keep_notification(store, lease, 0), number);
    }
    keep_lease_return(store, lease);
    close_store(store);
}

static void test_hold(void)
{
    keep_store *store = open_store("{\"hold\":true}");
    int fd = keep_fd(store), got = 0;
    keep_op ops[20];
    for (int i = 0; i < 20; i++)
        ops[i] = query(store, 0, "select 1");
    for (int rounds = 0; got < 20 && rounds < 2000; rounds++) {
        keep_poll(store);
        for (keep_op op; (op = keep_next(store)); got++) {
            CHECK(keep_op_status(store, op) == KEEP_OK);
            keep_release(store, op);
        }
        if (got < 20)
            CHECK(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, PATIENT_MS) == 1);
    }
    CHECK(got == 20 && keep_op_status(store, ops[0]) == KEEP_INVALID);
    close_store(store);
}

static void test_fork(void)
{
    keep_store *store = open_store(NULL);
    keep_lease lease = take(store);
    CHECK(run(store, lease, "begin") == KEEP_OK);
    CHECK(run(store, lease, "select set_config('a.b', 'kept', true)") == KEEP_OK);
    pid_t child = fork();
    if (child == 0) {
        bool right = keep_op_status(store, query(store, lease, "select 1")) == KEEP_FORKED &&
                     keep_op_status(store, keep_lease_take(store, 0)) == KEEP_FORKED;
        keep_lease_return(store, lease);
        keep_free(store);
        _exit(right ? 0 : 1);
    }
    int code = -1;
    waitpid(child, &code, 0);
    CHECK(code == 0);
    HOLDS(store, query(store, lease, "select current_setting('a.b')"), "[[\"kept\"]]");
    keep_lease_return(store, lease);
    close_store(store);
}

/* Transactions, single statements, operations, cancels and deadlines from many threads at once. */
struct worker {
    keep_store *store;
    int number, wrong;
};

static void work_once(struct worker *worker, int turn)
{
    char sql[128];
    keep_store *store = worker->store;
    keep_op op = keep_lease_take(store, 60000);
    worker->wrong += keep_wait(store, op, 60000) != KEEP_OK;
    keep_lease lease = lease_of(store, op);
    worker->wrong += run(store, lease, "begin") != KEEP_OK;
    snprintf(sql, sizeof sql, "insert into work values (%d, %d)", worker->number, turn);
    worker->wrong += run(store, lease, sql) != KEEP_OK;
    if (turn % 5 == 0) {
        op = query(store, lease, "select pg_sleep(10)");
        keep_wait(store, op, 2);
        keep_cancel(store, op);
        worker->wrong += finish(store, op) != KEEP_CANCELLED;
    } else {
        worker->wrong += run(store, lease, "commit") != KEEP_OK;
    }
    keep_lease_return(store, lease);
    worker->wrong += run(store, 0, "select count(*) from work") != KEEP_OK;
    worker->wrong += finish(store, keep_admin_ping(store, 60000)) != KEEP_OK;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (int turn = 1; turn <= 20; turn++)
        work_once(worker, turn);
    return NULL;
}

static void test_threads(void)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    keep_store *store = open_store("{\"connections\":4}");
    CHECK(run(store, 0, "create table work (worker int, turn int)") == KEEP_OK);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){store, i, 0};
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(workers[i].wrong == 0);
    }
    HOLDS(store, query(store, 0, "select count(*) from work"), "[[128]]");
    CHECK(leases_out(store) == 0);
    CHECK(counter(store, "\"lost\":") == 0);
    CHECK(run(store, 0, "drop table work") == KEEP_OK);
    close_store(store);
}

/* Every allocation of the library fails once, in every kind of call. What is told must hold, and all must come back. The
 * threads that ask the server to stop allocate, too. */
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

static void *counted_alloc(void *old, size_t size)
{
    pthread_mutex_lock(&counting);
    void *block = check_alloc(old, size);
    pthread_mutex_unlock(&counting);
    return block;
}

/* From now on the `refused`-th fails; gives how many there were since the last such word. */
static long refuse(long refused)
{
    pthread_mutex_lock(&counting);
    long asked = check_allocations;
    check_allocations = 0;
    check_refused = refused;
    pthread_mutex_unlock(&counting);
    return asked;
}

/* Whether the one to be refused was asked for. */
static bool was_refused(void)
{
    pthread_mutex_lock(&counting);
    bool refused = check_refused && check_allocations >= check_refused;
    pthread_mutex_unlock(&counting);
    return refused;
}

static long held_now(void)
{
    pthread_mutex_lock(&counting);
    long held = check_held;
    pthread_mutex_unlock(&counting);
    return held;
}

static bool tolerable(keep_status status)
{
    return status == KEEP_OK || status == KEEP_NO_MEMORY || status == KEEP_UNKNOWN ||
           status == KEEP_UNAVAILABLE || status == KEEP_INVALID;
}

static void use_everything(keep_store *store)
{
    keep_op op = keep_lease_take(store, PATIENT_MS);
    CHECK(tolerable(keep_wait(store, op, 60000)));
    keep_lease lease = lease_of(store, op);
    keep_param param = {.value = KEEP_TEXT("7")};
    for (int i = 0; i < 3; i++) {
        op = keep_query(store, 0, KEEP_TEXT("select $1::int, repeat('x', 300)"), &param, 1,
                        PATIENT_MS);
        CHECK(tolerable(finish(store, op)));
    }
    static const char *const statements[] = {"listen news",
                                             "select pg_notify('news', 'x')",
                                             "select 1; select 2; select nothing",
                                             "set work_mem = '1MB'",
                                             "create temp table x (a int)",
                                             "copy x from stdin"};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        CHECK(tolerable(run(store, lease, statements[i])));
    CHECK(tolerable(finish(store, keep_copy_in(store, lease, text("1\n"), NULL, PATIENT_MS))));
    CHECK(tolerable(finish(store, keep_copy_in(store, lease, text(NULL), NULL, PATIENT_MS))));
    CHECK(tolerable(run(store, lease, "copy x to stdout")));
    CHECK(tolerable(finish(store, keep_copy_out(store, lease, PATIENT_MS))));
    keep_notification(store, lease, 1);
    op = query(store, lease, "select pg_sleep(5)");
    keep_wait(store, op, 1);
    keep_cancel(store, op);
    keep_release(store, op);
    keep_lease_return(store, lease);
}

static void test_no_memory(void)
{
    long refused = 0, needed = 0; /* the first time none is refused */
    for (; refused <= needed && refused < 3000; refused++) {
        long held = held_now();
        keep_store *store = NULL;
        refuse(refused);
        keep_status status = keep_open(&store, dsn, "{\"connections\":3}");
        CHECK(status == KEEP_OK || status == KEEP_NO_MEMORY || status == KEEP_UNAVAILABLE);
        if (status == KEEP_OK)
            use_everything(store);
        long asked = refuse(0);
        needed = asked > needed ? asked : needed;
        if (status == KEEP_OK) {
            HOLDS(store, query(store, 0, "select 'again'"), "[[\"again\"]]");
            CHECK(leases_out(store) == 0);
        }
        keep_free(store);
        for (int i = 0; i < PATIENT_MS && held_now() > held; i++)
            usleep(1000);          /* a thread that asks the server to stop may still be at it */
        CHECK(held_now() <= held); /* less where an earlier such thread has ended */
    }
    CHECK(refused > 50 && refused < 3000);
}

static void tell(PGconn *link)
{
    PGresult *result = PQexec(link, "select pg_notify('news', repeat('x', 1000))");
    CHECK(PQresultStatus(result) == PGRES_TUPLES_OK);
    PQclear(result);
}

/* Of two calls that wait the first has no memory for the notification: the second gets it, and does not wait for the
 * next one. */
static void test_notification_without_memory(void)
{
    PGconn *link = PQconnectdb(dsn);
    keep_store *store = open_store(NULL);
    keep_lease lease = take(store);
    CHECK(run(store, lease, "listen news") == KEEP_OK);
    int starved = 0;
    for (long refused = 1; refused <= 8; refused++) {
        keep_op first = keep_notification(store, lease, PATIENT_MS);
        keep_op second = keep_notification(store, lease, PATIENT_MS);
        refuse(refused);
        tell(link);
        keep_status status = KEEP_PENDING;
        for (int i = 0; i < PATIENT_MS / 10 && status == KEEP_PENDING && !was_refused(); i++)
            status = keep_wait(store, first, 10);
        refuse(0);
        if (status == KEEP_NO_MEMORY) {
            starved++;
            CHECK(keep_wait(store, second, PATIENT_MS) == KEEP_OK);
        } else {
            tell(link);
        }
        if (status == KEEP_PENDING) { /* dropped, as there was no memory to keep it */
            CHECK(keep_wait(store, first, PATIENT_MS) == KEEP_OK);
            tell(link);
        }
        CHECK(finish(store, second) == KEEP_OK);
        keep_release(store, first);
    }
    CHECK(starved > 0);
    PQfinish(link);
    keep_lease_return(store, lease);
    close_store(store);
}

int main(void)
{
    keep_io.alloc = counted_alloc;
    if (!server_start())
        return 1;
    test_parameters();
    test_unread();
    test_let_go_half_sent();
    test_pending_at_the_return();
    test_places_of_leases();
    test_copy_out_of_turn();
    test_copy_of_the_last_lease();
    test_notifications_kept();
    test_notification_without_memory();
    test_hold();
    test_fork();
    test_threads();
    test_no_memory();
    return server_end();
}
