"""The operations as methods, made once from the engine's catalog: ``store.<noun>.<verb>(…)``.

The store for threads and the one for asyncio share these methods; what a call gives (the value, or a future for it) is
decided by the `Calls` behind them."""

from __future__ import annotations

import builtins
import json
import keyword
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from . import _core
from .errors import Invalid
from .texts import REFUSED, to_bool, to_bytes, to_int, to_json, to_time, to_vector

_CONVERTERS: dict[str, Callable[[Any], str | bytes]] = {
    "to_json": to_json,
    "to_int": to_int,
    "to_bool": to_bool,
    "to_time": to_time,
    "to_bytes": to_bytes,
    "to_vector": to_vector,
}
_ANNOTATIONS = {
    "text": "str",
    "json": "Any",
    "int": "int",
    "bool": "bool",
    "time": "datetime | str",
    "bytes": "bytes",
    "vector": "Iterable[float]",
}


class Calls(Protocol):
    """What a store gives its methods."""

    def submit(self, op: str, arguments: tuple[Any, ...], timeout: float | None, raw: bool) -> Any:
        """Runs an operation with its arguments as text, in the catalog's order."""

    def refuse(self, op: str, error: Exception) -> Any:
        """Ends a call whose arguments cannot be text as Invalid."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument: its Python name, the catalog's type, whether it may be None, whether it is a list."""

    name: str
    type: str
    nullable: bool
    list: bool

    @property
    def converter(self) -> str | None:
        """The name of what turns a value into text; None for text itself, which C takes as it is."""
        if self.list:
            return "to_json"
        return None if self.type == "text" else f"to_{self.type}"

    @property
    def is_document(self) -> bool:
        """Whether None is JSON's null; for all others, and for a document that may be absent, it is SQL NULL."""
        return self.type == "json" and not self.list and not self.nullable

    @property
    def annotation(self) -> str:
        python = (
            f"builtins.list[{_ANNOTATIONS[self.type]}]" if self.list else _ANNOTATIONS[self.type]
        )  # a verb is "list"
        return f"{python} | None" if self.nullable else python

    @property
    def expression(self) -> str:
        """Python that gives the text of a local variable with this argument's name."""
        if self.converter is None:
            return self.name
        converted = f"{self.converter}({self.name})"
        return converted if self.is_document else f"None if {self.name} is None else {converted}"

    def text(self, value: Any) -> str | bytes | None:
        if self.converter is None or (value is None and not self.is_document):
            text: str | None = value
            return text
        return _CONVERTERS[self.converter](value)


class Operation:
    """One entry of the catalog: its name, such as ``"state.save"``, and its arguments."""

    __slots__ = ("op", "arguments", "_doc", "_answer", "_fails")

    def __init__(self, entry: dict[str, Any]) -> None:
        self.op: str = entry["op"]
        self.arguments = [
            Argument(a["name"] + "_" * keyword.iskeyword(a["name"]), a["type"], a["nullable"], a["list"])
            for a in entry["args"]
        ]
        self._doc: str = entry["doc"]
        self._fails: list[dict[str, str]] = entry["fails"]
        columns = ", ".join(entry["columns"])
        shape = f"the {columns}" if entry["bare"] else f"a dict of {columns}"
        answers = {"none": "None", "one": shape, "maybe": f"{shape}, or None", "many": f"a list; each item is {shape}"}
        self._answer = answers[entry["gives"]]

    def texts(self, given: dict[str, Any]) -> tuple[str | bytes | None, ...]:
        """The arguments as text in the catalog's order. Raises Invalid and whatever is in REFUSED."""
        left = dict(given)
        texts = []
        for argument in self.arguments:
            if argument.name not in left and not argument.nullable:
                raise Invalid(f"{self.op} needs its argument {argument.name!r}", self.op)
            texts.append(argument.text(left.pop(argument.name, None)))
        if left:
            raise Invalid(f"{self.op} has no argument {min(left)!r}", self.op)
        return tuple(texts)

    def method(self) -> Callable[..., Any]:
        """The method for it: required arguments first, then those that may be None, `timeout` and `raw`.

        It is compiled from text, as dataclasses do, so that a call runs no loop over its arguments and the signature
        is a real one.
        """
        parameters = [f"{a.name}: {a.annotation}" for a in self.arguments if not a.nullable]
        parameters += [f"{a.name}: {a.annotation} = None" for a in self.arguments if a.nullable]
        parameters += ["*", "timeout: float | None = None", "raw: bool = False"]
        texts = "".join(f"{a.expression}, " for a in self.arguments)
        verb = self.op.split(".")[1]
        source = (
            f"def {verb}(self, {', '.join(parameters)}) -> Any:\n"
            f"    try:\n"
            f"        arguments = ({texts})\n"
            f"    except REFUSED as error:\n"
            f"        return self._calls.refuse({self.op!r}, error)\n"
            f"    return self._calls.submit({self.op!r}, arguments, timeout, raw)\n"
        )
        scope: dict[str, Any] = {
            "Any": Any,
            "Iterable": Iterable,
            "builtins": builtins,
            "datetime": datetime,
            "REFUSED": REFUSED,
            **_CONVERTERS,
        }
        exec(source, scope)
        function: Callable[..., Any] = scope[verb]
        function.__doc__ = self._docstring()
        function.__module__ = __name__
        return function

    def _docstring(self) -> str:
        fails = "".join(f"\n    {f['status'].title()}: {f['when']}." for f in self._fails)
        return (
            f"{self._doc}\n\n"
            f"Gives {self._answer}; with `raw=True` the JSON text in place of Python values.\n"
            f"`timeout`: seconds; None is the store's `deadline_ms`, math.inf no limit.\n\n"
            f"Raises:{fails}\n    Error: its other classes, as every operation."
        )


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
