/* Made by sql/compile.py from the annotated SQL. Change that, not this.
 * Included by catalog.c alone. Sorted by name. */
/* clang-format off */
#ifndef KEEP_OPS_TABLE_H
#define KEEP_OPS_TABLE_H

#include "catalog.h"

static const struct sql_piece admin_ping_sql[] = {
    {PIECE_TEXT, "select 1 as ping", NULL},
};

static const struct arg_spec admin_setup_sql_args[] = {
    {"op", ARG_TEXT, false, true, false},
};
static const char *const admin_setup_sql_columns[] = {"sql"};

static const char *const admin_stats_columns[] = {"stats"};

static const char *const state_count_columns[] = {"count"};
static const struct sql_piece state_count_sql[] = {
    {PIECE_TEXT, "select count(*) as count from ", NULL},
    {PIECE_IDENTIFIER, "agent_states", NULL},
};

static const struct arg_spec state_delete_args[] = {
    {"agent_id", ARG_TEXT, false, true, false},
    {"session_id", ARG_TEXT, false, true, false},
};
static const int state_delete_key[] = {0, 1};
static const struct sql_piece state_delete_sql[] = {
    {PIECE_TEXT, "with locked as materialized (\n"
     "    select s.ctid as row\n"
     "    from (\n"
     "        select u.agent_id, u.session_id from unnest($1::text[], $2::text[]) as u(agent_id, session_id)\n"
     "        order by u.agent_id, u.session_id\n"
     "    ) as i\n"
     "    cross join lateral (\n"
     "        select t.ctid from ", NULL},
    {PIECE_IDENTIFIER, "agent_states", NULL},
    {PIECE_TEXT, " as t\n"
     "        where t.agent_id = i.agent_id and t.session_id = i.session_id\n"
     "        limit 1\n"
     "        for update\n"
     "    ) as s\n"
     ")\n"
     "delete from ", NULL},
    {PIECE_IDENTIFIER, "agent_states", NULL},
    {PIECE_TEXT, " as t where t.ctid = any (array(select l.row from locked as l))", NULL},
};

static const struct sql_piece state_index_sql[] = {
    {PIECE_TEXT, "do $statekeep$\n"
     "begin\n"
     "    perform pg_advisory_xact_lock(hashtextextended('statekeep.setup', 0));\n"
     "    create index if not exists ", NULL},
    {PIECE_INDEX, "agent_states", "state_gin"},
    {PIECE_TEXT, " on ", NULL},
    {PIECE_IDENTIFIER, "agent_states", NULL},
    {PIECE_TEXT, " using gin (state);\n"
     "end\n"
     "$statekeep$", NULL},
};

static const struct arg_spec state_list_args[] = {
    {"agent_id", ARG_TEXT, false, true, false},
    {"limit", ARG_INT, true, false, false},
    {"offset", ARG_INT, true, false, false},
};
static const char *const state_list_columns[] = {"session_id"};
static const struct sql_piece state_list_sql[] = {
    {PIECE_TEXT, "select i.n, s.session_id\n"
     "from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as i(agent_id, \"limit\", \"offset\", n)\n"
     "cross join lateral (\n"
     "    select t.session_id, t.updated_at from ", NULL},
    {PIECE_IDENTIFIER, "agent_states", NULL},
    {PIECE_TEXT, " as t\n"
     "    where t.agent_id = i.agent_id\n"
     "    order by t.updated_at desc, t.session_id\n"
     "    limit i.\"limit\" offset coalesce(i.\"offset\", 0)\n"
     ") as s\n"
     "order by i.n, s.updated_at desc, s.session_id", NULL},
};

