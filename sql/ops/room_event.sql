-- Events of rooms, on RoomKit's tables. An event travels as the JSON of RoomKit's RoomEvent, both ways; what is left out
-- takes RoomKit's default.
--
-- Every write of events locks the room's row first (for no key update, so that other writers of the room's rows pass), then
-- the row of its index sequence if it needs that; only what writes a single event by its id, and no idempotency key, does
-- without, since it waits with nothing held. So writes of one room never deadlock, RoomKit's own commits and appends beside
-- them included.

-- text: event_row
e.id, e.room_id, e.type,
e.source_channel_id as "source.channel_id", e.source_channel_type as "source.channel_type",
e.source_direction as "source.direction", e.source_participant_id as "source.participant_id",
e.source_extra -> 'external_id' as "source.external_id", e.source_provider as "source.provider",
coalesce(e.source_extra -> 'raw_payload', '{}') as "source.raw_payload",
e.source_extra -> 'provider_message_id' as "source.provider_message_id",
e.source_extra -> 'verification' as "source.verification",
e.content, e.status, e.blocked_by, e.visibility, array_to_json(e.addressed_to) as addressed_to, e.response_visibility,
e.index, e.chain_depth, e.parent_event_id, e.responds_to, e.correlation_id, e.idempotency_key,
to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at, e.metadata, e.channel_data,
e.delivery_results

-- text: columns
e.id, e.room_id, e.type, e.source_extra, e.source_channel_id, e.source_channel_type, e.source_direction,
e.source_participant_id, e.source_provider, e.content, e.status, e.blocked_by, e.visibility, e.addressed_to,
e.response_visibility, e.index, e.chain_depth, e.parent_event_id, e.responds_to, e.correlation_id, e.idempotency_key,
e.created_at, e.metadata, e.channel_data, e.delivery_results

-- text: source_extra
coalesce(case when d.source -> 'raw_payload' not in ('{}', 'null')
        then jsonb_build_object('raw_payload', d.source -> 'raw_payload') end, '{}')
    || coalesce(case when d.source ->> 'external_id' <> ''
        then jsonb_build_object('external_id', d.source -> 'external_id') end, '{}')
    || coalesce(case when d.source ->> 'provider_message_id' <> ''
        then jsonb_build_object('provider_message_id', d.source -> 'provider_message_id') end, '{}')
    || coalesce(case when d.source ->> 'verification' is not null
        then jsonb_build_object('verification', d.source -> 'verification') end, '{}')

-- How many rows a page may need, its offset's included: two numbers whose sum fits, however large they were.
-- text: reach
least(f."limit", 1::bigint << 62) + least(coalesce(f.skip, 0), (1::bigint << 62) - 1)

-- What a filter asks for, read once: conditions on columns cost a row next to nothing.
-- text: wanted
i.filter ->> 'visibility' as visibility, case when jsonb_typeof(i.filter -> 'event_types') = 'array'
    then array(select jsonb_array_elements_text(i.filter -> 'event_types')) end as types,
case when jsonb_typeof(i.filter -> 'exclude_types') = 'array'
    then array(select jsonb_array_elements_text(i.filter -> 'exclude_types')) end as other_types,
i.filter ->> 'source_channel_id' as channel_id, i.filter ->> 'source_channel_type' as channel_type,
i.filter ->> 'correlation_id' as correlation_id, i.filter ->> 'responds_to' as responds_to,
i.filter ->> 'participant_id' as participant_id, i.filter ->> 'parent_event_id' as parent_event_id,
i.filter -> 'top_level_only' is not distinct from 'true' as top_level_only,
(i.filter ->> 'after_time')::timestamptz as after_time, (i.filter ->> 'before_time')::timestamptz as before_time,
i.filter -> 'include_blocked' is not distinct from 'true' as include_blocked,
case when i.filter is null then 'everything' when i.filter ->> 'responds_to' is not null then 'answers'
    when i.filter ->> 'parent_event_id' is not null then 'replies'
    when i.filter ->> 'correlation_id' is not null then 'related' else 'all' end as kind

