/* StateKeep: the storage engine for what software agents must remember.
 *
 * A store owns a few PostgreSQL connections and no thread. Calls are submitted and give a ticket; the host waits on
 * ONE descriptor, lets the engine step with keep_poll(), and collects finished tickets with keep_next(). Calls that
 * wait together travel together: one statement, one round trip, one commit for many of them.
 *
 *     keep_store *store;
 *     keep_open(&store, "embedded:", NULL);
 *     keep_op op = keep_state_setup(store, 0); // once: makes the table
 *     keep_wait(store, op, -1);
 *     keep_release(store, op);
 *     op = keep_state_save(store, KEEP_TEXT("agent"), KEEP_TEXT("session"), KEEP_TEXT("{}"), 0);
 *     if (keep_wait(store, op, -1) != KEEP_OK) fprintf(stderr, "%s\n", keep_op_result(store, op).data);
 *     keep_release(store, op);
 *     keep_close(store, 1000);
 *     keep_free(store);
 *
 * Threads: every function may be called from any thread at any time, but for keep_free(), which must be the last.
 * Fork: in a forked child every call on a store opened by the parent gives KEEP_FORKED; keep_close() and keep_free()
 * are allowed there and leave the parent's sessions untouched. The child may open stores of its own.
 * Text is UTF-8 and need not end in NUL. Times are milliseconds. All functions exist since version 1.0. */
#ifndef STATEKEEP_H
#define STATEKEEP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define KEEP_API __attribute__((visibility("default")))
#else
#define KEEP_API
#endif

#define KEEP_VERSION "1.0.0"

typedef struct keep_store keep_store; /* opaque: keep_open() … keep_close(), keep_free() */

/* A ticket for one call. The low 32 bits are its slot, a number below the option "queue"; the rest is a generation,
 * so that a released ticket is never mistaken for a newer one. 0 is never a ticket. */
typedef uint64_t keep_op;

/* Bytes with a length. data == NULL is SQL NULL. */
typedef struct {
    const char *data;
    size_t size; /* bytes */
} keep_text;

/* A string literal as keep_text. */
#define KEEP_TEXT(literal) ((keep_text){(literal), sizeof(literal) - 1})

typedef enum {
    KEEP_PENDING = -1,    /* not finished yet; never a final status */
    KEEP_OK = 0,          /* done; a write is committed */
    KEEP_ABSENT = 1,      /* the operation needs a row that is not there */
    KEEP_CONFLICT = 2,    /* another version, key or owner was there first */
    KEEP_INVALID = 3,     /* an argument, a name or an option is wrong; nothing was stored */
    KEEP_DEADLINE = 4,    /* the call's time was over before an answer; nothing was or will be stored by it */
    KEEP_CANCELLED = 5,   /* the caller let go; what was sent already may take effect */
    KEEP_UNKNOWN = 6,     /* sent, but whether it was committed is not known (link lost, or deadline after sending) */
    KEEP_UNAVAILABLE = 7, /* no server that serves us: unreachable, refusing, tables missing; nothing was stored */
    KEEP_FULL = 8,        /* the queue is at its cap; nothing was stored */
    KEEP_CLOSED = 9,      /* the store is closed; nothing was stored */
    KEEP_FORKED = 10,     /* the store belongs to the parent process */
    KEEP_NO_MEMORY = 11,  /* an allocation failed; nothing was stored */
    KEEP_INTERNAL = 12    /* a mistake of ours or an unforeseen answer; see the message */
} keep_status;

