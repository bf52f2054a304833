/* The simulated PGconn as link.c (sockets, connecting) and exec.c (sending, receiving) know it. */
#ifndef LINK_H
#define LINK_H

#include "sim.h"

enum { QUEUE = 64, PLANS = 256, ERROR_SIZE = 512 };

enum phase {
    PHASE_WRITING, /* the socket is connecting */
    PHASE_READING, /* the start-up packet is out */
    PHASE_UP,
    PHASE_BAD,
};

enum async {
    ASYNC_IDLE,
    ASYNC_BUSY,
    ASYNC_READY,
    ASYNC_PIPELINE_IDLE,
    ASYNC_COPY_IN,
    ASYNC_COPY_OUT
};

enum packet_kind { PACKET_PART, PACKET_MESSAGE, PACKET_END, PACKET_RESET };

struct packet {
    struct packet *next;
    int64_t at_us;
    enum packet_kind kind;
    enum message_kind message;
    PGTransactionStatusType transaction; /* of READY */
    PGresult *result;
};

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

    struct packets notes; /* that PQnotifies() has not given */

    enum async async;
    PGresult *result;
    enum command_kind queue[QUEUE];
    int queued;
    unsigned char inflight[KEYS];
    PGTransactionStatusType transaction, next_transaction;
    char *plans[PLANS]; /* texts of sessions' prepared statements, by number */

    struct session *session;
};

/* ---- link.c */
struct pg_conn *link_numbered(int number); /* NULL: it is gone */
void packet_append(struct packets *list, struct packet *packet);
struct packet *packet_take(struct packets *list);
/* 1: something was read, 0: nothing is there, -1: the link is over. */
int read_data(struct pg_conn *link);
/* 0: all is sent, 1: the socket takes no more now, -1: the link is over. */
int flush_data(struct pg_conn *link);

/* ---- exec.c */
void exec_install(void);
void exec_reset(void);

#endif
