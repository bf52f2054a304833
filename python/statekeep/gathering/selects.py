"""Rows found without SQL: find, get and the pages, for databases of both kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..rows import Row
from . import predicates
from .names import validate_identifiers
from .predicates import Where
from .results import RowsT
from .tables import Page, TableSteps
from .written_once import Step, step


class SelectSteps(TableSteps[RowsT]):
    def _select(
        self,
        table: str,
        where: Where,
        where_sql: str | None,
        where_params: Sequence[Any] | None,
        columns: list[str] | None,
        order_by: str | None,
        limit: int | None,
        offset: int | None,
        schema: str,
    ) -> Step[RowsT]:
        fragment, params = predicates.predicate(where, where_sql, where_params)
        sql = predicates.select(table, columns, schema, fragment, order_by, limit, offset)
        return (yield from self._run(sql, params))

    @step
    def select_where(
        self,
        table: str,
        where: Where = None,
        *,
        where_sql: str | None = None,
        where_params: Sequence[Any] | None = None,
        columns: list[str] | None = None,
        order_by: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        schema: str = "public",
    ) -> Step[RowsT]:
        """The rows that meet a condition; `order_by` goes into the SQL as it is."""
        return (
            yield from self._select(table, where, where_sql, where_params, columns, order_by, limit, offset, schema)
        )

    find = select_where

    @step
    def get(
        self,
        table: str,
        where: Where = None,
        *,
        where_sql: str | None = None,
        where_params: Sequence[Any] | None = None,
        columns: list[str] | None = None,
        order_by: str | None = None,
        schema: str = "public",
    ) -> Step[Row | None]:
        """The first row that meets a condition, or None."""
        rows = yield from self._select(table, where, where_sql, where_params, columns, order_by, 1, None, schema)
        return rows[0] if rows else None

    find_one = get

    @step
    def paginate(
        self,
        table: str,
        limit: int,
        *,
        offset: int = 0,
        order_by: str | list[str] | None = None,
        where: Where = None,
        where_sql: str | None = None,
        where_params: Sequence[Any] | None = None,
        descending: bool = False,
        schema: str = "public",
    ) -> Step[RowsT]:
        """`limit` rows from the `offset`-th on. Of several columns `descending` turns the last one alone, as in pycopg;
        paginate_keyset turns all of them."""
        fragment, params = predicates.predicate(where, where_sql, where_params)
        order = _order(order_by, descending)
        return (yield from self._run(predicates.select(table, None, schema, fragment, order, limit, offset), params))

    @step
    def paginate_page(
        self,
        table: str,
        limit: int,
        *,
        offset: int = 0,
        order_by: str | list[str] | None = None,
        where: Where = None,
        where_sql: str | None = None,
        where_params: Sequence[Any] | None = None,
        with_total: bool = False,
        descending: bool = False,
        schema: str = "public",
    ) -> Step[Page]:
        """As paginate, as a Page."""
        limit = _positive(limit)
        fragment, params = predicates.predicate(where, where_sql, where_params)
        order = _order(order_by, descending)
        rows = yield from self._run(predicates.select(table, None, schema, fragment, order, limit + 1, offset), params)
        total = (yield from self._total(table, schema, fragment, params)) if with_total else None
        return Page(rows[:limit], total, len(rows) > limit, None)

    @step
    def paginate_keyset(
        self,
        table: str,
        limit: int,
        *,
        order_by: str | list[str] | None = None,
        after: Sequence[Any] | None = None,
        where: Where = None,
        where_sql: str | None = None,
        where_params: Sequence[Any] | None = None,
        with_total: bool = False,
        descending: bool = False,
        schema: str = "public",
    ) -> Step[Page]:
        """A Page of what comes after the row `after` names, its values in the order of `order_by`."""
        limit = _positive(limit)
        if order_by is None:
            raise ValueError("paginate_keyset requires order_by: a page begins after a row in some order.")
        columns = predicates.order_columns(order_by)
        if after is not None and len(after) != len(columns):
            raise ValueError(f"after must have exactly {len(columns)} value(s) matching order_by, got {len(after)}.")
        fragment, params = predicates.predicate(where, where_sql, where_params)
        seek, seek_params = ("", []) if after is None else predicates.after(columns, after, descending)
        order = ", ".join(f"{column} DESC" if descending else column for column in columns)
        both = " AND ".join(filter(None, [seek, fragment]))
        rows = yield from self._run(
            predicates.select(table, None, schema, both, order, limit + 1, None), seek_params + params
        )
        total = (yield from self._total(table, schema, fragment, params)) if with_total else None
        page = rows[:limit]
        cursor = tuple(page[-1][column] for column in columns) if page else None
        return Page(page, total, len(rows) > limit, cursor)

    def _total(self, table: str, schema: str, fragment: str, params: list[Any]) -> Step[int]:
        validate_identifiers(table, schema)
        rows = yield from self._run(f"SELECT count(*) FROM {schema}.{table}{predicates.condition(fragment)}", params)
        total: int = rows[0][0]
        return total


def _order(order_by: str | list[str] | None, descending: bool) -> str | None:
    if order_by is None:
        return None
    return ", ".join(predicates.order_columns(order_by)) + (" DESC" if descending else "")


def _positive(limit: int) -> int:
    if int(limit) <= 0:
        raise ValueError("limit must be a positive integer")
    return int(limit)
