-- Checkpoints: the latest state of each thread of a run, on the table of rust-deep-agents. The empty thread id is a key
-- like any other: the agents' runtime uses it. Versions need checkpoint.setup_versions.

-- op: checkpoint.save
-- args: thread_id text, state json
-- gives: none
-- batch: yes    key: thread_id    same key: last    resend: no    writes: yes
-- Stores the state of a thread in place of the one it had. `created_at` survives, `updated_at` is now; each row of a
-- batch gets a time of its own, so that newest-first lists keep the order of submission.
insert into {agent_checkpoints} as t (thread_id, state, created_at, updated_at)
select i.thread_id, i.state, i.at, i.at
from (
    select u.thread_id, u.state, now() + u.n * interval '1 microsecond' as at
    from unnest($1::text[], $2::jsonb[]) with ordinality as u(thread_id, state, n)
    order by u.thread_id
) as i
on conflict (thread_id) do update
set state = excluded.state, updated_at = excluded.updated_at;

-- op: checkpoint.load
-- args: thread_id text
-- gives: maybe state
-- batch: yes    key: thread_id    same key: any    resend: yes    writes: no
-- The state of a thread, or null when it has none.
select i.n, s.state
from unnest($1::text[]) with ordinality as i(thread_id, n)
cross join lateral (
    select t.state from {agent_checkpoints} as t where t.thread_id = i.thread_id limit 1
) as s;
-- single: a lone load is a third quicker without the array's join
select t.state from {agent_checkpoints} as t where t.thread_id = $1::text;

-- op: checkpoint.find
-- args: thread_id text
-- gives: maybe {state}
-- batch: yes    key: thread_id    same key: any    resend: yes    writes: no
-- As checkpoint.load, with the state in an object: a stored JSON null differs from a thread that has none.
select i.n, s.state
from unnest($1::text[]) with ordinality as i(thread_id, n)
cross join lateral (
    select t.state from {agent_checkpoints} as t where t.thread_id = i.thread_id limit 1
) as s;
-- single: a lone load is a third quicker without the array's join
select t.state from {agent_checkpoints} as t where t.thread_id = $1::text;

-- op: checkpoint.load_many
-- args: thread_ids text[]
-- gives: many {thread_id, state}
-- batch: no    resend: yes    writes: no
-- The states of many threads in one call, in the order asked for; threads that have none are left out.
select i.thread_id, s.state
from jsonb_array_elements_text($1::jsonb) with ordinality as i(thread_id, n)
cross join lateral (
    select t.state from {agent_checkpoints} as t where t.thread_id = i.thread_id limit 1
) as s
order by i.n;

-- op: checkpoint.delete
-- args: thread_id text
-- gives: none
-- batch: yes    key: thread_id    same key: any    resend: no    writes: yes
-- Deletes the state of a thread; no error when it has none.
with locked as materialized (
    select s.thread_id
    from (select u.thread_id from unnest($1::text[]) as u(thread_id) order by u.thread_id) as i
    cross join lateral (
        select t.thread_id from {agent_checkpoints} as t where t.thread_id = i.thread_id
        limit 1
        for update
    ) as s
)
delete from {agent_checkpoints} as t where t.thread_id = any (array(select l.thread_id from locked as l));

-- op: checkpoint.list
-- args: limit int?, offset int?, prefix text?
-- gives: many thread_id
-- batch: no    resend: yes    writes: no
-- The threads, most recently saved first; all of them without a limit. With a prefix only those whose id begins with
-- it, for which the whole table may have to be read.
select t.thread_id from {agent_checkpoints} as t
where $3::text is null or starts_with(t.thread_id, $3::text)
order by t.updated_at desc, t.thread_id
limit $1::bigint offset coalesce($2::bigint, 0);

