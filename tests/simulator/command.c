/* What the engine sends, decoded from libpq's parameters: which operation, and which calls' arguments. The statement is
 * recognised by its whole text, as the catalogue has it with any table's name in its slots. */
#define _GNU_SOURCE
#include "sim.h"

#include "core.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 64 };

/* Every prepared statement's name there was, with its text: through a pooler equal names must mean equal SQL. */
static struct {
    char name[64];
    char *sql;
} prepared[NAMES];
static int prepared_count;

static bool is_text(const struct sql_piece *pieces, int count, const char *sql)
{
    for (int i = 0; i < count; i++) {
        const struct sql_piece *piece = &pieces[i];
        if (piece->kind == PIECE_TEXT) {
            if (strncmp(sql, piece->text, strlen(piece->text)) != 0)
                return false;
            sql += strlen(piece->text);
            continue;
        }
        /* A name in its slot, quoted; the next piece begins after its last quotation mark. */
        if (*sql != '"' && *sql != '\'')
            return false;
        const char *rest = i + 1 < count ? strstr(sql, pieces[i + 1].text) : sql + strlen(sql);
        if (!rest)
            return false;
        sql = rest;
    }
    return *sql == '\0';
}

static void recognise(struct command *command, const char *sql)
{
    for (int i = 0; i < catalog_count(); i++) {
        const struct statement_spec *spec = catalog_at(i);
        bool many = spec->sql && is_text(spec->sql, spec->sql_count, sql);
        bool single = spec->single && is_text(spec->single, spec->single_count, sql);
        if (!many && !single)
            continue;
        command->spec = spec;
        command->array = many && spec->batch;
        return;
    }
    world_fail("a statement is sent that the catalogue does not have: %s", sql);
}

static const char *prepared_text(const char *name)
{
    for (int i = 0; i < prepared_count; i++)
        if (strcmp(prepared[i].name, name) == 0)
            return prepared[i].sql;
    return NULL;
}

static struct command *command_new(enum command_kind kind, size_t size)
{
    struct command *command = calloc(1, sizeof *command);
    command->kind = kind;
    command->size = size;
    return command;
}

void command_free(struct command *command)
{
    for (int i = 0; i < command->count; i++)
        for (int j = 0; j < PARAMS; j++)
            free(command->items[i].args[j]);
    free(command->items);
    free(command->data);
    free(command);
}

void command_reset(void)
{
    while (prepared_count)
        free(prepared[--prepared_count].sql);
}

struct command *command_prepare(const char *name, const char *sql)
{
    const char *known = prepared_text(name);
    struct command *command = command_new(COMMAND_PREPARE, strlen(name) + strlen(sql) + 16);
    recognise(command, sql);
    snprintf(command->name, sizeof command->name, "%s", name);
    if (strlen(name) >= sizeof command->name)
        world_fail("the prepared statement's name is longer than an identifier can be: %s", name);
    if (known && strcmp(known, sql) != 0)
        world_fail("the prepared statement \"%s\" means two different texts", name);
    if (!known && prepared_count < NAMES) {
        snprintf(prepared[prepared_count].name, sizeof prepared[0].name, "%s", name);
        prepared[prepared_count++].sql = strdup(sql);
    }
    return command;
}

struct command *command_sync(void)
{
    return command_new(COMMAND_SYNC, 5);
}

/* ---- binary parameters */

struct reader {
    const char *at;
    size_t left;
};

static const char *take(struct reader *reader, size_t size)
{
    if (reader->left < size)
        world_fail("a binary parameter ends too early");
    reader->at += size;
    reader->left -= size;
    return reader->at - size;
}

static int32_t take_int32(struct reader *reader)
{
    uint32_t value;
    memcpy(&value, take(reader, 4), 4);
    return (int32_t)ntohl(value);
}

static void set_arg(struct item *item, int index, enum arg_type type, const char *data, size_t size)
{
    char digits[32];
    if (type == ARG_JSON) {
        if (size < 1 || data[0] != 1)
            world_fail("a jsonb parameter has no version byte");
        data++;
        size--;
    } else if (type == ARG_INT) {
        struct reader reader = {data, size};
        int64_t high = take_int32(&reader);
        int64_t value = (int64_t)((uint64_t)high << 32 | (uint32_t)take_int32(&reader));
        size = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)value);
        data = digits;
    }
    item->args[index] = malloc(size + 1);
    memcpy(item->args[index], data, size);
    item->args[index][size] = '\0';
    item->sizes[index] = size;
}

