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

static const struct arg_spec checkpoint_copy_args[] = {
    {"from_id", ARG_TEXT, false, false, false},
    {"to_id", ARG_TEXT, false, false, false},
};
static const char *const checkpoint_copy_columns[] = {"thread_id"};
static const int checkpoint_copy_key[] = {1};
static const struct sql_piece checkpoint_copy_sql[] = {
    {PIECE_TEXT, "insert into ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t (thread_id, state, created_at, updated_at)\n"
     "select $2::text, s.state, now(), now() from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as s where s.thread_id = $1::text\n"
     "on conflict (thread_id) do update\n"
     "set state = excluded.state, updated_at = excluded.updated_at\n"
     "returning t.thread_id", NULL},
};

static const struct arg_spec checkpoint_count_expired_args[] = {
    {"keep_days", ARG_INT, false, false, false},
};
static const char *const checkpoint_count_expired_columns[] = {"count"};
static const struct sql_piece checkpoint_count_expired_sql[] = {
    {PIECE_TEXT, "select count(*) as count from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t\n"
     "where t.updated_at < case when $1::bigint >= 0 then now() - $1::bigint * interval '1 day' end", NULL},
};

static const struct arg_spec checkpoint_delete_args[] = {
    {"thread_id", ARG_TEXT, false, false, false},
};
static const int checkpoint_delete_key[] = {0};
static const struct sql_piece checkpoint_delete_sql[] = {
    {PIECE_TEXT, "with locked as materialized (\n"
     "    select s.thread_id\n"
     "    from (select u.thread_id from unnest($1::text[]) as u(thread_id) order by u.thread_id) as i\n"
     "    cross join lateral (\n"
     "        select t.thread_id from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t where t.thread_id = i.thread_id\n"
     "        limit 1\n"
     "        for update\n"
     "    ) as s\n"
     ")\n"
     "delete from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t where t.thread_id = any (array(select l.thread_id from locked as l))", NULL},
};

static const struct arg_spec checkpoint_delete_expired_args[] = {
    {"keep_days", ARG_INT, false, false, false},
    {"limit", ARG_INT, false, false, false},
};
static const char *const checkpoint_delete_expired_columns[] = {"count"};
static const struct sql_piece checkpoint_delete_expired_sql[] = {
    {PIECE_TEXT, "with expired as materialized (\n"
     "    select t.thread_id from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t\n"
     "    where t.updated_at < case when $1::bigint >= 0 then now() - $1::bigint * interval '1 day' end\n"
     "    order by t.updated_at\n"
     "    limit $2::bigint\n"
     "    for update skip locked\n"
     "),\n"
     "deleted as (\n"
     "    delete from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t where t.thread_id = any (array(select e.thread_id from expired as e))\n"
     "    returning t.thread_id\n"
     ")\n"
     "select count(*) as count from deleted", NULL},
};

static const struct arg_spec checkpoint_list_args[] = {
    {"limit", ARG_INT, true, false, false},
    {"offset", ARG_INT, true, false, false},
    {"prefix", ARG_TEXT, true, false, false},
};
static const char *const checkpoint_list_columns[] = {"thread_id"};
static const struct sql_piece checkpoint_list_sql[] = {
    {PIECE_TEXT, "select t.thread_id from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t\n"
     "where $3::text is null or starts_with(t.thread_id, $3::text)\n"
     "order by t.updated_at desc, t.thread_id\n"
     "limit $1::bigint offset coalesce($2::bigint, 0)", NULL},
};

static const struct arg_spec checkpoint_load_args[] = {
    {"thread_id", ARG_TEXT, false, false, false},
};
static const char *const checkpoint_load_columns[] = {"state"};
static const int checkpoint_load_key[] = {0};
static const struct sql_piece checkpoint_load_sql[] = {
    {PIECE_TEXT, "select i.n, s.state\n"
     "from unnest($1::text[]) with ordinality as i(thread_id, n)\n"
     "cross join lateral (\n"
     "    select t.state from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t where t.thread_id = i.thread_id limit 1\n"
     ") as s", NULL},
};
static const struct sql_piece checkpoint_load_single[] = {
    {PIECE_TEXT, "select t.state from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t where t.thread_id = $1::text", NULL},
};

static const struct arg_spec checkpoint_load_many_args[] = {
    {"thread_ids", ARG_TEXT, false, false, true},
};
static const char *const checkpoint_load_many_columns[] = {"thread_id", "state"};
static const struct sql_piece checkpoint_load_many_sql[] = {
    {PIECE_TEXT, "select i.thread_id, s.state\n"
     "from jsonb_array_elements_text($1::jsonb) with ordinality as i(thread_id, n)\n"
     "cross join lateral (\n"
     "    select t.state from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t where t.thread_id = i.thread_id limit 1\n"
     ") as s\n"
     "order by i.n", NULL},
};

static const struct arg_spec checkpoint_load_version_args[] = {
    {"thread_id", ARG_TEXT, false, false, false},
};
static const char *const checkpoint_load_version_columns[] = {"state", "version"};
static const int checkpoint_load_version_key[] = {0};
static const struct sql_piece checkpoint_load_version_sql[] = {
    {PIECE_TEXT, "select i.n, s.state, s.version\n"
     "from unnest($1::text[]) with ordinality as i(thread_id, n)\n"
     "cross join lateral (\n"
     "    select t.state, t.version from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t where t.thread_id = i.thread_id limit 1\n"
     ") as s", NULL},
};
static const struct sql_piece checkpoint_load_version_single[] = {
    {PIECE_TEXT, "select t.state, t.version from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t where t.thread_id = $1::text", NULL},
};

static const struct arg_spec checkpoint_save_args[] = {
    {"thread_id", ARG_TEXT, false, false, false},
    {"state", ARG_JSON, false, false, false},
};
static const int checkpoint_save_key[] = {0};
static const struct sql_piece checkpoint_save_sql[] = {
    {PIECE_TEXT, "insert into ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t (thread_id, state, created_at, updated_at)\n"
     "select i.thread_id, i.state, i.at, i.at\n"
     "from (\n"
     "    select u.thread_id, u.state, now() + u.n * interval '1 microsecond' as at\n"
     "    from unnest($1::text[], $2::jsonb[]) with ordinality as u(thread_id, state, n)\n"
     "    order by u.thread_id\n"
     ") as i\n"
     "on conflict (thread_id) do update\n"
     "set state = excluded.state, updated_at = excluded.updated_at", NULL},
};

static const struct arg_spec checkpoint_save_version_args[] = {
    {"thread_id", ARG_TEXT, false, false, false},
    {"state", ARG_JSON, false, false, false},
    {"expected", ARG_INT, true, false, false},
};
static const char *const checkpoint_save_version_columns[] = {"version"};
static const int checkpoint_save_version_key[] = {0};
static const struct sql_piece checkpoint_save_version_sql[] = {
    {PIECE_TEXT, "with input as materialized (\n"
     "    select u.thread_id, u.state, u.expected, u.n, now() + u.n * interval '1 microsecond' as at\n"
     "    from unnest($1::text[], $2::jsonb[], $3::bigint[]) with ordinality as u(thread_id, state, expected, n)\n"
     "),\n"
     "locked as materialized (\n"
     "    select s.n\n"
     "    from (select e.n, e.thread_id, e.expected from input as e where e.expected is not null order by e.thread_id) as i\n"
     "    cross join lateral (\n"
     "        select i.n from ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t\n"
     "        where t.thread_id = i.thread_id and t.version = i.expected\n"
     "        limit 1\n"
     "        for update\n"
     "    ) as s\n"
     "),\n"
     "saved as (\n"
     "    insert into ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " as t (thread_id, state, version, created_at, updated_at)\n"
     "    select i.thread_id, i.state, coalesce(i.expected, 0) + 1, i.at, i.at\n"
     "    from input as i\n"
     "    where i.expected is null or i.n in (select l.n from locked as l)\n"
     "    order by i.thread_id\n"
     "    on conflict (thread_id) do update\n"
     "    set state = excluded.state, version = excluded.version, updated_at = excluded.updated_at\n"
     "    where excluded.version > 1 and t.version = excluded.version - 1\n"
     "    returning t.thread_id, t.version\n"
     ")\n"
     "select i.n, s.version from saved as s join input as i on i.thread_id = s.thread_id", NULL},
};

