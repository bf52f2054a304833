"""room.setup on empty, current and older databases of RoomKit's: the same tables under the same names, nothing current is
rewritten, and nobody is waited for."""
import compile as compiler
import psycopg
import pytest

OPS = {op.name: op for op in compiler.read()}
# What RoomKit 0.109's own init() makes, from its catalogue: "table: index definition without its table".
INDEXES = {
    "bindings_pkey": "UNIQUE (room_id, channel_id)",
    "event_sequences_pkey": "UNIQUE (room_id)",
    "events_pkey": "UNIQUE (id)",
    "identities_pkey": "UNIQUE (id)",
    "identity_addresses_pkey": "UNIQUE (channel_type, address, organization_id)",
    "idx_bindings_channel_id": "(channel_id)",
    "idx_bindings_channel_participant": "(channel_id, participant_id)",
    "idx_events_correlation": "(correlation_id) WHERE (correlation_id IS NOT NULL)",
    "idx_events_idempotency_channel":
        "UNIQUE (room_id, source_channel_id, idempotency_key) WHERE (idempotency_key IS NOT NULL)",
    "idx_events_parent_index": "(parent_event_id, index) WHERE (parent_event_id IS NOT NULL)",
    "idx_events_room_created": "(room_id, created_at)",
    "idx_events_room_idempotency": "(room_id, idempotency_key) WHERE (idempotency_key IS NOT NULL)",
    "idx_events_room_index": "UNIQUE (room_id, index)",
    "idx_events_room_responds_to": "(room_id, responds_to) WHERE (responds_to IS NOT NULL)",
    "idx_events_room_type": "(room_id, type)",
    "idx_events_source": "(source_channel_id)",
    "idx_observations_room_id": "(room_id)",
    "idx_participants_channel": "(room_id, channel_id)",
    "idx_participants_id": "(id)",
    "idx_participants_identity": "(identity_id)",
    "idx_rooms_org": "(organization_id)",
    "idx_rooms_status": "(status)",
    "idx_rooms_updated": "(updated_at DESC)",
    "idx_tasks_room_id": "(room_id)",
    "observations_pkey": "UNIQUE (id)",
    "participants_pkey": "UNIQUE (room_id, id)",
    "private_state_pkey": "UNIQUE (room_id, key)",
    "read_markers_pkey": "UNIQUE (room_id, channel_id)",
    "rooms_pkey": "UNIQUE (id)",
    "tasks_pkey": "UNIQUE (id)",
    "verification_requests_pkey": "UNIQUE (id)",
    "verifications_pkey": "UNIQUE (identity_id, organization_id)",
    "voice_deliveries_pkey": "UNIQUE (room_id, key_hash)",
}
CONSTRAINTS = {
    *(f"{table}_room_id_fkey" for table in ("events", "event_sequences", "bindings", "participants", "tasks",
                                            "observations", "read_markers", "voice_deliveries", "private_state")),
    "identity_addresses_identity_id_fkey", "event_sequences_next_index_check",
    *(name for name in INDEXES if name.endswith("_pkey")),
}
# A relational database as RoomKit 0.7 left it, with rows that later versions mean otherwise.
OLDEST = """
create table rooms (id text primary key, organization_id text, status text not null default 'active',
    event_count integer not null default 0, latest_index integer not null default 0, metadata jsonb not null default '{}',
    timers jsonb not null default '{}', created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(), closed_at timestamptz);
create table events (id text primary key, room_id text not null references rooms (id) on delete cascade,
    type text not null default 'message', content jsonb not null, source_channel_id text not null,
    source_channel_type text not null, source_direction text not null default 'inbound', source_participant_id text,
    source_provider text, source_extra jsonb not null default '{}', status text not null default 'pending',
    visibility text not null default 'all', response_visibility text, index integer not null default 0,
    chain_depth integer not null default 0, correlation_id text, parent_event_id text, idempotency_key text,
    blocked_by text, metadata jsonb not null default '{}', channel_data jsonb not null default '{}',
    created_at timestamptz not null default now());
create index idx_events_room_index on events (room_id, index);
create index idx_events_parent on events (parent_event_id);
create unique index idx_events_idempotency on events (room_id, idempotency_key) where idempotency_key is not null;
create table bindings (channel_id text not null, room_id text not null references rooms (id) on delete cascade,
    channel_type text not null, category text not null default 'transport', direction text not null default 'bidirectional',
    access text not null default 'read_write', muted boolean not null default false,
    output_muted boolean not null default false, visibility text default 'all', participant_id text,
    last_read_index integer, attached_at timestamptz not null default now(), capabilities jsonb not null default '{}',
    metadata jsonb not null default '{}', primary key (room_id, channel_id));
create table participants (id text not null, room_id text not null references rooms (id) on delete cascade,
    channel_id text not null, display_name text, role text not null default 'member', status text not null default 'active',
    identification text not null default 'pending', identity_id text, external_id text,
    joined_at timestamptz not null default now(), resolved_at timestamptz, resolved_by text,
    metadata jsonb not null default '{}', primary key (room_id, id));
create unique index idx_participants_channel on participants (room_id, channel_id);
create table identities (id text primary key, organization_id text, display_name text, email text,
    channel_addresses jsonb not null default '{}', metadata jsonb not null default '{}');
create table identity_addresses (channel_type text not null, address text not null,
    identity_id text not null references identities (id) on delete cascade, primary key (channel_type, address));
create table schema_version (version int not null, applied_at timestamptz not null default now());
insert into schema_version (version) values (2);
insert into rooms (id, status, event_count, latest_index, metadata, updated_at)
    values ('empty', 'active', 0, 0, '{"author_register": "junk"}', now()),
    ('used', 'paused', 2, 4, '{"author_register": {"a": 1}, "kept": 1}', '2026-01-01T00:00:00Z');
insert into bindings (room_id, channel_id, channel_type, visibility) values ('used', 'sms', 'sms', 'ws');
insert into events (id, room_id, index, content, source_channel_id, source_channel_type, metadata, visibility)
    values ('a', 'used', 3, '{}', 'sms', 'sms', '{}', 'all'),
    ('b', 'used', 6, '{}', 'sms', 'sms', '{"roomkit:verification_held": {"visibility": "all"}}', 'agents');
insert into participants (room_id, id, channel_id) values ('used', 'p', 'sms');
insert into identities (id) values ('i');
insert into identity_addresses (channel_type, address, identity_id) values ('sms', '+1', 'i');
"""


