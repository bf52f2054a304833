"""Calls at the edges of what RoomKit's store takes: each gives on both stores the same, or raises the same class."""

import asyncio
import math
import sys
import uuid
from datetime import UTC, datetime

import asyncpg
import pytest
from pydantic import BaseModel, ValidationError
from roomkit.core.exceptions import RoomKitError
from roomkit.models.channel import ChannelBinding
from roomkit.models.enums import ChannelType, EventStatus, RoomStatus
from roomkit.models.event import CompositeContent, EventSource, RoomEvent, TextContent
from roomkit.models.identity import Identity
from roomkit.models.participant import Participant
from roomkit.models.room import Room
from roomkit.models.store_filter import EventFilter
from roomkit.models.task import Observation, Task
from roomkit.store.postgres import PostgresStore as TheirStore
from statekeep.roomkit import PostgresStore

ROOM, OTHER = "room", "other"
PAST = datetime(2025, 1, 1, tzinfo=UTC)
ANY = EventFilter()
MOST = sys.maxsize


def event(event_id, content=None, **more):
    source = EventSource(channel_id="sms", channel_type=ChannelType.SMS)
    content = content or TextContent(body="hello")
    return RoomEvent(id=event_id, room_id=ROOM, source=source, content=content, created_at=PAST, **more)


async def fill(store):
    for room_id in (ROOM, OTHER):
        await store.create_room(Room(id=room_id, created_at=PAST, updated_at=PAST, metadata={"a": 1}))
    for number in range(4):
        await store.add_event_auto_index(ROOM, event(f"event-{number}", idempotency_key=f"key-{number}"))
    await store.add_binding(
        ChannelBinding(room_id=ROOM, channel_id="sms", channel_type=ChannelType.SMS, attached_at=PAST)
    )
    await store.add_participant(Participant(room_id=ROOM, id="alice", channel_id="sms", joined_at=PAST))
    await store.create_identity(Identity(id="alice"))
    await store.add_task(Task(id="task", room_id=ROOM, title="call back", created_at=PAST))


async def patched(store, patch, **more):
    return (await store.patch_room_metadata(OTHER, patch, **more)).metadata


