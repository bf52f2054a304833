"""Compares statekeep.gathering with pycopg from PyPI and with an asyncpg pool of 4 to 20, from asyncio, in one run.

    gathering_bench.py URL [--rounds 5] [--seconds 1]

`execute` reads one row by its key, with AsyncDatabase on our side and on pycopg's, which connects for each call.
`transaction` inserts a row in a transaction on each of 4 connections for 64 tasks, beside asyncpg's pool of 4. A round
runs all sides in turn, who goes first alternates. Prints JSON in the form of bench.py, the peer's figures as
"peer_per_second".
"""

import argparse
import asyncio
import json
import pathlib
import statistics
import subprocess
import sys
import time

import asyncpg
import statekeep

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "gathering"))

from peers import make_peer  # noqa: E402
from statekeep.gathering import AsyncDatabase, AsyncPooledDatabase  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
TASKS = (1, 16, 64)
FLOORS = {"execute, pycopg": {64: 10}, "execute, asyncpg": {64: 1.5}, "transaction, asyncpg": {}}


async def rate(ask, tasks, seconds):
    end = time.perf_counter() + seconds
    calls = 0

    async def go():
        nonlocal calls
        while time.perf_counter() < end:
            await ask()
            calls += 1

    begun = time.perf_counter()
    await asyncio.wait_for(asyncio.gather(*(go() for _ in range(tasks))), seconds + 60)
    return calls / (time.perf_counter() - begun)


class Sides:
    """What each side does in a round, by workload: functions of the number of tasks that give a rate."""

    def __init__(self, url, seconds, side):
        self.url, self.seconds, self.side = url, seconds, side

    async def ours(self, tasks):
        async with AsyncDatabase.from_url(self.url) as db:
            return await rate(
                lambda: db.execute("select id, name from bench_agents where id = %s", [7]), tasks, self.seconds
            )

    async def pycopg(self, tasks):
        self.side.stdin.write(f"{tasks}\n")
        self.side.stdin.flush()
        return float(await asyncio.to_thread(self.side.stdout.readline))

    async def asyncpg(self, tasks):
        async with asyncpg.create_pool(self.url, min_size=4, max_size=20) as pool:
            return await rate(
                lambda: pool.fetch("select id, name from bench_agents where id = $1", 7), tasks, self.seconds
            )

    async def our_transactions(self, tasks):
        async with AsyncPooledDatabase.from_url(self.url, min_size=4, max_size=4) as db:

            async def insert():
                async with db.transaction() as connection:
                    await connection.execute("insert into bench_agents (name) values (%s)", ["x"])

            return await rate(insert, tasks, self.seconds)

    async def asyncpg_transactions(self, tasks):
        async with asyncpg.create_pool(self.url, min_size=4, max_size=4) as pool:

            async def insert():
                async with pool.acquire() as connection, connection.transaction():
                    await connection.execute("insert into bench_agents (name) values ($1)", "x")

            return await rate(insert, tasks, self.seconds)


def spread(values):
    return [min(values), statistics.median(values), max(values)]


async def compare(workload, ours, theirs, tasks, rounds):
    pairs = []
    for number in range(rounds):
        sides = [("ours", ours), ("theirs", theirs)]
        rates = {name: await side(tasks) for name, side in (sides if number % 2 else reversed(sides))}
        pairs.append((rates["ours"], rates["theirs"]))
        print(f"{workload}, {tasks}: {pairs[-1]}", file=sys.stderr)
    mine, peer = zip(*pairs)
    row = {"workload": workload, "callers": tasks, "ratio": spread([a / b for a, b in pairs])}
    row |= {"statekeep_per_second": spread(mine), "peer_per_second": spread(peer)}
    floor = FLOORS[workload].get(tasks)
    return {**row, "floor": floor} if floor else row


async def main(options, side):
    sides = Sides(options.url, options.seconds, side)
    rows = []
    for tasks in TASKS:
        rows.append(await compare("execute, pycopg", sides.ours, sides.pycopg, tasks, options.rounds))
        rows.append(await compare("execute, asyncpg", sides.ours, sides.asyncpg, tasks, options.rounds))
    rows.append(
        await compare(
            "transaction, asyncpg", sides.our_transactions, sides.asyncpg_transactions, 64, options.rounds
        )
    )
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    given = parser.parse_args()
    with statekeep.open(given.url) as store:
        store.execute("drop table if exists bench_agents")
        store.execute("create table bench_agents (id int generated always as identity primary key, name text)")
        store.execute("insert into bench_agents (name) select 'agent ' || n from generate_series(1, 1000) as n")
    peer = make_peer("pycopg")
    command = [peer.python, HERE / "pycopg_side.py", given.url, str(given.seconds)]
    with subprocess.Popen(command, env=peer.environment(stands_in=False), text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as program:  # fmt: skip
        measured = asyncio.run(main(given, program))
        program.stdin.close()
    print(json.dumps({"rows": measured}))
