/* PostgreSQL's programs: where they are looked for, which are taken, and what to say when there are none. */
#include "embedded_parts.h"

#include "io.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIND_GROUP = 32, FIND_RUN_MS = 10000, FIND_SEEN = 64 };

/* Directories registered by packages, the newest first; never freed, as they are the process's. */
struct find_registered {
    struct find_registered *next;
    char directory[];
};

static _Atomic(struct find_registered *) find_first;

struct find {
    struct embedded_job *job;
    const struct embedded_place *place;
    int major;                /* the only one that will do; 0: any */
    char *report;             /* a line for each place looked at */
    uint64_t seen[FIND_SEEN]; /* directories examined, by hash */
    int seen_count;
    int other_major; /* of programs refused for their version only */
    char other_bin[EMBEDDED_PATH];
    struct embedded_programs *out;
};

keep_status keep_embedded_add_bindir(const char *dir)
{
    if (dir == NULL || *dir != '/' || strlen(dir) >= EMBEDDED_PATH)
        return KEEP_INVALID;
    struct find_registered *entry = keep_alloc(NULL, sizeof *entry + strlen(dir) + 1);
    if (entry == NULL)
        return KEEP_NO_MEMORY;
    memcpy(entry->directory, dir, strlen(dir) + 1);
    entry->next = atomic_load(&find_first);
    while (!atomic_compare_exchange_weak(&find_first, &entry->next, entry))
        continue;
    return KEEP_OK;
}

/* Always false, as what is reported is not taken. */
static bool find_report(struct find *find, const char *where, const char *what)
{
    if (!embedded_append(&find->report, "\n  %s: %s", where, what))
        embedded_fail(find->job, KEEP_NO_MEMORY, NULL);
    return false;
}

/* Runs a program for its first line. */
static bool find_ask(const char *program, const char *option, char *line, size_t size)
{
    char name[EMBEDDED_PATH], flag[32];
    snprintf(name, sizeof name, "%s", program);
    snprintf(flag, sizeof flag, "%s", option);
    char *argv[] = {name, flag, NULL};
    if (embedded_run(NULL, argv, line, size, embedded_now_ms() + FIND_RUN_MS) != 0)
        return false;
    line[strcspn(line, "\r\n")] = 0;
    return *line != 0;
}

/* Reads "postgres (PostgreSQL) 15.20 (Debian …)". */
static bool find_version(const char *postgres, struct embedded_programs *out)
{
    char line[256];
    const char *at = find_ask(postgres, "-V", line, sizeof line) ? strchr(line, ')') : NULL;
    if (at == NULL || at[1] != ' ' || !isdigit((unsigned char)at[2]))
        return false;
    snprintf(out->version, sizeof out->version, "%.*s", EMBEDDED_NAME - 1, at + 2);
    out->major = atoi(at + 2);
    return true;
}

static bool find_has_vector(const char *bin)
{
    static const char *const shares[] = {"../share/postgresql/extension", "../share/extension"};
    char path[2 * EMBEDDED_PATH];
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        snprintf(path, sizeof path, "%s/%s/vector.control", bin, shares[i]);
        if (access(path, F_OK) == 0)
            return true;
    }
    const char *debian = strstr(bin, "/lib/postgresql/");
    if (debian == NULL)
        return false;
    snprintf(path, sizeof path, "%.*s/share/postgresql/%d/extension/vector.control",
             (int)(debian - bin), bin, atoi(debian + sizeof "/lib/postgresql/" - 1));
    return access(path, F_OK) == 0;
}

/* Whether `bin` holds programs that can be run here and have a version we want; if not, why goes to the report. */
static bool find_examine(struct find *find, const char *bin, const char *label,
                         struct embedded_programs *out)
{
    char where[EMBEDDED_PATH + 64], postgres[EMBEDDED_PATH], initdb[EMBEDDED_PATH];
    snprintf(where, sizeof where, "%.1000s%s%s%s", bin, label[0] ? " (" : "", label,
             label[0] ? ")" : "");
    uint64_t hash = embedded_hash(bin);
    for (int i = 0; i < find->seen_count; i++)
        if (find->seen[i] == hash)
            return find_report(find, where, "as above");
    if (find->seen_count < FIND_SEEN)
        find->seen[find->seen_count++] = hash;
    if (!embedded_path(postgres, bin, "postgres") || !embedded_path(initdb, bin, "initdb"))
        return find_report(find, where, "the path is too long");
    if (access(postgres, F_OK) != 0)
        return find_report(find, where, errno == ENOENT ? "no postgres" : strerror(errno));
    if (access(initdb, F_OK) != 0)
        return find_report(find, where, errno == ENOENT ? "no initdb" : strerror(errno));
    memset(out, 0, sizeof *out);
    snprintf(out->bin, sizeof out->bin, "%.*s", EMBEDDED_PATH - 1, bin);
    char why[128];
    if (!find_version(postgres, out))
        return find_report(find, where, "postgres -V does not run");
    if (out->major < EMBEDDED_MAJOR_MIN) {
        snprintf(why, sizeof why, "PostgreSQL %d; %d or newer is needed", out->major,
                 EMBEDDED_MAJOR_MIN);
        return find_report(find, where, why);
    }
    if (find->major != 0 && out->major != find->major) {
        snprintf(why, sizeof why, "PostgreSQL %d; the directory was made by %d", out->major,
                 find->major);
        find->other_major = out->major;
        memcpy(find->other_bin, out->bin, sizeof find->other_bin);
        return find_report(find, where, why);
    }
    out->vector = find_has_vector(bin);
    return true;
}

