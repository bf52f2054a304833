// What Go crosses into C for: each function does in one crossing what would take several. A crossing costs as much as a
// short function, and no Go pointer may lie in what is passed.
#ifndef STATEKEEP_GO_ENGINE_H
#define STATEKEEP_GO_ENGINE_H

#include "statekeep.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MOST = 32, FINISHED_MOST = 256, BYTEA = 17 };

// What is asked of the engine beside operations.
enum { REQUEST_NONE, REQUEST_LEASE, REQUEST_QUERY, REQUEST_COPY_IN, REQUEST_COPY_FAIL, REQUEST_COPY_OUT, REQUEST_NOTIFICATION };

typedef struct {
    keep_op op;
    const char *data;
    size_t size;
    int status;
} finished;

// A ticket, with its result when it has one already.
static inline finished submitted(keep_store *store, keep_op op)
{
    finished call = {.op = op, .status = keep_op_status(store, op)};
    if (call.status != KEEP_PENDING) {
        keep_text result = keep_op_result(store, op);
        call.data = result.data;
        call.size = result.size;
    }
    return call;
}

static inline keep_text take(const char **next, int64_t size)
{
    keep_text text = size < 0 ? (keep_text){NULL, 0} : (keep_text){*next, (size_t)size};
    *next += text.size;
    return text;
}

// `packed` holds the operation's name with its NUL, then the arguments back to back; a size below 0 is NULL.
static inline finished submit(keep_store *store, const char *packed, const int64_t *sizes, int count, int deadline_ms)
{
    keep_text args[ARGUMENTS_MOST];
    const char *next = packed + strlen(packed) + 1;
    for (int i = 0; i < count; i++)
        args[i] = take(&next, sizes[i]);
    return submitted(store, keep_submit(store, packed, args, count, deadline_ms));
}

// `packed` holds the SQL, then the parameters back to back, `sizes` the size of each, `types` the OID of each parameter; a
// bytea is in binary form.
static inline keep_op query(keep_store *store, keep_lease lease, const char *packed, const int64_t *sizes,
                            const uint32_t *types, int count, int deadline_ms)
{
    keep_param *params = malloc(sizeof *params * (size_t)(count ? count : 1));
    if (!params)
        return 0;
    keep_text sql = take(&packed, sizes[0]);
    for (int i = 0; i < count; i++)
        params[i] = (keep_param){take(&packed, sizes[i + 1]), types[i], types[i] == BYTEA};
    keep_op op = keep_query(store, lease, sql, params, count, deadline_ms);
    free(params);
    return op;
}

// `packed` and `sizes` are as for query(), with a COPY's bytes or the reason of its failure in the SQL's place.
static inline finished request(keep_store *store, int kind, keep_lease lease, const char *packed, const int64_t *sizes,
                               const uint32_t *types, int count, int deadline_ms)
{
    keep_op op = 0;
    switch (kind) {
    case REQUEST_LEASE:
        op = keep_lease_take(store, deadline_ms);
        break;
    case REQUEST_QUERY:
        op = query(store, lease, packed, sizes, types, count, deadline_ms);
        break;
    case REQUEST_COPY_IN:
        op = keep_copy_in(store, lease, take(&packed, sizes[0]), NULL, deadline_ms);
        break;
    case REQUEST_COPY_FAIL:
        op = keep_copy_in(store, lease, (keep_text){NULL, 0}, packed, deadline_ms);
        break;
    case REQUEST_COPY_OUT:
        op = keep_copy_out(store, lease, deadline_ms);
        break;
    case REQUEST_NOTIFICATION:
        op = keep_notification(store, lease, deadline_ms);
        break;
    }
    if (op == 0) {
        static const char none[] = "{\"status\":\"NO_MEMORY\",\"message\":\"no memory for the parameters\"}";
        return (finished){.op = UINT32_MAX, .data = none, .size = sizeof none - 1, .status = KEEP_NO_MEMORY};
    }
    return submitted(store, op);
}

static inline int collect(keep_store *store, finished *list)
{
    int count = 0;
    while (count < FINISHED_MOST && (list[count].op = keep_next(store)) != 0) {
        list[count] = submitted(store, list[count].op);
        count++;
    }
    return count;
}

// Gives back the tickets of the last time, steps the engine if told to, collects the next ones.
static inline int drain(keep_store *store, finished *list, int held, int steps)
{
    for (int i = 0; i < held; i++)
        keep_release(store, list[i].op);
    if (steps)
        keep_poll(store);
    return collect(store, list);
}

// poll() ignores the -1 of a store that is closed.
static inline int readable(keep_store *store)
{
    struct pollfd ready = {.fd = keep_fd(store), .events = POLLIN};
    return poll(&ready, 1, 0) > 0;
}

static inline int duplicate(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

#endif
