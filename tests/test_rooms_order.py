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


@pytest.mark.parametrize("row, name, arguments, left", [
    ("rooms where id = 'room'", "room.delete_event", ("room", "target", True), []),
    ("event_sequences where room_id = 'room'", "room.delete_event", ("room", "target", True), []),
    ("rooms where id = 'room'", "room.delete_orphans", ("room", '["target"]', True), [("target", None)]),
    ("rooms where id = 'room'", "room.delete_orphans", ("room", '["target"]', False), [("target", None)]),
    ("rooms where id = 'room'", "room.write_change_target", ("room", DELETED), [("edit", True), ("target", True)]),
    ("rooms where id = 'room'", "room.mark_edits_deleted", ("room", "target"), [("edit", True), ("target", None)])])
def test_a_write_of_several_events_waits_for_the_room_with_no_event_held(connect, row, name, arguments, left):
    first, second = connect(), connect()
    for setup in ("room.setup", "room.setup_extras"):
        first.execute(OPS[setup].text({}))
    first.execute("insert into rooms (id) values ('room')")
    edit = {"type": "edit", "target_event_id": "target"}
    call(first, "room.commit_event", ["room", "room"], [event("target", {"type": "text"}), event("edit", edit)], [True, True])
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        with first.transaction():
            first.execute(f"select from {row} for no key update")
            waiting = threads.submit(call, second, name, *arguments)
            wait_for_lock(first, second)
            first.execute("select from events for update nowait")
        waiting.result(WAIT_SECONDS)
    assert first.execute("select id, (metadata ->> 'deleted')::boolean from events order by id").fetchall() == left


def append_as_roomkit(connection, room_ids, events):
    """RoomKit's own appends, which lock the row of the sequence but not the room's."""
    for room_id, document in zip(room_ids, map(json.loads, events), strict=True):
        connection.execute(
            """with s as (update event_sequences set next_index = next_index + 1 where room_id = %s returning next_index - 1 as i)
            insert into events (id, room_id, content, source_channel_id, source_channel_type, parent_event_id, index)
            select %s, %s, %s, 'sms', 'sms', %s, i from s""",
            (room_id, document["id"], room_id, json.dumps(document["content"]), document.get("parent_event_id")))


# What adds events; room.add_event leaves the sequence's number as it is.
ADDS = {
    "room.add_event": lambda connection, *columns: call(connection, "room.add_event", *columns),
    "room.add_event_auto_index": lambda connection, *columns: call(connection, "room.add_event_auto_index", *columns),
    "room.commit_event": lambda connection, *columns: call(connection, "room.commit_event", *columns, [True] * len(columns[0])),
    "RoomKit": append_as_roomkit}


@pytest.fixture
def beside(connect):
    """Runs a write beside one that adds events to its room and commits when the write waits for it; the write's rows."""
    first, second = connect(), connect()
    for setup in ("room.setup", "room.setup_extras"):
        first.execute(OPS[setup].text({}))
    first.execute("insert into rooms (id) values ('room')")

    def run(add, events, name, *arguments):
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            with first.transaction():
                ADDS[add](first, ["room"] * len(events), events)
                waiting = threads.submit(call, second, name, *arguments)
                wait_for_lock(first, second)
            return waiting.result(WAIT_SECONDS)

    return first, run


def changing(kind, target):
    return {"type": kind, "target_event_id": target}


def stored(connection):
    return [name for name, in connection.execute("select id from events order by id")]


