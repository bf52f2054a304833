"""Upkeep: sizes, VACUUM, ANALYZE, EXPLAIN."""

from __future__ import annotations

from . import catalog
from .accessor import Accessor
from .names import validate_identifiers
from .placeholders import Params
from .written_once import Step, awaiting, blocking, step

_FORMATS = ("text", "json", "xml", "yaml")


class MaintSteps(Accessor):
    """How large things are, and their upkeep."""

    @step
    def size(self, *, pretty: bool = True) -> Step:
        """Of the database: a text such as ``"8577 kB"``, or bytes."""
        return (yield from self._size("pg_database_size(%s::name)", self._db.config.database, pretty))

    @step
    def table_size(self, table: str, *, schema: str = "public", pretty: bool = True) -> Step:
        """Of a table with its indexes: a text, or bytes."""
        return (yield from self._size("pg_total_relation_size(%s::regclass)", f"{schema}.{table}", pretty))

    def _size(self, function: str, of: str, pretty: bool) -> Step:
        rows = yield from self._db._run(f"SELECT {f'pg_size_pretty({function})' if pretty else function}", [of])
        return rows[0][0]

    @step
    def table_sizes(self, *, schema: str = "public", limit: int = 20) -> Step:
        """The largest tables: dicts of table_name, total_size, data_size, index_size as texts."""
        return (yield from self._db._run(catalog.TABLE_SIZES, [schema, limit]))

    @step
    def vacuum(
        self, *, table: str | None = None, schema: str = "public", analyze: bool = True, full: bool = False
    ) -> Step:
        options = ", ".join(word for word, wanted in (("FULL", full), ("ANALYZE", analyze)) if wanted)
        yield from self._db._run(f"VACUUM {f'({options})' if options else ''}{_target(table, schema)}")

    @step
    def analyze(self, *, table: str | None = None, schema: str = "public") -> Step:
        yield from self._db._run(f"ANALYZE{_target(table, schema)}")

    @step
    def explain(self, sql: str, params: Params = None, *, analyze: bool = False, format: str = "text") -> Step:
        """The plan of a statement, line by line; with `analyze` the statement is run."""
        if format.lower() not in _FORMATS:
            raise ValueError(f"explain(): format must be one of {', '.join(_FORMATS)}, got {format!r}")
        options = f"FORMAT {format.upper()}{', ANALYZE' if analyze else ''}"
        return (yield from self._column(f"EXPLAIN ({options}) {sql}", params))  # type: ignore[arg-type]


def _target(table: str | None, schema: str) -> str:
    if not table:
        return ""
    validate_identifiers(table, schema)
    return f" {schema}.{table}"


@blocking
class MaintAccessor(MaintSteps):
    __doc__ = MaintSteps.__doc__


@awaiting
class AsyncMaintAccessor(MaintSteps):
    __doc__ = MaintSteps.__doc__
