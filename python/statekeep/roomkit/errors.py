"""The engine's errors as RoomKit's callers know them: asyncpg's classes where asyncpg can be imported."""

from __future__ import annotations

from roomkit.models.event import RoomEvent

from ..errors import Closed, Deadline, Error, Invalid, Unknown

try:
    import asyncpg  # type: ignore[import-untyped, import-not-found, unused-ignore]
except ImportError:
    asyncpg = None

NOT_OPEN = "PostgresStore.init() must be called before use"
KEY_INDEX = "idx_events_idempotency_channel"
ADDRESS_KEY = "identity_addresses_pkey"


def driver_error(error: Error) -> Exception:
    """What asyncpg raises where the engine gave `error`; the engine's own where asyncpg has nothing like it.

    A deadline becomes TimeoutError, whichever side of the wire the call was on: what was sent may take effect.
    """
    if isinstance(error, Deadline) or (isinstance(error, Unknown) and error.reason == "deadline"):
        return TimeoutError()
    if isinstance(error, Closed):
        return RuntimeError(NOT_OPEN)
    if asyncpg is None:
        return error
    if error.sqlstate:
        said = {"D": error.detail, "H": error.hint, "s": error.schema, "t": error.table, "c": error.column}
        return server_error(error.sqlstate, str(error), n=error.constraint, **said)
    if isinstance(error, Unknown):
        return asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")  # type: ignore[no-any-return]
    if isinstance(error, Invalid):
        return asyncpg.DataError(str(error))  # type: ignore[no-any-return]
    return error


def server_error(sqlstate: str, message: str, **said: str | None) -> Exception:
    """asyncpg's error for what a server said; `said` by the letters of the protocol's fields."""
    fields = {"C": sqlstate, "M": message, **said}
    return asyncpg.PostgresError.new({field: text for field, text in fields.items() if text is not None})  # type: ignore[no-any-return]


def key_violation() -> Exception | None:
    """The driver's error for an idempotency key that is taken, which an operation found out by looking."""
    if asyncpg is None:
        return None
    message = f'duplicate key value violates unique constraint "{KEY_INDEX}"'
    return server_error("23505", message, n=KEY_INDEX, t="events")


def refuses_key(error: Exception, event: RoomEvent) -> bool:
    """Whether the server refused `event` for its idempotency key, and not the event that it changes for that one's."""
    if event.idempotency_key is None or not _violates(error, KEY_INDEX):
        return False
    # Without rights to the columns the server tells no values.
    values = f"({event.room_id}, {event.source.channel_id}, {event.idempotency_key})"
    return values in (getattr(error, "detail", None) or values)


def refuses_address(error: Exception) -> bool:
    """Whether the server refused an identity for an address that another one has."""
    return _violates(error, ADDRESS_KEY)


def _violates(error: Exception, unique: str) -> bool:
    constraint = getattr(error, "constraint_name", None) or getattr(error, "constraint", None)
    return getattr(error, "sqlstate", None) == "23505" and constraint == unique


def unwritable(error: Exception) -> Exception:
    """What the driver raises for a value that is no JSON; a lone surrogate only the server refuses."""
    if "surrogates not allowed" in str(error):
        return driver_error(Invalid("invalid input syntax for type json", sqlstate="22P02"))
    return driver_error(Invalid(f"invalid input for query argument: {error}"))
