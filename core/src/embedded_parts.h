/* How the embedded server is put together; for the embedded_*.c files and supervisor.c only.
 *
 *   embedded.c          join, ensure, leave
 *   embedded_dsn.c      what the user asked for
 *   embedded_home.c     which directories, and whose they are
 *   embedded_find.c     PostgreSQL's programs
 *   embedded_data.c     the data directory, from a template or by initdb
 *   embedded_start.c    is it up; if not, start it once
 *   embedded_lock.c     flock files
 *   embedded_tree.c     copying and removing directories
 *   embedded_run.c      child processes
 *   supervisor.c        the process that watches one server and stops it
 *
 * A server's directory ("root", mode 0700) holds
 *   data/        PostgreSQL's own
 *   users        shared lock of every hold: the kernel's reference count. The supervisor takes it exclusively to stop
 *   start        exclusive lock of whoever starts the server
 *   super        exclusive lock of the supervisor
 *   server       exclusive lock inherited by all of the server's processes: free means that none is left
 *   log          what the server writes
 *   temp         present: the supervisor deletes root in the end
 * Locks, not process numbers, so that nothing has to be tidied after a SIGKILL. */
#ifndef KEEP_EMBEDDED_PARTS_H
#define KEEP_EMBEDDED_PARTS_H

#include "statekeep.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

enum {
    EMBEDDED_PATH = 1024, /* bytes of a path with its NUL; longer ones are refused */
    EMBEDDED_NAME =
        64, /* bytes of a database's or account's name with its NUL; PostgreSQL's own limit */
    EMBEDDED_SETTINGS = 64,   /* conf.… parameters of one DSN */
    EMBEDDED_JOIN_MS = 60000, /* initdb on a slow disk, or recovery after a crash */
    EMBEDDED_MAJOR_MIN = 15,  /* the oldest PostgreSQL we promise to work with */
    EMBEDDED_PORT = 5432,     /* only a part of the socket's name */
    EMBEDDED_SOCKET = sizeof(((struct sockaddr_un *)0)->sun_path),
};

/* Who the server runs as. PostgreSQL refuses to run as root. */
struct embedded_account {
    bool drop; /* we are root: children become this account first */
    uid_t uid;
    gid_t gid;
    char name[EMBEDDED_NAME];
};

struct embedded_place {
    bool temp;
    int linger_ms;
    char root[EMBEDDED_PATH]; /* "": the default one; absolute once prepared */
    char bin[EMBEDDED_PATH];  /* "": search */
    char database[EMBEDDED_NAME];
    char *settings[EMBEDDED_SETTINGS]; /* "name=value" */
    int setting_count;
    struct embedded_account account;
};

/* One attempt: its outcome, kept at the first failure, and its end in time. */
struct embedded_job {
    keep_status status;
    char *error;
    int64_t until_ms; /* on embedded_now_ms()'s clock */
};

struct embedded_programs {
    char bin[EMBEDDED_PATH];
    char version[EMBEDDED_NAME]; /* as "postgres -V" prints it, without the program's name */
    int major;
    bool vector; /* pgvector is installed with them */
};

