/* The adapter of the C interface: one thread, which waits on standard input and on the descriptor of each store, with
 * any number of calls in flight. */
#include "adapter.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STORES_MAX = 4096, DRAIN_MS = 5000 };

static struct store stores[STORES_MAX];
static int store_count;

static void write_line(cJSON *message)
{
    char *line = cJSON_PrintUnformatted(message);
    puts(line);
    free(line);
    cJSON_Delete(message);
}

void answer(double id, const char *status, const char *member, cJSON *content)
{
    cJSON *message = cJSON_CreateObject();
    cJSON_AddNumberToObject(message, "id", id);
    cJSON_AddStringToObject(message, "status", status);
    cJSON_AddItemToObject(message, member, content);
    write_line(message);
}

/* Answers with a status and the engine's own JSON, which ends in a NUL that its size does not count. */
void answer_result(double id, keep_status status, keep_text text)
{
    const char *name = keep_status_name(status);
    if (status == KEEP_OK)
        answer(id, name, "result", cJSON_CreateString(text.data));
    else
        answer(id, name, "error", cJSON_Parse(text.data));
}

void fail(const char *message)
{
    fprintf(stderr, "adapter: %s\n", message);
    exit(2);
}

static struct store *find_store(const cJSON *request)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(request, "store"));
    for (int i = 0; name && i < store_count; i++)
        if (strcmp(stores[i].name, name) == 0)
            return &stores[i];
    fail("no such store");
    return NULL;
}

static void do_open(double id, const cJSON *request)
{
    if (store_count == STORES_MAX)
        fail("too many stores");
    struct store *store = &stores[store_count++];
    const char *dsn = cJSON_GetStringValue(cJSON_GetObjectItem(request, "dsn"));
    char *options = cJSON_PrintUnformatted(cJSON_GetObjectItem(request, "options"));
    *store = (struct store){.name = strdup(cJSON_GetObjectItem(request, "store")->valuestring)};
    store->dsn = dsn ? strdup(dsn) : NULL;
    keep_status status = keep_open(&store->keep, dsn, options);
    free(options);
    answer_result(id, status, status == KEEP_OK ? KEEP_TEXT("null") : keep_error(store->keep));
}

static void finish(struct store *store, struct pending **place)
{
    struct pending *done = *place;
    keep_text text = {NULL, 0};
    while (sql_finished(store, done, &text))
        if (keep_op_status(store->keep, done->op) == KEEP_PENDING)
            return;
    keep_status status = keep_op_status(store->keep, done->op);
    answer_result(done->id, status, text.data ? text : keep_op_result(store->keep, done->op));
    sql_forget(store, done);
    keep_release(store->keep, done->op);
    *place = done->next;
    free(done);
}

struct pending *pending_add(struct store *store, double id)
{
    struct pending *pending = malloc(sizeof *pending);
    *pending = (struct pending){.next = store->pending, .id = id};
    store->pending = pending;
    return pending;
}

void pending_settle(struct store *store, struct pending *pending)
{
    struct pending **place = &store->pending;
    while (*place != pending)
        place = &(*place)->next;
    if (keep_op_status(store->keep, pending->op) != KEEP_PENDING)
        finish(store, place);
}

static void do_call(double id, const cJSON *request)
{
    struct store *store = find_store(request);
    const char *name = cJSON_GetObjectItem(request, "op")->valuestring;
    const cJSON *deadline = cJSON_GetObjectItem(request, "deadline_ms");
    struct arguments arguments;
    arguments_read(&arguments, request);
    struct pending *call = pending_add(store, id);
    call->op = keep_submit(store->keep, name, arguments.values, arguments.count,
                           deadline ? deadline->valueint : 0);
    arguments_free(&arguments);
    pending_settle(store, call);
}

static void do_cancel(double id)
{
    for (int i = 0; i < store_count; i++)
        for (struct pending *call = stores[i].pending; call; call = call->next)
            if (call->id == id)
                keep_cancel(stores[i].keep, call->op);
}

static void collect(struct store *store)
{
    keep_poll(store->keep);
    for (keep_op op; (op = keep_next(store->keep));) {
        struct pending **place = &store->pending;
        while (*place && (*place)->op != op)
            place = &(*place)->next;
        /* One that was answered when it was submitted comes here, too, unless it was released first. */
        if (*place)
            finish(store, place);
    }
}

static void do_close(double id, const cJSON *request)
{
    struct store *store = find_store(request);
    keep_close(store->keep, DRAIN_MS);
    collect(store);
    answer_result(id, KEEP_OK, KEEP_TEXT("null"));
}

