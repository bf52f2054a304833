/* The C inside of the drop-in for simple_acp: its models written as JSON text, the same text as their own to_json and
 * JSON.generate. What is not plain (objects with a way of their own, text that is not UTF-8, numbers that JSON lacks, deep
 * nesting) is left to those, the whole document with it, so that their errors are theirs too. */

%{
#include <math.h>

enum {
    DEEPEST = 100, /* what JSON.generate takes */
};

/* Text under construction, in a Ruby string so that the collector frees it whatever a model's reader raises. */
struct writer {
    VALUE text;
    VALUE plans; /* Hash: class => [[reader, "\"name\":"], …], or false for a class that is not written here */
    char *data;
    long size, capacity;
    int depth;
    bool first; /* member of the object that is being written */
    bool given_up;
};

static bool write_value(struct writer *writer, VALUE value);

static void write_room(struct writer *writer, long bytes)
{
    if (writer->capacity - writer->size >= bytes)
        return;
    rb_str_set_len(writer->text, writer->size);
    rb_str_modify_expand(writer->text, writer->capacity + bytes);
    writer->data = RSTRING_PTR(writer->text);
    writer->capacity = (long)rb_str_capacity(writer->text);
}

static bool write_bytes(struct writer *writer, const char *bytes, long size)
{
    write_room(writer, size);
    memcpy(writer->data + writer->size, bytes, (size_t)size);
    writer->size += size;
    return true;
}

static bool write_text_of(struct writer *writer, VALUE string)
{
    bool written = write_bytes(writer, RSTRING_PTR(string), RSTRING_LEN(string));
    RB_GC_GUARD(string);
    return written;
}

/* The short form of an escaped byte, or 0. */
static char short_escape(unsigned char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char)byte;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static bool write_string(struct writer *writer, VALUE string)
{
    static const char digits[] = "0123456789abcdef";
    int encoding = rb_enc_get_index(string), range = rb_enc_str_coderange(string);
    if (range != ENC_CODERANGE_7BIT && (range != ENC_CODERANGE_VALID || encoding != rb_utf8_encindex()))
        return false;
    if (encoding != rb_utf8_encindex() && encoding != rb_usascii_encindex())
        return false;
    const unsigned char *from = (const unsigned char *)RSTRING_PTR(string);
    long size = RSTRING_LEN(string);
    write_room(writer, 6 * size + 2);
    char *to = writer->data + writer->size;
    *to++ = '"';
    for (long i = 0; i < size; i++) {
        unsigned char byte = from[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            *to++ = (char)byte;
            continue;
        }
        char letter = short_escape(byte);
        *to++ = '\\';
        if (letter) {
            *to++ = letter;
            continue;
        }
        memcpy(to, "u00", 3);
        to[3] = digits[byte >> 4];
        to[4] = digits[byte & 15];
        to += 5;
    }
    *to++ = '"';
    writer->size = to - writer->data;
    RB_GC_GUARD(string);
    return true;
}

static char *put_digits(char *to, int number, int count, char after)
{
    for (int i = count - 1; i >= 0; i--, number /= 10)
        to[i] = (char)('0' + number % 10);
    to[count] = after;
    return to + count + 1;
}

/* In UTC and whole seconds, as the models write it. */
static bool write_time(struct writer *writer, VALUE value)
{
    time_t seconds = rb_time_timespec(value).tv_sec;
    struct tm parts;
    if (!gmtime_r(&seconds, &parts) || parts.tm_year < -900 || parts.tm_year > 8099)
        return false;
    write_room(writer, STAMP_SIZE + 2);
    char *to = writer->data + writer->size;
    *to++ = '"';
    to = put_digits(to, parts.tm_year + 1900, 4, '-');
    to = put_digits(to, parts.tm_mon + 1, 2, '-');
    to = put_digits(to, parts.tm_mday, 2, 'T');
    to = put_digits(to, parts.tm_hour, 2, ':');
    to = put_digits(to, parts.tm_min, 2, ':');
    to = put_digits(to, parts.tm_sec, 2, 'Z');
    *to = '"';
    writer->size += STAMP_SIZE + 2;
    return true;
}

static bool write_open(struct writer *writer, const char *bracket)
{
    return ++writer->depth <= DEEPEST && write_bytes(writer, bracket, 1);
}

static bool write_close(struct writer *writer, const char *bracket)
{
    writer->depth--;
    return write_bytes(writer, bracket, 1);
}

static bool write_array(struct writer *writer, VALUE array)
{
    if (!write_open(writer, "["))
        return false;
    for (long i = 0; i < RARRAY_LEN(array); i++)
        if ((i > 0 && !write_bytes(writer, ",", 1)) || !write_value(writer, rb_ary_entry(array, i)))
            return false;
    return write_close(writer, "]");
}

static int write_pair(VALUE key, VALUE value, VALUE data)
{
    struct writer *writer = (struct writer *)data;
    VALUE name = SYMBOL_P(key) ? rb_sym2str(key) : key;
    writer->given_up = rb_obj_class(name) != rb_cString || (!writer->first && !write_bytes(writer, ",", 1)) ||
                       !write_string(writer, name) || !write_bytes(writer, ":", 1) ||
                       !write_value(writer, value);
    writer->first = false;
    return writer->given_up ? ST_STOP : ST_CONTINUE;
}

static bool write_hash(struct writer *writer, VALUE hash)
{
    if (!write_open(writer, "{"))
        return false;
    writer->first = true;
    rb_hash_foreach(hash, write_pair, (VALUE)writer);
    return !writer->given_up && write_close(writer, "}");
}

/* The attributes that are not nil. */
static bool write_model(struct writer *writer, VALUE model)
{
    VALUE plan = rb_hash_aref(writer->plans, rb_obj_class(model));
    if (!RTEST(plan) || !write_open(writer, "{"))
        return false;
    bool first = true;
    for (long i = 0; i < RARRAY_LEN(plan); i++) {
        VALUE step = RARRAY_AREF(plan, i);
        VALUE value = rb_funcallv(model, SYM2ID(RARRAY_AREF(step, 0)), 0, NULL);
        if (NIL_P(value))
            continue;
        if ((!first && !write_bytes(writer, ",", 1)) || !write_text_of(writer, RARRAY_AREF(step, 1)) ||
            !write_value(writer, value))
            return false;
        first = false;
    }
    return write_close(writer, "}");
}

static bool write_float(struct writer *writer, VALUE value)
{
    return isfinite(RFLOAT_VALUE(value)) && write_text_of(writer, rb_funcallv(value, id_to_s, 0, NULL));
}

static bool write_value(struct writer *writer, VALUE value)
{
    if (NIL_P(value))
        return write_bytes(writer, "null", 4);
    if (value == Qtrue)
        return write_bytes(writer, "true", 4);
    if (value == Qfalse)
        return write_bytes(writer, "false", 5);
    if (RB_INTEGER_TYPE_P(value))
        return write_text_of(writer, rb_funcallv(value, id_to_s, 0, NULL));
    if (RB_FLOAT_TYPE_P(value))
        return write_float(writer, value);
    if (SPECIAL_CONST_P(value))
        return false;
    VALUE of = rb_obj_class(value);
    if (of == rb_cString)
        return write_string(writer, value);
    if (of == rb_cArray)
        return write_array(writer, value);
    if (of == rb_cHash)
        return write_hash(writer, value);
    if (of == rb_cTime)
        return write_time(writer, value);
    return write_model(writer, value);
}
%}

%inline %{
/* The JSON of a model, or of an Array of models; nil for what has to be written by its own to_json. `plans` says how
 * each class of models is written, see struct writer. */
static VALUE core_document(VALUE value, VALUE plans)
{
    struct writer writer = {.text = rb_utf8_str_new(NULL, 0), .plans = plans};
    bool written;
    if (rb_obj_class(value) == rb_cArray) {
        written = write_open(&writer, "[");
        for (long i = 0; written && i < RARRAY_LEN(value); i++)
            written = (i == 0 || write_bytes(&writer, ",", 1)) && write_model(&writer, rb_ary_entry(value, i));
        written = written && write_close(&writer, "]");
    } else {
        written = write_model(&writer, value);
    }
    rb_str_set_len(writer.text, writer.size);
    return written ? writer.text : Qnil;
}
%}
