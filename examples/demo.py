"""Conversations of agents, stored by every binding at once in one database, each read back by all the others.

    make demo                            with examples/sample.jsonl
    make demo DATA=conversations.jsonl   one JSON document a line

What a binding reads must equal, as jsonb defines it, what another one wrote. Then each binding saves and loads single
messages, first one call at a time and then all together, and the rates are printed. The database is an embedded one in a
temporary directory; nothing is left of it.
"""
import concurrent.futures
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "conformance"))

from suite import registry  # noqa: E402
from suite.adapter import Adapter, Json, Violation  # noqa: E402

AGENT = "demo"
RATE_CALLS = 512  # of one measurement of calls made together
ALONE_CALLS = 100  # of one measurement of calls made one at a time
ROUNDS = 3
STOP_SECONDS = 60
BAR_WIDTH = 30
REDRAW_SECONDS = 0.05


class Failure(Exception):
    """What the demo is to show did not happen."""


class Progress:
    """A bar on standard error when that is a terminal, else one line for each phase."""

    def __init__(self):
        self.terminal = sys.stderr.isatty()
        self.label, self.shown = None, 0.0

    def show(self, label, done, total):
        if label == self.label and time.monotonic() < self.shown + REDRAW_SECONDS:
            return
        if not self.terminal:
            if label != self.label:
                print(label, file=sys.stderr, flush=True)
        else:
            bar = "#" * (BAR_WIDTH * done // total)
            print(f"\r\x1b[K[{bar:.<{BAR_WIDTH}}] {100 * done // total:3}% {label}", end="", file=sys.stderr, flush=True)
        self.label, self.shown = label, time.monotonic()

    def end(self):
        if self.terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def as_jsonb(text):
    """JSON text as a value that compares as jsonb does: numbers by value and to the last digit, keys in any order."""
    def number(digits):
        return ("number", Decimal(digits))  # a pair, since Decimal(1) == True
    return json.loads(text, parse_int=number, parse_float=number)


def read_conversations(path):
    """{session: JSON text}, each line untouched."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise Failure(f"{path} holds no conversation")
    return {f"conversation-{number}": line for number, line in enumerate(lines)}


def read_messages(conversations):
    """The messages as JSON texts; a document without messages is one itself."""
    found = []
    for text in conversations.values():
        document = json.loads(text)
        messages = document.get("messages") if isinstance(document, dict) else None
        found += [json.dumps(message, ensure_ascii=False) for message in messages or [document]]
    return found


def start_adapters(progress):
    """{name: Adapter}, compiled first where they are."""
    adapters = {}
    for number, name in enumerate(registry.BINDINGS):
        progress.show("building and starting the bindings", number, len(registry.BINDINGS))
        adapters[name] = Adapter(name, registry.command(name))
    return adapters


def succeed(call):
    """The result of a call, which must not fail."""
    answer = call.answer(60)
    if answer.status != "OK":
        raise Failure(f"{call.adapter.name}: {call.op}: {answer.status}: {answer.error.get('message')}")
    return answer.result


def run_at_once(progress, label, work):
    """Makes the calls of all bindings at once; `work` is a list of (store, [(op, arguments)]). The results of each, and
    the calls a second of all."""
    total, done = sum(len(calls) for _, calls in work), 0
    progress.show(label, 0, total)
    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(len(work)) as threads:
        submitted = list(threads.map(lambda pair: pair[0].submit_all(pair[1]), work))
    results = []
    for calls in submitted:
        results.append([])
        for call in calls:
            results[-1].append(succeed(call))
            done += 1
            progress.show(label, done, total)
    return results, total / (time.perf_counter() - began)


def import_and_compare(progress, stores, conversations):
    """Each conversation goes in by one binding and comes out by all others. {binding: (written, read)}, two rates."""
    names, sessions = list(stores), list(conversations)
    owned = {name: sessions[number::len(names)] for number, name in enumerate(names)}
    saves = [(stores[name], [("state.save", {"agent_id": AGENT, "session_id": session, "state": Json(conversations[session])})
                             for session in owned[name]]) for name in names]
    _, save_rate = run_at_once(progress, "importing through all bindings at once", saves)
    foreign = {name: [session for session in sessions if session not in set(owned[name])] for name in names}
    loads = [(stores[name], [("state.load", {"agent_id": AGENT, "session_id": session}) for session in foreign[name]])
             for name in names]
    results, load_rate = run_at_once(progress, "reading what the others wrote", loads)
    expected = {session: as_jsonb(text) for session, text in conversations.items()}
    for name, texts in zip(names, results):
        for session, text in zip(foreign[name], texts):
            if as_jsonb(text) != expected[session]:
                raise Failure(f"{session}, read by {name}, is not what was written")
    return {name: (len(owned[name]), len(foreign[name])) for name in names}, save_rate, load_rate


def rate(function, count):
    began = time.perf_counter()
    function()
    return count / (time.perf_counter() - began)


def measure(store, messages):
    """{"save" and "load": (calls a second one at a time, together)}, medians of paired rounds."""
    keys = [f"{store.adapter.name}-{number}" for number in range(RATE_CALLS)]
    saves = [("state.save", {"agent_id": AGENT, "session_id": key, "state": Json(messages[number % len(messages)])})
             for number, key in enumerate(keys)]
    loads = [("state.load", {"agent_id": AGENT, "session_id": key}) for key in keys]
    measured = {}
    for kind, calls in (("save", saves), ("load", loads)):
        rounds = [(rate(lambda: [succeed(store.submit_all([call])[0]) for call in calls[:ALONE_CALLS]], ALONE_CALLS),
                   rate(lambda: [succeed(call) for call in store.submit_all(calls)], RATE_CALLS)) for _ in range(ROUNDS)]
        measured[kind] = tuple(map(statistics.median, zip(*rounds)))
    return measured


def print_table(counts, rates):
    print(f"{'':16} {'conversations':^17}  {'saves a second':^26}  {'loads a second':^26}")
    print(f"{'binding':16} {'wrote':>8} {'read':>8}  {'one by one':>10} {'together':>9} {'':>5}  "
          f"{'one by one':>10} {'together':>9} {'':>5}")
    for name, (wrote, read) in counts.items():
        cells = "  ".join(f"{alone:10,.0f} {together:9,.0f} {together / alone:4.1f}x" for alone, together in rates[name].values())
        print(f"{name.replace('_', ' '):16} {wrote:8} {read:8}  {cells}")


def has_stopped(directory):
    """Waits for the server, which stops by itself when its last user is gone."""
    end = time.monotonic() + STOP_SECONDS
    while (directory / "data" / "postmaster.pid").exists() and time.monotonic() < end:
        time.sleep(0.02)
    return not (directory / "data" / "postmaster.pid").exists()


def run(path, directory):
    progress = Progress()
    conversations = read_conversations(path)
    messages = read_messages(conversations)
    adapters = start_adapters(progress)
    try:
        progress.show("starting the embedded database", 0, 1)
        stores = {name: adapter.open(f"embedded:{directory}?linger_ms=0") for name, adapter in adapters.items()}
        for store in stores.values():  # so that no rate has the making of connections in it
            succeed(store.submit("state.setup"))
        counts, save_rate, load_rate = import_and_compare(progress, stores, conversations)
        rates = {}
        for number, (name, store) in enumerate(stores.items()):
            progress.show(f"measuring {name.replace('_', ' ')}", number, len(stores))
            rates[name] = measure(store, messages)
        for adapter in adapters.values():
            adapter.quit()
    finally:
        for adapter in adapters.values():
            if adapter.process.poll() is None:
                adapter.kill()
        progress.end()
    print(f"{len(conversations)} conversations, {len(messages)} messages, {sum(map(len, conversations.values())):,} characters "
          f"from {path.name}\n"
          f"All bindings at once: {save_rate:,.0f} saves a second, {load_rate:,.0f} loads a second of whole conversations.\n"
          "Each was written by one binding, read by all others, and equal.\n")
    print_table(counts, rates)
    print("\nRates are of single messages, sent to each binding over a pipe; x is together against one by one.")


def main():
    path = pathlib.Path(os.environ.get("DATA") or ROOT / "examples" / "sample.jsonl")
    # Below the system's own temporary directory, since an embedded server that root starts runs under another account,
    # which may not enter root's home.
    directory = pathlib.Path(tempfile.mkdtemp(prefix="statekeep-demo-"))
    problems = []
    try:
        run(path, directory)
    except (Failure, Violation, OSError, subprocess.CalledProcessError) as problem:
        problems.append(str(problem))
    except KeyboardInterrupt:
        problems.append("interrupted")
    if has_stopped(directory):
        shutil.rmtree(directory, ignore_errors=True)
    else:
        problems.append(f"the database in {directory} still runs")
    sys.exit("\n".join(f"demo: {problem}" for problem in problems) or 0)


if __name__ == "__main__":
    main()
