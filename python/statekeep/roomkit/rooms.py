"""Rooms, their routing and their private state."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from roomkit.core.exceptions import RoomNotFoundError
from roomkit.models.enums import RoomStatus
from roomkit.models.room import Room
from roomkit.models.store_filter import RoomFilter
from roomkit.store.base import room_taken

from .calls import REFUSED, Calls
from .models import ROOM, document, mapping, words
from .texts import flag, moment, number


class Rooms(Calls):
    async def create_room(self, room: Room) -> Room:
        created = await self._ask("create_room", "rooms", "room.create", room.id, ROOM.text(room))
        if created == REFUSED:
            raise room_taken(room.id)
        return room

    async def get_room(self, room_id: str) -> Room | None:
        return ROOM.one(await self._ask("get_room", "rooms", "room.get", room_id))

    async def update_room(self, room: Room) -> Room:
        stored = await self._ask(
            "update_room", "rooms", "room.update", room.id, ROOM.text(room), refused=partial(RoomNotFoundError, room.id)
        )
        return room.model_copy(update=json.loads(stored))

    async def update_room_if(
        self,
        room: Room,
        *,
        status: RoomStatus,
        paused_at: datetime | None,
        last_activity_at: datetime | None,
    ) -> Room | None:
        stored = await self._ask(
            "update_room_if",
            "rooms",
            "room.update_if",
            room.id,
            ROOM.text(room),
            status,
            moment(paused_at),
            moment(last_activity_at),
        )
        return None if stored == REFUSED else room.model_copy(update=json.loads(stored))

    async def room_exists(self, room_id: str) -> bool:
        return await self._ask("room_exists", "rooms", "room.exists", room_id) == "true"

    async def get_delivered_index(self, room_id: str) -> int:
        return int(await self._ask("get_delivered_index", "rooms", "room.get_delivered_index", room_id))

    async def advance_delivered_index(self, room_id: str, index: int, *, force: bool = False) -> bool:
        moved = await self._ask(
            "advance_delivered_index",
            "rooms",
            "room.advance_delivered_index",
            room_id,
            number(index),
            flag(force),
        )
        return moved == "true"

    async def patch_room_metadata(
        self, room_id: str, patch: dict[str, Any], *, unset: Sequence[str] = ()
    ) -> Room | None:
        return ROOM.one(
            await self._ask(
                "patch_room_metadata", "rooms", "room.patch_metadata", room_id, mapping(patch), words(unset)
            )
        )

    async def delete_room(self, room_id: str) -> bool:
        return await self._ask("delete_room", "rooms", "room.delete", room_id) == "true"

    async def list_rooms(self, offset: int = 0, limit: int = 50) -> list[Room]:
        return ROOM.many(await self._ask("list_rooms", "rooms", "room.list", number(limit), number(offset)))

    async def find_rooms(
        self,
        organization_id: str | None = None,
        status: str | None = None,
        metadata_filter: dict[str, Any] | None = None,
        *,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Room]:
        found = await self._ask(
            "find_rooms",
            "rooms",
            "room.find",
            organization_id,
            status,
            document(metadata_filter) if metadata_filter else None,
            number(limit),
            number(offset),
        )
        return ROOM.many(found)

    async def find_latest_room(
        self, participant_id: str, channel_type: str | None = None, status: str | None = None
    ) -> Room | None:
        return ROOM.one(
            await self._ask("find_latest_room", "rooms", "room.find_latest", participant_id, channel_type, status)
        )

    async def find_room_id_by_channel(self, channel_id: str, status: str | None = None) -> str | None:
        statuses = None if status is None else [RoomStatus(status)]
        found = await self.find_room_ids_by_channel(channel_id, RoomFilter(statuses=statuses), 1)
        return found[0] if found else None

    async def find_room_ids_by_channel(
        self,
        channel_id: str,
        room_filter: RoomFilter | None = None,
        limit: int = 2,
        *,
        group: bool | None = None,
    ) -> list[str]:
        found = await self._ask(
            "find_room_ids_by_channel",
            "bindings",
            "room.find_ids_by_channel",
            channel_id,
            *_narrowed(room_filter),
            flag(group),
            number(limit),
        )
        return json.loads(found)  # type: ignore[no-any-return]

    async def find_room_id_by_binding(
        self,
        channel_id: str,
        participant_id: str,
        identity_id: str | None = None,
        room_filter: RoomFilter | None = None,
        *,
        recipient_key: str | None = None,
    ) -> str | None:
        found = await self._ask(
            "find_room_id_by_binding",
            "bindings",
            "room.find_id_by_binding",
            channel_id,
            participant_id,
            identity_id,
            *_narrowed(room_filter),
            recipient_key,
        )
        return json.loads(found)  # type: ignore[no-any-return]

    async def find_room_id_by_participant(
        self,
        channel_id: str,
        participant_id: str,
        identity_id: str | None = None,
        room_filter: RoomFilter | None = None,
    ) -> str | None:
        found = await self._ask(
            "find_room_id_by_participant",
            "participants",
            "room.find_id_by_participant",
            channel_id,
            participant_id,
            identity_id,
            *_narrowed(room_filter),
        )
        return json.loads(found)  # type: ignore[no-any-return]

    async def get_private_state(self, room_id: str, key: str) -> dict[str, Any] | None:
        value = json.loads(
            await self._ask("get_private_state", "private_state", "room.get_private_state", room_id, key)
        )
        return value if isinstance(value, dict) else None

    async def set_private_state(self, room_id: str, key: str, value: dict[str, Any] | None) -> None:
        await self._ask(
            "set_private_state",
            "private_state",
            "room.set_private_state",
            room_id,
            key,
            None if value is None else document(value),
        )


def _narrowed(room_filter: RoomFilter | None) -> tuple[bytes | None, str | None]:
    """The statuses and the organization of a filter, as arguments."""
    if room_filter is None:
        return None, None
    return None if room_filter.statuses is None else words(room_filter.statuses), room_filter.organization_id
