/* The supervisor: a process for each running server that starts it, starts it again when it crashes, and stops it when
 * nobody uses it any more. It is a fork of the host that never executes a program, so that packages need not ship one;
 * after the fork it uses async-signal-safe functions only. It ends with its server. */
#include "embedded_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum {
    SUPERVISOR_READY = 3,      /* the descriptor that tells the starter */
    SUPERVISOR_LOOK_MS = 1000, /* makes up for signals that come just before a wait begins */
    SUPERVISOR_CRASH_MS =
        1000, /* a server that lived shorter cannot start; it is not tried again */
    SUPERVISOR_REMAINS_MS = 30000, /* for processes of a killed server to notice */
    SUPERVISOR_FAST_MS = 60000,    /* for a shutdown that writes everything back */
    SUPERVISOR_HARD_MS = 10000,    /* for one that leaves recovery to the next start */
    SUPERVISOR_NAP_MS = 5,
};

static const char supervisor_server_lock[] = "data/postmaster.pid";

struct supervisor {
    const struct supervisor_plan *plan;
    int users;
    pid_t server; /* 0: adopted, so not our child */
    int64_t started_ms;
    bool gone;
    int status; /* of the gone server, as waitpid() gives it */
};

static void supervisor_on_signal(int number)
{
    (void)number; /* it only has to interrupt a wait */
}

static void supervisor_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = supervisor_on_signal; /* without SA_RESTART */
    sigaction(SIGCHLD, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGPIPE, &action, NULL);
    struct itimerval every = {.it_interval = {.tv_sec = SUPERVISOR_LOOK_MS / 1000},
                              .it_value = {.tv_sec = SUPERVISOR_LOOK_MS / 1000}};
    setitimer(ITIMER_REAL, &every, NULL);
}

static int supervisor_open(const char *name)
{
    return open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Takes a lock in spite of signals, for at most `limit_ms` (0: at once or not at all; < 0: however long it takes). */
static bool supervisor_lock(int fd, int limit_ms)
{
    int64_t until_ms = embedded_now_ms() + limit_ms;
    while (flock(fd, limit_ms == 0 ? LOCK_EX | LOCK_NB : LOCK_EX) != 0)
        if (errno != EINTR || (limit_ms >= 0 && embedded_now_ms() >= until_ms))
            return false;
    return true;
}

/* Reads the number at the head of one of the server's lock files. 0: there is none. */
static pid_t supervisor_read_pid(const char *path)
{
    char text[32];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, text, sizeof text);
    close(fd);
    pid_t pid = 0;
    for (ssize_t i = 0; i < size && i < 10 && text[i] >= '0' && text[i] <= '9'; i++)
        pid = pid * 10 + (text[i] - '0');
    return pid;
}

#ifdef __linux__
/* Whether a process works in our data directory, as every process of its server does. */
static bool supervisor_works_here(pid_t pid)
{
    char path[40] = "/proc/", digits[16];
    size_t used = strlen(path), count = 0;
    for (; pid > 0 && count < sizeof digits; pid /= 10)
        digits[count++] = (char)('0' + pid % 10);
    while (count > 0)
        path[used++] = digits[--count];
    memcpy(path + used, "/cwd", sizeof "/cwd");
    struct stat theirs, ours;
    if (stat(path, &theirs) != 0)
        return errno != ENOENT && errno != ESRCH; /* may not be looked at: better to believe so */
    return stat("data", &ours) == 0 && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}
#endif

/* After a crash of the machine, or in a new container, the number in a lock file of the server may be that of any
 * process, or of a dead one whom nobody buries, and PostgreSQL would refuse to start. That no process of the server lives
 * is known from the lock "server", and for one that was started by hand, from where the process works. */
static void supervisor_clear_stale(const char *path)
{
#ifdef __linux__
    pid_t pid = supervisor_read_pid(path);
    if (pid > 0 && !supervisor_works_here(pid))
        unlink(path);
#else
    (void)path;
#endif
}

static _Noreturn void supervisor_become_server(const struct supervisor *supervisor, int lock,
                                               pid_t parent)
{
#ifdef __linux__
    /* The kernel stops the server should we be killed. Set after the change of account, which resets it. */
    if (prctl(PR_SET_PDEATHSIG, SIGINT) != 0 || getppid() != parent)
        _exit(1);
#else
    (void)parent;
#endif
    fcntl(lock, F_SETFD, 0); /* inherited by all of the server's processes */
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGPIPE, &action, NULL);
    execve(supervisor->plan->argv[0], supervisor->plan->argv, supervisor->plan->environment);
    static const char message[] = "statekeep: postgres cannot be executed\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof message - 1);
    (void)ignored;
    _exit(127);
}

static bool supervisor_start_server(struct supervisor *supervisor)
{
    int lock = supervisor_open("server");
    if (lock < 0 || !supervisor_lock(lock, SUPERVISOR_REMAINS_MS))
        return false;
    supervisor_clear_stale(supervisor_server_lock);
    supervisor_clear_stale(supervisor->plan->socket_lock);
    supervisor->gone = false;
    supervisor->started_ms = embedded_now_ms();
    pid_t parent = getpid();
    supervisor->server = fork();
    if (supervisor->server == 0)
        supervisor_become_server(supervisor, lock, parent);
    close(lock);
    return supervisor->server > 0;
}

static bool supervisor_server_gone(struct supervisor *supervisor)
{
    if (supervisor->gone)
        return true;
    if (supervisor->server > 0) {
        supervisor->gone =
            waitpid(supervisor->server, &supervisor->status, WNOHANG) == supervisor->server;
        return supervisor->gone;
    }
    int lock = supervisor_open("server");
    supervisor->gone = lock >= 0 && supervisor_lock(lock, 0);
    close(lock);
    return supervisor->gone;
}

