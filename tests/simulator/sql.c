/* Leases and SQL of the caller's own: what the host of a history asks for, and whether what becomes of it fits. Held against
 * what the server did (sql_server.c):
 *  - a statement runs once at most, in its lease's session, in no other's transaction and with no other's mark;
 *  - on a session one statement is under way at a time, and no lease's session is anybody else's until it is given back;
 *  - what is told not to have happened never does, what is told OK has;
 *  - takers and single statements come in order; a request to stop hits nobody else; every ticket finishes once. */
#define _GNU_SOURCE
#include "sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRACE_US = 300 * 1000 };

static struct {
    bool on;
    struct sql_call calls[SQL_CALLS]; /* by number from 1 */
    int count, pending, shared;
    struct lease leases[LEASES];
    int lease_count;
    int transactions;
    int limit, idle_ms;
    bool streams; /* a history of leases, and of what goes on for long on them */
    int notes;    /* per thousand calls on a lease: those about notifications */
    int copies;   /* the same for COPY */
    bool closing;
} sql;

void sql_reset(int limit, int idle_ms)
{
    memset(&sql, 0, sizeof sql);
    notes_reset();
    sql.on = limit > 0;
    sql.limit = limit;
    sql.idle_ms = idle_ms;
    sql.streams = random_chance(400);
    sql.copies = !sql.streams ? 50 : (int)random_between(0, 900);
    sql.notes = !sql.streams ? 50 : (int)random_between(0, 900);
}

bool sql_closes(void)
{
    return sql.closing;
}

bool sql_streams(void)
{
    return sql.on && sql.streams;
}

bool sql_on(void)
{
    return sql.on;
}

int sql_pending(void)
{
    return sql.pending;
}

int sql_count(void)
{
    return sql.count;
}

void sql_closing(void)
{
    sql.closing = true;
}

struct sql_call *sql_call_of(int number)
{
    if (number < 1 || number > sql.count)
        world_fail("statement %d is nobody's", number);
    return &sql.calls[number];
}

struct lease *sql_lease_at(int index)
{
    return index >= 0 && index < sql.lease_count ? &sql.leases[index] : NULL;
}

/* ---- what leaves, and what the server does */

int sql_holder(int number)
{
    const struct sql_call *call = sql_call_of(number);
    return call->lease >= 0 ? call->lease + 1 : -number;
}

void sql_sent(int link, int number)
{
    const struct sql_call *call = number ? sql_call_of(number) : NULL;
    if (call && call->ended)
        world_fail("statement %d leaves although it has ended as %s", number,
                   keep_status_name(call->status));
    if (call)
        sql_call_of(number)->sent = true;
    struct lease *own = call && call->lease >= 0 ? &sql.leases[call->lease] : NULL;
    for (int i = 0; i < sql.lease_count; i++)
        if (sql.leases[i].out && sql.leases[i].link == link && &sql.leases[i] != own)
            world_fail("%s %d leaves on link %d, which a lease holds", call ? "statement" : "reset",
                       number, link);
    if (!own || !number)
        return;
    if (own->link && own->link != link)
        world_fail("statement %d of a lease leaves on another link than those before it", number);
    own->link = link;
}

int sql_begun(void)
{
    return ++sql.transactions;
}

void sql_executed(int number, bool inside, int transaction)
{
    struct sql_call *call = sql_call_of(number);
    if (++call->executed > 1 && !call->refused)
        world_fail("statement %d is run twice", number);
    call->refused = false;
    if (call->must_be_inside && !inside)
        world_fail("statement %d runs outside its transaction", number);
    call->transaction = inside ? transaction : 0;
}

/* The server would not run its prepared form: it may come again. */
void sql_refused(int number)
{
    sql_call_of(number)->refused = true;
}

/* Its transaction's commit will store it, so its caller may not have been told that nothing will be. */
void sql_written(int number)
{
    struct sql_call *call = sql_call_of(number);
    call->written = true;
    if (call->ended && call->status == KEEP_DEADLINE)
        world_fail("statement %d is at work although it was told DEADLINE", number);
}

static bool told_not_done(keep_status status)
{
    return status != KEEP_OK && status != KEEP_UNKNOWN && status != KEEP_CANCELLED;
}

