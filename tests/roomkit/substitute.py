"""A pytest plugin for RoomKit's own tests: StateKeep's classes in place of theirs."""

import roomkit
import roomkit.store
import roomkit.store.postgres
from statekeep.roomkit import PostgresAdvisoryLockManager, PostgresStore


def pytest_configure(config):
    """Not at import: the suite's own path setting takes effect before this."""
    for place in (roomkit.store.postgres, roomkit.store, roomkit):
        place.PostgresStore = PostgresStore
        if hasattr(place, "PostgresAdvisoryLockManager"):
            place.PostgresAdvisoryLockManager = PostgresAdvisoryLockManager
