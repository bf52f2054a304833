"""A connection of the caller's own, as psycopg's behave: transactions that begin by themselves, blocks, savepoints."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic

from .. import aio_lease, errors
from .. import lease as leases
from ..aio import _Calls
from ..sql import begin_text, quoted
from ..store import _BlockingCalls
from .failures import OperationalError, ProgrammingError, failure
from .placeholders import Params, translate
from .results import Fetching, RowsT
from .written_once import Step

try:
    from psycopg import IsolationLevel as IsolationLevel
    from psycopg.pq import TransactionStatus as TransactionStatus
except ImportError:
    if not TYPE_CHECKING:

        class IsolationLevel(enum.IntEnum):
            """psycopg's levels, for where it is not installed."""

            READ_UNCOMMITTED = 1
            READ_COMMITTED = 2
            REPEATABLE_READ = 3
            SERIALIZABLE = 4

        class TransactionStatus(enum.IntEnum):
            """libpq's states, for where psycopg is not installed."""

            IDLE = 0
            ACTIVE = 1
            INTRANS = 2
            INERROR = 3
            UNKNOWN = 4


_TO_SAVEPOINT = re.compile(r"\s*rollback\b.*\bto\b", re.IGNORECASE | re.DOTALL)
_COMMITS = re.compile(r"\s*(?:commit|end)\b", re.IGNORECASE)
_BEGINS = frozenset({"BEGIN", "START TRANSACTION"})
_ENDS = frozenset({"COMMIT", "ROLLBACK", "PREPARE TRANSACTION"})


class Session(Generic[RowsT]):
    """The state of one lease, and what is to be sent on it. Its methods are steps: see written_once.py.

    Without autocommit the first statement begins a transaction, which commit() or rollback() ends.
    """

    def __init__(
        self,
        calls: _BlockingCalls | _Calls,
        lease: leases.Lease | aio_lease.Lease,
        results: type[RowsT],
        autocommit: bool,
    ) -> None:
        self.calls = calls
        self.lease = lease
        self.results = results
        self.autocommit = autocommit
        self.isolation: IsolationLevel | None = None
        self.read_only = False
        self.deferrable = False
        self.status = TransactionStatus.IDLE
        self.blocks = 0  # transaction blocks that are open
        self._adrift = False  # the server may be in a transaction that nobody here is in

    @property
    def closed(self) -> bool:
        return not self.lease._held.number

    def execute(self, sql: str, params: Params = None) -> Step[RowsT]:
        """A statement with psycopg's placeholders; its results."""
        text, values = translate(sql, params)
        if not self.autocommit and self.status == TransactionStatus.IDLE:
            yield from self.begin()
        return (yield from self.send(text, values))

    def send(self, text: str, values: Sequence[Any] = ()) -> Step[RowsT]:
        if self.closed:
            raise OperationalError("the connection is closed")
        try:
            if self._adrift:
                yield leases.run(self.calls, self.lease.number, "rollback", (), None, self.results)
                self._adrift = False
            results: RowsT = yield leases.run(self.calls, self.lease.number, text, values, None, self.results)
        except errors.Error as error:
            if _COMMITS.match(text):  # refused, it has ended the transaction
                self._drift()
            elif self.status == TransactionStatus.INTRANS:
                self.status = TransactionStatus.INERROR
            raise failure(error) from error
        self._follow(text, results)
        return results

    def _follow(self, text: str, results: Fetching) -> None:
        """Learns from the commands' tags where the transaction stands, whoever sent them."""
        for one in (results, *results.more):
            if one.command in _BEGINS:
                self.status = TransactionStatus.INTRANS
            elif one.command in _ENDS:
                back = one.command == "ROLLBACK" and _TO_SAVEPOINT.match(text) is not None
                self.status = TransactionStatus.INTRANS if back else TransactionStatus.IDLE

    def begin(self) -> Step[None]:
        level = None if self.isolation is None else IsolationLevel(self.isolation).name
        yield from self._bound(begin_text(level, self.read_only, self.deferrable))

    def _bound(self, text: str) -> Step[None]:
        """The begin or the end of a transaction. Cancelled or interrupted, or without an answer in time, it may have
        happened or not."""
        try:
            yield from self.send(text)
        except BaseException:
            self._drift()
            raise

    def _drift(self) -> None:
        """Has the next statement find no transaction, wherever the server is."""
        self.status = TransactionStatus.IDLE
        self._adrift = True

    def commit(self) -> Step[None]:
        self._refuse_in_block("commit")
        if self.status != TransactionStatus.IDLE:
            yield from self._bound("commit")

    def rollback(self) -> Step[None]:
        self._refuse_in_block("rollback")
        if self.status != TransactionStatus.IDLE:
            yield from self._bound("rollback")

    def _refuse_in_block(self, what: str) -> None:
        if self.blocks:
            raise ProgrammingError(
                f"explicit {what}() is forbidden within a transaction block; leave the block instead"
            )

    def enter(self, savepoint_name: str | None) -> Step[tuple[bool, str | None]]:
        """Opens a block; gives what leave() must be told: (whether it began the transaction, its savepoint)."""
        begins = self.status == TransactionStatus.IDLE
        savepoint = savepoint_name
        if begins:
            yield from self.begin()
        elif savepoint is None:
            savepoint = f"keep_block_{self.blocks}"
        if savepoint is not None:
            yield from (self._bound if begins else self.send)(f"savepoint {quoted(savepoint)}")
        self.blocks += 1
        return begins, savepoint

    def leave(self, block: tuple[bool, str | None], failed: bool) -> Step[None]:
        """Closes a block: commits or releases, or takes back what it did."""
        begins, savepoint = block
        self.blocks -= 1
        if begins:
            yield from self._bound("rollback" if failed else "commit")
        elif failed:
            name = quoted(savepoint or "")
            yield from self.send(f"rollback to savepoint {name}")
            yield from self.send(f"release savepoint {name}")
        else:
            yield from self.send(f"release savepoint {quoted(savepoint or '')}")

    def set(self, name: str, value: Any) -> None:
        if self.status != TransactionStatus.IDLE:
            raise ProgrammingError(f"{name} cannot be changed within a transaction")
        setattr(self, name, value)
