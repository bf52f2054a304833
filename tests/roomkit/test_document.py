"""The examples of the document that RoomKit's users learnt PostgresStore from, as they stand there, on both stores.

Changed is only what RoomKit 0.109 itself no longer takes: check_idempotency() wants its channel_id; a task wants a title,
an observation its content and channel; these and Identity are imported from other modules."""

import asyncio

import asyncpg
import pytest
from roomkit import RoomKit
from roomkit.models.enums import ChannelType, RoomStatus
from roomkit.models.event import EventSource, RoomEvent, TextContent
from roomkit.models.identity import Identity
from roomkit.models.room import Room
from roomkit.models.task import Observation, Task
from roomkit.store.postgres import PostgresStore as TheirStore
from roomkit.telemetry.base import SpanKind
from roomkit.telemetry.mock import MockTelemetryProvider
from statekeep.roomkit import PostgresStore

stores = pytest.mark.parametrize("make", [PostgresStore, TheirStore], ids=["ours", "theirs"])


def message(room_id, **more):
    source = EventSource(channel_id="sms-main", channel_type=ChannelType.SMS)
    return RoomEvent(room_id=room_id, source=source, content=TextContent(body="hello"), **more)


@pytest.fixture
def url(server, database):
    return server.url(database)


@stores
def test_quick_start_and_pooling(url, make):
    async def run():
        store = make(url)
        await store.init(min_size=2, max_size=10)
        kit = RoomKit(store=store)
        pool = store._pool
        sizes = pool.get_size(), pool.get_idle_size()
        await kit.close()
        await store.close()

        async with make(url) as store:
            kit = RoomKit(store=store)
            await kit.close()

        pool = await asyncpg.create_pool(url, min_size=5, max_size=20)
        store = make(pool=pool)
        await store.init()
        await store.close()
        assert await pool.fetchval("select 1") == 1  # the caller's to close
        await pool.close()
        return sizes

    size, free = asyncio.run(run())
    assert 1 <= free <= size <= 10


@stores
def test_the_environment_says_where(server, database, monkeypatch, make):
    for name, value in {
        "HOST": "127.0.0.1",
        "PORT": str(server.port),
        "USER": "postgres",
        "DATABASE": database,
    }.items():
        monkeypatch.setenv(f"PG{name}", value)

    async def run():
        async with make() as store:
            return await store.list_rooms()

    assert asyncio.run(run()) == []


@stores
def test_rooms(url, make):
    async def run(store):
        room = await store.create_room(Room(id="room-1", organization_id="org-1", metadata={"tier": "premium", "n": 1}))
        room = await store.get_room("room-1")
        if make is PostgresStore:
            room.status = "paused"
            await store.update_room(room)
            assert (await store.get_room("room-1")).status is RoomStatus.PAUSED
        else:  # as the document has it, theirs fails: the string has no .value
            with pytest.raises(AttributeError):
                await store.update_room(room.model_copy(update={"status": "paused"}))
        room.status = RoomStatus.ACTIVE
        await store.update_room(room)
        rooms = await store.list_rooms(offset=0, limit=50)
        assert rooms == await store.find_rooms(
            organization_id="org-1", status="active", metadata_filter={"tier": "premium"}, limit=100
        )
        assert [found.id for found in rooms] == ["room-1"]
        assert await store.find_latest_room("user-123", channel_type="sms", status="active") is None
        assert await store.find_room_id_by_channel("sms-main", status="active") is None
        assert await store.delete_room("room-1") is True

    asyncio.run(opened(make, url, run))


@stores
def test_events_and_read_tracking(url, make):
    async def run(store):
        await store.create_room(Room(id="room-1"))
        for index in range(3):
            event = await store.add_event_auto_index("room-1", message("room-1", id=f"event-{index}"))
            assert event.index == index
        events = await store.list_events("room-1", offset=0, limit=50)
        assert events == await store.list_events("room-1", visibility_filter="all")
        assert await store.check_idempotency("room-1", "msg-unique-key", channel_id="sms-main") is False
        assert await store.get_event_count("room-1") == len(events) == 3
        await store.mark_read("room-1", "ws-alice", "event-1")
        assert await store.get_unread_count("room-1", "ws-alice") == 1
        await store.mark_all_read("room-1", "ws-alice")
        assert await store.get_unread_count("room-1", "ws-alice") == 0

    asyncio.run(opened(make, url, run))


@stores
def test_identities_tasks_and_observations(url, make):
    async def run(store):
        addresses = {"sms": ["+1234567890"], "email": ["alice@example.com"]}
        await store.create_identity(Identity(id="user-1", display_name="Alice", channel_addresses=addresses))
        assert (await store.resolve_identity("sms", "+1234567890")).id == "user-1"
        await store.link_address("user-1", "whatsapp", "+1234567890")
        assert (await store.resolve_identity("whatsapp", "+1234567890")).display_name == "Alice"
        await store.create_room(Room(id="room-1"))
        task = await store.add_task(Task(id="task-1", room_id="room-1", title="call", status="pending"))
        assert await store.list_tasks("room-1", status="pending") == [task]
        task.status = "completed"
        await store.update_task(task)
        assert await store.list_tasks("room-1", status="pending") == []
        assert (await store.get_task("task-1")).status == "completed"
        seen = Observation(id="obs-1", room_id="room-1", channel_id="sms", content="x", metadata={"sentiment": 0.8})
        await store.add_observation(seen)
        (observation,) = await store.list_observations("room-1")
        assert observation.metadata == {"sentiment": 0.8}

    asyncio.run(opened(make, url, run))


@stores
def test_telemetry(url, make):
    async def run(store):
        provider = MockTelemetryProvider()
        kit = RoomKit(store=store, telemetry=provider)
        await store.create_room(Room(id="room-1"))
        await kit.close()
        return provider.get_spans(SpanKind.STORE_QUERY)

    spans = asyncio.run(opened(make, url, run))
    assert {"store.operation": "create_room", "store.table": "rooms"} in [span.attributes for span in spans]


async def opened(make, url, scenario):
    async with make(url) as store:
        return await scenario(store)
