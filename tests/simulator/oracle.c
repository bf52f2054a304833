/* Every call's fate. The oracle knows what was submitted, what left, and what the server did, so it can judge each
 * outcome at the moment it is told, and the order of all of them in hindsight (verdict.c). */
#define _GNU_SOURCE
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLACK = 256 }; /* bytes the engine may count for a call beside its arguments */

static struct limits limits;
static struct call *calls[CALLS];
static int call_count;
static struct call *pending[CALLS];
static int pending_count;
static bool closing;
static uint64_t looked; /* when all outcomes were last looked at */

void oracle_begin(const struct limits *given)
{
    limits = *given;
    closing = false;
    looked = 0;
}

void oracle_end(void)
{
    while (call_count) {
        struct call *call = calls[--call_count];
        free(call->document);
        free(call->answer);
        free(call);
    }
    pending_count = 0;
}

struct call *oracle_new(enum call_kind kind, int key)
{
    if (call_count == CALLS)
        world_fail("one history has more than %d calls", CALLS);
    struct call *call = calloc(1, sizeof *call);
    calls[call_count++] = call;
    call->kind = kind;
    call->key = key;
    call->number = call_count;
    call->status = KEEP_PENDING;
    return call;
}

int oracle_count(void)
{
    return call_count;
}

struct call *oracle_call(int number)
{
    return number >= 1 && number <= call_count ? calls[number - 1] : NULL;
}

struct call *oracle_by_ticket(keep_op ticket)
{
    for (int i = call_count; i-- > 0;)
        if (calls[i]->ticket == ticket && !calls[i]->released && !calls[i]->shared)
            return calls[i];
    return NULL;
}

int oracle_pending(void)
{
    return pending_count;
}

struct call *oracle_pending_at(int index)
{
    return pending[index];
}

bool call_stores(const struct call *call)
{
    return call->kind == CALL_SAVE || call->kind == CALL_SAVE_VERSION || call->kind == CALL_COPY;
}

bool call_writes(const struct call *call)
{
    return call_stores(call) || call->kind == CALL_DELETE || call->kind == CALL_SETUP;
}

/* A younger save of the same key that was committed: it told the elder one's success. */
struct call *call_superseder(const struct call *call)
{
    for (int i = call->number; call->kind == CALL_SAVE && i < call_count; i++)
        if (calls[i]->kind == CALL_SAVE && calls[i]->key == call->key && calls[i]->applied)
            return calls[i];
    return NULL;
}

/* ---- what leaves, and what the server does */

static void look_at_call(const struct pg_conn *link, const struct item *item)
{
    struct call *call = oracle_call(item->number);
    if (!call)
        world_fail("link %d sends a document that nobody submitted", link_number(link));
    if (call->done)
        world_fail("call %d is sent although it is finished as %s", call->number,
                   keep_status_name(call->status));
    if (!call->sent)
        call->sent = ++world.order;
    call->doubt = link_number(link);
}

void oracle_answered(const struct pg_conn *link)
{
    for (int i = 0; i < call_count; i++)
        if (calls[i]->doubt == link_number(link)) {
            calls[i]->doubt = 0;
            calls[i]->known = ++world.order;
        }
}

/* No statement settles by itself what two calls of one key do, but for those that may meet as they are. */
static void look_at_keys(const struct command *query)
{
    for (int i = 0; query->spec->same_key != SAME_KEY_ANY && i < query->count; i++)
        for (int j = 0; j < i; j++)
            if (query->items[i].key >= 0 && query->items[i].key == query->items[j].key)
                world_fail("a batch of %s names key %d twice", query->spec->name,
                           query->items[i].key);
}

void oracle_sent(const struct pg_conn *link, const struct command *query)
{
    int64_t bytes = 0;
    for (int i = 0; i < query->count; i++) {
        const struct item *item = &query->items[i];
        for (int j = 0; j < PARAMS; j++)
            bytes += (int64_t)item->sizes[j];
        if (item->key >= 0 && link_key_elsewhere(link, item->key))
            world_fail("key %d is under way on two connections", item->key);
        if (item->document || item->number)
            look_at_call(link, item);
    }
    look_at_keys(query);
    if (query->count > limits.batch)
        world_fail("a batch of %d calls is sent; the option allows %d", query->count, limits.batch);
    if (query->count > 1 && bytes > limits.batch_bytes)
        world_fail("a batch of %lld bytes is sent; the option allows %lld", (long long)bytes,
                   (long long)limits.batch_bytes);
}

static bool told_not_committed(keep_status status)
{
    return status != KEEP_OK && status != KEEP_UNKNOWN && status != KEEP_CANCELLED;
}

