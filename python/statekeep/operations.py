"""The operations as methods, made once from the engine's catalog: ``store.<noun>.<verb>(…)``.

The synchronous and the asyncio store share these methods; what a call gives back (the value, or a future for it) is
decided by the `Calls` behind them. Arguments become text here, and answers become Python values."""

from __future__ import annotations

import json
import keyword
import math
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Protocol

from . import _core
from .errors import Invalid

_INT_MAX = 2**31 - 1

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_scan = json.JSONDecoder().scan_once

# What converting a caller's argument to text can raise: json on what it cannot say, C on what is no text.
REFUSED = (TypeError, ValueError, RecursionError)


class Json:
    """JSON text that goes to the server untouched, in place of a Python value: ``Json('{"n": 1.10}')``.

    `text` is str, or bytes in UTF-8. Use it to keep what Python's own types lose, such as digits of a float.
    """

    __slots__ = ("text",)

    def __init__(self, text: str | bytes) -> None:
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"str or bytes expected, got {type(text).__name__}")
        self.text = text

    def __repr__(self) -> str:
        return f"Json({self.text!r})"


class Calls(Protocol):
    """What a store gives its methods."""

    def submit(self, op: str, arguments: tuple[Any, ...], timeout: float | None, raw: bool) -> Any:
        """Runs an operation with its arguments as text, in the catalog's order."""

    def refuse(self, op: str, error: Exception) -> Any:
        """Ends a call whose arguments cannot be text as Invalid."""


def decode(text: str) -> Any:
    """The Python value of a JSON answer.

    The engine's answers start with their value, so json's scanner does without the checks of json.loads().
    """
    return _scan(text, 0)[0]


def refusal(op: str, error: Exception) -> Invalid:
    """The Invalid for what converting arguments raised, which becomes its cause."""
    invalid = error if isinstance(error, Invalid) else Invalid(str(error) or type(error).__name__, op)
    if invalid is not error:
        invalid.__cause__ = error
    return invalid


def milliseconds(seconds: float) -> int:
    """A `timeout=` as the engine wants it: at least 1 ms, and negative for math.inf (no deadline)."""
    if seconds == math.inf:
        return -1
    return max(1, min(math.ceil(seconds * 1000), _INT_MAX))


def _json(value: Any) -> str | bytes:
    return value.text if type(value) is Json else _encode(value)


def _int(value: int) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"int expected, got {type(value).__name__}")
    return str(value)


def _bool(value: bool) -> str:
    if not isinstance(value, bool):
        raise TypeError(f"bool expected, got {type(value).__name__}")
    return "true" if value else "false"


def _time(value: datetime | str) -> str:
    if isinstance(value, str):
        return value
    if value.tzinfo is None:
        raise ValueError("a time needs its time zone")
    return value.isoformat()


def _bytes(value: bytes | bytearray | memoryview) -> bytes:
    return bytes(memoryview(value))


_CONVERTERS: dict[str, Callable[[Any], str | bytes]] = {
    "json": _json, "int": _int, "bool": _bool, "time": _time, "bytes": _bytes,
}  # fmt: skip
_ANNOTATIONS = {
    "text": "str", "json": "Any", "int": "int", "bool": "bool", "time": "datetime | str", "bytes": "bytes",
}  # fmt: skip


