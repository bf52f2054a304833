"""The exceptions of statements: psycopg's classes where psycopg can be imported, else classes of the same names here.

So that code written for pycopg, which lets psycopg's errors through, catches what it caught before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import errors

try:
    import psycopg
    from psycopg.pq import DiagnosticField
except ImportError:
    psycopg = None  # type: ignore[assignment]  # a module to type checkers
try:
    from psycopg_pool import PoolClosed as PoolClosed
    from psycopg_pool import PoolTimeout as PoolTimeout
except ImportError:
    PoolClosed = PoolTimeout = None

if TYPE_CHECKING or psycopg is not None:  # type checkers are told of psycopg's
    Error = psycopg.Error
    InterfaceError = psycopg.InterfaceError
    DatabaseError = psycopg.DatabaseError
    DataError = psycopg.DataError
    OperationalError = psycopg.OperationalError
    IntegrityError = psycopg.IntegrityError
    InternalError = psycopg.InternalError
    ProgrammingError = psycopg.ProgrammingError
    NotSupportedError = psycopg.NotSupportedError
else:

    class Error(Exception):
        """The base of PEP 249's exceptions. `sqlstate` is the server's code, or None."""

        sqlstate: str | None = None

    class InterfaceError(Error):
        """The interface is used wrongly."""

    class DatabaseError(Error):
        """The database has trouble."""

    class DataError(DatabaseError):
        """A value is out of range or malformed."""

    class OperationalError(DatabaseError):
        """The database's operation, not the statement, failed: a lost link, a timeout, a deadlock."""

    class IntegrityError(DatabaseError):
        """A constraint is violated."""

    class InternalError(DatabaseError):
        """The transaction or the cursor is not in a state for this."""

    class ProgrammingError(DatabaseError):
        """The statement is wrong, or names what is not there."""

    class NotSupportedError(DatabaseError):
        """The server does not do this."""


if not TYPE_CHECKING and PoolTimeout is None:

    class PoolTimeout(OperationalError):
        """No connection came free in time."""

    class PoolClosed(OperationalError):
        """The pool is closed."""


# PEP 249's class for each class of SQLSTATE, as psycopg groups them; for those not named here DatabaseError.
_CLASSES = {
    "0A": NotSupportedError, "20": ProgrammingError, "21": ProgrammingError, "22": DataError, "23": IntegrityError,
    "24": InternalError, "25": InternalError, "26": ProgrammingError, "27": OperationalError, "28": OperationalError,
    "2B": InternalError, "2D": InternalError, "2F": OperationalError, "34": ProgrammingError, "38": OperationalError,
    "39": OperationalError, "3B": OperationalError, "3D": ProgrammingError, "3F": ProgrammingError,
    "40": OperationalError, "42": ProgrammingError, "44": ProgrammingError, "53": OperationalError,
    "54": OperationalError, "55": OperationalError, "57": OperationalError, "58": OperationalError,
    "F0": OperationalError, "HV": OperationalError, "P0": ProgrammingError, "XX": InternalError,
}  # fmt: skip
_NAMES = {
    "23502": "NotNullViolation", "23503": "ForeignKeyViolation", "23505": "UniqueViolation", "23514": "CheckViolation",
    "23P01": "ExclusionViolation", "22P02": "InvalidTextRepresentation", "25P02": "InFailedSqlTransaction",
    "40001": "SerializationFailure", "40P01": "DeadlockDetected", "42601": "SyntaxError", "42703": "UndefinedColumn",
    "42P01": "UndefinedTable", "42P07": "DuplicateTable", "42501": "InsufficientPrivilege", "55P03": "LockNotAvailable",
    "57014": "QueryCanceled", "0A000": "FeatureNotSupported",
}  # fmt: skip
_made: dict[str, type[Any]] = {}


def of_sqlstate(sqlstate: str) -> type[Any]:
    """The class for a code of the server: psycopg's, else one of that name here."""
    if psycopg is not None:
        try:
            return psycopg.errors.lookup(sqlstate)
        except KeyError:
            return _CLASSES.get(sqlstate[:2], DatabaseError)
    if sqlstate not in _made:
        base = _CLASSES.get(sqlstate[:2], DatabaseError)
        name = _NAMES.get(sqlstate)
        _made[sqlstate] = type(name, (base,), {"sqlstate": sqlstate, "__module__": __name__}) if name else base
    return _made[sqlstate]


def __getattr__(name: str) -> type[Any]:
    """``failures.UniqueViolation`` and the like, with psycopg and without."""
    for sqlstate, known in _NAMES.items():
        if known == name:
            return of_sqlstate(sqlstate)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def failure(error: errors.Error) -> Exception:
    """What a user of pycopg expects in place of an engine's error. Raise it ``from`` that one."""
    message = f"{error}\nDETAIL:  {error.detail}" if error.detail else str(error)
    if error.sqlstate is not None and not isinstance(error, errors.Unavailable):
        raised: Exception = _told(of_sqlstate(error.sqlstate), message, error)
    elif isinstance(error, errors.Deadline):
        raised = PoolTimeout(message) if error.op == "lease.take" else of_sqlstate("57014")(message)
    elif isinstance(error, errors.Invalid):
        raised = ProgrammingError(message)
    elif isinstance(error, errors.Closed):
        raised = PoolClosed(message)
    else:
        raised = OperationalError(message)
    return raised


def _told(cls: type[Any], message: str, error: errors.Error) -> Exception:
    if psycopg is None or not issubclass(cls, psycopg.Error):
        plain: Exception = cls(message)
        return plain
    fields = {
        DiagnosticField.SQLSTATE: error.sqlstate,
        DiagnosticField.MESSAGE_PRIMARY: str(error),
        DiagnosticField.MESSAGE_DETAIL: error.detail,
        DiagnosticField.MESSAGE_HINT: error.hint,
        DiagnosticField.SCHEMA_NAME: error.schema,
        DiagnosticField.TABLE_NAME: error.table,
        DiagnosticField.COLUMN_NAME: error.column,
        DiagnosticField.CONSTRAINT_NAME: error.constraint,
    }
    info: Any = {field: value and value.encode() for field, value in fields.items()}
    return cls(message, info=info)
