/* The public interface on a real server: what a C host relies on and the conformance suite cannot see from outside. */
#include "store.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static keep_op save(keep_store *store, const char *session, const char *state)
{
    return keep_state_save(store, KEEP_TEXT("engine"), text(session), text(state), 60000);
}

static keep_op load(keep_store *store, const char *session)
{
    return keep_state_load(store, KEEP_TEXT("engine"), text(session), 60000);
}

static void check_state(keep_store *store, const char *session, const char *state)
{
    keep_op op = load(store, session);
    CHECK(keep_wait(store, op, 60000) == KEEP_OK);
    CHECK_TEXT(keep_op_result(store, op).data, state);
    keep_release(store, op);
}

/* A counter from the statistics, by the text before its digits. */
static long counter(keep_store *store, const char *name)
{
    keep_op op = keep_admin_stats(store, 0);
    const char *found = strstr(keep_op_result(store, op).data, name);
    long value = found ? atol(found + strlen(name)) : -1;
    keep_release(store, op);
    return value;
}

static void test_trips(void)
{
    keep_store *store = open_store(NULL);
    CHECK(finish(store, save(store, "trips", "{}")) == KEEP_OK);
    long before = counter(store, "\"round_trips\":");
    CHECK(finish(store, save(store, "trips", "{\"n\":1}")) == KEEP_OK);
    check_state(store, "trips", "{\"n\": 1}");
    CHECK(counter(store, "\"round_trips\":") == before + 2);
    keep_op ops[64];
    char session[32];
    for (int i = 0; i < 64; i++) {
        snprintf(session, sizeof session, "many %d", i);
        ops[i] = save(store, session, "{}");
    }
    for (int i = 0; i < 64; i++)
        CHECK(finish(store, ops[i]) == KEEP_OK);
    CHECK(counter(store, "\"round_trips\":") <= before + 2 + 5);
    CHECK(counter(store, "\"lost\":") == 0);
    close_store(store);
}

static void test_order_of_one_key(void)
{
    keep_store *store = open_store("{\"hold\":true}");
    keep_op saves[20], loads[20];
    char state[32];
    for (int i = 0; i < 20; i++) {
        snprintf(state, sizeof state, "{\"n\": %d}", i);
        saves[i] = save(store, "order", state);
        loads[i] = load(store, "order");
    }
    for (int i = 0; i < 20; i++) {
        snprintf(state, sizeof state, "{\"n\": %d}", i);
        CHECK(finish(store, saves[i]) == KEEP_OK);
        CHECK(keep_wait(store, loads[i], 60000) == KEEP_OK);
        CHECK_TEXT(keep_op_result(store, loads[i]).data, state);
        keep_release(store, loads[i]);
    }
    for (int i = 0; i < 20; i++)
        saves[i] = save(store, "order", i == 19 ? "{\"n\":\"last\"}" : "{\"n\":\"superseded\"}");
    for (int i = 0; i < 20; i++)
        CHECK(finish(store, saves[i]) == KEEP_OK);
    check_state(store, "order", "{\"n\": \"last\"}");
    CHECK(counter(store, "\"superseded\":") == 19);
    close_store(store);
}

static void test_superseded_by_a_poisoned_save(void)
{
    keep_store *store = open_store("{\"hold\":true}");
    keep_op first = save(store, "poisoned", "{\"n\":1}");
    keep_op second = save(store, "poisoned", "{\"n\":2}");
    keep_op third = save(store, "poisoned", "{\"n\":\"\\u0000\"}");
    CHECK(finish(store, third) == KEEP_INVALID);
    CHECK(finish(store, second) == KEEP_OK);
    CHECK(finish(store, first) == KEEP_OK);
    check_state(store, "poisoned", "{\"n\": 2}");
    close_store(store);
}

struct worker {
    keep_store *store;
    int number;
    int wrong;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (int i = 0; i < 60; i++) {
        char session[32], state[64];
        snprintf(session, sizeof session, "worker %d", worker->number);
        snprintf(state, sizeof state, "{\"i\": %d, \"worker\": %d}", i, worker->number);
        worker->wrong += finish(worker->store, save(worker->store, session, state)) != KEEP_OK;
        keep_op op = load(worker->store, session);
        worker->wrong += keep_wait(worker->store, op, 60000) != KEEP_OK;
        const char *loaded = keep_op_result(worker->store, op).data;
        worker->wrong += !loaded || strcmp(loaded, state) != 0;
        keep_release(worker->store, op);
    }
    return NULL;
}

