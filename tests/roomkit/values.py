"""Random values of RoomKit's models, by seed. Ids come from small sets, so that calls meet what earlier ones left."""

import random
from datetime import UTC, datetime, timedelta

from roomkit.models.channel import ChannelBinding, ChannelCapabilities, RateLimit, RetryPolicy
from roomkit.models.enums import ChannelType, EventStatus, EventType, ParticipantRole, RoomStatus
from roomkit.models.event import (
    ChannelData,
    CompositeContent,
    DeleteContent,
    EditContent,
    EventSource,
    LocationContent,
    MediaContent,
    RichContent,
    RoomEvent,
    SystemContent,
    TemplateContent,
    TextContent,
    ToolCallContent,
)
from roomkit.models.participant import Participant
from roomkit.models.room import Room, RoomTimers
from roomkit.models.store_filter import EventFilter, RoomFilter

PAST = datetime(2025, 1, 1, tzinfo=UTC)  # every time a history names is before its run
WORDS = ["", "plain", "naïve – “quotes” ’", "日本語", "🙂🙃", 'a\tb\nc\\d"e', "%s $1 {x}", "0", "null", " "]
CHANNELS = [f"channel-{n}" for n in range(4)]
PEOPLE = [f"person-{n}" for n in range(6)]
ORGANIZATIONS = [None, "acme", "globex"]
KINDS = [ChannelType.SMS, ChannelType.EMAIL, ChannelType.AI]


