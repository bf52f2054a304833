"""What a database is made of: schemas, tables, columns, keys, indexes, extensions, and databases themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..rows import Row
from . import catalog
from .accessor import DatabaseObjectSteps
from .exceptions import TableNotFoundError
from .names import validate_identifier, validate_identifiers, validate_index_method
from .results import Fetching
from .written_once import Awaiting, Blocking, Step, step

_ACTIONS = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT")


@dataclass(frozen=True)
class TableDescription:
    """What `describe` tells of a table."""

    columns: list[Row]
    primary_key: dict[str, Any] | None
    foreign_keys: list[Row]
    indexes: list[Row]


def _listed(columns: str | list[str]) -> list[str]:
    return [columns] if isinstance(columns, str) else columns


class SchemaSteps(DatabaseObjectSteps):
    """Asks for and changes what a database is made of; names are plain identifiers."""

    @step
    def create_schema(self, name: str, *, if_not_exists: bool = True, owner: str | None = None) -> Step[None]:
        validate_identifiers(name, owner)
        owned = f" AUTHORIZATION {owner}" if owner else ""
        yield from self._db._run(f"CREATE SCHEMA {'IF NOT EXISTS ' if if_not_exists else ''}{name}{owned}")

    @step
    def drop_schema(self, name: str, *, if_exists: bool = True, cascade: bool = False) -> Step[None]:
        validate_identifier(name)
        tail = " CASCADE" if cascade else ""
        yield from self._db._run(f"DROP SCHEMA {'IF EXISTS ' if if_exists else ''}{name}{tail}")

    @step
    def list_schemas(self) -> Step[list[str]]:
        """Names, but the server's own."""
        return (yield from self._column(catalog.SCHEMAS))

    @step
    def schema_exists(self, name: str) -> Step[bool]:
        return bool((yield from self._db._run("SELECT 1 FROM pg_namespace WHERE nspname = %s", [name])))

    @step
    def list_tables(self, *, schema: str = "public") -> Step[list[str]]:
        """Names of tables; views are not among them."""
        return (yield from self._column(catalog.TABLES, [schema]))

    @step
    def table_exists(self, name: str, *, schema: str = "public") -> Step[bool]:
        """Whether there is a table or a view of that name."""
        return (yield from self._has_table(name, schema))

    def _has_table(self, name: str, schema: str) -> Step[bool]:
        return bool((yield from self._db._run(catalog.TABLE_EXISTS, [schema, name])))

    def _require_table(self, name: str, schema: str) -> Step[None]:
        validate_identifiers(name, schema)
        if not (yield from self._has_table(name, schema)):
            raise TableNotFoundError(f"Table '{schema}.{name}' does not exist.")

    @step
    def column_exists(self, table: str, column: str, *, schema: str = "public") -> Step[bool]:
        return bool((yield from self._db._run(catalog.COLUMN_EXISTS, [schema, table, column])))

    @step
    def list_columns(self, table: str, *, schema: str = "public") -> Step[list[str]]:
        rows = yield from self._db._run(catalog.TABLE_INFO, [schema, table])
        return [row["column_name"] for row in rows]

    @step
    def columns_with_types(self, table: str, *, schema: str = "public") -> Step[list[tuple[str, str]]]:
        """Pairs of name and type."""
        rows = yield from self._db._run(catalog.TABLE_INFO, [schema, table])
        return [(row["column_name"], row["data_type"]) for row in rows]

    @step
    def drop_table(
        self, name: str, *, schema: str = "public", if_exists: bool = True, cascade: bool = False
    ) -> Step[None]:
        validate_identifiers(name, schema)
        tail = " CASCADE" if cascade else ""
        yield from self._db._run(f"DROP TABLE {'IF EXISTS ' if if_exists else ''}{schema}.{name}{tail}")

    @step
    def truncate_table(self, name: str, *, schema: str = "public", cascade: bool = False) -> Step[None]:
        """Empties a table. Raises TableNotFoundError."""
        yield from self._require_table(name, schema)
        yield from self._db._run(f"TRUNCATE TABLE {schema}.{name}{' CASCADE' if cascade else ''}")

    @step
    def table_info(self, name: str, *, schema: str = "public") -> Step[Fetching]:
        """A dict for each column: its name, type, nullability, default, position, and sizes."""
        return (yield from self._db._run(catalog.TABLE_INFO, [schema, name]))

    @step
    def row_count(self, name: str, *, schema: str = "public") -> Step[int]:
        """The planner's estimate; -1 before the first ANALYZE."""
        rows = yield from self._db._run(catalog.ROW_ESTIMATE, [schema, name])
        return rows[0][0] if rows else 0

    @step
    def table_size(self, name: str, *, schema: str = "public") -> Step[int]:
        """Bytes, indexes included. Raises TableNotFoundError."""
        yield from self._require_table(name, schema)
        rows = yield from self._db._run("SELECT pg_total_relation_size(%s::regclass)", [f"{schema}.{name}"])
        size: int = rows[0][0]
        return size

    @step
    def add_primary_key(
        self, table: str, columns: str | list[str], *, schema: str = "public", name: str | None = None
    ) -> Step[None]:
        columns = _listed(columns)
        validate_identifiers(table, schema, name, *columns)
        key = f"CONSTRAINT {name or f'{table}_pkey'} PRIMARY KEY ({', '.join(columns)})"
        yield from self._db._run(f"ALTER TABLE {schema}.{table} ADD {key}")

    @step
    def add_foreign_key(
        self,
        table: str,
        columns: str | list[str],
        ref_table: str,
        ref_columns: str | list[str],
        *,
        schema: str = "public",
        ref_schema: str = "public",
        name: str | None = None,
        on_delete: str = "NO ACTION",
        on_update: str = "NO ACTION",
    ) -> Step[None]:
        columns, ref_columns = _listed(columns), _listed(ref_columns)
        validate_identifiers(table, schema, ref_table, ref_schema, name, *columns, *ref_columns)
        for event, action in (("ON DELETE", on_delete), ("ON UPDATE", on_update)):
            if action.upper() not in _ACTIONS:
                raise ValueError(f"Invalid {event} action: {action}. Must be one of: {', '.join(_ACTIONS)}")
        yield from self._db._run(
            f"ALTER TABLE {schema}.{table} ADD CONSTRAINT {name or f'{table}_{columns[0]}_fkey'} "
            f"FOREIGN KEY ({', '.join(columns)}) REFERENCES {ref_schema}.{ref_table} ({', '.join(ref_columns)}) "
            f"ON DELETE {on_delete} ON UPDATE {on_update}"
        )

    @step
    def add_unique_constraint(
        self, table: str, columns: str | list[str], *, schema: str = "public", name: str | None = None
    ) -> Step[None]:
        columns = _listed(columns)
        validate_identifiers(table, schema, name, *columns)
        key = f"CONSTRAINT {name or '_'.join([table, *columns, 'key'])} UNIQUE ({', '.join(columns)})"
        yield from self._db._run(f"ALTER TABLE {schema}.{table} ADD {key}")

    @step
    def create_index(
        self,
        table: str,
        columns: str | list[str],
        *,
        schema: str = "public",
        name: str | None = None,
        unique: bool = False,
        method: str = "btree",
        if_not_exists: bool = True,
    ) -> Step[None]:
        columns = _listed(columns)
        validate_identifiers(table, schema, name, *columns)
        validate_index_method(method)
        index = name or "_".join(["idx", table, *columns])
        yield from self._db._run(
            f"CREATE {'UNIQUE ' if unique else ''}INDEX {'IF NOT EXISTS ' if if_not_exists else ''}{index} "
            f"ON {schema}.{table} USING {method} ({', '.join(columns)})"
        )

    @step
    def drop_index(self, name: str, *, schema: str = "public", if_exists: bool = True) -> Step[None]:
        validate_identifiers(schema, name)
        yield from self._db._run(f"DROP INDEX {'IF EXISTS ' if if_exists else ''}{schema}.{name}")

    @step
    def list_indexes(self, table: str, *, schema: str = "public") -> Step[Fetching]:
        """Dicts of index_name, index_type, index_def."""
        return (yield from self._db._run(catalog.INDEXES, [schema, table]))

    @step
    def list_constraints(self, table: str, *, schema: str = "public") -> Step[Fetching]:
        """Dicts of constraint_name, constraint_type (pg_constraint's letter), constraint_def."""
        return (yield from self._db._run(catalog.CONSTRAINTS, [schema, table]))

    @step
    def primary_key(self, table: str, *, schema: str = "public") -> Step[dict[str, Any] | None]:
        """A dict of constraint_name and columns, or None."""
        return (yield from self._primary_key(table, schema))

    def _primary_key(self, table: str, schema: str) -> Step[dict[str, Any] | None]:
        validate_identifiers(table, schema)
        rows = yield from self._db._run(catalog.PRIMARY_KEY, [schema, table])
        return dict(rows[0]) if rows else None

    @step
    def foreign_keys(self, table: str, *, schema: str = "public") -> Step[Fetching]:
        """Dicts of constraint_name, columns, referenced_table, referenced_columns."""
        return (yield from self._foreign_keys(table, schema))

    def _foreign_keys(self, table: str, schema: str) -> Step[Fetching]:
        validate_identifiers(table, schema)
        return (yield from self._db._run(catalog.FOREIGN_KEYS, [schema, table]))

    @step
    def sequences(self, *, schema: str = "public") -> Step[list[str]]:
        validate_identifiers(schema)
        return (yield from self._column(catalog.SEQUENCES, [schema]))

    @step
    def views(self, *, schema: str = "public") -> Step[list[str]]:
        validate_identifiers(schema)
        return (yield from self._column(catalog.VIEWS, [schema]))

    @step
    def materialized_views(self, *, schema: str = "public") -> Step[list[str]]:
        validate_identifiers(schema)
        return (yield from self._column(catalog.MATERIALIZED_VIEWS, [schema]))

    @step
    def materialized_view_columns(self, name: str, *, schema: str = "public") -> Step[Fetching]:
        """As table_info, for a materialized view."""
        validate_identifiers(name, schema)
        return (yield from self._db._run(catalog.MATERIALIZED_VIEW_COLUMNS, [schema, name]))

    @step
    def describe(self, table: str, *, schema: str = "public", into: str = "dict") -> Step[Any]:
        """Columns, primary key, foreign keys and indexes: as a dict, a ``"dataclass"``, or a ``"dataframe"``."""
        told = TableDescription(
            columns=(yield from self._db._run(catalog.TABLE_INFO, [schema, table])),
            primary_key=(yield from self._primary_key(table, schema)),
            foreign_keys=(yield from self._foreign_keys(table, schema)),
            indexes=(yield from self._db._run(catalog.INDEXES, [schema, table])),
        )
        if into == "dict":
            return dict(vars(told))
        if into == "dataclass":
            return told
        if into == "dataframe":
            import pandas

            return pandas.DataFrame(told.columns)
        raise ValueError(f"into must be 'dict', 'dataclass', or 'dataframe', got {into!r}")


class SchemaAccessor(Blocking, SchemaSteps):
    __doc__ = SchemaSteps.__doc__


class AsyncSchemaAccessor(Awaiting, SchemaSteps):
    __doc__ = SchemaSteps.__doc__
