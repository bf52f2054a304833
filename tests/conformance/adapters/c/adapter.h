/* The adapter's stores and the requests in flight. */
#ifndef ADAPTER_H
#define ADAPTER_H

#include "requests.h"

#include <stdbool.h>

struct store {
    char *name;
    char *dsn;
    keep_store *keep;
    struct pending *pending;
    struct lease *leases; /* by name, also those given back */
};

struct lease {
    struct lease *next;
    char *name;
    keep_lease number;
};

struct copy; /* a COPY under way, which takes a call of the library for each piece */

/* A request in flight. */
struct pending {
    struct pending *next;
    keep_op op;
    double id;
    struct lease *taking; /* whom the lease is for; NULL: this takes none */
    struct copy *copy;    /* NULL: none */
};

/* ---- adapter.c */
struct pending *pending_add(struct store *store, double id);
/* Answers whatever finished when it was submitted: a shared ticket never comes out of keep_next(). */
void pending_settle(struct store *store, struct pending *pending);
void answer(double id, const char *status, const char *member, cJSON *content);
void answer_result(double id, keep_status status, keep_text text);
void fail(const char *message);

/* ---- sql.c */
/* Serves a request for SQL of the caller's own; false when it is none. */
bool sql_serve(struct store *store, const char *what, double id, const cJSON *request);
/* Looks at a finished call of it. true: the request goes on with another call; else, with an answer in *text to be given
 * in place of the call's own where its data is not NULL. */
bool sql_finished(struct store *store, struct pending *pending, keep_text *text);
void sql_forget(struct store *store, struct pending *pending); /* the request was answered */
void sql_free(struct store *store);

#endif
