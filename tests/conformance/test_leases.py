"""Leases: transactions, what belongs to one session, COPY, notifications; and that sessions are never shared or lost."""

import json
import pathlib
import random
import re
import threading
import time

import pytest
from suite.adapter import answers
from suite.database import wait_until

SOON = 20  # seconds: far from the tenths that things take here, and from the 60 s of a statement that nobody stops
MANY = 1_000_000  # rows of a bulk copy
GROWTH = 96 << 20  # bytes an adapter may grow by while they pass


@pytest.fixture
def asking(adapter):
    if not adapter.can.get("sql"):
        pytest.skip(f"{adapter.can['binding']} does not serve SQL of the caller's own")
    return adapter


@pytest.fixture
def store(asking, db):
    db.execute("create table items (id int primary key, name text)")
    store = asking.open(db.dsn)
    yield store
    store.close()


def ids(store, lease=None):
    return [row[0] for row in store.rows("select id from items order by id", lease=lease)]


def test_commit_and_rollback(store):
    store.lease("a")
    store.told("begin", lease="a")
    store.told("insert into items values (1, 'one')", lease="a")
    assert ids(store) == [] and ids(store, "a") == [1]
    store.told("commit", lease="a")
    store.told("begin", lease="a")
    store.told("delete from items", lease="a")
    store.told("rollback", lease="a")
    store.give_back("a")
    assert ids(store) == [1]


def test_savepoints(store):
    store.lease("a")
    store.told("begin", lease="a")
    store.told("insert into items values (1, 'outer')", lease="a")
    store.told("savepoint s1", lease="a")
    assert store.query("insert into items values (1, 'again')", lease="a").error["sqlstate"] == "23505"
    assert store.query("select 1", lease="a").error["sqlstate"] == "25P02"
    store.told("rollback to savepoint s1", lease="a")
    store.told("insert into items values (2, 'inner')", lease="a")
    store.told("release savepoint s1", lease="a")
    store.told("commit", lease="a")
    store.give_back("a")
    assert ids(store) == [1, 2]


def test_calls_of_a_lease_keep_their_order(store):
    if not store.adapter.can["ordered"]:
        pytest.skip(f"{store.adapter.can['binding']}: calls of many threads have no order")
    store.lease("a")
    calls = [store.submit_query("begin", lease="a")]
    calls += [store.submit_query(f"insert into items values ({n}, 'x')", lease="a") for n in range(50)]
    calls += [store.submit_query("select count(*) from items", lease="a"), store.submit_query("commit", lease="a")]
    assert json.loads(answers(calls)[-2].result)["rows"] == [[50]]
    store.give_back("a")
    assert len(ids(store)) == 50


def test_who_holds_a_lease_goes_on_when_the_queue_is_full_of_those_who_wait_for_one(asking, store, db):
    small = asking.open(db.dsn, connections=2, queue=8)
    small.lease("held")
    small.told("begin", lease="held")
    takers = [small.ask("lease", lease=f"taker {n}") for n in range(30)]
    if not asking.can["waits_when_full"]:
        assert [answer.status for answer in answers(takers[8:])] == ["FULL"] * 22
        takers = [taker for taker in takers[:8] if not taker.done()]
        assert len(takers) == 7
    for n in range(5):
        assert small.submit_query(f"insert into items values ({n}, 'x')", lease="held").answer(20).status == "OK"
    small.told("commit", lease="held")
    small.give_back("held")
    waiting = dict(enumerate(takers))
    while waiting:
        wait_until(lambda: any(taker.done() for taker in waiting.values()))
        (served,) = (n for n, taker in waiting.items() if taker.done())
        assert waiting.pop(served).answer().status == "OK"
        small.told("select 1", lease=f"taker {served}")
        small.give_back(f"taker {served}")
    assert len(ids(store)) == 5
    small.close()


