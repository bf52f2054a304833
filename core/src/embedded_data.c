/* The data directory of a new server: a copy of a template, as initdb takes ten times as long. */
#include "embedded_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

/* Appended to postgresql.conf, where the owner of the directory can change it. The log gets no statement and no value
 * of anybody's data. WAL segments are small so that a template is; the kept ones make up for it under load. */
static const char data_settings[] = "\n"
                                    "shared_buffers = 32MB\n"
                                    "max_connections = 128\n"
                                    "jit = off\n"
                                    "min_wal_size = 64MB\n"
                                    "max_wal_size = 512MB\n"
                                    "log_checkpoints = off\n"
                                    "log_min_messages = log\n"
                                    "log_min_error_statement = panic\n";

int embedded_data_major(const struct embedded_place *place)
{
    char path[EMBEDDED_PATH], text[32];
    if (!embedded_path(path, place->root, "data/PG_VERSION"))
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    text[size > 0 ? size : 0] = 0;
    return atoi(text);
}

/* Text is compared bytewise on every system, and upper() and the like know all of Unicode where the system does. */
static const char *data_character_type(void)
{
    static const char *const names[] = {"C.UTF-8", "C.utf8", "en_US.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        locale_t found = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
        if (found != (locale_t)0) {
            freelocale(found);
            return names[i];
        }
    }
    return "C";
}

/* Makes a directory for the server's account. 0 or errno. */
static int data_directory(const char *path, const struct embedded_account *account)
{
    if (mkdir(path, 0700) != 0)
        return errno;
    return account->drop && chown(path, account->uid, account->gid) != 0 ? errno : 0;
}

static int data_configure(const char *path)
{
    char file[EMBEDDED_PATH];
    if (!embedded_path(file, path, "postgresql.conf"))
        return ENAMETOOLONG;
    int fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno;
    ssize_t wrote = write(fd, data_settings, sizeof data_settings - 1);
    int failure = wrote < 0 ? errno : wrote != (ssize_t)(sizeof data_settings - 1) ? ENOSPC : 0;
    return close(fd) != 0 && failure == 0 ? errno : failure;
}

/* Runs initdb into a new directory. It leaves flushing to us, as we flush what is made of it. */
static bool data_initdb(struct embedded_job *job, const struct embedded_place *place,
                        const struct embedded_programs *programs, const char *path)
{
    char initdb[EMBEDDED_PATH], directory[EMBEDDED_PATH + 16], locale[64], output[2048];
    snprintf(directory, sizeof directory, "--pgdata=%s", path);
    snprintf(locale, sizeof locale, "--lc-ctype=%s", data_character_type());
    char user[] = "--username=postgres", login[] = "--auth=trust", encoding[] = "--encoding=UTF8",
         bytewise[] = "--locale=C", quick[] = "--no-sync", small[] = "--wal-segsize=1";
    char *argv[] = {initdb, directory, user, login, encoding, bytewise, locale, quick, small, NULL};
    int failure = embedded_path(initdb, programs->bin, "initdb")
                      ? data_directory(path, &place->account)
                      : ENAMETOOLONG;
    if (failure != 0)
        return embedded_fail(job, KEEP_UNAVAILABLE, "%s: %s", path, strerror(failure));
    int code = embedded_run(&place->account, argv, output, sizeof output, job->until_ms);
    if (code == 0)
        failure = data_configure(path);
    if (code == 0 && failure == 0)
        return true;
    embedded_tree_remove(path);
    return embedded_fail(job, KEEP_UNAVAILABLE, "%s failed (%s %d) to make %s:\n%s", initdb,
                         code != 0 ? "exit code" : "error", code != 0 ? code : failure, path,
                         output);
}

