"""Plain cases as data: reads the files in vectors/ and runs their steps."""

import pathlib

from .adapter import Json, Native, Vector, answers
from .exact import Number, parse

FOLDER = pathlib.Path(__file__).parent.parent / "vectors"

STEP_KINDS = {"call", "together", "reach", "sql", "close"}


def load():
    """All cases, as (file.name, case)."""
    cases = []
    for path in sorted(FOLDER.glob("*.json")):
        for case in parse(path.read_text()):
            cases.append((f"{path.stem}: {case['name']}", case))
    return cases


def operations(case):
    """The operations that a case calls."""
    found = set()
    for step in case["steps"]:
        found.update(call["call"] for call in step.get("together", [step]) if "call" in call)
    return found


def floats(numbers):
    """The numbers of a vector: a list of them, or {"size": 1536, "0": 1, "7": 0.5}, where the others are 0."""
    if isinstance(numbers, dict):
        return [float(numbers.get(str(index), 0)) for index in range(int(numbers["size"]))]
    return [float(number) for number in numbers]


def argument(value):
    """A value of a vector's "args" as the adapter driver takes it."""
    if isinstance(value, Number):
        return int(value)
    if isinstance(value, dict):
        ((form, inner),) = value.items()
        if form == "value":
            return Native(inner)
        if form == "json":
            return Json(inner)
        if form == "vector":
            return Vector(floats(inner))
    return value


def compare(answer, expected, where):
    """Holds an answer against the expectations of its step."""
    wanted = expected.get("status", "OK")
    wanted = wanted if isinstance(wanted, list) else [wanted]
    assert answer.status in wanted, f"{where}: {answer.status}, wanted {wanted}: {answer.error or answer.result}"
    if "result" in expected:
        assert parse(answer.result) == expected["result"], f"{where}: result {answer.result[:500]}"
    if "says" in expected:
        message = answer.error["message"]
        assert expected["says"].lower() in message.lower(), f"{where}: the message does not say so: {message}"
    for name in ("sqlstate", "reason", "retry"):
        if name in expected:
            assert answer.error.get(name) == expected[name], f"{where}: {name} in {answer.error}"


class Run:
    """One case run against one adapter on an empty database."""

    def __init__(self, adapter, database, case):
        self.adapter, self.database, self.case = adapter, database, case
        self.store = adapter.open(database.dsn, **plain(case.get("options", {})))

    def submit(self, steps):
        return self.store.submit_all(
            [(step["call"], {name: argument(value) for name, value in step.get("args", {}).items()}) for step in steps],
            int(steps[0]["deadline_ms"]) if "deadline_ms" in steps[0] else None,
        )

    def step(self, step, where):
        (kind,) = STEP_KINDS & step.keys()
        if kind == "sql":
            self.database.execute(step["sql"])
        elif kind == "close":
            self.store.close()
        elif kind == "reach":
            compare(self.reach(step["reach"]), step, where)
        else:
            steps = step["together"] if kind == "together" else [step]
            apart = step.get("in_order") and not self.adapter.can["ordered"]
            for some in [[call] for call in steps] if apart else [steps]:
                for call, answer in zip(some, answers(self.submit(some))):
                    compare(answer, call, f"{where} {call['call']}")

    def reach(self, target):
        """The first failure of opening a store and pinging it, or the ping's answer."""
        url = self.database.url
        words = {"{dsn}": self.database.dsn, "{url}": url, "{address}": url.partition("://")[2]}
        dsn = target["dsn"]
        for word, text in words.items():
            dsn = dsn.replace(word, text)
        store, answer = self.adapter.try_open(dsn, **plain(target.get("options", {})))
        if answer.status != "OK":
            return answer
        answer = store.call("admin.ping")
        store.close()
        return answer


def plain(options):
    """Options with ordinary integers in place of exact numbers."""
    return {name: int(value) if isinstance(value, Number) else value for name, value in options.items()}


def run(adapter, database, case):
    for statement in case.get("before", []):
        database.execute(statement)
    current = Run(adapter, database, case)
    for number, step in enumerate(case["steps"], 1):
        current.step(step, f"step {number}")
    for expected in case.get("rows", []):
        rows = [list(row) for row in database.query(expected["query"])]
        wanted = [[int(cell) if isinstance(cell, Number) else cell for cell in row] for row in expected["are"]]
        assert rows == wanted, f"{expected['query']}: {rows}"
    if not any("close" in step for step in case["steps"]):
        current.store.close()
