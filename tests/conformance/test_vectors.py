"""The plain cases: vectors/*.json against every adapter, directly and through PgBouncer."""

import pytest
from suite import catalog, registry, vectors
from suite.database import Database

CASES = vectors.load()

# These vectors talk to the server with settings of their own, which PgBouncer does not let through.
DIRECT = {"opening"}


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[name for name, _ in CASES])
def test_vector(adapter, db, case):
    vectors.run(adapter, db, case)


# What a pooler changes happens inside the engine: two bindings show it for all.
POOLED_ADAPTERS = [name for name in registry.selected() if name in ("c", "python_asyncio")] or registry.selected()[:1]
POOLED = [(name, case) for name, case in CASES if name.partition(":")[0] not in DIRECT]


@pytest.mark.parametrize("adapter_name", POOLED_ADAPTERS, indirect=True, scope="session")
@pytest.mark.parametrize("case", [case for _, case in POOLED], ids=[name for name, _ in POOLED])
def test_vector_through_pgbouncer(adapter, db, pgbouncer, case):
    database = Database(db.server, db.name, pgbouncer)
    try:
        vectors.run(adapter, database, case)
    finally:
        database.close()


def test_every_operation_has_a_vector():
    called = set().union(*(vectors.operations(case) for _, case in CASES))
    declared = catalog.operations().keys()
    assert declared and declared - called == set()
