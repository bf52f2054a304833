"""Drives one adapter process: writes its requests, gives each answer to the request it belongs to.

What an adapter may never do is noticed here, whatever a test looks at: an answer nobody asked for, two answers to one
request, a malformed answer, a password in any output, a call that is never answered.
"""

import base64
import itertools
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field

from .catalog import operations
from .exact import parse

STATUSES = (
    "OK ABSENT CONFLICT INVALID DEADLINE CANCELLED UNKNOWN UNAVAILABLE FULL CLOSED FORKED NO_MEMORY INTERNAL"
).split()

# What is refused before it has a slot of the engine, whose error is then a shared one that names no operation.
WITHOUT_SLOT = {"FULL", "CLOSED", "FORKED", "NO_MEMORY"}

# Every connection string of the suite carries this password, so that one search finds a leak anywhere.
SECRET = "canary-Zq81vX"

# After this long a call counts as lost.
ANSWER_SECONDS = float(os.environ.get("STATEKEEP_ANSWER_SECONDS", 40))


class Violation(AssertionError):
    """The adapter broke the protocol."""


@dataclass(frozen=True)
class Json:
    """A document as JSON text (str) or bytes that need not be valid, to be passed on untouched."""

    text: str | bytes


@dataclass(frozen=True)
class Native:
    """A value that the binding prints as JSON."""

    value: object


@dataclass(frozen=True)
class Vector:
    """Numbers that the binding passes as 32-bit floats."""

    numbers: list[float]


@dataclass(frozen=True)
class Answer:
    """How a request ended. `result` is raw JSON text when the status is OK, `error` an object otherwise."""

    status: str
    result: str | None = None
    error: dict = field(default_factory=dict)

    @property
    def value(self):
        """The result, decoded with exact numbers; raises when the call failed."""
        assert self.status == "OK", f"{self.status}: {self.error}"
        return parse(self.result)


def encode(value):
    """An argument as the protocol writes it."""
    if isinstance(value, Native):
        return {"value": value.value}
    if isinstance(value, Vector):
        return {"vector": value.numbers}
    form, text = ("json", value.text) if isinstance(value, Json) else ("", value)
    if isinstance(text, str) and "\0" in text:
        text = text.encode()  # not every JSON parser gives back a NUL inside a string
    if isinstance(text, bytes):
        return {(form + "_base64").lstrip("_"): base64.b64encode(text).decode()}
    return {form: text} if form else text


class Call:
    """A request in flight."""

    def __init__(self, adapter, number, op):
        self.adapter, self.number, self.op = adapter, number, op
        self.future = Future()

    def done(self):
        return self.future.done()

    def answer(self, seconds=ANSWER_SECONDS):
        """Waits for the answer; a call that is not answered in time is a lost waiter."""
        try:
            answer = self.future.result(seconds)
        except FutureTimeout:
            raise Violation(f"{self.adapter.name} did not answer {self.op} within {seconds} s") from None
        self.adapter.check()
        return answer

    def cancel(self):
        self.adapter.write([{"do": "cancel", "id": self.number}])