void sql_applied(int number)
{
    struct sql_call *call = sql_call_of(number);
    if (call->applied)
        world_fail("statement %d takes effect twice", number);
    if (call->ended && told_not_done(call->status))
        world_fail("statement %d takes effect although it was told %s", number,
                   keep_status_name(call->status));
    call->applied = true;
    if (call->kind == SQL_NOTIFY)
        note_notify(number);
}

/* `transaction`: 0 when it came to nothing. */
void sql_committed(int number, int transaction)
{
    sql_call_of(number)->commits = transaction;
    if (transaction && sql_call_of(number)->ended && told_not_done(sql_call_of(number)->status))
        world_fail("commit %d takes effect although it was told %s", number,
                   keep_status_name(sql_call_of(number)->status));
}

/* A request to stop arrives while the statement is at work. */
void sql_stopped(int number)
{
    const struct sql_call *call = number ? sql_call_of(number) : NULL;
    bool overdue = call && call->deadline_us && world.now_us >= call->deadline_us;
    if (!call || (!call->ended && !call->cancelled && !overdue && !sql.closing))
        world_fail("a request to stop hits statement %d, which nobody wants stopped", number);
}

/* ---- outcomes */

static noreturn void wrong(int number, const char *why, const char *answer)
{
    const struct sql_call *call = sql_call_of(number);
    world_fail("statement %d of kind %d on lease %d ends as %s: %s: %s", number, call->kind,
               call->lease, keep_status_name(call->status), why, answer);
}

static bool links_break(void)
{
    const struct knobs *knobs = &world.knobs;
    return knobs->link_fault || knobs->idle_fault || knobs->stall || knobs->outage;
}

/* Whether a lease may have ended by itself, which its holder is told by the next call only. */
static bool leases_end(void)
{
    return sql.idle_ms || links_break() || world_refuses_memory() || world.host_stood_still;
}

static const char *fault_of(const struct sql_call *call, const char *answer)
{
    bool wordless = world_refuses_memory() && strstr(answer, "no memory for the error");
    bool refused = wordless || strstr(answer, "\"sqlstate\":");
    switch (call->status) {
    case KEEP_OK:
        if (call->kind == SQL_NOTE)
            return note_fault((int)(call - sql.calls), answer);
        if (call->kind > SQL_NOTE)
            return copy_fault((int)(call - sql.calls), answer);
        return call->kind != SQL_TAKE && call->executed == 0 ? "it never ran"
               : call->kind == SQL_BAD                       ? "it can only be refused"
                                                             : NULL;
    case KEEP_INVALID:
        return refused || call->lease >= 0 ? NULL : "nothing is wrong with it";
    case KEEP_CONFLICT:
        return refused && world.knobs.retry_error ? NULL : "nothing conflicted";
    case KEEP_DEADLINE:
        return call->deadline_us && world.now_us >= call->deadline_us ? NULL
                                                                      : "its time is not over";
    case KEEP_CANCELLED:
        return call->cancelled ? NULL : "nobody cancelled it";
    case KEEP_UNKNOWN:
        if (!call->sent && call->kind != SQL_ROWS)
            return "it never left";
        if (call->kind == SQL_DATA || call->kind == SQL_FAIL)
            return "by it nothing is stored";
        if (strstr(answer, "\"reason\":\"deadline\""))
            return world.now_us >= call->deadline_us ? NULL : "its time is not over";
        return links_break() || sql.closing || world_refuses_memory() || world.host_stood_still
                   ? NULL
                   : "no link broke";
    case KEEP_UNAVAILABLE:
        return world_faulty() || world.host_stood_still ? NULL : "the server serves";
    case KEEP_FULL:
        return call->at_once ? NULL : "it was taken";
    case KEEP_CLOSED:
        return sql.closing ? NULL : "the store is open";
    case KEEP_NO_MEMORY:
        return world_refuses_memory() ? NULL : "there is memory";
    case KEEP_INTERNAL:
        return world.knobs.odd_error ? NULL : "nothing odd happened";
    default:
        return "no statement of ours may";
    }
}

/* Those that came before it and still wait were overtaken. */
static void look_at_order(int number)
{
    for (int i = 1; i < number; i++) {
        const struct sql_call *call = &sql.calls[i];
        if (!call->ended && !call->sent && call->lease < 0 && call->kind != SQL_TAKE &&
            !call->released)
            world_fail("taker %d is served before statement %d", number, i);
        if (!call->ended && call->kind == SQL_TAKE && !call->released)
            world_fail("taker %d is served before taker %d", number, i);
    }
}

