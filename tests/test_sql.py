"""The operations' statements on a real server: they prepare as declared, set up what they need, and never read a
whole table that grows."""
import compile as compiler
import psycopg
import pytest
from psycopg import sql

OPS = {op.name: op for op in compiler.read()}
SETUPS = [op for op in OPS.values() if op.name.endswith(".setup")]
EXTRAS = [op for op in OPS.values() if op.name.endswith((".index", ".setup_versions", ".setup_extras"))]
TABLE_NAMES = OPS["room.setup"].names  # of the slots that have another name than their table
FORMS = [form for op in OPS.values() for form in op.forms()]
QUERIES = [form for form in FORMS if not form.sql.startswith("do ")]
# Rows of every store's table: %s is the number of the last one.
ROWS = {
    "agent_states": """insert into agent_states (agent_id, session_id, state)
        select 'agent ' || i %% 1000, 'session ' || i, jsonb_build_object('number', i)
        from generate_series(1, %s) as i""",
    "agent_checkpoints": """insert into agent_checkpoints (thread_id, state, updated_at)
        select 'thread ' || i, jsonb_build_object('number', i), now() - i * interval '1 minute'
        from generate_series(1, %s) as i""",
    "acp_runs": """insert into acp_runs (run_id, agent_name, session_id, status, output, created_at)
        select 'run ' || i, 'agent ' || i %% 1000, 'session ' || i %% 1000, 'created', '[]', localtimestamp - i * interval '1 s'
        from generate_series(1, %s) as i""",
    "acp_sessions": """insert into acp_sessions (id, history)
        select 'session ' || i, '[]' from generate_series(1, %s) as i""",
    "acp_events": """insert into acp_events (run_id, event_type, data, created_at)
        select 'run ' || i %% 1000, 'generic', '{}', localtimestamp + i * interval '1 s' from generate_series(1, %s) as i""",
    "rooms": """insert into rooms (id, organization_id, status, metadata, created_at)
        select 'room ' || i, 'org ' || i %% 100, (array['active', 'paused', 'closed'])[1 + i %% 3], jsonb_build_object('n', i),
            now() - i * interval '1 minute' from generate_series(1, %s) as i""",
    "room_events": """insert into events (id, room_id, index, content, source_channel_id, source_channel_type,
            parent_event_id, correlation_id, responds_to, idempotency_key)
        select 'event ' || i, 'room ' || i %% 100 + 1, i / 100, jsonb_build_object('type', 'text', 'body', i),
            'channel ' || i %% 10, 'sms', case when i %% 3 = 0 then 'event ' || i / 2 end, 'turn ' || i %% 1000,
            case when i %% 3 = 1 then 'event ' || i / 2 end, 'key ' || i from generate_series(1, %s) as i""",
    "room_event_sequences": """insert into event_sequences (room_id, next_index)
        select 'room ' || i, 1000 from generate_series(1, %s) as i""",
    "room_bindings": """insert into bindings (room_id, channel_id, channel_type, participant_id)
        select 'room ' || i, 'channel ' || i %% 1000, 'sms', 'person ' || i from generate_series(1, %s) as i""",
    "room_participants": """insert into participants (room_id, id, channel_id, identity_id, connected_via)
        select 'room ' || i, 'person ' || i %% 1000, 'channel', 'identity ' || i, '{channel}'
        from generate_series(1, %s) as i""",
    "room_identities": """insert into identities (id) select 'identity ' || i from generate_series(1, %s) as i""",
    "room_identity_addresses": """insert into identity_addresses (channel_type, address, identity_id)
        select 'sms', 'number ' || i, 'identity ' || i from generate_series(1, %s) as i""",
    "room_tasks": """insert into tasks (id, room_id, title)
        select 'task ' || i, 'room ' || i %% 1000 + 1, 'do' from generate_series(1, %s) as i""",
    "room_observations": """insert into observations (id, room_id, content)
        select 'observation ' || i, 'room ' || i %% 1000 + 1, 'seen' from generate_series(1, %s) as i""",
    "room_read_markers": """insert into read_markers (room_id, channel_id, event_index)
        select 'room ' || i, 'channel', 1 from generate_series(1, %s) as i""",
    "room_verifications": """insert into verifications (identity_id, status, data)
        select 'identity ' || i, 'pending', '{}' from generate_series(1, %s) as i""",
    "room_verification_requests": """insert into verification_requests (id, identity_id, status, data)
        select 'request ' || i, 'identity ' || i, 'pending', '{}' from generate_series(1, %s) as i""",
    "room_voice_deliveries": """insert into voice_deliveries (room_id, key_hash, channel_id, session_id, idempotency_key,
            content_hash, attempt_id, created_at)
        select 'room ' || i, 'hash', 'channel', 'session', 'key', 'content', 'attempt', now()
        from generate_series(1, %s) as i""",
    "room_private_state": """insert into private_state (room_id, key, value)
        select 'room ' || i, 'register', '{}' from generate_series(1, %s) as i""",
    "action_leases": """insert into action_leases (action, holder, token, due, expires_at)
        select 'action ' || i, 'holder', i, now(), now() from generate_series(1, %s) as i""",
    "room_event_tallies": """insert into room_event_tallies (room_id, through, total, bounds)
        select 'room ' || i, 1023, 1024, '{0,512}' from generate_series(1, %s) as i on conflict do nothing""",
    "room_event_corrections": """insert into room_event_corrections (room_id, index, change)
        select 'room ' || i, 700, -1 from generate_series(1, %s) as i""",
    "room_schema_version": """insert into schema_version (version) select least(i, 2) from generate_series(1, %s) as i""",
}
# The tables of schemas, whose names are in the statements.
SCHEMA_ROWS = {
    "memory.memories": """insert into memory.memories (scope, scope_id, key, value, tags)
        select 'agent', i %% 1000, 'key ' || i, 'the value of number ' || i, array['tag ' || i %% 100]
        from generate_series(1, %s / 10) as i""",
}
# What one item of a batch looks like, for EXPLAIN.
SAMPLES = {"text": "agent 1", "int": 10, "bool": True, "json": '{"number": 1}', "time": "2026-01-01T00:00:00Z",
           "bytes": b"x", "document": '{"number": 1}'}
