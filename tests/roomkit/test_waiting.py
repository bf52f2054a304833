"""How long calls wait: for a connection, and for each other in one room, beside RoomKit's own writers."""

import asyncio
import json
import time

import asyncpg
import pytest
from roomkit.models.enums import ChannelType
from roomkit.models.event import DeleteContent, EditContent, EventSource, RoomEvent, TextContent
from roomkit.models.room import Room
from roomkit.store.postgres import PostgresStore as TheirStore
from statekeep.roomkit import PostgresStore

ROOM = "room"


def event(content=None, **more):
    source = EventSource(channel_id="sms", channel_type=ChannelType.SMS)
    return RoomEvent(room_id=ROOM, source=source, content=content or TextContent(body="hello"), **more)


async def with_codec(connection):
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def with_codec_in_any_time(connection):
    await connection.execute("set statement_timeout = 0")
    await with_codec(connection)
    await connection.execute("reset statement_timeout")


def test_a_call_that_no_connection_is_free_for_ends_as_timeout_error(server, database, proxy):
    async def run():
        store = PostgresStore(proxy.url(database))
        store._acquire_timeout = 1
        await store.init(min_size=1, max_size=1)
        await store.create_room(Room(id=ROOM))
        proxy.stall()
        sent = asyncio.ensure_future(store.get_room(ROOM))
        while not store._pool.get_size() - store._pool.get_idle_size():
            await asyncio.sleep(0)
        begun = time.monotonic()
        with pytest.raises(TimeoutError) as late:
            await store.list_rooms()
        seconds = time.monotonic() - begun
        assert not sent.done()  # what was sent is waited for, as theirs does
        proxy.resume()
        assert (await sent).id == ROOM
        await store.close()
        return seconds, str(late.value)

    seconds, message = asyncio.run(asyncio.wait_for(run(), 150))
    assert 0.95 < seconds < 5  # which it is when nobody sets it
    assert message == ""


@pytest.mark.parametrize("make", [PostgresStore, TheirStore], ids=["ours", "theirs"])
def test_a_statement_timeout_ends_a_call_that_takes_longer(server, database, make):
    """Of the role, the database or the pool: the call is not made again and again."""

    async def run():
        url = server.url(database)
        async with make(url) as store:
            await store.create_room(Room(id=ROOM))
        holder = await asyncpg.connect(url)
        pool = asyncpg.create_pool(
            url, min_size=1, init=with_codec_in_any_time, server_settings={"statement_timeout": "150"}
        )
        async with pool, holder.transaction():
            store = make(pool=pool)
            await holder.execute("select from rooms for update")
            with pytest.raises(asyncpg.QueryCanceledError):
                await store.commit_event(ROOM, event())
            await store.close()
        await holder.close()

    asyncio.run(asyncio.wait_for(run(), 150))


def patient(store):
    """The store, with calls that wait for a connection as long as it takes."""
    store._acquire_timeout = 120
    return store


@pytest.mark.parametrize("theirs", ["commit_event", "add_event_auto_index"])
def test_both_ways_to_append_go_on_in_one_room_beside_theirs(server, database, theirs):
    """On their store alone the two deadlock."""
    url = server.url(database)
    seconds = 3

    async def run():
        async with patient(PostgresStore(url)) as ours, patient(TheirStore(url)) as peer:
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

    counts = asyncio.run(asyncio.wait_for(run(), seconds + 150))
    assert min(counts.values()) > 0
    indexes = server.query("select index from events order by index", database=database)
    assert [index for [index] in indexes] == list(range(sum(counts.values())))


async def append(connection, event):
    """Appends as RoomKit does, in the transaction of a connection."""
    index = await connection.fetchval(
        "update event_sequences set next_index = next_index + 1 where room_id = $1 returning next_index - 1", ROOM
    )
    await connection.execute(
        "insert into events (id, room_id, content, source_channel_id, source_channel_type, parent_event_id, index)"
        " values ($1, $2, $3, 'sms', 'sms', $4, $5)",
        event.id,
        ROOM,
        event.content.model_dump_json(),
        event.parent_event_id,
        index,
    )


def edit(target):
    return event(EditContent(target_event_id=target.id, new_content=TextContent(body="better")))


@pytest.mark.parametrize("cascade", [True, False])
def test_a_deletion_takes_along_what_came_while_it_waited(server, database, cascade):
    url = server.url(database)

    async def run():
        other = await asyncpg.connect(url)
        async with PostgresStore(url) as store:
            await store.create_room(Room(id=ROOM))
            root, bystander = [await store.commit_event(ROOM, event()) for _ in range(2)]
            early = await store.commit_event(ROOM, event(parent_event_id=root.id))
            revised = await store.commit_event(ROOM, edit(root))
            # The blocked call gives up after 200 ms and asks anew, and would see them: so they come at once.
            reply, deleted = event(parent_event_id=root.id), event(DeleteContent(target_event_id=root.id))
            late = {"reply": reply, "edit": edit(early), "edit of the late": edit(reply), "delete": deleted}
            async with other.transaction():
                await other.execute("select from rooms for update")
                deleting = asyncio.create_task(store.delete_event(ROOM, root.id, cascade_replies=cascade))
                while not await other.fetchval(
                    "select exists (select from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid)))"
                ):
                    await asyncio.sleep(0)
                for newcomer in late.values():
                    await append(other, newcomer)
            gone = [event.id for event in await deleting]
            left = [event.id for event in await store.list_events(ROOM)]
        await other.close()
        changes = ["edit", "edit of the late", "delete"] if cascade else ["delete"]
        replies = [early.id, reply.id] if cascade else []
        assert gone == [root.id, *replies, revised.id, *(late[name].id for name in changes)]
        kept = [] if cascade else [early.id, reply.id, late["edit"].id, late["edit of the late"].id]
        assert left == [bystander.id, *kept]

    asyncio.run(asyncio.wait_for(run(), 150))
