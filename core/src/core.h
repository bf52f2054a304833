/* The engine's inside: its nouns, its limits, and which file owns what.
 *
 *   store   one opened engine                                   api.c, options.c
 *   op      one submitted call; its slot and its states         op.c
 *   key     calls that name the same thing keep their order     key.c
 *   lane    the calls of one operation that may travel now      op.c (queues), pool.c (choice)
 *   batch   the calls that travel together on one connection    batch.c (who, with what outcome), encode.c (parameters)
 *   conn    one link to the server and its states               conn.c
 *   pool    which connection does what next; opening, back-off  pool.c
 *   dial    what must block before a link can begin             dial.c
 *   result  rows as JSON                                        result.c
 *   wait    blocking callers: one leads, the others sleep       wait.c
 *
 * Everything below runs under store->lock; it is let go only in step() while waiting for events. */
#ifndef KEEP_CORE_H
#define KEEP_CORE_H

#include "catalog.h"
#include "dsn.h"
#include "ident.h"
#include "io.h"
#include "statekeep.h"

#include <pthread.h>

#ifndef KEEP_SHARE_MIN
#define KEEP_SHARE_MIN 32 /* tests/bench/c/share.c compares others */
#endif

/* Limits that are not options. */
enum {
    LIMIT_CONNECTIONS = 128,      /* PostgreSQL's own default is 100 */
    LIMIT_ARGS = 16,              /* arguments of one operation */
    LIMIT_RANGES = 40,            /* a batch of 2^16 splits 16 deep, two ranges a level */
    LIMIT_ATTEMPTS = 10,          /* links that break under one call: no restart costs that many */
    LIMIT_RETRIES = 64,           /* of one range after serialization failures and deadlocks */
    LIMIT_ARENA_KEPT = 16 * 1024, /* bytes of arguments a free slot keeps for the next call */
    LIMIT_ENCODE_KEPT = 4 << 20,  /* bytes the parameter buffer keeps between batches */
    LIMIT_MESSAGE = 2048,         /* bytes of one error text */
    LIMIT_LOOKS = 100,            /* reads of an idle link before it is used: a TLS record each */
    LIMIT_EVENTS = 64,            /* taken from the watch at a time */
    LIMIT_KEY_BUCKETS = 1 << 14,  /* of the key table; as many as the default queue */
    SHARE_MIN = KEEP_SHARE_MIN,   /* calls; smaller shares cost more trips than parallelism saves */
    BACKOFF_MIN_MS = 10,          /* before the second attempt to connect */
    BACKOFF_MAX_MS = 1000,        /* a server that comes back is found within this */
    DIAL_FRESH_MS = 2000,         /* how long a resolved address serves further connections */
    DELAY_MIN_MS = 20,            /* before a call blocked by a foreign lock is tried again */
    CLOSE_SLICE_MS = 5,  /* keep_close() looks again: others may have served what it waits for */
    GATHER_MS = 1,       /* a call is held for threads that are coming back for no longer */
    GATHER_PAUSE = 32,   /* calls that are not held after some that were in vain */
    ABANDONED_MS = 5000, /* a batch nobody waits for holds its connection no longer */
};

struct options {
    int connections;
    int deadline_ms;
    int connect_ms;
    int lock_ms;
    int queue;
    int64_t queue_bytes;
    int batch;
    int64_t batch_bytes;
    int64_t argument_bytes;
    int queue_ms;
    bool hold;
    bool gather;
};

/* A growing run of bytes. Once an allocation fails it stays failed and empty; look at the end. */
struct buffer {
    char *data;
    size_t size;
    size_t capacity;
    bool failed;
};

/* What is sent for an operation: FORM_MANY for a batch (or when there is no other), FORM_SINGLE for one call, FORM_REAL
 * for one with vectors on a server without pgvector. */
enum form_kind { FORM_MANY, FORM_SINGLE, FORM_REAL, FORM_COUNT };

struct form {
    char *sql; /* with the table names in place; NULL until first used */
    char name[24];
    Oid types[LIMIT_ARGS];
    bool array; /* parameters are arrays, and rows begin with the item's number */
    bool reals; /* vectors travel as real[] */
};

/* An operation of this store. */
struct statement {
    const struct statement_spec *spec;
    int index; /* in the catalogue */
    struct form forms[FORM_COUNT];
};

struct list {
    struct op *first;
    struct op *last;
    size_t count;
};

