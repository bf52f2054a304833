/* One history: a store with random options, and a host that submits, waits, polls, cancels and releases at random, and
 * looks after each step whether what it was promised holds. */
#define _GNU_SOURCE
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOCUMENT = 6000, PATIENCE_US = 30 * 1000000, HEALTHY_US = 8 * 1000000 };

static struct {
    keep_store *store;
    struct limits limits;
    bool hold;
    bool watched; /* asked for the descriptor, and polls only when it is readable */
    int spread;   /* how many keys of a table are in use */
    int threads;  /* per thousand calls of a key: those about checkpoints */
    int faulty;   /* per thousand saves */
    int default_ms;
    int queue_ms; /* 0: none */
} host;

static void after(const struct call *own)
{
    int others = oracle_look(host.store, own);
    others += sql_look(host.store, 0);
    if (others > 0 && host.watched && !readiness_now())
        world_fail("a call finished outside keep_poll(), and the descriptor does not say so");
}

/* ---- submitting */

static void fill_document(struct call *call, char *text)
{
    int padding = (int)random_between(0, random_chance(50) ? 5000 : 80);
    const char *fault = "";
    bool broken = false;
    if (random_chance(host.faulty)) {
        broken = random_chance(300);
        fault = broken ? "" : "\"p\":\"\\u0000\",";
        call->faulty = true;
    }
    int size = snprintf(text, DOCUMENT, "{%s\"n\":%d,\"k\":%d,\"pad\":\"%*s\"%s", fault,
                        call->number, call->key, padding, "\xc3\xa4", broken ? "" : "}");
    call->document = strndup(text, (size_t)size);
}

static keep_text text_of(const char *text)
{
    return (keep_text){text, text ? strlen(text) : 0};
}

/* A call that has to be refused at once. */
static const char *bad_call(keep_text *args, int *count)
{
    static const char *const names[] = {"state.save", "state.save",    "state.load",
                                        "state.list", "state.nothing", "state.delete",
                                        "",           "state.save"};
    static const keep_text all[][3] = {
        {{"", 0}, {"s", 1}, {"{}", 2}},   {{"a\0b", 3}, {"s", 1}, {"{}", 2}},
        {{NULL, 0}, {"s", 1}, {NULL, 0}}, {{"a", 1}, {"many", 4}, {NULL, 0}},
        {{"a", 1}, {NULL, 0}, {NULL, 0}}, {{"a", 1}, {NULL, 0}, {NULL, 0}},
        {{"a", 1}, {NULL, 0}, {NULL, 0}}, {{"a", 1}, {"\xff", 1}, {"{}", 2}}};
    static const int counts[] = {3, 3, 2, 3, 1, 1, 0, 3};
    int64_t at = random_between(0, 7);
    memcpy(args, all[at], sizeof all[at]);
    *count = counts[at];
    return names[at];
}

static void fill_state(struct call *call, keep_text *args, char *text)
{
    static const char *const limits[] = {NULL, NULL, "0", "1", "3", "+2"};
    const char *agent, *session;
    key_names(call->kind == CALL_LIST ? call->key * SESSIONS : call->key, &agent, &session);
    args[0] = text_of(agent);
    args[1] = text_of(session);
    if (call->kind == CALL_SAVE) {
        fill_document(call, text);
        args[2] = text_of(call->document);
    } else if (call->kind == CALL_LIST) {
        args[1] = text_of(limits[random_between(0, 5)]);
        args[2] = text_of(limits[random_between(0, 5)]);
    }
}

/* Mostly the version that will be there once all that wait have succeeded; 0: none. */
static int draw_expected(int key)
{
    int version = table_version(key);
    if (random_chance(150))
        return (int)random_between(0, 4);
    for (int i = 0; i < oracle_pending() && random_chance(950); i++)
        version += oracle_pending_at(i)->key == key && call_stores(oracle_pending_at(i));
    return version;
}

