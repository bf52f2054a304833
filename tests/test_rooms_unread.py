"""Unread events, counted by tallies: always what counting them one by one gives, whoever stores, deletes and moves events,
and as quick in a large room as in a small one."""
import random
import threading
import time

import compile as compiler
import psycopg
import pytest

OPS = {op.name: op for op in compiler.read()}
LARGE = 60_000  # the pages are those of a million: they grow with neither
SMALL = 1_000


def insert(connection, room, first, last, step=1):
    connection.execute(
        "insert into events (id, room_id, index, content, source_channel_id, source_channel_type)"
        " select %s || i, %s, i, '{}', 'sms', 'sms' from generate_series(%s::int, %s::int, %s) as i on conflict do nothing",
        (f"{room}-", room, first, last, step))


def unread(connection, name, room, mark):
    connection.execute("insert into read_markers values (%s, 'x', %s) on conflict (room_id, channel_id) do update"
                       " set event_index = excluded.event_index", (room, mark))
    cursor = psycopg.ClientCursor(connection)  # its parameters are part of the text
    sql = OPS[name].text({}).replace("$1", "%(room)s").replace("$2", "%(channel)s")
    return cursor.execute(sql, {"room": [room], "channel": ["x"]}).fetchone()[1]


def check(connection, room, marks):
    for mark in marks:
        quick, plain = (unread(connection, f"room.{name}", room, mark) for name in ("count_unread", "get_unread_count"))
        assert quick == plain, f"behind {mark} of {room}"


@pytest.fixture
def connection(server, database):
    with psycopg.connect(server.dsn(database), autocommit=True) as connected:
        connected.execute(OPS["room.setup"].text({}))
        yield connected


def setup_extras(connection):
    connection.execute(OPS["room.setup_extras"].text({}))


@pytest.mark.parametrize("before", [True, False], ids=["tallied from the start", "tallied later"])
def test_tallies_are_always_right(connection, before):
    dice = random.Random(7)
    connection.execute("insert into rooms (id) values ('a'), ('b')")
    if before:
        setup_extras(connection)
    top = {"a": 0, "b": 0}
    for number in range(60):
        room = dice.choice("ab")
        action = dice.random()
        if number == 30 and not before:
            setup_extras(connection)
        if action < 0.45:  # the next events, now and then behind a jump
            first = top[room] + dice.choice([0, 0, 0, 700])
            top[room] = first + dice.randint(1, 1500)
            insert(connection, room, first, top[room] - 1)
        elif action < 0.7:
            low = dice.randint(0, top[room])
            connection.execute("delete from events where room_id = %s and index between %s and %s",
                               (room, low, low + dice.choice([0, 3, 600])))
        elif action < 0.9 and top[room]:  # into the gaps
            low = dice.randint(0, top[room] - 1)
            insert(connection, room, low, min(low + 300, top[room] - 1), 7)
        elif action < 0.95:
            connection.execute("update events set index = index + 100000 where room_id = %s and index = %s", (room, top[room] // 2))
            connection.execute("update events set index = index - 100000 where room_id = %s and index >= 100000", (room,))
        else:
            with pytest.raises(ZeroDivisionError), connection.transaction():
                insert(connection, room, top[room], top[room] + 2000)
                connection.execute("delete from events where room_id = %s and index < 50", (room,))
                raise ZeroDivisionError
        if before or number > 30:
            check(connection, room, [-2147483648, -1, 0, 511, 512, top[room] // 2, top[room] - 1, top[room],
                                     *(dice.randint(0, top[room]) for _ in range(4))])
    assert connection.execute("select count(*) from room_event_tallies").fetchone()[0] > 0


def test_a_deleted_room_leaves_no_tally(connection):
    setup_extras(connection)
    connection.execute("insert into rooms (id) values ('a'), ('b')")
    for room in "ab":
        insert(connection, room, 0, 1100)
        connection.execute("delete from events where room_id = %s and index = 5", (room,))
    connection.execute("delete from rooms where id = 'a'")
    for table in ("room_event_tallies", "room_event_corrections"):
        assert connection.execute(f"select distinct room_id from {table}").fetchall() == [("b",)]
    connection.execute("insert into rooms (id) values ('a')")
    check(connection, "a", [-1, 3])
    connection.execute("truncate rooms cascade")
    for table in ("room_event_tallies", "room_event_corrections"):
        assert connection.execute(f"select count(*) from {table}").fetchall() == [(0,)]


def test_writers_need_no_rights_on_tallies(server, database, connection):
    connection.execute("drop role if exists unread_writer")
    connection.execute("create role unread_writer login")
    try:
        connection.execute("grant select, insert, update, delete on all tables in schema public to unread_writer")
        setup_extras(connection)
        with psycopg.connect(server.dsn(database, user="unread_writer"), autocommit=True) as writer:
            writer.execute("insert into rooms (id) values ('a')")
            insert(writer, "a", 0, 1100)
            writer.execute("delete from events where index = 900")
            assert unread(writer, "room.count_unread", "a", 99) == 1000
    finally:
        connection.execute("drop owned by unread_writer")
        connection.execute("drop role unread_writer")


def test_tallies_are_right_beside_concurrent_deletions(server, database, connection):
    """Deletions that are under way while a tally is made are counted by neither or by both."""
    setup_extras(connection)
    connection.execute("insert into rooms (id) values ('a')")
    insert(connection, "a", 0, 400)
    failures = []
    stored = 400

    def delete(seed):
        dice = random.Random(seed)
        try:
            with psycopg.connect(server.dsn(database)) as own:
                for number in range(40):
                    while stored < 200 * number:  # nobody is done before the tallies are made
                        time.sleep(0.001)
                    own.execute("delete from events where id = any (array(select id from events where index >= %s"
                                " and index %% 4 = %s order by index limit 3))", (dice.randint(0, stored), seed))
                    own.execute("select pg_sleep(0.003)")
                    own.commit() if dice.random() < 0.8 else own.rollback()
        except psycopg.Error as error:
            failures.append(str(error))

    threads = [threading.Thread(target=delete, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    try:
        for first in range(401, 9000, 64):
            insert(connection, "a", first, first + 63)
            stored = first + 63
    finally:
        stored = 9000
    for thread in threads:
        thread.join()
    assert not failures
    assert connection.execute("select through from room_event_tallies").fetchone()[0] > 8000
    assert connection.execute("select count(*) from room_event_corrections").fetchone()[0] > 0
    check(connection, "a", range(-1, 9001, 250))


def test_a_large_room_costs_what_a_small_one_costs(connection):
    setup_extras(connection)
    connection.execute("insert into rooms (id) values ('small'), ('large')")
    connection.execute("alter table events set (autovacuum_enabled = off)")
    insert(connection, "small", 0, SMALL - 1)
    insert(connection, "large", 0, LARGE - 1)
    connection.execute("vacuum analyze events")
    connection.execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set jit = off")
    connection.execute("prepare unread (text[], text[]) as " + OPS["room.count_unread"].text({}))
    pages = {}
    for room, size in (("small", SMALL), ("large", LARGE)):
        for behind in (10, size):  # read nearly to the end, and not at all
            connection.execute("insert into read_markers values (%s, %s, %s)", (room, str(behind), size - behind - 1))
            for _ in range(2):
                plan, = connection.execute(
                    f"explain (analyze, buffers, format json) execute unread (array['{room}'], array['{behind}'])").fetchone()
            pages[room, behind] = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
            assert connection.execute(f"execute unread (array['{room}'], array['{behind}'])").fetchone()[1] == behind
    assert max(pages["large", 10], pages["large", LARGE]) < 2 * pages["small", SMALL] + 50, pages
