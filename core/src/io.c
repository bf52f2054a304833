/* The real effects: libc, pthreads and libpq. The watch is in watch.c. */
#include "io.h"

#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void *io_alloc(void *old, size_t size)
{
    if (size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, size);
}

static int64_t io_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Jitter only has to differ between processes and calls; no state, so no race. */
static uint32_t io_random(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t mixed = ((uint64_t)now.tv_nsec ^ ((uint64_t)getpid() << 20)) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(mixed >> 32);
}

static bool io_socket_quiet(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

static void io_socket_blind(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return;
    dup2(null, fd);
    close(null);
}

struct thread_start {
    void (*work)(void *argument);
    void *argument;
};

static void *io_thread_main(void *argument)
{
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    start.work(start.argument);
    return NULL;
}

static bool io_thread(void (*work)(void *argument), void *argument)
{
    struct thread_start *start = malloc(sizeof *start);
    if (!start)
        return false;
    *start = (struct thread_start){work, argument};
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    int failed = pthread_create(&thread, &detached, io_thread_main, start);
    pthread_attr_destroy(&detached);
    if (failed)
        free(start);
    return !failed;
}

static void io_sleep(pthread_cond_t *wake, pthread_mutex_t *lock, int64_t wait_us)
{
    if (wait_us < 0) {
        pthread_cond_wait(wake, lock);
        return;
    }
    struct timespec until;
#ifdef __APPLE__
    clock_gettime(CLOCK_REALTIME, &until);
#else
    clock_gettime(CLOCK_MONOTONIC, &until);
#endif
    until.tv_sec += (time_t)(wait_us / 1000000);
    until.tv_nsec += (long)(wait_us % 1000000) * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(wake, lock, &until);
}

struct keep_io keep_io = {
    .alloc = io_alloc,
    .now_us = io_now_us,
    .random = io_random,
    .watch_open = watch_open,
    .watch_close = watch_close,
    .watch_abandon = watch_abandon,
    .watch_fd = watch_fd,
    .watch_set = watch_set,
    .watch_timer = watch_timer,
    .watch_wake = watch_wake,
    .watch_quiet = watch_quiet,
    .watch_wait = watch_wait,
    .socket_quiet = io_socket_quiet,
    .socket_blind = io_socket_blind,
    .thread = io_thread,
    .sleep = io_sleep,
    .PQconnectStartParams = PQconnectStartParams,
    .PQconnectPoll = PQconnectPoll,
    .PQstatus = PQstatus,
    .PQsocket = PQsocket,
    .PQsslInUse = PQsslInUse,
    .PQerrorMessage = PQerrorMessage,
    .PQconnectionNeedsPassword = PQconnectionNeedsPassword,
    .PQbackendPID = PQbackendPID,
    .PQtransactionStatus = PQtransactionStatus,
    .PQsetErrorVerbosity = PQsetErrorVerbosity,
    .PQsetNoticeReceiver = PQsetNoticeReceiver,
    .PQsetnonblocking = PQsetnonblocking,
    .PQenterPipelineMode = PQenterPipelineMode,
    .PQexitPipelineMode = PQexitPipelineMode,
    .PQsendQuery = PQsendQuery,
    .PQsendPrepare = PQsendPrepare,
    .PQsendQueryPrepared = PQsendQueryPrepared,
    .PQsendQueryParams = PQsendQueryParams,
    .PQpipelineSync = PQpipelineSync,
    .PQflush = PQflush,
    .PQconsumeInput = PQconsumeInput,
    .PQisBusy = PQisBusy,
    .PQgetResult = PQgetResult,
    .PQputCopyData = PQputCopyData,
    .PQputCopyEnd = PQputCopyEnd,
    .PQgetCopyData = PQgetCopyData,
    .PQnotifies = PQnotifies,
    .PQfreemem = PQfreemem,
    .PQgetCancel = PQgetCancel,
    .PQcancel = PQcancel,
    .PQfreeCancel = PQfreeCancel,
    .PQfinish = PQfinish,
    .PQresultStatus = PQresultStatus,
    .PQresultErrorField = PQresultErrorField,
    .PQcmdStatus = PQcmdStatus,
    .PQcmdTuples = PQcmdTuples,
    .PQntuples = PQntuples,
    .PQnfields = PQnfields,
    .PQfname = PQfname,
    .PQftype = PQftype,
    .PQgetvalue = PQgetvalue,
    .PQgetlength = PQgetlength,
    .PQgetisnull = PQgetisnull,
    .PQclear = PQclear,
};
