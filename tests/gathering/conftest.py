"""What the tests of GatheRing's layer need: the peers' own packages, and databases.

Where PyPI cannot be reached the tests that need its packages are skipped, and say so."""
import pytest

import statekeep
from peers import make_peer


def peer(name):
    try:
        return make_peer(name)
    except RuntimeError as error:
        pytest.skip(f"NOT RUN: {error}")


@pytest.fixture(scope="session")
def pycopg_peer():
    """pycopg 1.2.0 and what its tests need."""
    return peer("pycopg")


@pytest.fixture(scope="session")
def gathering_peer():
    """GatheRing 1.0.0."""
    return peer("gathering")


@pytest.fixture
def gathering_database(vector_server):
    """The URL of a database with GatheRing's schemas."""
    name = vector_server.create_database()
    with statekeep.open(vector_server.dsn(name)) as store:
        store.call("gathering.setup", timeout=120)
        store.call("schedule.setup")
    yield vector_server.url(name)
    vector_server.drop_database(name)
