"""Dumps by PostgreSQL's own programs, and tables as CSV files."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

from .accessor import Accessor
from .config import Config
from .names import validate_csv_option, validate_identifiers
from .written_once import Awaiting, Blocking, Step, step

_FORMATS = ("plain", "custom", "directory", "tar")


class BackupSteps(Accessor):
    """Dumps and restores with pg_dump, pg_restore and psql, which must be on PATH; CSV files by COPY."""

    def _program(self, *command: str) -> Any:
        """Runs a program; subclasses say how it is waited for."""
        raise NotImplementedError

    @step
    def pg_dump(
        self,
        output_file: str | Path,
        *,
        format: str = "custom",
        schema_only: bool = False,
        data_only: bool = False,
        tables: list[str] | None = None,
        exclude_tables: list[str] | None = None,
        schemas: list[str] | None = None,
        compress: int = 6,
        jobs: int = 1,
    ) -> Step[None]:
        """Writes a dump. Raises RuntimeError with the program's words when it fails."""
        if format not in _FORMATS:
            raise ValueError(f"format must be one of {', '.join(_FORMATS)}, got {format!r}")
        words = [f"--format={format}", f"--file={output_file}"]
        words += ["--schema-only"] * schema_only + ["--data-only"] * data_only
        words += _patterns("table", tables) + _patterns("exclude-table", exclude_tables) + _patterns("schema", schemas)
        if format in ("custom", "directory"):
            words.append(f"--compress={int(compress)}")
        if format == "directory":
            words.append(f"--jobs={int(jobs)}")
        yield self._program("pg_dump", *words)

    @step
    def pg_restore(
        self,
        input_file: str | Path,
        *,
        clean: bool = False,
        if_exists: bool = True,
        create: bool = False,
        data_only: bool = False,
        schema_only: bool = False,
        tables: list[str] | None = None,
        schemas: list[str] | None = None,
        jobs: int = 1,
        no_owner: bool = False,
        no_privileges: bool = False,
    ) -> Step[None]:
        """Reads a dump back; a ``.sql`` file is run by psql. Raises FileNotFoundError, RuntimeError."""
        path = Path(input_file)
        if not path.exists():
            raise FileNotFoundError(f"Backup file not found: {path}")
        if path.suffix == ".sql":
            yield self._program("psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={path}")
            return
        words = ["--clean"] * clean + ["--if-exists"] * (clean and if_exists) + ["--create"] * create
        words += ["--data-only"] * data_only + ["--schema-only"] * schema_only
        words += ["--no-owner"] * no_owner + ["--no-privileges"] * no_privileges
        words += _patterns("table", tables) + _patterns("schema", schemas) + [f"--jobs={int(jobs)}"]
        yield self._program("pg_restore", *words, str(path))

    @step
    def copy_to_csv(
        self,
        table: str,
        output_file: str | Path,
        *,
        schema: str = "public",
        columns: list[str] | None = None,
        delimiter: str = ",",
        header: bool = True,
        null_string: str = "",
        encoding: str = "UTF8",
    ) -> Step[int]:
        """Writes a table's rows into a file; how many."""
        sql = _copy(table, schema, columns, "TO STDOUT", delimiter, header, null_string, encoding)
        with open(output_file, "wb") as file:
            yield from self._db._copy_out(sql, file.write)
        count: int = (yield from self._db._run(f"SELECT count(*) FROM {schema}.{table}"))[0][0]
        return count

    @step
    def copy_from_csv(
        self,
        table: str,
        input_file: str | Path,
        *,
        schema: str = "public",
        columns: list[str] | None = None,
        delimiter: str = ",",
        header: bool = True,
        null_string: str = "",
        encoding: str = "UTF8",
    ) -> Step[int]:
        """Stores a file's rows; how many."""
        sql = _copy(table, schema, columns, "FROM STDIN", delimiter, header, null_string, encoding)
        with open(input_file, "rb") as file:
            return (yield from self._db._copy_in(sql, iter(lambda: file.read(65536), b"")))


def _patterns(option: str, values: list[str] | None) -> list[str]:
    for value in values or ():
        if not value or any(ord(character) < 32 for character in value):
            raise ValueError(f"Invalid {option} value {value!r}")
    return [f"--{option}={value}" for value in values or ()]


def _copy(
    table: str,
    schema: str,
    columns: list[str] | None,
    way: str,
    delimiter: str,
    header: bool,
    null_string: str,
    encoding: str,
) -> str:
    validate_identifiers(table, schema, *(columns or ()))
    for value, name in ((delimiter, "delimiter"), (null_string, "null_string"), (encoding, "encoding")):
        validate_csv_option(value, name)
    listed = f"({', '.join(columns)})" if columns else ""
    options = f"FORMAT CSV, DELIMITER '{delimiter}', NULL '{null_string}', ENCODING '{encoding}'"
    return f"COPY {schema}.{table}{listed} {way} WITH ({options}{', HEADER' if header else ''})"


def _run(config: Config, *command: str) -> None:
    params = config.connect_params()
    names = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD",
             "sslmode": "PGSSLMODE", "options": "PGOPTIONS"}  # fmt: skip
    environment = {names[key]: str(value) for key, value in params.items() if key in names}
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")


class BackupAccessor(Blocking, BackupSteps):
    __doc__ = BackupSteps.__doc__

    def _program(self, *command: str) -> Any:
        _run(self._db.config, *command)


class AsyncBackupAccessor(Awaiting, BackupSteps):
    __doc__ = BackupSteps.__doc__

    def _program(self, *command: str) -> Any:
        return asyncio.to_thread(_run, self._db.config, *command)
