"""Setting the tables up, converting those of RoomKit 0.4-0.6 without losing a row, and repairs."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

from roomkit.store.postgres import PostgresSchemaError

from .calls import Calls

logger = logging.getLogger("roomkit.store.postgres")  # where RoomKit's users look for this warning

Progress = Callable[[str, int, int], None]

_BAR_WIDTH = 30
_V1 = (
    "The tables are those of RoomKit 0.4-0.6 (v1), which init() leaves as they are. Back up the database, then run "
    "PostgresStore.migrate(dry_run=False, confirm=True): it converts them to v2 and loses no row."
)
_UNCONFIRMED = (
    "Converting v1 tables to v2 keeps every row; take a backup, then call migrate(dry_run=False, confirm=True)."
)


class Upkeep(Calls):
    async def _set_up(self) -> None:
        schema = await self._schema()
        if schema["layout"] == 1:
            raise PostgresSchemaError(_V1)
        await self._ask("init", "schema_version", "room.setup")
        if schema["empty"] and not schema["extended"]:
            await self._extend_empty()
            schema = await self._schema()
        self._extended = schema["extended"]
        if not schema["unique_index"] and not (await self._schema())["unique_index"]:
            logger.warning(
                "idx_events_room_index is not UNIQUE: rows of one (room_id, index) exist, so nothing keeps two processes"
                " from giving an index twice. dedupe_event_indices(dry_run=False) repairs it."
            )

    async def _extend_empty(self) -> None:
        try:
            await self._ask("init", "schema_version", "room.setup_extras")
        except Exception as error:
            if getattr(error, "sqlstate", None) != "42501":  # a role with data rights only does without
                raise

    async def _schema(self) -> dict[str, Any]:
        return json.loads(await self._ask("init", "schema_version", "room.schema"))  # type: ignore[no-any-return]

    async def migrate(
        self, *, dry_run: bool = True, confirm: bool = False, progress: bool | Progress = False
    ) -> dict[str, Any]:
        """Converts the tables of RoomKit 0.4-0.6 (v1) to v2; nothing is lost, and nothing happens unless it is asked for.

        The old tables stay, under names that end in `_v1`, until `drop_v1_tables()`. Stopped halfway, it goes on where it
        was when called again.

        Args:
            dry_run: only report what would be converted.
            confirm: needed with ``dry_run=False``: a backup was taken, and no RoomKit works on the tables.
            progress: True draws a bar on standard error; a function is called with (phase, done, total).

        Returns:
            ``{"detected_version": 1 | 2, "action": "noop" | "dry_run" | "migrated", "dropped_tables": []}``, and for v1
            tables ``"report"``: rows by table, rooms whose events are numbered anew since two had one index, markers of
            events that are gone, and keys that no column holds.

        Raises:
            PostgresSchemaError: v1 tables and ``dry_run=False`` without ``confirm=True``.
        """
        if (await self._schema())["layout"] != 1:
            await self._ask("migrate", "schema_version", "room.setup")
            return {"detected_version": 2, "action": "noop", "dropped_tables": []}
        if not dry_run and not confirm:
            raise PostgresSchemaError(_UNCONFIRMED)
        report = json.loads(await self._ask("migrate", "schema_version", "room.migration_report"))
        if not dry_run:
            await self._convert(_bar if progress is True else progress or _silent)
        action = "dry_run" if dry_run else "migrated"
        return {"detected_version": 1, "action": action, "dropped_tables": [], "report": report}

    async def _convert(self, progress: Progress) -> None:
        for op in ("room.migrate_start", "room.setup", "room.setup_extras"):
            await self._ask("migrate", "schema_version", op)
        while (state := await self._migration())["phase"] not in ("done", None):  # None: there was nothing to copy
            progress(state["phase"], state["done"], state["total"])
            await self._ask("migrate", "schema_version", "room.migrate_step")
        progress("done", state["done"] or 0, state["total"] or 0)
        await self._ask("migrate", "schema_version", "room.migrate_finish")
        self._extended = True

    async def _migration(self) -> dict[str, Any]:
        return json.loads(await self._ask("migrate", "schema_version", "room.migration"))  # type: ignore[no-any-return]

    async def drop_v1_tables(self) -> None:
        """Deletes the old tables that a finished `migrate()` set aside, with what they hold. There is no way back."""
        await self._ask("drop_v1_tables", "schema_version", "room.migrate_drop")

    async def setup_extras(self) -> None:
        """Adds what StateKeep makes at once on an empty database: columns for the fields that RoomKit's tables do not
        hold, and indexes that keep routing, room lists and unread counts quick in large tables. RoomKit ignores both.

        Building the indexes takes its time on large tables, and keeps writers waiting meanwhile. Stores that are open
        elsewhere leave the columns empty until their next `init()`.
        """
        await self._ask("setup_extras", "schema_version", "room.setup_extras")
        self._extended = True

    async def dedupe_event_indices(self, *, dry_run: bool = True) -> dict[str, Any]:
        """Renumbers the rooms in which two events have one index, 0 to n-1, and makes the index unique.

        Read markers of those rooms may be off afterwards. Returns ``{"action": "dry_run" | "noop" | "repaired",
        "duplicate_rows", "affected_rooms", "now_unique"}``.
        """
        found = json.loads(await self._ask("dedupe_event_indices", "events", "room.count_duplicate_indices"))
        unique = (await self._schema())["unique_index"]
        if dry_run:
            return {**found, "now_unique": unique, "action": "dry_run"}
        if unique and not found["affected_rooms"]:
            return {**found, "now_unique": True, "action": "noop"}
        await self._ask("dedupe_event_indices", "events", "room.dedupe_event_indices")
        return {**found, "now_unique": True, "action": "repaired"}

    async def drop_legacy_parent_index(self, *, dry_run: bool = True) -> dict[str, Any]:
        """Drops `idx_events_parent`, which a newer index covers: ``{"action": "dry_run" | "noop" | "dropped"}``."""
        if not (await self._schema())["legacy_parent_index"]:
            return {"action": "noop"}
        if dry_run:
            return {"action": "dry_run"}
        await self._ask("drop_legacy_parent_index", "events", "room.drop_legacy_parent_index")
        return {"action": "dropped"}


def _silent(phase: str, done: int, total: int) -> None:
    pass


def _bar(phase: str, done: int, total: int) -> None:
    filled = _BAR_WIDTH * done // total if total else _BAR_WIDTH
    end = "\n" if phase == "done" else ""
    sys.stderr.write(f"\r{phase:20} [{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {done:,}/{total:,}{end}")
    sys.stderr.flush()
