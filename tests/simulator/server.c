/* The simulated server: sessions that run one transaction for each Sync, prepared statements (through a pooler: of any
 * backend), lock waits, outages, and every way in which an answer can go missing. */
#include "sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STATEMENTS = 64, /* prepared on one backend */
    POOL = 3,
    MESSAGES = 8,
    WINDOW = 16,     /* messages that the socket takes before the client reads */
    LOOK_US = 20000, /* how often the world may strike an idle session, or the server itself */
};

/* What becomes of one transaction. */
enum fate {
    FATE_GOOD,
    FATE_REQUEST_LOST,  /* never arrives */
    FATE_ENDED_BEFORE,  /* the session is terminated before it runs */
    FATE_ENDED_BETWEEN, /* terminated when the query has answered and nothing is committed yet */
    FATE_CRASH_BETWEEN, /* the same without a word */
    FATE_ENDED_AFTER,   /* terminated when all is committed, before the last word */
    FATE_POOLER_BEFORE, /* a pooler says the server's words, and nothing was committed */
    FATE_POOLER_AFTER,  /* the same, but it was */
    FATE_ANSWER_LOST,   /* committed, and not a word arrives */
    FATE_SYNC_LOST,     /* committed, and all but the last word arrives */
    FATE_GHOST,         /* the link breaks now, and the session goes on for a while */
    FATE_LINK_FAULTS,   /* how many there are up to here */
    FATE_SERIALIZATION,
    FATE_DEADLOCK,
    FATE_ODD,
    FATE_TIMEOUT,
    FATE_SILENT,
};

struct backend {
    char names[STATEMENTS][64];
    int count;
};

struct session {
    struct session *next;
    struct pg_conn *link; /* NULL: nobody listens any more */
    struct command *first, *last;
    bool working, silent;
    bool running;       /* its transaction, just now */
    int64_t at_us;      /* working: when it goes on */
    int64_t blocked_us; /* since when it waits for a lock; 0: it does not */
    int64_t look_us;
    int lock_ms;  /* 0: waits for ever */
    bool stopped; /* a request to stop has come for what is at work */
    enum fate fate;
    struct sql_session sql;
    int *notes; /* that wait until no transaction is open */
    int note_count;
    struct backend own, *backend;
};

struct answer {
    enum message_kind kind[MESSAGES];
    PGresult *result[MESSAGES];
    int count;
    struct command *query; /* takes effect at commit; NULL when it failed */
    bool failed;
};

static struct session *sessions;
static struct backend pool[POOL];
static int64_t down_until_us, starting_until_us, read_only_until_us, outage_look_us;

static bool strike(int per_thousand)
{
    return !world.healthy && random_chance(per_thousand);
}

/* ---- who is let in */

static bool refuse(struct refusal *refusal, const char *sqlstate, const char *message)
{
    *refusal = (struct refusal){sqlstate, message, false};
    return false;
}

static bool refuse_at_random(struct refusal *refusal)
{
    static const char refused[] =
        "Connection refused\n\tIs the server running locally and accepting connections on "
        "that socket?";
    switch (random_between(0, 3)) {
    case 0:
        refuse(refusal, NULL, refused);
        refusal->silent = true;
        return false;
    case 1:
        return refuse(refusal, NULL, refused);
    case 2:
        return refuse(refusal, "53300", "sorry, too many clients already");
    default:
        return refuse(refusal, "57P03", "the database system is starting up");
    }
}

bool server_accepts(const char *settings, struct refusal *refusal)
{
    int count = 0;
    for (struct session *session = sessions; session; session = session->next)
        count++;
    if (world.now_us < down_until_us)
        return refuse(refusal, NULL, "Connection refused\n\tIs the server running locally?");
    if (world.now_us < starting_until_us)
        return refuse(refusal, "57P03", "the database system is starting up");
    if (strike(world.knobs.connect_fault))
        return refuse_at_random(refusal);
    if (!world.healthy && count >= world.knobs.backends)
        return refuse(refusal, "53300", "sorry, too many clients already");
    if (world.knobs.pooler && settings && *settings) {
        *refusal = (struct refusal){"08P01", "unsupported startup parameter: options", false};
        return false;
    }
    return true;
}