@pytest.mark.parametrize("cascade", [True, False])
@pytest.mark.parametrize("add", ADDS)
def test_what_comes_while_a_deletion_waits_is_told_and_can_be_deleted(beside, add, cascade):
    connection, run = beside
    early = [("other", {"type": "text"}, {}), ("root", {"type": "text"}, {}),
             ("reply 1", {"type": "text"}, {"parent_event_id": "root"}), ("edit 1", changing("edit", "root"), {})]
    late = [("reply 2", {"type": "text"}, {"parent_event_id": "root"}), ("edit 2", changing("edit", "root"), {}),
            ("edit 3", changing("edit", "reply 1"), {}), ("edit 4", changing("edit", "reply 2"), {}),
            ("edit 5", changing("edit", "other"), {}), ("delete", changing("delete", "root"), {})]
    early, late = ([event(name, content, index=number, **more) for number, (name, content, more) in enumerate(events, base)]
                   for events, base in ((early, 0), (late, -len(late))))
    call(connection, "room.add_event_auto_index", ["room"] * len(early), early)
    gone = run(add, late, "room.delete_event", "room", "root", cascade)
    assert [(row[0], row[-1]) for row in gone] == [("root", True), *[("reply 1", True)] * cascade, ("edit 1", False)]
    ids = [row[0] for row in gone if row[-1]]
    more = call(connection, "room.delete_orphans", "room", json.dumps(ids), cascade)
    orphans = ["reply 2", "edit 2", "edit 3", "edit 4", "delete"] if cascade else ["edit 2", "delete"]
    assert [row[0] for row in more] == orphans
    left = ["edit 5", "other"] if cascade else ["edit 3", "edit 4", "edit 5", "other", "reply 1", "reply 2"]
    assert stored(connection) == left


def test_a_deletion_that_met_nothing_new_says_so(beside):
    connection, run = beside
    call(connection, "room.commit_event", ["room"], [event("root", {"type": "text"})], [True])
    with connection.transaction():  # the room was written, and nothing came into it
        connection.execute("update rooms set metadata = '{}'")
    (gone, *_, late), = call(connection, "room.delete_event", "room", "root", True)
    assert (gone, late) == ("root", False)
    assert run("room.add_event", [event("new", {"type": "text"})], "room.delete_event", "room", "nowhere", True) == []


def test_a_deletion_that_waits_for_another_one_finds_nothing(connect, beside):
    connection, _ = beside
    other = connect()
    events = [event("root", {"type": "text"}), event("reply", {"type": "text"}, parent_event_id="root")]
    call(connection, "room.commit_event", ["room"] * 2, events, [True] * 2)
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        with connection.transaction():
            call(connection, "room.delete_event", "room", "root", False)
            waiting = threads.submit(call, other, "room.delete_event", "room", "root", True)
            wait_for_lock(connection, other)
        assert waiting.result(WAIT_SECONDS) == []
    assert stored(connection) == ["reply"]


@pytest.mark.parametrize("add", ADDS)
def test_an_edit_that_comes_while_a_delete_waits_to_be_committed_is_told(beside, add):
    connection, run = beside
    call(connection, "room.commit_event", ["room"], [event("target", {"type": "text"})], [True])
    edit = event("edit", changing("edit", "target"), index=-1)
    delete = event("delete", changing("delete", "target"), type="delete")
    (_, late), = run(add, [edit], "room.commit_change", "room", delete, DELETED, True)
    assert late is True
    call(connection, "room.mark_edits_deleted", "room", "target")
    marked = connection.execute("select id from events where metadata @> '{\"deleted\": true}' order by id").fetchall()
    assert marked == [("edit",), ("target",)]


def test_a_change_in_a_room_without_an_index_sequence_begins_one(beside):
    connection, _ = beside
    call(connection, "room.commit_event", ["room"], [event("target", {"type": "text"})], [True])
    connection.execute("delete from event_sequences; update events set index = 7")  # as events put in by hand
    (index, late), = call(connection, "room.commit_change", "room", event("edit", changing("edit", "target"), type="edit"),
                          event("target", {"type": "text", "body": "anew"}), True)
    assert (index, late) == (0, False)
    assert connection.execute("select next_index from event_sequences").fetchall() == [(1,)]
    assert connection.execute("select content ->> 'body' from events where id = 'target'").fetchall() == [("anew",)]


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
