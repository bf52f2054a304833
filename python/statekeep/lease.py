"""SQL of the caller's own on the store for threads: single statements, and leases for what needs one session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import _core
from .errors import Deadline, Error, Invalid
from .parameters import bind
from .rows import Row, Rows, to_rows
from .sql import Held, Notification, begin_text, check_committed, chunks_of, has_cursor, quoted
from .texts import REFUSED, from_json

if TYPE_CHECKING:
    from .store import _BlockingCalls

Parameters = Sequence[Any]
_FOREVER = float("inf")


class Lease:
    """A session of the caller's own until `close()`; best used as a context manager.

    Made by ``store.lease()`` and ``store.transaction()``. One statement at a time runs on it. Given back, an open
    transaction is rolled back and the session's settings are reset. `timeout` is in seconds everywhere; None is the
    store's `deadline_ms`.
    """

    def __init__(self, calls: _BlockingCalls, held: Held) -> None:
        self._calls = calls
        self._held = held
        self._depth = 0
        self._cursors = 0
        held.used = True

    def query(self, sql: str, parameters: Parameters = (), *, timeout: float | None = None) -> Rows:
        """The rows of a statement; its parameters are $1, $2, …"""
        rows: Rows = run(self._calls, self.number, sql, parameters, timeout)
        return rows

    def execute(self, sql: str, parameters: Parameters = (), *, timeout: float | None = None) -> int | None:
        """Runs a statement; how many rows it changed or gave, None where that means nothing."""
        return self.query(sql, parameters, timeout=timeout).row_count

    @property
    def number(self) -> int:
        if not self._held.number:
            raise Invalid("the lease was given back")
        return self._held.number

    @contextmanager
    def transaction(
        self, isolation: str | None = None, *, read_only: bool = False, deferrable: bool = False
    ) -> Iterator[Lease]:
        """Commits at the end of its block, rolls back when the block raises. Within another one it is a savepoint.

        Raises Invalid when the block swallowed the failure of a statement, so that nothing can be committed.
        """
        depth = self._depth
        begins = f"savepoint keep_{depth}" if depth else begin_text(isolation, read_only, deferrable)
        begun = ended = False
        try:
            self.query(begins)
            self._depth, begun = depth + 1, True
            yield self
            self._depth, begun = depth, False
            command = self.query(f"release savepoint keep_{depth}" if depth else "commit").command
            ended = True
            if not depth:
                check_committed(command)
        except BaseException:
            self._depth = depth
            if begun or not (depth or ended):
                self._roll_back()
            raise

    def _roll_back(self) -> None:
        """What an interrupt (KeyboardInterrupt) reached may have happened or not, also a begin or commit. Nothing that
        follows on the lease may find a transaction open, in which it would be lost: where the rollback is interrupted
        or fails, too, the lease goes back."""
        name = f"keep_{self._depth}"
        try:
            self.query(f"rollback to savepoint {name}; release savepoint {name}" if self._depth else "rollback")
        except Error:
            self.close()  # a lost link ended the transaction already; the block's own exception says more
        except BaseException:
            self.close()
            raise

    def _quietly(self, sql: str) -> None:
        """What cleans up."""
        try:
            self.query(sql)
        except Error:
            pass  # a lost link or a failed transaction has done so already, and the block's own exception says more

    def stream(
        self, sql: str, parameters: Parameters = (), *, batch: int = 1000, timeout: float | None = None
    ) -> Iterator[Row]:
        """The rows of a select one by one, `batch` of them in memory at a time. `timeout` is that of each batch.

        Outside a transaction the server keeps all rows until the end, so that what else runs on the lease is not drawn
        into one.
        """
        if not has_cursor(sql):
            yield from self.query(sql, parameters, timeout=timeout)
            return
        self._cursors += 1
        name = f"keep_cursor_{self._cursors}"
        hold = "" if self._depth else "with hold "
        self.query(f"declare {name} no scroll cursor {hold}for {sql}", parameters, timeout=timeout)
        ended = False
        try:
            while rows := self.query(f"fetch {int(batch)} from {name}", timeout=timeout):
                yield from rows
            ended = True
        finally:
            if hold or ended:  # left early, a transaction's cursor ends with it
                self._quietly(f"close {name}")

    def copy_in(self, sql: str, source: str | bytes | Iterable[Any], *, timeout: float | None = None) -> int | None:
        """Runs ``copy … from stdin``; how many rows were stored.

        `source`: the data, or an iterable of pieces of it (str, bytes) or of rows (lists, tuples; the text format).
        What it raises ends the copy, with nothing stored. `timeout` is that of each piece.
        """
        self._begin_copy(sql, "in", timeout)
        try:
            for piece in chunks_of(source):
                self._give(piece, None, timeout)
        except Error:
            raise  # the server has ended the copy already
        except BaseException as error:
            try:
                self._give(None, f"{type(error).__name__}: {error}", timeout)
            except Error:
                pass  # how a failed copy ends
            raise
        count: int | None = from_json(self._give(None, None, timeout))["count"]
        return count

    def copy_out(self, sql: str, *, timeout: float | None = None) -> Iterator[bytes]:
        """Runs ``copy … to stdout``: its data in pieces of whole rows. Left before its end, it is broken off by the
        lease's next statement, which fails an open transaction."""
        self._begin_copy(sql, "out", timeout)
        while piece := self._take(timeout):
            yield piece

    def notifications(self, timeout: float | None = None) -> Iterator[Notification]:
        """What comes on the channels that the lease listens to; ends when nothing came for `timeout` seconds."""
        wait = _FOREVER if timeout is None else timeout
        while True:
            try:
                answer = self._calls.begin("sql.notification", _core.notification, (self.number,), wait, from_json)
            except Deadline:
                return
            yield Notification(**answer)

    def _begin_copy(self, sql: str, way: str, timeout: float | None) -> None:
        answer = self._calls.begin("sql.query", _core.query, (self.number, sql, ()), timeout, from_json)
        if answer.get("copy") != way:
            raise Invalid(f"the statement is not a copy {'from stdin' if way == 'in' else 'to stdout'}", "sql.copy")

    def _give(self, piece: bytes | None, failure: str | None, timeout: float | None) -> Any:
        return self._calls.begin("sql.copy_in", _core.copy_in, (self.number, piece, failure), timeout, None)

    def _take(self, timeout: float | None) -> bytes:
        taken: bytes = self._calls.begin("sql.copy_out", _core.copy_out, (self.number,), timeout, None, as_bytes=True)
        return taken

    def close(self) -> None:
        """Gives the lease back. Twice does nothing."""
        self._held.give_back()

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def run(calls: Any, lease: int, sql: str, parameters: Parameters, timeout: float | None, cls: type[Rows] = Rows) -> Any:
    """One statement on a lease, or with 0 without one; through a store for threads or one of a loop."""
    try:
        bound = bind(parameters) if parameters else ()
    except REFUSED as error:
        return calls.refuse("sql.query", error)
    decode = to_rows if cls is Rows else lambda text: to_rows(text, cls)
    return calls.begin("sql.query", _core.query, (lease, sql, bound), timeout, decode)