static void test_threads(void)
{
    enum { THREADS = 16 };
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    keep_store *store = open_store("{\"connections\":3}");
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){store, i, 0};
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(workers[i].wrong == 0);
    }
    CHECK(counter(store, "\"up\":") <= 3);
    CHECK(counter(store, "\"lost\":") == 0);
    close_store(store);
}

/* A host that waits on the descriptor, and one ticket of its own that it waits for: each comes one way only. */
static void test_descriptor(void)
{
    keep_store *store = open_store(NULL);
    int fd = keep_fd(store), got = 0;
    keep_op waited = save(store, "descriptor", "{}"), polled[50];
    for (int i = 0; i < 50; i++)
        polled[i] = load(store, "nobody's");
    CHECK(keep_wait(store, waited, 60000) == KEEP_OK);
    for (int rounds = 0; got < 50 && rounds < 6000; rounds++) {
        CHECK(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 60000) == 1);
        keep_poll(store);
        for (keep_op op = keep_next(store); op; op = keep_next(store)) {
            bool known = false;
            for (int i = 0; i < 50; i++)
                known = known || polled[i] == op;
            CHECK(known && keep_op_status(store, op) == KEEP_OK);
            keep_release(store, op);
            got++;
        }
    }
    CHECK(got == 50);
    /* What is refused at once wakes the host, too. */
    keep_op refused = save(store, "", "{}");
    CHECK(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 60000) == 1);
    CHECK(keep_poll(store) == 1 && keep_next(store) == refused);
    close_store(store);
}

static void test_full(void)
{
    keep_store *store = open_store("{\"hold\":true,\"queue\":2}");
    keep_op first = save(store, "full 1", "{}"), second = save(store, "full 2", "{}"),
            third = save(store, "full 3", "{}");
    CHECK(keep_op_status(store, third) == KEEP_FULL);
    CHECK(strstr(keep_op_result(store, third).data, "\"FULL\"") != NULL);
    keep_release(store, third);
    CHECK(finish(store, first) == KEEP_OK);
    CHECK(finish(store, save(store, "full 3", "{}")) == KEEP_OK);
    CHECK(finish(store, second) == KEEP_OK);
    close_store(store);
    store = open_store("{\"hold\":true,\"queue_bytes\":300}");
    first = save(store, "bytes 1",
                 "{\"fills\":\"...............................................................\"}");
    second = save(store, "bytes 2",
                  "{\"fills\":\".........................................................\"}");
    third = save(store, "bytes 3",
                 "{\"fills\":\".........................................................\"}");
    CHECK(keep_op_status(store, first) == KEEP_PENDING);
    CHECK(keep_op_status(store, third) == KEEP_FULL);
    CHECK(finish(store, first) == KEEP_OK && finish(store, second) == KEEP_OK);
    close_store(store);
}

static void test_cancel(void)
{
    keep_store *store = open_store("{\"hold\":true}");
    CHECK(finish(store, save(store, "cancel", "{\"n\":1}")) == KEEP_OK);
    keep_op op = save(store, "cancel", "{\"n\":2}");
    keep_cancel(store, op);
    CHECK(keep_op_status(store, op) == KEEP_CANCELLED);
    keep_cancel(store, op);
    CHECK(keep_next(store) == op);
    CHECK(keep_next(store) == 0);
    keep_release(store, op);
    keep_release(store, op);
    CHECK(keep_op_status(store, op) == KEEP_INVALID);
    check_state(store, "cancel", "{\"n\": 1}");
    /* Released while under way: its answer is dropped, and the next call of its key waits for it. */
    op = save(store, "cancel", "{\"n\":3}");
    keep_poll(store);
    keep_release(store, op);
    check_state(store, "cancel", "{\"n\": 3}");
    close_store(store);
}

static void test_deadline(void)
{
    keep_store *store = open_store("{\"hold\":true,\"deadline_ms\":30}");
    keep_op op = keep_state_save(store, KEEP_TEXT("engine"), KEEP_TEXT("late"), KEEP_TEXT("{}"), 0);
    usleep(60000);
    CHECK(keep_wait(store, op, 60000) == KEEP_DEADLINE);
    keep_release(store, op);
    check_state(store, "late", "null");
    close_store(store);
}

