"""Versions of checkpoints under races: of two runs that loaded the same version, one is told of the other."""

import pytest
from suite.adapter import Json, answers

ROUNDS = 20


@pytest.fixture
def versions(db, adapter):
    """The database with the table of checkpoints and its versions."""
    store = adapter.open(db.dsn)
    store.ok("checkpoint.setup")
    store.ok("checkpoint.setup_versions")
    store.close()
    return db


def save_version(thread, n, expected):
    return "checkpoint.save_version", {"thread_id": thread, "state": Json(str(n)), "expected": expected}


def test_of_two_runs_one_is_told_of_the_other(adapter, versions):
    stores = [adapter.open(versions.dsn, connections=2) for _ in range(2)]
    version = None
    for n in range(ROUNDS):
        calls = [call for store in stores for call in store.submit_all([save_version("t", n, version)] * 2)]
        statuses = sorted(answer.status for answer in answers(calls))
        assert statuses == ["CONFLICT", "CONFLICT", "CONFLICT", "OK"]
        version = n + 1
        found = stores[n % 2].ok("checkpoint.load_version", thread_id="t")
        assert (int(found["state"]), int(found["version"])) == (n, version)
    for store in stores:
        store.close()


def test_versions_of_many_threads_saved_by_two_stores_at_once(adapter, versions):
    stores = [adapter.open(versions.dsn) for _ in range(2)]
    threads = [f"t{n}" for n in range(60)]
    for expected in (None, 1, 2):
        orders = [threads, threads[::-1]]
        calls = [
            store.submit_all([save_version(thread, number, expected) for thread in order])
            for number, (store, order) in enumerate(zip(stores, orders))
        ]
        won = [
            {thread for thread, answer in zip(order, answers(part)) if answer.status == "OK"}
            for order, part in zip(orders, calls)
        ]
        assert won[0] | won[1] == set(threads) and not won[0] & won[1]
        stored = dict(versions.query("select thread_id, state::text from agent_checkpoints"))
        assert stored == {thread: str(number) for number in range(2) for thread in won[number]}
    for store in stores:
        store.close()
