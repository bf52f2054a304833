"""Rooms locked across processes, on the advisory locks of RoomKit's own lock manager, so that both exclude each other.

All locks of a manager are held by one session. What tasks want and give back while a statement is under way travels in
the next one, so many rooms cost few round trips. A room that another process holds is asked for again and again: no
session waits at the server, so nobody who waits keeps another waiting."""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from itertools import chain
from typing import Any
from weakref import WeakValueDictionary

from roomkit.core.locks import RoomLockManager, _has_room_lock, _mark_room_locked

from .. import aio
from ..aio_lease import Lease
from ..errors import Error, Unknown
from ..rows import Rows
from .errors import driver_error
from .pools import engine_dsn

# Giving back comes first: the next holder in this process may want what the last one gives back.
_STEP = """
select false as wanted, key, pg_advisory_unlock(key) as done from unnest($1::text::bigint[]) as key
union all
select true, key, pg_try_advisory_lock(key) from unnest($2::text::bigint[]) as key
"""
_FIRST_PAUSE = 0.005  # seconds between two questions for rooms that others hold; doubled up to the longest
_LONGEST_PAUSE = 0.05
_CLOSE_SECONDS = 60.0  # as long as the store waits for its calls
_NOT_OPEN = "PostgresAdvisoryLockManager.init() must be called before use"


def advisory_key(room_id: str) -> int:
    """RoomKit's key of a room's lock. Rooms may share one; they then wait for each other."""
    return int.from_bytes(hashlib.blake2b(room_id.encode(), digest_size=8).digest(), "big", signed=True)


class PostgresAdvisoryLockManager(RoomLockManager):
    """A `RoomLockManager` for several processes on one database, in place of RoomKit's own of that name.

    Args:
        dsn: as the store's.
        pool: an asyncpg pool whose connection arguments are used in place of `dsn`; it stays unused. `init()` may be left
            out then.
        min_size, max_size: taken for RoomKit's sake; one session serves any number of rooms.
        timeout: seconds that `locked()` waits before it raises TimeoutError; None waits for ever, as RoomKit's does.
    """

    def __init__(
        self,
        dsn: str | None = None,
        *,
        pool: Any = None,
        min_size: int = 1,
        max_size: int = 10,
        timeout: float | None = None,
    ) -> None:
        self._dsn = dsn
        self._pool = pool
        self._timeout = timeout
        self._session: _Session | None = None
        self._opening = asyncio.Lock()
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def init(self) -> None:
        """Opens the session. Called again, it does nothing."""
        await self._opened()

    async def _opened(self) -> _Session:
        async with self._opening:
            if self._session is None:
                dsn = await engine_dsn(self._dsn, self._pool)
                session = _Session(aio.Store(dsn, {"connections": 2, "lease_idle_ms": 0}))
                try:
                    await session.open()
                except BaseException as error:
                    await session.close()
                    if isinstance(error, Error):
                        raise driver_error(error) from error
                    raise
                self._session = session
            return self._session

    async def close(self) -> None:
        """Waits until nobody holds or waits for a room, 60 s at most, and disconnects. Closing twice does nothing."""
        async with self._opening:  # what is being opened would stay open
            session, self._session = self._session, None
        if session is not None:
            try:
                await session.unused(_CLOSE_SECONDS)
            finally:
                await session.close()

    @asynccontextmanager
    async def locked(self, room_id: str) -> AsyncGenerator[None, None]:
        """Holds the room's lock; the context that holds it, tasks started in it included, enters again at once.

        Raises TimeoutError after the manager's timeout, RuntimeError before `init()`, and the driver's error when the
        session is lost; at the end of the block that means that another process may have had the room.
        """
        if _has_room_lock(room_id, self):
            yield
            return
        key = advisory_key(room_id)
        if self._session is None and self._pool is None:
            raise RuntimeError(_NOT_OPEN)
        session = self._session or await self._opened()
        # The session may take a lock twice, so its tasks stand in a line of their own.
        turn = self._turns.setdefault(key, asyncio.Lock())
        with session.in_use():
            async with asyncio.timeout(self._timeout):
                await turn.acquire()
                try:
                    lease = await session.take(key)
                except BaseException:
                    turn.release()
                    raise
            try:
                with _mark_room_locked(self, room_id):
                    yield
            finally:
                try:
                    await session.give_back(key, lease)
                finally:
                    turn.release()


