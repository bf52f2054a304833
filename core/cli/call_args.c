/* The arguments of a call, cut out of the JSON text that holds them. cJSON would turn numbers into doubles and ends at a
 * thousand levels; so only strings are decoded with it, and everything else stays the bytes that were written. */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A place in a text that ends in a NUL. */
struct slice {
    const char *at;
    size_t size;
};

static bool fail(struct call_args *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out->why, sizeof out->why, format, arguments);
    va_end(arguments);
    return false;
}

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* Behind the string that begins at `at`, or NULL when it does not end. */
static const char *skip_string(const char *at)
{
    for (at++; *at != '\0' && *at != '"'; at++)
        if (*at == '\\' && *++at == '\0')
            return NULL;
    return *at == '"' ? at + 1 : NULL;
}

/* Behind the value that begins at `at`, or NULL when it does not end. Whether it is well formed is the server's to say:
 * here only its end matters. */
static const char *skip_value(const char *at)
{
    long depth = 0;
    do {
        if (*at == '"') {
            at = skip_string(at);
            if (!at)
                return NULL;
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if ((*at == '}' || *at == ']') && depth > 0) {
            depth--;
            at++;
        } else if ((*at == ',' || *at == ':') && depth > 0) {
            at++;
        } else {
            size_t size = strcspn(at, " \t\r\n,:{}[]\"");
            if (size == 0)
                return NULL;
            at += size;
        }
        if (depth > 0)
            at = skip_space(at);
    } while (depth > 0);
    return at;
}

/* Cuts the next value off *at, up to the comma or `close` behind it. */
static bool next_value(const char **at, char close, struct slice *value)
{
    value->at = skip_space(*at);
    const char *end = skip_value(value->at);
    if (!end)
        return false;
    value->size = (size_t)(end - value->at);
    end = skip_space(end);
    if (*end != ',' && *end != close)
        return false;
    *at = *end == ',' ? end + 1 : end;
    return *end == close || *skip_space(*at) != close;
}

/* The characters of a JSON string; NULL when it is none, or holds a NUL, which no text can. */
static char *decode_string(struct slice value)
{
    for (size_t i = 1; i + 1 < value.size; i++)
        if (value.at[i] == '\\' && strncmp(value.at + ++i, "u0000", 5) == 0)
            return NULL;
    cJSON *parsed = cJSON_ParseWithLength(value.at, value.size);
    const char *text = cJSON_GetStringValue(parsed);
    char *copy = text ? malloc(strlen(text) + 1) : NULL;
    if (copy)
        strcpy(copy, text);
    cJSON_Delete(parsed);
    return copy;
}

static bool is(struct slice value, const char *word)
{
    return value.size == strlen(word) && strncmp(value.at, word, value.size) == 0;
}

/* A JSON array of numbers as packed floats. */
static bool set_vector(struct call_args *out, int index, const char *name, struct slice value)
{
    cJSON *numbers = cJSON_ParseWithLength(value.at, value.size);
    float *floats = malloc(sizeof *floats * (size_t)(cJSON_GetArraySize(numbers) + 1));
    size_t count = 0;
    out->owned[index] = (char *)floats;
    bool good = floats && cJSON_IsArray(numbers);
    const cJSON *number, *list = good ? numbers : NULL;
    cJSON_ArrayForEach(number, list)
    {
        good = good && cJSON_IsNumber(number);
        floats[count++] = (float)number->valuedouble;
    }
    cJSON_Delete(numbers);
    out->args[index] = (keep_text){out->owned[index], count * sizeof *floats};
    return good || fail(out, "%s: want a JSON array of numbers", name);
}

/* Sets the argument from what was written for it. */
static bool set(struct call_args *out, int index, const cJSON *arg, struct slice value)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(arg, "name"));
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(arg, "type"));
    bool nullable = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(arg, "nullable"));
    bool json = strcmp(type, "json") == 0, list = strstr(type, "[]") != NULL;
    if (is(value, "null") && (nullable || !json))
        return true; /* SQL NULL, as it is */
    if (strcmp(type, "vector") == 0)
        return set_vector(out, index, name, value);
    if (json || list ||
        ((strcmp(type, "int") == 0 || strcmp(type, "bool") == 0) && *value.at != '"')) {
        out->args[index] = (keep_text){value.at, value.size};
        return true;
    }
    if (strcmp(type, "bytes") == 0)
        return fail(out, "%s: bytes cannot be given on a command line", name);
    if (*value.at != '"')
        return fail(out, "%s: want a JSON string", name);
    out->owned[index] = decode_string(value);
    if (!out->owned[index])
        return fail(out, "%s: not a valid JSON string, or one with a NUL", name);
    out->args[index] = (keep_text){out->owned[index], strlen(out->owned[index])};
    return true;
}

static bool read_array(struct call_args *out, const cJSON *args, const char *at)
{
    int given = 0;
    at = skip_space(at);
    while (*at != ']') {
        struct slice value;
        if (!next_value(&at, ']', &value))
            return fail(out, "the arguments are not a JSON array");
        if (given == out->count)
            return fail(out, "more arguments than the %d it takes", out->count);
        if (!set(out, given, cJSON_GetArrayItem(args, given), value))
            return false;
        given++;
    }
    return *skip_space(at + 1) == '\0' || fail(out, "something follows the array of arguments");
}

static int find_arg(const cJSON *args, const char *name)
{
    int index = 0;
    const cJSON *arg;
    cJSON_ArrayForEach(arg, args)
    {
        if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(arg, "name")), name) == 0)
            return index;
        index++;
    }
    return -1;
}

/* Takes one member. `given` says which arguments were there before. */
static bool read_member(struct call_args *out, const cJSON *args, const char **at,
                        bool given[CALL_ARGS])
{
    struct slice key, value;
    key.at = skip_space(*at);
    const char *end = *key.at == '"' ? skip_string(key.at) : NULL;
    if (!end || *skip_space(end) != ':')
        return fail(out, "the arguments are not a JSON object");
    key.size = (size_t)(end - key.at);
    *at = skip_space(end) + 1;
    if (!next_value(at, '}', &value))
        return fail(out, "the arguments are not a JSON object");
    char *name = decode_string(key);
    int index = name ? find_arg(args, name) : -1;
    if (index < 0)
        fail(out, "it takes no argument \"%.100s\"", name ? name : "");
    free(name);
    if (index < 0)
        return false;
    if (given[index])
        return fail(out, "an argument is given twice");
    given[index] = true;
    return set(out, index, cJSON_GetArrayItem(args, index), value);
}

static bool read_object(struct call_args *out, const cJSON *args, const char *at)
{
    bool given[CALL_ARGS] = {false};
    at = skip_space(at);
    while (*at != '}')
        if (!read_member(out, args, &at, given))
            return false;
    return *skip_space(at + 1) == '\0' || fail(out, "something follows the object of arguments");
}

bool call_args_read(struct call_args *out, const cJSON *operation, const char *text)
{
    *out = (struct call_args){0};
    const cJSON *args = cJSON_GetObjectItemCaseSensitive(operation, "args");
    out->count = cJSON_GetArraySize(args);
    text = skip_space(text);
    if (*text == '[')
        return read_array(out, args, text + 1);
    if (*text == '{')
        return read_object(out, args, text + 1);
    return fail(out, "the arguments are neither a JSON object nor a JSON array");
}

void call_args_free(struct call_args *args)
{
    for (int i = 0; i < CALL_ARGS; i++)
        free(args->owned[i]);
}
