/* The tables of agent states and of checkpoints, and a record of what it showed to whom. A document that is read carries the number of that
 * sight, so that the answer a caller gets tells which item of which statement it is. */
#define _GNU_SOURCE
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIGHTS = 1 << 15 };

struct row {
    struct call *call;   /* whose document it is; NULL: there is no row */
    struct call *writer; /* who stored it: the same, or a copy */
    int version;
    uint64_t order; /* of its last save */
    int64_t locked_until_us;
    bool ghost_touched;
    struct call *newest; /* the youngest call that stored, or was refused, in order */
};

static struct row rows[KEYS];
static struct sight sights[SIGHTS];
static int count;

/* Names with whatever a name may hold. */
static const char *const agents[AGENTS] = {"agent", "agent \"q\" \\",
                                           "\xc3\xa4gent\xf0\x9f\xa4\x96'; --"};
static const char *const prefixes[SESSIONS] = {"s",  "session ", "\xe2\x98\x83", "{}",
                                               "$1", "\\N",      "NULL",         "\"\""};
/* The empty name is one like any other. */
static const char *const threads[THREADS] = {"",   "thread",   "#",
                                             "%s", "{a}, 'b'", "\xf0\x9f\xa7\xb5"};

static const char *session_name(int index)
{
    static char names[SESSIONS][32];
    snprintf(names[index], sizeof names[index], "%s%d", prefixes[index], index);
    return names[index];
}

