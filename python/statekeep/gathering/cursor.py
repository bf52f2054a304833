"""psycopg's cursors and copies on a connection of the caller's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Generic, Self

from .. import _core, errors
from ..rows import Row
from ..sql import Chunks
from ..texts import from_json
from .failures import InterfaceError, ProgrammingError, failure
from .placeholders import Params, translate
from .results import AsyncResults, Column, Fetching, Results, RowsT
from .session import Session, TransactionStatus
from .written_once import Awaiting, Blocking, Step, arun, run, step

if TYPE_CHECKING:
    from .connection import ConnectionSteps


class CopySteps:
    """A COPY under way: `write` and `write_row` into it, or `read` and iterate what comes out of it."""

    def __init__(self, session: Session[Fetching]) -> None:
        self._session = session
        self._chunks = Chunks()
        self._way = ""
        self._ended = False  # all that is copied out was read

    def _begin(self, sql: str, params: Params) -> Step[None]:
        session = self._session
        text, values = translate(sql, params)
        if values:
            raise ProgrammingError("COPY takes no parameters; put the values into a subselect's text")
        if not session.autocommit and session.status == TransactionStatus.IDLE:
            yield from session.begin()
        arguments = (session.lease.number, text, ())
        answer = yield from self._call("sql.query", _core.query, arguments, from_json)
        self._way = answer.get("copy", "")
        if not self._way:
            raise ProgrammingError("copy() should be used only with COPY ... TO STDOUT or COPY ... FROM STDIN")

    @step
    def write(self, data: str | bytes) -> Step[None]:
        """Sends data in the format that the statement names."""
        yield from self._send(self._chunks.add(data))

    @step
    def write_row(self, row: Sequence[Any]) -> Step[None]:
        """Sends a row, in the text format."""
        yield from self._send(self._chunks.add(list(row)))

    @step
    def read(self) -> Step[bytes]:
        """The next piece of what is copied out, whole rows as bytes; empty at the end."""
        return (yield from self._read())

    def _read(self) -> Step[bytes]:
        if self._ended:
            return b""
        arguments = (self._session.lease.number,)
        piece: bytes = yield from self._call("sql.copy_out", _core.copy_out, arguments, None, as_bytes=True)
        self._ended = not piece
        return piece

    def _send(self, piece: bytes | None, failure_text: str | None = None, last: bool = False) -> Step[Any]:
        if piece is not None or last:
            arguments = (self._session.lease.number, piece, failure_text)
            return (yield from self._call("sql.copy_in", _core.copy_in, arguments, from_json))
        return None

    def _end(self, failure_text: str | None) -> Step[int | None]:
        """Ends the COPY; how many rows it took, None where none were to be taken."""
        if self._way == "out":
            while (yield from self._read()):
                pass
            return None
        if failure_text is not None:
            try:
                yield from self._send(None, failure_text, last=True)
            except Exception:
                pass  # how a failed COPY ends
            return None
        yield from self._send(self._chunks.rest())
        count: int = (yield from self._send(None, last=True))["count"]
        return count

    def _call(self, op: str, start: Any, arguments: tuple[Any, ...], decode: Any, **kind: Any) -> Step[Any]:
        try:
            return (yield self._session.calls.begin(op, start, arguments, None, decode, **kind))
        except errors.Error as error:
            if self._session.status == TransactionStatus.INTRANS:
                self._session.status = TransactionStatus.INERROR
            raise failure(error) from error


class Copy(Blocking, CopySteps):
    __doc__ = CopySteps.__doc__

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read():
            yield piece


class AsyncCopy(Awaiting, CopySteps):
    __doc__ = CopySteps.__doc__

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece


class CursorSteps(Generic[RowsT]):
    """Runs statements on a connection, and fetches their rows one after another."""

    arraysize = 1

    def __init__(self, connection: ConnectionSteps[RowsT]) -> None:
        self.connection = connection
        self.closed = False
        self._results: RowsT | None = None
        self._count: int | None = None  # where it is not that of the results

    def _execute(self, sql: str, params: Params) -> Step[None]:
        if self.closed:
            raise InterfaceError("the cursor is closed")
        self._results = self._count = None
        self._results = yield from self.connection._session.execute(sql, params)

    @step
    def executemany(self, sql: str, params_seq: Sequence[Params]) -> Step[None]:
        """Runs the statement once for each of the parameters; `rowcount` is the sum."""
        count = 0
        for params in params_seq:
            results = yield from self.connection._session.execute(sql, params)
            count += results.row_count or 0
        self._results, self._count = None, count

    @step
    def fetchone(self) -> Step[Row | None]:
        """The next row, or None after the last one."""
        return self._fetched()._take_one()
        yield

    @step
    def fetchmany(self, size: int = 0) -> Step[list[Row]]:
        """The next `size` rows, `arraysize` for 0."""
        return self._fetched()._take(size or self.arraysize)
        yield

    @step
    def fetchall(self) -> Step[list[Row]]:
        """The rows that were not fetched yet."""
        return self._fetched()._take(None)
        yield

    def _fetched(self) -> RowsT:
        if self._results is None or self._results.columns is None:
            status = None if self._results is None else self._results.command
            raise ProgrammingError(f"the last operation didn't produce records (command status: {status})")
        return self._results

    @property
    def rowcount(self) -> int:
        if self._count is not None:
            return self._count
        return -1 if self._results is None else self._results.rowcount

    @property
    def statusmessage(self) -> str | None:
        return None if self._results is None else self._results.command

    @property
    def description(self) -> list[Column] | None:
        return None if self._results is None else self._results.description


class Cursor(Blocking, CursorSteps[Results]):
    __doc__ = CursorSteps.__doc__

    def execute(self, sql: str, params: Params = None, **_: Any) -> Self:
        """Runs a statement; gives the cursor."""
        run(self._execute(sql, params))
        return self

    @contextmanager
    def copy(self, sql: str, params: Params = None) -> Iterator[Copy]:
        """``copy … from stdin`` or ``copy … to stdout``, until the end of the block."""
        copy = Copy(self.connection._session)
        run(copy._begin(sql, params))
        try:
            yield copy
        except BaseException as error:
            run(copy._end(f"{type(error).__name__}: {error}"))
            raise
        self._count = run(copy._end(None))

    def __iter__(self) -> Iterator[Row]:
        rows = self._fetched()
        while (row := rows.fetchone()) is not None:
            yield row

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class AsyncCursor(Awaiting, CursorSteps[AsyncResults]):
    __doc__ = CursorSteps.__doc__

    async def execute(self, sql: str, params: Params = None, **_: Any) -> Self:
        """Runs a statement; gives the cursor."""
        await arun(self._execute(sql, params))
        return self

    @asynccontextmanager
    async def copy(self, sql: str, params: Params = None) -> AsyncIterator[AsyncCopy]:
        """``copy … from stdin`` or ``copy … to stdout``, until the end of the block."""
        copy = AsyncCopy(self.connection._session)
        await arun(copy._begin(sql, params))
        try:
            yield copy
        except BaseException as error:
            await arun(copy._end(f"{type(error).__name__}: {error}"))
            raise
        self._count = await arun(copy._end(None))

    async def __aiter__(self) -> AsyncIterator[Row]:
        rows = self._fetched()
        while (row := await rows.fetchone()) is not None:
            yield row

    async def close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> AsyncCursor:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()
