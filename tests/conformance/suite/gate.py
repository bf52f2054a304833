"""Holds a store's calls at the server, so that what is submitted meanwhile gathers in the engine."""

import contextlib

from .database import wait_until

# A store for gates: the one connection waits for the gate's lock as long as it takes.
PATIENT = {"connections": 1, "lock_ms": 60000}


@contextlib.contextmanager
def gate(store, database):
    """Within the block the store's one connection (see PATIENT) is held by a read of a locked table."""
    with database.locked():
        held = store.submit("state.load", agent_id="gate", session_id="gate")
        wait_until(lambda: waiting(database))
        yield
    assert held.answer().status == "OK"


def waiting(database):
    """Whether a session waits for a lock."""
    return database.query(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )[0][0]


def submitted(store):
    """How many calls the engine was given since the store was opened; this one is among them."""
    return int(store.stats()["calls"]["submitted"])


def gather(store, calls, deadline_ms=None):
    """Submits calls and waits until the engine has all of them."""
    before = submitted(store)
    asked = 0
    made = store.submit_all(calls, deadline_ms)

    def arrived():
        """every call is in the engine"""
        nonlocal asked
        asked += 1
        return submitted(store) >= before + len(calls) + asked

    wait_until(arrived)
    return made


def save(session, state, agent="a"):
    """A save as submit_all() takes it; `state` is a Json."""
    return "state.save", {"agent_id": agent, "session_id": session, "state": state}


def load(session, agent="a"):
    return "state.load", {"agent_id": agent, "session_id": session}
