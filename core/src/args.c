/* Whether arguments may travel: known here, they cost neither a trip nor the split of a batch. What only the server can
 * judge (JSON, times) it judges. */
#include "core.h"

#include "utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is_int(keep_text text)
{
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    uint64_t limit = (uint64_t)INT64_MAX + (at && text.data[0] == '-'), value = 0;
    if (at == text.size)
        return false;
    for (; at < text.size; at++) {
        unsigned digit = (unsigned char)text.data[at] - (unsigned)'0';
        if (digit > 9 || value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    return true;
}

/* Eight plain bytes at a time: documents are mostly ASCII. */
static bool utf8_valid(const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        uint64_t word;
        if (size - at >= sizeof word &&
            (memcpy(&word, text + at, sizeof word), !(word & 0x8080808080808080u))) {
            at += sizeof word;
            continue;
        }
        size_t length = utf8_step(text + at, size - at);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

static bool is_bool(keep_text text)
{
    return (text.size == 4 && memcmp(text.data, "true", 4) == 0) ||
           (text.size == 5 && memcmp(text.data, "false", 5) == 0);
}

/* The size is that of pgvector's own limit. */
static const char *vector_fault(keep_text floats)
{
    enum { DIMENSIONS = 16000 };
    size_t count = floats.size / sizeof(float);
    if (count == 0 || count > DIMENSIONS || floats.size % sizeof(float) != 0)
        return "is not a vector of 1 to 16000 dimensions";
    for (size_t i = 0; i < count; i++) {
        float number;
        memcpy(&number, floats.data + i * sizeof number, sizeof number);
        if (!isfinite(number))
            return "holds a number that is not finite";
    }
    return NULL;
}

static const char HOLDS_NUL[] = "holds a NUL byte", NOT_UTF8[] = "is not valid UTF-8";

/* What is wrong with one argument, as the end of a sentence that begins with its name; NULL when nothing is. */
static const char *arg_fault(const struct arg_spec *arg, const struct options *options,
                             keep_text text)
{
    if (!text.data)
        return arg->nullable ? NULL : "cannot be null";
    if (arg->nonempty && text.size == 0)
        return "cannot be empty";
    if ((int64_t)text.size > options->argument_bytes)
        return "is larger than \"argument_bytes\"";
    if (arg->type == ARG_INT && !arg->list)
        return is_int(text) ? NULL : "is not a 64-bit integer";
    if (arg->type == ARG_BOOL && !arg->list)
        return is_bool(text) ? NULL : "is neither true nor false";
    if (arg->type == ARG_BYTES && !arg->list)
        return NULL;
    if (arg->type == ARG_VECTOR)
        return vector_fault(text);
    if (memchr(text.data, 0, text.size))
        return HOLDS_NUL;
    return utf8_valid(text.data, text.size) ? NULL : NOT_UTF8;
}

const char *args_refused(const struct statement_spec *spec, const struct options *options,
                         const keep_text *args, int count, char *message, size_t size)
{
    if (count != spec->arg_count) {
        snprintf(message, size, "takes %d arguments, not %d", spec->arg_count, count);
        return "";
    }
    for (int i = 0; i < count; i++) {
        const char *fault = arg_fault(&spec->args[i], options, args[i]);
        if (!fault)
            continue;
        snprintf(message, size, "%s %s", spec->args[i].name, fault);
        return fault == HOLDS_NUL || fault == NOT_UTF8 ? "22021" : "";
    }
    return NULL;
}
