"""Who may hold a connection: at most so many at a time, and those who wait are let in as they came.

The engine would lend all its sessions but for the one of its operations. A database of pycopg's kind keeps one back for
statements without a connection: a task that holds one and asks for such a statement would wait for itself otherwise."""

from __future__ import annotations

import asyncio
import threading
from collections import deque

from .failures import PoolTimeout


def _timeout(size: int, waiting: int) -> PoolTimeout:
    return PoolTimeout(f"no connection came free in time: {size} of {size} are out, {waiting} wait")


class Gate:
    """For threads. `leave` may be called by the collector in the midst of anything, hence the reentrant lock."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.out = 0
        self._line: deque[threading.Event] = deque()
        self._lock = threading.RLock()

    @property
    def waiting(self) -> int:
        return len(self._line)

    def enter(self, timeout: float | None) -> None:
        """Waits at most `timeout` seconds (None: without end); raises PoolTimeout then."""
        with self._lock:
            if self.out < self.size and not self._line:
                self.out += 1
                return
            turn = threading.Event()
            self._line.append(turn)
        try:
            turn.wait(timeout)
        finally:  # also when a signal's handler raises
            with self._lock:
                admitted = turn.is_set()
                if not admitted:
                    self._line.remove(turn)
        if not admitted:
            raise _timeout(self.size, self.waiting)

    def leave(self) -> None:
        with self._lock:
            if self._line:
                self._line.popleft().set()  # the place goes from one to the other
            else:
                self.out -= 1


class AsyncGate:
    """For one event loop; `leave` may be called from anywhere."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.out = 0
        self._line: deque[asyncio.Future[None]] = deque()
        self._loop = asyncio.get_running_loop()

    @property
    def waiting(self) -> int:
        return len(self._line)

    async def enter(self, timeout: float | None) -> None:
        """Waits at most `timeout` seconds (None: without end); raises PoolTimeout then."""
        if self.out < self.size and not self._line:
            self.out += 1
            return
        turn = self._loop.create_future()
        self._line.append(turn)
        try:
            async with asyncio.timeout(timeout):
                await turn
        except BaseException as error:
            if turn in self._line:
                self._line.remove(turn)
            elif not turn.cancelled():
                self._pass_on()  # it was let in at that moment
            if isinstance(error, TimeoutError):
                raise _timeout(self.size, self.waiting) from None
            raise

    def leave(self) -> None:
        if asyncio._get_running_loop() is self._loop:
            self._pass_on()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._pass_on)

    def _pass_on(self) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.out -= 1
