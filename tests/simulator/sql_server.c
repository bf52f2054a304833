/* Callers' SQL at the simulated server: a handful of texts, transactions over several of them, a mark that a session keeps
 * until it is reset, statements that sleep until somebody stops them. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum sql_kind kind;
    const char *start; /* of the text; the call's number is $1 or stands in a comment */
} texts[] = {
    {SQL_WRITE, "insert into work"},
    {SQL_READ, "select $1::int"},
    {SQL_SLEEP, "select pg_sleep"},
    {SQL_TWO, "select 1; insert"},
    {SQL_BAD, "selct"},
    {SQL_BEGIN, "begin"},
    {SQL_COMMIT, "commit"},
    {SQL_ROLLBACK, "rollback /*"},
    {SQL_MARK, "set mark"},
    {SQL_LISTEN, "listen work"},
    {SQL_NOTIFY, "notify work"},
    {SQL_COPY_IN, "copy work from"},
    {SQL_COPY_OUT, "copy work to"},
    {SQL_PROBE, "select pg_catalog.pg_backend_pid()"},
    {SQL_RESET, "rollback;"},
    {SQL_RESET, "reset session"},
    {SQL_RESET, "deallocate statekeep"},
};

const char *sql_text(enum sql_kind kind, int number, char *text, size_t size)
{
    static const char *const forms[] = {[SQL_WRITE] = "insert into work values ($1)",
                                        [SQL_READ] = "select $1::int",
                                        [SQL_SLEEP] = "select pg_sleep(9), $1::int",
                                        [SQL_TWO] = "select 1; insert into work values (/*%d*/)",
                                        [SQL_BAD] = "selct /*%d*/",
                                        [SQL_BEGIN] = "begin /*%d*/",
                                        [SQL_COMMIT] = "commit /*%d*/",
                                        [SQL_ROLLBACK] = "rollback /*%d*/",
                                        [SQL_MARK] = "set mark = 'on' /*%d*/",
                                        [SQL_LISTEN] = "listen work /*%d*/",
                                        [SQL_NOTIFY] = "notify work, 'itself' /*%d*/",
                                        [SQL_COPY_IN] = "copy work from stdin /*%d*/",
                                        [SQL_COPY_OUT] = "copy work to stdout /*%d*/"};
    snprintf(text, size, forms[kind], number);
    return text;
}

/* NULL: no text of a caller's. */
struct command *sql_command(const char *sql, const char *value)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strncmp(sql, texts[i].start, strlen(texts[i].start)) != 0)
            continue;
        struct command *command = calloc(1, sizeof *command);
        const char *comment = strstr(sql, "/*");
        command->kind = COMMAND_SQL;
        command->size = strlen(sql) + 40;
        command->sql_kind = texts[i].kind;
        command->undoes = strstr(sql, "reset all") != NULL;
        command->unlistens = strstr(sql, "unlisten *") != NULL;
        command->number = value ? atoi(value) : comment ? atoi(comment + 2) : 0;
        return command;
    }
    return NULL;
}

static PGresult *row_of(int value)
{
    PGresult *rows = result_new(PGRES_TUPLES_OK, 1);
    result_column(rows, 0, "n", 23);
    result_put(rows, result_row(rows), 0, "%d", value);
    return rows;
}

static void write_down(struct sql_session *session, int number)
{
    if (session->write_count == SQL_WRITES)
        world_fail("one transaction has more than %d writes", SQL_WRITES);
    session->writes[session->write_count++] = number;
    sql_written(number);
}

/* What the holder of a session may find there: nothing of another's. */
static void look_at_holder(struct sql_session *session, const struct command *command)
{
    int holder = sql_holder(command->number);
    if (session->holder == holder)
        return;
    if (session->in_transaction)
        world_fail("statement %d runs in another's transaction", command->number);
    if (session->marked)
        world_fail("statement %d runs in a session that bears another's mark", command->number);
    if (session->listening)
        world_fail("statement %d runs in a session that listens for another", command->number);
    session->holder = holder;
}

