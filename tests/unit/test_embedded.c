/* The embedded server's parts that need no server, and joining while every allocation fails once. */
#include "embedded.h"
#include "embedded_parts.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static void *(*real_alloc)(void *old, size_t size);
static long allocations_left = -1; /* until one fails; -1: none does */

static void *failing_alloc(void *old, size_t size)
{
    if (size > 0 && allocations_left >= 0 && allocations_left-- == 0)
        return NULL;
    return real_alloc(old, size);
}

static bool parse(const char *dsn, struct embedded_place *place)
{
    struct embedded_job job = {.status = KEEP_OK};
    bool parsed = embedded_dsn_parse(&job, dsn, place);
    CHECK(parsed == (job.status == KEEP_OK));
    keep_alloc(job.error, 0);
    return parsed;
}

static void test_dsn_values(void)
{
    struct embedded_place place;
    CHECK(parse("embedded:", &place));
    CHECK(place.root[0] == 0 && !place.temp && place.linger_ms == 2000 && place.bin[0] == 0);
    CHECK(strcmp(place.database, "postgres") == 0 && place.setting_count == 0);

    CHECK(parse(
        "embedded:/a%20b/%C3%BC?db=my%26db&bin=/opt/x&linger_ms=0&conf.work_mem=8%20MB&conf.a.b=",
        &place));
    CHECK(strcmp(place.root, "/a b/\xC3\xBC") == 0);
    CHECK(strcmp(place.database, "my&db") == 0 && strcmp(place.bin, "/opt/x") == 0);
    CHECK(place.linger_ms == 0 && place.setting_count == 2);
    CHECK(strcmp(place.settings[0], "work_mem=8 MB") == 0 &&
          strcmp(place.settings[1], "a.b=") == 0);
    embedded_dsn_free(&place);

    CHECK(parse("embedded:///dir?", &place) && strcmp(place.root, "/dir") == 0);
    CHECK(parse("embedded:dir?temp=0&", &place) && strcmp(place.root, "dir") == 0 && !place.temp);
    CHECK(parse("embedded:?temp=1", &place) && place.temp && place.linger_ms == 0);
    CHECK(parse("embedded:?temp=1&linger_ms=500", &place) && place.linger_ms == 500);
}

