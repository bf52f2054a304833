"""Roles and what they may do."""

from __future__ import annotations

from . import catalog
from .accessor import Accessor
from .names import (
    quote_literal,
    validate_identifier,
    validate_identifiers,
    validate_object_type,
    validate_privileges,
    validate_timestamp,
)
from .results import Fetching
from .written_once import Awaiting, Blocking, Step, step

_IN_SCHEMAS = frozenset({"TABLE", "SEQUENCE", "FUNCTION", "PROCEDURE", "ROUTINE", "TYPE", "DOMAIN"})


class AdminSteps(Accessor):
    """Roles: made, changed, dropped, granted to each other and given privileges."""

    @step
    def create_role(
        self,
        name: str,
        *,
        password: str | None = None,
        login: bool = True,
        superuser: bool = False,
        createdb: bool = False,
        createrole: bool = False,
        inherit: bool = True,
        replication: bool = False,
        connection_limit: int = -1,
        valid_until: str | None = None,
        in_roles: list[str] | None = None,
        if_not_exists: bool = True,
    ) -> Step[None]:
        """Makes a role; one that is there already stays as it is, unless `if_not_exists` is false."""
        validate_identifiers(name, *(in_roles or ()))
        if if_not_exists and (yield from self._has_role(name)):
            return
        options = _options(password, connection_limit, valid_until, {
            "LOGIN": login, "SUPERUSER": superuser, "CREATEDB": createdb, "CREATEROLE": createrole,
            "INHERIT": inherit, "REPLICATION": replication,
        })  # fmt: skip
        if in_roles:
            options += f" IN ROLE {', '.join(in_roles)}"
        yield from self._db._run(f"CREATE ROLE {name} WITH{options}")

    @step
    def alter_role(
        self,
        name: str,
        *,
        password: str | None = None,
        login: bool | None = None,
        superuser: bool | None = None,
        createdb: bool | None = None,
        createrole: bool | None = None,
        connection_limit: int | None = None,
        valid_until: str | None = None,
        rename_to: str | None = None,
    ) -> Step[None]:
        """Changes what is not None."""
        validate_identifiers(name, rename_to)
        options = _options(password, connection_limit, valid_until, {
            "LOGIN": login, "SUPERUSER": superuser, "CREATEDB": createdb, "CREATEROLE": createrole,
        })  # fmt: skip
        if options:
            yield from self._db._run(f"ALTER ROLE {name} WITH{options}")
        if rename_to:
            yield from self._db._run(f"ALTER ROLE {name} RENAME TO {rename_to}")

    @step
    def drop_role(self, name: str, *, if_exists: bool = True) -> Step[None]:
        validate_identifier(name)
        yield from self._db._run(f"DROP ROLE {'IF EXISTS ' if if_exists else ''}{name}")

    @step
    def role_exists(self, name: str) -> Step[bool]:
        return (yield from self._has_role(name))

    def _has_role(self, name: str) -> Step[bool]:
        return bool((yield from self._db._run("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])))

    @step
    def list_roles(self, *, include_system: bool = False) -> Step[Fetching]:
        """Dicts of name and attributes; the server's own roles only when asked for."""
        return (yield from self._db._run(catalog.ROLES, [include_system]))

    @step
    def grant_role(self, role: str, member: str, *, with_admin: bool = False) -> Step[None]:
        validate_identifiers(role, member)
        yield from self._db._run(f"GRANT {role} TO {member}{' WITH ADMIN OPTION' if with_admin else ''}")

    @step
    def revoke_role(self, role: str, member: str) -> Step[None]:
        validate_identifiers(role, member)
        yield from self._db._run(f"REVOKE {role} FROM {member}")

    @step
    def grant(
        self,
        privileges: str | list[str],
        on: str,
        to: str,
        *,
        object_type: str = "TABLE",
        schema: str = "public",
        with_grant_option: bool = False,
    ) -> Step[None]:
        """Grants privileges on an object; ``on="ALL TABLES"`` (SEQUENCES, …) means all of them in the schema."""
        what = _granted(privileges, on, object_type, schema)
        validate_identifier(to)
        yield from self._db._run(f"GRANT {what} TO {to}{' WITH GRANT OPTION' if with_grant_option else ''}")

    @step
    def revoke(
        self,
        privileges: str | list[str],
        on: str,
        from_role: str,
        *,
        object_type: str = "TABLE",
        schema: str = "public",
        cascade: bool = False,
    ) -> Step[None]:
        """Takes privileges back; see grant."""
        what = _granted(privileges, on, object_type, schema)
        validate_identifier(from_role)
        yield from self._db._run(f"REVOKE {what} FROM {from_role}{' CASCADE' if cascade else ''}")

    @step
    def list_role_members(self, role: str) -> Step[list[str]]:
        return (yield from self._column(catalog.ROLE_MEMBERS, [role]))

    @step
    def list_role_grants(self, role: str) -> Step[Fetching]:
        """Dicts of schema, object_name, privilege."""
        return (yield from self._db._run(catalog.ROLE_GRANTS, [role]))


def _options(
    password: str | None, connection_limit: int | None, valid_until: str | None, flags: dict[str, bool | None]
) -> str:
    options = [word if wanted else f"NO{word}" for word, wanted in flags.items() if wanted is not None]
    if password is not None:
        options.append(f"PASSWORD {quote_literal(password)}")
    if connection_limit is not None:
        options.append(f"CONNECTION LIMIT {int(connection_limit)}")
    if valid_until is not None:
        validate_timestamp(valid_until)
        options.append(f"VALID UNTIL {quote_literal(valid_until)}")
    return "".join(f" {option}" for option in options)


def _granted(privileges: str | list[str], on: str, object_type: str, schema: str) -> str:
    validate_object_type(object_type)
    listed = privileges if isinstance(privileges, str) else ", ".join(privileges)
    validate_privileges(listed)
    kind = object_type.strip().upper()
    validate_identifier(schema)
    words = on.upper().split()
    if words[:1] == ["ALL"] and (len(words) == 1 or words[1:] == [f"{kind}S"]) and kind in _IN_SCHEMAS:
        return f"{listed} ON ALL {kind}S IN SCHEMA {schema}"
    validate_identifier(on)
    return f"{listed} ON {kind} {f'{schema}.{on}' if kind in _IN_SCHEMAS else on}"


class AdminAccessor(Blocking, AdminSteps):
    __doc__ = AdminSteps.__doc__


class AsyncAdminAccessor(Awaiting, AdminSteps):
    __doc__ = AdminSteps.__doc__
