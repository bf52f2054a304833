/* The simulated PGconn: the client side of libpq 15 over a simulated socket. Its asynchronous states, its queue of
 * commands and what becomes of them when the link breaks follow fe-exec.c and fe-misc.c, because an engine lives by
 * those details. */
#define _GNU_SOURCE
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_FD = 100, EARLY_FLUSH = 65536, QUEUE = 64, TLS_READS = 3, ERROR_SIZE = 512 };

enum phase {
    PHASE_WRITING, /* the socket is connecting */
    PHASE_READING, /* the start-up packet is out */
    PHASE_UP,
    PHASE_BAD,
};

enum async { ASYNC_IDLE, ASYNC_BUSY, ASYNC_READY, ASYNC_PIPELINE_IDLE };

enum packet_kind { PACKET_PART, PACKET_MESSAGE, PACKET_END, PACKET_RESET };

struct packet {
    struct packet *next;
    int64_t at_us;
    enum packet_kind kind;
    enum message_kind message;
    PGTransactionStatusType transaction; /* of READY */
    PGresult *result;
};

enum { PLANS = 256 };

struct packets {
    struct packet *first, *last;
};

struct pg_conn {
    struct pg_conn *next;
    int number;
    int fd; /* -1: closed */
    uint64_t socket;
    enum phase phase;
    int64_t phase_us;
    bool hopped; /* has changed its socket once while connecting */
    char settings[128];
    bool has_settings;
    ConnStatusType status;
    char error[ERROR_SIZE];
    PGVerbosity verbosity;
    PQnoticeReceiver notice;
    void *notice_argument;
    bool nonblocking, pipeline, aborted;

    struct command *first, *last;           /* not wholly at the server yet */
    uint64_t appended, accepted, delivered; /* places in the stream to the server */
    int64_t drain_us;
    bool peer_closed, write_failed;

    struct packets wire, tls, buffer;
    int64_t last_us;

    enum async async;
    PGresult *result;
    enum command_kind queue[QUEUE];
    int queued;
    unsigned char inflight[KEYS];
    PGTransactionStatusType transaction, next_transaction;
    char *plans[PLANS]; /* texts of sessions' prepared statements, by number */

    struct session *session;
};

static struct pg_conn *links;
static uint64_t sockets;
static int numbers;

/* ---- packets */

static void packet_append(struct packets *list, struct packet *packet)
{
    packet->next = NULL;
    if (list->last)
        list->last->next = packet;
    else
        list->first = packet;
    list->last = packet;
}

static struct packet *packet_take(struct packets *list)
{
    struct packet *packet = list->first;
    list->first = packet->next;
    if (!list->first)
        list->last = NULL;
    return packet;
}

static void packets_free(struct packets *list)
{
    while (list->first) {
        struct packet *packet = packet_take(list);
        if (packet->result)
            result_free(packet->result);
        free(packet);
    }
}

static void packet_send(struct pg_conn *link, enum packet_kind kind, enum message_kind message,
                        PGresult *result)
{
    struct packet *packet = calloc(1, sizeof *packet);
    int64_t at_us = world.now_us + random_between(1, world.knobs.latency_us);
    link->last_us = at_us > link->last_us ? at_us : link->last_us;
    *packet = (struct packet){NULL, link->last_us, kind, message, link->next_transaction, result};
    packet_append(&link->wire, packet);
}

void link_deliver(struct pg_conn *link, enum message_kind kind, PGresult *result)
{
    if (random_chance(150))
        packet_send(link, PACKET_PART, kind, NULL);
    packet_send(link, PACKET_MESSAGE, kind, result);
}

void link_tell_transaction(struct pg_conn *link, PGTransactionStatusType status)
{
    link->next_transaction = status;
}

void link_chatter(struct pg_conn *link)
{
    packet_send(link, PACKET_PART, MESSAGE_NOTICE, NULL);
}

void link_cut(struct pg_conn *link, bool reset)
{
    packet_send(link, reset ? PACKET_RESET : PACKET_END, MESSAGE_READY, NULL);
    link->peer_closed = true;
    link->session = NULL;
}

