"""How long calls wait: for a connection, and for each other in one room, beside RoomKit's own writers."""

import asyncio
import time

import pytest
from roomkit.models.enums import ChannelType
from roomkit.models.event import EventSource, RoomEvent, TextContent
from roomkit.models.room import Room
from roomkit.store.postgres import PostgresStore as TheirStore
from statekeep.roomkit import PostgresStore

ROOM = "room"


def event():
    source = EventSource(channel_id="sms", channel_type=ChannelType.SMS)
    return RoomEvent(room_id=ROOM, source=source, content=TextContent(body="hello"))


def test_a_call_that_no_connection_is_free_for_ends_as_timeout_error(server, database, proxy):
    async def run():
        store = PostgresStore(proxy.url(database))
        store._acquire_timeout = 0.3
        await store.init(min_size=1, max_size=1)
        await store.create_room(Room(id=ROOM))
        proxy.stall()
        sent = asyncio.ensure_future(store.get_room(ROOM))
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        with pytest.raises(TimeoutError) as late:
            await store.list_rooms()
        seconds = time.monotonic() - begun
        assert not sent.done()  # what was sent is waited for, as theirs does
        proxy.resume()
        assert (await sent).id == ROOM
        await store.close()
        return seconds, str(late.value)

    seconds, message = asyncio.run(asyncio.wait_for(run(), 30))
    assert 0.25 < seconds < 5
    assert message == ""


@pytest.mark.parametrize("theirs", ["commit_event", "add_event_auto_index"])
def test_both_ways_to_append_go_on_in_one_room_beside_theirs(server, database, theirs):
    """On their store alone the two deadlock."""
    url = server.url(database)
    seconds = 3

    async def run():
        async with PostgresStore(url) as ours, TheirStore(url) as peer:
            await ours.create_room(Room(id=ROOM))
            end = time.monotonic() + seconds
            counts = {"ours": 0, "theirs": 0}

            async def append(side, store, method):
                while time.monotonic() < end:
                    await getattr(store, method)(ROOM, event())
                    counts[side] += 1

            await asyncio.gather(
                *(append("ours", ours, "commit_event") for _ in range(6)),
                *(append("ours", ours, "add_event_auto_index") for _ in range(6)),
                *(append("theirs", peer, theirs) for _ in range(4)),
            )
            return counts

    counts = asyncio.run(asyncio.wait_for(run(), seconds + 30))
    assert min(counts.values()) > 0
    indexes = server.query("select index from events order by index", database=database)
    assert [index for [index] in indexes] == list(range(sum(counts.values())))
