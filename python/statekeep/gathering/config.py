"""Where the database is and as whom to connect: pycopg's Config, for every form of address that libpq takes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from .exceptions import ConfigurationError

_SETTING = re.compile(r"[a-z_][a-z0-9_.]*", re.IGNORECASE)
# Options that are libpq's own; any other one is a setting of the server, as with pycopg.
_LIBPQ = frozenset(
    """
    hostaddr connect_timeout passfile sslcert sslkey sslpassword sslrootcert sslcrl sslcrldir sslnegotiation
    ssl_min_protocol_version ssl_max_protocol_version sslcompression sslsni requirepeer require_auth channel_binding
    gssencmode krbsrvname gsslib service target_session_attrs load_balance_hosts keepalives keepalives_idle
    keepalives_interval keepalives_count tcp_user_timeout fallback_application_name
""".split()
)


@dataclass
class Config:
    """Connection settings.

    `host` may be a directory, that of a unix socket. `options` are settings of the server by name, and parameters of
    libpq such as ``sslrootcert``; `statement_timeout` is in milliseconds; `default_batch_size` is in rows. An
    ``embedded:`` DSN is kept in `embedded`, in place of host and port.
    """

    host: str = "localhost"
    port: int = 5432
    database: str = "postgres"
    user: str = "postgres"
    password: str = ""
    sslmode: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    statement_timeout: int | None = None
    default_batch_size: int = 1000
    embedded: str | None = None

    @classmethod
    def from_url(cls, url: str) -> Config:
        """Reads ``postgresql://``, ``postgres://``, ``postgresql+<driver>://`` and ``embedded:`` addresses, and libpq's
        key=value words.

        ``?host=/directory`` and an escaped directory in the host's place are unix sockets.
        """
        if url.startswith("embedded:"):
            return cls(embedded=url)
        if "://" not in url:
            return cls._from_words({key: _unescaped(value) for key, value in _WORD.findall(url)})
        scheme, _, rest = url.partition("://")
        parts = urlsplit(f"{scheme.partition('+')[0].replace('postgres', 'postgresql', scheme == 'postgres')}://{rest}")
        try:
            port = parts.port
        except ValueError:  # its text may be a part of a password that was not escaped
            raise ConfigurationError("the URL has no right port; in a password /, ?, # and @ are escaped") from None
        told = {
            "host": unquote(_host(parts.netloc)),
            "port": str(port or ""),
            "dbname": unquote(parts.path.lstrip("/")),
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
        }
        return cls._from_words({key: value for key, value in told.items() if value} | dict(parse_qsl(parts.query)))

    @classmethod
    def _from_words(cls, words: dict[str, str]) -> Config:
        timeout = words.pop("statement_timeout", None)
        return cls(
            host=words.pop("host", "localhost"),
            port=int(words.pop("port", 5432)),
            database=words.pop("dbname", "postgres"),
            user=words.pop("user", "postgres"),
            password=words.pop("password", ""),
            sslmode=words.pop("sslmode", None),
            statement_timeout=int(timeout) if timeout else None,
            options=words,
        )

    @classmethod
    def from_env(cls, dotenv_path: str | Path | None = None, *, load_dotenv_file: bool = True) -> Config:
        """Reads DATABASE_URL, else DB_HOST or PGHOST, and so on for PORT, NAME, USER, PASSWORD and SSLMODE.

        A `.env` file is read first: that of `dotenv_path`, whose values win over the environment's, else that of the
        working directory or the nearest one above, whose do not.
        """
        if load_dotenv_file:
            load_dotenv(dotenv_path)
        url = os.environ.get("DATABASE_URL")
        if url:
            return cls.from_url(url)

        def first(*names: str, default: str) -> str:
            return next(filter(None, map(os.environ.get, names)), default)

        return cls(
            host=first("DB_HOST", "PGHOST", default="localhost"),
            port=int(first("DB_PORT", "PGPORT", default="5432")),
            database=first("DB_NAME", "PGDATABASE", default="postgres"),
            user=first("DB_USER", "PGUSER", default="postgres"),
            password=first("DB_PASSWORD", "PGPASSWORD", default=""),
            sslmode=first("DB_SSLMODE", "PGSSLMODE", default="") or None,
        )

    @property
    def dsn(self) -> str:
        """key=value words for libpq, and for StateKeep. Raises ConfigurationError for a setting that cannot be passed."""
        if self.embedded is not None:
            if self.options or self.statement_timeout is not None:
                raise ConfigurationError("an embedded server takes settings in its address: embedded:?conf.NAME=value")
            return self.embedded
        return " ".join(f"{key}={_word(str(value))}" for key, value in self.connect_params().items())

    @property
    def url(self) -> str:
        """A URL for SQLAlchemy with psycopg."""
        return self._sqlalchemy_url("psycopg")

    @property
    def async_url(self) -> str:
        """A URL for SQLAlchemy's asyncio with psycopg."""
        return self._sqlalchemy_url("psycopg_async")

    def _sqlalchemy_url(self, driver: str) -> str:
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        user = quote(self.user, safe="")
        query = {"sslmode": self.sslmode} if self.sslmode else {}
        where = f"{self.host}:{self.port}"
        if self.host.startswith("/"):
            query |= {"host": self.host, "port": str(self.port)}
            where = ""
        tail = "?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else ""
        return f"postgresql+{driver}://{user}{secret}@{where}/{quote(self.database, safe='')}{tail}"

    def connect_params(self) -> dict[str, Any]:
        """What psycopg.connect() takes by name. Raises ConfigurationError for a setting that cannot be passed."""
        params: dict[str, Any] = {"host": self.host, "port": self.port, "dbname": self.database, "user": self.user}
        if self.password:
            params["password"] = self.password
        if self.sslmode:
            params["sslmode"] = self.sslmode
        settings = {key: value for key, value in self.options.items() if key not in _LIBPQ}
        if self.statement_timeout is not None:
            settings = {"statement_timeout": str(self.statement_timeout), **settings}
        if settings:
            params["options"] = " ".join(f"-c {_setting(key, value)}" for key, value in settings.items())
        return params | {key: value for key, value in self.options.items() if key in _LIBPQ}

    def with_database(self, database: str) -> Config:
        """The same for another database of the server."""
        if self.embedded is not None:
            place, _, query = self.embedded.partition("?")
            kept = [word for word in query.split("&") if word and not word.startswith("db=")]
            words = "&".join([*kept, f"db={quote(database, safe='')}"])
            return replace(self, database=database, embedded=f"{place}?{words}")
        return replace(self, database=database, options=dict(self.options))

    def __repr__(self) -> str:
        if self.embedded is not None:
            return f"Config(embedded={self.embedded!r})"
        return f"Config(host={self.host!r}, port={self.port}, database={self.database!r}, user={self.user!r})"


