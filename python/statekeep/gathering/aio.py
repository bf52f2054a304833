"""pycopg's AsyncDatabase, for asyncio, on a store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import errors
from .. import lease as leases
from ..sql import has_cursor
from . import dataframes
from .actions import AsyncActions
from .admin import AsyncAdminAccessor
from .backup import AsyncBackupAccessor
from .base import CONNECTIONS, DatabaseBase
from .config import Config
from .connection import AsyncConnection
from .cursor import AsyncCursor
from .database import _settle
from .engine import AsyncEngine
from .failures import failure
from .flat import with_flat_names
from .maint import AsyncMaintAccessor
from .names import validate_identifier, validate_identifiers
from .placeholders import Params, translate
from .results import AsyncResults
from .schema import AsyncSchemaAccessor
from .session import IsolationLevel
from .written_once import Awaiting, Step, arun


@with_flat_names(
    schema=AsyncSchemaAccessor, maint=AsyncMaintAccessor, admin=AsyncAdminAccessor, backup=AsyncBackupAccessor
)
class AsyncDatabase(Awaiting, AsyncActions, DatabaseBase[AsyncResults]):
    """A database for asyncio, any number of whose tasks may share it.

    A statement without a transaction is one round trip; tasks that ask together are sent together. At most
    `connections` can be out at a time on each event loop; they are opened on demand and kept; `close()` or the end of
    the object ends them, and one that was closed can be used again.
    """

    _engine: AsyncEngine
    _results = AsyncResults

    def __init__(self, config: Config, *, connections: int = CONNECTIONS) -> None:
        super().__init__(config)
        self._engine = AsyncEngine(self, config.dsn, connections)

    @classmethod
    async def create(
        cls,
        name: str,
        host: str = "localhost",
        port: int = 5432,
        user: str = "postgres",
        password: str = "",
        owner: str | None = None,
        template: str = "template1",
        if_not_exists: bool = True,
    ) -> AsyncDatabase:
        """Makes a database of the server and connects to it. Raises DatabaseExistsError unless `if_not_exists`."""
        admin = cls(Config(host=host, port=port, user=user, password=password))
        return await arun(cls._create(admin, name, owner, template, if_not_exists))

    @classmethod
    async def create_from_env(
        cls,
        name: str,
        owner: str | None = None,
        template: str = "template1",
        if_not_exists: bool = True,
        dotenv_path: str | Path | None = None,
    ) -> AsyncDatabase:
        """As `create`, on the server that the environment names."""
        admin = cls(Config.from_env(dotenv_path).with_database("postgres"))
        return await arun(cls._create(admin, name, owner, template, if_not_exists))

    @cached_property
    def schema(self) -> AsyncSchemaAccessor:
        return AsyncSchemaAccessor(self)

    @cached_property
    def maint(self) -> AsyncMaintAccessor:
        return AsyncMaintAccessor(self)

    @cached_property
    def admin(self) -> AsyncAdminAccessor:
        return AsyncAdminAccessor(self)

    @cached_property
    def backup(self) -> AsyncBackupAccessor:
        return AsyncBackupAccessor(self)

    async def execute(self, sql: str, params: Params = None, autocommit: bool = False) -> AsyncResults:
        """Runs a statement; its rows, a list that can also be fetched from. `autocommit` is as pycopg's: a statement
        outside a session is committed with its end in any case."""
        if self._session_conn is not None:
            return await arun(self._run(sql, params))
        text, values = translate(sql, params)
        try:
            rows: AsyncResults = await leases.run(self._engine.calls, 0, text, values, None, AsyncResults)
        except errors.Error as error:
            raise failure(error) from error
        return rows

    def _connection(self, autocommit: bool) -> Step[AsyncConnection]:
        lease = yield self._engine.lease(None)
        return AsyncConnection(self._engine.calls, lease, self.config, autocommit)

    @asynccontextmanager
    async def connect(self, autocommit: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection for the block; what was not committed at its end is rolled back."""
        connection = await arun(self._connection(autocommit))
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def cursor(self, autocommit: bool = False) -> AsyncIterator[AsyncCursor]:
        """A cursor for the block, which commits at its end; on the session's connection where there is one."""
        connection: AsyncConnection | None = self._session_conn
        if connection is None:
            async with self.connect(autocommit) as connection, connection.cursor() as cursor:
                yield cursor
                await arun(_settle(connection))
        else:
            async with connection.cursor() as cursor:
                yield cursor
                if not connection._session.blocks:
                    await arun(_settle(connection))

    @asynccontextmanager
    async def transaction(
        self, *, isolation_level: IsolationLevel | None = None, savepoint_name: str | None = None
    ) -> AsyncIterator[AsyncConnection]:
        """A transaction for the block, on a connection of its own or on the session's."""
        connection: AsyncConnection | None = self._session_conn
        if connection is not None:
            self._refuse_isolation(isolation_level)
            async with connection.transaction(savepoint_name):
                yield connection
            return
        async with self.connect() as connection:
            connection.isolation_level = isolation_level
            async with connection.transaction(savepoint_name):
                yield connection

    @asynccontextmanager
    async def session(
        self, autocommit: bool = False, *, isolation_level: IsolationLevel | None = None
    ) -> AsyncIterator[AsyncDatabase]:
        """Has this task's statements run on one connection within the block."""
        self._refuse_nesting()
        async with self.connect(autocommit) as connection:
            connection.isolation_level = isolation_level
            self._set_session(connection)
            try:
                yield self
            finally:
                self._set_session(None)
                if not autocommit:
                    await arun(_settle(connection))

    @asynccontextmanager
    async def savepoint(self, *, name: str | None = None) -> AsyncIterator[None]:
        """A savepoint of the session's transaction: what fails within the block takes only the block back."""
        async with self._require_session().transaction(name):
            yield

    async def stream(self, sql: str, params: Params = None, *, batch_size: int = 1000) -> AsyncIterator[Any]:
        """The rows of a select one by one, `batch_size` of them in memory at a time."""
        text, values = translate(sql, params)
        if self._session_conn is not None or not has_cursor(text):
            for row in await self.execute(sql, params):
                yield row
            return
        try:
            async with await self._engine.lease(None) as lease, lease.transaction():
                async for row in lease.stream(text, values, batch=batch_size):
                    yield row
        except errors.Error as error:
            raise failure(error) from error

    async def listen(self, channel: str) -> AsyncIterator[str]:
        """The payloads that come on a channel, from the first step on, without end."""
        validate_identifier(channel)
        try:
            async with await self._engine.lease(None) as lease:
                await lease.query(f"LISTEN {channel}")
                async for notification in lease.notifications():
                    yield notification.payload
        except errors.Error as error:
            raise failure(error) from error

    @property
    def async_engine(self) -> Any:
        """An SQLAlchemy AsyncEngine of its own connections, by psycopg."""
        if self._sqlalchemy is None:
            from sqlalchemy.ext.asyncio import create_async_engine

            self._sqlalchemy = create_async_engine(self.config.async_url)
        return self._sqlalchemy

    async def from_dataframe(
        self,
        df: Any,
        table: str,
        *,
        schema: str = "public",
        if_exists: str = "fail",
        primary_key: str | list[str] | None = None,
        index: bool = False,
        dtype: dict[str, Any] | None = None,
    ) -> None:
        """Makes a table of a frame (or adds to it, with ``if_exists="append"``); its rows travel by COPY."""
        validate_identifiers(table, schema)
        frame = df.reset_index() if index else df
        options = {"schema": schema, "if_exists": if_exists, "index": False, "dtype": dtype}
        async with self.async_engine.begin() as connection:
            await connection.run_sync(lambda plain: frame.head(0).to_sql(table, plain, **options))
        if len(frame):
            await arun(self._copy_in(dataframes.copy_text(frame, table, schema), dataframes.frame_lines(frame)))
        if primary_key and if_exists != "append":
            await self.schema.add_primary_key(table, primary_key, schema=schema)

    async def to_dataframe(
        self, table: str | None = None, *, schema: str = "public", sql: str | None = None, params: Params = None
    ) -> Any:
        """A table, or what a select gives, as a frame. Parameters are SQLAlchemy's: ``:name``."""
        text = dataframes.table_sql(table, schema, sql)
        async with self.async_engine.connect() as connection:
            return await connection.run_sync(lambda plain: dataframes.read(plain, text, params))

    async def close(self) -> None:
        """Ends the running loop's connections. Used again, it connects again."""
        await self._engine.close(1.0)
        engine, self._sqlalchemy = self._sqlalchemy, None
        if engine is not None:
            await engine.dispose()

    async def __aenter__(self) -> AsyncDatabase:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()
