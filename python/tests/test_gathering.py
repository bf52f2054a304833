"""pycopg's classes on a store: what pycopg's own tests, which tests/gathering runs, do not ask."""

import asyncio
import gc
import subprocess
import sys
import threading
import time
import types
import uuid
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import statekeep
from statekeep import lease
from statekeep.gathering import (
    AsyncDatabase,
    AsyncPooledDatabase,
    Config,
    ConfigurationError,
    Database,
    DatabasePool,
    EmbeddingService,
    IsolationLevel,
    Migrator,
    PooledDatabase,
    actions,
    failures,
)
from statekeep.gathering import pool as pools
from statekeep.gathering.connection import Connection
from statekeep.gathering.placeholders import translate
from statekeep.gathering.session import TransactionStatus


@pytest.fixture(scope="module")
def config(dsn):
    with statekeep.open(dsn) as store:
        store.schedule.setup()
    return Config.from_url(dsn)


@pytest.fixture
def db(config):
    with Database(config) as db:
        yield db


@pytest.fixture
def table(db):
    name = f"gathering_{uuid.uuid4().hex}"
    db.execute(f"create table {name} (id int primary key, body text)")
    yield name
    db.execute(f"drop table {name}")


@pytest.mark.parametrize(
    ("sql", "params", "text", "values"),
    [
        ("select 1 % 2", None, "select 1 % 2", []),
        ("select %s, %s", [1, 2], "select $1, $2", [1, 2]),
        ("select '%%', %s", (1,), "select '%', $1", [1]),
        ("select %(a)s, %(b)s, %(a)s", {"a": 1, "b": 2, "c": 3}, "select $1, $2, $1", [1, 2]),
        ("select 1", [], "select 1", []),
        ("select 1", {}, "select 1", []),
        ("-- %s\nselect %b", [1, 2], "-- $1\nselect $2", [1, 2]),
    ],
)
def test_placeholders_become_numbers(sql, params, text, values):
    translated, given = translate(sql, params)
    assert (translated, list(given)) == (text, values)


def test_an_embedded_server_s_database_is_chosen_and_its_settings_are_not_dropped():
    embedded = Config.from_url("embedded:/a?temp=0&db=one")
    assert embedded.with_database("two words").dsn == "embedded:/a?temp=0&db=two%20words"
    embedded.options = {"search_path": "app"}
    with pytest.raises(ConfigurationError, match="conf.NAME"):
        _ = embedded.dsn


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        (["docs", "[1]", "[1]", 5], ["[1]", "docs", "[1]", 5]),
        (["[1]", "docs", " [2]", 5], ["[1]", "docs", " [2]", 5]),
        ([None, "[1]", "[2]", 5], [None, "[1]", "[2]", 5]),
        (["docs", "news", "[1]", 5], ["docs", "news", "[1]", 5]),
    ],
)
def test_vectors_go_where_a_vector_has_to_be(given, passed):
    assert list(translate("select %s::vector, %s, %s :: vector, %s", given)[1]) == passed


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("select %s", []), ("select %s", [1, 2]), ("select %d", [1]), ("select '%'", [1]), ("select %(a)s", {"b": 1}),
        ("select %(a)s", [1]), ("select %s", {"a": 1}), ("select %s, %(a)s", {"a": 1}), ("select %", [1]),
    ],
)  # fmt: skip
def test_placeholders_that_do_not_fit_are_refused(sql, params):
    with pytest.raises(failures.ProgrammingError):
        translate(sql, params)


@pytest.mark.parametrize(
    ("url", "dsn"),
    [
        ("postgresql://u:p%40ss@h:1/d", "host=h port=1 dbname=d user=u password=p@ss"),
        ("postgres://u@/d?host=/run/Sockets&port=7", "host=/run/Sockets port=7 dbname=d user=u"),
        ("postgresql+asyncpg://u@%2Frun%2FSockets:7/d", "host=/run/Sockets port=7 dbname=d user=u"),
        ("postgresql://u@h/d?work_mem=8MB&sslrootcert=/a%20b", "host=h port=5432 dbname=d user=u "
         "options='-c work_mem=8MB' sslrootcert='/a b'"),
        ("host='/a b' user=it\\'s dbname=d", "host='/a b' port=5432 dbname=d user='it\\'s'"),
        ("embedded:/some/dir", "embedded:/some/dir"),
    ],
)  # fmt: skip
def test_addresses_of_every_form(url, dsn):
    assert Config.from_url(url).dsn == dsn
    assert "p@ss" not in repr(Config.from_url(url))