static bool find_try(struct find *find, const char *bin, const char *label)
{
    return find_examine(find, bin, label, find->out);
}

static bool find_registered(struct find *find)
{
    for (const struct find_registered *entry = atomic_load(&find_first); entry != NULL;
         entry = entry->next)
        if (find_try(find, entry->directory, "registered"))
            return true;
    return false;
}

/* The first `program` on PATH, links followed: Homebrew and Debian link single programs elsewhere. */
static bool find_on_path(const char *program, char out[PATH_MAX])
{
    const char *at = getenv("PATH");
    while (at != NULL && *at != 0) {
        size_t size = strcspn(at, ":");
        char path[EMBEDDED_PATH];
        int needed = snprintf(path, sizeof path, "%.*s/%s", (int)size, at, program);
        if (*at == '/' && needed < (int)sizeof path && access(path, X_OK) == 0 &&
            realpath(path, out) != NULL)
            return true;
        at += size + (at[size] == ':');
    }
    return false;
}

static bool find_by_path(struct find *find)
{
    char program[PATH_MAX], line[EMBEDDED_PATH];
    if (!find_on_path("pg_config", program))
        find_report(find, "pg_config --bindir", "no pg_config on PATH");
    else if (!find_ask(program, "--bindir", line, sizeof line))
        find_report(find, "pg_config --bindir", "pg_config does not run");
    else if (find_try(find, line, "pg_config --bindir"))
        return true;
    if (!find_on_path("postgres", program))
        return find_report(find, "PATH", "no postgres");
    *strrchr(program, '/') = 0;
    return find_try(find, program, "PATH");
}

/* Whether a is to be preferred to b: the newer, and of one version the one with pgvector. */
static bool find_better(const struct embedded_programs *a, const struct embedded_programs *b)
{
    return a->major != b->major ? a->major > b->major : a->vector && !b->vector;
}

static bool find_group(struct find *find, const char *const *patterns, size_t count)
{
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        glob_t matches = {0};
        if (glob(patterns[i], 0, NULL, &matches) != 0) {
            find_report(find, patterns[i], "no such directory");
            continue;
        }
        for (size_t j = 0; j < matches.gl_pathc && j < FIND_GROUP; j++) {
            struct embedded_programs programs;
            if (find_examine(find, matches.gl_pathv[j], "", &programs) &&
                (!found || find_better(&programs, find->out))) {
                *find->out = programs;
                found = true;
            }
        }
        globfree(&matches);
    }
    return found;
}

static bool find_known(struct find *find)
{
    static const char *const patterns[] = {
        "/usr/lib/postgresql/*/bin",
        "/usr/pgsql-*/bin",
        "/opt/homebrew/opt/postgresql@*/bin",
        "/usr/local/opt/postgresql@*/bin",
        "/Applications/Postgres.app/Contents/Versions/*/bin",
        "/usr/local/pgsql/bin",
    };
    return find_group(find, patterns, sizeof patterns / sizeof patterns[0]);
}

static bool find_any(struct find *find)
{
    const char *chosen = getenv("STATEKEEP_PG_BIN");
    if (find->place->bin[0] != 0)
        return find_try(find, find->place->bin, "bin= of the DSN");
    if (chosen != NULL && *chosen != 0)
        return find_try(find, chosen, "STATEKEEP_PG_BIN");
    return find_registered(find) || find_by_path(find) || find_known(find);
}

static bool find_nothing(struct find *find)
{
    const char *places = find->report == NULL ? "" : find->report;
    if (find->other_major != 0)
        return embedded_fail(find->job, KEEP_UNAVAILABLE,
                             "the directory %s was made by PostgreSQL %d, but only PostgreSQL %d "
                             "is here (%s). Install "
                             "PostgreSQL %d, or dump the database with it and restore the dump "
                             "into a new directory. "
                             "Looked at:%s",
                             find->place->root, find->major, find->other_major, find->other_bin,
                             find->major, places);
    return embedded_fail(
        find->job, KEEP_UNAVAILABLE,
        "PostgreSQL's programs (postgres, initdb) were not found. Looked at:%s\n"
        "Ways out: install them (Debian: apt install postgresql; Python: pip install "
        "\"statekeep[embedded]\"), name their directory in STATEKEEP_PG_BIN or bin=, or give the "
        "DSN of "
        "a server",
        places);
}

