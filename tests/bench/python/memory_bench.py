"""Compares memories with embeddings with psycopg, with what GatheRing's layer sends, and with the truth.

    memory_bench.py [--rounds 5] [--rows 10000] [--large 100000]

On a server of its own that has pgvector. Searches for the 10 nearest of `rows` embeddings of 1,536 dimensions, against one
psycopg connection with a prepared statement and binary vectors at the same effort of the index, and against the pooled call of
pycopg 1.2 as it goes over the wire (check, begin, statement with the vector as text, commit); inserts against a connection for
each row, as GatheRing's VectorStore makes them. The share of the true neighbours is told for `rows` and for `large`
embeddings. Prints JSON in the form of bench.py; recall and times are in the place of rates and ratios where there is no other
side.
"""

import argparse
import array
import asyncio
import json
import pathlib
import random
import statistics
import struct
import sys
import time

import psycopg
import statekeep
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import dict_row

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from server import Server, find_vector_programs  # noqa: E402

DIMENSIONS, CENTRES, SPREAD, QUERIES, LIMIT, EFFORT = 1536, 200, 0.3, 100, 10, 100
INSERTS, TASKS = 200, 16
FLOORS = {"search psycopg": 1 / 1.2, "search pooled": 2, "insert": 5, "recall": 0.95}
# Around centres, as the embeddings of real texts have neighbours.
FILL = f"""
    insert into memory.memories (scope, key, value, embedding)
    select 'global', 'key ' || i, 'memory number ' || i,
        array(select c.x + {SPREAD} * random_normal() from unnest(c.at) as c(x) where i > 0)::vector
    from generate_series(%s::bigint, %s::bigint) as i join centres as c on c.c = 1 + i %% {CENTRES}"""
SELECT = (
    "select id, key, value, memory_type, importance, tags, created_at, 1 - (embedding <=> {0}) as similarity "
    "from memory.memories where is_active = true and embedding is not null order by embedding <=> {0} limit 10"
)
INSERT = (
    "insert into memory.memories (scope, key, value, embedding) "
    "values ('global'::memory_scope, %s, %s, %s::vector) returning id"
)


class Binary(array.array):
    """Floats that psycopg sends as pgvector's binary form."""


def register(connection):
    oid = connection.execute("select 'vector'::regtype::oid").fetchone()[0]

    class VectorDumper(Dumper):
        format = Format.BINARY

        def dump(self, obj):
            return struct.pack(f">HH{len(obj)}f", len(obj), 0, *obj)

    VectorDumper.oid = oid
    connection.adapters.register_dumper(Binary, VectorDumper)


def as_text(vector):
    return f"[{','.join(map(str, vector))}]"


def timed(call, vectors):
    """Milliseconds of a call for each vector."""
    times = []
    for vector in vectors:
        begun = time.perf_counter()
        rows = call(vector)
        times.append(1000 * (time.perf_counter() - begun))
        assert len(rows) == LIMIT
    return times


def spread(values):
    return [round(figure, 3) for figure in (min(values), statistics.median(values), max(values))]


def row(workload, callers, ours, theirs, floor):
    """Rates of ours and theirs, one for each round."""
    ratio = spread([a / b for a, b in zip(ours, theirs)])
    print(f"{workload:24} {ratio}", file=sys.stderr, flush=True)
    return {"workload": workload, "callers": callers, "floor": round(floor, 2), "statekeep_per_second": spread(ours),
            "psycopg_per_second": spread(theirs), "ratio": ratio}


class Searches:
    def __init__(self, dsn):
        self.store = statekeep.open(dsn)
        self.bare = psycopg.connect(dsn, autocommit=True)
        register(self.bare)
        self.bare.execute(f"set hnsw.ef_search = {EFFORT}")
        self.pooled = psycopg.connect(dsn, row_factory=dict_row)
        self.pooled.execute(f"set hnsw.ef_search = {EFFORT}")
        self.pooled.commit()

    def ours(self, vector):
        return self.store.memory.search(array.array("f", vector), limit=LIMIT)

    def psycopg(self, vector):
        return self.bare.execute(SELECT.format("%b"), (Binary("f", vector), Binary("f", vector)), prepare=True).fetchall()

    def as_pooled(self, vector):
        self.pooled.execute("").close()
        self.pooled.commit()
        text = as_text(vector)
        found = self.pooled.execute(SELECT.format("%s::vector"), (text, text)).fetchall()
        self.pooled.commit()
        return found

    def rows(self, vectors, rounds, name):
        rates = {side: [] for side in (self.ours, self.psycopg, self.as_pooled)}
        for side in rates:
            timed(side, vectors)  # all pages that the queries touch are read by now
        for turn in range(rounds):
            for side in rates if turn % 2 == 0 else reversed(rates):
                rates[side].append(1000 / statistics.median(timed(side, vectors)))
        ours, bare, pooled = rates.values()
        return [row(f"search {name}", 1, ours, bare, FLOORS["search psycopg"]),
                row(f"search {name} pooled", 1, ours, pooled, FLOORS["search pooled"])]

    def close(self):
        self.store.close()
        self.bare.close()
        self.pooled.close()