def _host(netloc: str) -> str:
    """The host of a URL's authority in its own case, which urllib's does not keep, and a directory needs."""
    host = netloc.rpartition("@")[2]
    return host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]


_WORD = re.compile(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)")


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1] if value.startswith("'") else value)


def _word(value: str) -> str:
    if value and not re.search(r"[\s'\\]", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _setting(key: str, value: str) -> str:
    """One word of libpq's `options`; what could become a second one is refused."""
    if not _SETTING.fullmatch(key):
        raise ConfigurationError(f"Unsafe option key {key!r}: a setting's name is letters, digits, '_' and '.'")
    if re.search(r"[\s'\\]", value):
        raise ConfigurationError(f"Unsafe option value for {key!r}: no spaces, quotes or backslashes are allowed")
    return f"{key}={value}"


def load_dotenv(path: str | Path | None = None) -> None:
    """Puts the variables of a `.env` file into the environment; see Config.from_env()."""
    found = (
        Path(path)
        if path
        else next((f for d in [Path.cwd(), *Path.cwd().parents] if (f := d / ".env").is_file()), None)
    )
    if found is None or not found.is_file():
        return
    for line in found.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        name = name.strip()
        if equals and not name.startswith("#") and (path or name not in os.environ):
            os.environ[name] = _unquoted(value.strip())


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return re.split(r"\s+#", value)[0]
