"""The store for asyncio: each call gives a future, and calls of one turn of the loop leave together."""

from __future__ import annotations

import asyncio
import os
import warnings
from asyncio import _get_running_loop, get_running_loop
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from . import _core
from .aio_lease import Sql
from .errors import Deadline, from_status
from .operations import NOUNS, call
from .store import default_seconds, has_place, open_handle
from .texts import from_json, refusal, to_milliseconds
from .watch import watch

if TYPE_CHECKING:  # written when the package is built
    from ._methods import AsyncNouns  # type: ignore[import-not-found, unused-ignore]
else:
    AsyncNouns = object


class _Call(asyncio.Future[Any]):
    """One call's future. Cancelling it, or the task that awaits it, lets go of the call in the engine."""

    __slots__ = ("calls", "ticket", "decode", "as_bytes")
    calls: _Calls
    ticket: int  # 0: not in the engine
    decode: Callable[[Any], Any] | None  # of the engine's answer; None: it is handed out as it is
    as_bytes: bool  # the answer is bytes

    def cancel(self, msg: Any | None = None) -> bool:
        if not super().cancel(msg):
            return False
        self.calls.let_go(self)
        return True


class _Waiting:
    """A call for which the engine's queue had no room."""

    __slots__ = ("future", "op", "start", "arguments", "end", "timer")

    def __init__(
        self, future: _Call, op: str, start: Callable[..., Any], arguments: tuple[Any, ...], end: float | None
    ) -> None:
        self.future = future
        self.op = op
        self.start = start
        self.arguments = arguments
        self.end = end  # by the loop's clock
        self.timer: asyncio.TimerHandle | None = None


class _Calls:
    """The engine's store on an event loop, from whose thread it must be used.

    Submitting does not send. The first call of a turn schedules one step of the engine for the next one, so what tasks
    submit meanwhile leaves together. The engine answers FULL at once when its queue is; such calls wait in line, first
    come first served.
    """

    def __init__(self, dsn: str | None, options: dict[str, Any]) -> None:
        self.loop = get_running_loop()
        self.handle = open_handle(dsn, {**options, "hold": True})
        self._default_seconds = default_seconds(options)
        self._pending: dict[int, _Call] = {}
        self._as_bytes: set[int] = set()  # tickets whose answer is bytes
        self._line: deque[_Waiting] = deque()
        self._ahead: deque[_Waiting] = deque()  # the line of those who have a place: see has_place()
        self._scheduled = False
        self._owner = os.getpid()
        self._closing: asyncio.Future[Any] | None = None
        self._stop_watching = watch(self.loop, _core.keep_fd(self.handle), self.step)

    def submit(self, op: str, arguments: tuple[Any, ...], timeout: float | None, raw: bool) -> _Call:
        return self.begin(op, _core.submit, (op, arguments), timeout, None if raw else from_json)

    def begin(
        self,
        op: str,
        start: Callable[..., Any],
        arguments: tuple[Any, ...],
        timeout: float | None,
        decode: Callable[[Any], Any] | None,
        as_bytes: bool = False,
    ) -> _Call:
        """Starts a call with ``start(handle, *arguments, deadline_ms, waits)``; its future gives what `decode` makes of
        the engine's answer."""
        if (
            _get_running_loop() is not self.loop and self._owner == os.getpid()
        ):  # a forked child hears it from the engine
            raise RuntimeError("the store belongs to another event loop or thread; open one here")
        future = _Call(loop=self.loop)
        future.calls = self
        future.ticket = 0
        future.decode = decode
        future.as_bytes = as_bytes
        if self._ahead if has_place(arguments) else self._line:
            self._stand_in_line(future, op, start, arguments, timeout)
            return future
        try:
            ticket = start(self.handle, *arguments, 0 if timeout is None else to_milliseconds(timeout), 0)
        except (TypeError, UnicodeEncodeError) as error:
            future.set_exception(refusal(op, error))
            return future
        if isinstance(ticket, int):
            future.ticket = ticket
            self._pending[ticket] = future
            if as_bytes:
                self._as_bytes.add(ticket)
            if not self._scheduled:
                self._schedule()
        elif ticket[0] == _core.KEEP_FULL:
            self._stand_in_line(future, op, start, arguments, timeout)
        else:
            _finish(future, ticket[0], ticket[1], op)
        return future

    def refuse(self, op: str, error: Exception) -> asyncio.Future[Any]:
        future = self.loop.create_future()
        future.set_exception(refusal(op, error))
        return future

    def let_go(self, future: _Call) -> None:
        """Cancels the call of a cancelled future: unsent, it never happens; sent, its answer is dropped."""
        if self._pending.pop(future.ticket, None) is not None:
            self._as_bytes.discard(future.ticket)
            _core.keep_release(self.handle, future.ticket)
            if (self._line or self._ahead) and not self._scheduled:
                self._schedule()

    def step(self) -> None:
        """Sends what was submitted and hands out what was answered."""
        self._scheduled = False
        pop = self._pending.pop
        for ticket, (status, text) in _core.drain(self.handle, self._as_bytes):
            future = pop(ticket, None)
            if self._as_bytes:
                self._as_bytes.discard(ticket)
            if future is not None:
                _finish(future, status, text)
        if self._line or self._ahead:
            self._admit()

    def _schedule(self) -> None:
        self._scheduled = True
        self.loop.call_soon(self.step)

    def _stand_in_line(
        self, future: _Call, op: str, start: Callable[..., Any], arguments: tuple[Any, ...], timeout: float | None
    ) -> None:
        seconds = self._default_seconds if timeout is None else timeout
        end = None if seconds is None else self.loop.time() + seconds
        waiting = _Waiting(future, op, start, arguments, end)
        if end is not None:
            waiting.timer = self.loop.call_at(end, _expire, future, op)
        (self._ahead if has_place(arguments) else self._line).append(waiting)
        if not self._scheduled:
            self._schedule()

    def _admit(self) -> None:
        """Moves calls from the lines into the engine while it has room."""
        for line in self._ahead, self._line:
            while line and (line[0].future.done() or self._try(line[0])):
                timer = line.popleft().timer
                if timer is not None:
                    timer.cancel()

    def _try(self, head: _Waiting) -> bool:
        """Submits the first call of the line; False when there still is no room."""
        left_ms = -1 if head.end is None else to_milliseconds(head.end - self.loop.time())
        try:
            ticket = head.start(self.handle, *head.arguments, left_ms, 0)
        except (TypeError, UnicodeEncodeError) as error:
            head.future.set_exception(refusal(head.op, error))
            return True
        if isinstance(ticket, int):
            head.future.ticket = ticket
            self._pending[ticket] = head.future
            if head.future.as_bytes:
                self._as_bytes.add(ticket)
            if not self._scheduled:
                self._schedule()
        elif ticket[0] != _core.KEEP_FULL:
            _finish(head.future, ticket[0], ticket[1], head.op)
        else:
            return False  # also when nobody waits for any of what fills it: each answer of the server makes a step
        return True

    async def drain(self, timeout: float) -> None:
        """Waits at most `timeout` seconds for the calls that are under way or in line now."""
        calls = [*self._pending.values(), *(waiting.future for waiting in (*self._ahead, *self._line))]
        if calls:
            await asyncio.wait(calls, timeout=timeout)

    async def close(self, timeout: float) -> None:
        if self._closing is None:
            self._closing = self.loop.create_future()
            if self._owner == os.getpid():  # the parent's selector knows the same descriptor
                self._stop_watching()
            drain_ms = to_milliseconds(timeout) if timeout > 0 else 0
            if self._pending and drain_ms:
                closed = self.loop.run_in_executor(None, _core.close_store, self.handle, drain_ms)
                closed.add_done_callback(self._closed)
            else:
                _core.close_store(self.handle, drain_ms)
                self._closed(None)
        await asyncio.shield(self._closing)

    def _closed(self, _: object) -> None:
        self.step()
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)


