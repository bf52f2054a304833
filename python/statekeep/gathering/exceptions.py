"""pycopg's exceptions. What the server refuses is psycopg's own class: see failures.py."""

from __future__ import annotations


class PycopgError(Exception):
    """The base of all here."""


class ConnectionError(PycopgError):
    """The database cannot be reached."""


class ConfigurationError(PycopgError):
    """A setting, a variable or a URL is wrong."""


class ExtensionNotAvailableError(PycopgError):
    """An extension that is needed is not installed in the database."""


class TableNotFoundError(PycopgError):
    """There is no such table."""


class InvalidIdentifierError(PycopgError):
    """A name that is not a plain SQL identifier, or a word that is none of those allowed."""


class MigrationError(PycopgError):
    """A migration failed, or its file is missing or malformed."""


class DatabaseExistsError(PycopgError):
    """The database to be created is there already."""


class TimescaleError(PycopgError):
    """An operation on TimescaleDB failed."""


class ETLError(PycopgError):
    """A pipeline failed."""


class ETLTransformError(ETLError):
    """A pipeline's transform function failed."""


class ETLTargetNotFoundError(ETLError):
    """The table that a pipeline appends to is missing."""


_FORMER = {  # pycopg's names before 0.7, which its releases up to 2.0 know as well
    "ExtensionNotAvailable": ExtensionNotAvailableError,
    "TableNotFound": TableNotFoundError,
    "InvalidIdentifier": InvalidIdentifierError,
    "DatabaseExists": DatabaseExistsError,
}


def __getattr__(name: str) -> type[PycopgError]:
    try:
        return _FORMER[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
