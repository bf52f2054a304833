"""Rows without SQL: insert, upsert, find, paginate and the like, for databases of both kinds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from ..rows import Row
from . import predicates
from .config import Config
from .names import validate_identifiers
from .placeholders import Params
from .predicates import Where
from .results import RowsT
from .written_once import Step, step

_MOST_PARAMETERS = 65535  # of one statement, in the protocol


@dataclass(frozen=True)
class Page:
    """A part of a table: its rows, how many there are in all (where that was asked for), whether more follow, and what
    `after` takes for the next page."""

    rows: list[Row]
    total: int | None
    has_next: bool
    next_cursor: tuple[Any, ...] | None


class TableSteps(Generic[RowsT]):
    """Steps of databases of both kinds; `_run` and `_together` are theirs."""

    config: Config

    def _run(self, sql: str, params: Params = None) -> Step[RowsT]:
        """A statement of its own transaction, or on the session's connection."""
        raise NotImplementedError

    def _together(self, statements: Iterable[tuple[str, Params]]) -> Step[int]:
        """Several statements, (SQL, parameters) each, in one transaction; how many rows they changed."""
        raise NotImplementedError

    @step
    def fetch_one(self, sql: str, params: Params = None) -> Step[Row | None]:
        """The first row, or None."""
        rows = yield from self._run(sql, params)
        return rows[0] if rows else None

    @step
    def fetch_val(self, sql: str, params: Params = None) -> Step[Any]:
        """The first column of the first row, or None."""
        rows = yield from self._run(sql, params)
        return rows[0][0] if rows else None

    @step
    def fetch_all(self, sql: str, params: Params = None) -> Step[RowsT]:
        """All rows; none for a statement that gives none."""
        return (yield from self._run(sql, params))

    @step
    def execute_many(self, sql: str, params_seq: Sequence[Any]) -> Step[int]:
        """The statement once for each of the parameters, in one transaction; how many rows were changed in all."""
        return (yield from self._together((sql, params) for params in params_seq))

    @step
    def insert(
        self, table: str, row: dict[str, Any], *, schema: str = "public", on_conflict: str | None = None
    ) -> Step[Row | None]:
        """Stores a row; gives it as it is in the table, None where `on_conflict` left it out."""
        if not row:
            raise ValueError("insert: 'row' must be a non-empty dict.")
        sql, params = predicates.insert(table, list(row), [row], schema, on_conflict)
        rows = yield from self._run(sql + " RETURNING *", params)
        return rows[0] if rows else None

    @step
    def insert_many(
        self, table: str, rows: list[dict[str, Any]], *, schema: str = "public", on_conflict: str | None = None
    ) -> Step[int]:
        """Stores rows in one statement; how many. The first row's columns count; what others lack is NULL."""
        if not rows:
            return 0
        sql, params = predicates.insert(table, list(rows[0]), rows, schema, on_conflict)
        return (yield from self._run(sql, params)).rowcount

    @step
    def insert_batch(
        self,
        table: str,
        rows: list[dict[str, Any]],
        *,
        schema: str = "public",
        on_conflict: str | None = None,
        batch_size: int | None = None,
    ) -> Step[int]:
        """Stores rows in statements of `batch_size` (the config's `default_batch_size`), all in one transaction."""
        if not rows:
            return 0
        columns = list(rows[0])
        validate_identifiers(table, schema, *columns)
        size = min(batch_size or self.config.default_batch_size, _MOST_PARAMETERS // len(columns))
        batches = (rows[i : i + size] for i in range(0, len(rows), size))
        return (yield from self._together(predicates.insert(table, columns, b, schema, on_conflict) for b in batches))

    @step
    def upsert(
        self,
        table: str,
        row: dict[str, Any],
        conflict_columns: list[str],
        *,
        update_columns: list[str] | None = None,
        schema: str = "public",
    ) -> Step[Row | None]:
        """Stores a row in place of the one with the same key; gives it as it is in the table."""
        conflict = predicates.update_on_conflict(row, conflict_columns, update_columns)
        sql, params = predicates.insert(table, list(row), [row], schema, conflict)
        rows = yield from self._run(sql + " RETURNING *", params)
        return rows[0] if rows else None

    @step
    def upsert_many(
        self,
        table: str,
        rows: list[dict[str, Any]],
        conflict_columns: list[str],
        *,
        update_columns: list[str] | None = None,
        schema: str = "public",
    ) -> Step[int]:
        """Stores rows in place of those with the same keys; how many."""
        if not rows:
            return 0
        conflict = predicates.update_on_conflict(rows[0], conflict_columns, update_columns)
        sql, params = predicates.insert(table, list(rows[0]), rows, schema, conflict)
        return (yield from self._run(sql, params)).rowcount

    @step
    def update_where(
        self,
        table: str,
        values: dict[str, Any],
        where: Where = None,
        *,
        where_sql: str | None = None,
        where_params: Sequence[Any] | None = None,
        schema: str = "public",
    ) -> Step[int]:
        """Sets columns of the rows that meet a condition; how many. Raises ValueError without a condition."""
        if not values:
            raise ValueError("update_where requires a non-empty 'values' dict.")
        fragment, params = predicates.predicate(where, where_sql, where_params)
        if not fragment:
            raise ValueError("update_where requires a non-empty 'where' dict or 'where_sql' fragment.")
        validate_identifiers(table, schema, *values)
        assignments = ", ".join(f"{column} = %s" for column in values)
        sql = f"UPDATE {schema}.{table} SET {assignments} WHERE {fragment}"
        return (yield from self._run(sql, [*values.values(), *params])).rowcount

    @step
    def delete_where(
        self,
        table: str,
        where: Where = None,
        *,
        where_sql: str | None = None,
        where_params: Sequence[Any] | None = None,
        schema: str = "public",
    ) -> Step[int]:
        """Deletes the rows that meet a condition; how many. Raises ValueError without a condition."""
        fragment, params = predicates.predicate(where, where_sql, where_params)
        if not fragment:
            raise ValueError("delete_where requires a non-empty 'where' dict or 'where_sql' fragment.")
        validate_identifiers(table, schema)
        return (yield from self._run(f"DELETE FROM {schema}.{table} WHERE {fragment}", params)).rowcount

    @step
    def exists(
        self,
        table: str,
        where: Where = None,
        *,
        where_sql: str | None = None,
        where_params: Sequence[Any] | None = None,
        schema: str = "public",
    ) -> Step[bool]:
        """Whether a row meets the condition. Raises ValueError without one."""
        fragment, params = predicates.predicate(where, where_sql, where_params)
        if not fragment:
            raise ValueError("exists requires a non-empty 'where' dict or 'where_sql' fragment.")
        validate_identifiers(table, schema)
        rows = yield from self._run(
            f"SELECT EXISTS (SELECT 1 FROM {schema}.{table}{predicates.condition(fragment)})", params
        )
        found: bool = rows[0][0]
        return found

    @step
    def count(
        self,
        table: str,
        where: Where = None,
        *,
        where_sql: str | None = None,
        where_params: Sequence[Any] | None = None,
        schema: str = "public",
    ) -> Step[int]:
        """How many rows meet the condition; without one, how many the table has."""
        fragment, params = predicates.predicate(where, where_sql, where_params)
        validate_identifiers(table, schema)
        rows = yield from self._run(f"SELECT count(*) FROM {schema}.{table}{predicates.condition(fragment)}", params)
        number: int = rows[0][0]
        return number