class Sql:
    """What a store for threads does besides its operations."""

    _calls: _BlockingCalls

    def query(self, sql: str, parameters: Parameters = (), *, timeout: float | None = None) -> Rows:
        """The rows of one statement, which is its own transaction; its parameters are $1, $2, …

        Rows are dicts that take positions, too. Without parameters `sql` may hold several statements. One round trip;
        never sent twice.

        Raises:
            Invalid: the server refuses it (`sqlstate` says why), or a parameter is of a type that SQL lacks.
            Conflict: unique and exclusion violations, serialization failures, deadlocks.
        """
        rows: Rows = run(self._calls, 0, sql, parameters, timeout)
        return rows

    def execute(self, sql: str, parameters: Parameters = (), *, timeout: float | None = None) -> int | None:
        """As `query`, for how many rows were changed."""
        return self.query(sql, parameters, timeout=timeout).row_count

    def lease(self, *, timeout: float | None = None) -> Lease:
        """A session of the caller's own; waits at most `timeout` seconds for one, and raises Deadline then.

        At most `connections` - 1 are out at a time, so that operations never wait for them.
        """
        handle = self._calls.handle
        held = self._calls.begin("lease.take", _core.lease_take, (), timeout, lambda answer: Held(handle, answer))
        return Lease(self._calls, held)

    @contextmanager
    def transaction(
        self,
        isolation: str | None = None,
        *,
        read_only: bool = False,
        deferrable: bool = False,
        timeout: float | None = None,
    ) -> Iterator[Lease]:
        """A transaction on a lease of its own: see `Lease.transaction`. `timeout` is how long it may wait for one."""
        with self.lease(timeout=timeout) as lease:
            with lease.transaction(isolation, read_only=read_only, deferrable=deferrable):
                yield lease

    def stream(
        self, sql: str, parameters: Parameters = (), *, batch: int = 1000, timeout: float | None = None
    ) -> Iterator[Row]:
        """The rows of a select one by one, `batch` of them in memory at a time."""
        with self.transaction(timeout=timeout) as lease:
            yield from lease.stream(sql, parameters, batch=batch, timeout=timeout)

    def copy_in(self, sql: str, source: str | bytes | Iterable[Any], *, timeout: float | None = None) -> int | None:
        """Runs ``copy … from stdin``: see `Lease.copy_in`."""
        with self.lease(timeout=timeout) as lease:
            return lease.copy_in(sql, source, timeout=timeout)

    def copy_out(self, sql: str, *, timeout: float | None = None) -> Iterator[bytes]:
        """Runs ``copy … to stdout``: its data in pieces of whole rows."""
        with self.lease(timeout=timeout) as lease:
            lease._begin_copy(sql, "out", timeout)
            while piece := lease._take(timeout):
                yield piece

    def listen(self, *channels: str, timeout: float | None = None) -> Iterator[Notification]:
        """What comes on channels from now on; ends when nothing came for `timeout` seconds (None: never)."""
        lease = self.lease()
        try:
            lease.query("; ".join(f"listen {quoted(channel)}" for channel in channels))
        except BaseException:
            lease.close()
            raise
        return _listening(lease, timeout)

    def notify(self, channel: str, payload: str = "") -> None:
        """Sends a notification to whoever listens to the channel, in any language and process."""
        self.query("select pg_notify($1, $2)", (channel, payload))


def _listening(lease: Lease, timeout: float | None) -> Iterator[Notification]:
    with lease:
        yield from lease.notifications(timeout)