/* Copies a directory for everybody to read, when there is one. 0 or errno. */
static int find_copy_part(const char *from, const char *from_name, const char *to,
                          const char *to_name)
{
    char source[EMBEDDED_PATH], target[EMBEDDED_PATH];
    if (!embedded_path(source, from, from_name) || !embedded_path(target, to, to_name))
        return ENAMETOOLONG;
    if (access(source, F_OK) != 0)
        return 0;
    int failure = embedded_tree_copy(source, target, NULL);
    return failure == 0 && chmod(target, 0755) != 0 ? errno : failure;
}

/* Where the copy of package/version/bin is: the last two names are kept, as programs find their libraries by them. */
static bool find_copied_path(const char *prefix, const char *to, char out[EMBEDDED_PATH])
{
    const char *version = strrchr(prefix, '/');
    if (version == NULL || version == prefix)
        return false;
    const char *package = version - 1;
    while (*package != '/')
        package--;
    return embedded_path(out, to, package + 1);
}

/* Copies the programs of a prefix package/version with what they find by its relative path: version/lib, version/share,
 * and package.libs, where Python wheels keep shared libraries. 0 or errno. */
static int find_copy_tree(const char *prefix, const char *to)
{
    static const char *const parts[] = {"bin", "lib", "share"};
    char version[EMBEDDED_PATH], package[EMBEDDED_PATH], libraries[EMBEDDED_PATH + 8];
    if (!find_copied_path(prefix, to, version))
        return ENAMETOOLONG;
    int failure = embedded_home_make(version, 0755);
    for (size_t i = 0; failure == 0 && i < sizeof parts / sizeof parts[0]; i++)
        failure = find_copy_part(prefix, parts[i], version, parts[i]);
    snprintf(package, sizeof package, "%.*s", (int)(strrchr(prefix, '/') - prefix), prefix);
    char *name = strrchr(package, '/');
    snprintf(libraries, sizeof libraries, "%s.libs", name + 1);
    *name = 0;
    return failure != 0 ? failure : find_copy_part(package, libraries, to, libraries);
}

/* Makes the copy under a name of its own, so that nobody uses half of one. */
static int find_copy(const char *prefix, const char *to)
{
    char fresh[EMBEDDED_PATH];
    if (snprintf(fresh, sizeof fresh, "%s.%ld", to, (long)getpid()) >= (int)sizeof fresh)
        return ENAMETOOLONG;
    int failure = embedded_tree_remove(fresh);
    if (failure == 0)
        failure = find_copy_tree(prefix, fresh);
    if (failure == 0)
        failure = embedded_tree_sync(fresh);
    if (failure == 0 && rename(fresh, to) != 0 && errno != EEXIST && errno != ENOTEMPTY)
        failure = errno;
    embedded_tree_remove(fresh);
    return failure;
}

/* Programs that only root can reach (in a virtual environment below /root, say) are copied to where the server's account
 * can run them, once for each installation. A tree of its own is needed: share/ beside bin/. */
static bool find_make_readable(struct find *find)
{
    struct embedded_programs *out = find->out;
    const struct embedded_account *account = &find->place->account;
    char path[EMBEDDED_PATH], cache[EMBEDDED_PATH], name[EMBEDDED_NAME + 32], to[EMBEDDED_PATH],
        prefix[PATH_MAX];
    struct stat info;
    if (!embedded_path(path, out->bin, "postgres") || stat(path, &info) != 0 ||
        embedded_may(account, path, R_OK | X_OK))
        return true;
    snprintf(name, sizeof name, "pg-%d-%016llx-%llx", out->major,
             (unsigned long long)(embedded_hash(out->version) ^ embedded_hash(out->bin)),
             (unsigned long long)info.st_mtime);
    bool own_tree = embedded_path(path, out->bin, "../share") && access(path, F_OK) == 0 &&
                    embedded_path(path, out->bin, "..") && realpath(path, prefix) != NULL &&
                    strlen(prefix) < EMBEDDED_PATH && find_copied_path(prefix, "", to);
    if (!own_tree || !embedded_home_cache(find->place, cache) || !embedded_path(to, cache, name))
        return embedded_fail(
            find->job, KEEP_UNAVAILABLE,
            "PostgreSQL's programs in %s cannot be run by \"%s\", nor be copied for it", out->bin,
            account->name);
    int failure = access(to, F_OK) == 0 ? 0 : find_copy(prefix, to);
    if (failure != 0)
        return embedded_fail(find->job, KEEP_UNAVAILABLE,
                             "PostgreSQL's programs in %s cannot be run by \"%s\", and copying "
                             "them to %s failed: %s",
                             out->bin, account->name, to, strerror(failure));
    return find_copied_path(prefix, to, path) && embedded_path(out->bin, path, "bin");
}

bool embedded_find(struct embedded_job *job, const struct embedded_place *place, int major,
                   struct embedded_programs *out)
{
    struct find find = {.job = job, .place = place, .major = major, .out = out};
    bool found = find_any(&find);
    if (!found)
        find_nothing(&find);
    keep_alloc(find.report, 0);
    return found && find_make_readable(&find);
}
