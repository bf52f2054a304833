"""What both Python adapters do: values of requests as Python values, exceptions as answers."""

import base64
import json
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
    for name in ("op", "sqlstate", "detail", "reason"):
        if getattr(error, name) is not None:
            fields[name] = getattr(error, name)
    write({"id": request["id"], "status": error.status, "error": fields})


def hello(request, binding, **can):
    answer(request, json.dumps({"binding": binding, "waits_when_full": True, "forks": True, **can}))


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
