"""pycopg's Migrator: numbered SQL files, each applied once, in one transaction with the row that says so."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ..rows import Row
from .connection import Connection
from .database import Database
from .exceptions import MigrationError
from .names import validate_identifier

logger = logging.getLogger(__name__)

_FILE = re.compile(r"(\d+)_(.+)\.sql")
_TEMPLATE = """-- Migration: {name}
-- Created: {created}

-- UP
-- Write your migration SQL here


-- DOWN
-- Write your rollback SQL here (optional)

"""


class Migration:
    """A file ``NNN_name.sql``."""

    def __init__(self, path: Path) -> None:
        found = _FILE.fullmatch(path.name)
        if found is None:
            raise MigrationError(f"Invalid migration filename: {path.name}. Expected format: NNN_description.sql")
        self.path = path
        self.filename = path.name
        self.version = int(found[1])
        self.name = found[2]

    @property
    def sql(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def section(self, name: str) -> str | None:
        """What stands between the line ``-- UP`` or ``-- DOWN`` and the next such line; None without it."""
        pattern = rf"^[ \t]*--[ \t]*{name}[ \t]*$(.*?)(?=^[ \t]*--[ \t]*(?:UP|DOWN)[ \t]*$|\Z)"
        found = re.search(pattern, self.sql, re.IGNORECASE | re.DOTALL | re.MULTILINE)
        return found[1].strip() if found else None

    @property
    def up(self) -> str:
        """What applies it. A file without ``-- UP`` is all of it, up to a ``-- DOWN``."""
        section = self.section("UP")
        if section is not None:
            return section
        return re.split(r"(?im)^[ \t]*--[ \t]*DOWN[ \t]*$", self.sql, maxsplit=1)[0].strip()

    def __repr__(self) -> str:
        return f"Migration({self.version:03d}_{self.name})"


class Migrator:
    """Applies and takes back the migrations of a folder.

    Migrators of several processes take turns: each migration is looked at again under a lock of the table. Raises
    MigrationError for a folder or a file that is missing, and for a migration that fails; those before it stay.
    """

    MIGRATIONS_TABLE = "schema_migrations"

    def __init__(self, db: Database, migrations_dir: str | Path, table: str = MIGRATIONS_TABLE) -> None:
        validate_identifier(table)
        self.db = db
        self.migrations_dir = Path(migrations_dir)
        self.table = table
        if not self.migrations_dir.exists():
            raise MigrationError(f"Migrations directory not found: {self.migrations_dir}")

    def _ensure_table(self) -> None:
        # Two sessions that create it at once collide in the catalog, IF NOT EXISTS or not.
        if self.db.execute("SELECT to_regclass(%s) AS found", [self.table])[0]["found"] is None:
            self.db.execute(
                f"SELECT pg_advisory_xact_lock(hashtext('{self.table}')); CREATE TABLE IF NOT EXISTS {self.table} "
                "(version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )

    def _migrations(self) -> list[Migration]:
        migrations = []
        for path in self.migrations_dir.glob("*.sql"):
            try:
                migrations.append(Migration(path))
            except MigrationError as error:
                logger.warning("Skipping invalid migration file '%s': %s", path.name, error)
        return sorted(migrations, key=lambda migration: migration.version)

    def pending(self) -> list[Migration]:
        """The migrations that are not applied, in order."""
        versions = {row["version"] for row in self.applied()}
        return [migration for migration in self._migrations() if migration.version not in versions]

    def applied(self) -> list[Row]:
        """Dicts of version, name, applied_at, in order."""
        self._ensure_table()
        return self.db.execute(f"SELECT version, name, applied_at FROM {self.table} ORDER BY version")

    def migrate(self, target: int | None = None) -> list[Migration]:
        """Applies what is pending, up to the version `target` where one is given; gives what was applied."""
        done = []
        for migration in self.pending():
            if target is not None and migration.version > target:
                break
            try:
                if self._apply(migration):
                    done.append(migration)
            except Exception as error:
                raise MigrationError(f"Migration {migration.version:03d}_{migration.name} failed: {error}") from error
        return done

    @contextmanager
    def _turn(self, version: int) -> Iterator[tuple[Connection, bool]]:
        """A transaction that no other migrator's overlaps: its connection, and whether the version is applied."""
        with self.db.transaction() as connection:
            connection.execute(f"LOCK TABLE {self.table} IN SHARE ROW EXCLUSIVE MODE")
            rows = connection.execute(f"SELECT 1 FROM {self.table} WHERE version = %s", [version])
            yield connection, bool(rows)

    def _apply(self, migration: Migration) -> bool:
        with self._turn(migration.version) as (connection, applied):
            if applied:  # by another migrator, meanwhile
                return False
            connection.execute(migration.up)
            connection.execute(
                f"INSERT INTO {self.table} (version, name) VALUES (%s, %s)", [migration.version, migration.name]
            )
        return True

    def rollback(self, steps: int = 1) -> list[Row]:
        """Takes the last migrations back, newest first, by their ``-- DOWN`` sections; gives what was taken back."""
        done = []
        for info in reversed(self.applied()[-steps:] if steps > 0 else []):
            version, name = info["version"], info["name"]
            migration = next((m for m in self._migrations() if m.version == version), None)
            if migration is None:
                raise MigrationError(f"Migration file for version {version} not found")
            down = migration.section("DOWN")
            if not down:
                raise MigrationError(f"No DOWN section in migration {version:03d}_{name}")
            try:
                with self._turn(version) as (connection, applied):
                    if applied:
                        connection.execute(down)
                        connection.execute(f"DELETE FROM {self.table} WHERE version = %s", [version])
                        done.append(info)
            except Exception as error:
                raise MigrationError(f"Rollback of {version:03d}_{name} failed: {error}") from error
        return done

    def status(self) -> dict[str, Any]:
        """``{applied_count, pending_count, applied, pending: [{version, name}]}``."""
        applied = self.applied()
        pending = self.pending()
        return {
            "applied_count": len(applied),
            "pending_count": len(pending),
            "applied": applied,
            "pending": [{"version": migration.version, "name": migration.name} for migration in pending],
        }

    def create(self, name: str) -> Path:
        """Writes a new, empty migration with the next number; gives its path."""
        plain = re.sub(r"[^a-z0-9_]", "_", name.lower())
        number = max((migration.version for migration in self._migrations()), default=0) + 1
        path = self.migrations_dir / f"{number:03d}_{plain}.sql"
        path.write_text(_TEMPLATE.format(name=plain, created=datetime.now().isoformat()), encoding="utf-8")
        return path

    def __repr__(self) -> str:
        told = self.status()
        return f"Migrator({self.migrations_dir}, applied={told['applied_count']}, pending={told['pending_count']})"
