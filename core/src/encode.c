/* Arguments as parameters in PostgreSQL's binary form: for a batch one array for each argument with an element for each
 * call, else the value itself. A document is copied, never parsed: jsonb's binary form is a version byte and the text. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

static void put_int32(struct buffer *out, uint32_t value)
{
    buffer_append(
        out, (char[]){(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value},
        4);
}

static void put_int64(struct buffer *out, keep_text digits)
{
    char text[24] = ""; /* args_refused() saw at most a sign and 19 digits, but for leading zeros */
    size_t room = sizeof text - 2, skip = digits.size > room ? digits.size - room : 0;
    memcpy(text + 1, digits.data + skip, digits.size - skip);
    text[0] = skip && digits.data[0] == '-' ? '-' : ' ';
    uint64_t value = (uint64_t)strtoll(text, NULL, 10);
    put_int32(out, (uint32_t)(value >> 32));
    put_int32(out, (uint32_t)value);
}

/* Four bytes of the machine's order, most significant first. */
static void put_float(struct buffer *out, const char *data)
{
    uint32_t bits;
    memcpy(&bits, data, sizeof bits);
    put_int32(out, bits);
}

static void put_vector(struct buffer *out, keep_text floats)
{
    size_t count = floats.size / sizeof(float);
    buffer_append(out, (char[]){(char)(count >> 8), (char)count, 0, 0}, 4);
    for (size_t i = 0; i < count; i++)
        put_float(out, floats.data + i * sizeof(float));
}

static void put_real_array(struct buffer *out, keep_text floats)
{
    size_t count = floats.size / sizeof(float);
    const uint32_t head[] = {1 /* dimension */, 0 /* nulls */, 700 /* float4 */, (uint32_t)count,
                             1 /* lower bound */};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        put_int32(out, head[i]);
    for (size_t i = 0; i < count; i++) {
        put_int32(out, sizeof(float));
        put_float(out, floats.data + i * sizeof(float));
    }
}

static void put_value(struct buffer *out, const struct arg_spec *arg, keep_text value)
{
    enum arg_type type = arg->list ? ARG_JSON : arg->type;
    if (type == ARG_INT) {
        put_int64(out, value);
    } else if (type == ARG_BOOL) {
        buffer_append(out, value.data[0] == 't' ? "\1" : "\0", 1);
    } else {
        if (type == ARG_JSON)
            buffer_append(out, "\1", 1);
        buffer_append(out, value.data, value.size);
    }
}

static void put_element(struct buffer *out, const struct arg_spec *arg, keep_text value)
{
    if (!value.data) {
        put_int32(out, UINT32_MAX);
        return;
    }
    enum arg_type type = arg->list ? ARG_JSON : arg->type;
    size_t size = type == ARG_INT ? 8 : type == ARG_BOOL ? 1 : value.size + (type == ARG_JSON);
    put_int32(out, (uint32_t)size);
    put_value(out, arg, value);
}

static Oid element_type(const struct arg_spec *arg)
{
    static const Oid types[] = {
        [ARG_TEXT] = 25, [ARG_INT] = 20,   [ARG_BOOL] = 16,    [ARG_JSON] = 3802,
        [ARG_TIME] = 25, [ARG_BYTES] = 17, [ARG_DOCUMENT] = 25};
    return types[arg->list ? ARG_JSON : arg->type];
}

static void put_array(struct buffer *out, const struct batch *batch, int index)
{
    const struct arg_spec *arg = &batch->statement->spec->args[index];
    bool nulls = false;
    for (int i = 0; i < batch->sent_count; i++)
        nulls = nulls || !batch->sent[i]->args[index].data;
    put_int32(out, 1); /* dimension */
    put_int32(out, nulls);
    put_int32(out, element_type(arg));
    put_int32(out, (uint32_t)batch->sent_count);
    put_int32(out, 1); /* lower bound */
    for (int i = 0; i < batch->sent_count; i++)
        put_element(out, arg, batch->sent[i]->args[index]);
}

bool encode_range(struct conn *conn, const char *values[], int sizes[])
{
    const struct statement_spec *spec = conn->batch.statement->spec;
    struct buffer *out = &conn->store->encode;
    size_t starts[LIMIT_ARGS];
    out->size = 0;
    out->failed = false;
    for (int i = 0; i < spec->arg_count; i++) {
        starts[i] = out->size;
        keep_text value = conn->batch.sent[0]->args[i];
        if (conn->form->array)
            put_array(out, &conn->batch, i);
        else if (value.data && spec->args[i].type == ARG_VECTOR)
            (conn->form->reals ? put_real_array : put_vector)(out, value);
        else if (value.data)
            put_value(out, &spec->args[i], value);
        sizes[i] = (int)(out->size - starts[i]);
    }
    if (out->failed)
        return false;
    for (int i = 0; i < spec->arg_count; i++) {
        bool null = !conn->form->array && !conn->batch.sent[0]->args[i].data;
        values[i] = null ? NULL : out->data ? out->data + starts[i] : "";
    }
    return true;
}