/* ---- sockets */

static bool fd_taken(int fd)
{
    return link_by_fd(fd) != NULL;
}

/* The lowest number that is free, as the system gives it: a closed socket's number soon is another's. */
static void socket_open(struct pg_conn *link)
{
    int fd = FIRST_FD;
    while (fd_taken(fd))
        fd++;
    link->fd = fd;
    link->socket = ++sockets;
}

static void out_drop(struct pg_conn *link)
{
    while (link->first) {
        struct command *command = link->first;
        link->first = command->next;
        command_free(command);
    }
    link->last = NULL;
    link->accepted = link->delivered = link->appended;
    link->drain_us = 0;
}

/* libpq's pqDropConnection(): what was read stays, what was not sent and the queue of commands go. */
static void drop_connection(struct pg_conn *link, const char *why)
{
    link->fd = -1;
    link->status = CONNECTION_BAD;
    link->phase = PHASE_BAD;
    link->queued = 0;
    snprintf(link->error, sizeof link->error, "%s", why);
    out_drop(link);
    world.changes++;
    world_trace("link %d meets its end", link->number);
}

struct pg_conn *link_by_fd(int fd)
{
    for (struct pg_conn *link = links; link; link = link->next)
        if (link->fd == fd)
            return link;
    return NULL;
}

uint64_t link_socket(const struct pg_conn *link)
{
    return link->socket;
}

int link_number(const struct pg_conn *link)
{
    return link->number;
}

int link_count(void)
{
    int count = 0;
    for (struct pg_conn *link = links; link; link = link->next)
        count++;
    return count;
}

bool link_key_elsewhere(const struct pg_conn *link, int key)
{
    for (struct pg_conn *other = links; other; other = other->next)
        if (other != link && other->status != CONNECTION_BAD && other->inflight[key])
            return true;
    return false;
}

static bool has_room(const struct pg_conn *link)
{
    return link->peer_closed || link->accepted - link->delivered < world.knobs.socket_size;
}

unsigned link_ready(const struct pg_conn *link)
{
    switch (link->phase) {
    case PHASE_WRITING:
        return world.now_us >= link->phase_us ? WATCH_WRITE : 0;
    case PHASE_READING:
        return WATCH_WRITE | (world.now_us >= link->phase_us ? WATCH_READ : 0u);
    case PHASE_BAD:
        return WATCH_READ | WATCH_WRITE;
    case PHASE_UP:
        break;
    }
    const struct packet *packet = link->wire.first;
    bool arrived = packet && packet->at_us <= world.now_us;
    bool ended = arrived && packet->kind >= PACKET_END;
    return (arrived ? WATCH_READ : 0u) | (ended || has_room(link) ? WATCH_WRITE : 0u);
}

static int64_t later_than_now(int64_t at_us, int64_t next_us)
{
    return at_us > world.now_us && at_us < next_us ? at_us : next_us;
}

int64_t link_next_event(void)
{
    int64_t next = NEVER;
    for (const struct pg_conn *link = links; link; link = link->next) {
        if (link->phase == PHASE_WRITING || link->phase == PHASE_READING)
            next = later_than_now(link->phase_us, next);
        if (link->wire.first)
            next = later_than_now(link->wire.first->at_us, next);
        if (link->drain_us && link->drain_us < next)
            next = link->drain_us;
    }
    return next;
}

/* Hands the server what has arrived there whole. */
static void arrive(struct pg_conn *link)
{
    while (link->first && link->first->end <= link->delivered) {
        struct command *command = link->first;
        link->first = command->next;
        if (!link->first)
            link->last = NULL;
        command->next = NULL;
        if (link->session)
            server_receive(link->session, command);
        else
            command_free(command);
    }
}

void link_run(void)
{
    for (struct pg_conn *link = links; link; link = link->next) {
        if (!link->drain_us || link->drain_us > world.now_us)
            continue;
        link->drain_us = 0;
        link->delivered = link->accepted;
        arrive(link);
    }
}

