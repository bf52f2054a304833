"""A pytest plugin for RoomKit's own tests: StateKeep's PostgresStore in place of theirs.

Their fixtures empty tables and prepare old schemas through `store._pool.acquire()`, so the store they get opens an
asyncpg pool beside the engine. None of its own calls uses that pool."""

import json

import asyncpg
import roomkit
import roomkit.store
import roomkit.store.postgres
from statekeep.roomkit import PostgresAdvisoryLockManager, PostgresStore


class StoreWithPool(PostgresStore):
    _pool = None

    def __init__(self, dsn=None, pool=None):
        super().__init__(dsn, pool)
        self._pool = pool

    async def init(self, min_size=2, max_size=10):
        if self._pool is None:
            self._pool = await asyncpg.create_pool(self._dsn, min_size=0, max_size=max_size, init=self._init_connection)
        await super().init(min_size, max_size)

    async def close(self):
        await super().close()
        if self._pool is not None and self._given_pool is None:
            await self._pool.close()
            self._pool = None

    @staticmethod
    async def _init_connection(connection):
        await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")

    def _ensure_pool(self):
        return self._pool

    def _acquire(self):
        return self._pool.acquire()


def pytest_configure(config):
    """Not at import: the suite's own path setting takes effect before this."""
    for place in (roomkit.store.postgres, roomkit.store, roomkit):
        place.PostgresStore = StoreWithPool
        if hasattr(place, "PostgresAdvisoryLockManager"):
            place.PostgresAdvisoryLockManager = PostgresAdvisoryLockManager
