/* statekeep check, step by step. A step that finds something wrong says what to do about it; when the next ones cannot
 * say anything true any more it gives false. */
#ifndef STATEKEEP_CHECK_H
#define STATEKEEP_CHECK_H

#include "cli.h"

#include "../src/dsn.h"
#include "../src/embedded.h"

#include <libpq-fe.h>

struct check {
    const struct arguments *arguments;
    cJSON *stores;  /* the names of those to look at */
    struct dsn dsn; /* without anything embedded: how to reach the server */
    struct embedded *hold;
    PGconn *link;
    int connections; /* as many as the engine would open */
    bool pooled;     /* something stands between us and the server */
    int wrong;       /* found so far */
};

/* One line each. `todo` NULL: there is nothing to do. */
__attribute__((format(printf, 2, 3))) void check_fine(const char *part, const char *format, ...);
__attribute__((format(printf, 3, 4))) void check_note(const char *part, const char *todo,
                                                      const char *format, ...);
__attribute__((format(printf, 4, 5))) void check_wrong(struct check *check, const char *part,
                                                       const char *todo, const char *format, ...);

bool check_dsn(struct check *check);    /* the connection string, and an embedded server */
bool check_hosts(struct check *check);  /* names that resolve */
bool check_link(struct check *check);   /* a connection */
bool check_server(struct check *check); /* version, settings, read-only, a pooler in between */
bool check_tables(struct check *check); /* every operation of the stores planned on their tables */
bool check_engine(struct check *check); /* a call through the engine itself */

/* Another connection like check->link, without a word; NULL when there is none to be had. */
PGconn *check_connect(const struct check *check);

/* The text of the one value a query gives, "" for NULL; NULL when it fails. Borrowed until the next call. */
const char *check_query(PGconn *link, const char *sql);

#endif
