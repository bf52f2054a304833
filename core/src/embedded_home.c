/* Which directories an embedded server uses, who owns them, and which are refused. */
#include "embedded_parts.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>
#ifdef __linux__
#include <sys/vfs.h>
#else
#include <sys/mount.h>
#include <sys/param.h>
#endif

enum {
    HOME_TEMP_ROOM_MB = 1024, /* a smaller file system in memory might fill up */
    HOME_STALE_S = 60,     /* a younger directory that nobody has locked may be just being made */
    HOME_SOCKET_NAME = 14, /* bytes of "/.s.PGSQL.5432" */
};

static const char home_root_default[] = "/var/lib/statekeep";
static const char home_temp_prefix[] = "statekeep-temp-";

static bool home_is_root(void)
{
    return geteuid() == 0;
}

static bool home_passwd(uid_t uid, const char *name, struct embedded_account *out)
{
    char buffer[4096];
    struct passwd entry, *found = NULL;
    int failure = name != NULL ? getpwnam_r(name, &entry, buffer, sizeof buffer, &found)
                               : getpwuid_r(uid, &entry, buffer, sizeof buffer, &found);
    if (failure != 0 || found == NULL)
        return false;
    out->uid = found->pw_uid;
    out->gid = found->pw_gid;
    snprintf(out->name, sizeof out->name, "%s", found->pw_name);
    return true;
}

/* The account for root's servers where the directory does not say it. */
static bool home_account(struct embedded_job *job, struct embedded_account *out)
{
    out->drop = home_is_root();
    if (!out->drop) {
        out->uid = geteuid();
        out->gid = getegid();
        if (!home_passwd(out->uid, NULL, out))
            snprintf(out->name, sizeof out->name, "%ld", (long)out->uid);
        return true;
    }
    const char *wanted = getenv("STATEKEEP_PG_USER");
    bool named = wanted != NULL && *wanted != 0;
    bool found = named ? home_passwd(0, wanted, out)
                       : home_passwd(0, "postgres", out) || home_passwd(0, "nobody", out);
    if (!found)
        return embedded_fail(
            job, KEEP_UNAVAILABLE,
            "the embedded server may not run as root, and there is no account \"%s\"; name one in "
            "STATEKEEP_PG_USER",
            named ? wanted : "postgres\" or \"nobody");
    if (out->uid == 0)
        return embedded_fail(
            job, KEEP_UNAVAILABLE,
            "STATEKEEP_PG_USER names \"%s\", which is root; PostgreSQL refuses to run as root",
            wanted);
    return true;
}

/* $STATEKEEP_HOME, or where data (or, with cache, what can be made again) of this user belongs. */
static bool home_base(char out[EMBEDDED_PATH], bool cache)
{
    const char *home = getenv("STATEKEEP_HOME");
    if (home != NULL && *home != 0)
        return cache ? embedded_path(out, home, "cache")
                     : snprintf(out, EMBEDDED_PATH, "%s", home) < EMBEDDED_PATH;
    if (home_is_root())
        return cache ? embedded_path(out, home_root_default, "cache")
                     : snprintf(out, EMBEDDED_PATH, "%s", home_root_default) < EMBEDDED_PATH;
    const char *wanted = getenv(cache ? "XDG_CACHE_HOME" : "XDG_DATA_HOME");
    if (wanted != NULL && *wanted == '/')
        return embedded_path(out, wanted, "statekeep");
    char buffer[4096];
    struct passwd entry, *found = NULL;
    home = getenv("HOME");
    if ((home == NULL || *home != '/') &&
        getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        home = found->pw_dir;
    return home != NULL && *home == '/' &&
           embedded_path(out, home, cache ? ".cache/statekeep" : ".local/share/statekeep");
}

/* The mode holds whatever the host's umask is: root's directories must be open to the server's account. */
static int home_make_one(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0)
        return chmod(path, mode) == 0 ? 0 : errno;
    int failure = errno; /* not always EEXIST for what is there: EROFS comes first */
    return access(path, F_OK) == 0 ? 0 : failure;
}

