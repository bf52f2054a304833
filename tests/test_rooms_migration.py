"""A database of RoomKit before 0.7 with 100,000 events is converted, broken off on the way, and nothing is lost."""
import compile as compiler
import psycopg
import pytest

OPS = {op.name: op for op in compiler.read()}
ROOMS = 100
EVENTS = 1_000  # of each room
STEPS = 200  # more than the conversion takes
# As RoomKit 0.6 makes them; every row is a model's document.
OLD = """
create table rooms (id text primary key, organization_id text, status text not null default 'active',
    created_at timestamptz not null default now(), data jsonb not null);
create index idx_rooms_org on rooms (organization_id);
create index idx_rooms_status on rooms (status);
create index idx_rooms_metadata on rooms using gin (data jsonb_path_ops);
create table events (id text primary key, room_id text not null references rooms (id) on delete cascade,
    idempotency_key text, visibility text not null default 'all', created_at timestamptz not null default now(),
    data jsonb not null);
create index idx_events_room_id on events (room_id);
create index idx_events_room_created on events (room_id, created_at);
create unique index idx_events_idempotency on events (room_id, idempotency_key) where idempotency_key is not null;
create table bindings (channel_id text not null, room_id text not null references rooms (id) on delete cascade,
    channel_type text not null, participant_id text, data jsonb not null, primary key (room_id, channel_id));
create index idx_bindings_channel_id on bindings (channel_id);
create table participants (id text not null, room_id text not null references rooms (id) on delete cascade,
    data jsonb not null, primary key (room_id, id));
create table identities (id text primary key, data jsonb not null);
create table identity_addresses (channel_type text not null, address text not null,
    identity_id text not null references identities (id) on delete cascade, primary key (channel_type, address));
create table tasks (id text primary key, room_id text not null references rooms (id) on delete cascade,
    status text not null default 'pending', data jsonb not null);
create index idx_tasks_room_id on tasks (room_id);
create table observations (id text primary key, room_id text not null references rooms (id) on delete cascade,
    data jsonb not null);
create index idx_observations_room_id on observations (room_id);
create table read_markers (room_id text not null references rooms (id) on delete cascade, channel_id text not null,
    event_id text not null, primary key (room_id, channel_id));
create table schema_version (version integer not null, applied_at timestamptz not null default now());
insert into schema_version (version) values (1);
"""
FILL = f"""
insert into rooms select 'r' || i, case when i % 2 = 0 then 'o' end, 'active', now(), jsonb_build_object('id', 'r' || i,
    'organization_id', case when i % 2 = 0 then 'o' end, 'status', case when i % 7 = 0 then 'paused' else 'active' end,
    'created_at', '2025-01-01T00:00:00Z', 'updated_at', '2025-01-02T00:00:00.5Z', 'closed_at', null,
    'timers', '{{"closed_after_seconds": 3}}'::jsonb, 'metadata', jsonb_build_object('i', i),
    'event_count', case when i = {ROOMS} then 0 else {EVENTS} end,
    'latest_index', case when i = {ROOMS} then 0 else {EVENTS} - 1 end)
    from generate_series(1, {ROOMS}) as i;
-- Room 5 has two events at index 2 and none at 3; the last room has none.
insert into events select 'e' || r || '-' || i, 'r' || r, case when i % 10 = 0 then 'k' || i end, 'all', now(),
    jsonb_build_object('id', 'e' || r || '-' || i, 'room_id', 'r' || r, 'type', 'message',
    'index', case when r = 5 and i = 3 then 2 else i end, 'source', jsonb_build_object('channel_id', 'sms',
    'channel_type', 'sms', 'direction', 'inbound', 'participant_id', 'p', 'provider', null, 'raw_payload',
    case when i % 3 = 0 then '{{"x": null}}'::jsonb else '{{}}' end, 'external_id', case when i % 5 = 0 then 'x' || i end),
    'content', jsonb_build_object('type', 'text', 'body', 'hello ' || i), 'status', 'delivered', 'visibility', 'all',
    'metadata', '{{}}'::jsonb, 'channel_data', '{{}}'::jsonb, 'idempotency_key', case when i % 10 = 0 then 'k' || i end,
    'created_at', '2025-01-01T00:00:00.000001Z', 'correlation_id', 'c' || i)
    from generate_series(1, {ROOMS} - 1) as r, generate_series(0, {EVENTS} - 1) as i;
insert into bindings select 'sms', 'r' || i, 'sms', 'p', jsonb_build_object('channel_id', 'sms', 'room_id', 'r' || i,
    'channel_type', 'sms', 'visibility', case when i = 9 then 'ws' else 'all' end, 'participant_id', 'p', 'attached_at',
    '2025-01-01T00:00:00Z', 'capabilities', '{{"delivery_mode": "all"}}'::jsonb) from generate_series(1, {ROOMS}) as i;
insert into participants select 'p', 'r' || i, jsonb_build_object('id', 'p', 'room_id', 'r' || i, 'channel_id', 'sms',
    'candidates', '["a", "b"]'::jsonb, 'joined_at', '2025-01-01T00:00:00Z') from generate_series(1, {ROOMS}) as i;
insert into identities values ('i', '{{"id": "i", "organization_id": "o", "phone": "+1", "external_id": "x",
    "external_ids": {{"crm": "1"}}, "channel_addresses": {{"sms": ["+1"]}}}}');
insert into identity_addresses values ('sms', '+1', 'i');
insert into tasks select 't' || i, 'r1', 'done', jsonb_build_object('id', 't' || i, 'room_id', 'r1', 'title', 'do',
    'status', 'done') from generate_series(1, 3) as i;
insert into observations values ('o', 'r1', '{{"id": "o", "channel_id": "ai", "content": "seen", "confidence": 0.5}}');
insert into read_markers values ('r1', 'x', 'e1-5'), ('r2', 'x', 'gone'), ('r5', 'x', 'e5-4');
"""