def run(connection, name):
    return connection.execute(OPS[name].text({}))


def indexes(connection):
    """The indexes of the current schema as INDEXES has them, but for those of room.setup_extras."""
    rows = connection.execute("select indexname, indexdef from pg_indexes where schemaname = current_schema()")
    return {name: ("UNIQUE " if " UNIQUE " in text else "") + text.split(" USING btree ")[1] for name, text in rows
            if "_statekeep_" not in name}


def shape(connection):
    """Everything a rewritten table, index or row would change."""
    names = [row[0] for row in connection.execute(
        "select format('%I', relname) from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace")]
    return (connection.execute("select oid, relname, relfilenode from pg_class order by oid").fetchall(),
            {name: connection.execute(f"select ctid, xmin, t::text from {name} as t order by 3").fetchall() for name in names})


@pytest.fixture
def connection(server, database):
    with psycopg.connect(server.dsn(database), autocommit=True) as connected:
        yield connected


def test_an_empty_database_gets_roomkits_very_tables(connection):
    run(connection, "room.setup")
    assert indexes(connection) == INDEXES
    names = {row[0] for row in connection.execute(
        "select conname from pg_constraint where connamespace = current_schema()::regnamespace")}
    assert names == CONSTRAINTS


def test_what_is_current_is_left_as_it_is(connection):
    run(connection, "room.setup")
    run(connection, "room.setup_extras")
    connection.execute("insert into rooms (id) values ('r')")
    connection.execute("insert into participants (room_id, id, channel_id, connected_via) values ('r', 'p', 'c', '{c,d}')")
    before = shape(connection)
    run(connection, "room.setup")
    run(connection, "room.setup_extras")
    assert shape(connection) == before