struct session *server_open(struct pg_conn *link, const char *settings)
{
    struct session *session = calloc(1, sizeof *session);
    const char *lock = settings ? strstr(settings, "lock_timeout=") : NULL;
    session->link = link;
    session->lock_ms = lock ? atoi(lock + strlen("lock_timeout=")) : 0;
    session->look_us = world.now_us + random_between(1, LOOK_US);
    session->backend = &session->own;
    session->next = sessions;
    sessions = session;
    return session;
}

static void drop_commands(struct session *session)
{
    while (session->first) {
        struct command *command = session->first;
        session->first = command->next;
        command_free(command);
    }
    session->last = NULL;
}

static void session_free(struct session *session)
{
    struct session **at = &sessions;
    while (*at != session)
        at = &(*at)->next;
    *at = session->next;
    drop_commands(session);
    free(session->notes);
    free(session);
}

static void session_cut(struct session *session, bool reset)
{
    if (session->link) {
        link_lose_unsent(session->link);
        link_cut(session->link, reset);
    }
    session->link = NULL;
}

/* ---- a transaction */

static bool whole(const struct session *session)
{
    for (const struct command *command = session->first; command; command = command->next)
        if (command->kind == COMMAND_SYNC)
            return true;
    return false;
}

static enum fate fate_draw(void)
{
    if (strike(world.knobs.link_fault))
        return (enum fate)random_between(FATE_REQUEST_LOST, FATE_LINK_FAULTS - 1);
    if (strike(world.knobs.retry_error))
        return random_chance(500) ? FATE_SERIALIZATION : FATE_DEADLOCK;
    if (strike(world.knobs.odd_error))
        return FATE_ODD;
    if (strike(world.knobs.lock / 4))
        return FATE_TIMEOUT;
    return strike(world.knobs.stall) ? FATE_SILENT : FATE_GOOD;
}

static void session_begin(struct session *session)
{
    if (session->working || session->silent || !whole(session))
        return;
    session->working = true;
    session->blocked_us = 0;
    session->fate = fate_draw();
    session->stopped = session->stopped && session->sql.copying; /* waits for the COPY's end */
    session->at_us = world.now_us + random_between(1, world.knobs.service_us);
    for (const struct command *command = session->first; command->kind != COMMAND_SYNC;
         command = command->next)
        if (command->kind == COMMAND_SQL && command->sql_kind == SQL_SLEEP)
            session->at_us += random_between(1000, random_chance(200) ? 4000000 : 100000);
}

void server_cancel(const struct pg_conn *link)
{
    for (struct session *session = sessions; session; session = session->next) {
        bool works = session->working || session->sql.copying;
        if (session->link != link || !works || session->stopped || session->silent)
            continue;
        if (session->sql.copying) {
            copy_stopped(session->sql.copying);
            session->stopped = true;
            continue;
        }
        for (const struct command *command = session->first; command->kind != COMMAND_SYNC;
             command = command->next)
            if (command->kind == COMMAND_SQL && command->sql_kind != SQL_PROBE)
                sql_stopped(command->number);
        session->stopped = true;
        if (session->at_us > world.now_us + 1000)
            session->at_us = world.now_us + random_between(0, 1000);
    }
}

static void copy_receive(struct session *session, struct command *command);

void server_receive(struct session *session, struct command *command)
{
    if (command->kind == COMMAND_COPY_DATA) {
        copy_receive(session, command);
        return;
    }
    if (session->last)
        session->last->next = command;
    else
        session->first = command;
    session->last = command;
    session_begin(session);
}

/* Rows of a COPY are taken as they come, and refused as soon as one is bad. */
static void copy_receive(struct session *session, struct command *command)
{
    bool bad = strchr(command->data, '!') != NULL;
    session->sql.copied = copy_hash(session->sql.copied, command->data);
    if (bad && session->sql.copying && !session->sql.copy_failed && session->link) {
        session->sql.copy_failed = true;
        link_deliver(session->link, MESSAGE_ERROR,
                     result_error("ERROR", "22P02", "invalid input syntax", "CopyFrom"));
    }
    command_free(command);
}

void server_close(struct session *session)
{
    session->link = NULL;
    if (!session->working)
        session_free(session);
}

static bool backend_knows(const struct backend *backend, const char *name)
{
    for (int i = 0; i < backend->count; i++)
        if (strcmp(backend->names[i], name) == 0)
            return true;
    return false;
}

