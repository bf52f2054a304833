"""How many round trips calls cost, counted by a proxy between the store and the server."""

import asyncio

import pytest
from roomkit.channels.base import Channel
from roomkit.core.framework import RoomKit
from roomkit.models.channel import ChannelBinding, ChannelOutput
from roomkit.models.delivery import InboundMessage
from roomkit.models.enums import ChannelType
from roomkit.models.event import DeleteContent, EventSource, RoomEvent, TextContent
from roomkit.models.identity import Identity
from roomkit.models.participant import Participant
from roomkit.models.room import Room
from roomkit.models.store_filter import EventFilter
from statekeep.roomkit import PostgresStore

ROOM = "room"


def event(content=None, **more):
    source = EventSource(channel_id="sms", channel_type=ChannelType.SMS)
    return RoomEvent(room_id=ROOM, source=source, content=content or TextContent(body="hello"), **more)


async def fill(store):
    await store.create_room(Room(id=ROOM, organization_id="acme"))
    binding = ChannelBinding(room_id=ROOM, channel_id="sms", channel_type=ChannelType.SMS, participant_id="alice")
    await store.add_binding(binding)
    await store.add_participant(Participant(room_id=ROOM, id="alice", channel_id="sms"))
    return [await store.commit_event(ROOM, event()) for _ in range(20)]


# Each takes the store and the events that are there.
CALLS = {
    "get_room": lambda s, e: s.get_room(ROOM),
    "room_exists": lambda s, e: s.room_exists(ROOM),
    "update_room": lambda s, e: s.update_room(Room(id=ROOM, organization_id="acme")),
    "patch_room_metadata": lambda s, e: s.patch_room_metadata(ROOM, {"a": 1}),
    "get_delivered_index": lambda s, e: s.get_delivered_index(ROOM),
    "advance_delivered_index": lambda s, e: s.advance_delivered_index(ROOM, 5, force=True),
    "set_private_state": lambda s, e: s.set_private_state(ROOM, "author_register", {"a": 1}),
    "get_private_state": lambda s, e: s.get_private_state(ROOM, "author_register"),
    "load_room_context": lambda s, e: s.load_room_context(ROOM),
    "list_rooms": lambda s, e: s.list_rooms(),
    "find_rooms": lambda s, e: s.find_rooms("acme", "active"),
    "find_latest_room": lambda s, e: s.find_latest_room("alice", "sms", "active"),
    "find_room_ids_by_channel": lambda s, e: s.find_room_ids_by_channel("sms"),
    "find_room_id_by_binding": lambda s, e: s.find_room_id_by_binding("sms", "alice"),
    "find_room_id_by_participant": lambda s, e: s.find_room_id_by_participant("sms", "alice"),
    "add_event": lambda s, e: s.add_event(event(index=1000)),
    "add_event_auto_index": lambda s, e: s.add_event_auto_index(ROOM, event()),
    "commit_event": lambda s, e: s.commit_event(ROOM, event()),
    "commit_event with a key": lambda s, e: s.commit_event(ROOM, event(idempotency_key="k")),
    "commit_event with a target": lambda s, e: s.commit_event(
        ROOM, event(DeleteContent(target_event_id=e[3].id), type="delete"), target=e[3]
    ),
    "get_event": lambda s, e: s.get_event(e[0].id),
    "update_event": lambda s, e: s.update_event(e[0]),
    "delete_event": lambda s, e: s.delete_event(ROOM, e[1].id),
    "list_events": lambda s, e: s.list_events(ROOM),
    "list_events with a filter": lambda s, e: s.list_events(
        ROOM, event_filter=EventFilter(event_types=["message"], participant_id="alice")
    ),
    "get_conversation": lambda s, e: s.get_conversation(ROOM),
    "get_event_count": lambda s, e: s.get_event_count(ROOM),
    "get_thread_summaries": lambda s, e: s.get_thread_summaries(ROOM, [e[0].id]),
    "check_idempotency": lambda s, e: s.check_idempotency(ROOM, "k", channel_id="sms"),
    "mark_read": lambda s, e: s.mark_read(ROOM, "sms", e[5].id),
    "mark_all_read": lambda s, e: s.mark_all_read(ROOM, "sms"),
    "get_unread_count": lambda s, e: s.get_unread_count(ROOM, "sms"),
    "list_bindings": lambda s, e: s.list_bindings(ROOM),
    "get_binding": lambda s, e: s.get_binding(ROOM, "sms"),
    "create_identity with three addresses": lambda s, e: s.create_identity(
        Identity(id="alice", channel_addresses={"sms": ["+1", "+2"], "email": ["a@b"]})
    ),
    "resolve_identity": lambda s, e: s.resolve_identity("sms", "+1"),
    "link_address": lambda s, e: s.link_address("alice", "sms", "+3"),
}


@pytest.fixture
def counted(server, database, proxy):
    """The URL of a database through a proxy that counts."""
    return proxy, proxy.url(database)


def test_each_call_is_one_round_trip_from_its_first_use_on(counted):
    proxy, url = counted

    async def run():
        trips = {}
        async with PostgresStore(url) as store:
            events = await fill(store)
            for name, call in CALLS.items():
                before = proxy.trips
                await call(store, events)
                trips[name] = proxy.trips - before
        return trips

    assert asyncio.run(run()) == dict.fromkeys(CALLS, 1)


def test_calls_made_together_travel_together(counted):
    proxy, url = counted

    async def run():
        async with PostgresStore(url) as store:
            await fill(store)
            before = proxy.trips
            events = await asyncio.gather(*(store.commit_event(ROOM, event()) for _ in range(64)))
            assert [event.index for event in events] == list(range(20, 84))
            return proxy.trips - before

    assert asyncio.run(run()) <= 8


class Transport(Channel):
    """The simplest channel: it reads no history and answers nothing."""

    channel_type = ChannelType.SMS

    async def handle_inbound(self, message, context):
        source = EventSource(channel_id=self.channel_id, channel_type=self.channel_type)
        return RoomEvent(room_id=context.room.id, source=source, content=message.content)

    async def deliver(self, event, binding, context):
        return ChannelOutput.empty()


def test_their_simplest_message_takes_twelve_round_trips_at_most(counted):
    """26 on their store."""
    proxy, url = counted
    messages = 10

    async def run():
        async with PostgresStore(url) as store:
            kit = RoomKit(store=store)
            kit.register_channel(Transport("sms"))
            await kit.create_room(room_id=ROOM)
            await kit.attach_channel(ROOM, "sms")

            async def send():
                content = TextContent(body="hello")
                await kit.process_inbound(
                    InboundMessage(channel_id="sms", sender_id="+1", content=content), room_id=ROOM
                )

            await send()
            before = proxy.trips
            for _ in range(messages):
                await send()
            trips = proxy.trips - before
            await kit.close()
            return trips

    assert asyncio.run(run()) / messages <= 12
