-- Rooms, on RoomKit's tables. A room travels as the JSON of RoomKit's Room, both ways.

-- text: room_row
r.id, r.organization_id, r.status, to_char(r.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
to_char(r.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at,
to_char(r.paused_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as paused_at,
to_char(r.closed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as closed_at,
r.timers, r.agent_response_policy, r.metadata, r.event_count, r.latest_index, r.delivered_index

-- text: columns
r.id, r.organization_id, r.status, r.created_at, r.updated_at, r.paused_at, r.closed_at, r.timers, r.agent_response_policy,
r.metadata, r.event_count, r.latest_index, r.delivered_index

-- text: rewrite
organization_id = d.room ->> 'organization_id', status = coalesce(d.room ->> 'status', 'active'),
    metadata = coalesce(nullif(d.room -> 'metadata', 'null'), '{}'), timers = coalesce(nullif(d.room -> 'timers', 'null'), '{}'),
    agent_response_policy = coalesce(d.room ->> 'agent_response_policy', 'agent_chain'),
    updated_at = coalesce((d.room ->> 'updated_at')::timestamptz, now()), closed_at = (d.room ->> 'closed_at')::timestamptz,
    paused_at = (d.room ->> 'paused_at')::timestamptz

-- How many rows a page may need, its offset's included: two numbers whose sum fits, however large they were.
-- text: reach
least($4::bigint, 1::bigint << 62) + least(coalesce($5::bigint, 0), (1::bigint << 62) - 1)

-- op: room.create
-- args: room_id text, room json
-- gives: one room_id
-- batch: yes    key: room_id    same key: any    resend: no    writes: yes
-- fails: CONFLICT a room of that id exists
-- Stores a new room. Its `delivered_index` begins at -1.
with item as materialized (
    select u.room_id, u.room, u.n from unnest($1::text[], $2::jsonb[]) with ordinality as u(room_id, room, n)
),
created as (
    insert into {rooms} (id, organization_id, status, event_count, latest_index, metadata, timers, agent_response_policy,
        created_at, updated_at, paused_at, closed_at)
    select i.room_id, i.room ->> 'organization_id', coalesce(i.room ->> 'status', 'active'),
        coalesce((i.room ->> 'event_count')::integer, 0), (i.room ->> 'latest_index')::integer,
        coalesce(nullif(i.room -> 'metadata', 'null'), '{}'), coalesce(nullif(i.room -> 'timers', 'null'), '{}'),
        coalesce(i.room ->> 'agent_response_policy', 'agent_chain'),
        coalesce((i.room ->> 'created_at')::timestamptz, now() + i.n * interval '1 microsecond'),
        coalesce((i.room ->> 'updated_at')::timestamptz, now() + i.n * interval '1 microsecond'),
        (i.room ->> 'paused_at')::timestamptz, (i.room ->> 'closed_at')::timestamptz
    from item as i order by i.room_id, i.n
    on conflict (id) do nothing
    returning id
)
select min(i.n) as n, c.id as room_id from created as c join item as i on i.room_id = c.id group by c.id;

-- op: room.get
-- args: room_id text
-- gives: maybe {id, organization_id, status, created_at, updated_at, paused_at, closed_at, timers, agent_response_policy, metadata, event_count, latest_index, delivered_index}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- The room of that id, or null.
select i.n, {+room_row}
from unnest($1::text[]) with ordinality as i(room_id, n)
cross join lateral (select {+columns} from {rooms} as r where r.id = i.room_id limit 1) as r;
-- single: a lone read is a third quicker without the array's join
select {+room_row}
from {rooms} as r where r.id = $1::text;

-- op: room.exists
-- args: room_id text
-- gives: one found
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- Whether there is a room of that id.
select i.n, r.found is not null as found
from unnest($1::text[]) with ordinality as i(room_id, n)
left join lateral (select true as found from {rooms} as r where r.id = i.room_id limit 1) as r on true;

-- op: room.update
-- args: room_id text, room json
-- gives: one {delivered_index, event_count, latest_index}
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- fails: ABSENT no such room
-- Writes a room anew, but for its time of creation and its counters, whose stored values it gives. Times are as given.
update {rooms} as t set {+rewrite}
from (select $2::jsonb as room) as d
where t.id = $1::text
returning t.delivered_index, t.event_count, t.latest_index;

-- op: room.update_if
-- args: room_id text, room json, status text, paused_at time?, last_activity_at time?
-- gives: one {delivered_index, event_count, latest_index}
-- batch: no    key: room_id    same key: conflict    resend: no    writes: yes
-- fails: CONFLICT the room has moved on, or is not there
-- As room.update, if the stored room still has this status, `paused_at` and `timers.last_activity_at`.
update {rooms} as t set {+rewrite}
from (select $2::jsonb as room) as d
where t.id = $1::text and t.status = $3::text and t.paused_at is not distinct from $4::text::timestamptz
    and (t.timers ->> 'last_activity_at')::timestamptz is not distinct from $5::text::timestamptz
returning t.delivered_index, t.event_count, t.latest_index;

-- op: room.delete
-- args: room_id text
-- gives: one deleted
-- batch: no    key: room_id    same key: serial    resend: no    writes: yes
-- Deletes a room with all that is in it; identities and verifications stay. Gives whether there was one.
with gone as (delete from {rooms} as t where t.id = $1::text returning t.id)
select exists (select from gone) as deleted;

-- op: room.list
-- args: limit int?, offset int?
-- gives: many {id, organization_id, status, created_at, updated_at, paused_at, closed_at, timers, agent_response_policy, metadata, event_count, latest_index, delivered_index}
-- batch: no    resend: yes    writes: no
-- A page of all rooms, oldest first. Without the index that room.setup_extras makes, every page sorts the whole table.
select {+room_row}
from {rooms} as r
order by r.created_at, r.id collate "C"
limit $1::bigint offset $2::bigint;

-- op: room.find
-- args: organization_id text?, status text?, metadata json?, limit int?, offset int?
-- gives: many {id, organization_id, status, created_at, updated_at, paused_at, closed_at, timers, agent_response_policy, metadata, event_count, latest_index, delivered_index}
-- batch: no    resend: yes    writes: no
-- A page of the rooms of an organization, of a status, with this metadata contained in theirs, oldest first; null narrows
-- nothing. Quick with the indexes that room.setup_extras makes.
select {+room_row}
from (
    (
        select {+columns} from {rooms} as r
        where $3::jsonb is null and $1::text is null and $2::text is null
        order by r.created_at, r.id collate "C" limit {+reach}
    )
    union all
    (
        select {+columns} from {rooms} as r
        where $3::jsonb is null and r.organization_id = $1::text and ($2::text is null or r.status = $2::text)
        order by r.created_at, r.id collate "C" limit {+reach}
    )
    union all
    (
        select {+columns} from {rooms} as r
        where $3::jsonb is null and $1::text is null and r.status = $2::text
        order by r.created_at, r.id collate "C" limit {+reach}
    )
    union all
    select {+columns} from {rooms} as r
    where r.metadata @> $3::jsonb and ($1::text is null or r.organization_id = $1::text)
        and ($2::text is null or r.status = $2::text)
) as r
order by r.created_at, r.id collate "C"
limit $4::bigint offset $5::bigint;

-- op: room.find_latest
-- args: participant_id text, channel_type text?, status text?
-- gives: maybe {id, organization_id, status, created_at, updated_at, paused_at, closed_at, timers, agent_response_policy, metadata, event_count, latest_index, delivered_index}
-- batch: yes    key: participant_id    same key: any    resend: yes    writes: no
-- The newest room that has this participant, or a binding of this participant (of that type of channel); null when there
-- is none. Quick with the index that room.setup_extras makes.
select i.n, {+room_row}
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as i(participant_id, channel_type, status, n)
cross join lateral (
    select {+columns} from (
        select p.room_id from {room_participants} as p where p.id = i.participant_id
        union
        select b.room_id from {room_bindings} as b
        where b.participant_id = i.participant_id and (i.channel_type is null or b.channel_type = i.channel_type)
    ) as f
    cross join lateral (
        select {+columns} from {rooms} as r
        where r.id = f.room_id and (i.status is null or r.status = i.status) limit 1
    ) as r
    order by r.created_at desc, r.id collate "C" desc
    limit 1
) as r;

-- op: room.find_ids_by_channel
-- args: channel_id text, statuses text[]?, organization_id text?, is_group bool?, limit int?
-- gives: many room_id
-- batch: yes    key: channel_id    same key: any    resend: yes    writes: no
-- The rooms that a channel is bound to, oldest first, if need be only those of these statuses, of an organization, or
-- whose binding is (or is not) a group's.
select i.n, f.room_id
from unnest($1::text[], $2::jsonb[], $3::text[], $4::boolean[], $5::bigint[]) with ordinality
    as i(channel_id, statuses, organization_id, is_group, "limit", n)
cross join lateral (
    select count(*) > 1000 as shared from (
        select from {room_bindings} as b where i.is_group is not true and b.channel_id = i.channel_id limit 1001
    ) as b
) as c
cross join lateral (
    -- The bindings of a channel are few, or else every other room has one and the oldest of them are soon found.
    (
        select b.room_id from {room_bindings} as b
        cross join lateral (
            select r.created_at from {rooms} as r
            where r.id = b.room_id and (i.statuses is null or i.statuses ? r.status)
                and (i.organization_id is null or r.organization_id = i.organization_id)
            limit 1
        ) as r
        where not c.shared and i.is_group is not true and b.channel_id = i.channel_id
            and (i.is_group is null or not b.is_group)
        order by r.created_at, b.room_id collate "C"
        limit i."limit"
    )
    union all
    (
        select b.room_id from {room_bindings} as b
        cross join lateral (
            select r.created_at from {rooms} as r
            where r.id = b.room_id and (i.statuses is null or i.statuses ? r.status)
                and (i.organization_id is null or r.organization_id = i.organization_id)
            limit 1
        ) as r
        where i.is_group and b.channel_id = i.channel_id and b.is_group
        order by r.created_at, b.room_id collate "C"
        limit i."limit"
    )
    union all
    (
        select r.id from {rooms} as r
        cross join lateral (
            select b.is_group from {room_bindings} as b
            where b.room_id = r.id and b.channel_id = i.channel_id and (i.is_group is null or not b.is_group)
            limit 1
        ) as b
        where c.shared and (i.statuses is null or i.statuses ? r.status)
            and (i.organization_id is null or r.organization_id = i.organization_id)
        order by r.created_at, r.id collate "C"
        limit i."limit"
    )
) as f;

-- op: room.find_id_by_binding
-- args: channel_id text, participant_id text, identity_id text?, statuses text[]?, organization_id text?, recipient_key text?
-- gives: maybe room_id
-- batch: yes    key: channel_id    same key: any    resend: yes    writes: no
-- The newest room where this channel's binding names the participant or the identity; or, with `recipient_key`, names
-- nobody, is no group's, and has the participant under that key in its metadata, as a string or an integer.
select i.n, f.room_id
from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::text[]) with ordinality
    as i(channel_id, participant_id, identity_id, statuses, organization_id, recipient_key, n)
cross join lateral (
    select b.room_id from (
        select b.room_id from {room_bindings} as b
        where b.channel_id = i.channel_id and b.participant_id = any (array[i.participant_id, i.identity_id])
        union all
        select b.room_id from {room_bindings} as b
        where i.recipient_key is not null and i.participant_id ~ '\S' and b.channel_id = i.channel_id
            and b.participant_id is null and not b.is_group and b.metadata ->> i.recipient_key = i.participant_id
            and case jsonb_typeof(b.metadata -> i.recipient_key) when 'string' then true
                when 'number' then b.metadata ->> i.recipient_key ~ '^-?[0-9]+$' else false end
    ) as b
    cross join lateral (
        select r.created_at from {rooms} as r
        where r.id = b.room_id and (i.statuses is null or i.statuses ? r.status)
            and (i.organization_id is null or r.organization_id = i.organization_id)
        limit 1
    ) as r
    order by r.created_at desc, b.room_id collate "C" desc
    limit 1
) as f;

-- op: room.find_id_by_participant
-- args: channel_id text, participant_id text, identity_id text?, statuses text[]?, organization_id text?
-- gives: maybe room_id
-- batch: yes    key: participant_id    same key: any    resend: yes    writes: no
-- The newest room with a participant who has one of these names, as id or as identity, and is reached through the channel.
select i.n, f.room_id
from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::text[]) with ordinality
    as i(channel_id, participant_id, identity_id, statuses, organization_id, n)
cross join lateral (
    select p.room_id from (
        select p.room_id, p.connected_via from {room_participants} as p
        where p.id = any (array[i.participant_id, i.identity_id])
        union all
        select p.room_id, p.connected_via from {room_participants} as p
        where p.identity_id = any (array[i.participant_id, i.identity_id])
    ) as p
    cross join lateral (
        select r.created_at from {rooms} as r
        where r.id = p.room_id and (i.statuses is null or i.statuses ? r.status)
            and (i.organization_id is null or r.organization_id = i.organization_id)
        limit 1
    ) as r
    where i.channel_id = any (p.connected_via)
    order by r.created_at desc, p.room_id collate "C" desc
    limit 1
) as f;

-- op: room.get_delivered_index
-- args: room_id text
-- gives: one delivered_index
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- The highest index that was delivered in a room: -1 for none, and for a room that is not there.
select i.n, coalesce((select r.delivered_index from {rooms} as r where r.id = i.room_id), -1) as delivered_index
from unnest($1::text[]) with ordinality as i(room_id, n);

-- op: room.advance_delivered_index
-- args: room_id text, index int, force bool
-- gives: one moved
-- batch: yes    key: room_id    same key: conflict    resend: no    writes: yes
-- Moves the delivered index to `index` from the one before it, with `force` from any lower one. Gives whether it moved.
with item as materialized (
    select u.room_id, u.index, u.force, u.n
    from unnest($1::text[], $2::bigint[], $3::boolean[]) with ordinality as u(room_id, index, force, n)
),
-- Whoever is locked here has the expected index until the end, also when it was waited for.
locked as materialized (
    select i.n, i.room_id, i.index from (select * from item order by room_id) as i
    cross join lateral (
        select t.id from {rooms} as t
        where t.id = i.room_id and t.delivered_index < i.index and (i.force or t.delivered_index = i.index - 1)
        limit 1
        for no key update
    ) as r
),
moved as (
    insert into {rooms} as t (id, delivered_index)
    select l.room_id, l.index from locked as l order by l.room_id
    on conflict (id) do update set delivered_index = excluded.delivered_index
)
select i.n, i.n in (select l.n from locked as l) as moved from item as i;

-- op: room.patch_metadata
-- args: room_id text, patch json, unset text[]?
-- gives: maybe {id, organization_id, status, created_at, updated_at, paused_at, closed_at, timers, agent_response_policy, metadata, event_count, latest_index, delivered_index}
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- Removes the keys in `unset` from a room's metadata, then sets those of `patch`, an object; all others stay. Gives the
-- room, or null when it is not there.
with r as (
    update {rooms} as r
    set metadata = (r.metadata - array(select jsonb_array_elements_text(coalesce($3::jsonb, '[]'))))
            || (select coalesce(jsonb_object_agg(p.key, p.value), '{}') from jsonb_each($2::jsonb) as p),
        updated_at = now()
    where r.id = $1::text
    returning {+columns}
)
select {+room_row}
from r;

-- op: room.get_private_state
-- args: room_id text, name text
-- gives: maybe value
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- What the runtime keeps for itself in a room under this name, or null.
select i.n, s.value
from unnest($1::text[], $2::text[]) with ordinality as i(room_id, name, n)
cross join lateral (
    select t.value from {room_private_state} as t where t.room_id = i.room_id and t.key = i.name limit 1
) as s;

-- op: room.set_private_state
-- args: room_id text, name text, value json?
-- gives: none
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- Keeps a document in a room apart from its metadata, which loses what it has under that name; null removes it. No error
-- when the room is not there, or is being deleted.
with held as materialized (select r.id from {rooms} as r where r.id = $1::text for key share),
written as (
    insert into {room_private_state} (room_id, key, value)
    select h.id, $2::text, $3::jsonb from held as h where $3::jsonb is not null
    on conflict (room_id, key) do update set value = excluded.value
),
dropped as (
    delete from {room_private_state} as s where $3::jsonb is null and s.room_id = $1::text and s.key = $2::text
)
update {rooms} as r set metadata = r.metadata - $2::text
where r.id = (select h.id from held as h) and r.metadata ? $2::text;
