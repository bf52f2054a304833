"""How every method of the store asks the engine: one call, one span, errors in the driver's classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from roomkit.store.base import ConversationStore
from roomkit.telemetry.base import Attr, SpanKind
from roomkit.telemetry.context import get_current_span
from roomkit.telemetry.noop import NoopTelemetryProvider

from .. import aio
from ..errors import Absent, Conflict, Error, Invalid
from .errors import NOT_OPEN, driver_error

Argument = str | bytes | None
REFUSED = ""  # no answer is empty: null is spelt out

# What takes the place of an operation once room.setup_extras has run.
_EXTENDED = {
    "room.get_unread_count": "room.count_unread",
    "room.create_identity_narrow": "room.create_identity",
    "room.add_participant_narrow": "room.add_participant",
    "room.update_participant_narrow": "room.update_participant",
}

_NO_NONE = "cannot be null"  # the engine, of an argument
# Callers pass on ids that a model may lack (an event's parent, a participant's identity). No row has the id None, so that
# these find nothing, as in RoomKit's SQL; all other operations refuse it.
_FOUND_FOR_NONE = {
    **dict.fromkeys(
        [
            "room.get", "room.patch_metadata", "room.get_private_state", "room.find_latest", "room.find_id_by_binding",
            "room.find_id_by_participant", "room.get_event", "room.get_event_by_idempotency_key", "room.get_binding",
            "room.get_participant", "room.load_context", "room.get_identity", "room.resolve_identity",
            "room.get_verification", "room.get_verification_request", "room.get_task", "room.get_voice_delivery",
        ],
        "null",
    ),
    **dict.fromkeys(
        [
            "room.find_ids_by_channel", "room.list_events", "room.find_events", "room.delete_event",
            "room.get_thread_summaries", "room.list_bindings", "room.list_participants", "room.list_read_markers",
            "room.list_tasks", "room.list_observations",
        ],
        "[]",
    ),
    **dict.fromkeys(
        ["room.exists", "room.binding_exists", "room.check_idempotency", "room.delete", "room.remove_binding"], "false"
    ),
    "room.count_events": "0",
    "room.get_delivered_index": "-1",
    "room.update_if": REFUSED,
}  # fmt: skip


class Calls(ConversationStore):
    """What the methods of all nouns stand on. `_store` is None before init() and after close()."""

    _store: aio.Store | None = None
    _extended = False  # room.setup_extras has run: columns and indexes that RoomKit's tables lack
    _telemetry: Any = None  # RoomKit(store=…) assigns its provider
    _command_seconds = math.inf  # what a call may take, its wait for a connection included

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
        if (telemetry is None or type(telemetry) is NoopTelemetryProvider) and (
            type(self)._query_span is Calls._query_span
        ):
            return await self._submit(op, *arguments, refused=refused)
        with self._query_span(method, table):
            return await self._submit(op, *arguments, refused=refused)

    @contextmanager
    def _query_span(self, operation: str, table: str) -> Generator[str, None, None]:
        """The span of a call. It has RoomKit's name, since subclasses override it and put it around queries of their own."""
        telemetry = self._telemetry or NoopTelemetryProvider()
        span = telemetry.start_span(
            SpanKind.STORE_QUERY,
            f"store.{operation}",
            parent_id=get_current_span(),
            attributes={Attr.STORE_OPERATION: operation, Attr.STORE_TABLE: table},
        )
        try:
            yield span
        except BaseException as error:  # a cancelled call's span ends too
            telemetry.end_span(span, status="error", error_message=str(error) or type(error).__name__)
            raise
        telemetry.end_span(span)

    async def _submit(self, op: str, *arguments: Argument, refused: Callable[[], Exception] | None = None) -> str:
        """As `_ask`, without a span."""
        store = self._store or await self._opened()
        if self._extended:
            op = _EXTENDED.get(op, op)
        try:
            answer: str = await store._calls.submit(op, arguments, self._command_seconds, True)
            return answer
        except Error as error:
            if isinstance(error, Invalid) and str(error).endswith(_NO_NONE) and op in _FOUND_FOR_NONE:
                return _FOUND_FOR_NONE[op]
            if error.sqlstate is not None or not isinstance(error, (Absent, Conflict)):
                raise driver_error(error) from error
            if refused is not None:
                raise refused() from error
            return REFUSED

    async def _opened(self) -> aio.Store:
        """The engine for a call that finds none."""
        raise RuntimeError(NOT_OPEN)
