"""Writes statekeep/_methods.pyi: the stores' operations for type checkers and editors, which cannot ask the catalog.

write_stubs.py DIRECTORY      of a built statekeep; setup.py runs it after each build
"""

import importlib
import inspect
import pathlib
import sys

HEAD = '''"""The operations of the stores' nouns, for type checkers; written by write_stubs.py."""

import builtins
from asyncio import Future
from collections.abc import Iterable
from datetime import datetime
from typing import Any
'''


def methods(operations, answer):
    for name, function in inspect.getmembers(operations, inspect.isfunction):
        if not name.startswith("_"):
            signature = inspect.signature(function).replace(return_annotation=answer)
            parameters = str(signature).replace("'", "")
            yield f"    def {name}{parameters}:\n        {quoted(function.__doc__)}"


def quoted(text):
    return '"""' + text.replace("\\", "\\\\").replace("\n", "\n        ") + '"""'


def stubs(nouns):
    """One class for each noun and one of all nouns, for the store of threads and for that of asyncio."""
    yield HEAD
    for prefix, answer in (("", "Any"), ("Async", "Future[Any]")):
        for noun, operations in nouns.items():
            yield f"class {prefix}{operations.__name__}:\n" + "\n".join(methods(operations, answer)) + "\n"
        attributes = "".join(f"    {noun}: {prefix}{operations.__name__}\n" for noun, operations in nouns.items())
        yield f"class {prefix}Nouns:\n{attributes}"


if __name__ == "__main__":
    built = pathlib.Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(built))
    nouns = importlib.import_module("statekeep.operations").NOUNS
    (built / "statekeep" / "_methods.pyi").write_text("\n".join(stubs(nouns)))
