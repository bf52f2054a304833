"""SQL of the caller's own on the store for asyncio: as lease.py, where waiting is awaiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from . import _core
from .errors import Deadline, Error, Invalid
from .lease import _FOREVER, Parameters, run
from .rows import Row, Rows
from .sql import Chunks, Held, Notification, begin_text, check_committed, chunks_of, has_cursor, quoted
from .texts import from_json

if TYPE_CHECKING:
    from .aio import _Calls

Source = str | bytes | Iterable[Any] | AsyncIterable[Any]


class Lease:
    """A session of the caller's own until `close()`; best used with ``async with``.

    Made by ``store.lease()`` and ``store.transaction()``. One statement at a time runs on it, further ones wait in
    order. Given back, an open transaction is rolled back and the session's settings are reset. A cancelled task takes
    its statement with it, at the server, too; the lease stays usable. `timeout` is in seconds everywhere; None is the
    store's `deadline_ms`.
    """

    def __init__(self, calls: _Calls, held: Held) -> None:
        self._calls = calls
        self._held = held
        self._depth = 0
        self._cursors = 0
        held.used = True

    def query(self, sql: str, parameters: Parameters = (), *, timeout: float | None = None) -> asyncio.Future[Rows]:
        """The rows of a statement; its parameters are $1, $2, …"""
        future: asyncio.Future[Rows] = run(self._calls, self.number, sql, parameters, timeout)
        return future

    async def execute(self, sql: str, parameters: Parameters = (), *, timeout: float | None = None) -> int | None:
        """Runs a statement; how many rows it changed or gave, None where that means nothing."""
        return (await self.query(sql, parameters, timeout=timeout)).row_count

    @property
    def number(self) -> int:
        if not self._held.number:
            raise Invalid("the lease was given back")
        return self._held.number

    @asynccontextmanager
    async def transaction(
        self, isolation: str | None = None, *, read_only: bool = False, deferrable: bool = False
    ) -> AsyncIterator[Lease]:
        """Commits at the end of its block, rolls back when the block raises. Within another one it is a savepoint.

        Raises Invalid when the block swallowed the failure of a statement, so that nothing can be committed.
        """
        name = f"keep_{self._depth}"
        await self._bound(f"savepoint {name}" if self._depth else begin_text(isolation, read_only, deferrable))
        self._depth += 1
        try:
            yield self
        except BaseException:
            self._depth -= 1
            await self._roll_back(name)
            raise
        self._depth -= 1
        if self._depth:
            await self.query(f"release savepoint {name}")
        else:
            check_committed((await self._bound("commit")).command)

    async def _bound(self, sql: str) -> Rows:
        """The begin or the end of a transaction. Cancelled, or without an answer in time, it may have happened or not:
        nothing that follows on the lease may find a transaction open, in which it would be lost."""
        try:
            return await self.query(sql)
        except (asyncio.CancelledError, Error):
            if not self._depth and self._held.number:
                self.query("rollback").add_done_callback(_forget)
            raise

    async def _roll_back(self, name: str) -> None:
        """Where it fails the transaction may be open still: the lease goes back."""
        try:
            await asyncio.shield(
                self.query(f"rollback to savepoint {name}; release savepoint {name}" if self._depth else "rollback")
            )
        except Error:
            self.close()  # a lost link ended the transaction already; the block's own exception says more

    async def _quietly(self, sql: str) -> None:
        """What cleans up, also in a task that is cancelled once more."""
        try:
            await asyncio.shield(self.query(sql))
        except Error:
            pass  # a lost link or a failed transaction has done so already, and the block's own exception says more

    async def stream(
        self, sql: str, parameters: Parameters = (), *, batch: int = 1000, timeout: float | None = None
    ) -> AsyncIterator[Row]:
        """The rows of a select one by one, `batch` of them in memory at a time. `timeout` is that of each batch.

        Outside a transaction the server keeps all rows until the end, so that what else runs on the lease is not drawn
        into one.
        """
        if not has_cursor(sql):
            for row in await self.query(sql, parameters, timeout=timeout):
                yield row
            return
        self._cursors += 1
        name = f"keep_cursor_{self._cursors}"
        hold = "" if self._depth else "with hold "
        await self.query(f"declare {name} no scroll cursor {hold}for {sql}", parameters, timeout=timeout)
        ended = False
        try:
            while rows := await self.query(f"fetch {int(batch)} from {name}", timeout=timeout):
                for row in rows:
                    yield row
            ended = True
        finally:
            if hold or ended:  # left early, a transaction's cursor ends with it
                await self._quietly(f"close {name}")

    async def copy_in(self, sql: str, source: Source, *, timeout: float | None = None) -> int | None:
        """Runs ``copy … from stdin``; how many rows were stored.

        `source`: the data, or an iterable, plain or asynchronous, of pieces of it (str, bytes) or of rows (lists,
        tuples; the text format). What it raises ends the copy, with nothing stored. `timeout` is that of each piece.
        """
        await self._begin_copy(sql, "in", timeout)
        try:
            async for piece in _pieces(source):
                await self._give(piece, None, timeout)
        except Error:
            raise  # the server has ended the copy already
        except BaseException as error:
            try:
                await self._give(None, f"{type(error).__name__}: {error}", timeout)
            except Error:
                pass  # how a failed copy ends
            raise
        count: int | None = from_json(await self._give(None, None, timeout))["count"]
        return count

    async def copy_out(self, sql: str, *, timeout: float | None = None) -> AsyncIterator[bytes]:
        """Runs ``copy … to stdout``: its data in pieces of whole rows. Left before its end, it is broken off by the
        lease's next statement, which fails an open transaction."""
        await self._begin_copy(sql, "out", timeout)
        while piece := await self._take(timeout):
            yield piece

    async def notifications(self, timeout: float | None = None) -> AsyncIterator[Notification]:
        """What comes on the channels that the lease listens to; ends when nothing came for `timeout` seconds."""
        wait = _FOREVER if timeout is None else timeout
        while True:
            try:
                answer = await self._calls.begin(
                    "sql.notification", _core.notification, (self.number,), wait, from_json
                )
            except Deadline:
                return
            yield Notification(**answer)

    async def _begin_copy(self, sql: str, way: str, timeout: float | None) -> None:
        answer = await self._calls.begin("sql.query", _core.query, (self.number, sql, ()), timeout, from_json)
        if answer.get("copy") != way:
            raise Invalid(f"the statement is not a copy {'from stdin' if way == 'in' else 'to stdout'}", "sql.copy")

    def _give(self, piece: bytes | None, failure: str | None, timeout: float | None) -> asyncio.Future[Any]:
        return self._calls.begin("sql.copy_in", _core.copy_in, (self.number, piece, failure), timeout, None)

    def _take(self, timeout: float | None) -> asyncio.Future[Any]:
        return self._calls.begin("sql.copy_out", _core.copy_out, (self.number,), timeout, None, as_bytes=True)

    def close(self) -> None:
        """Gives the lease back, without waiting. Twice does nothing."""
        self._held.give_back()

    async def __aenter__(self) -> Lease:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()


