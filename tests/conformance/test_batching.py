"""Calls that wait together travel together, and each still gets its own outcome."""

import os

import pytest
from proxy import Proxy
from suite.adapter import Json, answers
from suite.database import Database, wait_until
from suite.gate import PATIENT, gate, gather, load, save

POISON = Json(r'{"text":"\u0000"}')


def test_a_lone_call_is_one_round_trip(adapter, states):
    with Proxy(states.server) as proxy:
        store = adapter.open(proxy.dsn(states.name), connections=1)
        store.ok("admin.ping")
        trips, counted = proxy.trips, int(store.stats()["round_trips"])
        for n in range(10):
            store.ok("state.save", agent_id="a", session_id=str(n), state=Json("{}"))
            store.ok("state.load", agent_id="a", session_id=str(n))
        assert proxy.trips - trips == 20
        assert int(store.stats()["round_trips"]) - counted == 20
        store.close()


def test_gathered_saves_leave_in_one_batch(adapter, states):
    store = adapter.open(states.dsn, **PATIENT)
    with gate(store, states):
        before = int(store.stats()["batches"]["count"])
        calls = gather(store, [save(f"s{n}", Json(f"[{n}]")) for n in range(64)])
    assert [answer.status for answer in answers(calls)] == ["OK"] * 64
    assert int(store.stats()["batches"]["count"]) - before <= 2
    assert states.states() == {f"s{n}": f"[{n}]" for n in range(64)}
    store.close()


def test_gathered_loads_get_their_own_answers_from_one_batch(adapter, states):
    states.execute("insert into agent_states select 'a', 's' || n, to_jsonb(n) from generate_series(0, 199) n")
    store = adapter.open(states.dsn, **PATIENT)
    with gate(store, states):
        before = int(store.stats()["batches"]["count"])
        calls = gather(store, [load(f"s{n * 7 % 250}") for n in range(250)])
    results = [answer.result for answer in answers(calls)]
    assert results == [str(n * 7 % 250) if n * 7 % 250 < 200 else "null" for n in range(250)]
    assert int(store.stats()["batches"]["count"]) - before <= 2
    store.close()


def test_concurrent_saves_share_round_trips_with_ordinary_options(adapter, states):
    store = adapter.open(states.dsn)
    answers(store.submit_all([load(f"s{n}") for n in range(64)]))
    before = int(store.stats()["round_trips"])
    count = 1024
    assert {a.status for a in answers(store.submit_all([save(f"s{n}", Json("1")) for n in range(count)]))} == {"OK"}
    # Threads come one by one, and a quick server leaves nothing to meet: they are held to no more than a trip each here,
    # and behind the gate to sharing.
    trips = int(store.stats()["round_trips"]) - before
    assert trips < count / 2 if adapter.can["ordered"] else trips <= count
    store.close()


def test_callers_who_come_back_together_are_shared_out(adapter, states):
    """While one connection answers them all, server and callers would take turns."""
    store = adapter.open(states.dsn, connections=4)
    store.ok("admin.ping")

    def shared_out():
        """64 calls at once have opened a second connection"""
        answers(store.submit_all([load(f"s{n}") for n in range(64)]))
        return int(store.stats()["connections"]["opened"]) > 1

    wait_until(shared_out)
    store.close()


def test_rows_of_one_batch_have_times_of_their_own(adapter, states):
    store = adapter.open(states.dsn, **PATIENT)
    with gate(store, states):
        calls = gather(store, [save(f"s{n:02}", Json(f"{n}")) for n in range(60)])
    assert {answer.status for answer in answers(calls)} == {"OK"}
    listed = store.ok("state.list", agent_id="a")
    rows = states.query("select session_id, updated_at from agent_states order by updated_at desc")
    assert listed == [session for session, _ in rows]
    assert len({at for _, at in rows}) == 60
    if adapter.can["ordered"]:
        assert listed == [f"s{n:02}" for n in reversed(range(60))]
    store.close()


def test_calls_of_one_key_keep_their_order(adapter, states):
    store = adapter.open(states.dsn)
    calls = []
    for n in range(200):
        calls.append(save("s", Json(str(n))))
        if n % 10 == 9:
            calls.append(load("s"))
    results = [answer.value for answer in answers(store.submit_all(calls))]
    read = [int(value) for value in results if value is not None]
    assert len(read) <= 20
    if adapter.can["ordered"]:
        assert read == list(range(9, 200, 10))
        assert states.states() == {"s": "199"}
    store.close()


