"""Groups of a database's methods, and the first of them: databases of the server, and extensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import catalog
from .names import validate_extension_name, validate_identifier, validate_identifiers
from .placeholders import Params
from .results import Fetching
from .written_once import Step, step

if TYPE_CHECKING:
    from .base import DatabaseBase


class Accessor:
    """A group of a database's methods: ``db.schema``, ``db.maint``, …"""

    def __init__(self, db: DatabaseBase[Fetching]) -> None:
        self._db = db

    def _column(self, sql: str, params: Params = None) -> Step[list[Any]]:
        """The first column of all rows."""
        rows = yield from self._db._run(sql, params)
        return [row[0] for row in rows]

    def _elsewhere(self, database: str, sql: str, params: Params = None) -> Step[Fetching]:
        """A statement in another database of the server."""
        other = type(self._db)(self._db.config.with_database(database))
        try:
            return (yield from other._run(sql, params))
        finally:
            yield other._engine.close()


class DatabaseObjectSteps(Accessor):
    """Databases of the server, and extensions of this one."""

    @step
    def create_database(self, name: str, *, owner: str | None = None, template: str = "template1") -> Step[None]:
        validate_identifiers(name, owner, template)
        owned = f" OWNER {owner}" if owner else ""
        yield from self._elsewhere("postgres", f"CREATE DATABASE {name}{owned} TEMPLATE {template}")

    @step
    def drop_database(self, name: str, *, if_exists: bool = True) -> Step[None]:
        """Drops a database, whoever is connected to it."""
        validate_identifier(name)
        yield from self._elsewhere("postgres", f"DROP DATABASE {'IF EXISTS ' if if_exists else ''}{name} (FORCE)")

    @step
    def database_exists(self, name: str) -> Step[bool]:
        return bool((yield from self._elsewhere("postgres", "SELECT 1 FROM pg_database WHERE datname = %s", [name])))

    @step
    def list_databases(self) -> Step[list[str]]:
        """Names, but those of templates."""
        return (yield from self._column("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY datname"))

    @step
    def create_extension(self, name: str, *, schema: str | None = None, if_not_exists: bool = True) -> Step[None]:
        validate_extension_name(name)
        validate_identifiers(schema)
        where = f" SCHEMA {schema}" if schema else ""
        yield from self._db._run(f'CREATE EXTENSION {"IF NOT EXISTS " if if_not_exists else ""}"{name}"{where}')

    @step
    def drop_extension(self, name: str, *, if_exists: bool = True, cascade: bool = False) -> Step[None]:
        validate_extension_name(name)
        tail = " CASCADE" if cascade else ""
        yield from self._db._run(f'DROP EXTENSION {"IF EXISTS " if if_exists else ""}"{name}"{tail}')

    @step
    def list_extensions(self) -> Step[Fetching]:
        """Dicts of extname, extversion, nspname."""
        return (yield from self._db._run(catalog.EXTENSIONS))

    @step
    def has_extension(self, name: str) -> Step[bool]:
        return bool((yield from self._db._run("SELECT 1 FROM pg_extension WHERE extname = %s", [name])))