/* Opens a store on `dsn` and gives it in *out, also when it is unusable (then keep_error() says why and every call
 * gets that status); *out is NULL only for KEEP_NO_MEMORY. Never blocks: servers are reached, and an embedded one is
 * started, while calls wait.
 *   dsn      "embedded:[dir][?…]", a PostgreSQL URL or key=value words (also as pgx, asyncpg, Sequel and sqlx write
 *            them); NULL or "" takes $STATEKEEP_DSN, then $DATABASE_URL, then "embedded:". Copied.
 *   options  a JSON object or NULL; copied. Unknown names are KEEP_INVALID.
 *     "connections"     most server connections                       4      (1..128; opened on demand)
 *     "tables"          {"agent_states": "app.\"My States\""}         {}     table names, see README
 *     "deadline_ms"     of a call that gives 0                        30000  (0: none)
 *     "connect_ms"      how long calls wait for an unreachable server 5000
 *     "lock_ms"         how long a batch waits for a foreign row lock 200
 *     "queue_ms"        how long a call may wait for a free connection; then DEADLINE, reason "queue"; what was sent goes on, and
 *                       what waits for a server, a row lock or an elder call of its key    0 (0: as "deadline_ms")
 *     "queue"           most calls held, finished ones included       16384  (up to half of the places are kept, one for each
 *                       lease with no call under way, so that its holder can always go on)
 *     "queue_bytes"     most bytes of arguments held                  268435456
 *     "batch"           most calls in one batch                       256
 *     "batch_bytes"     most argument bytes in one batch              1048576 (one larger call travels alone)
 *     "argument_bytes"  most bytes in one argument                    67108864
 *     "lease_idle_ms"   how long a lease may lie unused (no call of it under way) before it is taken back: its link is
 *                       ended, admin.stats counts it              600000 (0: for ever)
 *     "hold"            true: submitting does not send, keep_poll() does (for hosts with a loop turn to end)  false
 *     "gather"          true: operations submitted while threads that keep_wait() woke have not released their tickets are held
 *                       until the last of them submits (or releases, when nobody waits), but leave once none came back for
 *                       1 ms; then the next 32 are not held. Somebody must wait or poll meanwhile. For hosts whose threads
 *                       run one at a time, and so would send one at a time; release a ticket before submitting the next call  false
 * Status: KEEP_OK, KEEP_INVALID (dsn, options), KEEP_NO_MEMORY. */
KEEP_API keep_status keep_open(keep_store **out, const char *dsn, const char *options);

/* Why the store is unusable: a JSON error, or {NULL, 0} when it is usable. Borrowed until keep_free(). */
KEEP_API keep_text keep_error(const keep_store *store);

/* Refuses new calls, waits at most `drain_ms` for those that were sent, and gives every pending call an outcome:
 * unsent ones KEEP_CLOSED, sent ones their answer or, past `drain_ms`, KEEP_UNKNOWN (writes) or KEEP_CLOSED (reads).
 * Then ends the connections. Finished tickets can still be collected and released. Blocks up to drain_ms; a second
 * call is a no-op. KEEP_OK, or KEEP_FORKED in a forked child (where it only lets go of the descriptors). */
KEEP_API keep_status keep_close(keep_store *store, int drain_ms);

/* Frees the store (closing it first with drain_ms 0 if need be) and every ticket and result with it. NULL is fine.
 * No other call may run on the store, nor come after. */
KEEP_API void keep_free(keep_store *store);

/* Submits the operation `name` ("state.save") with `count` arguments, in the order of the reference page; everything
 * is copied. Never blocks, and always gives a ticket: what is refused (name, arguments, full, closed, forked, memory)
 * gives one that is finished at once.
 * Where a slot cannot be had the ticket is a shared one: it has the status, is never given by keep_next(), and
 * releasing it does nothing. So look at keep_op_status() after submitting; what is finished may be taken and released
 * at once.
 *   deadline_ms  > 0: from now; 0: the store's "deadline_ms"; < 0: none. */
KEEP_API keep_op keep_submit(keep_store *store, const char *name, const keep_text *args, int count,
                             int deadline_ms);

/* Lets go of a pending call: it finishes as KEEP_CANCELLED at once. Not yet sent, it never happens; sent, it runs on
 * and its answer is dropped. Nothing is cancelled at the server, no connection is lost (but see keep_query()). Finished: no
 * effect. */
KEEP_API void keep_cancel(keep_store *store, keep_op op);

