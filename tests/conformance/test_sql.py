"""SQL of the caller's own: what a statement gives, what a refusal says, and that nothing is left in a session."""

import json

import pytest
from suite.adapter import Json, answers
from suite.database import Database, wait_until


@pytest.fixture
def asking(adapter):
    if not adapter.can.get("sql"):
        pytest.skip(f"{adapter.can['binding']} does not serve SQL of the caller's own")
    return adapter


@pytest.fixture
def store(asking, db):
    store = asking.open(db.dsn)
    yield store
    store.close()


@pytest.fixture
def items(db):
    """A table with a unique name."""
    db.execute("create table items (id int primary key, name text unique, weight float8 check (weight > 0))")
    return db


def compare(told, **wanted):
    """What is handed out of the result must be right; a binding may leave members out."""
    for name, value in wanted.items():
        if name in told:
            assert told[name] == value, told


def test_values(store):
    told = store.told(
        "select 1::int2 a, 9223372036854775807::int8 b, true c, false d, 1.5::float8 e, 'ü \"\\\n'::text f, null g, ''::text h"
    )
    compare(told, columns=list("abcdefgh"), count=1, command="SELECT 1")
    assert told["rows"] == [[1, 9223372036854775807, True, False, 1.5, 'ü "\\\n', None, ""]]


def test_no_rows_and_many(store):
    told = store.told("select 1 as one, 'x' as x where false")
    assert told["columns"] == ["one", "x"] and told["rows"] == [] and told.get("count", 0) == 0
    rows = store.rows("select n, repeat('y', 100) from generate_series(1, 20000) n")
    assert rows == [[n, "y" * 100] for n in range(1, 20001)]


def test_parameters(store):
    values = ["text with 'quotes' and ü", 7, True, None]
    assert store.rows("select $1::text, $2::int, $3::bool, $4::text", values) == [values]
    assert store.rows("select encode($1::bytea, 'hex'), length($1::bytea)", [b"\x00\xff\x10"]) == [["00ff10", 3]]
    assert store.rows("select $1::int + $2::int", [40, 2]) == [[42]]


def test_counts(store, items):
    compare(store.told("insert into items select n, 'n' || n, 1 from generate_series(1, 5) n"), count=5, command="INSERT 0 5")
    compare(store.told("update items set weight = 2 where id > 2"), count=3)
    told = store.told("delete from items where id = 1 returning id, name")
    compare(told, count=1)
    assert told["rows"] == [[1, "n1"]]
    assert store.rows("select count(*) from items") == [[4]]


def test_several_statements(store, items):
    told = store.told("insert into items values (1, 'a', 1); select name from items; /* done; */ select 2;")
    compare(told, count=1)
    assert [result["rows"] for result in told["more"]] == [[["a"]], [[2]]]
    # They are one transaction: of a refused one nothing stays.
    assert store.query("insert into items values (2, 'b', 1); select 1/0").error["sqlstate"] == "22012"
    assert store.rows("select id from items") == [[1]]


def test_refusals(store, items):
    store.told("insert into items values (1, 'a', 1)")
    cases = [
        ("selct 1", "INVALID", "42601", {"position": 1}),
        ("select * from nowhere", "INVALID", "42P01", {"position": 15}),
        ("select 1/0", "INVALID", "22012", {}),
        ("insert into items values (1, 'b', 1)", "CONFLICT", "23505", {"constraint": "items_pkey", "table": "items"}),
        ("insert into items values (2, 'a', 1)", "CONFLICT", "23505", {"constraint": "items_name_key"}),
        ("insert into items values (2, 'b', -1)", "INVALID", "23514", {"constraint": "items_weight_check"}),
        ("insert into items values (null, 'b', 1)", "INVALID", "23502", {"column": "id", "schema": "public"}),
        ("select nam from items", "INVALID", "42703", {"hint": 'Perhaps you meant to reference the column "items.name".'}),
    ]
    for sql, status, sqlstate, fields in cases:
        answer = store.query(sql)
        assert (answer.status, answer.error["sqlstate"]) == (status, sqlstate), answer
        for name, value in fields.items():
            assert answer.error.get(name) == value, f"{name} of {answer.error}"
    assert store.rows("select count(*) from items") == [[1]]


def test_operations_say_which_constraint(store, db):
    store.ok("state.setup")
    db.execute("alter table agent_states add constraint small check (octet_length(state::text) < 100)")
    answer = store.call("state.save", agent_id="a", session_id="s", state=Json(f'"{"x" * 200}"'))
    assert (answer.status, answer.error["sqlstate"], answer.error.get("constraint")) == ("INVALID", "23514", "small")


def test_parameters_that_do_not_fit(store):
    answer = store.query("select $1::int", ["many"])
    assert (answer.status, answer.error["sqlstate"]) == ("INVALID", "22P02")
    assert store.query("select $1::int, $2::int", [1]).status == "INVALID"


