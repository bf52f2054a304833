/* Child processes of a host that may have threads, signal handlers, open descriptors and root's rights. */
#include "embedded_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

enum {
    RUN_POLL_MS =
        20, /* how soon the end of a child is noticed whose pipe somebody else holds too */
    RUN_DESCRIPTORS = 1 << 20, /* closed one by one where a range cannot be */
    RUN_KEPT = 3,              /* the descriptor that survives embedded_run_settle() */
};

/* What a child does: run a program, or (argv NULL) tell whether it may access a path. */
struct run {
    const struct embedded_account *account;
    char *const *argv;
    char *const *environment;
    const char *path;
    int mode;
};

/* Nothing of the host's environment but where libraries are: PGDATA, LANG and the like would change what we make. */
void embedded_environment(struct embedded_environment *environment)
{
    static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", locale[] = "LC_ALL=C",
                zone[] = "TZ=UTC";
    environment->entries[0] = path;
    environment->entries[1] = locale;
    environment->entries[2] = zone;
    environment->entries[3] = NULL;
    environment->entries[4] = NULL;
    const char *libraries = getenv("LD_LIBRARY_PATH");
    if (libraries == NULL)
        return;
    int size = snprintf(environment->library_path, sizeof environment->library_path,
                        "LD_LIBRARY_PATH=%s", libraries);
    if (size > 0 && (size_t)size < sizeof environment->library_path)
        environment->entries[3] = environment->library_path;
}

pid_t embedded_run_fork(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    if (child != 0) {
        int reason = errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        errno = reason;
    }
    return child;
}

static void run_close_from(unsigned first)
{
#if defined(__linux__) && defined(SYS_close_range)
    if (syscall(SYS_close_range, first, ~0U, 0U) == 0)
        return;
#endif
    struct rlimit limit;
    rlim_t end = RUN_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < end)
        end = limit.rlim_cur;
    for (rlim_t fd = first; fd < end; fd++)
        close((int)fd);
}

void embedded_run_settle(int keep)
{
    int high = fcntl(keep, F_DUPFD, 16);
    dup2(high, RUN_KEPT);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < RUN_KEPT; fd++)
        dup2(null, fd);
    run_close_from(RUN_KEPT + 1);
    fcntl(RUN_KEPT, F_SETFD, FD_CLOEXEC);

    struct sigaction standard;
    memset(&standard, 0, sizeof standard);
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

bool embedded_run_become(const struct embedded_account *account)
{
    if (!account->drop)
        return true;
    return setgroups(1, &account->gid) == 0 && setgid(account->gid) == 0 &&
           setuid(account->uid) == 0;
}

static void run_say(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

static _Noreturn void run_child(const struct run *run, int output)
{
    embedded_run_settle(output);
    setsid(); /* so that all of its processes can be ended together */
    umask(077);
    dup2(RUN_KEPT, STDOUT_FILENO);
    dup2(RUN_KEPT, STDERR_FILENO);
    if (run->account != NULL && !embedded_run_become(run->account)) {
        run_say("cannot change to the server's account");
        _exit(126);
    }
    if (run->argv == NULL) {
        if (access(run->path, run->mode) == 0)
            run_say("yes");
        _exit(0);
    }
    if (chdir("/") == 0)
        execve(run->argv[0], run->argv, run->environment);
    run_say("cannot be executed");
    _exit(127);
}

/* Reads what the child says until it is gone: the pipe alone would not tell, as another child of the host may have
 * inherited it. */
static int run_collect(pid_t child, int fd, char *output, size_t size, int64_t until_ms)
{
    size_t filled = 0;
    int status = 0;
    bool gone = false, killed = false;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, gone ? 0 : RUN_POLL_MS) > 0) {
            char part[4096];
            ssize_t got = read(fd, part, sizeof part);
            if (got <= 0)
                break;
            size_t room = size - 1 - filled;
            size_t used = (size_t)got < room ? (size_t)got : room;
            memcpy(output + filled, part, used);
            filled += used;
        } else if (gone) {
            break;
        } else {
            gone = waitpid(child, &status, WNOHANG) != 0;
        }
        if (!gone && !killed && embedded_now_ms() > until_ms) {
            kill(-child, SIGKILL);
            kill(child, SIGKILL);
            killed = true;
        }
    }
    output[filled] = 0;
    while (!gone && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (killed)
        return -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_whole(const struct run *run, char *output, size_t size, int64_t until_ms)
{
    int ends[2];
    output[0] = 0;
    if (pipe(ends) != 0)
        return -1;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    pid_t child = embedded_run_fork();
    if (child == 0)
        run_child(run, ends[1]);
    close(ends[1]);
    int code = child < 0 ? -1 : run_collect(child, ends[0], output, size, until_ms);
    close(ends[0]);
    return code;
}

int embedded_run(const struct embedded_account *account, char *const *argv, char *output,
                 size_t size, int64_t until_ms)
{
    struct embedded_environment environment;
    embedded_environment(&environment);
    struct run run = {.account = account, .argv = argv, .environment = environment.entries};
    return run_whole(&run, output, size, until_ms);
}

bool embedded_may(const struct embedded_account *account, const char *path, int mode)
{
    if (!account->drop)
        return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
    char answer[64];
    struct run run = {.account = account, .path = path, .mode = mode};
    run_whole(&run, answer, sizeof answer, embedded_now_ms() + EMBEDDED_JOIN_MS);
    return strcmp(answer, "yes") == 0;
}