static const struct sql_piece checkpoint_setup_sql[] = {
    {PIECE_TEXT, "do $statekeep$\n"
     "begin\n"
     "    if to_regclass(", NULL},
    {PIECE_LITERAL, "agent_checkpoints", NULL},
    {PIECE_TEXT, ") is null then\n"
     "        perform pg_advisory_xact_lock(hashtextextended('statekeep.setup', 0));\n"
     "        create table if not exists ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " (\n"
     "            thread_id text primary key,\n"
     "            state jsonb not null,\n"
     "            created_at timestamptz not null default now(),\n"
     "            updated_at timestamptz not null default now()\n"
     "        );\n"
     "        create index if not exists ", NULL},
    {PIECE_INDEX, "agent_checkpoints", "updated_at"},
    {PIECE_TEXT, " on ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " (updated_at desc);\n"
     "    end if;\n"
     "end\n"
     "$statekeep$", NULL},
};

static const struct sql_piece checkpoint_setup_versions_sql[] = {
    {PIECE_TEXT, "do $statekeep$\n"
     "begin\n"
     "    if not exists (\n"
     "        select from pg_trigger as t\n"
     "        where t.tgrelid = to_regclass(", NULL},
    {PIECE_LITERAL, "agent_checkpoints", NULL},
    {PIECE_TEXT, ") and t.tgname = 'statekeep_version'\n"
     "    ) then\n"
     "        perform pg_advisory_xact_lock(hashtextextended('statekeep.setup', 0));\n"
     "        alter table ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, " add column if not exists version bigint not null default 1;\n"
     "        if to_regprocedure('statekeep_next_version()') is null then\n"
     "            create function statekeep_next_version() returns trigger language plpgsql as $function$\n"
     "            begin\n"
     "                if new.version is not distinct from old.version then\n"
     "                    new.version := old.version + 1;\n"
     "                end if;\n"
     "                return new;\n"
     "            end\n"
     "            $function$;\n"
     "        end if;\n"
     "        create or replace trigger statekeep_version before update on ", NULL},
    {PIECE_IDENTIFIER, "agent_checkpoints", NULL},
    {PIECE_TEXT, "\n"
     "            for each row execute function statekeep_next_version();\n"
     "    end if;\n"
     "end\n"
     "$statekeep$", NULL},
};

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
    {.name = "checkpoint.copy",
     .args = checkpoint_copy_args, .arg_count = 2,
     .columns = checkpoint_copy_columns, .column_count = 1,
     .key = checkpoint_copy_key, .key_count = 1,
     .sql = checkpoint_copy_sql, .sql_count = 5,
     .gives = GIVES_ONE,
     .same_key = SAME_KEY_SERIAL,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .bare = true,
     .writes = true,
     .fails = "ABSENT the thread to copy has no state",
     .doc = "Copies the state of a thread to another one, in place of what that had; gives the other one's id."},
    {.name = "checkpoint.count_expired",
     .args = checkpoint_count_expired_args, .arg_count = 1,
     .columns = checkpoint_count_expired_columns, .column_count = 1,
     .sql = checkpoint_count_expired_sql, .sql_count = 3,
     .gives = GIVES_ONE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .bare = true,
     .fails = "",
     .doc = "How many threads were last saved more than `keep_days` days ago; none for a negative number."},
    {.name = "checkpoint.delete",
     .args = checkpoint_delete_args, .arg_count = 1,
     .key = checkpoint_delete_key, .key_count = 1,
     .sql = checkpoint_delete_sql, .sql_count = 5,
     .gives = GIVES_NONE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .batch = true,
     .writes = true,
     .fails = "",
     .doc = "Deletes the state of a thread; no error when it has none."},
    {.name = "checkpoint.delete_expired",
     .args = checkpoint_delete_expired_args, .arg_count = 2,
     .columns = checkpoint_delete_expired_columns, .column_count = 1,
     .sql = checkpoint_delete_expired_sql, .sql_count = 5,
     .gives = GIVES_ONE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .bare = true,
     .writes = true,
     .fails = "",
     .doc = "Deletes at most `limit` of the threads that checkpoint.count_expired counts, oldest first, and gives how many it deleted: call it until that is 0. Rows that another session has locked are left for the next time."},
    {.name = "checkpoint.list",
     .args = checkpoint_list_args, .arg_count = 3,
     .columns = checkpoint_list_columns, .column_count = 1,
     .sql = checkpoint_list_sql, .sql_count = 3,
     .gives = GIVES_MANY,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .bare = true,
     .fails = "",
     .doc = "The threads, most recently saved first; all of them without a limit. With a prefix only those whose id begins with it, for which the whole table may have to be read."},
    {.name = "checkpoint.load",
     .args = checkpoint_load_args, .arg_count = 1,
     .columns = checkpoint_load_columns, .column_count = 1,
     .key = checkpoint_load_key, .key_count = 1,
     .sql = checkpoint_load_sql, .sql_count = 3,
     .single = checkpoint_load_single, .single_count = 3,
     .gives = GIVES_MAYBE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .bare = true,
     .batch = true,
     .fails = "",
     .doc = "The state of a thread, or null when it has none."},
    {.name = "checkpoint.load_many",
     .args = checkpoint_load_many_args, .arg_count = 1,
     .columns = checkpoint_load_many_columns, .column_count = 2,
     .sql = checkpoint_load_many_sql, .sql_count = 3,
     .gives = GIVES_MANY,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .fails = "",
     .doc = "The states of many threads in one call, in the order asked for; threads that have none are left out."},
    {.name = "checkpoint.load_version",
     .args = checkpoint_load_version_args, .arg_count = 1,
     .columns = checkpoint_load_version_columns, .column_count = 2,
     .key = checkpoint_load_version_key, .key_count = 1,
     .sql = checkpoint_load_version_sql, .sql_count = 3,
     .single = checkpoint_load_version_single, .single_count = 3,
     .gives = GIVES_MAYBE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .batch = true,
     .fails = "",
     .doc = "The state of a thread with its version, or null when it has none."},
    {.name = "checkpoint.save",
     .args = checkpoint_save_args, .arg_count = 2,
     .key = checkpoint_save_key, .key_count = 1,
     .sql = checkpoint_save_sql, .sql_count = 3,
     .gives = GIVES_NONE,
     .same_key = SAME_KEY_LAST,
     .resend = RESEND_NO,
     .resend_arg = -1,
     .batch = true,
     .writes = true,
     .fails = "",
     .doc = "Stores the state of a thread in place of the one it had. `created_at` survives, `updated_at` is now; each row of a batch gets a time of its own, so that newest-first lists keep the order of submission."},
    {.name = "checkpoint.save_version",
     .args = checkpoint_save_version_args, .arg_count = 3,
     .columns = checkpoint_save_version_columns, .column_count = 1,
     .key = checkpoint_save_version_key, .key_count = 1,
     .sql = checkpoint_save_version_sql, .sql_count = 5,
     .gives = GIVES_ONE,
     .same_key = SAME_KEY_CONFLICT,
     .resend = RESEND_NO,
     .resend_arg = -1,
     .bare = true,
     .batch = true,
     .writes = true,
     .fails = "CONFLICT the thread has another version",
     .doc = "Stores the state of a thread if its version is the expected one (null: if it has no state) and gives the new version, which is one more (the first is 1). So of two runs that loaded the same version one is told of the other."},
    {.name = "checkpoint.setup",
     .sql = checkpoint_setup_sql, .sql_count = 9,
     .gives = GIVES_NONE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .writes = true,
     .fails = "",
     .doc = "Makes the table and its index when the table is not there. A table that exists is left as it is, so a role with data rights only may call this. Racing processes wait for each other."},
    {.name = "checkpoint.setup_versions",
     .sql = checkpoint_setup_versions_sql, .sql_count = 7,
     .gives = GIVES_NONE,
     .same_key = SAME_KEY_ANY,
     .resend = RESEND_YES,
     .resend_arg = -1,
     .writes = true,
     .fails = "",
     .doc = "Adds the column `version` to the table, and a trigger that adds 1 to it whenever a writer did not set it, so that saves which know nothing of versions (checkpoint.save, the peer's own) count, too. Rows that are there begin at 1. Changes nothing when both are there. Adding them locks the table for a moment."},
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

enum { KEEP_STATEMENT_COUNT = 23 };

/* The slots for table names, each by its default. */
static const char *const KEEP_TABLES[] = {"agent_checkpoints", "agent_states"};

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
    '"','o','p','"',':','"','c','h','e','c','k','p','o','i','n','t','.','c','o','p',
    'y','"',',','"','a','r','g','s','"',':','[','{','"','n','a','m','e','"',':','"',
    'f','r','o','m','_','i','d','"',',','"','t','y','p','e','"',':','"','t','e','x',
    't','"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',',',
    '"','n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"','l','i',
    's','t','"',':','f','a','l','s','e','}',',','{','"','n','a','m','e','"',':','"',
    't','o','_','i','d','"',',','"','t','y','p','e','"',':','"','t','e','x','t','"',
    ',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',',','"','n',
    'o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"','l','i','s','t',
    '"',':','f','a','l','s','e','}',']',',','"','g','i','v','e','s','"',':','"','o',
    'n','e','"',',','"','b','a','r','e','"',':','t','r','u','e',',','"','c','o','l',
    'u','m','n','s','"',':','[','"','t','h','r','e','a','d','_','i','d','"',']',',',
    '"','b','a','t','c','h','"',':','f','a','l','s','e',',','"','w','r','i','t','e',
    's','"',':','t','r','u','e',',','"','k','e','y','"',':','[','"','t','o','_','i',
    'd','"',']',',','"','r','e','s','e','n','d','"',':','"','y','e','s','"',',','"',
    'f','a','i','l','s','"',':','[','{','"','s','t','a','t','u','s','"',':','"','A',
    'B','S','E','N','T','"',',','"','w','h','e','n','"',':','"','t','h','e',' ','t',
    'h','r','e','a','d',' ','t','o',' ','c','o','p','y',' ','h','a','s',' ','n','o',
    ' ','s','t','a','t','e','"','}',']',',','"','d','o','c','"',':','"','C','o','p',
    'i','e','s',' ','t','h','e',' ','s','t','a','t','e',' ','o','f',' ','a',' ','t',
    'h','r','e','a','d',' ','t','o',' ','a','n','o','t','h','e','r',' ','o','n','e',
    ',',' ','i','n',' ','p','l','a','c','e',' ','o','f',' ','w','h','a','t',' ','t',
    'h','a','t',' ','h','a','d',';',' ','g','i','v','e','s',' ','t','h','e',' ','o',
    't','h','e','r',' ','o','n','e','\'','s',' ','i','d','.','"','}',',','{','"','o',
    'p','"',':','"','c','h','e','c','k','p','o','i','n','t','.','c','o','u','n','t',
    '_','e','x','p','i','r','e','d','"',',','"','a','r','g','s','"',':','[','{','"',
    'n','a','m','e','"',':','"','k','e','e','p','_','d','a','y','s','"',',','"','t',
    'y','p','e','"',':','"','i','n','t','"',',','"','n','u','l','l','a','b','l','e',
    '"',':','f','a','l','s','e',',','"','n','o','n','e','m','p','t','y','"',':','f',
    'a','l','s','e',',','"','l','i','s','t','"',':','f','a','l','s','e','}',']',',',
    '"','g','i','v','e','s','"',':','"','o','n','e','"',',','"','b','a','r','e','"',
    ':','t','r','u','e',',','"','c','o','l','u','m','n','s','"',':','[','"','c','o',
    'u','n','t','"',']',',','"','b','a','t','c','h','"',':','f','a','l','s','e',',',
    '"','w','r','i','t','e','s','"',':','f','a','l','s','e',',','"','k','e','y','"',
    ':','[',']',',','"','r','e','s','e','n','d','"',':','"','y','e','s','"',',','"',
    'f','a','i','l','s','"',':','[',']',',','"','d','o','c','"',':','"','H','o','w',
    ' ','m','a','n','y',' ','t','h','r','e','a','d','s',' ','w','e','r','e',' ','l',
    'a','s','t',' ','s','a','v','e','d',' ','m','o','r','e',' ','t','h','a','n',' ',
    '`','k','e','e','p','_','d','a','y','s','`',' ','d','a','y','s',' ','a','g','o',
    ';',' ','n','o','n','e',' ','f','o','r',' ','a',' ','n','e','g','a','t','i','v',
    'e',' ','n','u','m','b','e','r','.','"','}',',','{','"','o','p','"',':','"','c',
    'h','e','c','k','p','o','i','n','t','.','d','e','l','e','t','e','"',',','"','a',
    'r','g','s','"',':','[','{','"','n','a','m','e','"',':','"','t','h','r','e','a',
    'd','_','i','d','"',',','"','t','y','p','e','"',':','"','t','e','x','t','"',',',
    '"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',',','"','n','o',
    'n','e','m','p','t','y','"',':','f','a','l','s','e',',','"','l','i','s','t','"',
    ':','f','a','l','s','e','}',']',',','"','g','i','v','e','s','"',':','"','n','o',
    'n','e','"',',','"','b','a','r','e','"',':','f','a','l','s','e',',','"','c','o',
    'l','u','m','n','s','"',':','[',']',',','"','b','a','t','c','h','"',':','t','r',
    'u','e',',','"','w','r','i','t','e','s','"',':','t','r','u','e',',','"','k','e',
    'y','"',':','[','"','t','h','r','e','a','d','_','i','d','"',']',',','"','r','e',
    's','e','n','d','"',':','"','y','e','s','"',',','"','f','a','i','l','s','"',':',
    '[',']',',','"','d','o','c','"',':','"','D','e','l','e','t','e','s',' ','t','h',
    'e',' ','s','t','a','t','e',' ','o','f',' ','a',' ','t','h','r','e','a','d',';',
    ' ','n','o',' ','e','r','r','o','r',' ','w','h','e','n',' ','i','t',' ','h','a',
    's',' ','n','o','n','e','.','"','}',',','{','"','o','p','"',':','"','c','h','e',
    'c','k','p','o','i','n','t','.','d','e','l','e','t','e','_','e','x','p','i','r',
    'e','d','"',',','"','a','r','g','s','"',':','[','{','"','n','a','m','e','"',':',
    '"','k','e','e','p','_','d','a','y','s','"',',','"','t','y','p','e','"',':','"',
    'i','n','t','"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s',
    'e',',','"','n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"',
    'l','i','s','t','"',':','f','a','l','s','e','}',',','{','"','n','a','m','e','"',
    ':','"','l','i','m','i','t','"',',','"','t','y','p','e','"',':','"','i','n','t',
    '"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',',','"',
    'n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"','l','i','s',
    't','"',':','f','a','l','s','e','}',']',',','"','g','i','v','e','s','"',':','"',
    'o','n','e','"',',','"','b','a','r','e','"',':','t','r','u','e',',','"','c','o',
    'l','u','m','n','s','"',':','[','"','c','o','u','n','t','"',']',',','"','b','a',
    't','c','h','"',':','f','a','l','s','e',',','"','w','r','i','t','e','s','"',':',
    't','r','u','e',',','"','k','e','y','"',':','[',']',',','"','r','e','s','e','n',
    'd','"',':','"','y','e','s','"',',','"','f','a','i','l','s','"',':','[',']',',',
    '"','d','o','c','"',':','"','D','e','l','e','t','e','s',' ','a','t',' ','m','o',
    's','t',' ','`','l','i','m','i','t','`',' ','o','f',' ','t','h','e',' ','t','h',
    'r','e','a','d','s',' ','t','h','a','t',' ','c','h','e','c','k','p','o','i','n',
    't','.','c','o','u','n','t','_','e','x','p','i','r','e','d',' ','c','o','u','n',
    't','s',',',' ','o','l','d','e','s','t',' ','f','i','r','s','t',',',' ','a','n',
    'd',' ','g','i','v','e','s',' ','h','o','w',' ','m','a','n','y',' ','i','t',' ',
    'd','e','l','e','t','e','d',':',' ','c','a','l','l',' ','i','t',' ','u','n','t',
    'i','l',' ','t','h','a','t',' ','i','s',' ','0','.',' ','R','o','w','s',' ','t',
    'h','a','t',' ','a','n','o','t','h','e','r',' ','s','e','s','s','i','o','n',' ',
    'h','a','s',' ','l','o','c','k','e','d',' ','a','r','e',' ','l','e','f','t',' ',
    'f','o','r',' ','t','h','e',' ','n','e','x','t',' ','t','i','m','e','.','"','}',
    ',','{','"','o','p','"',':','"','c','h','e','c','k','p','o','i','n','t','.','l',
    'i','s','t','"',',','"','a','r','g','s','"',':','[','{','"','n','a','m','e','"',
    ':','"','l','i','m','i','t','"',',','"','t','y','p','e','"',':','"','i','n','t',
    '"',',','"','n','u','l','l','a','b','l','e','"',':','t','r','u','e',',','"','n',
    'o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"','l','i','s','t',
    '"',':','f','a','l','s','e','}',',','{','"','n','a','m','e','"',':','"','o','f',
    'f','s','e','t','"',',','"','t','y','p','e','"',':','"','i','n','t','"',',','"',
    'n','u','l','l','a','b','l','e','"',':','t','r','u','e',',','"','n','o','n','e',
    'm','p','t','y','"',':','f','a','l','s','e',',','"','l','i','s','t','"',':','f',
    'a','l','s','e','}',',','{','"','n','a','m','e','"',':','"','p','r','e','f','i',
    'x','"',',','"','t','y','p','e','"',':','"','t','e','x','t','"',',','"','n','u',
    'l','l','a','b','l','e','"',':','t','r','u','e',',','"','n','o','n','e','m','p',
    't','y','"',':','f','a','l','s','e',',','"','l','i','s','t','"',':','f','a','l',
    's','e','}',']',',','"','g','i','v','e','s','"',':','"','m','a','n','y','"',',',
    '"','b','a','r','e','"',':','t','r','u','e',',','"','c','o','l','u','m','n','s',
    '"',':','[','"','t','h','r','e','a','d','_','i','d','"',']',',','"','b','a','t',
    'c','h','"',':','f','a','l','s','e',',','"','w','r','i','t','e','s','"',':','f',
    'a','l','s','e',',','"','k','e','y','"',':','[',']',',','"','r','e','s','e','n',
    'd','"',':','"','y','e','s','"',',','"','f','a','i','l','s','"',':','[',']',',',
    '"','d','o','c','"',':','"','T','h','e',' ','t','h','r','e','a','d','s',',',' ',
    'm','o','s','t',' ','r','e','c','e','n','t','l','y',' ','s','a','v','e','d',' ',
    'f','i','r','s','t',';',' ','a','l','l',' ','o','f',' ','t','h','e','m',' ','w',
    'i','t','h','o','u','t',' ','a',' ','l','i','m','i','t','.',' ','W','i','t','h',
    ' ','a',' ','p','r','e','f','i','x',' ','o','n','l','y',' ','t','h','o','s','e',
    ' ','w','h','o','s','e',' ','i','d',' ','b','e','g','i','n','s',' ','w','i','t',
    'h',' ','i','t',',',' ','f','o','r',' ','w','h','i','c','h',' ','t','h','e',' ',
    'w','h','o','l','e',' ','t','a','b','l','e',' ','m','a','y',' ','h','a','v','e',
    ' ','t','o',' ','b','e',' ','r','e','a','d','.','"','}',',','{','"','o','p','"',
    ':','"','c','h','e','c','k','p','o','i','n','t','.','l','o','a','d','"',',','"',
    'a','r','g','s','"',':','[','{','"','n','a','m','e','"',':','"','t','h','r','e',
    'a','d','_','i','d','"',',','"','t','y','p','e','"',':','"','t','e','x','t','"',
    ',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',',','"','n',
    'o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"','l','i','s','t',
    '"',':','f','a','l','s','e','}',']',',','"','g','i','v','e','s','"',':','"','m',
    'a','y','b','e','"',',','"','b','a','r','e','"',':','t','r','u','e',',','"','c',
    'o','l','u','m','n','s','"',':','[','"','s','t','a','t','e','"',']',',','"','b',
    'a','t','c','h','"',':','t','r','u','e',',','"','w','r','i','t','e','s','"',':',
    'f','a','l','s','e',',','"','k','e','y','"',':','[','"','t','h','r','e','a','d',
    '_','i','d','"',']',',','"','r','e','s','e','n','d','"',':','"','y','e','s','"',
    ',','"','f','a','i','l','s','"',':','[',']',',','"','d','o','c','"',':','"','T',
    'h','e',' ','s','t','a','t','e',' ','o','f',' ','a',' ','t','h','r','e','a','d',
    ',',' ','o','r',' ','n','u','l','l',' ','w','h','e','n',' ','i','t',' ','h','a',
    's',' ','n','o','n','e','.','"','}',',','{','"','o','p','"',':','"','c','h','e',
    'c','k','p','o','i','n','t','.','l','o','a','d','_','m','a','n','y','"',',','"',
    'a','r','g','s','"',':','[','{','"','n','a','m','e','"',':','"','t','h','r','e',
    'a','d','_','i','d','s','"',',','"','t','y','p','e','"',':','"','t','e','x','t',
    '"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',',','"',
    'n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"','l','i','s',
    't','"',':','t','r','u','e','}',']',',','"','g','i','v','e','s','"',':','"','m',
    'a','n','y','"',',','"','b','a','r','e','"',':','f','a','l','s','e',',','"','c',
    'o','l','u','m','n','s','"',':','[','"','t','h','r','e','a','d','_','i','d','"',
    ',','"','s','t','a','t','e','"',']',',','"','b','a','t','c','h','"',':','f','a',
    'l','s','e',',','"','w','r','i','t','e','s','"',':','f','a','l','s','e',',','"',
    'k','e','y','"',':','[',']',',','"','r','e','s','e','n','d','"',':','"','y','e',
    's','"',',','"','f','a','i','l','s','"',':','[',']',',','"','d','o','c','"',':',
    '"','T','h','e',' ','s','t','a','t','e','s',' ','o','f',' ','m','a','n','y',' ',
    't','h','r','e','a','d','s',' ','i','n',' ','o','n','e',' ','c','a','l','l',',',
    ' ','i','n',' ','t','h','e',' ','o','r','d','e','r',' ','a','s','k','e','d',' ',
    'f','o','r',';',' ','t','h','r','e','a','d','s',' ','t','h','a','t',' ','h','a',
    'v','e',' ','n','o','n','e',' ','a','r','e',' ','l','e','f','t',' ','o','u','t',
    '.','"','}',',','{','"','o','p','"',':','"','c','h','e','c','k','p','o','i','n',
    't','.','l','o','a','d','_','v','e','r','s','i','o','n','"',',','"','a','r','g',
    's','"',':','[','{','"','n','a','m','e','"',':','"','t','h','r','e','a','d','_',
    'i','d','"',',','"','t','y','p','e','"',':','"','t','e','x','t','"',',','"','n',
    'u','l','l','a','b','l','e','"',':','f','a','l','s','e',',','"','n','o','n','e',
    'm','p','t','y','"',':','f','a','l','s','e',',','"','l','i','s','t','"',':','f',
    'a','l','s','e','}',']',',','"','g','i','v','e','s','"',':','"','m','a','y','b',
    'e','"',',','"','b','a','r','e','"',':','f','a','l','s','e',',','"','c','o','l',
    'u','m','n','s','"',':','[','"','s','t','a','t','e','"',',','"','v','e','r','s',
    'i','o','n','"',']',',','"','b','a','t','c','h','"',':','t','r','u','e',',','"',
    'w','r','i','t','e','s','"',':','f','a','l','s','e',',','"','k','e','y','"',':',
    '[','"','t','h','r','e','a','d','_','i','d','"',']',',','"','r','e','s','e','n',
    'd','"',':','"','y','e','s','"',',','"','f','a','i','l','s','"',':','[',']',',',
    '"','d','o','c','"',':','"','T','h','e',' ','s','t','a','t','e',' ','o','f',' ',
    'a',' ','t','h','r','e','a','d',' ','w','i','t','h',' ','i','t','s',' ','v','e',
    'r','s','i','o','n',',',' ','o','r',' ','n','u','l','l',' ','w','h','e','n',' ',
    'i','t',' ','h','a','s',' ','n','o','n','e','.','"','}',',','{','"','o','p','"',
    ':','"','c','h','e','c','k','p','o','i','n','t','.','s','a','v','e','"',',','"',
    'a','r','g','s','"',':','[','{','"','n','a','m','e','"',':','"','t','h','r','e',
    'a','d','_','i','d','"',',','"','t','y','p','e','"',':','"','t','e','x','t','"',
    ',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',',','"','n',
    'o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"','l','i','s','t',
    '"',':','f','a','l','s','e','}',',','{','"','n','a','m','e','"',':','"','s','t',
    'a','t','e','"',',','"','t','y','p','e','"',':','"','j','s','o','n','"',',','"',
    'n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',',','"','n','o','n',
    'e','m','p','t','y','"',':','f','a','l','s','e',',','"','l','i','s','t','"',':',
    'f','a','l','s','e','}',']',',','"','g','i','v','e','s','"',':','"','n','o','n',
    'e','"',',','"','b','a','r','e','"',':','f','a','l','s','e',',','"','c','o','l',
    'u','m','n','s','"',':','[',']',',','"','b','a','t','c','h','"',':','t','r','u',
    'e',',','"','w','r','i','t','e','s','"',':','t','r','u','e',',','"','k','e','y',
    '"',':','[','"','t','h','r','e','a','d','_','i','d','"',']',',','"','r','e','s',
    'e','n','d','"',':','"','n','o','"',',','"','f','a','i','l','s','"',':','[',']',
    ',','"','d','o','c','"',':','"','S','t','o','r','e','s',' ','t','h','e',' ','s',
    't','a','t','e',' ','o','f',' ','a',' ','t','h','r','e','a','d',' ','i','n',' ',
    'p','l','a','c','e',' ','o','f',' ','t','h','e',' ','o','n','e',' ','i','t',' ',
    'h','a','d','.',' ','`','c','r','e','a','t','e','d','_','a','t','`',' ','s','u',
    'r','v','i','v','e','s',',',' ','`','u','p','d','a','t','e','d','_','a','t','`',
    ' ','i','s',' ','n','o','w',';',' ','e','a','c','h',' ','r','o','w',' ','o','f',
    ' ','a',' ','b','a','t','c','h',' ','g','e','t','s',' ','a',' ','t','i','m','e',
    ' ','o','f',' ','i','t','s',' ','o','w','n',',',' ','s','o',' ','t','h','a','t',
    ' ','n','e','w','e','s','t','-','f','i','r','s','t',' ','l','i','s','t','s',' ',
    'k','e','e','p',' ','t','h','e',' ','o','r','d','e','r',' ','o','f',' ','s','u',
    'b','m','i','s','s','i','o','n','.','"','}',',','{','"','o','p','"',':','"','c',
    'h','e','c','k','p','o','i','n','t','.','s','a','v','e','_','v','e','r','s','i',
    'o','n','"',',','"','a','r','g','s','"',':','[','{','"','n','a','m','e','"',':',
    '"','t','h','r','e','a','d','_','i','d','"',',','"','t','y','p','e','"',':','"',
    't','e','x','t','"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l',
    's','e',',','"','n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',',',
    '"','l','i','s','t','"',':','f','a','l','s','e','}',',','{','"','n','a','m','e',
    '"',':','"','s','t','a','t','e','"',',','"','t','y','p','e','"',':','"','j','s',
    'o','n','"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',
    ',','"','n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"','l',
    'i','s','t','"',':','f','a','l','s','e','}',',','{','"','n','a','m','e','"',':',
    '"','e','x','p','e','c','t','e','d','"',',','"','t','y','p','e','"',':','"','i',
    'n','t','"',',','"','n','u','l','l','a','b','l','e','"',':','t','r','u','e',',',
    '"','n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"','l','i',
    's','t','"',':','f','a','l','s','e','}',']',',','"','g','i','v','e','s','"',':',
    '"','o','n','e','"',',','"','b','a','r','e','"',':','t','r','u','e',',','"','c',
    'o','l','u','m','n','s','"',':','[','"','v','e','r','s','i','o','n','"',']',',',
    '"','b','a','t','c','h','"',':','t','r','u','e',',','"','w','r','i','t','e','s',
    '"',':','t','r','u','e',',','"','k','e','y','"',':','[','"','t','h','r','e','a',
    'd','_','i','d','"',']',',','"','r','e','s','e','n','d','"',':','"','n','o','"',
    ',','"','f','a','i','l','s','"',':','[','{','"','s','t','a','t','u','s','"',':',
    '"','C','O','N','F','L','I','C','T','"',',','"','w','h','e','n','"',':','"','t',
    'h','e',' ','t','h','r','e','a','d',' ','h','a','s',' ','a','n','o','t','h','e',
    'r',' ','v','e','r','s','i','o','n','"','}',']',',','"','d','o','c','"',':','"',
    'S','t','o','r','e','s',' ','t','h','e',' ','s','t','a','t','e',' ','o','f',' ',
    'a',' ','t','h','r','e','a','d',' ','i','f',' ','i','t','s',' ','v','e','r','s',
    'i','o','n',' ','i','s',' ','t','h','e',' ','e','x','p','e','c','t','e','d',' ',
    'o','n','e',' ','(','n','u','l','l',':',' ','i','f',' ','i','t',' ','h','a','s',
    ' ','n','o',' ','s','t','a','t','e',')',' ','a','n','d',' ','g','i','v','e','s',
    ' ','t','h','e',' ','n','e','w',' ','v','e','r','s','i','o','n',',',' ','w','h',
    'i','c','h',' ','i','s',' ','o','n','e',' ','m','o','r','e',' ','(','t','h','e',
    ' ','f','i','r','s','t',' ','i','s',' ','1',')','.',' ','S','o',' ','o','f',' ',
    't','w','o',' ','r','u','n','s',' ','t','h','a','t',' ','l','o','a','d','e','d',
    ' ','t','h','e',' ','s','a','m','e',' ','v','e','r','s','i','o','n',' ','o','n',
    'e',' ','i','s',' ','t','o','l','d',' ','o','f',' ','t','h','e',' ','o','t','h',
    'e','r','.','"','}',',','{','"','o','p','"',':','"','c','h','e','c','k','p','o',
    'i','n','t','.','s','e','t','u','p','"',',','"','a','r','g','s','"',':','[',']',
    ',','"','g','i','v','e','s','"',':','"','n','o','n','e','"',',','"','b','a','r',
    'e','"',':','f','a','l','s','e',',','"','c','o','l','u','m','n','s','"',':','[',
    ']',',','"','b','a','t','c','h','"',':','f','a','l','s','e',',','"','w','r','i',
    't','e','s','"',':','t','r','u','e',',','"','k','e','y','"',':','[',']',',','"',
    'r','e','s','e','n','d','"',':','"','y','e','s','"',',','"','f','a','i','l','s',
    '"',':','[',']',',','"','d','o','c','"',':','"','M','a','k','e','s',' ','t','h',
    'e',' ','t','a','b','l','e',' ','a','n','d',' ','i','t','s',' ','i','n','d','e',
    'x',' ','w','h','e','n',' ','t','h','e',' ','t','a','b','l','e',' ','i','s',' ',
    'n','o','t',' ','t','h','e','r','e','.',' ','A',' ','t','a','b','l','e',' ','t',
    'h','a','t',' ','e','x','i','s','t','s',' ','i','s',' ','l','e','f','t',' ','a',
    's',' ','i','t',' ','i','s',',',' ','s','o',' ','a',' ','r','o','l','e',' ','w',
    'i','t','h',' ','d','a','t','a',' ','r','i','g','h','t','s',' ','o','n','l','y',
    ' ','m','a','y',' ','c','a','l','l',' ','t','h','i','s','.',' ','R','a','c','i',
    'n','g',' ','p','r','o','c','e','s','s','e','s',' ','w','a','i','t',' ','f','o',
    'r',' ','e','a','c','h',' ','o','t','h','e','r','.','"','}',',','{','"','o','p',
    '"',':','"','c','h','e','c','k','p','o','i','n','t','.','s','e','t','u','p','_',
    'v','e','r','s','i','o','n','s','"',',','"','a','r','g','s','"',':','[',']',',',
    '"','g','i','v','e','s','"',':','"','n','o','n','e','"',',','"','b','a','r','e',
    '"',':','f','a','l','s','e',',','"','c','o','l','u','m','n','s','"',':','[',']',
    ',','"','b','a','t','c','h','"',':','f','a','l','s','e',',','"','w','r','i','t',
    'e','s','"',':','t','r','u','e',',','"','k','e','y','"',':','[',']',',','"','r',
    'e','s','e','n','d','"',':','"','y','e','s','"',',','"','f','a','i','l','s','"',
    ':','[',']',',','"','d','o','c','"',':','"','A','d','d','s',' ','t','h','e',' ',
    'c','o','l','u','m','n',' ','`','v','e','r','s','i','o','n','`',' ','t','o',' ',
    't','h','e',' ','t','a','b','l','e',',',' ','a','n','d',' ','a',' ','t','r','i',
    'g','g','e','r',' ','t','h','a','t',' ','a','d','d','s',' ','1',' ','t','o',' ',
    'i','t',' ','w','h','e','n','e','v','e','r',' ','a',' ','w','r','i','t','e','r',
    ' ','d','i','d',' ','n','o','t',' ','s','e','t',' ','i','t',',',' ','s','o',' ',
    't','h','a','t',' ','s','a','v','e','s',' ','w','h','i','c','h',' ','k','n','o',
    'w',' ','n','o','t','h','i','n','g',' ','o','f',' ','v','e','r','s','i','o','n',
    's',' ','(','c','h','e','c','k','p','o','i','n','t','.','s','a','v','e',',',' ',
    't','h','e',' ','p','e','e','r','\'','s',' ','o','w','n',')',' ','c','o','u','n',
    't',',',' ','t','o','o','.',' ','R','o','w','s',' ','t','h','a','t',' ','a','r',
    'e',' ','t','h','e','r','e',' ','b','e','g','i','n',' ','a','t',' ','1','.',' ',
    'C','h','a','n','g','e','s',' ','n','o','t','h','i','n','g',' ','w','h','e','n',
    ' ','b','o','t','h',' ','a','r','e',' ','t','h','e','r','e','.',' ','A','d','d',
    'i','n','g',' ','t','h','e','m',' ','l','o','c','k','s',' ','t','h','e',' ','t',
    'a','b','l','e',' ','f','o','r',' ','a',' ','m','o','m','e','n','t','.','"','}',
    ',','{','"','o','p','"',':','"','s','t','a','t','e','.','c','o','u','n','t','"',
    ',','"','a','r','g','s','"',':','[',']',',','"','g','i','v','e','s','"',':','"',
    'o','n','e','"',',','"','b','a','r','e','"',':','t','r','u','e',',','"','c','o',
    'l','u','m','n','s','"',':','[','"','c','o','u','n','t','"',']',',','"','b','a',
    't','c','h','"',':','f','a','l','s','e',',','"','w','r','i','t','e','s','"',':',
    'f','a','l','s','e',',','"','k','e','y','"',':','[',']',',','"','r','e','s','e',
    'n','d','"',':','"','y','e','s','"',',','"','f','a','i','l','s','"',':','[',']',
    ',','"','d','o','c','"',':','"','H','o','w',' ','m','a','n','y',' ','s','t','a',
    't','e','s',' ','t','h','e',' ','t','a','b','l','e',' ','h','o','l','d','s',' ',
    '(','e','x','a','c','t',':',' ','r','e','a','d','s',' ','t','h','e',' ','w','h',
    'o','l','e',' ','t','a','b','l','e',')','.','"','}',',','{','"','o','p','"',':',
    '"','s','t','a','t','e','.','d','e','l','e','t','e','"',',','"','a','r','g','s',
    '"',':','[','{','"','n','a','m','e','"',':','"','a','g','e','n','t','_','i','d',
    '"',',','"','t','y','p','e','"',':','"','t','e','x','t','"',',','"','n','u','l',
    'l','a','b','l','e','"',':','f','a','l','s','e',',','"','n','o','n','e','m','p',
    't','y','"',':','t','r','u','e',',','"','l','i','s','t','"',':','f','a','l','s',
    'e','}',',','{','"','n','a','m','e','"',':','"','s','e','s','s','i','o','n','_',
    'i','d','"',',','"','t','y','p','e','"',':','"','t','e','x','t','"',',','"','n',
    'u','l','l','a','b','l','e','"',':','f','a','l','s','e',',','"','n','o','n','e',
    'm','p','t','y','"',':','t','r','u','e',',','"','l','i','s','t','"',':','f','a',
    'l','s','e','}',']',',','"','g','i','v','e','s','"',':','"','n','o','n','e','"',
    ',','"','b','a','r','e','"',':','f','a','l','s','e',',','"','c','o','l','u','m',
    'n','s','"',':','[',']',',','"','b','a','t','c','h','"',':','t','r','u','e',',',
    '"','w','r','i','t','e','s','"',':','t','r','u','e',',','"','k','e','y','"',':',
    '[','"','a','g','e','n','t','_','i','d','"',',','"','s','e','s','s','i','o','n',
    '_','i','d','"',']',',','"','r','e','s','e','n','d','"',':','"','y','e','s','"',
    ',','"','f','a','i','l','s','"',':','[',']',',','"','d','o','c','"',':','"','D',
    'e','l','e','t','e','s',' ','t','h','e',' ','s','t','a','t','e',' ','o','f',' ',
    'a',' ','s','e','s','s','i','o','n',';',' ','n','o',' ','e','r','r','o','r',' ',
    'w','h','e','n',' ','i','t',' ','h','a','s',' ','n','o','n','e','.','"','}',',',
    '{','"','o','p','"',':','"','s','t','a','t','e','.','i','n','d','e','x','"',',',
    '"','a','r','g','s','"',':','[',']',',','"','g','i','v','e','s','"',':','"','n',
    'o','n','e','"',',','"','b','a','r','e','"',':','f','a','l','s','e',',','"','c',
    'o','l','u','m','n','s','"',':','[',']',',','"','b','a','t','c','h','"',':','f',
    'a','l','s','e',',','"','w','r','i','t','e','s','"',':','t','r','u','e',',','"',
    'k','e','y','"',':','[',']',',','"','r','e','s','e','n','d','"',':','"','y','e',
    's','"',',','"','f','a','i','l','s','"',':','[',']',',','"','d','o','c','"',':',
    '"','M','a','k','e','s',' ','t','h','e',' ','G','I','N',' ','i','n','d','e','x',
    ' ','t','h','a','t',' ','s','t','a','t','e','.','s','e','a','r','c','h',' ','i',
    's',' ','q','u','i','c','k',' ','w','i','t','h','.','"','}',',','{','"','o','p',
    '"',':','"','s','t','a','t','e','.','l','i','s','t','"',',','"','a','r','g','s',
    '"',':','[','{','"','n','a','m','e','"',':','"','a','g','e','n','t','_','i','d',
    '"',',','"','t','y','p','e','"',':','"','t','e','x','t','"',',','"','n','u','l',
    'l','a','b','l','e','"',':','f','a','l','s','e',',','"','n','o','n','e','m','p',
    't','y','"',':','t','r','u','e',',','"','l','i','s','t','"',':','f','a','l','s',
    'e','}',',','{','"','n','a','m','e','"',':','"','l','i','m','i','t','"',',','"',
    't','y','p','e','"',':','"','i','n','t','"',',','"','n','u','l','l','a','b','l',
    'e','"',':','t','r','u','e',',','"','n','o','n','e','m','p','t','y','"',':','f',
    'a','l','s','e',',','"','l','i','s','t','"',':','f','a','l','s','e','}',',','{',
    '"','n','a','m','e','"',':','"','o','f','f','s','e','t','"',',','"','t','y','p',
    'e','"',':','"','i','n','t','"',',','"','n','u','l','l','a','b','l','e','"',':',
    't','r','u','e',',','"','n','o','n','e','m','p','t','y','"',':','f','a','l','s',
    'e',',','"','l','i','s','t','"',':','f','a','l','s','e','}',']',',','"','g','i',
    'v','e','s','"',':','"','m','a','n','y','"',',','"','b','a','r','e','"',':','t',
    'r','u','e',',','"','c','o','l','u','m','n','s','"',':','[','"','s','e','s','s',
    'i','o','n','_','i','d','"',']',',','"','b','a','t','c','h','"',':','t','r','u',
    'e',',','"','w','r','i','t','e','s','"',':','f','a','l','s','e',',','"','k','e',
    'y','"',':','[',']',',','"','r','e','s','e','n','d','"',':','"','y','e','s','"',
    ',','"','f','a','i','l','s','"',':','[',']',',','"','d','o','c','"',':','"','T',
    'h','e',' ','s','e','s','s','i','o','n','s',' ','o','f',' ','a','n',' ','a','g',
    'e','n','t',',',' ','m','o','s','t',' ','r','e','c','e','n','t','l','y',' ','s',
    'a','v','e','d',' ','f','i','r','s','t',';',' ','a','l','l',' ','o','f',' ','t',
    'h','e','m',' ','w','i','t','h','o','u','t',' ','a',' ','l','i','m','i','t','.',
    '"','}',',','{','"','o','p','"',':','"','s','t','a','t','e','.','l','o','a','d',
    '"',',','"','a','r','g','s','"',':','[','{','"','n','a','m','e','"',':','"','a',
    'g','e','n','t','_','i','d','"',',','"','t','y','p','e','"',':','"','t','e','x',
    't','"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s','e',',',
    '"','n','o','n','e','m','p','t','y','"',':','t','r','u','e',',','"','l','i','s',
    't','"',':','f','a','l','s','e','}',',','{','"','n','a','m','e','"',':','"','s',
    'e','s','s','i','o','n','_','i','d','"',',','"','t','y','p','e','"',':','"','t',
    'e','x','t','"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s',
    'e',',','"','n','o','n','e','m','p','t','y','"',':','t','r','u','e',',','"','l',
    'i','s','t','"',':','f','a','l','s','e','}',']',',','"','g','i','v','e','s','"',
    ':','"','m','a','y','b','e','"',',','"','b','a','r','e','"',':','t','r','u','e',
    ',','"','c','o','l','u','m','n','s','"',':','[','"','s','t','a','t','e','"',']',
    ',','"','b','a','t','c','h','"',':','t','r','u','e',',','"','w','r','i','t','e',
    's','"',':','f','a','l','s','e',',','"','k','e','y','"',':','[','"','a','g','e',
    'n','t','_','i','d','"',',','"','s','e','s','s','i','o','n','_','i','d','"',']',
    ',','"','r','e','s','e','n','d','"',':','"','y','e','s','"',',','"','f','a','i',
    'l','s','"',':','[',']',',','"','d','o','c','"',':','"','T','h','e',' ','s','t',
    'a','t','e',' ','o','f',' ','a',' ','s','e','s','s','i','o','n',',',' ','o','r',
    ' ','n','u','l','l',' ','w','h','e','n',' ','i','t',' ','h','a','s',' ','n','o',
    'n','e','.','"','}',',','{','"','o','p','"',':','"','s','t','a','t','e','.','s',
    'a','v','e','"',',','"','a','r','g','s','"',':','[','{','"','n','a','m','e','"',
    ':','"','a','g','e','n','t','_','i','d','"',',','"','t','y','p','e','"',':','"',
    't','e','x','t','"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l',
    's','e',',','"','n','o','n','e','m','p','t','y','"',':','t','r','u','e',',','"',
    'l','i','s','t','"',':','f','a','l','s','e','}',',','{','"','n','a','m','e','"',
    ':','"','s','e','s','s','i','o','n','_','i','d','"',',','"','t','y','p','e','"',
    ':','"','t','e','x','t','"',',','"','n','u','l','l','a','b','l','e','"',':','f',
    'a','l','s','e',',','"','n','o','n','e','m','p','t','y','"',':','t','r','u','e',
    ',','"','l','i','s','t','"',':','f','a','l','s','e','}',',','{','"','n','a','m',
    'e','"',':','"','s','t','a','t','e','"',',','"','t','y','p','e','"',':','"','j',
    's','o','n','"',',','"','n','u','l','l','a','b','l','e','"',':','f','a','l','s',
    'e',',','"','n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',',','"',
    'l','i','s','t','"',':','f','a','l','s','e','}',']',',','"','g','i','v','e','s',
    '"',':','"','n','o','n','e','"',',','"','b','a','r','e','"',':','f','a','l','s',
    'e',',','"','c','o','l','u','m','n','s','"',':','[',']',',','"','b','a','t','c',
    'h','"',':','t','r','u','e',',','"','w','r','i','t','e','s','"',':','t','r','u',
    'e',',','"','k','e','y','"',':','[','"','a','g','e','n','t','_','i','d','"',',',
    '"','s','e','s','s','i','o','n','_','i','d','"',']',',','"','r','e','s','e','n',
    'd','"',':','"','n','o','"',',','"','f','a','i','l','s','"',':','[',']',',','"',
    'd','o','c','"',':','"','S','t','o','r','e','s',' ','t','h','e',' ','s','t','a',
    't','e',' ','o','f',' ','a',' ','s','e','s','s','i','o','n',' ','i','n',' ','p',
    'l','a','c','e',' ','o','f',' ','t','h','e',' ','o','n','e',' ','i','t',' ','h',
    'a','d','.',' ','`','c','r','e','a','t','e','d','_','a','t','`',' ','s','u','r',
    'v','i','v','e','s',',',' ','`','u','p','d','a','t','e','d','_','a','t','`',' ',
    'i','s',' ','n','o','w',';',' ','e','a','c','h',' ','r','o','w',' ','o','f',' ',
    'a',' ','b','a','t','c','h',' ','g','e','t','s',' ','a',' ','t','i','m','e',' ',
    'o','f',' ','i','t','s',' ','o','w','n',',',' ','s','o',' ','t','h','a','t',' ',
    'n','e','w','e','s','t','-','f','i','r','s','t',' ','l','i','s','t','s',' ','k',
    'e','e','p',' ','t','h','e',' ','o','r','d','e','r',' ','o','f',' ','s','u','b',
    'm','i','s','s','i','o','n','.','"','}',',','{','"','o','p','"',':','"','s','t',
    'a','t','e','.','s','e','a','r','c','h','"',',','"','a','r','g','s','"',':','[',
    '{','"','n','a','m','e','"',':','"','c','o','n','t','a','i','n','s','"',',','"',
    't','y','p','e','"',':','"','j','s','o','n','"',',','"','n','u','l','l','a','b',
    'l','e','"',':','f','a','l','s','e',',','"','n','o','n','e','m','p','t','y','"',
    ':','f','a','l','s','e',',','"','l','i','s','t','"',':','f','a','l','s','e','}',
    ',','{','"','n','a','m','e','"',':','"','l','i','m','i','t','"',',','"','t','y',
    'p','e','"',':','"','i','n','t','"',',','"','n','u','l','l','a','b','l','e','"',
    ':','t','r','u','e',',','"','n','o','n','e','m','p','t','y','"',':','f','a','l',
    's','e',',','"','l','i','s','t','"',':','f','a','l','s','e','}',',','{','"','n',
    'a','m','e','"',':','"','o','f','f','s','e','t','"',',','"','t','y','p','e','"',
    ':','"','i','n','t','"',',','"','n','u','l','l','a','b','l','e','"',':','t','r',
    'u','e',',','"','n','o','n','e','m','p','t','y','"',':','f','a','l','s','e',',',
    '"','l','i','s','t','"',':','f','a','l','s','e','}',']',',','"','g','i','v','e',
    's','"',':','"','m','a','n','y','"',',','"','b','a','r','e','"',':','f','a','l',
    's','e',',','"','c','o','l','u','m','n','s','"',':','[','"','a','g','e','n','t',
    '_','i','d','"',',','"','s','e','s','s','i','o','n','_','i','d','"',',','"','u',
    'p','d','a','t','e','d','_','a','t','"',']',',','"','b','a','t','c','h','"',':',
    'f','a','l','s','e',',','"','w','r','i','t','e','s','"',':','f','a','l','s','e',
    ',','"','k','e','y','"',':','[',']',',','"','r','e','s','e','n','d','"',':','"',
    'y','e','s','"',',','"','f','a','i','l','s','"',':','[',']',',','"','d','o','c',
    '"',':','"','T','h','e',' ','s','e','s','s','i','o','n','s',' ','w','h','o','s',
    'e',' ','s','t','a','t','e',' ','c','o','n','t','a','i','n','s',' ','t','h','e',
    ' ','g','i','v','e','n',' ','J','S','O','N',' ','(','P','o','s','t','g','r','e',
    'S','Q','L','\'','s',' ','@','>',')',',',' ','m','o','s','t',' ','r','e','c','e',
    'n','t','l','y',' ','s','a','v','e','d',' ','f','i','r','s','t','.',' ','Q','u',
    'i','c','k',' ','w','i','t','h',' ','t','h','e',' ','i','n','d','e','x',' ','t',
    'h','a','t',' ','s','t','a','t','e','.','i','n','d','e','x',' ','m','a','k','e',
    's','.','"','}',',','{','"','o','p','"',':','"','s','t','a','t','e','.','s','e',
    't','u','p','"',',','"','a','r','g','s','"',':','[',']',',','"','g','i','v','e',
    's','"',':','"','n','o','n','e','"',',','"','b','a','r','e','"',':','f','a','l',
    's','e',',','"','c','o','l','u','m','n','s','"',':','[',']',',','"','b','a','t',
    'c','h','"',':','f','a','l','s','e',',','"','w','r','i','t','e','s','"',':','t',
    'r','u','e',',','"','k','e','y','"',':','[',']',',','"','r','e','s','e','n','d',
    '"',':','"','y','e','s','"',',','"','f','a','i','l','s','"',':','[',']',',','"',
    'd','o','c','"',':','"','M','a','k','e','s',' ','t','h','e',' ','t','a','b','l',
    'e',' ','a','n','d',' ','i','t','s',' ','i','n','d','e','x','e','s',' ','w','h',
    'e','n',' ','t','h','e',' ','t','a','b','l','e',' ','i','s',' ','n','o','t',' ',
    't','h','e','r','e','.',' ','A',' ','t','a','b','l','e',' ','t','h','a','t',' ',
    'e','x','i','s','t','s',' ','i','s',' ','l','e','f','t',' ','a','s',' ','i','t',
    ' ','i','s',',',' ','s','o',' ','a',' ','r','o','l','e',' ','w','i','t','h',' ',
    'd','a','t','a',' ','r','i','g','h','t','s',' ','o','n','l','y',' ','m','a','y',
    ' ','c','a','l','l',' ','t','h','i','s','.',' ','R','a','c','i','n','g',' ','p',
    'r','o','c','e','s','s','e','s',' ','w','a','i','t',' ','f','o','r',' ','e','a',
    'c','h',' ','o','t','h','e','r','.','"','}',']',0,
};

#endif