@pytest.mark.parametrize(
    "leave, trace, clean",
    [
        ("set work_mem = '77MB'", "select current_setting('work_mem') = '77MB'", False),
        ("select set_config('work_mem', '77MB', false)", "select current_setting('work_mem') = '77MB'", False),
        ("create temp table mine (a int)", "select to_regclass('mine') is not null", False),
        ("select pg_advisory_lock(7)", "select count(*) > 0 from pg_locks where locktype = 'advisory'", False),
        ("begin", "select now() < statement_timestamp() - interval '1 hour' or pg_current_xact_id_if_assigned() is not null", False),
        ("listen news", "select count(*) > 0 from pg_listening_channels()", False),
        ("set role nobody_special", "select current_user = 'nobody_special'", False),
        ("prepare mine as select 1", "select count(*) > 0 from pg_prepared_statements where name = 'mine'", False),
    ],
)
def test_a_single_statement_leaves_nothing(asking, db, leave, trace, clean):
    """With one session for all of them, what one leaves the next would find."""
    db.execute("do $$ begin create role nobody_special; exception when duplicate_object then null; end $$")
    store = asking.open(db.dsn, connections=2)
    for _ in range(3):
        assert store.query(leave).status == "OK"
        assert store.rows(trace) == [[clean]]
    store.close()


def test_an_open_transaction_is_rolled_back(asking, items):
    store = asking.open(items.dsn, connections=2)
    assert store.query("begin; insert into items values (1, 'a', 1)").status == "OK"
    assert store.rows("select count(*) from items") == [[0]]
    store.close()


def test_a_prepared_form_outlives_its_table(asking, items):
    """A text that is used often is prepared; what becomes of its tables meanwhile is not the caller's trouble."""
    store = asking.open(items.dsn, connections=2)
    store.told("insert into items values (1, 'a', 1)")
    for _ in range(4):
        assert store.rows("select * from items") == [[1, "a", 1]]
    items.execute("alter table items add column more text default 'm'")
    assert store.rows("select * from items") == [[1, "a", 1, "m"]]
    items.execute("drop table items; create table items (other text)")
    assert store.rows("select * from items") == []
    store.close()


def test_copy_needs_a_lease(store):
    answer = store.query("copy (select 1) to stdout")
    assert answer.status == "INVALID" and "lease" in answer.error["message"]
    assert store.query("copy pg_class from stdin").status == "INVALID"
    assert store.rows("select 1") == [[1]]


def test_one_trip(store):
    """A statement alone is one round trip, also when it is prepared on its way."""
    for _ in range(5):
        before = int(store.stats()["round_trips"])
        store.rows("select 1")
        assert int(store.stats()["round_trips"]) == before + 1


def test_many_at_once(asking, items):
    store = asking.open(items.dsn, connections=4)
    calls = [store.submit_query("insert into items values ($1, $2, 1) returning id", [n, f"n{n}"]) for n in range(500)]
    assert [json.loads(answer.result)["rows"] for answer in answers(calls)] == [[[n]] for n in range(500)]
    assert items.query("select count(*) from items") == [(500,)]
    assert len(items.backends()) <= 4
    store.close()


def test_beside_operations(asking, states):
    """Neither kind of call keeps the other waiting for ever, whatever the number of connections."""
    for connections in (1, 2, 3):
        store = asking.open(states.dsn, connections=connections)
        calls = []
        for n in range(300):
            calls.append(store.submit_query("select $1::int", [n]))
            calls.append(store.submit("state.count"))
        assert {answer.status for answer in answers(calls)} == {"OK"}
        store.close()


def test_a_deadline_stops_the_statement(store, db):
    answer = store.query("select pg_sleep(60), 'deadline'", deadline_ms=300)
    assert answer.status == "DEADLINE"

    def stopped():
        """the server works on it no longer"""
        return not db.query(
            "select 1 from pg_stat_activity where query like '%%deadline%%' and state = 'active' and pid <> pg_backend_pid()"
        )

    wait_until(stopped, 20)
    assert store.rows("select 1") == [[1]]


def test_after_the_close(asking, db):
    store = asking.open(db.dsn)
    assert store.rows("select 1") == [[1]]
    store.close()
    assert store.query("select 1").status == "CLOSED"
    assert store.ask("lease", lease="late").answer().status == "CLOSED"


def test_through_a_pooler(asking, db, pgbouncer):
    """Single statements of every kind, also ones used often enough to be prepared elsewhere."""
    behind = Database(db.server, db.name, pgbouncer)
    db.execute("create table items (id int primary key, name text)")
    stores = [asking.open(behind.dsn, connections=3) for _ in range(2)]
    for turn in range(10):
        calls = []
        for number, store in enumerate(stores):
            first = (turn * 2 + number) * 20
            calls += [store.submit_query("insert into items values ($1, $2)", [first + n, "x"]) for n in range(20)]
            calls += [store.submit_query("select count(*) from items where id < $1", [n]) for n in range(20)]
        assert {answer.status for answer in answers(calls)} == {"OK"}
    assert db.query("select count(*) from items") == [(400,)]
    store = stores[0]
    store.lease("tx")
    store.told("begin", lease="tx")
    for n in range(5):
        store.told("update items set name = $1 where id = $2", [f"in {n}", n], lease="tx")
    store.told("commit", lease="tx")
    store.give_back("tx")
    assert db.query("select count(*) from items where name like 'in %%'") == [(5,)]
    for store in stores:
        store.close()
    behind.close()
