/* What must block before a link can begin: looking up names, and starting the embedded server. A short-lived thread does
 * it and wakes the store's watch; the store looks in when it wakes. The dial outlives a store that is closed meanwhile:
 * whoever of the two comes last frees it. */
#include "core.h"

#include "embedded.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct dial {
    pthread_mutex_t lock;
    int owners;          /* the store, and the thread while it works */
    struct watch *watch; /* NULL once the store is closed */
    enum dial_state state;
    struct dsn dsn;
    struct embedded *hold; /* on the embedded server */
    char *conninfo;        /* of the embedded server */
    char **keys, **values; /* what the last look-up gave; NULL: dsn's own serve */
    int64_t fresh_until_us;
    char error[LIMIT_MESSAGE];
};

static void words_free(char **words)
{
    for (char **word = words; word && *word; word++)
        keep_alloc(*word, 0);
    keep_alloc(words, 0);
}

static char *copy(const char *text)
{
    char *copied = keep_alloc(NULL, strlen(text) + 1);
    return copied ? strcpy(copied, text) : NULL;
}

static void dial_unref(struct dial *dial)
{
    pthread_mutex_lock(&dial->lock);
    int owners = --dial->owners;
    pthread_mutex_unlock(&dial->lock);
    if (owners > 0)
        return;
    embedded_leave(dial->hold);
    keep_alloc(dial->conninfo, 0);
    words_free(dial->keys);
    words_free(dial->values);
    dsn_free(&dial->dsn);
    pthread_mutex_destroy(&dial->lock);
    keep_alloc(dial, 0);
}

struct dial *dial_open(struct dsn *dsn, struct watch *watch)
{
    struct dial *dial = keep_alloc(NULL, sizeof *dial);
    if (!dial)
        return NULL;
    *dial = (struct dial){.owners = 1, .watch = watch, .state = DIAL_READY, .dsn = *dsn};
    pthread_mutex_init(&dial->lock, NULL);
    *dsn = (struct dsn){0};
    return dial;
}

void dial_close(struct dial *dial)
{
    pthread_mutex_lock(&dial->lock);
    dial->watch = NULL;
    pthread_mutex_unlock(&dial->lock);
    dial_unref(dial);
}

/* ---- on the thread */

static const char *dsn_value(const struct dsn *dsn, const char *key)
{
    for (int i = 0; i < dsn->count; i++)
        if (strcmp(dsn->keys[i], key) == 0 && dsn->values[i][0])
            return dsn->values[i];
    return NULL;
}

/* Keys and values with `host`, `hostaddr` and `port` replaced (NULL: left out). */
static bool dial_words(struct dial *dial, const char *host, const char *hostaddr, const char *port)
{
    const struct dsn *dsn = &dial->dsn;
    const char *const replaced[][2] = {{"host", host}, {"hostaddr", hostaddr}, {"port", port}};
    size_t room = (size_t)dsn->count + 4;
    char **keys = keep_alloc(NULL, room * sizeof *keys),
         **values = keep_alloc(NULL, room * sizeof *values);
    size_t used = 0;
    bool complete = keys && values;
    for (int i = 0; complete && i < dsn->count + 3; i++) {
        bool extra = i >= dsn->count;
        const char *key = extra ? replaced[i - dsn->count][0] : dsn->keys[i];
        const char *value = extra ? replaced[i - dsn->count][1] : dsn->values[i];
        bool is_replaced = !strcmp(key, "host") || !strcmp(key, "hostaddr") || !strcmp(key, "port");
        if (!value || (!extra && is_replaced))
            continue;
        keys[used] = copy(key);
        values[used] = copy(value);
        complete = keys[used] && values[used];
        used++;
    }
    if (!complete) {
        for (size_t i = 0; i < used; i++) {
            keep_alloc(keys[i], 0);
            keep_alloc(values[i], 0);
        }
        keep_alloc(keys, 0);
        keep_alloc(values, 0);
        return false;
    }
    keys[used] = values[used] = NULL;
    words_free(dial->keys);
    words_free(dial->values);
    dial->keys = keys;
    dial->values = values;
    return true;
}

static bool is_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return host[0] == '/' || host[0] == '@' || host[0] == '\0' ||
           inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

struct targets {
    struct buffer hosts, addresses, ports;
};

static void put_word(struct buffer *out, const char *word)
{
    if (out->size > 0 || out->data)
        buffer_text(out, ",");
    buffer_text(out, word);
}

static void targets_put(struct targets *targets, const char *host, const char *address,
                        const char *port)
{
    put_word(&targets->hosts, host);
    put_word(&targets->addresses, address);
    put_word(&targets->ports, port);
}

/* One host name becomes as many targets as it has addresses; libpq tries them in order. */
static bool targets_resolve(struct targets *targets, const char *host, const char *port,
                            char *error, size_t size)
{
    if (is_address(host)) {
        targets_put(targets, host, host[0] == '/' || host[0] == '@' ? "" : host, port);
        return true;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC}, *found = NULL;
    int failed = getaddrinfo(host, NULL, &hints, &found);
    if (failed) {
        snprintf(error, size, "could not translate host name \"%s\" to an address: %s", host,
                 gai_strerror(failed));
        return false;
    }
    for (struct addrinfo *info = found; info; info = info->ai_next) {
        char address[NI_MAXHOST];
        if (getnameinfo(info->ai_addr, info->ai_addrlen, address, sizeof address, NULL, 0,
                        NI_NUMERICHOST) == 0)
            targets_put(targets, host, address, port);
    }
    freeaddrinfo(found);
    return true;
}

