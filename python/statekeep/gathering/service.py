"""GatheRing's own ways to its database: AsyncDatabaseService and DatabasePool."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from .config import Config
from .connection import AsyncConnection
from .placeholders import Params
from .pool import AsyncPooledDatabase, pool_sizes
from .results import AsyncResults

logger = logging.getLogger(__name__)

_SIZES = (4, 20)  # the document's; DATABASE_POOL_MIN and DATABASE_POOL_MAX say otherwise
_INT4 = range(-(2**31), 2**31)


class AsyncDatabaseService:
    """The database of an application on asyncio, between ``initialize()`` and ``shutdown()``.

    Without a URL it is the one that the environment names, see Config.from_env(). `db` is the pool behind it, with all
    its methods. At most `max_size` connections (DATABASE_POOL_MAX, 20) can be borrowed; they are opened on demand, and
    `min_size` (DATABASE_POOL_MIN, 4) is only shown.
    """

    _instance: AsyncDatabaseService | None = None

    def __init__(
        self, database_url: str | None = None, min_size: int | None = None, max_size: int | None = None
    ) -> None:
        config = Config.from_env() if database_url is None else Config.from_url(database_url)
        self.db = AsyncPooledDatabase(config, *pool_sizes(min_size, max_size, _SIZES))

    @classmethod
    def get_instance(cls) -> AsyncDatabaseService:
        """The one of the process, made at the first call from the environment."""
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance

    @classmethod
    def reset_instance(cls) -> None:
        """Has get_instance() make a new one."""
        cls._instance = None

    async def initialize(self) -> None:
        """Opens the pool and waits for the server. Raises PoolTimeout."""
        await self.db.open()

    startup = initialize

    async def shutdown(self) -> None:
        """Waits for what is under way and ends the connections."""
        await self.db.close()

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection for the block: one transaction, committed at its end, rolled back when it raises."""
        return self.db.connection()

    @property
    def _pool(self) -> AsyncPooledDatabase:
        return self.db

    async def execute(self, sql: str, params: Params = None) -> AsyncResults:
        """The rows of a statement, committed with its end."""
        return await self.db.execute(sql, params)

    async def execute_one(self, sql: str, params: Params = None) -> dict[str, Any] | None:
        """The first row, or None."""
        rows = await self.db.execute(sql, params)
        return rows[0] if rows else None

    fetch_all = execute
    fetch_one = execute_one

    @property
    def stats(self) -> dict[str, int]:
        """pool_min, pool_max, pool_size, pool_available, requests_waiting, requests_num."""
        return self.db.stats

    @asynccontextmanager
    async def advisory_lock(self, namespace: int, key: int) -> AsyncIterator[bool]:
        """Whether we hold an advisory lock for the block: one of a transaction that is open as long, so it takes a
        connection. False when another session has it, and when the database cannot be asked. For actions that run
        long see ``db.action()``."""
        async with AsyncExitStack() as until_the_end:
            acquired = False
            try:
                async with AsyncExitStack() as asking:  # gives the connection back where we have no lock
                    connection = await asking.enter_async_context(self.db.connection())
                    acquired = bool((await connection.execute(*_lock(namespace, key)))[0][0])
                    if acquired:
                        until_the_end.push_async_callback(asking.pop_all().aclose)
            except Exception as error:
                logger.warning("advisory lock (%s, %s) is not taken: %s", namespace, key, error)
            yield acquired

    async def __aenter__(self) -> AsyncDatabaseService:
        await self.initialize()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.shutdown()


def _lock(namespace: int, key: int) -> tuple[str, list[int]]:
    """GatheRing's pair of int4; an action whose id is larger has a lock of one int8 made of both."""
    if namespace in _INT4 and key in _INT4:
        return "SELECT pg_try_advisory_xact_lock(%s::int, %s::int)", [namespace, key]
    return "SELECT pg_try_advisory_xact_lock(hashint8extended(%s::bigint, %s::bigint))", [key, namespace]


async def get_async_db() -> AsyncDatabaseService:
    """The process's service, as FastAPI's Depends() wants it."""
    return AsyncDatabaseService.get_instance()


class DatabasePool(AsyncPooledDatabase):
    """One pool for the process: ``pool = await DatabasePool.get_pool()``, then ``async with pool.acquire() as conn``.

    A statement on an acquired connection is committed with its end, unless ``conn.transaction()`` is open; parameters
    of ``fetch`` are $1, $2, …
    """

    _shared: DatabasePool | None = None

    @classmethod
    async def get_pool(cls) -> DatabasePool:
        """The process's pool, opened at the first call, on what the environment names."""
        if cls._shared is None or cls._shared.closed:
            config = Config.from_env()
            cls._shared = pool = cls(config, *pool_sizes(None, None, _SIZES))
            try:
                await pool.open()  # usable at once by whoever asks meanwhile
            except BaseException:
                if cls._shared is pool:
                    cls._shared = None
                await pool.close()
                raise
            return pool
        return cls._shared

    @classmethod
    async def close_pool(cls) -> None:
        """Closes the process's pool, if there is one."""
        pool, cls._shared = cls._shared, None
        if pool is not None:
            await pool.close()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[AsyncConnection]:
        """A connection for the block."""
        async with self.connect(autocommit=True) as connection:
            yield connection

    async def fetch(self, sql: str, *params: Any) -> AsyncResults:
        """The rows of a statement, whose parameters are $1, $2, …"""
        async with self.acquire() as connection:
            return await connection.fetch(sql, *params)
