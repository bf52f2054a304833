"""pycopg's pools: databases whose connections are borrowed, up to a number."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

from .aio import AsyncDatabase
from .config import Config, load_dotenv
from .connection import AsyncConnection, Connection
from .database import Database, _settle
from .engine import AsyncEngine, Engine
from .failures import Error, PoolClosed, PoolTimeout
from .placeholders import Params
from .results import AsyncResults, Results
from .written_once import Step, arun, run


_ASK_AGAIN = 0.2  # seconds between two questions whether the server is there


def pool_sizes(min_size: int | None, max_size: int | None, defaults: tuple[int, int]) -> tuple[int, int]:
    """What is given, else DATABASE_POOL_MIN and DATABASE_POOL_MAX, else the defaults. Raises ValueError."""
    most = max_size if max_size is not None else int(os.environ.get("DATABASE_POOL_MAX") or defaults[1])
    least = min_size if min_size is not None else int(os.environ.get("DATABASE_POOL_MIN") or min(defaults[0], most))
    if not 0 <= least <= most or most < 1:
        raise ValueError(f"max_size must be at least min_size and 1, got {least} and {most}")
    return least, most


def _config(dotenv_path: str | Path | None) -> Config:
    load_dotenv(dotenv_path)  # before the sizes are looked for
    return Config.from_env(load_dotenv_file=False)


class _Sized:
    """The numbers of a pool."""

    config: Config
    min_size: int
    max_size: int
    timeout: float
    _engine: Engine | AsyncEngine
    _requests = 0

    @property
    def _pool(self) -> Self:
        return self

    @property
    def closed(self) -> bool:
        return self._engine._closed

    @property
    def stats(self) -> dict[str, int]:
        """pool_min, pool_max, pool_size (open now), pool_available, requests_waiting, requests_num."""
        gate = self._engine.gate
        return {
            "pool_min": self.min_size,
            "pool_max": self.max_size,
            "pool_size": self._engine.connections(),
            "pool_available": self.max_size - gate.out,
            "requests_waiting": gate.waiting,
            "requests_num": self._requests,
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config.database!r}, {self.min_size} to {self.max_size})"


class PooledDatabase(_Sized, Database):
    """A Database from which at most `max_size` connections can be borrowed; who wants one more waits `timeout` seconds,
    and gets PoolTimeout then.

    Connections are opened on demand and looked after by the engine, so of psycopg_pool's settings `min_size`,
    `max_idle`, `max_lifetime`, `num_workers`, `reconnect_timeout`, `reconnect_failed` and `check` are taken and have no
    effect.
    """

    _engine: Engine

    def __init__(
        self, config: Config, min_size: int = 2, max_size: int = 10, max_idle: float = 300.0,
        max_lifetime: float = 3600.0, timeout: float = 30.0, num_workers: int = 3, reconnect_timeout: float = 300.0,
        reconnect_failed: Any = None, check: Any = None,
    ) -> None:  # fmt: skip
        self.min_size, self.max_size = pool_sizes(min_size, max_size, (0, 1))
        self.timeout = timeout
        super().__init__(config)
        self._engine = Engine(self, config.dsn, self.max_size, final=True)

    @classmethod
    def from_env(
        cls,
        dotenv_path: str | Path | None = None,
        min_size: int | None = None,
        max_size: int | None = None,
        **settings: Any,
    ) -> Self:
        """The database that the environment names, with DATABASE_POOL_MIN and DATABASE_POOL_MAX (2 and 10)."""
        config = _config(dotenv_path)
        return cls(config, *pool_sizes(min_size, max_size, (2, 10)), **settings)

    @classmethod
    def from_url(cls, url: str, min_size: int | None = None, max_size: int | None = None, **settings: Any) -> Self:
        return cls(Config.from_url(url), *pool_sizes(min_size, max_size, (2, 10)), **settings)

    def _connection(self, autocommit: bool) -> Step[Connection]:
        self._requests += 1
        lease = yield self._engine.lease(self.timeout)
        return Connection(self._engine.calls, lease, self.config, autocommit)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for the block; committed at its end, rolled back when it raises."""
        with self.connect() as connection:
            yield connection
            run(_settle(connection))

    def execute(self, sql: str, params: Params = None, autocommit: bool = False) -> Results:
        self._requests += 1
        return super().execute(sql, params, autocommit)

    def health(self) -> dict[str, Any]:
        told = super().health()
        return {**told, "pool_stats": self.stats if told["connected"] else None}

    def resize(self, min_size: int, max_size: int) -> None:
        """Takes other numbers; connections that are out stay good until they are given back."""
        former = self._engine
        self.min_size, self.max_size = pool_sizes(min_size, max_size, (0, 1))
        self._engine = Engine(self, self.config.dsn, self.max_size, final=True)
        former.retire(self.timeout)

    def check(self) -> None:
        """Asks the server for an answer. Raises OperationalError."""
        self.execute("SELECT 1")

    def wait(self, timeout: float = 30.0) -> None:
        """Waits until the server answers. Raises PoolTimeout."""
        until = time.monotonic() + timeout
        while True:
            try:
                return self.check()
            except PoolClosed:
                raise
            except Error as error:
                if time.monotonic() + _ASK_AGAIN >= until:
                    raise PoolTimeout(f"no connection after {timeout} seconds: {error}") from error
            time.sleep(_ASK_AGAIN)