# The same for arguments that not every text or document will do for.
NAMED_SAMPLES = {"scope": "agent", "memory_type": "fact", "importance": "0.5", "threshold": "0.5"}
READS_WHOLE_TABLE = {"state.count", "acp.clear", "run.list", "checkpoint.list",
                     "room.count_duplicate_indices"}  # their descriptions say so
# Their best plan depends on what is looked for, and the server sees that it does: no generic plan, no rule for tables
# without statistics.
NEEDS_STATISTICS = {"state.search", "room.find", "room.find_ids_by_channel"}
LARGE = 50_000


def migrate(connection):
    for op in SETUPS + EXTRAS:
        connection.execute(op.text({}))


@pytest.fixture
def migrated(server, database):
    """A connection to a database where every set-up operation has run."""
    with psycopg.connect(server.dsn(database), autocommit=True) as connection:
        migrate(connection)
        yield connection


@pytest.fixture(scope="module")
def stores(server):
    """Connections to migrated databases by the state of their tables; the tests that share them only explain."""
    connections = {}
    for state in ("empty", "never analysed", "large"):
        connections[state] = connection = server.connect(server.create_database())
        migrate(connection)
        for name, statement in {**ROWS, **SCHEMA_ROWS}.items():
            table = sql.Identifier(*TABLE_NAMES.get(name, name).split("."))
            connection.execute(sql.SQL("alter table {} set (autovacuum_enabled = off)").format(table))
            if state != "empty":
                connection.execute(statement, (LARGE,))
    connections["large"].execute("analyze")
    yield connections
    for connection in connections.values():
        server.drop_database(connection.info.dbname)