/* Cuts the next comma-separated word off *list; the last one serves for ever when it is the only one. */
static char *next_word(char **list)
{
    char *word = *list, *comma = strchr(word, ',');
    if (comma) {
        *comma = '\0';
        *list = comma + 1;
    } else {
        *list = NULL;
    }
    return word;
}

static bool dial_resolve(struct dial *dial, const char *host_list)
{
    const char *port_list = dsn_value(&dial->dsn, "port");
    char *hosts = copy(host_list), *ports = copy(port_list ? port_list : "");
    struct targets targets = {0};
    bool found = false, complete = hosts && ports;
    char *host_at = hosts, *port_at = ports, *port = ports;
    bool one_port = complete && !strchr(ports, ',');
    while (complete && host_at) {
        char *host = next_word(&host_at);
        if (!one_port && port_at)
            port = next_word(&port_at);
        found = targets_resolve(&targets, host, port, dial->error, sizeof dial->error) || found;
    }
    complete =
        complete && !targets.hosts.failed && !targets.addresses.failed && !targets.ports.failed;
    if (!complete)
        snprintf(dial->error, sizeof dial->error, "no memory to look up the host");
    bool done = complete && found &&
                dial_words(dial, targets.hosts.data, targets.addresses.data,
                           port_list ? targets.ports.data : NULL);
    buffer_free(&targets.hosts);
    buffer_free(&targets.addresses);
    buffer_free(&targets.ports);
    keep_alloc(hosts, 0);
    keep_alloc(ports, 0);
    return done;
}

static bool dial_embedded(struct dial *dial)
{
    char *error = NULL;
    keep_status status =
        dial->hold ? embedded_ensure(dial->hold, &error)
                   : embedded_join(dial->dsn.embedded_text, &dial->hold, &dial->conninfo, &error);
    if (status == KEEP_OK && !dial->keys) {
        struct dsn server;
        status = dsn_parse(&server, dial->conninfo, &error);
        if (status == KEEP_OK) {
            dial->keys = server.keys;
            dial->values = server.values;
        }
    }
    if (status != KEEP_OK)
        snprintf(dial->error, sizeof dial->error, "%s",
                 error ? error : "no memory to start the embedded server");
    keep_alloc(error, 0);
    return status == KEEP_OK;
}

/* The host to look up; NULL when libpq needs no name resolution. PGHOST is libpq's own default. */
static const char *dial_host(const struct dsn *dsn)
{
    const char *host = dsn_value(dsn, "host");
    if (!host)
        host = getenv("PGHOST");
    if (!host || dsn_value(dsn, "hostaddr") || getenv("PGHOSTADDR") || dsn_value(dsn, "service"))
        return NULL;
    return strchr(host, ',') || !is_address(host) ? host : NULL;
}

static void dial_work(void *argument)
{
    struct dial *dial = argument;
    bool done =
        dial->dsn.embedded ? dial_embedded(dial) : dial_resolve(dial, dial_host(&dial->dsn));
    pthread_mutex_lock(&dial->lock);
    dial->state = done ? DIAL_READY : DIAL_FAILED;
    dial->fresh_until_us = keep_io.now_us() + DIAL_FRESH_MS * 1000;
    if (dial->watch)
        keep_io.watch_wake(dial->watch);
    pthread_mutex_unlock(&dial->lock);
    dial_unref(dial);
}

/* ---- on the store's side */

enum dial_state dial_begin(struct dial *dial, int64_t now_us)
{
    if (!dial->dsn.embedded && !dial_host(&dial->dsn))
        return DIAL_READY;
    pthread_mutex_lock(&dial->lock);
    enum dial_state state = dial->state;
    bool fresh = now_us < dial->fresh_until_us;
    pthread_mutex_unlock(&dial->lock);
    if (state == DIAL_RUNNING || fresh)
        return state;
    dial->state = DIAL_RUNNING;
    dial->owners++;
    if (keep_io.thread(dial_work, dial))
        return dial->state; /* only the simulator's threads are done by now */
    dial->owners--;
    dial->state = DIAL_FAILED;
    snprintf(dial->error, sizeof dial->error, "no thread to look up the host");
    return DIAL_FAILED;
}

bool dial_is_embedded(const struct dial *dial)
{
    return dial->dsn.embedded;
}

bool dial_is_running(struct dial *dial)
{
    pthread_mutex_lock(&dial->lock);
    bool running = dial->state == DIAL_RUNNING;
    pthread_mutex_unlock(&dial->lock);
    return running;
}

void dial_stale(struct dial *dial)
{
    pthread_mutex_lock(&dial->lock);
    dial->fresh_until_us = 0;
    pthread_mutex_unlock(&dial->lock);
}

const char *dial_error(const struct dial *dial)
{
    return dial->error;
}

const char *const *dial_keys(const struct dial *dial)
{
    return (const char *const *)(dial->keys ? dial->keys : dial->dsn.keys);
}

const char *const *dial_values(const struct dial *dial)
{
    return (const char *const *)(dial->values ? dial->values : dial->dsn.values);
}