void oracle_saved(struct call *call)
{
    if (call->applied || call->refused)
        world_fail("call %d was carried out twice", call->number);
    if (call->done && told_not_committed(call->status))
        world_fail("call %d is committed although it was told %s", call->number,
                   keep_status_name(call->status));
    call->applied = ++world.order;
    if (call->done && !call->sent)
        world_fail("call %d is committed and never left", call->number);
}

void oracle_refused(struct call *call)
{
    if (call->applied || call->refused)
        world_fail("call %d was carried out twice", call->number);
    call->refused = true;
}

/* ---- submitting */

struct held {
    int count, most_count;
    int64_t bytes, most_bytes;
};

/* A call that ended while it was under way may be held a while longer; nobody but the engine knows. */
static struct held held_now(const struct call *but)
{
    struct held held = {0};
    for (int i = 0; i < call_count; i++) {
        const struct call *call = calls[i];
        if (call == but || call->shared || (call->released && !call->lingers))
            continue;
        held.count += !call->released;
        held.bytes += call->released || call->kind == CALL_BAD ? 0 : (int64_t)call->bytes;
        held.most_count++;
        held.most_bytes += (int64_t)call->bytes + SLACK;
    }
    return held;
}

static void look_at_caps(const struct call *call)
{
    struct held held = held_now(call);
    if (sql_on())
        return; /* statements hold slots and bytes, too */
    if (call->status == KEEP_FULL) {
        if (held.most_count < limits.queue &&
            held.most_bytes + (int64_t)call->bytes + SLACK <= limits.queue_bytes)
            world_fail("call %d is refused as FULL with %d calls and %lld bytes held", call->number,
                       held.most_count, (long long)held.most_bytes);
        return;
    }
    if (call->shared)
        return;
    if (held.count >= limits.queue)
        world_fail("call %d is taken with %d calls held; the option allows %d", call->number,
                   held.count, limits.queue);
    if (held.count > 0 && call->kind != CALL_BAD &&
        held.bytes + (int64_t)call->bytes > limits.queue_bytes)
        world_fail("call %d is taken with %lld bytes held; the option allows %lld", call->number,
                   (long long)held.bytes, (long long)limits.queue_bytes);
}

int oracle_submitted(keep_store *store, struct call *call, keep_op ticket)
{
    if (ticket == 0)
        world_fail("call %d has no ticket", call->number);
    call->ticket = ticket;
    call->shared = (uint32_t)ticket >= (uint32_t)limits.queue;
    for (int i = 0; i < call_count && !call->shared; i++)
        if (calls[i] != call && calls[i]->ticket == ticket)
            world_fail("call %d is given the ticket that call %d had", call->number,
                       calls[i]->number);
    pending[pending_count++] = call;
    call->at_once = keep_op_status(store, ticket) != KEEP_PENDING;
    int others = oracle_look(store, call);
    look_at_caps(call);
    return others;
}

/* ---- outcomes */

static noreturn void wrong(const struct call *call, const char *why)
{
    static const char *const kinds[] = {"save", "load",  "delete", "save_version", "copy",
                                        "list", "count", "ping",   "set-up",       "bad call"};
    world_fail("call %d, a %s of key %d, ends as %s: %s; its answer is %s", call->number,
               kinds[call->kind], call->key, keep_status_name(call->status), why, call->answer);
}

/* Without memory for an error's text only the status is left. */
static bool wordless(const struct call *call)
{
    return world_refuses_memory() && strncmp(call->answer, "{\"message\":\"no memory", 21) == 0;
}

static void look_at_error(const struct call *call)
{
    char *start;
    if (asprintf(&start, "{\"status\":\"%s\"", keep_status_name(call->status)) < 0)
        return;
    bool right = strncmp(call->answer, start, strlen(start)) == 0;
    bool whole =
        strstr(call->answer, ",\"retry\":") && call->answer[strlen(call->answer) - 1] == '}';
    free(start);
    if (!wordless(call) && (!right || !whole))
        wrong(call, "the error does not say so");
}

static bool past_deadline(const struct call *call)
{
    return call->deadline_us && world.now_us >= call->deadline_us;
}

/* Whether the engine may be in doubt: since the last look there was a time when the server's word was still to come. */
static bool was_open(const struct call *call)
{
    return call->doubt || call->known > looked;
}

/* As far as its arguments tell who a call is. A superseded save is committed with the one that travels in its place. */
static bool in_doubt(const struct call *call)
{
    bool doubt = !call_stores(call) || was_open(call);
    for (int i = call->number; call->kind == CALL_SAVE && i < call_count && !doubt; i++)
        doubt = calls[i]->kind == CALL_SAVE && calls[i]->key == call->key && was_open(calls[i]);
    return doubt;
}

