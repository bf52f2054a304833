"""statekeep.roomkit.PostgresStore: what is promised beyond RoomKit's own tests, which tests/roomkit runs."""

import asyncio
import inspect
import pathlib
import re
import sys
import uuid
from datetime import UTC, datetime, timedelta

import pytest

if sys.version_info < (3, 12):
    pytest.skip("RoomKit needs Python 3.12", allow_module_level=True)

import asyncpg
from roomkit.core.exceptions import AddressLinkedError, IdempotencyKeyTakenError, RoomNotFoundError
from roomkit.models.channel import ChannelBinding
from roomkit.models.enums import ChannelType, RoomStatus
from roomkit.models.event import EventSource, RoomEvent, SystemContent, TextContent
from roomkit.models.identity import Identity
from roomkit.models.participant import Participant
from roomkit.models.room import Room
from roomkit.store.base import ConversationStore
from roomkit.store.postgres import PostgresStore as TheirStore
from roomkit.telemetry.base import SpanKind
from roomkit.telemetry.mock import MockTelemetryProvider

import statekeep
from statekeep.roomkit import PostgresStore


@pytest.fixture
def room_id():
    return f"room-{uuid.uuid4()}"


@pytest.fixture
def on_store(dsn, run):
    """Runs a scenario with an open store."""

    def runner(scenario, **options):
        async def main():
            async with PostgresStore(dsn) as store:
                return await scenario(store)

        return run(main())

    return runner


def event(room_id, body="hello", **more):
    source = EventSource(channel_id="sms", channel_type=ChannelType.SMS)
    return RoomEvent(room_id=room_id, source=source, content=TextContent(body=body), **more)


def test_the_example_of_the_guide_runs(dsn):
    guide = pathlib.Path(__file__).parent.parent / "README.md"
    (example,) = re.findall(r"```py\n(.+?)```", guide.read_text(), re.DOTALL)
    assert '"embedded:"' in example
    # Ids are this run's own: the tests share a database.
    exec(example.replace('"embedded:"', repr(dsn)).replace("support-1", f"support-{uuid.uuid4()}"), {})


