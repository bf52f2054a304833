/* The simulated watch: level-triggered like epoll, with readiness taken from the links. Waiting moves the clock. A
 * socket that is closed while it is registered is forgotten, and its number may soon be another socket's. */
#include "sim.h"

#include <string.h>

enum { REGISTRATIONS = 256, SPINS = 200, DESCRIPTOR = 7 };

struct registration {
    int fd;
    uint64_t socket; /* which of all sockets that ever had this number */
    unsigned interest;
    uint32_t tag;
};

struct watch {
    struct registration registered[REGISTRATIONS];
    int count;
    int64_t timer_us; /* 0: disarmed */
    bool awake;
};

static struct watch *current; /* of the one store there is */
static uint64_t changes_seen;
static int64_t spin_us;
static int spins;

static void forget_closed(struct watch *watch)
{
    for (int i = 0; i < watch->count;) {
        struct pg_conn *link = link_by_fd(watch->registered[i].fd);
        if (link && link_socket(link) == watch->registered[i].socket)
            i++;
        else
            watch->registered[i] = watch->registered[--watch->count];
    }
}

static struct watch *sim_watch_open(void)
{
    struct watch *watch = keep_io.alloc(NULL, sizeof *watch);
    if (!watch)
        return NULL;
    if (current)
        world_fail("a second watch is opened for one store");
    memset(watch, 0, sizeof *watch);
    current = watch;
    return watch;
}

static void sim_watch_close(struct watch *watch)
{
    if (watch != current)
        world_fail("a watch is closed that is not open");
    current = NULL;
    keep_io.alloc(watch, 0);
}

static int sim_watch_fd(const struct watch *watch)
{
    return watch == current ? DESCRIPTOR : -1;
}

static bool sim_watch_set(struct watch *watch, int fd, unsigned interest, uint32_t tag)
{
    struct pg_conn *link = link_by_fd(fd);
    forget_closed(watch);
    int at = 0;
    while (at < watch->count && watch->registered[at].fd != fd)
        at++;
    if (interest == 0) {
        if (at < watch->count)
            watch->registered[at] = watch->registered[--watch->count];
        return true;
    }
    if (!link || at == REGISTRATIONS)
        return false;
    if (at == watch->count && !world.healthy && world.knobs.refuse_memory &&
        random_chance(world.knobs.refuse_memory))
        return false;
    watch->registered[at] = (struct registration){fd, link_socket(link), interest, tag};
    watch->count += at == watch->count;
    return true;
}

static bool sim_watch_timer(struct watch *watch, int64_t at_us)
{
    watch->timer_us = at_us;
    return true;
}

static void sim_watch_wake(struct watch *watch)
{
    watch->awake = true;
}

static void sim_watch_quiet(struct watch *watch)
{
    world.changes += watch->awake;
    watch->awake = false;
}

static void swap_events(struct watch_event *a, struct watch_event *b)
{
    struct watch_event kept = *a;
    *a = *b;
    *b = kept;
}

/* All that is ready, in any order, cut to the capacity. */
static int collect(struct watch *watch, struct watch_event *events, int capacity)
{
    struct watch_event all[REGISTRATIONS + 2];
    int count = 0;
    forget_closed(watch);
    for (int i = 0; i < watch->count; i++) {
        unsigned ready =
            link_ready(link_by_fd(watch->registered[i].fd)) & watch->registered[i].interest;
        if (ready)
            all[count++] = (struct watch_event){watch->registered[i].tag, ready};
    }
    if (watch->awake)
        all[count++] = (struct watch_event){WATCH_TAG_WAKE, WATCH_READ};
    if (watch->timer_us && watch->timer_us <= world.now_us)
        all[count++] = (struct watch_event){WATCH_TAG_TIMER, WATCH_READ};
    for (int i = count - 1; events && i > 0; i--)
        swap_events(&all[i], &all[random_between(0, i)]);
    if (!events)
        return count;
    count = count < capacity ? count : capacity;
    for (int i = 0; i < count; i++) {
        events[i] = all[i];
        if (all[i].tag == WATCH_TAG_TIMER) {
            watch->timer_us = 0; /* told once */
            world.changes++;
        }
    }
    return count;
}

/* Events that lead to nothing at one instant are a busy loop. A timer that went off counts as a change, so it has to be
 * bounded by the instant alone. */
static void look_for_spinning(int count)
{
    enum { TIMERS_AT_ONE_INSTANT = 10000 };
    static int instant;
    if (spin_us != world.now_us || count == 0) {
        instant = spins = 0;
    } else {
        spins = changes_seen == world.changes ? spins + 1 : 0;
        instant++;
    }
    spin_us = world.now_us;
    changes_seen = world.changes;
    if (spins > SPINS || instant > TIMERS_AT_ONE_INSTANT)
        world_fail("the engine spins: it was told the same over and over and nothing moved");
}

static int sim_watch_wait(struct watch *watch, struct watch_event *events, int capacity,
                          int timeout_ms)
{
    int64_t until_us = timeout_ms < 0 ? NEVER : world.now_us + (int64_t)timeout_ms * 1000;
    for (;;) {
        int count = collect(watch, events, capacity);
        look_for_spinning(count);
        for (int i = 0; i < count; i++)
            world_trace("  ready: %s %d%s%s",
                        events[i].tag >= WATCH_TAG_WAKE ? "own" : "connection", (int)events[i].tag,
                        events[i].ready & WATCH_READ ? " read" : "",
                        events[i].ready & WATCH_WRITE ? " write" : "");
        if (count > 0 || world.now_us >= until_us)
            return count;
        int64_t next = world_next_event();
        if (watch->timer_us && watch->timer_us < next)
            next = watch->timer_us;
        if (next > until_us)
            next = until_us;
        if (next == NEVER)
            world_fail("the engine waits for ever: nothing is under way and no timer is set");
        world_run_to(next);
    }
}

static bool sim_socket_quiet(int fd)
{
    struct pg_conn *link = link_by_fd(fd);
    return link && !(link_ready(link) & WATCH_READ);
}

static void sim_socket_blind(int fd)
{
    world_fail("socket %d is blinded, but nothing was forked", fd);
}

bool readiness_now(void)
{
    return current && collect(current, NULL, 0) > 0;
}

int64_t readiness_timer(void)
{
    return current && current->timer_us ? current->timer_us : NEVER;
}

bool readiness_open(void)
{
    return current != NULL;
}

bool readiness_registered(uint64_t socket)
{
    for (int i = 0; current && i < current->count; i++)
        if (current->registered[i].socket == socket)
            return true;
    return false;
}

void readiness_reset(void)
{
    current = NULL;
    spins = 0;
    spin_us = -1;
}

void readiness_install(void)
{
    keep_io.watch_open = sim_watch_open;
    keep_io.watch_close = sim_watch_close;
    keep_io.watch_abandon = sim_watch_close;
    keep_io.watch_fd = sim_watch_fd;
    keep_io.watch_set = sim_watch_set;
    keep_io.watch_timer = sim_watch_timer;
    keep_io.watch_wake = sim_watch_wake;
    keep_io.watch_quiet = sim_watch_quiet;
    keep_io.watch_wait = sim_watch_wait;
    keep_io.socket_quiet = sim_socket_quiet;
    keep_io.socket_blind = sim_socket_blind;
}
