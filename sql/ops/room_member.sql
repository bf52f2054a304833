-- Who is in a room: bindings of channels, participants, and how far channels have read. On RoomKit's tables; a binding and
-- a participant travel as the JSON of RoomKit's ChannelBinding and Participant, both ways.

-- text: binding_row
b.channel_id, b.room_id, b.channel_type, b.category, b.direction, b.access, b.muted, b.output_muted, b.visibility,
b.participant_id, b.is_group as "group", b.last_read_index,
to_char(b.attached_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as attached_at, b.capabilities, b.rate_limit,
b.retry_policy, b.metadata

-- text: binding_columns
b.channel_id, b.room_id, b.channel_type, b.category, b.direction, b.access, b.muted, b.output_muted, b.visibility,
b.participant_id, b.is_group, b.last_read_index, b.attached_at, b.capabilities, b.rate_limit, b.retry_policy, b.metadata

-- text: participant_row
p.id, p.room_id, p.channel_id, p.display_name, p.role, p.status, p.identification, p.identity_id,
array_to_json(p.candidates) as candidates, array_to_json(p.connected_via) as connected_via, p.external_id,
to_char(p.resolved_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as resolved_at, p.resolved_by,
to_char(p.joined_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as joined_at, p.metadata

-- The column `candidates` is room.setup_extras's: where the table has none the name means that of {+extra}.
-- text: extra
(select null::text[] as candidates) as extra

-- text: participant_columns
p.id, p.room_id, p.channel_id, p.display_name, p.role, p.status, p.identification, p.identity_id, candidates,
p.connected_via, p.external_id, p.resolved_at, p.resolved_by, p.joined_at, p.metadata

-- text: binding_values
d.doc ->> 'channel_type', coalesce(d.doc ->> 'category', 'transport'), coalesce(d.doc ->> 'direction', 'bidirectional'),
    coalesce(d.doc ->> 'access', 'read_write'), coalesce((d.doc ->> 'muted')::boolean, false),
    coalesce((d.doc ->> 'output_muted')::boolean, false), coalesce(d.doc ->> 'visibility', 'all'),
    d.doc ->> 'participant_id', (d.doc ->> 'last_read_index')::integer, coalesce(nullif(d.doc -> 'capabilities', 'null'), '{}'),
    coalesce(nullif(d.doc -> 'metadata', 'null'), '{}'), nullif(d.doc -> 'rate_limit', 'null'),
    nullif(d.doc -> 'retry_policy', 'null'), coalesce((d.doc ->> 'group')::boolean, false)

-- text: participant_values
d.doc ->> 'channel_id', d.doc ->> 'display_name', coalesce(d.doc ->> 'role', 'member'),
    coalesce(d.doc ->> 'status', 'active'), coalesce(d.doc ->> 'identification', 'pending'), d.doc ->> 'identity_id',
    d.doc ->> 'external_id', (d.doc ->> 'resolved_at')::timestamptz, d.doc ->> 'resolved_by',
    coalesce(nullif(d.doc -> 'metadata', 'null'), '{}'), array[d.doc ->> 'channel_id'] || array_remove(case
        when jsonb_typeof(d.doc -> 'connected_via') = 'array'
        then array(select jsonb_array_elements_text(d.doc -> 'connected_via')) end, d.doc ->> 'channel_id')

-- text: candidates
case when jsonb_typeof(d.doc -> 'candidates') = 'array' then array(select jsonb_array_elements_text(d.doc -> 'candidates')) end

-- op: room.add_binding
-- args: room_id text, channel_id text, binding json
-- gives: none
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- Binds a channel to a room, or writes the binding anew; the time of its first attachment stays.
insert into {room_bindings} (room_id, channel_id, attached_at, channel_type, category, direction, access, muted, output_muted,
    visibility, participant_id, last_read_index, capabilities, metadata, rate_limit, retry_policy, is_group)
select $1::text, $2::text, coalesce((d.doc ->> 'attached_at')::timestamptz, now()), {+binding_values}
from (select $3::jsonb as doc) as d
on conflict (room_id, channel_id) do update
set (channel_type, category, direction, access, muted, output_muted, visibility, participant_id, last_read_index,
    capabilities, metadata, rate_limit, retry_policy, is_group) = row(excluded.channel_type, excluded.category,
    excluded.direction, excluded.access, excluded.muted, excluded.output_muted, excluded.visibility,
    excluded.participant_id, excluded.last_read_index, excluded.capabilities, excluded.metadata, excluded.rate_limit,
    excluded.retry_policy, excluded.is_group);

-- op: room.update_binding
-- args: room_id text, channel_id text, binding json
-- gives: none
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- Writes a binding anew, but for its time of attachment. No error when it is not there.
update {room_bindings} as b
set (channel_type, category, direction, access, muted, output_muted, visibility, participant_id, last_read_index,
    capabilities, metadata, rate_limit, retry_policy, is_group) = (
    select {+binding_values}
    from (select $3::jsonb as doc) as d)
where b.room_id = $1::text and b.channel_id = $2::text;

-- op: room.get_binding
-- args: room_id text, channel_id text
-- gives: maybe {channel_id, room_id, channel_type, category, direction, access, muted, output_muted, visibility, participant_id, group, last_read_index, attached_at, capabilities, rate_limit, retry_policy, metadata}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- The binding of a channel to a room, or null.
select i.n, {+binding_row}
from unnest($1::text[], $2::text[]) with ordinality as i(room_id, channel_id, n)
cross join lateral (
    select {+binding_columns} from {room_bindings} as b
    where b.room_id = i.room_id and b.channel_id = i.channel_id
    limit 1
) as b;

-- op: room.binding_exists
-- args: room_id text, channel_id text
-- gives: one found
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- Whether a channel is bound to a room.
select i.n, b.found is not null as found
from unnest($1::text[], $2::text[]) with ordinality as i(room_id, channel_id, n)
left join lateral (
    select true as found from {room_bindings} as b where b.room_id = i.room_id and b.channel_id = i.channel_id limit 1
) as b on true;

-- op: room.remove_binding
-- args: room_id text, channel_id text
-- gives: one removed
-- batch: no    key: room_id    same key: serial    resend: no    writes: yes
-- Unbinds a channel. Gives whether it was bound.
with gone as (
    delete from {room_bindings} as b where b.room_id = $1::text and b.channel_id = $2::text returning b.channel_id
)
select exists (select from gone) as removed;

-- op: room.list_bindings
-- args: room_id text
-- gives: many {channel_id, room_id, channel_type, category, direction, access, muted, output_muted, visibility, participant_id, group, last_read_index, attached_at, capabilities, rate_limit, retry_policy, metadata}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- The bindings of a room in the order of their attachment.
select i.n, {+binding_row}
from unnest($1::text[]) with ordinality as i(room_id, n)
cross join lateral (
    select {+binding_columns} from {room_bindings} as b
    where b.room_id = i.room_id
    order by b.attached_at, b.channel_id collate "C"
) as b;

-- op: room.add_participant
-- args: room_id text, participant_id text, participant json
-- gives: none
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- needs: room.setup_extras
-- Stores a participant of a room, or writes it anew; the time of joining stays.
insert into {room_participants} (room_id, id, joined_at, candidates, channel_id, display_name, role, status, identification,
    identity_id, external_id, resolved_at, resolved_by, metadata, connected_via)
select $1::text, $2::text, coalesce((d.doc ->> 'joined_at')::timestamptz, now()), {+candidates}, {+participant_values}
from (select $3::jsonb as doc) as d
on conflict (room_id, id) do update
set (candidates, channel_id, display_name, role, status, identification, identity_id, external_id, resolved_at,
    resolved_by, metadata, connected_via) = row(excluded.candidates, excluded.channel_id, excluded.display_name,
    excluded.role, excluded.status, excluded.identification, excluded.identity_id, excluded.external_id,
    excluded.resolved_at, excluded.resolved_by, excluded.metadata, excluded.connected_via);

-- op: room.update_participant
-- args: room_id text, participant_id text, participant json
-- gives: none
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- needs: room.setup_extras
-- Writes a participant anew, but for the time of joining. No error when it is not there.
update {room_participants} as p
set (candidates, channel_id, display_name, role, status, identification, identity_id, external_id, resolved_at,
    resolved_by, metadata, connected_via) = (
    select {+candidates}, {+participant_values}
    from (select $3::jsonb as doc) as d)
where p.room_id = $1::text and p.id = $2::text;

-- op: room.add_participant_narrow
-- args: room_id text, participant_id text, participant json
-- gives: none
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- As room.add_participant on tables that room.setup_extras has not extended: the candidates are not stored.
insert into {room_participants} (room_id, id, joined_at, channel_id, display_name, role, status, identification,
    identity_id, external_id, resolved_at, resolved_by, metadata, connected_via)
select $1::text, $2::text, coalesce((d.doc ->> 'joined_at')::timestamptz, now()), {+participant_values}
from (select $3::jsonb as doc) as d
on conflict (room_id, id) do update
set (channel_id, display_name, role, status, identification, identity_id, external_id, resolved_at, resolved_by,
    metadata, connected_via) = row(excluded.channel_id, excluded.display_name, excluded.role, excluded.status,
    excluded.identification, excluded.identity_id, excluded.external_id, excluded.resolved_at, excluded.resolved_by,
    excluded.metadata, excluded.connected_via);

-- op: room.update_participant_narrow
-- args: room_id text, participant_id text, participant json
-- gives: none
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- As room.update_participant on tables that room.setup_extras has not extended: the candidates are not stored.
update {room_participants} as p
set (channel_id, display_name, role, status, identification, identity_id, external_id, resolved_at, resolved_by,
    metadata, connected_via) = (
    select {+participant_values}
    from (select $3::jsonb as doc) as d)
where p.room_id = $1::text and p.id = $2::text;

-- op: room.get_participant
-- args: room_id text, participant_id text
-- gives: maybe {id, room_id, channel_id, display_name, role, status, identification, identity_id, candidates, connected_via, external_id, resolved_at, resolved_by, joined_at, metadata}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- The participant of a room, or null.
select i.n, {+participant_row}
from unnest($1::text[], $2::text[]) with ordinality as i(room_id, participant_id, n)
cross join {+extra}
cross join lateral (
    select {+participant_columns} from {room_participants} as p where p.room_id = i.room_id and p.id = i.participant_id
    limit 1
) as p;

-- op: room.list_participants
-- args: room_id text
-- gives: many {id, room_id, channel_id, display_name, role, status, identification, identity_id, candidates, connected_via, external_id, resolved_at, resolved_by, joined_at, metadata}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- The participants of a room in the order of their joining.
select i.n, {+participant_row}
from unnest($1::text[]) with ordinality as i(room_id, n)
cross join {+extra}
cross join lateral (
    select {+participant_columns} from {room_participants} as p
    where p.room_id = i.room_id
    order by p.joined_at, p.id collate "C"
) as p;

-- op: room.load_context
-- args: room_id text
-- gives: maybe {room, bindings, participants}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- A room with its bindings (see room.list_bindings) and its participants (room.list_participants), of one snapshot; null
-- when it is not there.
select i.n, r.room, c.bindings, c.participants
from unnest($1::text[]) with ordinality as i(room_id, n)
cross join lateral (
    select json_build_object('id', t.id, 'organization_id', t.organization_id, 'status', t.status,
        'created_at', to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'updated_at', to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'paused_at', to_char(t.paused_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'closed_at', to_char(t.closed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'timers', t.timers, 'agent_response_policy', t.agent_response_policy, 'metadata', t.metadata,
        'event_count', t.event_count, 'latest_index', t.latest_index, 'delivered_index', t.delivered_index) as room
    from {rooms} as t where t.id = i.room_id
    limit 1
) as r
cross join lateral (
    select
        (
            select coalesce(json_agg(b), '[]') from (
                select {+binding_row} from {room_bindings} as b
                where b.room_id = i.room_id
                order by b.attached_at, b.channel_id collate "C"
            ) as b
        ) as bindings,
        (
            select coalesce(json_agg(p), '[]') from (
                select {+participant_row} from {+extra}
                cross join lateral (
                    select {+participant_columns} from {room_participants} as p where p.room_id = i.room_id
                    order by p.joined_at, p.id collate "C"
                ) as p
            ) as p
        ) as participants
) as c;

-- op: room.mark_read
-- args: room_id text, channel_id text, event_id text
-- gives: none
-- batch: yes    key: room_id    same key: any    resend: yes    writes: yes
-- Says that a channel has read a room up to this event. A mark never moves back; an event of another room marks nothing.
insert into {room_read_markers} as t (room_id, channel_id, event_index)
select i.room_id, i.channel_id, max(e.index)
from unnest($1::text[], $2::text[], $3::text[]) as i(room_id, channel_id, event_id)
cross join lateral (
    select e.index from {room_events} as e where e.id = i.event_id and e.room_id = i.room_id limit 1
) as e
group by i.room_id, i.channel_id
order by i.room_id, i.channel_id
on conflict (room_id, channel_id) do update set event_index = greatest(t.event_index, excluded.event_index);

-- op: room.mark_all_read
-- args: room_id text, channel_id text
-- gives: none
-- batch: yes    key: room_id    same key: any    resend: yes    writes: yes
-- Says that a channel has read a room up to its last event. An empty room gets no mark.
insert into {room_read_markers} as t (room_id, channel_id, event_index)
select i.room_id, i.channel_id, e.index
from (select distinct u.room_id, u.channel_id from unnest($1::text[], $2::text[]) as u(room_id, channel_id)) as i
cross join lateral (
    select e.index from {room_events} as e where e.room_id = i.room_id order by e.index desc limit 1
) as e
order by i.room_id, i.channel_id
on conflict (room_id, channel_id) do update set event_index = greatest(t.event_index, excluded.event_index);

-- op: room.get_unread_count
-- args: room_id text, channel_id text
-- gives: one count
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- How many events of a room lie behind the mark of a channel; all of them when it has none. In order of their indexes, lest
-- an index without them serve while the table is small, and after.
select i.n, (
    select count(*) from (
        select from {room_events} as e
        where e.room_id = i.room_id and e.index > coalesce((
            select m.event_index from {room_read_markers} as m where m.room_id = i.room_id and m.channel_id = i.channel_id
        ), -2147483648)
        order by e.index offset 0
    ) as e
) as count
from unnest($1::text[], $2::text[]) with ordinality as i(room_id, channel_id, n);

-- op: room.count_unread
-- args: room_id text, channel_id text
-- gives: one count
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- needs: room.setup_extras
-- As room.get_unread_count, but as quick in a room of a million events as in one of a thousand: the cost grows only with
-- the deletions that lie behind the mark.
select i.n, (
    select count(*) from (
        select from {room_events} as e
        where e.room_id = i.room_id and e.index > greatest(m.mark, coalesce(t.through, m.mark))
        order by e.index offset 0
    ) as e
) + case when t.through > m.mark then (
    -- The rest of the stretch that the mark lies in, …
    select count(*) from (
        select from {room_events} as e
        where e.room_id = i.room_id and e.index > m.mark and e.index < coalesce(t.next::bigint, t.through::bigint + 1)
        order by e.index offset 0
    ) as e
) + case when t.next is null then 0 else t.total - t.before + (
    -- … the stretches behind it, and what has changed in those.
    select coalesce(sum(c.change), 0) from {room_event_corrections} as c
    where c.room_id = i.room_id and c.index >= t.next and c.index <= t.through
) end else 0 end as count
from unnest($1::text[], $2::text[]) with ordinality as i(room_id, channel_id, n)
cross join lateral (
    select coalesce((
        select m.event_index from {room_read_markers} as m where m.room_id = i.room_id and m.channel_id = i.channel_id
    ), '-2147483648'::integer) as mark
) as m
left join lateral (
    select t.through, t.total, t.bounds[b.number + 1] as next, b.number * 512 as before
    from (
        -- Of a large room the list is stored apart; with nothing appended it is fetched once, not at each use.
        select t.through, t.total, t.bounds || '{}' as bounds from {room_event_tallies} as t where t.room_id = i.room_id
        limit 1
    ) as t cross join lateral (select width_bucket(m.mark, t.bounds) as number) as b
) as t on true;

-- op: room.list_read_markers
-- args: room_id text
-- gives: many {channel_id, event_index}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- How far each channel that has a mark has read a room.
select i.n, m.channel_id, m.event_index
from unnest($1::text[]) with ordinality as i(room_id, n)
cross join lateral (
    select t.channel_id, t.event_index from {room_read_markers} as t where t.room_id = i.room_id
    order by t.channel_id collate "C"
) as m;
