#include "dsn_keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Names between blanks. */
static const struct {
    enum dsn_action action;
    const char *to;
    const char *names;
} DSN_KEYS[] = {
    {DSN_RENAME, "dbname", " database "},
    {DSN_RENAME, "sslmode", " ssl-mode "},
    {DSN_RENAME, "sslrootcert", " ssl-root-cert ssl-ca "},
    {DSN_RENAME, "sslcert", " ssl-cert "},
    {DSN_RENAME, "sslkey", " ssl-key "},
    {DSN_RENAME, "client_encoding", " encoding charset "},
    {DSN_SSL, NULL, " ssl "},
    {DSN_CONNECTIONS, NULL, " pool_max_conns max_connections "},
    {DSN_TOO_NEW, NULL, " require_auth sslcertmode servicefile "},
    /* Newer libpqs': only speed, logs or what the server decides anyway. */
    {DSN_DROP, NULL,
     " gssdelegation load_balance_hosts sslnegotiation sslkeylogfile min_protocol_version"
     " max_protocol_version "},
    /* pgx */
    {DSN_DROP, NULL,
     " pool_min_conns pool_min_idle_conns pool_max_conn_lifetime pool_max_conn_idle_time"
     " pool_health_check_period pool_max_conn_lifetime_jitter pool_ping_timeout"
     " default_query_exec_mode statement_cache_capacity statement_cache_mode"
     " description_cache_capacity min_read_buffer_size krbspn sslinline "},
    /* asyncpg and SQLAlchemy's dialect of it */
    {DSN_DROP, NULL,
     " direct_tls command_timeout statement_cache_size max_cached_statement_lifetime"
     " max_cacheable_statement_size prepared_statement_cache_size prepared_statement_name_func"
     " async_fallback "},
    /* sqlx */
    {DSN_DROP, NULL, " statement-cache-capacity "},
    /* Sequel */
    {DSN_DROP, NULL,
     " adapter adapter_class after_connect before_preconnect cache_schema connect_sqls"
     " connection_handling connection_validation_timeout convert_infinite_timestamps"
     " default_dataset default_schema default_string_column_size disconnection_proc"
     " driver_options extensions force_standard_strings identifier_input_method"
     " identifier_output_method integer_booleans keep_reference log_connection_info"
     " log_warn_duration logger loggers max_validation_age name notice_receiver plugins"
     " pool_class pool_timeout pool_retry_limit preconnect preconnect_extensions"
     " quote_identifiers servers single_threaded sql_log_level sql_mode test"
     " use_iso_date_format "},
};

static bool dsn_key_in(const char *names, const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || strchr(name, ' ') != NULL)
        return false;
    for (const char *at = strstr(names, name); at != NULL; at = strstr(at + 1, name))
        if (at[-1] == ' ' && at[size] == ' ')
            return true;
    return false;
}

struct dsn_key dsn_key_find(const char *name)
{
    for (size_t i = 0; i < sizeof DSN_KEYS / sizeof *DSN_KEYS; i++)
        if (dsn_key_in(DSN_KEYS[i].names, name))
            return (struct dsn_key){DSN_KEYS[i].action, DSN_KEYS[i].to};
    return (struct dsn_key){DSN_SETTING, NULL};
}

static const struct {
    const char *names, *values, *wanted;
} DSN_VALUES[] = {
    {" sslmode ", " disable allow prefer require verify-ca verify-full ",
     "want disable, allow, prefer, require, verify-ca or verify-full"},
    {" target_session_attrs ", " any read-write read-only primary standby prefer-standby ",
     "want any, read-write, read-only, primary, standby or prefer-standby"},
    {" gssencmode channel_binding ", " disable prefer require ", "want disable, prefer or require"},
    {" replication ", " 0 false off no ", "a replication connection cannot serve operations"},
};

const char *dsn_key_check(const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof DSN_VALUES / sizeof *DSN_VALUES; i++)
        if (dsn_key_in(DSN_VALUES[i].names, name) && !dsn_key_in(DSN_VALUES[i].values, value))
            return DSN_VALUES[i].wanted;
    return NULL;
}
