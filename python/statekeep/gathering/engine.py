"""The store behind a database object: opened at its first use, once for each process or event loop, closed with it."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from functools import partial
from typing import Any, TypeVar

from .. import _core, aio, aio_lease, errors
from ..aio import _Calls
from ..lease import Lease
from ..store import Store, _BlockingCalls
from .failures import OperationalError, PoolClosed, failure
from .gate import AsyncGate, Gate

_Store = TypeVar("_Store", Store, aio.Store)
_NOT_LENT = 2  # connections: one for operations, one for statements without a connection; see gate.py


def _open(cls: type[_Store], dsn: str, lent: int) -> _Store:
    try:
        return cls(dsn, {"connections": lent + _NOT_LENT})
    except errors.Error as error:
        raise OperationalError(str(error)) from error


class Engine:
    """For threads; `lent` connections can be out. A closed one opens again when it is used, unless it is `final`; in a
    forked child it opens a store of the child's own."""

    def __init__(self, owner: object, dsn: str, lent: int, final: bool = False) -> None:
        self._dsn = dsn
        self._final = final
        self._closed = False
        self._store: Store | None = None
        self._pid = 0
        self._lock = threading.Lock()
        self.gate = Gate(lent)
        weakref.finalize(owner, self.close)

    @property
    def store(self) -> Store:
        store = self._store
        if store is None or self._pid != os.getpid():
            with self._lock:
                store = self._store
                if store is None or self._pid != os.getpid():
                    store = self._store = self._open()
                    self._pid = os.getpid()
        return store

    @property
    def calls(self) -> _BlockingCalls:
        return self.store._calls

    def _open(self) -> Store:
        if self._closed:
            raise PoolClosed("the pool is closed")
        if self._pid not in (0, os.getpid()):
            self.gate = Gate(self.gate.size)  # those who are out are the parent's
        return _open(Store, self._dsn, self.gate.size)

    def lease(self, timeout: float | None) -> Lease:
        """A lease; its end lets the next one in."""
        store = self.store
        place = self.gate.enter(timeout)
        try:
            lease = store.lease()
            lease._held.returned = place.leave
        except BaseException as error:
            place.leave()
            if isinstance(error, errors.Error):
                raise failure(error) from error
            raise
        return lease

    def retire(self, drain: float) -> None:
        """Closes when nobody has a lease of it any more."""
        self.gate.emptied = partial(self.close, drain)
        if not self.gate.out:
            self.close(drain)

    def close(self, drain: float = 0) -> None:
        self._closed = self._final
        store, self._store = self._store, None
        if store is not None:
            store.close(drain)

    def connections(self) -> int:
        """How many are open; 0 while there is no store."""
        return self.store.admin.stats()["connections"]["up"] if self._store is not None else 0


class AsyncEngine:
    """For event loops: each loop that it is used on has a store of its own, `lent` of whose connections can be out. A
    `final` one is of use only between open() and close()."""

    def __init__(self, owner: object, dsn: str, lent: int, final: bool = False) -> None:
        self._dsn = dsn
        self._lent = lent
        self._final = self._closed = final
        self._stores: dict[asyncio.AbstractEventLoop, tuple[aio.Store, AsyncGate]] = {}
        self._ending: asyncio.Task[None] | None = None
        weakref.finalize(owner, self.drop)

    def open(self) -> None:
        self._closed = False

    def _here(self) -> tuple[aio.Store, AsyncGate]:
        return self._stores.get(asyncio.get_running_loop()) or self._open()

    @property
    def calls(self) -> _Calls:
        return self._here()[0]._calls

    @property
    def gate(self) -> AsyncGate:
        return self._here()[1]

    def _open(self) -> tuple[aio.Store, AsyncGate]:
        if self._closed:
            raise PoolClosed("the pool is not open")
        for loop in [loop for loop in self._stores if loop.is_closed()]:
            _abandon(self._stores.pop(loop)[0])
        opened = _open(aio.Store, self._dsn, self._lent), AsyncGate(self._lent)
        self._stores[asyncio.get_running_loop()] = opened
        return opened

    async def lease(self, timeout: float | None) -> aio_lease.Lease:
        """A lease; its end lets the next one in."""
        store, gate = self._here()
        place = await gate.enter(timeout)
        try:
            lease = await store.lease()
            lease._held.returned = place.leave
        except BaseException as error:
            place.leave()
            if isinstance(error, errors.Error):
                raise failure(error) from error
            raise
        return lease

    async def retire(self, drain: float) -> None:
        """Closes the running loop's store when nobody has a lease of it any more."""
        gate = self.gate
        gate.emptied = partial(self._end, drain)
        if not gate.out:
            await self.close(drain)

    def _end(self, drain: float) -> None:
        self._ending = asyncio.get_running_loop().create_task(self.close(drain))

    async def close(self, drain: float = 0) -> None:
        """Closes the running loop's store."""
        self._closed = self._final
        store, _ = self._stores.pop(asyncio.get_running_loop(), (None, None))
        if store is not None:
            await store.close(drain)

    def drop(self) -> None:
        """Closes all stores, from wherever the owner's last reference went."""
        while self._stores:
            _abandon(self._stores.popitem()[1][0])

    def connections(self) -> int:
        """How many are open on the running loop; 0 while there is no store."""
        if asyncio.get_running_loop() not in self._stores:
            return 0
        told = self.calls.submit("admin.stats", (), None, False).result()  # the engine itself answers, at once
        up: int = told["connections"]["up"]
        return up


def _abandon(store: aio.Store) -> None:
    """Closes a store whose loop may be closed already, or not be this thread's."""
    store._is_closed = True
    calls = store._calls
    if calls._owner != os.getpid():
        return
    try:
        calls.loop.call_soon_threadsafe(calls._stop_watching)
    except RuntimeError:
        pass  # the loop is closed, and watches nothing
    _core.close_store(calls.handle, 0)
