"""StateKeep's classes under pycopg's names, for code and tests written for pycopg: put this folder's parent first on
PYTHONPATH.

What StateKeep does not stand in for (timescale, spatial, etl) is pycopg's own where that is installed, at work on
StateKeep's databases."""

import importlib
import importlib.metadata
import sys
import types

from statekeep import gathering
from statekeep.gathering import *  # noqa: F403
from statekeep.gathering import (
    admin,
    aio,
    backup,
    config,
    database,
    dataframes,
    exceptions,
    maint,
    migrator,
    names,
    pool,
    schema,
)

__version__ = "1.2.0"
__all__ = [*gathering.__all__]


def _stream_df_copy(cur, df, table, schema, columns):
    """pycopg's own, which its etl imports: a frame's rows by COPY."""
    with cur.copy(dataframes.copy_text(df, table, schema)) as copy:
        for line in dataframes.frame_lines(df):
            copy.write(line)
    return cur.rowcount


async def _async_stream_df_copy(cur, df, table, schema, columns):
    async with cur.copy(dataframes.copy_text(df, table, schema)) as copy:
        for line in dataframes.frame_lines(df):
            await copy.write(line)
    return cur.rowcount


def _module(name, source, **more):
    module = types.ModuleType(f"{__name__}.{name}", source.__doc__)
    module.__dict__.update({key: value for key, value in vars(source).items() if not key.startswith("__")}, **more)
    if "__getattr__" in vars(source):
        module.__getattr__ = source.__getattr__
    sys.modules[module.__name__] = module
    globals()[name] = module


_module("admin", admin)
_module("async_database", aio, _async_stream_df_copy=_async_stream_df_copy)
_module("backup", backup)
_module("config", config)
_module("database", database, _stream_df_copy=_stream_df_copy)
_module("exceptions", exceptions)
_module("maint", maint)
_module("migrations", migrator)
_module("pool", pool)
_module("schema", schema)
_module("utils", names)

try:
    __path__.append(str(importlib.metadata.distribution("pycopg").locate_file("pycopg")))
except importlib.metadata.PackageNotFoundError:
    pass


def _peers(module, sync, asynchronous):
    """db.timescale and the like, by pycopg's own accessors."""
    for cls, accessor in ((gathering.Database, sync), (gathering.AsyncDatabase, asynchronous)):
        def make(self, accessor=accessor):
            return getattr(importlib.import_module(f"{__name__}.{module}"), accessor)(self)
        setattr(cls, module, property(make))


_peers("timescale", "TimescaleAccessor", "AsyncTimescaleAccessor")
_peers("spatial", "SpatialAccessor", "AsyncSpatialAccessor")
_peers("etl", "ETLAccessor", "AsyncETLAccessor")


def __getattr__(name):
    return getattr(gathering, name)
