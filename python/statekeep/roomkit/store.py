"""RoomKit's store, in place of its PostgresStore: opening, closing and what concerns connections."""

from __future__ import annotations

import asyncio
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
from .pools import ENVIRONMENT, Figures, check_sizes, dsn_of
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
        pool: an asyncpg pool, whose connection arguments are used in place of `dsn`; the pool itself stays unused, and
            the caller's to close.
    """

    is_process_local = False
    _acquire_timeout: float = 5.0  # seconds that a call waits for a free connection; then it raises TimeoutError

    def __init__(self, dsn: str | None = None, pool: Any = None) -> None:
        self._dsn = dsn
        self._given_pool = pool
        self._figures: Figures | None = None

    @property
    def _pool(self) -> Any:
        """The pool's figures: ``get_size()``, ``get_idle_size()``; None while the store is not open."""
        return self._figures

    async def init(self, min_size: int = 2, max_size: int = 10) -> None:
        """Opens the store, unless it is open, and sets its tables up as RoomKit's `init()` does; nothing is lost.

        At most `max_size` connections are opened, on demand. Raises PostgresSchemaError for RoomKit's tables of before
        0.7, for which there is `migrate()`, and for tables of a newer StateKeep.
        """
        if self._store is None:
            await self._open(min_size, max_size)
        await self._set_up()

    async def _open(self, min_size: int, max_size: int) -> None:
        check_sizes(min_size, max_size)
        dsn = self._dsn or ENVIRONMENT
        if self._given_pool is not None:
            dsn = await dsn_of(self._given_pool)
            min_size, max_size = self._given_pool.get_min_size(), self._given_pool.get_max_size()
        queue_ms = to_milliseconds(self._acquire_timeout)
        store = aio.Store(dsn, {"connections": min(max_size, _MOST), "queue_ms": queue_ms})
        try:
            await store.admin.ping()
        except Error as error:
            await store.close(0)
            raise driver_error(error) from error
        self._store, self._figures = store, Figures(store, min_size, max_size)

    async def close(self) -> None:
        """Waits for the calls that are under way and disconnects. Closing twice does nothing; `init()` opens anew."""
        store, self._store, self._figures = self._store, None, None
        if store is not None:
            pending = list(store._calls._pending.values())
            if pending:  # those that are not sent yet would end unsent
                await asyncio.wait(pending, timeout=_DRAIN_SECONDS)
            await store.close()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[None, None]:
        """Nothing is bound: calls share connections as it is, also those of tasks started inside the block."""
        if self._store is None:
            raise RuntimeError(NOT_OPEN)
        yield

    async def __aenter__(self) -> Self:
        await self.init()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    @staticmethod
    def event_from_row(row: Any) -> RoomEvent:
        """The event that a row of the table `events` stores: a mapping with every column, as asyncpg gives it."""
        return _row_to_event(row)