-- op: checkpoint.copy
-- args: from_id text, to_id text
-- gives: one thread_id
-- batch: no    key: to_id    same key: serial    resend: no    writes: yes
-- fails: ABSENT the thread to copy has no state
-- Copies the state of a thread to another one, in place of what that had; gives the other one's id.
insert into {agent_checkpoints} as t (thread_id, state, created_at, updated_at)
select $2::text, s.state, now(), now() from {agent_checkpoints} as s where s.thread_id = $1::text
on conflict (thread_id) do update
set state = excluded.state, updated_at = excluded.updated_at
returning t.thread_id;

-- op: checkpoint.save_version
-- args: thread_id text, state json, expected int?
-- gives: one version
-- batch: yes    key: thread_id    same key: conflict    resend: no    writes: yes
-- needs: checkpoint.setup_versions
-- fails: CONFLICT the thread has another version
-- Stores the state of a thread if its version is the expected one (null: if it has no state) and gives the new version,
-- which is one more (the first is 1). So of two runs that loaded the same version one is told of the other.
with input as materialized (
    select u.thread_id, u.state, u.expected, u.n, now() + u.n * interval '1 microsecond' as at
    from unnest($1::text[], $2::jsonb[], $3::bigint[]) with ordinality as u(thread_id, state, expected, n)
),
-- Whoever is locked here has the expected version until the end, also when it was waited for.
locked as materialized (
    select s.n
    from (select e.n, e.thread_id, e.expected from input as e where e.expected is not null order by e.thread_id) as i
    cross join lateral (
        select i.n from {agent_checkpoints} as t
        where t.thread_id = i.thread_id and t.version = i.expected
        limit 1
        for update
    ) as s
),
saved as (
    insert into {agent_checkpoints} as t (thread_id, state, version, created_at, updated_at)
    select i.thread_id, i.state, coalesce(i.expected, 0) + 1, i.at, i.at
    from input as i
    where i.expected is null or i.n in (select l.n from locked as l)
    order by i.thread_id
    on conflict (thread_id) do update
    set state = excluded.state, version = excluded.version, updated_at = excluded.updated_at
    where excluded.version > 1 and t.version = excluded.version - 1
    returning t.thread_id, t.version
)
select i.n, s.version from saved as s join input as i on i.thread_id = s.thread_id;

-- op: checkpoint.load_version
-- args: thread_id text
-- gives: maybe {state, version}
-- batch: yes    key: thread_id    same key: any    resend: yes    writes: no
-- needs: checkpoint.setup_versions
-- The state of a thread with its version, or null when it has none.
select i.n, s.state, s.version
from unnest($1::text[]) with ordinality as i(thread_id, n)
cross join lateral (
    select t.state, t.version from {agent_checkpoints} as t where t.thread_id = i.thread_id limit 1
) as s;
-- single: a lone load is a third quicker without the array's join
select t.state, t.version from {agent_checkpoints} as t where t.thread_id = $1::text;

-- op: checkpoint.count_expired
-- args: keep_days int
-- gives: one count
-- batch: no    resend: yes    writes: no
-- How many threads were last saved more than `keep_days` days ago; none for a negative number.
select count(*) as count from {agent_checkpoints} as t
where t.updated_at < case when $1::bigint >= 0 then now() - $1::bigint * interval '1 day' end;

-- op: checkpoint.delete_expired
-- args: keep_days int, limit int
-- gives: one count
-- batch: no    resend: yes    writes: yes
-- Deletes at most `limit` of the threads that checkpoint.count_expired counts, oldest first, and gives how many it
-- deleted: call it until that is 0. Rows that another session has locked are left for the next time.
with expired as materialized (
    select t.thread_id from {agent_checkpoints} as t
    where t.updated_at < case when $1::bigint >= 0 then now() - $1::bigint * interval '1 day' end
    order by t.updated_at
    limit $2::bigint
    for update skip locked
),
deleted as (
    delete from {agent_checkpoints} as t where t.thread_id = any (array(select e.thread_id from expired as e))
    returning t.thread_id
)
select count(*) as count from deleted;