static void decode_array(struct command *command, int index, const char *data, size_t size)
{
    static const int32_t types[] = {[ARG_TEXT] = 25, [ARG_INT] = 20, [ARG_JSON] = 3802};
    struct reader reader = {data, size};
    enum arg_type type = command->spec->args[index].type;
    int32_t dimensions = take_int32(&reader), nulls = take_int32(&reader),
            element = take_int32(&reader);
    int32_t count = take_int32(&reader), lower = take_int32(&reader);
    if (dimensions != 1 || lower != 1 || element != types[type] || count < 1)
        world_fail("%s: argument %d is no one-dimensional array of its type from 1",
                   command->spec->name, index);
    if (!command->items) {
        command->items = calloc((size_t)count, sizeof *command->items);
        command->count = count;
    }
    if (count != command->count)
        world_fail("%s: its arrays have %d and %d elements", command->spec->name, command->count,
                   count);
    for (int i = 0; i < count; i++) {
        int32_t length = take_int32(&reader);
        if (length < 0 && !nulls)
            world_fail("%s: an array with a null does not say so", command->spec->name);
        if (length >= 0)
            set_arg(&command->items[i], index, type, take(&reader, (size_t)length), (size_t)length);
    }
    if (reader.left)
        world_fail("%s: argument %d has %zu bytes too many", command->spec->name, index,
                   reader.left);
}

/* Which row the item is about and which call it is: a document carries the call's number, and so does a copy's source. */
static void name_item(struct item *item, const struct statement_spec *spec)
{
    const char *mark = NULL;
    for (int i = 0; i < spec->arg_count; i++)
        if (spec->args[i].type == ARG_JSON)
            item->document = item->args[i];
    if (item->document)
        mark = strstr(item->document, "\"n\":");
    else if (strcmp(spec->name, "checkpoint.copy") == 0)
        mark = strrchr(item->args[0], '#');
    if (mark)
        item->number = atoi(mark + strcspn(mark, "0123456789"));
    item->key = -1;
    if (spec->key_count == 2)
        item->key = key_of(item->args[spec->key[0]], item->args[spec->key[1]]);
    else if (spec->key_count == 1)
        item->key = key_of_thread(item->args[spec->key[0]], item->sizes[spec->key[0]]);
}

static void decode(struct command *command, int count, const char *const *values, const int *sizes,
                   const int *formats)
{
    const struct statement_spec *spec = command->spec;
    if (count != spec->arg_count)
        world_fail("%s is sent with %d parameters", spec->name, count);
    if (!command->array) {
        command->items = calloc(1, sizeof *command->items);
        command->count = 1;
    }
    for (int i = 0; i < count; i++) {
        command->size += values[i] ? (size_t)sizes[i] + 8 : 8;
        if (!formats || formats[i] != 1)
            world_fail("%s: parameter %d is not binary", spec->name, i);
        if (command->array)
            decode_array(command, i, values[i], (size_t)sizes[i]);
        else if (values[i])
            set_arg(&command->items[0], i, spec->args[i].type, values[i], (size_t)sizes[i]);
    }
    for (int i = 0; i < command->count; i++)
        name_item(&command->items[i], spec);
}

struct command *command_query(const char *name, const char *sql, int count,
                              const char *const *values, const int *sizes, const int *formats)
{
    static const char setting[] = "select set_config('lock_timeout', $1, true)";
    if (name && !(sql = prepared_text(name)))
        world_fail("\"%s\" is run and was never prepared", name);
    struct command *command = command_new(COMMAND_QUERY, strlen(name ? name : sql) + 32);
    if (strcmp(sql, setting) == 0) {
        command->kind = COMMAND_SETTING;
        command->lock_ms = atoi(values[0]);
        return command;
    }
    recognise(command, sql);
    if (name)
        snprintf(command->name, sizeof command->name, "%s", name);
    decode(command, count, values, sizes, formats);
    return command;
}