static void fill_thread(struct call *call, keep_text *args, char *text)
{
    const char *name, *none;
    key_names(call->key, &name, &none);
    args[0] = text_of(name);
    if (call->kind == CALL_COPY) {
        call->source = STATES + (int)random_between(0, THREADS - 1);
        key_names(call->source, &name, &none);
        snprintf(text, DOCUMENT, "%s#%d", name, call->number);
        args[1] = args[0];
        args[0] = text_of(text);
        return;
    }
    if (call->kind == CALL_LOAD || call->kind == CALL_DELETE)
        return;
    fill_document(call, text);
    args[1] = text_of(call->document);
    if (call->kind != CALL_SAVE_VERSION)
        return;
    call->expected = draw_expected(call->key);
    snprintf(text, DOCUMENT, "%d", call->expected);
    args[2] = text_of(call->expected ? text : NULL);
}

static const char *fill(struct call *call, keep_text *args, int *count, char *text)
{
    static const struct {
        const char *name;
        int count;
    } of_states[] = {{"state.save", 3},  {"state.load", 2}, {"state.delete", 2},
                     {NULL, 0},          {NULL, 0},         {"state.list", 3},
                     {"state.count", 0}, {"admin.ping", 0}, {"state.setup", 0}},
      of_threads[] = {{"checkpoint.save", 2},
                      {"checkpoint.load", 1},
                      {"checkpoint.delete", 1},
                      {"checkpoint.save_version", 3},
                      {"checkpoint.copy", 2}};
    bool thread = call->key >= STATES, load = call->kind == CALL_LOAD;
    if (call->kind == CALL_BAD)
        return bad_call(args, count);
    if (thread)
        fill_thread(call, args, text);
    else if (call->key >= 0)
        fill_state(call, args, text);
    *count = thread ? of_threads[call->kind].count : of_states[call->kind].count;
    call->form =
        load ? (enum load_form)random_between(LOAD_PLAIN, thread ? LOAD_VERSION : LOAD_OBJECT)
             : LOAD_PLAIN;
    if (call->form == LOAD_OBJECT)
        return thread ? "checkpoint.find" : "state.find";
    if (call->form == LOAD_VERSION)
        return "checkpoint.load_version";
    return thread ? of_threads[call->kind].name : of_states[call->kind].name;
}

static enum call_kind draw_kind(void)
{
    static const int chances[] = {380, 280, 90, 90, 25, 60, 20, 25, 10, 20};
    int64_t at = random_between(0, 999);
    int kind = 0;
    while (at >= chances[kind])
        at -= chances[kind++];
    return (enum call_kind)kind;
}

static int draw_key(enum call_kind kind)
{
    int threads = host.spread < THREADS ? host.spread : THREADS;
    if (kind > CALL_LIST)
        return -1;
    if (kind == CALL_LIST)
        return (int)random_between(0, AGENTS - 1);
    if (kind == CALL_SAVE_VERSION || kind == CALL_COPY || random_chance(host.threads))
        return STATES + (int)random_between(0, threads - 1);
    return (int)random_between(0, host.spread - 1);
}

static int draw_deadline(void)
{
    int64_t way = random_between(0, 9);
    return way < 6 ? 0 : way < 8 ? -1 : (int)random_between(1, random_chance(500) ? 30 : 2000);
}

static struct call *submit(enum call_kind kind, int deadline_ms)
{
    static char text[DOCUMENT];
    struct call *call = oracle_new(kind, draw_key(kind));
    keep_text args[PARAMS];
    int count, limit_ms = deadline_ms ? deadline_ms : host.default_ms;
    const char *name = fill(call, args, &count, text);
    call->faulty = call->faulty || kind == CALL_BAD;
    for (int i = 0; i < count; i++)
        call->bytes += args[i].size;
    call->submitted = ++world.order;
    call->deadline_us =
        limit_ms > 0 && kind != CALL_BAD ? world.now_us + (int64_t)limit_ms * 1000 : 0;
    if (host.queue_ms && kind != CALL_BAD)
        call->queue_us = world.now_us + (int64_t)host.queue_ms * 1000;
    world_trace("call %d is submitted: %s of key %d%s", call->number, name, call->key,
                call->faulty ? ", faulty" : "");
    keep_op ticket = keep_submit(host.store, name, args, count, deadline_ms);
    if (oracle_submitted(host.store, call, ticket) > 0 && host.watched && !readiness_now())
        world_fail(
            "a call finished while another was submitted, and the descriptor does not say so");
    return call;
}

