"""What other tests rely on: the proxy counts and breaks links as it says, and servers come and go."""
import os
import pathlib
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from server import Server

PROGRAM = pathlib.Path(__file__).parent / "server.py"


@pytest.fixture
def link(proxy, database):
    """A warm connection through the proxy."""
    with psycopg.connect(proxy.dsn(database), autocommit=True) as connection:
        connection.execute("select 1")
        yield connection


def test_each_statement_is_a_round_trip(proxy, link):
    before = proxy.trips
    for number in range(5):
        link.execute("select %s", (number,))
    assert proxy.trips - before == 5
    with link.pipeline():
        cursors = [link.execute("select %s", (number,)) for number in range(5)]
    assert [cursor.fetchone() for cursor in cursors] == [(number,) for number in range(5)]
    assert proxy.trips - before < 10
    assert proxy.links == 1


def test_a_link_is_cut_in_the_middle_of_an_answer(proxy, link):
    before = proxy.bytes["server"]
    proxy.cut_after(10)
    with pytest.raises(psycopg.OperationalError):
        link.execute("select repeat('x', 100000)")
    assert proxy.bytes["server"] > before


def test_a_cut_question_never_reaches_the_server(proxy, link, server, database):
    link.execute("create table seen (n int)")
    proxy.cut_after(5, "client")
    with pytest.raises(psycopg.OperationalError):
        link.execute("insert into seen values (1)")
    assert server.query("select * from seen", database=database) == []


@pytest.mark.parametrize("reset", [False, True])
def test_all_links_are_cut_and_new_ones_refused(proxy, link, database, reset):
    assert proxy.cut(reset) == 1
    with pytest.raises(psycopg.OperationalError):
        link.execute("select 1")
    proxy.refusing = True
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(proxy.dsn(database))
    proxy.refusing = False
    psycopg.connect(proxy.dsn(database, tcp=False)).close()


def test_a_stalled_link_goes_on(proxy, link):
    proxy.stall("server")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(link.execute, "select 1")
        with pytest.raises(TimeoutError):
            answer.result(0.2)
        proxy.resume()
        assert answer.result(10).fetchone() == (1,)


def test_a_killed_server_keeps_what_was_committed_and_its_address():
    with Server() as server:
        server.query("create table kept (n int)")
        server.query("insert into kept values (1)")
        dsn = server.dsn()
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            server.query("select 1")
        server.start()
        assert server.dsn() == dsn and server.query("select n from kept") == [(1,)]
        assert server.query("show fsync") == [("on",)]


def test_only_idle_sessions_are_terminated(server, database):
    with server.connect(database) as idle, server.connect(database) as busy:
        busy.execute("begin")
        assert server.terminate_backends(database, idle=True) == 1
        assert busy.execute("select 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError):
            idle.execute("select 1")


def test_pgbouncer_passes_queries_in_transaction_mode(pgbouncer, database):
    with pgbouncer.connect(database) as connection:
        assert connection.execute("select current_database()").fetchone() == (database,)
        connection.execute("create temp table session_state (n int)")
        with pgbouncer.connect(database) as other:  # the one server connection serves both
            other.execute("insert into session_state values (1)")


def test_nothing_is_left_behind_by_a_killed_test():
    holder = subprocess.Popen([sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    dsn = holder.stdout.readline().strip()
    root = pathlib.Path(psycopg.conninfo.conninfo_to_dict(dsn)["host"])
    with psycopg.connect(dsn) as connection:
        backend = connection.info.backend_pid
    postmaster = int((root / "data/postmaster.pid").read_text().split()[0])
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    end = time.monotonic() + 60
    while root.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    for pid in (backend, postmaster):
        assert not pathlib.Path(f"/proc/{pid}/exe").exists()


def test_a_command_is_run_with_a_server_of_its_own():
    program = "import os, psycopg; print(psycopg.connect(os.environ['STATEKEEP_TEST_DSN']).info.dbname); raise SystemExit(7)"
    done = subprocess.run([sys.executable, PROGRAM, sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 7 and done.stdout.startswith("test_")
