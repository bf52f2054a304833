"""Documents at the edges of what JSON allows."""

import json


def nested(depth):
    """A document `depth` lists and objects deep."""
    half = depth // 2
    return '[{"a":' * half + "[" * (depth % 2) + "1" + "]" * (depth % 2) + "}]" * half


def planes():
    """Characters of every Unicode plane, as themselves and escaped; without NUL, which jsonb refuses."""
    points = [
        plane * 0x10000 + low
        for plane in range(17)
        for low in (0x20, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF)
    ]
    text = "".join(map(chr, points))
    return [json.dumps({text: [text]}, ensure_ascii=escaped) for escaped in (False, True)]


def edges():
    """JSON texts that a careless engine, binding or decoder changes."""
    digits = "1234567890" * 40
    return {
        "beyond 2^53": "[9007199254740993,-9007199254740993,9223372036854775807,18446744073709551615]",
        "400 digits": f"[{digits},-{digits},{digits}.{digits},0.{digits}]",
        "zeros": "[0,-0,0.0,-0.0,0.10,1.000,1e0,100e-2]",
        "exponents": "[1e10,1E+10,1.5e-10,12345678901234567890e-25,1e300,1e-300]",
        "doubles": "[0.1,0.2,0.30000000000000004,1.7976931348623157e308,5e-324,2.2250738585072014e-308]",
        "controls": json.dumps("".join(map(chr, range(1, 0x20))) + "\x7f\u0080\u2028\u2029\ufeff"),
        "escapes": r'"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"',
        "keys": '{"":1," ":2,"\\u0001":3,"a\\"b":4,"__proto__":5,"json_class":"String","^o":7,"$ref":8}',
        "like a date": '["2024-05-15T15:00:00Z","NaN","Infinity","null","true","1"]',
        "depth 100": nested(100),
        "depth 900": nested(900),
        "empty": '{"a":{},"b":[],"c":""}',
        "wide": json.dumps({f"key {n}": n for n in range(5000)}),
        "long text": json.dumps("ü€😀x" * 50000, ensure_ascii=False),
        "planes": planes()[0],
        "planes escaped": planes()[1],
    }


def generated(rng, depth=0):
    """A random JSON text, written as a careless or a careful client might write it."""
    space = rng.choice(["", "", " ", "\n\t"])
    kind = rng.randrange(7 if depth < 4 else 5)
    if kind == 0:
        return rng.choice(["null", "true", "false"])
    if kind in (1, 2):
        return number(rng)
    if kind in (3, 4):
        return text(rng)
    parts = [generated(rng, depth + 1) for _ in range(rng.randrange(6))]
    if kind == 5:
        return f"[{space}{f',{space}'.join(parts)}]"
    return "{" + f",{space}".join(f"{text(rng)}{space}:{part}" for part in parts) + f"{space}}}"


def number(rng):
    digits = str(rng.randrange(10 ** rng.choice([1, 3, 17, 40])))
    fraction = rng.choice(["", "", f".{rng.randrange(10**6)}", ".10"])
    exponent = rng.choice(["", "", "", f"e{rng.randrange(-30, 30)}", f"E+{rng.randrange(30)}"])
    return rng.choice(["", "-"]) + digits + fraction + exponent


def text(rng):
    points = [
        rng.choice([rng.randrange(1, 0xD800), rng.randrange(0xE000, 0x110000), rng.randrange(1, 128)])
        for _ in range(rng.randrange(12))
    ]
    return json.dumps("".join(map(chr, points)), ensure_ascii=rng.random() < 0.5)