void key_names(int key, const char **agent_or_thread, const char **session)
{
    *agent_or_thread = key < STATES ? agents[key / SESSIONS] : threads[key - STATES];
    *session = key < STATES ? session_name(key % SESSIONS) : "";
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

int key_of_thread(const char *thread, size_t size)
{
    for (int i = 0; i < THREADS; i++)
        if (thread && strlen(threads[i]) == size && memcmp(threads[i], thread, size) == 0)
            return STATES + i;
    world_fail("the server is asked for a thread that nobody named: %s", thread ? thread : "null");
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

struct call *table_writer(int key)
{
    return rows[key].writer;
}

int table_version(int key)
{
    return rows[key].call ? rows[key].version : 0;
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

static int source_of(const struct item *item)
{
    return key_of_thread(item->args[0], (size_t)(strrchr(item->args[0], '#') - item->args[0]));
}

bool table_refuses(const char *operation, const struct item *item)
{
    if (strcmp(operation, "checkpoint.copy") == 0)
        return !rows[source_of(item)].call;
    if (strcmp(operation, "checkpoint.save_version") != 0)
        return false;
    return table_version(item->key) != (item->args[2] ? atoi(item->args[2]) : 0);
}

static struct call *asked_for(const struct item *item)
{
    struct call *call = oracle_call(item->number);
    bool right = call && call->key == item->key && call_stores(call);
    if (right && call->kind == CALL_COPY)
        right = source_of(item) == call->source;
    else if (right)
        right = item->document && strcmp(call->document, item->document) == 0;
    if (right && call->kind == CALL_SAVE_VERSION)
        right = call->expected == (item->args[2] ? atoi(item->args[2]) : 0);
    if (!right)
        world_fail("a write reached key %d that nobody asked for there: %s", item->key,
                   item->document ? item->document : item->args[0]);
    return call;
}

void table_store(const struct item *item, bool ghost)
{
    struct row *row = &rows[item->key];
    struct call *call = asked_for(item);
    row->ghost_touched = row->ghost_touched || ghost;
    if (!row->ghost_touched && row->newest && row->newest->number > call->number)
        world_fail("call %d came to key %d after call %d, which is younger", call->number,
                   item->key, row->newest->number);
    row->newest = call;
    if (item->refused) {
        world_trace("call %d finds key %d otherwise%s", call->number, item->key,
                    ghost ? " as a ghost" : "");
        oracle_refused(call);
        return;
    }
    call->version = row->version = table_version(item->key) + 1;
    row->call = call->kind == CALL_COPY ? rows[call->source].call : call;
    row->writer = call;
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
    row->call = row->writer = NULL;
    row->order = sight->order;
    world_trace("key %d is deleted%s", item->key, ghost ? " by a ghost" : "");
}

void table_setup(bool ghost)
{
    sight_add('s', -1)->ghost = ghost;
    world_trace("the table is set up%s", ghost ? " by a ghost" : "");
}

/* Appends a row; the column behind its number, if there is one. */
static int row_begin(PGresult *result, int number, int *row)
{
    *row = result_row(result);
    if (number)
        result_put(result, *row, 0, "%d", number);
    return number != 0;
}

static void table_load(PGresult *result, int number, const struct item *item)
{
    const struct row *stored = &rows[item->key];
    struct sight *sight = sight_add('l', item->key);
    int row;
    sight->saw = stored->call;
    sight->writer = stored->writer;
    sight->version = stored->version;
    if (!stored->call)
        return;
    int column = row_begin(result, number, &row);
    result_put(result, row, column, "{\"x\": %d, %s", (int)(sight - sights),
               stored->call->document + 1);
    if (column + 1 < result->columns)
        result_put(result, row, column + 1, "%d", stored->version);
}

static void table_save_version(PGresult *result, int number, const struct item *item)
{
    int row;
    if (item->refused)
        return;
    int column = row_begin(result, number, &row);
    result_put(result, row, column, "%d", table_version(item->key) + 1);
}

static void table_copy(PGresult *result, int number, const struct item *item)
{
    int row;
    if (item->refused)
        return;
    int column = row_begin(result, number, &row);
    result_put(result, row, column, "%s", item->args[1]);
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

static void table_list(PGresult *result, int number, const struct item *item)
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
        int row, column = row_begin(result, number, &row);
        result_put(result, row, column, "%s", session_name(keys[i] % SESSIONS));
        if (i > offset)
            putc(',', out);
        put_json(out, session_name(keys[i] % SESSIONS));
    }
    /* Which limit and offset were asked for belongs to the answer. */
    fprintf(out, "]%c%d/%d", '\0', limit, offset);
    fclose(out);
}

static void table_count(PGresult *result, int number, const struct item *item)
{
    int found = 0, row;
    (void)item;
    for (int key = 0; key < STATES; key++)
        found += rows[key].call != NULL;
    struct sight *sight = sight_add('c', -1);
    if (asprintf(&sight->text, "%d", found) < 0)
        world_fail("the machine itself has no memory left");
    int column = row_begin(result, number, &row);
    result_put(result, row, column, "%d", found);
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

/* ---- what statements give */

static void put_ping(PGresult *result, int number, const struct item *item)
{
    (void)number;
    (void)item;
    result_put(result, result_row(result), 0, "1");
}

/* What a statement gives: its columns, and how an item's rows are made. The writes that are not here give nothing. */
static const struct shape {
    const char *name;
    void (*put)(PGresult *result, int number, const struct item *item);
    Oid types[PARAMS - 1];
} shapes[] = {
    {"state.load", table_load, {3802}},
    {"state.find", table_load, {3802}},
    {"state.list", table_list, {25}},
    {"state.count", table_count, {20}},
    {"admin.ping", put_ping, {23}},
    {"checkpoint.load", table_load, {3802}},
    {"checkpoint.find", table_load, {3802}},
    {"checkpoint.load_version", table_load, {3802, 20}},
    {"checkpoint.save_version", table_save_version, {20}},
    {"checkpoint.copy", table_copy, {25}},
};

static const struct shape *shape_of(const struct statement_spec *spec)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (strcmp(shapes[i].name, spec->name) == 0)
            return &shapes[i];
    if (!spec->writes || spec->gives != GIVES_NONE)
        world_fail("the simulated server cannot do %s", spec->name);
    return NULL;
}

PGresult *table_answer(const struct command *query)
{
    const struct shape *shape = shape_of(query->spec);
    int columns = 0, first = query->array;
    if (!shape)
        return result_new(PGRES_COMMAND_OK, 0);
    while (columns < PARAMS - 1 && shape->types[columns])
        columns++;
    PGresult *answer = result_new(PGRES_TUPLES_OK, first + columns);
    result_column(answer, 0, "n", 20);
    for (int i = 0; i < columns; i++)
        result_column(answer, first + i, "?",
                      shape->types[i]); /* an operation's rows have no names */
    for (int i = 0; i < query->count; i++)
        shape->put(answer, query->array ? i + 1 : 0, &query->items[i]);
    /* Only the rows of one item have an order. */
    for (int i = answer->rows - 1; shape->put != table_list && i > 0; i--)
        result_swap_rows(answer, i, (int)random_between(0, i));
    return answer;
}
