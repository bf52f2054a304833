"""Runs every test there is and prints one line for each part, then the sum: `make test`.

    test.py                 everything
    test.py PART [PART…]    only parts of these names ("c" is "c", "c tsan", …)
    test.py --list          the parts

A part's output is in build/test/<part>.log; that of a failed part is shown. A part that lacks what it tests counts as
skipped, and says so; so do pytest's skipped tests.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test"
SHOWN_LINES = 60
SERVED = "python tests/server.py"  # runs a command with a server of its own


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: Counter = field(default_factory=Counter)  # why tests were skipped, where the report tells

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def count_junit(text, report):
    """pytest's and ctest's report."""
    counts = Counts()
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            counts.failed += 1
        elif "skipped" in kinds:
            counts.skipped += 1
            counts.reasons[case.find("skipped").get("message") or "no reason told"] += 1
        else:
            counts.passed += 1
    return counts


def count_go(text, report):
    """The events of go test -json; only the tests, not their packages."""
    actions = {"pass": 0, "fail": 0, "skip": 0}
    for line in text.splitlines():
        try:
            event = json.loads(line) if line.startswith("{") else {}
        except ValueError:  # somebody else's words came into the line
            event = {}
        if event.get("Test") and event["Action"] in actions:
            actions[event["Action"]] += 1
    return Counts(*actions.values())


def count_minitest(text, report):
    counts = Counts()
    for runs, failures, errors, skips in re.findall(
            r"(\d+) runs, \d+ assertions, (\d+) failures, (\d+) errors, (\d+) skips", text):
        bad, skipped = int(failures) + int(errors), int(skips)
        counts = Counts(counts.passed + int(runs) - bad - skipped, counts.failed + bad, counts.skipped + skipped)
    return counts


def count_cargo(text, report):
    """cargo test's line for each program of tests."""
    found = re.findall(r"^test result: .* (\d+) passed; (\d+) failed; (\d+) ignored", text, flags=re.M)
    return Counts(*(sum(map(int, column)) for column in zip(*found))) if found else Counts()


def count_line(text, report):
    """A last line "N passed, M failed"."""
    found = re.findall(r"^(\d+) passed, (\d+) failed$", text, flags=re.M)
    return Counts(*map(int, found[-1])) if found else Counts()


def count_one(text, report):
    """Nothing to count: the part is one test, and its exit code the result."""
    return Counts(passed=1)


@dataclass
class Part:
    name: str
    needs: str  # a path; without it the part is skipped
    command: str  # for bash, in the root; {report} is where a JUnit report goes
    count: object = count_one
    minutes: float = 20  # several times what it takes on a busy machine: only what hangs is ended


def pytest(paths, python="python"):
    return f"{python} -m pytest -q -p no:cacheprovider --junitxml={{report}} {paths}"


def c_parts():
    """The C tests, plain and under each instrument."""
    def tests(preset, before=""):
        return (f"cmake --preset {preset} && cmake --build --preset {preset} && "
                f"{before} ctest --preset {preset} --output-junit {{report}}")
    # Where addresses are laid out with more chance than the thread sanitizer can take, it must be without.
    fixed = "$(setarch -R true 2>/dev/null && echo setarch -R)"
    yield Part("c", "core/src/api.c", tests("dev", SERVED), count_junit)
    yield Part("c asan+ubsan", "core/src/api.c", tests("asan", SERVED), count_junit)
    yield Part("c tsan", "core/src/api.c", tests("tsan", f"{SERVED} {fixed}"), count_junit)
    yield Part("c valgrind", "core/src/api.c", f"{SERVED} scripts/valgrind.sh build/dev", count_line)
    yield Part("simulator", "tests/simulator/main.c", "build/dev/simulator --seeds 2000", count_line)
    yield Part("simulator finds planted bugs", "tests/simulator/test_plants.py", pytest("tests/simulator"), count_junit)


def go_minor():
    """24 of "go1.24.3"; 0 without Go."""
    try:
        version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True).stdout
    except FileNotFoundError:
        return 0
    found = re.match(r"go1\.(\d+)", version)
    return int(found[1]) if found else 0


