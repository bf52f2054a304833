"""Tables of RoomKit 0.4-0.6 become today's without losing a row: what `init()` and `migrate()` say and do."""

import asyncio

import asyncpg
import pytest
from roomkit.models.enums import EventStatus
from roomkit.store.postgres import PostgresSchemaError
from roomkit.store.postgres import PostgresStore as TheirStore
from statekeep.roomkit import PostgresStore
from values import PEOPLE, Values

CASCADE = "text not null references rooms (id) on delete cascade"
V1 = f"""
create table rooms (id text primary key, organization_id text, status text not null default 'active',
    created_at timestamptz not null default now(), data jsonb not null);
create table events (id text primary key, room_id {CASCADE}, idempotency_key text,
    visibility text not null default 'all', created_at timestamptz not null default now(), data jsonb not null);
create table bindings (channel_id text not null, room_id {CASCADE}, channel_type text not null, participant_id text,
    data jsonb not null, primary key (room_id, channel_id));
create table participants (id text not null, room_id {CASCADE}, data jsonb not null, primary key (room_id, id));
create table identities (id text primary key, data jsonb not null);
create table identity_addresses (channel_type text, address text, identity_id text not null
    references identities (id) on delete cascade, primary key (channel_type, address));
create table tasks (id text primary key, room_id {CASCADE}, status text not null default 'pending', data jsonb not null);
create table observations (id text primary key, room_id {CASCADE}, data jsonb not null);
create table read_markers (room_id {CASCADE}, channel_id text not null, event_id text not null,
    primary key (room_id, channel_id));
create table schema_version (version integer not null, applied_at timestamptz not null default now());
insert into schema_version values (1);
"""
EVENTS = 30


class PlainValues(Values):
    """Without the float that jsonb gives back as an integer of 300 digits."""

    def value(self, depth=0):
        value = super().value(depth)
        return 1.5 if value == 1.5e300 else value


async def fill(connection):
    """A v1 database of two rooms; its rooms and events as models."""
    await connection.execute(V1)
    values = PlainValues(seed=3)
    rooms, events = [], []
    for number in range(2):
        room = values.room().model_copy(
            update={"id": f"room-{number}", "event_count": EVENTS, "latest_index": EVENTS - 1}
        )
        rooms.append(room)
        await connection.execute("insert into rooms (id, data) values ($1, $2)", room.id, room.model_dump_json())
        for index in range(EVENTS):
            event = v1_event(values, room.id, index)
            events.append(event)
            await connection.execute(
                "insert into events (id, room_id, data) values ($1, $2, $3)", event.id, room.id, event.model_dump_json()
            )
        await connection.execute(
            "insert into read_markers values ($1, 'channel-0', $2)", room.id, f"{room.id}-{EVENTS - 5}"
        )
    participant = values.participant().model_copy(update={"room_id": "room-0", "candidates": PEOPLE[:2]})
    await connection.execute(
        "insert into participants values ($1, 'room-0', $2)", participant.id, participant.model_dump_json()
    )
    return rooms, events, participant


def v1_event(values, room_id, index):
    event = values.event(room_id, index)
    # Neither layout of theirs tells an empty id of a provider from none.
    source = {name: getattr(event.source, name) or None for name in ("external_id", "provider_message_id")}
    return event.model_copy(
        update={
            "id": f"{room_id}-{index}",
            "idempotency_key": None,
            "status": EventStatus.DELIVERED,
            "source": event.source.model_copy(update=source),
        }
    )


@pytest.fixture
def url(server, database):
    return server.url(database)


def test_a_v1_database_is_converted_on_request_only(url):
    async def run():
        connection = await asyncpg.connect(url)
        rooms, events, participant = await fill(connection)
        store = PostgresStore(url)
        with pytest.raises(PostgresSchemaError, match="migrate"):
            await store.init()
        dry = await store.migrate()
        with pytest.raises(PostgresSchemaError, match="confirm"):
            await store.migrate(dry_run=False)
        assert (dry["detected_version"], dry["action"], dry["dropped_tables"]) == (1, "dry_run", [])
        assert dry["report"]["rows"]["events"] == len(events)
        steps = []
        done = await store.migrate(dry_run=False, confirm=True, progress=lambda *step: steps.append(step))
        assert (done["detected_version"], done["action"]) == (1, "migrated")
        assert steps[-1][0] == "done"
        assert steps[-1][1] == steps[-1][2] > len(events)
        assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)
        assert await store.migrate() == {"detected_version": 2, "action": "noop", "dropped_tables": []}
        assert await store.get_participant("room-0", participant.id) == participant
        await compare(store, rooms, events)
        await store.drop_v1_tables()
        assert await connection.fetchval("select count(*) from pg_class where relname like '%\\_v1'") == 0
        await store.close()
        await connection.close()
        async with TheirStore(url) as theirs:
            await compare(theirs, rooms, events)

    asyncio.run(run())


def test_progress_is_a_bar_on_standard_error(url, capsys):
    async def run():
        connection = await asyncpg.connect(url)
        _, events, _ = await fill(connection)
        await connection.close()
        store = PostgresStore(url)
        with pytest.raises(PostgresSchemaError):
            await store.init()
        await store.migrate(dry_run=False, confirm=True, progress=True)
        await store.close()
        return len(events)

    events = asyncio.run(run())
    told = capsys.readouterr().err
    steps = [line for line in told.split("\r") if line]
    assert told.endswith("\n")
    assert steps[-1].startswith("done")
    assert f"[{'#' * 30}]" in steps[-1]
    assert len(steps) > 1
    done, total = steps[-1].split()[-1].split("/")
    assert done == total
    assert int(total.replace(",", "")) > events


async def compare(store, rooms, events):
    for room in rooms:
        stored = await store.get_room(room.id)
        kept = {
            "organization_id",
            "status",
            "created_at",
            "updated_at",
            "metadata",
            "timers",
            "event_count",
            "latest_index",
        }
        assert stored.model_dump(include=kept) == room.model_dump(include=kept)
        listed = await store.list_events(room.id, limit=None)
        for stored, event in zip(listed, (event for event in events if event.room_id == room.id), strict=True):
            assert stored.model_dump() == event.model_dump()
        assert await store.get_unread_count(room.id, "channel-0") == 4
