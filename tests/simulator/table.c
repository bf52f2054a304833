/* The table of agent states, and a record of what it showed to whom. A document that is read carries the number of that
 * sight, so that the answer a caller gets tells which item of which statement it is. */
#define _GNU_SOURCE
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIGHTS = 1 << 15 };

struct row {
    struct call *call; /* whose document it is; NULL: there is no row */
    uint64_t order;    /* of its last save */
    int64_t locked_until_us;
    bool ghost_touched;
    struct call *newest; /* the youngest call that was saved in order */
};

static struct row rows[KEYS];
static struct sight sights[SIGHTS];
static int count;

/* Names with whatever a name may hold. */
static const char *const agents[AGENTS] = {"agent", "agent \"q\" \\",
                                           "\xc3\xa4gent\xf0\x9f\xa4\x96'; --"};
static const char *const prefixes[SESSIONS] = {"s",  "session ", "\xe2\x98\x83", "{}",
                                               "$1", "\\N",      "NULL",         "\"\""};

static const char *session_name(int index)
{
    static char names[SESSIONS][32];
    snprintf(names[index], sizeof names[index], "%s%d", prefixes[index], index);
    return names[index];
}

void key_names(int key, const char **agent, const char **session)
{
    *agent = agents[key / SESSIONS];
    *session = session_name(key % SESSIONS);
}

static int agent_of(const char *agent)
{
    for (int i = 0; i < AGENTS; i++)
        if (agent && strcmp(agents[i], agent) == 0)
            return i;
    world_fail("the server is asked for an agent that nobody named: %s", agent ? agent : "null");
}

int key_of(const char *agent, const char *session)
{
    int at = agent_of(agent) * SESSIONS;
    for (int i = 0; i < SESSIONS; i++)
        if (session && strcmp(session_name(i), session) == 0)
            return at + i;
    world_fail("the server is asked for a session that nobody named: %s",
               session ? session : "null");
}

int64_t table_locked_until(int key)
{
    return rows[key].locked_until_us;
}

void table_lock(int key, int64_t until_us)
{
    rows[key].locked_until_us = until_us;
    world_trace("a foreign session locks key %d", key);
}

void table_unlock_all(void)
{
    for (int i = 0; i < KEYS; i++)
        if (rows[i].locked_until_us > world.now_us)
            rows[i].locked_until_us = world.now_us;
}

struct call *table_current(int key)
{
    return rows[key].call;
}

bool table_ghost_touched(int key)
{
    return rows[key].ghost_touched;
}

static struct sight *sight_add(char kind, int key)
{
    if (count == SIGHTS)
        world_fail("one history shows more than %d rows", SIGHTS);
    struct sight *sight = &sights[count++];
    free(sight->text);
    *sight = (struct sight){.kind = kind, .key = key, .order = ++world.order};
    return sight;
}

int sight_count(void)
{
    return count;
}

struct sight *sight_at(int index)
{
    return &sights[index];
}

void table_save(const struct item *item, bool ghost)
{
    struct row *row = &rows[item->key];
    const char *mark = strstr(item->args[2], "\"n\":");
    struct call *call = mark ? oracle_call(atoi(mark + 4)) : NULL;
    if (!call || call->kind != CALL_SAVE || call->key != item->key ||
        strcmp(call->document, item->args[2]) != 0)
        world_fail("a document reached key %d that was never saved there: %s", item->key,
                   item->args[2]);
    row->ghost_touched = row->ghost_touched || ghost;
    if (!row->ghost_touched && row->newest && row->newest->number > call->number)
        world_fail("call %d was saved after call %d, which is younger, in key %d", call->number,
                   row->newest->number, item->key);
    row->call = row->newest = call;
    row->order = ++world.order;
    world_trace("call %d is saved in key %d%s", call->number, item->key,
                ghost ? " by a ghost" : "");
    oracle_saved(call);
}

void table_delete(const struct item *item, bool ghost)
{
    struct row *row = &rows[item->key];
    struct sight *sight = sight_add('d', item->key);
    sight->ghost = ghost;
    row->ghost_touched = row->ghost_touched || ghost;
    row->call = NULL;
    row->order = sight->order;
    world_trace("key %d is deleted%s", item->key, ghost ? " by a ghost" : "");
}

void table_setup(bool ghost)
{
    sight_add('s', -1)->ghost = ghost;
    world_trace("the table is set up%s", ghost ? " by a ghost" : "");
}

void table_load(PGresult *result, int number, const struct item *item)
{
    struct call *call = rows[item->key].call;
    struct sight *sight = sight_add('l', item->key);
    sight->saw = call;
    if (!call)
        return;
    int row = result_row(result);
    if (number)
        result_put(result, row, 0, "%d", number);
    result_put(result, row, number != 0, "{\"x\": %d, %s", (int)(sight - sights),
               call->document + 1);
}

static int newer_first(const void *a, const void *b)
{
    uint64_t left = rows[*(const int *)a].order, right = rows[*(const int *)b].order;
    return left < right ? 1 : left > right ? -1 : 0;
}

static void put_json(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', out);
        putc(*text, out);
    }
    putc('"', out);
}

void table_list(PGresult *result, int number, const struct item *item)
{
    int agent = agent_of(item->args[0]), found = 0, keys[SESSIONS];
    int limit = item->args[1] ? atoi(item->args[1]) : SESSIONS;
    int offset = item->args[2] ? atoi(item->args[2]) : 0;
    struct sight *sight = sight_add('i', agent);
    size_t size;
    FILE *out = open_memstream(&sight->text, &size);
    for (int key = agent * SESSIONS; key < (agent + 1) * SESSIONS; key++)
        if (rows[key].call)
            keys[found++] = key;
    qsort(keys, (size_t)found, sizeof keys[0], newer_first);
    putc('[', out);
    for (int i = offset; i < found && i < offset + limit; i++) {
        int row = result_row(result);
        if (number)
            result_put(result, row, 0, "%d", number);
        result_put(result, row, number != 0, "%s", session_name(keys[i] % SESSIONS));
        if (i > offset)
            putc(',', out);
        put_json(out, session_name(keys[i] % SESSIONS));
    }
    /* Which limit and offset were asked for belongs to the answer. */
    fprintf(out, "]%c%d/%d", '\0', limit, offset);
    fclose(out);
}

void table_count(PGresult *result)
{
    int found = 0;
    for (int key = 0; key < KEYS; key++)
        found += rows[key].call != NULL;
    struct sight *sight = sight_add('c', -1);
    if (asprintf(&sight->text, "%d", found) < 0)
        world_fail("the machine itself has no memory left");
    result_put(result, result_row(result), 0, "%d", found);
}

void table_reset(void)
{
    for (int i = 0; i < count; i++) {
        free(sights[i].text);
        sights[i].text = NULL;
    }
    count = 0;
    memset(rows, 0, sizeof rows);
}
