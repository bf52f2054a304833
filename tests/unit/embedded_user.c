/* One user of an embedded server, driven by lines on stdin, for tests/faults/test_embedded.py.
 *   embedded_user DSN [bindir…]   joins; prints "joined <ms> <conninfo>", or "failed <status> <error>" and ends
 *   query SQL                     prints "row <value>" or "error <message>"
 *   ensure                        prints "ensured" or "failed <status> <error>"
 *   fork                          a child leaves its copy of the hold and ends; prints "forked"
 *   leave                         prints "left", then ends; so does the end of input */
#include "embedded.h"
#include "io.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double user_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void user_say_failure(keep_status status, const char *error)
{
    printf("failed %d ", status);
    for (; error != NULL && *error != 0; error++)
        fputs(*error == '\n' ? "\\n" : (char[]){*error, 0}, stdout);
    putchar('\n');
}

/* The first value of the answer; with a link of its own, as the server may have been restarted since. */
static void user_query(const char *conninfo, const char *sql)
{
    PGconn *link = PQconnectdb(conninfo);
    PGresult *result = PQexec(link, sql);
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        printf("row %s\n", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    else if (PQresultStatus(result) == PGRES_COMMAND_OK)
        printf("row\n");
    else
        printf("error %.*s\n", (int)strcspn(PQerrorMessage(link), "\n"), PQerrorMessage(link));
    PQclear(result);
    PQfinish(link);
}

static void user_ensure(struct embedded *hold)
{
    char *error;
    keep_status status = embedded_ensure(hold, &error);
    if (status == KEEP_OK)
        puts("ensured");
    else
        user_say_failure(status, error);
    keep_alloc(error, 0);
}

static void user_fork(struct embedded *hold)
{
    pid_t child = fork();
    if (child == 0) {
        embedded_leave(hold);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    puts("forked");
}

int main(int count, char **arguments)
{
    if (count < 2)
        return 2;
    for (int i = 2; i < count; i++)
        if (keep_embedded_add_bindir(arguments[i]) != KEEP_OK)
            return 2;
    struct embedded *hold;
    char *conninfo, *error, line[4096];
    setvbuf(stdout, NULL, _IOLBF, 0);
    double began_ms = user_now_ms();
    keep_status status = embedded_join(arguments[1], &hold, &conninfo, &error);
    if (status != KEEP_OK) {
        user_say_failure(status, error);
        keep_alloc(error, 0);
        return 1;
    }
    printf("joined %.1f %s\n", user_now_ms() - began_ms, conninfo);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "query ", 6) == 0)
            user_query(conninfo, line + 6);
        else if (strcmp(line, "ensure") == 0)
            user_ensure(hold);
        else if (strcmp(line, "fork") == 0)
            user_fork(hold);
        else if (strcmp(line, "leave") == 0)
            break;
    }
    embedded_leave(hold);
    puts("left");
    keep_alloc(conninfo, 0);
    return 0;
}
