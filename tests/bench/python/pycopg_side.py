"""pycopg's side of gathering_bench.py, in an environment that has pycopg from PyPI.

pycopg_side.py URL SECONDS      for each line on standard input, a number of tasks, prints the calls a second
"""

import asyncio
import sys
import time

from pycopg import AsyncDatabase


async def rate(db, tasks, seconds):
    end = time.perf_counter() + seconds
    calls = 0

    async def ask():
        nonlocal calls
        while time.perf_counter() < end:
            await db.execute("select id, name from bench_agents where id = %s", [7])
            calls += 1

    begun = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(tasks)))
    return calls / (time.perf_counter() - begun)


for line in sys.stdin:
    print(asyncio.run(rate(AsyncDatabase.from_url(sys.argv[1]), int(line), float(sys.argv[2]))), flush=True)
