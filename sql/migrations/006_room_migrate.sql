-- From the tables of RoomKit before 0.7 (v1: one document a row) to today's, without losing a row: the old tables are set
-- aside under names that end in _v1, today's are made beside them by room.setup and room.setup_extras, and the rows are
-- copied in steps. What is done and left stands in the comment of the old table of rooms, written with each step.

-- text: slots
('rooms', {rooms:literal}), ('events', {room_events:literal}), ('event_sequences', {room_event_sequences:literal}),
        ('bindings', {room_bindings:literal}), ('participants', {room_participants:literal}),
        ('identities', {room_identities:literal}), ('identity_addresses', {room_identity_addresses:literal}),
        ('tasks', {room_tasks:literal}), ('observations', {room_observations:literal}),
        ('read_markers', {room_read_markers:literal}), ('verifications', {room_verifications:literal}),
        ('verification_requests', {room_verification_requests:literal}),
        ('voice_deliveries', {room_voice_deliveries:literal}), ('private_state', {room_private_state:literal}),
        ('schema_version', {room_schema_version:literal})

-- op: room.migration_report
-- args:
-- gives: one report
-- batch: no    resend: yes    writes: no
-- What room.migrate_start and room.migrate_step would do with tables of RoomKit before 0.7: `rows` of each table,
-- `rooms_to_renumber` (two of their events have one index), `lost_markers` (of events that are gone: they cannot be kept),
-- and `unknown` keys of the documents, which have no column (they stay in the old tables). Null on other tables. Reads
-- every row.
with own as (
    select v.slot, c.oid::regclass::text as name, exists (
        select from pg_attribute as a where a.attrelid = c.oid and not a.attisdropped
            and a.attname = case v.slot when 'identity_addresses' then 'address' when 'read_markers' then 'event_id'
                else 'data' end) as old
    from (values {+slots}) as v(slot, name)
    join pg_class as c on c.oid = to_regclass(v.name)
        and (cardinality(parse_ident(v.name)) > 1 or c.relnamespace = quote_ident(current_schema())::regnamespace)
),
asked as (
    select 'select jsonb_build_object(''rows'', jsonb_build_object('
        || string_agg(format('%L, (select count(*) from %s)', o.slot, o.name), ', ')
        || '), ''rooms_to_renumber'', ' || coalesce(max(case o.slot when 'events' then '(select count(*) from (select from '
            || o.name || ' group by room_id having count(*) <> count(distinct coalesce((data ->> ''index'')::integer, 0))) as r)'
            end), '0')
        || ', ''lost_markers'', ' || coalesce(max(case o.slot when 'read_markers' then '(select count(*) from ' || o.name
            || ' as m where not exists (select from ' || (select e.name from own as e where e.slot = 'events')
            || ' as e where e.id = m.event_id))' end), '0')
        || ', ''unknown'', (select coalesce(jsonb_object_agg(u.key, u.count), ''{}'') from ('
        || coalesce(string_agg(format('select %L || key as key, count(*) from %s cross join jsonb_object_keys(data) as key
            where key <> all (%L) group by key', o.slot || '.', o.name, k.names), ' union all ')
            filter (where k.names is not null), 'select null, null where false')
        || ') as u))::text as v' as query
    from own as o
    left join (values
        ('rooms', array['id', 'organization_id', 'status', 'created_at', 'updated_at', 'closed_at', 'timers', 'metadata',
            'event_count', 'latest_index', 'agent_response_policy']),
        ('events', array['id', 'room_id', 'type', 'source', 'content', 'status', 'blocked_by', 'visibility', 'addressed_to',
            'response_visibility', 'index', 'chain_depth', 'parent_event_id', 'responds_to', 'correlation_id',
            'idempotency_key', 'created_at', 'metadata', 'channel_data', 'delivery_results']),
        ('bindings', array['channel_id', 'room_id', 'channel_type', 'category', 'direction', 'access', 'muted',
            'output_muted', 'visibility', 'participant_id', 'last_read_index', 'attached_at', 'capabilities', 'metadata',
            'rate_limit', 'retry_policy', 'group']),
        ('participants', array['id', 'room_id', 'channel_id', 'display_name', 'role', 'status', 'identification',
            'identity_id', 'candidates', 'connected_via', 'external_id', 'resolved_at', 'resolved_by', 'joined_at',
            'metadata']),
        ('identities', array['id', 'organization_id', 'display_name', 'email', 'phone', 'channel_addresses', 'external_id',
            'external_ids', 'metadata']),
        ('tasks', array['id', 'room_id', 'title', 'description', 'assigned_to', 'status', 'created_at', 'metadata']),
        ('observations', array['id', 'room_id', 'channel_id', 'content', 'category', 'confidence', 'created_at', 'metadata'])
    ) as k(slot, names) on k.slot = o.slot
    where o.old
    having bool_or(o.slot = 'rooms') and bool_or(o.slot = 'events')
)
-- The one way to ask what is not known when the statement is prepared, in a statement that only reads.
select replace(replace(replace(substring(query_to_xml(a.query, false, true, '')::text from '<v>(.*)</v>'), '&lt;', '<'),
    '&gt;', '>'), '&amp;', '&')::jsonb as report
from (select max(asked.query) as query from asked) as a;

-- op: room.migration
-- args:
-- gives: one {phase, done, total, finished, renumbered, lost_markers}
-- batch: no    resend: yes    writes: no
-- How far a conversion is: `done` of `total` old rows are copied; `phase` is what is being copied, null when no conversion
-- was begun; `renumbered` rooms got new indexes, `lost_markers` marked events that are gone.
with old as (
    select obj_description(o.oid, 'pg_class')::jsonb as notes
    from (values ({rooms:literal})) as v(name)
    join pg_class as o on o.relname = (left((parse_ident(v.name))[cardinality(parse_ident(v.name))], 60) || '_v1')::name
        and o.relnamespace = quote_ident(case when cardinality(parse_ident(v.name)) > 1 then (parse_ident(v.name))[1]
            else current_schema() end)::regnamespace
    where obj_description(o.oid, 'pg_class') like '{"statekeep"%'
)
select (select notes ->> 'phase' from old) as phase, (select (notes ->> 'done')::bigint from old) as done,
    (select (notes ->> 'total')::bigint from old) as total,
    coalesce((select (notes ->> 'finished')::boolean from old), true) as finished,
    (select jsonb_array_length(notes -> 'renumber') from old) as renumbered,
    (select (notes ->> 'lost_markers')::bigint from old) as lost_markers;

-- op: room.migrate_start
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Sets the tables of RoomKit before 0.7 aside, under names that end in _v1. Then call room.setup, room.setup_extras and
-- room.migrate_step. Stop the application first: until the conversion is finished, today's tables hold a part of the rows.
-- Does nothing where there are no such tables.
do $statekeep$
declare
    path constant text := current_setting('search_path');
    step record;
    part record;
    aside text;
    rows bigint;
    total bigint := 0;
    renumber json := '[]';
begin
    perform set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
    perform pg_advisory_xact_lock(1919905645);
    if exists (select from pg_attribute where attrelid = to_regclass({rooms:literal}) and attname = 'data' and not attisdropped) then
        if exists (
            select from pg_attribute where attrelid = to_regclass({rooms:literal}) and attname = 'latest_index'
        ) then -- today's table with a column that only looks like the old one's
            alter table {rooms} rename column data to data_v1;
            return;
        end if;
        for step in
            select v.slot, c.oid, c.relname, (left(c.relname, 60) || '_v1')::name as aside, n.nspname
            from (values {+slots}) as v(slot, name)
            join pg_class as c on c.oid = to_regclass(v.name)
            join pg_namespace as n on n.oid = c.relnamespace
        loop
            execute format('select count(*) from %s', step.oid::regclass) into rows;
            total := total + case when step.slot in ('schema_version', 'event_sequences') then 0 else rows end;
            if step.slot = 'events' then
                execute format($q$select coalesce(json_agg(r.room_id), '[]') from (select room_id from %s group by room_id
                    having count(*) <> count(distinct coalesce((data ->> 'index')::integer, 0))) as r$q$, step.oid::regclass)
                into renumber;
                execute format($q$create index %I on %s
                    (room_id, coalesce((data ->> 'index')::integer, 0), created_at, id)$q$,
                    (left(step.relname, 50) || '_order')::name, step.oid::regclass);
            end if;
            for part in
                select c.oid, (left(c.relname, 60) || '_v1')::name as aside from pg_index as x
                join pg_class as c on c.oid = x.indexrelid where x.indrelid = step.oid
            loop
                execute format('alter index %s rename to %I', part.oid::regclass, part.aside);
            end loop;
            for part in select conname from pg_constraint where conrelid = step.oid and contype in ('f', 'c')
            loop
                execute format('alter table %s rename constraint %I to %I', step.oid::regclass, part.conname,
                    (left(part.conname, 60) || '_v1')::name);
            end loop;
            execute format('alter table %s rename to %I', step.oid::regclass, step.aside);
            aside := coalesce(aside, format('%I.%I', step.nspname, step.aside)); -- of the first one: rooms
        end loop;
        execute format('comment on table %s is %L', aside, json_build_object(
            'statekeep', 1, 'phase', 'rooms', 'cursor', null, 'done', 0, 'total', total, 'renumber', renumber,
            'lost_markers', 0, 'finished', false));
    end if;
    perform set_config('search_path', path, true);
end
$statekeep$;

-- op: room.migrate_step
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Copies the next 2,000 rows, in one transaction; room.migration tells how far it is. Does nothing when all are copied.
-- Where two events of a room had one index, its events are numbered anew from 0, in the order of index, time and id.
do $statekeep$
declare
    path constant text := current_setting('search_path');
    zone constant text := current_setting('timezone');
    old jsonb;
    notes jsonb;
    step record;
    copied bigint := 0;
    lost bigint := 0;
    last jsonb;
    source text;
begin
    perform set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
    perform set_config('timezone', 'UTC', true); -- what RoomKit means where a time has no zone
    perform pg_advisory_xact_lock(1919905645);
    select jsonb_object_agg(v.slot, o.oid::regclass::text) into old
    from (values {+slots}) as v(slot, name)
    join pg_class as c on c.oid = to_regclass(v.name)
    join pg_class as o on o.relnamespace = c.relnamespace and o.relname = (left(c.relname, 60) || '_v1')::name;
    select d.notes::jsonb into notes from (select obj_description(to_regclass(old ->> 'rooms'), 'pg_class') as notes) as d
    where d.notes like '{"statekeep"%';
    if notes is null or (notes ->> 'finished')::boolean or notes ->> 'phase' = 'done' then
        return;
    end if;
    if not exists (
        select from pg_attribute where attrelid = to_regclass({room_identities:literal}) and attname = 'external_ids'
    ) or not exists (
        select from pg_attribute where attrelid = to_regclass({room_participants:literal}) and attname = 'candidates'
    ) then
        raise exception 'some fields have no column yet: call room.setup and room.setup_extras first';
    end if;
    select v.* into step from (values
('rooms', 'bindings', 'o.id', $q$
insert into {rooms} (id, organization_id, status, event_count, latest_index, delivered_index, metadata, timers,
    agent_response_policy, created_at, updated_at, paused_at, closed_at)
select i.id, i.data ->> 'organization_id', coalesce(i.data ->> 'status', i.status), k.event_count, k.latest_index,
    coalesce(k.latest_index, -1), coalesce(i.data -> 'metadata', '{}'), coalesce(i.data -> 'timers', '{}'),
    coalesce(i.data ->> 'agent_response_policy', 'agent_chain'),
    coalesce((i.data ->> 'created_at')::timestamptz, i.created_at), k.updated_at,
    case when coalesce(i.data ->> 'status', i.status) = 'paused' then k.updated_at end,
    (i.data ->> 'closed_at')::timestamptz
from item as i cross join lateral (
    select coalesce((i.data ->> 'event_count')::integer, 0) as event_count,
        case when (i.data ->> 'event_count')::integer > 0 then (i.data ->> 'latest_index')::integer end as latest_index,
        coalesce((i.data ->> 'updated_at')::timestamptz, i.created_at) as updated_at
) as k$q$),
('bindings', 'participants', 'o.room_id, o.channel_id', $q$
insert into {room_bindings} (channel_id, room_id, channel_type, category, direction, access, muted, output_muted,
    visibility, participant_id, last_read_index, attached_at, capabilities, metadata, rate_limit, retry_policy, is_group)
select i.channel_id, i.room_id, coalesce(i.data ->> 'channel_type', i.channel_type),
    coalesce(i.data ->> 'category', 'transport'), coalesce(i.data ->> 'direction', 'bidirectional'),
    coalesce(i.data ->> 'access', 'read_write'), coalesce((i.data ->> 'muted')::boolean, false),
    coalesce((i.data ->> 'output_muted')::boolean, false), coalesce(i.data ->> 'visibility', 'all'),
    coalesce(i.data ->> 'participant_id', i.participant_id), (i.data ->> 'last_read_index')::integer,
    coalesce((i.data ->> 'attached_at')::timestamptz, now()), coalesce(i.data -> 'capabilities', '{}'),
    coalesce(i.data -> 'metadata', '{}'), nullif(i.data -> 'rate_limit', 'null'), nullif(i.data -> 'retry_policy', 'null'),
    coalesce((i.data ->> 'group')::boolean, false)
from item as i$q$),
('participants', 'identities', 'o.room_id, o.id', $q$
insert into {room_participants} (id, room_id, channel_id, display_name, role, status, identification, identity_id,
    external_id, joined_at, resolved_at, resolved_by, metadata, connected_via, candidates)
select i.id, i.room_id, i.data ->> 'channel_id', i.data ->> 'display_name', coalesce(i.data ->> 'role', 'member'),
    coalesce(i.data ->> 'status', 'active'), coalesce(i.data ->> 'identification', 'pending'), i.data ->> 'identity_id',
    i.data ->> 'external_id', coalesce((i.data ->> 'joined_at')::timestamptz, now()),
    (i.data ->> 'resolved_at')::timestamptz, i.data ->> 'resolved_by', coalesce(i.data -> 'metadata', '{}'),
    array[i.data ->> 'channel_id'] || array(select c from jsonb_array_elements_text(case
        when jsonb_typeof(i.data -> 'connected_via') = 'array' then i.data -> 'connected_via' else '[]' end) as c
        where c <> i.data ->> 'channel_id'),
    case when jsonb_typeof(i.data -> 'candidates') = 'array'
        then array(select jsonb_array_elements_text(i.data -> 'candidates')) end
from item as i$q$),
('identities', 'identity_addresses', 'o.id', $q$
insert into {room_identities} (id, organization_id, display_name, email, channel_addresses, metadata, phone, external_id,
    external_ids)
select i.id, i.data ->> 'organization_id', i.data ->> 'display_name', i.data ->> 'email',
    coalesce(i.data -> 'channel_addresses', '{}'), coalesce(i.data -> 'metadata', '{}'), i.data ->> 'phone',
    i.data ->> 'external_id', i.data -> 'external_ids'
from item as i$q$),
('identity_addresses', 'tasks', 'o.channel_type, o.address', $q$
insert into {room_identity_addresses} (channel_type, address, identity_id, organization_id)
select i.channel_type, i.address, i.identity_id, coalesce(t.organization_id, '')
from item as i join {room_identities} as t on t.id = i.identity_id$q$),
('tasks', 'observations', 'o.id', $q$
insert into {room_tasks} (id, room_id, title, description, assigned_to, status, created_at, metadata)
select i.id, i.room_id, i.data ->> 'title', i.data ->> 'description', i.data ->> 'assigned_to',
    coalesce(i.data ->> 'status', i.status), coalesce((i.data ->> 'created_at')::timestamptz, now()),
    coalesce(i.data -> 'metadata', '{}')
from item as i$q$),
('observations', 'events', 'o.id', $q$
insert into {room_observations} (id, room_id, channel_id, content, category, confidence, created_at, metadata)
select i.id, i.room_id, i.data ->> 'channel_id', i.data ->> 'content', i.data ->> 'category',
    (i.data ->> 'confidence')::real, coalesce((i.data ->> 'created_at')::timestamptz, now()),
    coalesce(i.data -> 'metadata', '{}')
from item as i$q$),
('events', 'counters', $q$o.room_id, coalesce((o.data ->> 'index')::integer, 0), o.created_at, o.id$q$, $q$
insert into {room_events} (id, room_id, type, content, source_channel_id, source_channel_type, source_direction,
    source_participant_id, source_provider, source_extra, status, visibility, addressed_to, response_visibility, index,
    chain_depth, correlation_id, parent_event_id, responds_to, idempotency_key, blocked_by, metadata, channel_data,
    created_at, delivery_results)
select i.id, i.room_id, coalesce(i.data ->> 'type', 'message'), i.data -> 'content', i.data -> 'source' ->> 'channel_id',
    i.data -> 'source' ->> 'channel_type', coalesce(i.data -> 'source' ->> 'direction', 'inbound'),
    i.data -> 'source' ->> 'participant_id', i.data -> 'source' ->> 'provider',
    case when coalesce(i.data -> 'source' -> 'raw_payload', '{}') in ('{}', 'null') then '{}'
        else jsonb_build_object('raw_payload', i.data -> 'source' -> 'raw_payload') end
        || jsonb_strip_nulls(jsonb_build_object('external_id', nullif(i.data -> 'source' ->> 'external_id', ''),
            'provider_message_id', nullif(i.data -> 'source' ->> 'provider_message_id', ''),
            'verification', i.data -> 'source' ->> 'verification')),
    coalesce(i.data ->> 'status', 'pending'), coalesce(nullif(coalesce(i.data ->> 'visibility', i.visibility), 'all'),
        (select b.visibility from {room_bindings} as b
            where b.room_id = i.room_id and b.channel_id = i.data -> 'source' ->> 'channel_id'), 'all'),
    case when jsonb_typeof(i.data -> 'addressed_to') = 'array'
        then array(select jsonb_array_elements_text(i.data -> 'addressed_to')) end,
    i.data ->> 'response_visibility', case when @renumber@ ? i.room_id then -1 + row_number() over (partition by i.room_id order by i.n)
        + (select coalesce(max(e.index) + 1, 0) from {room_events} as e where e.room_id = i.room_id)
        else coalesce((i.data ->> 'index')::integer, 0) end,
    coalesce((i.data ->> 'chain_depth')::integer, 0), i.data ->> 'correlation_id', i.data ->> 'parent_event_id',
    i.data ->> 'responds_to', i.idempotency_key, i.data ->> 'blocked_by', coalesce(i.data -> 'metadata', '{}'),
    coalesce(i.data -> 'channel_data', '{}'), coalesce((i.data ->> 'created_at')::timestamptz, i.created_at),
    coalesce(i.data -> 'delivery_results', '{}')
from item as i$q$),
('counters', 'read_markers', 'o.id', $q$
insert into {room_event_sequences} (room_id, next_index)
select i.id, greatest(coalesce(case when not @renumber@ ? i.id then (select r.latest_index + 1 from {rooms} as r where r.id = i.id) end, 0),
    (select coalesce(max(e.index) + 1, 0) from {room_events} as e where e.room_id = i.id))
from item as i$q$),
('read_markers', 'done', 'o.room_id, o.channel_id', $q$
insert into {room_read_markers} (room_id, channel_id, event_index)
select i.room_id, i.channel_id, e.index from item as i join {room_events} as e on e.id = i.event_id and e.room_id = i.room_id$q$)
    ) as v(phase, following, keys, insertion) where v.phase = notes ->> 'phase';
    source := old ->> case step.phase when 'counters' then 'rooms' else step.phase end;
    if source is not null then -- a table that the old layout lacks has nothing to copy
        execute format($q$
            with item as materialized (
                select o.*, row_number() over (order by %2$s) as n from (
                    select o.* from %1$s as o where %3$s order by %2$s limit 2000) as o
            ),
            stored as (%4$s on conflict do nothing returning 1)
            select (select count(*) from item), (select count(*) from item) - (select count(*) from stored),
                (select jsonb_build_array(%2$s) from item as o order by o.n desc limit 1)$q$,
            source, step.keys,
            coalesce('(' || step.keys || ') > (' || (
                select string_agg(quote_literal(c.key), ', ' order by c.n)
                from jsonb_array_elements_text(nullif(notes -> 'cursor', 'null')) with ordinality as c(key, n)) || ')', 'true'),
            replace(step.insertion, '@renumber@', quote_literal(notes ->> 'renumber') || '::jsonb'))
        into copied, lost, last;
        if lost > 0 and step.phase <> 'read_markers' then
            raise exception '% rows of % were there already', lost, step.phase;
        end if;
    end if;
    if step.phase = 'counters' then
        update {rooms} as r set latest_index = e.last, event_count = e.count, delivered_index = e.last
        from (
            select t.room_id, max(t.index) as last, count(*) as count from {room_events} as t
            where t.room_id in (select jsonb_array_elements_text(notes -> 'renumber')) group by t.room_id
        ) as e where r.id = e.room_id;
    end if;
    execute format('comment on table %s is %L', old ->> 'rooms', json_build_object('statekeep', 1,
        'phase', case when copied < 2000 then step.following else step.phase end,
        'cursor', case when copied < 2000 then null else last end,
        'done', (notes ->> 'done')::bigint + case step.phase when 'counters' then 0 else copied end,
        'total', notes -> 'total', 'renumber', notes -> 'renumber',
        'lost_markers', (notes ->> 'lost_markers')::bigint + lost, 'finished', false));
    perform set_config('timezone', zone, true);
    perform set_config('search_path', path, true);
end
$statekeep$;

-- op: room.migrate_finish
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Ends a conversion whose rows are all copied: today's tables may be used. The old ones stay, until room.migrate_drop.
do $statekeep$
declare
    path constant text := current_setting('search_path');
    aside regclass;
    notes jsonb;
    step record;
begin
    perform set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
    perform pg_advisory_xact_lock(1919905645);
    select o.oid::regclass, obj_description(o.oid, 'pg_class')::jsonb into aside, notes
    from pg_class as c join pg_class as o on o.relnamespace = c.relnamespace and o.relname = (left(c.relname, 60) || '_v1')::name
    where c.oid = to_regclass({rooms:literal}) and obj_description(o.oid, 'pg_class') like '{"statekeep"%';
    if aside is not null and not (notes ->> 'finished')::boolean then
        if notes ->> 'phase' <> 'done' then
            raise exception 'rows are left to copy: call room.migrate_step';
        end if;
        for step in select to_regclass(v.name) as name from (values {+slots}) as v(slot, name)
        loop
            execute format('analyze %s', step.name);
        end loop;
        execute format('comment on table %s is %L', aside, json_build_object('statekeep', 1, 'phase', 'done',
            'done', notes -> 'done', 'total', notes -> 'total', 'renumber', notes -> 'renumber',
            'lost_markers', notes -> 'lost_markers', 'finished', true));
    end if;
    perform set_config('search_path', path, true);
end
$statekeep$;

-- op: room.migrate_drop
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Deletes the old tables that a finished conversion set aside, with what they hold. There is no way back.
do $statekeep$
declare
    path constant text := current_setting('search_path');
    old text;
begin
    perform set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
    perform pg_advisory_xact_lock(1919905645);
    if exists (
        select from pg_class as c
        join pg_class as o on o.relnamespace = c.relnamespace and o.relname = (left(c.relname, 60) || '_v1')::name
        where c.oid = to_regclass({rooms:literal}) and obj_description(o.oid, 'pg_class') like '{"statekeep"%'
            and (obj_description(o.oid, 'pg_class')::json ->> 'finished')::boolean
    ) then
        select string_agg(o.oid::regclass::text, ', ') into old
        from (values {+slots}) as v(slot, name)
        join pg_class as c on c.oid = to_regclass(v.name)
        join pg_class as o on o.relnamespace = c.relnamespace and o.relname = (left(c.relname, 60) || '_v1')::name;
        execute 'drop table ' || old;
    end if;
    perform set_config('search_path', path, true);
end
$statekeep$;
