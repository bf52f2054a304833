"""RoomKit's conversation store on StateKeep: in place of `roomkit.store.PostgresStore`, on the same tables.

    from statekeep.roomkit import PostgresStore

    async with PostgresStore("postgresql://…") as store:
        kit = RoomKit(store=store)

Needs roomkit (Python 3.12 or newer): ``pip install 'statekeep[roomkit]'``. Errors are asyncpg's classes when asyncpg can
be imported, else StateKeep's."""

from __future__ import annotations

try:
    import roomkit.store
except ImportError as error:
    raise ImportError("statekeep.roomkit needs RoomKit: pip install 'statekeep[roomkit]'") from error

from .locks import PostgresAdvisoryLockManager
from .store import PostgresStore

PostgresSchemaError = roomkit.store.PostgresSchemaError

__all__ = ["PostgresAdvisoryLockManager", "PostgresSchemaError", "PostgresStore"]