/* The descriptor to wait on for readability, then call keep_poll() and drain keep_next(). The same for the life of the
 * store; owned by it: never read, write or close it. -1 when the store is unusable, closed or forked. */
KEEP_API int keep_fd(const keep_store *store);

/* Advances everything that can be advanced, without blocking. Returns how many finished tickets keep_next() has. */
KEEP_API int keep_poll(keep_store *store);

/* The next finished ticket, or 0. Each is given once, to one caller; tickets given to keep_wait() or released
 * before never come. */
KEEP_API keep_op keep_next(keep_store *store);

/* The state of a ticket: KEEP_PENDING or its final status. A ticket that was released is KEEP_INVALID. */
KEEP_API keep_status keep_op_status(const keep_store *store, keep_op op);

/* The result of a finished ticket: a JSON value when its status is KEEP_OK, else a JSON error
 *   {"status":"INVALID","op":"state.save","message":"…","sqlstate":"22P02","detail":"…","retry":false}
 * (sqlstate and detail only when the server gave them, and never with KEEP_UNKNOWN; "reason" with that: "link", "deadline"
 * or "memory" (for the answer), with KEEP_DEADLINE: "queue" past "queue_ms"; retry: the same call may succeed later and
 * repeating it does no harm). Ends in a NUL that size does not count. Borrowed until keep_release(). {NULL, 0} while
 * pending. */
KEEP_API keep_text keep_op_result(const keep_store *store, keep_op op);

/* Gives the ticket back with its result. A pending one is cancelled first. Released twice: no effect. */
KEEP_API void keep_release(keep_store *store, keep_op op);

/* Blocks until the ticket is finished or `timeout_ms` (< 0: no limit) is over, stepping the engine meanwhile; of many
 * waiting threads one leads and the others sleep. Gives the final status, or KEEP_PENDING when the time was over.
 * From then on the ticket is the caller's: keep_next() never gives it. */
KEEP_API keep_status keep_wait(keep_store *store, keep_op op, int timeout_ms);

/* Makes one or all threads in keep_wait() return KEEP_PENDING early: the one waiting on `op`, or all for 0. For hosts
 * that must interrupt a blocked thread (signals). */
KEEP_API void keep_interrupt(keep_store *store, keep_op op);

/* ---- SQL of the caller's own
 *
 * Such statements run on connections of their own, never on those the operations share, and without the start-up
 * settings that suit only operations. A single statement needs no lease: it travels alone, in one round trip, and is its
 * own transaction; where it may have changed the session's state a reset follows it without being waited for. What needs
 * one session for several statements (transactions, cursors, COPY, LISTEN) takes a lease. At most "connections" - 1
 * of them are in use at a time, so that operations never wait for them (where "connections" is 1, one beyond); takers and
 * single statements wait in order. So who holds a lease and waits for another session may wait for himself. Behind a
 * pooler that gives sessions by the transaction, only single statements and transactions mean what they say.
 * Errors name lease.take, sql.query, sql.copy_in, sql.copy_out or sql.notification as their "op". These, and those of
 * operations, also carry "hint", "schema", "table", "column", "constraint" and the number "position" where the server gave
 * them. */

/* A connection of the caller's own, until keep_lease_return(). 0 is never a lease. */
typedef uint64_t keep_lease;

/* One parameter: $1, $2, … of a statement. */
typedef struct {
    keep_text value; /* data == NULL is SQL NULL */
    uint32_t type;   /* OID of its type; 0: the server infers it */
    int binary;      /* 0: `value` is text; else the binary form that the type's receive function reads */
} keep_param;

/* Asks for a lease. The ticket's result is {"lease":<number>}, to be given to the functions below; when the ticket is
 * cancelled or released before that was read, the lease goes back by itself. DEADLINE when none came free in time. */
KEEP_API keep_op keep_lease_take(keep_store *store, int deadline_ms);

/* Gives a lease back: its pending call is cancelled, an open transaction rolled back, a COPY broken off and the session
 * reset, without being waited for. Never blocks; twice, 0, or after the link was lost: no effect. */
