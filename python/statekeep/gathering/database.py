"""pycopg's Database, for threads, on a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import errors
from .. import lease as leases
from ..sql import has_cursor
from . import dataframes
from .actions import Actions
from .admin import AdminAccessor
from .backup import BackupAccessor
from .base import CONNECTIONS
from .config import Config
from .connection import Connection, ConnectionSteps
from .cursor import Cursor
from .engine import Engine
from .failures import failure
from .flat import with_flat_names
from .maint import MaintAccessor
from .placeholders import Params, translate
from .results import Results
from .schema import SchemaAccessor
from .session import IsolationLevel, TransactionStatus
from .written_once import Blocking, Step, run


@with_flat_names(schema=SchemaAccessor, maint=MaintAccessor, admin=AdminAccessor, backup=BackupAccessor)
class Database(Blocking, Actions, dataframes.DataFrames):
    """A database for threads, any number of which may share it.

    A statement without a transaction is one round trip. At most `connections` can be out at a time; they are opened on
    demand and kept; `close()` or the end of the object ends them, and one that was closed can be used again.
    """

    _engine: Engine
    _results = Results

    def __init__(self, config: Config, *, connections: int = CONNECTIONS) -> None:
        super().__init__(config)
        self._engine = Engine(self, config.dsn, connections)

    @classmethod
    def create(
        cls,
        name: str,
        host: str = "localhost",
        port: int = 5432,
        user: str = "postgres",
        password: str = "",
        owner: str | None = None,
        template: str = "template1",
        if_not_exists: bool = True,
    ) -> Database:
        """Makes a database of the server and connects to it. Raises DatabaseExistsError unless `if_not_exists`."""
        admin = cls(Config(host=host, port=port, user=user, password=password))
        return run(cls._create(admin, name, owner, template, if_not_exists))

    @classmethod
    def create_from_env(
        cls,
        name: str,
        owner: str | None = None,
        template: str = "template1",
        if_not_exists: bool = True,
        dotenv_path: str | Path | None = None,
    ) -> Database:
        """As `create`, on the server that the environment names."""
        admin = cls(Config.from_env(dotenv_path).with_database("postgres"))
        return run(cls._create(admin, name, owner, template, if_not_exists))

    @cached_property
    def schema(self) -> SchemaAccessor:
        return SchemaAccessor(self)

    @cached_property
    def maint(self) -> MaintAccessor:
        return MaintAccessor(self)

    @cached_property
    def admin(self) -> AdminAccessor:
        return AdminAccessor(self)

    @cached_property
    def backup(self) -> BackupAccessor:
        return BackupAccessor(self)

    def execute(self, sql: str, params: Params = None, autocommit: bool = False) -> Results:
        """Runs a statement; its rows, a list that can also be fetched from. `autocommit` is as pycopg's: a statement
        outside a session is committed with its end in any case."""
        if self._session_conn is not None:
            return run(self._run(sql, params))
        text, values = translate(sql, params)
        try:
            rows: Results = leases.run(self._engine.calls, 0, text, values, None, Results)
        except errors.Error as error:
            raise failure(error) from error
        return rows

    def _connection(self, autocommit: bool) -> Step[Connection]:
        lease = yield self._engine.lease(None)
        return Connection(self._engine.calls, lease, self.config, autocommit)

    @contextmanager
    def connect(self, autocommit: bool = False) -> Iterator[Connection]:
        """A connection for the block; what was not committed at its end is rolled back."""
        connection = run(self._connection(autocommit))
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def cursor(self, autocommit: bool = False) -> Iterator[Cursor]:
        """A cursor for the block, which commits at its end; on the session's connection where there is one."""
        connection: Connection | None = self._session_conn
        if connection is None:
            with self.connect(autocommit) as connection, connection.cursor() as cursor:
                yield cursor
                run(_settle(connection))
        else:
            with connection.cursor() as cursor:
                yield cursor
                if not connection._session.blocks:
                    run(_settle(connection))

    @contextmanager
    def transaction(
        self, *, isolation_level: IsolationLevel | None = None, savepoint_name: str | None = None
    ) -> Iterator[Connection]:
        """A transaction for the block, on a connection of its own or on the session's."""
        connection: Connection | None = self._session_conn
        if connection is not None:
            self._refuse_isolation(isolation_level)
            with connection.transaction(savepoint_name):
                yield connection
            return
        with self.connect() as connection:
            connection.isolation_level = isolation_level
            with connection.transaction(savepoint_name):
                yield connection

    @contextmanager
    def session(self, autocommit: bool = False, *, isolation_level: IsolationLevel | None = None) -> Iterator[Database]:
        """Has this thread's statements run on one connection within the block."""
        self._refuse_nesting()
        with self.connect(autocommit) as connection:
            connection.isolation_level = isolation_level
            self._set_session(connection)
            try:
                yield self
            finally:
                self._set_session(None)
                if not autocommit:
                    run(_settle(connection))

    @contextmanager
    def savepoint(self, *, name: str | None = None) -> Iterator[None]:
        """A savepoint of the session's transaction: what fails within the block takes only the block back."""
        with self._require_session().transaction(name):
            yield

    def stream(self, sql: str, params: Params = None, *, batch_size: int = 1000) -> Iterator[Any]:
        """The rows of a select one by one, `batch_size` of them in memory at a time."""
        text, values = translate(sql, params)
        if self._session_conn is not None or not has_cursor(text):
            yield from self.execute(sql, params)
            return
        try:
            with self._engine.lease(None) as lease, lease.transaction():
                yield from lease.stream(text, values, batch=batch_size)
        except errors.Error as error:
            raise failure(error) from error

    def close(self) -> None:
        """Ends the connections. Used again, it connects again."""
        self._engine.close(1.0)
        self._dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _settle(connection: ConnectionSteps[Any]) -> Step[None]:
    """Commits what is open, or rolls it back where a statement has failed."""
    session = connection._session
    if session.status == TransactionStatus.INERROR:
        yield from session.rollback()
    else:
        yield from session.commit()
