"""Compares StateKeep's PostgresStore with RoomKit's own, in one run on one server with fsync on, both with 2-10 connections.

    roomkit_bench.py DSN [--rounds 5] [--seconds 1] [--tasks 1,64] [--events 1000000] [--rooms 100000]

Both work on the same tables; a round runs both in turn, who goes first alternates, and the ratio of a round is one figure.
Rooms that are written to belong to one side, and must end with indexes without a gap. `--events` is the size of a large
room, `--rooms` how many rooms there are at last, for the rows that compare ours with itself: what must not grow.
Prints JSON, in the form of bench.py: {"machine": {…}, "rows": [{"workload", "callers", "floor",
"statekeep_per_second": [min, median, max], "roomkit_per_second": […], "ratio": […]}, …]}.
"""

import argparse
import asyncio
import itertools
import json
import os
import platform
import statistics
import sys
import time

import asyncpg
import pydantic
import roomkit
from roomkit.models.channel import ChannelBinding
from roomkit.models.enums import ChannelType
from roomkit.models.event import EventSource, RoomEvent, TextContent
from roomkit.models.participant import Participant
from roomkit.models.room import Room
from roomkit.store.postgres import PostgresStore as TheirStore
from statekeep.roomkit import PostgresStore

ROOMS = 64
FILLED = 1000  # events in a room that is read
UNREAD = 10
MEMBERS = 10
TOGETHER = {
    "append": 5,
    "append, one room": 5,
    "commit": 5,
    "commit, one room": 5,
    "get_room": 4,
    "unread": 3,
    "context": 3,
    "list_events(50)": 2.5,
}
ALONE = {"list_events(50)": 1.2}
FLAT = 0.7  # of its rate in a small room or among few rooms; what is left is the spread of short runs


def event(room_id, body="the quick brown fox jumps over the lazy dog " * 4):
    source = EventSource(channel_id="c0", channel_type=ChannelType.SMS, participant_id="p0")
    return RoomEvent(
        room_id=room_id, source=source, content=TextContent(body=body), metadata={"trace": "abc", "attempt": 1}
    )


def workload(store, side, name, rooms):
    """A function of a number that gives one call's coroutine."""
    return {
        "append": lambda n: store.add_event_auto_index(f"{side}-{n % ROOMS}", event(f"{side}-{n % ROOMS}")),
        "append, one room": lambda n: store.add_event_auto_index(f"{side}-one", event(f"{side}-one")),
        "commit": lambda n: store.commit_event(f"{side}-c{n % ROOMS}", event(f"{side}-c{n % ROOMS}")),
        "commit, one room": lambda n: store.commit_event(f"{side}-cone", event(f"{side}-cone")),
        "get_room": lambda n: store.get_room(f"read-{n % ROOMS}"),
        "unread": lambda n: store.get_unread_count(f"read-{n % ROOMS}", "c0"),
        "unread, large room": lambda n: store.get_unread_count("large", "c0"),
        "unread, small room": lambda n: store.get_unread_count("read-1", "c0"),
        "all unread, large room": lambda n: store.get_unread_count("large", "nobody"),
        "all unread, small room": lambda n: store.get_unread_count("read-1", "nobody"),
        "context": lambda n: store.load_room_context(f"read-{n % ROOMS}"),
        "list_events(50)": lambda n: store.list_events(f"read-{n % ROOMS}", after_index=n * 7919 % (FILLED - 50)),
        "list_rooms": lambda n: store.list_rooms(limit=20),
        "find_latest_room": lambda n: store.find_latest_room(f"p{n % MEMBERS}-{n % rooms}"),
        "route by number": lambda n: store.find_room_id_by_participant("c0", f"p{n % MEMBERS}-{n % rooms}"),
        "route by channel": lambda n: store.find_room_ids_by_channel(f"own-{n % rooms}"),
    }[name]


async def fill(store, sides, admin):
    """The rooms of both sides, and those that are read: events, members, a marker that leaves a few unread."""
    for side in sides:
        for room in [*range(ROOMS), "one", "cone", *(f"c{n}" for n in range(ROOMS))]:
            await store.create_room(Room(id=f"{side}-{room}"))
    for n in range(ROOMS):
        await store.create_room(Room(id=f"read-{n}", organization_id="acme", metadata={"tier": "gold"}))
        for member in range(MEMBERS):
            await store.add_binding(
                ChannelBinding(room_id=f"read-{n}", channel_id=f"c{member}", channel_type=ChannelType.SMS)
            )
            await store.add_participant(Participant(room_id=f"read-{n}", id=f"p{member}", channel_id=f"c{member}"))
    written = await asyncio.gather(*(store.commit_event("read-0", event("read-0")) for _ in range(FILLED)))
    await store.mark_read("read-0", "c0", written[FILLED - UNREAD - 1].id)
    for n in range(1, ROOMS):
        await copy_room(admin, "read-0", f"read-{n}", FILLED)
    await admin.execute("analyze")


async def copy_room(admin, source, target, count):
    """Gives a room the events of another one, over and over until there are `count`."""
    columns = [
        row["column_name"]
        for row in await admin.fetch(
            "select column_name from information_schema.columns where table_schema = current_schema()"
            " and table_name = 'events' and column_name not in ('id', 'room_id', 'index')"
        )
    ]
    named = ", ".join(columns)
    await admin.execute(
        f"insert into events (id, room_id, index, {named}) select '{target}-' || s.n, '{target}', s.n, {named}"
        f" from generate_series(0, {count - 1}) as s(n) join events as e on e.room_id = '{source}'"
        f" and e.index = s.n % {FILLED}"
    )
    await admin.execute(f"insert into event_sequences values ('{target}', {count})")
    await admin.execute(f"update rooms set event_count = {count}, latest_index = {count - 1} where id = '{target}'")
    await admin.execute(f"insert into read_markers values ('{target}', 'c0', {count - UNREAD - 1})")


