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


def buffers(connection, name, arguments):
    """How many pages one call reads, planned as the engine plans it, once the plan is kept."""
    op = OPS[name]
    values = ", ".join(
        (f"array[{psycopg.sql.Literal(value).as_string(connection)}]" if op.batch
         else psycopg.sql.Literal(value).as_string(connection)) + "::" + arg.parameter(op.batch)
        for value, arg in zip(arguments, op.args))
    connection.execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set jit = off")
    connection.execute("deallocate all")
    connection.execute("prepare operation as " + op.text({}))
    for _ in range(2):  # the first one also reads the catalogue
        plan, = connection.execute(f"explain (analyze, buffers, format json) execute operation({values})").fetchone()
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
    few, many = (buffers(connection, name, CALLS[name]) for connection in sizes)
    assert many < 3 * few + 50, (few, many)
