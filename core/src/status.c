/* Statuses by name, and what an SQLSTATE means: for the call (its status) and for the batch (what to do next). */
#include "core.h"

#include <string.h>

const char *keep_status_name(keep_status status)
{
    static const char *const names[] = {
        "OK",          "ABSENT", "CONFLICT", "INVALID", "DEADLINE",  "CANCELLED", "UNKNOWN",
        "UNAVAILABLE", "FULL",   "CLOSED",   "FORKED",  "NO_MEMORY", "INTERNAL"};
    if (status == KEEP_PENDING)
        return "PENDING";
    return status >= KEEP_OK && status <= KEEP_INTERNAL ? names[status] : "INTERNAL";
}

static bool is(const char *sqlstate, const char *const *list)
{
    for (; *list; list++)
        if (strncmp(sqlstate, *list, strlen(*list)) == 0)
            return true;
    return false;
}

enum failure failure_of(const char *sqlstate)
{
    static const char *const again[] = {"40001", "40P01", NULL};
    /* Not 57014: sent again, a statement that takes longer than statement_timeout would never end. */
    static const char *const blocked[] = {"55P03", NULL};
    /* 0A000: a cached plan no longer fits an altered table; a new link plans anew. */
    static const char *const link[] = {"25006", "57P", "0A000", NULL};
    static const char *const prepared[] = {"26000", "42P05", NULL};
    /* Not the fault of one call: tables, rights, resources, features. 53200 (memory) may well be one call's. */
    static const char *const all[] = {"42",    "3D",    "3F", "28", "53000",
                                      "53100", "53300", "58", "XX", NULL};
    if (is(sqlstate, again))
        return FAILURE_AGAIN;
    if (is(sqlstate, blocked))
        return FAILURE_BLOCKED;
    if (is(sqlstate, link))
        return FAILURE_LINK;
    if (is(sqlstate, prepared))
        return FAILURE_PREPARED;
    return is(sqlstate, all) ? FAILURE_ALL : FAILURE_ITEM;
}

keep_status status_of(const char *sqlstate)
{
    static const char *const conflict[] = {"23505", "23P01", "40001", "40P01", NULL};
    static const char *const invalid[] = {"22", "23", "21", "54", "P0001", NULL};
    static const char *const unavailable[] = {"25006", "28", "3D",    "3F", "42501", "42703",
                                              "42P01", "53", "55P03", "57", "58030", NULL};
    if (is(sqlstate, conflict))
        return KEEP_CONFLICT;
    if (is(sqlstate, invalid))
        return KEEP_INVALID;
    return is(sqlstate, unavailable) ? KEEP_UNAVAILABLE : KEEP_INTERNAL;
}

bool status_retry(keep_status status, const char *sqlstate)
{
    static const char *const lasting[] = {"28", "3D", "3F", "42", NULL};
    switch (status) {
    case KEEP_FULL:
    case KEEP_DEADLINE:
    case KEEP_NO_MEMORY:
        return true;
    case KEEP_UNAVAILABLE:
        return !sqlstate || !is(sqlstate, lasting);
    case KEEP_CONFLICT:
        return sqlstate && strncmp(sqlstate, "40", 2) == 0;
    default:
        return false;
    }
}
