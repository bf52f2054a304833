/* The simulated world that the shipping engine runs in: one clock, one network, one server, one allocator, all moved by
 * one stream of random numbers, so that a seed is a history and replays.
 *
 *   world.c     chance, clock, memory, threads, tracing, failing; puts the world into keep_io
 *   readiness.c struct watch: what is ready follows from the links
 *   link.c      PGconn: libpq's client side as libpq 15 behaves, over a simulated socket
 *   exec.c      its statements
 *   result.c    PGresult
 *   command.c   what was sent, decoded from libpq's parameters
 *   server.c    sessions, transactions, a pooler, and everything that goes wrong there
 *   table.c     the rows, the foreign locks and who saw what
 *   oracle.c    every call's fate, and the invariants
 *   verdict.c   the order of all calls, in hindsight
 *   sql.c       leases and SQL of the caller's own: what the host asks for, and whether what becomes of it fits
 *   note.c      the same for notifications
 *   copy.c      the same for COPY
 *   sql_server.c  callers' SQL at the server
 *   history.c   one history: what the host does
 *
 * One history runs at a time, on one thread. */
#ifndef SIM_H
#define SIM_H

#include "catalog.h"
#include "io.h"
#include "statekeep.h"

#include <stdnoreturn.h>

#define NEVER INT64_MAX

enum {
    AGENTS = 3,
    SESSIONS = 8,
    STATES = AGENTS * SESSIONS,
    THREADS = 6,
    KEYS = STATES + THREADS, /* of the table of states, then of the table of checkpoints */
    PARAMS = 4,              /* arguments of the operations that the simulated server knows */
    CALLS = 2048,
};

/* What may go wrong in a history, and how the network behaves. Chances are per thousand. */
struct knobs {
    bool pooler; /* transactions land on any backend; `options` is refused at start-up */
    bool tls;
    int latency_us;     /* at most, one way */
    int service_us;     /* at most, for one transaction */
    size_t socket_size; /* bytes a socket's send buffer takes */
    int backends;       /* most sessions the server gives */
    int connect_fault;
    int link_fault;  /* of one transaction: lost before or after it took effect */
    int idle_fault;  /* of one session in one interval */
    int retry_error; /* 40001, 40P01 */
    int odd_error;   /* 53200, XX000 */
    int lock;        /* a foreign session locks a key */
    int stall;       /* the server falls silent on a link */
    int outage;      /* the server goes down for a while; or turns read-only */
    int chatter;     /* notices and parameters that nobody asked for */
    int refuse_memory;
    int late_thread;
};

struct world {
    uint64_t seed;
    uint64_t chance;
    int64_t now_us;
    uint64_t order; /* numbers whatever happens, to say what came first */
    uint64_t
        changes; /* grows whenever something moved: an engine that steps without it is spinning */
    struct knobs knobs;
    int lock_ms;           /* what the store was told; 0: no bound */
    bool host_stood_still; /* for longer than the engine may have patience */
    bool trace;
    bool healthy; /* nothing goes wrong any more */
    long refuse_from,
        refuse_to; /* the numbers of the allocations that fail, for the out-of-memory tests; 0: none */
    long allocations;
};

extern struct world world;

/* ---- world.c */
void world_install(void); /* into keep_io */
void world_begin(uint64_t seed, bool trace);
/* After keep_free(): everything the engine took from the world must be back. */
void world_check_returned(void);
void world_end(void);
void world_heal(void);
bool world_faulty(void); /* whether anything can go wrong in this history but bad arguments */
bool world_refuses_memory(void);
noreturn void world_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void world_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
int64_t world_next_event(void); /* NEVER when nothing will happen by itself */
void world_run_to(int64_t at_us);
int64_t random_between(int64_t low, int64_t high); /* both included */
bool random_chance(int per_thousand);
/* Where world_fail() goes: runs `history` and says whether it came back by itself. */
bool world_guard(void (*history)(void));

/* ---- readiness.c */
bool readiness_now(void); /* whether the store's descriptor is readable */
int64_t readiness_timer(void);
bool readiness_open(void);
void readiness_install(void);
bool readiness_registered(uint64_t socket);
void readiness_reset(void);

/* ---- result.c */
struct cell {
    char *text; /* NULL: SQL null */
    int size;
};
struct pg_result {
    ExecStatusType status;
    bool handed_out; /* libpq's caller has to clear it */
    int rows, columns;
    const char *names[PARAMS];
    Oid types[PARAMS];
    struct cell *cells;
    char sqlstate[6];
    const char *severity; /* NULL: not the server's words */
    const char *message, *detail, *function;
};
PGresult *result_new(ExecStatusType status, int columns);
PGresult *result_error(const char *severity, const char *sqlstate, const char *message,
                       const char *function);
