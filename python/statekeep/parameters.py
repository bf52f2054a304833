"""Python values as parameters of SQL: the text or bytes of each, and the OID of its type where that helps the server.

The choices are psycopg's, so that a statement means the same through either: text has no type of its own and takes that
of its place, an integer is as small as it can be, an aware time is a timestamptz."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from .texts import Json, to_json

Bound = tuple[str | bytes | None, int]  # bytes travel in binary form
Dumper = Callable[[Any], Bound]

_ARRAYS = {
    16: 1000, 17: 1001, 20: 1016, 21: 1005, 23: 1007, 114: 199, 650: 651, 701: 1022, 869: 1041, 1082: 1182, 1083: 1183,
    1114: 1115, 1184: 1185, 1186: 1187, 1266: 1270, 1700: 1231, 2950: 2951, 3802: 3807,
}  # fmt: skip
_NEEDS_QUOTES = re.compile(r'[\s{},"\\]|^$|^null$', re.IGNORECASE)
_ESCAPED = re.compile(r'(["\\])')


def bind(values: Iterable[Any]) -> list[Any]:
    """The flat list [value, OID, value, OID, …] that the extension takes for $1, $2, …

    Raises TypeError for a value that SQL has no type for, ValueError for text with a NUL.
    """
    bound: list[Any] = []
    for value in values:
        if value is None:
            bound += (None, 0)
        else:
            cls = type(value)
            bound += (_DUMPERS.get(cls) or _find_dumper(cls))(value)
    return bound


def add_dumper(cls: type, dumper: Dumper) -> None:
    """Has values of `cls`, and of its subclasses, bound by `dumper`: a function that gives (text or bytes, OID)."""
    _DUMPERS[cls] = dumper


def _find_dumper(cls: type) -> Dumper:
    for base in cls.__mro__:
        if base in _DUMPERS:
            _DUMPERS[cls] = _DUMPERS[base]
            return _DUMPERS[base]
    for find in fallbacks:
        dumper = find(cls)
        if dumper is not None:
            _DUMPERS[cls] = dumper
            return dumper
    raise TypeError(f"cannot adapt type {cls.__name__!r}: SQL has no type for it")


# Asked in turn for a dumper of a type that is not known here; one that does not know it either gives None.
fallbacks: list[Callable[[type], Dumper | None]] = []


def _text(value: str) -> Bound:
    if "\0" in value:
        raise ValueError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return value, 0


def _int(value: int) -> Bound:
    if -32768 <= value <= 32767:
        return int.__repr__(value), 21
    if -2147483648 <= value <= 2147483647:
        return int.__repr__(value), 23
    if -9223372036854775808 <= value <= 9223372036854775807:
        return int.__repr__(value), 20
    return int.__repr__(value), 1700


def _datetime(value: datetime) -> Bound:
    return str(value), 1114 if value.tzinfo is None else 1184


def _time(value: time) -> Bound:
    return str(value), 1083 if value.tzinfo is None else 1266


def _timedelta(value: timedelta) -> Bound:
    return f"{value.days} day {value.seconds} second {value.microseconds} microsecond", 1186


def _json(value: Any) -> Bound:
    text = to_json(value)
    return text.decode() if isinstance(text, bytes) else text, 3802


def _list(value: list[Any]) -> Bound:
    """An array of the type of its items; without any it is of its place's type."""
    oids: set[int] = set()
    text = _array_text(value, oids)
    if oids <= {0}:
        return text, 0
    if oids <= {21, 23, 20, 1700}:
        return text, _ARRAYS[max(oids, key=(21, 23, 20, 1700).index)]
    if len(oids) > 1:
        raise TypeError("the items of an array must be of one type")
    return text, _ARRAYS.get(oids.pop(), 0)


def _array_text(items: list[Any], oids: set[int]) -> str:
    texts = []
    for item in items:
        if item is None:
            texts.append("NULL")
        elif isinstance(item, list):
            texts.append(_array_text(item, oids))
        else:
            value, oid = (_DUMPERS.get(type(item)) or _find_dumper(type(item)))(item)
            text = "\\x" + value.hex() if isinstance(value, bytes) else str(value)
            texts.append('"' + _ESCAPED.sub(r"\\\1", text) + '"' if _NEEDS_QUOTES.search(text) else text)
            oids.add(oid)
    return "{" + ",".join(texts) + "}"


_DUMPERS: dict[type, Dumper] = {
    str: _text,
    int: _int,
    bool: lambda value: ("t" if value else "f", 16),
    float: lambda value: (float.__repr__(value), 701),
    Decimal: lambda value: (str(value), 1700),
    bytes: lambda value: (bytes(value), 17),
    bytearray: lambda value: (bytes(value), 17),
    memoryview: lambda value: (bytes(value), 17),
    datetime: _datetime,
    date: lambda value: (str(value), 1082),
    time: _time,
    timedelta: _timedelta,
    UUID: lambda value: (str(value), 2950),
    dict: _json,
    Json: _json,
    list: _list,
    ipaddress.IPv4Address: lambda value: (str(value), 869),
    ipaddress.IPv6Address: lambda value: (str(value), 869),
    ipaddress.IPv4Network: lambda value: (str(value), 650),
    ipaddress.IPv6Network: lambda value: (str(value), 650),
}
