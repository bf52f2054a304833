/* What the simulated PGconn does with statements: its asynchronous states, its queue of commands and what becomes of them
 * when the link breaks follow fe-exec.c, because an engine lives by those details. */
#define _GNU_SOURCE
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EARLY_FLUSH = 65536, COPY_FLUSH = 8192, ROWS_AHEAD = 100 };

/* ---- sending, as fe-exec.c does */

/* pqPipelineProcessQueue(): on to the next command of the queue. */
static void process_queue(struct pg_conn *link)
{
    if (link->async == ASYNC_READY || link->async == ASYNC_BUSY ||
        (link->async == ASYNC_IDLE && !link->queued))
        return;
    if (!link->queued) {
        link->async = ASYNC_IDLE;
        return;
    }
    if (link->aborted && link->queue[0] != COMMAND_SYNC) {
        link->result = result_new(PGRES_PIPELINE_ABORTED, 0);
        link->async = ASYNC_READY;
    } else {
        link->async = ASYNC_BUSY;
    }
}

static void queue_append(struct pg_conn *link, enum command_kind kind)
{
    if (link->queued == QUEUE)
        world_fail("link %d has too many commands under way", link->number);
    link->queue[link->queued++] = kind;
    if (!link->aborted && link->async == ASYNC_IDLE)
        link->async = ASYNC_BUSY;
    else if (link->aborted && (link->async == ASYNC_IDLE || link->async == ASYNC_PIPELINE_IDLE))
        process_queue(link);
}

static void put_command(struct pg_conn *link, struct command *command)
{
    link->appended += command->size;
    command->end = link->appended;
    command->next = NULL;
    if (link->last)
        link->last->next = command;
    else
        link->first = command;
    link->last = command;
    world.changes++;
}

static bool may_send(struct pg_conn *link)
{
    if (link->status != CONNECTION_OK) {
        snprintf(link->error, sizeof link->error, "no connection to the server\n");
        return false;
    }
    if (!world.healthy && world.knobs.refuse_memory && random_chance(world.knobs.refuse_memory)) {
        snprintf(link->error, sizeof link->error, "out of memory\n");
        return false;
    }
    return true;
}

static bool end_arrived(const struct pg_conn *link)
{
    const struct packet *packet = link->wire.first;
    while (packet && packet->at_us <= world.now_us && packet->kind < PACKET_END)
        packet = packet->next;
    return packet && packet->at_us <= world.now_us;
}

static int send_command(struct pg_conn *link, struct command *command)
{
    enum command_kind kind = command->kind;
    if (kind == COMMAND_QUERY) {
        if (end_arrived(link))
            world_fail("link %d is sent %s although its end has arrived", link->number,
                       command->spec->name);
        world_trace("link %d sends %s of %d", link->number, command->spec->name, command->count);
        oracle_sent(link, command);
        for (int i = 0; i < command->count; i++)
            if (command->items[i].key >= 0)
                link->inflight[command->items[i].key] = 1;
    }
    put_command(link, command);
    if (link->appended - link->accepted >= EARLY_FLUSH && flush_data(link) < 0)
        return 0;
    queue_append(link, kind);
    return 1;
}

/* A statement of the caller's own, or what the engine needs for one; outside pipeline mode its Sync goes with it. */
static int send_sql(struct pg_conn *link, struct command *command)
{
    if (!may_send(link)) {
        command_free(command);
        return 0;
    }
    if (!link->pipeline && (link->async != ASYNC_IDLE || link->queued))
        world_fail("link %d is sent a statement while another is under way", link->number);
    world_trace("link %d sends statement %d of kind %d", link->number, command->number,
                command->sql_kind);
    if (command->kind == COMMAND_SQL && command->sql_kind != SQL_PROBE)
        sql_sent(link->number, command->number);
    enum command_kind kind = command->kind;
    put_command(link, command);
    if (!link->pipeline)
        put_command(link, command_sync());
    queue_append(link, kind);
    return link->pipeline || flush_data(link) >= 0;
}

static int plan_number(const char *name)
{
    int number = name && strncmp(name, "statekeep_", 10) == 0 ? atoi(name + 10) : 0;
    if (number >= PLANS)
        world_fail("a session prepares more than %d statements", PLANS);
    return number;
}

static int sim_send_query(PGconn *link, const char *sql)
{
    struct command *command = sql_command(sql, NULL);
    if (!command || link->pipeline)
        world_fail("what is sent as text is not the caller's: %s", sql);
    return send_sql(link, command);
}

