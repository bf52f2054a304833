/* Callers' SQL as sql.c (leases and statements) and note.c (notifications) know it. */
#ifndef SIM_SQL_H
#define SIM_SQL_H

#include "sim.h"

enum { SQL_CALLS = 1024, LEASES = 64, NOTE_SIZE = 8000 };

struct sql_call {
    enum sql_kind kind;
    keep_op ticket;
    keep_status status;
    bool at_once, told, awaited, released, cancelled, sent, refused;
    int lease;       /* index in leases; -1: none */
    int executed;    /* how often */
    bool written;    /* in a transaction that may yet be committed */
    int transaction; /* it ran in; 0: none */
    int commits;     /* of a commit: the transaction it committed; 0: none */
    bool must_be_inside;
    bool applied, ended;
    int64_t deadline_us, noticed_us; /* noticed: by the first keep_poll() after it */
};

struct lease {
    keep_lease number;
    bool out;      /* granted, not given back, not known to have ended */
    int link;      /* that its first statement left on; 0: none yet */
    bool inside;   /* its begin succeeded, and nothing has ended the transaction */
    long last_end; /* the last statement that ends its transaction, run or not */
    bool dubious;  /* something of it failed: where its transaction stands is not known */
};

/* ---- sql.c */
struct sql_call *sql_call_of(int number);
struct lease *sql_lease_at(int index); /* NULL: there is none */
/* Asks the engine; the number of the call. */
int sql_ask(keep_store *store, enum sql_kind kind, int lease, int deadline_ms);

/* ---- note.c */
void notes_reset(void);
/* Another client's notification, on its way to whoever listens. */
void note_send_some(void);
/* What is wrong with what a call that waited for a notification was given; NULL: nothing. */
const char *note_fault(int number, const char *answer);

#endif