enum op_state {
    OP_FREE,     /* in store->free */
    OP_BLOCKED,  /* behind an earlier call of its key; in no list but the key's chain */
    OP_QUEUED,   /* in its lane */
    OP_DELAYED,  /* blocked by a foreign lock; in store->delayed until not_before_us */
    OP_SENT,     /* in a batch */
    OP_DONE,     /* finished; in store->done until keep_next() takes it */
    OP_TAKEN,    /* finished and taken; waits for keep_release() */
    OP_RELEASED, /* released while its batch is still under way */
};

struct op {
    enum op_state state;
    struct op *prev, *next; /* in the list its state names */
    uint32_t slot;
    uint32_t generation;
    struct statement *statement;

    struct op *key_next;    /* the next younger call of the same key */
    struct op *key_tail;    /* the youngest; valid in the oldest */
    struct op *bucket_next; /* another key's oldest; valid in the oldest */
    uint64_t key_hash;      /* 0: no key */

    struct conn *conn; /* whose batch holds it, also after an early finish; else NULL */
    bool awaited;      /* belongs to keep_wait(): never in store->done */
    bool alone;        /* was blocked by a foreign lock: travels in a batch of its own */
    int attempts;      /* links that broke under it */
    bool in_doubt;     /* a write that a broken link may have committed, and that is sent again */

    keep_text *args; /* in the arena */
    char *arena;
    size_t arena_capacity;
    size_t arena_size; /* bytes that count against the caps */

    uint64_t sequence; /* order of submission */
    int64_t submitted_us;
    int64_t deadline_us; /* 0: none */
    int64_t answer_us;   /* `queue_bound`: the deadline once it was sent, 0: none */
    bool queue_bound;    /* deadline_us is that of "queue_ms" */
    int64_t not_before_us;
    int heap_index; /* in store->deadlines; -1: not there */

    keep_status status;
    struct buffer result;
    const char *fixed_result; /* instead of `result`: a constant */
    struct waiter *waiter;
    bool returning; /* its thread was woken and has not released it yet */
};

struct lane {
    struct list queue; /* OP_QUEUED, oldest first */
};

/* A part [from, to) of a batch's items that is sent as one statement. */
struct range {
    int from, to;
};

struct batch {
    struct statement *statement;
    struct op **items; /* in order of submission, calls of one key side by side */
    int count;
    struct op **sent; /* the items of the current range that travel: item n is sent[n - 1] */
    int *sent_at;     /* their indexes in items */
    int sent_count;
    struct range ranges[LIMIT_RANGES]; /* still to be sent; the last one is current */
    int range_count;
    int retries;
    bool vectors_turned;  /* the other form of vectors was tried */
    int64_t abandoned_us; /* since when nobody waits for it; 0: somebody does */
};

enum conn_state {
    CONN_DOWN,       /* no link; may be opened after retry_us */
    CONN_CONNECTING, /* PQconnectPoll() is at work */
    CONN_IDLE,       /* connected, nothing under way */
    CONN_BUSY,       /* a range was sent and its Sync is not answered yet */
};

/* What a busy connection waits for, in the order it was sent. */
enum conn_step { STEP_SETTING, STEP_PREPARE, STEP_QUERY, STEP_SYNC };

struct conn {
    enum conn_state state;
    keep_store *store;
    uint32_t index;
    PGconn *link;
    int fd;                  /* as registered with the watch; -1: not */
    unsigned interest;       /* as registered */
    bool flushed;            /* BUSY: everything was handed to the system */
    bool ending;             /* the server announced the end of the link */
    int64_t give_up_us;      /* CONNECTING: when the attempt is over */
    bool *prepared;          /* by statement index and form */
    const struct form *form; /* of the current range */
    enum conn_step steps[4];
    int step_count;
    int step;
    bool answered;     /* the query's own result came, without an error */
    bool named;        /* the range went by a prepared statement's name */
    PGresult *rows;    /* of the query */
    PGresult *failure; /* the first error of the range */
    struct batch batch;
};

struct stats {
    uint64_t submitted;
    uint64_t finished[KEEP_INTERNAL + 1];
    uint64_t queue_wait_us, queue_wait_max_us;
    uint64_t batches, batch_calls, superseded;
    uint64_t batch_sizes[17]; /* by power of two */
    uint64_t splits, retries, resent;
    uint64_t round_trips;
    uint64_t opened, lost, connect_failures;
    uint64_t bytes_sent;
};

