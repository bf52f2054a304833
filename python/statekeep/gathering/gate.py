"""Who may hold a connection: at most so many at a time, and those who wait are let in as they came.

The engine would lend all its sessions but for the one of its operations. A database of pycopg's kind keeps one back for
statements without a connection: a task that holds one and asks for such a statement would wait for itself otherwise.

Who is within and who waits is one line, so nothing can be counted wrongly: its first `size` turns are within. Turns only
move forward, and whoever takes one out tells those who are then among the first; being told twice does no harm. That holds
without a lock, also when the collector or a signal's handler comes between any two steps."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

from .failures import PoolTimeout

_Turn = TypeVar("_Turn")


class _Line(Generic[_Turn]):
    emptied: Callable[[], object] | None = None  # called when the last one leaves, perhaps more than once

    def __init__(self, size: int, tell: Callable[[_Turn], None]) -> None:
        self.size = size
        self._turns: deque[_Turn] = deque()
        self._tell = tell

    @property
    def out(self) -> int:
        """How many are within."""
        return min(len(self._turns), self.size)

    @property
    def waiting(self) -> int:
        return max(len(self._turns) - self.size, 0)

    def _stand(self, turn: _Turn) -> None:
        self._turns.append(turn)
        self._tell_the_first()

    def _drop(self, turn: _Turn) -> None:
        with suppress(ValueError):  # it left before
            self._turns.remove(turn)
        self._tell_the_first()
        if self.emptied is not None and not self._turns:
            self.emptied()

    def _tell_the_first(self) -> None:
        for place in range(self.size):
            try:
                turn = self._turns[place]
            except IndexError:
                return
            self._tell(turn)

    def _timeout(self) -> PoolTimeout:
        return PoolTimeout(f"no connection came free in time: {self.size} of {self.size} are out, {self.waiting} wait")


class Place:
    """Being within a gate, until `leave()`. Twice does nothing; who drops it leaves, too."""

    _leave: Callable[[], None] | None = None

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave = leave

    def leave(self) -> None:
        if self._leave is not None:
            self._leave()
            self._leave = None  # only now: what was interrupted is done again by __del__

    def __del__(self) -> None:
        self.leave()


class Gate(_Line["queue.SimpleQueue[None]"]):
    """For threads. A turn is a queue of the one kind that may be put into in the midst of anything."""

    def __init__(self, size: int) -> None:
        super().__init__(size, _put)

    def enter(self, timeout: float | None) -> Place:
        """Waits at most `timeout` seconds (None: without end); raises PoolTimeout then."""
        turn: queue.SimpleQueue[None] = queue.SimpleQueue()
        place = Place(partial(self._drop, turn))
        try:
            self._stand(turn)
            turn.get(timeout=None if timeout is None else max(timeout, 0))
        except BaseException as error:  # also what a signal's handler raises
            place.leave()
            if isinstance(error, queue.Empty):
                raise self._timeout() from None
            raise
        return place


def _put(turn: queue.SimpleQueue[None]) -> None:
    if turn.empty():
        turn.put(None)


class AsyncGate(_Line["asyncio.Future[None]"]):
    """For one event loop; its places may be left from anywhere."""

    def __init__(self, size: int) -> None:
        super().__init__(size, _resolve)
        self._loop = asyncio.get_running_loop()

    async def enter(self, timeout: float | None) -> Place:
        """Waits at most `timeout` seconds (None: without end); raises PoolTimeout then."""
        turn = self._loop.create_future()
        place = Place(partial(self._leave, turn))
        self._stand(turn)
        if not turn.done():
            try:
                async with asyncio.timeout(timeout):
                    await turn
            except BaseException as error:
                place.leave()
                if isinstance(error, TimeoutError):
                    raise self._timeout() from None
                raise
        return place

    def _leave(self, turn: asyncio.Future[None]) -> None:
        if asyncio._get_running_loop() is self._loop:
            self._drop(turn)
        else:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                self._loop.call_soon_threadsafe(self._drop, turn)


def _resolve(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
