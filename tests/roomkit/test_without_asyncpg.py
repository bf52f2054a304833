"""Where asyncpg is not installed the store works as well, and errors are StateKeep's, with the same codes and names."""

import subprocess
import sys

SCENARIO = """
import asyncio, sys
sys.modules["asyncpg"] = None  # as if it were not there
import statekeep
from roomkit.core.exceptions import IdempotencyKeyTakenError
from roomkit.models.enums import ChannelType
from roomkit.models.event import EventSource, RoomEvent, TextContent
from roomkit.models.room import Room
from statekeep.roomkit import PostgresAdvisoryLockManager, PostgresStore

def event(**more):
    source = EventSource(channel_id="sms", channel_type=ChannelType.SMS)
    return RoomEvent(room_id="room", source=source, content=TextContent(body="hello"), **more)

async def told(call):
    try:
        return await call
    except Exception as error:
        return type(error), getattr(error, "sqlstate", None), getattr(error, "constraint", None)

async def main(url):
    async with PostgresStore(url) as store:
        await store.create_room(Room(id="room"))
        first = await store.commit_event("room", event(idempotency_key="k"))
        assert await store.list_events("room") == [first]
        held = await told(store.commit_event("room", first))
        assert held == (statekeep.Conflict, "23505", "events_pkey"), held
        taken = await told(store.commit_event("room", event(idempotency_key="k")))
        assert taken[0] is IdempotencyKeyTakenError, taken
        missing = await told(store.commit_event("none", event().model_copy(update={"room_id": "none"})))
        assert issubclass(missing[0], statekeep.Error) and missing[1] == "23503", missing
        number = await told(store.get_room(7))
        assert number[0] is statekeep.Invalid, number
        locks = PostgresAdvisoryLockManager(url)
        await locks.init()
        async with locks.locked("room"):
            pass
        await locks.close()

asyncio.run(main(sys.argv[1]))
"""


def test_it_works_with_statekeeps_errors(server, database):
    run = subprocess.run(
        [sys.executable, "-c", SCENARIO, server.url(database)], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
