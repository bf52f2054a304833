"""Links that end, stall or are cut: what was acknowledged is there, what was refused is not, reads are asked again."""

import random
import threading

import pytest
from suite.adapter import Json, answers
from suite.database import Database, wait_until
from suite.gate import load, save
from suite.ledger import Ledger

KEYS = 50


def warm(store):
    """Opens all connections of a store and fills some sessions."""
    calls = store.submit_all([save(f"k{n}", Json(str(n)), agent="warm") for n in range(KEYS)])
    assert {answer.status for answer in answers(calls)} == {"OK"}
    answers(store.submit_all([load(f"k{n % KEYS}", agent="warm") for n in range(400)]))


class Killer:
    """Ends one session of a database after the other, chosen at random, for as long as its block lasts."""

    def __init__(self, database, pause_s=0.03):
        self.database, self.pause_s, self.ended = database, pause_s, 0
        self.stop, self.thread = threading.Event(), threading.Thread(target=self._run)

    def _run(self):
        rng, spared = random.Random(3), self.database.connection.info.backend_pid
        with self.database.server.connect(self.database.name) as connection:
            while not self.stop.wait(self.pause_s):
                pids = connection.execute(
                    "select pid from pg_stat_activity where datname = current_database()"
                    " and backend_type = 'client backend' and pid <> all (%s)",
                    [[connection.info.backend_pid, spared]],
                ).fetchall()
                if pids:
                    connection.execute("select pg_terminate_backend(%s)", rng.choice(pids))
                    self.ended += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stop.set()
        self.thread.join()


def test_calls_after_all_idle_links_ended_see_no_error(adapter, states):
    store = adapter.open(states.dsn)
    warm(store)
    for turn in range(3):
        before = states.backends()
        for pid, _ in before:
            states.query("select pg_terminate_backend(%s)", [pid])
        wait_until(lambda: not before & states.backends())
        calls = [save(f"s{turn} {n}", Json("1")) for n in range(60)] + [
            load(f"k{n}", agent="warm") for n in range(KEYS)
        ]
        results = [(answer.status, answer.result) for answer in answers(store.submit_all(calls))]
        assert results == [("OK", "null")] * 60 + [("OK", str(n)) for n in range(KEYS)]
    assert len(states.states()) == 180
    store.close()


def test_links_ended_at_random_under_load(adapter, states):
    store = adapter.open(states.dsn)
    with Ledger(store, states) as ledger, Killer(states) as killer:
        wait_until(lambda: killer.ended > 20 and ledger.saved() > 1500, 60)
    told = ledger.check()
    assert set(told) <= {"OK", "UNKNOWN"}
    assert set(ledger.reads) == {"OK"}, ledger.failures[:3]
    store.close()


def test_a_pool_of_one_under_the_same(adapter, states):
    store = adapter.open(states.dsn, connections=1)
    with Ledger(store, states) as ledger, Killer(states, 0.1) as killer:
        wait_until(lambda: killer.ended > 5 and ledger.saved() > 600, 60)
    told = ledger.check()
    assert set(told) <= {"OK", "UNKNOWN"} and set(ledger.reads) == {"OK"}, ledger.failures[:3]
    store.close()


def test_links_ended_at_random_behind_a_pooler(adapter, states, pgbouncer):
    pooled = Database(states.server, states.name, pgbouncer)
    store = adapter.open(pooled.dsn)
    with Ledger(store, states) as ledger, Killer(states, 0.1) as killer:
        wait_until(lambda: killer.ended > 5 and ledger.saved() > 600, 60)
    told = ledger.check()
    assert set(told) <= {"OK", "UNKNOWN", "UNAVAILABLE"}
    # Where the last session was ended while it logged in, PgBouncer refuses for a while.
    wait_until(lambda: store.save("a", "after", "1").answer().status == "OK")
    store.close()
    pooled.close()


