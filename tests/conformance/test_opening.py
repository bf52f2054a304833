"""Opening: races, rights, forks, the environment, set-up as text."""

import contextlib

import psycopg
import pytest
from suite.adapter import SECRET, Json
from suite.database import Database

PROCESSES = 12


def test_racing_first_opens_all_succeed(adapters, adapter_name, db):
    with contextlib.ExitStack() as stack:
        running = []
        for _ in range(PROCESSES):
            running.append(adapters.start(adapter_name))
            stack.callback(running[-1].quit)
        stores = [each.open(db.dsn) for each in running]
        calls = [call for store in stores for call in store.submit_all([("state.setup", {})] * 2)]
        assert {call.answer().status for call in calls} == {"OK"}
        saves = [store.save("a", str(n), str(n)) for n, store in enumerate(stores)]
        assert {save.answer().status for save in saves} == {"OK"}
    assert db.states() == {str(n): str(n) for n in range(PROCESSES)}


def test_a_role_with_data_rights_only_can_work(adapter, states):
    states.execute(
        "drop role if exists keeper; create role keeper login password 'secret-of-keeper';"
        "revoke all on schema public from public; grant usage on schema public to keeper;"
        "grant select, insert, update, delete on agent_states to keeper"
    )
    try:
        store = adapter.open(states.server.dsn(states.name, user="keeper"))
        store.ok("state.setup")
        assert store.save("a", "s", "1").answer().status == "OK"
        assert store.load("a", "s") == "1"
        assert store.ok("state.list", agent_id="a") == ["s"]
        assert store.ok("state.count") == "1" or int(store.ok("state.count")) == 1
        store.ok("state.delete", agent_id="a", session_id="s")
        store.close()
    finally:
        states.execute("drop owned by keeper; drop role keeper")


def test_a_role_without_rights_is_told_so(adapter, states):
    states.execute("drop role if exists stranger; create role stranger login; grant usage on schema public to stranger")
    try:
        store = adapter.open(states.server.dsn(states.name, user="stranger"))
        answer = store.save("a", "s", "1").answer()
        assert answer.status in ("INVALID", "UNAVAILABLE") and answer.error["sqlstate"] == "42501"
        assert "agent_states" in answer.error["message"]
        store.close()
    finally:
        states.execute("drop owned by stranger; drop role stranger")


def test_a_wrong_or_missing_password_is_named_but_not_told(adapter, db):
    db.execute("drop role if exists locked; create role locked login password 'right'")
    try:
        dsn = db.server.dsn(db.name, tcp=True, user="locked", password=SECRET)
        answer = adapter.open(dsn).call("admin.ping")
        assert (answer.status, answer.error["sqlstate"]) == ("UNAVAILABLE", "28P01")
        assert "locked" in answer.error["message"]
        without = adapter.open(db.server.dsn(db.name, tcp=True, user="locked")).call("admin.ping")
        assert (without.status, without.error["sqlstate"]) == ("UNAVAILABLE", "28P01")
        assert "no password" in without.error["message"]
        right = db.server.dsn(db.name, tcp=True, user="locked", password="right")
        store = adapter.open(right)
        assert store.call("admin.ping").status == "OK"
        store.close()
    finally:
        db.execute("drop role locked")


def test_an_existing_table_is_found_through_search_path(adapter, db):
    db.execute("create schema app")
    for dsn in (f"{db.url}?search_path=app", f"{db.dsn} search_path=app"):
        store = adapter.open(dsn)
        store.ok("state.setup")
        store.ok("state.save", agent_id="a", session_id="s", state=Json("1"))
        store.close()
    assert db.query("select schemaname::text from pg_tables where tablename = 'agent_states'") == [("app",)]
    assert db.query("select state::text from app.agent_states") == [("1",)]


def test_pgx_pool_settings_bound_the_connections(adapter, states):
    store = adapter.open(f"{states.dsn} pool_max_conns=2 default_query_exec_mode=exec")
    calls = store.submit_all([("state.load", {"agent_id": "a", "session_id": str(n)}) for n in range(500)])
    assert {call.answer().status for call in calls} == {"OK"}
    stats = store.stats()["connections"]
    assert int(stats["limit"]) == 2 and int(stats["opened"]) <= 2
    store.close()


def test_the_environment_names_the_server(adapters, adapter_name, db):
    for name in ("STATEKEEP_DSN", "DATABASE_URL"):
        running = adapters.start(adapter_name, {"STATEKEEP_DSN": "", "DATABASE_URL": "", name: db.dsn})
        try:
            store = running.open(None)
            assert store.call("admin.ping").status == "OK"
            store.close()
        finally:
            running.quit()


def test_the_printed_setup_makes_the_same_table(adapter, db):
    store = adapter.open(db.dsn, tables={"agent_states": "Agent States"})
    text = store.ok("admin.setup_sql", op="state.setup")
    assert '"Agent States"' in text
    db.execute(text)
    store.ok("state.setup")
    store.ok("state.save", agent_id="a", session_id="s", state=Json("1"))
    assert db.query('select state::text from "Agent States"') == [("1",)]
    assert len(db.query("select from pg_indexes where tablename = 'Agent States'")) == 3
    db.execute(store.ok("admin.setup_sql", op="state.index"))
    assert len(db.query("select from pg_indexes where tablename = 'Agent States'")) == 4
    store.close()


def test_a_forked_child_is_told_and_can_open_anew(adapter, states):
    if not adapter.can["forks"]:
        pytest.skip(f"{adapter.can['binding']}: its programs do not fork")
    store = adapter.open(states.dsn, connections=2)
    store.ok("state.save", agent_id="a", session_id="s", state=Json("1"))
    backends = states.backends()
    answer = store.fork()
    assert answer.value == {"inherited": "FORKED", "own": "OK"}
    assert store.load("a", "s") == "1"
    assert backends <= states.backends()
    assert int(store.stats()["connections"]["lost"]) == 0
    store.close()


def test_a_killed_process_leaves_nothing_half_done(adapters, adapter_name, states):
    running = adapters.start(adapter_name)
    store = running.open(states.dsn)
    store.submit_all(
        [("state.save", {"agent_id": "a", "session_id": str(n), "state": Json('"whole"')}) for n in range(500)]
    )
    running.kill()
    assert set(states.states().values()) <= {'"whole"'}


def test_a_read_only_server_refuses_writes_by_name(adapter, states):
    store = adapter.open(f"{states.url}?default_transaction_read_only=on")
    answer = store.save("a", "s", "1", 2000).answer()
    assert answer.status in ("UNAVAILABLE", "DEADLINE", "INVALID")
    assert states.states() == {}
    store.close()


def test_the_canary_would_work_as_a_password(db):
    """The leak check is worth something only if the canary really travels in the connection strings."""
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(db.server.dsn(db.name, tcp=True, user="no_such_role", password=SECRET))
    assert SECRET in db.dsn and SECRET in db.url and isinstance(db, Database)