def test_the_oldest_relational_database_is_brought_up_to_date(connection):
    connection.execute(OLDEST)
    run(connection, "room.setup")
    found = indexes(connection)
    assert found.pop("idx_events_parent") == "(parent_event_id)"  # dropped on request only
    assert found == INDEXES
    def rows(query):
        return connection.execute(query).fetchall()
    assert rows("select id, latest_index, delivered_index, paused_at = updated_at, metadata from rooms order by id") == [
        ("empty", None, -1, None, {}), ("used", 4, 4, True, {"kept": 1})]
    assert rows("select id, visibility, metadata, addressed_to, delivery_results from events order by id") == [
        ("a", "ws", {}, None, {}), ("b", "agents", {"roomkit:verification_held": {"visibility": "ws"}}, None, {})]
    assert rows("select room_id, next_index from event_sequences order by 1") == [("empty", 0), ("used", 7)]
    assert rows("select connected_via from participants") == [(["sms"],)]
    assert rows("select organization_id from identity_addresses") == [("",)]
    assert rows("select is_group, rate_limit from bindings") == [(False, None)]
    assert rows("select key, value from private_state") == [("author_register", {"a": 1})]
    assert rows("select version from schema_version order by 1") == [(2,), (3,), (4,)]
    run(connection, "room.drop_legacy_parent_index")
    assert indexes(connection) == INDEXES
    before = shape(connection)
    run(connection, "room.setup")
    assert shape(connection) == before


def test_events_with_one_index_do_not_keep_the_rest_from_being_set_up(connection):
    connection.execute(OLDEST)
    connection.execute("update events set index = 3")
    notices = []
    connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    run(connection, "room.setup")
    assert indexes(connection)["idx_events_room_index"] == "(room_id, index)"
    assert any("room.dedupe_event_indices" in notice for notice in notices)
    run(connection, "room.dedupe_event_indices")
    assert indexes(connection)["idx_events_room_index"] == INDEXES["idx_events_room_index"]
    assert connection.execute("select id, index from events order by index").fetchall() == [("a", 0), ("b", 1)]


def test_rows_an_older_writer_leaves_are_repaired_again(connection):
    run(connection, "room.setup")
    connection.execute("insert into rooms (id) values ('r')")
    connection.execute("insert into participants (room_id, id, channel_id) values ('r', 'p', 'c')")
    run(connection, "room.setup")
    assert connection.execute("select connected_via from participants").fetchone() == (["c"],)


@pytest.mark.parametrize("statement", [
    *(f"select count(*) from {table}" for table in ("events", "rooms", "bindings", "participants", "identity_addresses")),
    "update rooms set updated_at = now()", "update event_sequences set next_index = next_index + 1",
    "insert into participants (room_id, id, channel_id, connected_via) values ('r', 'q', 'c', '{c}')"])
def test_setup_waits_for_nobody(server, database, connection, statement):
    run(connection, "room.setup")
    connection.execute("insert into rooms (id) values ('r')")
    connection.execute("insert into event_sequences (room_id) values ('r')")
    connection.execute("set lock_timeout = '500ms'")
    with psycopg.connect(server.dsn(database)) as other:
        other.execute(statement)
        run(connection, "room.setup")


def test_only_the_schema_written_to_is_looked_at(connection):
    """Another deployment's tables show through the search path: they are neither taken for ours nor touched."""
    connection.execute("create schema home; create schema tenant; set search_path = home")
    run(connection, "room.setup")
    connection.execute("drop index idx_rooms_org; alter table rooms add column data jsonb")
    before = shape(connection)
    connection.execute("set search_path = tenant, home")
    run(connection, "room.setup")
    assert indexes(connection) == INDEXES
    assert run(connection, "room.schema").fetchone()[0] == 2
    connection.execute("set search_path = home")
    assert {name: rows for name, rows in shape(connection)[1].items()} == before[1]
    assert "idx_rooms_org" not in indexes(connection)
    assert run(connection, "room.schema").fetchone()[0] == 1
    assert connection.execute("show search_path").fetchone() == ("home",)