-- Behind a case the server takes it for half of the rows. Multiplied out it would seem to leave one, and a page would be
-- made by sorting the room instead of reading it in order.
-- text: condition
case when (f.visibility is null or e.visibility = f.visibility) and (f.types is null or e.type = any (f.types))
        and (f.other_types is null or e.type <> all (f.other_types))
        and (f.channel_id is null or e.source_channel_id = f.channel_id)
        and (f.channel_type is null or e.source_channel_type = f.channel_type)
        and (f.correlation_id is null or e.correlation_id = f.correlation_id)
        and (f.responds_to is null or e.responds_to = f.responds_to)
        and (f.participant_id is null or e.source_participant_id = f.participant_id)
        and (f.parent_event_id is null or e.parent_event_id = f.parent_event_id)
        and (not f.top_level_only or e.parent_event_id is null)
        and (f.after_time is null or e.created_at > f.after_time)
        and (f.before_time is null or e.created_at < f.before_time)
        and (f.include_blocked or e.status <> 'blocked') then true else false end

-- text: rewrite
content = d.event -> 'content', status = coalesce(d.event ->> 'status', 'pending'),
    visibility = coalesce(d.event ->> 'visibility', 'all'), metadata = coalesce(nullif(d.event -> 'metadata', 'null'), '{}'),
    idempotency_key = d.event ->> 'idempotency_key', blocked_by = d.event ->> 'blocked_by',
    source_channel_id = d.source ->> 'channel_id', source_channel_type = d.source ->> 'channel_type',
    source_participant_id = d.source ->> 'participant_id', source_provider = d.source ->> 'provider',
    source_extra = {+source_extra}

-- text: item
item as materialized (
    select u.n, u.room_id, u.event, u.event -> 'source' as source
    from unnest($1::text[], $2::jsonb[]) with ordinality as u(room_id, event, n)
),
-- An event whose id is stored is left to the primary key, which refuses it whatever its idempotency key.
free as materialized (
    select i.n, i.room_id, i.event, i.source from item as i
    left join lateral (
        select true as taken from {room_events} as e
        where e.room_id = i.event ->> 'room_id' and e.source_channel_id = i.source ->> 'channel_id'
            and e.idempotency_key = i.event ->> 'idempotency_key'
        limit 1
    ) as k on true
    left join lateral (
        select true as stored from {room_events} as e where k.taken and e.id = i.event ->> 'id' limit 1
    ) as h on true
    where k.taken is null or h.stored
)

-- text: room
room as materialized (
    select g.*, r.id is not null as found
    from g
    left join lateral (select t.id from {rooms} as t where t.id = g.room_id limit 1 for no key update) as r on true
)

-- text: next_index
g as materialized (select f.room_id, count(*)::integer as count from free as f group by f.room_id order by f.room_id),
{+room},
sequence as (
    insert into {room_event_sequences} as s (room_id, next_index)
    select r.room_id, r.count from room as r order by r.room_id
    on conflict (room_id) do update set next_index = s.next_index + excluded.next_index
    returning s.room_id, s.next_index
),
d as materialized (
    select f.n, f.room_id, f.event, f.source,
        (s.next_index - r.count - 1 + row_number() over (partition by f.room_id order by f.n))::integer as index
    from free as f join room as r on r.room_id = f.room_id join sequence as s on s.room_id = f.room_id
)

-- text: lone
taken as materialized (
    select from {room_events} as e
    where $2::jsonb ->> 'idempotency_key' is not null and e.room_id = $2::jsonb ->> 'room_id'
        and e.source_channel_id = $2::jsonb -> 'source' ->> 'channel_id'
        and e.idempotency_key = $2::jsonb ->> 'idempotency_key'
        and not exists (select from {room_events} as o where o.id = $2::jsonb ->> 'id')
    limit 1
),
room as materialized (select t.id from {rooms} as t where t.id = $1::text for no key update),
sequence as (
    insert into {room_event_sequences} as s (room_id, next_index)
    select coalesce((select r.id from room as r), $1::text), 1 where not exists (select from taken)
    on conflict (room_id) do update set next_index = s.next_index + 1
    returning s.next_index - 1 as index
),
d as materialized (
    select 1 as n, $2::jsonb as event, $2::jsonb -> 'source' as source, s.index from sequence as s
)