static void lease_granted(struct sql_call *call, const char *answer)
{
    int out = 0;
    unsigned long long number = 0;
    if (sscanf(answer, "{\"lease\":%llu}", &number) != 1 || sql.lease_count == LEASES)
        world_fail("a taker is given %s", answer);
    call->lease = sql.lease_count++;
    sql.leases[call->lease] = (struct lease){.number = number, .out = true};
    for (int i = 0; i < sql.lease_count; i++)
        out += sql.leases[i].out && !sql.leases[i].dubious;
    if (out > sql.limit && !leases_end())
        world_fail("%d leases are out; at most %d may be", out, sql.limit);
}

/* What a lease's holder knows of its transaction. */
static void lease_told(const struct sql_call *call)
{
    struct lease *lease = &sql.leases[call->lease];
    if (call->kind == SQL_NOTE)
        return;
    if (call->status != KEEP_OK)
        lease->dubious = true, lease->inside = false;
    else if (call->kind == SQL_BEGIN && !lease->dubious && lease->last_end < call - sql.calls)
        lease->inside = true;
}

static void finish(keep_store *store, int number, keep_status status)
{
    struct sql_call *call = sql_call_of(number);
    /* A lease whose ticket nobody reads goes back with the ticket. */
    bool unread = call->kind == SQL_TAKE && status == KEEP_OK && random_chance(200);
    keep_text answer = unread ? KEEP_TEXT("") : keep_op_result(store, call->ticket);
    call->status = status;
    call->ended = true;
    sql.pending--;
    world_trace("statement %d ends as %s %.60s", number, keep_status_name(status), answer.data);
    const char *fault = fault_of(call, answer.data);
    if (fault)
        wrong(number, fault, answer.data);
    bool stands = call->written && status == KEEP_DEADLINE;
    if (told_not_done(status) && (call->applied || call->commits || stands))
        wrong(number, "and yet it took effect", answer.data);
    if (status == KEEP_OK && call->kind == SQL_TAKE) {
        look_at_order(number);
        if (!unread)
            lease_granted(call, answer.data);
        if (unread)
            call->cancelled = true;
    } else if (call->lease >= 0) {
        lease_told(call);
    }
}

int sql_look(keep_store *store, int own)
{
    int others = 0;
    for (int number = 1; number <= sql.count; number++) {
        struct sql_call *call = &sql.calls[number];
        if (call->ended || call->released)
            continue;
        keep_status status = keep_op_status(store, call->ticket);
        if (status == KEEP_PENDING)
            continue;
        finish(store, number, status);
        others += number != own && !call->awaited;
    }
    return others;
}

/* keep_poll() at that time has looked at the clock. */
void sql_polled(int64_t at_us)
{
    for (int number = 1; number <= sql.count; number++) {
        struct sql_call *call = &sql.calls[number];
        if (call->ended || !call->deadline_us || call->deadline_us > at_us)
            continue;
        if (!call->noticed_us)
            call->noticed_us = at_us;
        if (!call->sent || call->noticed_us + GRACE_US <= at_us)
            world_fail("statement %d is still pending long after its deadline", number);
    }
}

bool sql_told(keep_op ticket)
{
    for (int number = 1; number <= sql.count; number++) {
        struct sql_call *call = &sql.calls[number];
        if (call->ticket != ticket || call->released)
            continue;
        if (call->told || call->awaited || !call->ended)
            world_fail("keep_next() gives statement %d wrongly", number);
        call->told = true;
        return true;
    }
    return false;
}

/* ---- the host */

static void sql_release(keep_store *store, int number)
{
    struct sql_call *call = sql_call_of(number);
    if (call->released)
        return;
    if (!call->ended)
        sql_look(store, 0); /* it may have ended since */
    call->released = true;
    if (!call->ended) {
        call->cancelled = true;
        call->status = KEEP_CANCELLED;
        call->ended = true;
        sql.pending--;
        if (call->lease >= 0)
            lease_told(call);
    }
    keep_release(store, call->ticket);
}

