/* The simulator: `simulator [--seeds N] [--first N] [--seed N] [--trace]`. Each seed is one history; one that breaks a
 * promise of the engine is printed, and `--seed N --trace` plays it again word by word. Exits with 1 when any failed. */
#define _GNU_SOURCE
#include "sim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEEDS = 2000, HANG_SECONDS = 60 };

struct plan {
    uint64_t first, count;
    bool trace;
};

static void usage(FILE *out)
{
    fputs("usage: simulator [--seeds N] [--first N] [--seed N] [--trace]\n"
          "  --seeds N   how many histories (2000)\n"
          "  --first N   the first one's seed (1)\n"
          "  --seed N    this one alone\n"
          "  --trace     prints what happens\n",
          out);
}

static bool number_of(const char *text, uint64_t *number)
{
    char *end;
    if (!text)
        return false;
    *number = strtoull(text, &end, 10);
    return *text && !*end;
}

static bool plan_read(struct plan *plan, int count, char **words)
{
    for (int i = 1; i < count; i++) {
        const char *word = words[i], *value = i + 1 < count ? words[i + 1] : NULL;
        uint64_t number = 0;
        bool valued = number_of(value, &number);
        if (strcmp(word, "--trace") == 0) {
            plan->trace = true;
            continue;
        }
        if (valued && strcmp(word, "--seeds") == 0)
            plan->count = number;
        else if (valued && strcmp(word, "--first") == 0)
            plan->first = number;
        else if (valued && strcmp(word, "--seed") == 0)
            *plan = (struct plan){number, 1, plan->trace};
        else
            return false;
        i++;
    }
    return true;
}

/* An assertion of the engine, a wild pointer, or an endless loop: which seed it was must still be told. */
static void crashed(int signal_number)
{
    char line[64] = "seed ";
    char digits[24];
    int count = 0;
    size_t size = strlen(line);
    for (uint64_t rest = world.seed; rest || count == 0; rest /= 10)
        digits[count++] = (char)('0' + rest % 10);
    while (count)
        line[size++] = digits[--count];
    const char *how = signal_number == SIGALRM ? " hangs\n" : " crashes\n";
    memcpy(line + size, how, strlen(how));
    ssize_t written = write(STDOUT_FILENO, line, size + strlen(how));
    (void)written;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void catch_crashes(void)
{
    signal(SIGABRT, crashed);
    signal(SIGALRM, crashed);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    signal(SIGSEGV, crashed);
#endif
}

int main(int argument_count, char **arguments)
{
    struct plan plan = {1, SEEDS, false};
    uint64_t failed = 0;
    bool terminal = isatty(STDERR_FILENO);
    if (argument_count == 2 && strcmp(arguments[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    if (!plan_read(&plan, argument_count, arguments)) {
        usage(stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    catch_crashes();
    world_install();
    for (uint64_t i = 0; i < plan.count; i++) {
        alarm(HANG_SECONDS);
        world_begin(plan.first + i, plan.trace);
        if (!world_guard(history_run)) {
            failed++;
            printf("  replay with: simulator --seed %llu --trace\n", (unsigned long long)(plan.first + i));
        }
        world_end();
        if (terminal && i % 50 == 0)
            fprintf(stderr, "\r%llu of %llu", (unsigned long long)i, (unsigned long long)plan.count);
    }
    if (terminal)
        fputs("\r\033[K", stderr);
    printf("%llu passed, %llu failed\n", (unsigned long long)(plan.count - failed), (unsigned long long)failed);
    return failed ? 1 : 0;
}
