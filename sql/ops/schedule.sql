-- Scheduled actions that several processes look after, and one may run. Who runs an action holds its row until it is
-- finished or the time is over: no transaction and no connection is held meanwhile. Each holder gets a higher token than
-- all before; whoever stores results with it can refuse those of a holder whose time was over (fencing). All times are the
-- server's.

-- op: schedule.acquire
-- args: action text+, holder text+, ttl_ms int, due time?
-- gives: maybe {token, expires_at}
-- batch: yes    key: action    same key: conflict    resend: yes    writes: yes
-- Takes the action for `ttl_ms` from now, unless somebody else holds it: then null. `due` is when this run of it was due:
-- once a run is finished, none that was due then or before is given again, so whoever comes late runs nothing twice. A
-- holder is named anew for each attempt; the same one asking again keeps its token and holds longer.
with input as materialized (
    select u.action, u.holder, u.due::timestamptz as due, now() + u.ttl_ms * interval '1 millisecond' as expires_at, u.n
    from unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) with ordinality as u(action, holder, ttl_ms, due, n)
),
taken as (
    insert into {action_leases} as t (action, holder, token, due, expires_at)
    select i.action, i.holder, 1, i.due, i.expires_at from input as i
    order by i.action
    on conflict (action) do update
    set holder = excluded.holder, due = excluded.due, expires_at = excluded.expires_at,
        token = t.token + case when t.holder = excluded.holder and t.expires_at is not null then 0 else 1 end
    where (t.expires_at is null or t.expires_at <= now() or t.holder = excluded.holder)
        and (t.finished is null or excluded.due is null or t.finished < excluded.due)
    returning t.action, t.token, t.expires_at
)
select i.n, t.token, to_char(t.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as expires_at
from taken as t join input as i on i.action = t.action;

-- op: schedule.renew
-- args: action text+, token int, ttl_ms int
-- gives: one expires_at
-- batch: yes    key: action    same key: conflict    resend: yes    writes: yes
-- fails: CONFLICT somebody else holds the action, or nobody does
-- Holds on for `ttl_ms` from now.
with input as materialized (
    select u.action, u.token, now() + u.ttl_ms * interval '1 millisecond' as expires_at, u.n
    from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as u(action, token, ttl_ms, n)
),
locked as materialized (
    select s.action
    from (select i.action, i.token from input as i order by i.action) as i
    cross join lateral (
        select t.action from {action_leases} as t
        where t.action = i.action and t.token = i.token and t.expires_at is not null
        limit 1
        for update
    ) as s
),
renewed as (
    update {action_leases} as t set expires_at = i.expires_at
    from input as i
    where t.action = any (array(select l.action from locked as l)) and i.action = t.action
    returning t.action, t.expires_at
)
select i.n, to_char(r.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as expires_at
from renewed as r join input as i on i.action = r.action;

-- op: schedule.finish
-- args: action text+, token int, done bool
-- gives: none
-- batch: no    key: action    same key: serial    resend: yes    writes: yes
-- Lets go of the action; with `done` its run is finished, and no other one that was due then or before will be given.
-- Nothing happens when somebody else holds it by now.
update {action_leases} as t
set expires_at = null,
    finished = case when $3::boolean then greatest(t.finished, t.due) else t.finished end
where t.action = $1::text and t.token = $2::bigint;

-- op: schedule.get
-- args: action text+
-- gives: maybe {holder, token, due, expires_at, finished}
-- batch: yes    key: action    same key: any    resend: yes    writes: no
-- Who held the action last; nobody holds it when `expires_at` is null or past.
select i.n, s.holder, s.token, s.due, s.expires_at, s.finished
from unnest($1::text[]) with ordinality as i(action, n)
cross join lateral (
    select t.holder, t.token, to_char(t.due at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as due,
        to_char(t.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as expires_at,
        to_char(t.finished at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as finished
    from {action_leases} as t where t.action = i.action limit 1
) as s;
