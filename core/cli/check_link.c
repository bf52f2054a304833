/* Reaching the server: names, sockets, passwords, databases. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONNECT_MS = 5000, MESSAGE_SIZE = 1024 };

static const char *dsn_value(const struct check *check, const char *key, const char *variable)
{
    for (int i = 0; i < check->dsn.count; i++)
        if (strcmp(check->dsn.keys[i], key) == 0 && check->dsn.values[i][0] != '\0')
            return check->dsn.values[i];
    return variable ? getenv(variable) : NULL;
}

static bool needs_resolving(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return *host != '\0' && *host != '/' && *host != '@' &&
           inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1;
}

bool check_hosts(struct check *check)
{
    const char *list = dsn_value(check, "host", "PGHOST");
    if (!list || dsn_value(check, "hostaddr", "PGHOSTADDR"))
        return true;
    int names = 0, found = 0;
    while (*list != '\0') {
        char host[256];
        size_t size = strcspn(list, ",");
        snprintf(host, sizeof host, "%.*s", (int)size, list);
        list += list[size] == ',' ? size + 1 : size;
        struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *addresses = NULL;
        names++;
        int failure = needs_resolving(host) ? getaddrinfo(host, NULL, &wanted, &addresses) : 0;
        if (failure == 0)
            found++;
        else
            check_note("host", "look at its spelling, the DNS server and /etc/hosts",
                       "\"%s\" cannot be resolved: %s", host, gai_strerror(failure));
        if (addresses)
            freeaddrinfo(addresses);
    }
    if (found == 0 && names > 0)
        check_wrong(check, "host", NULL, "no host name can be resolved");
    return found > 0;
}

static long now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (long)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Steps the connection until it is there, refused, or the time is over; false: the time is over. */
static bool wait_link(PGconn *link, int timeout_ms)
{
    long end = now_ms() + timeout_ms;
    PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
    while (wants != PGRES_POLLING_OK && wants != PGRES_POLLING_FAILED) {
        struct pollfd socket = {PQsocket(link), wants == PGRES_POLLING_READING ? POLLIN : POLLOUT,
                                0};
        long left = end - now_ms();
        if (left <= 0 || poll(&socket, 1, (int)left) == 0)
            return false;
        wants = PQconnectPoll(link);
    }
    return true;
}

static PGconn *start(const struct check *check, bool *in_time)
{
    PGconn *link = PQconnectStartParams((const char *const *)check->dsn.keys,
                                        (const char *const *)check->dsn.values, 0);
    *in_time = true;
    if (!link || PQstatus(link) == CONNECTION_BAD)
        return link;
    PQsetErrorVerbosity(link, PQERRORS_VERBOSE); /* the only way to a refusal's SQLSTATE */
    *in_time = wait_link(link, check->dsn.connect_ms ? check->dsn.connect_ms : CONNECT_MS);
    PQsetErrorVerbosity(link, PQERRORS_DEFAULT);
    return link;
}

PGconn *check_connect(const struct check *check)
{
    bool in_time;
    PGconn *link = start(check, &in_time);
    if (PQstatus(link) == CONNECTION_OK)
        return link;
    PQfinish(link);
    return NULL;
}

/* What libpq's or the server's refusal means. The server's are told by their SQLSTATE, since its words may be in any
 * language; libpq's own are always English here. */
static const struct {
    const char *sign, *part, *todo;
} refusals[] = {
    {"28P01", "password",
     "check user and password; the server's pg_hba.conf says which it asks for"},
    {"28000", "user",
     "allow the user and this address in the server's pg_hba.conf, or create the role"},
    {"3D000", "database", "create it (createdb), or correct its name in the connection string"},
    {"53300", "connections",
     "raise max_connections, put a pooler in front, or open fewer connections"},
    {"57P03", "server", "it starts up or shuts down; try again in a moment"},
    {"42501", "rights", "grant connect on the database to the user"},
    {"unsupported startup parameter", "pooler",
     "it refuses settings: take them out of the connection string, or name them in its "
     "ignore_startup_parameters"},
    {"no such database", "database",
     "the pooler does not know it: add it to the pooler's configuration"},
    {"no such user", "user", "the pooler does not know it: add it to the pooler's auth_file"},
    {"SASL authentication failed", "password", "check user and password"},
    {"no password supplied", "password",
     "give one in the connection string, PGPASSWORD or ~/.pgpass"},
    {"password authentication failed", "password", "check user and password"},
    {"does not support SSL", "TLS", "switch TLS on at the server, or say sslmode=prefer"},
    {"certificate verify failed", "TLS",
     "say sslrootcert=… with the authority that signed the server's certificate"},
    {"root certificate file", "TLS",
     "say sslrootcert=… with a file that is there, or sslmode=require"},
    {"session is not read-write", "server", "no host of the list takes writes; name the primary"},
    {"No such file or directory", "socket",
     "start the server, or name the directory of its socket in host"},
    {"Connection refused", "server", "start the server, or correct host and port"},
    {"Permission denied", "socket", "this account may not use the server's socket"},
    {"Network is unreachable", "network", "look at the address and the routes to it"},
    {"No route to host", "network", "look at the address, the routes to it and firewalls"},
};

/* Takes the parts of a verbose message away that are for the server's developers. */
static void copy_message(char out[MESSAGE_SIZE], const char *message)
{
    snprintf(out, MESSAGE_SIZE, "%s", message);
    char *location = strstr(out, "\nLOCATION:");
    if (location)
        *location = '\0';
    for (size_t size = strlen(out); size > 0 && out[size - 1] == '\n'; size--)
        out[size - 1] = '\0';
}

bool check_link(struct check *check)
{
    bool in_time;
    check->link = start(check, &in_time);
    if (PQstatus(check->link) == CONNECTION_OK) {
        check_fine("connection", "host %s, port %s, user %s, database %s%s", PQhost(check->link),
                   PQport(check->link), PQuser(check->link), PQdb(check->link),
                   PQsslInUse(check->link) ? ", TLS" : "");
        return true;
    }
    if (!in_time) {
        check_wrong(check, "connection",
                    "look at host and port, at firewalls, and whether it is PostgreSQL at all",
                    "nobody answered in time");
        return false;
    }
    char message[MESSAGE_SIZE];
    copy_message(message, check->link ? PQerrorMessage(check->link) : "no memory");
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (strstr(message, refusals[i].sign)) {
            check_wrong(check, refusals[i].part, refusals[i].todo, "%s", message);
            return false;
        }
    check_wrong(check, "connection", NULL, "%s", message);
    return false;
}