def test_no_part_of_a_password_is_told():
    with pytest.raises(ConfigurationError) as raised:
        Config.from_url("postgresql://user:sec/ret@host/db")
    assert "sec" not in str(raised.value) and raised.value.__suppress_context__


def test_a_setting_cannot_smuggle_another():
    with pytest.raises(ConfigurationError):
        Config(options={"work_mem": "8MB -c x=y"}).dsn


def test_pools_take_their_sizes_from_the_environment(config, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/x")
    monkeypatch.setenv("DATABASE_POOL_MIN", "3")
    monkeypatch.setenv("DATABASE_POOL_MAX", "7")
    for cls in (PooledDatabase, AsyncPooledDatabase):
        pool = cls.from_env()
        assert (pool.min_size, pool.max_size) == (3, 7)
        given = cls.from_env(min_size=1, max_size=2)
        assert (given.min_size, given.max_size) == (1, 2)
    with pytest.raises(ValueError):
        PooledDatabase(config, min_size=3, max_size=2)


def test_results_are_lists_that_can_be_fetched_from(db):
    rows = db.execute("select n, n * 2 as twice from generate_series(1, %s) as n", [4])
    assert rows[1] == {"n": 2, "twice": 4} and rows[1][1] == 4 and len(rows) == rows.rowcount == 4
    assert rows.fetchone()["n"] == 1 and len(rows.fetchmany(2)) == 2
    assert [row["n"] for row in rows.fetchall()] == [4] and rows.fetchone() is None
    assert rows.description[0].name == rows.description[0][0] == "n"


def test_the_server_s_errors_are_psycopg_s(db, table):
    psycopg = pytest.importorskip("psycopg")
    db.insert(table, {"id": 1, "body": "x"})
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        db.insert(table, {"id": 1, "body": "y"})
    assert refused.value.sqlstate == "23505" and refused.value.diag.constraint_name == f"{table}_pkey"
    assert isinstance(refused.value.__cause__, statekeep.Conflict)
    with pytest.raises(psycopg.OperationalError):
        Database(Config(host="127.0.0.1", port=1)).execute("select 1")


def test_without_psycopg_the_errors_have_its_names(config):
    program = (
        "import sys\n"
        "sys.modules['psycopg'] = sys.modules['psycopg_pool'] = None\n"
        "from statekeep.gathering import Config, Database, failures\n"
        "db = Database(Config.from_url(sys.argv[1]))\n"
        "for sql in ('selekt 1', 'select 1/0', 'select * from nowhere_at_all'):\n"
        "    try:\n"
        "        db.execute(sql)\n"
        "    except failures.Error as error:\n"
        "        print(type(error).__name__, error.sqlstate, isinstance(error, failures.DatabaseError))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, config.dsn], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "SyntaxError 42601 True", "DataError None True", "UndefinedTable 42P01 True"], done.stderr  # fmt: skip


def test_a_block_commits_and_rolls_back(db, table):
    with db.transaction(isolation_level=IsolationLevel.SERIALIZABLE) as connection:
        assert connection.execute("show transaction_isolation").fetchone()[0] == "serializable"
        connection.execute(f"insert into {table} values (%s)", [1])
        with pytest.raises(ZeroDivisionError), connection.transaction():
            connection.execute(f"insert into {table} values (2)")
            raise ZeroDivisionError
        with pytest.raises(failures.ProgrammingError):
            connection.commit()
    with pytest.raises(ZeroDivisionError), db.transaction() as connection:
        connection.execute(f"insert into {table} values (3)")
        raise ZeroDivisionError
    with db.connect() as connection:
        connection.execute(f"insert into {table} values (4)")  # never committed
    with db.connect() as connection:
        connection.execute(f"insert into {table} values (5)")
        connection.commit()
    assert [row["id"] for row in db.find(table, order_by="id")] == [1, 5]


def test_a_session_is_its_task_s_own(config, table):
    async def within(db, number):
        async with db.session() as session:
            first = (await session.execute("select pg_backend_pid() as pid"))[0]["pid"]
            await barrier.wait()  # all of them are within at once
            assert (await session.execute("select pg_backend_pid() as pid"))[0]["pid"] == first
            async with db.savepoint():
                await session.execute(f"insert into {table} values (%s)", [number])
            return first

    async def main():
        async with AsyncDatabase(config) as db:
            nonlocal barrier
            barrier = asyncio.Barrier(4)
            pids = await asyncio.gather(*(within(db, n) for n in range(4)))
            assert len(set(pids)) == 4 and not db.in_session
            assert await db.count(table) == 4

    barrier = None
    asyncio.run(main())


def test_one_object_serves_several_loops(config):
    db = AsyncDatabase(config)
    for _ in range(3):
        assert asyncio.run(db.fetch_val("select 1")) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del db
        gc.collect()


@pytest.mark.parametrize("turns", [2, 3, 20])
@pytest.mark.parametrize("autocommit", [False, True])
def test_a_connection_is_in_no_transaction_after_a_cancelled_begin(config, db, table, turns, autocommit):
    async def block(connection):
        async with connection.transaction():
            pass

    async def main():
        async with AsyncPooledDatabase(config, 1, 1) as pool:
            async with pool.connect(autocommit=autocommit) as connection:
                task = asyncio.ensure_future(block(connection))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                await connection.execute(f"insert into {table} values (1)")
                await connection.commit()
        return db.execute(f"select id from {table}")

    assert [row["id"] for row in asyncio.run(main())] == [1]


@pytest.mark.parametrize("autocommit", [False, True])
def test_a_connection_is_in_no_transaction_after_a_cancelled_end(config, db, table, autocommit):
    held_up = f"insert into {table} select 2 from pg_advisory_xact_lock(hashtext('{table}'))"
    behind = []  # which the end of the block waits

    async def block(connection, ends):
        async with connection.transaction():
            behind.append(asyncio.create_task(connection.execute(held_up)))
            await asyncio.sleep(0)
            ends.set()

    async def main():
        ends = asyncio.Event()
        async with AsyncPooledDatabase(config, 1, 2) as pool, pool.connect(autocommit=autocommit) as connection:
            async with pool.transaction() as holder:
                await holder.execute(f"select pg_advisory_xact_lock(hashtext('{table}'))")
                task = asyncio.ensure_future(block(connection, ends))
                await ends.wait()
                for _ in range(20):
                    await asyncio.sleep(0)
                assert not task.done()
                task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            await connection.execute(f"insert into {table} values (1)")
            await connection.commit()
        return db.execute(f"select id from {table}")

    assert [row["id"] for row in asyncio.run(main())] == [1]


@pytest.mark.parametrize("commit", [Connection.commit, lambda connection: connection.execute("COMMIT")])
def test_a_commit_that_is_refused_has_ended_the_transaction(db, table, commit):
    db.execute(f"alter table {table} add unique (body) deferrable initially deferred")
    twice = f"insert into {table} values (1, 'a'), (2, 'a')"
    with db.connect() as connection:
        connection.execute(twice)
        with pytest.raises(failures.IntegrityError):
            commit(connection)
        assert connection.info.transaction_status == TransactionStatus.IDLE
        connection.execute(f"insert into {table} values (3, 'b')")
        connection.rollback()
        with pytest.raises(failures.IntegrityError), connection.transaction():
            connection.execute(twice)
        with connection.transaction():
            connection.execute(f"insert into {table} values (4, 'c')")
    assert [row["id"] for row in db.execute(f"select id from {table}")] == [4]


def test_a_connection_is_in_no_transaction_after_a_begin_without_an_answer(db, table, monkeypatch):
    run = lease.run

    def unanswered(calls, number, sql, *rest):
        rows = run(calls, number, sql, *rest)
        if sql == "begin":
            raise statekeep.Unknown("no answer in time", reason="deadline")
        return rows

    with db.connect(autocommit=True) as connection:
        with monkeypatch.context() as patch, pytest.raises(failures.OperationalError):
            patch.setattr(lease, "run", unanswered)
            with connection.transaction():
                pass
        connection.execute(f"insert into {table} values (1)")
    assert db.count(table) == 1


def test_tasks_take_turns_on_few_connections(config, table):
    async def work(db, number):
        for i in range(3):
            async with db.transaction() as connection:
                await connection.execute(f"insert into {table} values (%s)", [number * 10 + i])
                await db.execute("select 1")  # beside the transaction: never waits for a connection that is out

    async def main():
        async with AsyncPooledDatabase(config, max_size=4, timeout=60) as db:
            await asyncio.wait_for(asyncio.gather(*(work(db, n) for n in range(64))), 60)
            assert await db.count(table) == 192
            assert db.stats["pool_available"] == 4 and db.stats["requests_waiting"] == 0

    asyncio.run(main())


def test_threads_wait_their_turn_for_a_pool(config):
    with PooledDatabase(config, min_size=1, max_size=2, timeout=0.05) as pool:
        with pool.connection(), pool.connection():
            with pytest.raises(failures.PoolTimeout), pool.connection():
                pass
            assert pool.execute("select 1 as one") == [{"one": 1}]
        pool.timeout = 30
        order = []

        def work(number):
            with pool.connection() as connection:
                order.append(number)
                connection.execute("select pg_sleep(0.005)")

        with ThreadPoolExecutor(16) as threads:
            list(threads.map(work, range(48)))
        assert sorted(order) == list(range(48)) and pool.stats["pool_available"] == 2
    with pytest.raises(failures.PoolClosed):
        pool.execute("select 1")


def test_streams_and_copies(db, table):
    assert db.copy_insert(table, [{"id": n, "body": f"tab\t{n}"} for n in range(3000)]) == 3000
    assert sum(1 for _ in db.stream(f"select * from {table} where id < %s", [2500], batch_size=100)) == 2500
    with db.cursor() as cursor, cursor.copy(f"copy {table} to stdout") as copy:
        assert b"".join(copy).count(b"\n") == 3000
    with db.cursor() as cursor:
        with cursor.copy(f"copy {table} from stdin") as copy:
            copy.write_row([5000, None])
            copy.write("5001\tx\n")
        assert cursor.rowcount == 2
    assert db.count(table) == 3002


def test_a_listener_hears(config):
    async def main():
        async with AsyncDatabase(config) as db:
            heard = db.listen("gathering_news")
            first = asyncio.ensure_future(anext(heard))
            while not first.done():
                await db.notify("gathering_news", payload="hello")
                await asyncio.sleep(0.01)
            assert await first == "hello"
            await heard.aclose()

    asyncio.run(main())


def test_migrators_take_turns(config, tmp_path):
    schema = f"turns_{uuid.uuid4().hex}"
    for n in range(1, 4):
        (tmp_path / f"00{n}_step.sql").write_text(
            f"-- UP\ncreate table {schema}.t{n} (x int);\nselect pg_sleep(0.02);\n-- DOWN\ndrop table {schema}.t{n};\n"
        )
    with Database(config) as db:
        db.schema.create_schema(schema)
    own = Config.from_url(config.dsn)
    if own.embedded:
        pytest.skip("the sessions of an embedded server take no settings: run with STATEKEEP_TEST_DSN")
    own.options = {"search_path": schema}
    done = []

    def migrate():
        with Database(own) as db:
            done.extend(Migrator(db, tmp_path).migrate())

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Database(own) as db:
        assert sorted(migration.version for migration in done) == [1, 2, 3]
        assert [info["version"] for info in Migrator(db, tmp_path).rollback(2)] == [3, 2]
        assert db.list_tables(schema) == ["schema_migrations", "t1"]
        db.schema.drop_schema(schema, cascade=True)


def test_a_pool_of_20_runs_100_actions(config):
    all_at_once = None

    async def work(db, number):
        async with db.action(number, namespace=name, ttl=60) as run:
            await all_at_once.wait()
            return run.token

    async def main():
        nonlocal all_at_once
        all_at_once = asyncio.Barrier(100)
        async with AsyncPooledDatabase(config, 4, 20) as db, asyncio.timeout(60):
            assert await asyncio.gather(*(work(db, n) for n in range(100))) == [1] * 100

    name = uuid.uuid4().hex
    asyncio.run(main())


def test_an_action_is_held_while_it_runs_and_finished_once(config, db):
    name = uuid.uuid4().hex
    due = datetime(2026, 1, 1, tzinfo=UTC)
    with db.action(1, namespace=name, due=due, ttl=6) as run:
        ends = f"select expires_at from action_leases where action = '{name}:1'"
        given, deadline = db.fetch_val(ends), time.monotonic() + 60
        while db.fetch_val(ends) == given and time.monotonic() < deadline:
            time.sleep(0.05)
        assert db.fetch_val(ends) > given  # it is renewed
        with db.action(1, namespace=name, due=due) as other:
            assert other is None
        assert run.token == 1 and not run.lost
    with db.action(1, namespace=name, due=due) as late:
        assert late is None
    with pytest.raises(ZeroDivisionError), db.action(2, namespace=name, due=due) as run:
        raise ZeroDivisionError
    with db.action(2, namespace=name, due=due) as again:
        assert again.token == 2


def test_who_lost_an_action_is_told(db):
    name = uuid.uuid4().hex
    with db.action(1, namespace=name, ttl=0.1) as run:
        db.execute("update action_leases set token = token + 1 where action = %s", [f"{name}:1"])
        deadline = time.monotonic() + 60
        while not run.lost and time.monotonic() < deadline:
            time.sleep(0.01)
        assert run.lost


def test_an_action_that_cannot_be_renewed_is_lost_when_its_time_is_over(db, monkeypatch):
    def unreachable(calls, op, *arguments):
        if op == "schedule.renew":
            asked.append(op)
            raise OSError("no server")
        return call(calls, op, *arguments)

    call, asked, now = actions.call, [], 1000.0
    monkeypatch.setattr(actions, "call", unreachable)
    monkeypatch.setattr(actions, "time", types.SimpleNamespace(monotonic=lambda: now))
    with db.action(1, namespace=f"test-{uuid.uuid4().hex}", ttl=0.3) as run:
        deadline = time.monotonic() + 60
        while len(asked) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(asked) >= 3 and not run.lost
        now += 0.29
        assert not run.lost
        now += 0.02
        assert run.lost


def test_a_pool_waits_for_its_server(config, monkeypatch):
    answers = [failures.OperationalError("not yet"), failures.OperationalError("not yet"), None]

    def check(pool):
        answer = answers.pop(0)
        if answer:
            raise answer

    def sleep(seconds):
        nonlocal now
        now += seconds

    now = 1000.0
    monkeypatch.setattr(PooledDatabase, "check", check)
    monkeypatch.setattr(pools, "time", types.SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    with PooledDatabase(config) as pool:
        pool.wait(5)
        assert not answers
        answers[:] = [failures.OperationalError("never")] * 100
        begun = now
        with pytest.raises(failures.PoolTimeout, match="never"):
            pool.wait(0.5)
        assert len(answers) < 99 and 0.25 < now - begun <= 0.5


def test_who_cannot_ask_runs_nothing(caplog):
    async def main():
        async with AsyncDatabase(nowhere).action(1) as run:
            return run

    nowhere = Config(host="127.0.0.1", port=1, options={"connect_timeout": "1"})
    with Database(nowhere).action(1) as run:
        assert run is None
    assert asyncio.run(main()) is None
    assert all(record.name == actions.__name__ for record in caplog.records) and len(caplog.records) == 2


def test_embeddings_are_asked_for_once():
    asked = []

    async def embed(texts):
        asked.append(texts)
        return [[len(text), 1] for text in texts]

    async def main():
        service = EmbeddingService(embed, cache_size=2)
        assert await service.create_embedding("a") == [1.0, 1.0]
        assert await service.create_embeddings(["a", "bb", "bb"]) == [[1.0, 1.0], [2.0, 1.0], [2.0, 1.0]]
        assert asked == [["a"], ["bb"]] and service.cache_stats()["size"] == 2
        assert service.clear_cache() == 2

    asyncio.run(main())


def test_an_embedding_is_given_though_others_push_it_out_of_the_cache():
    async def embed(texts):
        if "bb" in texts:
            await pushed_out.wait()
        return [[len(text)] for text in texts]

    async def main():
        nonlocal pushed_out
        pushed_out = asyncio.Event()
        service = EmbeddingService(embed, cache_size=1)
        await service.create_embedding("a")
        both = asyncio.create_task(service.create_embeddings(["a", "bb"]))
        await asyncio.sleep(0)
        await service.create_embedding("ccc")
        pushed_out.set()
        assert await both == [[1.0], [2.0]]

    pushed_out = None
    asyncio.run(main())


def test_tasks_that_ask_at_once_get_one_pool(dsn, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", dsn)

    async def main():
        pools = await asyncio.gather(*(DatabasePool.get_pool() for _ in range(3)))
        try:
            assert pools[0] is pools[1] is pools[2]
            assert (await pools[1].fetch("select $1::int as one", 1))[0]["one"] == 1
        finally:
            await DatabasePool.close_pool()
        monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/x")
        monkeypatch.setattr(DatabasePool, "wait", lambda pool, timeout: AsyncPooledDatabase.wait(pool, 0.3))
        with pytest.raises(failures.PoolTimeout):
            await DatabasePool.get_pool()
        assert DatabasePool._shared is None

    asyncio.run(main())
