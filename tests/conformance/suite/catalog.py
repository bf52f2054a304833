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
        for op, lines in re.findall(r"^-- op: (\S+)\n((?:-- args:.*\n)+)", path.read_text(), re.MULTILINE):
            args = lines.replace("-- args:", ",").split(",")
            found[op] = [arg.split()[0] for arg in args if arg.strip()]
    return found
