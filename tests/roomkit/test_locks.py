"""The lock manager for several processes: the same locks as RoomKit's own, one session for any number of rooms."""

import asyncio
import time

import asyncpg
import pytest
from roomkit.store import PostgresAdvisoryLockManager as TheirManager
from statekeep.roomkit import PostgresAdvisoryLockManager


@pytest.fixture
def url(server, database):
    return server.url(database)


def on(url, scenario, managers=1, **options):
    """Runs `scenario` with that many managers, each as another process would have its own."""

    async def run():
        made = [PostgresAdvisoryLockManager(url, **options) for _ in range(managers)]
        for manager in made:
            await manager.init()
        try:
            return await asyncio.wait_for(scenario(*made), 300)
        finally:
            for manager in made:
                await manager.close()

    return asyncio.run(run())


def sessions(server, database):
    clients = "select count(*) from pg_stat_activity where datname = %s and backend_type = 'client backend'"
    return server.query(clients, [database])[0][0]


def locks(server):
    return server.query("select count(*) from pg_locks where locktype = 'advisory' and granted")[0][0]


async def count_up(manager, room, state, times):
    """Holds the room while it adds one to a number, with other tasks let in between reading and writing it."""
    for _ in range(times):
        async with manager.locked(room):
            value = state[room]
            await asyncio.sleep(0.001)
            state[room] = value + 1


@pytest.mark.parametrize("theirs", [False, True], ids=["two of ours", "ours and theirs"])
def test_a_room_has_one_holder_among_processes(url, theirs):
    async def scenario(first, second):
        peer = second
        if theirs:
            peer = TheirManager(url)
            await peer.init()
        state = {"a": 0, "b": 0}
        await asyncio.gather(
            *(count_up(manager, room, state, 10) for manager in (first, peer) for room in state for _ in range(3))
        )
        if theirs:
            await peer.close()
        return state

    assert on(url, scenario, managers=2) == {"a": 60, "b": 60}


def test_rooms_do_not_wait_for_each_other_and_share_a_session(server, database, url):
    rooms = 100

    async def scenario(manager):
        inside = asyncio.Barrier(rooms)  # passes only when all are inside at once

        async def hold(room):
            async with manager.locked(room):
                await inside.wait()
                return sessions(server, database) if room == "room-0" else 0

        return max(await asyncio.gather(*(hold(f"room-{n}") for n in range(rooms))))

    assert on(url, scenario) <= 2
    assert locks(server) == 0


def test_a_room_held_elsewhere_keeps_no_other_waiting(url):
    async def scenario(first, second):
        async with first.locked("held"):
            waiting = [asyncio.create_task(enter(second, "held")) for _ in range(5)]
            await asyncio.sleep(0.05)
            begun = time.monotonic()
            for n in range(20):
                async with second.locked(f"free-{n}"):
                    pass
            seconds = time.monotonic() - begun
            assert not any(task.done() for task in waiting)
        await asyncio.gather(*waiting)
        return seconds

    assert on(url, scenario, managers=2) < 20


async def enter(manager, room):
    async with manager.locked(room):
        pass


def test_it_is_entered_again_by_its_holder_and_the_tasks_of_the_holder(url):
    async def scenario(manager):
        async with manager.locked("room"):
            async with manager.locked("room"):
                await asyncio.gather(enter(manager, "room"), enter(manager, "room"))
        return True

    assert on(url, scenario)


def test_a_wait_ends_with_the_timeout_and_leaves_nothing(server, url):
    async def scenario(first):
        hasty = PostgresAdvisoryLockManager(url, timeout=0.1)
        await hasty.init()
        async with first.locked("room"):
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await enter(hasty, "room")
            assert locks(server) == 1
        hasty._timeout = None
        await enter(hasty, "room")
        await hasty.close()

    on(url, scenario)
    assert locks(server) == 0


def test_cancelled_waiters_strand_no_room(server, url):
    async def scenario(first, second):
        for moment in range(30):
            async with first.locked("room"):
                waiter = asyncio.create_task(enter(second, "room"))
                await asyncio.sleep(0.0005 * (moment % 4))
                waiter.cancel()
            await asyncio.sleep(0.0005 * (moment % 3))
            waiter.cancel()
            await asyncio.gather(waiter, return_exceptions=True)
        await asyncio.wait_for(enter(first, "room"), 30)
        await asyncio.wait_for(enter(second, "room"), 30)

    on(url, scenario, managers=2)
    assert locks(server) == 0


def test_a_lock_granted_in_the_turn_that_cancels_its_waiter_goes_back(server, url):
    async def scenario(manager):
        session = manager._session

        class Cancelling(dict):
            def pop(self, key, default):  # the session is about to grant
                asyncio.get_running_loop().call_soon(waiter.cancel)
                return super().pop(key, default)

        session._wanted = Cancelling()
        waiter = asyncio.create_task(session.take(1))
        with pytest.raises(asyncio.CancelledError):
            await waiter
        for _ in range(1500):
            if locks(server) == 0:
                return True
            await asyncio.sleep(0.02)
        return False

    assert on(url, scenario)


def test_a_lost_session_is_told_at_the_end_of_the_block_and_replaced(server, database, url):
    async def scenario(manager):
        with pytest.raises(asyncpg.PostgresConnectionError):
            async with manager.locked("room"):
                server.terminate_backends(database)
        await enter(manager, "room")

    on(url, scenario)


def test_closing_that_is_cancelled_ends_who_gives_back_meanwhile(database, proxy):
    async def run():
        manager = PostgresAdvisoryLockManager(proxy.url(database))
        await manager.init()

        async def hold():
            async with manager.locked("a"):
                proxy.stall()  # no answer to giving back
                gives_back.set()

        gives_back = asyncio.Event()
        holder = asyncio.create_task(hold())
        await gives_back.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(manager.close(), 0.1)
        with pytest.raises(RuntimeError, match="init"):
            await asyncio.wait_for(holder, 30)

    asyncio.run(run())


def test_it_must_be_open(url):
    manager = PostgresAdvisoryLockManager(url)
    with pytest.raises(RuntimeError, match="init"):
        asyncio.run(enter(manager, "room"))


def test_an_asyncpg_pool_says_where_to_connect(url):
    async def scenario():
        async with asyncpg.create_pool(url, min_size=0) as pool:
            manager = PostgresAdvisoryLockManager(pool=pool)
            await manager.init()
            await enter(manager, "room")
            await manager.close()
            return pool.get_size()

    assert asyncio.run(scenario()) == 0
