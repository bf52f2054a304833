#include "cli.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR_WIDTH = 30 };

static bool shown;

void progress_show(long done, long total, const char *label)
{
    if (!isatty(STDERR_FILENO))
        return;
    int filled = total > 0 ? (int)(done * BAR_WIDTH / total) : 0;
    fprintf(stderr, "\r\x1B[K[");
    for (int i = 0; i < BAR_WIDTH; i++)
        fputc(i < filled ? '#' : '.', stderr);
    fprintf(stderr, "] %3ld%% %s", total > 0 ? done * 100 / total : 0, label);
    fflush(stderr);
    shown = true;
}

void progress_end(void)
{
    if (!shown)
        return;
    fprintf(stderr, "\r\x1B[K");
    fflush(stderr);
    shown = false;
}