static const char *conflict_fault(const struct call *call)
{
    if (strstr(call->answer, "\"sqlstate\":"))
        return world.knobs.retry_error > 100 ? NULL : "nothing conflicted";
    return call->kind == CALL_SAVE_VERSION && call->refused ? NULL : "no other version was there";
}

/* A call that wants a connection ends past "queue_ms"; one that has left goes on, unless a fault sent it back. */
static const char *queue_fault(const struct call *call)
{
    return !call->queue_us || world.now_us < call->queue_us ? "it may still wait for a connection"
           : call->doubt && !world_faulty()                 ? "it had left"
                                                            : NULL;
}

/* Why a call may not end this way; NULL when it may. */
static const char *fault_of(const struct call *call)
{
    const struct knobs *knobs = &world.knobs;
    bool links_break = knobs->link_fault || knobs->idle_fault || knobs->stall || knobs->outage;
    bool by_deadline = strstr(call->answer, "\"reason\":\"deadline\"");
    bool by_close = closing && call->kind != CALL_BAD;
    switch (call->status) {
    case KEEP_OK:
        return call->faulty && !call_superseder(call) ? "it can only be refused" : NULL;
    case KEEP_INVALID:
        return call->faulty ? NULL : "nothing is wrong with it";
    case KEEP_DEADLINE:
        if (strstr(call->answer, "\"reason\":\"queue\"") ||
            (!past_deadline(call) && wordless(call)))
            return queue_fault(call);
        return !past_deadline(call)                 ? "its time is not over"
               : call_writes(call) && call->applied ? "it was committed"
                                                    : NULL;
    case KEEP_CANCELLED:
        return call->cancelled ? NULL : "nobody cancelled it";
    case KEEP_UNKNOWN:
        if (!call_writes(call))
            return "it does not write";
        if (strstr(call->answer, "\"reason\":\"memory\""))
            return world_refuses_memory() ? NULL : "there is memory";
        if (!in_doubt(call))
            return "what became of it is known";
        if (by_deadline)
            return past_deadline(call) ? NULL : "its time is not over";
        return links_break || by_close || world_refuses_memory() ? NULL : "no link broke";
    case KEEP_UNAVAILABLE:
        return links_break || world.host_stood_still || knobs->connect_fault ||
                       knobs->backends < 100 || knobs->odd_error || knobs->lock ||
                       world_refuses_memory()
                   ? NULL
                   : "the server serves";
    case KEEP_CONFLICT:
        return conflict_fault(call);
    case KEEP_ABSENT:
        return call->kind == CALL_COPY && call->refused ? NULL : "what it needs was there";
    case KEEP_FULL:
        return call->at_once ? NULL : "it was taken";
    case KEEP_CLOSED:
        return closing ? NULL : "the store is open";
    case KEEP_NO_MEMORY:
        return world_refuses_memory() ? NULL : "there is memory";
    case KEEP_INTERNAL:
        return knobs->odd_error ? NULL : "nothing odd happened";
    default:
        return "no call of ours may";
    }
}

static struct sight *sight_of_text(const struct call *call, char kind)
{
    for (int i = 0; i < sight_count(); i++) {
        struct sight *sight = sight_at(i);
        if (sight->kind == kind && !sight->used && sight->key == call->key &&
            sight->order > call->submitted && strcmp(sight->text, call->answer) == 0)
            return sight;
    }
    wrong(call, "the server did not answer that to this call");
}

/* The document of a load's answer; state.find gives it in an object, load_version with its version. */
static char *loaded_document(const struct call *call, int *version)
{
    static const char before[] = "{\"state\":";
    const char *start = call->answer, *end = start + strlen(start);
    if (call->form != LOAD_PLAIN) {
        if (strncmp(start, before, strlen(before)) != 0 || *--end != '}')
            wrong(call, "its document is not in an object");
        start += strlen(before);
    }
    if (call->form == LOAD_VERSION) {
        end = strrchr(start, ',');
        if (!end || sscanf(end, ",\"version\":%d}", version) != 1)
            wrong(call, "it gives no version");
    }
    return strndup(start, (size_t)(end - start));
}

