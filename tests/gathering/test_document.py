"""The examples of GatheRing's document, as they stand there but for their import lines."""
import asyncio
import os
import textwrap

import pytest

# What stands before `from gathering…` and `from pycopg` lines, and in place of them.
IMPORTS = {
    "from pycopg import": "from statekeep.gathering import",
    "from gathering.db.async_database import": "from statekeep.gathering import",
    "from gathering.db import": "from statekeep.gathering import",
    "from gathering.memory import": "from statekeep.gathering.memory import",
}


def adapted(example):
    for peer, ours in IMPORTS.items():
        example = example.replace(peer, ours)
    return example


def run(example, **names):
    """Runs an example, which may await; gives its names."""
    text = "async def example(names):\n    globals().update(names)\n"
    text += textwrap.indent(textwrap.dedent(adapted(example)), "    ") + "\n    return locals()\n"
    scope = {}
    exec(compile(text, "example", "exec"), scope)
    return asyncio.run(scope["example"](names))


@pytest.fixture(autouse=True)
def environment(gathering_database, monkeypatch, tmp_path):
    """The document's .env, in a project that has migrations and an agent."""
    for name in [name for name in os.environ if name.startswith(("PG", "DB_", "DATABASE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(
        f"DATABASE_URL={gathering_database}\nDATABASE_POOL_MIN=5\nDATABASE_POOL_MAX=20\n")
    migrations = tmp_path / "gathering" / "db" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "010_add_new_feature.sql").write_text(MIGRATION)
    from statekeep.gathering import Database
    with Database.from_env() as db:
        db.execute("insert into agent.agents (name, status) values ('Ada', 'active')")
    forget()
    yield
    forget()


def forget():
    """Takes out of the environment what was read from .env."""
    for name in ("DATABASE_URL", "DATABASE_POOL_MIN", "DATABASE_POOL_MAX"):
        os.environ.pop(name, None)


MIGRATION = """-- 010_add_new_feature.sql

-- Add new column
ALTER TABLE agent.agents ADD COLUMN new_field VARCHAR(100);

-- Create new table
CREATE TABLE agent.new_table (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
    -- ...
);

-- Create indexes
CREATE INDEX idx_new_field ON agent.agents(new_field);
"""


def test_pycopg():
    names = run("""
        from pycopg import Database, AsyncDatabase

        # Sync usage
        db = Database.from_env()
        db.list_schemas()
        tables = db.list_tables("agent")

        # Async usage (recommended for API)
        db = AsyncDatabase.from_env()
        schemas = await db.list_schemas()
        users = await db.execute("SELECT * FROM agent.agents WHERE status = %s", ["active"])

        # Connection pooling
        from pycopg import PooledDatabase
        db = PooledDatabase.from_env(min_size=5, max_size=20)
        with db.connection() as conn:
            result = conn.execute("SELECT * FROM agent.agents")

        # Migrations
        from pycopg import Migrator
        migrator = Migrator(db, "gathering/db/migrations/")
        migrator.migrate()
        """)
    assert "agents" in names["tables"] and {"agent", "circle", "memory", "project"} <= set(names["schemas"])
    assert names["users"][0]["name"] == "Ada" and names["result"][0]["name"] == "Ada"
    assert names["result"].fetchone()["name"] == "Ada"
    assert [row["version"] for row in names["migrator"].applied()] == [10] and names["migrator"].pending() == []
    assert names["db"].execute("select new_field from agent.agents") == [{"new_field": None}]
    names["db"].close()


def test_async_database_service(gathering_database):
    names = run("""
        from gathering.db.async_database import AsyncDatabaseService

        # Created during FastAPI lifespan startup
        async_db = AsyncDatabaseService(database_url)
        await async_db.initialize()  # Creates pool (min_size=4, max_size=20)
        stats = async_db.stats

        # Usage in route handlers
        async with async_db.connection() as conn:
            result = await conn.execute(
                "SELECT * FROM agent.agents WHERE id = %s", [agent_id]
            )

        # Shutdown (last in lifespan teardown)
        await async_db.shutdown()
        """, database_url=gathering_database, agent_id=1)
    assert (names["stats"]["pool_min"], names["stats"]["pool_max"]) == (4, 20)
    assert names["result"][0]["name"] == "Ada"


def test_advisory_locks(gathering_database):
    names = run("""
        from gathering.db.async_database import AsyncDatabaseService
        async_db = AsyncDatabaseService(database_url)
        await async_db.initialize()

        # Prevent duplicate task execution across instances
        async with async_db.connection() as conn:
            result = await conn.execute(
                "SELECT pg_try_advisory_xact_lock(%s, %s)", [namespace, action_id]
            )
            acquired = result[0][0]  # True if lock acquired
            async with async_db.connection() as other:
                twice = (await other.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [namespace, action_id]))[0][0]
        await async_db.shutdown()
        """, database_url=gathering_database, namespace=1, action_id=7)
    assert names["acquired"] is True and names["twice"] is False


def test_creating_embeddings():
    from statekeep.gathering.memory import EmbeddingService
    EmbeddingService.function = lambda texts: [[float(len(text))] * 1536 for text in texts]
    try:
        names = run("""
            from gathering.memory import EmbeddingService

            service = EmbeddingService()
            embedding = await service.create_embedding("Some text to embed")
            """)
    finally:
        EmbeddingService.function = None
    assert names["embedding"] == [18.0] * 1536


def test_similarity_search():
    from statekeep.gathering import AsyncDatabaseService, store_memory
    from statekeep.gathering.memory import EmbeddingService
    EmbeddingService.function = staticmethod(embeddings_of_words)
    try:
        names = run("""
            for key, value in (("name", "the user's name is Grace"), ("weather", "it rains in the hills")):
                await store_memory(key, value, agent_id=1)

            from gathering.memory import search_similar_memories

            results = await search_similar_memories(
                query="What is the user's name?",
                agent_id=1,
                limit=5,
                threshold=0.3
            )
            await AsyncDatabaseService.get_instance().shutdown()
            """, store_memory=store_memory, AsyncDatabaseService=AsyncDatabaseService)
    finally:
        EmbeddingService.function = None
        AsyncDatabaseService.reset_instance()
    assert [memory["key"] for memory in names["results"]] == ["name"]
    assert 0.3 <= names["results"][0]["similarity"] <= 1


def embeddings_of_words(texts):
    """Texts that share words are near each other."""
    def one(text):
        embedding = [0.0] * 1536
        for word in text.lower().strip("?").split():
            embedding[sum(map(ord, word)) % 1536] += 1
        return embedding
    return [one(text) for text in texts]


def test_connection_pooling():
    names = run("""
        from gathering.db import DatabasePool

        # Get pool
        pool = await DatabasePool.get_pool()

        # Use connection
        async with pool.acquire() as conn:
            result = await conn.fetch("SELECT * FROM agent.agents")
        stats = pool.stats
        await DatabasePool.close_pool()
        """)
    assert names["result"][0]["name"] == "Ada"
    assert (names["stats"]["pool_min"], names["stats"]["pool_max"]) == (5, 20)  # of the document's .env
