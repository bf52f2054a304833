-- What the rooms get beyond RoomKit's own tables: columns for the fields that RoomKit does not store, indexes that keep
-- routing, pages and deletions from growing with the tables, and tallies of events. RoomKit works on with them there.
--
-- A tally says of a room how many events it had up to the index `through`, and where every 512th of them lies (`bounds`), so
-- that counting from any mark on needs one of those stretches. It is made when an event gets an index that ends 512 of
-- them, by whoever stores it, who holds the row of the room's index sequence. What is deleted, or stored at a lower index,
-- is a row of corrections, which waits for nobody; making a tally takes those above the last one in, of the same snapshot.

-- op: room.setup_extras
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Adds columns for what RoomKit loses (an identity's phone and external ids, a participant's candidates) and indexes that
-- keep routing, pages of rooms and deletions from growing with the tables, and keeps tallies for room.count_unread, by
-- triggers. Adds only what is missing, and locks the tables' writers out while it does: on large tables choose the hour.
do $statekeep$
declare
    path constant text := current_setting('search_path');
    step record;
begin
    perform set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
    perform pg_advisory_xact_lock(1919905645);
    for step in
        select v.* from (values
            ({room_identities:literal}, 'phone', 'text'), ({room_identities:literal}, 'external_id', 'text'),
            ({room_identities:literal}, 'external_ids', 'jsonb'), ({room_participants:literal}, 'candidates', 'text[]')
        ) as v(name, added, definition)
        where not exists (
            select from pg_attribute where attrelid = to_regclass(v.name) and attname = v.added and not attisdropped)
    loop
        execute format('alter table %s add column %I %s', step.name, step.added, step.definition);
    end loop;
    for step in
        select v.*, (t.relname || '_statekeep_' || v.suffix)::name as wanted
        from (values
            ({rooms:literal}, 'created', '(created_at, id collate "C")'),
            ({rooms:literal}, 'org_created', '(organization_id, created_at, id collate "C")'),
            ({rooms:literal}, 'status_created', '(status, created_at, id collate "C")'),
            ({rooms:literal}, 'metadata', 'using gin (metadata jsonb_path_ops)'),
            ({room_bindings:literal}, 'participant', '(participant_id) where participant_id is not null'),
            ({room_bindings:literal}, 'unnamed', '(channel_id) where participant_id is null and not is_group'),
            ({room_bindings:literal}, 'group', '(channel_id) where is_group'),
            ({room_participants:literal}, 'unlisted', '(room_id) where connected_via[1] is distinct from channel_id'),
            ({room_events:literal}, 'target', $i$((content ->> 'target_event_id'))
                where content ->> 'type' in ('edit', 'delete')$i$),
            ({room_verifications:literal}, 'status', '(status)')
        ) as v(name, suffix, definition)
        join pg_class as t on t.oid = to_regclass(v.name)
        where not exists (
            select from pg_index as x join pg_class as c on c.oid = x.indexrelid
            where x.indrelid = t.oid and c.relname = (t.relname || '_statekeep_' || v.suffix)::name)
    loop
        execute format('create index %I on %s %s', step.wanted, step.name, step.definition);
    end loop;

    if to_regclass({room_event_tallies:literal}) is null then
        create table if not exists {room_event_tallies} (
            room_id text primary key, through integer not null, total bigint not null, bounds integer[] not null);
    end if;
    if to_regclass({room_event_corrections:literal}) is null then
        create table if not exists {room_event_corrections} (
            room_id text not null, index integer not null, change smallint not null);
        create index {room_event_corrections:index room} on {room_event_corrections} (room_id, index, change);
    end if;
    if not exists (
        select from pg_trigger where tgrelid = to_regclass({room_events:literal}) and tgname = 'statekeep_added'
    ) then
        -- The functions run with the rights of who made them: whoever may write events need not know of tallies.
        for step in
            select format('%I.%I', n.nspname, (left(t.relname, 40) || '_statekeep_' || v.suffix)::name) as name, v.body, v.fired,
                v.suffix, whole.names
            from (values
('added', 'after insert on %s referencing new table as added for each statement', $f$
declare
    filled boolean;
    ended boolean;
begin
    select bool_or(a.index <= (select t.through from @tallies@ as t where t.room_id = a.room_id)),
        bool_or(a.index & 511 = 511) into filled, ended from added as a;
    if filled then
        insert into @corrections@ (room_id, index, change)
        select a.room_id, a.index, 1 from added as a
        where a.index <= (select t.through from @tallies@ as t where t.room_id = a.room_id);
    end if;
    if not ended then
        return null;
    end if;
    with room as (
        select r.room_id, t.through, coalesce(t.total, 0) as total, coalesce(t.bounds, '{}') as bounds
        from (select distinct a.room_id from added as a where a.index & 511 = 511) as r
        left join @tallies@ as t on t.room_id = r.room_id
    ),
    taken as (
        delete from @corrections@ as c using room as r
        where c.room_id = r.room_id and (r.through is null or c.index > r.through)
    )
    insert into @tallies@ as t (room_id, through, total, bounds)
    select r.room_id, e.through, r.total + e.count, r.bounds || e.bounds
    from room as r
    cross join lateral (
        select max(o.index) as through, count(*) as count,
            coalesce(array_agg(o.index order by o.index) filter (where (r.total + o.rank) % 512 = 0), '{}') as bounds
        from (
            select e.index, row_number() over (order by e.index) - 1 as rank from @events@ as e
            where e.room_id = r.room_id and (r.through is null or e.index > r.through)
        ) as o
    ) as e
    where e.count > 0
    on conflict (room_id) do update set through = excluded.through, total = excluded.total, bounds = excluded.bounds;
$f$),
('removed', 'after delete on %s referencing old table as removed for each statement', $f$
begin
    insert into @corrections@ (room_id, index, change)
    select r.room_id, r.index, -1 from removed as r
    where exists (select from @rooms@ as o where o.id = r.room_id);
    with gone as (
        select distinct r.room_id from removed as r
        where not exists (select from @rooms@ as o where o.id = r.room_id)
    ),
    tallies as (delete from @tallies@ as t using gone as g where t.room_id = g.room_id)
    delete from @corrections@ as c using gone as g where c.room_id = g.room_id;
$f$),
('moved', 'after update of room_id, index on %s for each row '
    'when (old.index is distinct from new.index or old.room_id is distinct from new.room_id)', $f$
begin
    with tallies as (delete from @tallies@ as t where t.room_id in (old.room_id, new.room_id))
    delete from @corrections@ as c where c.room_id in (old.room_id, new.room_id);
$f$),
('emptied', 'after truncate on %s for each statement', $f$
begin
    delete from @tallies@;
    delete from @corrections@;
$f$)
            ) as v(suffix, fired, body)
            join pg_class as t on t.oid = to_regclass({room_events:literal})
            join pg_namespace as n on n.oid = t.relnamespace
            cross join (
                select jsonb_object_agg(o.slot, format('%I.%I', n.nspname, c.relname)) as names
                from (values ('rooms', {rooms:literal}), ('events', {room_events:literal}),
                    ('tallies', {room_event_tallies:literal}), ('corrections', {room_event_corrections:literal})
                ) as o(slot, name)
                join pg_class as c on c.oid = to_regclass(o.name) join pg_namespace as n on n.oid = c.relnamespace
            ) as whole
        loop
            execute format($f$create function %s() returns trigger language plpgsql security definer
                set search_path = pg_catalog, pg_temp as %L$f$, step.name, replace(replace(replace(replace(
                step.body, '@events@', step.names ->> 'events'), '@rooms@', step.names ->> 'rooms'),
                '@tallies@', step.names ->> 'tallies'), '@corrections@', step.names ->> 'corrections')
                || '    return null;' || chr(10) || 'end');
            execute format('create trigger statekeep_%s ' || step.fired || ' execute function %s()', step.suffix,
                {room_events:literal}, step.name);
        end loop;
        insert into {room_event_tallies} (room_id, through, total, bounds)
        select o.room_id, max(o.index), count(*), array_agg(o.index order by o.index) filter (where o.rank % 512 = 0)
        from (
            select e.room_id, e.index, row_number() over (partition by e.room_id order by e.index) - 1 as rank
            from {room_events} as e
        ) as o
        group by o.room_id having count(*) >= 512;
        for step in
            select distinct case x.grantee when 0 then 'public' else quote_ident(r.rolname) end as name
            from pg_class as t cross join aclexplode(t.relacl) as x left join pg_roles as r on r.oid = x.grantee
            where t.oid = to_regclass({room_events:literal}) and x.privilege_type = 'SELECT'
        loop
            execute format('grant select on %s, %s to %s', {room_event_tallies:literal}, {room_event_corrections:literal}, step.name);
        end loop;
    end if;
    perform set_config('search_path', path, true);
