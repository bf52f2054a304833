/* Lock files of a server's directory. flock(2), because the kernel lets go of it whatever happens to its holder. */
#include "embedded_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_NAP_MIN_MS = 1, LOCK_NAP_MAX_MS = 16 };

int embedded_lock_open(const struct embedded_place *place, const char *name)
{
    char path[EMBEDDED_PATH];
    if (!embedded_path(path, place->root, name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    struct stat info;
    bool chown_it = place->account.drop && fstat(fd, &info) == 0 && info.st_uid == 0;
    if (chown_it && fchown(fd, place->account.uid, place->account.gid) != 0) {
        int reason = errno;
        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

/* Polls rather than blocks, because flock() has no time limit and a signal for it would disturb the host. */
bool embedded_lock_wait(int fd, int operation, int64_t until_ms)
{
    int nap_ms = LOCK_NAP_MIN_MS;
    for (;;) {
        if (flock(fd, operation | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return false;
        if (embedded_now_ms() >= until_ms) {
            errno = ETIMEDOUT;
            return false;
        }
        embedded_nap(nap_ms);
        nap_ms = nap_ms < LOCK_NAP_MAX_MS ? nap_ms * 2 : LOCK_NAP_MAX_MS;
    }
}

/* Asks for a shared lock: two who ask at once do not take each other for a holder. */
bool embedded_lock_held(const struct embedded_place *place, const char *name)
{
    int fd = embedded_lock_open(place, name);
    if (fd < 0)
        return false;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    embedded_lock_drop(fd);
    return held;
}

void embedded_lock_drop(int fd)
{
    if (fd < 0)
        return;
    flock(fd, LOCK_UN);
    close(fd);
}
