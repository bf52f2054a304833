/* Table names: parsing what a user writes, rendering it as SQL. Injection ends here: whatever ident_parse() accepts,
 * the renderings are one identifier or one literal. */
#include "ident.h"

#include "refuse.h"
#include "utf8.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { CHARACTER_SIZE = 5 }; /* one UTF-8 character and its NUL */

struct scan {
    const char *at, *end;
    char **error;
};

/* Whether every character may be in a name: UTF-8, no NUL, no control character (C0, DEL, C1). */
static keep_status ident_check_characters(const struct scan *scan)
{
    for (const char *at = scan->at; at < scan->end;) {
        size_t step = utf8_step(at, (size_t)(scan->end - at));
        unsigned char first = (unsigned char)at[0];
        if (step == 0)
            return refuse(scan->error, "table name: invalid UTF-8");
        if (first == 0)
            return refuse(scan->error, "table name: a NUL character");
        if (first < 0x20 || first == 0x7F || (first == 0xC2 && (unsigned char)at[1] < 0xA0))
            return refuse(scan->error, "table name: a control character");
        at += step;
    }
    return KEEP_OK;
}

static bool ident_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool ident_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether PostgreSQL's lexer would take the bytes for one unquoted identifier, and so fold them. */
static bool ident_is_plain(const char *text, size_t size)
{
    if (!ident_is_letter(text[0]))
        return false;
    for (size_t i = 1; i < size; i++)
        if (!ident_is_letter(text[i]) && !ident_is_digit(text[i]) && text[i] != '$')
            return false;
    return true;
}

/* Adds a character to a part unless the part is full; from there on the server would cut it, too. */
static void ident_add(char *part, size_t *size, bool *full, const char *character, size_t step)
{
    if (*full || *size + step >= IDENT_PART_SIZE) {
        *full = true;
        return;
    }
    memcpy(part + *size, character, step);
    *size += step;
    part[*size] = '\0';
}

static void ident_skip_blanks(struct scan *scan)
{
    while (scan->at < scan->end && *scan->at == ' ')
        scan->at++;
}

/* Reads from behind the opening quote to behind the closing one. */
static keep_status ident_scan_quoted(struct scan *scan, char *part)
{
    size_t size = 0;
    bool full = false;
    while (scan->at < scan->end) {
        size_t step = utf8_step(scan->at, (size_t)(scan->end - scan->at));
        const char *character = scan->at;
        scan->at += step;
        if (*character == '"') {
            if (scan->at == scan->end || *scan->at != '"')
                return size > 0 ? KEEP_OK : refuse(scan->error, "table name: an empty part");
            scan->at++;
        }
        ident_add(part, &size, &full, character, step);
    }
    return refuse(scan->error, "table name: a double quote is not closed");
}

/* Reads an unquoted part up to a dot or the end. Blanks at its ends are not part of it. */
static keep_status ident_scan_bare(struct scan *scan, char *part)
{
    const char *start = scan->at;
    for (; scan->at < scan->end && *scan->at != '.'; scan->at++) {
        char c = *scan->at;
        if (!ident_is_letter(c) && !ident_is_digit(c) && c != '$' && c != '-' && c != ' ')
            return refuse(scan->error,
                          "table name: the character %c must be inside double quotes, as in "
                          "\"my;table\"",
                          c);
    }
    size_t length = (size_t)(scan->at - start);
    while (length > 0 && start[length - 1] == ' ')
        length--;
    if (length == 0)
        return refuse(scan->error, "table name: an empty part");
    bool fold = ident_is_plain(start, length);
    size_t size = 0;
    bool full = false;
    for (size_t i = 0; i < length;) {
        size_t step = utf8_step(start + i, length - i);
        char character[CHARACTER_SIZE];
        memcpy(character, start + i, step);
        if (fold && character[0] >= 'A' && character[0] <= 'Z')
            character[0] = (char)(character[0] - 'A' + 'a');
        ident_add(part, &size, &full, character, step);
        i += step;
    }
    return KEEP_OK;
}

