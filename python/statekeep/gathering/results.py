"""What statements give to users of pycopg: lists of rows that can also be fetched from, as psycopg's cursors can."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple, TypeVar

from ..rows import Row, Rows


class Column(NamedTuple):
    """One entry of a result's `description`, with the first fields of PEP 249's."""

    name: str
    type_code: int


class Fetching(Rows):
    __slots__ = ("_next",)
    _next: int

    @property
    def rowcount(self) -> int:
        """Rows given or changed; -1 where the command has no count."""
        return -1 if self.row_count is None else self.row_count

    @property
    def statusmessage(self) -> str:
        return self.command

    @property
    def description(self) -> list[Column] | None:
        if self.columns is None or self.types is None:
            return None
        return [Column(*column) for column in zip(self.columns, self.types)]

    def _take(self, size: int | None) -> list[Row]:
        begin = getattr(self, "_next", 0)
        end = len(self) if size is None else min(begin + size, len(self))
        self._next = end
        return self[begin:end]

    def _take_one(self) -> Row | None:
        rows = self._take(1)
        return rows[0] if rows else None


RowsT = TypeVar("RowsT", bound=Fetching, covariant=True)  # Results or AsyncResults


class Results(Fetching):
    """A statement's rows: a list, and what a psycopg cursor offers after ``execute``."""

    __slots__ = ()

    def fetchone(self) -> Row | None:
        """The next row, or None after the last one."""
        return self._take_one()

    def fetchmany(self, size: int = 1) -> list[Row]:
        return self._take(size)

    def fetchall(self) -> list[Row]:
        """The rows that were not fetched yet."""
        return self._take(None)


class AsyncResults(Fetching):
    """A statement's rows: a list, and what a psycopg AsyncCursor offers after ``execute``."""

    __slots__ = ()

    async def fetchone(self) -> Row | None:
        """The next row, or None after the last one."""
        return self._take_one()

    async def fetchmany(self, size: int = 1) -> list[Row]:
        return self._take(size)

    async def fetchall(self) -> list[Row]:
        """The rows that were not fetched yet."""
        return self._take(None)

    async def __aiter__(self) -> AsyncIterator[Row]:
        while (row := self._take_one()) is not None:
            yield row