int embedded_home_make(const char *path, mode_t mode)
{
    char partial[EMBEDDED_PATH];
    if (snprintf(partial, sizeof partial, "%s", path) >= (int)sizeof partial)
        return ENAMETOOLONG;
    int failure = 0;
    for (char *at = partial + 1; failure == 0 && *at != 0; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        failure = home_make_one(partial, mode);
        *at = '/';
    }
    return failure != 0 ? failure : home_make_one(partial, mode);
}

bool embedded_home_cache(const struct embedded_place *place, char out[EMBEDDED_PATH])
{
    return home_base(out, true) && embedded_home_make(out, place->account.drop ? 0755 : 0700) == 0;
}

/* Locks and memory maps do not keep their promises across machines. */
static bool home_is_remote(const char *path)
{
    struct statfs info;
    if (statfs(path, &info) != 0)
        return false;
#ifdef __linux__
    static const uint32_t remote[] = {
        0x6969,     /* NFS */
        0x517B,     /* SMB */
        0xFF534D42, /* CIFS */
        0xFE534D42, /* SMB 2 */
        0x5346414F, /* AFS */
        0x73757245, /* Coda */
        0x00C36400, /* Ceph */
    };
    for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++)
        if ((uint32_t)info.f_type == remote[i])
            return true;
    return false;
#else
    return (info.f_flags & MNT_LOCAL) == 0;
#endif
}

static bool home_has(const char *root, const char *name)
{
    char path[EMBEDDED_PATH];
    return embedded_path(path, root, name) && access(path, F_OK) == 0;
}

/* Whether the directory is ours or empty. Another starter may be filling it just now, hence the second look. */
static bool home_is_usable(const char *root)
{
    DIR *entries = opendir(root);
    if (entries == NULL)
        return false;
    bool empty = true;
    struct dirent *entry;
    while (empty && (entry = readdir(entries)) != NULL)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                strcmp(entry->d_name, "lost+found") == 0;
    closedir(entries);
    return empty || home_has(root, "users");
}

/* Root's server must be able to reach its directory through all of its parents, which are not ours to change. */
static bool home_check_reach(struct embedded_job *job, const struct embedded_place *place)
{
    char path[EMBEDDED_PATH];
    if (!place->account.drop || embedded_may(&place->account, place->root, W_OK | X_OK))
        return true;
    snprintf(path, sizeof path, "%s", place->root);
    for (char *at = path + 1; *at != 0; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        if (!embedded_may(&place->account, path, X_OK))
            break;
        *at = '/';
    }
    return embedded_fail(
        job, KEEP_UNAVAILABLE,
        "the embedded server in %s would run as \"%s\" (PostgreSQL refuses to run as root), but "
        "that "
        "account may not enter %s; choose another directory, or an account in STATEKEEP_PG_USER",
        place->root, place->account.name, path);
}

/* Makes the directory private to the account that runs the server. */
static bool home_take(struct embedded_job *job, struct embedded_place *place, int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return embedded_fail(job, KEEP_UNAVAILABLE, "%s: %s", place->root, strerror(errno));
    struct embedded_account *account = &place->account;
    if ((info.st_mode & S_ISVTX) != 0)
        return embedded_fail(job, KEEP_UNAVAILABLE,
                             "%s is shared by all users; name a directory in it", place->root);
    if (account->drop && info.st_uid != 0) {
        account->uid = info.st_uid;
        account->gid = info.st_gid;
        snprintf(account->name, sizeof account->name, "%ld", (long)info.st_uid);
        home_passwd(info.st_uid, NULL, account);
    } else if (account->drop && fchown(fd, account->uid, account->gid) != 0) {
        return embedded_fail(job, KEEP_UNAVAILABLE, "%s cannot be given to \"%s\": %s", place->root,
                             account->name, strerror(errno));
    } else if (!account->drop && info.st_uid != account->uid) {
        return embedded_fail(
            job, KEEP_UNAVAILABLE,
            "%s belongs to another user (%ld; this is %ld); an embedded server is private to one",
            place->root, (long)info.st_uid, (long)account->uid);
    }
    if ((info.st_mode & 0777) != 0700 && fchmod(fd, 0700) != 0)
        return embedded_fail(job, KEEP_UNAVAILABLE, "%s cannot be made private: %s", place->root,
                             strerror(errno));
    return home_check_reach(job, place);
}

