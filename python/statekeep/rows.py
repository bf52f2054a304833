"""What a statement gives, as Python values: rows that are dicts, columns by their types' OIDs."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from .errors import Invalid
from .texts import from_json


class Row(dict[Any, Any]):
    """A row: its values by column name, and by position: ``row["id"]``, ``row[0]``."""

    __slots__ = ()

    def __missing__(self, key: Any) -> Any:
        if isinstance(key, int):
            return self._in_order()[key]
        raise KeyError(key)

    def _in_order(self) -> list[Any]:
        return list(self.values())


class RepeatingRow(Row):
    """A row with several columns of one name: by name the last of them, by position each."""

    __slots__ = ("_all",)
    _all: list[Any]

    def _in_order(self) -> list[Any]:
        return self._all


class Rows(list[Row]):
    """The rows of a statement, and what else it told.

    Attributes:
        command: such as ``"SELECT 2"``.
        row_count: rows returned or changed; None where the command has none.
        columns: names; None for a statement that returns no rows.
        types: the OIDs of their types; None likewise.
        more: results of further statements, when several were sent at once.
    """

    __slots__ = ("command", "row_count", "columns", "types", "more")
    command: str
    row_count: int | None
    columns: list[str] | None
    types: list[int] | None
    more: list[Rows]


def to_rows(text: str, cls: type[Rows] = Rows) -> Rows:
    """The `cls` for the JSON text of a statement's result. Raises Invalid for that of a copy, whose rows go another way."""
    result: dict[str, Any] = from_json(text)
    if "copy" in result or ("more" in result and "copy" in result["more"][-1]):
        raise Invalid("a copy cannot be run as a query, but as one of the copies", "sql.query")
    rows = _to_rows(result, cls)
    if "more" in result:
        rows.more = [_to_rows(one, cls) for one in result["more"]]
    return rows


def _to_rows(result: dict[str, Any], cls: type[Rows]) -> Rows:
    columns = result.get("columns")
    rows = cls() if columns is None else cls(_rows(columns, result["types"], result["rows"]))
    rows.command = result["command"]
    rows.row_count = result["count"]
    rows.columns = columns
    rows.types = result.get("types")
    rows.more = []
    return rows


def _rows(columns: list[str], types: list[int], lists: list[list[Any]]) -> list[Row]:
    for i, oid in enumerate(types):
        load = _LOADERS.get(oid)
        if load is not None:
            for values in lists:
                if values[i] is not None:
                    values[i] = load(values[i])
    if len(set(columns)) == len(columns):
        return [Row(zip(columns, values)) for values in lists]
    rows: list[Row] = []
    for values in lists:
        row = RepeatingRow(zip(columns, values))
        row._all = values
        rows.append(row)
    return rows


def _bytes(text: str) -> bytes:
    if text.startswith("\\x"):
        return bytes.fromhex(text[2:])
    octal = re.sub(rb"\\(\d{3})", lambda found: bytes([int(found[1], 8)]), text.encode())
    return octal.replace(b"\\\\", b"\\")


def _or_text(load: Callable[[str], Any]) -> Callable[[str], Any]:
    """What Python's own type cannot hold (infinity, the year 10000, years before Christ) stays text."""

    def loaded(text: str) -> Any:
        try:
            return load(text)
        except ValueError:
            return text

    return loaded


_INTERVAL = re.compile(
    r"(?:(?P<years>[-+]?\d+) years? ?)?(?:(?P<months>[-+]?\d+) mons? ?)?(?:(?P<days>[-+]?\d+) days? ?)?"
    r"(?:(?P<sign>[-+])?(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d+)?))?"
)


def _interval(text: str) -> timedelta | str:
    """Years count 365 days and months 30, as psycopg counts them."""
    found = _INTERVAL.fullmatch(text)
    if found is None:
        return text
    part = found.groupdict(default="0")
    days = int(part["years"]) * 365 + int(part["months"]) * 30 + int(part["days"])
    seconds, _, fraction = part["seconds"].partition(".")
    try:
        within = timedelta(
            hours=int(part["hours"]), minutes=int(part["minutes"]), seconds=int(seconds),
            microseconds=int(fraction.ljust(6, "0")[:6] or 0),
        )  # fmt: skip
        return timedelta(days) + (-within if part["sign"] == "-" else within)
    except OverflowError:
        return text


def _inet(text: str) -> Any:
    return ipaddress.ip_interface(text) if "/" in text else ipaddress.ip_address(text)


def _bool(text: str) -> bool:
    return text == "t"


# What the JSON of a result does not say already, by OID. All take the server's text form.
_LOADERS: dict[int, Callable[[Any], Any]] = {
    17: _bytes,
    114: json.loads,
    650: ipaddress.ip_network,
    700: float,
    701: float,
    869: _inet,
    1082: _or_text(date.fromisoformat),
    1083: _or_text(time.fromisoformat),
    1114: _or_text(datetime.fromisoformat),
    1184: _or_text(datetime.fromisoformat),
    1186: _interval,
    1266: _or_text(time.fromisoformat),
    1700: Decimal,
    2950: UUID,
    3802: json.loads,
}
_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^{},"]+)|([{}])')


def _array(load: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    def loaded(text: str) -> list[Any]:
        if text.startswith("["):  # bounds that do not begin at 1
            text = text.partition("=")[2]
        root: list[Any] = []
        within = [root]
        for quoted, plain, brace in _ITEM.findall(text):
            if brace == "{":
                inner: list[Any] = []
                within[-1].append(inner)
                within.append(inner)
            elif brace == "}":
                within.pop()
            elif plain:
                within[-1].append(None if plain == "NULL" else load(plain))
            else:
                within[-1].append(load(re.sub(r"\\(.)", r"\1", quoted)))
        outermost: list[Any] = root[0]
        return outermost

    return loaded


_ITEMS: dict[int, Callable[[str], Any]] = {
    **{array: _LOADERS[item] for array, item in {
        1001: 17, 199: 114, 651: 650, 1021: 700, 1022: 701, 1041: 869, 1182: 1082, 1183: 1083, 1115: 1114, 1185: 1184,
        1187: 1186, 1270: 1266, 1231: 1700, 2951: 2950, 3807: 3802,
    }.items()},
    1000: _bool,
    **dict.fromkeys((1005, 1007, 1016, 1028), int),
    **dict.fromkeys((1002, 1003, 1009, 1014, 1015), str),
}  # fmt: skip
_LOADERS.update({oid: _array(load) for oid, load in _ITEMS.items()})