void answer_add(struct answer *answer, enum message_kind kind, PGresult *result)
{
    if (answer->count == MESSAGES)
        world_fail("one Sync has more than %d commands", MESSAGES);
    answer->kind[answer->count] = kind;
    answer->result[answer->count++] = result;
    answer->failed = answer->failed || kind == MESSAGE_ERROR;
}

void answer_fail(struct answer *answer)
{
    answer->failed = true;
}

void answer_error(struct answer *answer, const char *sqlstate, const char *message)
{
    answer_add(answer, MESSAGE_ERROR, result_error("ERROR", sqlstate, message, "exec_simple"));
}

/* What PostgreSQL has against a batch of documents; NULL: nothing. */
static const char *documents_fault(const struct command *query, const char **message)
{
    for (int i = 0; i < query->count; i++) {
        const char *document = query->items[i].document;
        if (!document)
            continue;
        if (document[0] != '{' || document[strlen(document) - 1] != '}') {
            *message = "invalid input syntax for type json";
            return "22P02";
        }
        if (strstr(document, "\\u0000")) {
            *message = "unsupported Unicode escape sequence";
            return "22P05";
        }
    }
    return NULL;
}

/* What a statement comes to by its fate, whatever it is; NULL: nothing. */
static const char *fate_error(enum fate fate, const char **message)
{
    static const char *const odd[] = {"XX000", "53200", "0A000", "42P01", "42501", "53100"};
    switch (fate) {
    case FATE_SERIALIZATION:
        *message = "could not serialize access due to concurrent update";
        return "40001";
    case FATE_DEADLOCK:
        *message = "deadlock detected";
        return "40P01";
    case FATE_ODD:
        *message = "something odd happened";
        return odd[random_between(0, 5)];
    case FATE_TIMEOUT:
        *message = "canceling statement due to statement timeout";
        return "57014";
    default:
        return NULL;
    }
}

static void run_sql(struct session *session, struct command *command, struct answer *answer)
{
    const char *message = NULL;
    int backend = world.knobs.pooler ? 100000 : session->link ? link_number(session->link) : 0;
    if (command->name[0] && !backend_knows(session->backend, command->name)) {
        sql_refused(command->number);
        answer_error(answer, "26000", "prepared statement does not exist");
        return;
    }
    const char *sqlstate = command->sql_kind == SQL_RESET || command->sql_kind == SQL_ROLLBACK
                               ? NULL
                               : fate_error(session->fate, &message);
    if (session->stopped && command->sql_kind != SQL_RESET) {
        sqlstate = "57014";
        message = "canceling statement due to user request";
    }
    sql_run(&session->sql, command, sqlstate, message, backend, answer);
    if (sqlstate && strcmp(sqlstate, "0A000") == 0 && command->name[0])
        sql_refused(command->number);
}

static void run_query(struct session *session, struct command *query, struct answer *answer)
{
    const char *message = NULL, *sqlstate = NULL;
    if (query->name[0] && !backend_knows(session->backend, query->name)) {
        answer_error(answer, "26000", "prepared statement does not exist");
        return;
    }
    if (query->spec->writes && world.now_us < read_only_until_us) {
        answer_error(answer, "25006", "cannot execute INSERT in a read-only transaction");
        return;
    }
    sqlstate = documents_fault(query, &message);
    if (!sqlstate)
        sqlstate = fate_error(session->fate, &message);
    if (sqlstate) {
        answer_error(answer, sqlstate, message);
        return;
    }
    for (int i = 0; i < query->count; i++)
        query->items[i].refused = table_refuses(query->spec->name, &query->items[i]);
    answer_add(answer, MESSAGE_RESULT, table_answer(query));
    answer->query = query;
}