async def add_rooms(admin, first, last):
    """Rooms with one binding of their own and one participant each, reachable over a channel they all share."""
    numbers = f"from generate_series({first}, {last - 1}) as s(n)"
    await admin.execute(f"insert into rooms (id, created_at) select 'many-' || n, now() - n * interval '1 s' {numbers}")
    await admin.execute(
        f"insert into bindings (room_id, channel_id, channel_type) select 'many-' || n, 'own-' || n, 'sms' {numbers}"
    )
    await admin.execute(
        "insert into participants (room_id, id, channel_id, connected_via)"
        f" select 'many-' || n, 'p' || n % {MEMBERS} || '-' || n, 'c0', '{{c0}}' {numbers}"
    )
    await admin.execute("analyze")


async def rate(call, tasks, seconds):
    """Calls a second that `tasks` tasks get done, each waiting for its call before the next one."""
    numbers, done = itertools.count(), 0
    end = time.perf_counter() + seconds

    async def work():
        nonlocal done
        while time.perf_counter() < end:
            await call(next(numbers))
            done += 1

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(tasks)))
    return done / (time.perf_counter() - begun)


def spread(values):
    return [round(figure, 3) for figure in (min(values), statistics.median(values), max(values))]


async def compare(name, calls, tasks, floor, options):
    """Rounds of two calls in turn; the first one is ours."""
    rates = [[], []]
    for turn in range(options.rounds + 1):
        for side in (0, 1) if turn % 2 == 0 else (1, 0):
            figure = await rate(calls[side], tasks, options.seconds if turn else min(0.3, options.seconds))
            if turn:  # the first one warms up
                rates[side].append(figure)
    row = {
        "workload": name,
        "callers": tasks,
        "floor": floor,
        "statekeep_per_second": spread(rates[0]),
        "roomkit_per_second": spread(rates[1]),
        "ratio": spread([ours / theirs for ours, theirs in zip(*rates, strict=True)]),
    }
    print(f"{name:24} {tasks:4} tasks: {row['ratio']}", file=sys.stderr, flush=True)
    return row


async def compare_stores(stores, options):
    rows = []
    for tasks in map(int, options.tasks.split(",")):
        for name, floor in TOGETHER.items():
            calls = [workload(store, side, name, 1) for side, store in stores.items()]
            rows.append(await compare(name, calls, tasks, ALONE.get(name, 1.5) if tasks == 1 else floor, options))
    return rows


async def compare_sizes(ours, admin, options):
    """Ours in large against ours in small: rates that must not fall with the size of a room or the number of rooms."""
    rows = []
    await admin.execute("insert into rooms (id) values ('large')")
    await copy_room(admin, "read-0", "large", options.events)
    await admin.execute("analyze")
    for name in ("unread", "all unread"):
        calls = [workload(ours, "ours", f"{name}, {size} room", 1) for size in ("large", "small")]
        rows.append(await compare(f"{name}, large / small", calls, 64, FLAT, options))
    small = min(1000, options.rooms)
    names = ("list_rooms", "find_latest_room", "route by number", "route by channel")
    await add_rooms(admin, 0, small)
    few = {name: [await rate(workload(ours, "", name, small), 8, options.seconds) for _ in range(3)] for name in names}
    await add_rooms(admin, small, options.rooms)
    for name in names:
        many = [await rate(workload(ours, "", name, options.rooms), 8, options.seconds) for _ in range(3)]
        ratio = spread([after / statistics.median(few[name]) for after in many])
        rows.append({"workload": f"{name}, many / few", "callers": 8, "floor": FLAT, "ratio": ratio})
        print(f"{name:24} {options.rooms} rooms over {small}: {ratio}", file=sys.stderr, flush=True)
    for row in rows:
        row.pop("roomkit_per_second", None)
    return rows


async def check_indexes(admin):
    broken = await admin.fetch(
        "select room_id from events where room_id like 'ours-%' group by room_id"
        " having min(index) <> 0 or max(index) <> count(*) - 1"
    )
    assert not broken, f"rooms with gaps: {[row['room_id'] for row in broken]}"


async def run(options):
    admin = await asyncpg.connect(options.dsn)
    async with PostgresStore(options.dsn) as ours, TheirStore(options.dsn) as theirs:
        stores = {"ours": ours, "theirs": theirs}
        await fill(ours, stores, admin)
        rows = await compare_stores(stores, options)
        await check_indexes(admin)
        if options.events:
            rows += await compare_sizes(ours, admin, options)
    machine = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "asyncpg": asyncpg.__version__,
        "roomkit": roomkit.__version__,
        "pydantic": pydantic.VERSION,
        "server": await admin.fetchval("show server_version"),
        "fsync": await admin.fetchval("show fsync"),
        "rounds": options.rounds,
        "seconds": options.seconds,
    }
    await admin.close()
    print(json.dumps({"machine": machine, "rows": rows}, indent=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dsn", help="a PostgreSQL URL")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--tasks", default="1,64")
    parser.add_argument(
        "--events", type=int, default=1_000_000, help="of a large room; 0 leaves out what compares sizes"
    )
    parser.add_argument("--rooms", type=int, default=100_000)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
