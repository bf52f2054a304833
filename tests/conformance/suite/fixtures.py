"""What the tests of tests/conformance and tests/faults ask for."""

import pytest

from . import registry
from .adapter import Adapter
from .database import Database


class Adapters:
    """The adapter processes of a session: one of each kind is kept; a broken one is replaced."""

    def __init__(self):
        self.kept = {}
        self.commands = {}

    def start(self, name, env=None):
        """A new process, for a test that ends it itself."""
        if name not in self.commands:
            self.commands[name] = registry.command(name)
        return Adapter(name, self.commands[name], env)

    def get(self, name):
        if name not in self.kept:
            self.kept[name] = self.start(name)
        return self.kept[name]

    def drop_broken(self, name):
        adapter = self.kept.get(name)
        if adapter and (adapter.violations or adapter.process.poll() is not None):
            self.kept.pop(name).kill()

    def quit(self):
        for adapter in self.kept.values():
            adapter.quit()


@pytest.fixture(scope="session")
def adapters():
    running = Adapters()
    yield running
    running.quit()


@pytest.fixture(params=registry.selected(), scope="session")
def adapter_name(request):
    return request.param


@pytest.fixture
def adapter(adapters, adapter_name):
    """A running adapter of each kind. What it did wrong outside the calls a test looked at fails the test, too."""
    running = adapters.get(adapter_name)
    try:
        yield running
        running.check()
    finally:
        adapters.drop_broken(adapter_name)


@pytest.fixture(scope="session")
def kept_db(server):
    """The database that most tests share, each finding it empty."""
    database = Database(server, server.create_database())
    yield database
    database.close()
    server.drop_database(database.name)


@pytest.fixture
def db(kept_db):
    """An empty database."""
    kept_db.empty()
    return kept_db


@pytest.fixture
def states(db, adapter):
    """The database with the table of states."""
    store = adapter.open(db.dsn)
    store.ok("state.setup")
    store.close()
    return db
