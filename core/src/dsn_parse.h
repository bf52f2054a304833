/* Inside the reading of one connection string: what dsn.c, dsn_url.c and dsn_words.c share. */
#ifndef KEEP_DSN_PARSE_H
#define KEEP_DSN_PARSE_H

#include "core.h"

struct dsn_parse {
    struct dsn *out;
    char **error;
    const char *source;      /* what messages call the text */
    PQconninfoOption *known; /* the keys of this libpq */
    char *key, *value;       /* room for as many bytes as the text has, and a NUL */
    struct buffer settings;  /* " -c name=value" … */
};

/* KEEP_INVALID with the message "<source>: <part>: <what>", or KEEP_NO_MEMORY. Neither text may come from a value. */
keep_status dsn_refuse(struct dsn_parse *parse, const char *part, const char *what);

/* Takes one key and its value, both decoded; libpq's own, a pool's, or a server setting. A later one wins. */
keep_status dsn_take(struct dsn_parse *parse, const char *key, const char *value);

/* Whether the value goes to the server as a setting or a name, where a "+" of a URL's query is a blank. */
bool dsn_is_setting(const struct dsn_parse *parse, const char *key);

/* The end of "scheme" in "scheme://…", or NULL when `text` does not begin so. */
const char *dsn_url_scheme(const char *text, const char *end);

/* The two forms: each hands what it finds to dsn_take(). */
keep_status dsn_parse_url(struct dsn_parse *parse, const char *text, const char *scheme_end,
                          const char *end);
keep_status dsn_parse_words(struct dsn_parse *parse, const char *text, const char *end);

#endif
