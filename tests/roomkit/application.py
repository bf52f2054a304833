"""A small RoomKit application, as its users write them: two transports, an agent with a script, people, threads, receipts."""

from roomkit import AIChannel, RoomKit
from roomkit.channels import EmailChannel, SMSChannel
from roomkit.models.delivery import InboundMessage
from roomkit.models.enums import ChannelCategory
from roomkit.models.event import DeleteContent, EditContent, TextContent
from roomkit.models.identity import Identity
from roomkit.models.task import Task
from roomkit.providers.ai.mock import MockAIProvider
from roomkit.providers.email.mock import MockEmailProvider
from roomkit.providers.sms.mock import MockSMSProvider

ALICE, BOB = "+15550001", "bob@example.org"


def kit_on(store, answers, lock_manager=None):
    """The application's RoomKit, its agent answering with `answers` in turn."""
    kit = RoomKit(store=store, **({} if lock_manager is None else {"lock_manager": lock_manager}))
    kit.register_channel(SMSChannel("sms", provider=MockSMSProvider()))
    kit.register_channel(EmailChannel("email", provider=MockEmailProvider()))
    kit.register_channel(AIChannel("agent", provider=MockAIProvider(responses=list(answers))))
    return kit


async def open_room(kit, room_id):
    await kit.create_room(room_id=room_id, metadata={"tier": "gold"}, organization_id="acme")
    await kit.attach_channel(room_id, "sms", metadata={"phone_number": ALICE})
    await kit.attach_channel(room_id, "email", metadata={"email_address": BOB})
    await kit.attach_channel(room_id, "agent", category=ChannelCategory.INTELLIGENCE)


async def say(kit, room_id, channel_id, sender_id, content, **more):
    if isinstance(content, str):
        content = TextContent(body=content)
    message = InboundMessage(channel_id=channel_id, sender_id=sender_id, content=content, **more)
    return await kit.process_inbound(message, room_id=room_id)


async def talk(kit, store, room_id, part):
    """One sitting: messages, a repeated one, a thread, an edit, a deletion, receipts, a task."""
    first = await say(kit, room_id, "sms", ALICE, f"part {part}: is it ready? 日本語 🙂", idempotency_key=f"{part}-1")
    again = await say(kit, room_id, "sms", ALICE, f"part {part}: is it ready? 日本語 🙂", idempotency_key=f"{part}-1")
    second = await say(kit, room_id, "email", BOB, f"part {part}: not yet", external_id=f"mail-{part}")
    root = second.event.id
    await kit.send_event(room_id, "email", TextContent(body="in the thread"), parent_event_id=root)
    edited = EditContent(target_event_id=root, new_content=TextContent(body=f"part {part}: now it is"))
    await say(kit, room_id, "email", BOB, edited)
    third = await say(kit, room_id, "sms", ALICE, f"part {part}: forget this")
    await say(kit, room_id, "sms", ALICE, DeleteContent(target_event_id=third.event.id))
    await kit.mark_read(room_id, "sms", root)
    await store.add_task(Task(id=f"task-{part}", room_id=room_id, title="call back", metadata={"part": part}))
    if await store.get_identity("alice") is None:
        await store.create_identity(Identity(id="alice", channel_addresses={"sms": [ALICE]}))
    return first, again


async def seen(store, room_id):
    """Everything the application can read of a room, in one comparable value."""
    room, bindings, participants = await store.load_room_context(room_id)
    events = await store.list_events(room_id, limit=500)
    roots = [event.id for event in events]
    return {
        "room": room,
        "bindings": sorted(bindings, key=lambda binding: binding.channel_id),
        "participants": sorted(participants, key=lambda participant: participant.id),
        "events": events,
        "conversation": await store.get_conversation(room_id),
        "threads": await store.get_thread_summaries(room_id, roots),
        "count": await store.get_event_count(room_id),
        "unread": {name: await store.get_unread_count(room_id, name) for name in ("sms", "email", "agent")},
        "markers": await store.list_read_markers(room_id),
        "tasks": sorted(await store.list_tasks(room_id), key=lambda task: task.id),
        "alice": await store.resolve_identity("sms", ALICE),
        "register": await store.get_private_state(room_id, "author_register"),
        "delivered": await store.get_delivered_index(room_id),
        "by channel": await store.find_room_ids_by_channel("sms"),
    }
