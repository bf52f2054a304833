-- Agent states: one JSON document for each pair of agent and session, on the table of Forge's ai-sdk.

-- op: state.save
-- args: agent_id text+, session_id text+, state json
-- gives: none
-- batch: yes    key: agent_id, session_id    same key: last    resend: no    writes: yes
-- Stores the state of a session in place of the one it had. `created_at` survives, `updated_at` is now; each row of
-- a batch gets a time of its own, so that newest-first lists keep the order of submission.
insert into {agent_states} as t (agent_id, session_id, state, created_at, updated_at)
select i.agent_id, i.session_id, i.state, i.at, i.at
from (
    select u.agent_id, u.session_id, u.state, now() + u.n * interval '1 microsecond' as at
    from unnest($1::text[], $2::text[], $3::jsonb[]) with ordinality as u(agent_id, session_id, state, n)
    order by u.agent_id, u.session_id
) as i
on conflict (agent_id, session_id) do update
set state = excluded.state, updated_at = excluded.updated_at;

-- op: state.load
-- args: agent_id text+, session_id text+
-- gives: maybe state
-- batch: yes    key: agent_id, session_id    same key: any    resend: yes    writes: no
-- The state of a session, or null when it has none.
select i.n, s.state
from unnest($1::text[], $2::text[]) with ordinality as i(agent_id, session_id, n)
cross join lateral (
    select t.state from {agent_states} as t
    where t.agent_id = i.agent_id and t.session_id = i.session_id
    limit 1
) as s;
-- single: a lone load is a third quicker without the array's join
select t.state from {agent_states} as t
where t.agent_id = $1::text and t.session_id = $2::text;

-- op: state.find
-- args: agent_id text+, session_id text+
-- gives: maybe {state}
-- batch: yes    key: agent_id, session_id    same key: any    resend: yes    writes: no
-- As state.load, with the state in an object: a stored JSON null differs from a session that has none.
select i.n, s.state
from unnest($1::text[], $2::text[]) with ordinality as i(agent_id, session_id, n)
cross join lateral (
    select t.state from {agent_states} as t
    where t.agent_id = i.agent_id and t.session_id = i.session_id
    limit 1
) as s;
-- single: a lone load is a third quicker without the array's join
select t.state from {agent_states} as t
where t.agent_id = $1::text and t.session_id = $2::text;

-- op: state.delete
-- args: agent_id text+, session_id text+
-- gives: none
-- batch: yes    key: agent_id, session_id    same key: any    resend: no    writes: yes
-- Deletes the state of a session; no error when it has none.
with locked as materialized (
    select s.ctid as row
    from (
        select u.agent_id, u.session_id from unnest($1::text[], $2::text[]) as u(agent_id, session_id)
        -- always true; lets the server expect so few rows that it fetches them by their place, on any table
        where u.agent_id > '' and u.session_id > ''
        order by u.agent_id, u.session_id
    ) as i
    cross join lateral (
        select t.ctid from {agent_states} as t
        where t.agent_id = i.agent_id and t.session_id = i.session_id
        limit 1
        for update
    ) as s
)
delete from {agent_states} as t using locked as l where t.ctid = l.row;

-- op: state.list
-- args: agent_id text+, limit int?, offset int?
-- gives: many session_id
-- batch: yes    resend: yes    writes: no
-- The sessions of an agent, most recently saved first; all of them without a limit.
select i.n, s.session_id
from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as i(agent_id, "limit", "offset", n)
cross join lateral (
    select t.session_id, t.updated_at from {agent_states} as t
    where t.agent_id = i.agent_id
    order by t.updated_at desc, t.session_id
    limit i."limit" offset coalesce(i."offset", 0)
) as s
order by i.n, s.updated_at desc, s.session_id;

-- op: state.count
-- args:
-- gives: one count
-- batch: no    resend: yes    writes: no
-- How many states the table holds (exact: reads the whole table).
select count(*) as count from {agent_states};

-- op: state.search
-- args: contains json, limit int?, offset int?
-- gives: many {agent_id, session_id, updated_at}
-- batch: no    resend: yes    writes: no
-- The sessions whose state contains the given JSON (PostgreSQL's @>), most recently saved first. Quick with the
-- index that state.index makes.
with found as materialized (
    select t.agent_id, t.session_id, t.updated_at from {agent_states} as t where t.state @> $1::jsonb
)
select f.agent_id, f.session_id,
    to_char(f.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at
from found as f
order by f.updated_at desc, f.agent_id, f.session_id
limit $2::bigint offset coalesce($3::bigint, 0);
