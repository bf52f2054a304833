"""Where the store connects to and when, beside RoomKit's own: DSNs, the environment, asyncpg pools, subclasses."""

import asyncio
import gc
import json
import os
import warnings

import asyncpg
import pytest
from roomkit.models.participant import Participant
from roomkit.models.room import Room
from roomkit.store.postgres import PostgresStore as TheirStore
from roomkit.telemetry.base import SpanKind
from roomkit.telemetry.mock import MockTelemetryProvider
from statekeep.roomkit import PostgresAdvisoryLockManager, PostgresStore

ROOM = "room"
both = pytest.mark.parametrize("make", [PostgresStore, TheirStore], ids=["ours", "theirs"])


@pytest.fixture
def url(server, database):
    return server.url(database)


async def with_codec(connection):
    """What a pool for RoomKit's store must do to its connections, or it cannot write a dict."""
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


def sessions(server, database):
    clients = "select count(*) from pg_stat_activity where datname = %s and backend_type = 'client backend'"
    return server.query(clients, [database])[0][0]


async def none_left(server, database):
    """Whether all sessions end soon."""
    for _ in range(1500):
        if sessions(server, database) == 0:
            return True
        await asyncio.sleep(0.02)
    return False


async def opens(make, dsn=None):
    async with make(dsn) as store:
        return await store.room_exists(ROOM)


