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
    int rows;                        /* of DATA and of a COPY to the client */
    int given;                       /* of them, to calls for rows */
    bool end_told;                   /* and then that there are no more */
    bool spoilt;                     /* the server does not take the rows */
    uint64_t stored;                 /* by the END of a COPY: copy_hash() of its rows */
    int copy;                        /* that it ended */
    int64_t deadline_us, noticed_us; /* noticed: by the first keep_poll() after it */
};

struct lease {
    keep_lease number;
    bool out;           /* granted, not given back, not known to have ended */
    int link;           /* that its first statement left on; 0: none yet */
    bool inside;        /* its begin succeeded, and nothing has ended the transaction */
    long last_end;      /* the last statement that ends its transaction, run or not */
    enum sql_kind copy; /* what was asked for last: SQL_COPY_IN, SQL_COPY_OUT, or another: none */
    bool dubious;       /* something of it failed: where its transaction stands is not known */
};

/* ---- sql.c */
struct sql_call *sql_call_of(int number);
struct lease *sql_lease_at(int index); /* NULL: there is none */
/* Asks the engine; the number of the call. */
int sql_ask(keep_store *store, enum sql_kind kind, int lease, int deadline_ms);

bool sql_closes(void);

/* ---- copy.c */
/* The text of the rows of a call. */
const char *copy_text(const struct sql_call *call, int number);
enum sql_kind copy_draw(const struct lease *lease, int index);
keep_op copy_ask(keep_store *store, int number, int deadline_ms);
const char *copy_fault(int number, const char *answer); /* of one that is OK */
bool copy_open(int lease);                              /* rows may wait for somebody to ask */
void copy_verdict(int number);

/* ---- note.c */
void notes_reset(void);
/* Another client's notification, on its way to whoever listens. */
void note_send_some(void);
/* What is wrong with what a call that waited for a notification was given; NULL: nothing. */
const char *note_fault(int number, const char *answer);

#endif
