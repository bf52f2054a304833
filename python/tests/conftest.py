import asyncio
import os
import shutil
import socket
import tempfile
import uuid

import pytest
import uvloop

import statekeep


@pytest.fixture(scope="session")
def dsn():
    """A server with the tables set up: STATEKEEP_TEST_DSN, else an embedded one for the session."""
    given = os.environ.get("STATEKEEP_TEST_DSN")
    directory = None if given else tempfile.mkdtemp(prefix="statekeep-python-")
    dsn = given or f"embedded:{directory}?linger_ms=0"
    with statekeep.open(dsn) as store:
        store.call("state.setup")
        yield dsn
    if directory:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def agent():
    """An agent of this test alone."""
    return f"agent-{uuid.uuid4()}"


@pytest.fixture
def silent():
    """Options for a store whose calls stay pending: its server takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        yield {"dsn": f"host=127.0.0.1 port={port} sslmode=disable gssencmode=disable", "connect_ms": 60_000}


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Runs a coroutine on a loop of each kind."""
    return {"asyncio": asyncio.run, "uvloop": uvloop.run}[request.param]
