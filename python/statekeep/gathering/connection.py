"""psycopg's connections as far as users of pycopg see them, on a lease of the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Generic

from .. import aio_lease
from ..aio import _Calls
from ..lease import Lease
from ..store import _BlockingCalls
from .config import Config
from .cursor import AsyncCursor, Cursor
from .placeholders import Params
from .results import AsyncResults, Fetching, Results, RowsT
from .session import IsolationLevel, Session, TransactionStatus
from .written_once import Awaiting, Blocking, Step, arun, run, step


class ConnectionInfo:
    """What a connection knows of itself."""

    def __init__(self, session: Session[Fetching], config: Config) -> None:
        self._session = session
        self.host = config.host
        self.port = config.port
        self.dbname = config.database
        self.user = config.user

    @property
    def transaction_status(self) -> TransactionStatus:
        return TransactionStatus.UNKNOWN if self._session.closed else self._session.status


class ConnectionSteps(Generic[RowsT]):
    """A session of the caller's own: rows are dicts that take positions, placeholders are psycopg's.

    Without autocommit the first statement begins a transaction, which commit() or rollback() ends.
    """

    def __init__(self, session: Session[RowsT], config: Config) -> None:
        self._session = session
        self.info = ConnectionInfo(session, config)

    @step
    def execute(self, /, sql: str, params: Params = None, **_: Any) -> Step[RowsT]:
        """Runs a statement; its results are a list of rows that can also be fetched from."""
        return (yield from self._session.execute(sql, params))

    @step
    def fetch(self, sql: str, *params: Any) -> Step[RowsT]:
        """The rows of a statement whose parameters are $1, $2, …"""
        if not self._session.autocommit and self._session.status == TransactionStatus.IDLE:
            yield from self._session.begin()
        return (yield from self._session.send(sql, params))

    @step
    def commit(self) -> Step[None]:
        """Ends the transaction, if one is open."""
        yield from self._session.commit()

    @step
    def rollback(self) -> Step[None]:
        """Takes back the transaction, if one is open."""
        yield from self._session.rollback()

    @step
    def set_autocommit(self, value: bool) -> Step[None]:
        self._session.set("autocommit", value)
        return
        yield

    @step
    def set_isolation_level(self, value: IsolationLevel | None) -> Step[None]:
        self._session.set("isolation", value)
        return
        yield

    @step
    def set_read_only(self, value: bool | None) -> Step[None]:
        self._session.set("read_only", bool(value))
        return
        yield

    @step
    def set_deferrable(self, value: bool | None) -> Step[None]:
        self._session.set("deferrable", bool(value))
        return
        yield

    @property
    def closed(self) -> bool:
        return self._session.closed

    @property
    def autocommit(self) -> bool:
        return self._session.autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._session.set("autocommit", value)

    @property
    def isolation_level(self) -> IsolationLevel | None:
        return self._session.isolation

    @isolation_level.setter
    def isolation_level(self, value: IsolationLevel | None) -> None:
        self._session.set("isolation", value)

    @property
    def read_only(self) -> bool:
        return self._session.read_only

    @read_only.setter
    def read_only(self, value: bool | None) -> None:
        self._session.set("read_only", bool(value))


class Connection(Blocking, ConnectionSteps[Results]):
    __doc__ = ConnectionSteps.__doc__

    def __init__(self, calls: _BlockingCalls, lease: Lease, config: Config, autocommit: bool) -> None:
        super().__init__(Session(calls, lease, Results, autocommit), config)

    def cursor(self, *_: Any, **__: Any) -> Cursor:
        """A cursor; psycopg's arguments (row_factory, …) are taken and without effect."""
        return Cursor(self)

    @contextmanager
    def transaction(self, savepoint_name: str | None = None, force_rollback: bool = False) -> Iterator[Connection]:
        """A block that commits at its end and rolls back when it raises; within a transaction it is a savepoint."""
        block = run(self._session.enter(savepoint_name))
        try:
            yield self
        except BaseException:
            try:
                run(self._session.leave(block, failed=True))
            except Exception:
                pass  # the block's own exception says more
            raise
        run(self._session.leave(block, failed=force_rollback))

    def close(self) -> None:
        """Gives the connection back; an open transaction is rolled back."""
        self._session.lease.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            run(self._session.commit() if kind is None else self._session.rollback())
        finally:
            self.close()


class AsyncConnection(Awaiting, ConnectionSteps[AsyncResults]):
    __doc__ = ConnectionSteps.__doc__

    def __init__(self, calls: _Calls, lease: aio_lease.Lease, config: Config, autocommit: bool) -> None:
        super().__init__(Session(calls, lease, AsyncResults, autocommit), config)

    def cursor(self, *_: Any, **__: Any) -> AsyncCursor:
        """A cursor; psycopg's arguments (row_factory, …) are taken and without effect."""
        return AsyncCursor(self)

    @asynccontextmanager
    async def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """A block that commits at its end and rolls back when it raises; within a transaction it is a savepoint."""
        block = await arun(self._session.enter(savepoint_name))
        try:
            yield self
        except BaseException:
            try:
                await arun(self._session.leave(block, failed=True))
            except Exception:
                pass  # the block's own exception says more
            raise
        await arun(self._session.leave(block, failed=force_rollback))

    async def close(self) -> None:
        """Gives the connection back; an open transaction is rolled back."""
        self._session.lease.close()

    async def __aenter__(self) -> AsyncConnection:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        try:
            await arun(self._session.commit() if kind is None else self._session.rollback())
        finally:
            await self.close()
