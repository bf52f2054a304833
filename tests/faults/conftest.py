"""The fixtures of the fault tests: the conformance suite's adapters, and servers that may be broken."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "conformance"))

from proxy import Proxy  # noqa: E402
from server import Server  # noqa: E402
from suite.adapter import SECRET  # noqa: E402
from suite.database import Database  # noqa: E402
from suite.fixtures import adapter, adapter_name, adapters, db, kept_db, states  # noqa: E402, F401


@pytest.fixture(scope="session")
def mortal():
    """A server that tests may stop and kill; each finds it running."""
    with Server() as server:
        yield server


@pytest.fixture
def mortal_states(mortal, adapter):  # noqa: F811
    """A database of the mortal server with the table of states."""
    if mortal.process is None:
        mortal.start()
    database = Database(mortal, mortal.create_database())
    store = adapter.open(database.dsn)
    store.ok("state.setup")
    store.close()
    yield database
    database.close()
    if mortal.process is None:
        mortal.start()
    mortal.drop_database(database.name)  # a server that crashed syncs every file it has before it serves again


@pytest.fixture
def proxied(states):  # noqa: F811
    """The proxy before the shared server, and the connection string of the states through it."""
    with Proxy(states.server) as proxy:
        yield proxy, proxy.dsn(states.name, password=SECRET)