void link_lose_unsent(struct pg_conn *link)
{
    out_drop(link);
}

/* ---- reading and writing, as fe-misc.c does */

/* 1: something was read, 0: nothing is there, -1: the link is over. */
static int read_data(struct pg_conn *link)
{
    bool tls = world.knobs.tls;
    int most = tls ? TLS_READS : (int)random_between(1, 8), taken = 0;
    if (link->fd < 0)
        return -1;
    while (!link->tls.first && taken < most && link->wire.first &&
           link->wire.first->at_us <= world.now_us && link->wire.first->kind < PACKET_END) {
        packet_append(tls ? &link->tls : &link->buffer, packet_take(&link->wire));
        taken++;
    }
    if (link->tls.first) {
        packet_append(&link->buffer, packet_take(&link->tls));
        taken = 1;
    }
    world.changes += (uint64_t)taken;
    if (taken)
        return 1;
    if (!link->wire.first || link->wire.first->at_us > world.now_us)
        return 0;
    bool reset = link->wire.first->kind == PACKET_RESET;
    drop_connection(link, reset ? "could not receive data from server: Connection reset by peer\n"
                                : "server closed the connection unexpectedly\n"
                                  "\tThis probably means the server terminated abnormally\n"
                                  "\tbefore or while processing the request.\n");
    return -1;
}

/* 0: all is sent, 1: the socket takes no more now, -1: the link is over. A failed write is not told: libpq wants to
 * read the server's last words first. */
static int flush_data(struct pg_conn *link)
{
    if (link->accepted == link->appended)
        return 0;
    if (link->peer_closed && random_chance(500))
        link->write_failed = true;
    if (link->fd < 0 || link->write_failed) {
        link->write_failed = true;
        out_drop(link);
        return link->fd >= 0 && read_data(link) < 0 ? -1 : 0;
    }
    uint64_t room = world.knobs.socket_size - (link->accepted - link->delivered);
    uint64_t left = link->appended - link->accepted;
    uint64_t moved = left < room ? left : room;
    if (link->peer_closed) {
        out_drop(link);
        return 0;
    }
    link->accepted += moved;
    world.changes += moved > 0;
    if (moved && !link->drain_us)
        link->drain_us = world.now_us + random_between(1, world.knobs.latency_us);
    if (left == moved)
        return 0;
    return read_data(link) < 0 ? -1 : 1;
}

/* ---- connecting */

static PGconn *sim_connect_start(const char *const *keys, const char *const *values, int expand)
{
    (void)expand;
    if (!world.healthy && world.knobs.refuse_memory && random_chance(world.knobs.refuse_memory))
        return NULL;
    struct pg_conn *link = calloc(1, sizeof *link);
    link->number = ++numbers;
    link->next = links;
    link->fd = -1;
    link->status = CONNECTION_STARTED;
    link->phase_us = world.now_us + random_between(0, world.knobs.latency_us);
    for (int i = 0; keys[i]; i++) {
        if (strcmp(keys[i], "options") != 0)
            continue;
        link->has_settings = true;
        snprintf(link->settings, sizeof link->settings, "%s", values[i]);
    }
    socket_open(link);
    links = link;
    world.changes++;
    world_trace("link %d is opened, socket %d", link->number, link->fd);
    struct refusal refusal = {NULL, NULL, false};
    if (!server_accepts(link->settings, &refusal) && !refusal.sqlstate && !refusal.silent &&
        random_chance(500)) {
        link->fd = -1;
        link->phase = PHASE_BAD;
        link->status = CONNECTION_BAD;
        snprintf(link->error, sizeof link->error,
                 "connection to server on socket \"/sim/.s.PGSQL.5432\" failed: %s\n",
                 refusal.message);
    }
    return link;
}

