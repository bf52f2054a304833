/* "host=… user='…'": libpq's words and their quoting. */
#include "dsn_parse.h"

#include <stdio.h>
#include <string.h>

static const char *words_skip_space(const char *at, const char *end)
{
    while (at < end && strchr(" \t\n\v\f\r", *at))
        at++;
    return at;
}

/* Reads a value to parse->value. The place behind it, or NULL when a quote is not closed. */
static const char *words_value(struct dsn_parse *parse, const char *at, const char *end)
{
    bool quoted = at < end && *at == '\'';
    char *out = parse->value;
    for (at += quoted; at < end; at++) {
        if (quoted ? *at == '\'' : strchr(" \t\n\v\f\r", *at) != NULL)
            break;
        if (*at == '\\' && at + 1 < end)
            at++;
        else if (*at == '\\')
            continue;
        *out++ = *at;
    }
    *out = '\0';
    if (!quoted)
        return at;
    return at < end ? at + 1 : NULL;
}

keep_status dsn_parse_words(struct dsn_parse *parse, const char *text, const char *end)
{
    if (memchr(text, '=', (size_t)(end - text)) == NULL)
        return dsn_refuse(parse, "form",
                          "want postgres://user@host/database, key=value words, or embedded:");
    const char *at = text;
    for (int word = 1; at < end; word++) {
        char part[32];
        snprintf(part, sizeof part, "word %d", word);
        size_t size = 0;
        while (at < end && *at != '=' && !strchr(" \t\n\v\f\r", *at))
            parse->key[size++] = *at++;
        parse->key[size] = '\0';
        at = words_skip_space(at, end);
        if (at == end || *at != '=' || size == 0)
            return dsn_refuse(parse, part,
                              "want key=value; a value with blanks needs single quotes");
        at = words_value(parse, words_skip_space(at + 1, end), end);
        if (!at)
            return dsn_refuse(parse, part, "the single quote of its value is not closed");
        keep_status status = dsn_take(parse, parse->key, parse->value);
        if (status != KEEP_OK)
            return status;
        at = words_skip_space(at, end);
    }
    return KEEP_OK;
}
