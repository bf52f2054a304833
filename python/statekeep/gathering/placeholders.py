"""psycopg's placeholders as the server's: ``%s`` and ``%(name)s`` become $1, $2, …; ``%%`` is a percent sign.

As with psycopg they are found wherever they stand, in quotes and comments, too, and a statement run without parameters
is not looked at."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .failures import ProgrammingError

Params = Sequence[Any] | Mapping[str, Any] | None

_PLACEHOLDER = re.compile(r"%(?:\(([^)]*)\)(.?)|(.?))", re.DOTALL)
_VECTOR_CAST = re.compile(r"\s*::\s*vector\b")
_FORMATS = frozenset("stb")
_CACHED_CHARACTERS = 8192  # longer texts are not worth keeping


def translate(sql: str, params: Params) -> tuple[str, Sequence[Any]]:
    """The statement as the server reads it, and its values in the order of $1, $2, …

    Raises ProgrammingError where placeholders and parameters do not fit each other.
    """
    if params is None:
        return sql, ()
    text, names, count, vectors = (_parse_cached if len(sql) <= _CACHED_CHARACTERS else _parse)(sql)
    if names is None:
        if isinstance(params, Mapping) and count:
            raise ProgrammingError("positional placeholders (%s) need a sequence of parameters, not a mapping")
        if isinstance(params, (str, bytes)) or not isinstance(params, (Sequence, Mapping)):
            raise TypeError(f"query parameters should be a sequence or a mapping, got {type(params).__name__}")
        if len(params) != count and not isinstance(params, Mapping):
            raise ProgrammingError(f"the query has {count} placeholders but {len(params)} parameters were passed")
        if vectors:
            params = _vectors_in_place(list(params), vectors)
        return text, list(params) if count else ()
    if not isinstance(params, Mapping):
        raise ProgrammingError("named placeholders (%(name)s) need a mapping of parameters")
    try:
        return text, [params[name] for name in names]
    except KeyError:
        missing = ", ".join(sorted({name for name in names if name not in params}))
        raise ProgrammingError(f"query parameter missing: {missing}") from None


def _is_vector(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip().startswith("[")


def _vectors_in_place(values: list[Any], places: tuple[int, ...]) -> list[Any]:
    """The values with those that are vectors at the placeholders that are cast to one, the others in their order.

    GatheRing's ``VectorStore.search_knowledge(category=…)`` gives its category where its statement has the embedding.
    Only such a call is touched, which no server could take: a text that is no vector where a vector has to be.
    """
    vectors = [value for value in values if _is_vector(value)]
    misplaced = any(isinstance(values[place], str) and not _is_vector(values[place]) for place in places)
    if not misplaced or len(vectors) != len(places):
        return values
    others = iter([value for value in values if not _is_vector(value)])
    fitting = iter(vectors)
    return [next(fitting) if place in places else next(others) for place in range(len(values))]


def _parse(sql: str) -> tuple[str, tuple[str, ...] | None, int, tuple[int, ...]]:
    """The translated text, the names in the order of their numbers (None: it has none), how many numbers there are, and
    which of the positional ones, from 0, are cast to vector."""
    numbers: dict[str, int] = {}
    vectors: list[int] = []
    count = 0

    def number(found: re.Match[str]) -> str:
        nonlocal count
        name, named_format, plain = found.groups()
        if plain == "%":
            return "%"
        what = plain if name is None else named_format
        if what not in _FORMATS or not what:
            raise ProgrammingError(f"only '%s', '%b', '%t' are placeholders, got {found[0]!r}; write '%%' for a '%'")
        if name is not None:
            return f"${numbers.setdefault(name, len(numbers) + 1)}"
        if _VECTOR_CAST.match(sql, found.end()):
            vectors.append(count)
        count += 1
        return f"${count}"

    text = _PLACEHOLDER.sub(number, sql)
    if numbers and count:
        raise ProgrammingError("positional and named placeholders cannot be mixed")
    return text, tuple(numbers) if numbers else None, len(numbers) or count, tuple(vectors)


_parse_cached = functools.lru_cache(2048)(_parse)
