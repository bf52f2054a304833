/* Is the server up? If not, exactly one of those who ask starts it, and all of them wait. */
#include "embedded_parts.h"

#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    START_NAP_MS = 2,
    START_LOG_TAIL = 1500,           /* bytes of the log that a message shows */
    START_LOG_MAX = 4 * 1024 * 1024, /* bytes; a longer log is begun anew at the next start */
    START_ARGUMENTS = 32 + 2 * EMBEDDED_SETTINGS, /* of postgres */
    START_CONNINFO = 256 + 2 * EMBEDDED_SOCKET,
};

/* The nth line of a text, or an empty one. */
static const char *start_line(const char *text, int n)
{
    for (; n > 1 && *text != 0; n--) {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return text;
}

/* Reads the directory of a running server's socket from what it says about itself, which may be of an earlier life.
 * false until it says that it is ready: asking earlier would only fill its log. */
static bool start_socket(const struct embedded_place *place, char socket[EMBEDDED_SOCKET])
{
    enum { LINE_SOCKET = 5, LINE_STATE = 8 };
    char path[EMBEDDED_PATH], text[2 * EMBEDDED_PATH];
    int fd = embedded_path(path, place->root, "data/postmaster.pid")
                 ? open(path, O_RDONLY | O_CLOEXEC)
                 : -1;
    if (fd < 0)
        return false;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    text[size > 0 ? size : 0] = 0;
    const char *line = start_line(text, LINE_SOCKET);
    size_t length = strcspn(line, "\n");
    if (*line != '/' || length >= EMBEDDED_SOCKET ||
        strncmp(start_line(text, LINE_STATE), "ready", 5) != 0)
        return false;
    memcpy(socket, line, length);
    socket[length] = 0;
    return true;
}

/* How to reach the server's first database. Environment variables PG… mean other servers, so whatever they could change
 * is said here; libpq heeds empty values in a string, not in an array. */
static void start_conninfo(const char *socket, char out[START_CONNINFO])
{
    int used =
        snprintf(out, START_CONNINFO,
                 "port=%d user=postgres dbname=postgres hostaddr='' options='' connect_timeout=5 "
                 "target_session_attrs=any host='",
                 EMBEDDED_PORT);
    for (; *socket != 0; socket++) {
        if (*socket == '\'' || *socket == '\\')
            out[used++] = '\\';
        out[used++] = *socket;
    }
    snprintf(out + used, (size_t)(START_CONNINFO - used), "'");
}

static bool start_answers(const struct embedded_place *place, char socket[EMBEDDED_SOCKET])
{
    char conninfo[START_CONNINFO];
    if (!start_socket(place, socket))
        return false;
    start_conninfo(socket, conninfo);
    return PQping(conninfo) == PQPING_OK;
}

static off_t start_log_size(const struct embedded_place *place)
{
    char path[EMBEDDED_PATH];
    struct stat info;
    return embedded_path(path, place->root, "log") && lstat(path, &info) == 0 ? info.st_size : 0;
}

/* Opens the log for the server's account, cut when it has grown long. */
static off_t start_log_prepare(const struct embedded_place *place)
{
    off_t size = start_log_size(place);
    int fd = embedded_lock_open(place, "log");
    if (fd >= 0 && size > START_LOG_MAX && ftruncate(fd, 0) == 0)
        size = 0;
    if (fd >= 0)
        close(fd);
    return size;
}

/* The server did not start: what it wrote since `from` is the reason. */
static bool start_failed(struct embedded_job *job, const struct embedded_place *place,
                         const char *bin, off_t from)
{
    char path[EMBEDDED_PATH], text[START_LOG_TAIL + 1];
    ssize_t size = -1;
    off_t end = start_log_size(place);
    int fd = embedded_path(path, place->root, "log") ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
                                                     : -1;
    if (fd >= 0) {
        size = pread(fd, text, START_LOG_TAIL,
                     end - from > START_LOG_TAIL ? end - START_LOG_TAIL : from);
        close(fd);
    }
    text[size > 0 ? size : 0] = 0;
    return embedded_fail(job, KEEP_UNAVAILABLE, "PostgreSQL (%s) did not start in %s:\n%s", bin,
                         place->root, size > 0 ? text : "it wrote nothing to its log");
}

/* A list of directories as PostgreSQL reads it, with one. */
static void start_quote(const char *directory, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "unix_socket_directories=\"");
    for (; *directory != 0 && used + 4 < size; directory++) {
        if (*directory == '"')
            out[used++] = '"';
        out[used++] = *directory;
    }
    snprintf(out + used, size - used, "\"");
}