@pytest.mark.parametrize("poisoned", [[0], [255], [128], [3, 4, 200]], ids=str)
def test_one_poisoned_document_fails_alone(adapter, states, poisoned):
    store = adapter.open(states.dsn, **PATIENT)
    with gate(store, states):
        calls = gather(store, [save(f"s{n}", POISON if n in poisoned else Json(f"[{n}]")) for n in range(256)])
    for n, answer in enumerate(answers(calls)):
        if n in poisoned:
            assert (answer.status, answer.error["sqlstate"]) == ("INVALID", "22P05")
        else:
            assert answer.status == "OK", f"neighbour {n}: {answer}"
    assert states.states() == {f"s{n}": f"[{n}]" for n in range(256) if n not in poisoned}
    store.close()


def test_poisons_of_different_kinds_in_one_batch(adapter, states):
    states.execute("alter table agent_states add constraint odd check (state <> '13')")
    long = os.urandom(4000).hex()  # too long for the primary key's index, and not to be compressed
    bad = {"1": ("s1", POISON, "22P05"), "2": ("s2", Json("13"), "23514"), "3": (long, Json("3"), "54000")}
    store = adapter.open(states.dsn, **PATIENT)
    calls = [save(f"n{n}", Json("0")) for n in range(40)]
    calls[5], calls[20], calls[39] = [save(session, state) for session, state, _ in bad.values()]
    with gate(store, states):
        calls = gather(store, calls)
    ended = answers(calls)
    failures = {n: (a.status, a.error.get("sqlstate")) for n, a in enumerate(ended) if a.status != "OK"}
    assert failures == {5: ("INVALID", "22P05"), 20: ("INVALID", "23514"), 39: ("INVALID", "54000")}
    assert len(states.states()) == 37
    store.close()


def test_a_superseded_save_is_done_when_the_one_after_it_fails(adapter, states):
    store = adapter.open(states.dsn, **PATIENT)
    with gate(store, states):
        calls = gather(store, [save("s", Json("1")), save("s", POISON), save("t", Json("2"))])
    first, poisoned, other = answers(calls)
    assert (first.status, other.status) == ("OK", "OK")
    # Where the poisoned save came first, it is the one that was superseded.
    assert poisoned.status == "INVALID" or not adapter.can["ordered"]
    assert states.states() == {"s": "1", "t": "2"}
    store.close()


def test_two_stores_that_save_the_same_keys_never_deadlock(adapter, states):
    # The database serves one test after the other, and some of those deadlock on purpose.
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    before = states.query(deadlocks)
    stores = [adapter.open(states.dsn, connections=2) for _ in range(3)]
    calls = []
    for _ in range(10):
        for number, store in enumerate(stores):
            keys = [f"s{n}" for n in range(40)]
            calls += store.submit_all([save(key, Json(f'"{number}"')) for key in (keys if number else reversed(keys))])
    assert {answer.status for answer in answers(calls)} == {"OK"}
    for store in stores:
        store.close()
    wait_until(lambda: not states.backends())  # a session tells what it counted at its end, if not before
    assert states.query(deadlocks) == before


def test_a_large_document_among_small_ones(adapter, states):
    large = '"' + "x" * 20_000_000 + '"'
    store = adapter.open(states.dsn)
    calls = store.submit_all([save("large", Json(large)), *(save(f"s{n}", Json("1")) for n in range(50))])
    assert {answer.status for answer in answers(calls)} == {"OK"}
    assert store.load("a", "large") == large
    assert len(states.states()) == 51
    store.close()


def test_batches_through_a_pooler(adapter, states, pgbouncer):
    pooled = Database(states.server, states.name, pgbouncer)
    store = adapter.open(pooled.dsn)
    calls = [save(f"s{n}", POISON if n == 77 else Json(f"[{n}]")) for n in range(256)]
    statuses = [answer.status for answer in answers(store.submit_all(calls))]
    assert statuses == ["INVALID" if n == 77 else "OK" for n in range(256)]
    assert len(states.states()) == 255
    loads = answers(store.submit_all([load(f"s{n}") for n in range(256)]))
    assert [answer.result for answer in loads] == ["null" if n == 77 else f"[{n}]" for n in range(256)]
    store.close()
    pooled.close()