def _forget(future: asyncio.Future[Rows]) -> None:
    if not future.cancelled():
        future.exception()  # a lost link, and the transaction with it


async def _pieces(source: Source) -> AsyncIterator[bytes]:
    if not isinstance(source, AsyncIterable):
        for piece in chunks_of(source):
            yield piece
        return
    chunks = Chunks()
    async for item in source:
        full = chunks.add(item)
        if full is not None:
            yield full
    last = chunks.rest()
    if last is not None:
        yield last


class Leasing:
    """What ``store.lease()`` gives: await it for the lease, or enter it with ``async with``."""

    def __init__(self, calls: _Calls, timeout: float | None) -> None:
        self._calls = calls
        self._timeout = timeout
        self._lease: Lease | None = None

    def __await__(self) -> Generator[Any, None, Lease]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Lease:
        handle = self._calls.handle
        held = await self._calls.begin(
            "lease.take", _core.lease_take, (), self._timeout, lambda answer: Held(handle, answer)
        )
        self._lease = Lease(self._calls, held)
        return self._lease

    async def __aexit__(self, *exception: object) -> None:
        if self._lease is not None:
            self._lease.close()


class Sql:
    """What a store on an event loop does besides its operations."""

    _calls: _Calls

    def query(self, sql: str, parameters: Parameters = (), *, timeout: float | None = None) -> asyncio.Future[Rows]:
        """The rows of one statement, which is its own transaction; its parameters are $1, $2, …

        Rows are dicts that take positions, too. Without parameters `sql` may hold several statements. One round trip;
        never sent twice.

        Raises, when awaited:
            Invalid: the server refuses it (`sqlstate` says why), or a parameter is of a type that SQL lacks.
            Conflict: unique and exclusion violations, serialization failures, deadlocks.
        """
        future: asyncio.Future[Rows] = run(self._calls, 0, sql, parameters, timeout)
        return future

    async def execute(self, sql: str, parameters: Parameters = (), *, timeout: float | None = None) -> int | None:
        """As `query`, for how many rows were changed."""
        return (await self.query(sql, parameters, timeout=timeout)).row_count

    def lease(self, *, timeout: float | None = None) -> Leasing:
        """A session of the caller's own; waits at most `timeout` seconds for one, and raises Deadline then.

        At most `connections` - 1 are out at a time, so that operations never wait for them; takers wait in order.
        """
        return Leasing(self._calls, timeout)

    @asynccontextmanager
    async def transaction(
        self,
        isolation: str | None = None,
        *,
        read_only: bool = False,
        deferrable: bool = False,
        timeout: float | None = None,
    ) -> AsyncIterator[Lease]:
        """A transaction on a lease of its own: see `Lease.transaction`. `timeout` is how long it may wait for one."""
        async with self.lease(timeout=timeout) as lease:
            async with lease.transaction(isolation, read_only=read_only, deferrable=deferrable):
                yield lease

    async def stream(
        self, sql: str, parameters: Parameters = (), *, batch: int = 1000, timeout: float | None = None
    ) -> AsyncIterator[Row]:
        """The rows of a select one by one, `batch` of them in memory at a time."""
        async with self.transaction(timeout=timeout) as lease:
            async for row in lease.stream(sql, parameters, batch=batch, timeout=timeout):
                yield row

    async def copy_in(self, sql: str, source: Source, *, timeout: float | None = None) -> int | None:
        """Runs ``copy … from stdin``: see `Lease.copy_in`."""
        async with self.lease(timeout=timeout) as lease:
            return await lease.copy_in(sql, source, timeout=timeout)

    async def copy_out(self, sql: str, *, timeout: float | None = None) -> AsyncIterator[bytes]:
        """Runs ``copy … to stdout``: its data in pieces of whole rows."""
        async with self.lease(timeout=timeout) as lease:
            await lease._begin_copy(sql, "out", timeout)
            while piece := await lease._take(timeout):
                yield piece

    async def listen(self, *channels: str, timeout: float | None = None) -> AsyncIterator[Notification]:
        """What comes on channels from the first step on; ends when nothing came for `timeout` seconds (None: never)."""
        async with self.lease() as lease:
            await lease.query("; ".join(f"listen {quoted(channel)}" for channel in channels))
            async for notification in lease.notifications(timeout):
                yield notification

    async def notify(self, channel: str, payload: str = "") -> None:
        """Sends a notification to whoever listens to the channel, in any language and process."""
        await self.query("select pg_notify($1, $2)", (channel, payload))
