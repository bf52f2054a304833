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
 *   result  rows of operations as JSON                          result.c
 *   session a link that runs callers' own SQL, and what is under way on it    session.c, copy.c
 *   lease   a session in one caller's hands                     lease.c
 *   plan    a prepared statement of a session, by its text      plan.c
 *   note    a notification nobody has asked for yet             note.c
 *   cancel  a request to the server to stop a statement         cancel.c
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
    LIMIT_PARAMS = 65535,         /* of one statement, as in the protocol */
    LIMIT_PLANS = 100,            /* texts a session remembers */
    LIMIT_PLAN_TEXT =
        16 * 1024, /* bytes; longer texts are not prepared (some proxies pin a session for them) */
    LIMIT_NOTES = 1 << 20,    /* bytes of notifications a lease keeps until they are asked for */
    LIMIT_COPY_OUT = 1 << 20, /* bytes of rows in one result, but for a single longer row */
    LIMIT_ENDED = 64,   /* leases that ended by themselves, and whose holders are still told why */
    ROLE_IDLE_MS = 100, /* a link unused for so long makes room for one of the other role */
    CANCEL_GRACE_MS =
        250, /* past its deadline a statement being stopped is waited for: its end tells what became of it */
    CANCEL_AGAIN_MS = 200, /* a request to stop may have come before the statement did */
    CLOSE_SLICE_MS = 5,    /* keep_close() looks again: others may have served what it waits for */
    QUEUE_AGAIN_MS = 1,    /* past "queue_ms" a call leaves first where a connection is free */
    GATHER_MS = 1,         /* a call is held for threads that are coming back for no longer */
    GATHER_PAUSE = 32,     /* calls that are not held after some that were in vain */
    ABANDONED_MS = 5000,   /* a batch nobody waits for holds its connection no longer */
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
    int lease_idle_ms;
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

/* What a call asks for; all but OP_CALL run on sessions. */
enum op_kind {
    OP_CALL, /* an operation of the catalogue */
    OP_TAKE, /* a lease */
    OP_QUERY,
    OP_COPY_IN,
    OP_COPY_OUT,
    OP_NOTIFICATION,
    OP_KIND_COUNT
};

/* The parameters of a caller's statement as libpq wants them, in the call's arena. */
struct params {
    int count;
    const char **values;
    int *sizes;
    Oid *types;
    int *formats;
};

struct op {
    enum op_state state;
    enum op_kind kind;
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

    struct conn
        *via; /* of a lease's call: the lease's; else the session it was sent on; else NULL */
    unsigned scanned;  /* of a query: what sql_scan() found */
    bool overdue;      /* its deadline passed, and the server was asked to stop it */
    keep_lease unread; /* of OP_TAKE: the lease that its result names, until that was read */
    struct params params;

    keep_text *args; /* in the arena; of sessions' calls each ends in a NUL */
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

/* What a link is for, from its first packet to its end. */
enum conn_role {
    ROLE_CALLS, /* operations of the catalogue: start-up settings of ours, no session state */
    ROLE_SQL,   /* callers' own SQL */
    ROLE_COUNT
};

enum conn_state {
    CONN_DOWN,       /* no link; may be opened after retry_us */
    CONN_CONNECTING, /* PQconnectPoll() is at work */
    CONN_IDLE,       /* connected, nothing under way */
    CONN_BUSY,       /* a range was sent and its Sync is not answered yet */
};

/* What a busy connection waits for, in the order it was sent. */
enum conn_step { STEP_SETTING, STEP_PROBE, STEP_PREPARE, STEP_QUERY, STEP_SYNC };

/* Where the protocol stands on a session. */
enum session_phase {
    SESSION_READY,    /* nothing under way */
    SESSION_QUERY,    /* a statement was sent, or a COPY was ended; its results arrive */
    SESSION_COPY_IN,  /* the server waits for rows */
    SESSION_COPY_OUT, /* the server has rows; they are taken when asked for */
    SESSION_DISCARD,  /* as COPY_OUT, but broken off: rows are thrown away */
    SESSION_RESET,    /* what the last holder left is being undone */
};

struct plan {
    uint64_t hash; /* of text and types; 0: free */
    char *text;
    size_t size;
    Oid *types;
    int count;
    unsigned number; /* of its name; 0: seen once, not prepared */
    uint64_t used;   /* larger is later */
};

struct plans {
    struct plan *slots; /* LIMIT_PLANS of them; NULL until the first */
    uint64_t clock;
    unsigned numbers;              /* given out on this link */
    unsigned dropped[LIMIT_PLANS]; /* prepared, and to be given up at the next reset */
    int dropped_count;
};

struct note {
    struct note *next;
    size_t size;
    char json[]; /* ends in a NUL */
};

struct session {
    enum session_phase phase;
    keep_lease lease;      /* who holds it; 0: nobody */
    struct list queue;     /* OP_QUEUED: the lease's calls that wait for their turn */
    struct list listeners; /* OP_QUEUED: calls that wait for a notification */
    struct op *op;         /* whose turn it is; NULL: nobody's, or he let go */
    struct note *notes, *last_note;
    size_t notes_size;
    struct cancel *cancel;   /* under way; NULL: none */
    int64_t cancel_again_us; /* 0: not */
    int64_t unused_us;       /* since when the lease lies unused */
    int64_t abandoned_us;    /* since when nobody waits for what is under way; 0: somebody does */
    unsigned left;           /* SCAN_* of what was run since the last reset */
    bool in_transaction;     /* before the statement that is under way */
    bool copied;             /* the last rows of a COPY were given, its end not yet */
    bool piped;              /* in pipeline mode, for this statement only */
    int results;             /* of the statement, written so far */
    struct plan *plan;       /* that the statement was sent by; NULL: by its text */
    struct plans plans;
};

struct conn {
    enum conn_state state;
    enum conn_role role; /* of the link */
    keep_store *store;
    uint32_t index;
    PGconn *link;
    int fd;                  /* as registered with the watch; -1: not */
    unsigned interest;       /* as registered */
    bool flushed;            /* BUSY: everything was handed to the system */
    bool ending;             /* the server announced the end of the link */
    int64_t give_up_us;      /* CONNECTING: when the attempt is over */
    int64_t idle_us;         /* IDLE: since when */
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
    struct session session; /* ROLE_SQL */
};

/* A lease that ended without being returned. */
struct ended {
    keep_lease lease; /* 0: none */
    bool reclaimed;   /* else its link was lost */
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
    uint64_t leases_taken, leases_reclaimed;
    uint64_t statements, resets, cancels, notes_dropped;
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
    size_t queued_count;   /* OP_QUEUED, in all lanes */
    struct list sql_queue; /* OP_QUEUED: takers of leases, and statements without one */
    keep_lease leases;     /* given out so far: the last one's number */
    struct ended ended[LIMIT_ENDED];
    int ended_at; /* the next to be overwritten */
    uint64_t sequence;
    struct op **deadlines; /* a binary heap */
    int deadline_count;
    struct op **buckets; /* the oldest call of each key */
    struct lane *lanes;  /* by statement index */