static void test_close(void)
{
    keep_store *store = open_store("{\"hold\":true}");
    CHECK(finish(store, save(store, "close", "{\"n\":1}")) == KEEP_OK);
    keep_op unsent = save(store, "close", "{\"n\":2}");
    CHECK(keep_close(store, 5000) == KEEP_OK);
    CHECK(keep_close(store, 5000) == KEEP_OK);
    CHECK(keep_op_status(store, unsent) == KEEP_CLOSED);
    CHECK(keep_next(store) == unsent);
    CHECK(strstr(keep_op_result(store, unsent).data, "\"CLOSED\"") != NULL);
    CHECK(keep_op_status(store, save(store, "close", "{}")) == KEEP_CLOSED);
    CHECK(keep_fd(store) == -1);
    CHECK(keep_poll(store) == 0);
    keep_free(store);
    store = open_store(NULL);
    check_state(store, "close", "{\"n\": 1}");
    keep_op sent = save(store, "close", "{\"n\":3}"); /* leaves at once */
    CHECK(keep_close(store, 60000) == KEEP_OK);
    CHECK(keep_op_status(store, sent) == KEEP_OK);
    keep_free(store);
    store = open_store(NULL);
    check_state(store, "close", "{\"n\": 3}");
    keep_free(store); /* closes by itself */
}

static int in_child(keep_store *store, keep_op pending)
{
    keep_store *own;
    check_failures = 0;
    CHECK(keep_op_status(store, save(store, "fork", "{\"n\":\"child\"}")) == KEEP_FORKED);
    CHECK(keep_wait(store, pending, 1000) == KEEP_FORKED);
    CHECK(keep_op_status(store, pending) == KEEP_FORKED);
    CHECK(keep_fd(store) == -1 && keep_poll(store) == 0 && keep_next(store) == 0);
    keep_cancel(store, pending);
    keep_release(store, pending);
    CHECK(keep_close(store, 0) == KEEP_FORKED);
    keep_free(store);
    CHECK(keep_open(&own, dsn, NULL) == KEEP_OK);
    CHECK(finish(own, save(own, "fork", "{\"n\":\"child's own\"}")) == KEEP_OK);
    close_store(own);
    return check_failures;
}

static void test_fork(void)
{
    keep_store *store = open_store(NULL);
    CHECK(finish(store, save(store, "fork", "{\"n\":\"parent\"}")) == KEEP_OK);
    keep_op pending = load(store, "fork");
    pid_t child = fork();
    if (child == 0)
        _exit(in_child(store, pending));
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(finish(store, pending) == KEEP_OK);
    check_state(store, "fork", "{\"n\": \"child's own\"}");
    CHECK(counter(store, "\"lost\":") == 0);
    CHECK(counter(store, "\"opened\":") == 1);
    close_store(store);
}

struct interrupting {
    keep_store *store;
    atomic_bool over;
};

/* Again and again: a word that comes before anybody waits is not kept. */
static void *interrupt(void *argument)
{
    struct interrupting *interrupting = argument;
    while (!interrupting->over) {
        keep_interrupt(interrupting->store, 0);
        usleep(10000);
    }
    return NULL;
}

/* A server that takes the connection and never says a word; or one that refuses it, on a port that nobody else gets. */
static int bind_silently(char *silent, size_t size, bool takes)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int bound = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(bound, (struct sockaddr *)&address, length) == 0);
    CHECK(!takes || listen(bound, 5) == 0);
    CHECK(getsockname(bound, (struct sockaddr *)&address, &length) == 0);
    snprintf(silent, size, "hostaddr=127.0.0.1 port=%d", ntohs(address.sin_port));
    return bound;
}

static void test_interrupt(void)
{
    char silent[64];
    int listener = bind_silently(silent, sizeof silent, true);
    struct interrupting interrupting = {.store = NULL};
    CHECK(keep_open(&interrupting.store, silent, "{\"connect_ms\":1000000}") == KEEP_OK);
    keep_store *store = interrupting.store;
    keep_op op = keep_state_load(store, KEEP_TEXT("engine"), KEEP_TEXT("never"), -1);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, interrupt, &interrupting) == 0);
    CHECK(keep_wait(store, op, -1) == KEEP_PENDING); /* nothing else ends this */
    interrupting.over = true;
    pthread_join(thread, NULL);
    CHECK(keep_wait(store, op, 1) == KEEP_PENDING);
    keep_free(store);
    close(listener);
}

static keep_store *closing;
static int (*real_wait)(struct watch *watch, struct watch_event *events, int capacity,
                        int timeout_ms);

/* Another thread closes the store while this one waits, and is woken by its timer. */
static int wait_for_the_end(struct watch *watch, struct watch_event *events, int capacity,
                            int timeout_ms)
{
    (void)watch, (void)capacity, (void)timeout_ms;
    keep_io.watch_wait = real_wait;
    CHECK(keep_close(closing, 0) == KEEP_OK);
    events[0] = (struct watch_event){.tag = WATCH_TAG_TIMER};
    return 1;
}

