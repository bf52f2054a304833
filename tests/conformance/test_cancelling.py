"""Letting go of calls: nobody else notices, no answer goes astray, no connection is lost."""

import contextlib
import random

import pytest
from suite.adapter import Json, answers
from suite.database import wait_until
from suite.gate import PATIENT, gate, gather, load, save

KEYS = 200


@pytest.fixture
def cancelling(adapter):
    if not adapter.can["cancels"]:
        pytest.skip(f"{adapter.can['binding']}: a blocked caller cannot let go")
    return adapter


def document(n):
    return f'{{"n": {n}, "text": "{n * 7919}"}}'


def filled(store):
    calls = store.submit_all([save(f"k{n}", Json(document(n))) for n in range(KEYS)])
    assert {answer.status for answer in answers(calls)} == {"OK"}


def random_calls(rng, count, wave):
    """Calls with what each must give: loads of known documents and saves of new keys."""
    made = []
    for n in range(count):
        if rng.random() < 0.3:
            made.append((save(f"new {wave} {n}", Json(document(n))), "null"))
        else:
            key = rng.randrange(KEYS)
            made.append((load(f"k{key}"), document(key)))
    return made


def test_a_thousand_cancelled_at_random(cancelling, states):
    rng = random.Random(20250101)
    store = cancelling.open(states.dsn, connections=3, lock_ms=60000)
    filled(store)
    answers(store.submit_all([load(f"k{n}") for n in range(KEYS)]))
    backends, asked = states.backends(), 0
    for wave in range(8):
        wanted = random_calls(rng, 250, wave)
        chosen = rng.sample(range(250), 125)
        asked += len(chosen)
        # Every other wave is held at the server until its callers have let go, sent or not.
        with states.locked() if wave % 2 else contextlib.nullcontext():
            calls = store.submit_all([call for call, _ in wanted])
            for n in chosen:
                calls[n].cancel()
            if wave % 2:
                assert {calls[n].answer().status for n in chosen} == {"CANCELLED"}
        for n, (answer, (_, result)) in enumerate(zip(answers(calls), wanted)):
            if n in chosen and answer.status == "CANCELLED":
                continue
            assert (answer.status, answer.result) == ("OK", result), f"call {n} of wave {wave}: {answer}"
    assert asked == 1000
    loads = answers(store.submit_all([load(f"k{n}") for n in range(KEYS)]))
    assert [answer.result for answer in loads] == [document(n) for n in range(KEYS)]
    for session, text in states.states().items():
        if session.startswith("new"):
            assert text == document(int(session.split()[2]))
    assert backends <= states.backends()
    assert int(store.stats()["connections"]["opened"]) <= 3
    store.close()


def test_what_was_not_sent_never_happens(cancelling, states):
    store = cancelling.open(states.dsn, **PATIENT)
    with gate(store, states):
        calls = gather(store, [save(f"s{n}", Json("1")) for n in range(60)])
        for call in calls[::2]:
            call.cancel()
        # Answered while the server still holds everything else back.
        assert {call.answer(10).status for call in calls[::2]} == {"CANCELLED"}
        assert not any(call.done() for call in calls[1::2])
    assert {answer.status for answer in answers(calls[1::2])} == {"OK"}
    assert states.states().keys() == {f"s{n}" for n in range(1, 60, 2)}
    store.close()


def test_cancelling_what_was_sent_hurts_nobody(cancelling, states):
    store = cancelling.open(states.dsn, **PATIENT)
    store.ok("admin.ping")
    backends = states.backends()
    with states.locked():
        sent = store.submit("state.save", agent_id="a", session_id="sent", state=Json("1"))
        wait_until(lambda: states.query("select 1 from pg_stat_activity where wait_event_type = 'Lock'"))
        waiting = gather(store, [load("none"), save("other", Json("2"))])
        sent.cancel()
        assert sent.answer(10).status == "CANCELLED"
    assert [(answer.status, answer.result) for answer in answers(waiting)] == [("OK", "null")] * 2
    assert states.backends() == backends
    assert states.states() in ({"other": "2"}, {"other": "2", "sent": "1"})
    store.close()


def test_cancelling_every_caller_leaves_a_store_that_works(cancelling, states):
    store = cancelling.open(states.dsn)
    filled(store)
    for _ in range(5):
        calls = store.submit_all([load(f"k{n}") for n in range(100)])
        for call in calls:
            call.cancel()
        assert {answer.status for answer in answers(calls)} <= {"CANCELLED", "OK"}
        assert store.load("a", "k7") == document(7)

    def given_back():
        """the tickets of those who let go were given back: with the next call at the latest, which looks for answers again"""
        assert store.load("a", "k7") == document(7)
        return int(store.stats()["calls"]["held"]) < 10

    wait_until(given_back)
    store.close()