def plan(connection, op, mode):
    """The lines of the plan of one call, as a prepared statement."""
    arguments = []
    vector = compiler.vector_type(connection)
    samples = {**SAMPLES, **NAMED_SAMPLES, "vector": "[1, 0.5]" if vector == "vector" else "{1, 0.5}"}
    for arg in op.args:
        sample = "[]" if arg.list else samples.get(arg.name, samples[arg.type])
        value = sql.SQL("array[{}]" if op.batch else "{}").format(sql.Literal(sample))
        kind = vector if arg.type == "vector" else arg.parameter(op.batch)
        arguments.append(sql.SQL("{}::{}").format(value, sql.SQL(kind)))
    call = sql.SQL("({})").format(sql.SQL(", ").join(arguments)) if arguments else sql.SQL("")
    connection.execute(sql.SQL("set plan_cache_mode = {}").format(sql.Literal(mode)))
    # Rows of a schema are wide: to plans without statistics its tables look too small for an index. The engine's own
    # connections never do without one.
    connection.execute("set enable_seqscan = " + ("off" if op.needs == "gathering.setup" else "on"))
    connection.execute("prepare operation as " + op.text({}, vector))
    lines = [row[0] for row in connection.execute(sql.SQL("explain (costs off) execute operation{}").format(call))]
    connection.execute("deallocate operation")
    return lines


def test_every_table_has_rows_to_plan_with():
    assert {text for op in OPS.values() for kind, text, _ in op.pieces() if kind not in ("text", "vector")} == set(ROWS)


def test_setup_twice_changes_nothing(migrated):
    def shape():
        return migrated.execute("select oid, relname, relfilenode from pg_class order by oid").fetchall()
    before = shape()
    for op in SETUPS + EXTRAS:
        migrated.execute(op.text({}))
    assert shape() == before


def test_setup_needs_no_rights_on_tables_that_exist(server, database, migrated):
    migrated.execute("drop role if exists data_only")
    migrated.execute("create role data_only login")
    migrated.execute("revoke create on schema public from public")
    migrated.execute("grant select, insert, update, delete on all tables in schema public to data_only")
    try:
        with psycopg.connect(server.dsn(database, user="data_only")) as connection:
            for op in SETUPS:
                connection.execute(op.text({}))
    finally:
        migrated.execute("drop owned by data_only")
        migrated.execute("drop role data_only")


def form_name(op):
    return op.name + (" alone" if not op.batch and OPS[op.name].batch else "")


@pytest.mark.parametrize("op", FORMS, ids=form_name)
def test_prepares_as_declared(stores, op):
    compiler.prepare(stores["empty"], op, {})


@pytest.mark.parametrize("table", ['app.my"states', "Agent States", "agent-states", "ÄgentStates"])
def test_prepares_with_any_table_name(server, database, table):
    tables = {name: table.replace('"', '""') + f" {number}" for number, name in enumerate(ROWS)}
    with psycopg.connect(server.dsn(database), autocommit=True) as connection:
        connection.execute("create schema app")
        for op in SETUPS + EXTRAS:
            connection.execute(op.text(tables))
        for op in QUERIES:
            compiler.prepare(connection, op, tables)


@pytest.mark.parametrize("op, state", [
    pytest.param(op, state, id=f"{form_name(op)}-{state}")
    for op in QUERIES if op.name not in READS_WHOLE_TABLE
    for state in ("empty", "never analysed", "large") if state == "large" or op.name not in NEEDS_STATISTICS])
def test_never_reads_a_whole_table(stores, op, state):
    modes = ["force_generic_plan", "force_custom_plan"]
    if op.name in NEEDS_STATISTICS:
        modes.remove("force_generic_plan")
    for mode in modes:
        lines = plan(stores[state], op, mode)
        assert not [line for line in lines if "Seq Scan on" in line and "Seq Scan on pg_" not in line], "\n".join([mode, *lines])


def test_the_newest_threads_are_found_by_the_index(stores):
    lines = plan(stores["large"], OPS["checkpoint.list"], "force_generic_plan")
    assert any("idx_agent_checkpoints_updated_at" in line for line in lines), "\n".join(lines)
