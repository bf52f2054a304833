/* Reading "embedded:…". Looks at the text only; which directory it means is embedded_home.c's matter. */
#include "embedded_parts.h"

#include "io.h"

#include <stdlib.h>
#include <string.h>

enum { DSN_LINGER_MS = 2000, DSN_LINGER_MAX_MS = 3600 * 1000 };

static const char dsn_scheme[] = "embedded:";

static int dsn_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes percent-encoding. `what` names the part in messages. */
static bool dsn_decode(struct embedded_job *job, const char *what, const char *from,
                       const char *end, char *out, size_t size)
{
    size_t used = 0;
    while (from < end) {
        char c = *from++;
        if (c == '%') {
            int high = end - from >= 2 ? dsn_hex(from[0]) : -1;
            int low = high >= 0 ? dsn_hex(from[1]) : -1;
            if (low < 0 || (high | low) == 0)
                return embedded_fail(job, KEEP_INVALID, "embedded DSN: bad percent-encoding in %s",
                                     what);
            c = (char)(high * 16 + low);
            from += 2;
        }
        if (used + 1 >= size)
            return embedded_fail(job, KEEP_INVALID, "embedded DSN: %s is longer than %zu bytes",
                                 what, size - 1);
        out[used++] = c;
    }
    out[used] = 0;
    return true;
}

static bool dsn_directory(struct embedded_job *job, const char *from, const char *end,
                          struct embedded_place *place)
{
    if (end - from >= 2 && from[0] == '/' && from[1] == '/') {
        from += 2;
        if (from < end && *from != '/')
            return embedded_fail(
                job, KEEP_INVALID,
                "embedded DSN: it names a host; write embedded:/directory for a local directory");
    }
    return dsn_decode(job, "the directory", from, end, place->root, sizeof place->root);
}

static bool dsn_linger(struct embedded_job *job, const char *value, struct embedded_place *place)
{
    char *end;
    long ms = strtol(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != 0 || ms > DSN_LINGER_MAX_MS)
        return embedded_fail(job, KEEP_INVALID,
                             "embedded DSN: linger_ms must be a number from 0 to %d",
                             DSN_LINGER_MAX_MS);
    place->linger_ms = (int)ms;
    return true;
}

static bool dsn_setting(struct embedded_job *job, const char *name, const char *value,
                        struct embedded_place *place)
{
    static const char *const ours[] = {"listen_addresses", "unix_socket_directories", "port",
                                       "data_directory", "hba_file"};
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    if (*name == 0 || name[strspn(name, letters)] != 0)
        return embedded_fail(job, KEEP_INVALID, "embedded DSN: \"conf.%s\" does not name a setting",
                             name);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strcmp(name, ours[i]) == 0)
            return embedded_fail(
                job, KEEP_INVALID,
                "embedded DSN: \"conf.%s\" cannot be chosen: the server is private", name);
    if (place->setting_count == EMBEDDED_SETTINGS)
        return embedded_fail(job, KEEP_INVALID, "embedded DSN: more than %d settings",
                             EMBEDDED_SETTINGS);
    char *text = NULL;
    if (!embedded_append(&text, "%s=%s", name, value))
        return embedded_fail(job, KEEP_NO_MEMORY, NULL);
    place->settings[place->setting_count++] = text;
    return true;
}

static bool dsn_parameter(struct embedded_job *job, const char *name, const char *value,
                          struct embedded_place *place)
{
    if (strcmp(name, "temp") == 0) {
        if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
            return embedded_fail(job, KEEP_INVALID, "embedded DSN: temp must be 0 or 1");
        place->temp = value[0] == '1';
        return true;
    }
    if (strcmp(name, "linger_ms") == 0)
        return dsn_linger(job, value, place);
    if (strncmp(name, "conf.", 5) == 0)
        return dsn_setting(job, name + 5, value, place);
    bool database = strcmp(name, "db") == 0;
    if (!database && strcmp(name, "bin") != 0)
        return embedded_fail(job, KEEP_INVALID,
                             "embedded DSN: unknown parameter \"%s\"; there are temp, db, bin, "
                             "linger_ms and conf.NAME",
                             name);
    char *out = database ? place->database : place->bin;
    size_t size = database ? sizeof place->database : sizeof place->bin;
    if (*value == 0 || strlen(value) >= size)
        return embedded_fail(job, KEEP_INVALID, "embedded DSN: %s must have 1 to %zu bytes", name,
                             size - 1);
    memcpy(out, value, strlen(value) + 1);
    return true;
}

static bool dsn_query(struct embedded_job *job, const char *from, struct embedded_place *place)
{
    while (*from != 0) {
        char name[EMBEDDED_NAME], value[EMBEDDED_PATH];
        const char *end = from + strcspn(from, "&");
        const char *equals = memchr(from, '=', (size_t)(end - from));
        if (equals == NULL)
            return embedded_fail(job, KEEP_INVALID, "embedded DSN: a parameter without \"=\"");
        if (!dsn_decode(job, "a parameter's name", from, equals, name, sizeof name) ||
            !dsn_decode(job, name, equals + 1, end, value, sizeof value) ||
            !dsn_parameter(job, name, value, place))
            return false;
        from = *end == '&' ? end + 1 : end;
    }
    return true;
}

bool embedded_dsn_parse(struct embedded_job *job, const char *dsn, struct embedded_place *place)
{
    memset(place, 0, sizeof *place);
    place->linger_ms = -1;
    memcpy(place->database, "postgres", sizeof "postgres");
    if (strncmp(dsn, dsn_scheme, sizeof dsn_scheme - 1) != 0)
        return embedded_fail(job, KEEP_INVALID, "embedded DSN: it must begin with \"%s\"",
                             dsn_scheme);
    const char *directory = dsn + sizeof dsn_scheme - 1;
    const char *end = directory + strcspn(directory, "?");
    if (!dsn_directory(job, directory, end, place) ||
        !dsn_query(job, *end == '?' ? end + 1 : end, place))
        return false;
    if (place->temp && place->root[0] != 0)
        return embedded_fail(job, KEEP_INVALID,
                             "embedded DSN: temp=1 makes its own directory; name none");
    if (place->linger_ms < 0)
        place->linger_ms = place->temp ? 0 : DSN_LINGER_MS;
    return true;
}

void embedded_dsn_free(struct embedded_place *place)
{
    while (place->setting_count > 0)
        keep_alloc(place->settings[--place->setting_count], 0);
}