static void run_command(struct session *session, struct command *command, struct answer *answer)
{
    struct backend *backend = session->backend;
    const char *sqlstate, *message = NULL;
    PGresult *row;
    switch (command->kind) {
    case COMMAND_PREPARE:
        if (backend_knows(backend, command->name)) {
            answer_error(answer, "42P05", "prepared statement already exists");
            return;
        }
        if (backend->count == STATEMENTS)
            world_fail("more than %d statements are prepared on one session", STATEMENTS);
        memcpy(backend->names[backend->count++], command->name, sizeof command->name);
        answer_add(answer, MESSAGE_PARSED, NULL);
        return;
    case COMMAND_SETTING:
        row = result_new(PGRES_TUPLES_OK, 1);
        result_column(row, 0, "set_config", 25);
        result_put(row, result_row(row), 0, "%dms", command->lock_ms);
        answer_add(answer, MESSAGE_RESULT, row);
        return;
    case COMMAND_QUERY:
        run_query(session, command, answer);
        return;
    case COMMAND_SQL:
        run_sql(session, command, answer);
        return;
    case COMMAND_COPY_END:
        sqlstate = session->stopped ? "57014" : fate_error(session->fate, &message);
        sql_copy_over(&session->sql, command, sqlstate, session->stopped ? "stopped" : message,
                      answer);
        return;
    case COMMAND_COPY_DATA:
    case COMMAND_SYNC:
        return;
    }
}

/* Until when a foreign session holds a row that the transaction writes, and how long the transaction waits for it. */
static int64_t locked_until(const struct session *session, int *lock_ms)
{
    int64_t until_us = 0;
    *lock_ms = session->lock_ms;
    for (const struct command *command = session->first; command->kind != COMMAND_SYNC;
         command = command->next) {
        if (command->kind == COMMAND_SETTING)
            *lock_ms = command->lock_ms;
        for (int i = 0;
             command->kind == COMMAND_QUERY && command->spec->writes && i < command->count; i++) {
            int key = command->items[i].key;
            if (key >= 0 && table_locked_until(key) > until_us)
                until_us = table_locked_until(key);
        }
    }
    return until_us;
}

/* Whether the transaction has to wait on; else *timed_out tells whether it waited too long. */
static bool blocked(struct session *session, bool *timed_out)
{
    int lock_ms;
    int64_t until_us = locked_until(session, &lock_ms);
    *timed_out = false;
    if (until_us <= world.now_us)
        return false;
    if (!session->blocked_us)
        session->blocked_us = world.now_us;
    int64_t limit_us = lock_ms > 0 ? session->blocked_us + (int64_t)lock_ms * 1000 : NEVER;
    *timed_out = limit_us <= world.now_us;
    if (world.lock_ms && lock_ms != world.lock_ms)
        world_fail("a write waits %d ms for a lock; the option says %d", lock_ms, world.lock_ms);
    session->at_us = limit_us < until_us ? limit_us : until_us;
    return !*timed_out;
}

static void commit(struct session *session, struct answer *answer)
{
    const struct command *query = answer->query;
    for (int i = 0; query && query->spec->writes && i < query->count; i++) {
        const struct item *item = &query->items[i];
        if (item->number)
            table_store(item, !session->link);
        else if (item->key >= 0)
            table_delete(item, !session->link);
        else
            table_setup(!session->link);
    }
}

static void say_end(struct session *session, bool server_itself)
{
    if (!session->link)
        return;
    PGresult *words =
        result_error("FATAL", "57P01", "terminating connection due to administrator command",
                     server_itself ? "ProcessInterrupts" : NULL);
    link_deliver(session->link, MESSAGE_ERROR, words);
}

/* As PostgreSQL does: between transactions only, and before it says that it is ready. */
static void send_notes(struct session *session)
{
    char text[NOTE_SIZE];
    if (session->sql.in_transaction || session->working || session->sql.copying)
        return;
    for (int i = 0; session->link && i < session->note_count; i++) {
        PGresult *note = result_new(PGRES_TUPLES_OK, 3);
        result_row(note);
        note_text(session->notes[i], text, sizeof text);
        result_put(note, 0, 0, "work");
        result_put(note, 0, 1, "%s", text);
        result_put(note, 0, 2, "%d", session->notes[i]);
        note_delivered(session->sql.holder, session->notes[i]);
        link_deliver(session->link, MESSAGE_NOTIFY, note);
    }
    session->note_count = 0;
}

void server_notify(int payload)
{
    for (struct session *session = sessions; session; session = session->next) {
        if (!session->sql.listening)
            continue;
        session->notes =
            realloc(session->notes, (size_t)(session->note_count + 1) * sizeof *session->notes);
        session->notes[session->note_count++] = payload;
        if (!session->running)
            send_notes(session);
    }
}

