"""Compares StateKeep with an asyncpg pool of 10 from asyncio, in one run on one server with fsync on.

    bench.py DSN [--rounds 5] [--seconds 1] [--tasks 1,64,256] [--uvloop]

Saves of new sessions, saves over existing ones, and loads, of 1 KiB states; neither side decodes the document. Both
sides have a table of the same shape; a round runs both in turn on freshly filled tables, who goes first alternates, and
the ratio of a round is one figure. Prints JSON, in the form of the Go bench:
{"machine": {…}, "rows": [{"workload", "callers", "floor", "statekeep_per_second": [min, median, max],
"asyncpg_per_second": […], "ratio": […]}, …]}. A missed floor is reported, not an error.
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
import statekeep

POOL = 10
FILLED = 2000
DOCUMENT = json.dumps({"notes": ("all work and no play " * 49)[:1011]})  # 1,024 bytes

FLOORS = {
    "save_new": {1: 1.5, 64: 6, 256: 6},
    "save_again": {1: 1.5, 64: 6, 256: 6},
    "load": {1: 1.5, 64: 8, 256: 8},
}


class StateKeep:
    """Ours: the common API, 4 connections."""

    table = "bench_statekeep"

    async def open(self, dsn):
        self.store = await statekeep.connect(dsn, tables={"agent_states": self.table})
        await self.store.state.setup()

    def save(self, session):
        return self.store.state.save("agent", session, statekeep.Json(DOCUMENT))

    def load(self, session):
        return self.store.state.load("agent", session, raw=True)

    async def close(self):
        await self.store.close()


class Asyncpg:
    """Theirs: a full pool, one prepared statement for each operation as asyncpg makes them by itself."""

    table = "bench_asyncpg"
    save_sql = (
        f"insert into {table} (agent_id, session_id, state, created_at, updated_at) values ($1, $2, $3, now(), now()) "
        "on conflict (agent_id, session_id) do update set state = excluded.state, updated_at = now()"
    )
    load_sql = f"select state from {table} where agent_id = $1 and session_id = $2"

    async def open(self, dsn):
        async with statekeep.connect(dsn, tables={"agent_states": self.table}) as store:
            await store.state.setup()
        self.pool = await asyncpg.create_pool(dsn, min_size=POOL, max_size=POOL)

    def save(self, session):
        return self.pool.execute(self.save_sql, "agent", session, DOCUMENT)

    def load(self, session):
        return self.pool.fetchval(self.load_sql, "agent", session)

    async def close(self):
        await self.pool.close()


async def fill(admin, table):
    await admin.execute(f"truncate {table}")
    await admin.execute(
        f"insert into {table} (agent_id, session_id, state)"
        f" select 'agent', 's' || n, $1::jsonb from generate_series(0, {FILLED - 1}) n",
        DOCUMENT,
    )
    await admin.execute(f"analyze {table}")


async def rate(side, workload, tasks, seconds):
    """Calls a second that `tasks` tasks get done, each waiting for its call before the next one."""
    numbers, done = itertools.count(), 0
    end = time.perf_counter() + seconds

    async def work():
        nonlocal done
        while time.perf_counter() < end:
            number = next(numbers)
            if workload == "load":
                found = await side.load(f"s{number * 7919 % FILLED}")
                assert len(found) > 1000
            else:
                await side.save(f"new{number}" if workload == "save_new" else f"s{number * 7919 % FILLED}")
            done += 1

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(tasks)))
    return done / (time.perf_counter() - begun)


def spread(values):
    return [round(figure, 3) for figure in (min(values), statistics.median(values), max(values))]


async def compare(sides, admin, workload, tasks, options):
    rates = {side: [] for side in sides}
    for turn in range(options.rounds):
        for side in sides if turn % 2 == 0 else reversed(sides):
            await fill(admin, side.table)
            rates[side].append(await rate(side, workload, tasks, options.seconds))
    ours, theirs = rates.values()
    row = {
        "workload": workload,
        "callers": tasks,
        "floor": FLOORS[workload].get(tasks),
        "statekeep_per_second": spread(ours),
        "asyncpg_per_second": spread(theirs),
        "ratio": spread([a / b for a, b in zip(ours, theirs)]),
    }
    print(f"{workload:10} {tasks:4} tasks: {row['ratio']}", file=sys.stderr, flush=True)
    return row


async def run(options):
    admin = await asyncpg.connect(options.dsn)
    sides = [StateKeep(), Asyncpg()]
    for side in sides:
        await side.open(options.dsn)
    rows = [
        await compare(sides, admin, workload, tasks, options)
        for workload in FLOORS
        for tasks in map(int, options.tasks.split(","))
    ]
    machine = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "asyncpg": asyncpg.__version__,
        "loop": "uvloop" if options.uvloop else "asyncio",
        "server": await admin.fetchval("show server_version"),
        "fsync": await admin.fetchval("show fsync"),
        "rounds": options.rounds,
        "seconds": options.seconds,
    }
    for side in sides:
        await side.close()
        await admin.execute(f"drop table {side.table}")
    await admin.close()
    print(json.dumps({"machine": machine, "rows": rows}, indent=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dsn", help="a PostgreSQL URL")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--tasks", default="1,64,256")
    parser.add_argument("--uvloop", action="store_true", help="both sides on uvloop")
    options = parser.parse_args()
    if options.uvloop:
        import uvloop

        uvloop.install()
    asyncio.run(run(options))


if __name__ == "__main__":
    main()