static int send_plan(struct pg_conn *link, int number, const char *name, const char *sql)
{
    struct command *command = calloc(1, sizeof *command);
    *command = (struct command){.kind = COMMAND_PREPARE, .size = strlen(sql) + 40};
    snprintf(command->name, sizeof command->name, "%s", name);
    if (link->plans[number])
        world_fail("link %d prepares %s twice", link->number, name);
    link->plans[number] = strdup(sql);
    return send_sql(link, command);
}

static int sim_send_prepare(PGconn *link, const char *name, const char *sql, int count,
                            const Oid *types)
{
    (void)count;
    (void)types;
    if (plan_number(name))
        return send_plan(link, plan_number(name), name, sql);
    return may_send(link) ? send_command(link, command_prepare(name, sql)) : 0;
}

static int sim_send_prepared(PGconn *link, const char *name, int count, const char *const *values,
                             const int *sizes, const int *formats, int result_format)
{
    if (result_format != 0)
        world_fail("the simulated server answers in text");
    if (plan_number(name)) {
        struct command *command = sql_command(link->plans[plan_number(name)], values[0]);
        snprintf(command->name, sizeof command->name, "%s", name);
        return send_sql(link, command);
    }
    return may_send(link)
               ? send_command(link, command_query(name, NULL, count, values, sizes, formats))
               : 0;
}

static int sim_send_params(PGconn *link, const char *sql, int count, const Oid *types,
                           const char *const *values, const int *sizes, const int *formats,
                           int result_format)
{
    (void)types;
    if (result_format != 0)
        world_fail("the simulated server answers in text");
    struct command *command = sql_command(sql, count ? values[0] : NULL);
    if (command)
        return send_sql(link, command);
    return may_send(link)
               ? send_command(link, command_query(NULL, sql, count, values, sizes, formats))
               : 0;
}

static int sim_pipeline_sync(PGconn *link)
{
    if (!link->pipeline)
        return 0;
    put_command(link, command_sync());
    if (flush_data(link) < 0)
        return 0;
    queue_append(link, COMMAND_SYNC);
    return 1;
}

static bool refuse(void)
{
    return !world.healthy && random_chance(world.knobs.refuse_memory);
}

/* Rows are the most of what libpq has to find memory for. */
static bool refuse_rows(void)
{
    return world.knobs.refuse_memory && !world.healthy && random_chance(100);
}

static void parse_input(struct pg_conn *link);

static int no_copy(struct pg_conn *link, int answer)
{
    snprintf(link->error, sizeof link->error, "no COPY in progress\n");
    return answer;
}

static int sim_put_copy_data(PGconn *link, const char *data, int size)
{
    if (link->async != ASYNC_COPY_IN)
        return no_copy(link, -1);
    parse_input(link);
    if (refuse_rows())
        return flush_data(link) < 0 ? -1 : 0;
    copy_sent(link->number, data, (size_t)size);
    struct command *command = calloc(1, sizeof *command);
    *command = (struct command){.kind = COMMAND_COPY_DATA, .size = (size_t)size + 5};
    command->data = strndup(data, (size_t)size);
    put_command(link, command);
    return link->appended - link->accepted < COPY_FLUSH || flush_data(link) >= 0 ? 1 : -1;
}

static int sim_put_copy_end(PGconn *link, const char *failure)
{
    if (link->async != ASYNC_COPY_IN)
        return no_copy(link, -1);
    int number = copy_ended(link->number, failure);
    if (refuse())
        return -1;
    struct command *command = calloc(1, sizeof *command);
    *command = (struct command){.kind = COMMAND_COPY_END, .size = 5, .number = number};
    command->fails = failure != NULL;
    world_trace("link %d ends its COPY for statement %d", link->number, number);
    put_command(link, command);
    put_command(link, command_sync());
    link->async = ASYNC_BUSY;
    return flush_data(link) < 0 ? -1 : 1;
}

static int sim_flush(PGconn *link)
{
    return flush_data(link);
}

/* ---- receiving */

static int sim_consume(PGconn *link)
{
    if (link->nonblocking && flush_data(link) < 0)
        return 0;
    int rows = 0;
    for (const struct packet *packet = link->buffer.first; packet; packet = packet->next)
        rows += packet->kind == PACKET_MESSAGE && packet->message == MESSAGE_ROW;
    if (rows > ROWS_AHEAD)
        world_fail("link %d reads rows of a COPY that nobody asks for", link->number);
    return read_data(link) >= 0;
}

static void tell_notice(struct pg_conn *link, PGresult *result)
{
    if (!result)
        return;
    if (link->notice)
        link->notice(link->notice_argument, result);
    result_free(result);
}

