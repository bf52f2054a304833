"""GatheRing's database layer, and pycopg's under it, on StateKeep.

    from statekeep.gathering import AsyncDatabase, Database, Migrator, PooledDatabase

What pycopg offers, with its names, arguments, placeholders and exceptions; a statement is one round trip, and
connections are kept. Rows are dicts that also take positions, results are lists that can also be fetched from."""

from __future__ import annotations

from typing import Any

from . import exceptions
from .actions import Run
from .admin import AdminAccessor, AsyncAdminAccessor
from .aio import AsyncDatabase
from .backup import AsyncBackupAccessor, BackupAccessor
from .config import Config
from .connection import AsyncConnection, Connection
from .database import Database
from .embeddings import EmbeddingService
from .exceptions import (
    ConfigurationError,
    ConnectionError,
    DatabaseExistsError,
    ETLError,
    ETLTargetNotFoundError,
    ETLTransformError,
    ExtensionNotAvailableError,
    InvalidIdentifierError,
    MigrationError,
    PycopgError,
    TableNotFoundError,
    TimescaleError,
)
from .maint import AsyncMaintAccessor, MaintAccessor
from .memory import search_similar_memories, store_memory
from .migrator import Migration, Migrator
from .names import validate_identifier, validate_identifiers, validate_index_method, validate_interval
from .placeholders import Params
from .pool import AsyncPooledDatabase, PooledDatabase
from .schema import AsyncSchemaAccessor, SchemaAccessor, TableDescription
from .service import AsyncDatabaseService, DatabasePool, get_async_db
from .session import IsolationLevel
from .tables import Page

__all__ = [
    "AdminAccessor",
    "AsyncAdminAccessor",
    "AsyncBackupAccessor",
    "AsyncConnection",
    "AsyncDatabase",
    "AsyncDatabaseService",
    "AsyncMaintAccessor",
    "AsyncPooledDatabase",
    "AsyncSchemaAccessor",
    "BackupAccessor",
    "Config",
    "ConfigurationError",
    "Connection",
    "ConnectionError",
    "Database",
    "DatabaseExistsError",
    "DatabasePool",
    "ETLError",
    "ETLTargetNotFoundError",
    "ETLTransformError",
    "EmbeddingService",
    "ExtensionNotAvailableError",
    "InvalidIdentifierError",
    "IsolationLevel",
    "MaintAccessor",
    "Migration",
    "MigrationError",
    "Migrator",
    "Page",
    "Params",
    "PooledDatabase",
    "PycopgError",
    "Run",
    "SchemaAccessor",
    "TableDescription",
    "TableNotFoundError",
    "TimescaleError",
    "get_async_db",
    "search_similar_memories",
    "store_memory",
    "validate_identifier",
    "validate_identifiers",
    "validate_index_method",
    "validate_interval",
]


def __getattr__(name: str) -> Any:
    """pycopg's former names of exceptions."""
    if name in exceptions._FORMER:
        return exceptions._FORMER[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
