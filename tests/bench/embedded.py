"""How long an embedded server takes to its first answer: milliseconds, least, median and greatest of several rounds.

    embedded.py [--rounds 7]

  nothing       no directory and no template: initdb, start, first answer
  template      no directory, but a template of an earlier initdb
  existing      the directory is there, its server is down
  running       another user's server is up
"""

import argparse
import os
import pathlib
import shutil
import statistics
import tempfile
import time

import statekeep

LIMITS = {"nothing": 2000, "existing": 300}  # what the project promises on a quiet machine


def first_answer(dsn):
    start = time.perf_counter()
    with statekeep.open(dsn, deadline_ms=120000) as store:
        store.admin.ping()
        return (time.perf_counter() - start) * 1000


def stopped(directory):
    """Waits until the directory's server has ended."""
    deadline = time.monotonic() + 30
    while (directory / "data" / "postmaster.pid").exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server in {directory} does not stop")
        time.sleep(0.02)


def measure(base, round_number):
    directory, copy = base / f"first-{round_number}", base / f"second-{round_number}"
    dsn = f"embedded:{directory}?linger_ms=0"
    shutil.rmtree(base / "cache", ignore_errors=True)
    times = {"nothing": first_answer(dsn)}
    stopped(directory)
    times["template"] = first_answer(f"embedded:{copy}?linger_ms=0")
    times["existing"] = first_answer(dsn)
    stopped(directory)
    with statekeep.open(dsn) as store:
        store.admin.ping()
        times["running"] = first_answer(dsn)
    stopped(directory)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    base = pathlib.Path(tempfile.mkdtemp(prefix="statekeep-bench-"))
    base.chmod(0o755)  # root's server runs as another account
    os.environ["STATEKEEP_HOME"] = str(base)
    os.environ["XDG_CACHE_HOME"] = str(base / "cache")
    try:
        rounds = [measure(base, number) for number in range(options.rounds)]
    finally:
        shutil.rmtree(base, ignore_errors=True)
    for name in rounds[0]:
        values = [times[name] for times in rounds]
        limit = LIMITS.get(name)
        met = "" if not limit else f"  limit {limit}: {'met' if statistics.median(values) < limit else 'MISSED'}"
        print(f"{name:10} {statistics.median(values):7.0f} ms ({min(values):.0f}-{max(values):.0f}){met}")


if __name__ == "__main__":
    main()
