"""What rooms keep beside their timeline: read markers, tasks, observations, voice deliveries."""

from __future__ import annotations

import json
from functools import partial

from roomkit.models.task import Observation, Task
from roomkit.models.voice_delivery import VoiceDeliveryRecord

from .calls import Calls
from .models import DELIVERY, OBSERVATION, TASK, document


class Records(Calls):
    async def mark_read(self, room_id: str, channel_id: str, event_id: str) -> None:
        await self._ask("mark_read", "read_markers", "room.mark_read", room_id, channel_id, event_id)

    async def mark_all_read(self, room_id: str, channel_id: str) -> None:
        await self._ask("mark_all_read", "read_markers", "room.mark_all_read", room_id, channel_id)

    async def get_unread_count(self, room_id: str, channel_id: str) -> int:
        counted = await self._ask("get_unread_count", "read_markers", "room.get_unread_count", room_id, channel_id)
        return int(counted)

    async def list_read_markers(self, room_id: str) -> dict[str, int]:
        markers = json.loads(await self._ask("list_read_markers", "read_markers", "room.list_read_markers", room_id))
        return {marker["channel_id"]: marker["event_index"] for marker in markers}

    async def add_task(self, task: Task) -> Task:
        await self._ask("add_task", "tasks", "room.add_task", task.id, TASK.text(task))
        return task

    async def update_task(self, task: Task) -> Task:
        await self._ask("update_task", "tasks", "room.update_task", task.id, TASK.text(task))
        return task

    async def get_task(self, task_id: str) -> Task | None:
        return TASK.one(await self._ask("get_task", "tasks", "room.get_task", task_id))

    async def list_tasks(self, room_id: str, status: str | None = None) -> list[Task]:
        return TASK.many(await self._ask("list_tasks", "tasks", "room.list_tasks", room_id, status))

    async def add_observation(self, observation: Observation) -> Observation:
        await self._ask(
            "add_observation",
            "observations",
            "room.add_observation",
            observation.id,
            OBSERVATION.text(observation),
        )
        return observation

    async def list_observations(self, room_id: str) -> list[Observation]:
        return OBSERVATION.many(await self._ask("list_observations", "observations", "room.list_observations", room_id))

    async def get_voice_delivery(self, room_id: str, key_hash: str) -> VoiceDeliveryRecord | None:
        return DELIVERY.one(
            await self._ask("get_voice_delivery", "voice_deliveries", "room.get_voice_delivery", room_id, key_hash)
        )

    async def claim_voice_delivery(self, record: VoiceDeliveryRecord) -> VoiceDeliveryRecord:
        if record.outcome is not None:
            raise ValueError("A new claim must have no outcome")
        standing = DELIVERY.one(
            await self._ask(
                "claim_voice_delivery",
                "voice_deliveries",
                "room.claim_voice_delivery",
                record.room_id,
                record.key_hash,
                DELIVERY.text(record),
                refused=partial(ValueError, "Room does not exist"),
            )
        )
        assert standing is not None  # the operation gives a record or fails
        return standing

    async def complete_voice_delivery(self, record: VoiceDeliveryRecord) -> bool:
        if record.outcome is None:
            raise ValueError("Completion requires an outcome")
        completed = await self._ask(
            "complete_voice_delivery",
            "voice_deliveries",
            "room.complete_voice_delivery",
            record.room_id,
            record.key_hash,
            record.attempt_id,
            document(record.outcome),
        )
        return completed == "true"
