"""SQL of the caller's own, on the store for threads and on the one for asyncio."""

import asyncio
import contextlib
import gc
import ipaddress
import signal
import threading
import uuid
import warnings
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest

import statekeep
from statekeep import _core
from statekeep.parameters import bind


@pytest.fixture
def table(dsn):
    """An empty table (id int primary key, body text) of this test alone."""
    name = f"sql_{uuid.uuid4().hex}"
    with statekeep.open(dsn) as store:
        store.execute(f"create table {name} (id int primary key, body text)")
        yield name
        store.execute(f"drop table {name}")


VALUES = [
    ("int2", 7), ("int4", -70000), ("int8", 2**62), ("numeric", Decimal("12345678901234567890.123456789")),
    ("numeric", 2**70),
    ("float8", 0.1), ("float8", 1.0), ("float8", float("inf")), ("bool", True), ("text", "tä\"'\\x"),
    ("text", ""),
    ("bytea", b"\x00\xff'\\"), ("date", date(2024, 2, 29)), ("time", time(1, 2, 3, 4)),
    ("timestamp", datetime(2024, 2, 29, 1, 2, 3, 456)),
    ("timestamptz", datetime(2024, 2, 29, 1, 2, 3, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
    ("interval", timedelta(days=-3, hours=4, microseconds=5)), ("uuid", uuid.UUID(int=5)),
    ("jsonb", {"a": [1, None, "x"]}), ("json", {"b": 1.5}), ("inet", ipaddress.ip_address("10.0.0.1")),
    ("cidr", ipaddress.ip_network("10.0.0.0/8")), ("int4[]", [1, None, 3]), ("int8[]", [[1, 2], [3, 2**40]]),
    ("text[]", ["a b", None, "", "null", 'q"\\', "{,}"]), ("text[]", []), ("float8[]", [1.0, 0.5]),
    ("bytea[]", [b"\x01\\", b""]), ("jsonb[]", [{"a": "b,c"}]), ("bool[]", [True, False]),
    ("timestamp[]", [datetime(2024, 1, 1)]), ("uuid[]", [uuid.UUID(int=1)]), ("numeric[]", [Decimal("1.50")]),
]  # fmt: skip


@pytest.mark.parametrize(("sql_type", "value"), VALUES, ids=lambda value: str(value)[:20])
def test_values_come_back_as_they_went(dsn, sql_type, value):
    with statekeep.open(dsn) as store:
        (row,) = store.query(f"select $1::{sql_type} as it, $1::{sql_type} is null as missing", [value])
    assert row["it"] == value and row["missing"] is False
    if sql_type == "numeric":
        value = Decimal(value)
    assert type(row["it"]) is type(value)


def test_times_that_python_lacks_stay_text(dsn):
    with statekeep.open(dsn) as store:
        row = store.query("select 'infinity'::timestamptz, '0044-03-15 BC'::date, 'NaN'::float8, int4range(1, 5)")[0]
        long = store.query("select interval '9000000 years', array[interval '9000000 years', '1 day']")[0]
    assert (row[0], row[1], row[3]) == ("infinity", "0044-03-15 BC", "[1,5)")
    assert (long[0], long[1]) == ("9000000 years", ["9000000 years", timedelta(1)])
    assert row[2] != row[2]


def test_a_value_that_sql_lacks_is_refused(dsn):
    with statekeep.open(dsn) as store:
        for value in (object(), [1, "a"], "\0"):
            with pytest.raises(statekeep.Invalid):
                store.query("select $1", [value])
        assert store.query("select 1")[0][0] == 1


def test_integers_are_as_small_as_they_can_be():
    assert bind([1, 70000, 2**40, 2**70, "a", None, b"x"])[1::2] == [21, 23, 20, 1700, 0, 0, 17]


def test_rows_are_dicts_that_take_positions(dsn):
    with statekeep.open(dsn) as store:
        rows = store.query("select 1 as a, 2 as b union all select 3, 4 order by 1")
        (twice,) = store.query("select 1 as a, 2 as a")
        nothing = store.query("set application_name = 'x'")
    assert rows == [{"a": 1, "b": 2}, {"a": 3, "b": 4}] and rows[1][0] == 3 and rows[0][-1] == 2
    assert (rows.command, rows.row_count, rows.columns) == ("SELECT 2", 2, ["a", "b"])
    assert twice["a"] == 2 and (twice[0], twice[1]) == (1, 2)
    assert nothing == [] and nothing.columns is None
    with pytest.raises(KeyError):
        rows[0]["c"]
    with pytest.raises(IndexError):
        rows[0][2]


def test_several_statements_are_one_transaction(dsn, table):
    with statekeep.open(dsn) as store:
        first = store.query(f"insert into {table} values (1); select 2 as two")
        assert first.command == "INSERT 0 1" and first.more[0] == [{"two": 2}]
        with pytest.raises(statekeep.Invalid):
            store.query(f"insert into {table} values (2); select nothing")
        assert store.execute(f"update {table} set body = 'x'") == 1


def test_what_the_server_refuses(dsn, table):
    with statekeep.open(dsn) as store:
        store.execute(f"insert into {table} values (1)")
        with pytest.raises(statekeep.Conflict) as refused:
            store.execute(f"insert into {table} values ($1)", [1])
        assert refused.value.sqlstate == "23505" and refused.value.constraint == f"{table}_pkey"
        with pytest.raises(statekeep.Invalid) as refused:
            store.query("selekt 1")
        assert refused.value.sqlstate == "42601" and refused.value.position == 1


def test_a_transaction_commits_and_rolls_back_by_savepoints(dsn, table):
    with statekeep.open(dsn) as store:
        with store.transaction("repeatable read") as outer:
            assert outer.query("show transaction_isolation")[0][0] == "repeatable read"
            outer.execute(f"insert into {table} values (1)")
            with pytest.raises(ZeroDivisionError), outer.transaction():
                outer.execute(f"insert into {table} values (2)")
                raise ZeroDivisionError
            with outer.transaction():
                outer.execute(f"insert into {table} values (3)")
        with pytest.raises(ZeroDivisionError), store.transaction() as failing:
            failing.execute(f"insert into {table} values (4)")
            raise ZeroDivisionError
        with pytest.raises(statekeep.Invalid) as refused, store.transaction(read_only=True) as reader:
            reader.execute(f"insert into {table} values (5)")
        assert refused.value.sqlstate == "25006"
        assert [row[0] for row in store.query(f"select id from {table} order by 1")] == [1, 3]


def test_a_failure_that_was_swallowed_is_told_at_the_commit(dsn, table):
    with statekeep.open(dsn) as store:
        with pytest.raises(statekeep.Invalid, match="nothing was committed"), store.transaction() as lease:
            lease.execute(f"insert into {table} values (1)")
            with pytest.raises(statekeep.Invalid):
                lease.query("select nothing")
        assert store.query(f"select count(*) from {table}")[0][0] == 0


def test_a_lease_comes_back_clean(dsn):
    with statekeep.open(dsn, connections=2) as store:
        with store.lease() as lease:
            lease.execute("set application_name = 'mine'; create temp table scratch (x int)")
            pid = lease.query("select pg_backend_pid()")[0][0]
        with pytest.raises(statekeep.Invalid):
            lease.query("select 1")
        with store.lease() as lease:
            assert lease.query("select pg_backend_pid()")[0][0] == pid
            assert lease.query("show application_name")[0][0] != "mine"
            assert lease.query("select to_regclass('scratch')")[0][0] is None


def test_leases_are_limited_and_waited_for(dsn):
    with statekeep.open(dsn, connections=2) as store, store.lease():
        with pytest.raises(statekeep.Deadline):
            store.lease(timeout=0.05)
        assert store.admin.ping() is None


def test_a_dropped_lease_is_taken_back_and_reported(dsn):
    with statekeep.open(dsn, connections=2) as store:
        lease = store.lease()
        lease.execute("begin")
        with pytest.warns(ResourceWarning, match="lease"):
            del lease
            gc.collect()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with store.lease(timeout=60) as lease:
                assert lease.query("select 1")[0][0] == 1


def test_an_idle_lease_is_taken_back(dsn):
    with statekeep.open(dsn, connections=2, lease_idle_ms=50) as store:
        lease = store.lease()
        with store.lease(timeout=60) as next_lease:
            assert next_lease.query("select 1")[0][0] == 1
        with pytest.raises(statekeep.Invalid, match="lease"):
            lease.query("select 1")
        lease.close()


def test_streams_hold_a_batch_at_a_time(dsn):
    with statekeep.open(dsn) as store:
        seen = 0
        for row in store.stream("select n, repeat('x', 1000) from generate_series(1, $1::int) as n", [5000], batch=100):
            seen += 1
            assert row[0] == seen
        assert seen == 5000
        for row in store.stream("values (1), (2)"):
            break
        assert [row[0] for row in store.stream("show server_version")] == [store.query("show server_version")[0][0]]


def test_copies_go_in_and_come_out(dsn, table):
    rows = [(i, None if i % 3 else f"tab\there\nline\\{i}") for i in range(20_000)]
    with statekeep.open(dsn) as store:
        assert store.copy_in(f"copy {table} from stdin", rows) == 20_000
        got = store.query(f"select id, body from {table} order by id")
        assert [(row[0], row[1]) for row in got] == rows
        pieces = list(store.copy_out(f"copy {table} to stdout (format csv)"))
        assert b"".join(pieces).count(b"\n") >= 20_000 and all(isinstance(piece, bytes) for piece in pieces)
        binary = b"".join(store.copy_out(f"copy {table} to stdout (format binary)"))
        store.execute(f"truncate {table}")
        assert store.copy_in(f"copy {table} from stdin (format binary)", binary) == 20_000


def test_a_copy_that_fails_stores_nothing(dsn, table):
    def failing():
        yield (1, "a")
        raise LookupError("no more")

    with statekeep.open(dsn) as store, store.lease() as lease:
        with pytest.raises(LookupError):
            lease.copy_in(f"copy {table} from stdin", failing())
        with pytest.raises(statekeep.Error) as refused:
            lease.copy_in(f"copy {table} from stdin", "1\ta\nx\tb\n")
        assert refused.value.sqlstate == "22P02"
        with pytest.raises(statekeep.Invalid, match="not a copy"):
            lease.copy_in("select 1", "")
        assert lease.query(f"select count(*) from {table}")[0][0] == 0


def test_calls_of_a_lease_that_wait_together_pass_a_full_queue_in_order(dsn, run):
    async def main():
        async with statekeep.connect(dsn, connections=2, queue=4) as store:
            async with store.lease() as lease:
                await lease.query("create temp table t (place serial, n int)")
                takers = [asyncio.ensure_future(store.lease().__aenter__()) for _ in range(10)]
                await asyncio.sleep(0)
                inserts = [lease.query("insert into t (n) values ($1)", [n]) for n in range(8)]
                inserts[0].add_done_callback(lambda _: inserts.append(lease.query("insert into t (n) values (8)")))
                for n in range(9):
                    await asyncio.wait_for(inserts[n], 60)
                assert [row["n"] for row in await lease.query("select n from t order by place")] == list(range(9))
            for taker in takers:
                (await taker).close()

    run(main())


COPIES = ["copy (select 1) to stdout", "select 1; copy (select 1) to stdout", "create temp table t(); copy t from stdin"]


def test_a_copy_is_no_query(dsn, run):
    with statekeep.open(dsn) as store, store.lease() as lease:
        for sql in COPIES:
            with pytest.raises(statekeep.Invalid, match="copies"):
                lease.query(sql)
            assert lease.query("select 1")[0][0] == 1

    async def main():
        async with statekeep.connect(dsn) as store, store.lease() as lease:
            for sql in COPIES:
                with pytest.raises(statekeep.Invalid, match="copies"):
                    await asyncio.wait_for(lease.query(sql), 60)
                assert (await lease.query("select 1"))[0][0] == 1

    run(main())


def test_an_answer_that_cannot_be_decoded_fails_alone(dsn, run):
    async def main():
        async with statekeep.connect(dsn) as store:
            fails = store._calls.begin("sql.query", _core.query, (0, "select 1", ()), None, {}.__getitem__)
            others = [store.query("select 1") for _ in range(5)]
            with pytest.raises(KeyError):
                await asyncio.wait_for(fails, 60)
            assert [rows[0][0] for rows in await asyncio.gather(*others)] == [1] * 5

    run(main())


def test_a_copy_out_can_be_left(dsn):
    with statekeep.open(dsn, connections=2) as store:
        with store.lease() as lease:
            for piece in lease.copy_out("copy (select repeat('x', 1000) from generate_series(1, 5000)) to stdout"):
                break
            assert lease.query("select 1")[0][0] == 1
        for piece in store.copy_out("copy (select repeat('x', 1000) from generate_series(1, 5000)) to stdout"):
            break
        with store.lease(timeout=60) as lease:
            assert lease.query("select 1")[0][0] == 1


def test_notifications_arrive_in_order(dsn):
    channel = f"Ch {uuid.uuid4()}"
    with statekeep.open(dsn) as store, statekeep.open(dsn) as other:
        heard = store.listen(channel, timeout=60)
        for i in range(3):
            other.notify(channel, str(i))
        assert [next(heard).payload for _ in range(3)] == ["0", "1", "2"]
        heard.close()
        assert list(store.listen(channel, timeout=0.01)) == []


def test_threads_share_a_store(dsn, table):
    def work(first):
        for i in range(50):
            with store.transaction() as lease:
                lease.execute(f"insert into {table} values ($1)", [first + i])

    with statekeep.open(dsn, connections=3) as store:
        threads = [threading.Thread(target=work, args=(n * 100,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.query(f"select count(*) from {table}")[0][0] == 400


def test_all_of_it_on_a_loop(dsn, table, run):
    async def pieces():
        yield "100\ta\n"
        yield (101, "b")

    async def main():
        async with statekeep.connect(dsn, connections=3) as store:
            assert await store.query("select $1::int as a", [1]) == [{"a": 1}]
            async with store.transaction() as lease:
                await lease.execute(f"insert into {table} values (1)")
                with pytest.raises(ZeroDivisionError):
                    async with lease.transaction():
                        await lease.execute(f"insert into {table} values (2)")
                        raise ZeroDivisionError
            assert await store.copy_in(f"copy {table} from stdin", pieces()) == 2
            assert [row[0] async for row in store.stream(f"select id from {table} order by 1", batch=2)] == [
                1,
                100,
                101,
            ]
            assert b"".join([piece async for piece in store.copy_out(f"copy {table} to stdout")]).count(b"\n") == 3
            async with store.lease() as lease:
                await lease.execute("listen ready")
                await store.notify("ready", "now")
                heard = lease.notifications(timeout=60)
                notification = await anext(heard)
                assert (notification.channel, notification.payload) == ("ready", "now")
                await heard.aclose()

    run(main())


def test_tasks_take_turns_with_few_connections(dsn, table):
    async def work(store, first):
        for i in range(5):
            async with store.transaction() as lease:
                await lease.execute(f"insert into {table} values ($1)", [first + i])
                await store.admin.ping()  # never waits for a lease

    async def main():
        async with statekeep.connect(dsn, connections=4) as store:
            await asyncio.wait_for(asyncio.gather(*(work(store, n * 100) for n in range(64))), 60)
            assert (await store.query(f"select count(*) from {table}"))[0][0] == 320

    asyncio.run(main())


def test_a_cancelled_task_leaves_a_usable_store(dsn):
    async def main():
        async with statekeep.connect(dsn, connections=2) as store:
            async with store.lease() as lease:
                sleeping = asyncio.ensure_future(lease.query("select pg_sleep(600)"))
                waiting = asyncio.ensure_future(taken(store))
                await asyncio.sleep(0.05)
                sleeping.cancel()
                waiting.cancel()
                await asyncio.gather(sleeping, waiting, return_exceptions=True)
                assert (await asyncio.wait_for(lease.query("select 1"), 60))[0][0] == 1
            async with store.lease(timeout=60) as lease:
                assert (await lease.query("select 2"))[0][0] == 2

    async def taken(store):
        async with store.lease():
            raise AssertionError("there was none to take")

    asyncio.run(main())


def test_a_copy_out_gives_bytes_also_when_the_queue_is_full(dsn, run):
    async def main():
        async with statekeep.connect(dsn, connections=3, queue=2) as store:
            pieces, others = [], []
            copied = store.copy_out(
                "copy (select repeat('x', 1000) from generate_series(1, 200)) to stdout (format binary)"
            )
            async for piece in copied:
                pieces.append(piece)
                others += [store.query("select 1") for _ in range(4)]  # the next piece stands in line behind them
            await asyncio.gather(*others)
            assert b"".join(pieces).startswith(b"PGCOPY\n\xff\r\n\0") and len(b"".join(pieces)) > 200_000

    run(main())


async def _cancelled(awaitable, turns):
    """Cancels what is awaited after so many turns of the loop; whether that ended it."""
    task = asyncio.ensure_future(awaitable)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


@pytest.mark.parametrize("turns", range(1, 6))
def test_a_lease_is_in_no_transaction_after_a_cancelled_begin(dsn, table, run, turns):
    async def main():
        async with statekeep.connect(dsn) as store:
            async with store.lease() as lease:
                block = lease.transaction()
                if not await _cancelled(block.__aenter__(), turns):
                    await block.__aexit__(None, None, None)  # the server was quicker
                await lease.execute(f"insert into {table} values (1)")
            assert len(await store.query(f"select from {table}")) == 1

    run(main())


def _unanswered(query, word):
    """`query` that tells of no answer in time to the first statement that is `word`, which the server runs."""

    async def unanswered(future):
        await future
        raise statekeep.Deadline("no answer in time")

    def asked(sql, *parameters, **options):
        nonlocal word
        future = query(sql, *parameters, **options)
        if sql != word:
            return future
        word = None
        return asyncio.ensure_future(unanswered(future))

    return asked


def test_a_lease_is_in_no_transaction_after_a_begin_without_an_answer(dsn, table, run, monkeypatch):
    async def main():
        async with statekeep.connect(dsn) as store:
            async with store.lease() as lease:
                monkeypatch.setattr(lease, "query", _unanswered(lease.query, "begin"))
                with pytest.raises(statekeep.Deadline):
                    await lease.transaction().__aenter__()
                await lease.execute(f"insert into {table} values (1)")
            assert len(await store.query(f"select from {table}")) == 1

    run(main())


def test_a_lease_is_gone_after_a_rollback_without_an_answer(dsn, table, run, monkeypatch):
    async def main():
        async with statekeep.connect(dsn) as store, store.lease() as lease:
            monkeypatch.setattr(lease, "query", _unanswered(lease.query, "rollback"))
            with pytest.raises(ZeroDivisionError):
                async with lease.transaction():
                    raise ZeroDivisionError
            with pytest.raises(statekeep.Invalid, match="given back"):
                await lease.execute(f"insert into {table} values (1)")

    run(main())


def _hold(table):
    """A statement that holds up those of `_held_up` as long as its transaction is open."""
    return f"select pg_advisory_xact_lock(hashtext('{table}'))"


def _held_up(table):
    return f"insert into {table} select 2 from pg_advisory_xact_lock(hashtext('{table}'))"


@pytest.mark.parametrize("fails", [False, True], ids=["commit", "rollback"])
def test_a_lease_is_in_no_transaction_after_a_cancelled_end(dsn, table, run, fails):
    async def main():
        async with statekeep.connect(dsn) as store:
            async with store.lease() as lease:
                async with store.transaction() as holder:
                    await holder.execute(_hold(table))
                    ending = asyncio.create_task(block(lease))
                    await ends.wait()
                    cancelled = asyncio.create_task(_cancelled(ending, 20))
                    while not ending.cancelling():
                        await asyncio.sleep(0)
                assert await cancelled
                await lease.execute(f"insert into {table} values (1)")
            assert [row["id"] for row in await store.query(f"select id from {table}")] == [1]

    async def block(lease):
        async with lease.transaction():
            lease.query(_held_up(table))  # the end of the block waits behind it
            ends.set()
            if fails:
                raise ZeroDivisionError

    ends = asyncio.Event()
    run(main())


@pytest.mark.parametrize("within", [False, True], ids=["lease", "transaction"])
def test_what_runs_beside_a_stream_stays_when_the_stream_is_left(dsn, table, within):
    def beside(lease):
        for row in lease.stream("select * from generate_series(1, 10) as id", batch=2):
            lease.execute(f"insert into {table} values ($1)", [row["id"]])
            if row["id"] == 3:
                break

    with statekeep.open(dsn) as store:
        with store.lease() as lease:
            if within:
                with lease.transaction():
                    beside(lease)
            else:
                beside(lease)
        assert [row[0] for row in store.query(f"select id from {table} order by 1")] == [1, 2, 3]


@pytest.mark.parametrize("within", [False, True], ids=["lease", "transaction"])
def test_what_runs_beside_a_stream_stays_also_on_a_loop(dsn, table, run, within):
    async def beside(lease):
        async for row in lease.stream("select * from generate_series(1, 10) as id", batch=2):
            await lease.execute(f"insert into {table} values ($1)", [row["id"]])
            if row["id"] == 3:
                break
        async for _ in lease.stream("select 1"):
            await lease.execute(f"insert into {table} values (4)")

    async def main():
        async with statekeep.connect(dsn) as store:
            async with store.lease() as lease:
                if within:
                    async with lease.transaction():
                        await beside(lease)
                else:
                    await beside(lease)
            assert [row[0] for row in await store.query(f"select id from {table} order by 1")] == [1, 2, 3, 4]

    run(main())


@pytest.fixture
def interrupt():
    """Has the main thread interrupted, as by Ctrl-C, after so many seconds; gives how, and an event that says it was."""
    interrupted = threading.Event()

    def raised(*_):
        interrupted.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, raised)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds), interrupted
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def _interrupted_end(store, lease, table, interrupt, failure):
    """Interrupts the end of a transaction, which waits behind a statement of another thread."""
    interrupt_after, interrupted = interrupt
    held, query = threading.Event(), lease.query

    def hold():
        with store.transaction() as holder:
            holder.execute(_hold(table))
            held.set()
            interrupted.wait(60)

    def insert():
        with contextlib.suppress(statekeep.Cancelled):  # with the lease, where that goes
            lease.execute(_held_up(table))

    def asked(sql, *arguments, **options):
        if sql in ("commit", "rollback"):
            lease.query = query
            interrupt_after(0.1)
        return query(sql, *arguments, **options)

    threads = [threading.Thread(target=hold), threading.Thread(target=insert)]
    running = "select 1 from pg_stat_activity where query = $1 and state = 'active'"
    with pytest.raises(KeyboardInterrupt), lease.transaction():
        threads[0].start()
        held.wait(60)
        threads[1].start()
        while not store.query(running, [_held_up(table)]):
            pass
        lease.query = asked
        if failure:
            raise failure
    for thread in threads:
        thread.join()


def _interrupted(query, word, after):
    """A lease's `query` that is interrupted at statements which begin with a word: before them, or as they return."""

    def interrupted(sql, *arguments, **options):
        if sql.startswith(word) and not after:
            raise KeyboardInterrupt
        rows = query(sql, *arguments, **options)
        if sql.startswith(word):
            raise KeyboardInterrupt
        return rows

    return interrupted


def test_a_lease_is_in_no_transaction_after_an_interrupted_begin(dsn, table, monkeypatch):
    with statekeep.open(dsn) as store:
        with store.lease() as lease:
            monkeypatch.setattr(lease, "query", _interrupted(lease.query, "begin", after=True))
            with pytest.raises(KeyboardInterrupt), lease.transaction():
                raise AssertionError("it never began")
            lease.execute(f"insert into {table} values (1)")
        assert [row[0] for row in store.query(f"select id from {table}")] == [1]


def test_a_lease_is_in_no_transaction_after_an_interrupted_commit(dsn, table, interrupt):
    with statekeep.open(dsn) as store:
        with store.lease() as lease:
            _interrupted_end(store, lease, table, interrupt, None)
            lease.execute(f"insert into {table} values (1)")
        assert [row[0] for row in store.query(f"select id from {table}")] == [1]


def test_a_lease_is_gone_after_an_interrupted_rollback(dsn, table, interrupt):
    with statekeep.open(dsn) as store:
        with store.lease() as lease:
            _interrupted_end(store, lease, table, interrupt, ZeroDivisionError())
            with pytest.raises(statekeep.Invalid, match="given back"):
                lease.execute(f"insert into {table} values (1)")
        assert len(store.query(f"select from {table}")) == 0


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_interrupted_savepoint_leaves_its_transaction(dsn, table, monkeypatch, after):
    with statekeep.open(dsn) as store:
        with store.transaction() as lease:
            monkeypatch.setattr(lease, "query", _interrupted(lease.query, "savepoint", after))
            with pytest.raises(KeyboardInterrupt), lease.transaction():
                raise AssertionError("it never began")
            lease.execute(f"insert into {table} values (1)")
        assert [row[0] for row in store.query(f"select id from {table}")] == [1]
