"""Deadlines, foreign locks, a full queue, closing: each call ends in its own time, and nothing undone is told done."""

import time

import pytest
from suite.adapter import Json, answers
from suite.database import wait_until
from suite.gate import PATIENT, gate, gather, load, save


SOON = 15  # seconds: far from the tenths that a deadline here takes, and from the 30 s of a call that has none


def timed(submit):
    """The answer of the call that `submit` makes, and how many seconds passed from before it was made."""
    begun = time.monotonic()
    return submit().answer(), time.monotonic() - begun


def test_a_call_that_waits_ends_by_its_own_deadline(adapter, states):
    store = adapter.open(states.dsn, **PATIENT)
    with gate(store, states):
        begun = time.monotonic()
        late = store.submit_all([save("late", Json("1"))], 300)[0]
        patient = gather(store, [save("patient", Json("2"))])[0]
        assert late.answer().status == "DEADLINE" and 0.1 < time.monotonic() - begun < SOON
        assert not patient.done()
    assert patient.answer().status == "OK"
    assert states.states() == {"patient": "2"}
    store.close()


def test_a_call_without_a_free_connection_ends_by_queue_ms(adapter, states):
    store = adapter.open(states.dsn, queue_ms=200, **PATIENT)
    with gate(store, states):
        answer, seconds = timed(lambda: store.save("a", "late", "1"))
        assert (answer.status, answer.error.get("reason")) == ("DEADLINE", "queue")
        assert 0.1 < seconds < SOON
    assert states.states() == {}
    store.close()


def test_a_read_under_way_ends_by_its_deadline(adapter, states):
    store = adapter.open(states.dsn, connections=2)
    with states.locked():
        answer, seconds = timed(lambda: store.submit("state.load", 400, agent_id="a", session_id="s"))
        assert answer.status == "DEADLINE" and 0.2 < seconds < SOON
    assert store.load("a", "s") == "null"
    store.close()


def test_a_write_under_way_at_its_deadline_is_not_told_done(adapter, states):
    states.execute("insert into agent_states values ('a', 's', '0')")
    store = adapter.open(states.dsn, **PATIENT)
    with states.locked():
        answer, seconds = timed(lambda: store.save("a", "s", "1", 400))
        assert 0.2 < seconds < SOON
        assert (answer.status, answer.error.get("reason")) == ("UNKNOWN", "deadline")
    assert store.load("a", "s") in ("0", "1")
    store.close()


def test_neighbours_of_a_locked_row_go_on(adapter, states):
    states.execute("insert into agent_states values ('a', 'locked', '0')")
    store = adapter.open(states.dsn, connections=1)
    with states.locked("select from agent_states where session_id = 'locked' for update"):
        blocked = store.save("a", "locked", "1")
        neighbours = store.submit_all([save(f"s{n}", Json(str(n))) for n in range(40)])
        reads = store.submit_all([load("none") for _ in range(20)])
        assert {answer.status for answer in answers(neighbours, SOON)} == {"OK"}
        assert {answer.result for answer in answers(reads, SOON)} == {"null"}
        assert not blocked.done()
    assert blocked.answer().status == "OK"
    assert states.states()["locked"] == "1"
    store.close()


AT_WORK = (
    "select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    " and backend_type = 'client backend' and state <> 'idle'"
)


def test_a_save_blocked_by_a_foreign_lock_ends_by_its_own_deadline(adapter, states):
    states.execute("insert into agent_states values ('a', 'locked', '0')")
    store = adapter.open(states.dsn)
    with states.locked("select from agent_states where session_id = 'locked' for update"):
        answer, seconds = timed(lambda: store.save("a", "locked", "1", 900))
        assert 0.5 < seconds < SOON
        assert answer.status in ("DEADLINE", "UNKNOWN")
        assert store.call("state.save", agent_id="a", session_id="other", state=Json("2")).status == "OK"
    time.sleep(0.5)  # what would come after all
    wait_until(lambda: not states.query(AT_WORK))
    stored = states.states()
    assert stored["other"] == "2"
    # Told "not committed", it may not come after all once the lock is gone.
    assert stored["locked"] == "0" or answer.status == "UNKNOWN"
    store.close()