static bool home_settle(struct embedded_job *job, struct embedded_place *place)
{
    char resolved[PATH_MAX];
    if (realpath(place->root, resolved) == NULL)
        return embedded_fail(job, KEEP_UNAVAILABLE, "%s: %s", place->root, strerror(errno));
    if (strlen(resolved) + EMBEDDED_NAME >= EMBEDDED_PATH)
        return embedded_fail(job, KEEP_INVALID,
                             "the embedded server's directory has too long a path: %s", resolved);
    memcpy(place->root, resolved, strlen(resolved) + 1);
    if (home_is_remote(place->root))
        return embedded_fail(job, KEEP_UNAVAILABLE,
                             "%s is on a network file system, where a database is not safe; name "
                             "a local directory in the DSN or in STATEKEEP_HOME",
                             place->root);
    int fd = open(place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return embedded_fail(job, KEEP_UNAVAILABLE, "%s: %s", place->root, strerror(errno));
    bool taken = home_is_usable(place->root)
                     ? home_take(job, place, fd)
                     : embedded_fail(job, KEEP_UNAVAILABLE,
                                     "%s is neither empty nor the directory of an embedded server",
                                     place->root);
    close(fd);
    return taken;
}

/* Deletes a temporary directory whose supervisor was killed. The locks are held meanwhile, against a second sweeper. */
static void home_sweep_one(const char *path, uid_t owner)
{
    struct embedded_place place = {.temp = true};
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != owner ||
        info.st_mtime > time(NULL) - HOME_STALE_S || !home_has(path, "temp"))
        return;
    snprintf(place.root, sizeof place.root, "%s", path);
    place.account.uid = owner;
    int users = embedded_lock_open(&place, "users");
    if (users >= 0 && flock(users, LOCK_EX | LOCK_NB) == 0 &&
        !embedded_lock_held(&place, "super") && !embedded_lock_held(&place, "server"))
        embedded_tree_remove(path);
    embedded_lock_drop(users);
}

static void home_sweep(const char *base, uid_t owner)
{
    DIR *entries = opendir(base);
    if (entries == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        char path[EMBEDDED_PATH];
        if (strncmp(entry->d_name, home_temp_prefix, sizeof home_temp_prefix - 1) == 0 &&
            embedded_path(path, base, entry->d_name))
            home_sweep_one(path, owner);
    }
    closedir(entries);
}

/* Whether there is room for a database in a file system that lives in memory. */
static bool home_has_room(const char *base)
{
    struct statvfs info;
    return statvfs(base, &info) == 0 &&
           (uint64_t)info.f_bavail * info.f_frsize >> 20 >= HOME_TEMP_ROOM_MB;
}

/* The marker tells the supervisor, and whoever joins by path, that the directory is to be deleted. */
static bool home_mark_temp(struct embedded_job *job, const struct embedded_place *place)
{
    int fd = embedded_lock_open(place, "temp");
    if (fd < 0)
        return embedded_fail(job, KEEP_UNAVAILABLE, "%s/temp: %s", place->root, strerror(errno));
    close(fd);
    return true;
}