-- text: insert
insert into {room_events} (id, room_id, type, content, source_channel_id, source_channel_type, source_direction,
    source_participant_id, source_provider, source_extra, status, visibility, addressed_to, response_visibility, index,
    chain_depth, correlation_id, parent_event_id, responds_to, idempotency_key, blocked_by, metadata, channel_data,
    created_at, delivery_results)
select d.event ->> 'id', d.event ->> 'room_id', coalesce(d.event ->> 'type', 'message'), d.event -> 'content',
    d.source ->> 'channel_id', d.source ->> 'channel_type', coalesce(d.source ->> 'direction', 'inbound'),
    d.source ->> 'participant_id', d.source ->> 'provider', {+source_extra}, coalesce(d.event ->> 'status', 'pending'),
    coalesce(d.event ->> 'visibility', 'all'), case when jsonb_typeof(d.event -> 'addressed_to') = 'array'
        then array(select jsonb_array_elements_text(d.event -> 'addressed_to')) end, d.event ->> 'response_visibility',
    d.index, coalesce((d.event ->> 'chain_depth')::integer, 0), d.event ->> 'correlation_id',
    d.event ->> 'parent_event_id', d.event ->> 'responds_to', d.event ->> 'idempotency_key', d.event ->> 'blocked_by',
    coalesce(nullif(d.event -> 'metadata', 'null'), '{}'), coalesce(nullif(d.event -> 'channel_data', 'null'), '{}'),
    coalesce((d.event ->> 'created_at')::timestamptz, now() + d.n * interval '1 microsecond'),
    coalesce(nullif(d.event -> 'delivery_results', 'null'), '{}')

-- text: deletes
$2::jsonb ->> 'type' = 'delete' and $2::jsonb -> 'content' ->> 'type' = 'delete'
        and $2::jsonb -> 'content' ->> 'target_event_id' = $3::jsonb ->> 'id'

-- Whoever adds an event writes the row of the room's index sequence, also where its number stays: another version of that
-- row than this statement's snapshot has says that there are events which the statement does not see.
-- text: turn
seen as materialized (select s.xmin as version from {room_event_sequences} as s where s.room_id = $1::text),
room as materialized (select t.id from {rooms} as t where t.id = $1::text for no key update),
held as materialized (
    select s.xmin as version from {room_event_sequences} as s
    where s.room_id = (select coalesce(min(r.id), $1::text) from room as r) for no key update
)

-- text: late
(select h.version from held as h) is distinct from (select s.version from seen as s)

-- text: doomed
doomed as materialized (
    select t.id, t.kind from thread as t
    union all
    select e.id, 2 from {room_events} as e
    where e.room_id = $1::text and e.content ->> 'type' in ('edit', 'delete')
        and e.content ->> 'target_event_id' = any (array(select t.id from target as t))
        and e.id <> all (array(select t.id from thread as t))
),
gone as (
    delete from {room_events} as e where e.id = any (array(select k.id from doomed as k)) and e.room_id = $1::text
    returning {+columns}
)

-- op: room.add_event
-- args: room_id text, event json
-- gives: one index
-- batch: yes    key: room_id    same key: any    resend: no    writes: yes
-- fails: CONFLICT the idempotency key is taken by another event of its source channel
-- Stores an event at the index it has; later automatic indexes are greater. Counters of the room stay.
with {+item},
g as materialized (
    select f.room_id, max(coalesce((f.event ->> 'index')::integer, 0)) + 1 as next_index from free as f
    group by f.room_id order by f.room_id
),
{+room},
sequence as (
    insert into {room_event_sequences} as s (room_id, next_index)
    select r.room_id, r.next_index from room as r order by r.room_id
    on conflict (room_id) do update set next_index = greatest(s.next_index, excluded.next_index)
    returning s.room_id
),
d as materialized (
    select f.n, f.room_id, f.event, f.source, coalesce((f.event ->> 'index')::integer, 0) as index
    from free as f join sequence as s on s.room_id = f.room_id
),
stored as (
    {+insert}
    from d order by d.room_id, d.n
)
select d.n, d.index from d order by d.n;

