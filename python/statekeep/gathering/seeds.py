"""GatheRing's own data: providers and models, personas, skills. It is not ours to ship; where the package `gathering` is
installed it is read from there."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

# The migrations that bring data and nothing else, and the one of which only the data is taken, as its tables are there.
_WHOLE = ("002", "003")
_PART = ("005", re.compile(r"^INSERT INTO agent\.skills\b.*?;[ \t]*$", re.DOTALL | re.MULTILINE))


def installed() -> Path | None:
    """The folder of the installed package's migrations; None where it is not installed. Nothing of it is imported."""
    package = importlib.util.find_spec("gathering")
    for place in (package.submodule_search_locations or []) if package else []:
        folder = Path(place) / "db" / "migrations"
        if folder.is_dir():
            return folder
    return None


def statements(folder: Path) -> Iterator[tuple[str, str]]:
    """What to run after ``gathering.setup``, as (name, SQL), in order. Each may be several SQL statements, has no
    parameters, and may be run again: names that are there stay or are brought up to date.

    FileNotFoundError, ValueError: the folder is not that of a GatheRing that is known here."""
    for version in (*_WHOLE, _PART[0]):
        found = sorted(folder.glob(f"{version}_*.sql"))
        if not found:
            raise FileNotFoundError(f"{folder} has no migration {version}")
        text = found[0].read_text(encoding="utf-8")
        if version == _PART[0]:
            match = _PART[1].search(text)
            if match is None:
                raise ValueError(f"{found[0]} inserts no skills")
            text = match[0]
        yield found[0].stem, text
