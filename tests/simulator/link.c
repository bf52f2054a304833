/* The simulated PGconn: the client side of libpq 15 over a simulated socket: connecting, reading and
 * writing as fe-misc.c does, and what becomes of it all when the link breaks. Statements are in exec.c. */
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_FD = 100, TLS_READS = 3 };

static struct pg_conn *links;
static uint64_t sockets;
static int numbers;

/* ---- packets */

void packet_append(struct packets *list, struct packet *packet)
{
    packet->next = NULL;
    if (list->last)
        list->last->next = packet;
    else
        list->first = packet;
    list->last = packet;
}

struct packet *packet_take(struct packets *list)
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

struct pg_conn *link_numbered(int number)
{
    struct pg_conn *link = links;
    while (link && link->number != number)
        link = link->next;
    return link;
}

int link_unread(const struct pg_conn *link)
{
    int count = 0;
    for (const struct packet *packet = link->wire.first; packet; packet = packet->next)
        count++;
    return count;
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

int read_data(struct pg_conn *link)
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
    if (taken && link->session)
        server_drained(link->session);
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
int flush_data(struct pg_conn *link)
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

static int sim_needs_password(const PGconn *link)
{
    (void)link;
    return 0;
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
    packets_free(&link->notes);
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
    exec_reset();
}

void link_install(void)
{
    exec_install();
    keep_io.PQconnectStartParams = sim_connect_start;
    keep_io.PQconnectPoll = sim_connect_poll;
    keep_io.PQstatus = sim_status;
    keep_io.PQsocket = sim_socket;
    keep_io.PQsslInUse = sim_ssl_in_use;
    keep_io.PQerrorMessage = sim_error_message;
    keep_io.PQconnectionNeedsPassword = sim_needs_password;
    keep_io.PQsetErrorVerbosity = sim_set_verbosity;
    keep_io.PQsetNoticeReceiver = sim_set_notice_receiver;
    keep_io.PQsetnonblocking = sim_set_nonblocking;
    keep_io.PQenterPipelineMode = sim_enter_pipeline;
    keep_io.PQexitPipelineMode = sim_exit_pipeline;
    keep_io.PQtransactionStatus = sim_transaction_status;
    keep_io.PQbackendPID = sim_backend_pid;
    keep_io.PQfinish = sim_finish;
}