void result_column(PGresult *result, int column, const char *name, Oid type);
int result_row(PGresult *result); /* appends one; its number */
void result_put(PGresult *result, int row, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void result_swap_rows(PGresult *result, int a, int b);
void result_free(PGresult *result);
void result_install(void);
long results_handed_out(void);
void results_reset(void);

/* ---- command.c */
enum command_kind {
    COMMAND_SETTING,
    COMMAND_PREPARE,
    COMMAND_QUERY,
    COMMAND_SQL,
    COMMAND_COPY_DATA,
    COMMAND_COPY_END,
    COMMAND_SYNC
};
enum sql_kind {
    SQL_WRITE,
    SQL_READ,
    SQL_SLEEP,
    SQL_TWO, /* two statements in one text; the second writes */
    SQL_BAD,
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_MARK, /* leaves something in the session */
    SQL_LISTEN,
    SQL_NOTIFY,
    SQL_COPY_IN,
    SQL_COPY_OUT,
    SQL_PROBE,
    SQL_RESET,
    SQL_TAKE, /* a lease: no SQL at all, nor are the others from here on */
    SQL_NOTE, /* waits for a notification */
    SQL_DATA, /* rows of a COPY */
    SQL_END,  /* of a COPY from the caller */
    SQL_FAIL, /* the same, as failed */
    SQL_ROWS  /* asks for rows of a COPY to the caller */
};
struct item {
    char *args[PARAMS]; /* NULL: SQL null */
    size_t sizes[PARAMS];
    int key;              /* -1: none */
    const char *document; /* among args; NULL: none */
    int number;           /* of the call, where its arguments tell; else 0 */
    bool refused; /* the row is not as the write needs it, so there is no row in the answer */
};
struct command {
    enum command_kind kind;
    struct command *next;
    size_t size;  /* bytes on the wire */
    uint64_t end; /* where its last byte is in the stream */
    const struct statement_spec *spec;
    bool array;             /* the form for many calls: arrays in, a first column `n` out */
    char name[64];          /* of the prepared statement; "" is the unnamed one */
    int lock_ms;            /* COMMAND_SETTING */
    enum sql_kind sql_kind; /* COMMAND_SQL */
    int number;             /* of the statement; 0: the engine's own */
    bool undoes, unlistens; /* SQL_RESET: marks, too; what the session listens to */
    char *data;             /* COMMAND_COPY_DATA */
    bool fails;             /* COMMAND_COPY_END */
    struct item *items;
    int count;
};
struct command *command_prepare(const char *name, const char *sql);
struct command *command_query(const char *name, const char *sql, int count,
                              const char *const *values, const int *sizes, const int *formats);
struct command *command_sync(void);
void command_free(struct command *command);
void command_reset(void);

/* ---- link.c */
struct session;
enum message_kind {
    MESSAGE_PARSED,
    MESSAGE_RESULT,
    MESSAGE_ERROR,
    MESSAGE_NOTICE,
    MESSAGE_NOTIFY, /* its result has the channel, the payload and the sender's process */
    MESSAGE_COPY_IN,
    MESSAGE_COPY_OUT,
    MESSAGE_ROW, /* of a COPY: its result has the text */
    MESSAGE_READY
};
void link_install(void);
void link_reset(void);
int link_count(void); /* not finished by the engine */
long exec_lent(void); /* rows and notifications that the engine has not freed */
struct pg_conn *link_by_fd(int fd);
uint64_t link_socket(const struct pg_conn *link); /* one number for each socket there ever was */
int link_number(const struct pg_conn *link);
unsigned link_ready(const struct pg_conn *link);
int64_t link_next_event(void);
void link_run(void); /* whatever is due now */
/* The server's side. `result` becomes the link's; NULL for PARSED and READY. */
void link_deliver(struct pg_conn *link, enum message_kind kind, PGresult *result);
void link_chatter(
    struct pg_conn
        *link); /* a parameter's new value: bytes that are no message to libpq's caller */
void link_cut(struct pg_conn *link, bool reset); /* the end arrives after what was delivered */
void link_lose_unsent(struct pg_conn *link);
/* Whether another link than `link` has a statement under way that names the key. */
bool link_key_elsewhere(const struct pg_conn *link, int key);

int link_unread(const struct pg_conn *link); /* messages that the client has not read */
/* What the next READY tells of the session's transaction. */
void link_tell_transaction(struct pg_conn *link, PGTransactionStatusType status);

/* ---- sql.c and sql_server.c */
enum { SQL_WRITES = 256 };
struct sql_session {
    bool in_transaction, failed, marked;
    bool listening, will_listen; /* since a commit; from the next one on */
    int copying;                 /* the number of the COPY that goes on; 0: none */
    bool copies_in;              /* from the client */
    bool copy_failed;            /* and that was said; what still comes is passed over */
    uint64_t copied;             /* copy_hash() of what came */
    int rows;                    /* that went */
    int holder;                  /* as sql_holder() gives it */
    int transaction;             /* its number; 0: none */
    int committing;              /* the commit that runs; 0: none */
    int writes[SQL_WRITES], write_count;
};
struct answer;
void sql_reset(int limit, int idle_ms); /* limit 0: no SQL in this history */
bool sql_on(void);
bool sql_streams(void); /* whether this is a history of leases above all */
int sql_pending(void);
int sql_count(void);
void sql_closing(void);
const char *sql_text(enum sql_kind kind, int number, char *text, size_t size);
struct command *sql_command(const char *sql, const char *value);
bool sql_run(struct sql_session *session, const struct command *command, const char *sqlstate,
             const char *message, int backend, struct answer *answer);
void sql_over(struct sql_session *session, bool failed, bool commits);
void sql_copy_over(struct sql_session *session, const struct command *command, const char *sqlstate,
                   const char *message, struct answer *answer);
int sql_holder(int number);
void sql_sent(int link, int number);
int sql_begun(void);
void sql_executed(int number, bool inside, int transaction);
void sql_refused(int number);
void sql_written(int number);
void sql_applied(int number);
void sql_committed(int number, int transaction);
void sql_stopped(int number);
int sql_look(keep_store *store, int own);
void sql_polled(int64_t at_us);
bool sql_told(keep_op ticket);
void sql_act(keep_store *store);
void sql_give_all_back(keep_store *store);
void sql_release_all(keep_store *store);
int sql_submit_one(keep_store *store, enum sql_kind kind, int lease);
keep_status sql_status(int number);
int sql_lease_of(int number);
void sql_give_back(keep_store *store, int lease);
void sql_verdict(void);

/* ---- copy.c */
enum { COPY_TEXT = 4096 };
uint64_t copy_hash(uint64_t before, const char *text); /* before: 0 at first */
int copy_rows(int number);                             /* that a COPY to the client has */
void copy_sent(int link, const char *data, size_t size);
int copy_ended(int link, const char *failure); /* whose call ends it; 0: the engine itself */
void copy_stored(int number, int copy, uint64_t hash);
void copy_stopped(int copy);
/* On a healthy server a lease copies both ways, and one that is broken off frees its session. */
void copies_must_serve(keep_store *store, int lease, void (*must_end_well)(int number));

/* ---- note.c */
/* A committed statement's, or another client's. */
void note_notify(int payload);
void note_text(int payload, char *text, size_t size);
/* The server sends it to a session that listens, whoever holds that. */
void note_delivered(int holder, int payload);
/* Every lease that listens is given what was sent to it. */
void notes_must_arrive(keep_store *store, void (*pass_time)(void));
/* Also while a COPY goes on. */
void notes_must_serve(keep_store *store, int lease, void (*must_end_well)(int number));

/* ---- server.c */
void answer_add(struct answer *answer, enum message_kind kind, PGresult *result);
void answer_fail(struct answer *answer); /* what is wrong was said before */
void answer_error(struct answer *answer, const char *sqlstate, const char *message);
/* A request to stop what the session of a link has at work. */
void server_cancel(const struct pg_conn *link);
void server_notify(int payload);
/* The client has read. */
void server_drained(struct session *session);
struct refusal {
    const char *sqlstate; /* NULL: the socket itself refuses */
    const char *message;
    bool silent; /* never an answer */
};
void server_reset(void);
void server_heal(void);
/* Whether a connection with these start-up settings (NULL: none) is served; if not, why. */
bool server_accepts(const char *settings, struct refusal *refusal);
struct session *server_open(struct pg_conn *link, const char *settings);
void server_receive(struct session *session, struct command *command);
void server_close(struct session *session); /* the client is gone; what it sent may still be done */
int64_t server_next_event(void);
void server_run(void);

/* ---- table.c */
struct call;
void table_reset(void);
int64_t table_locked_until(int key); /* 0: free */
void table_lock(int key, int64_t until_us);
void table_unlock_all(void);
/* Whether the row is not as the item of save_version or copy needs it. */
bool table_refuses(const char *operation, const struct item *item);
/* A committed item; `ghost`: the client no longer listens. */
void table_store(const struct item *item, bool ghost);
void table_delete(const struct item *item, bool ghost);
void table_setup(bool ghost);
/* The rows of a statement, of its array form each beginning with its item's number. */
PGresult *table_answer(const struct command *query);
int key_of(const char *agent, const char *session); /* world_fail() for a name nobody submitted */
int key_of_thread(const char *thread, size_t size);
void key_names(int key, const char **agent_or_thread, const char **session);
struct call *table_writer(int key); /* who stored what is there; NULL: nothing is */
int table_version(int key);         /* 0: nothing is there */
bool table_ghost_touched(int key);

/* What the table showed to one item of a statement. */
struct sight {
    char kind; /* 'l'oad, 'i' list, 'c'ount, 'd'elete, 's'et-up */
    int key;   /* of a list: its agent */
    uint64_t order;
    struct call *saw;    /* of a load: whose document; NULL: none */
    struct call *writer; /* of a load: who stored it: the same, or a copy */
    int version;         /* of a load */
    char *text;          /* of a list and a count: the answer as JSON */
    bool ghost;          /* a delete or a set-up for which nobody listened */
    bool used;           /* some call was given it */
};
int sight_count(void);
struct sight *sight_at(int index);

/* ---- oracle.c */
struct limits {
    int connections, queue, batch;
    int64_t queue_bytes, batch_bytes;
};
enum call_kind {
    CALL_SAVE,
    CALL_LOAD,
    CALL_DELETE,
    CALL_SAVE_VERSION,
    CALL_COPY,
    CALL_LIST,
    CALL_COUNT,
    CALL_PING,
    CALL_SETUP,
    CALL_BAD
};
/* How a load is asked for: by load, find or load_version. */
enum load_form { LOAD_PLAIN, LOAD_OBJECT, LOAD_VERSION };
struct call {
    enum call_kind kind;
    int number; /* from 1, in order of submission; a saved document carries it */
    int key;    /* -1: none; of a list: its agent */
    keep_op ticket;
    bool shared;                  /* a ticket without a slot */
    bool at_once;                 /* finished when keep_submit() came back */
    enum load_form form;          /* of a load */
    int expected;                 /* of save_version: 0 for none */
    int source;                   /* of a copy: the key */
    bool faulty;                  /* the server or the engine must refuse it */
    bool cancelled;               /* by the host */
    bool awaited;                 /* its ticket was given to keep_wait() */
    bool told;                    /* keep_next() gave it */
    bool released;                /* by the host */
    bool lingers;                 /* released, and its batch may still need it */
    size_t bytes;                 /* of its arguments */
    char *document;               /* of save and save_version, else NULL */
    uint64_t submitted, done;     /* world.order; 0: not yet */
    int64_t done_us, deadline_us; /* deadline 0: none */
    int64_t queue_us;             /* until when it may wait for a free connection; 0: for ever */
    keep_status status;
    char *answer;
    uint64_t sent;    /* of what stores: when it first left */
    int doubt;        /* of what stores: the link it left on, until that gave its Sync's answer */
    uint64_t known;   /* of what stores: when that answer was given */
    uint64_t applied; /* of what stores: when it was committed */
    int version;      /* that it gave the row */
    bool refused;     /* committed without effect: the row was not as it needed */
    struct sight *sight; /* of a read that is OK */
};
void oracle_begin(const struct limits *limits);
void oracle_end(void);
/* To be filled in before keep_submit(). */
struct call *oracle_new(enum call_kind kind, int key);
int oracle_count(void);
struct call *oracle_call(int number); /* NULL: there is none */
struct call *oracle_by_ticket(keep_op ticket);
int oracle_pending(void);
struct call *oracle_pending_at(int index);
bool call_writes(const struct call *call);
bool call_stores(const struct call *call); /* puts a document into its key */
struct call *call_superseder(const struct call *call);
void oracle_sent(const struct pg_conn *link, const struct command *query);
void oracle_answered(const struct pg_conn *link); /* the Sync's answer was handed out */
void oracle_saved(struct call *call);
void oracle_refused(struct call *call);
/* After keep_submit(). Like oracle_look(). */
int oracle_submitted(keep_store *store, struct call *call, keep_op ticket);
/* After each step of the engine: who finished, and whether rightly. Gives how many others than `own` did. */
int oracle_look(keep_store *store, const struct call *own);
void oracle_polled(int64_t at_us);
void oracle_released(struct call *call);
void oracle_closing(void);

/* ---- verdict.c */
void verdict(void);

/* ---- history.c */
void history_run(void);

#endif
