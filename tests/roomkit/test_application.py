"""An application on RoomKit runs on our store unchanged, and goes on where it was on theirs, and the other way round."""

import asyncio

import pytest
from application import ALICE, kit_on, open_room, say, seen, talk
from roomkit.models.enums import EventStatus
from roomkit.store.postgres import PostgresStore as TheirStore
from statekeep.roomkit import PostgresAdvisoryLockManager, PostgresStore

ROOM = "support-1"


async def sitting(make_store, url, part, begin=False):
    async with make_store(url) as store:
        kit = kit_on(store, [f"answer {part}.{n}" for n in range(20)])
        try:
            if begin:
                await open_room(kit, ROOM)
            first, again = await talk(kit, store, ROOM, part)
            assert first.event.status is EventStatus.DELIVERED
            assert again.event is None or again.event.id == first.event.id  # told apart by its key
            return await seen(store, ROOM)
        finally:
            await kit.close()


async def read(make_store, url):
    async with make_store(url) as store:
        return await seen(store, ROOM)


@pytest.mark.parametrize(
    "first, second", [(PostgresStore, TheirStore), (TheirStore, PostgresStore)], ids=["ours first", "theirs first"]
)
def test_either_store_goes_on_with_the_other_ones_database(server, database, first, second):
    url = server.url(database)

    async def run():
        begun = await sitting(first, url, part=1, begin=True)
        assert await read(second, url) == begun
        ended = await sitting(second, url, part=2)
        assert await read(first, url) == ended
        return begun, ended

    begun, ended = asyncio.run(run())
    assert ended["events"][: len(begun["events"])] == begun["events"]
    indexes = [index for [index] in server.query("select index from events order by index", database=database)]
    assert indexes == list(range(len(indexes)))
    bodies = [event.content.body for event in ended["events"] if event.source.channel_id == "agent"]
    assert {"answer 1.0", "answer 2.0"} <= set(bodies)
    assert ended["by channel"] == [ROOM]
    assert ended["room"].event_count == ended["count"] == len(indexes)


def test_many_rooms_talk_at_once_under_our_locks(server, database):
    rooms, messages = 8, 6
    url = server.url(database)

    async def run():
        locks = PostgresAdvisoryLockManager(url, timeout=30)
        await locks.init()
        async with PostgresStore(url) as store:
            kit = kit_on(store, ["noted"], lock_manager=locks)
            try:
                for room in range(rooms):
                    await open_room(kit, f"room-{room}")
                await asyncio.gather(
                    *(
                        say(kit, f"room-{room}", "sms", ALICE, f"message {number}")
                        for number in range(messages)
                        for room in range(rooms)
                    )
                )
                return [await store.list_events(f"room-{room}", limit=500) for room in range(rooms)]
            finally:
                await kit.close()
                await locks.close()

    for events in asyncio.run(run()):
        assert [event.index for event in events] == list(range(len(events)))
        said = [event.content.body for event in events if event.source.channel_id == "sms"]
        assert sorted(said) == [f"message {number}" for number in range(messages)]
        assert [event.content.body for event in events if event.source.channel_id == "agent"] == ["noted"] * messages