static void say_ready(struct session *session)
{
    send_notes(session);
    link_tell_transaction(session->link, !session->sql.in_transaction ? PQTRANS_IDLE
                                         : session->sql.failed        ? PQTRANS_INERROR
                                                                      : PQTRANS_INTRANS);
    link_deliver(session->link, MESSAGE_READY, NULL);
}

/* Sends the answer as far as the transaction's fate lets it. */
static void send_answer(struct session *session, struct answer *answer)
{
    enum fate fate = session->fate;
    bool words =
        fate != FATE_ANSWER_LOST && fate != FATE_POOLER_BEFORE && fate != FATE_POOLER_AFTER;
    for (int i = 0; i < answer->count; i++) {
        if (session->link && words)
            link_deliver(session->link, answer->kind[i], answer->result[i]);
        else if (answer->result[i])
            result_free(answer->result[i]);
    }
    bool itself = fate == FATE_ENDED_BETWEEN || fate == FATE_ENDED_AFTER;
    if (itself || fate == FATE_POOLER_BEFORE || fate == FATE_POOLER_AFTER)
        say_end(session, itself);
    if (fate > FATE_REQUEST_LOST && fate < FATE_LINK_FAULTS)
        session_cut(session, random_chance(300));
    else if (session->link && !session->sql.copying)
        say_ready(session);
}

static void transaction_run(struct session *session, bool timed_out)
{
    static const char lock_message[] = "canceling statement due to lock timeout";
    struct answer answer = {0};
    session->running = true;
    if (world.knobs.pooler && !session->sql.in_transaction)
        session->backend = &pool[random_between(0, POOL - 1)];
    for (;;) {
        struct command *command = session->first;
        if (timed_out && command->kind == COMMAND_QUERY && !answer.failed)
            answer_error(&answer, "55P03", lock_message);
        else if (!answer.failed)
            run_command(session, command, &answer);
        bool last = command->kind == COMMAND_SYNC;
        bool commits = !answer.failed && session->fate != FATE_ENDED_BETWEEN &&
                       session->fate != FATE_CRASH_BETWEEN && session->fate != FATE_POOLER_BEFORE;
        if (last && commits)
            commit(session, &answer);
        if (last && !session->sql.copying)
            sql_over(&session->sql, answer.failed, commits);
        if (last)
            break;
        session->first = command->next;
        if (command != answer.query)
            command_free(command);
    }
    struct command *sync = session->first;
    session->first = sync->next;
    if (!session->first)
        session->last = NULL;
    command_free(sync);
    if (answer.query)
        command_free(answer.query);
    send_answer(session, &answer);
    session->running = false;
    if (session->sql.copying && !session->sql.copies_in && session->link) {
        session->working = true;
        session->at_us = world.now_us + random_between(1, world.knobs.service_us);
    }
}

/* The next rows of a COPY to the client, as long as it reads them. true when the session is gone. */
static bool copy_go_on(struct session *session)
{
    struct sql_session *sql = &session->sql;
    int count = (int)random_between(0, 8), rows = copy_rows(sql->copying);
    if (!session->link || strike(world.knobs.link_fault / 4)) {
        if (random_chance(300))
            say_end(session, true);
        session_cut(session, random_chance(300));
        session_free(session);
        return true;
    }
    bool full = link_unread(session->link) > WINDOW;
    session->silent = strike(world.knobs.stall / 4);
    session->at_us = session->silent || full ? NEVER : world.now_us + random_between(1, 1000);
    if (session->silent || full)
        return false;
    bool failed = session->stopped || strike(world.knobs.odd_error / 4);
    for (; !failed && count > 0 && sql->rows < rows; count--) {
        PGresult *row = result_new(PGRES_TUPLES_OK, 1);
        result_put(row, result_row(row), 0, "%d:%d\n", sql->copying, sql->rows++);
        link_deliver(session->link, MESSAGE_ROW, row);
    }
    if (!failed && sql->rows < rows)
        return false;
    link_deliver(session->link, failed ? MESSAGE_ERROR : MESSAGE_RESULT,
                 !failed            ? result_new(PGRES_COMMAND_OK, 0)
                 : session->stopped ? result_error("ERROR", "57014", "stopped", "exec_simple")
                                    : result_error("ERROR", "53200", "out of memory", "copy"));
    session->working = session->stopped = false;
    sql->copying = 0;
    sql_over(sql, failed, true);
    say_ready(session);
    session_begin(session);
    return false;
}