@pytest.fixture(scope="module")
def converted(server):
    """A connection to the database after its conversion, in which one step was broken off; and what was told of it."""
    connection = server.connect(server.create_database())
    connection.execute(OLD)
    connection.execute(FILL)
    told = {"report": run(connection, "room.migration_report").fetchone()[0]}
    for name in ("room.migrate_start", "room.setup", "room.setup_extras"):
        run(connection, name)
    told["progress"] = [run(connection, "room.migration").fetchone()]
    while told["progress"][-1][0] != "done" and len(told["progress"]) < STEPS:
        if len(told["progress"]) == 20:
            with pytest.raises(ZeroDivisionError), connection.transaction():
                run(connection, "room.migrate_step")
                raise ZeroDivisionError
            assert run(connection, "room.migration").fetchone() == told["progress"][-1]
        run(connection, "room.migrate_step")
        told["progress"].append(run(connection, "room.migration").fetchone())
    run(connection, "room.migrate_finish")
    yield connection, told
    server.drop_database(connection.info.dbname)


def run(connection, name):
    return connection.execute(OPS[name].text({}))


def test_the_report_tells_before_it_begins(converted):
    report = converted[1]["report"]
    assert report["rows"]["events"] == (ROOMS - 1) * EVENTS and report["rows"]["rooms"] == ROOMS
    assert (report["rooms_to_renumber"], report["lost_markers"], report["unknown"]) == (1, 1, {})


def test_progress_goes_up_to_the_end(converted):
    progress = converted[1]["progress"]
    done = [row[1] for row in progress]
    assert progress[-1] == ("done", progress[0][2], progress[0][2], False, 1, 1)
    assert done == sorted(done) and max(after - before for before, after in zip(done, done[1:])) <= 2_000


@pytest.mark.parametrize("query, answer", [
    (f"select count(*) from events as e join events_v1 as o using (id, room_id) where o.room_id <> 'r5'"
     " and e.index <> (o.data ->> 'index')::integer", 0),
    ("select count(*) from events as e join events_v1 as o using (id) where e.content <> o.data -> 'content'"
     " or e.idempotency_key is distinct from o.idempotency_key or e.source_participant_id <> 'p'"
     " or e.correlation_id <> o.data ->> 'correlation_id' or e.created_at <> '2025-01-01T00:00:00.000001Z'"
     " or e.source_extra -> 'external_id' is distinct from nullif(o.data -> 'source' -> 'external_id', 'null')"
     " or coalesce(e.source_extra -> 'raw_payload', '{}') <> o.data -> 'source' -> 'raw_payload'", 0),
    ("select count(*) from events", (ROOMS - 1) * EVENTS),
    ("select count(*) from events where visibility = 'ws' and room_id = 'r9'", EVENTS),
    ("select string_agg(id, ' ' order by index) from events where room_id = 'r5' and index < 5", "e5-0 e5-1 e5-2 e5-3 e5-4"),
    ("select count(*) from rooms where (event_count, latest_index, delivered_index) is distinct from"
     f" (case when id = 'r{ROOMS}' then 0 else {EVENTS} end, case when id <> 'r{ROOMS}' then {EVENTS - 1} end,"
     f" case when id = 'r{ROOMS}' then -1 else {EVENTS - 1} end)", 0),
    ("select count(*) from rooms where status = 'paused' and paused_at = '2025-01-02T00:00:00.5Z'", ROOMS // 7),
    (f"select count(*) from event_sequences where next_index = case when room_id = 'r{ROOMS}' then 0 else {EVENTS} end", ROOMS),
    ("select count(*) from participants where candidates = '{a,b}' and connected_via = '{sms}'", ROOMS),
    ("select count(*) from bindings where capabilities ->> 'delivery_mode' = 'all'", ROOMS),
    ("select phone || external_id || (external_ids ->> 'crm') from identities", "+1x1"),
    ("select organization_id from identity_addresses", "o"),
    ("select string_agg(room_id || event_index, ' ' order by room_id) from read_markers", "r15 r54"),
    ("select count(*) from tasks where title = 'do' and status = 'done'", 3),
    ("select count(*) from observations where confidence = 0.5", 1),
])
def test_nothing_is_lost(converted, query, answer):
    assert converted[0].execute(query).fetchone() == (answer,)


def test_the_tables_are_those_of_a_new_database(server, converted):
    shape = """select relname, indexdef from pg_class as c join pg_indexes as i on i.tablename = c.relname
        where relname not like '%\\_v1' union all
        select conrelid::regclass::text, conname || pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'public'::regnamespace and conrelid::regclass::text not like '%\\_v1' order by 1, 2"""
    name = server.create_database()
    with psycopg.connect(server.dsn(name), autocommit=True) as fresh:
        run(fresh, "room.setup")
        run(fresh, "room.setup_extras")
        expected = fresh.execute(shape).fetchall()
    server.drop_database(name)
    assert converted[0].execute(shape).fetchall() == expected
