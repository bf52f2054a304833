"""JSON without loss: numbers are kept as the digits they were written with."""

import json


class Number(str):
    """A JSON number as its text; equal to another only digit by digit."""

    __slots__ = ()

    def __eq__(self, other):
        return isinstance(other, Number) and str.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash(("number", str(self)))

    def __int__(self):
        return int(str(self))

    def __index__(self):
        return int(str(self))

    def __repr__(self):
        return str(self)


def parse(text):
    """JSON text as Python values with exact numbers. NaN and Infinity, which are not JSON, are refused."""

    def refuse(word):
        raise ValueError(f"{word} is not JSON")

    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=refuse)


def as_jsonb(connection, texts):
    """What the server makes of JSON texts: the suite's definition of equal. One text per document, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select t::jsonb::text from unnest(%s::text[]) with ordinality as u(t, n) order by n", [list(texts)]
        )
        return [row[0] for row in cursor.fetchall()]