/* What decides about the content of a template is in its name. */
static bool data_template_path(const struct embedded_place *place,
                               const struct embedded_programs *programs, char out[EMBEDDED_PATH])
{
    char cache[EMBEDDED_PATH], name[64], options[EMBEDDED_PATH + sizeof data_settings + 256];
    snprintf(options, sizeof options, "%s|%s|%s|%s|%ld", programs->bin, programs->version,
             data_character_type(), data_settings, (long)place->account.uid);
    snprintf(name, sizeof name, "tpl-%d-%016llx", programs->major,
             (unsigned long long)embedded_hash(options));
    return embedded_home_cache(place, cache) && embedded_path(out, cache, name);
}

/* Makes the template under its lock. Flushed before it gets its name: a power failure must not leave a template of empty
 * files to be copied ever after. */
static bool data_template_make(struct embedded_job *job, const struct embedded_place *place,
                               const struct embedded_programs *programs, const char *path)
{
    char fresh[EMBEDDED_PATH + 8], parent[EMBEDDED_PATH];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(path, '/') - path), path);
    if (embedded_tree_remove(fresh) != 0 || embedded_tree_remove(path) != 0 ||
        strlen(fresh) >= EMBEDDED_PATH ||
        (place->account.drop && !embedded_may(&place->account, parent, X_OK)))
        return false;
    return data_initdb(job, place, programs, fresh) && embedded_tree_sync(fresh) == 0 &&
           rename(fresh, path) == 0;
}

/* Programs that tidy up caches delete file by file; what is missing would come to light as a server without a database. */
static bool data_template_is_whole(const char *path)
{
    static const char *const parts[] = {
        "PG_VERSION",        "postgresql.conf", "global/pg_control", "base/1/PG_VERSION",
        "base/5/PG_VERSION", "pg_wal",          "pg_xact/0000"};
    char file[EMBEDDED_PATH];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!embedded_path(file, path, parts[i]) || access(file, F_OK) != 0)
            return false;
    return true;
}

/* The template's path, made when absent. false without failing the job: there can be no template here. */
static bool data_template(struct embedded_job *job, const struct embedded_place *place,
                          const struct embedded_programs *programs, char path[EMBEDDED_PATH])
{
    char lock[EMBEDDED_PATH + 8];
    if (!data_template_path(place, programs, path))
        return false;
    if (data_template_is_whole(path))
        return true;
    snprintf(lock, sizeof lock, "%s.lock", path);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool made = embedded_lock_wait(fd, LOCK_EX, job->until_ms) &&
                (data_template_is_whole(path) || data_template_make(job, place, programs, path));
    embedded_lock_drop(fd);
    return made;
}

static bool data_fill(struct embedded_job *job, const struct embedded_place *place,
                      const struct embedded_programs *programs, const char *path)
{
    char template[EMBEDDED_PATH];
    if (data_template(job, place, programs, template)) {
        if (embedded_tree_copy(template, path, &place->account) == 0)
            return true;
        embedded_tree_remove(path); /* initdb makes do without a template */
    }
    return job->status == KEEP_OK && data_initdb(job, place, programs, path);
}

static int data_sync_name(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int failure = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return failure;
}

/* The data directory gets its name when it is whole and on disk: the server relies on both, as it flushes only what it
 * changes itself. A temporary one need not survive the machine. */
bool embedded_data_make(struct embedded_job *job, const struct embedded_place *place,
                        const struct embedded_programs *programs)
{
    char fresh[EMBEDDED_PATH], path[EMBEDDED_PATH];
    if (embedded_data_major(place) != 0)
        return true;
    if (!embedded_path(fresh, place->root, "data.new") || !embedded_path(path, place->root, "data"))
        return embedded_fail(job, KEEP_INVALID, "%s is too long a path", place->root);
    int failure = embedded_tree_remove(fresh);
    if (failure == 0 && !data_fill(job, place, programs, fresh))
        return false;
    if (failure == 0 && !place->temp)
        failure = embedded_tree_sync(fresh);
    if (failure == 0 && rename(fresh, path) != 0)
        failure = errno;
    if (failure == 0 && !place->temp)
        failure = data_sync_name(place->root);
    return failure == 0 || embedded_fail(job, KEEP_UNAVAILABLE, "%s: %s", path, strerror(failure));
}
