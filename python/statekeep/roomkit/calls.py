"""How every method of the store asks the engine: one call, one span, errors in the driver's classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from roomkit.store.base import ConversationStore
from roomkit.telemetry.base import Attr, SpanKind
from roomkit.telemetry.context import get_current_span
from roomkit.telemetry.noop import NoopTelemetryProvider

from .. import aio
from ..errors import Absent, Conflict, Error
from .errors import NOT_OPEN, driver_error

Argument = str | bytes | None
REFUSED = ""  # no answer is empty: null is spelt out


class Calls(ConversationStore):
    """What the methods of all nouns stand on. `_store` is None before init() and after close()."""

    _store: aio.Store | None = None
    _extended = False  # room.setup_extras has run: columns and indexes that RoomKit's tables lack
    _telemetry: Any = None  # RoomKit(store=…) assigns its provider

    async def _ask(
        self,
        method: str,
        table: str,
        op: str,
        *arguments: Argument,
        refused: Callable[[], Exception] | None = None,
    ) -> str:
        """The JSON text that the operation `op` gives, in a span named for `method` and `table`.

        `arguments` are texts, in the catalog's order. When the operation fails as its annotation says (no such room,
        key taken), that is what `refused` makes, raised inside the span, or the answer REFUSED without it. Everything else
        that fails is the driver's error.
        """
        telemetry = self._telemetry
        if telemetry is None or type(telemetry) is NoopTelemetryProvider:
            return await self._submit(op, arguments, refused)
        span = telemetry.start_span(
            SpanKind.STORE_QUERY,
            f"store.{method}",
            parent_id=get_current_span(),
            attributes={Attr.STORE_OPERATION: method, Attr.STORE_TABLE: table},
        )
        try:
            answer = await self._submit(op, arguments, refused)
        except BaseException as error:  # a cancelled call's span ends too
            telemetry.end_span(span, status="error", error_message=str(error) or type(error).__name__)
            raise
        telemetry.end_span(span)
        return answer

    async def _submit(self, op: str, arguments: tuple[Argument, ...], refused: Callable[[], Exception] | None) -> str:
        if self._store is None:
            raise RuntimeError(NOT_OPEN)
        try:
            answer: str = await self._store._calls.submit(op, arguments, math.inf, True)
            return answer
        except Error as error:
            if error.sqlstate is not None or not isinstance(error, (Absent, Conflict)):
                raise driver_error(error) from error
            if refused is not None:
                raise refused() from error
            return REFUSED
