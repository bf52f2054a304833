"""The declared operations and their arguments, read from the annotations in sql/."""

import functools
import pathlib
import re

SQL = pathlib.Path(__file__).parent.parent.parent.parent / "sql"


@functools.cache
def operations():
    """{operation: the names of its arguments in order}."""
    found = {}
    for path in sorted(SQL.glob("*/*.sql")):
        for op, args in re.findall(r"^-- op: (\S+)\n-- args:(.*)$", path.read_text(), re.MULTILINE):
            found[op] = [arg.split()[0] for arg in args.split(",") if arg.strip()]
    return found