static void release(struct call *call)
{
    keep_release(host.store, call->ticket);
    oracle_released(call);
    if (!call->shared && keep_op_status(host.store, call->ticket) != KEEP_INVALID)
        world_fail("the ticket of call %d is alive after its release", call->number);
    if (random_chance(100))
        keep_release(host.store, call->ticket);
    after(call);
}

static void submit_some(void)
{
    int count = (int)random_between(1, random_chance(200) ? 40 : 4);
    for (int i = 0; i < count && oracle_count() < CALLS - 64; i++) {
        struct call *call = submit(draw_kind(), draw_deadline());
        if (call->at_once && (call->shared || random_chance(500)))
            release(call);
    }
}

/* ---- what the host does with its tickets */

static void nothing_left_behind(void)
{
    for (int number = 1; number <= oracle_count(); number++) {
        const struct call *call = oracle_call(number);
        if (call->done && !call->told && !call->released && !call->awaited && !call->shared)
            world_fail("call %d is finished, and keep_next() never gave it", number);
    }
}

static void drain(int finished)
{
    keep_op ticket;
    int given = 0;
    while ((ticket = keep_next(host.store))) {
        struct call *call = oracle_by_ticket(ticket);
        sql_look(host.store, 0);
        if (sql_told(ticket)) {
            given++;
            continue;
        }
        if (!call || call->told || call->awaited || !call->done)
            world_fail("keep_next() gives call %d, which is %s", call ? call->number : 0,
                       !call           ? "nobody's"
                       : call->told    ? "given twice"
                       : call->awaited ? "awaited"
                                       : "pending");
        call->told = true;
        given++;
        if (random_chance(700))
            release(call);
    }
    if (finished >= 0 && given != finished)
        world_fail("keep_poll() speaks of %d finished calls, and keep_next() gives %d", finished,
                   given);
    nothing_left_behind();
}

