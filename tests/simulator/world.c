/* Chance, clock, memory and threads of the simulated world, and its beginning and end. */
#define _GNU_SOURCE
#include "sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LATE_THREADS = 16, FREED = 0xDD };

/* In front of each block, so that what is not given back can be named. Behind it stands a fence. */
struct block {
    struct block *prev, *next;
    size_t size;
    long number;
};

static const char fence[16] = "nobody's memory";

struct late_thread {
    void (*work)(void *argument);
    void *argument;
    int64_t at_us;
};

struct world world;
static struct block blocks = {&blocks, &blocks, 0, 0};
static struct late_thread late[LATE_THREADS];
static jmp_buf escape;
static bool guarded;

void world_trace(const char *format, ...)
{
    if (!world.trace)
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("%10.3f ms  ", (double)world.now_us / 1000);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

noreturn void world_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("seed %llu at %.3f ms: ", (unsigned long long)world.seed, (double)world.now_us / 1000);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    if (!guarded)
        exit(1);
    longjmp(escape, 1);
}

bool world_guard(void (*history)(void))
{
    bool whole = false;
    guarded = true;
    if (!setjmp(escape)) {
        history();
        whole = true;
    }
    guarded = false;
    return whole;
}

/* ---- chance (splitmix64) */

static uint64_t random_bits(void)
{
    uint64_t mixed = world.chance += 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return mixed ^ (mixed >> 31);
}

int64_t random_between(int64_t low, int64_t high)
{
    return low + (int64_t)(random_bits() % (uint64_t)(high - low + 1));
}

bool random_chance(int per_thousand)
{
    return random_between(0, 999) < per_thousand;
}

static uint32_t world_random(void)
{
    return (uint32_t)random_bits();
}

/* ---- memory */

static bool memory_refused(void)
{
    long number = ++world.allocations;
    if (world.refuse_from && number >= world.refuse_from && number <= world.refuse_to)
        return true;
    return world.knobs.refuse_memory && !world.healthy && random_chance(world.knobs.refuse_memory);
}

static void block_check(const struct block *block)
{
    if (memcmp((const char *)(block + 1) + block->size, fence, sizeof fence) != 0)
        world_fail("somebody wrote behind the allocation number %ld of %zu bytes", block->number,
                   block->size);
}

static void block_free(struct block *block)
{
    block->prev->next = block->next;
    block->next->prev = block->prev;
    memset(block, FREED, sizeof *block + block->size);
    free(block);
}

/* A block never grows in place and is overwritten when it is given back: who keeps an old address reads rubbish. */
static void *world_alloc(void *old, size_t size)
{
    struct block *before = old ? (struct block *)old - 1 : NULL;
    if (before)
        block_check(before);
    if (size == 0) {
        if (before)
            block_free(before);
        return NULL;
    }
    if (memory_refused())
        return NULL;
    struct block *block = malloc(sizeof *block + size + sizeof fence);
    if (!block)
        world_fail("the machine itself has no memory left");
    *block = (struct block){&blocks, blocks.next, size, world.allocations};
    blocks.next->prev = block;
    blocks.next = block;
    memset(block + 1, FREED, size);
    memcpy((char *)(block + 1) + size, fence, sizeof fence);
    if (before) {
        memcpy(block + 1, old, before->size < size ? before->size : size);
        block_free(before);
    }
    return block + 1;
}

/* ---- clock */

static int64_t world_now_us(void)
{
    return world.now_us;
}

/* The one thread there is leads, so all it ever sleeps for is a host's sake. */
static void world_sleep(pthread_cond_t *wake, pthread_mutex_t *lock, int64_t wait_us)
{
    (void)wake;
    (void)lock;
    if (wait_us < 0)
        world_fail("the only thread goes to sleep for ever");
    world_run_to(world.now_us + wait_us);
}

static int64_t late_next(void)
{
    int64_t next = NEVER;
    for (int i = 0; i < LATE_THREADS; i++)
        if (late[i].work && late[i].at_us < next)
            next = late[i].at_us;
    return next;
}

static void late_run(void)
{
    for (int i = 0; i < LATE_THREADS; i++) {
        if (!late[i].work || late[i].at_us > world.now_us)
            continue;
        struct late_thread thread = late[i];
        late[i].work = NULL;
        world.changes++;
        thread.work(thread.argument);
    }
}