PUBLIC = [name for name, _ in inspect.getmembers(TheirStore, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_method_of_theirs_has_its_signature(name):
    theirs, ours = (inspect.signature(getattr(cls, name)).parameters for cls in (TheirStore, PostgresStore))
    shape = {n: (p.kind, p.default) for n, p in ours.items() if n in theirs}
    assert shape == {n: (p.kind, p.default) for n, p in theirs.items()}
    further = [p for n, p in ours.items() if n not in theirs]
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in further)
    own = [cls for cls in PostgresStore.__mro__ if cls.__module__.startswith("statekeep")]
    kept = {"get_conversation", "get_timeline"}  # defaults that their store keeps as well
    assert name in kept or any(name in vars(cls) for cls in own)


def test_it_is_a_conversation_store_for_many_processes():
    assert issubclass(PostgresStore, ConversationStore)
    assert PostgresStore.is_process_local is False


class TestOpening:
    def test_before_init_and_after_close_it_says_so(self, dsn, room_id):
        async def main():
            store = PostgresStore(dsn)
            assert store._pool is None
            with pytest.raises(RuntimeError, match="PostgresStore.init\\(\\) must be called before use"):
                await store.get_room(room_id)
            await store.init()
            assert await store.get_room(room_id) is None
            await store.init()  # sets the tables up again and stays open
            await store.close()
            await store.close()
            with pytest.raises(RuntimeError, match="init"):
                await store.get_room(room_id)
            with pytest.raises(RuntimeError, match="init"):
                async with store.connection():
                    pass
            await store.init()
            assert await store.get_room(room_id) is None
            await store.close()

        asyncio.run(main())

    @pytest.mark.parametrize("sizes", [(2, 0), (-1, 2), (3, 2)])
    def test_sizes_are_refused_as_by_asyncpg(self, dsn, sizes):
        with pytest.raises(ValueError, match="m(ax|in)_size is"):
            asyncio.run(PostgresStore(dsn).init(*sizes))

    def test_pool_figures(self, dsn, room_id):
        async def main():
            store = PostgresStore(dsn)
            await store.init(min_size=1, max_size=3)
            await asyncio.gather(*(store.get_room(room_id) for _ in range(100)))
            pool = store._pool
            figures = pool.get_size(), pool.get_idle_size(), pool.get_min_size(), pool.get_max_size()
            await store.close()
            return figures

        size, idle, least, most = asyncio.run(main())
        assert 1 <= idle <= size <= 3
        assert (least, most) == (1, 3)

    def test_a_server_that_is_not_there_is_told(self):
        with pytest.raises(OSError) as told:
            asyncio.run(asyncio.wait_for(PostgresStore("postgresql://127.0.0.1:1/none").init(), 60))
        assert not isinstance(told.value, TimeoutError)

    def test_close_waits_for_calls_under_way(self, dsn, room_id):
        async def main():
            store = PostgresStore(dsn)
            await store.init()
            await store.create_room(Room(id=room_id))
            calls = [asyncio.ensure_future(store.add_event_auto_index(room_id, event(room_id))) for _ in range(50)]
            await asyncio.sleep(0)
            await store.close()
            return await asyncio.gather(*calls)

        assert [written.index for written in asyncio.run(main())] == list(range(50))


class TestConnection:
    """The promises of RoomKit's TestConnectionTenure that do not count a pool's checkouts."""

    def test_calls_inside_are_plain_calls_and_blocks_nest(self, on_store, room_id):
        async def scenario(store):
            async with store.connection() as nothing:
                async with store.connection():
                    await store.create_room(Room(id=room_id))
                assert nothing is None
                return (await ConversationStore.load_room_context(store, room_id))[0].id

        assert on_store(scenario) == room_id

    def test_gather_inside_a_block(self, on_store, room_id):
        async def scenario(store):
            async with store.connection():
                return await asyncio.gather(*(store.room_exists(room_id) for _ in range(20)))

        assert on_store(scenario) == [False] * 20

    def test_another_store_inside_a_block_keeps_its_own(self, dsn, on_store, room_id):
        async def scenario(store):
            async with PostgresStore(dsn) as other, store.connection():
                await store.create_room(Room(id=room_id))
                return await other.room_exists(room_id)

        assert on_store(scenario) is True


class TestErrors:
    def test_the_drivers_classes_with_sqlstate_and_constraint(self, on_store, room_id):
        async def scenario(store):
            with pytest.raises(asyncpg.ForeignKeyViolationError) as missing:
                await store.add_binding(ChannelBinding(room_id=room_id, channel_id="a", channel_type=ChannelType.SMS))
            assert missing.value.sqlstate == "23503"
            assert missing.value.constraint_name == "bindings_room_id_fkey"
            assert missing.value.table_name == "bindings"
            await store.create_room(Room(id=room_id))
            first = await store.commit_event(room_id, event(room_id))
            with pytest.raises(asyncpg.UniqueViolationError) as taken:
                await store.commit_event(room_id, first)
            assert taken.value.constraint_name == "events_pkey"
            assert first.id in taken.value.detail

        on_store(scenario)

    def test_a_taken_key_is_roomkits_error_caused_by_the_drivers(self, on_store, room_id):
        async def scenario(store):
            await store.create_room(Room(id=room_id))
            await store.commit_event(room_id, event(room_id, idempotency_key="k"))
            for write in (
                lambda e: store.commit_event(room_id, e),
                lambda e: store.add_event_auto_index(room_id, e),
                lambda e: store.add_event(e.model_copy(update={"index": 9})),
            ):
                with pytest.raises(IdempotencyKeyTakenError) as taken:
                    await write(event(room_id, idempotency_key="k"))
                assert isinstance(taken.value.__cause__, asyncpg.UniqueViolationError)
                assert taken.value.__cause__.constraint_name == "idx_events_idempotency_channel"
            return (await store.commit_event(room_id, event(room_id))).index

        assert on_store(scenario) == 1

    def test_a_bad_event_fails_alone(self, on_store, room_id):
        async def scenario(store):
            await store.create_room(Room(id=room_id))
            taken = await store.commit_event(room_id, event(room_id))
            events = [event(room_id), taken, event(room_id), event(f"{room_id}-missing"), event(room_id)]
            return await asyncio.gather(*(store.commit_event(e.room_id, e) for e in events), return_exceptions=True)

        outcomes = on_store(scenario)
        assert [e.index for e in outcomes if isinstance(e, RoomEvent)] == [1, 2, 3]
        assert isinstance(outcomes[1], asyncpg.UniqueViolationError)
        assert isinstance(outcomes[3], asyncpg.ForeignKeyViolationError)

    @pytest.mark.parametrize("metadata", [{"n": float("nan")}, {"n": [float("-inf")]}, {"s": "\ud800"}])
    def test_what_jsonb_refuses_is_refused(self, on_store, room_id, metadata):
        async def scenario(store):
            with pytest.raises(asyncpg.InvalidTextRepresentationError):
                await store.create_room(Room(id=room_id, metadata=metadata))
            return await store.room_exists(room_id)

        assert on_store(scenario) is False

    def test_nan_inside_content_is_refused_not_made_null(self, on_store, room_id):
        async def scenario(store):
            await store.create_room(Room(id=room_id))
            content = SystemContent(body="x", data={"deep": [{"n": float("nan")}]})
            with pytest.raises(asyncpg.InvalidTextRepresentationError):
                await store.commit_event(room_id, event(room_id).model_copy(update={"content": content}))

        on_store(scenario)

    def test_what_is_no_json_is_a_data_error(self, on_store, room_id):
        async def scenario(store):
            with pytest.raises(asyncpg.DataError):
                await store.create_room(Room(id=room_id, metadata={"o": object()}))

        on_store(scenario)

    def test_both_cursors(self, on_store, room_id):
        async def scenario(store):
            with pytest.raises(ValueError, match="mutually exclusive"):
                await store.list_events(room_id, after_index=1, before_index=2)

        on_store(scenario)


class TestWhatTheirsLoses:
    def test_identities_keep_every_field(self, on_store):
        identity = Identity(
            id=f"identity-{uuid.uuid4()}", phone="+1555", external_id="crm-1", external_ids={"crm": "1"}, email="a@b"
        )

        async def scenario(store):
            await store.create_identity(identity)
            return await store.get_identity(identity.id)

        assert on_store(scenario) == identity

    def test_an_address_taken_while_the_identity_is_created_is_the_same_error(self, dsn, on_store):
        address = f"+{uuid.uuid4().int}"
        identity = Identity(id=f"identity-{uuid.uuid4()}", channel_addresses={"sms": [address]})

        async def scenario(store):
            async with statekeep.connect(dsn) as engine:
                async with engine.transaction() as other:
                    await other.query("insert into identities (id) values ($1)", [address])
                    await other.query(
                        "insert into identity_addresses (channel_type, address, identity_id) values ('sms', $1, $1)",
                        [address],
                    )
                    pid = (await other.query("select pg_backend_pid()"))[0][0]
                    creating = asyncio.create_task(store.create_identity(identity))
                    waiting = "select exists (select from pg_stat_activity where $1 = any (pg_blocking_pids(pid)))"
                    async with asyncio.timeout(30):
                        while not (await engine.query(waiting, [pid]))[0][0]:
                            await asyncio.sleep(0.01)
                with pytest.raises(AddressLinkedError, match="sms"):
                    await creating
            assert await store.get_identity(identity.id) is None

        on_store(scenario)

    def test_participants_keep_their_candidates(self, on_store, room_id):
        participant = Participant(room_id=room_id, id="p", channel_id="sms", candidates=["a", "b"])

        async def scenario(store):
            await store.create_room(Room(id=room_id))
            await store.add_participant(participant)
            return await store.get_participant(room_id, "p"), (await store.load_room_context(room_id))[2]

        assert on_store(scenario) == (participant, [participant])

    def test_lists_have_an_order(self, on_store, room_id):
        begun = datetime.now(UTC)
        bindings = [
            ChannelBinding(
                room_id=room_id,
                channel_id=f"channel-{n}",
                channel_type=ChannelType.SMS,
                attached_at=begun + timedelta(seconds=n),
            )
            for n in (3, 1, 2, 0)
        ]

        async def scenario(store):
            await store.create_room(Room(id=room_id))
            for binding in bindings:
                await store.add_binding(binding)
            return await store.list_bindings(room_id), (await store.load_room_context(room_id))[1]

        ordered = sorted(bindings, key=lambda binding: binding.attached_at)
        assert on_store(scenario) == (ordered, ordered)

    def test_datetimes_and_sets_in_metadata_are_taken(self, on_store, room_id):
        moment = datetime(2025, 5, 4, 3, 2, 1, tzinfo=UTC)

        async def scenario(store):
            await store.create_room(Room(id=room_id, metadata={"at": moment, "tags": {"a"}}))
            await store.patch_room_metadata(room_id, {"again": moment})
            return (await store.get_room(room_id)).metadata

        said = "2025-05-04T03:02:01Z"
        assert on_store(scenario) == {"at": said, "tags": ["a"], "again": said}

    def test_numbers_and_deep_nesting_survive(self, on_store, room_id):
        nested = "leaf"
        for _ in range(400):  # deeper than pydantic's own JSON parser goes
            nested = [nested]
        metadata = {"big": 9007199254740993, "huge": 10**40, "nested": nested}

        async def scenario(store):
            await store.create_room(Room(id=room_id, metadata=metadata))
            await store.commit_event(room_id, event(room_id, metadata=metadata))
            return (
                (await store.get_room(room_id)).metadata,
                (await store.list_events(room_id))[0].metadata,
                (await store.load_room_context(room_id))[0].metadata,
            )

        assert on_store(scenario) == (metadata,) * 3


class TestSpans:
    def test_a_call_is_a_span(self, on_store, room_id):
        async def scenario(store):
            store._telemetry = provider = MockTelemetryProvider()
            await store.create_room(Room(id=room_id))
            await store.get_unread_count(room_id, "sms")
            with pytest.raises(RoomNotFoundError):
                await store.update_room(Room(id=f"{room_id}-missing"))
            return provider.get_spans(SpanKind.STORE_QUERY)

        spans = on_store(scenario)
        assert [(span.name, span.status) for span in spans] == [
            ("store.create_room", "ok"),
            ("store.get_unread_count", "ok"),
            ("store.update_room", "error"),
        ]
        assert spans[0].attributes == {"store.operation": "create_room", "store.table": "rooms"}

    def test_a_cancelled_calls_span_ends(self, on_store, room_id):
        async def scenario(store):
            store._telemetry = provider = MockTelemetryProvider()
            call = asyncio.ensure_future(store.get_room(room_id))
            await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            return provider.get_spans(SpanKind.STORE_QUERY)

        (span,) = on_store(scenario)
        assert span.end_time is not None
        assert span.status == "error"


def test_updating_only_if_nothing_moved(on_store, room_id):
    async def scenario(store):
        room = await store.create_room(Room(id=room_id))
        unmoved = {"status": RoomStatus.ACTIVE, "paused_at": None, "last_activity_at": None}
        paused = room.model_copy(update={"status": RoomStatus.PAUSED, "paused_at": datetime.now(UTC)})
        first = await store.update_room_if(paused, **unmoved)
        return first, await store.update_room_if(paused, **unmoved), await store.get_room(room_id)

    first, second, stored = on_store(scenario)
    assert first == stored
    assert second is None


def test_other_languages_see_the_same_rooms(dsn, on_store, room_id):
    async def scenario(store):
        await store.create_room(Room(id=room_id, organization_id="acme"))
        return await store.commit_event(room_id, event(room_id))

    written = on_store(scenario)
    with statekeep.open(dsn) as store:
        assert store.room.get(room_id)["organization_id"] == "acme"
        (stored,) = store.room.list_events(room_id)
    assert RoomEvent.model_validate(stored) == written