-- op: room.add_event_auto_index
-- args: room_id text, event json
-- gives: one index
-- batch: yes    key: room_id    same key: any    resend: no    writes: yes
-- fails: CONFLICT the idempotency key is taken by another event of its source channel
-- Stores an event at the room's next index and gives that. Indexes of a room begin at 0, have no gap and never come again,
-- also not after deletions; events of one room that wait together get theirs in the order of their submission. Counters
-- of the room stay.
with {+item},
{+next_index},
stored as (
    {+insert}
    from d order by d.room_id, d.n
)
select d.n, d.index from d order by d.n;
-- single: the server stores a lone event a fifth quicker without arrays
with {+lone},
stored as (
    {+insert}
    from d
)
select d.index from d;

-- op: room.commit_event
-- args: room_id text, event json, activity bool
-- gives: one index
-- batch: yes    key: room_id    same key: any    resend: no    writes: yes
-- fails: CONFLICT the idempotency key is taken by another event of its source channel
-- Stores an event at the room's next index and counts it: `event_count` is one more, `latest_index` the index that it
-- gives. With `activity` the room's `timers.last_activity_at` is now, and a paused room is active again.
with {+item},
{+next_index},
stored as (
    {+insert}
    from d order by d.room_id, d.n
),
-- An upsert, since it finds its row by the key whatever the statistics say; `closed_at` carries the time of activity.
counted as (
    insert into {rooms} as t (id, event_count, latest_index, closed_at)
    select r.room_id, r.count, max(d.index), max(now() + d.n * interval '1 microsecond') filter (where a.activity)
    from room as r join d on d.room_id = r.room_id join unnest($3::boolean[]) with ordinality as a(activity, n) on a.n = d.n
    where r.found group by r.room_id, r.count order by r.room_id
    on conflict (id) do update
    set event_count = t.event_count + excluded.event_count, latest_index = excluded.latest_index,
        timers = case when excluded.closed_at is null then t.timers
            else '{"inactive_after_seconds": null, "closed_after_seconds": null}'::jsonb || t.timers || jsonb_build_object(
                'last_activity_at', to_char(excluded.closed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) end,
        status = case when t.status = 'paused' and excluded.closed_at is not null then 'active' else t.status end,
        paused_at = case when t.status = 'paused' and excluded.closed_at is not null then null else t.paused_at end,
        updated_at = case when t.status = 'paused' and excluded.closed_at is not null then excluded.closed_at
            else t.updated_at end
)
select d.n, d.index from d order by d.n;
-- single: the server stores a lone event a fifth quicker without arrays
with {+lone},
stored as (
    {+insert}
    from d
),
counted as (
    update {rooms} as t
    set event_count = t.event_count + 1, latest_index = d.index,
        timers = case when not $3::boolean then t.timers
            else '{"inactive_after_seconds": null, "closed_after_seconds": null}'::jsonb || t.timers || jsonb_build_object(
                'last_activity_at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) end,
        status = case when t.status = 'paused' and $3::boolean then 'active' else t.status end,
        paused_at = case when t.status = 'paused' and $3::boolean then null else t.paused_at end,
        updated_at = case when t.status = 'paused' and $3::boolean then now() else t.updated_at end
    from d where t.id = $1::text
)
select d.index from d;

-- op: room.get_event
-- args: event_id text
-- gives: maybe {id, room_id, type, source.channel_id, source.channel_type, source.direction, source.participant_id, source.external_id, source.provider, source.raw_payload, source.provider_message_id, source.verification, content, status, blocked_by, visibility, addressed_to, response_visibility, index, chain_depth, parent_event_id, responds_to, correlation_id, idempotency_key, created_at, metadata, channel_data, delivery_results}
-- batch: yes    key: event_id    same key: any    resend: yes    writes: no
-- The event of that id, of whatever room and status.
select i.n, {+event_row}
from unnest($1::text[]) with ordinality as i(event_id, n)
cross join lateral (select {+columns} from {room_events} as e where e.id = i.event_id limit 1) as e;
-- single: a lone read is a third quicker without the array's join
select {+event_row}
from {room_events} as e where e.id = $1::text;

-- op: room.list_events
-- args: room_id text, limit int?, offset int?, after_index int?, before_index int?, newest_first bool?
-- gives: many {id, room_id, type, source.channel_id, source.channel_type, source.direction, source.participant_id, source.external_id, source.provider, source.raw_payload, source.provider_message_id, source.verification, content, status, blocked_by, visibility, addressed_to, response_visibility, index, chain_depth, parent_event_id, responds_to, correlation_id, idempotency_key, created_at, metadata, channel_data, delivery_results}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- A page of a room's events but for blocked ones, by index, whatever the end it is cut from: the first ones after
-- `after_index`, the last ones before `before_index`, else from the first or with `newest_first` from the last one.
-- `offset` counts from there and is for pages without either index.
select i.n, {+event_row}
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[]) with ordinality
    as i(room_id, "limit", "offset", after_index, before_index, newest_first, n)
cross join lateral (
    select e.* from (
        select {+columns} from {room_events} as e
        where (i.before_index is not null or (i.newest_first and i.after_index is null)) and e.room_id = i.room_id
            and e.index < coalesce(i.before_index, 2147483648) and e.status <> 'blocked'
        order by e.index desc
        limit i."limit" offset case when i.before_index is null and i.after_index is null then i."offset" end
    ) as e order by e.index, e.created_at, e.id
) as e
union all
select i.n, {+event_row}
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[]) with ordinality
    as i(room_id, "limit", "offset", after_index, before_index, newest_first, n)
