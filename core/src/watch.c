/* See watch.h. Level-triggered throughout, so an event that is not served now is reported again. */
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { WATCH_EVENTS = 64 };

#ifdef __linux__

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

struct watch {
    int epoll;
    int timer;
    int wake;
};

static bool watch_add(int epoll, int fd, uint32_t tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = tag};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

struct watch *watch_open(void)
{
    struct watch *watch = keep_alloc(NULL, sizeof *watch);
    if (!watch)
        return NULL;
    watch->epoll = epoll_create1(EPOLL_CLOEXEC);
    watch->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    watch->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch->epoll < 0 || watch->timer < 0 || watch->wake < 0 ||
        !watch_add(watch->epoll, watch->timer, WATCH_TAG_TIMER) ||
        !watch_add(watch->epoll, watch->wake, WATCH_TAG_WAKE)) {
        watch_close(watch);
        return NULL;
    }
    return watch;
}

void watch_close(struct watch *watch)
{
    if (watch->wake >= 0)
        close(watch->wake);
    if (watch->timer >= 0)
        close(watch->timer);
    if (watch->epoll >= 0)
        close(watch->epoll);
    keep_alloc(watch, 0);
}

/* Closing the child's copies changes nothing in the parent's epoll; only epoll_ctl() would. */
void watch_abandon(struct watch *watch)
{
    watch_close(watch);
}

int watch_fd(const struct watch *watch)
{
    return watch->epoll;
}

bool watch_set(struct watch *watch, int fd, unsigned interest, uint32_t tag)
{
    if (interest == 0) {
        epoll_ctl(watch->epoll, EPOLL_CTL_DEL, fd, NULL);
        return true;
    }
    struct epoll_event event = {.data.u32 = tag};
    event.events = (interest & WATCH_READ ? EPOLLIN | EPOLLRDHUP : 0u) |
                   (interest & WATCH_WRITE ? EPOLLOUT : 0u);
    if (epoll_ctl(watch->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
        return true;
    return errno == ENOENT && epoll_ctl(watch->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool watch_timer(struct watch *watch, int64_t at_us)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000}};
    return timerfd_settime(watch->timer, TFD_TIMER_ABSTIME, &when, NULL) == 0;
}

void watch_wake(struct watch *watch)
{
    uint64_t one = 1;
    /* Fails only when the counter is full, and then it is readable anyway. */
    ssize_t written = write(watch->wake, &one, sizeof one);
    (void)written;
}

static void watch_drain(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got;
}

void watch_quiet(struct watch *watch)
{
    watch_drain(watch->wake);
}

int watch_wait(struct watch *watch, struct watch_event *events, int capacity, int timeout_ms)
{
    struct epoll_event ready[WATCH_EVENTS];
    int count = epoll_wait(watch->epoll, ready, capacity < WATCH_EVENTS ? capacity : WATCH_EVENTS,
                           timeout_ms);
    for (int i = 0; i < count; i++) {
        uint32_t happened = ready[i].events;
        bool broken = happened & (EPOLLERR | EPOLLHUP | EPOLLRDHUP);
        events[i].tag = ready[i].data.u32;
        events[i].ready = (broken || happened & EPOLLIN ? WATCH_READ : 0u) |
                          (broken || happened & EPOLLOUT ? WATCH_WRITE : 0u);
        if (events[i].tag == WATCH_TAG_TIMER)
            watch_drain(watch->timer);
    }
    return count < 0 ? 0 : count;
}

#else

#include <fcntl.h>
#include <sys/event.h>
#include <time.h>

struct watch {
    int queue;
};

enum { WATCH_IDENT = 1 };

static bool watch_change(struct watch *watch, uintptr_t ident, int filter, int flags, unsigned note,
                         int64_t data, uint32_t tag)
{
    struct kevent change;
    EV_SET(&change, ident, (int16_t)filter, (uint16_t)flags, note, data, (void *)(uintptr_t)tag);
    return kevent(watch->queue, &change, 1, NULL, 0, NULL) == 0;
}

struct watch *watch_open(void)
{
    struct watch *watch = keep_alloc(NULL, sizeof *watch);
    if (!watch)
        return NULL;
    watch->queue = kqueue();
    if (watch->queue < 0 || fcntl(watch->queue, F_SETFD, FD_CLOEXEC) != 0 ||
        !watch_change(watch, WATCH_IDENT, EVFILT_USER, EV_ADD, 0, 0, WATCH_TAG_WAKE)) {
        watch_close(watch);
        return NULL;
    }
    return watch;
}

void watch_close(struct watch *watch)
{
    if (watch->queue >= 0)
        close(watch->queue);
    keep_alloc(watch, 0);
}

/* A kqueue is not inherited by fork: there is nothing to close. */
void watch_abandon(struct watch *watch)
{
    keep_alloc(watch, 0);
}

int watch_fd(const struct watch *watch)
{
    return watch->queue;
}

bool watch_set(struct watch *watch, int fd, unsigned interest, uint32_t tag)
{
    bool done = watch_change(watch, (uintptr_t)fd, EVFILT_READ,
                             interest & WATCH_READ ? EV_ADD : EV_DELETE, 0, 0, tag) ||
                !(interest & WATCH_READ);
    return (watch_change(watch, (uintptr_t)fd, EVFILT_WRITE,
                         interest & WATCH_WRITE ? EV_ADD : EV_DELETE, 0, 0, tag) ||
            !(interest & WATCH_WRITE)) &&
           done;
}

bool watch_timer(struct watch *watch, int64_t at_us)
{
    if (at_us == 0)
        return watch_change(watch, WATCH_IDENT, EVFILT_TIMER, EV_DELETE, 0, 0, WATCH_TAG_TIMER) ||
               errno == ENOENT;
    int64_t wait_us = at_us - keep_io.now_us();
    return watch_change(watch, WATCH_IDENT, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_USECONDS,
                        wait_us > 0 ? wait_us : 1, WATCH_TAG_TIMER);
}

void watch_wake(struct watch *watch)
{
    watch_change(watch, WATCH_IDENT, EVFILT_USER, 0, NOTE_TRIGGER, 0, WATCH_TAG_WAKE);
}

void watch_quiet(struct watch *watch)
{
    watch_change(watch, WATCH_IDENT, EVFILT_USER, EV_CLEAR, 0, 0, WATCH_TAG_WAKE);
}

int watch_wait(struct watch *watch, struct watch_event *events, int capacity, int timeout_ms)
{
    struct kevent ready[WATCH_EVENTS];
    struct timespec limit = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000};
    int count =
        kevent(watch->queue, NULL, 0, ready, capacity < WATCH_EVENTS ? capacity : WATCH_EVENTS,
               timeout_ms < 0 ? NULL : &limit);
    for (int i = 0; i < count; i++) {
        bool broken = ready[i].flags & (EV_EOF | EV_ERROR);
        events[i].tag = (uint32_t)(uintptr_t)ready[i].udata;
        events[i].ready = (broken || ready[i].filter != EVFILT_WRITE ? WATCH_READ : 0u) |
                          (broken || ready[i].filter == EVFILT_WRITE ? WATCH_WRITE : 0u);
    }
    return count < 0 ? 0 : count;
}

#endif
