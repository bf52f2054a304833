"""RoomKit's store, in place of its PostgresStore: opening, closing and what concerns connections."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Self

from roomkit.models.event import RoomEvent
from roomkit.store.postgres_mappers import _row_to_event

from .. import aio
from ..errors import Error
from ..texts import to_milliseconds
from .errors import NOT_OPEN, driver_error
from .events import Events
from .members import Members
from .people import People
from .pools import Figures, check_sizes, engine_dsn
from .records import Records
from .rooms import Rooms
from .upkeep import Upkeep

_MOST = 128  # connections of one engine; its calls travel together, so more would not help
_DRAIN_SECONDS = 60.0  # asyncpg's pool waits for its calls too, and warns after this time


class PostgresStore(Rooms, Events, Members, People, Records, Upkeep):
    """A `roomkit.store.ConversationStore` on PostgreSQL, on the tables of RoomKit's own PostgresStore.

    Each method is one round trip and one transaction; calls that are under way at the same time travel together.

    Args:
        dsn: as asyncpg and libpq take it; None is libpq's environment (``PGHOST``, …).
        pool: an asyncpg pool, whose connection arguments and command_timeout are used in place of `dsn`; what its init=
            and setup= do is not done to the engine's connections. The pool serves nothing but `_acquire()`, and stays the
            caller's to close. With a pool, calls need no `init()` where the tables are there.
    """

    is_process_local = False
    _acquire_timeout: float = 5.0  # seconds that a call waits for a free connection; then it raises TimeoutError

    def __init__(self, dsn: str | None = None, pool: Any = None) -> None:
        self._dsn = dsn
        self._given_pool = pool
        self._lent_pool: Any = None  # asyncpg's, for _acquire()
        self._figures: Figures | None = None
        self._opening = asyncio.Lock()

    @property
    def _pool(self) -> Any:
        """The given pool, else the figures of the engine's: ``get_size()``, ``get_idle_size()``; None while not open."""
        return self._figures if self._given_pool is None else self._given_pool

    async def init(self, min_size: int = 2, max_size: int = 10) -> None:
        """Opens the store, unless it is open, and sets its tables up as RoomKit's `init()` does; nothing is lost.

        At most `max_size` connections are opened, on demand. Raises PostgresSchemaError for RoomKit's tables of before
        0.7, for which there is `migrate()`, and for tables of a newer StateKeep.
        """
        await self._open(min_size, max_size)
        await self._set_up()

    async def _opened(self) -> aio.Store:
        if self._given_pool is None:
            return await super()._opened()
        return await self._open(0, _MOST)

    async def _open(self, min_size: int, max_size: int) -> aio.Store:
        async with self._opening:
            if self._store is None:
                check_sizes(min_size, max_size)
                dsn = await engine_dsn(self._dsn, self._given_pool)
                if self._given_pool is not None:
                    min_size, max_size = self._given_pool.get_min_size(), self._given_pool.get_max_size()
                    self._command_seconds = self._given_pool._connect_kwargs.get("command_timeout") or math.inf
                queue_ms = to_milliseconds(self._acquire_timeout)
                store = aio.Store(dsn, {"connections": min(max_size, _MOST), "queue_ms": queue_ms})
                try:
                    self._extended = (await store.room.schema())["extended"]
                except BaseException as error:
                    await store.close(0)
                    if isinstance(error, Error):
                        raise driver_error(error) from error
                    raise
                self._store, self._figures = store, Figures(store, min_size, max_size, self._acquire)
            return self._store

    async def close(self) -> None:
        """Waits for the calls that are under way and disconnects. Closing twice does nothing; `init()` opens anew."""
        async with self._opening:  # what is being opened would stay open
            store, self._store, self._figures = self._store, None, None
        lent, self._lent_pool = self._lent_pool, None
        try:
            if lent is not None:
                await lent.close()
            if store is not None:
                await store._calls.drain(_DRAIN_SECONDS)  # the engine ends what is not sent yet
        except BaseException:  # nobody could close it again
            if store is not None:
                await store.close(0)
            raise
        if store is not None:
            await store.close()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[None, None]:
        """Nothing is bound: calls share connections as it is, also those of tasks started inside the block."""
        if self._store is None:
            await self._opened()
        yield

    @asynccontextmanager
    async def _acquire(self) -> AsyncGenerator[Any, None]:
        """A connection of asyncpg's, for the queries that a subclass adds: RoomKit's name and meaning.

        It is the given pool's, or of a pool that is made at the first use, of as many connections as the store may have
        beside it. No method of the store uses it.
        """
        pool = self._given_pool or self._lent_pool
        if pool is None:
            if self._figures is None:
                raise RuntimeError(NOT_OPEN)
            import asyncpg  # type: ignore[import-untyped, import-not-found, unused-ignore]  # the store itself needs none

            pool = self._lent_pool = asyncpg.create_pool(
                self._dsn, min_size=0, max_size=self._figures.get_max_size(), init=self._init_connection
            )
        await pool
        async with pool.acquire(timeout=self._acquire_timeout) as connection:
            yield connection

    @staticmethod
    async def _init_connection(connection: Any) -> None:
        """What `_acquire()`'s own connections begin with: documents are Python values, as on RoomKit's."""
        await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")

    async def __aenter__(self) -> Self:
        await self.init()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    @staticmethod
    def event_from_row(row: Any) -> RoomEvent:
        """The event that a row of the table `events` stores: a mapping with every column, as asyncpg gives it."""
        return _row_to_event(row)