/* ---- embedded.c */
/* Notes a failure; the first one counts. Always false. */
bool embedded_fail(struct embedded_job *job, keep_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends to an allocated text (*text may be NULL). false, with *text freed and NULL, without memory. */
bool embedded_append(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes directory/name; false when it does not fit. */
bool embedded_path(char out[EMBEDDED_PATH], const char *directory, const char *name);
int64_t embedded_now_ms(void); /* monotonic */
void embedded_nap(int ms);
uint64_t embedded_hash(const char *text); /* FNV-1a */

/* ---- embedded_dsn.c */
bool embedded_dsn_parse(struct embedded_job *job, const char *dsn, struct embedded_place *place);
void embedded_dsn_free(struct embedded_place *place);

/* ---- embedded_home.c */
/* Makes root (or checks it) and settles the account. Repeatable. */
bool embedded_home_prepare(struct embedded_job *job, struct embedded_place *place);
/* After a failure: deletes a temporary directory that no supervisor will delete. */
void embedded_home_discard(const struct embedded_place *place);
/* The directory of the server's socket: root, unless its path is too long for a socket. */
bool embedded_home_socket(struct embedded_job *job, const struct embedded_place *place,
                          char out[EMBEDDED_SOCKET]);
/* Where templates and copied programs are kept, made when absent; false when there can be none. */
bool embedded_home_cache(const struct embedded_place *place, char out[EMBEDDED_PATH]);
/* Makes a directory and its parents with the given mode. 0 or errno. */
int embedded_home_make(const char *path, mode_t mode);

/* ---- embedded_find.c */
/* The programs to use; major 0: any. The failure lists every place looked at. */
bool embedded_find(struct embedded_job *job, const struct embedded_place *place, int major,
                   struct embedded_programs *out);

/* ---- embedded_data.c */
int embedded_data_major(const struct embedded_place *place); /* 0: no data yet */
bool embedded_data_make(struct embedded_job *job, const struct embedded_place *place,
                        const struct embedded_programs *programs);

/* ---- embedded_start.c */
/* The server answers and a supervisor watches it when this returns true; `socket` is its directory. */
bool embedded_start(struct embedded_job *job, const struct embedded_place *place,
                    char socket[EMBEDDED_SOCKET]);
/* Makes the place's database when absent. */
bool embedded_start_database(struct embedded_job *job, const struct embedded_place *place,
                             const char *socket);

/* ---- embedded_lock.c */
/* Opens, making it when absent, a lock file of root. -1 with errno. */
int embedded_lock_open(const struct embedded_place *place, const char *name);
/* Takes the lock (LOCK_SH or LOCK_EX), waiting until then. */
bool embedded_lock_wait(int fd, int operation, int64_t until_ms);
/* Whether somebody holds it exclusively. */
bool embedded_lock_held(const struct embedded_place *place, const char *name);
/* Unlocks and closes: a child forked meanwhile by the host has a copy of the descriptor, so closing would not do. */
void embedded_lock_drop(int fd);

/* ---- embedded_tree.c; all give 0 or errno, and follow no symbolic link below the named one */
/* Copies a directory to a new one. Files and directories become the owner's, if not NULL. */
int embedded_tree_copy(const char *from, const char *to, const struct embedded_account *owner);
int embedded_tree_remove(const char *path);
/* Everything of the path's file system is on disk. */
int embedded_tree_sync(const char *path);

/* ---- embedded_run.c */
struct embedded_environment {
    char *entries[5];
    char library_path[4 * EMBEDDED_PATH];
};
void embedded_environment(struct embedded_environment *environment);
/* Runs a program to its end, as the account when not NULL; its output (both streams, cut to size) ends in NUL. Its exit
 * code, 128 + signal, or -1 when it could not be run or not in time. 0 also when the host's own SIGCHLD handling took the
 * answer: look at what the program should have made. */
int embedded_run(const struct embedded_account *account, char *const *argv, char *output,
                 size_t size, int64_t until_ms);
/* access(2) as the account. */
bool embedded_may(const struct embedded_account *account, const char *path, int mode);
/* fork(2) with all signals blocked, in the child until embedded_run_settle(): no handler of the host may run there. */
pid_t embedded_run_fork(void);
/* In a new child: default signals, no descriptors but /dev/null as 0, 1, 2 and a copy of `keep` as 3. What comes after
 * it may only use async-signal-safe functions: other threads of the host held who knows which locks. */
void embedded_run_settle(int keep);
bool embedded_run_become(const struct embedded_account *account);

/* ---- supervisor.c */
struct supervisor_plan {
    const char *root;
    const struct embedded_account *account;
    char *const *argv; /* of the server */
    char *const *environment;
    const char *socket_lock; /* the file by which it claims its socket */
    int linger_ms;
    bool adopt; /* the server runs already and lost its supervisor */
};
/* Starts the process; true once it holds "super". */
bool supervisor_spawn(const struct supervisor_plan *plan, int64_t until_ms);

#endif
