/* Connection strings: what is common to both forms, and what is made of their keys. The forms themselves are read in
 * dsn_url.c and dsn_words.c. A message names the part that is wrong and never shows a value, since any part of a
 * mistyped string may be a piece of the password. */
#include "dsn.h"

#include "core.h"
#include "dsn_keys.h"
#include "dsn_parse.h"
#include "embedded.h"
#include "refuse.h"
#include "utf8.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    DSN_SIZE_MAX = 32 * 1024
}; /* bytes of a connection string; an intent, not a limit of libpq */

keep_status dsn_refuse(struct dsn_parse *parse, const char *part, const char *what)
{
    return refuse(parse->error, "%s: %s: %s", parse->source, part, what);
}

static char *dsn_copy(const char *text, size_t size)
{
    char *copied = keep_alloc(NULL, size + 1);
    if (copied) {
        memcpy(copied, text, size);
        copied[size] = '\0';
    }
    return copied;
}

static const char *dsn_get(const struct dsn *dsn, const char *key)
{
    for (int i = 0; i < dsn->count; i++)
        if (strcmp(dsn->keys[i], key) == 0 && dsn->values[i][0] != '\0')
            return dsn->values[i];
    return NULL;
}

static bool dsn_knows(const struct dsn_parse *parse, const char *key)
{
    for (const PQconninfoOption *known = parse->known; known->keyword; known++)
        if (strcmp(known->keyword, key) == 0)
            return true;
    return false;
}

/* Sets one of libpq's keys, in place of what it had. */
static keep_status dsn_put(struct dsn_parse *parse, const char *key, const char *value)
{
    struct dsn *dsn = parse->out;
    char *copied = dsn_copy(value, strlen(value));
    if (!copied)
        return KEEP_NO_MEMORY;
    for (int i = 0; i < dsn->count; i++)
        if (strcmp(dsn->keys[i], key) == 0) {
            keep_alloc(dsn->values[i], 0);
            dsn->values[i] = copied;
            return KEEP_OK;
        }
    char *name = dsn_copy(key, strlen(key));
    if (!name) {
        keep_alloc(copied, 0);
        return KEEP_NO_MEMORY;
    }
    dsn->keys[dsn->count] = name;
    dsn->values[dsn->count++] = copied;
    return KEEP_OK;
}

static keep_status dsn_put_missing(struct dsn_parse *parse, const char *key, const char *value)
{
    return dsn_get(parse->out, key) ? KEEP_OK : dsn_put(parse, key, value);
}

/* A decimal number from `least` to INT_MAX; -1 for anything else. */
static long dsn_number(const char *text, long least)
{
    long number = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || number > (INT_MAX - (*at - '0')) / 10)
            return -1;
        number = number * 10 + (*at - '0');
    }
    return *text == '\0' || number < least ? -1 : number;
}

/* Appends "-c name=value" as the server splits it: at white space, with a backslash before what is meant. */
static keep_status dsn_put_setting(struct dsn_parse *parse, const char *name, size_t size,
                                   const char *value)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$";
    if (size == 0 || strspn(name, letters) < size || (name[0] >= '0' && name[0] <= '9'))
        return dsn_refuse(parse, "a key", "names neither a connection parameter nor a setting");
    buffer_text(&parse->settings, " -c ");
    buffer_append(&parse->settings, name, size);
    buffer_text(&parse->settings, "=");
    for (; *value != '\0'; value++) {
        if (strchr(" \t\n\v\f\r\\", *value))
            buffer_text(&parse->settings, "\\");
        buffer_append(&parse->settings, value, 1);
    }
    return parse->settings.failed ? KEEP_NO_MEMORY : KEEP_OK;
}

static keep_status dsn_put_ssl(struct dsn_parse *parse, const char *value)
{
    static const char *const meanings[][2] = {
        {"true", "require"},  {"on", "require"},  {"yes", "require"}, {"1", "require"},
        {"false", "disable"}, {"off", "disable"}, {"no", "disable"},  {"0", "disable"}};
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strcmp(value, meanings[i][0]) == 0)
            return dsn_put(parse, "sslmode", meanings[i][1]);
    if (dsn_key_check("sslmode", value))
        return dsn_refuse(parse, "ssl", "want true, false or a value of sslmode");
    return dsn_put(parse, "sslmode", value);
}

static keep_status dsn_put_connections(struct dsn_parse *parse, const char *key, const char *value)
{
    long connections = dsn_number(value, 1);
    if (connections < 0)
        return dsn_refuse(parse, key, "want a whole number of at least 1");
    parse->out->connections = (int)connections;
    return KEEP_OK;
}

