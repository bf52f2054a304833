"""Arguments of RoomKit's methods as the engine's texts; None is SQL NULL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic_core import to_json


def flag(value: bool | None) -> str | None:
    return None if value is None else "true" if value else "false"


def number(value: int | None) -> str | None:
    return None if value is None else str(int(value))


def moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def words(values: Iterable[str]) -> bytes:
    """A list of texts, as a JSON array."""
    return to_json(list(values))