@pytest.mark.parametrize("sql", ["copy items from stdin", "copy items to stdout", "select 1; copy items from stdin"])
def test_a_copy_is_no_query(asking, store, sql):
    if asking.name == "c":
        pytest.skip("C reads from the answer that a copy has begun")
    store.lease("a")
    assert store.query(sql, lease="a").status == "INVALID"
    assert store.rows("select 1", lease="a") == [[1]]
    store.give_back("a")


def test_a_returned_lease_leaves_nothing(asking, store, db):
    alone = asking.open(db.dsn, connections=2)
    alone.lease("first")
    for sql in (
        "set search_path = nowhere",
        "create temp table mine (a int)",
        "select pg_advisory_lock(5)",
        "listen news",
        "prepare mine as select 1",
        "begin",
        "insert into public.items values (1, 'lost')",
        "declare c cursor with hold for select 1",
    ):
        alone.told(sql, lease="first")
    alone.give_back("first")
    alone.lease("second")
    traces = alone.rows(
        "select current_setting('search_path') = 'nowhere', to_regclass('mine') is not null,"
        " (select count(*) from pg_locks where locktype = 'advisory'), (select count(*) from pg_listening_channels()),"
        " (select count(*) from pg_prepared_statements where name = 'mine'), (select count(*) from items),"
        " (select count(*) from pg_cursors where name = 'c')",
        lease="second",
    )
    assert traces == [[False, False, 0, 0, 0, 0, 0]]
    alone.give_back("second")
    alone.close()


def test_a_lease_given_back_is_refused(store):
    store.lease("a")
    store.give_back("a")
    answer = store.query("select 1", lease="a")
    assert answer.status == "INVALID" and not answer.error.get("sqlstate")
    store.give_back("a")
    assert store.rows("select 1") == [[1]]


def test_takers_wait_in_order_and_operations_do_not(asking, states):
    store = asking.open(states.dsn, connections=3)
    store.lease("a"), store.lease("b")
    answer = store.ask("lease", lease="late", deadline_ms=200).answer()
    assert answer.status == "DEADLINE" and "2 of at most 2" in answer.error["message"]
    assert store.ok("state.count") is not None
    waiting = []
    for name in "cde":
        waiting.append(store.ask("lease", lease=name))
        wait_until(lambda: int(store.stats()["leases"]["waiting"]) == len(waiting))
    assert store.ok("state.count") is not None
    for number, (given, taken) in enumerate(zip("abc", "cde")):
        assert not any(call.done() for call in waiting[number:])
        store.give_back(given)
        assert waiting[number].answer().status == "OK"
    for name in "de":
        store.give_back(name)
    store.close()


def test_one_connection_still_lends(asking, states):
    store = asking.open(states.dsn, connections=1)
    store.lease("a")
    store.told("begin", lease="a")
    assert store.ok("state.count") is not None
    store.told("commit", lease="a")
    store.give_back("a")
    store.close()


def test_a_blocked_statement_does_not_block_the_owner_of_the_lock(asking, store, db):
    """The lock's owner, a blocked statement, and the owner again: no statement waits behind another's."""
    few = asking.open(db.dsn, connections=3)
    few.told("insert into items values (1, 'x')")
    few.lease("owner")
    few.told("begin", lease="owner")
    few.told("update items set name = 'owner' where id = 1", lease="owner")
    blocked = few.submit_query("update items set name = 'blocked' where id = 1 returning name")
    wait_until(lambda: db.query("select 1 from pg_stat_activity where query like '%%blocked%%' and wait_event_type = 'Lock'"))
    few.told("update items set name = name || ' again' where id = 1", lease="owner")
    assert not blocked.done()
    few.told("commit", lease="owner")
    assert json.loads(blocked.answer().result)["rows"] == [["blocked"]]
    few.give_back("owner")
    few.close()


