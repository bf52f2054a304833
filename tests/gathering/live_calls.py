"""Calls GatheRing 1.0.0's database methods one by one, on the database of DATABASE_URL, and prints a JSON line for each:
its name, and the error where it failed. Run in an environment that has GatheRing, by test_live.py."""
import asyncio
import json
import logging
import os
import random
import time

logging.disable(logging.CRITICAL)

from gathering.api import auth  # noqa: E402
from gathering.api.async_db import AsyncDatabaseService  # noqa: E402
from gathering.api.dependencies import DatabaseService  # noqa: E402
from gathering.orchestration.circle_store import CircleStore  # noqa: E402
from gathering.orchestration.scheduler import ScheduledAction, Scheduler, ScheduleType  # noqa: E402
from gathering.rag import VectorStore  # noqa: E402
from pycopg import Database  # noqa: E402

URL = os.environ["DATABASE_URL"]
NUMBERS = random.Random(1)
EMBEDDING = [NUMBERS.gauss(0, 1) for _ in range(1536)]
TEXT = "[" + ",".join(map(str, EMBEDDING)) + "]"
DATABASE_SERVICE = [
    ("get_agents",), ("get_agent", 1), ("get_providers",), ("get_provider", 1), ("get_models",), ("get_model", 1),
    ("get_personas",), ("get_persona", 1), ("get_circles",), ("create_circle", "c1"), ("get_circle", 1),
    ("get_circle_by_name", "c1"), ("update_circle_status", "c1", "running"), ("add_circle_member", "c1", 1, ["x"], ["y"]),
    ("get_circle_members", 1), ("get_circle_members_with_info", 1), ("get_circle_members_full", 1),
    ("get_circle_tasks", 1), ("get_active_circles",),
    ("create_conversation", {"topic": "t", "circle_name": "c1", "agent_ids": [1]}), ("get_conversation", 1),
    ("add_conversation_message", 1, {"agent_id": 1, "content": "hi"}), ("get_conversation_messages", 1),
    ("update_conversation", 1, {"status": "active", "summary": "s"}), ("get_active_conversations",),
    ("get_agent_conversations", 1), ("get_agent_conversation_messages", 1), ("get_agent_tasks", 1),
    ("get_agent_recent_activity", 1), ("delete_conversation", 1), ("remove_circle_member", "c1", 1),
    ("delete_circle", "c1"),
]
VECTOR_STORE = [
    ("add_memory", (1, "k", "v", EMBEDDING), {}), ("search_memories", (EMBEDDING,), {"agent_id": 1}),
    ("update_memory_access", (1,), {}), ("delete_memory", (1,), {}), ("add_knowledge", ("t", "c", EMBEDDING), {}),
    ("search_knowledge", (EMBEDDING,), {}), ("search_knowledge", (EMBEDDING,), {"category": "docs"}),
    ("list_knowledge", (), {}), ("count_knowledge", (), {}), ("cache_embedding", ("h", EMBEDDING, "m"), {}),
    ("get_cached_embedding", ("h",), {}), ("get_memory_stats", (1,), {}),
]
CIRCLE_STORE = [
    ("create_circle", ("c2",), {}), ("add_member", (2, 1), {}), ("list_members", (2,), {}), ("create_task", (2, "t"), {}),
    ("list_tasks", (2,), {}), ("log_event", (2, "x", {}), {}), ("get_events", (2,), {}),
    ("list_circles", (), {"status": "stopped"}),
]


def told(name, error=None, result=None):
    print(json.dumps({"name": name, "error": error and f"{type(error).__name__}: {error}", "result": result}), flush=True)


def call(name, function):
    try:
        result = function()
    except Exception as error:
        told(name, error)
    else:
        told(name, result=repr(result)[:200])


def synchronous():
    service = DatabaseService.get_instance()
    call("insert agent", lambda: service.execute_one("insert into agent.agents (name) values ('a1') returning id"))
    call("create_agent_from_persona", lambda: service.execute_one(
        "select agent.create_agent_from_persona('ahmed_hassan') as id"))
    call("get_agent_config", lambda: service.execute_one("select agent.get_agent_config(1) as c"))
    for name, *arguments in DATABASE_SERVICE:
        call(f"DatabaseService.{name}", lambda: getattr(service, name)(*arguments))
    store = VectorStore.from_url(URL)
    for name, arguments, named in VECTOR_STORE:
        shown = name + "".join(f"({key})" for key in named if key == "category")
        call(f"VectorStore.{shown}", lambda: getattr(store, name)(*arguments, **named))
    call("insert a memory", lambda: service.execute(
        "insert into memory.memories (scope, agent_id, key, value, embedding) values ('agent', 1, 'k', 'v', %(e)s::vector) "
        "returning id", {"e": TEXT}))
    call("memory.search_similar_memories", lambda: service.execute(
        "select * from memory.search_similar_memories(%(e)s::vector)", {"e": TEXT}))
    circles = CircleStore(Database.from_url(URL))
    for name, arguments, named in CIRCLE_STORE:
        call(f"CircleStore.{name}", lambda: getattr(circles, name)(*arguments, **named))
    user = auth.UserCreate(email="A@b.com", password="12345678", name="n")
    call("auth.create_user", lambda: asyncio.run(auth.create_user(user)))
    call("auth.get_user_by_email", lambda: asyncio.run(auth.get_user_by_email("a@B.com")))
    blacklist = auth.TokenBlacklist.get_instance()
    call("TokenBlacklist.blacklist", lambda: blacklist.blacklist("abc", time.time() + 1000))
    blacklist._cache.clear()
    call("TokenBlacklist.is_blacklisted", lambda: blacklist.is_blacklisted("abc"))
    return service


async def asynchronous(service):
    database = AsyncDatabaseService.get_instance()
    await database.startup()
    scheduler = Scheduler(db_service=service, async_db=database)
    action = ScheduledAction(id=0, agent_id=1, name="x", schedule_type=ScheduleType.INTERVAL, interval_seconds=60)
    for name, work in (
        ("Scheduler._try_acquire_action_lock", lambda: scheduler._try_acquire_action_lock(1)),
        ("Scheduler.add_action", lambda: scheduler.add_action(action)),
        ("Scheduler._create_run_record", lambda: scheduler._create_run_record(action, "manual")),
        ("Scheduler.get_runs", lambda: scheduler.get_runs(1)),
    ):
        try:
            result = await work()
        except Exception as error:
            told(name, error)
        else:
            told(name, None if result else LookupError(f"it gave {result!r}"), repr(result)[:200])
    await database.shutdown()


asyncio.run(asynchronous(synchronous()))
