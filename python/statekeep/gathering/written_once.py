"""Code that waits, written once for threads and for asyncio.

A `step` is a method that is a generator: it yields what a call on the store gave and gets its value back. On the store
for threads that is the value itself, for the call has blocked; on an event loop it is awaited in between. So what a
`yield` gives is Any for a type checker; what a step returns is not."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar, overload

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Method: TypeAlias = Callable[..., Any]

Step: TypeAlias = Generator[Any, Any, _R]


def run(steps: Step[_R]) -> _R:
    """Runs steps whose calls block."""
    value = None
    try:
        while True:
            value = steps.send(value)
    except StopIteration as end:
        result: _R = end.value
        return result


async def arun(steps: Step[_R]) -> _R:
    """Runs steps whose calls give awaitables."""
    try:
        given = next(steps)
        while True:
            try:
                value = await given if isinstance(given, Awaitable) else given
            except BaseException as error:
                given = steps.throw(error)
            else:
                given = steps.send(value)
    except StopIteration as end:
        result: _R = end.value
        return result


def _blocking_method(function: Callable[..., Step[Any]]) -> _Method:
    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        return run(function(*args, **kwargs))

    return method


def _awaiting_method(function: Callable[..., Step[Any]]) -> _Method:
    @functools.wraps(function)
    async def method(*args: Any, **kwargs: Any) -> Any:
        return await arun(function(*args, **kwargs))

    return method


def _make_methods(cls: type, make: Callable[[Callable[..., Step[Any]]], _Method]) -> None:
    for name, function in inspect.getmembers(cls, inspect.isfunction):
        if getattr(function, "is_step", False):
            method = make(function)
            method.is_step = False  # type: ignore[attr-defined]  # functions take attributes, their type does not say so
            setattr(cls, name, method)


class Blocking:
    """The steps of its subclasses, their bases' included, are methods that block."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _make_methods(cls, _blocking_method)


class Awaiting:
    """The steps of its subclasses, their bases' included, are coroutine methods."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _make_methods(cls, _awaiting_method)


if TYPE_CHECKING:

    class step(Generic[_P, _R]):
        """What a type checker sees of a step: a method that blocks or a coroutine method, as its class says."""

        def __init__(self, function: Callable[Concatenate[Any, _P], Step[_R]]) -> None: ...
        @overload
        def __get__(self, instance: Blocking, owner: type) -> Callable[_P, _R]: ...
        @overload
        def __get__(self, instance: Awaiting, owner: type) -> Callable[_P, Coroutine[Any, Any, _R]]: ...
        @overload
        def __get__(self, instance: None, owner: type) -> _Method: ...
        def __get__(self, instance: object, owner: type) -> Any: ...

else:

    def step(function):
        """Marks a generator method that `Blocking` and `Awaiting` make a method of."""
        function.is_step = True
        return function