static bool start_supervisor(const struct embedded_job *job, const struct embedded_place *place,
                             const char *bin, const char *socket)
{
    char postgres[EMBEDDED_PATH], data[EMBEDDED_PATH], directories[2 * EMBEDDED_SOCKET + 64],
        socket_lock[EMBEDDED_SOCKET + 32], port[32];
    char word_data[] = "-D", word[] = "-c",
         closed[] = "listen_addresses=", private[] = "unix_socket_permissions=0700",
         to_stderr[] = "log_destination=stderr", direct[] = "logging_collector=off",
         in_files[] = "dynamic_shared_memory_type=mmap";
    snprintf(port, sizeof port, "port=%d", EMBEDDED_PORT);
    snprintf(socket_lock, sizeof socket_lock, "%s/.s.PGSQL.%d.lock", socket, EMBEDDED_PORT);
    start_quote(socket, directories, sizeof directories);
    if (!embedded_path(postgres, bin, "postgres") || !embedded_path(data, place->root, "data"))
        return false;
    /* What a killed temporary server shared in files goes with its directory; elsewhere it would stay in memory. */
    char *const ours[] = {
        closed, directories, private, port, to_stderr, direct, place->temp ? in_files : NULL};
    char *argv[START_ARGUMENTS] = {postgres, word_data, data};
    int count = 3;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0] && ours[i] != NULL; i++) {
        argv[count++] = word;
        argv[count++] = ours[i];
    }
    for (int i = 0; i < place->setting_count; i++) {
        argv[count++] = word;
        argv[count++] = place->settings[i];
    }
    struct embedded_environment environment;
    embedded_environment(&environment);
    struct supervisor_plan plan = {.root = place->root,
                                   .account = &place->account,
                                   .argv = argv,
                                   .environment = environment.entries,
                                   .socket_lock = socket_lock,
                                   .linger_ms = place->linger_ms};
    return supervisor_spawn(&plan, job->until_ms);
}

/* Gives a server that lost its supervisor a new one. Where the system ends the server with its supervisor (Linux) this
 * catches it at most in its last moments, and embedded_ensure() is called for. */
static void start_adopt(const struct embedded_job *job, const struct embedded_place *place)
{
    struct supervisor_plan plan = {.root = place->root,
                                   .account = &place->account,
                                   .linger_ms = place->linger_ms,
                                   .adopt = true};
    if (!embedded_lock_held(place, "super") && embedded_lock_held(place, "server"))
        supervisor_spawn(&plan, job->until_ms);
}

static bool start_new(struct embedded_job *job, const struct embedded_place *place,
                      char socket[EMBEDDED_SOCKET])
{
    struct embedded_programs programs;
    char chosen[EMBEDDED_SOCKET];
    if (!embedded_find(job, place, embedded_data_major(place), &programs) ||
        !embedded_data_make(job, place, &programs) || !embedded_home_socket(job, place, chosen))
        return false;
    off_t logged = start_log_prepare(place);
    if (!start_supervisor(job, place, programs.bin, chosen))
        return embedded_fail(job, KEEP_UNAVAILABLE,
                             "the supervisor of the embedded server in %s did not start",
                             place->root);
    while (!start_answers(place, socket)) {
        if (!embedded_lock_held(place, "super"))
            return start_failed(job, place, programs.bin, logged);
        if (embedded_now_ms() > job->until_ms)
            return embedded_fail(
                job, KEEP_UNAVAILABLE,
                "the embedded server in %s does not answer after %d s; it may be recovering from a "
                "crash: see %s/log and try again",
                place->root, EMBEDDED_JOIN_MS / 1000, place->root);
        embedded_nap(START_NAP_MS);
    }
    return true;
}