static void sql_transact(struct sql_session *session, const struct command *command)
{
    if (command->sql_kind == SQL_BEGIN) {
        if (!session->in_transaction)
            session->transaction = sql_begun();
        session->in_transaction = true;
        return;
    }
    bool undone = session->failed || command->sql_kind == SQL_ROLLBACK;
    if (undone)
        session->write_count = 0, session->will_listen = false;
    if (command->sql_kind == SQL_COMMIT && session->in_transaction && !session->failed)
        session->committing = command->number;
    session->in_transaction = session->failed = false;
}

/* The end of a COPY from the client; its error, if there is one yet. */
void sql_copy_over(struct sql_session *session, const struct command *command, const char *sqlstate,
                   const char *message, struct answer *answer)
{
    int copy = session->copying;
    session->copying = 0;
    if (command->fails && !sqlstate) {
        sqlstate = "57014";
        message = "COPY from stdin failed";
    }
    if (session->copy_failed) {
        answer_fail(answer);
        return;
    }
    if (sqlstate) {
        answer_error(answer, sqlstate, message);
        return;
    }
    sql_executed(command->number, session->in_transaction, session->transaction);
    copy_stored(command->number, copy, session->copied);
    write_down(session, command->number);
    answer_add(answer, MESSAGE_RESULT, result_new(PGRES_COMMAND_OK, 0));
}

/* Runs a statement whose fate is an error where `sqlstate` is not NULL. false: it failed. */
bool sql_run(struct sql_session *session, const struct command *command, const char *sqlstate,
             const char *message, int backend, struct answer *answer)
{
    bool ends = command->sql_kind == SQL_COMMIT || command->sql_kind == SQL_ROLLBACK ||
                command->sql_kind == SQL_RESET;
    if (command->number) {
        look_at_holder(session, command);
        sql_executed(command->number, session->in_transaction, session->transaction);
    }
    if (command->sql_kind == SQL_BAD && !sqlstate) {
        sqlstate = "42601";
        message = "syntax error";
    } else if (session->failed && !ends) {
        sqlstate = "25P02";
        message = "current transaction is aborted";
    }
    if (sqlstate) {
        answer_error(answer, sqlstate, message);
        return false;
    }
    switch (command->sql_kind) {
    case SQL_WRITE:
    case SQL_NOTIFY:
        write_down(session, command->number);
        break;
    case SQL_TWO:
        answer_add(answer, MESSAGE_RESULT, row_of(1));
        write_down(session, command->number);
        break;
    case SQL_COPY_IN:
    case SQL_COPY_OUT:
        session->copying = command->number;
        session->copies_in = command->sql_kind == SQL_COPY_IN;
        session->copy_failed = false;
        session->copied = 0;
        session->rows = 0;
        answer_add(answer, session->copies_in ? MESSAGE_COPY_IN : MESSAGE_COPY_OUT, NULL);
        return true;
    case SQL_MARK:
        session->marked = !world.knobs.pooler;
        break;
    case SQL_LISTEN:
        session->will_listen = !world.knobs.pooler;
        break;
    case SQL_RESET:
        session->in_transaction = session->failed = session->will_listen = false;
        session->write_count = 0;
        session->marked = session->marked && !command->undoes;
        session->listening = session->listening && !command->unlistens;
        break;
    case SQL_BEGIN:
    case SQL_COMMIT:
    case SQL_ROLLBACK:
        sql_transact(session, command);
        break;
    default:
        break;
    }
    bool rows = command->sql_kind == SQL_READ || command->sql_kind == SQL_SLEEP;
    if (command->sql_kind == SQL_PROBE)
        answer_add(answer, MESSAGE_RESULT, row_of(backend));
    else
        answer_add(answer, MESSAGE_RESULT,
                   rows ? row_of(command->number) : result_new(PGRES_COMMAND_OK, 0));
    return true;
}

/* The Sync behind the statements: what ran outside a transaction takes effect now, or never. */
void sql_over(struct sql_session *session, bool failed, bool commits)
{
    if (failed && session->in_transaction)
        session->failed = true;
    if (session->in_transaction && !failed)
        return;
    session->listening = session->listening || (session->will_listen && commits && !failed);
    session->will_listen = false;
    for (int i = 0; commits && !failed && i < session->write_count; i++)
        sql_applied(session->writes[i]);
    if (session->committing)
        sql_committed(session->committing, commits && !failed ? session->transaction : 0);
    session->committing = 0;
    if (!session->in_transaction)
        session->transaction = 0;
    session->write_count = 0;
}