enum store_state {
    STORE_OPEN,
    STORE_BROKEN,  /* never usable: dsn or options are wrong; see error */
    STORE_CLOSING, /* keep_close() waits for what was sent */
    STORE_CLOSED,
};

struct keep_store {
    pthread_mutex_t lock;
    enum store_state state;
    unsigned process; /* forks between the first process and the one that opened it */
    struct options options;
    struct ident *tables; /* by table slot, see catalog.c */
    struct statement *statements;
    struct watch *watch;
    int64_t timer_us; /* when the watch's timer goes off; 0: it does not */

    struct op **slots;
    int slot_count;
    struct list free, done, delayed;
    size_t held_bytes;
    size_t held_count;
    size_t queued_count; /* OP_QUEUED, in all lanes */
    uint64_t sequence;
    struct op **deadlines; /* a binary heap */
    int deadline_count;
    struct op **buckets; /* the oldest call of each key */
    struct lane *lanes;  /* by statement index */

    struct conn *conns;
    struct dial *dial;
    int connect_backoff_ms;
    int64_t retry_us;   /* no connecting before this */
    int64_t down_us;    /* since when no link is up; 0: one is */
    bool plain_startup; /* a pooler refused settings at start-up */
    bool real_vectors;  /* the server knows no type "vector" */
    bool unnamed;       /* prepared statements do not survive between transactions */
    char connect_error[LIMIT_MESSAGE];
    char connect_sqlstate[6];

    struct buffer encode;
    struct waiter *waiters;
    bool leading;
    int returning;    /* calls that are */
    bool gathering;   /* the leader sends what is held after GATHER_MS */
    bool held;        /* something was kept back for threads that are returning */
    int gather_pause; /* calls left that are not */
    /* keep_fd() was asked for: the host must hear of tickets finished outside keep_poll(). */
    bool watched;
    bool polling; /* inside keep_poll() */
    struct stats stats;
    char *error; /* STORE_BROKEN: as JSON, its status, its message */
    keep_status fault_status;
    char fault[LIMIT_MESSAGE];
};

/* ---- buffer.c */
void buffer_append(struct buffer *buffer, const char *data, size_t size);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_json(struct buffer *buffer, const char *text, size_t size); /* as a JSON string */
void buffer_free(struct buffer *buffer);

/* ---- status.c: what a failure means */
enum failure {
    FAILURE_ITEM,     /* one of the calls is at fault: split until it is found */
    FAILURE_ALL,      /* the statement cannot run, whatever the arguments */
    FAILURE_AGAIN,    /* nothing was done and the same may succeed at once */
    FAILURE_BLOCKED,  /* a foreign lock was waited for too long */
    FAILURE_LINK,     /* this server no longer serves us: reconnect; nothing was done */
    FAILURE_PREPARED, /* the prepared statement is gone or in the way: a pooler */
};
enum failure failure_of(const char *sqlstate);
keep_status status_of(const char *sqlstate);
bool status_retry(keep_status status, const char *sqlstate);

/* ---- options.c */
keep_status options_parse(keep_store *store, const char *json, char **error);
void options_complete(struct options *options,
                      const struct dsn *dsn); /* what only the dsn says, and the defaults */

/* ---- catalog.c: operations by name, tables by slot */
int catalog_count(void);
const struct statement_spec *catalog_at(int index);
int catalog_find(const char *name);
int catalog_table_count(void);
int catalog_table_find(const char *name);
const char *catalog_table_name(int slot);
/* The SQL of an operation with this store's table names; allocated, NULL without memory. */
char *catalog_sql(const keep_store *store, const struct statement_spec *spec, enum form_kind kind);
/* The form, made on first use; NULL without memory. */
const struct form *statement_form(const keep_store *store, struct statement *statement,
                                  enum form_kind kind);

/* ---- args.c: whether arguments may travel */
/* NULL when they may; else writes why not into `message` and gives the SQLSTATE the server would ("" when it has none). */
const char *args_refused(const struct statement_spec *spec, const struct options *options,
                         const keep_text *args, int count, char *message, size_t size);

/* ---- op.c */
struct op *op_take(keep_store *store);
struct op *op_find(const keep_store *store, keep_op ticket);
keep_op op_ticket(const struct op *op);
void op_set_state(keep_store *store, struct op *op, enum op_state state);
/* Gives the call its outcome. `message` may be NULL for KEEP_OK; failure (borrowed) adds the server's words. */
void op_finish_ok(keep_store *store, struct op *op, const char *fixed);
void op_finish_error(keep_store *store, struct op *op, keep_status status, const char *message,
                     const PGresult *failure, const char *reason);
