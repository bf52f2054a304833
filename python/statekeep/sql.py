"""What leases of both kinds share: the texts of transactions and cursors, rows as COPY's lines, who holds a lease."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import _core
from .errors import Invalid
from .parameters import bind
from .texts import from_json

CHUNK_BYTES = 65536  # of a COPY in: what is gathered before it is sent
ISOLATION = ("read uncommitted", "read committed", "repeatable read", "serializable")
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_SELECTS = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:select|values|table)\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Notification:
    """What `notify` sent on a channel that is listened to."""

    channel: str
    payload: str
    pid: int  # of the server process that sent it


class Held:
    """A lease's number, and with it the right to the lease. Dropped, it goes back; a user's own is then reported."""

    __slots__ = ("handle", "number", "used", "returned", "_owner")

    def __init__(self, handle: Any, answer: str) -> None:
        self.handle = handle
        self.number: int = from_json(answer)["lease"]
        self.used = False  # it came into a user's hands
        self.returned: Callable[[], object] | None = None  # called when it has gone back
        self._owner = os.getpid()

    def give_back(self) -> None:
        if self.number:
            _core.lease_return(self.handle, self.number)
            if self.returned is not None:
                self.returned()
            self.number = 0  # last: what a signal's handler interrupted is done again, at the latest by __del__

    def __del__(self) -> None:
        if self.number and self._owner == os.getpid():
            if self.used:
                warnings.warn("a lease was dropped without being returned", ResourceWarning, source=self)
            self.give_back()


def begin_text(isolation: str | None, read_only: bool, deferrable: bool) -> str:
    """`isolation`: as in SQL, in any case, with spaces, underscores or hyphens."""
    modes = []
    if isolation is not None:
        level = re.sub(r"[\s_-]+", " ", isolation).strip().lower()
        if level not in ISOLATION:
            raise Invalid(f"isolation is one of {', '.join(ISOLATION)}, not {isolation!r}")
        modes.append(f"isolation level {level}")
    if read_only:
        modes.append("read only")
    if deferrable:
        modes.append("deferrable")
    return " ".join(["begin", ", ".join(modes)]).strip()


def check_committed(command: str) -> None:
    """A transaction in which a statement failed ends with ROLLBACK, whatever was asked for."""
    if command == "ROLLBACK":
        raise Invalid("nothing was committed: a statement of the transaction had failed", "sql.commit", "25P02")


def has_cursor(sql: str) -> bool:
    """Whether the statement can be read through a cursor; whatever else gives rows gives them all at once."""
    return _SELECTS.match(sql) is not None


def quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def copy_line(row: Sequence[Any]) -> str:
    """A row as a line of COPY's text format."""
    bound = bind(row)
    return "\t".join(_copy_field(value) for value in bound[::2]) + "\n"


def _copy_field(value: str | bytes | None) -> str:
    if value is None:
        return r"\N"
    return "\\\\x" + value.hex() if isinstance(value, bytes) else value.translate(_ESCAPES)


class Chunks:
    """Gathers what a COPY in is given, str, bytes and rows, into pieces worth a trip."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, item: str | bytes | Sequence[Any]) -> bytes | None:
        """A piece to be sent now, if there is enough for one."""
        if isinstance(item, str):
            item = item.encode()
        elif not isinstance(item, (bytes, bytearray, memoryview)):
            item = copy_line(item).encode()
        self._parts.append(bytes(item))
        self._size += len(item)
        return self.rest() if self._size >= CHUNK_BYTES else None

    def rest(self) -> bytes | None:
        if not self._parts:
            return None
        piece = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return piece


def chunks_of(source: str | bytes | Iterable[Any]) -> Iterator[bytes]:
    """The pieces of a COPY in that is given whole or by an iterable."""
    chunks = Chunks()
    items: Iterable[Any] = [source] if isinstance(source, (str, bytes, bytearray, memoryview)) else source
    for item in items:
        piece = chunks.add(item)
        if piece is not None:
            yield piece
    piece = chunks.rest()
    if piece is not None:
        yield piece