class Values:
    """Values from one seed: the same seed gives the same ones."""

    def __init__(self, seed, rooms=12):
        self.random = random.Random(seed)
        self.rooms = [f"room-{n}" for n in range(rooms)]
        self.numbers = 0
        self.indexes = {}  # the next index of a room, as the history thinks it

    def chance(self, share):
        return self.random.random() < share

    def one(self, values):
        return self.random.choice(values)

    def maybe(self, make, share=0.5):
        return make() if self.chance(share) else None

    def number(self):
        self.numbers += 1
        return self.numbers

    def room_id(self):
        return self.one(self.rooms)

    def word(self):
        return self.one(WORDS)

    def time(self):
        return PAST + timedelta(microseconds=self.random.randrange(200 * 86_400 * 10**6))

    def value(self, depth=0):
        makers = [
            lambda: None,
            lambda: True,
            lambda: self.random.randrange(-(10**6), 10**6),
            lambda: self.one([0.1, -2.5, 1e-7, 1.5e300, 9007199254740993, 10**30]),
            self.word,
            lambda: self.word() * self.random.randrange(1, 40),
        ]
        if depth < 3:
            makers += [
                lambda: self.document(depth + 1),
                lambda: [self.value(depth + 1) for _ in range(self.one([0, 1, 3]))],
            ]
        return self.one(makers)()

    def document(self, depth=0):
        names = ["tier", "n", "naïve", "", "nested", "deleted", "to"]
        return {self.one(names): self.value(depth) for _ in range(self.one([0, 0, 1, 2, 4]))}

    def event_id(self):
        return f"event-{self.random.randrange(max(1, self.numbers))}"

    def content(self, depth=0):
        makers = [
            lambda: TextContent(body=self.word(), language=self.maybe(self.word)),
            lambda: TextContent(body=self.word()),
            lambda: RichContent(body=self.word(), buttons=[self.document()], quick_replies=[self.word()]),
            lambda: MediaContent(
                url="https://example.org/a.png", mime_type="image/png", size_bytes=self.maybe(self.number)
            ),
            lambda: LocationContent(latitude=self.random.uniform(-90, 90), longitude=7.0, label=self.word()),
            lambda: SystemContent(body=self.word(), data=self.document()),
            lambda: TemplateContent(template_id="t", parameters={"a": self.word()}),
            lambda: ToolCallContent(tool_name="search", tool_id="1", arguments=self.document(), result=self.value()),
            lambda: EditContent(target_event_id=self.event_id(), new_content=TextContent(body=self.word())),
            lambda: DeleteContent(target_event_id=self.event_id(), reason=self.maybe(self.word)),
        ]
        if depth < 2:
            makers.append(lambda: CompositeContent(parts=[self.content(depth + 1) for _ in range(self.one([1, 2]))]))
        return self.one(makers)()

    def event(self, room_id, index=0):
        content = self.content()
        types = {"edit": EventType.EDIT, "delete": EventType.DELETE}
        return RoomEvent(
            id=f"event-{self.number()}" if self.chance(0.95) else self.event_id(),
            room_id=room_id,
            type=types.get(content.type, self.one([EventType.MESSAGE, EventType.MESSAGE, EventType.SYSTEM])),
            source=EventSource(
                channel_id=self.one(CHANNELS),
                channel_type=self.one(KINDS),
                participant_id=self.maybe(lambda: self.one(PEOPLE)),
                provider=self.maybe(self.word),
                external_id=self.maybe(self.word, 0.2),
                provider_message_id=self.maybe(self.word, 0.2),
                raw_payload=self.document(),
                verification=self.maybe(lambda: "verified", 0.2),
            ),
            content=content,
            status=self.one([EventStatus.PENDING, EventStatus.DELIVERED, EventStatus.DELIVERED, EventStatus.BLOCKED]),
            blocked_by=self.maybe(self.word, 0.2),
            visibility=self.one(["all", "all", "agents", "none"]),
            addressed_to=self.one([None, [], ["a"], ["a", 'naïve "b"', "a,b", ""]]),
            response_visibility=self.maybe(self.word, 0.2),
            index=index,
            chain_depth=self.random.randrange(3),
            parent_event_id=self.maybe(self.event_id, 0.3),
            responds_to=self.maybe(self.event_id, 0.2),
            correlation_id=self.maybe(lambda: f"c-{self.random.randrange(5)}", 0.3),
            idempotency_key=self.maybe(lambda: f"k-{self.random.randrange(200)}", 0.3),
            created_at=self.time(),
            metadata=self.document(),
            channel_data=ChannelData(provider=self.maybe(self.word), extra=self.document()),
            delivery_results=self.document() if self.chance(0.1) else {},
        )

    def room(self):
        paused = self.chance(0.3)
        return Room(
            id=self.room_id(),
            organization_id=self.one(ORGANIZATIONS),
            status=RoomStatus.PAUSED if paused else self.one([RoomStatus.ACTIVE, RoomStatus.CLOSED]),
            created_at=self.time(),
            updated_at=self.time(),
            paused_at=self.time() if paused else None,
            closed_at=self.maybe(self.time, 0.2),
            timers=RoomTimers(inactive_after_seconds=self.maybe(self.number), last_activity_at=self.maybe(self.time)),
            metadata=self.document(),
        )

    def filter(self):
        after = self.maybe(self.time, 0.2)
        replies = self.maybe(self.event_id, 0.1)
        return EventFilter(
            event_types=self.one([None, None, [], [EventType.MESSAGE, EventType.EDIT]]),
            exclude_types=self.one([None, None, [], [EventType.SYSTEM]]),
            visibility=self.one([None, None, "all", "agents"]),
            source_channel_id=self.maybe(lambda: self.one(CHANNELS), 0.2),
            source_channel_type=self.maybe(lambda: self.one(KINDS), 0.1),
            correlation_id=self.maybe(lambda: "c-1", 0.1),
            participant_id=self.maybe(lambda: self.one(PEOPLE), 0.1),
            responds_to=self.maybe(self.event_id, 0.05),
            parent_event_id=replies,
            top_level_only=replies is None and self.chance(0.2),
            after_time=after,
            before_time=None if after is None else after + timedelta(days=60),
            include_blocked=self.chance(0.5),
        )

    def room_filter(self):
        statuses = self.one([None, [], [RoomStatus.ACTIVE, RoomStatus.PAUSED]])
        return self.one([None, RoomFilter(statuses=statuses, organization_id=self.one(ORGANIZATIONS))])

    def page(self):
        cursor = self.one(
            [{}, {}, {"after_index": self.random.randrange(-1, 30)}, {"before_index": self.random.randrange(30)}]
        )
        return {
            "offset": self.one([0, 0, 2, 50]),
            "limit": self.one([0, 1, 5, 50, None]),
            "newest_first": self.chance(0.4),
            **cursor,
        }

    def binding(self):
        return ChannelBinding(
            channel_id=self.one(CHANNELS),
            room_id=self.room_id(),
            channel_type=self.one(KINDS),
            muted=self.chance(0.2),
            visibility=self.one(["all", "agents"]),
            participant_id=self.maybe(lambda: self.one(PEOPLE)),
            group=self.chance(0.3),
            last_read_index=self.maybe(self.number, 0.2),
            attached_at=self.time(),
            capabilities=ChannelCapabilities(max_length=self.maybe(self.number), custom=self.document()),
            rate_limit=self.maybe(lambda: RateLimit(max_per_second=0.5), 0.3),
            retry_policy=self.maybe(RetryPolicy, 0.3),
            metadata=self.one([self.document(), {"to": self.one(PEOPLE)}, {"to": 12}, {"to": 12.0}]),
        )

    def participant(self):
        return Participant(
            id=self.one(PEOPLE),
            room_id=self.room_id(),
            channel_id=self.one(CHANNELS),
            display_name=self.maybe(self.word),
            role=self.one([ParticipantRole.MEMBER, ParticipantRole.OWNER]),
            identity_id=self.maybe(lambda: self.one(PEOPLE)),
            connected_via=self.one([[], CHANNELS[:2], [CHANNELS[3]]]),
            external_id=self.maybe(self.word),
            resolved_at=self.maybe(self.time),
            resolved_by=self.maybe(self.word),
            joined_at=self.time(),
            metadata=self.document(),
        )