FINDS_NOTHING_FOR_NONE = {
    "get_room": lambda s: s.get_room(None),
    "room_exists": lambda s: s.room_exists(None),
    "binding_exists": lambda s: s.binding_exists(ROOM, None),
    "get_delivered_index": lambda s: s.get_delivered_index(None),
    "get_private_state": lambda s: s.get_private_state(ROOM, None),
    "patch_room_metadata": lambda s: s.patch_room_metadata(None, {}),
    "delete_room": lambda s: s.delete_room(None),
    "find_latest_room": lambda s: s.find_latest_room(None),
    "find_room_id_by_channel": lambda s: s.find_room_id_by_channel(None),
    "find_room_ids_by_channel": lambda s: s.find_room_ids_by_channel(None),
    "find_room_id_by_binding": lambda s: s.find_room_id_by_binding("sms", None),
    "find_room_id_by_participant": lambda s: s.find_room_id_by_participant("sms", None),
    "update_room_if": lambda s: s.update_room_if(Room(id=ROOM), status=None, paused_at=None, last_activity_at=None),
    "get_event": lambda s: s.get_event(None),
    "delete_event": lambda s: s.delete_event(ROOM, None),
    "list_events": lambda s: s.list_events(None),
    "list_events with a filter": lambda s: s.list_events(None, event_filter=ANY),
    "get_event_count": lambda s: s.get_event_count(None),
    "get_thread_summaries": lambda s: s.get_thread_summaries(None, ["event-0"]),
    "check_idempotency": lambda s: s.check_idempotency(ROOM, None, channel_id="sms"),
    "get_event_by_idempotency_key": lambda s: s.get_event_by_idempotency_key(ROOM, None, channel_id=None),
    "get_binding": lambda s: s.get_binding(ROOM, None),
    "remove_binding": lambda s: s.remove_binding(ROOM, None),
    "list_bindings": lambda s: s.list_bindings(None),
    "get_participant": lambda s: s.get_participant(ROOM, None),
    "list_participants": lambda s: s.list_participants(None),
    "load_room_context": lambda s: s.load_room_context(None),
    "list_read_markers": lambda s: s.list_read_markers(None),
    "get_identity": lambda s: s.get_identity(None),
    "resolve_identity": lambda s: s.resolve_identity("sms", None),
    "get_verification": lambda s: s.get_verification(None),
    "get_verification_request": lambda s: s.get_verification_request(None),
    "get_task": lambda s: s.get_task(None),
    "list_tasks": lambda s: s.list_tasks(None),
    "list_observations": lambda s: s.list_observations(None),
    "get_voice_delivery": lambda s: s.get_voice_delivery(ROOM, None),
}
PAGES = {
    f"{name} {page}": lambda s, call=call, page=page: call(s, **page)
    for name, call in {
        "list_events": lambda s, **page: s.list_events(ROOM, **page),
        "list_events with a filter": lambda s, **page: s.list_events(ROOM, event_filter=ANY, **page),
        "find_rooms": lambda s, **page: s.find_rooms(**page),
        "list_rooms": lambda s, **page: s.list_rooms(**page),
    }.items()
    for page in [
        {"limit": -1},
        {"offset": -1},
        {"limit": 3, "offset": -10},
        {"limit": -1, "offset": -1},
        {"limit": None, "offset": None},
        {"limit": 0},
        {"limit": MOST, "offset": 1},
        {"limit": 5, "offset": MOST},
        {"limit": MOST, "offset": MOST},
        {"limit": MOST + 1},
        {"limit": "5"},
        {"limit": "five"},
        {"limit": 1.5},
        {"limit": True},
    ]
}
PAGES |= {
    f"list_events {page}": lambda s, page=page: s.list_events(ROOM, **page)
    for page in [
        {"after_index": 0, "offset": -1},
        {"before_index": 3, "offset": -1, "event_filter": ANY},
        {"before_index": 3, "offset": 2, "limit": 2},
        {"after_index": -(2**31)},
        {"after_index": "1"},
    ]
}
VALUES = {
    "an id that is a number": lambda s: s.get_room(7),
    "an id that is a UUID": lambda s: s.get_event(uuid.UUID(int=7)),
    "an empty id": lambda s: s.create_room(Room(id="", created_at=PAST, updated_at=PAST)),
    "NUL in an id": lambda s: s.get_room("a\0b"),
    "NUL in a new room's id": lambda s: s.create_room(Room(id="a\0b")),
    "NUL in a body": lambda s: s.commit_event(ROOM, event("nul", TextContent(body="a\0b"))),
    "a lone surrogate in an id": lambda s: s.get_room("\ud800"),
    "a lone surrogate in a list": lambda s: s.get_thread_summaries(ROOM, ["\ud800"]),
    "a lone surrogate in a body": lambda s: s.commit_event(ROOM, event("surrogate", TextContent(body="\ud800"))),
    "NaN in a filter": lambda s: s.find_rooms(metadata_filter={"n": math.nan}),
    "infinity in a private state": lambda s: s.set_private_state(ROOM, "key", {"n": math.inf}),
    "a list as private state": lambda s: s.set_private_state(ROOM, "key", [1]),
    "a list read as private state": lambda s: s.get_private_state(ROOM, "key"),
    "numbers as keys": lambda s: patched(s, {1: "one", 1.5: "more", False: "no"}),
    "a string of keys to unset": lambda s: patched(s, {}, unset="ab"),
    "a tuple of roots": lambda s: s.get_thread_summaries(ROOM, ("event-0", "event-0")),
    "no roots": lambda s: s.get_thread_summaries(ROOM, None),
    "index -1": lambda s: s.add_event(event("before").model_copy(update={"index": -1})),
    "index -2": lambda s: s.add_event(event("long before").model_copy(update={"index": -2})),
    "the greatest index": lambda s: s.add_event(event("last").model_copy(update={"index": 2**31 - 1})),
    "a status that is none": lambda s: s.find_room_id_by_channel("sms", "odd"),
    "an enum's member": lambda s: s.find_rooms(status=RoomStatus.ACTIVE, limit=1),
    "a naive time": lambda s: s.update_room(
        Room(id=OTHER, created_at=PAST, updated_at=PAST).model_copy(update={"closed_at": datetime(2025, 6, 1)})
    ),
    "a confidence beyond a float": lambda s: s.add_observation(
        Observation(room_id=ROOM, channel_id="sms", content="x").model_copy(update={"confidence": 1e300})
    ),
    "a key taken by a target": lambda s: s.commit_event(
        ROOM, event("change"), target=event("event-1", idempotency_key="key-0")
    ),
    "a key taken by a target of an event with a key": lambda s: s.commit_event(
        ROOM, event("change", idempotency_key="new"), target=event("event-1", idempotency_key="key-0")
    ),
    "a target's key": lambda s: s.commit_event(
        ROOM, event("change", idempotency_key="same"), target=event("event-1", idempotency_key="same")
    ),
    "a key taken by an update": lambda s: s.update_event(event("event-1", idempotency_key="key-0")),
    "a room that is there": lambda s: s.create_room(Room(id=ROOM)),
    "an identity that is there": lambda s: s.create_identity(Identity(id="alice")),
    "a task that is there": lambda s: s.add_task(Task(id="task", room_id=ROOM, title="again")),
    "a target of no room": lambda s: s.write_change_target(ROOM, event("missing")),
}


def outcome_of(value):
    """What callers could tell apart: values and the fields that are set, or the class that is raised."""
    if isinstance(value, BaseModel):
        return value, sorted(value.model_fields_set)
    return [outcome_of(item) for item in value] if isinstance(value, (list, tuple)) else value