def package_parts():
    """Each package, installed in the way of its ecosystem and then tested as installed."""
    yield Part("install c", "core/src/api.c", "scripts/build.sh c && tests/install/run.sh")
    yield Part("install python", "python/pyproject.toml", "scripts/build.sh python")
    yield Part("install ruby", "ruby/statekeep.gemspec", "scripts/build.sh ruby")
    for environment in sorted((ROOT / "build").glob("venv*")):
        version = subprocess.run([environment / "bin/python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                                 capture_output=True, text=True).stdout.strip()
        command = pytest(f"{ROOT}/python/tests", f"{environment}/bin/python")
        yield Part(f"python {version}", "python/tests", f"{SERVED} sh -c 'cd build && {command}'", count_junit)
    checked = " && ".join(f"python -m mypy --config-file ../python/pyproject.toml {what}" for what in ("", "../python/tests/typed.py"))
    yield Part("python types", "python/tests/typed.py" if python_serves_roomkit() else "Python 3.12 or newer, which RoomKit needs",
               f"cd build && {checked}")
    yield Part("ruby", "ruby/test", f"""{SERVED} ruby -I ruby/test -e 'Dir["./ruby/test/test_*.rb"].each {{{{ |file| require file }}}}'""", count_minitest)
    yield Part("go vet", "go.mod", "go vet ./...")
    yield Part("go", "go.mod", f"{SERVED} go test -json -count=1 ./go/...", count_go)
    yield Part("go race", "go.mod", f"{SERVED} go test -json -count=1 -race ./go/...", count_go)
    if go_minor() != 19 and shutil.which("/usr/lib/go-1.19/bin/go"):
        yield Part("go 1.19", "go.mod",
                   f"{SERVED} env GOTOOLCHAIN=local /usr/lib/go-1.19/bin/go test -json -count=1 ./go/...", count_go)
    # The drop-in with the libraries its users have; those ask for a newer Go than the drop-in itself does.
    yield Part("go with the peer's libraries", "go/statestore/peer/go.mod" if go_minor() >= 24 else "Go 1.24 or newer",
               f"{SERVED} sh -c 'cd go/statestore/peer && go test -json -count=1 .'", count_go)
    yield Part("install rust", "rust/Cargo.toml", "scripts/build.sh rust")
    if subprocess.run(["cargo", "clippy", "--version"], capture_output=True).returncode == 0:  # not in every distribution
        yield Part("rust lint", "rust/Cargo.toml",
                   "cd rust && cargo fmt --all --check -- --config-path rustfmt.toml && cargo clippy --locked --all-targets "
                   "--all-features --package statekeep --package statekeep-adapter -- --deny warnings && "
                   "RUSTDOCFLAGS='--deny warnings' cargo doc --locked --no-deps --all-features --package statekeep")
    yield Part("rust", "rust/Cargo.toml", f"{SERVED} cargo test --no-fail-fast --locked --workspace --all-features "
               "--manifest-path rust/Cargo.toml", count_cargo, 60)


def python_serves_roomkit():
    """Whether the environment that runs the tests has a Python that RoomKit installs on."""
    probe = [ROOT / "build" / "venv" / "bin" / "python", "-c", "import sys; sys.exit(sys.version_info < (3, 12))"]
    return (ROOT / "build" / "venv").exists() and subprocess.run(probe).returncode == 0


def parts():
    yield Part("generated files", "sql/compile.py", "python3 sql/compile.py --check")
    yield Part("format", ".clang-format", "scripts/format.sh --check")
    yield from c_parts()
    yield from package_parts()
    yield Part("sql, command, tools", "tests/test_sql.py", pytest("tests/test_*.py"), count_junit)
    yield Part("gathering with its peers", "tests/gathering", pytest("tests/gathering"), count_junit)
    yield Part("conformance", "tests/conformance/conftest.py", pytest("tests/conformance"), count_junit, 60)
    yield Part("roomkit", "tests/roomkit" if python_serves_roomkit() else "Python 3.12 or newer, which RoomKit needs",
               pytest("tests/roomkit"), count_junit)
    yield Part("faults", "tests/faults", pytest("tests/faults"), count_junit, 30)
    yield Part("demo", "examples/demo.py", "python examples/demo.py")


def end_group(process):
    """Ends what a part left running: all of it when the part was stopped."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run(part, log):
    """The part's counts, and whether it came to its end well."""
    report = log.with_suffix(".xml")
    report.unlink(missing_ok=True)
    command = part.command.format(report=report)
    with open(log, "wb") as output:
        process = subprocess.Popen(["scripts/env.sh", "bash", "-o", "pipefail", "-c", command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            well = process.wait(part.minutes * 60) == 0
        except subprocess.TimeoutExpired:
            output.write(f"\nended after {part.minutes} minutes\n".encode())
            well = False
        finally:
            end_group(process)
    try:
        counts = part.count(log.read_text(errors="replace"), report)
    except (OSError, ElementTree.ParseError):
        counts = Counts()
    if counts.failed == 0 and (not well or counts.passed + counts.skipped == 0):
        counts = Counts(0 if part.count is count_one else counts.passed, 1, counts.skipped, counts.reasons)
    return counts


def main():
    names = sys.argv[1:]
    if names == ["--list"]:
        print("\n".join(part.name for part in parts()))
        return
    chosen = [part for part in parts() if not names or any(f"{part.name} ".startswith(f"{name} ") for name in names)]
    if not chosen:
        sys.exit(f"no part is named {' or '.join(names)}; see --list")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is started deaf to it, and so would all be here
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # unwinds, and so ends the part that runs
    LOGS.mkdir(parents=True, exist_ok=True)
    total, begun = Counts(), time.monotonic()
    for part in chosen:
        if not (ROOT / part.needs).exists():
            print(f"SKIP  {part.name:32} there is no {part.needs}", flush=True)
            total.skipped += 1
            continue
        log = LOGS / (re.sub(r"\W+", "-", part.name) + ".log")
        start = time.monotonic()
        counts = run(part, log)
        print(f"{'FAIL' if counts.failed else 'pass'}  {part.name:32} {counts}, {time.monotonic() - start:.1f} s",
              flush=True)
        for reason, times in counts.reasons.most_common():
            print(f"      skipped {times}: {reason}", flush=True)
        if counts.failed:
            lines = log.read_text(errors="replace").splitlines()[-SHOWN_LINES:]
            print("\n".join("      " + line for line in lines), f"\n      … the whole of it: {log}", flush=True)
        total = Counts(*(getattr(total, name) + getattr(counts, name) for name in ("passed", "failed", "skipped")))
    print(f"{time.monotonic() - begun:.0f} s in all")
    print(total)
    sys.exit(total.failed > 0)


if __name__ == "__main__":
    main()
