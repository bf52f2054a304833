/* "embedded:": a PostgreSQL server of our own, found, made, started, shared and stopped without anybody's help. What a
 * caller gets is an ordinary connection string; nothing else in the library knows that the server is local.
 *
 * All functions block (the engine calls them on a short-lived thread), may run on any thread, and need nothing of the
 * engine but keep_alloc(). */
#ifndef KEEP_EMBEDDED_H
#define KEEP_EMBEDDED_H

#include "statekeep.h"

struct embedded; /* one user's hold on one running server */

/* Whether `dsn` is well formed, without touching the system: KEEP_OK, KEEP_INVALID, KEEP_NO_MEMORY.
 *   embedded:[directory][?name=value&…]     both parts may be percent-encoded
 *     directory   where the server lives; $STATEKEEP_HOME/default, or one below the user's data directory, without it
 *     temp=1      a fresh directory in memory, deleted with the server; not together with a directory
 *     db          the database, made when absent                      postgres
 *     bin         the directory of PostgreSQL's programs              searched for
 *     linger_ms   how long the server outlives its last user          2000; 0 with temp
 *     conf.NAME   a setting of the server
 *   bin, linger_ms and conf.NAME are heeded when this call starts the server, not when it joins a running one.
 * *error: as for embedded_join(). */
keep_status embedded_check(const char *dsn, char **error);

/* Makes, starts or joins the server that `dsn` names. KEEP_OK: *out is the hold, *conninfo a libpq string
 * "host=… port=… user=… dbname=…". Otherwise *error says what to do (NULL only for KEEP_NO_MEMORY); KEEP_INVALID is the
 * DSN's fault, KEEP_UNAVAILABLE may pass. Both texts are freed with keep_alloc(text, 0). Takes 3 ms when the server
 * runs, and gives up after 60 s. */
keep_status embedded_join(const char *dsn, struct embedded **out, char **conninfo, char **error);

/* Makes sure that the hold's server runs, for when it cannot be reached: somebody may have killed it. The connection
 * string stays the same. Status and *error as embedded_join(). */
keep_status embedded_ensure(struct embedded *hold, char **error);

/* Lets go; the server stops when nobody holds it. In a forked child it leaves the parent's hold alone. NULL is fine. */
void embedded_leave(struct embedded *hold);

#endif
