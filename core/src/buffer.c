/* Growing bytes, and text as JSON strings. */
#include "core.h"

#include <string.h>

/* Room for `size` more bytes, counted; NULL when failed. */
static char *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (buffer->failed)
        return NULL;
    size_t needed = buffer->size + size + 1; /* one for a closing NUL */
    if (needed > buffer->capacity) {
        size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
        while (capacity < needed)
            capacity *= 2;
        char *data = keep_alloc(buffer->data, capacity);
        if (!data) {
            buffer_free(buffer);
            buffer->failed = true;
            return NULL;
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    char *room = buffer->data + buffer->size;
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return room;
}

void buffer_append(struct buffer *buffer, const char *data, size_t size)
{
    char *room = buffer_reserve(buffer, size);
    if (room && size > 0)
        memcpy(room, data, size);
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

static bool must_escape(char byte)
{
    return (unsigned char)byte < 0x20 || byte == '"' || byte == '\\';
}

void buffer_json(struct buffer *buffer, const char *text, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    size_t plain = 0; /* bytes at the start that need no escape: as a rule all */
    while (plain < size && !must_escape(text[plain]))
        plain++;
    if (plain == size) {
        char *room = buffer_reserve(buffer, size + 2);
        if (room) {
            room[0] = room[size + 1] = '"';
            memcpy(room + 1, text, size);
        }
        return;
    }
    buffer_append(buffer, "\"", 1);
    size_t clean = 0; /* start of the run that needs no escape */
    for (size_t i = plain; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (!must_escape(text[i]))
            continue;
        buffer_append(buffer, text + clean, i - clean);
        clean = i + 1;
        if (byte == '"' || byte == '\\') {
            buffer_append(buffer, (char[]){'\\', (char)byte}, 2);
        } else if (byte == '\n') {
            buffer_append(buffer, "\\n", 2);
        } else {
            char escape[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
            buffer_append(buffer, escape, sizeof escape);
        }
    }
    buffer_append(buffer, text + clean, size - clean);
    buffer_append(buffer, "\"", 1);
}

void buffer_free(struct buffer *buffer)
{
    keep_alloc(buffer->data, 0);
    *buffer = (struct buffer){0};
}