static keep_status ident_scan_part(struct scan *scan, char *part)
{
    part[0] = '\0';
    ident_skip_blanks(scan);
    if (scan->at < scan->end && *scan->at == '"') {
        scan->at++;
        keep_status status = ident_scan_quoted(scan, part);
        if (status != KEEP_OK)
            return status;
        ident_skip_blanks(scan);
        if (scan->at < scan->end && *scan->at != '.')
            return refuse(scan->error,
                          "table name: only a dot may follow the closing double quote");
    } else {
        keep_status status = ident_scan_bare(scan, part);
        if (status != KEEP_OK)
            return status;
    }
    /* Set-up statements are DO blocks between these quotes; the name must not end the block. */
    if (strstr(part, "$statekeep$") != NULL)
        return refuse(scan->error, "table name: must not hold $statekeep$");
    return KEEP_OK;
}

keep_status ident_parse(const char *text, size_t size, struct ident *out, char **error)
{
    struct scan scan = {.at = text, .end = text + size, .error = error};
    *error = NULL;
    out->count = 0;
    keep_status status = ident_check_characters(&scan);
    if (status != KEEP_OK)
        return status;
    for (;;) {
        if (out->count == IDENT_PARTS)
            return refuse(error, "table name: more than three parts; put a name that holds dots "
                                 "inside double quotes");
        status = ident_scan_part(&scan, out->parts[out->count]);
        if (status != KEEP_OK)
            return status;
        out->count++;
        if (scan.at == scan.end)
            return KEEP_OK;
        scan.at++; /* the dot */
    }
}

/* Writes `text` between double quotes. */
static char *ident_write_quoted(char *out, const char *text)
{
    *out++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"')
            *out++ = '"';
        *out++ = *text;
    }
    *out++ = '"';
    *out = '\0';
    return out;
}

size_t ident_quoted(const struct ident *name, char out[IDENT_SQL_SIZE])
{
    char *at = out;
    for (int i = 0; i < name->count; i++) {
        if (i > 0)
            *at++ = '.';
        at = ident_write_quoted(at, name->parts[i]);
    }
    return (size_t)(at - out);
}

size_t ident_literal(const struct ident *name, char out[IDENT_SQL_SIZE])
{
    char quoted[IDENT_SQL_SIZE];
    ident_quoted(name, quoted);
    char *at = out;
    if (strchr(quoted, '\\') != NULL)
        *at++ = 'E';
    *at++ = '\'';
    for (const char *from = quoted; *from != '\0'; from++) {
        if (*from == '\'' || *from == '\\')
            *at++ = *from;
        *at++ = *from;
    }
    *at++ = '\'';
    *at = '\0';
    return (size_t)(at - out);
}

/* FNV-1a, 64 bits. */
static uint64_t ident_hash(const char *text)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001B3u;
    return hash;
}

size_t ident_index(const struct ident *name, const char *suffix, char out[IDENT_SQL_SIZE])
{
    char whole[IDENT_SQL_SIZE];
    int size = snprintf(whole, sizeof whole, "idx_%s_%s", name->parts[name->count - 1], suffix);
    assert(size < (int)sizeof whole);
    if (size >= IDENT_PART_SIZE) {
        enum { HASH_SIZE = 17 }; /* "_" and 16 digits */
        uint64_t hash = ident_hash(whole);
        size_t head = 0, limit = IDENT_PART_SIZE - 1 - HASH_SIZE;
        while (head < limit) {
            size_t step = utf8_step(whole + head, strlen(whole + head));
            if (head + step > limit)
                break;
            head += step;
        }
        snprintf(whole + head, sizeof whole - head, "_%016llx", (unsigned long long)hash);
    }
    return (size_t)(ident_write_quoted(out, whole) - out);
}