static const struct arg_spec state_load_args[] = {
    {"agent_id", ARG_TEXT, false, true, false},
    {"session_id", ARG_TEXT, false, true, false},
};
static const char *const state_load_columns[] = {"state"};
static const int state_load_key[] = {0, 1};
static const struct sql_piece state_load_sql[] = {
    {PIECE_TEXT, "select i.n, s.state\n"
     "from unnest($1::text[], $2::text[]) with ordinality as i(agent_id, session_id, n)\n"
     "cross join lateral (\n"
     "    select t.state from ", NULL},
    {PIECE_IDENTIFIER, "agent_states", NULL},
    {PIECE_TEXT, " as t\n"
     "    where t.agent_id = i.agent_id and t.session_id = i.session_id\n"
     "    limit 1\n"
     ") as s", NULL},
};
static const struct sql_piece state_load_single[] = {
    {PIECE_TEXT, "select t.state from ", NULL},
    {PIECE_IDENTIFIER, "agent_states", NULL},
    {PIECE_TEXT, " as t\n"
     "where t.agent_id = $1::text and t.session_id = $2::text", NULL},
};

static const struct arg_spec state_save_args[] = {
    {"agent_id", ARG_TEXT, false, true, false},
    {"session_id", ARG_TEXT, false, true, false},
    {"state", ARG_JSON, false, false, false},
};
static const int state_save_key[] = {0, 1};
static const struct sql_piece state_save_sql[] = {
    {PIECE_TEXT, "insert into ", NULL},
    {PIECE_IDENTIFIER, "agent_states", NULL},
    {PIECE_TEXT, " as t (agent_id, session_id, state, created_at, updated_at)\n"
     "select i.agent_id, i.session_id, i.state, i.at, i.at\n"
     "from (\n"
     "    select u.agent_id, u.session_id, u.state, now() + u.n * interval '1 microsecond' as at\n"
     "    from unnest($1::text[], $2::text[], $3::jsonb[]) with ordinality as u(agent_id, session_id, state, n)\n"
     "    order by u.agent_id, u.session_id\n"
     ") as i\n"
     "on conflict (agent_id, session_id) do update\n"
     "set state = excluded.state, updated_at = excluded.updated_at", NULL},
};

static const struct arg_spec state_search_args[] = {
    {"contains", ARG_JSON, false, false, false},
    {"limit", ARG_INT, true, false, false},
    {"offset", ARG_INT, true, false, false},
};
static const char *const state_search_columns[] = {"agent_id", "session_id", "updated_at"};
static const struct sql_piece state_search_sql[] = {
    {PIECE_TEXT, "with found as materialized (\n"
     "    select t.agent_id, t.session_id, t.updated_at from ", NULL},
    {PIECE_IDENTIFIER, "agent_states", NULL},
    {PIECE_TEXT, " as t where t.state @> $1::jsonb\n"
     ")\n"
     "select f.agent_id, f.session_id,\n"
     "    to_char(f.updated_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') as updated_at\n"
     "from found as f\n"
     "order by f.updated_at desc, f.agent_id, f.session_id\n"
     "limit $2::bigint offset coalesce($3::bigint, 0)", NULL},
};

static const struct sql_piece state_setup_sql[] = {
    {PIECE_TEXT, "do $statekeep$\n"
     "begin\n"
     "    if to_regclass(", NULL},
    {PIECE_LITERAL, "agent_states", NULL},
    {PIECE_TEXT, ") is null then\n"
     "        perform pg_advisory_xact_lock(hashtextextended('statekeep.setup', 0));\n"
     "        create table if not exists ", NULL},
    {PIECE_IDENTIFIER, "agent_states", NULL},
    {PIECE_TEXT, " (\n"
     "            agent_id text not null,\n"
     "            session_id text not null,\n"
     "            state jsonb not null,\n"
     "            created_at timestamptz default now(),\n"
     "            updated_at timestamptz default now(),\n"
     "            primary key (agent_id, session_id)\n"
     "        );\n"
     "        create index if not exists ", NULL},
    {PIECE_INDEX, "agent_states", "agent_id"},
    {PIECE_TEXT, " on ", NULL},
    {PIECE_IDENTIFIER, "agent_states", NULL},
    {PIECE_TEXT, " (agent_id);\n"
     "        create index if not exists ", NULL},
    {PIECE_INDEX, "agent_states", "updated_at"},
    {PIECE_TEXT, " on ", NULL},
    {PIECE_IDENTIFIER, "agent_states", NULL},
    {PIECE_TEXT, " (updated_at);\n"
     "    end if;\n"
     "end\n"
     "$statekeep$", NULL},
};