@both
@pytest.mark.parametrize("dsn", [None, "", "postgresql://", "postgres:///{database}", "postgresql://postgres@/"])
def test_a_server_that_nobody_named_is_looked_for_where_asyncpg_does(server, database, monkeypatch, make, dsn):
    """This one is found at localhost only: its socket lies in a directory of its own."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    for name, value in {"PGPORT": str(server.port), "PGUSER": "postgres", "PGDATABASE": database}.items():
        monkeypatch.setenv(name, value)
    assert asyncio.run(opens(make, dsn and dsn.format(database=database))) is False


@both
@pytest.mark.parametrize("password", ["", ":wrong"], ids=["missing", "wrong"])
def test_a_password_that_does_not_fit_is_refused_by_its_own_class(
    server, database, monkeypatch, tmp_path, make, password
):
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    server.query("drop role if exists locked; create role locked login password 'right'")
    try:
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(opens(make, f"postgresql://locked{password}@127.0.0.1:{server.port}/{database}"))
    finally:
        server.query("drop role locked")


def test_a_host_that_was_named_is_the_only_one(server, database, monkeypatch):
    monkeypatch.setenv("PGPORT", str(server.port))
    monkeypatch.setenv("PGHOST", "/nowhere")
    for dsn in (None, f"postgresql:///{database}"):
        with pytest.raises(OSError, match="/nowhere"):
            asyncio.run(opens(PostgresStore, dsn))
    monkeypatch.delenv("PGHOST")
    with pytest.raises(OSError, match="/nowhere"):
        asyncio.run(opens(PostgresStore, f"postgresql:///{database}?host=/nowhere"))


class TestPool:
    """A pool given instead of a DSN."""

    @both
    def test_it_is_shown_and_enough_without_init_and_after_close(self, url, make):
        async def run():
            async with asyncpg.create_pool(url, min_size=1, init=with_codec) as pool:
                store = make(pool=pool)
                assert store._pool is pool
                await store.init()
                await store.close()
                fresh = make(pool=pool)
                room = Room(id=ROOM)
                async with fresh.connection():
                    pass
                await asyncio.gather(*(fresh.room_exists(f"room-{n}") for n in range(8)))
                await fresh.create_room(room)
                assert await store.get_room(ROOM) == room
                for used in (store, fresh):
                    await used.close()
                assert await pool.fetchval("select count(*) from rooms") == 1  # it is its owner's to close

        asyncio.run(run())

    def test_a_first_call_knows_what_columns_there_are(self, url):
        participant = Participant(room_id=ROOM, id="p", channel_id="sms", candidates=["a"])

        async def run():
            async with asyncpg.create_pool(url, min_size=0) as pool:
                async with PostgresStore(pool=pool) as store:
                    await store.create_room(Room(id=ROOM))
                store = PostgresStore(pool=pool)
                await store.add_participant(participant)
                stored = await store.get_participant(ROOM, "p")
                await store.close()
                return stored

        assert asyncio.run(run()) == participant

    @both
    def test_its_command_timeout_bounds_calls(self, url, make):
        async def run():
            async with make(url) as store:
                await store.create_room(Room(id=ROOM))
            holder = await asyncpg.connect(url)
            async with asyncpg.create_pool(url, min_size=1, init=with_codec, command_timeout=4) as pool:
                async with make(pool=pool) as store:
                    async with holder.transaction():
                        await holder.execute("select from rooms for update")
                        patching = asyncio.ensure_future(store.patch_room_metadata(ROOM, {}))
                        await asyncio.wait([patching], timeout=60)
                        assert patching.done()
                        with pytest.raises(TimeoutError):
                            await patching
            await holder.close()

        asyncio.run(run())

    def test_what_no_dsn_describes_is_refused(self, url):
        async def connect(*arguments, **named):
            return await asyncpg.connect(url)

        async def run():
            with pytest.raises(TypeError, match="asyncpg pool"):
                await PostgresStore(pool=object()).init()
            async with asyncpg.create_pool("postgresql://127.0.0.1:1/none", min_size=0, connect=connect) as pool:
                with pytest.raises(ValueError, match="connect="):
                    await PostgresStore(pool=pool).init()

        asyncio.run(run())


class TestInit:
    def test_many_at_once_open_one_store(self, server, database, url):
        async def run():
            store = PostgresStore(url)
            await asyncio.gather(*(store.init() for _ in range(8)))
            await store.close()
            return await none_left(server, database)

        assert asyncio.run(run())

    def test_cancelled_it_leaves_nothing_open(self, url):
        async def run(moment):
            store = PostgresStore(url)
            opening = asyncio.create_task(store.init())
            await asyncio.sleep(moment)
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            await store.close()

        gc.collect()  # what earlier tests left
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", ResourceWarning)
            for moment in (0, 0.001, 0.003, 0.01, 0.03):
                asyncio.run(run(moment))
                gc.collect()
        assert not [str(warning.message) for warning in told]

    def test_once_open_it_keeps_its_sizes(self, url):
        async def run():
            store = PostgresStore(url)
            await store.init()
            await store.init(1, 1)  # open already: the sizes are not looked at, as on theirs
            most = store._pool.get_max_size()
            await store.close()
            return most

        assert asyncio.run(run()) == 10


class TestClose:
    def test_cancelled_it_leaves_nothing_open(self, server, database, url):
        async def run():
            store = PostgresStore(url)
            await store.init()
            await store.create_room(Room(id=ROOM))
            holder = await asyncpg.connect(url)
            async with holder.transaction():
                await holder.execute("select from rooms for update")
                waits = asyncio.ensure_future(store.patch_room_metadata(ROOM, {}))
                await asyncio.sleep(0.05)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(store.close(), 0.1)
            await asyncio.gather(waits, return_exceptions=True)
            await holder.close()
            return await none_left(server, database)

        assert asyncio.run(asyncio.wait_for(run(), 150))

    @pytest.mark.parametrize("pooled", [False, True])
    def test_what_is_being_opened_is_closed_too(self, server, database, url, pooled):
        async def run():
            async with PostgresStore(url):
                pass  # makes the tables
            async with asyncpg.create_pool(url, min_size=0) as pool:
                store = PostgresStore(**({"pool": pool} if pooled else {"dsn": url}))
                opens = asyncio.ensure_future(store.room_exists(ROOM) if pooled else store.init())
                await asyncio.sleep(0)
                await store.close()
                told = await asyncio.gather(opens, return_exceptions=True)
                return told, await none_left(server, database)

        (told,), closed = asyncio.run(run())
        assert closed and (told is False if pooled else isinstance(told, RuntimeError))

    def test_it_waits_also_for_calls_that_the_queue_had_no_room_for(self, url):
        async def run():
            store = PostgresStore(url)
            await store.init()
            calls = asyncio.gather(*(store.room_exists(ROOM) for _ in range(20_000)))
            await asyncio.sleep(0)
            await store.close()
            return await calls

        assert asyncio.run(run()) == [False] * 20_000


@both
def test_a_subclass_adds_queries_and_spans_in_roomkits_way(url, make):
    class Store(make):
        async def rooms_by_tier(self):
            with self._query_span("rooms_by_tier", "rooms"):
                async with self._acquire() as connection:
                    return await connection.fetch("select id, metadata from rooms order by id")

        async def find_room_ids_by_channel(self, channel_id, room_filter=None, limit=2, *, group=None):
            return [ROOM]

        def _query_span(self, operation, table):
            self.spans.append((operation, table))
            return super()._query_span(operation, table)

    async def run():
        store = Store(url)
        store.spans = []
        async with store:
            store.spans.clear()
            await store.create_room(Room(id=ROOM, metadata={"tier": "gold"}))
            store._telemetry = provider = MockTelemetryProvider()
            (row,), (same,) = await asyncio.gather(store.rooms_by_tier(), store.rooms_by_tier())
            assert (row["id"], row["metadata"]) == (same["id"], same["metadata"]) == (ROOM, {"tier": "gold"})
            assert [span.name for span in provider.get_spans(SpanKind.STORE_QUERY)] == ["store.rooms_by_tier"] * 2
            assert store.spans == [("create_room", "rooms"), *[("rooms_by_tier", "rooms")] * 2]
            assert await store.find_room_id_by_channel("sms") == ROOM
            async with store._pool.acquire() as connection:
                assert await connection.fetchval("select count(*) from rooms") == 1
            return await store._pool.fetchval("select $1::int", 1)

    assert asyncio.run(run()) == 1


def test_queries_of_a_subclass_need_an_open_store_and_leave_nothing(server, database, url):
    async def run():
        store = PostgresStore(url)
        with pytest.raises(RuntimeError, match="init"):
            async with store._acquire():
                pass
        async with store, store._acquire() as connection:
            await connection.fetch("select 1")
        return await none_left(server, database)

    assert asyncio.run(run())


class TestLocks:
    @pytest.mark.parametrize("pooled", [False, True])
    def test_closing_waits_for_holders_and_those_in_line(self, url, pooled):
        async def run():
            order = []
            async with asyncpg.create_pool(url, min_size=0) as pool:
                manager = PostgresAdvisoryLockManager(**({"pool": pool} if pooled else {"dsn": url}))
                if not pooled:  # a pool is enough, as on theirs
                    await manager.init()

                async def hold(name):
                    async with manager.locked(ROOM):
                        await asyncio.sleep(0.1)
                        order.append(name)

                holders = [asyncio.create_task(hold(n)) for n in range(3)]
                await asyncio.sleep(0.05)
                await manager.close()
                order.append("closed")
                await asyncio.gather(*holders)
                await manager.close()
            return order

        assert asyncio.run(asyncio.wait_for(run(), 150)) == [0, 1, 2, "closed"]

    def test_closing_ends_what_is_being_opened(self, server, database, url):
        async def run():
            manager = PostgresAdvisoryLockManager(url)
            opens = asyncio.create_task(manager.init())
            await asyncio.sleep(0)
            await manager.close()
            await opens
            return await none_left(server, database)

        assert asyncio.run(run())

    def test_many_openings_at_once_are_one(self, server, database, url):
        async def run():
            manager = PostgresAdvisoryLockManager(url)
            await asyncio.gather(*(manager.init() for _ in range(8)))
            opened = sessions(server, database)
            await manager.close()
            return opened

        assert asyncio.run(run()) == 1

    def test_a_server_that_is_not_there_is_told_as_by_the_store(self, server):
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            asyncio.run(PostgresAdvisoryLockManager(server.url("nowhere")).init())
