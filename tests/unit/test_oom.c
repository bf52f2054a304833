/* Every allocation fails once. In the simulated world a store is opened, used and closed; the n-th allocation is
 * refused, alone and with those that follow it, for n = 1, 2, 3 … until a run needs fewer. The oracle judges every
 * outcome (NO_MEMORY or the call's own, and never a lie about what was stored), and all memory must come back. */
#define _GNU_SOURCE
#include "sim.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_US = 60 * 1000000, MOST_RUNS = 5000 };

static const struct limits LIMITS = {
    .connections = 2, .queue = 100, .batch = 4, .queue_bytes = 1 << 20, .batch_bytes = 1 << 16};

static keep_text text_of(const char *text)
{
    return (keep_text){text, text ? strlen(text) : 0};
}

static void hand_over(keep_store *store, const char *name, struct call *call, const keep_text *args,
                      int count)
{
    for (int i = 0; i < count; i++)
        call->bytes += args[i].size;
    call->submitted = ++world.order;
    call->deadline_us = world.now_us + 30 * 1000000;
    oracle_submitted(store, call, keep_submit(store, name, args, count, 30000));
}

static struct call *submit(keep_store *store, const char *name, enum call_kind kind, int key,
                           const char *pad)
{
    const char *agent = NULL, *session = NULL;
    struct call *call = oracle_new(kind, kind == CALL_LIST ? key / SESSIONS : key);
    keep_text args[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    if (key >= 0) {
        key_names(key, &agent, &session);
        args[0] = text_of(agent);
        args[1] = text_of(kind == CALL_LIST ? "5" : session);
    }
    if (kind == CALL_SAVE) {
        if (asprintf(&call->document, "{\"n\":%d,\"pad\":\"%s\"}", call->number, pad) < 0)
            world_fail("the machine itself has no memory left");
        args[2] = text_of(call->document);
        call->faulty = strcmp(pad, "\\u0000") == 0;
    }
    int count = kind == CALL_SAVE || kind == CALL_LIST     ? 3
                : kind == CALL_LOAD || kind == CALL_DELETE ? 2
                                                           : 0;
    hand_over(store, name, call, args, count);
    return call;
}

/* Only if there is none yet: of two the younger one conflicts. */
static void submit_first_version(keep_store *store, int key)
{
    const char *name, *none;
    struct call *call = oracle_new(CALL_SAVE_VERSION, key);
    key_names(key, &name, &none);
    if (asprintf(&call->document, "{\"n\":%d,\"pad\":\"\"}", call->number) < 0)
        world_fail("the machine itself has no memory left");
    const keep_text args[] = {text_of(name), text_of(call->document), {NULL, 0}};
    hand_over(store, "checkpoint.save_version", call, args, 3);
}

static void submit_copy(keep_store *store, int from, int to)
{
    const char *source, *name, *none;
    char *numbered;
    struct call *call = oracle_new(CALL_COPY, to);
    call->source = from;
    key_names(from, &source, &none);
    key_names(to, &name, &none);
    if (asprintf(&numbered, "%s#%d", source, call->number) < 0)
        world_fail("the machine itself has no memory left");
    const keep_text args[] = {text_of(numbered), text_of(name)};
    hand_over(store, "checkpoint.copy", call, args, 2);
    free(numbered);
}

static void submit_load_version(keep_store *store, int key)
{
    const char *name, *none;
    struct call *call = oracle_new(CALL_LOAD, key);
    call->form = LOAD_VERSION;
    key_names(key, &name, &none);
    const keep_text args[] = {text_of(name)};
    hand_over(store, "checkpoint.load_version", call, args, 1);
}

static void drain(keep_store *store)
{
    keep_op ticket;
    while ((ticket = keep_next(store))) {
        struct call *call = oracle_by_ticket(ticket);
        if (!call || call->told || call->awaited)
            world_fail("keep_next() gives a ticket that is nobody's, or was given before");
        call->told = true;
    }
}

static void until_done(keep_store *store)
{
    for (int64_t until_us = world.now_us + PATIENCE_US; oracle_pending();) {
        keep_poll(store);
        oracle_look(store, NULL);
        drain(store);
        int64_t next =
            world_next_event() < readiness_timer() ? world_next_event() : readiness_timer();
        if (oracle_pending() && !readiness_now() && (next == NEVER || next > until_us))
            world_fail("call %d is lost", oracle_pending_at(0)->number);
        if (oracle_pending() && !readiness_now())
            world_run_to(next);
    }
}

/* What the engine answers by itself, and so is no business of the oracle. */
static void ask_engine(keep_store *store, const char *name, const keep_text *args, int count)
{
    keep_op ticket = keep_submit(store, name, args, count, 0);
    keep_status status = keep_op_status(store, ticket);
    if (status != KEEP_OK && status != KEEP_NO_MEMORY)
        world_fail("%s ends as %s", name, keep_status_name(status));
    if (status == KEEP_OK && keep_op_result(store, ticket).size == 0)
        world_fail("%s gives nothing", name);
    keep_release(store, ticket);
}

static void use(keep_store *store)
{
    const keep_text setup = KEEP_TEXT("state.setup");
    ask_engine(store, "admin.setup_sql", &setup, 1);
    submit(store, "admin.ping", CALL_PING, -1, "");
    submit(store, "state.save", CALL_SAVE, 0, "first");
    submit(store, "state.save", CALL_SAVE, 0, "second, in its place");
    submit(store, "state.load", CALL_LOAD, 0, "");
    for (int key = 1; key < 4; key++)
        submit(store, "state.save", CALL_SAVE, key, key == 2 ? "\\u0000" : "a neighbour");
    until_done(store);
    submit(store, "state.load", CALL_LOAD, 1, "");
    submit(store, "state.load", CALL_LOAD, 0, "");
    submit(store, "state.list", CALL_LIST, 0, "");
    submit(store, "state.count", CALL_COUNT, -1, "");
    struct call *cancelled = submit(store, "state.delete", CALL_DELETE, 3, "");
    cancelled->cancelled = true;
    keep_cancel(store, cancelled->ticket);
    oracle_look(store, cancelled);
    struct call *awaited = submit(store, "state.delete", CALL_DELETE, 1, "");
    awaited->awaited = true;
    keep_wait(store, awaited->ticket, 60000);
    oracle_look(store, awaited);
    submit_first_version(store, STATES);
    submit_first_version(store, STATES);
    submit_load_version(store, STATES);
    until_done(store);
    submit_copy(store, STATES, STATES + 1);
    submit_copy(store, STATES + 2, STATES + 3);
    until_done(store);
    ask_engine(store, "admin.stats", NULL, 0);
}

/* Once there is memory again, everything succeeds. */
static void recover(keep_store *store)
{
    world.refuse_to = 0;
    world_run_to(world.now_us + 3 * 1000000);
    struct call *save = submit(store, "state.save", CALL_SAVE, 5, "afterwards");
    struct call *load = submit(store, "state.load", CALL_LOAD, 5, "");
    until_done(store);
    if (save->status != KEEP_OK || load->status != KEEP_OK || !strstr(load->answer, "afterwards"))
        world_fail("with memory again a save ends as %s and a load as %s",
                   keep_status_name(save->status), keep_status_name(load->status));
}

static void run(void)
{
    static const char options[] =
        "{\"connections\":2,\"queue\":100,\"batch\":4,\"queue_bytes\":1048576,"
        "\"batch_bytes\":65536,\"tables\":{\"agent_states\":\"app.\\\"My States\\\"\"}}";
    keep_store *store;
    oracle_begin(&LIMITS);
    keep_status status = keep_open(&store, "host=/sim dbname=sim", options);
    if (status == KEEP_INVALID || (!store && status != KEEP_NO_MEMORY))
        world_fail("keep_open() gives %s, with right options", keep_status_name(status));
    if (status == KEEP_OK) {
        keep_fd(store);
        use(store);
        recover(store);
        submit(store, "state.save", CALL_SAVE, 6, "when the store is closed");
        oracle_closing();
        keep_close(store, 1000);
        oracle_look(store, NULL);
    }
    keep_free(store);
    world_check_returned();
    world_run_to(world.now_us + PATIENCE_US);
    if (status == KEEP_OK)
        verdict();
}

/* false when the run broke a promise. *needed: how many allocations it made. */
static bool run_refusing(long from, long count, bool pooler, long *needed)
{
    world_begin(1, false);
    world.knobs = (struct knobs){.pooler = pooler,
                                 .latency_us = 100,
                                 .service_us = 100,
                                 .socket_size = 1 << 18,
                                 .backends = 100};
    world.refuse_from = from;
    world.refuse_to = from + count - 1;
    bool passed = world_guard(run);
    *needed = world.allocations;
    world_end();
    if (!passed)
        printf("  with %ld allocations refused from number %ld on%s\n", count, from,
               pooler ? ", through a pooler" : "");
    return passed;
}

static void *json_alloc(size_t size)
{
    void *block = keep_io.alloc(NULL, size);
    if (!block)
        errno = ENOMEM; /* as malloc() does */
    return block;
}

static void json_free(void *block)
{
    keep_io.alloc(block, 0);
}

int main(void)
{
    static const long counts[] = {1, 2, 7, 1000000};
    long failures = 0;
    world_install();
    cJSON_InitHooks(&(cJSON_Hooks){json_alloc, json_free});
    for (size_t i = 0; i < 2 * sizeof counts / sizeof counts[0]; i++) {
        long from = 1, needed;
        do {
            failures += !run_refusing(from, counts[i / 2], i % 2, &needed);
        } while (needed >= from++ && from < MOST_RUNS);
        if (from >= MOST_RUNS) {
            printf("a run of a few calls makes %d allocations\n", MOST_RUNS);
            failures++;
        }
    }
    return failures > 0;
}