static PostgresPollingStatusType connect_refused(struct pg_conn *link,
                                                 const struct refusal *refusal)
{
    bool verbose = link->verbosity == PQERRORS_VERBOSE && refusal->sqlstate;
    link->status = CONNECTION_BAD;
    link->phase = PHASE_BAD;
    if (random_chance(500))
        link->fd = -1;
    snprintf(link->error, sizeof link->error,
             "connection to server on socket \"/sim/.s.PGSQL.5432\" failed: %s%s%s%s\n%s",
             refusal->sqlstate ? "FATAL:  " : "", verbose ? refusal->sqlstate : "",
             verbose ? ": " : "", refusal->message,
             verbose ? "LOCATION:  ServerLoop, postmaster.c:1700\n" : "");
    world_trace("link %d is refused: %s", link->number, refusal->message);
    return PGRES_POLLING_FAILED;
}

static PostgresPollingStatusType sim_connect_poll(PGconn *link)
{
    struct refusal refusal = {NULL, NULL, false};
    if (link->phase == PHASE_BAD)
        return PGRES_POLLING_FAILED;
    if (link->phase == PHASE_UP)
        return PGRES_POLLING_OK;
    if (world.now_us < link->phase_us)
        return link->phase == PHASE_WRITING ? PGRES_POLLING_WRITING : PGRES_POLLING_READING;
    world.changes++;
    bool accepted = server_accepts(link->has_settings ? link->settings : NULL, &refusal);
    if (link->phase == PHASE_WRITING) {
        if (!accepted && !refusal.sqlstate && !refusal.silent)
            return connect_refused(link, &refusal);
        link->phase = PHASE_READING;
        bool silent = !accepted && refusal.silent;
        link->phase_us = silent ? NEVER : world.now_us + random_between(1, world.knobs.latency_us);
        return PGRES_POLLING_READING;
    }
    if (!accepted && !refusal.silent)
        return connect_refused(link, &refusal);
    if (!link->hopped && random_chance(100)) {
        /* As after a refused TLS request, or on to the next address: another socket. */
        link->hopped = true;
        link->fd = -1;
        socket_open(link);
        link->phase = PHASE_WRITING;
        link->phase_us = world.now_us + random_between(0, world.knobs.latency_us);
        return PGRES_POLLING_WRITING;
    }
    link->phase = PHASE_UP;
    link->status = CONNECTION_OK;
    link->session = server_open(link, link->has_settings ? link->settings : NULL);
    world_trace("link %d is up", link->number);
    return PGRES_POLLING_OK;
}

static ConnStatusType sim_status(const PGconn *link)
{
    return link ? link->status : CONNECTION_BAD;
}

static int sim_socket(const PGconn *link)
{
    return link ? link->fd : -1;
}

static int sim_ssl_in_use(PGconn *link)
{
    return link && world.knobs.tls;
}

static char *sim_error_message(const PGconn *link)
{
    return link ? (char *)link->error : (char *)"connection pointer is NULL\n";
}

static PGVerbosity sim_set_verbosity(PGconn *link, PGVerbosity verbosity)
{
    PGVerbosity before = link->verbosity;
    link->verbosity = verbosity;
    return before;
}

static PQnoticeReceiver sim_set_notice_receiver(PGconn *link, PQnoticeReceiver receiver,
                                                void *argument)
{
    PQnoticeReceiver before = link->notice;
    link->notice = receiver;
    link->notice_argument = argument;
    return before;
}

static int sim_set_nonblocking(PGconn *link, int nonblocking)
{
    if (link->status == CONNECTION_BAD)
        return -1;
    link->nonblocking = nonblocking;
    return 0;
}

static int sim_enter_pipeline(PGconn *link)
{
    if (link->async != ASYNC_IDLE)
        return 0;
    link->pipeline = true;
    return 1;
}

static int sim_exit_pipeline(PGconn *link)
{
    if (link->async != ASYNC_IDLE || link->queued)
        world_fail("link %d leaves pipeline mode while something is under way", link->number);
    link->pipeline = false;
    return 1;
}

