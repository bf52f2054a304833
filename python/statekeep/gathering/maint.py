"""Upkeep: sizes, VACUUM, ANALYZE, EXPLAIN."""

from __future__ import annotations

from typing import Any

from . import catalog
from .accessor import Accessor
from .names import validate_identifiers
from .placeholders import Params
from .results import Fetching
from .written_once import Awaiting, Blocking, Step, step

_FORMATS = ("text", "json", "xml", "yaml")


class MaintSteps(Accessor):
    """How large things are, and their upkeep."""

    @step
    def size(self, *, pretty: bool = True) -> Step[int | str]:
        """Of the database: a text such as ``"8577 kB"``, or bytes."""
        return (yield from self._size("pg_database_size(%s::name)", self._db.config.database, pretty))

    @step
    def table_size(self, table: str, *, schema: str = "public", pretty: bool = True) -> Step[int | str]:
        """Of a table with its indexes: a text, or bytes."""
        return (yield from self._size("pg_total_relation_size(%s::regclass)", f"{schema}.{table}", pretty))

    def _size(self, function: str, of: str, pretty: bool) -> Step[int | str]:
        rows = yield from self._db._run(f"SELECT {f'pg_size_pretty({function})' if pretty else function}", [of])
        size: int | str = rows[0][0]
        return size

    @step
    def table_sizes(self, *, schema: str = "public", limit: int = 20) -> Step[Fetching]:
        """The largest tables: dicts of table_name, total_size, data_size, index_size as texts."""
        return (yield from self._db._run(catalog.TABLE_SIZES, [schema, limit]))

    @step
    def vacuum(
        self, *, table: str | None = None, schema: str = "public", analyze: bool = True, full: bool = False
    ) -> Step[None]:
        options = ", ".join(word for word, wanted in (("FULL", full), ("ANALYZE", analyze)) if wanted)
        yield from self._db._run(f"VACUUM {f'({options})' if options else ''}{_target(table, schema)}")

    @step
    def analyze(self, *, table: str | None = None, schema: str = "public") -> Step[None]:
        yield from self._db._run(f"ANALYZE{_target(table, schema)}")

    @step
    def explain(
        self, sql: str, params: Params = None, *, analyze: bool = False, format: str = "text"
    ) -> Step[list[Any]]:
        """The plan of a statement, line by line; with `analyze` the statement is run."""
        if format.lower() not in _FORMATS:
            raise ValueError(f"explain(): format must be one of {', '.join(_FORMATS)}, got {format!r}")
        options = f"FORMAT {format.upper()}{', ANALYZE' if analyze else ''}"
        return (yield from self._column(f"EXPLAIN ({options}) {sql}", params))


def _target(table: str | None, schema: str) -> str:
    if not table:
        return ""
    validate_identifiers(table, schema)
    return f" {schema}.{table}"


class MaintAccessor(Blocking, MaintSteps):
    __doc__ = MaintSteps.__doc__


class AsyncMaintAccessor(Awaiting, MaintSteps):
    __doc__ = MaintSteps.__doc__