static const char *ping(keep_store *keep)
{
    keep_op op = keep_admin_ping(keep, 0);
    keep_status status = keep_wait(keep, op, -1);
    keep_release(keep, op);
    return keep_status_name(status);
}

/* What the child says of the parent's store and of one of its own, written to `out` as JSON. */
static void child(const struct store *parent, int out)
{
    keep_store *own;
    char text[128];
    const char *inherited = ping(parent->keep);
    keep_free(parent->keep);
    keep_open(&own, parent->dsn, NULL);
    int size =
        snprintf(text, sizeof text, "{\"inherited\":\"%s\",\"own\":\"%s\"}", inherited, ping(own));
    keep_close(own, 0);
    keep_free(own);
    _exit(write(out, text, (size_t)size) == size ? 0 : 1);
}

static void do_fork(double id, const cJSON *request)
{
    const struct store *store = find_store(request);
    int ends[2];
    char text[129] = "";
    fflush(stdout);
    if (pipe(ends) != 0)
        fail("no pipe");
    pid_t process = fork();
    if (process == 0)
        child(store, ends[1]);
    close(ends[1]);
    ssize_t size = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    int code;
    waitpid(process, &code, 0);
    if (size <= 0 || code != 0)
        fail("the forked child failed");
    answer_result(id, KEEP_OK, (keep_text){text, (size_t)size});
}

static void serve(const char *line)
{
    cJSON *request = cJSON_Parse(line);
    if (!request)
        fail("a request that is not JSON");
    const char *what = cJSON_GetObjectItem(request, "do")->valuestring;
    double id = cJSON_GetObjectItem(request, "id")->valuedouble;
    if (strcmp(what, "hello") == 0)
        answer_result(id, KEEP_OK,
                      KEEP_TEXT("{\"binding\":\"c\",\"ordered\":true,\"cancels\":true,"
                                "\"waits_when_full\":false,\"forks\":true,\"sql\":true}"));
    else if (strcmp(what, "open") == 0)
        do_open(id, request);
    else if (strcmp(what, "call") == 0)
        do_call(id, request);
    else if (strcmp(what, "cancel") == 0)
        do_cancel(id);
    else if (strcmp(what, "close") == 0)
        do_close(id, request);
    else if (strcmp(what, "fork") == 0)
        do_fork(id, request);
    else if (!sql_serve(find_store(request), what, id, request))
        fail("an unknown request");
    cJSON_Delete(request);
}

/* Serves the whole lines that were read; gives how many bytes they were. */
static size_t serve_lines(char *buffer, size_t size)
{
    size_t done = 0;
    for (char *end; (end = memchr(buffer + done, '\n', size - done)) != NULL;) {
        *end = '\0';
        serve(buffer + done);
        done = (size_t)(end - buffer) + 1;
    }
    return done;
}

/* Reads what there is; false at the end of the input. */
static bool read_requests(void)
{
    static char *buffer;
    static size_t size, capacity;
    if (capacity - size < 65536) {
        capacity = 2 * capacity + 65536;
        buffer = realloc(buffer, capacity);
        if (!buffer)
            fail("no memory");
    }
    ssize_t got = read(STDIN_FILENO, buffer + size, capacity - size);
    if (got <= 0) {
        free(buffer);
        return false;
    }
    size += (size_t)got;
    size_t done = serve_lines(buffer, size);
    memmove(buffer, buffer + done, size - done);
    size -= done;
    return true;
}

int main(void)
{
    static struct pollfd waits[STORES_MAX + 1];
    for (bool reading = true; reading;) {
        waits[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
        for (int i = 0; i < store_count; i++)
            waits[i + 1] = (struct pollfd){.fd = keep_fd(stores[i].keep), .events = POLLIN};
        int polled = store_count;
        if (poll(waits, (nfds_t)polled + 1, -1) < 0 && errno != EINTR)
            fail("poll failed");
        if (waits[0].revents)
            reading = read_requests();
        for (int i = 0; i < polled; i++)
            if (waits[i + 1].revents)
                collect(&stores[i]);
        fflush(stdout);
    }
    for (int i = 0; i < store_count; i++) {
        keep_close(stores[i].keep, DRAIN_MS);
        collect(&stores[i]);
        keep_free(stores[i].keep);
        sql_free(&stores[i]);
        free(stores[i].name);
        free(stores[i].dsn);
    }
    return fflush(stdout);
}