    struct conn *conns;
    int conn_count; /* the option "connections", and one more for sessions where that is 1 */
    struct dial *dial;
    int connect_backoff_ms;
    int64_t retry_us; /* no connecting before this */
    int64_t down_us
        [ROLE_COUNT];   /* since when no link of the role is up; 0: one is, or none was wanted */
    bool plain_startup; /* a pooler refused settings at start-up */
    bool real_vectors;  /* the server knows no type "vector" */
    bool unnamed;       /* prepared statements do not survive between transactions */
    bool sql_unnamed;   /* the same, as sessions found it */
    bool probed;        /* whether they do was looked at on a session */
    char connect_error[LIMIT_MESSAGE];
    char connect_sqlstate[6];

    struct buffer encode;
    struct waiter *waiters;
    bool leading;
    int sleeping;          /* threads that wait on the watch */
    int returning;         /* calls whose threads were woken and have not released them yet */
    int gather_pause;      /* calls still to come that are not held for them */
    int64_t held_until_us; /* when those that are held leave at the latest; 0: none is */
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
/* A slot with an arena of `bytes` within the caps, BLOCKED; NULL with the status why not. `lease`: whose it is, or NULL. */
struct op *op_reserve(keep_store *store, const struct conn *lease, size_t bytes, keep_status *why);
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
void op_deadline_move(keep_store *store, struct op *op, int64_t at_us);
/* `failure` (or NULL) gives what else the server said: detail, hint, position, constraint and where that is. */
void error_json(struct buffer *out, keep_status status, const char *op, const char *message,
                const char *sqlstate, const PGresult *failure, const char *reason);

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
bool conn_open(struct conn *conn, enum conn_role role);
void conn_event(struct conn *conn, unsigned ready);
bool conn_alive(
    struct conn *conn);            /* IDLE: looks whether the link still stands; evicts it if not */
void conn_send(struct conn *conn); /* the current range of its batch */
void conn_lost(struct conn *conn, const char *why, bool certainly_not);
void conn_abandon(struct conn *conn); /* in a forked child */
void conn_end(struct conn *conn);     /* at the store's end */
void conn_give_up(struct conn *conn); /* CONNECTING: it took too long */
void conn_retire(struct conn *conn);  /* ends a link that nobody needs */
void conn_set_state(struct conn *conn, enum conn_state state);
bool conn_consume(struct conn *conn);
void conn_clear_results(struct conn *conn);
bool conn_ended_before(const struct conn *conn);
bool conn_ends_link(const PGresult *failure);

/* ---- scan.c: what a caller's SQL may do to its session */
enum {
    SCAN_SEVERAL = 1, /* more than one statement */
    SCAN_PLAN = 2,    /* one statement, of a kind that can be prepared */
    SCAN_CHANGES = 4, /* may leave something in the session beyond its transaction */
    SCAN_FORGETS = 8, /* makes or drops prepared statements */
    SCAN_COMMITS = 16 /* may commit an open transaction */
};
unsigned scan_sql(const char *sql, size_t size);

/* ---- plan.c */
/* The plan of a query's text and types: noted at the first use, with a number from the second; NULL: by its text. */
struct plan *plan_of(struct plans *plans, const struct op *op);
void plan_name(const struct plan *plan, char name[32]);
void plan_forget(struct plans *plans, struct plan *plan);
/* `at_server`: they are gone there, too. */
void plans_clear(struct plans *plans, bool at_server);
void plans_free(struct plans *plans);

/* ---- session.c */
void session_start(struct conn *conn, struct op *op); /* IDLE: sends the query */
void session_event(struct conn *conn, unsigned ready);
void session_take(struct conn *conn); /* what has arrived */
void session_flush(struct conn *conn);
void session_over(struct conn *conn); /* everything of what was sent was answered */
void session_next(struct conn *conn); /* IDLE: a reset, or the lease's next call */
void session_woken(struct conn *conn);
void session_let_go(struct conn *conn); /* its call ended before its answer */
void session_cancel(struct conn *conn); /* asks the server to stop */
void session_lost(struct conn *conn, bool certainly_not, const char *why);
void session_clear(struct conn *conn); /* with its link */
void session_timers(struct conn *conn, int64_t now_us);
int64_t session_next_time(const struct conn *conn);
bool session_free(const struct conn *conn); /* for whoever comes next */
keep_status session_status(const char *sqlstate);

/* ---- copy.c */
void copy_begin(struct conn *conn, bool in);
void copy_call(struct conn *conn, struct op *op); /* serves a call of COPY */
void copy_flushed(struct conn *conn);
bool copy_take(struct conn *conn); /* false: nothing more has arrived, or nobody asks */
bool copy_fails(const struct op *op);
void copy_break(struct conn *conn, const char *why);

/* ---- lease.c */
void lease_pump(keep_store *store);
void lease_serve(struct conn *conn); /* the lease's calls whose turn it is */
void lease_return(keep_store *store, keep_lease lease);
void lease_touch(struct conn *conn); /* looks whether it lies unused now */
void lease_end(struct conn *conn, bool reclaimed, const char *why);
void lease_reclaim(struct conn *conn);
struct conn *lease_find(const keep_store *store, keep_lease lease);
void lease_why_not(const keep_store *store, keep_lease lease, char *message, size_t size);
int lease_limit(const keep_store *store);
size_t lease_places(const keep_store *store, const struct conn *lease);
int lease_count(const keep_store *store);
size_t lease_waiting(const keep_store *store);

/* ---- note.c */
void note_take(struct conn *conn); /* what has arrived goes to who waits for it, or is kept */
bool note_give(struct conn *conn, struct op *op);
void notes_free(struct session *session);

/* ---- cell.c: one value of a result as JSON */

enum cell_kind {
    CELL_TEXT,  /* becomes a string */
    CELL_PLAIN, /* is JSON as it stands */
    CELL_BOOL,
    CELL_FLOAT, /* is JSON unless it is no number */
};

/* What a value of the type becomes; with `documents`, json and every digit of a numeric pass through as JSON. */
enum cell_kind cell_kind(Oid type, bool documents);
void cell_put(struct buffer *out, const PGresult *rows, int row, int column, enum cell_kind kind);

/* ---- rows.c */
void rows_json(struct buffer *out, PGresult *rows); /* without the closing brace */

/* ---- cancel.c */
struct cancel *cancel_begin(struct watch *watch, PGconn *link); /* NULL: it cannot be asked */
bool cancel_over(struct cancel *cancel);
void cancel_release(struct cancel *cancel); /* NULL is fine */

/* ---- sql.c: calls on sessions */
keep_op sql_submit_query(keep_store *store, keep_lease lease, keep_text sql,
                         const keep_param *params, int count, int deadline_ms, keep_status *why);
/* OP_TAKE, OP_COPY_IN, OP_COPY_OUT, OP_NOTIFICATION. */
keep_op sql_submit(keep_store *store, enum op_kind kind, keep_lease lease, keep_text data,
                   const char *failure, int deadline_ms, keep_status *why);
void sql_ended(keep_store *store, struct op *op); /* it has its outcome, or was released */
void sql_expire(keep_store *store, struct op *op);
void sql_close(keep_store *store, struct op *op); /* SENT when the store is closed */

/* ---- pool.c */
void pool_pump(keep_store *store);
/* Opens a connection of the role, closing an idle one of the other if there has to be room; or sees to it that it is
 * tried again. */
void pool_want(keep_store *store, enum conn_role role);
int pool_count(const keep_store *store, enum conn_role role, enum conn_state state);
int pool_up(const keep_store *store, enum conn_role role);
bool pool_is_free(const keep_store *store, const struct op *op);
void pool_connected(keep_store *store, enum conn_role role);
void pool_lost(keep_store *store, enum conn_role role);
void pool_connect_failed(keep_store *store, const char *message, const char *sqlstate);
void pool_timers(keep_store *store, int64_t now_us);
int64_t pool_next_time(const keep_store *store);
void pool_woken(keep_store *store);
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