int sql_ask(keep_store *store, enum sql_kind kind, int lease, int deadline_ms)
{
    char text[128], digits[16];
    int number = ++sql.count;
    struct sql_call *call = &sql.calls[number];
    *call = (struct sql_call){.kind = kind, .lease = lease};
    call->deadline_us = deadline_ms > 0 ? world.now_us + (int64_t)deadline_ms * 1000 : 0;
    struct lease *held = lease >= 0 ? &sql.leases[lease] : NULL;
    call->must_be_inside = held && held->inside;
    if (held && (kind == SQL_COMMIT || kind == SQL_ROLLBACK))
        held->inside = false, held->last_end = number,
        held->dubious = held->dubious || kind == SQL_COMMIT;
    if (held && kind != SQL_NOTE && kind != SQL_DATA && kind != SQL_ROWS)
        held->copy = kind;
    call->rows = (int)(kind == SQL_DATA ? random_between(1, 5)
                                        : random_between(0, random_chance(200) ? 200 : 9));
    call->spoilt = kind == SQL_DATA && !world.healthy && random_chance(20);
    sql.pending++;
    world_trace("statement %d of kind %d is asked for on lease %d", number, kind, lease);
    if (kind == SQL_TAKE) {
        call->ticket = keep_lease_take(store, deadline_ms);
    } else if (kind == SQL_NOTE) {
        call->ticket = keep_notification(store, held->number, deadline_ms);
    } else if (kind > SQL_NOTE) {
        call->ticket = copy_ask(store, number, deadline_ms);
    } else {
        snprintf(digits, sizeof digits, "%d", number);
        keep_param param = {.value = {digits, strlen(digits)}};
        bool bound = kind == SQL_WRITE || kind == SQL_READ || kind == SQL_SLEEP;
        sql_text(kind, number, text, sizeof text);
        call->ticket = keep_query(store, held ? held->number : 0, (keep_text){text, strlen(text)},
                                  &param, bound, deadline_ms);
    }
    call->at_once = keep_op_status(store, call->ticket) != KEEP_PENDING;
    sql_look(store, number);
    return number;
}

static int draw_deadline(void)
{
    if (sql.streams && random_chance(200))
        return (int)random_between(1, 10); /* while its statement is at work, perhaps */
    return random_chance(600) ? 30000 : random_chance(300) ? -1 : (int)random_between(1, 1500);
}

static int any_lease(void)
{
    int first = sql.lease_count ? (int)random_between(0, sql.lease_count - 1) : 0;
    for (int i = 0; i < sql.lease_count; i++)
        if (sql.leases[(first + i) % sql.lease_count].out)
            return (first + i) % sql.lease_count;
    return -1;
}

static void give_back(keep_store *store, int lease)
{
    if (!sql.leases[lease].out)
        return;
    for (int number = 1; number <= sql.count; number++)
        if (!sql.calls[number].ended && sql.calls[number].lease == lease)
            sql.calls[number].cancelled = true;
    sql.leases[lease].out = false;
    world_trace("lease %d is given back", lease);
    keep_lease_return(store, sql.leases[lease].number);
}

static enum sql_kind draw_kind(int lease)
{
    static const enum sql_kind on_lease[] = {SQL_BEGIN, SQL_COMMIT, SQL_ROLLBACK, SQL_WRITE,
                                             SQL_WRITE, SQL_READ,   SQL_SLEEP,    SQL_MARK};
    static const enum sql_kind notes[] = {SQL_LISTEN, SQL_NOTIFY, SQL_NOTE, SQL_NOTE, SQL_NOTE};
    static const enum sql_kind alone[] = {SQL_WRITE, SQL_WRITE,  SQL_READ,  SQL_READ,
                                          SQL_SLEEP, SQL_TWO,    SQL_BAD,   SQL_MARK,
                                          SQL_BEGIN, SQL_LISTEN, SQL_NOTIFY};
    bool leased = lease >= 0;
    if (leased && random_chance(sql.copies))
        return copy_draw(&sql.leases[lease], lease);
    if (leased && random_chance(sql.notes))
        return notes[random_between(0, 4)];
    if (leased && sql.streams)
        return on_lease[random_between(0, 4)];
    return leased ? on_lease[random_between(0, 7)] : alone[random_between(0, 10)];
}