static bool home_make_temp(struct embedded_job *job, struct embedded_place *place)
{
    /* Root's runtime directory is closed to the account that runs the server. */
    const char *const bases[] = {home_is_root() ? NULL : getenv("XDG_RUNTIME_DIR"), "/dev/shm",
                                 getenv("TMPDIR"), "/tmp"};
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        const char *base = bases[i];
        if (base == NULL || *base != '/' || (i < 2 && !home_has_room(base)) ||
            !embedded_may(&place->account, base, W_OK | X_OK))
            continue;
        home_sweep(base, place->account.uid);
        char path[EMBEDDED_PATH];
        if (snprintf(path, sizeof path, "%s/%sXXXXXX", base, home_temp_prefix) >=
                (int)sizeof path ||
            mkdtemp(path) == NULL)
            continue;
        memcpy(place->root, path, sizeof path);
        return home_settle(job, place) && home_mark_temp(job, place);
    }
    return embedded_fail(
        job, KEEP_UNAVAILABLE,
        "no directory for a temporary server: $XDG_RUNTIME_DIR, /dev/shm, $TMPDIR and /tmp are "
        "missing, full or closed to \"%s\"",
        place->account.name);
}

void embedded_home_discard(const struct embedded_place *place)
{
    if (place->temp && place->root[0] != 0 && !embedded_lock_held(place, "super") &&
        !embedded_lock_held(place, "server"))
        embedded_tree_remove(place->root);
}

static bool home_default(struct embedded_job *job, struct embedded_place *place)
{
    char base[EMBEDDED_PATH];
    if (home_base(base, false) && embedded_path(place->root, base, "default"))
        return true;
    place->root[0] = 0;
    return embedded_fail(
        job, KEEP_UNAVAILABLE,
        "no directory for the embedded server: neither HOME nor STATEKEEP_HOME is set; write "
        "embedded:/directory");
}

bool embedded_home_prepare(struct embedded_job *job, struct embedded_place *place)
{
    if (!home_account(job, &place->account))
        return false;
    if (place->temp && place->root[0] == 0)
        return home_make_temp(job, place);
    if (place->root[0] == 0 && !home_default(job, place))
        return false;
    int failure = embedded_home_make(place->root, place->account.drop ? 0755 : 0700);
    if (failure != 0)
        return embedded_fail(job, KEEP_UNAVAILABLE, "the directory %s cannot be made: %s",
                             place->root, strerror(failure));
    return home_settle(job, place);
}

bool embedded_home_socket(struct embedded_job *job, const struct embedded_place *place,
                          char out[EMBEDDED_SOCKET])
{
    /* libpq reads a comma as the end of one host of several. */
    if (strlen(place->root) + HOME_SOCKET_NAME < EMBEDDED_SOCKET &&
        strchr(place->root, ',') == NULL) {
        snprintf(out, EMBEDDED_SOCKET, "%.*s", EMBEDDED_SOCKET - 1, place->root);
        return true;
    }
    char base[EMBEDDED_PATH], path[EMBEDDED_PATH];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (place->account.drop)
        snprintf(base, sizeof base, "/run/statekeep");
    else if (runtime != NULL && *runtime == '/')
        snprintf(base, sizeof base, "%.900s/statekeep", runtime);
    else
        snprintf(base, sizeof base, "/tmp/statekeep-%ld", (long)place->account.uid);
    snprintf(path, sizeof path, "%.980s/%016llx", base,
             (unsigned long long)embedded_hash(place->root));
    if (strlen(path) + HOME_SOCKET_NAME >= EMBEDDED_SOCKET)
        return embedded_fail(job, KEEP_UNAVAILABLE, "%s is too long a path for the server's socket",
                             path);
    struct stat info;
    int failure = embedded_home_make(base, place->account.drop ? 0755 : 0700);
    if (failure == 0)
        failure = embedded_home_make(path, 0700);
    if (failure == 0 &&
        (lstat(base, &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid()))
        failure = EPERM;
    if (failure == 0 && place->account.drop &&
        chown(path, place->account.uid, place->account.gid) != 0)
        failure = errno;
    if (failure != 0)
        return embedded_fail(job, KEEP_UNAVAILABLE, "the directory %s for the server's socket: %s",
                             path, strerror(failure));
    memcpy(out, path, strlen(path) + 1);
    return true;
}
