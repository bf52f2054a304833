"""A server that dies, restarts, is not there yet, or lets nobody in."""

import contextlib
import time

import psycopg
import pytest
from server import Server
from suite.adapter import Json, answers
from suite.database import Database, wait_until
from suite.gate import load, save
from suite.ledger import Ledger

# A server that died writes out its whole directory before it serves again, which takes a busy disk its time.
COMES_BACK_SECONDS = 120
PATIENT = {"connect_ms": 1000 * COMES_BACK_SECONDS, "deadline_ms": 1000 * COMES_BACK_SECONDS}
ANSWER_SECONDS = COMES_BACK_SECONDS + 10


@pytest.mark.parametrize("end", ["kill", "immediate", "fast"])
def test_a_server_that_ends_and_comes_back_under_load(adapter, mortal, mortal_states, end):
    store = adapter.open(mortal_states.dsn, **PATIENT)
    with Ledger(store, mortal_states, answer_seconds=ANSWER_SECONDS) as ledger:
        wait_until(lambda: ledger.saved() > 300)
        mortal.kill() if end == "kill" else mortal.stop(end)
        time.sleep(0.2)
        mortal.start()
        before = ledger.saved()
        wait_until(lambda: ledger.saved() > before + 300, COMES_BACK_SECONDS)
    database = Database(mortal, mortal_states.name)
    ledger.database = database
    told = ledger.check()
    database.close()
    assert set(told) <= {"OK", "UNKNOWN"}, ledger.failures[:3]
    assert set(ledger.reads) == {"OK"}, ledger.failures[:3]
    store.close()


def test_a_server_that_is_down_is_named_within_its_time(adapter, mortal, mortal_states):
    mortal.stop()
    store = adapter.open(mortal_states.dsn, connect_ms=700)
    begun = time.monotonic()
    ended = answers(store.submit_all([save("s", Json("1")), load("s"), ("admin.ping", {})]))
    assert time.monotonic() - begun < 15
    assert {answer.status for answer in ended} == {"UNAVAILABLE"}
    assert {answer.error["retry"] for answer in ended} == {True}
    assert all(str(mortal.root) in answer.error["message"] for answer in ended)
    begun = time.monotonic()
    assert store.call("state.load", 200, agent_id="a", session_id="s").status in ("DEADLINE", "UNAVAILABLE")
    assert time.monotonic() - begun < 15
    mortal.start()
    wait_until(lambda: store.call("state.load", agent_id="a", session_id="s").status == "OK")
    assert store.load("a", "s") == "null"
    store.close()


def test_calls_wait_for_a_server_that_was_there_and_comes_back(adapter, mortal, mortal_states):
    store = adapter.open(mortal_states.dsn, **PATIENT)
    store.ok("admin.ping")
    mortal.stop()
    calls = store.submit_all([save(f"s{n}", Json("1")) for n in range(100)])
    time.sleep(0.3)
    assert not any(call.done() for call in calls)
    mortal.start()
    assert {answer.status for answer in answers(calls, ANSWER_SECONDS)} == {"OK"}
    store.close()


@pytest.fixture(scope="module")
def narrow():
    """A server for five clients."""
    with Server(max_connections=5, superuser_reserved_connections=0) as server:
        yield server


def client(server, database):
    """A connection, as soon as the server has forgotten the clients before it: it does so a moment after they are gone."""
    found = []

    def let_in():
        """the server lets a client in"""
        with contextlib.suppress(psycopg.OperationalError):
            found.append(psycopg.connect(server.dsn(database.name)))
        return found

    wait_until(let_in)
    return found[0]


def test_a_server_that_stays_away_is_given_up_after_the_time_to_connect(adapter, mortal, mortal_states):
    store = adapter.open(mortal_states.dsn, connect_ms=700)
    store.ok("admin.ping")
    mortal.stop()
    begun = time.monotonic()
    ended = answers(store.submit_all([save("s", Json("1")), load("s")]))
    assert 0.3 < time.monotonic() - begun < 5
    assert {answer.status for answer in ended} == {"UNAVAILABLE"}
    store.close()


def test_a_server_without_room_for_us(adapter, narrow):
    database = Database(narrow, narrow.create_database())
    store = adapter.open(database.dsn, connect_ms=3000)
    others = []
    try:
        while len(others) < 4:
            others.append(client(narrow, database))
        answer = store.call("admin.ping")
        assert (answer.status, answer.error["sqlstate"]) == ("UNAVAILABLE", "53300")
        others.pop().close()
        wait_until(lambda: store.call("state.setup").status == "OK")
        # One link is all there is; nobody may fail because three more cannot be had.
        calls = store.submit_all([save(f"s{n}", Json("1")) for n in range(500)])
        assert {answer.status for answer in answers(calls)} == {"OK"}
        assert len(database.states()) == 500
    finally:
        for other in others:
            other.close()
    store.close()
    wait_until(lambda: not database.backends())
    database.close()
