/* The server: what it is, how it is set, and what stands in front of it. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION_LEAST = 120000, VERSION_TESTED = 150000 };

const char *check_query(PGconn *link, const char *sql)
{
    static char value[256];
    PGresult *result = PQexec(link, sql);
    bool found = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    if (found)
        snprintf(value, sizeof value, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    return found ? value : NULL;
}

static bool setting_is(PGconn *link, const char *name, const char *wanted)
{
    char sql[128];
    snprintf(sql, sizeof sql, "select current_setting('%s', true)", name);
    const char *value = check_query(link, sql);
    return value && strcmp(value, wanted) == 0;
}

static bool check_version(struct check *check)
{
    int version = PQserverVersion(check->link);
    if (version < VERSION_LEAST) {
        check_wrong(check, "version", "upgrade to PostgreSQL 15 or newer",
                    "PostgreSQL %d is too old", version / 10000);
        return false;
    }
    if (version < VERSION_TESTED)
        check_note("version", "15 to 18 are what StateKeep promises to work with", "PostgreSQL %d",
                   version / 10000);
    else
        check_fine("version", "PostgreSQL %d.%d", version / 10000, version % 10000);
    return true;
}

static void check_writable(struct check *check)
{
    const char *answer = check_query(check->link, "select pg_is_in_recovery()");
    if (answer && *answer == 't')
        check_wrong(check, "read-only",
                    "name the primary, or list all hosts and say target_session_attrs=read-write",
                    "the server is a standby; saves will fail");
    else if (setting_is(check->link, "transaction_read_only", "on"))
        check_wrong(check, "read-only",
                    "find who sets default_transaction_read_only: role, database or server",
                    "transactions are read-only; saves will fail");
    else
        check_fine("read-write", "yes");
}

static void check_settings(struct check *check)
{
    static const char *const durable[][3] = {
        {"fsync", "off", "a crash of the machine can destroy the whole database"},
        {"full_page_writes", "off", "a crash of the machine can destroy pages"},
        {"synchronous_commit", "off", "the last saves told committed can be lost in a crash"},
    };
    for (size_t i = 0; i < sizeof durable / sizeof *durable; i++)
        if (setting_is(check->link, durable[i][0], durable[i][1]))
            check_note("durability", "switch it on, but for throw-away data", "%s is off: %s",
                       durable[i][0], durable[i][2]);
    if (!setting_is(check->link, "server_encoding", "UTF8"))
        check_wrong(check, "encoding", "make the database with encoding 'UTF8'",
                    "the database is not UTF-8; some texts cannot be stored");
    const char *schema = check_query(check->link, "select current_schema()");
    if (!schema || *schema == '\0')
        check_wrong(check, "schema",
                    "create the schema that search_path names, or correct search_path",
                    "search_path names no schema that is there");
    const char *free_slots = check_query(
        check->link,
        "select current_setting('max_connections')::int"
        " - current_setting('superuser_reserved_connections')::int"
        " - (select count(*) from pg_stat_activity where backend_type = 'client backend')");
    if (free_slots && atoi(free_slots) < check->connections - 1 && !check->pooled)
        check_note("connections", "raise max_connections, or open fewer connections",
                   "%s are left, and one store opens up to %d", free_slots, check->connections);
}

/* Told by behaviour, since a pooler's own commands need rights that a program does not have: it shows its clients a
 * process id that is not the backend's. And while a second client holds a transaction on the backend that served us, a
 * pooler in transaction mode serves us by another one; in session mode the second client never gets ours. */
static void check_pooler(struct check *check)
{
    const char *pid = check_query(check->link, "select pg_backend_pid()");
    int backend = pid ? atoi(pid) : 0;
    check->pooled = backend != PQbackendPID(check->link);
    if (!check->pooled) {
        check_fine("pooler", "none: a direct connection");
        return;
    }
    PGconn *second = check_connect(check);
    PQclear(PQexec(second, "begin"));
    bool statement = PQtransactionStatus(second) != PQTRANS_INTRANS;
    pid = check_query(second, "select pg_backend_pid()");
    bool shared = second && pid && atoi(pid) == backend;
    PQfinish(second);
    if (second && statement)
        check_note("pooler",
                   "use pool_mode = transaction; raw SQL with transactions fails in this one",
                   "one in statement mode");
    else
        check_fine("pooler", "%s; StateKeep keeps no session state, so this is fine",
                   shared ? "one in transaction mode" : "one, probably in session mode");
}

bool check_server(struct check *check)
{
    if (!check_version(check))
        return false;
    check_pooler(check);
    check_writable(check);
    check_settings(check);
    return PQstatus(check->link) == CONNECTION_OK;
}
