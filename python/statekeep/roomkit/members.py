"""Who is in a room: channels bound to it and participants."""

from __future__ import annotations

import json
from typing import TypedDict

from pydantic import TypeAdapter, ValidationError
from roomkit.models.channel import ChannelBinding
from roomkit.models.participant import Participant
from roomkit.models.room import Room

from .calls import Calls
from .models import BINDING, PARTICIPANT


class _Context(TypedDict):
    """A room with its members, of one snapshot."""

    room: Room
    bindings: list[ChannelBinding]
    participants: list[Participant]


_CONTEXT = TypeAdapter(_Context | None).validator


class Members(Calls):
    async def add_binding(self, binding: ChannelBinding) -> ChannelBinding:
        return await self._put_binding("add_binding", binding)

    async def update_binding(self, binding: ChannelBinding) -> ChannelBinding:
        return await self._put_binding("update_binding", binding)

    async def _put_binding(self, method: str, binding: ChannelBinding) -> ChannelBinding:
        await self._ask(
            method, "bindings", f"room.{method}", binding.room_id, binding.channel_id, BINDING.text(binding)
        )
        return binding

    async def get_binding(self, room_id: str, channel_id: str) -> ChannelBinding | None:
        return BINDING.one(await self._ask("get_binding", "bindings", "room.get_binding", room_id, channel_id))

    async def binding_exists(self, room_id: str, channel_id: str) -> bool:
        return await self._ask("binding_exists", "bindings", "room.binding_exists", room_id, channel_id) == "true"

    async def remove_binding(self, room_id: str, channel_id: str) -> bool:
        return await self._ask("remove_binding", "bindings", "room.remove_binding", room_id, channel_id) == "true"

    async def list_bindings(self, room_id: str) -> list[ChannelBinding]:
        return BINDING.many(await self._ask("list_bindings", "bindings", "room.list_bindings", room_id))

    async def add_participant(self, participant: Participant) -> Participant:
        return await self._put_participant("add_participant", participant)

    async def update_participant(self, participant: Participant) -> Participant:
        return await self._put_participant("update_participant", participant)

    async def _put_participant(self, method: str, participant: Participant) -> Participant:
        await self._ask(
            method,
            "participants",
            f"room.{method}_narrow",
            participant.room_id,
            participant.id,
            PARTICIPANT.text(participant),
        )
        return participant

    async def get_participant(self, room_id: str, participant_id: str) -> Participant | None:
        return PARTICIPANT.one(
            await self._ask("get_participant", "participants", "room.get_participant", room_id, participant_id)
        )

    async def list_participants(self, room_id: str) -> list[Participant]:
        return PARTICIPANT.many(await self._ask("list_participants", "participants", "room.list_participants", room_id))

    async def load_room_context(self, room_id: str) -> tuple[Room | None, list[ChannelBinding], list[Participant]]:
        text = await self._ask("load_room_context", "rooms", "room.load_context", room_id)
        try:
            context = _CONTEXT.validate_json(text)
        except ValidationError:  # as Documents: nested deeper than pydantic's parser goes, or the error of the one row
            context = _CONTEXT.validate_python(json.loads(text))
        if context is None:
            return None, [], []
        return context["room"], context["bindings"], context["participants"]
