/* Directories as a whole. Works through descriptors, so that nobody can put a symbolic link in the way of a copy or a
 * removal made as root. */
#include "embedded_parts.h"

#include "io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TREE_DEPTH = 24,          /* PostgreSQL's trees are 6 deep */
    TREE_BUFFER = 256 * 1024, /* bytes; most files of a new database fit */
};

struct tree_copy {
    const struct embedded_account *owner;
    char *buffer;
};

static bool tree_is_self(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int tree_write(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t wrote = write(fd, data, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return errno;
        data += wrote;
        size -= (size_t)wrote;
    }
    return 0;
}

static int tree_pour(const struct tree_copy *copy, int from, int to)
{
    for (;;) {
        ssize_t got = read(from, copy->buffer, TREE_BUFFER);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            return 0;
        int failure = tree_write(to, copy->buffer, (size_t)got);
        if (failure != 0)
            return failure;
    }
}

static int tree_give(const struct tree_copy *copy, int fd)
{
    if (copy->owner == NULL || !copy->owner->drop)
        return 0;
    return fchown(fd, copy->owner->uid, copy->owner->gid) == 0 ? 0 : errno;
}

static int tree_copy_file(const struct tree_copy *copy, int from_dir, int to_dir, const char *name,
                          mode_t mode)
{
    int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0)
        return errno;
    int to =
        openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode & 0777);
    int failure = to < 0 ? errno : tree_pour(copy, from, to);
    if (failure == 0 && fchmod(to, mode & 0777) != 0) /* whatever the umask is */
        failure = errno;
    if (failure == 0)
        failure = tree_give(copy, to);
    if (to >= 0 && close(to) != 0 && failure == 0)
        failure = errno;
    close(from);
    return failure;
}

/* Only links that stay in the tree ("libpq.so" -> "libpq.so.5"): others would mean another file elsewhere. */
static int tree_copy_link(int from_dir, int to_dir, const char *name)
{
    char target[EMBEDDED_PATH];
    ssize_t size = readlinkat(from_dir, name, target, sizeof target - 1);
    if (size < 0)
        return errno;
    target[size] = 0;
    if (strchr(target, '/') != NULL)
        return ELOOP;
    return symlinkat(target, to_dir, name) == 0 ? 0 : errno;
}

static int tree_copy_directory(const struct tree_copy *copy, int from, int to, int depth);

static int tree_copy_entry(const struct tree_copy *copy, int from, int to, const char *name,
                           int depth)
{
    struct stat info;
    if (fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno;
    if (S_ISREG(info.st_mode))
        return tree_copy_file(copy, from, to, name, info.st_mode);
    if (S_ISLNK(info.st_mode))
        return tree_copy_link(from, to, name);
    if (!S_ISDIR(info.st_mode))
        return EINVAL;
    if (mkdirat(to, name, 0700) != 0)
        return errno;
    int inner_from = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int inner_to = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int failure = inner_from < 0 || inner_to < 0
                      ? errno
                      : tree_copy_directory(copy, inner_from, inner_to, depth + 1);
    if (failure == 0 && fchmod(inner_to, info.st_mode & 0777) != 0)
        failure = errno;
    if (inner_from >= 0)
        close(inner_from);
    if (inner_to >= 0)
        close(inner_to);
    return failure;
}

static int tree_copy_directory(const struct tree_copy *copy, int from, int to, int depth)
{
    int listed = depth > TREE_DEPTH ? -1 : fcntl(from, F_DUPFD_CLOEXEC, 0);
    DIR *entries = listed < 0 ? NULL : fdopendir(listed);
    if (entries == NULL) {
        int failure = depth > TREE_DEPTH ? ELOOP : errno;
        if (listed >= 0)
            close(listed);
        return failure;
    }
    int failure = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(entries);
        if (entry == NULL) {
            failure = errno;
            break;
        }
        if (tree_is_self(entry->d_name))
            continue;
        failure = tree_copy_entry(copy, from, to, entry->d_name, depth);
        if (failure != 0)
            break;
    }
    closedir(entries);
    return failure != 0 ? failure : tree_give(copy, to);
}

int embedded_tree_copy(const char *from, const char *to, const struct embedded_account *owner)
{
    struct stat info;
    if (stat(from, &info) != 0 || mkdir(to, 0700) != 0)
        return errno;
    struct tree_copy copy = {.owner = owner, .buffer = keep_alloc(NULL, TREE_BUFFER)};
    int from_dir = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int to_dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int failure = from_dir < 0 || to_dir < 0 ? errno : 0;
    if (failure == 0)
        failure = copy.buffer == NULL ? ENOMEM : tree_copy_directory(&copy, from_dir, to_dir, 0);
    if (failure == 0 && fchmod(to_dir, info.st_mode & 0777) != 0)
        failure = errno;
    if (from_dir >= 0)
        close(from_dir);
    if (to_dir >= 0)
        close(to_dir);
    keep_alloc(copy.buffer, 0);
    return failure;
}

static int tree_remove_at(int parent, const char *name, int depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (depth > TREE_DEPTH)
        return ELOOP;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno;
    DIR *entries = fdopendir(fd);
    if (entries == NULL) {
        int failure = errno;
        close(fd);
        return failure;
    }
    int failure = 0;
    struct dirent *entry;
    while (failure == 0 && (entry = readdir(entries)) != NULL)
        if (!tree_is_self(entry->d_name))
            failure = tree_remove_at(dirfd(entries), entry->d_name, depth + 1);
    closedir(entries);
    if (failure == 0 && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        failure = errno;
    return failure;
}

int embedded_tree_remove(const char *path)
{
    return tree_remove_at(AT_FDCWD, path, 0);
}

int embedded_tree_sync(const char *path)
{
#ifdef __linux__
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int failure = syncfs(fd) == 0 ? 0 : errno;
    close(fd);
    return failure;
#else
    (void)path;
    sync();
    return 0;
#endif
}