class Adapter:
    """A running adapter. Safe for many threads; ended by quit(), or kill() when it may hang."""

    def __init__(self, name, command, env=None):
        self.name = name
        self.violations = []
        self._numbers, self._names = itertools.count(1), itertools.count(1)
        self._calls = {}
        self._lock = threading.Lock()
        self._stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **(env or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.can = self.request("hello").answer().value

    def write(self, requests):
        text = "".join(json.dumps(request) + "\n" for request in requests)
        try:
            with self._lock:
                self.process.stdin.write(text.encode())
                self.process.stdin.flush()
        except BrokenPipeError:
            raise Violation(f"{self.name} has ended: {self.stderr()}") from None

    def prepare(self, do, op, /, **fields):
        """A request and its Call, not yet written."""
        call = Call(self, next(self._numbers), do if op is None else op)
        self._calls[call.number] = call
        return call, {"id": call.number, "do": do, **({} if op is None else {"op": op}), **fields}

    def request(self, do, **fields):
        call, request = self.prepare(do, None, **fields)
        self.write([request])
        return call

    def open(self, dsn, **options):
        """Opens a store and gives it; a refused open fails the test."""
        store, answer = self.try_open(dsn, **options)
        assert answer.status == "OK", f"open: {answer}"
        return store

    def try_open(self, dsn, **options):
        """Opens a store; gives it with the answer, which may be a failure."""
        store = Store(self, f"s{next(self._names)}")
        answer = self.request("open", store=store.name, dsn=dsn, options=options).answer()
        return store, answer

    def check(self):
        """Raises the first thing the adapter did that no adapter may do."""
        if self.violations:
            raise Violation(f"{self.name}: {self.violations[0]}")

    def stderr(self):
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")

    def quit(self, seconds=60):
        """Ends the adapter by the end of its input; it must leave in time, with code 0, without a leaked secret."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended already; its code is compared below
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Violation(f"{self.name} did not end with its input; stderr: {self.stderr()}") from None
        self._reader.join(seconds)
        self.check()
        errors = self.stderr()
        assert SECRET not in errors, f"{self.name} printed a password: {errors}"
        assert code == 0, f"{self.name} ended with {code}: {errors}"

    def kill(self):
        """Ends the adapter at once, as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._reader.join()

    def _read(self):
        for line in self.process.stdout:
            try:
                self._take(line.decode())
            except (ValueError, KeyError, Violation) as problem:
                self.violations.append(f"{problem!r} in {line[:300]!r}")
        for call in list(self._calls.values()):
            call.future.set_exception(Violation(f"{self.name} ended before it answered {call.op}: {self.stderr()}"))
        self._calls.clear()

    def _take(self, line):
        if SECRET in line:
            raise Violation("a password in an answer")
        message = json.loads(line)
        call = self._calls.pop(message["id"], None)
        if call is None:
            raise Violation("an answer to nothing, or a second one")
        answer = Answer(message["status"], message.get("result"), message.get("error") or {})
        problem = malformed(answer, call.op)
        if problem:
            self.violations.append(f"{problem}: {line[:300]}")
        call.future.set_result(answer)


def malformed(answer, op):
    """What is wrong with the form of an answer, or None."""
    if answer.status not in STATUSES:
        return "no such status"
    if answer.status == "OK":
        return None if isinstance(answer.result, str) else "the result is not JSON text in a string"
    error = answer.error
    if error.get("status") != answer.status:
        return "the error has another status than the answer"
    if not error.get("message"):
        return "an error without a message"
    if "." in op and error.get("op") != op and not (error.get("op") is None and answer.status in WITHOUT_SLOT):
        return f"the error does not name its operation {op}"
    if error.get("retry") not in (True, False):
        return "retry is neither true nor false"
    if error.get("sqlstate") is not None and len(error["sqlstate"]) != 5:
        return "a malformed sqlstate"
    return None


class Store:
    """A store that is open in an adapter."""

    def __init__(self, adapter, name):
        self.adapter, self.name = adapter, name

    def submit_all(self, calls, deadline_ms=None):
        """Sends many calls in one write, so that they come together; each is (op, {argument: value})."""
        prepared = []
        for op, args in calls:
            fields = {"store": self.name, "names": operations().get(op, [])}
            fields["args"] = {name: encode(value) for name, value in args.items()}
            if deadline_ms is not None:
                fields["deadline_ms"] = deadline_ms
            prepared.append(self.adapter.prepare("call", op, **fields))
        self.adapter.write([request for _, request in prepared])
        return [call for call, _ in prepared]

    def submit(self, op, deadline_ms=None, /, **args):
        return self.submit_all([(op, args)], deadline_ms)[0]

    def call(self, op, deadline_ms=None, /, **args):
        """One call, waited for."""
        return self.submit(op, deadline_ms, **args).answer()

    def ok(self, op, deadline_ms=None, /, **args):
        """One call that must succeed; its result, decoded with exact numbers."""
        return self.call(op, deadline_ms, **args).value

    def save(self, agent_id, session_id, state, deadline_ms=None):
        """Submits a save of a JSON text."""
        return self.submit("state.save", deadline_ms, agent_id=agent_id, session_id=session_id, state=Json(state))

    def load(self, agent_id, session_id):
        """The raw JSON text of a state."""
        answer = self.call("state.load", agent_id=agent_id, session_id=session_id)
        assert answer.status == "OK", answer
        return answer.result

    def stats(self):
        return self.ok("admin.stats")

    def ask(self, do, /, lease=None, **fields):
        """A request for SQL of the caller's own, under way; `lease` is a name given to lease()."""
        if lease is not None:
            fields["lease"] = lease
        return self.adapter.request(do, store=self.name, **fields)

    def submit_query(self, sql, params=(), lease=None, **fields):
        params = [encode(value) for value in params]
        return self.ask("query", lease=lease, sql=sql, params=params, **fields)

    def query(self, sql, params=(), lease=None, **fields):
        """One statement, waited for."""
        return self.submit_query(sql, params, lease, **fields).answer()

    def rows(self, sql, params=(), lease=None, **fields):
        """The rows of a statement that must succeed, with ordinary numbers."""
        return self.told(sql, params, lease, **fields)["rows"]

    def told(self, sql, params=(), lease=None, **fields):
        """All that is told of a statement that must succeed, with ordinary numbers."""
        answer = self.query(sql, params, lease, **fields)
        assert answer.status == "OK", f"{sql}: {answer}"
        return json.loads(answer.result)

    def lease(self, name, **fields):
        """Takes a lease, which must succeed, and keeps it under the name."""
        answer = self.ask("lease", lease=name, **fields).answer()
        assert answer.status == "OK", answer
        return name

    def give_back(self, name):
        assert self.ask("return", lease=name).answer().status == "OK"

    def fork(self):
        return self.adapter.request("fork", store=self.name).answer()

    def close(self):
        answer = self.adapter.request("close", store=self.name).answer()
        assert answer.status == "OK", f"close: {answer}"


def answers(calls, seconds=ANSWER_SECONDS):
    """The answers of many calls, in the order of the calls, all within `seconds`."""
    end = time.monotonic() + seconds
    return [call.answer(max(end - time.monotonic(), 0.1)) for call in calls]
