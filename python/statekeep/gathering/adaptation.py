"""Values that psycopg knows to adapt and SQL parameters here do not: its Json and Jsonb, ranges, tuples, enums, numpy's
numbers and whatever was registered with it. Where psycopg is installed they are bound as it binds them."""

from __future__ import annotations

from typing import Any

from .. import parameters

try:
    import psycopg
    from psycopg.adapt import PyFormat, Transformer
except ImportError:
    psycopg = None  # type: ignore[assignment]  # a module to type checkers


def _dumper(cls: type) -> parameters.Dumper | None:
    try:
        psycopg.adapters.get_dumper(cls, PyFormat.TEXT)
    except psycopg.ProgrammingError:
        return None
    return _dump


def _dump(value: Any) -> parameters.Bound:
    dumper = Transformer().get_dumper(value, PyFormat.TEXT)
    data = dumper.dump(value)
    return (None if data is None else bytes(data).decode()), dumper.oid


if psycopg is not None:
    parameters.fallbacks.append(_dumper)
