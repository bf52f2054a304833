"""Waiting for the engine's descriptor on an event loop."""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import Callable


def watch(loop: asyncio.AbstractEventLoop, fd: int, ready: Callable[[], None]) -> Callable[[], object]:
    """Has the loop call `ready` while `fd` is readable; gives what ends that."""
    try:
        loop.add_reader(fd, ready)
    except NotImplementedError:  # a proactor
        return _Watcher(loop, fd, ready).stop
    return lambda: loop.remove_reader(fd)


class _Watcher:
    """A thread that waits for a descriptor in place of a loop that cannot."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int, ready: Callable[[], None]) -> None:
        self._loop = loop
        self._fd = fd
        self._ready = ready
        self._handled = threading.Event()
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, name="statekeep", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._stopped, select.POLLIN)
        try:
            while self._stopped not in dict(poll.poll()):
                self._loop.call_soon_threadsafe(self._handle)
                self._handled.wait()
                self._handled.clear()
        except RuntimeError:
            pass  # the loop was closed without the store
        finally:
            os.close(self._stopped)

    def _handle(self) -> None:
        try:
            self._ready()
        finally:
            self._handled.set()

    def stop(self) -> None:
        os.close(self._stop)  # makes the other end readable
        self._handled.set()
        self._thread.join()
