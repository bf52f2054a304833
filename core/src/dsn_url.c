/* "postgres://user:password@host:port,…/database?key=value&…". */
#include "dsn_parse.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool url_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

const char *dsn_url_scheme(const char *text, const char *end)
{
    const char *at = text;
    while (at < end && (url_is_letter(*at) || (at > text && strchr("0123456789+.-_", *at))))
        at++;
    return at > text && end - at >= 3 && strncmp(at, "://", 3) == 0 ? at : NULL;
}

static int url_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes the percent-encoding of [from, end) to `out`, which has room for as many bytes and a NUL. `plus`: a "+" is a
 * blank. */
static keep_status url_decode(struct dsn_parse *parse, const char *part, const char *from,
                              const char *end, bool plus, char *out)
{
    while (from < end) {
        char c = *from++;
        if (c == '%') {
            int high = end - from >= 2 ? url_hex(from[0]) : -1;
            int low = high >= 0 ? url_hex(from[1]) : -1;
            if (low < 0)
                return dsn_refuse(parse, part, "a percent sign must be written %25");
            if ((high | low) == 0)
                return dsn_refuse(parse, part, "%00 cannot be passed on");
            c = (char)(high * 16 + low);
            from += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        *out++ = c;
    }
    *out = '\0';
    return KEEP_OK;
}

/* Decodes a part of the URL and takes it unless it is empty. */
static keep_status url_take(struct dsn_parse *parse, const char *key, const char *from,
                            const char *end)
{
    if (from == end)
        return KEEP_OK;
    keep_status status = url_decode(parse, key, from, end, false, parse->value);
    return status == KEEP_OK ? dsn_take(parse, key, parse->value) : status;
}

static keep_status url_user(struct dsn_parse *parse, const char *from, const char *end)
{
    const char *colon = memchr(from, ':', (size_t)(end - from));
    keep_status status = url_take(parse, "user", from, colon ? colon : end);
    if (status == KEEP_OK && colon)
        status = url_take(parse, "password", colon + 1, end);
    return status;
}

/* One host of the list: appends its name to *host and its port to *port. `end` is the comma or the list's end. */
static keep_status url_host(struct dsn_parse *parse, const char *at, const char *end, char **host,
                            char **port)
{
    const char *name = at, *name_end, *behind;
    if (at < end && *at == '[') {
        name = at + 1;
        name_end = memchr(name, ']', (size_t)(end - name));
        if (!name_end)
            return dsn_refuse(parse, "host", "the bracket of an IPv6 address is not closed");
        if (name_end == name)
            return dsn_refuse(parse, "host", "no address between the brackets");
        behind = name_end + 1;
    } else {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        name_end = behind = colon ? colon : end;
        if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1)))
            return dsn_refuse(parse, "host",
                              "more than one colon; an IPv6 address needs brackets, and a password "
                              "its / ? and # written as %2F %3F and %23");
    }
    if (behind < end && *behind != ':')
        return dsn_refuse(parse, "host", "only a port may follow the closing bracket");
    keep_status status = url_decode(parse, "host", name, name_end, false, *host);
    if (status == KEEP_OK && behind < end)
        status = url_decode(parse, "port", behind + 1, end, false, *port);
    if (status == KEEP_OK) {
        *host += strlen(*host);
        *port += strlen(*port);
    }
    return status;
}

static keep_status url_hosts(struct dsn_parse *parse, const char *at, const char *end)
{
    /* Two lists grow side by side in the two scratch texts; neither can outgrow what it is read from. */
    char *host = parse->key, *port = parse->value;
    *host = *port = '\0';
    for (;;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        keep_status status = url_host(parse, at, comma ? comma : end, &host, &port);
        if (status != KEEP_OK)
            return status;
        if (!comma)
            break;
        memcpy(host++, ",", 2);
        memcpy(port++, ",", 2);
        at = comma + 1;
    }
    if (strspn(parse->value, ",") < strlen(parse->value)) {
        keep_status status = dsn_take(parse, "port", parse->value);
        if (status != KEEP_OK)
            return status;
    }
    if (strspn(parse->key, ",") == strlen(parse->key))
        return KEEP_OK;
    return dsn_take(parse, "host", parse->key);
}

static keep_status url_query(struct dsn_parse *parse, const char *at, const char *end)
{
    for (int number = 1; at < end; number++) {
        char part[32];
        snprintf(part, sizeof part, "query parameter %d", number);
        const char *next = memchr(at, '&', (size_t)(end - at));
        const char *stop = next ? next : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        if (stop > at && (!equals || equals == at))
            return dsn_refuse(parse, part, "want key=value");
        if (stop > at) {
            keep_status status = url_decode(parse, part, at, equals, false, parse->key);
            if (status == KEEP_OK)
                status = url_decode(parse, part, equals + 1, stop,
                                    dsn_is_setting(parse, parse->key), parse->value);
            if (status == KEEP_OK)
                status = dsn_take(parse, parse->key, parse->value);
            if (status != KEEP_OK)
                return status;
        }
        at = next ? next + 1 : end;
    }
    return KEEP_OK;
}

static keep_status url_check_scheme(struct dsn_parse *parse, const char *text, const char *end)
{
    const char *plus = memchr(text, '+', (size_t)(end - text));
    size_t size = (size_t)((plus ? plus : end) - text);
    if ((size == 8 && strncasecmp(text, "postgres", size) == 0) ||
        (size == 10 && strncasecmp(text, "postgresql", size) == 0))
        return KEEP_OK;
    return dsn_refuse(parse, "scheme", "not PostgreSQL's; want postgres:// or postgresql://");
}

keep_status dsn_parse_url(struct dsn_parse *parse, const char *text, const char *scheme_end,
                          const char *end)
{
    keep_status status = url_check_scheme(parse, text, scheme_end);
    if (status != KEEP_OK)
        return status;
    for (const char *at = text; at < end; at++)
        if (*at >= '\t' && *at <= '\r')
            return dsn_refuse(parse, "text", "a control character");
    const char *at = scheme_end + 3;
    const char *authority = at + strcspn(at, "/?");
    if (authority > end)
        authority = end;
    /* The last "@" ends the password, so one inside it does no harm. */
    const char *hosts = at;
    for (const char *from = at; from < authority; from++)
        if (*from == '@')
            hosts = from + 1;
    if (hosts > at)
        status = url_user(parse, at, hosts - 1);
    if (status == KEEP_OK)
        status = url_hosts(parse, hosts, authority);
    const char *question = memchr(authority, '?', (size_t)(end - authority));
    if (status == KEEP_OK && authority < end && *authority == '/')
        status = url_take(parse, "dbname", authority + 1, question ? question : end);
    if (status == KEEP_OK && question)
        status = url_query(parse, question + 1, end);
    return status;
}
