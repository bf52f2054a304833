"""SQL made from tables, columns and values: what the methods without SQL send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .names import validate_identifiers

Where = Mapping[str, Any] | None


def predicate(where: Where, where_sql: str | None, where_params: Sequence[Any] | None) -> tuple[str, list[Any]]:
    """A condition with %s and its values; empty without one. `where` is equalities, `where_sql` goes in as it is.

    Raises ValueError for both at once, for an empty `where_sql`, for `where_params` without it.
    """
    if where_params is not None and where_sql is None:
        raise ValueError("where_params requires where_sql.")
    if where and where_sql is not None:
        raise ValueError("Pass either 'where' (dict) or 'where_sql', not both.")
    if where_sql is not None:
        if not where_sql.strip():
            raise ValueError("where_sql must be a non-empty SQL fragment.")
        return where_sql, list(where_params or [])
    if not where:
        return "", []
    validate_identifiers(*where)
    return " AND ".join(f"{column} = %s" for column in where), list(where.values())


def condition(*fragments: str) -> str:
    """A WHERE clause of the fragments that are not empty."""
    given = [fragment for fragment in fragments if fragment]
    return f" WHERE {' AND '.join(given)}" if given else ""


def select(
    table: str,
    columns: Sequence[str] | None,
    schema: str,
    where: str,
    order_by: str | None,
    limit: int | None,
    offset: int | None,
) -> str:
    """A select of a table's columns, of all for None."""
    validate_identifiers(table, schema, *(columns or ()))
    sql = f"SELECT {', '.join(columns) if columns else '*'} FROM {schema}.{table}{condition(where)}"
    if order_by:
        sql += f" ORDER BY {order_by}"
    if limit is not None:
        sql += f" LIMIT {int(limit)}"
    if offset is not None:
        sql += f" OFFSET {int(offset)}"
    return sql


def insert(
    table: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], schema: str, on_conflict: str | None
) -> tuple[str, list[Any]]:
    """One INSERT for many rows; what a row lacks is NULL."""
    validate_identifiers(table, schema, *columns)
    group = f"({', '.join(['%s'] * len(columns))})"
    params: list[Any] = []
    groups = 0
    for row in rows:
        params.extend(row.get(column) for column in columns)
        groups += 1
    conflict = f" ON CONFLICT {on_conflict}" if on_conflict else ""
    values = ", ".join([group] * groups)
    return f"INSERT INTO {schema}.{table} ({', '.join(columns)}) VALUES {values}{conflict}", params


def update_on_conflict(columns: Iterable[str], conflict_columns: Sequence[str], update: Sequence[str] | None) -> str:
    """``(key) DO UPDATE SET …`` for all columns that are not of the key, or for those of `update`."""
    if update is None:
        update = [column for column in columns if column not in conflict_columns]
    if not update:
        raise ValueError("upsert: there is no column to update besides the key's; name them in update_columns")
    validate_identifiers(*conflict_columns, *update)
    assignments = ", ".join(f"{column} = EXCLUDED.{column}" for column in update)
    return f"({', '.join(conflict_columns)}) DO UPDATE SET {assignments}"


def order_columns(order_by: str | Sequence[str]) -> list[str]:
    """The columns to order by, checked. Raises ValueError for none, and for what is not a name."""
    columns = [order_by] if isinstance(order_by, str) else list(order_by)
    if not columns:
        raise ValueError("order_by must contain at least one column")
    if any(not isinstance(column, str) or not column for column in columns):
        raise ValueError("order_by columns must be non-empty strings")
    validate_identifiers(*columns)
    return columns


def after(columns: Sequence[str], values: Sequence[Any], descending: bool) -> tuple[str, list[Any]]:
    """What comes after a row with these values in the order of the columns."""
    validate_identifiers(*columns)
    marks = ", ".join(["%s"] * len(columns))
    return f"({', '.join(columns)}) {'<' if descending else '>'} ({marks})", list(values)
