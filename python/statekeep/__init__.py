"""StateKeep: the storage engine for what software agents must remember.

    with statekeep.open("embedded:") as store:                        # threads
        store.state.save("agent", "session", {"step": 1})

    async with statekeep.connect("embedded:") as store:               # asyncio, uvloop
        state = await store.state.load("agent", "session")

Both take the same DSN and options; `open` tells them."""

from __future__ import annotations

from typing import Any

from . import _core, aio, errors
from .errors import (
    Absent,
    Cancelled,
    Closed,
    Conflict,
    Deadline,
    Error,
    Forked,
    Full,
    Internal,
    Invalid,
    NoMemory,
    Unavailable,
    Unknown,
)
from .store import Store
from .texts import Json

__version__: str = _core.keep_version()

__all__ = [
    "Absent",
    "Cancelled",
    "Closed",
    "Conflict",
    "Deadline",
    "Error",
    "Forked",
    "Full",
    "Internal",
    "Invalid",
    "Json",
    "NoMemory",
    "Store",
    "Unavailable",
    "Unknown",
    "aio",
    "connect",
    "errors",
    "open",
]


def open(dsn: str | None = None, **options: Any) -> Store:
    """Opens a store for threads: a context manager whose calls block.

    It does not wait for a server: one is reached, or an embedded one started, by the first calls.

    Args:
        dsn: ``"embedded:[dir][?…]"``, a PostgreSQL URL or key=value words. None takes the environment's
            ``STATEKEEP_DSN``, then ``DATABASE_URL``, then ``"embedded:"``.
        connections (int): most server connections, 1 to 128, opened on demand. Default 4.
        tables (dict[str, str]): names of the tables to use in place of the default ones.
        deadline_ms (int): of a call without `timeout=`, in milliseconds. Default 30000; 0: none.
        connect_ms (int): how long calls wait for an unreachable server. Default 5000.
        queue_ms (int): how long a call may wait for a free connection, then Deadline. Default 0: within its deadline.
        lock_ms (int): how long a batch waits for a foreign row lock. Default 200.
        lease_idle_ms (int): after how long unused a lease is taken back. Default 600000; 0: never.
        queue, queue_bytes, batch, batch_bytes, argument_bytes (int): limits; see statekeep.h.

    Raises:
        Invalid: the DSN or an option is wrong.
    """
    return Store(dsn, options)


def connect(dsn: str | None = None, **options: Any) -> aio.Connecting:
    """Opens a store on the running event loop: ``await`` it, or enter it with ``async with``.

    Takes what `open` takes and raises what it raises, when awaited.
    """
    return aio.Connecting(dsn, options)