end
$statekeep$;

-- op: room.schema
-- args:
-- gives: one {layout, empty, unique_index, extended, legacy_parent_index}
-- batch: no    resend: yes    writes: no
-- What is there, without changing it. `layout`: 0 no rooms, 1 RoomKit's before 0.7 or not yet
-- converted, 2 today's; `empty`: there never was a
-- room; `unique_index`: no two events of a room can have one index; `extended`: room.setup_extras has run;
-- `legacy_parent_index`: room.drop_legacy_parent_index has something to drop.
with own as (
    select v.slot, c.oid, c.relname
    from (values ('rooms', {rooms:literal}), ('events', {room_events:literal})) as v(slot, name)
    join pg_class as c on c.oid = to_regclass(v.name)
        and (cardinality(parse_ident(v.name)) > 1 or c.relnamespace = quote_ident(current_schema())::regnamespace)
),
has as (
    select o.slot, a.attname::text as name from own as o
    join pg_attribute as a on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
),
indexes as (
    select o.slot, o.relname, c.relname as name, x.indisunique from own as o
    join pg_index as x on x.indrelid = o.oid join pg_class as c on c.oid = x.indexrelid
)
select case when exists (select from has where slot = 'rooms' and name = 'data') or exists (
            select from own as o join pg_class as c on c.oid = o.oid
            join pg_class as v on v.relnamespace = c.relnamespace and v.relname = (left(o.relname, 60) || '_v1')::name
            where o.slot = 'rooms' and obj_description(v.oid, 'pg_class') like '{"statekeep"%"finished" : false%') then 1
        when exists (select from own where slot = 'rooms') then 2 else 0 end as layout,
    coalesce((select pg_relation_size(oid) = 0 from own where slot = 'rooms'), true) as empty,
    exists (
        select from indexes
        where slot = 'events' and indisunique and name = ('idx_' || relname || '_room_index')::name) as unique_index,
    exists (
        select from own as o join pg_trigger as t on t.tgrelid = o.oid
        where o.slot = 'events' and t.tgname = 'statekeep_added') as extended,
    exists (
        select from indexes where slot = 'events' and name = ('idx_' || relname || '_parent')::name) as legacy_parent_index;