/* A crashed server is started again. One that ended by itself was told to, or cannot start. */
static bool supervisor_revive(struct supervisor *supervisor)
{
    if (supervisor->server == 0 ||
        (WIFEXITED(supervisor->status) && WEXITSTATUS(supervisor->status) == 0) ||
        embedded_now_ms() - supervisor->started_ms < SUPERVISOR_CRASH_MS)
        return false;
    return supervisor_start_server(supervisor);
}

static bool supervisor_wait_gone(struct supervisor *supervisor, int limit_ms)
{
    int64_t until_ms = embedded_now_ms() + limit_ms;
    while (!supervisor_server_gone(supervisor)) {
        if (embedded_now_ms() >= until_ms)
            return false;
        embedded_nap(SUPERVISOR_NAP_MS);
    }
    return true;
}

/* Called with "users" held exclusively: newcomers wait until it is over. */
static void supervisor_stop(struct supervisor *supervisor)
{
    pid_t pid =
        supervisor->server > 0 ? supervisor->server : supervisor_read_pid(supervisor_server_lock);
    static const struct {
        int signal;
        int limit_ms;
    } steps[] = {
        {SIGINT, SUPERVISOR_FAST_MS}, {SIGQUIT, SUPERVISOR_HARD_MS}, {SIGKILL, SUPERVISOR_HARD_MS}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && pid > 0; i++) {
        if (supervisor_server_gone(supervisor))
            return;
        kill(pid, steps[i].signal);
        if (supervisor_wait_gone(supervisor, steps[i].limit_ms))
            return;
    }
}

/* Waits until nobody has used the server for the time it lingers; true with "users" held exclusively. false when the
 * server is gone for good. */
static bool supervisor_watch(struct supervisor *supervisor)
{
    for (;;) {
        bool idle = flock(supervisor->users, LOCK_EX) == 0;
        if (!idle && errno != EINTR)
            embedded_nap(SUPERVISOR_LOOK_MS);
        if (supervisor_server_gone(supervisor) && !supervisor_revive(supervisor))
            return false;
        if (!idle)
            continue;
        if (supervisor->plan->linger_ms == 0)
            return true;
        flock(supervisor->users, LOCK_UN);
        int64_t until_ms = embedded_now_ms() + supervisor->plan->linger_ms;
        for (int64_t left_ms; (left_ms = until_ms - embedded_now_ms()) > 0;)
            embedded_nap((int)left_ms);
        if (supervisor_lock(supervisor->users, 0))
            return true;
    }
}

/* Deletes a temporary directory with a program, as reading directories allocates memory. */
static void supervisor_delete(const char *root)
{
    char path[EMBEDDED_PATH];
    size_t size = strlen(root);
    if (access("temp", F_OK) != 0 || size >= sizeof path || chdir("/") != 0)
        return;
    memcpy(path, root, size + 1);
    pid_t child = fork();
    if (child == 0) {
        char name[] = "rm", options[] = "-rf", end[] = "--";
        char *argv[] = {name, options, end, path, NULL}, *environment[] = {NULL};
        execve("/bin/rm", argv, environment);
        execve("/usr/bin/rm", argv, environment);
        _exit(127);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static bool supervisor_prepare(struct supervisor *supervisor)
{
    const struct supervisor_plan *plan = supervisor->plan;
    if (!embedded_run_become(plan->account) || chdir(plan->root) != 0)
        return false;
    int log = open("log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        return false;
    close(log);
    int super = supervisor_open("super");
    supervisor->users = supervisor_open("users");
    return super >= 0 && supervisor->users >= 0 && supervisor_lock(super, SUPERVISOR_REMAINS_MS);
}

static _Noreturn void supervisor_main(const struct supervisor_plan *plan)
{
    struct supervisor supervisor = {.plan = plan};
    umask(077);
#ifdef __linux__
    /* We still hold the host's memory: our account must not be able to read it. */
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, "statekeep-super");
#endif
    supervisor_signals();
    if (!supervisor_prepare(&supervisor))
        _exit(1);
    ssize_t told = write(SUPERVISOR_READY, "!", 1);
    close(SUPERVISOR_READY);
    if (told != 1 || (!plan->adopt && !supervisor_start_server(&supervisor)))
        _exit(1);
    bool stopping = supervisor_watch(&supervisor);
    if (stopping)
        supervisor_stop(&supervisor);
    /* A server that died by itself may still have users, who will start it again. */
    if (stopping || supervisor_lock(supervisor.users, 0))
        supervisor_delete(plan->root);
    _exit(0);
}

/* Forks twice, so that the supervisor is nobody's child to wait for. */
bool supervisor_spawn(const struct supervisor_plan *plan, int64_t until_ms)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    pid_t child = embedded_run_fork();
    if (child == 0) {
        embedded_run_settle(ends[1]);
        setsid();
        pid_t supervisor = fork();
        if (supervisor == 0)
            supervisor_main(plan);
        _exit(supervisor > 0 ? 0 : 1);
    }
    close(ends[1]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    char byte;
    int64_t left_ms = until_ms - embedded_now_ms();
    struct pollfd ready = {.fd = ends[0], .events = POLLIN};
    bool spawned = child > 0 && left_ms > 0 && poll(&ready, 1, (int)left_ms) == 1 &&
                   read(ends[0], &byte, 1) == 1;
    close(ends[0]);
    return spawned;
}
