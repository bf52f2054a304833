"""What both Python adapters do: values of requests as Python values, exceptions as answers."""

import base64
import datetime
import json
import math
import os
import sys
import threading

import statekeep

_writing = threading.Lock()


def argument(value):
    """An argument as a user of the package would give it.

    Bytes that are not UTF-8 become a str with lone surrogates, as Python itself reads such file names and arguments.
    """
    if not isinstance(value, dict):
        return value
    ((form, inner),) = value.items()
    if form in ("value", "vector"):
        return inner
    if form == "json":
        return statekeep.Json(inner)
    data = base64.b64decode(inner)
    return statekeep.Json(data) if form == "json_base64" else data.decode(errors="surrogateescape")


def call_arguments(request):
    """The keyword arguments of Store.call()."""
    given = {name: argument(value) for name, value in request["args"].items()}
    if "deadline_ms" in request:
        given["timeout"] = request["deadline_ms"] / 1000
    return {"raw": True, **given}


def write(message):
    line = json.dumps(message) + "\n"
    with _writing:
        sys.stdout.write(line)
        sys.stdout.flush()


def answer(request, result):
    """`result` is JSON text; None, for what gives nothing, is its null."""
    write({"id": request["id"], "status": "OK", "result": "null" if result is None else result})


def answer_error(request, error):
    """A statekeep.Error, or whatever else was raised, which the suite then takes for a broken promise."""
    if not isinstance(error, statekeep.Error):
        raise error
    fields = {"status": error.status, "message": str(error), "retry": error.retry}
    for name in ("op", "sqlstate", "detail", "reason", "hint", "schema", "table", "column", "constraint", "position"):
        if getattr(error, name) is not None:
            fields[name] = getattr(error, name)
    write({"id": request["id"], "status": error.status, "error": fields})


def hello(request, binding, **can):
    answer(request, json.dumps({"binding": binding, "waits_when_full": True, "forks": True, "sql": True, **can}))


def timeout(request):
    return request["deadline_ms"] / 1000 if "deadline_ms" in request else None


def parameters(request):
    """The parameters of a query as a user would give them: bytes for bytea."""
    return [base64.b64decode(p["base64"]) if isinstance(p, dict) else p for p in request.get("params", [])]


def rows(result):
    """A statement's result as JSON text."""
    return json.dumps(told(result))


def told(result):
    members = {"command": result.command, "count": result.row_count}
    if result.columns is not None:
        members |= {"columns": result.columns,
                    "rows": [[value(row[i]) for i in range(len(result.columns))] for row in result]}
    if result.more:
        members["more"] = [told(one) for one in result.more]
    return members


def value(given):
    """What JSON has as it is; all else as the server's text."""
    if isinstance(given, float) and not math.isfinite(given):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(given), "NaN")
    if isinstance(given, (bool, int, float, str, type(None))):
        return given
    if isinstance(given, bytes):
        return "\\x" + given.hex()
    if isinstance(given, datetime.timedelta):
        return interval(given)
    if isinstance(given, (dict, list)):
        return statekeep.texts.to_json(given)
    return str(given)


def interval(given):
    days = f"{given.days} day{'s' * (given.days != 1)} " if given.days else ""
    return days + str(given - datetime.timedelta(given.days)).rjust(8, "0")


def copied(count):
    return json.dumps({"count": count})


def pieces(request):
    """The data of a copy in, which ends by raising when it is to fail."""
    for _ in range(request.get("repeat", 1)):
        yield from request["data"]
    if "failure" in request:
        raise RuntimeError(request["failure"])


class Copied:
    """What came out of a copy, or only how much it was."""

    def __init__(self, request):
        self.stop, self.sizes = request.get("stop"), request.get("sizes")
        self.data, self.bytes, self.count, self.largest = [], 0, 0, 0

    def add(self, piece):
        """Takes a piece; True when the reader wants no more."""
        self.count += 1
        self.bytes += len(piece)
        self.largest = max(self.largest, len(piece))
        if not self.sizes:
            self.data.append(piece)
        return self.count == self.stop

    def text(self):
        if self.sizes:
            return json.dumps({"bytes": self.bytes, "pieces": self.count, "largest": self.largest})
        return json.dumps(b"".join(self.data).decode())


def notified(notification):
    return json.dumps({"channel": notification.channel, "payload": notification.payload, "pid": notification.pid})


def fork(request, child):
    """Forks; what `child()` gives in the child, the statuses of its two pings, comes back through a pipe."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        os.write(theirs, json.dumps(child()).encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        text = pipe.read()
    code = os.waitpid(process, 0)[1]
    if code != 0:
        raise RuntimeError(f"the forked child ended with {code}")
    answer(request, text)