keep_status dsn_take(struct dsn_parse *parse, const char *key, const char *value)
{
    size_t size = strlen(key);
    if (dsn_knows(parse, key))
        return dsn_put(parse, key, value);
    if (strncmp(key, "options[", 8) == 0 && key[size - 1] == ']') /* sqlx */
        return dsn_put_setting(parse, key + 8, size - 9, value);
    struct dsn_key found = dsn_key_find(key);
    switch (found.action) {
    case DSN_DROP:
        return KEEP_OK;
    case DSN_RENAME:
        return dsn_put(parse, found.to, value);
    case DSN_SSL:
        return dsn_put_ssl(parse, value);
    case DSN_CONNECTIONS:
        return dsn_put_connections(parse, key, value);
    case DSN_TOO_NEW:
        return dsn_refuse(parse, key, "this libpq does not know it; a newer one is needed");
    case DSN_SETTING:
        break;
    }
    return dsn_put_setting(parse, key, size, value);
}

bool dsn_is_setting(const struct dsn_parse *parse, const char *key)
{
    return !dsn_knows(parse, key) || strcmp(key, "options") == 0 ||
           strcmp(key, "application_name") == 0 || strcmp(key, "fallback_application_name") == 0;
}

static int dsn_count_items(const char *list)
{
    int count = list ? 1 : 0;
    for (; list && *list != '\0'; list++)
        count += *list == ',';
    return count;
}

static keep_status dsn_check_ports(struct dsn_parse *parse)
{
    const char *ports = dsn_get(parse->out, "port");
    int hosts = dsn_count_items(dsn_get(parse->out, "host"));
    int addresses = dsn_count_items(dsn_get(parse->out, "hostaddr"));
    if (hosts > 0 && addresses > 0 && hosts != addresses)
        return dsn_refuse(parse, "hostaddr", "not as many addresses as hosts");
    int count = dsn_count_items(ports), most = hosts > addresses ? hosts : addresses;
    /* Without a host here they belong to those of PGHOST, which libpq counts. */
    if (count > 1 && most > 0 && count != most)
        return dsn_refuse(parse, "port", "not as many ports as hosts");
    for (const char *at = ports; at;) {
        size_t size = strcspn(at, ",");
        char digits[6] = "";
        if (size < sizeof digits)
            memcpy(digits, at, size);
        long port = dsn_number(digits, 1);
        if (size > 0 && (port < 0 || port > 65535))
            return dsn_refuse(parse, "port", "want a number from 1 to 65535");
        at = at[size] == ',' ? at + size + 1 : NULL;
    }
    return KEEP_OK;
}

static keep_status dsn_check_hosts(struct dsn_parse *parse)
{
    const char *at = dsn_get(parse->out, "host");
    while (at && *at != '\0') {
        size_t size = strcspn(at, ",");
        bool socket = *at == '/' || *at == '@';
        for (size_t i = 0; !socket && i < size; i++)
            if ((unsigned char)at[i] <= ' ' || strchr("/@?#\"'<>\\\x7F", at[i]))
                return dsn_refuse(parse, "host", "holds a character that no host name has");
        at += at[size] == ',' ? size + 1 : size;
    }
    return KEEP_OK;
}

/* What libpq would say only when connecting. */
static keep_status dsn_check(struct dsn_parse *parse)
{
    static const char *const numbers[] = {"keepalives",          "keepalives_idle",
                                          "keepalives_interval", "keepalives_count",
                                          "tcp_user_timeout",    "connect_timeout"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *value = dsn_get(parse->out, numbers[i]);
        if (value && dsn_number(value, 0) < 0)
            return dsn_refuse(parse, numbers[i], "want a whole number");
    }
    for (int i = 0; i < parse->out->count; i++) {
        const char *value = parse->out->values[i];
        const char *wrong = *value ? dsn_key_check(parse->out->keys[i], value) : NULL;
        if (wrong)
            return dsn_refuse(parse, parse->out->keys[i], wrong);
    }
    keep_status status = dsn_check_hosts(parse);
    return status == KEEP_OK ? dsn_check_ports(parse) : status;
}

/* Puts the settings behind what "options" says already. The variable is spelled out, since libpq takes it only without
 * the parameter, to which the engine adds settings of its own. */
static keep_status dsn_finish_options(struct dsn_parse *parse)
{
    const char *said = dsn_get(parse->out, "options");
    if (!said)
        said = getenv("PGOPTIONS");
    if (!said)
        said = "";
    struct buffer options = {0};
    buffer_text(&options, said);
    bool first = *said == '\0';
    if (parse->settings.size > 0)
        buffer_append(&options, parse->settings.data + first, parse->settings.size - first);
    keep_status status = KEEP_OK;
    if (options.failed)
        status = KEEP_NO_MEMORY;
    else if (options.size > 0)
        status = dsn_put(parse, "options", options.data);
    buffer_free(&options);
    return status;
}