void server_drained(struct session *session)
{
    if (session->working && session->sql.copying && !session->silent && session->at_us == NEVER)
        session->at_us = world.now_us + 1;
}

/* true when the session is gone. */
static bool session_strike_down(struct session *session)
{
    bool words = session->fate == FATE_ENDED_BEFORE;
    if (words)
        say_end(session, true);
    session_cut(session, !words && random_chance(500));
    session_free(session);
    return true;
}

static bool session_go_on(struct session *session)
{
    bool timed_out;
    if (session->sql.copying && !session->sql.copies_in)
        return copy_go_on(session);
    if (session->fate == FATE_REQUEST_LOST || session->fate == FATE_ENDED_BEFORE)
        return session_strike_down(session);
    if (session->fate == FATE_SILENT) {
        session->silent = true;
        session->at_us = NEVER;
        return false;
    }
    if (session->fate == FATE_GHOST) {
        session_cut(session, random_chance(500));
        session->fate = FATE_GOOD;
        session->at_us = world.now_us + random_between(1, 50000);
        return false;
    }
    if (blocked(session, &timed_out))
        return false;
    session->working = false;
    session->blocked_us = 0;
    transaction_run(session, timed_out);
    session_begin(session);
    if (!session->link && !session->working) {
        session_free(session);
        return true;
    }
    return false;
}

/* ---- trouble */

static void session_end_at_random(struct session *session)
{
    int way = (int)random_between(0, 2);
    if (way == 0)
        say_end(session, true);
    session_cut(session, way == 1);
    session_free(session);
}

static void server_go_down(void)
{
    if (random_chance(400)) {
        read_only_until_us = world.now_us + random_between(1, 500000);
        world_trace("the server is read-only for a while");
        return;
    }
    down_until_us = world.now_us + random_between(1, random_chance(200) ? 8000000 : 300000);
    starting_until_us = down_until_us + random_between(0, 200000);
    world_trace("the server goes down for a while");
    while (sessions)
        session_end_at_random(sessions);
}

static void chat(struct session *session)
{
    link_chatter(session->link);
    if (random_chance(500))
        link_deliver(session->link, MESSAGE_NOTICE,
                     result_error("WARNING", "01000", "something to know", NULL));
}

static void trouble(void)
{
    if (world.knobs.outage && world.now_us >= outage_look_us) {
        outage_look_us = world.now_us + LOOK_US;
        if (random_chance(world.knobs.outage))
            server_go_down();
    }
    for (struct session *session = sessions, *next; session; session = next) {
        next = session->next;
        if (world.now_us < session->look_us)
            continue;
        session->look_us = world.now_us + LOOK_US;
        if (session->link && random_chance(world.knobs.chatter))
            chat(session);
        if (session->link && random_chance(world.knobs.idle_fault)) {
            world_trace("the session of link %d is ended", link_number(session->link));
            session_end_at_random(session);
        }
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t server_next_event(void)
{
    int64_t next = !world.healthy && world.knobs.outage ? outage_look_us : NEVER;
    for (const struct session *session = sessions; session; session = session->next) {
        if (session->working)
            next = earlier(next, session->at_us);
        if (!world.healthy && (world.knobs.idle_fault || world.knobs.chatter))
            next = earlier(next, session->look_us);
    }
    return next;
}

void server_run(void)
{
    for (struct session *session = sessions, *next; session; session = next) {
        next = session->next;
        if (session->working && session->at_us <= world.now_us)
            session_go_on(session);
    }
    if (!world.healthy)
        trouble();
}

void server_heal(void)
{
    down_until_us = starting_until_us = read_only_until_us = 0;
    for (struct session *session = sessions, *next; session; session = next) {
        next = session->next;
        if (!session->silent && session->fate != FATE_SILENT)
            continue;
        session_cut(session, true);
        session_free(session);
    }
}

void server_reset(void)
{
    while (sessions)
        session_free(sessions);
    memset(pool, 0, sizeof pool);
    down_until_us = starting_until_us = read_only_until_us = outage_look_us = 0;
}
