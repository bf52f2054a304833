/* Asking the server to stop a statement. libpq's way blocks until the server has hung up, so a short-lived thread does
 * it, and wakes the store's watch. A request reaches whatever its session runs by then: until it is over nothing else may be
 * sent there. Whoever of store and thread comes last frees it. */
#include "core.h"

struct cancel {
    pthread_mutex_t lock;
    int owners;
    struct watch *watch; /* NULL once the store lost interest */
    PGcancel *request;
    bool over;
};

static void cancel_unref(struct cancel *cancel)
{
    pthread_mutex_lock(&cancel->lock);
    int owners = --cancel->owners;
    pthread_mutex_unlock(&cancel->lock);
    if (owners > 0)
        return;
    keep_io.PQfreeCancel(cancel->request);
    pthread_mutex_destroy(&cancel->lock);
    keep_alloc(cancel, 0);
}

static void cancel_work(void *argument)
{
    struct cancel *cancel = argument;
    char message[256];
    keep_io.PQcancel(cancel->request, message, sizeof message);
    pthread_mutex_lock(&cancel->lock);
    cancel->over = true;
    if (cancel->watch)
        keep_io.watch_wake(cancel->watch);
    pthread_mutex_unlock(&cancel->lock);
    cancel_unref(cancel);
}

struct cancel *cancel_begin(struct watch *watch, PGconn *link)
{
    struct cancel *cancel = keep_alloc(NULL, sizeof *cancel);
    PGcancel *request = cancel ? keep_io.PQgetCancel(link) : NULL;
    if (!request) {
        keep_alloc(cancel, 0);
        return NULL;
    }
    *cancel = (struct cancel){.owners = 2, .watch = watch, .request = request};
    pthread_mutex_init(&cancel->lock, NULL);
    if (keep_io.thread(cancel_work, cancel))
        return cancel;
    cancel_unref(cancel);
    cancel_unref(cancel);
    return NULL;
}

bool cancel_over(struct cancel *cancel)
{
    pthread_mutex_lock(&cancel->lock);
    bool over = cancel->over;
    pthread_mutex_unlock(&cancel->lock);
    return over;
}

void cancel_release(struct cancel *cancel)
{
    if (!cancel)
        return;
    pthread_mutex_lock(&cancel->lock);
    cancel->watch = NULL;
    pthread_mutex_unlock(&cancel->lock);
    cancel_unref(cancel);
}