void op_finish_refused(keep_store *store, struct op *op, keep_status status, const char *message,
                       const char *sqlstate);
void op_leave_batch(keep_store *store, struct op *op);
void op_resume(keep_store *store, struct op *op);
void op_requeue(keep_store *store, struct op *op);
void op_free(keep_store *store, struct op *op);
void op_release(keep_store *store, struct op *op);
bool op_live(const struct op *op); /* somebody still waits for the answer */
void op_expire(keep_store *store, int64_t now_us);
void op_wake_delayed(keep_store *store, int64_t now_us);
void op_deadline_set(keep_store *store, struct op *op);
void error_json(struct buffer *out, keep_status status, const char *op, const char *message,
                const char *sqlstate, const char *detail, const char *reason);

/* ---- key.c */
bool key_enter(keep_store *store, struct op *op); /* whether it is the oldest of its key */
void key_leave(keep_store *store, struct op *op); /* lets the next one go */
bool key_first(keep_store *store, const struct op *op);

/* ---- batch.c */
void batch_collect(struct conn *conn, struct statement *statement, int share);
void batch_next_range(struct conn *conn);
bool batch_live(const struct batch *batch); /* somebody waits for an answer of it */
/* Whether the range of a call in a batch is the current one: those behind it are not committed (any more). */
bool batch_under_way(const struct op *op);
void batch_no_memory(struct conn *conn); /* the current range could not be encoded */
void batch_done(struct conn *conn);      /* the current range is committed */
enum failure
batch_failed(struct conn *conn); /* the server refused it; what that means for the link */
void batch_lost(struct conn *conn, bool certainly_not, const char *why); /* the link is gone */

/* ---- encode.c */
/* The parameters of the current range, in store->encode; false without memory. */
bool encode_range(struct conn *conn, const char *values[], int sizes[]);

/* ---- result.c */
void result_deliver(struct conn *conn); /* gives the sent items of the current range their rows */

/* ---- conn.c */
bool conn_open(struct conn *conn);
void conn_event(struct conn *conn, unsigned ready);
bool conn_alive(
    struct conn *conn);            /* IDLE: looks whether the link still stands; evicts it if not */
void conn_send(struct conn *conn); /* the current range of its batch */
void conn_lost(struct conn *conn, const char *why, bool certainly_not);
void conn_abandon(struct conn *conn); /* in a forked child */
void conn_end(struct conn *conn);     /* at the store's end */
void conn_give_up(struct conn *conn); /* CONNECTING: it took too long */

/* ---- pool.c */
void pool_pump(keep_store *store);
void pool_connected(keep_store *store);
void pool_lost(keep_store *store);
void pool_connect_failed(keep_store *store, const char *message);
void pool_timers(keep_store *store, int64_t now_us);
int64_t pool_next_time(const keep_store *store);
bool pool_busy(const keep_store *store);

/* ---- dial.c */
enum dial_state { DIAL_READY, DIAL_RUNNING, DIAL_FAILED };
struct dial *dial_open(struct dsn *dsn,
                       struct watch *watch); /* takes the dsn over; NULL without memory */
void dial_close(struct dial *dial);
enum dial_state dial_begin(struct dial *dial, int64_t now_us);
const char *dial_error(const struct dial *dial); /* valid in DIAL_FAILED until dial_begin() */
bool dial_is_embedded(const struct dial *dial);
bool dial_is_running(struct dial *dial);
void dial_stale(struct dial *dial);
const char *const *dial_keys(const struct dial *dial);
const char *const *dial_values(const struct dial *dial);

/* ---- step.c */
void step(keep_store *store, int timeout_ms);
void step_arm(keep_store *store, int64_t at_us); /* the timer goes off no later than this */

/* ---- wait.c */
void wait_finished(keep_store *store, struct op *op); /* wakes who waits for it */
void wait_released(keep_store *store, struct op *op);
void wait_pump(keep_store *store); /* sends what waits, unless it is worth holding */
keep_status wait_ticket(keep_store *store, keep_op ticket, int timeout_ms);
void wait_interrupt(keep_store *store, struct op *op); /* NULL: everybody */

/* ---- stats.c */
void stats_json(const keep_store *store, struct buffer *out);

#endif
