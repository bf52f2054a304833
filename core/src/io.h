/* The effects: every way in which the engine touches the world (memory, clock, chance, readiness, threads, libpq) goes
 * through this one table. Production code never changes it; the simulator and the out-of-memory tests replace entries
 * before a store is opened. What is not here cannot be done by the engine. */
#ifndef KEEP_IO_H
#define KEEP_IO_H

#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch; /* one pollable descriptor over many, with a timer and a wake-up */

enum { WATCH_READ = 1, WATCH_WRITE = 2 };

struct watch_event {
    uint32_t
        tag; /* as given to watch_set(); WATCH_TAG_TIMER and WATCH_TAG_WAKE are the watch's own */
    unsigned ready; /* WATCH_READ | WATCH_WRITE; errors and hang-ups count as both */
};

#define WATCH_TAG_TIMER UINT32_MAX
#define WATCH_TAG_WAKE (UINT32_MAX - 1)

struct keep_io {
    /* realloc: old == NULL allocates, size == 0 frees (and gives NULL). NULL when there is no memory. */
    void *(*alloc)(void *old, size_t size);
    int64_t (*now_us)(void);  /* a clock that never goes back */
    uint32_t (*random)(void); /* for jitter only */

    struct watch *(*watch_open)(void); /* NULL when the system refuses */
    void (*watch_close)(struct watch *watch);
    /* In a forked child: frees without touching what the parent shares. */
    void (*watch_abandon)(struct watch *watch);
    int (*watch_fd)(const struct watch *watch);
    /* Registers, changes (interest != 0) or forgets (interest == 0) a descriptor. Forget before closing it. */
    bool (*watch_set)(struct watch *watch, int fd, unsigned interest, uint32_t tag);
    bool (*watch_timer)(struct watch *watch,
                        int64_t at_us);      /* one shot on now_us()'s clock; 0 disarms */
    void (*watch_wake)(struct watch *watch); /* readable until watch_quiet(); from any thread */
    void (*watch_quiet)(struct watch *watch);
    /* Waits for events; timeout_ms < 0: without limit; 0: does not wait. The number of events. A timer that went off
     * is reported once. */
    int (*watch_wait)(struct watch *watch, struct watch_event *events, int capacity,
                      int timeout_ms);

    /* Whether nothing waits to be read from the socket: no data, no end, no error. */
    bool (*socket_quiet)(int fd);
    /* Puts the null device over a socket, so that what libpq says when it lets go reaches nobody. */
    void (*socket_blind)(int fd);
    /* Runs work(argument) on a short-lived thread. false when none can be had. */
    bool (*thread)(void (*work)(void *argument), void *argument);
    /* Lets go of the lock and sleeps until the condition is signalled, at most `wait_us` (< 0: without limit). The
     * condition's clock is the monotonic one, where conditions can have it. */
    void (*sleep)(pthread_cond_t *wake, pthread_mutex_t *lock, int64_t wait_us);

    /* libpq, by its own names. */
    PGconn *(*PQconnectStartParams)(const char *const *keys, const char *const *values, int expand);
    PostgresPollingStatusType (*PQconnectPoll)(PGconn *);
    ConnStatusType (*PQstatus)(const PGconn *);
    int (*PQsocket)(const PGconn *);
    int (*PQsslInUse)(PGconn *);
    char *(*PQerrorMessage)(const PGconn *);
    int (*PQconnectionNeedsPassword)(const PGconn *);
    int (*PQbackendPID)(const PGconn *);
    PGTransactionStatusType (*PQtransactionStatus)(const PGconn *);
    PGVerbosity (*PQsetErrorVerbosity)(PGconn *, PGVerbosity);
    PQnoticeReceiver (*PQsetNoticeReceiver)(PGconn *, PQnoticeReceiver, void *);
    int (*PQsetnonblocking)(PGconn *, int);
    int (*PQenterPipelineMode)(PGconn *);
    int (*PQexitPipelineMode)(PGconn *);
    int (*PQsendQuery)(PGconn *, const char *sql);
    int (*PQsendPrepare)(PGconn *, const char *name, const char *sql, int count, const Oid *types);
    int (*PQsendQueryPrepared)(PGconn *, const char *name, int count, const char *const *values,
                               const int *sizes, const int *formats, int result_format);
    int (*PQsendQueryParams)(PGconn *, const char *sql, int count, const Oid *types,
                             const char *const *values, const int *sizes, const int *formats,
                             int result_format);
    int (*PQpipelineSync)(PGconn *);
    int (*PQflush)(PGconn *);
    int (*PQconsumeInput)(PGconn *);
    int (*PQisBusy)(PGconn *);
    PGresult *(*PQgetResult)(PGconn *);
    int (*PQputCopyData)(PGconn *, const char *data, int size);
    int (*PQputCopyEnd)(PGconn *, const char *failure);
    int (*PQgetCopyData)(PGconn *, char **row, int async);
    PGnotify *(*PQnotifies)(PGconn *);
    void (*PQfreemem)(void *);
    PGcancel *(*PQgetCancel)(PGconn *);
    int (*PQcancel)(PGcancel *, char *message, int size); /* blocks: on a thread of its own only */
    void (*PQfreeCancel)(PGcancel *);
    void (*PQfinish)(PGconn *);
    ExecStatusType (*PQresultStatus)(const PGresult *);
    char *(*PQresultErrorField)(const PGresult *, int field);
    char *(*PQcmdStatus)(PGresult *);
    char *(*PQcmdTuples)(PGresult *);
    int (*PQntuples)(const PGresult *);
    int (*PQnfields)(const PGresult *);
    char *(*PQfname)(const PGresult *, int column);
    Oid (*PQftype)(const PGresult *, int column);
    char *(*PQgetvalue)(const PGresult *, int row, int column);
    int (*PQgetlength)(const PGresult *, int row, int column);
    int (*PQgetisnull)(const PGresult *, int row, int column);
    void (*PQclear)(PGresult *);
};

extern struct keep_io keep_io;

/* keep_io.alloc, spelled short: every allocation of the library. */
static inline void *keep_alloc(void *old, size_t size)
{
    return keep_io.alloc(old, size);
}

#endif
