/* Connection strings: what PostgreSQL users of four languages write, as parameters for libpq. */
#ifndef KEEP_DSN_H
#define KEEP_DSN_H

#include "statekeep.h"

#include <stdbool.h>

struct dsn {
    /* Parallel, NULL-terminated, for PQconnectStartParams() with expand_dbname 0. One of the values may be a password. */
    char **keys, **values;
    int count;
    bool
        embedded; /* then there are no keys, and embedded_join() makes another string of embedded_text */
    char *embedded_text; /* "embedded:…" */
    int connections;     /* pool_max_conns or max_connections as written, >= 1; 0: not said */
    int connect_ms;      /* connect_timeout; 0: not said, or said to be without limit */
};

/* Reads a connection string; NULL or "" takes $STATEKEEP_DSN, then $DATABASE_URL, then "embedded:".
 *   embedded:…        see embedded.h
 *   postgres://…      also postgresql://, any case, a "+driver" after the scheme, many hosts, sockets by %2F or ?host=
 *   key=value …       libpq's words and quoting
 * Keys that this libpq knows are passed on; those of the pools of pgx, asyncpg, Sequel and sqlx are translated or
 * dropped; every other key is a server setting and travels in "options". A "+" in a URL's query is a blank in settings
 * (as pgx, asyncpg and sqlx read it) and a plus in everything else (as libpq reads it).
 * What the engine always wants is added: UTF-8 (whatever was said), a fallback application name, and keepalives that
 * notice a dead peer within a minute. Environment variables PG… stay libpq's matter, but for PGOPTIONS, which "options"
 * begins with unless it is given.
 * KEEP_OK; KEEP_INVALID with *error, an allocated text that names the part and never its value, to be freed with
 * keep_alloc(error, 0); KEEP_NO_MEMORY with *error NULL. After an error *out holds nothing and needs no dsn_free(). */
keep_status dsn_parse(struct dsn *out, const char *text, char **error);

/* Frees what dsn_parse() gave. */
void dsn_free(struct dsn *dsn);

#endif
