"""The suite's own sight of the database, over a connection that no adapter shares."""

import contextlib
import time

import psycopg
from psycopg import sql

from .adapter import SECRET


class Database:
    """One database of a server, or of something in front of it that has the same methods dsn() and url().

    `dsn` and `url` carry the canary password, which a server that trusts its clients does not look at.
    """

    def __init__(self, server, name, front=None):
        front = front or server
        self.server, self.name = server, name
        self.dsn = front.dsn(name, password=SECRET)
        self.url = server.url(name, password=SECRET)
        self.connection = psycopg.connect(server.dsn(name), autocommit=True)

    def execute(self, statement):
        self.connection.execute(statement)

    def query(self, statement, values=None):
        return self.connection.execute(statement, values).fetchall()

    def empty(self):
        """Makes the database as new: ends other sessions, drops every schema."""
        self.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        for (name,) in self.query(
            "select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'"
        ):
            self.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(name)))
        self.execute("create schema public; grant all on schema public to public")

    def backends(self):
        """The other sessions of this database: {(pid, start)}."""
        return set(
            self.query(
                "select pid, backend_start from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid() and backend_type = 'client backend'"
            )
        )

    def states(self, agent="a"):
        """The stored states of an agent: {session: jsonb text}."""
        return dict(self.query("select session_id, state::text from agent_states where agent_id = %s", [agent]))

    @contextlib.contextmanager
    def locked(self, statement="lock table agent_states in access exclusive mode", values=None):
        """Holds the locks of a statement in a foreign transaction until the end of the block."""
        with psycopg.connect(self.server.dsn(self.name)) as connection:
            connection.execute(statement, values)
            yield
            connection.rollback()

    def close(self):
        self.connection.close()


def wait_until(condition, seconds=60):
    """Looks every few milliseconds until `condition()` is true; says so when it never is."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {condition.__doc__ or condition}"
        time.sleep(0.005)