def test_deadlocked_leases_are_told(asking, store, db):
    two = asking.open(db.dsn, connections=3)
    two.told("insert into items values (1, 'x'), (2, 'y')")
    for name, own in (("a", 1), ("b", 2)):
        two.lease(name)
        two.told("begin", lease=name)
        two.told("update items set name = name where id = $1", [own], lease=name)
    calls = [two.submit_query(f"update items set name = name where id = {3 - own}", lease=name) for name, own in (("a", 1), ("b", 2))]
    told = answers(calls)
    assert sorted(answer.status for answer in told) == ["CONFLICT", "OK"]
    (failed,) = [answer for answer in told if answer.status == "CONFLICT"]
    assert failed.error["sqlstate"] == "40P01"
    for name in "ab":
        two.give_back(name)
    two.close()


def test_sixty_four_transactions_on_four_connections(asking, store, db):
    db.execute("create table accounts (id int primary key, balance int); insert into accounts select n, 100 from generate_series(1, 8) n")
    bank = asking.open(db.dsn, connections=4)
    rng, problems = random.Random(5), []
    transfers = [sorted(rng.sample(range(1, 9), 2)) for _ in range(64)]

    def transfer(number, low, high):
        try:
            name = bank.lease(f"t{number}")
            bank.told("begin", lease=name)
            bank.told("update accounts set balance = balance - 1 where id = $1", [low], lease=name)
            bank.told("update accounts set balance = balance + 1 where id = $1", [high], lease=name)
            bank.told("rollback" if number % 8 == 0 else "commit", lease=name)
            bank.give_back(name)
        except AssertionError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=transfer, args=(number, *pair)) for number, pair in enumerate(transfers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems[0]
    wanted = {n: 100 for n in range(1, 9)}
    for number, (low, high) in enumerate(transfers):
        if number % 8:
            wanted[low] -= 1
            wanted[high] += 1
    assert dict(db.query("select id, balance from accounts")) == wanted
    assert int(bank.stats()["leases"]["out"]) == 0
    bank.close()


# ---- COPY


def test_copy_in_and_out(store):
    store.lease("a")
    told = store.ask("copy_in", lease="a", sql="copy items from stdin", data=["1\tone\n2\t", "two\n", "3\tü\n"]).answer()
    assert json.loads(told.result).get("count", 3) == 3
    assert ids(store) == [1, 2, 3]
    rows = store.ask("copy_out", lease="a", sql="copy (select * from items order by id) to stdout").answer()
    assert json.loads(rows.result) == "1\tone\n2\ttwo\n3\tü\n"
    empty = store.ask("copy_out", lease="a", sql="copy (select 1 where false) to stdout").answer()
    assert json.loads(empty.result) == ""
    store.give_back("a")


def test_copy_in_that_fails(store):
    store.lease("a")
    wrong = store.ask("copy_in", lease="a", sql="copy items from stdin", data=["1\tone\n", "many\ttwo\n"]).answer()
    assert (wrong.status, wrong.error["sqlstate"]) == ("INVALID", "22P02")
    given_up = store.ask("copy_in", lease="a", sql="copy items from stdin", data=["1\tone\n"], failure="second thoughts").answer()
    assert given_up.status == "INVALID" and given_up.error.get("sqlstate") in ("57014", None)
    assert store.ask("copy_in", lease="a", sql="copy nowhere from stdin", data=["1\n"]).answer().status == "INVALID"
    assert ids(store, "a") == []
    store.give_back("a")


def test_copy_out_that_fails(store):
    store.lease("a")
    answer = store.ask("copy_out", lease="a", sql="copy (select 10 / (50 - n) from generate_series(1, 100) n) to stdout").answer()
    assert (answer.status, answer.error["sqlstate"]) == ("INVALID", "22012")
    assert store.rows("select 1", lease="a") == [[1]]
    store.give_back("a")


def test_copy_out_that_nobody_reads_to_its_end(store):
    store.lease("a")
    for _ in range(3):
        endless = "copy (select repeat('x', 1000), generate_series(1, 10000000)) to stdout"
        answer = store.ask("copy_out", lease="a", sql=endless, stop=2, sizes=True).answer()
        assert answer.status == "OK", answer
        assert store.rows("select 2", lease="a") == [[2]]
    store.give_back("a")
    assert store.rows("select 3") == [[3]]


def resident(adapter):
    """The adapter's greatest size so far, in bytes."""
    status = pathlib.Path(f"/proc/{adapter.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) << 10


def test_a_million_rows_in_and_out_in_bounded_memory(asking, store, db):
    db.execute("create unlogged table bulk (name text)")
    store.lease("a")
    piece = ("x" * 99 + "\n") * 500
    store.ask("copy_in", lease="a", sql="copy bulk from stdin", data=[piece]).answer()
    before = resident(asking)
    told = store.ask("copy_in", lease="a", sql="copy bulk from stdin", data=[piece], repeat=MANY // 500, deadline_ms=120000).answer(150)
    assert json.loads(told.result).get("count", MANY) == MANY
    assert db.query("select count(*) from bulk") == [(MANY + 500,)]
    sizes = store.ask("copy_out", lease="a", sql="copy bulk to stdout", sizes=True, deadline_ms=120000).answer(150)
    sizes = json.loads(sizes.result)
    assert sizes["bytes"] == (MANY + 500) * 100 and sizes["largest"] < 4 << 20
    assert resident(asking) - before < GROWTH
    store.give_back("a")


# ---- notifications


def test_notifications(asking, store, db):
    store.lease("ear")
    store.told("listen news", lease="ear")
    early = store.ask("notification", lease="ear")
    for n in range(200):
        db.execute(f"notify news, 'ü {n}'")
    told = [json.loads(early.answer().result)]
    told += [json.loads(store.ask("notification", lease="ear").answer().result) for _ in range(199)]
    assert [note["payload"] for note in told] == [f"ü {n}" for n in range(200)]
    assert {note["channel"] for note in told} == {"news"}
    assert store.ask("notification", lease="ear", deadline_ms=100).answer().status == "DEADLINE"
    # Statements go on while somebody waits.
    waiting = store.ask("notification", lease="ear")
    assert store.rows("select 1", lease="ear") == [[1]]
    store.told("notify news, 'own'", lease="ear")
    assert json.loads(waiting.answer().result)["payload"] == "own"
    store.give_back("ear")


# ---- letting go


@pytest.fixture
def cancelling(asking):
    if not asking.can["cancels"]:
        pytest.skip(f"{asking.can['binding']}: a blocked caller cannot let go")
    return asking


def test_cancelling_stops_the_statement(cancelling, store, db):
    store.lease("a")
    store.told("begin", lease="a")
    store.told("insert into items values (1, 'x')", lease="a")
    store.told("savepoint s", lease="a")
    call = store.submit_query("select pg_sleep(60), 'cancelling'", lease="a")
    wait_until(lambda: db.query("select 1 from pg_stat_activity where query like '%%cancelling%%' and wait_event = 'PgSleep'"))
    call.cancel()
    assert call.answer(SOON).status == "CANCELLED"
    store.told("rollback to s", lease="a", deadline_ms=SOON * 1000)
    store.told("commit", lease="a")
    store.give_back("a")
    assert ids(store) == [1]


def test_cancelled_takers_and_notifications(cancelling, db):
    store = cancelling.open(db.dsn, connections=2)
    store.lease("a")
    waiting = store.ask("lease", lease="b")
    ear = store.ask("notification", lease="a")
    wait_until(lambda: int(store.stats()["leases"]["waiting"]) == 1)
    waiting.cancel(), ear.cancel()
    assert {waiting.answer(SOON).status, ear.answer(SOON).status} == {"CANCELLED"}
    assert store.rows("select 1", lease="a") == [[1]]
    store.give_back("a")
    for n in range(20):  # whether it was cancelled before or after it had its lease, the lease comes back
        taker = store.ask("lease", lease=f"c{n}")
        taker.cancel()
        if taker.answer(SOON).status == "OK":
            store.give_back(f"c{n}")
    store.lease("d", deadline_ms=SOON * 1000)
    store.give_back("d")
    store.close()


def test_a_deadline_on_a_lease(store):
    store.lease("a")
    begun = time.monotonic()
    assert store.query("select pg_sleep(60)", lease="a", deadline_ms=300).status == "DEADLINE"
    assert time.monotonic() - begun < SOON
    assert store.rows("select 1", lease="a", deadline_ms=SOON * 1000) == [[1]]
    store.told("begin", lease="a")
    assert store.query("select pg_sleep(60)", lease="a", deadline_ms=300).status == "DEADLINE"
    assert store.query("select 1", lease="a").error["sqlstate"] == "25P02"
    store.told("rollback", lease="a")
    store.give_back("a")


def test_a_lease_that_lies_unused_is_taken_back(asking, store, db):
    hasty = asking.open(db.dsn, connections=2, lease_idle_ms=1500)
    hasty.lease("a")
    # In use it is not taken back, however long that is; one call, because a slow machine could let it lie between two.
    hasty.told("begin; insert into items values (1, 'never'); select pg_sleep(2)", lease="a")
    other = hasty.lease("b", deadline_ms=SOON * 1000)
    answer = hasty.query("commit", lease="a")
    assert answer.status == "INVALID" and "lying unused" in answer.error["message"]
    assert int(hasty.stats()["leases"]["reclaimed"]) == 1
    hasty.give_back("a")
    assert hasty.rows("select 1", lease=other) == [[1]]
    hasty.give_back(other)
    hasty.close()
    assert ids(store) == []


def terminate(db, sql):
    db.query("select pg_terminate_backend(pid) from pg_stat_activity where query like %s and pid <> pg_backend_pid()", [sql])


def test_a_lost_link(store, db):
    store.lease("a")
    store.told("begin", lease="a")
    store.told("insert into items values (1, 'mark of the lost')", lease="a")
    terminate(db, "%mark of the lost%")
    first = store.query("insert into items values (2, 'x')", lease="a")
    assert first.status in ("UNAVAILABLE", "INVALID"), first
    again = store.query("commit", lease="a")
    assert again.status == "INVALID" and "lost" in again.error["message"]
    store.give_back("a")
    assert ids(store) == []
    store.lease("b")
    assert store.rows("select 1", lease="b") == [[1]]
    store.give_back("b")


def test_a_link_lost_under_a_statement(store, db):
    call = store.submit_query("insert into items select 1, 'under way' from pg_sleep(60)")
    wait_until(lambda: db.query("select 1 from pg_stat_activity where query like '%%under way%%' and wait_event = 'PgSleep'"))
    terminate(db, "%under way%")
    answer = call.answer(SOON)
    assert answer.status in ("UNKNOWN", "UNAVAILABLE")
    assert ids(store) == []


def test_single_statements_after_all_idle_links_ended(asking, db):
    store = asking.open(db.dsn, connections=4)
    for turn in range(3):
        calls = [store.submit_query("select pg_sleep(0.02), $1::int", [n]) for n in range(12)]
        assert {answer.status for answer in answers(calls)} == {"OK"}
        before = db.backends()
        for pid, _ in before:
            db.query("select pg_terminate_backend(%s)", [pid])
        wait_until(lambda: not before & db.backends())
    store.close()


def test_leases_out_at_the_close(asking, db):
    store = asking.open(db.dsn, connections=3)
    store.lease("a"), store.lease("b")
    store.told("begin", lease="a")
    waiting = store.ask("lease", lease="c")
    ear = store.ask("notification", lease="b")
    wait_until(lambda: int(store.stats()["leases"]["waiting"]) == 1)
    store.close()
    assert {waiting.answer().status, ear.answer().status} == {"CLOSED"}
    wait_until(lambda: not db.backends())