/* Without memory for the rows libpq gives an error of its own, and reads on. */
static PGresult *rows_or_no_memory(PGresult *result)
{
    if (world.healthy || !random_chance(world.knobs.refuse_memory))
        return result;
    result_free(result);
    return result_error(NULL, NULL, NULL, NULL);
}

static void take_message(struct pg_conn *link, enum message_kind message, PGresult *result)
{
    if (message == MESSAGE_NOTICE) {
        tell_notice(link, result);
        return;
    }
    if (link->async == ASYNC_IDLE) {
        if (message == MESSAGE_ERROR)
            tell_notice(link, result);
        else if (result)
            result_free(result);
        return;
    }
    if (!link->pipeline && message == MESSAGE_READY) {
        link->async = ASYNC_IDLE;
        link->queued = 0;
        return;
    }
    if (message == MESSAGE_COPY_IN || message == MESSAGE_COPY_OUT) {
        link->async = message == MESSAGE_COPY_IN ? ASYNC_COPY_IN : ASYNC_COPY_OUT;
        return;
    }
    if (message == MESSAGE_ROW)
        world_fail("link %d is given a row of a COPY that is over", link->number);
    if (message == MESSAGE_PARSED && (!link->queued || link->queue[0] != COMMAND_PREPARE))
        return;
    link->aborted = message == MESSAGE_ERROR   ? link->pipeline
                    : message == MESSAGE_READY ? false
                                               : link->aborted;
    if (message == MESSAGE_PARSED)
        result = result_new(PGRES_COMMAND_OK, 0);
    else if (message == MESSAGE_READY)
        result = result_new(PGRES_PIPELINE_SYNC, 0);
    else if (message == MESSAGE_RESULT)
        result = rows_or_no_memory(result);
    link->result = result;
    link->async = ASYNC_READY;
}

/* Without memory for it libpq drops a notification, and says nothing. */
static void keep_note(struct pg_conn *link, struct packet *packet)
{
    if (world.healthy || !random_chance(world.knobs.refuse_memory)) {
        packet_append(&link->notes, packet);
        return;
    }
    result_free(packet->result);
    free(packet);
}

static void parse_input(struct pg_conn *link)
{
    for (struct packet *packet; (packet = link->buffer.first);) {
        bool notify = packet->kind == PACKET_MESSAGE && packet->message == MESSAGE_NOTIFY;
        if (!notify && link->async != ASYNC_BUSY && link->async != ASYNC_IDLE)
            return;
        packet_take(&link->buffer);
        if (notify) {
            keep_note(link, packet);
            continue;
        }
        if (packet->kind == PACKET_MESSAGE && packet->message == MESSAGE_READY)
            link->transaction = packet->transaction;
        if (packet->kind == PACKET_MESSAGE)
            take_message(link, packet->message, packet->result);
        free(packet);
    }
}

static int sim_is_busy(PGconn *link)
{
    parse_input(link);
    return link->async == ASYNC_BUSY && link->status != CONNECTION_BAD;
}

static PGresult *hand_out(struct pg_conn *link)
{
    PGresult *result = link->result;
    link->result = NULL;
    result->handed_out = true;
    world.changes++;
    return result;
}

static PGresult *copy_result(struct pg_conn *link)
{
    bool in = link->async == ASYNC_COPY_IN, stands = link->status == CONNECTION_OK;
    link->result = stands ? result_new(in ? PGRES_COPY_IN : PGRES_COPY_OUT, 0)
                          : result_error(NULL, NULL, NULL, NULL);
    if (!stands)
        link->async = ASYNC_IDLE;
    return hand_out(link);
}

static PGresult *sim_get_result(PGconn *link)
{
    parse_input(link);
    if (link->async == ASYNC_COPY_IN || link->async == ASYNC_COPY_OUT)
        return copy_result(link);
    if (link->async == ASYNC_BUSY) {
        if (link->status != CONNECTION_BAD)
            world_fail("PQgetResult() would block on link %d", link->number);
        link->result = result_error(NULL, NULL, NULL, NULL);
        link->async = ASYNC_IDLE;
        return hand_out(link);
    }
    if (link->async == ASYNC_PIPELINE_IDLE)
        process_queue(link);
    else if (link->async == ASYNC_READY) {
        PGresult *result = hand_out(link);
        if (!link->pipeline) {
            link->async = ASYNC_BUSY;
            return result;
        }
        if (link->queued)
            memmove(link->queue, link->queue + 1, (size_t)--link->queued * sizeof link->queue[0]);
        link->async = ASYNC_PIPELINE_IDLE;
        if (result->status == PGRES_PIPELINE_SYNC) {
            process_queue(link);
            if (!link->queued) {
                memset(link->inflight, 0, sizeof link->inflight);
                oracle_answered(link);
            }
        }
        return result;
    }
    return NULL;
}