static const struct statement_spec KEEP_STATEMENTS[] = {
    {.name = "admin.ping",
     .sql = admin_ping_sql, .sql_count = 1,
     .gives = GIVES_NONE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .fails = "",
     .doc = "Asks the server for an answer."},
    {.name = "admin.setup_sql",
     .args = admin_setup_sql_args, .arg_count = 1,
     .columns = admin_setup_sql_columns, .column_count = 1,
     .gives = GIVES_ONE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_NO,
     .resend_arg = -1,
     .bare = true,
     .engine = true,
     .fails = "",
     .doc = "The text of a set-up operation (\"state.setup\") as it would be run, with the table names filled in."},
    {.name = "admin.stats",
     .columns = admin_stats_columns, .column_count = 1,
     .gives = GIVES_ONE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_NO,
     .resend_arg = -1,
     .bare = true,
     .engine = true,
     .fails = "",
     .doc = "The engine's counters: calls by outcome, queue wait, batch sizes, round trips, connections."},
    {.name = "state.count",
     .columns = state_count_columns, .column_count = 1,
     .sql = state_count_sql, .sql_count = 2,
     .gives = GIVES_ONE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .bare = true,
     .fails = "",
     .doc = "How many states the table holds (exact: reads the whole table)."},
    {.name = "state.delete",
     .args = state_delete_args, .arg_count = 2,
     .key = state_delete_key, .key_count = 2,
     .sql = state_delete_sql, .sql_count = 5,
     .gives = GIVES_NONE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .batch = true,
     .writes = true,
     .fails = "",
     .doc = "Deletes the state of a session; no error when it has none."},
    {.name = "state.index",
     .sql = state_index_sql, .sql_count = 5,
     .gives = GIVES_NONE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .writes = true,
     .fails = "",
     .doc = "Makes the GIN index that state.search is quick with."},
    {.name = "state.list",
     .args = state_list_args, .arg_count = 3,
     .columns = state_list_columns, .column_count = 1,
     .sql = state_list_sql, .sql_count = 3,
     .gives = GIVES_MANY,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .bare = true,
     .batch = true,
     .fails = "",
     .doc = "The sessions of an agent, most recently saved first; all of them without a limit."},
    {.name = "state.load",
     .args = state_load_args, .arg_count = 2,
     .columns = state_load_columns, .column_count = 1,
     .key = state_load_key, .key_count = 2,
     .sql = state_load_sql, .sql_count = 3,
     .single = state_load_single, .single_count = 3,
     .gives = GIVES_MAYBE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .bare = true,
     .batch = true,
     .fails = "",
     .doc = "The state of a session, or null when it has none."},
    {.name = "state.save",
     .args = state_save_args, .arg_count = 3,
     .key = state_save_key, .key_count = 2,
     .sql = state_save_sql, .sql_count = 3,
     .gives = GIVES_NONE,
     .same_key = SAME_KEY_LAST,
     .resend = RESEND_NO,
     .resend_arg = -1,
     .batch = true,
     .writes = true,
     .fails = "",
     .doc = "Stores the state of a session in place of the one it had. `created_at` survives, `updated_at` is now; each row of a batch gets a time of its own, so that newest-first lists keep the order of submission."},
    {.name = "state.search",
     .args = state_search_args, .arg_count = 3,
     .columns = state_search_columns, .column_count = 3,
     .sql = state_search_sql, .sql_count = 3,
     .gives = GIVES_MANY,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .fails = "",
     .doc = "The sessions whose state contains the given JSON (PostgreSQL's @>), most recently saved first. Quick with the index that state.index makes."},
    {.name = "state.setup",
     .sql = state_setup_sql, .sql_count = 13,
     .gives = GIVES_NONE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .writes = true,
     .fails = "",
     .doc = "Makes the table and its indexes when the table is not there. A table that exists is left as it is, so a role with data rights only may call this. Racing processes wait for each other."},
};

enum { KEEP_STATEMENT_COUNT = 11 };

/* The slots for table names, each by its default. */
static const char *const KEEP_TABLES[] = {"agent_states"};