static PGTransactionStatusType sim_transaction_status(const PGconn *link)
{
    return link->status == CONNECTION_BAD ? PQTRANS_UNKNOWN
           : link->async != ASYNC_IDLE    ? PQTRANS_ACTIVE
                                          : link->transaction;
}

static int sim_backend_pid(const PGconn *link)
{
    return link->number;
}

static void free_link(struct pg_conn *link)
{
    out_drop(link);
    packets_free(&link->wire);
    packets_free(&link->tls);
    packets_free(&link->buffer);
    if (link->result)
        result_free(link->result);
    for (int i = 0; i < PLANS; i++)
        free(link->plans[i]);
    free(link);
}

static void sim_finish(PGconn *link)
{
    struct pg_conn **at = &links;
    while (*at && *at != link)
        at = &(*at)->next;
    if (!*at)
        world_fail("a connection is ended that is not there");
    if (link->fd >= 0 && readiness_registered(link->socket))
        world_fail("link %d is ended while the watch looks at its socket", link->number);
    *at = link->next;
    world.changes++;
    world_trace("link %d is ended by the engine", link->number);
    /* What the system had taken may still reach the server. */
    if (link->session && random_chance(500)) {
        link->delivered = link->accepted;
        arrive(link);
    }
    if (link->session)
        server_close(link->session);
    free_link(link);
}

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

static int sim_flush(PGconn *link)
{
    return flush_data(link);
}

/* ---- receiving */

static int sim_consume(PGconn *link)
{
    if (link->nonblocking && flush_data(link) < 0)
        return 0;
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

static void parse_input(struct pg_conn *link)
{
    while (link->buffer.first && (link->async == ASYNC_BUSY || link->async == ASYNC_IDLE)) {
        struct packet *packet = packet_take(&link->buffer);
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

static PGresult *sim_get_result(PGconn *link)
{
    parse_input(link);
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
    for (const struct pg_conn *link = links; link; link = link->next)
        if (link->number == cancel->number && (world.healthy || !random_chance(200)))
            server_cancel(link);
    return 1;
}

static void sim_free_cancel(PGcancel *cancel)
{
    free(cancel);
}

static PGnotify *sim_notifies(PGconn *link)
{
    (void)link;
    return NULL;
}

void link_reset(void)
{
    while (links) {
        struct pg_conn *link = links;
        links = link->next;
        link->session = NULL;
        free_link(link);
    }
    sockets = 0;
    numbers = 0;
}

void link_install(void)
{
    keep_io.PQconnectStartParams = sim_connect_start;
    keep_io.PQconnectPoll = sim_connect_poll;
    keep_io.PQstatus = sim_status;
    keep_io.PQsocket = sim_socket;
    keep_io.PQsslInUse = sim_ssl_in_use;
    keep_io.PQerrorMessage = sim_error_message;
    keep_io.PQsetErrorVerbosity = sim_set_verbosity;
    keep_io.PQsetNoticeReceiver = sim_set_notice_receiver;
    keep_io.PQsetnonblocking = sim_set_nonblocking;
    keep_io.PQenterPipelineMode = sim_enter_pipeline;
    keep_io.PQexitPipelineMode = sim_exit_pipeline;
    keep_io.PQtransactionStatus = sim_transaction_status;
    keep_io.PQbackendPID = sim_backend_pid;
    keep_io.PQsendQuery = sim_send_query;
    keep_io.PQgetCancel = sim_get_cancel;
    keep_io.PQcancel = sim_cancel;
    keep_io.PQfreeCancel = sim_free_cancel;
    keep_io.PQnotifies = sim_notifies;
    keep_io.PQsendPrepare = sim_send_prepare;
    keep_io.PQsendQueryPrepared = sim_send_prepared;
    keep_io.PQsendQueryParams = sim_send_params;
    keep_io.PQpipelineSync = sim_pipeline_sync;
    keep_io.PQflush = sim_flush;
    keep_io.PQconsumeInput = sim_consume;
    keep_io.PQisBusy = sim_is_busy;
    keep_io.PQgetResult = sim_get_result;
    keep_io.PQfinish = sim_finish;
}