class Operation:
    """One entry of the catalog.

    Attributes:
        op: its name, such as ``"state.save"``.
        names: its arguments' names in the catalog's order, with an underscore behind Python's keywords.
        required: those that must be given.
    """

    __slots__ = ("op", "names", "required", "_arguments", "_doc", "_gives")

    def __init__(self, entry: dict[str, Any]) -> None:
        self.op: str = entry["op"]
        self._gives: str = entry["gives"]
        self._doc: str = entry["doc"]
        self._arguments: dict[str, tuple[str, bool]] = {}
        for argument in entry["args"]:
            name = argument["name"] + "_" * keyword.iskeyword(argument["name"])
            self._arguments[name] = (argument["type"], argument["nullable"])
        self.names = tuple(self._arguments)
        self.required = tuple(name for name, (_, nullable) in self._arguments.items() if not nullable)

    def texts(self, given: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments as text in the catalog's order. Raises Invalid and whatever is in REFUSED."""
        if given.keys() - self._arguments.keys():
            raise Invalid(f"{self.op} has no argument {min(given.keys() - self._arguments.keys())!r}", self.op)
        for name in self.required:
            if name not in given:
                raise Invalid(f"{self.op} needs its argument {name!r}", self.op)
        return tuple(self._convert(name, given.get(name)) for name in self.names)

    def _convert(self, name: str, value: Any) -> Any:
        type_, nullable = self._arguments[name]
        converter = _converter(type_)
        # None is SQL NULL, but for a document that must be there: for that it is JSON's null.
        if converter is None or (value is None and (nullable or type_ != "json")):
            return value
        return converter(value)

    def method(self) -> Callable[..., Any]:
        """The method for it: required arguments first, then those that may be None, `timeout` and `raw`.

        It is compiled from text, as dataclasses do, so that a call runs no loop over its arguments and the signature
        is a real one.
        """
        optional = [name for name in self.names if name not in self.required]
        parameters = [f"{name}: {self._annotation(name)}" for name in self.required]
        parameters += [f"{name}: {self._annotation(name)} = None" for name in optional]
        parameters += ["*", "timeout: float | None = None", "raw: bool = False"]
        values = "".join(f"{self._expression(name)}, " for name in self.names)
        verb = self.op.split(".")[1]
        source = (
            f"def {verb}(self, {', '.join(parameters)}) -> Any:\n"
            f"    try:\n"
            f"        arguments = ({values})\n"
            f"    except REFUSED as error:\n"
            f"        return self._calls.refuse({self.op!r}, error)\n"
            f"    return self._calls.submit({self.op!r}, arguments, timeout, raw)\n"
        )
        scope = {"Any": Any, "datetime": datetime, "REFUSED": REFUSED}
        scope |= {f"to_{type_}": converter for type_, converter in _CONVERTERS.items()}
        exec(source, scope)
        function: Callable[..., Any] = scope[verb]
        function.__doc__ = self._docstring()
        function.__module__ = __name__
        return function

    def _expression(self, name: str) -> str:
        type_, nullable = self._arguments[name]
        if _converter(type_) is None:
            return name
        converted = f"to_{'json' if type_.endswith('[]') else type_}({name})"
        return converted if type_ == "json" and not nullable else f"None if {name} is None else {converted}"

    def _annotation(self, name: str) -> str:
        type_, nullable = self._arguments[name]
        python = f"list[{_ANNOTATIONS[type_[:-2]]}]" if type_.endswith("[]") else _ANNOTATIONS[type_]
        return f"{python} | None" if nullable and python != "Any" else python

    def _docstring(self) -> str:
        gives = {"none": "None", "maybe": "or None:", "many": "a list of", "one": "", "count": "how many (int)"}
        kind, _, shape = self._gives.partition(" ")
        answer = f"{shape} or None" if kind == "maybe" else f"{gives[kind]} {shape}".strip()
        return (
            f"{self._doc}\n\nGives {answer}; with `raw=True` the JSON text instead of Python values.\n"
            "`timeout` is in seconds (None: the store's `deadline_ms`; math.inf: none). Raises statekeep.Error's classes."
        )


def _converter(type_: str) -> Callable[[Any], str | bytes] | None:
    """What turns a value of the catalog's type into text; None for text itself, which C takes as it is."""
    return _json if type_.endswith("[]") else _CONVERTERS.get(type_)


class Operations:
    """The operations of one noun; see each method."""

    __slots__ = ("_calls",)

    def __init__(self, calls: Calls) -> None:
        self._calls = calls


CATALOG = {entry["op"]: Operation(entry) for entry in json.loads(_core.keep_catalog())}


def _nouns() -> Iterator[tuple[str, type[Operations]]]:
    for noun in dict.fromkeys(op.split(".")[0] for op in CATALOG):
        methods = {op.split(".")[1]: o.method() for op, o in CATALOG.items() if op.split(".")[0] == noun}
        for function in methods.values():
            function.__qualname__ = f"{noun.title()}.{function.__name__}"
        yield noun, type(noun.title(), (Operations,), {"__slots__": (), "__module__": __name__, **methods})


NOUNS = dict(_nouns())


def call(calls: Calls, op: str, given: dict[str, Any], timeout: float | None, raw: bool) -> Any:
    """Runs an operation by its name, with its arguments by theirs."""
    operation = CATALOG.get(op)
    if operation is None:
        return calls.refuse(op, Invalid(f"there is no operation {op!r}", op))
    try:
        arguments = operation.texts(given)
    except REFUSED as error:
        return calls.refuse(op, error)
    return calls.submit(op, arguments, timeout, raw)
