"""Telemetry of both stores, side by side: where theirs has a span ours has the very same, and no call is without one."""

import asyncio

from roomkit.models.room import Room
from roomkit.store.postgres import PostgresStore as TheirStore
from roomkit.telemetry.base import SpanKind
from roomkit.telemetry.context import restored_span
from roomkit.telemetry.mock import MockTelemetryProvider
from statekeep.roomkit import PostgresStore
from test_round_trips import CALLS, ROOM, event, fill

FAILS = {
    "an unknown room": lambda s, e: s.update_room(Room(id="missing")),
    "a room that is there": lambda s, e: s.create_room(Room(id=ROOM)),
    "a key that is taken": lambda s, e: s.commit_event(ROOM, event(idempotency_key="k")),
    "an event that is there": lambda s, e: s.add_event_auto_index(ROOM, e[0]),
    "no room for an event": lambda s, e: s.commit_event("missing", event().model_copy(update={"room_id": "missing"})),
    "a target that is gone": lambda s, e: s.commit_event(ROOM, event(), target=event()),
    "two cursors": lambda s, e: s.list_events(ROOM, after_index=1, before_index=2),
    "a limit below 0": lambda s, e: s.list_events(ROOM, limit=-1),
}


def told(span):
    return span.kind, span.name, span.parent_id, span.attributes, span.status, span.room_id


async def spans(store, calls):
    """{call: the spans it leaves, whether it failed}, each made inside a span of its own."""
    found = {}
    async with store:
        events = await fill(store)
        for name, call in calls.items():
            store._telemetry = provider = MockTelemetryProvider()
            with restored_span(f"parent of {name}"):
                (outcome,) = await asyncio.gather(call(store, events), return_exceptions=True)
            assert not provider.get_active_spans()
            assert all(span.error_message for span in provider.spans if span.status == "error")
            found[name] = [told(span) for span in provider.spans], isinstance(outcome, Exception)
    return found


def test_spans_are_theirs(server):
    calls = {**CALLS, **FAILS}

    async def run(make):
        database = server.create_database()
        try:
            return await spans(make(server.url(database)), calls)
        finally:
            server.drop_database(database)

    theirs, ours = asyncio.run(run(TheirStore)), asyncio.run(run(PostgresStore))
    spanned = {name for name, (left, _) in theirs.items() if left}
    assert len(spanned) > len(calls) / 2
    assert {name: ours[name] for name in spanned} == {name: theirs[name] for name in spanned}
    for name in theirs.keys() - spanned - {"two cursors"}:  # refused before anything is asked
        ((kind, called, parent, attributes, status, _),), _ = ours[name]
        assert (kind, parent, status) == (SpanKind.STORE_QUERY, f"parent of {name}", "ok")
        assert called == f"store.{attributes['store.operation']}"
