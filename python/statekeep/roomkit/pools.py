"""Where the store connects to: RoomKit's DSN or asyncpg pool as the engine's DSN; and what it shows as its pool."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from .. import _core, aio

# Of asyncpg.connect(), those that are words of a DSN; the engine drops what only steers asyncpg itself.
_WORDS = ("host", "port", "user", "password", "database", "passfile", "service", "target_session_attrs", "krbsrvname")
_STATEMENTS = ("execute", "executemany", "fetch", "fetchrow", "fetchval")  # of asyncpg's pool, on any connection
_ENVIRONMENT = "postgresql://"  # libpq's defaults and PG* variables, as asyncpg without a DSN
_HOST_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGSERVICE")
# Where asyncpg looks for a server when nobody names a host; libpq looks into one directory.
_PLACES = "/run/postgresql,/var/run/postgresql,/tmp,/private/tmp,localhost"


class Figures:
    """What `store._pool` shows of the engine's connections, in the words of asyncpg's pool."""

    def __init__(
        self, store: aio.Store, min_size: int, max_size: int, acquire: Callable[[], AbstractAsyncContextManager[Any]]
    ) -> None:
        self._handle = store._calls.handle
        self._sizes = min_size, max_size
        self._acquire = acquire

    def acquire(self, *, timeout: float | None = None) -> AbstractAsyncContextManager[Any]:
        """A connection of asyncpg's beside the engine's, for ``async with``; it is waited for as the store's calls are."""
        return self._acquire()

    def __getattr__(self, name: str) -> Any:
        """`execute`, `fetch` and the like, on a connection of `acquire()`."""
        if name not in _STATEMENTS:
            raise AttributeError(f"the pool shown here has no {name!r}")

        async def run(*arguments: Any, **named: Any) -> Any:
            async with self._acquire() as connection:
                return await getattr(connection, name)(*arguments, **named)

        return run

    def get_size(self) -> int:
        """How many connections there are now."""
        return self._connections()["up"]

    def get_idle_size(self) -> int:
        """How many of them no call is using."""
        connections = self._connections()
        return connections["up"] - connections["busy"]

    def get_min_size(self) -> int:
        """As it was asked for; connections are opened on demand."""
        return self._sizes[0]

    def get_max_size(self) -> int:
        return self._sizes[1]

    def _connections(self) -> dict[str, int]:
        answer = _core.submit(self._handle, "admin.stats", (), 0, True)  # the engine answers it at once
        if isinstance(answer, int) or answer[1] is None or answer[0]:
            return {"up": 0, "busy": 0}
        figures: dict[str, int] = json.loads(answer[1])["connections"]
        return figures


def check_sizes(min_size: int, max_size: int) -> None:
    """Refuses the sizes that asyncpg's pool refuses, in its words."""
    if max_size <= 0:
        raise ValueError("max_size is expected to be greater than zero")
    if min_size < 0:
        raise ValueError("min_size is expected to be greater or equal to zero")
    if min_size > max_size:
        raise ValueError("min_size is greater than max_size")


async def engine_dsn(dsn: str | None, pool: Any) -> str:
    """The engine's DSN for what asyncpg would connect to, given one of these two or neither.

    Raises TypeError for a `pool` that is none of asyncpg's, ValueError for one whose connections no DSN describes.
    """
    found = (dsn or _ENVIRONMENT) if pool is None else await _pools_dsn(pool)
    if not found.startswith(("postgresql:", "postgres:")) or any(map(os.environ.get, _HOST_VARIABLES)):
        return found
    parts = urlsplit(found)
    if parts.netloc.rpartition("@")[2] or {"host", "hostaddr", "service"} & parse_qs(parts.query).keys():
        return found
    return _joined(found, {"host": _PLACES})


async def _pools_dsn(pool: Any) -> str:
    """The DSN for the connections that an asyncpg pool makes, its server settings included."""
    if not hasattr(pool, "_connect_kwargs"):
        raise TypeError(f"pool: an asyncpg pool expected, got {type(pool).__name__}")
    if getattr(pool._connect, "__module__", "asyncpg.connection") != "asyncpg.connection":
        raise ValueError("the pool's connections are made by its connect=, which libpq cannot call; give a DSN instead")
    given = dict(pool._connect_kwargs)
    dsn = pool._connect_args[0] if pool._connect_args else given.pop("dsn", None)
    words = {name: given[name] for name in _WORDS if given.get(name) is not None}
    if callable(words.get("password")):
        words["password"] = words["password"]()
        if inspect.isawaitable(words["password"]):
            words["password"] = await words["password"]
    if given.get("ssl") is not None:
        words["sslmode"] = _ssl_mode(given["ssl"])
    for name in ("host", "port"):
        if isinstance(words.get(name), (list, tuple)):
            words[name] = ",".join(map(str, words[name]))
    words.update(given.get("server_settings") or {})
    return _joined(dsn or _ENVIRONMENT, {name: str(value) for name, value in words.items()})


def _ssl_mode(ssl: Any) -> str:
    if isinstance(ssl, bool):
        return "verify-full" if ssl else "disable"
    if isinstance(ssl, str):
        return str(ssl)
    raise ValueError("the pool's ssl= is an SSLContext, which libpq cannot use; say sslmode and its files in the DSN")


def _joined(dsn: str, words: dict[str, str]) -> str:
    """The DSN with words that replace those it says itself."""
    if "://" in dsn:
        said = "&".join(f"{name}={quote(value, safe='')}" for name, value in words.items())
        return f"{dsn}{'&' if '?' in dsn else '?'}{said}" if said else dsn
    quoted = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in words.items()}
    return " ".join([dsn, *(f"{name}='{value}'" for name, value in quoted.items())])
