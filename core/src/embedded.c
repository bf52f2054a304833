/* Users of an embedded server: how one joins, and how it lets go. */
#include "embedded.h"

#include "embedded_parts.h"
#include "io.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { JOIN_TRIES = 8 }; /* a directory can be deleted under us, but hardly again and again */

struct embedded {
    int users; /* the descriptor whose shared lock says that we are here */
    pid_t process;
    struct embedded_place place;
};

bool embedded_append(char **text, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int added = vsnprintf(NULL, 0, format, values);
    va_end(values);
    size_t size = *text == NULL ? 0 : strlen(*text);
    char *longer = added < 0 ? NULL : keep_alloc(*text, size + (size_t)added + 1);
    if (longer == NULL) {
        keep_alloc(*text, 0);
        *text = NULL;
        return false;
    }
    va_start(values, format);
    vsnprintf(longer + size, (size_t)added + 1, format, values);
    va_end(values);
    *text = longer;
    return true;
}

bool embedded_fail(struct embedded_job *job, keep_status status, const char *format, ...)
{
    if (job->status != KEEP_OK)
        return false;
    job->status = status;
    if (status == KEEP_NO_MEMORY)
        return false;
    char message[4 * EMBEDDED_PATH];
    va_list values;
    va_start(values, format);
    vsnprintf(message, sizeof message, format, values);
    va_end(values);
    if (!embedded_append(&job->error, "%s", message))
        job->status = KEEP_NO_MEMORY;
    return false;
}

bool embedded_path(char out[EMBEDDED_PATH], const char *directory, const char *name)
{
    int size = snprintf(out, EMBEDDED_PATH, "%s/%s", directory, name);
    return size > 0 && size < EMBEDDED_PATH;
}

int64_t embedded_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void embedded_nap(int ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

uint64_t embedded_hash(const char *text)
{
    uint64_t hash = 14695981039346656037U;
    for (; *text != 0; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211U;
    return hash;
}

/* Whether the locked file is still the one the directory shows: a supervisor that was deleting a temporary directory
 * lets us have the lock of a file that is gone. */
static bool join_is_current(const struct embedded_place *place, int fd)
{
    char path[EMBEDDED_PATH];
    struct stat held, shown;
    return embedded_path(path, place->root, "users") && fstat(fd, &held) == 0 &&
           stat(path, &shown) == 0 && held.st_dev == shown.st_dev && held.st_ino == shown.st_ino;
}

/* Prepares the directory and enters it as a user. The descriptor, or -1 with the job failed. */
static int join_enter(struct embedded_job *job, struct embedded_place *place)
{
    for (int i = 0; i < JOIN_TRIES; i++) {
        if (!embedded_home_prepare(job, place))
            return -1;
        int fd = embedded_lock_open(place, "users");
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0) {
            embedded_fail(job, KEEP_UNAVAILABLE, "%s/users: %s", place->root, strerror(errno));
            return -1;
        }
        if (!embedded_lock_wait(fd, LOCK_SH, job->until_ms)) {
            embedded_fail(job, KEEP_UNAVAILABLE, "%s/users cannot be locked: %s", place->root,
                          strerror(errno));
            embedded_lock_drop(fd);
            return -1;
        }
        if (join_is_current(place, fd))
            return fd;
        embedded_lock_drop(fd);
    }
    embedded_fail(job, KEEP_UNAVAILABLE, "%s is deleted again and again", place->root);
    return -1;
}

/* A value of a connection string, quoted. */
static bool join_append_value(char **text, const char *key, const char *value)
{
    if (!embedded_append(text, "%s%s='", *text == NULL ? "" : " ", key))
        return false;
    for (; *value != 0; value++)
        if (!embedded_append(text, *value == '\'' || *value == '\\' ? "\\%c" : "%c", *value))
            return false;
    return embedded_append(text, "'");
}

static bool join_conninfo(struct embedded_job *job, const struct embedded_place *place,
                          const char *socket, char **out)
{
    char *text = NULL;
    char port[16];
    snprintf(port, sizeof port, "%d", EMBEDDED_PORT);
    if (!join_append_value(&text, "host", socket) || !join_append_value(&text, "port", port) ||
        !join_append_value(&text, "user", "postgres") ||
        !join_append_value(&text, "dbname", place->database))
        return embedded_fail(job, KEEP_NO_MEMORY, NULL);
    *out = text;
    return true;
}

static bool join_run(struct embedded_job *job, struct embedded *hold, char **conninfo)
{
    char socket[EMBEDDED_SOCKET];
    hold->users = join_enter(job, &hold->place);
    return hold->users >= 0 && embedded_start(job, &hold->place, socket) &&
           embedded_start_database(job, &hold->place, socket) &&
           join_conninfo(job, &hold->place, socket, conninfo);
}

keep_status embedded_check(const char *dsn, char **error)
{
    struct embedded_job job = {.status = KEEP_OK};
    struct embedded_place place;
    embedded_dsn_parse(&job, dsn, &place);
    embedded_dsn_free(&place);
    *error = job.error;
    return job.status;
}

keep_status embedded_join(const char *dsn, struct embedded **out, char **conninfo, char **error)
{
    struct embedded_job job = {.status = KEEP_OK, .until_ms = embedded_now_ms() + EMBEDDED_JOIN_MS};
    *out = NULL;
    *conninfo = NULL;
    *error = NULL;
    struct embedded *hold = keep_alloc(NULL, sizeof *hold);
    if (hold == NULL)
        return KEEP_NO_MEMORY;
    hold->users = -1;
    hold->process = getpid();
    if (!embedded_dsn_parse(&job, dsn, &hold->place) || !join_run(&job, hold, conninfo)) {
        embedded_home_discard(&hold->place);
        embedded_leave(hold);
        *error = job.error;
        return job.status;
    }
    *out = hold;
    return KEEP_OK;
}

keep_status embedded_ensure(struct embedded *hold, char **error)
{
    struct embedded_job job = {.status = KEEP_OK, .until_ms = embedded_now_ms() + EMBEDDED_JOIN_MS};
    char socket[EMBEDDED_SOCKET];
    if (getpid() != hold->process)
        embedded_fail(&job, KEEP_FORKED, "the embedded server is held by the parent process");
    else if (!join_is_current(&hold->place, hold->users))
        embedded_fail(&job, KEEP_UNAVAILABLE, "the embedded server's directory %s was deleted",
                      hold->place.root);
    else
        embedded_start(&job, &hold->place, socket);
    *error = job.error;
    return job.status;
}

void embedded_leave(struct embedded *hold)
{
    if (hold == NULL)
        return;
    if (hold->users >= 0 && hold->process == getpid())
        flock(hold->users, LOCK_UN);
    if (hold->users >= 0)
        close(hold->users);
    embedded_dsn_free(&hold->place);
    keep_alloc(hold, 0);
}