cross join lateral (
    select {+columns} from {room_events} as e
    where (i.before_index is not null or (i.newest_first and i.after_index is null)) is not true
        and e.room_id = i.room_id and e.index > coalesce(i.after_index, -2147483649) and e.status <> 'blocked'
    order by e.index
    limit i."limit" offset case when i.before_index is null and i.after_index is null then i."offset" end
) as e;

-- op: room.find_events
-- args: room_id text, filter json, limit int?, offset int?, after_index int?, before_index int?, newest_first bool?
-- gives: many {id, room_id, type, source.channel_id, source.channel_type, source.direction, source.participant_id, source.external_id, source.provider, source.raw_payload, source.provider_message_id, source.verification, content, status, blocked_by, visibility, addressed_to, response_visibility, index, chain_depth, parent_event_id, responds_to, correlation_id, idempotency_key, created_at, metadata, channel_data, delivery_results}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- As room.list_events, but only events that fit a filter: RoomKit's EventFilter as JSON, whose missing or null fields
-- narrow nothing. Blocked events come with `include_blocked`.
with f as materialized (
    select i.*, {+wanted},
        i.before_index is not null or (coalesce(i.newest_first, false) and i.after_index is null) as backward,
        case when i.after_index is null and i.before_index is null then i."offset" end as skip
    from unnest($1::text[], $2::jsonb[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::boolean[])
        with ordinality as i(room_id, filter, "limit", "offset", after_index, before_index, newest_first, n)
)
select f.n, {+event_row}
from f
cross join lateral (
    select e.* from (
        select e.* from (
            (
                select {+columns} from {room_events} as e
                where f.kind = 'all' and f.backward and e.room_id = f.room_id
                    and e.index < coalesce(f.before_index, 2147483648) and {+condition}
                order by e.index desc limit {+reach}
            )
            union all
            (
                select {+columns} from {room_events} as e
                where f.kind = 'all' and not f.backward and e.room_id = f.room_id
                    and e.index > coalesce(f.after_index, -2147483649) and {+condition}
                order by e.index limit {+reach}
            )
            union all
            select {+columns} from {room_events} as e
            where f.kind = 'answers' and e.room_id = f.room_id and e.responds_to = f.responds_to and {+condition}
                and e.index < coalesce(f.before_index, 2147483648) and e.index > coalesce(f.after_index, -2147483649)
            union all
            select {+columns} from {room_events} as e
            where f.kind = 'replies' and e.room_id = f.room_id and e.parent_event_id = f.parent_event_id
                and {+condition}
                and e.index < coalesce(f.before_index, 2147483648) and e.index > coalesce(f.after_index, -2147483649)
            union all
            select {+columns} from {room_events} as e
            where f.kind = 'related' and e.room_id = f.room_id and e.correlation_id = f.correlation_id
                and {+condition}
                and e.index < coalesce(f.before_index, 2147483648) and e.index > coalesce(f.after_index, -2147483649)
        ) as e
        order by case when f.backward then -e.index::bigint else e.index end, e.created_at, e.id
        limit f."limit" offset f.skip
    ) as e
    order by e.index, e.created_at, e.id
) as e;

-- op: room.count_events
-- args: room_id text, filter json?
-- gives: one count
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- How many events a room has: all of them, or those that room.find_events gives in all pages. Reads every one of them.
with f as materialized (
    select i.*, {+wanted}
    from unnest($1::text[], $2::jsonb[]) with ordinality as i(room_id, filter, n)
)
select f.n, (
    select count(*) from (
        select 1 from {room_events} as e where f.kind = 'everything' and e.room_id = f.room_id
        union all
        select 1 from {room_events} as e
        where f.kind = 'all' and e.room_id = f.room_id and {+condition}
        union all
        select 1 from {room_events} as e
        where f.kind = 'answers' and e.room_id = f.room_id and e.responds_to = f.responds_to and {+condition}
        union all
        select 1 from {room_events} as e
        where f.kind = 'replies' and e.room_id = f.room_id and e.parent_event_id = f.parent_event_id
            and {+condition}
        union all
        select 1 from {room_events} as e
        where f.kind = 'related' and e.room_id = f.room_id and e.correlation_id = f.correlation_id
            and {+condition}
    ) as e
) as count
from f;

-- op: room.get_thread_summaries
-- args: room_id text, root_event_ids text[]
-- gives: many {root_event_id, reply_count, last_reply_at}
-- batch: no    resend: yes    writes: no
-- Of each of these events that has replies which are not blocked: how many, and when the last one was made.
select i.id as root_event_id, s.reply_count,
    to_char(s.last_reply_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_reply_at
from (select distinct u.id from jsonb_array_elements_text($2::jsonb) as u(id)) as i
cross join lateral (
    select count(*) as reply_count, max(e.created_at) as last_reply_at from {room_events} as e
    where e.parent_event_id = i.id and e.room_id = $1::text and e.status <> 'blocked'
) as s
where s.reply_count > 0;

-- op: room.check_idempotency
-- args: room_id text, idempotency_key text, channel_id text?
-- gives: one held
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- Whether an event of this source channel, or with null of any, has this idempotency key in the room.
select i.n, e.held is not null as held
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as i(room_id, idempotency_key, channel_id, n)
left join lateral (
    (
        select true as held from {room_events} as e
        where i.channel_id is not null and e.room_id = i.room_id and e.source_channel_id = i.channel_id
            and e.idempotency_key = i.idempotency_key
        limit 1
    )
    union all
    (
        select true from {room_events} as e
        where i.channel_id is null and e.room_id = i.room_id and e.idempotency_key = i.idempotency_key limit 1
    )
) as e on true;

-- op: room.get_event_by_idempotency_key
-- args: room_id text, idempotency_key text, channel_id text?
-- gives: maybe {id, room_id, type, source.channel_id, source.channel_type, source.direction, source.participant_id, source.external_id, source.provider, source.raw_payload, source.provider_message_id, source.verification, content, status, blocked_by, visibility, addressed_to, response_visibility, index, chain_depth, parent_event_id, responds_to, correlation_id, idempotency_key, created_at, metadata, channel_data, delivery_results}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- The event with this idempotency key in the room, of this source channel or with null the first one of any; else null.
select i.n, {+event_row}
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as i(room_id, idempotency_key, channel_id, n)
cross join lateral (
    (
        select {+columns} from {room_events} as e
        where i.channel_id is not null and e.room_id = i.room_id and e.source_channel_id = i.channel_id
            and e.idempotency_key = i.idempotency_key
    )
    union all
    (
        select {+columns} from (
            select {+columns} from {room_events} as e
            where i.channel_id is null and e.room_id = i.room_id and e.idempotency_key = i.idempotency_key
            offset 0
        ) as e
        order by e.index limit 1
    )
) as e;

-- op: room.update_event
-- args: event_id text, event json
-- gives: none
-- batch: no    key: event_id    same key: serial    resend: yes    writes: yes
-- Writes an event's content, status, visibility, metadata, idempotency key, blocked_by and source (but for its direction)
-- anew; all else stays as it was stored. No error when there is no such event.
with d as (select $2::jsonb as event, $2::jsonb -> 'source' as source),
-- Two events that take each other's keys would wait for each other at the keys' index; so who brings a key takes the room
-- first, which the count, of one room at most, makes it wait for.
room as materialized (
    select t.id from {rooms} as t
    where t.id = (select e.room_id from {room_events} as e where e.id = $1::text)
        and $2::jsonb ->> 'idempotency_key' is not null
    for no key update
)
update {room_events} as t set {+rewrite}
from d
where t.id = $1::text and (select count(*) from room) < 2;

-- op: room.record_delivery_results
-- args: room_id text, event_id text, results json
-- gives: none
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- Writes an event's delivery results and nothing else. No error when the room has no such event.
update {room_events} as t set delivery_results = $3::jsonb where t.id = $2::text and t.room_id = $1::text;

-- op: room.write_change_target
-- args: room_id text, target json
-- gives: one event_id
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- fails: ABSENT the event is not in the room
-- Writes an event of the room anew as room.update_event does; if its metadata says `"deleted": true`, its edits are marked
-- the same, but for one that came into the room while this call waited for its turn: room.mark_edits_deleted marks that.
with d as (select $2::jsonb as event, $2::jsonb -> 'source' as source),
room as materialized (select t.id from {rooms} as t where t.id = $1::text for no key update),
changed as (
    update {room_events} as t set {+rewrite}
    from d where t.id = d.event ->> 'id' and t.room_id = (select r.id from room as r)
    returning t.id, t.metadata -> 'deleted' is not distinct from 'true' as deleted
),
marked as (
    update {room_events} as t set metadata = t.metadata || '{"deleted": true}'
    where exists (select from changed as c where c.deleted) and t.room_id = $1::text and t.content ->> 'type' = 'edit'
        and t.content ->> 'target_event_id' = $2::jsonb ->> 'id'
)
select c.id as event_id from changed as c;

-- op: room.commit_change
-- args: room_id text, event json, target json, activity bool
-- gives: one {index, late}
-- batch: no    key: room_id    same key: serial    resend: no    writes: yes
-- fails: ABSENT the target is not in the room
-- Commits an event that changes another one (see room.commit_event) and writes that target anew (room.update_event), or
-- neither; when the event deletes its target, the target's edits are marked deleted. `late`: it does, and an event came
-- into the room while this call waited for its turn; if that was an edit of the target, room.mark_edits_deleted marks it.
with d as (
    select 1 as n, $2::jsonb as event, $2::jsonb -> 'source' as source
),
{+turn},
changed as (
    update {room_events} as t set {+rewrite}
    from (select $3::jsonb as event, $3::jsonb -> 'source' as source) as d
    where t.id = d.event ->> 'id' and t.room_id = $1::text and (select count(*) from held) < 2
    returning t.room_id
),
marked as (
    update {room_events} as t set metadata = t.metadata || '{"deleted": true}'
    where exists (select from changed) and {+deletes}
        and t.room_id = $1::text and t.content ->> 'type' = 'edit' and t.content ->> 'target_event_id' = $3::jsonb ->> 'id'
),
sequence as (
    insert into {room_event_sequences} as s (room_id, next_index)
    select c.room_id, 1 from changed as c
    on conflict (room_id) do update set next_index = s.next_index + 1
    returning s.next_index - 1 as index
),
placed as materialized (select d.n, d.event, d.source, s.index from d cross join sequence as s),
stored as (
    {+insert}
    from placed as d
),
counted as (
    update {rooms} as t
    set event_count = t.event_count + 1, latest_index = p.index,
        timers = case when not $4::boolean then t.timers
            else '{"inactive_after_seconds": null, "closed_after_seconds": null}'::jsonb || t.timers || jsonb_build_object(
                'last_activity_at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) end,
        status = case when t.status = 'paused' and $4::boolean then 'active' else t.status end,
        paused_at = case when t.status = 'paused' and $4::boolean then null else t.paused_at end,
        updated_at = case when t.status = 'paused' and $4::boolean then now() else t.updated_at end
    from placed as p
    where t.id = $1::text
)
select p.index, {+deletes} and {+late} as late from placed as p;

-- op: room.mark_edits_deleted
-- args: room_id text, event_id text
-- gives: none
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- Marks the edits of an event deleted, as room.commit_change does.
with room as materialized (select t.id from {rooms} as t where t.id = $1::text for no key update)
update {room_events} as t set metadata = t.metadata || '{"deleted": true}'
where t.room_id = $1::text and exists (select from room) and t.content ->> 'type' = 'edit'
    and t.content ->> 'target_event_id' = $2::text;

-- op: room.delete_event
-- args: room_id text, event_id text, cascade_replies bool
-- gives: many {id, room_id, type, source.channel_id, source.channel_type, source.direction, source.participant_id, source.external_id, source.provider, source.raw_payload, source.provider_message_id, source.verification, content, status, blocked_by, visibility, addressed_to, response_visibility, index, chain_depth, parent_event_id, responds_to, correlation_id, idempotency_key, created_at, metadata, channel_data, delivery_results, late}
-- batch: no    key: room_id    same key: serial    resend: no    writes: yes
-- Deletes an event, with `cascade_replies` its replies too, and the edits and deletes of what it deletes. Gives them: the
-- event, its replies, then the changes, each kind by index; an empty list when the room has no such event. Events that came
-- into the room while this call waited for its turn stay; then `late` is true for the event and its replies, and
-- room.delete_orphans, called with their ids, deletes what of the newcomers belongs to them.
with {+turn},
root as materialized (
    select e.id from (select r.id, (select count(*) from held) as held from room as r offset 0) as r
    cross join lateral (
        select e.id, e.room_id from {room_events} as e where r.held >= 0 and e.id = $2::text for update
    ) as e
    where e.room_id = r.id
),
thread as materialized (
    select r.id, 0 as kind from root as r
    union all
    select e.id, 1 from {room_events} as e
    where $3::boolean and e.parent_event_id = (select r.id from root as r) and e.room_id = $1::text and e.id <> $2::text
),
target as (select t.id from thread as t),
{+doomed}
select {+event_row}, k.kind < 2 and {+late} as late
from gone as e join doomed as k on k.id = e.id
order by k.kind, e.index;

-- op: room.delete_orphans
-- args: room_id text, event_ids text[], cascade_replies bool
-- gives: many {id, room_id, type, source.channel_id, source.channel_type, source.direction, source.participant_id, source.external_id, source.provider, source.raw_payload, source.provider_message_id, source.verification, content, status, blocked_by, visibility, addressed_to, response_visibility, index, chain_depth, parent_event_id, responds_to, correlation_id, idempotency_key, created_at, metadata, channel_data, delivery_results}
-- batch: no    key: room_id    same key: serial    resend: no    writes: yes
-- Deletes what came while room.delete_event waited, by the ids of the event and its replies in that order: with
-- `cascade_replies` the replies to the first, and the edits and deletes of any of them and of those replies. Gives the
-- replies, then the changes, each kind by index.
with room as materialized (select t.id from {rooms} as t where t.id = $1::text for no key update),
thread as materialized (
    select e.id, 1 as kind from room as r
    join {room_events} as e on $3::boolean and e.parent_event_id = $2::jsonb ->> 0 and e.room_id = r.id
    where e.id <> $2::jsonb ->> 0
),
target as (
    select t.id from thread as t union all select g.id from room cross join jsonb_array_elements_text($2::jsonb) as g(id)
),
{+doomed}
select {+event_row}
from gone as e join doomed as k on k.id = e.id
order by k.kind, e.index;
