"""pycopg 0.1's methods on the database: ``db.list_tables("agent")`` is ``db.schema.list_tables(schema="agent")``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from .base import FLAT

_C = TypeVar("_C", bound=type)


def _forward(group: str, accessor: type[Any], name: str) -> Callable[..., Any]:
    target = getattr(accessor, name)
    parameters = [p.name for p in inspect.signature(target).parameters.values()][1:]  # without self

    @functools.wraps(target)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) > len(parameters):
            raise TypeError(f"{name}() takes at most {len(parameters)} arguments, got {len(args)}")
        given = dict(zip(parameters, args))
        twice = given.keys() & kwargs.keys()
        if twice:
            raise TypeError(f"{name}() got several values for {min(twice)!r}")
        return getattr(getattr(self, group), name)(**given, **kwargs)

    return method


def with_flat_names(**accessors: type[Any]) -> Callable[[_C], _C]:
    """Gives a class those methods of its accessors that pycopg 0.1 had on the class; its own stay."""

    def decorate(cls: _C) -> _C:
        for group, accessor in accessors.items():
            for name in FLAT.get(group, ()):
                if not hasattr(cls, name):
                    setattr(cls, name, _forward(group, accessor, name))
        return cls

    return decorate
