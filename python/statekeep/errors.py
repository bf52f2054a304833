"""What a call can fail with: one exception class for each of the engine's statuses."""

from __future__ import annotations

import json
from typing import Any


class Error(Exception):
    """A call that did not end well.

    Attributes:
        status: the engine's word for it, such as ``"CONFLICT"``; the same for every error of a class.
        op: the operation, such as ``"state.save"``, or None when opening a store failed.
        sqlstate: the server's five-character code, or None when the server had no part in it.
        detail, hint: what the server adds to its message, or None.
        schema, table, column, constraint: the names it gives of what refused, or None.
        position: where in the statement, in characters from 1, or None.
        retry: True when the same call may succeed later and repeating it does no harm.
        reason: for Unknown: ``"link"``, ``"deadline"`` or ``"memory"``; for Deadline: ``"queue"`` past the option queue_ms;
            else None.
    """

    status = "INTERNAL"

    def __init__(
        self,
        message: str = "",
        op: str | None = None,
        sqlstate: str | None = None,
        detail: str | None = None,
        retry: bool = False,
        reason: str | None = None,
        **told: Any,
    ) -> None:
        super().__init__(message)
        self.op = op
        self.sqlstate = sqlstate
        self.detail = detail
        self.retry = retry
        self.reason = reason
        self.hint: str | None = told.get("hint")
        self.schema: str | None = told.get("schema")
        self.table: str | None = told.get("table")
        self.column: str | None = told.get("column")
        self.constraint: str | None = told.get("constraint")
        self.position: int | None = told.get("position")

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (str(self), self.op, self.sqlstate, self.detail, self.retry, self.reason)
        return type(self), fields, self.__dict__


class Absent(Error):
    """The operation needs a row that is not there."""

    status = "ABSENT"


class Conflict(Error):
    """Another version, key or owner was there first."""

    status = "CONFLICT"


class Invalid(Error, ValueError):
    """An argument, a name or an option is wrong; nothing was stored."""

    status = "INVALID"


class Deadline(Error, TimeoutError):
    """The call's time was over before an answer; nothing was or will be stored by it."""

    status = "DEADLINE"


class Cancelled(Error):
    """The caller let go; what was sent already may take effect."""

    status = "CANCELLED"


class Unknown(Error):
    """Sent, but whether it was committed is not known; `reason` says why."""

    status = "UNKNOWN"


class Unavailable(Error, ConnectionError):
    """No server that serves us: unreachable, refusing, tables missing; nothing was stored."""

    status = "UNAVAILABLE"


class Full(Error):
    """The queue is full; nothing was stored. Calls of this package wait for room instead."""

    status = "FULL"


class Closed(Error):
    """The store is closed; nothing was stored."""

    status = "CLOSED"


class Forked(Error):
    """The store belongs to the parent process; open another one here."""

    status = "FORKED"


class NoMemory(Error, MemoryError):
    """An allocation failed; nothing was stored."""

    status = "NO_MEMORY"


class Internal(Error):
    """A mistake of StateKeep's or an unforeseen answer; see the message."""

    status = "INTERNAL"


_CLASSES: tuple[type[Error], ...] = (
    Absent, Conflict, Invalid, Deadline, Cancelled, Unknown, Unavailable, Full, Closed, Forked, NoMemory, Internal,
)  # fmt: skip


def from_status(status: int, text: str | None, op: str | None = None) -> Error:
    """The exception for a final status of the engine and the JSON error that came with it (None: none could be had)."""
    cls = _CLASSES[status - 1]
    if text is None:
        return cls("the answer does not fit into memory or is not UTF-8", op)
    told: dict[str, Any] = json.loads(text)
    told.pop("status", None)
    return cls(told.pop("message", ""), told.pop("op", None) or op, **told)