class _Session:
    """The session that holds the locks, and the task that asks it."""

    def __init__(self, store: aio.Store) -> None:
        self._store = store
        self._lease: Lease | None = None
        self._wanted: dict[int, asyncio.Future[Lease]] = {}
        self._returned: dict[int, list[asyncio.Future[None]]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._news = asyncio.Event()  # something was wanted or given back since the last question
        self._users = 0  # who holds or wants a lock
        self._quiet = asyncio.Event()  # nobody does
        self._quiet.set()

    async def open(self) -> None:
        await self._held()

    @contextmanager
    def in_use(self) -> Generator[None, None, None]:
        self._users += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._quiet.set()

    async def unused(self, seconds: float) -> None:
        """Waits until nobody holds or wants a lock, or the time is over."""
        try:
            await asyncio.wait_for(self._quiet.wait(), seconds)
        except TimeoutError:
            pass

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        pending: list[asyncio.Future[Any]] = [*self._wanted.values(), *chain(*self._returned.values())]
        for future in pending:
            if not future.done():
                future.set_exception(RuntimeError(_NOT_OPEN))
        if self._lease is not None:
            self._lease.close()
        await self._store.close()

    async def take(self, key: int) -> Lease:
        """Waits for the lock and gives the lease whose session holds it."""
        future: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        self._wanted[key] = future
        self._wake()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._unlock(key).add_done_callback(_forget)  # granted in the very turn that cancelled its waiter
            raise
        finally:
            if self._wanted.get(key) is future:  # given up
                del self._wanted[key]

    async def give_back(self, key: int, lease: Lease) -> None:
        """Raises the driver's error when the lock was lost with its session."""
        if lease is not self._lease:
            raise _lock_lost()
        await self._unlock(key)

    def _unlock(self, key: int) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._returned.setdefault(key, []).append(future)
        self._wake()
        return future

    def _wake(self) -> None:
        self._news.set()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="statekeep room locks")

    async def _ask(self) -> None:
        pause = _FIRST_PAUSE
        while self._wanted or self._returned:
            self._news.clear()
            wanted, returned, self._returned = dict(self._wanted), self._returned, {}
            try:
                lease = await self._held()
                answers = await _step(lease, list(wanted), [key for key, some in returned.items() for _ in some])
            except Error as error:
                self._lost(error, wanted, returned)
                continue
            except BaseException:  # closing: close() tells who waits
                for key, some in returned.items():
                    self._returned.setdefault(key, []).extend(some)
                raise
            for holder in chain(*returned.values()):
                if not holder.done():
                    holder.set_result(None)
            granted = [row["key"] for row in answers if row["wanted"] and row["done"]]
            for key in granted:
                if wanted[key].done():  # given up meanwhile
                    self._unlock(key).add_done_callback(_forget)
                else:
                    self._wanted.pop(key, None)
                    wanted[key].set_result(lease)
            pause = _FIRST_PAUSE if granted else min(pause * 2, _LONGEST_PAUSE)
            if self._wanted:
                await self._rest(pause * random.uniform(0.5, 1))

    async def _rest(self, seconds: float) -> None:
        """Until the time is over or there are news."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _held(self) -> Lease:
        if self._lease is None:
            self._lease = await self._store.lease(timeout=math.inf)
        return self._lease

    def _lost(
        self, error: Error, wanted: dict[int, asyncio.Future[Lease]], returned: dict[int, list[asyncio.Future[None]]]
    ) -> None:
        """Ends what was asked for; whoever else holds a lock of this session hears it at the end of the block."""
        if self._lease is not None:
            self._lease.close()
            self._lease = None
        for key, future in wanted.items():
            if self._wanted.get(key) is future:
                del self._wanted[key]
            if not future.done():
                future.set_exception(driver_error(error))
        for holder in chain(*returned.values()):
            if not holder.done():
                holder.set_exception(_lock_lost())


async def _step(lease: Lease, wanted: list[int], returned: list[int]) -> Rows:
    """One question: the rows {wanted, key, done} of all keys."""
    keys = [f"{{{','.join(map(str, some))}}}" for some in (returned, wanted)]
    return await lease.query(_STEP, keys, timeout=math.inf)


def _lock_lost() -> Exception:
    return driver_error(Unknown("the session that held the lock was lost", reason="link"))


def _forget(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()  # nobody waits for it
