"""Python values as the text that operations take, and their answers back."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from .errors import Invalid

_INT_MAX = 2**31 - 1

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # typeshed lacks it

# What a value that cannot be text makes json, the converters here and the extension raise.
REFUSED = (TypeError, ValueError, OverflowError, RecursionError)


class Json:
    """JSON text that goes to the server untouched, in place of a Python value: ``Json('{"n": 1.10}')``.

    `text` is str, or bytes in UTF-8. Use it to keep what Python's own types lose, such as the digits of a long decimal.
    """

    __slots__ = ("text",)

    def __init__(self, text: str | bytes) -> None:
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"str or bytes expected, got {type(text).__name__}")
        self.text = text

    def __repr__(self) -> str:
        return f"Json({self.text!r})"


def to_json(value: Any) -> str | bytes:
    return value.text if type(value) is Json else _encode(value)


def to_int(value: int) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"int expected, got {type(value).__name__}")
    return str(value)


def to_bool(value: bool) -> str:
    if not isinstance(value, bool):
        raise TypeError(f"bool expected, got {type(value).__name__}")
    return "true" if value else "false"


def to_time(value: datetime | str) -> str:
    """ISO 8601. A time without a zone is refused: whose noon it is would depend on the server."""
    if isinstance(value, str):
        return value
    if not isinstance(value, datetime):
        raise TypeError(f"datetime or str expected, got {type(value).__name__}")
    if value.tzinfo is None:
        raise ValueError("a time needs its time zone")
    return value.isoformat()


def to_bytes(value: bytes | bytearray | memoryview) -> bytes:
    return bytes(memoryview(value))


def to_vector(value: Iterable[float]) -> bytes:
    """32-bit floats, packed. An ``array('f')`` or a buffer of such floats (numpy's float32) is taken as it is."""
    if not isinstance(value, (list, tuple)):
        try:
            view = memoryview(value)  # type: ignore[arg-type]  # what has no buffer raises
        except TypeError:
            value = list(value)
        else:
            if view.format == "f":
                return view.tobytes()
    return array("f", value).tobytes()


def from_json(text: str) -> Any:
    """The Python value of an answer.

    The engine's answers are JSON without white space around them, so json's scanner does without what json.loads()
    looks at first.
    """
    return _scan(text, 0)[0]


def to_milliseconds(seconds: float) -> int:
    """A `timeout` as the engine wants it: at least 1 ms, and negative for math.inf (no deadline)."""
    if seconds == math.inf:
        return -1
    return max(1, min(math.ceil(seconds * 1000), _INT_MAX))


def refusal(op: str, error: Exception) -> Invalid:
    """The Invalid for what converting arguments raised, which becomes its cause."""
    if isinstance(error, Invalid):
        return error
    invalid = Invalid(str(error), op)
    invalid.__cause__ = error
    return invalid
