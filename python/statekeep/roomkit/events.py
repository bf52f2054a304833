"""Events of rooms: committing, changing, reading."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from roomkit.core.exceptions import IdempotencyKeyTakenError
from roomkit.models.event import RoomEvent, ThreadSummary
from roomkit.models.store_filter import EventFilter
from roomkit.store.base import key_taken, target_gone

from .calls import Calls
from .errors import key_violation, refuses_key
from .models import EVENT, FILTER, THREAD, mapping, words
from .texts import flag, number


class Events(Calls):
    async def add_event(self, event: RoomEvent) -> RoomEvent:
        await self._write("add_event", "room.add_event", event, event.room_id, EVENT.text(event))
        return event

    async def add_event_auto_index(self, room_id: str, event: RoomEvent) -> RoomEvent:
        index = await self._write(
            "add_event_auto_index", "room.add_event_auto_index", event, room_id, EVENT.text(event)
        )
        return event.model_copy(update={"index": int(index)})

    async def commit_event(
        self,
        room_id: str,
        event: RoomEvent,
        *,
        target: RoomEvent | None = None,
        activity: bool = True,
    ) -> RoomEvent:
        if target is not None:
            return await self._commit_change(room_id, event, target, activity)
        index = await self._write(
            "commit_event", "room.commit_event", event, room_id, EVENT.text(event), flag(activity)
        )
        return event.model_copy(update={"index": int(index)})

    async def _commit_change(self, room_id: str, event: RoomEvent, target: RoomEvent, activity: bool) -> RoomEvent:
        answer = json.loads(
            await self._write(
                "commit_event",
                "room.commit_change",
                event,
                room_id,
                EVENT.text(event),
                EVENT.text(target),
                flag(activity),
                refused=partial(target_gone, target),
            )
        )
        if answer["late"]:  # an event came while the deletion waited for the room: it may be an edit of what is deleted
            await self._ask("commit_event", "events", "room.mark_edits_deleted", room_id, target.id)
        return event.model_copy(update={"index": answer["index"]})

    async def _write(self, method: str, op: str, event: RoomEvent, *arguments: Any, refused: Any = None) -> str:
        """Writes an event; a key that its channel holds is RoomKit's own error, caused by the driver's."""
        try:
            return await self._ask(method, "events", op, *arguments, refused=refused or partial(key_taken, event))
        except IdempotencyKeyTakenError as error:
            raise error from (key_violation() or error.__cause__)
        except Exception as error:
            # An event that is stored itself is refused for its id, whichever index the server looked at first.
            if not refuses_key(error, event) or await self._submit("room.get_event", event.id) != "null":
                raise
            raise key_taken(event) from error

    async def get_event(self, event_id: str) -> RoomEvent | None:
        return EVENT.one(await self._ask("get_event", "events", "room.get_event", event_id))

    async def update_event(self, event: RoomEvent) -> RoomEvent:
        await self._ask("update_event", "events", "room.update_event", event.id, EVENT.text(event))
        return event

    async def write_change_target(self, room_id: str, target: RoomEvent) -> None:
        await self._ask(
            "write_change_target",
            "events",
            "room.write_change_target",
            room_id,
            EVENT.text(target),
            refused=partial(target_gone, target),
        )
        if target.metadata.get("deleted") is True:  # an edit may have come while this waited for the room
            await self._ask("write_change_target", "events", "room.mark_edits_deleted", room_id, target.id)

    async def record_delivery_results(self, room_id: str, event_id: str, results: dict[str, Any]) -> None:
        await self._ask(
            "record_delivery_results",
            "events",
            "room.record_delivery_results",
            room_id,
            event_id,
            mapping(results),
        )

    async def delete_event(self, room_id: str, event_id: str, *, cascade_replies: bool = True) -> list[RoomEvent]:
        cascade = flag(cascade_replies)
        gone = json.loads(await self._ask("delete_event", "events", "room.delete_event", room_id, event_id, cascade))
        late = [event["id"] for event in gone if event.pop("late")]
        if late:  # events came while the deletion waited for the room: some may belong to what it deleted
            more = await self._ask("delete_event", "events", "room.delete_orphans", room_id, words(late), cascade)
            gone += json.loads(more)
        events = [RoomEvent.model_validate(event) for event in gone]
        return sorted(events, key=partial(_place, event_id, cascade_replies)) if late else events

    async def list_events(
        self,
        room_id: str,
        offset: int = 0,
        limit: int = 50,
        visibility_filter: str | None = None,
        *,
        after_index: int | None = None,
        before_index: int | None = None,
        event_filter: EventFilter | None = None,
        newest_first: bool = False,
    ) -> list[RoomEvent]:
        if after_index is not None and before_index is not None:
            raise ValueError("after_index and before_index are mutually exclusive")
        if after_index is not None or before_index is not None:
            offset = 0  # it is for pages without a cursor
        page = (number(limit), number(offset), number(after_index), number(before_index), flag(newest_first))
        if event_filter is None and visibility_filter is None:
            return EVENT.many(await self._ask("list_events", "events", "room.list_events", room_id, *page))
        if event_filter is None:
            event_filter = EventFilter(visibility=visibility_filter)
        elif event_filter.visibility is None:
            event_filter = event_filter.model_copy(update={"visibility": visibility_filter})
        return EVENT.many(
            await self._ask("list_events", "events", "room.find_events", room_id, FILTER.text(event_filter), *page)
        )

    async def get_thread_summaries(self, room_id: str, root_event_ids: list[str]) -> dict[str, ThreadSummary]:
        if not root_event_ids:
            return {}
        found = await self._ask(
            "get_thread_summaries", "events", "room.get_thread_summaries", room_id, words(root_event_ids)
        )
        return {summary.root_event_id: summary for summary in THREAD.many(found)}

    async def check_idempotency(self, room_id: str, key: str, *, channel_id: str | None) -> bool:
        held = await self._ask("check_idempotency", "events", "room.check_idempotency", room_id, key, channel_id)
        return held == "true"

    async def get_event_by_idempotency_key(self, room_id: str, key: str, *, channel_id: str | None) -> RoomEvent | None:
        return EVENT.one(
            await self._ask(
                "get_event_by_idempotency_key",
                "events",
                "room.get_event_by_idempotency_key",
                room_id,
                key,
                channel_id,
            )
        )

    async def get_event_count(self, room_id: str, event_filter: EventFilter | None = None) -> int:
        counted = await self._ask(
            "get_event_count",
            "events",
            "room.count_events",
            room_id,
            None if event_filter is None else FILTER.text(event_filter),
        )
        return int(counted)


def _place(event_id: str, cascade_replies: bool, event: RoomEvent) -> tuple[int, int]:
    """Where an event that was deleted with another one stands: that one, its replies, then the changes, by index."""
    reply = cascade_replies and event.parent_event_id == event_id
    return 0 if event.id == event_id else 1 if reply else 2, event.index