static const char KEEP_CATALOG_JSON[] = {
    '[','{','"','o','p','"',':','"','a','d','m','i','n','.','p','i','n','g','"',',',
    '"','a','r','g','s','"',':','[',']',',','"','g','i','v','e','s','"',':','"','n',
    'o','n','e','"',',','"','b','a','r','e','"',':','f','a','l','s','e',',','"','c',
    'o','l','u','m','n','s','"',':','[',']',',','"','b','a','t','c','h','"',':','f',
    'a','l','s','e',',','"','w','r','i','t','e','s','"',':','f','a','l','s','e',',',
    '"','k','e','y','"',':','[',']',',','"','r','e','s','e','n','d','"',':','"','y',
    'e','s','"',',','"','f','a','i','l','s','"',':','[',']',',','"','d','o','c','"',
    ':','"','A','s','k','s',' ','t','h','e',' ','s','e','r','v','e','r',' ','f','o',
    'r',' ','a','n',' ','a','n','s','w','e','r','.','"','}',',','{','"','o','p','"',
    ':','"','a','d','m','i','n','.','s','e','t','u','p','_','s','q','l','"',',','"',
    'a','r','g','s','"',':','[','{','"','n','a','m','e','"',':','"','o','p','"',',',
    '"','t','y','p','e','"',':','"','t','e','x','t','"',',','"','n','u','l','l','a',
    'b','l','e','"',':','f','a','l','s','e',',','"','n','o','n','e','m','p','t','y',
    '"',':','t','r','u','e',',','"','l','i','s','t','"',':','f','a','l','s','e','}',
    ']',',','"','g','i','v','e','s','"',':','"','o','n','e','"',',','"','b','a','r',
    'e','"',':','t','r','u','e',',','"','c','o','l','u','m','n','s','"',':','[','"',
    's','q','l','"',']',',','"','b','a','t','c','h','"',':','f','a','l','s','e',',',
    '"','w','r','i','t','e','s','"',':','f','a','l','s','e',',','"','k','e','y','"',
    ':','[',']',',','"','r','e','s','e','n','d','"',':','"','n','o','"',',','"','f',
    'a','i','l','s','"',':','[',']',',','"','d','o','c','"',':','"','T','h','e',' ',
    't','e','x','t',' ','o','f',' ','a',' ','s','e','t','-','u','p',' ','o','p','e',
    'r','a','t','i','o','n',' ','(','\\','"','s','t','a','t','e','.','s','e','t','u',
    'p','\\','"',')',' ','a','s',' ','i','t',' ','w','o','u','l','d',' ','b','e',' ',
    'r','u','n',',',' ','w','i','t','h',' ','t','h','e',' ','t','a','b','l','e',' ',
    'n','a','m','e','s',' ','f','i','l','l','e','d',' ','i','n','.','"','}',',','{',
    '"','o','p','"',':','"','a','d','m','i','n','.','s','t','a','t','s','"',',','"',
    'a','r','g','s','"',':','[',']',',','"','g','i','v','e','s','"',':','"','o','n',
    'e','"',',','"','b','a','r','e','"',':','t','r','u','e',',','"','c','o','l','u',
    'm','n','s','"',':','[','"','s','t','a','t','s','"',']',',','"','b','a','t','c',
    'h','"',':','f','a','l','s','e',',','"','w','r','i','t','e','s','"',':','f','a',
    'l','s','e',',','"','k','e','y','"',':','[',']',',','"','r','e','s','e','n','d',
    '"',':','"','n','o','"',',','"','f','a','i','l','s','"',':','[',']',',','"','d',
    'o','c','"',':','"','T','h','e',' ','e','n','g','i','n','e','\'','s',' ','c','o',
    'u','n','t','e','r','s',':',' ','c','a','l','l','s',' ','b','y',' ','o','u','t',
    'c','o','m','e',',',' ','q','u','e','u','e',' ','w','a','i','t',',',' ','b','a',
    't','c','h',' ','s','i','z','e','s',',',' ','r','o','u','n','d',' ','t','r','i',
    'p','s',',',' ','c','o','n','n','e','c','t','i','o','n','s','.','"','}',',','{',
    '"','o','p','"',':','"','s','t','a','t','e','.','c','o','u','n','t','"',',','"',
    'a','r','g','s','"',':','[',']',',','"','g','i','v','e','s','"',':','"','o','n',
    'e','"',',','"','b','a','r','e','"',':','t','r','u','e',',','"','c','o','l','u',
    'm','n','s','"',':','[','"','c','o','u','n','t','"',']',',','"','b','a','t','c',
    'h','"',':','f','a','l','s','e',',','"','w','r','i','t','e','s','"',':','f','a',
    'l','s','e',',','"','k','e','y','"',':','[',']',',','"','r','e','s','e','n','d',
    '"',':','"','y','e','s','"',',','"','f','a','i','l','s','"',':','[',']',',','"',
    'd','o','c','"',':','"','H','o','w',' ','m','a','n','y',' ','s','t','a','t','e',
    's',' ','t','h','e',' ','t','a','b','l','e',' ','h','o','l','d','s',' ','(','e',
    'x','a','c','t',':',' ','r','e','a','d','s',' ','t','h','e',' ','w','h','o','l',
    'e',' ','t','a','b','l','e',')','.','"','}',',','{','"','o','p','"',':','"','s',
    't','a','t','e','.','d','e','l','e','t','e','"',',','"','a','r','g','s','"',':',
    '[','{','"','n','a','m','e','"',':','"','a','g','e','n','t','_','i','d','"',',',
    '"','t','y','p','e','"',':','"','t','e','x','t','"',',','"','n','u','l','l','a',
    'b','l','e','"',':','f','a','l','s','e',',','"','n','o','n','e','m','p','t','y',
    '"',':','t','r','u','e',',','"','l','i','s','t','"',':','f','a','l','s','e','}',
    ',','{','"','n','a','m','e','"',':','"','s','e','s','s','i','o','n','_','i','d',
    '"',',','"','t','y','p','e','"',':','"','t','e','x','t','"',',','"','n','u','l',
    'l','a','b','l','e','"',':','f','a','l','s','e',',','"','n','o','n','e','m','p',
    't','y','"',':','t','r','u','e',',','"','l','i','s','t','"',':','f','a','l','s',
    'e','}',']',',','"','g','i','v','e','s','"',':','"','n','o','n','e','"',',','"',
    'b','a','r','e','"',':','f','a','l','s','e',',','"','c','o','l','u','m','n','s',
    '"',':','[',']',',','"','b','a','t','c','h','"',':','t','r','u','e',',','"','w',
    'r','i','t','e','s','"',':','t','r','u','e',',','"','k','e','y','"',':','[','"',
    'a','g','e','n','t','_','i','d','"',',','"','s','e','s','s','i','o','n','_','i',
    'd','"',']',',','"','r','e','s','e','n','d','"',':','"','y','e','s','"',',','"',
    'f','a','i','l','s','"',':','[',']',',','"','d','o','c','"',':','"','D','e','l',
    'e','t','e','s',' ','t','h','e',' ','s','t','a','t','e',' ','o','f',' ','a',' ',
    's','e','s','s','i','o','n',';',' ','n','o',' ','e','r','r','o','r',' ','w','h',
    'e','n',' ','i','t',' ','h','a','s',' ','n','o','n','e','.','"','}',',','{','"',
    'o','p','"',':','"','s','t','a','t','e','.','i','n','d','e','x','"',',','"','a',
    'r','g','s','"',':','[',']',',','"','g','i','v','e','s','"',':','"','n','o','n',
    'e','"',',','"','b','a','r','e','"',':','f','a','l','s','e',',','"','c','o','l',
    'u','m','n','s','"',':','[',']',',','"','b','a','t','c','h','"',':','f','a','l',
    's','e',',','"','w','r','i','t','e','s','"',':','t','r','u','e',',','"','k','e',
    'y','"',':','[',']',',','"','r','e','s','e','n','d','"',':','"','y','e','s','"',
    ',','"','f','a','i','l','s','"',':','[',']',',','"','d','o','c','"',':','"','M',
    'a','k','e','s',' ','t','h','e',' ','G','I','N',' ','i','n','d','e','x',' ','t',
    'h','a','t',' ','s','t','a','t','e','.','s','e','a','r','c','h',' ','i','s',' ',
    'q','u','i','c','k',' ','w','i','t','h','.','"','}',',','{','"','o','p','"',':',
    '"','s','t','a','t','e','.','l','i','s','t','"',',','"','a','r','g','s','"',':',
    '[','{','"','n','a','m','e','"',':','"','a','g','e','n','t','_','i','d','"',',',
    '"','t','y','p','e','"',':','"','t','e','x','t','"',',','"','n','u','l','l','a',
    'b','l','e','"',':','f','a','l','s','e',',','"','n','o','n','e','m','p','t','y',
    '"',':','t','r','u','e',',','"','l','i','s','t','"',':','f','a','l','s','e','}',
    ',','{','"','n','a','m','e','"',':','"','l','i','m','i','t','"',',','"','t','y',
    'p','e','"',':','"','i','n','t','"',',','"','n','u','l','l','a','b','l','e','"',
    ':','t','r','u','e',',','"','n','o','n','e','m','p','t','y','"',':','f','a','l',
    's','e',',','"','l','i','s','t','"',':','f','a','l','s','e','}',',','{','"','n',
    'a','m','e','"',':','"','o','f','f','s','e','t','"',',','"','t','y','p','e','"',
    ':','"','i','n','t','"',',','"','n','u','l','l','a','b','l','e','"',':','t','r',
    'u','e',',','"','n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',',',
    '"','l','i','s','t','"',':','f','a','l','s','e','}',']',',','"','g','i','v','e',
    's','"',':','"','m','a','n','y','"',',','"','b','a','r','e','"',':','t','r','u',
    'e',',','"','c','o','l','u','m','n','s','"',':','[','"','s','e','s','s','i','o',
    'n','_','i','d','"',']',',','"','b','a','t','c','h','"',':','t','r','u','e',',',
    '"','w','r','i','t','e','s','"',':','f','a','l','s','e',',','"','k','e','y','"',
    ':','[',']',',','"','r','e','s','e','n','d','"',':','"','y','e','s','"',',','"',
    'f','a','i','l','s','"',':','[',']',',','"','d','o','c','"',':','"','T','h','e',
    ' ','s','e','s','s','i','o','n','s',' ','o','f',' ','a','n',' ','a','g','e','n',
    't',',',' ','m','o','s','t',' ','r','e','c','e','n','t','l','y',' ','s','a','v',
    'e','d',' ','f','i','r','s','t',';',' ','a','l','l',' ','o','f',' ','t','h','e',
    'm',' ','w','i','t','h','o','u','t',' ','a',' ','l','i','m','i','t','.','"','}',
    ',','{','"','o','p','"',':','"','s','t','a','t','e','.','l','o','a','d','"',',',
    '"','a','r','g','s','"',':','[','{','"','n','a','m','e','"',':','"','a','g','e',
    'n','t','_','i','d','"',',','"','t','y','p','e','"',':','"','t','e','x','t','"',
    ',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',',','"','n',
    'o','n','e','m','p','t','y','"',':','t','r','u','e',',','"','l','i','s','t','"',
    ':','f','a','l','s','e','}',',','{','"','n','a','m','e','"',':','"','s','e','s',
    's','i','o','n','_','i','d','"',',','"','t','y','p','e','"',':','"','t','e','x',
    't','"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',',',
    '"','n','o','n','e','m','p','t','y','"',':','t','r','u','e',',','"','l','i','s',
    't','"',':','f','a','l','s','e','}',']',',','"','g','i','v','e','s','"',':','"',
    'm','a','y','b','e','"',',','"','b','a','r','e','"',':','t','r','u','e',',','"',
    'c','o','l','u','m','n','s','"',':','[','"','s','t','a','t','e','"',']',',','"',
    'b','a','t','c','h','"',':','t','r','u','e',',','"','w','r','i','t','e','s','"',
    ':','f','a','l','s','e',',','"','k','e','y','"',':','[','"','a','g','e','n','t',
    '_','i','d','"',',','"','s','e','s','s','i','o','n','_','i','d','"',']',',','"',
    'r','e','s','e','n','d','"',':','"','y','e','s','"',',','"','f','a','i','l','s',
    '"',':','[',']',',','"','d','o','c','"',':','"','T','h','e',' ','s','t','a','t',
    'e',' ','o','f',' ','a',' ','s','e','s','s','i','o','n',',',' ','o','r',' ','n',
    'u','l','l',' ','w','h','e','n',' ','i','t',' ','h','a','s',' ','n','o','n','e',
    '.','"','}',',','{','"','o','p','"',':','"','s','t','a','t','e','.','s','a','v',
    'e','"',',','"','a','r','g','s','"',':','[','{','"','n','a','m','e','"',':','"',
    'a','g','e','n','t','_','i','d','"',',','"','t','y','p','e','"',':','"','t','e',
    'x','t','"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',
    ',','"','n','o','n','e','m','p','t','y','"',':','t','r','u','e',',','"','l','i',
    's','t','"',':','f','a','l','s','e','}',',','{','"','n','a','m','e','"',':','"',
    's','e','s','s','i','o','n','_','i','d','"',',','"','t','y','p','e','"',':','"',
    't','e','x','t','"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l',
    's','e',',','"','n','o','n','e','m','p','t','y','"',':','t','r','u','e',',','"',
    'l','i','s','t','"',':','f','a','l','s','e','}',',','{','"','n','a','m','e','"',
    ':','"','s','t','a','t','e','"',',','"','t','y','p','e','"',':','"','j','s','o',
    'n','"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',',',
    '"','n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"','l','i',
    's','t','"',':','f','a','l','s','e','}',']',',','"','g','i','v','e','s','"',':',
    '"','n','o','n','e','"',',','"','b','a','r','e','"',':','f','a','l','s','e',',',
    '"','c','o','l','u','m','n','s','"',':','[',']',',','"','b','a','t','c','h','"',
    ':','t','r','u','e',',','"','w','r','i','t','e','s','"',':','t','r','u','e',',',
    '"','k','e','y','"',':','[','"','a','g','e','n','t','_','i','d','"',',','"','s',
    'e','s','s','i','o','n','_','i','d','"',']',',','"','r','e','s','e','n','d','"',
    ':','"','n','o','"',',','"','f','a','i','l','s','"',':','[',']',',','"','d','o',
    'c','"',':','"','S','t','o','r','e','s',' ','t','h','e',' ','s','t','a','t','e',
    ' ','o','f',' ','a',' ','s','e','s','s','i','o','n',' ','i','n',' ','p','l','a',
    'c','e',' ','o','f',' ','t','h','e',' ','o','n','e',' ','i','t',' ','h','a','d',
    '.',' ','`','c','r','e','a','t','e','d','_','a','t','`',' ','s','u','r','v','i',
    'v','e','s',',',' ','`','u','p','d','a','t','e','d','_','a','t','`',' ','i','s',
    ' ','n','o','w',';',' ','e','a','c','h',' ','r','o','w',' ','o','f',' ','a',' ',
    'b','a','t','c','h',' ','g','e','t','s',' ','a',' ','t','i','m','e',' ','o','f',
    ' ','i','t','s',' ','o','w','n',',',' ','s','o',' ','t','h','a','t',' ','n','e',
    'w','e','s','t','-','f','i','r','s','t',' ','l','i','s','t','s',' ','k','e','e',
    'p',' ','t','h','e',' ','o','r','d','e','r',' ','o','f',' ','s','u','b','m','i',
    's','s','i','o','n','.','"','}',',','{','"','o','p','"',':','"','s','t','a','t',
    'e','.','s','e','a','r','c','h','"',',','"','a','r','g','s','"',':','[','{','"',
    'n','a','m','e','"',':','"','c','o','n','t','a','i','n','s','"',',','"','t','y',
    'p','e','"',':','"','j','s','o','n','"',',','"','n','u','l','l','a','b','l','e',
    '"',':','f','a','l','s','e',',','"','n','o','n','e','m','p','t','y','"',':','f',
    'a','l','s','e',',','"','l','i','s','t','"',':','f','a','l','s','e','}',',','{',
    '"','n','a','m','e','"',':','"','l','i','m','i','t','"',',','"','t','y','p','e',
    '"',':','"','i','n','t','"',',','"','n','u','l','l','a','b','l','e','"',':','t',
    'r','u','e',',','"','n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',
    ',','"','l','i','s','t','"',':','f','a','l','s','e','}',',','{','"','n','a','m',
    'e','"',':','"','o','f','f','s','e','t','"',',','"','t','y','p','e','"',':','"',
    'i','n','t','"',',','"','n','u','l','l','a','b','l','e','"',':','t','r','u','e',
    ',','"','n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"','l',
    'i','s','t','"',':','f','a','l','s','e','}',']',',','"','g','i','v','e','s','"',
    ':','"','m','a','n','y','"',',','"','b','a','r','e','"',':','f','a','l','s','e',
    ',','"','c','o','l','u','m','n','s','"',':','[','"','a','g','e','n','t','_','i',
    'd','"',',','"','s','e','s','s','i','o','n','_','i','d','"',',','"','u','p','d',
    'a','t','e','d','_','a','t','"',']',',','"','b','a','t','c','h','"',':','f','a',
    'l','s','e',',','"','w','r','i','t','e','s','"',':','f','a','l','s','e',',','"',
    'k','e','y','"',':','[',']',',','"','r','e','s','e','n','d','"',':','"','y','e',
    's','"',',','"','f','a','i','l','s','"',':','[',']',',','"','d','o','c','"',':',
    '"','T','h','e',' ','s','e','s','s','i','o','n','s',' ','w','h','o','s','e',' ',
    's','t','a','t','e',' ','c','o','n','t','a','i','n','s',' ','t','h','e',' ','g',
    'i','v','e','n',' ','J','S','O','N',' ','(','P','o','s','t','g','r','e','S','Q',
    'L','\'','s',' ','@','>',')',',',' ','m','o','s','t',' ','r','e','c','e','n','t',
    'l','y',' ','s','a','v','e','d',' ','f','i','r','s','t','.',' ','Q','u','i','c',
    'k',' ','w','i','t','h',' ','t','h','e',' ','i','n','d','e','x',' ','t','h','a',
    't',' ','s','t','a','t','e','.','i','n','d','e','x',' ','m','a','k','e','s','.',
    '"','}',',','{','"','o','p','"',':','"','s','t','a','t','e','.','s','e','t','u',
    'p','"',',','"','a','r','g','s','"',':','[',']',',','"','g','i','v','e','s','"',
    ':','"','n','o','n','e','"',',','"','b','a','r','e','"',':','f','a','l','s','e',
    ',','"','c','o','l','u','m','n','s','"',':','[',']',',','"','b','a','t','c','h',
    '"',':','f','a','l','s','e',',','"','w','r','i','t','e','s','"',':','t','r','u',
    'e',',','"','k','e','y','"',':','[',']',',','"','r','e','s','e','n','d','"',':',
    '"','y','e','s','"',',','"','f','a','i','l','s','"',':','[',']',',','"','d','o',
    'c','"',':','"','M','a','k','e','s',' ','t','h','e',' ','t','a','b','l','e',' ',
    'a','n','d',' ','i','t','s',' ','i','n','d','e','x','e','s',' ','w','h','e','n',
    ' ','t','h','e',' ','t','a','b','l','e',' ','i','s',' ','n','o','t',' ','t','h',
    'e','r','e','.',' ','A',' ','t','a','b','l','e',' ','t','h','a','t',' ','e','x',
    'i','s','t','s',' ','i','s',' ','l','e','f','t',' ','a','s',' ','i','t',' ','i',
    's',',',' ','s','o',' ','a',' ','r','o','l','e',' ','w','i','t','h',' ','d','a',
    't','a',' ','r','i','g','h','t','s',' ','o','n','l','y',' ','m','a','y',' ','c',
    'a','l','l',' ','t','h','i','s','.',' ','R','a','c','i','n','g',' ','p','r','o',
    'c','e','s','s','e','s',' ','w','a','i','t',' ','f','o','r',' ','e','a','c','h',
    ' ','o','t','h','e','r','.','"','}',']',0,
};

#endif