/* ---- asking the server to stop */

struct pg_cancel {
    int number; /* of the link */
};

static PGcancel *sim_get_cancel(PGconn *link)
{
    struct pg_cancel *cancel = malloc(sizeof *cancel);
    cancel->number = link->number;
    return cancel;
}

static int sim_cancel(PGcancel *cancel, char *message, int size)
{
    snprintf(message, (size_t)size, "not told");
    world.changes++;
    const struct pg_conn *link = link_numbered(cancel->number);
    if (link && (world.healthy || !random_chance(200)))
        server_cancel(link);
    return 1;
}

static void sim_free_cancel(PGcancel *cancel)
{
    free(cancel);
}

/* ---- what libpq gives and PQfreemem() takes back */

static long lent;

long exec_lent(void)
{
    return lent;
}

void exec_reset(void)
{
    lent = 0;
}

static void *lend(size_t size)
{
    lent++;
    return malloc(size);
}

static void sim_freemem(void *memory)
{
    lent -= memory != NULL;
    free(memory);
}

/* What stands in front of a COPY's next row, or of its end, does not belong to it. */
static void skip_to_row(struct pg_conn *link)
{
    for (struct packet *packet; (packet = link->buffer.first);) {
        bool message = packet->kind == PACKET_MESSAGE;
        bool notify = message && packet->message == MESSAGE_NOTIFY;
        if (message && !notify && packet->message != MESSAGE_NOTICE)
            return;
        packet_take(&link->buffer);
        if (notify) {
            keep_note(link, packet);
            continue;
        }
        if (message)
            tell_notice(link, packet->result);
        free(packet);
    }
}

static int sim_get_copy_data(PGconn *link, char **row, int async)
{
    *row = NULL;
    if (!async)
        world_fail("PQgetCopyData() would block on link %d", link->number);
    if (link->async != ASYNC_COPY_OUT)
        return no_copy(link, -2);
    skip_to_row(link);
    struct packet *packet = link->buffer.first;
    if (!packet)
        return 0;
    if (packet->message != MESSAGE_ROW) {
        link->async = ASYNC_BUSY;
        return -1;
    }
    if (refuse_rows()) {
        snprintf(link->error, sizeof link->error, "out of memory\n");
        return -2;
    }
    packet_take(&link->buffer);
    const struct cell *cell = packet->result->cells;
    int size = cell->size;
    *row = lend((size_t)size + 1);
    memcpy(*row, cell->text, (size_t)size + 1);
    result_free(packet->result);
    free(packet);
    world.changes++;
    return size;
}

static PGnotify *sim_notifies(PGconn *link)
{
    parse_input(link);
    if (!link->notes.first)
        return NULL;
    struct packet *packet = packet_take(&link->notes);
    const struct cell *cells = packet->result->cells;
    PGnotify *notify = lend(sizeof *notify + (size_t)(cells[0].size + cells[1].size) + 2);
    char *text = (char *)(notify + 1);
    *notify = (PGnotify){text, atoi(cells[2].text), text + cells[0].size + 1, NULL};
    memcpy(notify->relname, cells[0].text, (size_t)cells[0].size + 1);
    memcpy(notify->extra, cells[1].text, (size_t)cells[1].size + 1);
    result_free(packet->result);
    free(packet);
    world.changes++;
    return notify;
}

void exec_install(void)
{
    keep_io.PQsendQuery = sim_send_query;
    keep_io.PQgetCancel = sim_get_cancel;
    keep_io.PQcancel = sim_cancel;
    keep_io.PQfreeCancel = sim_free_cancel;
    keep_io.PQnotifies = sim_notifies;
    keep_io.PQfreemem = sim_freemem;
    keep_io.PQputCopyData = sim_put_copy_data;
    keep_io.PQputCopyEnd = sim_put_copy_end;
    keep_io.PQgetCopyData = sim_get_copy_data;
    keep_io.PQsendPrepare = sim_send_prepare;
    keep_io.PQsendQueryPrepared = sim_send_prepared;
    keep_io.PQsendQueryParams = sim_send_params;
    keep_io.PQpipelineSync = sim_pipeline_sync;
    keep_io.PQflush = sim_flush;
    keep_io.PQconsumeInput = sim_consume;
    keep_io.PQisBusy = sim_is_busy;
    keep_io.PQgetResult = sim_get_result;
}