static void test_dsn_refusals(void)
{
    static const struct {
        const char *dsn, *word;
    } cases[] = {
        {"postgres:", "must begin"},
        {"embedded://host/dir", "host"},
        {"embedded:/a%2", "percent-encoding in the directory"},
        {"embedded:/a%00b", "percent-encoding"},
        {"embedded:/a%zz", "percent-encoding"},
        {"embedded:?temp", "without \"=\""},
        {"embedded:?temp=yes", "temp must be"},
        {"embedded:/dir?temp=1", "makes its own directory"},
        {"embedded:?linger_ms=-1", "linger_ms"},
        {"embedded:?linger_ms=", "linger_ms"},
        {"embedded:?linger_ms=9999999999999999999", "linger_ms"},
        {"embedded:?linger_ms=5s", "linger_ms"},
        {"embedded:?db=", "db must have"},
        {"embedded:?db=0123456789012345678901234567890123456789012345678901234567890123",
         "db must have"},
        {"embedded:?color=red", "unknown parameter \"color\""},
        {"embedded:?conf.=1", "does not name a setting"},
        {"embedded:?conf.a%20b=1", "does not name a setting"},
        {"embedded:?conf.port=1", "cannot be chosen"},
        {"embedded:?conf.listen_addresses=*", "cannot be chosen"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *error = NULL;
        keep_status status = embedded_check(cases[i].dsn, &error);
        if (status != KEEP_INVALID || error == NULL || strstr(error, cases[i].word) == NULL) {
            fprintf(stderr, "%s: %d %s\n", cases[i].dsn, status,
                    error == NULL ? "(no text)" : error);
            failures++;
        }
        keep_alloc(error, 0);
    }
}

static void test_dsn_lengths(void)
{
    char *error = NULL, dsn[3 * EMBEDDED_PATH], many[EMBEDDED_PATH] = "embedded:?";
    snprintf(dsn, sizeof dsn, "embedded:/%0*d", EMBEDDED_PATH, 0);
    CHECK(embedded_check(dsn, &error) == KEEP_INVALID && strstr(error, "longer than") != NULL);
    keep_alloc(error, 0);
    error = NULL;
    for (int i = 0; i <= EMBEDDED_SETTINGS; i++)
        strcat(many, "conf.a=1&");
    CHECK(embedded_check(many, &error) == KEEP_INVALID &&
          strstr(error, "more than 64 settings") != NULL);
    keep_alloc(error, 0);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void test_tree(void)
{
    char base[] = "/tmp/test_embedded.XXXXXX", path[EMBEDDED_PATH], copy[EMBEDDED_PATH],
         text[16] = "";
    struct stat info;
    mode_t mask = umask(0);
    CHECK(mkdtemp(base) != NULL && embedded_path(path, base, "from") &&
          embedded_path(copy, base, "to"));
    CHECK(mkdir(path, 0750) == 0 && chdir(path) == 0 && mkdir("empty", 0700) == 0);
    CHECK(mkdir("inner", 0710) == 0);
    write_file("inner/file", "content", 0640);
    write_file("program", "", 0755);
    CHECK(symlink("program", "link") == 0 && chdir("/") == 0);

    umask(077); /* which a copy does not follow */
    CHECK(embedded_tree_copy(path, copy, NULL) == 0);
    CHECK(chdir(copy) == 0 && stat(".", &info) == 0 && (info.st_mode & 0777) == 0750);
    CHECK(stat("inner", &info) == 0 && (info.st_mode & 0777) == 0710);
    CHECK(stat("inner/file", &info) == 0 && (info.st_mode & 0777) == 0640 && info.st_size == 7);
    CHECK(stat("program", &info) == 0 && (info.st_mode & 0777) == 0755);
    CHECK(readlink("link", text, sizeof text - 1) == 7 && strcmp(text, "program") == 0);
    CHECK(stat("empty", &info) == 0 && S_ISDIR(info.st_mode));
    CHECK(embedded_tree_copy(path, copy, NULL) == EEXIST);

    /* Links out of the tree are not copied, nor followed when removing. */
    CHECK(chdir(path) == 0 && symlink("../to/inner", "out") == 0 && chdir("/") == 0);
    CHECK(embedded_tree_remove(copy) == 0);
    CHECK(embedded_tree_copy(path, copy, NULL) == ELOOP);
    CHECK(embedded_tree_remove(copy) == 0 && mkdir(copy, 0700) == 0);
    CHECK(chdir(copy) == 0 && mkdir("inner", 0700) == 0 && chdir("/") == 0);
    CHECK(embedded_tree_remove(path) == 0 && access(path, F_OK) != 0);
    CHECK(chdir(copy) == 0 && access("inner", F_OK) == 0 && chdir("/") == 0);
    CHECK(embedded_tree_remove(base) == 0 && access(base, F_OK) != 0);
    CHECK(embedded_tree_remove(base) == 0);
    umask(mask);
}

static void test_locks(void)
{
    struct embedded_place place = {.root = "/tmp/test_embedded.XXXXXX"};
    CHECK(mkdtemp(place.root) != NULL);
    int first = embedded_lock_open(&place, "lock"), second = embedded_lock_open(&place, "lock");
    CHECK(first >= 0 && second >= 0);
    CHECK(!embedded_lock_held(&place, "lock"));
    CHECK(embedded_lock_wait(first, LOCK_SH, 0) && !embedded_lock_held(&place, "lock"));
    CHECK(embedded_lock_wait(first, LOCK_EX, 0) && embedded_lock_held(&place, "lock"));
    int64_t began_ms = embedded_now_ms();
    CHECK(!embedded_lock_wait(second, LOCK_SH, began_ms + 30) && errno == ETIMEDOUT);
    CHECK(embedded_now_ms() - began_ms >= 30);

    /* A copy of the descriptor, as a forked child has, does not keep a dropped lock. */
    int copy = dup(first);
    embedded_lock_drop(first);
    CHECK(embedded_lock_wait(second, LOCK_EX, 0));
    close(copy);
    embedded_lock_drop(second);
    CHECK(embedded_tree_remove(place.root) == 0);
}

static void test_run(void)
{
    char program[] = "/bin/sh", flag[] = "-c", output[8];
    char says[] = "echo hello there; echo more >&2; exit 3", sleeps[] = "sleep 60",
         dies[] = "kill -TERM $$";
    char absent[] = "/nowhere/program";
    int64_t later_ms = embedded_now_ms() + 20000;
    CHECK(embedded_run(NULL, (char *[]){program, flag, says, NULL}, output, sizeof output,
                       later_ms) == 3);
    CHECK(strcmp(output, "hello t") == 0);
    CHECK(embedded_run(NULL, (char *[]){program, flag, dies, NULL}, output, sizeof output,
                       later_ms) == 128 + 15);
    CHECK(embedded_run(NULL, (char *[]){absent, NULL}, output, sizeof output, later_ms) == 127);
    CHECK(embedded_run(NULL, (char *[]){program, flag, sleeps, NULL}, output, sizeof output,
                       embedded_now_ms() + 50) == -1);
    CHECK(embedded_now_ms() < later_ms);
}

static void test_bindir(void)
{
    CHECK(keep_embedded_add_bindir(NULL) == KEEP_INVALID);
    CHECK(keep_embedded_add_bindir("") == KEEP_INVALID);
    CHECK(keep_embedded_add_bindir("relative/bin") == KEEP_INVALID);
    allocations_left = 0;
    CHECK(keep_embedded_add_bindir("/opt/bin") == KEEP_NO_MEMORY);
    allocations_left = -1;
}

/* Joins with the nth allocation failing, for n from 0 until none does. The first such join also starts the server. */
static void test_memory(void)
{
    struct embedded *first, *hold;
    char *conninfo, *error, *host, dsn[2 * EMBEDDED_PATH];
    CHECK(embedded_join("embedded:?temp=1", &first, &conninfo, &error) == KEEP_OK);
    if (first == NULL) {
        fprintf(stderr, "%s\n", error == NULL ? "no memory" : error);
        keep_alloc(error, 0);
        return;
    }
    host = conninfo + strlen("host='");
    snprintf(dsn, sizeof dsn, "embedded:%.*s?conf.work_mem=8MB&db=memory", (int)strcspn(host, "'"),
             host);
    keep_alloc(conninfo, 0);
    keep_status status = KEEP_NO_MEMORY;
    long n = 0;
    for (; status == KEEP_NO_MEMORY && n < 1000; n++) {
        allocations_left = n;
        status = embedded_join(dsn, &hold, &conninfo, &error);
        allocations_left = -1;
        CHECK(status == KEEP_OK || (hold == NULL && conninfo == NULL && error == NULL));
    }
    CHECK(status == KEEP_OK && n > 5);
    keep_alloc(conninfo, 0);
    embedded_leave(hold);
    CHECK(embedded_ensure(first, &error) == KEEP_OK && error == NULL);
    embedded_leave(first);
    embedded_leave(NULL);
}

int main(void)
{
    real_alloc = keep_io.alloc;
    keep_io.alloc = failing_alloc;
    test_dsn_values();
    test_dsn_refusals();
    test_dsn_lengths();
    test_tree();
    test_locks();
    test_run();
    test_bindir();
    test_memory();
    return failures == 0 ? 0 : 1;
}
