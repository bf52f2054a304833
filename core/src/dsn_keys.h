/* The keys of connection strings that libpq does not know, and what becomes of them. */
#ifndef KEEP_DSN_KEYS_H
#define KEEP_DSN_KEYS_H

enum dsn_action {
    DSN_SETTING,     /* a server setting: travels in "options" */
    DSN_RENAME,      /* libpq's word for it is `to` */
    DSN_DROP,        /* the matter of a pool or driver that is not there any more */
    DSN_CONNECTIONS, /* the size of the pool */
    DSN_SSL,         /* yes, no or an sslmode */
    DSN_TOO_NEW,     /* a newer libpq's; without it the connection would be weaker than asked for */
};

struct dsn_key {
    enum dsn_action action;
    const char *to; /* DSN_RENAME, else NULL */
};

/* What to do with a key that libpq does not know. */
struct dsn_key dsn_key_find(const char *name);

/* Says what is wrong with the value of one of libpq's keys that has a fixed set of values, or NULL. libpq itself would
 * only say so when connecting. Static text. */
const char *dsn_key_check(const char *name, const char *value);

#endif
