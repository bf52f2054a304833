"""What Database and AsyncDatabase have in common: statements, sessions, accessors, and pycopg 0.1's flat names."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Self

from .. import errors
from .. import lease as leases
from ..sql import copy_line
from . import adaptation, names  # noqa: F401 (adaptation adds psycopg's own types to parameters)
from .config import Config
from .connection import ConnectionSteps
from .cursor import CopySteps
from .engine import AsyncEngine, Engine
from .exceptions import DatabaseExistsError
from .failures import failure
from .placeholders import Params, translate
from .results import RowsT
from .selects import SelectSteps
from .session import IsolationLevel, TransactionStatus
from .written_once import Step, step

CONNECTIONS = 20  # that can be out with users at a time

# The connections of the sessions that are open, by database object: a task's or thread's own, so that others who use
# the same object are not drawn into its transaction.
_sessions: ContextVar[dict[int, Any]] = ContextVar("statekeep.gathering sessions")


class DatabaseBase(SelectSteps[RowsT]):
    """A database; `config` says which. Nothing is connected before the first statement."""

    _engine: Engine | AsyncEngine
    _results: type[RowsT]

    def __init__(self, config: Config) -> None:
        self.config = config
        self._sqlalchemy: Any = None

    @classmethod
    def from_env(cls, dotenv_path: str | Path | None = None) -> Self:
        """The database that the environment names: see Config.from_env()."""
        return cls(Config.from_env(dotenv_path))

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The database at a URL: see Config.from_url()."""
        return cls(Config.from_url(url))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config.database!r} @ {self.config.host}:{self.config.port})"

    @property
    def _session_conn(self) -> Any:
        connection = _sessions.get({}).get(id(self))
        return None if connection is None or connection.closed else connection

    def _set_session(self, connection: ConnectionSteps[RowsT] | None) -> None:
        others = {key: value for key, value in _sessions.get({}).items() if key != id(self)}
        _sessions.set(others if connection is None else {**others, id(self): connection})

    @property
    def in_session(self) -> bool:
        """Whether this task or thread is within a session of this object."""
        return self._session_conn is not None

    def _require_session(self) -> Any:
        connection = self._session_conn
        if connection is None:
            raise RuntimeError("db.savepoint() requires an active db.session().")
        return connection

    def _refuse_isolation(self, isolation_level: IsolationLevel | None) -> None:
        if isolation_level is not None:
            raise RuntimeError(
                "Cannot set isolation_level inside an active db.session(). Set it on "
                "db.session(isolation_level=...) instead."
            )

    def _refuse_nesting(self) -> None:
        if self.in_session:
            raise RuntimeError("Already in session mode. Nested sessions are not supported.")

    def _run(self, sql: str, params: Params = None) -> Step[RowsT]:
        """One statement: a transaction of its own, unless a transaction of the session is open."""
        connection: ConnectionSteps[RowsT] | None = self._session_conn
        if connection is not None:
            session = connection._session
            if session.status != TransactionStatus.IDLE:
                return (yield from session.execute(sql, params))
            return (yield from session.send(*translate(sql, params)))
        text, values = translate(sql, params)
        try:
            rows: RowsT = yield leases.run(self._engine.calls, 0, text, values, None, self._results)
        except errors.Error as error:
            raise failure(error) from error
        return rows

    def _connection(self, autocommit: bool) -> Step[ConnectionSteps[RowsT]]:
        """A connection of the caller's own."""
        raise NotImplementedError

    def _together(self, statements: Iterable[tuple[str, Params]]) -> Step[int]:
        connection = self._session_conn
        own = connection is None
        if connection is None:
            connection = yield from self._connection(False)
        session = connection._session
        begins = session.status == TransactionStatus.IDLE
        count = 0
        try:
            for sql, params in statements:
                if begins and session.status == TransactionStatus.IDLE:
                    yield from session.begin()
                count += (yield from session.execute(sql, params)).row_count or 0
            if begins:
                yield from session.commit()
        except BaseException:
            if begins and not own:
                yield from session.rollback()
            raise
        finally:
            if own:
                session.lease.close()
        return count

    def _copy(self, sql: str, work: Callable[[CopySteps], Step[None]]) -> Step[int | None]:
        """A COPY on a connection of its own, committed at its end; how many rows went in."""
        connection = yield from self._connection(True)
        copy = CopySteps(connection._session)
        try:
            yield from copy._begin(sql, None)
            try:
                yield from work(copy)
            except BaseException as error:
                yield from copy._end(f"{type(error).__name__}: {error}")
                raise
            return (yield from copy._end(None))
        finally:
            connection._session.lease.close()

    def _copy_in(self, sql: str, pieces: Iterable[bytes]) -> Step[int]:
        def work(copy: CopySteps) -> Step[None]:
            for piece in pieces:
                yield from copy._send(copy._chunks.add(piece))

        return (yield from self._copy(sql, work)) or 0

    def _copy_out(self, sql: str, write: Callable[[bytes], Any]) -> Step[None]:
        def work(copy: CopySteps) -> Step[None]:
            while piece := (yield from copy._read()):
                write(piece)

        yield from self._copy(sql, work)

    @step
    def copy_insert(
        self, table: str, rows: list[dict[str, Any]], *, schema: str = "public", columns: list[str] | None = None
    ) -> Step[int]:
        """Stores rows by COPY, the quickest way for many; how many."""
        if not rows:
            return 0
        listed = list(rows[0]) if columns is None else columns
        names.validate_identifiers(table, schema, *listed)
        lines = (copy_line([row.get(column) for column in listed]).encode() for row in rows)
        return (yield from self._copy_in(f"COPY {schema}.{table} ({', '.join(listed)}) FROM STDIN", lines))

    @step
    def notify(self, channel: str, *, payload: str = "") -> Step[None]:
        """Sends a payload to whoever listens to the channel."""
        names.validate_identifier(channel)
        yield from self._run("SELECT pg_notify(%s, %s)", [channel, payload])

    @step
    def health(self) -> Step[dict[str, Any]]:
        """``{connected, latency_ms, server_version}``, with `error` when it is not; never raises."""
        begun = time.perf_counter()
        try:
            rows = yield from self._run("SELECT current_setting('server_version_num')::int")
        except Exception as error:
            return {"connected": False, "latency_ms": None, "server_version": None, "error": str(error)}
        latency_ms = round((time.perf_counter() - begun) * 1000, 2)
        return {"connected": True, "latency_ms": latency_ms, "server_version": dotted(rows[0][0])}

    @classmethod
    def _create(cls, admin: Self, name: str, owner: str | None, template: str, if_not_exists: bool) -> Step[Self]:
        names.validate_identifiers(name, owner, template)
        try:
            if (yield from admin._run("SELECT 1 FROM pg_database WHERE datname = %s", [name])):
                if not if_not_exists:
                    raise DatabaseExistsError(f"Database '{name}' already exists")
            else:
                owned = f" OWNER {owner}" if owner else ""
                yield from admin._run(f"CREATE DATABASE {name}{owned} TEMPLATE {template}")
        finally:
            yield admin._engine.close()
        return cls(admin.config.with_database(name))


def dotted(version: int) -> str:
    """150020 is "15.20"."""
    return f"{version // 10000}.{version % 10000}"


# pycopg 0.1's names on the database itself, and where they are now. Positional arguments were allowed there.
FLAT = {
    "schema": (
        "list_schemas", "schema_exists", "create_schema", "drop_schema", "list_tables", "table_exists", "table_info",
        "list_columns", "columns_with_types", "row_count", "drop_table", "truncate_table", "add_primary_key",
        "add_foreign_key", "add_unique_constraint", "create_index", "drop_index", "list_indexes", "list_constraints",
        "create_database", "drop_database", "database_exists", "list_databases", "create_extension", "drop_extension",
        "list_extensions", "has_extension",
    ),
    "maint": ("size", "table_size", "table_sizes", "vacuum", "analyze", "explain"),
    "admin": (
        "create_role", "drop_role", "role_exists", "list_roles", "alter_role", "grant", "revoke", "grant_role",
        "revoke_role", "list_role_members", "list_role_grants",
    ),
    "backup": ("pg_dump", "pg_restore", "copy_to_csv", "copy_from_csv"),
}  # fmt: skip