static void test_close_while_there_is_no_server(void)
{
    char silent[64];
    int listener = bind_silently(silent, sizeof silent, true);
    CHECK(keep_open(&closing, silent, "{\"connect_ms\":1000000}") == KEEP_OK);
    keep_op op = load(closing, "never");
    real_wait = keep_io.watch_wait;
    keep_io.watch_wait = wait_for_the_end;
    CHECK(finish(closing, op) == KEEP_CLOSED);
    keep_free(closing);
    close(listener);
}

static void test_no_server(void)
{
    char silent[64];
    int listener = bind_silently(silent, sizeof silent, false);
    keep_store *store;
    CHECK(keep_open(&store, silent, "{\"connect_ms\":1000000}") == KEEP_OK);
    CHECK(finish(store, load(store, "refused")) == KEEP_UNAVAILABLE); /* at once */
    keep_free(store);
    close(listener);
    listener = bind_silently(silent, sizeof silent, true);
    CHECK(keep_open(&store, silent, "{\"connect_ms\":50}") == KEEP_OK);
    CHECK(finish(store, load(store, "silent")) == KEEP_UNAVAILABLE);
    keep_free(store);
    close(listener);
}

static void test_refused_openings(void)
{
    const char *const options[] = {"[]",
                                   "{",
                                   "{\"connection\":1}",
                                   "{\"connections\":0}",
                                   "{\"connections\":1.5}",
                                   "{\"hold\":1}",
                                   "{\"tables\":[]}",
                                   "{\"tables\":{\"nothing\":\"x\"}}",
                                   "{\"tables\":{\"agent_states\":1}}",
                                   "{\"tables\":{\"agent_states\":\"x; drop table y\"}}"};
    keep_store *store;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        CHECK(keep_open(&store, dsn, options[i]) == KEEP_INVALID);
        CHECK(keep_error(store).data != NULL);
        keep_op op = load(store, "refused");
        CHECK(keep_op_status(store, op) == KEEP_INVALID);
        CHECK(keep_next(store) == op);
        keep_release(store, op);
        CHECK(keep_fd(store) == -1);
        keep_free(store);
    }
    CHECK(keep_open(&store, "postgres://user:secret@host:port/db", NULL) == KEEP_INVALID);
    CHECK(strstr(keep_error(store).data, "secret") == NULL);
    keep_free(store);
    keep_free(NULL);
}

static void test_bad_calls(void)
{
    keep_store *store = open_store(NULL);
    keep_text three[] = {KEEP_TEXT("a"), KEEP_TEXT("b"), KEEP_TEXT("{}")};
    keep_op unknown = keep_submit(store, "state.nothing", three, 3, 0);
    CHECK(keep_op_status(store, unknown) == KEEP_INVALID);
    CHECK(strstr(keep_op_result(store, unknown).data, "state.nothing") != NULL);
    keep_release(store, unknown);
    CHECK(finish(store, keep_submit(store, "state.save", three, 2, 0)) == KEEP_INVALID);
    CHECK(finish(store, keep_state_list(store, KEEP_TEXT("a"), KEEP_TEXT("ten"), (keep_text){0},
                                        0)) == KEEP_INVALID);
    CHECK(finish(store, keep_state_list(store, KEEP_TEXT("a"), KEEP_TEXT("9223372036854775808"),
                                        (keep_text){0}, 0)) == KEEP_INVALID);
    CHECK(finish(store, keep_state_list(store, KEEP_TEXT("a"),
                                        KEEP_TEXT("0000000000000000000000000000009"),
                                        KEEP_TEXT("+0"), 0)) == KEEP_OK);
    CHECK(finish(store, keep_state_load(store, KEEP_TEXT("a"), (keep_text){0}, 0)) == KEEP_INVALID);
    CHECK(keep_op_status(store, 0) == KEEP_INVALID);
    CHECK(keep_wait(store, 12345, 0) == KEEP_INVALID);
    CHECK(keep_op_result(store, 12345).data == NULL);
    close_store(store);
}

int main(void)
{
    if (!server_start())
        return 1;
    keep_store *store = open_store(NULL);
    CHECK(finish(store, keep_state_setup(store, 60000)) == KEEP_OK);
    test_trips();
    test_order_of_one_key();
    test_superseded_by_a_poisoned_save();
    test_threads();
    test_descriptor();
    test_full();
    test_cancel();
    test_deadline();
    test_close();
    test_fork();
    test_interrupt();
    test_close_while_there_is_no_server();
    test_no_server();
    test_refused_openings();
    test_bad_calls();
    close_store(store);
    return server_end();
}
