/* The simulator: `simulator [--seeds N] [--first N] [--seed N] [--stop] [--trace]`. Each seed is one history; one that breaks a
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
    bool trace, stop;
};

static void usage(FILE *out)
{
    fputs("usage: simulator [--seeds N] [--first N] [--seed N] [--stop] [--trace]\n"
          "  --seeds N   how many histories (2000)\n"
          "  --first N   the first one's seed (1)\n"
          "  --seed N    this one alone\n"
          "  --stop      ends with the first history that fails\n"
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
        if (strcmp(word, "--trace") == 0 || strcmp(word, "--stop") == 0) {
            plan->trace = plan->trace || word[2] == 't';
            plan->stop = plan->stop || word[2] == 's';
            continue;
        }
        if (valued && strcmp(word, "--seeds") == 0)
            plan->count = number;
        else if (valued && strcmp(word, "--first") == 0)
            plan->first = number;
        else if (valued && strcmp(word, "--seed") == 0)
            *plan = (struct plan){number, 1, plan->trace, plan->stop};
        else
            return false;
        i++;
    }
    return true;
}

/* After an assertion of the engine, a wild pointer or an endless loop nothing can be trusted: the other seeds are given
 * up. */
static void dying(int signal_number)
{
    const char *how = signal_number == SIGALRM   ? "hangs"
                      : signal_number == SIGABRT ? "fails an assertion"
                                                 : "crashes";
    printf("seed %llu %s\n  replay with: simulator --seed %llu --trace\n",
           (unsigned long long)world.seed, how, (unsigned long long)world.seed);
    fflush(stdout);
    _exit(1);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* A sanitizer's report ends the program; it has to say which seed it was. */
void __sanitizer_set_death_callback(void (*callback)(void));

static void reported(void)
{
    fprintf(stderr, "seed %llu dies of the above\n", (unsigned long long)world.seed);
}
#endif

static void catch_crashes(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    __sanitizer_set_death_callback(reported);
#else
    signal(SIGSEGV, dying);
#endif
    signal(SIGABRT, dying);
    signal(SIGALRM, dying);
}

int main(int argument_count, char **arguments)
{
    struct plan plan = {1, SEEDS, false, false};
    uint64_t passed = 0, failed = 0;
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
    for (uint64_t i = 0; i < plan.count && !(plan.stop && failed); i++) {
        alarm(HANG_SECONDS);
        world_begin(plan.first + i, plan.trace);
        if (world_guard(history_run)) {
            passed++;
        } else {
            failed++;
            printf("  replay with: simulator --seed %llu --trace\n",
                   (unsigned long long)(plan.first + i));
        }
        world_end();
        if (terminal && i % 50 == 0)
            fprintf(stderr, "\r%llu of %llu", (unsigned long long)i,
                    (unsigned long long)plan.count);
    }
    if (terminal)
        fputs("\r\033[K", stderr);
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed ? 1 : 0;
}