KEEP_API void keep_lease_return(keep_store *store, keep_lease lease);

/* Runs one statement, on a lease or with lease 0 without one. Without parameters `sql` may hold several statements,
 * separated by semicolons. One call at a time runs on a lease; more wait in order. The result is
 *   {"command":"SELECT 2","count":2,"columns":["id","at"],"types":[20,1184],"rows":[[1,"2026-…"],[2,null]]}
 * with columns, types and rows only where the statement returns rows; count: rows returned or changed, null where the
 * command has none. Integers, booleans and finite floats are JSON values, everything else is the server's text form.
 * Of several statements it is the first one's, with the others' in "more":[…]. After "copy … from stdin" it is
 * {"copy":"in"}, after "copy … to stdout" {"copy":"out"}: both on a lease only; a statement that comes before such a COPY
 * has ended breaks it off.
 * Status: INVALID with the sqlstate for what the server refuses (an open transaction is then failed, as in psql); CONFLICT
 * for unique and exclusion violations, serialization failures and deadlocks; UNAVAILABLE when the server cannot serve now, or
 * when the link broke and nothing can have been committed (also inside an open transaction, which is lost then); UNKNOWN
 * when the link broke after sending; what has left whole is never sent twice. A call that ends by its deadline or by
 * keep_cancel() is stopped at the server as well, and a lease stays usable; past its deadline a call waits up to 250 ms for
 * the server's word on it, and is UNKNOWN only without that. INVALID without sqlstate for a lease that is not out. */
KEEP_API keep_op keep_query(keep_store *store, keep_lease lease, keep_text sql, const keep_param *params, int count,
                            int deadline_ms);

/* Gives the next bytes of a "copy … from stdin"; data == NULL ends it, and the ticket's result is then that of the
 * command ({"command":"COPY 3","count":3}); otherwise null. Finished once the bytes are on their way, so that waiting
 * for each ticket bounds memory. A non-NULL `failure` ends the copy as failed for that reason (SQLSTATE 57014). */
KEEP_API keep_op keep_copy_in(keep_store *store, keep_lease lease, keep_text data, const char *failure, int deadline_ms);

/* Asks for the next bytes of a "copy … to stdout": the ticket's result is bytes (not JSON), whole rows of at least one and
 * at most about 1 MiB (or one longer row); after the last of them size 0 with data != NULL. What is not asked for stays at the server. */
KEEP_API keep_op keep_copy_out(keep_store *store, keep_lease lease, int deadline_ms);

/* Waits for the next notification on a lease that ran "listen …": {"channel":"…","payload":"…","pid":123}. Other calls on the
 * lease go on meanwhile. What arrives while nobody waits is kept in order, up to 1 MiB; what is dropped beyond that
 * admin.stats counts. */
KEEP_API keep_op keep_notification(keep_store *store, keep_lease lease, int deadline_ms);

/* "OK", "ABSENT", …; never NULL. Static. */
KEEP_API const char *keep_status_name(keep_status status);

/* All operations as a JSON array, for bindings that make methods of them:
 *   [{"op":"state.save","args":[{"name":"agent_id","type":"text","nullable":false},…],"gives":"none","doc":"…"},…]
 * Static. */
KEEP_API const char *keep_catalog(void);

/* The version of the library, KEEP_VERSION of its build. Static. */
KEEP_API const char *keep_version(void);

/* Adds a directory in which "embedded:" looks for PostgreSQL's programs, after bin= and $STATEKEEP_PG_BIN and before
 * all others; the one added last is looked at first. For packages that carry the programs. Copied; process-wide.
 * KEEP_OK, KEEP_INVALID, KEEP_NO_MEMORY. */
KEEP_API keep_status keep_embedded_add_bindir(const char *dir);

#ifdef __cplusplus
}
#endif

#include "statekeep_ops.h" /* one typed function for each operation, generated from sql/ops */

#endif