async def outcome(call, store):
    try:
        return outcome_of(await call(store))
    except asyncpg.DataError:  # theirs may be refused before it is sent, without the server's own class for it
        return asyncpg.DataError
    except (asyncpg.PostgresError, RoomKitError, ValueError, TypeError) as error:
        return type(error), getattr(error, "constraint_name", None)


@pytest.mark.parametrize("calls", [FINDS_NOTHING_FOR_NONE, PAGES, VALUES], ids=["none", "pages", "values"])
def test_odd_calls_end_as_on_theirs(server, database, calls):
    url = server.url(database)

    async def run():
        connection = await asyncpg.connect(url)
        await connection.execute("create schema theirs; create schema ours")
        await connection.close()
        async with TheirStore(f"{url}?search_path=theirs") as theirs, PostgresStore(f"{url}?search_path=ours") as ours:
            for store in (theirs, ours):
                await fill(store)
            return {name: (await outcome(call, ours), await outcome(call, theirs)) for name, call in calls.items()}

    outcomes = asyncio.run(run())
    assert {name: ours for name, (ours, _) in outcomes.items()} == {
        name: theirs for name, (_, theirs) in outcomes.items()
    }


def on(server, database, scenario):
    async def run():
        async with PostgresStore(server.url(database)) as store:
            await fill(store)
            return await scenario(store)

    return asyncio.run(run())


def test_nothing_is_written_that_could_not_be_read_again(server, database):
    """Theirs stores some of these, and then every page with such a row raises; for the others its error is an accident."""

    async def scenario(store):
        room, task = await store.get_room(ROOM), await store.get_task("task")
        stored = await store.get_event("event-0")
        for call in [
            store.update_room(room.model_copy(update={"status": "odd"})),
            store.update_room(room.model_copy(update={"metadata": [1]})),
            store.commit_event(ROOM, event("odd").model_copy(update={"status": "odd"})),
            store.update_event(stored.model_copy(update={"content": {"type": "text"}})),
            store.update_task(task.model_copy(update={"status": "odd"})),
            store.add_event_auto_index(ROOM, {"id": "no model"}),
        ]:
            with pytest.raises((ValidationError, AttributeError)):
                await call
        for call in [
            store.patch_room_metadata(ROOM, [1]),
            store.patch_room_metadata(ROOM, None),
            store.record_delivery_results(ROOM, "event-0", [1]),
        ]:
            with pytest.raises(asyncpg.DataError):
                await call
        assert await store.get_room(ROOM) == room
        assert await store.get_task("task") == task
        assert await store.get_event("event-0") == stored

    on(server, database, scenario)


def test_null_in_place_of_a_document_is_the_fields_default(server, database):
    async def scenario(store):
        room = await store.get_room(ROOM)
        await store.update_room(room.model_copy(update={"metadata": None}))
        await store.commit_event(ROOM, event("null").model_copy(update={"metadata": None, "channel_data": None}))
        assert (await store.get_room(ROOM)).metadata == {}
        return await store.get_event("null")

    stored = on(server, database, scenario)
    assert (stored.metadata, stored.channel_data.extra) == ({}, {})


def test_members_given_as_their_strings_are_taken(server, database):
    """As the original document does; theirs has no member to take a value from."""

    async def scenario(store):
        room = await store.get_room(ROOM)
        room.status = "paused"
        await store.update_room(room)
        source = EventSource(channel_id="sms", channel_type=ChannelType.SMS).model_copy(
            update={"channel_type": "email"}
        )
        changed = event("strings").model_copy(update={"status": "delivered", "source": source})
        await store.commit_event(ROOM, changed, activity=False)
        return await store.get_room(ROOM), await store.get_event("strings")

    room, stored = on(server, database, scenario)
    assert room.status is RoomStatus.PAUSED
    assert stored.status is EventStatus.DELIVERED
    assert stored.source.channel_type is ChannelType.EMAIL


def test_a_subclass_of_a_model_is_written_as_the_model(server, database):
    class Text(TextContent):
        mood: str = "calm"

    async def scenario(store):
        await store.commit_event(ROOM, event("plain", Text(body="hello")))
        await store.commit_event(ROOM, event("parts", CompositeContent(parts=[Text(body="hello")])))
        return await store.get_event("plain"), await store.get_event("parts")

    plain, parts = on(server, database, scenario)
    assert plain.content == parts.content.parts[0] == TextContent(body="hello")


@pytest.mark.parametrize("mebibytes", [1, 16])
def test_large_events(server, database, mebibytes):
    body = "€uro " * (mebibytes * 2**20 // 7)

    async def scenario(store):
        await store.commit_event(ROOM, event("large", TextContent(body=body)))
        (listed,) = await store.list_events(ROOM, after_index=3)
        return listed.content.body == body == (await store.get_event("large")).content.body

    assert on(server, database, scenario)
