-- The tables of rooms, exactly as RoomKit 0.109 makes them: types, defaults, names of constraints and indexes. A database
-- of any older relational version is brought up to them step by step, as RoomKit's own init() does it.
--
-- table: room_bindings bindings
-- table: room_event_sequences event_sequences
-- table: room_events events
-- table: room_identities identities
-- table: room_identity_addresses identity_addresses
-- table: room_observations observations
-- table: room_participants participants
-- table: room_private_state private_state
-- table: room_read_markers read_markers
-- table: room_schema_version schema_version
-- table: room_tasks tasks
-- table: room_verification_requests verification_requests
-- table: room_verifications verifications
-- table: room_voice_deliveries voice_deliveries

-- op: room.setup
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Makes the tables and indexes that are not there, and brings older relational ones up to date. What is current is left
-- as it is and waited for by nobody, so a role with data rights only may call this. Processes that race, RoomKit's own
-- among them, wait for each other. INVALID on tables of RoomKit before 0.7 (see room.migration_report), on a newer schema
-- and on tables of somebody else.
do $statekeep$
declare
    path constant text := current_setting('search_path');
    step record;
begin
    -- An unqualified name is one of the schema this session writes to; behind it another deployment's may show.
    perform set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
    perform pg_advisory_xact_lock(1919905645);
    if exists (select from pg_attribute where attrelid = to_regclass({rooms:literal}) and attname = 'data' and not attisdropped) then
        raise exception 'the rooms are of RoomKit before 0.7 (v1): see room.migration_report';
    end if;
    for step in
        select v.* from (values
            ({rooms:literal}, 'latest_index'), ({room_events:literal}, 'source_channel_id'), ({room_tasks:literal}, 'room_id'),
            ({room_bindings:literal}, 'attached_at'), ({room_participants:literal}, 'identification'),
            ({room_identities:literal}, 'channel_addresses'), ({room_identity_addresses:literal}, 'identity_id'),
            ({room_observations:literal}, 'room_id'), ({room_read_markers:literal}, 'event_index')) as v(name, has)
        where to_regclass(v.name) is not null and not exists (
            select from pg_attribute where attrelid = to_regclass(v.name) and attname = v.has and not attisdropped)
    loop
        raise exception 'the table % is not RoomKit''s: it has no column %', step.name, step.has;
    end loop;
    if to_regclass({room_schema_version:literal}) is not null then
        if exists (select from {room_schema_version} as v where v.version > 4) then
            raise exception 'the rooms'' schema is newer than this version of StateKeep';
        end if;
    end if;

    for step in
        select v.* from (values
({rooms:literal}, $t$create table if not exists {rooms} (
    id text primary key, organization_id text, status text not null default 'active', event_count integer not null default 0,
    latest_index integer, delivered_index integer not null default -1, metadata jsonb not null default '{}',
    timers jsonb not null default '{}', agent_response_policy text not null default 'agent_chain',
    created_at timestamptz not null default now(), updated_at timestamptz not null default now(), paused_at timestamptz,
    closed_at timestamptz)$t$),
({room_events:literal}, $t$create table if not exists {room_events} (
    id text primary key, room_id text not null references {rooms} (id) on delete cascade, type text not null default 'message',
    content jsonb not null, source_channel_id text not null, source_channel_type text not null,
    source_direction text not null default 'inbound', source_participant_id text, source_provider text,
    source_extra jsonb not null default '{}', status text not null default 'pending', visibility text not null default 'all',
    addressed_to text[], response_visibility text, index integer not null default 0, chain_depth integer not null default 0,
    correlation_id text, parent_event_id text, responds_to text, idempotency_key text, blocked_by text,
    metadata jsonb not null default '{}', channel_data jsonb not null default '{}',
    created_at timestamptz not null default now(), delivery_results jsonb not null default '{}')$t$),
({room_event_sequences:literal}, $t$create table if not exists {room_event_sequences} (
    room_id text primary key references {rooms} (id) on delete cascade,
    next_index integer not null default 0 check (next_index >= 0));
insert into {room_event_sequences} (room_id, next_index)
select r.id, greatest(case when r.event_count > 0 then r.latest_index + 1 else 0 end,
    (select coalesce(max(e.index) + 1, 0) from {room_events} as e where e.room_id = r.id)) from {rooms} as r$t$),
({room_bindings:literal}, $t$create table if not exists {room_bindings} (
    channel_id text not null, room_id text not null references {rooms} (id) on delete cascade, channel_type text not null,
    category text not null default 'transport', direction text not null default 'bidirectional',
    access text not null default 'read_write', muted boolean not null default false,
    output_muted boolean not null default false, visibility text default 'all', participant_id text, last_read_index integer,
    attached_at timestamptz not null default now(), capabilities jsonb not null default '{}',
    metadata jsonb not null default '{}', rate_limit jsonb, retry_policy jsonb, is_group boolean not null default false,
    primary key (room_id, channel_id))$t$),
({room_participants:literal}, $t$create table if not exists {room_participants} (
    id text not null, room_id text not null references {rooms} (id) on delete cascade, channel_id text not null,
    display_name text, role text not null default 'member', status text not null default 'active',
    identification text not null default 'pending', identity_id text, external_id text,
    joined_at timestamptz not null default now(), resolved_at timestamptz, resolved_by text,
    metadata jsonb not null default '{}', connected_via text[] not null default '{}', primary key (room_id, id))$t$),
({room_identities:literal}, $t$create table if not exists {room_identities} (
    id text primary key, organization_id text, display_name text, email text, channel_addresses jsonb not null default '{}',
    metadata jsonb not null default '{}')$t$),
({room_identity_addresses:literal}, $t$create table if not exists {room_identity_addresses} (
    channel_type text not null, address text not null,
    identity_id text not null references {room_identities} (id) on delete cascade, organization_id text not null default '',
    primary key (channel_type, address, organization_id))$t$),
({room_verifications:literal}, $t$create table if not exists {room_verifications} (
    identity_id text not null, organization_id text not null default '', status text not null, data jsonb not null,
    primary key (identity_id, organization_id))$t$),
({room_verification_requests:literal}, $t$create table if not exists {room_verification_requests} (
    id text primary key, identity_id text not null, organization_id text not null default '', status text not null,
    data jsonb not null)$t$),
({room_tasks:literal}, $t$create table if not exists {room_tasks} (
    id text primary key, room_id text not null references {rooms} (id) on delete cascade, title text not null,
    description text, assigned_to text, status text not null default 'pending',
    created_at timestamptz not null default now(), metadata jsonb not null default '{}')$t$),
({room_observations:literal}, $t$create table if not exists {room_observations} (
    id text primary key, room_id text not null references {rooms} (id) on delete cascade, channel_id text,
    content text not null, category text, confidence real, created_at timestamptz not null default now(),
    metadata jsonb not null default '{}')$t$),
({room_read_markers:literal}, $t$create table if not exists {room_read_markers} (
    room_id text not null references {rooms} (id) on delete cascade, channel_id text not null,
    event_index integer not null default 0, primary key (room_id, channel_id))$t$),
({room_voice_deliveries:literal}, $t$create table if not exists {room_voice_deliveries} (
    room_id text not null references {rooms} (id) on delete cascade, key_hash text not null, channel_id text not null,
    session_id text not null, idempotency_key text not null, content_hash text not null, attempt_id text not null,
    created_at timestamptz not null, outcome jsonb, primary key (room_id, key_hash))$t$),
({room_private_state:literal}, $t$create table if not exists {room_private_state} (
    room_id text not null references {rooms} (id) on delete cascade, key text not null, value jsonb not null,
    primary key (room_id, key))$t$),
({room_schema_version:literal}, $t$create table if not exists {room_schema_version} (
    version integer not null, applied_at timestamptz not null default now())$t$)
        ) as v(name, made) where to_regclass(v.name) is null
    loop
        execute step.made;
    end loop;

    -- Columns that came later, each with what rows from before it get.
    for step in
        select v.* from (values
            ({rooms:literal}, 'delivered_index', 'integer not null default -1',
                $u$; update {rooms} set delivered_index = latest_index where event_count > 0$u$),
            ({rooms:literal}, 'paused_at', 'timestamptz', $u$; update {rooms} set paused_at = updated_at where status = 'paused'$u$),
            ({rooms:literal}, 'agent_response_policy', $u$text not null default 'agent_chain'$u$, ''),
            ({room_events:literal}, 'addressed_to', 'text[]', ''),
            ({room_events:literal}, 'responds_to', 'text', ''),
            ({room_events:literal}, 'delivery_results', $u$jsonb not null default '{}'$u$, ''),
            ({room_bindings:literal}, 'rate_limit', 'jsonb', ''),
            ({room_bindings:literal}, 'retry_policy', 'jsonb', ''),
            ({room_bindings:literal}, 'is_group', 'boolean not null default false', ''),
            ({room_participants:literal}, 'connected_via', $u$text[] not null default '{}'$u$, ''),
            ({room_identity_addresses:literal}, 'organization_id', $u$text not null default ''$u$, '')
        ) as v(name, added, definition, afterwards)
        where not exists (
            select from pg_attribute where attrelid = to_regclass(v.name) and attname = v.added and not attisdropped)
    loop
        execute format('alter table %s add column %I %s %s', step.name, step.added, step.definition, step.afterwards);
    end loop;
    if exists (
        select from pg_attribute where attrelid = to_regclass({rooms:literal}) and attname = 'latest_index' and attnotnull
    ) then
        alter table {rooms} alter column latest_index drop not null, alter column latest_index drop default;
        update {rooms} set latest_index = null where event_count = 0;
    end if;
    for step in
        select c.conname from pg_constraint as c
        where c.conrelid = to_regclass({room_identity_addresses:literal}) and c.contype = 'p' and cardinality(c.conkey) = 2
    loop
        execute format('alter table %s drop constraint %I', {room_identity_addresses:literal}, step.conname);
        alter table {room_identity_addresses} add primary key (channel_type, address, organization_id);
    end loop;

    -- Indexes that are missing; those that another kind has replaced, or nothing, go first.
    for step in
        select v.*, format('%I', ('idx_' || t.relname || '_' || v.suffix)::name) as wanted, x.indexrelid::regclass as old
        from (values
            ({rooms:literal}, 'org', '', '(organization_id)'),
            ({rooms:literal}, 'status', '', '(status)'),
            ({rooms:literal}, 'updated', '', '(updated_at desc)'),
            ({room_events:literal}, 'room_index', 'unique', '(room_id, index)'),
            ({room_events:literal}, 'room_created', '', '(room_id, created_at)'),
            ({room_events:literal}, 'room_type', '', '(room_id, type)'),
            ({room_events:literal}, 'correlation', '', '(correlation_id) where correlation_id is not null'),
            ({room_events:literal}, 'parent_index', '', '(parent_event_id, index) where parent_event_id is not null'),
            ({room_events:literal}, 'source', '', '(source_channel_id)'),
            ({room_events:literal}, 'room_responds_to', '', '(room_id, responds_to) where responds_to is not null'),
            ({room_events:literal}, 'idempotency', null, null),
            ({room_events:literal}, 'idempotency_channel', 'unique',
                '(room_id, source_channel_id, idempotency_key) where idempotency_key is not null'),
            ({room_events:literal}, 'room_idempotency', '',
                '(room_id, idempotency_key) where idempotency_key is not null'),
            ({room_bindings:literal}, 'channel_id', '', '(channel_id)'),
            ({room_bindings:literal}, 'channel_participant', '', '(channel_id, participant_id)'),
            ({room_participants:literal}, 'channel', '', '(room_id, channel_id)'),
            ({room_participants:literal}, 'id', '', '(id)'),
            ({room_participants:literal}, 'identity', '', '(identity_id)'),
            ({room_tasks:literal}, 'room_id', '', '(room_id)'),
            ({room_observations:literal}, 'room_id', '', '(room_id)')
        ) as v(name, suffix, kind, definition)
        join pg_class as t on t.oid = to_regclass(v.name)
        left join (pg_index as x join pg_class as c on c.oid = x.indexrelid)
            on x.indrelid = t.oid and c.relname = ('idx_' || t.relname || '_' || v.suffix)::name
        where case when x.indexrelid is null then v.kind is not null
            else v.kind is null or x.indisunique <> (v.kind = 'unique') end
    loop
        begin
            if step.old is not null then
                execute format('drop index %s', step.old);
            end if;
            if step.kind is not null then
                execute format('create %s index %s on %s %s', step.kind, step.wanted, step.name, step.definition);
            end if;
        exception when unique_violation then
            raise warning 'two events of a room have one index: % is not unique until room.dedupe_event_indices', step.wanted;
        end;
    end loop;

    -- Rows, each kind once but for participants, whom an older writer may have stored since.
    if exists (select from {room_participants} where connected_via[1] is distinct from channel_id) then
        update {room_participants} set connected_via = array[channel_id] || array_remove(connected_via, channel_id)
        where connected_via[1] is distinct from channel_id;
    end if;
    if not exists (select from {room_schema_version} where version >= 2) then
        insert into {room_schema_version} (version) values (2);
    end if;
    if not exists (select from {room_schema_version} where version >= 3) then
        update {room_events} as e set visibility = b.visibility from {room_bindings} as b
        where b.room_id = e.room_id and b.channel_id = e.source_channel_id and e.visibility = 'all' and b.visibility <> 'all';
        update {room_events} as e
        set metadata = jsonb_set(e.metadata, '{roomkit:verification_held,visibility}', to_jsonb(b.visibility))
        from {room_bindings} as b
        where b.room_id = e.room_id and b.channel_id = e.source_channel_id and b.visibility <> 'all'
            and e.metadata -> 'roomkit:verification_held' ->> 'visibility' = 'all';
        insert into {room_schema_version} (version) values (3);
    end if;
    if not exists (select from {room_schema_version} where version >= 4) then
        insert into {room_private_state} (room_id, key, value)
        select r.id, 'author_register', r.metadata -> 'author_register' from {rooms} as r
        where jsonb_typeof(r.metadata -> 'author_register') = 'object' on conflict (room_id, key) do nothing;
        update {rooms} as r set metadata = r.metadata - 'author_register' from {room_private_state} as p
        where p.room_id = r.id and p.key = 'author_register' and r.metadata -> 'author_register' = p.value;
        update {rooms} set metadata = metadata - 'author_register'
        where jsonb_typeof(metadata -> 'author_register') <> 'object';
        insert into {room_schema_version} (version) values (4);
    end if;
    perform set_config('search_path', path, true);
end
$statekeep$;
