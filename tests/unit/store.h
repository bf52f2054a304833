/* Stores on a real server, for the tests of the public interface: an embedded one that lives as long as the program. */
#ifndef STORE_H
#define STORE_H

#include "check.h"

#include "embedded.h"
#include "statekeep.h"

#include <stdbool.h>

enum { PATIENT_MS = 60000 };

static char *dsn;
static struct embedded *server;

/* False, told on standard error, when there is none. */
static inline bool server_start(void)
{
    char *error = NULL;
    if (embedded_join("embedded:?temp=1", &server, &dsn, &error) == KEEP_OK)
        return true;
    fprintf(stderr, "%s\n", error);
    return false;
}

/* Gives what main() returns. */
static inline int server_end(void)
{
    embedded_leave(server);
    keep_alloc(dsn, 0);
    return check_failures != 0;
}

static inline keep_text text(const char *data)
{
    return (keep_text){data, data ? strlen(data) : 0};
}

static inline keep_store *open_store(const char *options)
{
    keep_store *store;
    CHECK(keep_open(&store, dsn, options) == KEEP_OK);
    return store;
}

static inline void close_store(keep_store *store)
{
    CHECK(keep_close(store, 5000) == KEEP_OK);
    keep_free(store);
}

static inline keep_status finish(keep_store *store, keep_op op)
{
    keep_status status = keep_wait(store, op, PATIENT_MS);
    keep_release(store, op);
    return status;
}

#endif