def test_all_links_reset_under_load(adapter, states, proxied):
    proxy, dsn = proxied
    store = adapter.open(dsn)
    with Ledger(store, states) as ledger:
        for turn in range(1, 6):
            wait_until(lambda: ledger.saved() > turn * 200)
            proxy.cut(reset=True)
    told = ledger.check()
    assert set(told) <= {"OK", "UNKNOWN"} and set(ledger.reads) == {"OK"}, ledger.failures[:3]
    store.close()


@pytest.mark.parametrize("sender", ["server", "client"])
def test_a_link_cut_in_the_middle_of_a_message(adapter, states, proxied, sender):
    proxy, dsn = proxied
    store = adapter.open(dsn, connections=1)
    store.ok("state.save", agent_id="a", session_id="read", state=Json('"' + "x" * 3000 + '"'))
    outcomes = {}
    for size in (0, 1, 4, 5, 6, 20, 40, 80, 120, 200, 350):
        session = f"{sender} {size}"
        store.ok("state.load", agent_id="a", session_id="read")
        proxy.cut_after(size, sender)
        outcomes[session] = store.save("a", session, "1").answer()
        proxy.cut_after(size, sender)
        assert store.load("a", "read") == '"' + "x" * 3000 + '"'
        proxy.cut_after(1 << 40, sender)
    stored = states.states()
    for session, answer in outcomes.items():
        assert answer.status in ("OK", "UNKNOWN"), f"{session}: {answer}"
        assert answer.status == "UNKNOWN" or session in stored
        assert answer.status == "OK" or answer.error["reason"] == "link"
    assert "UNKNOWN" in {answer.status for answer in outcomes.values()}
    store.close()


def test_a_stalled_link_holds_nobody_past_the_deadline(adapter, states, proxied):
    proxy, dsn = proxied
    store = adapter.open(dsn)
    warm(store)
    proxy.stall()
    reads = store.submit_all([load(f"k{n}", agent="warm") for n in range(20)], 600)
    saves = store.submit_all([save(f"s{n}", Json("1")) for n in range(20)], 600)
    assert {answer.status for answer in answers(reads, 10)} == {"DEADLINE"}
    ended = answers(saves, 10)
    assert {answer.status for answer in ended} <= {"DEADLINE", "UNKNOWN"}
    proxy.resume()
    results = [
        answer.result for answer in answers(store.submit_all([load(f"k{n}", agent="warm") for n in range(KEYS)]))
    ]
    assert results == [str(n) for n in range(KEYS)]
    stored = states.states()
    assert not [n for n, answer in enumerate(ended) if answer.status == "DEADLINE" and f"s{n}" in stored]
    store.close()


def test_links_lost_behind_a_silent_network(adapter, states, proxied):
    """What is sent vanishes; only the deadline can end the call, and the links are given up then or later."""
    proxy, dsn = proxied
    store = adapter.open(dsn, connections=2)
    warm(store)
    proxy.stall(discard=True)
    assert store.call("state.load", 500, agent_id="warm", session_id="k1").status == "DEADLINE"
    proxy.resume()
    proxy.cut()
    assert store.load("warm", "k1") == "1"
    store.close()


def test_what_refuses_a_second_sending_is_not_said_of_the_first(adapter, states, proxied):
    """The first was committed, and its answer lost: whoever retries for the sqlstate of a deadlock would do it twice."""
    proxy, dsn = proxied
    store = adapter.open(dsn)
    store.ok("room.setup")
    states.execute("insert into rooms (id) values ('r')")
    store.ok("room.exists", room_id="r")
    proxy.stall("server")
    written = store.submit("room.set_private_state", room_id="r", name="k", value=Json("{}"))
    wait_until(lambda: states.query("select from private_state"))
    states.execute(
        "create function refuse() returns trigger language plpgsql as"
        " $$ begin raise exception 'deadlock detected' using errcode = '40P01'; end $$;"
        "create trigger refuse before insert on private_state execute function refuse()"
    )
    proxy.cut()
    proxy.resume()
    answer = written.answer()
    assert (answer.status, answer.error.get("sqlstate") or None) == ("UNKNOWN", None)
    assert (answer.error["reason"], answer.error["retry"]) == ("link", False)
    store.close()
