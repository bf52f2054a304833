/* Notifications: who has to be given what. What the server sends to a session that listens belongs to the lease that holds
 * the session, and its calls are given all of it, once, in order, the oldest call first; for want of memory, and past the
 * engine's bound, some may be missing. */
#include "sql.h"

#include <stdio.h>
#include <string.h>

enum {
    DELIVERIES = 8192,
    FOREIGN = 1 << 20, /* payloads from here on are another client's; below, a statement's number */
    LARGE = 1 << 21,   /* from here on they fill NOTE_SIZE */
    KEPT_BYTES = 1 << 20,  /* that the engine keeps for a lease, at least */
    PATIENCE_US = 20000000 /* on a healthy server */
};

static struct {
    struct {
        int holder, payload;
        bool settled; /* given, or passed over */
    } deliveries[DELIVERIES];
    int count, foreign;
} notes;

void notes_reset(void)
{
    notes.count = notes.foreign = 0;
}

void note_notify(int payload)
{
    server_notify(payload);
}

void note_text(int payload, char *text, size_t size)
{
    snprintf(text, size, "%d%*s", payload, payload >= LARGE ? NOTE_SIZE - 100 : 0, "");
}

void note_delivered(int holder, int payload)
{
    if (notes.count == DELIVERIES)
        world_fail("more than %d notifications are sent", DELIVERIES);
    notes.deliveries[notes.count].holder = holder;
    notes.deliveries[notes.count].settled = false;
    notes.deliveries[notes.count++].payload = payload;
}

void note_send_some(void)
{
    bool flood = random_chance(10);
    for (int64_t i = random_between(1, flood ? 200 : 4); i > 0 && notes.count < DELIVERIES / 2; i--)
        note_notify((flood ? LARGE : FOREIGN) + ++notes.foreign);
}

/* Whether some of what was sent to the lease may rightly be missing. */
static bool may_miss(int holder)
{
    size_t bytes = 0;
    for (int i = 0; i < notes.count; i++)
        if (notes.deliveries[i].holder == holder)
            bytes += notes.deliveries[i].payload >= LARGE ? NOTE_SIZE : 64;
    return world_refuses_memory() || bytes > KEPT_BYTES;
}

static int payload_of(const char *answer)
{
    char text[NOTE_SIZE], expected[NOTE_SIZE + 100];
    int payload = 0;
    if (sscanf(answer, "{\"channel\":\"work\",\"payload\":\"%d", &payload) != 1)
        return 0;
    note_text(payload, text, sizeof text);
    snprintf(expected, sizeof expected, "{\"channel\":\"work\",\"payload\":\"%s\",\"pid\":%d}",
             text, payload);
    return strcmp(answer, expected) == 0 ? payload : 0;
}

const char *note_fault(int number, const char *answer)
{
    int payload = payload_of(answer), holder = sql_holder(number);
    if (!payload)
        return "that is no notification";
    for (int other = 1; other < number; other++) {
        const struct sql_call *call = sql_call_of(other);
        if (call->kind == SQL_NOTE && !call->ended && sql_holder(other) == holder)
            return "an elder call still waits";
    }
    for (int i = 0; i < notes.count; i++) {
        if (notes.deliveries[i].settled || notes.deliveries[i].holder != holder)
            continue;
        notes.deliveries[i].settled = true;
        if (notes.deliveries[i].payload == payload)
            return NULL;
        if (!may_miss(holder))
            return "one that was sent earlier is missing";
    }
    return "it was not sent to this lease, or was given before";
}

/* ---- on a healthy server */

static bool waits(int lease)
{
    int number = sql_count();
    while (number > 0 && (sql_call_of(number)->kind != SQL_NOTE || sql_call_of(number)->ended ||
                          sql_call_of(number)->lease != lease))
        number--;
    return number > 0;
}

/* Whether the lease's calls were given the payload; `*due`: or will be. */
static bool was_given(int lease, int payload, bool *due)
{
    *due = false;
    for (int i = 0; i < notes.count; i++) {
        if (notes.deliveries[i].holder != lease + 1 || notes.deliveries[i].payload != payload)
            continue;
        *due = true;
        return notes.deliveries[i].settled;
    }
    return false;
}

static void must_arrive(keep_store *store, int lease, void (*pass_time)(void))
{
    int64_t until_us = world.now_us + PATIENCE_US;
    int payload = FOREIGN + ++notes.foreign;
    bool due;
    note_notify(payload);
    while (!was_given(lease, payload, &due) && due) {
        const struct sql_call *call = sql_call_of(sql_count());
        bool over = call->kind == SQL_NOTE && call->lease == lease && call->ended &&
                    call->status != KEEP_OK && call->status != KEEP_CANCELLED;
        if (over || sql_count() + 4 >= SQL_CALLS)
            return; /* the lease has ended, or there is no room for one more call */
        if (!waits(lease))
            sql_ask(store, SQL_NOTE, lease, -1);
        pass_time();
        if (world.now_us >= until_us)
            world_fail("notification %d never reaches lease %d", payload, lease);
    }
}

void notes_must_arrive(keep_store *store, void (*pass_time)(void))
{
    for (int i = 0; sql_lease_at(i); i++)
        if (sql_lease_at(i)->out && !copy_open(i) && notes.count < DELIVERIES - 100)
            must_arrive(store, i, pass_time);
}

void notes_must_serve(keep_store *store, int lease, void (*must_end_well)(int number))
{
    int payload = FOREIGN + ++notes.foreign;
    bool due;
    must_end_well(sql_ask(store, SQL_LISTEN, lease, -1));
    note_notify(payload);
    was_given(lease, payload, &due);
    int copy = sql_ask(store, SQL_COPY_IN, lease, -1);
    must_end_well(copy);
    while (due && !was_given(lease, payload, &due) && sql_count() + 4 < SQL_CALLS) {
        int call = sql_ask(store, SQL_NOTE, lease, -1);
        must_end_well(call);
        if (sql_call_of(call)->status != KEEP_OK)
            break;
    }
    if (sql_call_of(copy)->status == KEEP_OK)
        must_end_well(sql_ask(store, SQL_END, lease, -1));
}
