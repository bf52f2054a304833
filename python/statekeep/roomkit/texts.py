"""Arguments of RoomKit's methods as the engine's texts; None is SQL NULL."""

from __future__ import annotations

from datetime import datetime

from .errors import unwritable


def flag(value: bool | None) -> str | None:
    return None if value is None else "true" if value else "false"


def number(value: int | None) -> str | None:
    """Whatever has an integer's value, as asyncpg takes it; a text has none."""
    if value is None:
        return None
    if not hasattr(value, "__int__"):
        raise unwritable(TypeError(f"{value!r}: '{type(value).__name__}' object cannot be interpreted as an integer"))
    return str(int(value))


def moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