class AsyncPooledDatabase(_Sized, AsyncDatabase):
    """An AsyncDatabase from which at most `max_size` connections can be borrowed; who wants one more waits `timeout`
    seconds, and gets PoolTimeout then. It is of use between ``open()`` and ``close()``, on one event loop.

    Connections are opened on demand and looked after by the engine, so of psycopg_pool's settings `min_size`,
    `max_idle`, `max_lifetime`, `num_workers`, `reconnect_timeout`, `reconnect_failed` and `check` are taken and have no
    effect.
    """

    _engine: AsyncEngine

    def __init__(
        self, config: Config, min_size: int = 2, max_size: int = 10, max_idle: float = 300.0,
        max_lifetime: float = 3600.0, timeout: float = 30.0, num_workers: int = 3, reconnect_timeout: float = 300.0,
        reconnect_failed: Any = None, check: Any = None,
    ) -> None:  # fmt: skip
        self.min_size, self.max_size = pool_sizes(min_size, max_size, (0, 1))
        self.timeout = timeout
        super().__init__(config)
        self._engine = AsyncEngine(self, config.dsn, self.max_size, final=True)

    @classmethod
    def from_env(
        cls,
        dotenv_path: str | Path | None = None,
        min_size: int | None = None,
        max_size: int | None = None,
        **settings: Any,
    ) -> Self:
        """The database that the environment names, with DATABASE_POOL_MIN and DATABASE_POOL_MAX (2 and 10)."""
        config = _config(dotenv_path)
        return cls(config, *pool_sizes(min_size, max_size, (2, 10)), **settings)

    @classmethod
    def from_url(cls, url: str, min_size: int | None = None, max_size: int | None = None, **settings: Any) -> Self:
        return cls(Config.from_url(url), *pool_sizes(min_size, max_size, (2, 10)), **settings)

    async def open(self) -> None:
        """Makes the pool usable and waits until the server answers. Raises PoolTimeout."""
        self._engine.open()
        await self.wait(self.timeout)

    def _connection(self, autocommit: bool) -> Step[AsyncConnection]:
        self._requests += 1
        lease = yield self._engine.lease(self.timeout)
        return AsyncConnection(self._engine.calls, lease, self.config, autocommit)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection for the block; committed at its end, rolled back when it raises."""
        async with self.connect() as connection:
            yield connection
            await arun(_settle(connection))

    async def execute(self, sql: str, params: Params = None, autocommit: bool = False) -> AsyncResults:
        self._requests += 1
        return await super().execute(sql, params, autocommit)

    async def health(self) -> dict[str, Any]:
        told = await super().health()
        return {**told, "pool_stats": self.stats if told["connected"] else None}

    async def resize(self, min_size: int, max_size: int) -> None:
        """Takes other numbers; connections that are out stay good until they are given back."""
        former = self._engine
        self.min_size, self.max_size = pool_sizes(min_size, max_size, (0, 1))
        self._engine = AsyncEngine(self, self.config.dsn, self.max_size, final=True)
        self._engine.open()
        await former.retire(self.timeout)

    async def check(self) -> None:
        """Asks the server for an answer. Raises OperationalError."""
        await self.execute("SELECT 1")

    async def wait(self, timeout: float = 30.0) -> None:
        """Waits until the server answers. Raises PoolTimeout."""
        until = time.monotonic() + timeout
        while True:
            try:
                return await self.check()
            except PoolClosed:
                raise
            except Error as error:
                if time.monotonic() + _ASK_AGAIN >= until:
                    raise PoolTimeout(f"no connection after {timeout} seconds: {error}") from error
            await asyncio.sleep(_ASK_AGAIN)

    async def __aenter__(self) -> AsyncPooledDatabase:
        await self.open()
        return self
