/* One pollable descriptor over a store's sockets, its timer and its wake-up: epoll, timerfd and eventfd on Linux,
 * kqueue elsewhere. The functions are those of struct keep_io; see io.h for their contracts. */
#ifndef KEEP_WATCH_H
#define KEEP_WATCH_H

#include "io.h"

struct watch *watch_open(void);
void watch_close(struct watch *watch);
void watch_abandon(struct watch *watch);
int watch_fd(const struct watch *watch);
bool watch_set(struct watch *watch, int fd, unsigned interest, uint32_t tag);
bool watch_timer(struct watch *watch, int64_t at_us);
void watch_wake(struct watch *watch);
void watch_quiet(struct watch *watch);
int watch_wait(struct watch *watch, struct watch_event *events, int capacity, int timeout_ms);

#endif