static bool world_thread(void (*work)(void *argument), void *argument)
{
    if (!world.healthy && world.knobs.refuse_memory && random_chance(100))
        return false;
    if (!random_chance(world.knobs.late_thread)) {
        work(argument);
        return true;
    }
    for (int i = 0; i < LATE_THREADS; i++) {
        if (late[i].work)
            continue;
        late[i] = (struct late_thread){work, argument, world.now_us + random_between(1, 20000)};
        return true;
    }
    return false;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t world_next_event(void)
{
    return earlier(late_next(), earlier(link_next_event(), server_next_event()));
}

void world_run_to(int64_t at_us)
{
    for (int64_t next; (next = world_next_event()) <= at_us;) {
        if (next > world.now_us)
            world.now_us = next;
        late_run();
        server_run();
        link_run();
    }
    if (at_us > world.now_us)
        world.now_us = at_us;
}

/* ---- a history's world */

void world_install(void)
{
    keep_io.alloc = world_alloc;
    keep_io.now_us = world_now_us;
    keep_io.random = world_random;
    keep_io.thread = world_thread;
    keep_io.sleep = world_sleep;
    readiness_install();
    link_install();
    result_install();
}

static int sometimes(int odds, int per_thousand)
{
    return random_between(1, odds) == 1 ? (int)random_between(1, per_thousand) : 0;
}

/* A quarter of the histories are calm: there every call must simply succeed. */
static void knobs_draw(struct knobs *knobs)
{
    *knobs = (struct knobs){.pooler = random_chance(250),
                            .tls = random_chance(200),
                            .latency_us = (int)random_between(1, random_chance(300) ? 20000 : 800),
                            .service_us = (int)random_between(1, random_chance(200) ? 30000 : 500),
                            .socket_size =
                                random_chance(300) ? (size_t)random_between(16, 4096) : 1 << 18,
                            .backends = 100,
                            .late_thread = 300};
    knobs->chatter = sometimes(3, 300);
    if (random_chance(250))
        return;
    knobs->connect_fault = sometimes(3, 500);
    knobs->link_fault = sometimes(2, 400);
    knobs->idle_fault = sometimes(3, 200);
    knobs->retry_error = sometimes(3, 300);
    knobs->odd_error = sometimes(5, 150);
    knobs->lock = sometimes(3, 300);
    knobs->stall = sometimes(8, 30);
    knobs->outage = sometimes(3, 150);
    if (random_chance(100))
        knobs->backends = (int)random_between(1, 3);
    knobs->refuse_memory = sometimes(6, 40);
}

bool world_faulty(void)
{
    const struct knobs *knobs = &world.knobs;
    return knobs->connect_fault || knobs->link_fault || knobs->idle_fault || knobs->retry_error ||
           knobs->odd_error || knobs->lock || knobs->stall || knobs->outage ||
           knobs->refuse_memory || knobs->backends < 100;
}

bool world_refuses_memory(void)
{
    return world.knobs.refuse_memory || world.refuse_from;
}

void world_begin(uint64_t seed, bool trace)
{
    world = (struct world){.seed = seed, .chance = seed * 0xD1342543DE82EF95u + 1, .trace = trace};
    world.now_us = random_between(1, 1000000);
    blocks.prev = blocks.next = &blocks;
    memset(late, 0, sizeof late);
    knobs_draw(&world.knobs);
    link_reset();
    results_reset();
    command_reset();
    readiness_reset();
    server_reset();
    table_reset();
}

void world_heal(void)
{
    world_trace("the world is healthy from now on");
    world.healthy = true;
    table_unlock_all();
    server_heal();
}

void world_check_returned(void)
{
    if (link_count())
        world_fail("%d connections were not ended", link_count());
    if (results_handed_out())
        world_fail("%ld results were not cleared", results_handed_out());
    if (exec_lent())
        world_fail("%ld rows and notifications of libpq were not freed", exec_lent());
    if (readiness_open())
        world_fail("the watch was not closed");
    if (blocks.next != &blocks)
        world_fail(
            "memory was not freed: the allocation number %ld of %zu bytes, and perhaps others",
            blocks.next->number, blocks.next->size);
}

/* Frees what a history that failed left behind, too. */
void world_end(void)
{
    while (blocks.next != &blocks)
        block_free(blocks.next);
    server_reset();
    link_reset();
    results_reset();
    command_reset();
    table_reset();
    oracle_end();
}
