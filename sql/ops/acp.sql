-- Runs of agents, their sessions and events, on the tables of simple_acp's SimpleAcp::Storage::PostgreSQL.
--
-- Documents (output, error, history, data, …) are text columns there: their JSON text is checked and kept character by
-- character, an escaped NUL and every digit included. A column that somebody made varchar, json or jsonb takes and gives
-- the same documents, since json is assigned to each of them. Columns of time have no zone: the operations keep UTC in them.

-- op: run.save
-- args: run_id text, agent_name text, session_id text?, status text
-- args: output document?, error document?, await_request document?, created_at time?, finished_at time?, updated_at time?
-- gives: none
-- batch: yes    key: run_id    same key: last    resend: no    writes: yes
-- Stores a run in place of the one of that id. `output` (an array of messages), `error` and `await_request` are JSON
-- texts. Without `updated_at` it is now, each row of a batch with a time of its own.
insert into {acp_runs} as t
    (run_id, agent_name, session_id, status, output, error, await_request, created_at, finished_at, updated_at)
select i.run_id, i.agent_name, i.session_id, i.status, i.output::json, i.error::json, i.await_request::json,
    i.created_at::timestamptz at time zone 'UTC', i.finished_at::timestamptz at time zone 'UTC',
    coalesce(i.updated_at::timestamptz, now() + i.n * interval '1 microsecond') at time zone 'UTC'
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[]) with ordinality
    as i(run_id, agent_name, session_id, status, output, error, await_request, created_at, finished_at, updated_at, n)
order by i.run_id
on conflict (run_id) do update
set agent_name = excluded.agent_name, session_id = excluded.session_id, status = excluded.status,
    output = excluded.output, error = excluded.error, await_request = excluded.await_request,
    created_at = excluded.created_at, finished_at = excluded.finished_at, updated_at = excluded.updated_at;
-- single: a lone save costs the server a fifth less without the array's join
insert into {acp_runs} as t
    (run_id, agent_name, session_id, status, output, error, await_request, created_at, finished_at, updated_at)
values ($1::text, $2::text, $3::text, $4::text, $5::text::json, $6::text::json, $7::text::json,
    $8::text::timestamptz at time zone 'UTC', $9::text::timestamptz at time zone 'UTC',
    coalesce($10::text::timestamptz, now()) at time zone 'UTC')
on conflict (run_id) do update
set agent_name = excluded.agent_name, session_id = excluded.session_id, status = excluded.status,
    output = excluded.output, error = excluded.error, await_request = excluded.await_request,
    created_at = excluded.created_at, finished_at = excluded.finished_at, updated_at = excluded.updated_at;

