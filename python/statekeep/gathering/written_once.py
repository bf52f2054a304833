"""Code that waits, written once for threads and for asyncio.

A `step` is a method that is a generator: it yields what a call on the store gave and gets its value back. On the store
for threads that is the value itself, for the call has blocked; on an event loop it is awaited in between."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

# The result of a method that is a generator here, and for those who call it a value, or an awaitable of one.
Step: TypeAlias = Any
_F = TypeVar("_F", bound=Callable[..., Step])
_C = TypeVar("_C", bound=type)


def step(function: _F) -> _F:
    """Marks a generator method that `blocking` and `awaiting` make a method of."""
    function.is_step = True  # type: ignore[attr-defined]
    return function


def run(steps: Step) -> Any:
    """Runs steps whose calls block."""
    value = None
    try:
        while True:
            value = steps.send(value)
    except StopIteration as end:
        return end.value


async def arun(steps: Step) -> Any:
    """Runs steps whose calls give awaitables."""
    try:
        given: Any = next(steps)
        while True:
            try:
                value = await given if isinstance(given, Awaitable) else given
            except BaseException as error:
                given = steps.throw(error)
            else:
                given = steps.send(value)
    except StopIteration as end:
        return end.value


def _blocking_method(function: Callable[..., Step]) -> Callable[..., Any]:
    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        return run(function(*args, **kwargs))

    return method


def _awaiting_method(function: Callable[..., Step]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def method(*args: Any, **kwargs: Any) -> Any:
        return await arun(function(*args, **kwargs))

    return method


def _made(make: Callable[[Callable[..., Step]], Callable[..., Any]], cls: _C) -> _C:
    for name, function in inspect.getmembers(cls, inspect.isfunction):
        if getattr(function, "is_step", False):
            method = make(function)
            method.is_step = False  # type: ignore[attr-defined]
            setattr(cls, name, method)
    return cls


def blocking(cls: _C) -> _C:
    """Makes the steps of a class, its bases' included, methods that block."""
    return _made(_blocking_method, cls)


def awaiting(cls: _C) -> _C:
    """Makes the steps of a class, its bases' included, coroutine methods."""
    return _made(_awaiting_method, cls)
