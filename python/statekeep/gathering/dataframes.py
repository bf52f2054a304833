"""pandas' frames to tables and back, and SQLAlchemy's engine, where those are installed."""

from __future__ import annotations

from typing import Any

from ..sql import copy_line, quoted
from .base import DatabaseBase
from .names import validate_identifiers
from .placeholders import Params
from .results import Results
from .schema import SchemaAccessor
from .written_once import run


def frame_lines(frame: Any) -> Any:
    """A frame's rows as COPY's lines; what pandas takes for missing is NULL."""
    missing = frame.isna().to_numpy()
    for values, absent in zip(frame.to_numpy(dtype=object), missing):
        row = [None if gone else _plain(value) for value, gone in zip(values, absent)]
        yield copy_line(row).encode()


def _plain(value: Any) -> Any:
    """numpy's numbers as Python's."""
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value


def copy_text(frame: Any, table: str, schema: str) -> str:
    """The COPY of a frame's columns into a table."""
    return f"COPY {schema}.{table} ({', '.join(quoted(str(column)) for column in frame.columns)}) FROM STDIN"


def read(engine: Any, sql: str, params: Params) -> Any:
    import pandas
    from sqlalchemy import text

    return pandas.read_sql(text(sql), engine, params=params)


def table_sql(table: str | None, schema: str, sql: str | None) -> str:
    if bool(table) == bool(sql):
        raise ValueError("Specify either table or sql, not both" if table else "Specify either table or sql")
    if table:
        validate_identifiers(table, schema)
        return f"SELECT * FROM {schema}.{table}"
    return str(sql)


class DataFrames(DatabaseBase[Results]):
    """Methods of Database; they need pandas and SQLAlchemy."""

    @property
    def engine(self) -> Any:
        """An SQLAlchemy engine of its own connections, by psycopg."""
        if self._sqlalchemy is None:
            from sqlalchemy import create_engine

            self._sqlalchemy = create_engine(self.config.url)
        return self._sqlalchemy

    def _dispose(self) -> None:
        engine, self._sqlalchemy = self._sqlalchemy, None
        if engine is not None:
            engine.dispose()

    def from_dataframe(
        self,
        df: Any,
        table: str,
        *,
        schema: str = "public",
        if_exists: str = "fail",
        primary_key: str | list[str] | None = None,
        index: bool = False,
        dtype: dict[str, Any] | None = None,
    ) -> None:
        """Makes a table of a frame (or adds to it, with ``if_exists="append"``); its rows travel by COPY."""
        validate_identifiers(table, schema)
        frame = df.reset_index() if index else df
        frame.head(0).to_sql(table, self.engine, schema=schema, if_exists=if_exists, index=False, dtype=dtype)
        if len(frame):
            run(self._copy_in(copy_text(frame, table, schema), frame_lines(frame)))
        if primary_key and if_exists != "append":
            SchemaAccessor(self).add_primary_key(table, primary_key, schema=schema)

    def to_dataframe(
        self, table: str | None = None, *, schema: str = "public", sql: str | None = None, params: Params = None
    ) -> Any:
        """A table, or what a select gives, as a frame. Parameters are SQLAlchemy's: ``:name``."""
        return read(self.engine, table_sql(table, schema, sql), params)
