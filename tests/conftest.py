"""Fixtures every test below tests/ can ask for."""
import os
import pathlib
import sys
import warnings

import pytest

from proxy import Proxy
from server import PgBouncer, Server, find_vector_programs

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "sql"))


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server shared by the session. Tests that stop it, kill it or change it make their own Server()."""
    with Server() as running:
        yield running


@pytest.fixture(scope="session")
def vector_server():
    """A server that has pgvector, shared by the session, with room for the index of 10,000 embeddings."""
    with Server(find_vector_programs(), shared_buffers="256MB", maintenance_work_mem="256MB") as running:
        yield running


@pytest.fixture(scope="session")
def pgbouncer(server):
    """PgBouncer in transaction mode before the shared server."""
    with PgBouncer(server) as running:
        yield running


@pytest.fixture
def database(server):
    """The name of an empty database of the shared server; pass it to server.dsn(), pgbouncer.dsn(), proxy.dsn()."""
    name = server.create_database()
    yield name
    server.drop_database(name)


@pytest.fixture
def proxy(server):
    """A proxy before the shared server."""
    with Proxy(server) as running:
        yield running


@pytest.fixture(scope="session")
def trajectories():
    """A file of real conversations, one JSON document a line: tau-bench-airline/trajectories.jsonl below
    $STATEKEEP_DATA or ../shared/data; else the project's own small sample, with a warning."""
    data = pathlib.Path(os.environ.get("STATEKEEP_DATA") or ROOT.parent / "shared" / "data")
    path = data / "tau-bench-airline" / "trajectories.jsonl"
    if path.exists():
        return path
    warnings.warn(f"no real conversations at {path} (set STATEKEEP_DATA): the project's own sample is used instead")
    return ROOT / "examples" / "sample.jsonl"
