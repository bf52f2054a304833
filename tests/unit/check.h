/* Checks for the C unit tests: a failing one says where and what, and the program goes on; main() returns
 * check_failures != 0. And an allocator that can refuse the n-th request. */
#ifndef CHECK_H
#define CHECK_H

#include "io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_failures++;                                                                      \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
        }                                                                                          \
    } while (0)

/* Compares texts; NULL is a text of its own. */
#define CHECK_TEXT(got, want) check_text(__FILE__, __LINE__, #got, (got), (want))

static inline void check_text(const char *file, int line, const char *what, const char *got,
                              const char *want)
{
    if (got == want || (got != NULL && want != NULL && strcmp(got, want) == 0))
        return;
    check_failures++;
    fprintf(stderr, "%s:%d: %s is <%s>, want <%s>\n", file, line, what, got ? got : "NULL",
            want ? want : "NULL");
}

static long check_allocations; /* asked for so far */
static long check_refused;     /* the number of the request to refuse; 0: none */
static long check_held;        /* allocated and not freed */

static inline void *check_alloc(void *old, size_t size)
{
    if (size == 0) {
        check_held -= old != NULL;
        free(old);
        return NULL;
    }
    if (++check_allocations == check_refused)
        return NULL;
    void *new = realloc(old, size);
    check_held += old == NULL && new != NULL;
    return new;
}

/* From here on allocations are counted, and the `refused`-th (from 1; 0: none) fails. */
static inline void check_refuse_allocation(long refused)
{
    keep_io.alloc = check_alloc;
    check_allocations = 0;
    check_refused = refused;
}

#endif