static void poll_once(void)
{
    int64_t at_us = world.now_us;
    int finished = keep_poll(host.store);
    oracle_look(host.store, NULL);
    sql_look(host.store, 0);
    oracle_polled(at_us);
    sql_polled(at_us);
    drain(finished);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Sleeps until the descriptor is readable or the time is over. */
static void sleep_until(int64_t until_us)
{
    while (!readiness_now() && world.now_us < until_us)
        world_run_to(earlier(until_us, earlier(world_next_event(), readiness_timer())));
}

static void sleep_some(void)
{
    if (random_chance(5)) {
        /* A host that was stopped for a while, as by a debugger. */
        world.host_stood_still = true;
        world_run_to(world.now_us + random_between(1, 20000000));
        return;
    }
    sleep_until(world.now_us + random_between(0, random_chance(100) ? 500000 : 3000));
    if (readiness_now() && random_chance(900))
        poll_once();
}

static struct call *any_pending(void)
{
    return oracle_pending() ? oracle_pending_at((int)random_between(0, oracle_pending() - 1))
                            : NULL;
}

static void cancel_some(void)
{
    struct call *call = any_pending();
    if (!call)
        return;
    call->cancelled = true;
    world_trace("call %d is cancelled", call->number);
    keep_cancel(host.store, call->ticket);
    after(call);
    if (call->status != KEEP_CANCELLED)
        world_fail("call %d is cancelled and ends as %s", call->number,
                   keep_status_name(call->status));
    /* Unless its batch still needs it, a cancelled call gives back its slot; either way a ticket released is gone. */
    if (random_chance(300))
        release(call);
}

static void release_some(void)
{
    struct call *call = oracle_count() ? oracle_call((int)random_between(1, oracle_count())) : NULL;
    if (call && !call->released && (call->done || random_chance(50)))
        release(call);
}

static void wait_some(void)
{
    struct call *call = any_pending();
    if (!call)
        return;
    bool ends = call->deadline_us || !world_faulty();
    int timeout_ms = random_chance(100)           ? 0
                     : ends && random_chance(300) ? -1
                                                  : (int)random_between(1, 50);
    int64_t until_us = world.now_us + (int64_t)timeout_ms * 1000;
    call->awaited = true;
    world_trace("call %d is awaited for %d ms", call->number, timeout_ms);
    keep_status status = keep_wait(host.store, call->ticket, timeout_ms);
    after(call);
    if (status != call->status)
        world_fail("keep_wait() says %s of call %d, which is %s", keep_status_name(status),
                   call->number, keep_status_name(call->status));
    if (timeout_ms >= 0 && world.now_us > until_us + 2000)
        world_fail("keep_wait() came back %lld us late", (long long)(world.now_us - until_us));
    if (status == KEEP_PENDING && world.now_us < until_us && timeout_ms >= 0)
        world_fail("keep_wait() came back early, and nobody interrupted it");
}

static void act(void)
{
    int64_t way = random_between(0, 99);
    if (sql_on() && random_chance(sql_streams() ? 850 : 400)) {
        sql_act(host.store);
        after(NULL);
        if (sql_streams() && random_chance(700))
            sleep_until(world.now_us + random_between(0, 3 * world.knobs.latency_us)), poll_once();
    } else if (way < 35)
        submit_some();
    else if (way < 70)
        sleep_some();
    else if (way < 76)
        poll_once();
    else if (way < 82)
        cancel_some();
    else if (way < 88)
        wait_some();
    else if (way < 97)
        release_some();
    else
        keep_interrupt(host.store, 0);
    if (world.knobs.lock && random_chance(world.knobs.lock))
        table_lock(draw_key(CALL_SAVE), world.now_us + random_between(1, 600000));
}

/* ---- beginning and end */

static void draw_options(char *json, size_t size)
{
    struct limits *limits = &host.limits;
    bool small = random_chance(300), sql = random_chance(500), gather = random_chance(300);
    int idle_ms = random_chance(300) ? (int)random_between(20, 2000) : 0;
    limits->connections = (int)random_between(1, 4);
    limits->queue = (int)random_between(1, random_chance(120) ? 20 : 3000);
    limits->batch = (int)random_between(1, small ? 4 : 256);
    limits->batch_bytes = random_between(100, random_chance(200) ? 2000 : 1 << 20);
    limits->queue_bytes = random_between(500, random_chance(100) ? 20000 : 1 << 28);
    host.hold = random_chance(300);
    host.watched = random_chance(800);
    host.spread = (int)random_between(1, random_chance(300) ? 2 : STATES);
    host.threads = random_chance(300) ? 0 : (int)random_between(1, 600);
    host.faulty = random_chance(500) ? 0 : (int)random_between(1, 200);
    host.default_ms = random_chance(500)   ? 30000
                      : random_chance(300) ? 0
                                           : (int)random_between(20, 3000);
    host.queue_ms = random_chance(700) ? 0 : (int)random_between(1, 100);
    world.lock_ms = (int)random_between(0, 250);
    sql_reset(!sql ? 0 : limits->connections == 1 ? 1 : limits->connections - 1, idle_ms);
    const char *tables =
        random_chance(200) ? ",\"tables\":{\"agent_states\":\"app.\\\"My 'States'\\\"\"}" : "";
    snprintf(
        json, size,
        "{\"connections\":%d,\"queue\":%d,\"batch\":%d,\"batch_bytes\":%lld,\"queue_bytes\":%lld,"
        "\"hold\":%s,\"gather\":%s,\"deadline_ms\":%d,\"queue_ms\":%d,\"connect_ms\":%d,"
        "\"lock_ms\":%d,\"lease_idle_ms\":%d%s}",
        limits->connections, limits->queue, limits->batch, (long long)limits->batch_bytes,
        (long long)limits->queue_bytes, host.hold ? "true" : "false", gather ? "true" : "false",
        host.default_ms, host.queue_ms, (int)random_between(300, 5000), world.lock_ms, idle_ms,
        tables);
}

/* Every call ends, without anybody doing more than waiting on the descriptor. */
static void settle_calls(bool sql_too)
{
    int64_t until_us = world.now_us + PATIENCE_US;
    if (host.hold || !host.watched)
        poll_once(); /* sends what was held back */
    while (oracle_pending() || (sql_too && sql_pending())) {
        int number = oracle_pending() ? oracle_pending_at(0)->number : 0;
        if (world.now_us >= until_us)
            world_fail("call %d (0: a statement) is lost: it does not end on a healthy server",
                       number);
        bool stuck = !readiness_now() && world_next_event() == NEVER && readiness_timer() == NEVER;
        if (stuck)
            world_fail(
                "call %d (0: a statement) is lost: nothing is under way for it and no timer is set",
                number);
        sleep_until(until_us);
        poll_once();
    }
    drain(-1);
}

static void poll_until_due(void)
{
    sleep_until(world.now_us + 10000);
    poll_once();
}

static void settle(void)
{
    settle_calls(false); /* also while leases are out */
    notes_must_arrive(host.store, poll_until_due);
    sql_give_all_back(host.store);
    settle_calls(true);
}

static void release_all(void)
{
    for (int number = 1; number <= oracle_count(); number++)
        if (!oracle_call(number)->released)
            release(oracle_call(number));
    sql_release_all(host.store);
}

static long long statistic(const char *json, const char *name)
{
    long long value = -1;
    const char *at = strstr(json, name);
    if (!at || sscanf(at + strlen(name), "%lld", &value) != 1)
        world_fail("the statistics do not tell %s: %s", name, json);
    return value;
}

/* With every ticket released nothing may be held, and every call has been counted under one outcome. */
static void look_at_statistics(void)
{
    long long finished = 0, calls = oracle_count() + sql_count() + 1; /* with the one that asks */
    keep_op ticket = keep_submit(host.store, "admin.stats", NULL, 0, 0);
    keep_status status = keep_op_status(host.store, ticket);
    if (status != KEEP_OK)
        world_fail("the statistics end as %s", keep_status_name(status));
    const char *json = keep_op_result(host.store, ticket).data;
    for (int i = KEEP_OK; i <= KEEP_INTERNAL; i++) {
        char name[32];
        snprintf(name, sizeof name, "\"%s\":", keep_status_name((keep_status)i));
        finished += statistic(json, name);
    }
    if (statistic(json, "\"submitted\":") != calls || finished != calls - 1)
        world_fail("%lld calls were submitted and finished; the statistics say: %s", calls, json);
    if (statistic(json, "\"held\":") != 1 || statistic(json, "\"held_bytes\":") != 0)
        world_fail("with every ticket released calls are held: %s", json);
    bool named = strstr(json, "\"prepared\":true"), set = strstr(json, "\"startup_settings\":true");
    if (!world.knobs.pooler && (!named || !set))
        world_fail(
            "the server takes prepared statements and settings, and the store does without: %s",
            json);
    if (statistic(json, "\"out\":") != 0 || statistic(json, "\"waiting\":") != 0)
        world_fail("with every lease given back some are out: %s", json);
    keep_release(host.store, ticket);
}

static void must_end_well(int number)
{
    settle_calls(true);
    keep_status status = sql_status(number);
    if (status != KEEP_OK && status != KEEP_FULL)
        world_fail("statement %d ends as %s on a server that has been healthy for seconds", number,
                   keep_status_name(status));
}

/* A statement alone, and a transaction. */
static void must_serve_sql(void)
{
    must_end_well(sql_submit_one(host.store, SQL_WRITE, -1));
    int taker = sql_submit_one(host.store, SQL_TAKE, -1);
    must_end_well(taker);
    int lease = sql_lease_of(taker);
    if (lease < 0)
        return; /* FULL, or nobody read the ticket */
    must_end_well(sql_submit_one(host.store, SQL_BEGIN, lease));
    must_end_well(sql_submit_one(host.store, SQL_WRITE, lease));
    must_end_well(sql_submit_one(host.store, SQL_COMMIT, lease));
    notes_must_serve(host.store, lease, must_end_well);
    copies_must_serve(host.store, lease, must_end_well);
    sql_give_back(host.store, lease);
    settle_calls(true);
}

/* On a server that has been healthy for longer than an attempt to connect and the pause behind it may take, every call
 * succeeds. */
static void must_serve(void)
{
    for (int64_t until_us = world.now_us + HEALTHY_US; world.now_us < until_us;) {
        sleep_until(until_us);
        poll_once();
    }
    release_all();
    host.faulty = 0;
    for (enum call_kind kind = CALL_SAVE; kind < CALL_BAD; kind++) {
        struct call *call = submit(kind, -1);
        settle();
        if (call->status != KEEP_OK && call->status != KEEP_FULL && !call->refused)
            world_fail("call %d ends as %s on a server that has been healthy for seconds: %s",
                       call->number, keep_status_name(call->status), call->answer);
    }
    if (sql_on())
        must_serve_sql();
    release_all();
    look_at_statistics();
}

static void close_store(void)
{
    static const int drains[] = {0, 0, 3, 50, 1000};
    int drain_ms = drains[random_between(0, 4)];
    int64_t until_us = world.now_us + (int64_t)drain_ms * 1000;
    world_trace("the store is closed, %d ms to drain", drain_ms);
    oracle_closing();
    sql_closing();
    keep_close(host.store, drain_ms);
    oracle_look(host.store, NULL);
    sql_look(host.store, 0);
    if (oracle_pending() || sql_pending())
        world_fail("call %d (0: a statement) is pending after keep_close()",
                   oracle_pending() ? oracle_pending_at(0)->number : 0);
    if (world.now_us > until_us + 2000)
        world_fail("keep_close() came back %lld us late", (long long)(world.now_us - until_us));
    if (random_chance(500))
        drain(-1);
    if (random_chance(300) && submit(CALL_SAVE, 0)->status != KEEP_CLOSED)
        world_fail("a closed store takes a call");
}

static bool open_store(void)
{
    char options[512];
    draw_options(options, sizeof options);
    world_trace("options %s", options);
    keep_status status = keep_open(&host.store, "host=/sim dbname=sim", options);
    if (status != KEEP_OK && !world_refuses_memory())
        world_fail("keep_open() gives %s", keep_status_name(status));
    if (!host.store && status != KEEP_NO_MEMORY)
        world_fail("keep_open() gives no store, and %s", keep_status_name(status));
    if (status != KEEP_OK) {
        keep_free(host.store);
        world_check_returned();
        return false;
    }
    oracle_begin(&host.limits);
    if (host.watched && keep_fd(host.store) < 0)
        world_fail("an open store has no descriptor");
    return true;
}

void history_run(void)
{
    if (!open_store())
        return;
    for (int64_t acts = random_between(5, sql_streams() ? 250 : 150); acts > 0; acts--)
        act();
    if (random_chance(600)) {
        world_heal();
        settle();
        submit(CALL_LOAD, -1); /* the first one after trouble */
        settle();
        must_serve();
    }
    if (random_chance(700))
        close_store();
    else
        oracle_closing(), sql_closing();
    keep_free(host.store);
    host.store = NULL;
    world_run_to(world.now_us + 25000); /* threads that ask the server to stop come to their end */
    world_check_returned();
    /* What abandoned sessions still do, they do now. */
    world.healthy = true;
    world_run_to(world.now_us + 60 * 1000000);
    if (oracle_pending() == 0)
        verdict();
    if (sql_pending() == 0)
        sql_verdict();
}
