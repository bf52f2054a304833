/* COPY on a lease: what the host asks for, and whether what becomes of it fits.
 *  - What a COPY from the caller stores are the rows of the calls that were told OK, whole and in order, and nothing when its
 *    end was told to have failed.
 *  - What a COPY to the caller gives are its rows, whole, once and in order; no end is told before the last of them.
 *  - One that goes on is stopped only when its lease's calls gave cause. */
#include "sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG = 3000, SOON_US = 2000000 };

static const char reason[] = "failed for statement ";

uint64_t copy_hash(uint64_t before, const char *text)
{
    uint64_t hash = before ? before : 0xcbf29ce484222325u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

int copy_rows(int number)
{
    return sql_call_of(number)->rows;
}

/* Some are longer than a small socket takes at once. */
const char *copy_text(const struct sql_call *call, int number)
{
    static char text[COPY_TEXT];
    int size = snprintf(text, sizeof text, "%d:0%*s\n", number, number % 7 ? 0 : LONG, "");
    for (int i = 1; i < call->rows; i++)
        size += snprintf(text + size, sizeof text - (size_t)size, "%d:%d\n", number, i);
    if (call->spoilt)
        snprintf(text + size, sizeof text - (size_t)size, "%d:!\n", number);
    return text;
}

/* ---- what leaves */

static int lease_on(int link)
{
    int found = -1;
    for (int i = 0; sql_lease_at(i); i++)
        if (sql_lease_at(i)->link == link)
            found = i;
    return found;
}

static void mark_sent(int number, int link)
{
    struct sql_call *call = sql_call_of(number);
    if (call->ended || call->sent)
        world_fail("statement %d leaves %s", number, call->sent ? "twice" : "after its end");
    if (call->lease < 0 || call->lease != lease_on(link))
        world_fail("statement %d leaves on another link than its lease's", number);
    call->sent = true;
}

void copy_sent(int link, const char *data, size_t size)
{
    int number = atoi(data);
    const char *text = copy_text(sql_call_of(number), number);
    if (strlen(text) != size || memcmp(text, data, size) != 0)
        world_fail("the rows of statement %d leave as others", number);
    mark_sent(number, link);
}

static int waits(int lease, enum sql_kind kind)
{
    for (int number = 1; number <= sql_count(); number++) {
        const struct sql_call *call = sql_call_of(number);
        if (call->kind == kind && call->lease == lease && !call->ended && !call->sent)
            return number;
    }
    return 0;
}

int copy_ended(int link, const char *failure)
{
    bool asked = failure && strncmp(failure, reason, strlen(reason)) == 0;
    if (failure && !asked)
        return 0;
    int number = asked ? atoi(failure + strlen(reason)) : waits(lease_on(link), SQL_END);
    if (!number)
        world_fail("a COPY is ended on link %d, and nobody asked for it", link);
    mark_sent(number, link);
    return number;
}

/* ---- what the server does */

void copy_stored(int number, int copy, uint64_t hash)
{
    struct sql_call *end = sql_call_of(number);
    if (end->kind != SQL_END || end->lease != sql_call_of(copy)->lease)
        world_fail("statement %d ends the COPY of another", number);
    end->stored = hash;
    end->copy = copy;
}

void copy_stopped(int copy)
{
    int lease = sql_call_of(copy)->lease;
    bool cause = lease < 0 || !sql_lease_at(lease)->out || sql_closes() || world_refuses_memory();
    for (int number = copy; number <= sql_count() && !cause; number++) {
        const struct sql_call *call = sql_call_of(number);
        bool late = call->deadline_us && world.now_us >= call->deadline_us;
        bool other = number > copy && call->kind < SQL_TAKE;
        if (call->lease == lease && call->kind != SQL_NOTE)
            cause = other || call->cancelled || late || (call->ended && call->status != KEEP_OK);
    }
    if (!cause)
        world_fail("a request to stop hits the COPY of statement %d, which goes on", copy);
}

/* ---- outcomes */

/* The COPY to the caller that a call for rows is about: the last one before it that began. */
static int copy_before(int number)
{
    int lease = sql_call_of(number)->lease;
    for (int copy = number - 1; copy > 0; copy--) {
        const struct sql_call *call = sql_call_of(copy);
        if (call->lease == lease && call->kind == SQL_COPY_OUT && call->executed)
            return copy;
    }
    return 0;
}

static const char *rows_fault(int number, const char *answer)
{
    int copy = copy_before(number);
    if (!copy)
        return "there is no COPY";
    struct sql_call *call = sql_call_of(copy);
    if (call->end_told)
        return "its end was told";
    call->end_told = !*answer;
    if (call->end_told)
        return call->given == call->rows ? NULL : "rows are missing";
    while (*answer) {
        int from = 0, row = -1, size = 0;
        if (sscanf(answer, "%d:%d%n", &from, &row, &size) != 2 || answer[size] != '\n')
            return "that is no whole row";
        if (from != copy || row != call->given)
            return "that is not the next row";
        call->given++;
        answer += size + 1;
    }
    return NULL;
}

const char *copy_fault(int number, const char *answer)
{
    const struct sql_call *call = sql_call_of(number);
    switch (call->kind) {
    case SQL_DATA:
        return !call->sent ? "it never left" : strcmp(answer, "null") != 0 ? "rows answer" : NULL;
    case SQL_END:
        return call->written ? NULL : "nothing is stored";
    case SQL_ROWS:
        return rows_fault(number, answer);
    default:
        return "it can only fail";
    }
}

bool copy_open(int lease)
{
    for (int number = 1; number <= sql_count(); number++) {
        const struct sql_call *call = sql_call_of(number);
        if (call->kind == SQL_COPY_OUT && call->lease == lease && !call->end_told)
            return true;
    }
    return false;
}

void copy_verdict(int number)
{
    const struct sql_call *end = sql_call_of(number);
    uint64_t hash = 0;
    if (end->kind != SQL_END || !end->written)
        return;
    for (int i = end->copy; i < number; i++) {
        const struct sql_call *call = sql_call_of(i);
        if (call->kind == SQL_DATA && call->lease == end->lease && call->status == KEEP_OK)
            hash = copy_hash(hash, copy_text(call, i));
    }
    if (hash != end->stored)
        world_fail("statement %d stores other rows than were told OK", number);
}

/* ---- the host */

enum sql_kind copy_draw(const struct lease *lease, int index)
{
    int64_t way = random_between(0, 99);
    bool ending =
        waits(index, SQL_END) > 0; /* two at a time could not be told apart when they leave */
    if (way < 4)
        return (enum sql_kind)random_between(SQL_DATA, SQL_ROWS - 1) == SQL_END || ending
                   ? SQL_ROWS
                   : SQL_DATA;
    if (lease->copy == SQL_COPY_OUT)
        return SQL_ROWS;
    if (lease->copy != SQL_COPY_IN)
        return way < 50 ? SQL_COPY_IN : SQL_COPY_OUT;
    return way < 65 || ending ? SQL_DATA : way < 92 ? SQL_END : SQL_FAIL;
}

keep_op copy_ask(keep_store *store, int number, int deadline_ms)
{
    const struct sql_call *call = sql_call_of(number);
    keep_lease lease = sql_lease_at(call->lease)->number;
    char why[64];
    if (call->kind == SQL_ROWS)
        return keep_copy_out(store, lease, deadline_ms);
    snprintf(why, sizeof why, "%s%d", reason, number);
    const char *text = call->kind == SQL_DATA ? copy_text(call, number) : NULL;
    return keep_copy_in(store, lease, (keep_text){text, text ? strlen(text) : 0},
                        call->kind == SQL_FAIL ? why : NULL, deadline_ms);
}

/* ---- on a healthy server */

static bool ends_well(keep_store *store, enum sql_kind kind, int lease, void (*must)(int number))
{
    int number = sql_ask(store, kind, lease, -1);
    must(number);
    return sql_call_of(number)->status == KEEP_OK;
}

/* false: there was no room for its calls. */
static bool copies_out(keep_store *store, int lease, void (*must)(int number))
{
    int calls = 0;
    if (!ends_well(store, SQL_COPY_OUT, lease, must))
        return false;
    for (int copy = sql_count(); !sql_call_of(copy)->end_told; calls++)
        if (calls > 300 || !ends_well(store, SQL_ROWS, lease, must))
            return false;
    return true;
}

static void ends_soon(keep_store *store, enum sql_kind kind, int lease, void (*must)(int number))
{
    int64_t began_us = world.now_us;
    ends_well(store, kind, lease, must);
    if (world.now_us > began_us + SOON_US)
        world_fail("a COPY that was broken off kept its session for %lld us",
                   (long long)(world.now_us - began_us));
}

void copies_must_serve(keep_store *store, int lease, void (*must)(int number))
{
    if (sql_count() + 400 > SQL_CALLS)
        return;
    bool in = ends_well(store, SQL_COPY_IN, lease, must) &&
              ends_well(store, SQL_DATA, lease, must) && ends_well(store, SQL_END, lease, must);
    if (!in || !copies_out(store, lease, must) || !ends_well(store, SQL_COPY_OUT, lease, must))
        return;
    ends_soon(store, SQL_READ, lease, must);
    if (!ends_well(store, random_chance(500) ? SQL_COPY_IN : SQL_COPY_OUT, lease, must))
        return;
    sql_give_back(store, lease);
    ends_soon(store, SQL_WRITE, -1, must);
}