static void act_on(keep_store *store, int number)
{
    struct sql_call *call = &sql.calls[number];
    if (!call->ended && random_chance(300)) {
        call->cancelled = true;
        keep_cancel(store, call->ticket);
        sql_look(store, number);
        if (call->status != KEEP_CANCELLED)
            wrong(number, "it was cancelled", "");
    } else if (!call->ended && random_chance(200)) {
        call->awaited = true;
        keep_wait(store, call->ticket, (int)random_between(0, 20));
    } else if (call->ended || random_chance(50)) {
        sql_release(store, number);
    }
}

static int waiting_on(int lease)
{
    int count = 0;
    for (int number = 1; number <= sql.count; number++)
        count += !sql.calls[number].ended && sql.calls[number].lease == lease;
    return count;
}

/* What the host does next with SQL; a call that finishes meanwhile is looked at by whoever calls. */
void sql_act(keep_store *store)
{
    static const int calls[] = {20, 45, 80, 86, 89}, streams[] = {10, 15, 82, 84, 90};
    const int *ways = sql.streams ? streams : calls;
    sql_look(store, 0);
    int lease = any_lease();
    int64_t way = random_between(0, 99);
    if (sql.count + 4 >= SQL_CALLS || sql.lease_count + 8 >= LEASES)
        way = 90;
    if (sql.streams && (lease < 0 ? sql.pending > 4 : waiting_on(lease) > 4) && way < ways[3])
        return; /* what was asked for is worth waiting for */
    if (way < ways[0]) {
        sql_ask(store, SQL_TAKE, -1, draw_deadline());
    } else if (way < ways[1]) {
        sql_ask(store, draw_kind(-1), -1, draw_deadline());
    } else if (way < ways[2] && lease >= 0) {
        for (int64_t i = random_between(0, 3); i >= 0 && sql.leases[lease].out; i--)
            sql_ask(store, draw_kind(lease), lease, draw_deadline());
    } else if (way < ways[3] && lease >= 0) {
        give_back(store, lease);
    } else if (way < ways[4]) {
        note_send_some();
    } else if (sql.count > 0) {
        act_on(store, (int)random_between(1, sql.count));
    }
}

/* Nothing is held any more that could keep others waiting. */
void sql_give_all_back(keep_store *store)
{
    for (int number = 1; number <= sql.count; number++)
        if (sql.calls[number].kind == SQL_TAKE &&
            (!sql.calls[number].ended || sql.calls[number].lease < 0))
            sql_release(store, number); /* waits, or has a lease that nobody read */
    for (int i = 0; i < sql.lease_count; i++)
        if (sql.leases[i].out)
            give_back(store, i);
    for (int number = 1; number <= sql.count; number++)
        if (!sql.calls[number].ended && sql.calls[number].kind == SQL_SLEEP)
            sql_release(store, number);
    sql_look(store, 0);
}

void sql_release_all(keep_store *store)
{
    for (int number = 1; number <= sql.count; number++)
        sql_release(store, number);
}

/* The numbers of a transaction that must succeed; the last one is its commit. */
int sql_submit_one(keep_store *store, enum sql_kind kind, int lease)
{
    return sql_ask(store, kind, lease, -1);
}

keep_status sql_status(int number)
{
    return sql_call_of(number)->ended ? sql_call_of(number)->status : KEEP_PENDING;
}

int sql_lease_of(int number)
{
    return sql_call_of(number)->lease;
}

void sql_give_back(keep_store *store, int lease)
{
    give_back(store, lease);
}

/* ---- in hindsight */

void sql_verdict(void)
{
    for (int number = 1; number <= sql.count; number++) {
        const struct sql_call *call = &sql.calls[number];
        bool writes = call->kind == SQL_WRITE || call->kind == SQL_TWO ||
                      call->kind == SQL_NOTIFY || call->kind == SQL_END;
        if (!call->ended)
            world_fail("statement %d never ended", number);
        copy_verdict(number);
        if (writes && !call->transaction && call->status == KEEP_OK && !call->applied)
            world_fail("statement %d was told OK and took no effect", number);
        if (!writes || !call->transaction || call->status != KEEP_OK)
            continue;
        bool committed = false;
        for (int other = 1; other <= sql.count; other++)
            committed = committed || sql.calls[other].commits == call->transaction;
        if (committed != call->applied)
            world_fail("statement %d and the commit of its transaction are not of one mind",
                       number);
    }
}
