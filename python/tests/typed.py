"""What type checkers tell the package's users. mypy checks it (see scripts/test.py); it is never run."""

from asyncio import Future
from collections.abc import AsyncIterator
from typing import Any, assert_type

import statekeep
from statekeep.gathering import AsyncDatabase, AsyncPooledDatabase, Database, Page, PooledDatabase
from statekeep.gathering.connection import AsyncConnection, Connection
from statekeep.gathering.results import AsyncResults, Results
from statekeep.rows import Row, Rows


def threads(store: statekeep.Store) -> None:
    assert_type(store.query("select 1"), Rows)
    assert_type(store.execute("select 1"), int | None)
    store.state.save("agent", "session", {"step": 1}, timeout=1.0)
    with store.transaction() as lease:
        assert_type(lease.copy_in("copy t from stdin", [[1, "a"]]), int | None)


async def asyncio(store: statekeep.aio.Store) -> None:
    assert_type(store.query("select 1"), Future[Rows])
    assert_type(store.state.load("agent", "session"), Future[Any])
    assert_type(store.stream("select 1"), AsyncIterator[Row])


def pycopg(db: Database) -> None:
    assert_type(db.find("agents", {"status": "active"}), Results)
    assert_type(db.get("agents", {"id": 1}), Row | None)
    assert_type(db.paginate_page("agents", 10), Page)
    assert_type(db.execute("select 1").fetchone(), Row | None)
    assert_type(db.schema.list_tables(), list[str])
    assert_type(PooledDatabase.from_url("embedded:"), PooledDatabase)
    with db.transaction() as connection, connection.cursor() as cursor:
        assert_type(connection, Connection)
        assert_type(cursor.execute("select 1").fetchall(), list[Row])


async def pycopg_on_asyncio(db: AsyncPooledDatabase) -> None:
    assert_type(await db.find("agents", {"status": "active"}), AsyncResults)
    assert_type(await db.insert("agents", {"id": 1}), Row | None)
    assert_type(await (await db.execute("select 1")).fetchone(), Row | None)
    assert_type(await db.schema.table_exists("agents"), bool)
    assert_type(AsyncDatabase.from_url("embedded:"), AsyncDatabase)
    async with db.connection() as connection:
        assert_type(connection, AsyncConnection)
        assert_type(await connection.fetch("select $1::int", 1), AsyncResults)