def queries(connection):
    """Vectors as lists of floats, near the centres."""
    rows = connection.execute(f"""
        select array(select c.x + {SPREAD} * random_normal() from unnest(c.at) as c(x) where q > 0)::real[]
        from generate_series(1, {QUERIES}) as q join centres as c on c.c = 1 + q * 31 % {CENTRES}""").fetchall()
    return [row[0] for row in rows]


def recall(connection, store, vectors, name):
    """The share of the true nearest that memory.search finds; the truth is computed without the index."""
    shares = []
    for vector in vectors[:50]:
        found = {hit["id"] for hit in store.memory.search(vector, limit=LIMIT)}
        true = connection.execute(
            f"select id from memory.memories order by (embedding <=> %s::vector) + 0 limit {LIMIT}", (as_text(vector),))
        shares.append(len(found & {hit[0] for hit in true}) / LIMIT)
    print(f"recall {name}: {statistics.mean(shares):.3f}", file=sys.stderr, flush=True)
    share = statistics.mean(shares)
    return {"workload": f"recall {name}", "callers": 1, "floor": FLOORS["recall"], "ratio": [round(share, 3)] * 3}


async def insert_ours(dsn, vectors):
    async with statekeep.connect(dsn) as store:
        await store.admin.ping()
        waiting = iter(vectors)

        async def work():
            for vector in waiting:
                await store.memory.store("bench", "inserted", embedding=vector)

        begun = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(TASKS)))
        return len(vectors) / (time.perf_counter() - begun)


def insert_theirs(dsn, vectors):
    begun = time.perf_counter()
    for vector in vectors:
        with psycopg.connect(dsn, row_factory=dict_row) as connection:
            connection.execute(INSERT, ("bench", "inserted", as_text(vector))).fetchall()
    return len(vectors) / (time.perf_counter() - begun)


def insert_rows(dsn, rounds):
    """With the index in place. The rows stay: what a round adds is the same for both sides."""
    generator = random.Random(1)
    vectors = [[generator.gauss(0, 1) for _ in range(DIMENSIONS)] for _ in range(INSERTS)]
    ours, theirs = [], []
    for turn in range(rounds):
        for side in (0, 1) if turn % 2 == 0 else (1, 0):
            if side == 0:
                ours.append(asyncio.run(insert_ours(dsn, vectors)))
            else:
                theirs.append(insert_theirs(dsn, vectors))
    return [row("insert", TASKS, ours, theirs, FLOORS["insert"])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=100_000, help="0: none")
    options = parser.parse_args()
    rows = []
    settings = {"shared_buffers": "512MB", "maintenance_work_mem": "1GB", "max_wal_size": "4GB"}
    with Server(find_vector_programs(), **settings) as server:
        dsn = server.dsn(server.create_database())
        connection = psycopg.connect(dsn, autocommit=True)
        with statekeep.open(dsn, deadline_ms=0) as store:
            store.gathering.setup()
            connection.execute("create table centres as select c, array(select random_normal() from generate_series"
                               f"(1, {DIMENSIONS}) where c > 0) as at from generate_series(1, {CENTRES}) as c")
            connection.execute(FILL, (1, options.rows))  # row by row into the index
            vectors = queries(connection)
            rows.append(recall(connection, store, vectors, f"{options.rows // 1000}k"))
            connection.execute("analyze memory.memories")  # without it psycopg's plain statement reads the table
            searches = Searches(dsn)
            rows += searches.rows(vectors, options.rounds, f"{options.rows // 1000}k")
            rows += insert_rows(dsn, options.rounds)
            if options.large:
                connection.execute("drop index memory.idx_memories_embedding")
                connection.execute(FILL, (options.rows + 1, options.large))
                begun = time.perf_counter()
                store.gathering.index()
                print(f"the index of {options.large:,} took {time.perf_counter() - begun:.0f} s", file=sys.stderr)
                rows.append(recall(connection, store, vectors, f"{options.large // 1000}k"))
                connection.execute("analyze memory.memories")
                rows += searches.rows(vectors, options.rounds, f"{options.large // 1000}k")
            searches.close()
        connection.close()
    print(json.dumps({"rows": rows}, indent=2))


if __name__ == "__main__":
    main()