-- op: room.drop_legacy_parent_index
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Drops the index of replies that RoomKit made before 0.30, which another one replaces, if it is there.
do $statekeep$
declare
    path constant text := current_setting('search_path');
    old regclass;
begin
    perform set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
    for old in
        select c.oid from pg_class as t join pg_index as x on x.indrelid = t.oid join pg_class as c on c.oid = x.indexrelid
        where t.oid = to_regclass({room_events:literal}) and c.relname = ('idx_' || t.relname || '_parent')::name
    loop
        execute format('drop index %s', old);
    end loop;
    perform set_config('search_path', path, true);
end
$statekeep$;

-- op: room.count_duplicate_indices
-- args:
-- gives: one {duplicate_rows, affected_rooms}
-- batch: no    resend: yes    writes: no
-- How many events too many share an index of their room, and in how many rooms. Reads all events.
select coalesce(sum(d.extra), 0) as duplicate_rows, count(*) as affected_rooms
from (
    select count(*) - count(distinct e.index) as extra from {room_events} as e
    group by e.room_id having count(*) <> count(distinct e.index)
) as d;

-- op: room.dedupe_event_indices
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Numbers the events anew in every room where two have one index: from 0 without a gap, in the order of index, time and
-- id, with the rooms' counters after them. Then no two events of a room can have one index. Read marks may be off after it.
do $statekeep$
declare
    path constant text := current_setting('search_path');
    wanted text;
begin
    perform set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
    perform pg_advisory_xact_lock(1919905645);
    lock table {room_events} in share row exclusive mode;
    with affected as materialized (
        select e.room_id from {room_events} as e group by e.room_id having count(*) <> count(distinct e.index)
    ),
    numbered as (
        select e.id, row_number() over (partition by e.room_id order by e.index, e.created_at, e.id) - 1 as index
        from {room_events} as e where e.room_id in (select a.room_id from affected as a)
    ),
    moved as (
        update {room_events} as e set index = n.index from numbered as n where e.id = n.id and e.index <> n.index
    ),
    counted as (
        select e.room_id, count(*)::integer as count from {room_events} as e
        where e.room_id in (select a.room_id from affected as a) group by e.room_id
    ),
    next as (
        update {room_event_sequences} as s set next_index = c.count
        from counted as c where s.room_id = c.room_id and s.next_index < c.count
    )
    update {rooms} as r set latest_index = c.count - 1, event_count = c.count from counted as c where r.id = c.room_id;
    select format('%I', ('idx_' || t.relname || '_room_index')::name) into wanted
    from pg_class as t where t.oid = to_regclass({room_events:literal}) and not exists (
        select from pg_index as x join pg_class as c on c.oid = x.indexrelid
        where x.indrelid = t.oid and x.indisunique and c.relname = ('idx_' || t.relname || '_room_index')::name);
    if wanted is not null then
        execute 'drop index if exists ' || wanted;
        execute format('create unique index %s on %s (room_id, index)', wanted, {room_events:literal});
    end if;
    perform set_config('search_path', path, true);
end
$statekeep$;