/* NULL for a load that found nothing: which sight that was only hindsight tells. */
static struct sight *sight_of_load(const struct call *call)
{
    int number = -1, version = 0;
    if (strcmp(call->answer, "null") == 0)
        return NULL;
    char *document = loaded_document(call, &version);
    if (sscanf(document, "{\"x\": %d, ", &number) != 1 || number < 0 || number >= sight_count())
        wrong(call, "that was never stored");
    struct sight *sight = sight_at(number);
    bool stored = sight->kind == 'l' && sight->key == call->key && sight->saw &&
                  strcmp(strstr(document, ", ") + 2, sight->saw->document + 1) == 0;
    free(document);
    if (!stored || sight->order < call->submitted || sight->used)
        wrong(call, "that is the answer to another call");
    if (call->form == LOAD_VERSION && version != sight->version)
        wrong(call, "that is another row's version");
    return sight;
}

static bool gives_row(const struct call *call)
{
    const char *name, *session;
    size_t size = strlen(call->answer);
    if (call->kind == CALL_SAVE_VERSION)
        return atoi(call->answer) == call->version && strspn(call->answer, "0123456789") == size;
    key_names(call->key, &name, &session);
    return size == strlen(name) + 2 && strncmp(call->answer + 1, name, size - 2) == 0 &&
           call->answer[0] == '"' && call->answer[size - 1] == '"';
}

static void look_at_answer(struct call *call)
{
    if (call_stores(call) && !call->applied && !call_superseder(call))
        wrong(call, "it was not committed");
    switch (call->kind) {
    case CALL_SAVE_VERSION:
    case CALL_COPY:
        if (!gives_row(call))
            wrong(call, "that is not the row it stored");
        break;
    case CALL_LOAD:
        call->sight = sight_of_load(call);
        break;
    case CALL_LIST:
    case CALL_COUNT:
        call->sight = sight_of_text(call, call->kind == CALL_LIST ? 'i' : 'c');
        break;
    default:
        break;
    }
    bool plain = call->kind == CALL_SAVE || call->kind == CALL_DELETE || call->kind == CALL_PING ||
                 call->kind == CALL_SETUP;
    if (plain && strcmp(call->answer, "null") != 0)
        wrong(call, "it gives nothing");
    if (call->sight)
        call->sight->used = true;
}

static void finish(keep_store *store, struct call *call, keep_status status)
{
    keep_text answer = keep_op_result(store, call->ticket);
    call->status = status;
    call->done = ++world.order;
    call->done_us = world.now_us;
    call->answer = strndup(answer.data ? answer.data : "", answer.size);
    if (!answer.data || strlen(call->answer) != answer.size || answer.data[answer.size] != '\0')
        wrong(call, "its answer is no text");
    world_trace("call %d ends as %s %.60s", call->number, keep_status_name(status), call->answer);
    const char *fault = fault_of(call);
    if (fault)
        wrong(call, fault);
    if (told_not_committed(status) && call->applied)
        wrong(call, "and yet it was committed");
    if (status == KEEP_CANCELLED && !call->sent && call->applied)
        wrong(call, "it was committed without being sent");
    if (status == KEEP_OK)
        look_at_answer(call);
    else
        look_at_error(call);
}

static void pending_remove(struct call *call)
{
    for (int i = 0; i < pending_count; i++)
        if (pending[i] == call) {
            pending[i] = pending[--pending_count];
            return;
        }
}

int oracle_look(keep_store *store, const struct call *own)
{
    int others = 0;
    for (int i = 0; i < pending_count;) {
        struct call *call = pending[i];
        keep_status status = keep_op_status(store, call->ticket);
        if (status == KEEP_PENDING) {
            i++;
            continue;
        }
        pending_remove(call);
        finish(store, call, status);
        others += call != own && !call->awaited;
    }
    looked = ++world.order;
    int most = limits.connections + (sql_on() && limits.connections == 1);
    if (link_count() > most)
        world_fail("%d connections are open; the option allows %d", link_count(), most);
    return others;
}

/* keep_poll() at that time has looked at the clock: nobody's deadline may be over and the call still pending. */
void oracle_polled(int64_t at_us)
{
    for (int i = 0; i < pending_count; i++)
        if (pending[i]->deadline_us && pending[i]->deadline_us <= at_us)
            world_fail("call %d is still pending %lld us after its deadline", pending[i]->number,
                       (long long)(at_us - pending[i]->deadline_us));
}

void oracle_released(struct call *call)
{
    call->released = true;
    call->lingers = call->status == KEEP_PENDING || call->status == KEEP_CANCELLED ||
                    call->status == KEEP_DEADLINE || call->status == KEEP_UNKNOWN;
    if (call->status != KEEP_PENDING)
        return;
    call->cancelled = true;
    call->status = KEEP_CANCELLED;
    call->done = ++world.order;
    call->done_us = world.now_us;
    call->answer = strdup("");
    pending_remove(call);
}

void oracle_closing(void)
{
    closing = true;
}
