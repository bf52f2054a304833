"""Checks of what goes into SQL as text: identifiers and the few words that may stand in their places."""

from __future__ import annotations

import re

from .exceptions import InvalidIdentifierError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXTENSION = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_INTERVAL = re.compile(r"\d+\s+(second|minute|hour|day|week|month|year)s?", re.IGNORECASE)
_TIMESTAMP = re.compile(
    r"-?infinity|\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?(\.\d+)?(\s*[+-]\d\d(:?\d\d)?)?)?", re.IGNORECASE
)
_PRIVILEGES = frozenset(
    """
    SELECT;INSERT;UPDATE;DELETE;TRUNCATE;REFERENCES;TRIGGER;USAGE;CREATE;CONNECT;TEMPORARY;TEMP;EXECUTE;ALL;
    ALL PRIVILEGES;MAINTAIN;SET;ALTER SYSTEM
""".replace("\n", "")
    .replace("    ", "")
    .split(";")
)
_OBJECT_TYPES = frozenset(
    """
    TABLE;SEQUENCE;FUNCTION;PROCEDURE;ROUTINE;SCHEMA;DATABASE;TABLESPACE;TYPE;DOMAIN;LANGUAGE;FOREIGN DATA WRAPPER;
    FOREIGN SERVER;LARGE OBJECT;PARAMETER
""".replace("\n", "")
    .replace("    ", "")
    .split(";")
)
INDEX_METHODS = frozenset({"btree", "hash", "gist", "spgist", "gin", "brin", "hnsw", "ivfflat"})


def validate_identifier(name: str) -> None:
    """Raises InvalidIdentifierError unless the name is letters, digits and underscores and begins with no digit."""
    if not name:
        raise InvalidIdentifierError("Identifier cannot be empty")
    if not _IDENTIFIER.fullmatch(name):
        raise InvalidIdentifierError(
            f"Invalid identifier: {name!r}. Must start with a letter or underscore and contain only letters, digits, "
            "and underscores."
        )


def validate_identifiers(*names: str | None) -> None:
    """validate_identifier() of each but None."""
    for name in names:
        if name is not None:
            validate_identifier(name)


def validate_extension_name(name: str) -> None:
    """As an identifier, with hyphens: ``uuid-ossp``."""
    if not name or not _EXTENSION.fullmatch(name):
        raise InvalidIdentifierError(f"Invalid extension name: {name!r}" if name else "Extension name cannot be empty")


def validate_interval(interval: str) -> None:
    """``<number> <unit>``, from second to year."""
    if not interval or not _INTERVAL.fullmatch(interval.strip()):
        raise InvalidIdentifierError(
            f"Invalid interval: {interval!r}. Expected format: '<number> <unit>'"
            if interval
            else "Interval cannot be empty"
        )


def validate_timestamp(value: str) -> None:
    """A date, a date with a time, or infinity."""
    if not value:
        raise InvalidIdentifierError("Timestamp cannot be empty")
    if not _TIMESTAMP.fullmatch(value):
        raise InvalidIdentifierError(f"Invalid timestamp: {value!r}")


def validate_privileges(privileges: str) -> None:
    """Privileges of GRANT, separated by commas."""
    if not privileges:
        raise InvalidIdentifierError("Privileges cannot be empty")
    for privilege in privileges.split(","):
        if privilege.strip().upper() not in _PRIVILEGES:
            raise InvalidIdentifierError(f"Invalid privilege: {privilege.strip()!r}")


def validate_object_type(object_type: str) -> None:
    """What GRANT can be on."""
    if not object_type or object_type.strip().upper() not in _OBJECT_TYPES:
        raise InvalidIdentifierError(f"Invalid object type: {object_type!r}")


def validate_csv_option(value: str, name: str, max_length: int = 32) -> None:
    """What stands in a literal of COPY's options: no quote, no backslash, not long."""
    if "'" in value or "\\" in value:
        raise InvalidIdentifierError(f"Invalid {name}: {value!r} must not contain quotes or backslashes.")
    if len(value) > max_length:
        raise InvalidIdentifierError(f"Invalid {name}: {value!r} exceeds maximum length of {max_length}.")


def validate_index_method(method: str) -> None:
    """An access method of indexes: PostgreSQL's and pgvector's."""
    if method.lower() not in INDEX_METHODS:
        raise InvalidIdentifierError(
            f"Invalid index method: {method!r}. Must be one of: {', '.join(sorted(INDEX_METHODS))}"
        )


def quote_literal(value: str) -> str:
    """The value as a literal of SQL; parameters are better where they can stand."""
    return "'" + value.replace("'", "''") + "'"
