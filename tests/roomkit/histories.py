"""Random histories of calls for two stores: the same seed gives the same calls.

A call is a function of the store, so that what depends on an earlier answer (a timer's compare-and-set) reads it from
that store. Ids come from small sets, so that calls meet what earlier ones left: taken ids, keys and addresses, missing
rooms, replies and edits."""

import asyncio

from roomkit.models.delivery import DeliveryError, DeliveryOutcome
from roomkit.models.enums import ChannelType, EventType, RoomStatus, TaskStatus
from roomkit.models.event import (
    DeleteContent,
    EditContent,
    TextContent,
)
from roomkit.models.identity import Identity
from roomkit.models.task import Observation, Task
from roomkit.models.verification import Verification, VerificationRequest
from roomkit.models.voice_delivery import VoiceDeliveryRecord
from values import CHANNELS, ORGANIZATIONS, PAST, PEOPLE, Values


class History(Values):
    """An endless supply of (method, call) with `call(store)` a coroutine."""

    def __init__(self, seed):
        super().__init__(seed)
        self.makers = [getattr(self, name) for name in WEIGHTS]

    def __iter__(self):
        return self

    def __next__(self):
        maker = self.random.choices(self.makers, WEIGHTS.values())[0]
        return maker.__name__, maker()

    # ---- rooms

    def create_room(self):
        room = self.room()
        return lambda store: store.create_room(room)

    def get_room(self):
        room_id = self.room_id()
        return lambda store: store.get_room(room_id)

    def update_room(self):
        room = self.room()
        return lambda store: store.update_room(room)

    def update_room_if(self):
        room, stale = self.room(), self.chance(0.3)

        async def call(store):
            held = await store.get_room(room.id) or room
            last = held.timers.last_activity_at
            return await store.update_room_if(
                room, status=held.status, paused_at=PAST if stale else held.paused_at, last_activity_at=last
            )

        return call

    def small_reads_of_rooms(self):
        room_id, channel = self.room_id(), self.one(CHANNELS)

        async def call(store):
            return [
                await store.room_exists(room_id),
                await store.binding_exists(room_id, channel),
                await store.get_delivered_index(room_id),
                await store.get_event_count(room_id),
                await store.get_unread_count(room_id, channel),
                await store.list_read_markers(room_id),
            ]

        return call

    def advance_delivered_index(self):
        room_id, index, force = self.room_id(), self.random.randrange(-1, 6), self.chance(0.3)
        return lambda store: store.advance_delivered_index(room_id, index, force=force)

    def patch_room_metadata(self):
        room_id, patch, unset = self.room_id(), self.document(), self.one([(), ("tier",), ("tier", "n", "")])
        return lambda store: store.patch_room_metadata(room_id, patch, unset=unset)

    def private_state(self):
        room_id, name = self.room_id(), self.one(["tier", "author_register"])
        value = self.maybe(self.document, 0.8)

        async def call(store):
            before = await store.get_private_state(room_id, name)
            await store.set_private_state(room_id, name, value)
            return before, await store.get_private_state(room_id, name)

        return call

    def delete_room(self):
        room_id = self.room_id()
        return lambda store: store.delete_room(room_id)

    def list_rooms(self):
        offset, limit = self.one([0, 1, 5]), self.one([0, 3, 50, -1])
        return lambda store: store.list_rooms(offset, limit)

    def find_rooms(self):
        wanted = [self.one(ORGANIZATIONS), self.one([None, "active", RoomStatus.PAUSED, "odd"])]
        metadata = self.one([None, {}, {"tier": "plain"}, {"nested": {"n": 1}}, {"n": None}])
        return lambda store: store.find_rooms(*wanted, metadata, limit=5)

    def find_latest_room(self):
        person, kind = self.one(PEOPLE), self.one([None, "sms", ChannelType.EMAIL])
        status = self.one([None, "active", RoomStatus.PAUSED])
        return lambda store: store.find_latest_room(person, kind, status)

    def find_room_ids(self):
        channel, person, identity = self.one(CHANNELS), self.one([*PEOPLE, " ", "12"]), self.one([None, *PEOPLE])
        narrowed, limit, group = self.room_filter(), self.one([0, 1, 2, 9]), self.one([None, True, False])
        status = self.one([None, "active", "odd"])

        async def call(store):
            return [
                await store.find_room_ids_by_channel(channel, narrowed, limit, group=group),
                await store.find_room_id_by_binding(channel, person, identity, narrowed),
                await store.find_room_id_by_binding(channel, person, identity, narrowed, recipient_key="to"),
                await store.find_room_id_by_participant(channel, person, identity, narrowed),
                await store.find_room_id_by_channel(channel, status),
            ]

        return call

    # ---- events

    def add_event(self):
        room_id = self.room_id()
        index = self.indexes.get(room_id, 0) + self.random.randrange(3)
        self.indexes[room_id] = index + 1
        event = self.event(room_id, self.one([index, index, index, 0]))
        if self.chance(0.02):  # refused, whichever else would refuse it
            event = event.model_copy(update={"index": 2**31, "idempotency_key": None, "id": f"event-{self.number()}"})
        return lambda store: store.add_event(event)

    def add_event_auto_index(self):
        event = self.event(self.room_id())
        return lambda store: store.add_event_auto_index(event.room_id, event)

    def commit_event(self):
        event, activity = self.event(self.room_id()), self.chance(0.7)
        return lambda store: store.commit_event(event.room_id, event, activity=activity)

    def burst(self):
        """Events of a few rooms: together, on a store whose calls travel together, else one after the other."""
        rooms = [self.room_id() for _ in range(3)]
        events = [self.event(self.one(rooms)) for _ in range(self.one([4, 16]))]
        events = [event.model_copy(update={"id": f"event-{self.number()}"}) for event in events]
        write = self.one(["commit_event", "add_event_auto_index"])

        async def call(store):
            calls = [getattr(store, write)(event.room_id, event) for event in events]
            if getattr(store, "travels_together", False):
                return await asyncio.gather(*calls, return_exceptions=True)
            return [(await asyncio.gather(call, return_exceptions=True))[0] for call in calls]

        return call

    def commit_change(self):
        event, target = self.event(self.room_id()), self.event(self.room_id())
        target_id, content = self.event_id(), self.one(["edit", "delete"])
        changes = {
            "edit": lambda: EditContent(target_event_id=target_id, new_content=TextContent(body=self.word())),
            "delete": lambda: DeleteContent(target_event_id=target_id),
        }
        event = event.model_copy(update={"content": changes[content](), "type": EventType(content)})
        target = target.model_copy(update={"id": target_id, "room_id": event.room_id, "idempotency_key": None})
        return lambda store: store.commit_event(event.room_id, event, target=target)

    def get_event(self):
        event_id = self.event_id()
        return lambda store: store.get_event(event_id)

    def update_event(self):
        event = self.event(self.room_id()).model_copy(update={"id": self.event_id()})
        return lambda store: store.update_event(event)

    def write_change_target(self):
        target = self.event(self.room_id()).model_copy(update={"id": self.event_id(), "idempotency_key": None})
        if self.chance(0.5):
            target.metadata["deleted"] = True
        return lambda store: store.write_change_target(target.room_id, target)

    def record_delivery_results(self):
        room_id, event_id, results = self.room_id(), self.event_id(), self.document()
        return lambda store: store.record_delivery_results(room_id, event_id, results)

    def delete_event(self):
        room_id, event_id, cascade = self.room_id(), self.event_id(), self.chance(0.7)
        return lambda store: store.delete_event(room_id, event_id, cascade_replies=cascade)

    def list_events(self):
        room_id, page = self.room_id(), self.page()
        visibility, narrowed = self.one([None, None, "all"]), self.maybe(self.filter, 0.4)
        return lambda store: store.list_events(room_id, visibility_filter=visibility, event_filter=narrowed, **page)

    def conversation(self):
        room_id = self.room_id()
        return lambda store: store.get_conversation(room_id, limit=10)

    def counted_events(self):
        room_id, narrowed = self.room_id(), self.filter()
        return lambda store: store.get_event_count(room_id, narrowed)

    def thread_summaries(self):
        room_id, roots = self.room_id(), [self.event_id() for _ in range(self.one([0, 5, 30]))]
        return lambda store: store.get_thread_summaries(room_id, roots)

    def idempotency(self):
        room_id, key = self.room_id(), f"k-{self.random.randrange(200)}"
        channel = self.one([None, *CHANNELS])

        async def call(store):
            return [
                await store.check_idempotency(room_id, key, channel_id=channel),
                await store.get_event_by_idempotency_key(room_id, key, channel_id=channel),
            ]

        return call

    # ---- members

    def add_binding(self):
        binding = self.binding()
        return lambda store: store.add_binding(binding)

    def update_binding(self):
        binding = self.binding()
        return lambda store: store.update_binding(binding)

    def get_binding(self):
        room_id, channel = self.room_id(), self.one(CHANNELS)
        return lambda store: store.get_binding(room_id, channel)

    def remove_binding(self):
        room_id, channel = self.room_id(), self.one(CHANNELS)
        return lambda store: store.remove_binding(room_id, channel)

    def add_participant(self):
        participant = self.participant()
        return lambda store: store.add_participant(participant)

    def update_participant(self):
        participant = self.participant()
        return lambda store: store.update_participant(participant)

    def get_participant(self):
        room_id, person = self.room_id(), self.one(PEOPLE)
        return lambda store: store.get_participant(room_id, person)

    def members(self):
        room_id = self.room_id()

        async def call(store):
            room, bindings, participants = await store.load_room_context(room_id)
            listed = await store.list_bindings(room_id), await store.list_participants(room_id)
            return room, *map(unordered, (bindings, participants, *listed))

        return call

    # ---- the rest

    def mark_read(self):
        room_id, channel, event_id = self.room_id(), self.one(CHANNELS), self.event_id()
        return lambda store: store.mark_read(room_id, channel, event_id)

    def mark_all_read(self):
        room_id, channel = self.room_id(), self.one(CHANNELS)
        return lambda store: store.mark_all_read(room_id, channel)

    def identities(self):
        identity = Identity(
            id=self.one(PEOPLE),
            organization_id=self.one(ORGANIZATIONS),
            display_name=self.maybe(self.word),
            email=self.maybe(self.word),
            channel_addresses=self.one([{}, {"sms": ["+1", "+2"]}, {"sms": ["+3"], "email": ["a@b"]}, {"sms": []}]),
            metadata=self.document(),
        )
        kind, address = self.one(["sms", "email"]), self.one(["+1", "+2", "+3", "a@b", "+4"])
        organization, what = self.one(ORGANIZATIONS), self.one(["create", "link", "link", "unlink", "read", "read"])

        async def call(store):
            if what == "create":
                return await store.create_identity(identity)
            if what == "link":
                return await store.link_address(identity.id, kind, address, organization)
            if what == "unlink":
                return await store.unlink_address(identity.id, kind, address, organization)
            return await store.get_identity(identity.id), await store.resolve_identity(kind, address, organization)

        return call

    def verifications(self):
        verification = Verification(
            identity_id=self.one(PEOPLE),
            organization_id=self.one(ORGANIZATIONS),
            status=self.one(["verified", "unverified"]),
            expires_at=self.maybe(self.time),
        )
        request = VerificationRequest(
            id=f"request-{self.random.randrange(9)}",
            identity_id=self.one(PEOPLE),
            room_id=self.room_id(),
            channel_id="channel-0",
            method="code",
            secret_hash="x",
            window_start=self.time(),
            created_at=self.time(),
            expires_at=self.time(),
            max_attempts=self.random.randrange(5),
            status=self.one(["open", "failed"]),
        )
        what = self.one(["put", "create", "update", "read", "read"])

        async def call(store):
            if what == "put":
                return await store.put_verification(verification)
            if what == "create":
                return await store.create_verification_request(request)
            if what == "update":
                return await store.update_verification_request(request)
            return (
                await store.get_verification(verification.identity_id, verification.organization_id),
                await store.get_verification_request(request.id),
                unordered(await store.list_verifications_in_force()),
            )

        return call

    def tasks(self):
        task = Task(
            id=f"task-{self.random.randrange(30)}",
            room_id=self.room_id(),
            title=self.word(),
            description=self.maybe(self.word),
            status=self.one([TaskStatus.PENDING, TaskStatus.COMPLETED]),
            created_at=self.time(),
            metadata=self.document(),
        )
        what, status = self.one(["add", "update", "read", "read"]), self.one([None, "pending", "odd"])

        async def call(store):
            if what == "add":
                return await store.add_task(task)
            if what == "update":
                return await store.update_task(task)
            return await store.get_task(task.id), unordered(await store.list_tasks(task.room_id, status))

        return call

    def observations(self):
        observation = Observation(
            id=f"observation-{self.random.randrange(60)}",
            room_id=self.room_id(),
            channel_id=self.one(CHANNELS),
            content=self.word(),
            category=self.maybe(self.word),
            confidence=self.random.random(),
            created_at=self.time(),
            metadata=self.document(),
        )
        add = self.chance(0.4)

        async def call(store):
            if add:
                return await store.add_observation(observation)
            return unordered(await store.list_observations(observation.room_id))

        return call

    def voice(self):
        record = VoiceDeliveryRecord(
            room_id=self.room_id(),
            channel_id=self.one(CHANNELS[:2]),
            session_id="s",
            idempotency_key=f"v-{self.random.randrange(3)}",
            content_hash=self.one(["h1", "h2"]),
            attempt_id=f"attempt-{self.random.randrange(20)}",
            created_at=self.time(),
        )
        error = DeliveryError(code="odd", message=self.word(), retryable=self.chance(0.7))
        outcome = self.one(
            [DeliveryOutcome(status="sent", session_ids=["s"]), DeliveryOutcome(status="failed", error=error)]
        )
        what = self.one(["claim", "claim", "complete", "complete", "again", "read"])

        async def call(store):
            if what == "claim":
                return await store.claim_voice_delivery(record)
            if what == "complete":
                held = await store.get_voice_delivery(record.room_id, record.key_hash) or record
                return await store.complete_voice_delivery(held.model_copy(update={"outcome": outcome}))
            if what == "again":
                return await store.complete_voice_delivery(record.model_copy(update={"outcome": outcome}))
            return await store.get_voice_delivery(record.room_id, record.key_hash)

        return call


WEIGHTS = {
    "create_room": 4, "get_room": 3, "update_room": 3, "update_room_if": 3, "small_reads_of_rooms": 4,
    "advance_delivered_index": 3, "patch_room_metadata": 3, "private_state": 2, "delete_room": 0.5, "list_rooms": 1,
    "find_rooms": 2, "find_latest_room": 2, "find_room_ids": 3,
    "add_event": 6, "add_event_auto_index": 8, "commit_event": 10, "commit_change": 6, "burst": 2, "get_event": 4, "update_event": 4,
    "write_change_target": 3, "record_delivery_results": 2, "delete_event": 2, "list_events": 8, "conversation": 1,
    "counted_events": 2, "thread_summaries": 2, "idempotency": 3,
    "add_binding": 4, "update_binding": 2, "get_binding": 1, "remove_binding": 1, "add_participant": 4,
    "update_participant": 2, "get_participant": 1, "members": 3, "mark_read": 3, "mark_all_read": 1,
    "identities": 4, "verifications": 3, "tasks": 3, "observations": 2, "voice": 4,
}  # fmt: skip


def unordered(models):
    """The models in an order of their own: the peer gives them as they lie in the table."""
    return sorted(models, key=lambda model: model.model_dump_json())
