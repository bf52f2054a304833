"""What a hundred thousand rooms, and rooms of a million events, cost the operations that every message needs: buffers
read, counted by the server, so that no other load on the machine matters."""
import json

import compile as compiler
import psycopg
import pytest

OPS = {op.name: op for op in compiler.read()}
ROOMS = 100_000
FEW = 1_000
# A number shared by every room, and numbers of their own.
FILL = """
insert into rooms (id, organization_id, status, metadata, created_at)
    select 'r' || i, 'o' || i % 10, case when i % 50 = 0 then 'closed' else 'active' end, jsonb_build_object('n', i),
        now() - interval '1 day' + i * interval '1 ms'
    from generate_series(1, {rooms}) as i;
insert into bindings (room_id, channel_id, channel_type, participant_id)
    select 'r' || i, 'shared', 'sms', 'p' || i from generate_series(1, {rooms}) as i
    union all select 'r' || i, 'own' || i, 'email', null from generate_series(1, {rooms}) as i;
insert into participants (room_id, id, channel_id, identity_id, connected_via)
    select 'r' || i, 'p' || i, 'shared', 'i' || i, '{{shared}}' from generate_series(1, {rooms}) as i;
analyze;
"""
CALLS = {
    "room.find_latest": ["p77", None, "active"],
    "room.list": [50, 0],
    "room.find": ["o7", "active", None, 20, 0],
    "room.find_ids_by_channel": ["shared", json.dumps(["active", "paused"]), None, None, 2],
    "room.find_id_by_binding": ["shared", "p77", None, json.dumps(["active"]), None, "number"],
    "room.find_id_by_participant": ["shared", "p77", "i77", None, None],
}


KEPT = {
    "room.list_events": ["r1", 50, 0, None, None, True],
    "room.find_events": ["r1", json.dumps({"event_types": ["message"], "include_blocked": True}), 50, 0, None, None, True],
    "room.get_event_by_idempotency_key": ["r1", "k19000", None],
    "room.check_idempotency": ["r1", "none", "sms"],
    "room.count_unread": ["r1", "reader"],
    "room.get_unread_count": ["r1", "reader"],
    "room.mark_all_read": ["r1", "reader"],
    "room.get": ["r1"],
    "room.load_context": ["r1"],
}


def prepare(connection, name):
    """Prepares an operation as the engine does; its plan is made by the first call and kept."""
    op = OPS[name]
    connection.execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set jit = off")
    connection.execute(f"prepare {name.replace('.', '_')} as " + op.text({}))


def buffers(connection, name, arguments):
    """How many pages one call of a prepared operation reads; the first one also reads the catalogue."""
    op = OPS[name]
    values = ", ".join(
        (f"array[{psycopg.sql.Literal(value).as_string(connection)}]" if op.batch
         else psycopg.sql.Literal(value).as_string(connection)) + "::" + arg.parameter(op.batch)
        for value, arg in zip(arguments, op.args))
    plan, = connection.execute(
        f"explain (analyze, buffers, format json) execute {name.replace('.', '_')}({values})").fetchone()
    return plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]


@pytest.fixture(scope="module")
def sizes(server):
    """Connections to a database with few rooms and to one with many."""
    connections = []
    for rooms in (FEW, ROOMS):
        connections.append(connection := server.connect(server.create_database()))
        for name in ("room.setup", "room.setup_extras"):
            connection.execute(OPS[name].text({}))
        connection.execute(FILL.format(rooms=rooms))
    yield connections
    for connection in connections:
        server.drop_database(connection.info.dbname)


@pytest.mark.parametrize("name", CALLS)
def test_routing_does_not_grow_with_the_rooms(sizes, name):
    pages = []
    for connection in sizes:
        prepare(connection, name)
        buffers(connection, name, CALLS[name])
        pages.append(buffers(connection, name, CALLS[name]))
    few, many = pages
    assert many < 3 * few + 50, pages


def test_a_plan_made_on_the_first_day_serves_a_large_room(server, database):
    """The engine keeps its plans, and nobody analyses the tables meanwhile."""
    with psycopg.connect(server.dsn(database), autocommit=True) as connection:
        for name in ("room.setup", "room.setup_extras"):
            connection.execute(OPS[name].text({}))
        connection.execute("alter table events set (autovacuum_enabled = off)")
        connection.execute("alter table rooms set (autovacuum_enabled = off)")
        for name, arguments in KEPT.items():
            prepare(connection, name)
            buffers(connection, name, arguments)
        connection.execute("insert into rooms (id) select 'r' || i from generate_series(1, 50) as i")
        connection.execute("""insert into events (id, room_id, index, content, source_channel_id, source_channel_type, status,
            idempotency_key) select 'e' || i, 'r1', i, '{}', 'sms', 'sms', 'delivered', 'k' || i
            from generate_series(0, 19999) as i""")
        connection.execute("insert into read_markers values ('r1', 'reader', 19989)")
        pages = {name: buffers(connection, name, arguments) for name, arguments in KEPT.items()}
        assert max(pages.values()) < 200, pages