/* With "start" held, so that nobody else starts a server meanwhile. One that is there but does not answer is waited for:
 * it is starting, recovering, or what a killed server left behind. */
static bool start_alone(struct embedded_job *job, const struct embedded_place *place,
                        char socket[EMBEDDED_SOCKET])
{
    while (!start_answers(place, socket)) {
        if (!embedded_lock_held(place, "super") && !embedded_lock_held(place, "server"))
            return start_new(job, place, socket);
        if (embedded_now_ms() > job->until_ms)
            return embedded_fail(job, KEEP_UNAVAILABLE,
                                 "an embedded server is in %s but does not answer; see %s/log",
                                 place->root, place->root);
        embedded_nap(START_NAP_MS);
    }
    start_adopt(job, place);
    return true;
}

bool embedded_start(struct embedded_job *job, const struct embedded_place *place,
                    char socket[EMBEDDED_SOCKET])
{
    if (start_answers(place, socket) && embedded_lock_held(place, "super"))
        return true;
    int fd = embedded_lock_open(place, "start");
    if (fd < 0)
        return embedded_fail(job, KEEP_UNAVAILABLE, "%s/start: %s", place->root, strerror(errno));
    bool started =
        embedded_lock_wait(fd, LOCK_EX, job->until_ms)
            ? start_alone(job, place, socket)
            : embedded_fail(job, KEEP_UNAVAILABLE,
                            "another process has been starting the embedded server in %s for %d s",
                            place->root, EMBEDDED_JOIN_MS / 1000);
    embedded_lock_drop(fd);
    return started;
}

static bool start_database_exists(PGconn *link, const char *database)
{
    const char *values[] = {database};
    PGresult *result = PQexecParams(link, "select from pg_catalog.pg_database where datname = $1",
                                    1, NULL, values, NULL, NULL, 0);
    bool exists = PQntuples(result) == 1;
    PQclear(result);
    return exists;
}

/* Copying files makes a database in half the time of the default, which logs every block of the template. */
static bool start_database_make(struct embedded_job *job, PGconn *link, const char *database)
{
    char *name = PQescapeIdentifier(link, database, strlen(database)), *sql = NULL;
    if (name == NULL)
        return embedded_fail(job, KEEP_INVALID, "embedded DSN: db is not valid UTF-8");
    bool made = embedded_append(&sql, "create database %s strategy file_copy", name);
    PQfreemem(name);
    if (!made)
        return embedded_fail(job, KEEP_NO_MEMORY, NULL);
    PGresult *result = PQexec(link, sql);
    made = PQresultStatus(result) == PGRES_COMMAND_OK || start_database_exists(link, database);
    PQclear(result);
    keep_alloc(sql, 0);
    return made || embedded_fail(job, KEEP_UNAVAILABLE, "the database \"%s\" cannot be made: %s",
                                 database, PQerrorMessage(link));
}

bool embedded_start_database(struct embedded_job *job, const struct embedded_place *place,
                             const char *socket)
{
    if (strcmp(place->database, "postgres") == 0)
        return true;
    char conninfo[START_CONNINFO];
    start_conninfo(socket, conninfo);
    PGconn *link = PQconnectdb(conninfo);
    bool found = PQstatus(link) == CONNECTION_OK && start_database_exists(link, place->database);
    int fd = found ? -1 : embedded_lock_open(place, "start");
    if (!found && PQstatus(link) != CONNECTION_OK)
        embedded_fail(job, KEEP_UNAVAILABLE, "%s", PQerrorMessage(link));
    else if (!found && (fd < 0 || !embedded_lock_wait(fd, LOCK_EX, job->until_ms)))
        embedded_fail(job, KEEP_UNAVAILABLE, "%s/start cannot be locked: %s", place->root,
                      strerror(errno));
    else if (!found)
        found = start_database_exists(link, place->database) ||
                start_database_make(job, link, place->database);
    embedded_lock_drop(fd);
    PQfinish(link);
    return found;
}