-- op: run.load
-- args: run_id text
-- gives: maybe {run_id, agent_name, session_id, status, output, error, await_request, created_at, finished_at, updated_at}
-- batch: yes    key: run_id    same key: any    resend: yes    writes: no
-- The run of that id, or null. A document that is no JSON is INVALID.
select i.n, r.run_id, r.agent_name, r.session_id, r.status, r.output::json as output, r.error::json as error,
    r.await_request::json as await_request,
    to_char(r.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
    to_char(r.finished_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as finished_at,
    to_char(r.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at
from unnest($1::text[]) with ordinality as i(run_id, n)
cross join lateral (
    select t.run_id, t.agent_name, t.session_id, t.status, t.output, t.error, t.await_request, t.created_at,
        t.finished_at, t.updated_at
    from {acp_runs} as t where t.run_id = i.run_id
    limit 1
) as r;
-- single: a lone load is a third quicker without the array's join
select r.run_id, r.agent_name, r.session_id, r.status, r.output::json as output, r.error::json as error,
    r.await_request::json as await_request,
    to_char(r.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
    to_char(r.finished_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as finished_at,
    to_char(r.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at
from {acp_runs} as r where r.run_id = $1::text;

-- op: run.delete
-- args: run_id text
-- gives: one deleted
-- batch: yes    key: run_id    same key: any    resend: no    writes: yes
-- Deletes a run and its events together, and the events also where there is no run. Gives the number of runs deleted,
-- 0 or 1.
with given as materialized (
    select u.run_id, min(u.n) as n from unnest($1::text[]) with ordinality as u(run_id, n)
    group by u.run_id order by u.run_id
),
locked as materialized (
    select g.run_id, g.n, r.run_id is not null as found
    from given as g
    left join lateral (select t.run_id from {acp_runs} as t where t.run_id = g.run_id limit 1 for update) as r on true
),
gone_events as (
    delete from {acp_events} as e where e.run_id = any (array(select l.run_id from locked as l))
),
gone_runs as (
    delete from {acp_runs} as t where t.run_id = any (array(select l.run_id from locked as l where l.found))
    returning t.run_id
)
select u.n, count(g.run_id) as deleted
from unnest($1::text[]) with ordinality as u(run_id, n)
join locked as l on l.run_id = u.run_id
left join gone_runs as g on g.run_id = l.run_id and l.n = u.n
group by u.n;

-- op: run.list
-- args: limit int?, offset int?
-- gives: one {total, runs}
-- batch: no    resend: yes    writes: no
-- A page of all runs, newest first (runs without a time before them), and how many there are in all pages, both of one
-- snapshot. Counting reads the whole table; the page is quick with the index that acp.index makes.
select (select count(*) from {acp_runs}) as total,
    (
        select coalesce(json_agg(json_build_object('run_id', r.run_id, 'agent_name', r.agent_name,
            'session_id', r.session_id, 'status', r.status, 'output', r.output::json, 'error', r.error::json,
            'await_request', r.await_request::json,
            'created_at', to_char(r.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'finished_at', to_char(r.finished_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'updated_at', to_char(r.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) order by r.created_at desc, r.run_id desc),
            '[]'::json)
        from (
            select t.run_id, t.agent_name, t.session_id, t.status, t.output, t.error, t.await_request, t.created_at,
                t.finished_at, t.updated_at
            from {acp_runs} as t
            order by t.created_at desc, t.run_id desc
            limit $1::bigint offset coalesce($2::bigint, 0)
        ) as r
    ) as runs;

-- op: run.find
-- args: agent_name text?, session_id text?, limit int?, offset int?
-- gives: one {total, runs}
-- batch: yes    resend: yes    writes: no
-- As run.list, but only the runs of an agent, of a session, or of both; none when neither is given.
select i.n, page.total, page.runs
from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) with ordinality
    as i(agent_name, session_id, "limit", "offset", n)
cross join lateral (
    select (
        select count(*) from {acp_runs} as t
        where i.session_id is not null and t.session_id = i.session_id
            and (i.agent_name is null or t.agent_name = i.agent_name)
    ) + (
        select count(*) from {acp_runs} as t where i.session_id is null and t.agent_name = i.agent_name
    ) as total,
    (
        select coalesce(json_agg(json_build_object('run_id', r.run_id, 'agent_name', r.agent_name,
            'session_id', r.session_id, 'status', r.status, 'output', r.output::json, 'error', r.error::json,
            'await_request', r.await_request::json,
            'created_at', to_char(r.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'finished_at', to_char(r.finished_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'updated_at', to_char(r.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) order by r.created_at desc, r.run_id desc),
            '[]'::json)
        from (
            select f.* from (
                select t.run_id, t.agent_name, t.session_id, t.status, t.output, t.error, t.await_request, t.created_at,
                t.finished_at, t.updated_at
                from {acp_runs} as t
                where i.session_id is not null and t.session_id = i.session_id
                    and (i.agent_name is null or t.agent_name = i.agent_name)
                union all
                select t.run_id, t.agent_name, t.session_id, t.status, t.output, t.error, t.await_request, t.created_at,
                t.finished_at, t.updated_at
                from {acp_runs} as t
                where i.session_id is null and t.agent_name = i.agent_name
            ) as f
            order by f.created_at desc, f.run_id desc
            limit i."limit" offset coalesce(i."offset", 0)
        ) as r
    ) as runs
) as page;

-- op: session.save
-- args: id text, history document?, state document?, updated_at time?
-- gives: none
-- batch: yes    key: id    same key: last    resend: no    writes: yes
-- Stores a session in place of the one of that id; its time of creation survives. `history` (an array of messages) and
-- `state` are JSON texts. Without `updated_at` it is now.
insert into {acp_sessions} as t (id, history, state, created_at, updated_at)
select i.id, i.history::json, i.state::json, i.at at time zone 'UTC', i.at at time zone 'UTC'
from (
    select u.id, u.history, u.state, coalesce(u.updated_at::timestamptz, now() + u.n * interval '1 microsecond') as at
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as u(id, history, state, updated_at, n)
    order by u.id
) as i
on conflict (id) do update
set history = excluded.history, state = excluded.state, updated_at = excluded.updated_at;
-- single: a long history is not copied into and out of an array, two fifths of the server's work
insert into {acp_sessions} as t (id, history, state, created_at, updated_at)
values ($1::text, $2::text::json, $3::text::json, coalesce($4::text::timestamptz, now()) at time zone 'UTC',
    coalesce($4::text::timestamptz, now()) at time zone 'UTC')
on conflict (id) do update
set history = excluded.history, state = excluded.state, updated_at = excluded.updated_at;

-- op: session.append
-- args: id text, messages document, updated_at time?
-- gives: none
-- batch: yes    key: id    same key: serial    resend: no    writes: yes
-- Adds messages, a JSON array, to the end of a session's history, which need not be read nor sent: of two workers that
-- append at the same time neither loses its messages. A session that is not there begins with them. INVALID when either
-- is not an array.
insert into {acp_sessions} as t (id, history, created_at, updated_at)
select i.id, i.messages, i.at at time zone 'UTC', i.at at time zone 'UTC'
from (
    select u.id, u.messages::json as messages,
        coalesce(u.updated_at::timestamptz, now() + u.n * interval '1 microsecond') as at
    from unnest($1::text[], $2::text[], $3::text[]) with ordinality as u(id, messages, updated_at, n)
    order by u.id
) as i
where json_array_length(i.messages) is not null
on conflict (id) do update
set history = case
        when t.history is null or t.history::text ~ '^\s*(\[\s*\]|null)\s*$' then excluded.history::json
        when json_array_length(excluded.history::json) = 0 then t.history::json
        else (left(rtrim(t.history::text, E' \t\n\r'), -1) || ',' || substr(ltrim(excluded.history::text, E' \t\n\r'), 2))::json
    end,
    updated_at = excluded.updated_at;

-- op: session.load
-- args: id text
-- gives: maybe {id, history, state, created_at, updated_at}
-- batch: yes    key: id    same key: any    resend: yes    writes: no
-- The session of that id, or null. A document that is no JSON is INVALID.
select i.n, s.id, s.history::json as history, s.state::json as state,
    to_char(s.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
    to_char(s.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at
from unnest($1::text[]) with ordinality as i(id, n)
cross join lateral (
    select t.id, t.history, t.state, t.created_at, t.updated_at from {acp_sessions} as t where t.id = i.id
    limit 1
) as s;
-- single: a lone load is a third quicker without the array's join
select s.id, s.history::json as history, s.state::json as state,
    to_char(s.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
    to_char(s.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at
from {acp_sessions} as s where s.id = $1::text;

-- op: session.delete
-- args: id text
-- gives: one deleted
-- batch: yes    key: id    same key: any    resend: no    writes: yes
-- Deletes a session; its runs and events stay. Gives the number of sessions deleted, 0 or 1.
with given as materialized (
    select u.id, min(u.n) as n from unnest($1::text[]) with ordinality as u(id, n) group by u.id order by u.id
),
locked as materialized (
    select g.n, s.id
    from given as g
    cross join lateral (select t.id from {acp_sessions} as t where t.id = g.id limit 1 for update) as s
),
gone as (
    delete from {acp_sessions} as t where t.id = any (array(select l.id from locked as l))
    returning t.id
)
select u.n, count(g.id) as deleted
from unnest($1::text[]) with ordinality as u(id, n)
left join locked as l on l.id = u.id and l.n = u.n
left join gone as g on g.id = l.id
group by u.n;

-- op: event.add
-- args: run_id text, event_type text, data document?, created_at time?
-- gives: none
-- batch: yes    key: run_id    same key: any    resend: no    writes: yes
-- Adds an event to a run, which need not exist. `data` is the event as JSON text. Without `created_at` it is now. Events
-- of one run that wait together are added in the order of their submission.
insert into {acp_events} as t (run_id, event_type, data, created_at)
select i.run_id, i.event_type, i.data::json,
    coalesce(i.created_at::timestamptz, now() + i.n * interval '1 microsecond') at time zone 'UTC'
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as i(run_id, event_type, data, created_at, n)
order by i.n;
-- single: a lone event costs the server a third less without the array's join
insert into {acp_events} as t (run_id, event_type, data, created_at)
values ($1::text, $2::text, $3::text::json, coalesce($4::text::timestamptz, now()) at time zone 'UTC');

-- op: event.list
-- args: run_id text, limit int?, offset int?
-- gives: many {id, event_type, data, created_at}
-- batch: yes    key: run_id    same key: any    resend: yes    writes: no
-- The events of a run by time, events of the same time in the order they were added: pages repeat and skip nothing.
-- A document that is no JSON is INVALID.
select i.n, e.id, e.event_type, e.data::json as data, to_char(e.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at
from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as i(run_id, "limit", "offset", n)
cross join lateral (
    select t.id, t.event_type, t.data, t.created_at from {acp_events} as t
    where t.run_id = i.run_id
    order by t.created_at, t.id
    limit i."limit" offset coalesce(i."offset", 0)
) as e
order by i.n, e.created_at, e.id;

-- op: event.data
-- args: run_id text, limit int?, offset int?
-- gives: many data
-- batch: yes    key: run_id    same key: any    resend: yes    writes: no
-- As event.list, but only the events' documents: a third less work for the server.
select i.n, e.data::json as data
from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as i(run_id, "limit", "offset", n)
cross join lateral (
    select t.id, t.data, t.created_at from {acp_events} as t
    where t.run_id = i.run_id
    order by t.created_at, t.id
    limit i."limit" offset coalesce(i."offset", 0)
) as e
order by i.n, e.created_at, e.id;

-- op: acp.clear
-- args:
-- gives: one sessions
-- batch: no    resend: no    writes: yes
-- Deletes all runs, sessions and events. Gives the number of sessions deleted.
with gone_events as (delete from {acp_events}),
gone_runs as (delete from {acp_runs}),
gone_sessions as (delete from {acp_sessions} returning id)
select count(*) as sessions from gone_sessions;