static keep_status dsn_finish(struct dsn_parse *parse)
{
    keep_status status = dsn_check(parse);
    if (status == KEEP_OK)
        status = dsn_finish_options(parse);
    /* Statements and documents are UTF-8; with anything else the server would misread them. */
    if (status == KEEP_OK)
        status = dsn_put(parse, "client_encoding", "UTF8");
    if (status == KEEP_OK)
        status = dsn_put_missing(parse, "fallback_application_name", "statekeep");
    static const char *const keepalive[][2] = {{"keepalives_idle", "30"},
                                               {"keepalives_interval", "10"},
                                               {"keepalives_count", "3"},
                                               {"tcp_user_timeout", "30000"}};
    /* A service file may say them, and what is given here would win over it. */
    bool service = dsn_get(parse->out, "service") || getenv("PGSERVICE");
    for (size_t i = 0; status == KEEP_OK && !service && i < sizeof keepalive / sizeof *keepalive;
         i++)
        status = dsn_put_missing(parse, keepalive[i][0], keepalive[i][1]);
    const char *seconds = dsn_get(parse->out, "connect_timeout");
    long timeout = seconds ? dsn_number(seconds, 0) : 0;
    parse->out->connect_ms = timeout > INT_MAX / 1000 ? INT_MAX : (int)timeout * 1000;
    return status;
}

static keep_status dsn_parse_server(struct dsn_parse *parse, const char *text, size_t size)
{
    char *unused = NULL;
    parse->known = PQconninfoParse("", &unused);
    PQfreemem(unused);
    if (!parse->known)
        return KEEP_NO_MEMORY;
    size_t room = 1;
    for (const PQconninfoOption *known = parse->known; known->keyword; known++)
        room++;
    parse->out->keys = keep_alloc(NULL, room * sizeof(char *));
    parse->out->values = keep_alloc(NULL, room * sizeof(char *));
    parse->key = keep_alloc(NULL, size + 1);
    parse->value = keep_alloc(NULL, size + 1);
    keep_status status = KEEP_NO_MEMORY;
    if (parse->out->keys && parse->out->values && parse->key && parse->value) {
        memset(parse->out->keys, 0, room * sizeof(char *));
        memset(parse->out->values, 0, room * sizeof(char *));
        const char *scheme_end = dsn_url_scheme(text, text + size);
        status = scheme_end ? dsn_parse_url(parse, text, scheme_end, text + size)
                            : dsn_parse_words(parse, text, text + size);
        if (status == KEEP_OK)
            status = dsn_finish(parse);
    }
    keep_alloc(parse->key, 0);
    keep_alloc(parse->value, 0);
    buffer_free(&parse->settings);
    PQconninfoFree(parse->known);
    return status;
}

static bool dsn_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Refuses what no connection string holds. White space is left to the two forms. */
static keep_status dsn_check_text(struct dsn_parse *parse, const char *text, size_t size)
{
    if (size > DSN_SIZE_MAX)
        return dsn_refuse(parse, "text", "longer than 32768 bytes");
    for (size_t i = 0; i < size;) {
        size_t step = utf8_step(text + i, size - i);
        unsigned char first = (unsigned char)text[i];
        if (step == 0)
            return dsn_refuse(parse, "text", "invalid UTF-8");
        if ((first < ' ' && !dsn_is_space(text[i])) || first == 0x7F)
            return dsn_refuse(parse, "text", "a control character");
        i += step;
    }
    return KEEP_OK;
}

static const char *dsn_source(const char *text, const char **source)
{
    static const char *const variables[][2] = {{"STATEKEEP_DSN", "$STATEKEEP_DSN"},
                                               {"DATABASE_URL", "$DATABASE_URL"}};
    *source = "connection string";
    if (text && *text != '\0')
        return text;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        text = getenv(variables[i][0]);
        if (text && *text != '\0') {
            *source = variables[i][1];
            return text;
        }
    }
    return "embedded:";
}

keep_status dsn_parse(struct dsn *out, const char *text, char **error)
{
    *out = (struct dsn){0};
    *error = NULL;
    struct dsn_parse parse = {.out = out, .error = error};
    text = dsn_source(text, &parse.source);
    while (dsn_is_space(*text))
        text++;
    size_t size = strlen(text);
    while (size > 0 && dsn_is_space(text[size - 1]) && (size < 2 || text[size - 2] != '\\'))
        size--;
    keep_status status = dsn_check_text(&parse, text, size);
    if (status == KEEP_OK && strncmp(text, "embedded:", strlen("embedded:")) == 0) {
        out->embedded = true;
        out->embedded_text = dsn_copy(text, size);
        status = out->embedded_text ? embedded_check(out->embedded_text, error) : KEEP_NO_MEMORY;
    } else if (status == KEEP_OK) {
        status = dsn_parse_server(&parse, text, size);
    }
    if (status != KEEP_OK)
        dsn_free(out);
    return status;
}

void dsn_free(struct dsn *dsn)
{
    for (int i = 0; i < dsn->count; i++) {
        keep_alloc(dsn->keys[i], 0);
        keep_alloc(dsn->values[i], 0);
    }
    keep_alloc(dsn->keys, 0);
    keep_alloc(dsn->values, 0);
    keep_alloc(dsn->embedded_text, 0);
    *dsn = (struct dsn){0};
}
