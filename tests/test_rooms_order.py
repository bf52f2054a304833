"""Writes of rooms that meet others' half-done work: they wait for the room before they hold an event, and new columns of
RoomKit's identities take their defaults."""
import concurrent.futures
import json
import time

import compile as compiler
import psycopg
import pytest

OPS = {op.name: op for op in compiler.read()}
WAIT_SECONDS = 30


def call(connection, name, *arguments):
    op = OPS[name]
    literals = ", ".join(
        psycopg.sql.Literal(value).as_string(connection) + "::" + arg.parameter(op.batch)
        for value, arg in zip(arguments, op.args, strict=True))
    types = ", ".join(arg.parameter(op.batch) for arg in op.args)
    plan = name.replace(".", "_")
    connection.execute(f"prepare {plan}({types}) as {op.text({})}")
    done = connection.execute(f"execute {plan}({literals})")
    rows = done.fetchall() if done.description else None
    connection.execute(f"deallocate {plan}")
    return rows


@pytest.fixture
def connect(server, database):
    """Opens sessions as the engine's; all are closed in the end."""
    opened = []

    def open_one():
        opened.append(psycopg.connect(server.dsn(database), autocommit=True, prepare_threshold=None))
        opened[-1].execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set jit = off")
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


def wait_for_lock(connection, waiter):
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        if connection.execute("select cardinality(pg_blocking_pids(%s))", (waiter.info.backend_pid,)).fetchone()[0]:
            return
        time.sleep(0.01)
    raise AssertionError("it waits for nobody")


def event(name, content, **fields):
    return json.dumps({"id": name, "room_id": "room", "content": content,
                       "source": {"channel_id": "sms", "channel_type": "sms"}, **fields})


DELETED = event("target", {"type": "text"}, metadata={"deleted": True})


@pytest.mark.parametrize("name, arguments, left", [
    ("room.delete_event", ("room", "target", True), []),
    ("room.write_change_target", ("room", DELETED), [("edit", True), ("target", True)]),
    ("room.mark_edits_deleted", ("room", "target"), [("edit", True), ("target", None)])])
def test_a_write_of_several_events_waits_for_the_room_with_no_event_held(connect, name, arguments, left):
    first, second = connect(), connect()
    for setup in ("room.setup", "room.setup_extras"):
        first.execute(OPS[setup].text({}))
    first.execute("insert into rooms (id) values ('room')")
    edit = {"type": "edit", "target_event_id": "target"}
    call(first, "room.commit_event", ["room", "room"], [event("target", {"type": "text"}), event("edit", edit)], [True, True])
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        with first.transaction():
            first.execute("select from rooms where id = 'room' for no key update")
            waiting = threads.submit(call, second, name, *arguments)
            wait_for_lock(first, second)
            first.execute("select from events for update nowait")
        waiting.result(WAIT_SECONDS)
    assert first.execute("select id, (metadata ->> 'deleted')::boolean from events order by id").fetchall() == left


def keyed(name, key):
    return event(name, {"type": "text"}, idempotency_key=key)


# Each gives event "b" the key of event "a".
EXCHANGES = [
    ("room.update_event", ("b", keyed("b", "key a"))),
    ("room.write_change_target", ("room", keyed("b", "key a"))),
    ("room.commit_change", ("room", event("c", {"type": "edit"}), keyed("b", "key a"), False))]


@pytest.mark.parametrize("name, arguments", EXCHANGES, ids=[name for name, _ in EXCHANGES])
def test_events_that_exchange_their_keys_never_deadlock(connect, name, arguments):
    """An index after that of the keys holds each write up when it has written its row and no key yet."""
    first, second, third = connect(), connect(), connect()
    first.execute(OPS["room.setup"].text({}))
    first.execute("insert into rooms (id) values ('room')")
    call(first, "room.commit_event", ["room"] * 2, [keyed("a", "key a"), keyed("b", "key b")], [True] * 2)
    first.execute("""create function held_up(text) returns text language plpgsql immutable as $$
        begin perform pg_advisory_xact_lock_shared(1); return $1; end $$""")
    keys, = first.execute("select pg_get_indexdef('idx_events_idempotency_channel'::regclass)").fetchone()
    first.execute("create index on events (held_up(id))")
    first.execute(f"drop index idx_events_idempotency_channel; {keys}")  # indexes are written in the order they were made in
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        first.execute("select pg_advisory_lock(1)")
        one = threads.submit(call, second, "room.update_event", "a", keyed("a", "key b"))
        wait_for_lock(first, second)
        other = threads.submit(call, third, name, *arguments)
        wait_for_lock(first, third)
        first.execute("select pg_advisory_unlock(1)")
        for refused in (one, other):
            with pytest.raises(psycopg.errors.UniqueViolation):
                refused.result(WAIT_SECONDS)
    assert first.execute("select id, idempotency_key from events order by id").fetchall() == [("a", "key a"), ("b", "key b")]


@pytest.mark.parametrize("name, setups", [
    ("room.create_identity_narrow", ["room.setup"]), ("room.create_identity_narrow", ["room.setup", "room.setup_extras"]),
    ("room.create_identity", ["room.setup", "room.setup_extras"])], ids=["RoomKit's columns", "narrow on extras", "extras"])
def test_columns_of_a_newer_roomkit_take_their_defaults(connect, name, setups):
    connection = connect()
    for setup in setups:
        connection.execute(OPS[setup].text({}))
    connection.execute("""alter table identities add tags jsonb not null default '["it''s"]', add note text not null default '',
        add seen_at timestamptz not null default now(), add later text, add locale text not null default 'en'""")
    document = {"id": "i", "organization_id": "o", "phone": "+9", "external_id": "x", "external_ids": {"crm": "7"},
                "channel_addresses": {"sms": ["+1"]}, "metadata": None, "locale": "fr"}
    assert call(connection, name, "i", json.dumps(document)) == [(None,)]
    stored, = connection.execute("select to_jsonb(t) from identities as t").fetchone()
    assert connection.execute("select now() - seen_at < '1 minute' from identities").fetchone() == (True,)
    expected = {"id": "i", "organization_id": "o", "display_name": None, "email": None, "channel_addresses": {"sms": ["+1"]},
                "metadata": {}, "tags": ["it's"], "note": "", "later": None, "locale": "en"}
    if "room.setup_extras" in setups:
        extras = {"phone": "+9", "external_id": "x", "external_ids": {"crm": "7"}}
        expected |= extras if name == "room.create_identity" else dict.fromkeys(extras)
    assert {name: value for name, value in stored.items() if name != "seen_at"} == expected