def test_calls_of_the_locked_key_wait_and_keep_their_order(adapter, states):
    states.execute("insert into agent_states values ('a', 'locked', '0')")
    store = adapter.open(states.dsn)
    with states.locked("select from agent_states where session_id = 'locked' for update"):
        calls = store.submit_all([save("locked", Json(str(n))) for n in range(1, 6)])
        time.sleep(0.6)
        assert not any(call.done() for call in calls)
    assert {answer.status for answer in answers(calls)} == {"OK"}
    if adapter.can["ordered"]:
        assert states.states() == {"locked": "5"}
    store.close()


QUEUE = 8


def test_a_full_queue(adapter, states):
    store = adapter.open(states.dsn, queue=QUEUE, **PATIENT)
    with states.locked():
        calls = store.submit_all([save(f"s{n}", Json(str(n))) for n in range(3 * QUEUE)])
        if not adapter.can["waits_when_full"]:
            refused = calls[QUEUE:]
            assert {answer.status for answer in answers(refused)} == {"FULL"}
            assert {answer.error["retry"] for answer in answers(refused)} == {True}
        else:
            time.sleep(0.5)
            refused = []
            assert not any(call.done() for call in calls)
    accepted = [call for call in calls if call not in refused]
    assert {answer.status for answer in answers(accepted)} == {"OK"}
    assert len(states.states()) == len(accepted)
    assert store.load("a", "s0") == "0"
    store.close()


def test_who_waits_for_room_ends_by_its_own_deadline(adapter, states):
    if not adapter.can["waits_when_full"]:
        pytest.skip("C answers FULL at once")
    store = adapter.open(states.dsn, queue=QUEUE, **PATIENT)
    with states.locked():
        held = store.submit_all([save(f"s{n}", Json(str(n))) for n in range(QUEUE)])
        wait_until(lambda: states.query("select 1 from pg_stat_activity where wait_event_type = 'Lock'"))
        time.sleep(0.3)
        late = store.submit_all([save(f"late{n}", Json("1")) for n in range(5)], 500)
        assert {answer.status for answer in answers(late, SOON)} == {"DEADLINE"}
    assert {answer.status for answer in answers(held)} == {"OK"}
    assert states.states().keys() == {f"s{n}" for n in range(QUEUE)}
    store.close()


def test_room_comes_also_from_a_call_that_was_given_up(adapter, states):
    """What was sent keeps its place in the queue until the server's answer, which then nobody waits for."""
    if not adapter.can["waits_when_full"]:
        pytest.skip("C answers FULL at once")
    store = adapter.open(states.dsn, queue=1, **PATIENT)
    assert store.load("a", "s") == "null"
    with states.locked():
        assert store.save("a", "given up", "1", 300).answer().status == "UNKNOWN"
        waits = store.save("a", "waits", "2")
        time.sleep(0.5)
        assert not waits.done()
    assert [answer.status for answer in answers([waits], 10)] == ["OK"]
    assert states.states()["waits"] == "2"
    store.close()


def test_a_queue_full_of_bytes(adapter, states):
    document = Json('"' + "x" * 30_000 + '"')
    store = adapter.open(states.dsn, queue_bytes=100_000, **PATIENT)
    with states.locked():
        calls = store.submit_all([save(f"s{n}", document) for n in range(10)])
        if adapter.can["waits_when_full"]:
            time.sleep(0.5)
            assert not any(call.done() for call in calls)
        else:
            answers(calls[3:])  # refused before there is room for them again
    statuses = [answer.status for answer in answers(calls)]
    if adapter.can["waits_when_full"]:
        assert statuses == ["OK"] * 10
    else:
        assert statuses == ["OK"] * 3 + ["FULL"] * 7
    assert len(states.states()) == statuses.count("OK")
    store.close()


def test_closing_gives_every_pending_call_an_outcome(adapter, states):
    store = adapter.open(states.dsn)
    answers(store.submit_all([load(f"s{n}") for n in range(20)]))
    calls = store.submit_all([save(f"s{n}", Json("1")) for n in range(300)])
    store.close()
    ended = answers(calls)
    assert {answer.status for answer in ended} <= {"OK", "CLOSED", "UNKNOWN"}
    stored = states.states()
    for n, answer in enumerate(ended):
        if answer.status == "OK":
            assert f"s{n}" in stored
        if answer.status == "CLOSED":
            assert f"s{n}" not in stored
    assert store.call("state.load", agent_id="a", session_id="s0").status == "CLOSED"
    wait_until(lambda: not states.backends())


def test_a_store_closed_twice(adapter, states):
    store = adapter.open(states.dsn)
    store.ok("admin.ping")
    store.close()
    store.close()
    assert store.call("admin.ping").status == "CLOSED"