def _finish(future: _Call, status: int, text: Any, op: str | None = None) -> None:
    if status:
        future.set_exception(from_status(status, text, op))
    elif future.decode is None or text is None:
        future.set_result(text)
    else:
        try:
            value = future.decode(text)
        except Exception as error:  # beyond Python's limits, say: this call's trouble only, whatever it is
            future.set_exception(error)
        else:
            future.set_result(value)


def _expire(future: _Call, op: str) -> None:
    if not future.done():
        future.set_exception(Deadline("no room in the queue before the deadline", op, retry=True))


class Store(Sql, AsyncNouns):  # type: ignore[misc, unused-ignore]
    """A store on the running event loop; each of its calls gives a future.

    Made by `statekeep.connect()`. Its operations are methods by noun and verb, ``await store.state.load(…)``;
    `help(store.state)` lists them. A call is under way from the moment its method is called, awaited or not. Cancelling
    lets go of it at once: not sent yet, it never happens; sent, it may take effect. Using the store from another loop
    or thread raises RuntimeError. After a fork every call in the child raises Forked.
    """

    def __init__(self, dsn: str | None, options: dict[str, Any]) -> None:
        self._is_closed = True  # until it is open, for __del__
        self._calls = _Calls(dsn, options)
        self._is_closed = False
        self._owner = os.getpid()
        for noun, operations in NOUNS.items():
            setattr(self, noun, operations(self._calls))

    def __getattr__(self, noun: str) -> Any:
        raise AttributeError(f"a store has no operations {noun!r}; it has {', '.join(NOUNS)}")

    def call(
        self, op: str, /, *, timeout: float | None = None, raw: bool = False, **arguments: Any
    ) -> asyncio.Future[Any]:
        """Runs the operation `op` ("state.save") with its arguments by name, as its method does."""
        future: asyncio.Future[Any] = call(self._calls, op, arguments, timeout, raw)
        return future

    async def close(self, timeout: float = 5.0) -> None:
        """Waits at most `timeout` seconds for calls that were sent, ends the others as Closed, then disconnects.

        Calls after it fail with Closed. Closing twice waits for the first.
        """
        self._is_closed = True
        await self._calls.close(timeout)

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    def __del__(self) -> None:
        if not self._is_closed and self._owner == os.getpid():
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)


class Connecting:
    """What `statekeep.connect()` gives: await it for the store, or enter it with ``async with``."""

    def __init__(self, dsn: str | None, options: dict[str, Any]) -> None:
        self._dsn = dsn
        self._options = options
        self._store: Store | None = None

    def __await__(self) -> Generator[Any, None, Store]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Store:
        self._store = Store(self._dsn, self._options)
        return self._store

    async def __aexit__(self, *exception: object) -> None:
        if self._store is not None:
            await self._store.close()
