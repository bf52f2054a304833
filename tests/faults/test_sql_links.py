"""Leases and callers' SQL on links that are cut, stall, or lose their server: what was told holds, and the store goes on."""

import contextlib
import json
import random
import threading
import time

import pytest
from suite.adapter import answers
from suite.database import Database, wait_until

from server import Server, run


@pytest.fixture
def asking(adapter):
    if not adapter.can.get("sql"):
        pytest.skip(f"{adapter.can['binding']} does not serve SQL of the caller's own")
    return adapter


class Transfers:
    """Transactions that each write two rows of one number, from many threads, until the block ends; `told` says how each
    commit ended."""

    def __init__(self, store, threads=6):
        self.store, self.told, self.problems = store, {}, []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(threads)]

    def _once(self, number):
        name = f"lease {number}"
        if self.store.ask("lease", lease=name, deadline_ms=20000).answer().status != "OK":
            return
        steps = ["begin", f"insert into pairs values ({number}, 1)", f"insert into pairs values ({number}, 2)"]
        good = all(self.store.query(sql, lease=name).status == "OK" for sql in steps)
        self.told[number] = self.store.query("commit", lease=name).status if good else "never"
        self.store.give_back(name)

    def _run(self, thread):
        turn = 0
        try:
            while not self.stop.is_set():
                self._once(thread * 1_000_000 + turn)
                turn += 1
        except AssertionError as problem:
            self.problems.append(problem)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def committed(self):
        """how many transactions were told committed so far"""
        return sum(status == "OK" for status in list(self.told.values()))

    def check(self, database):
        assert not self.problems, self.problems[0]
        stored = dict(database.query("select id, count(*) from pairs group by id"))
        for number, status in self.told.items():
            assert stored.get(number, 0) in (0, 2), f"half of transaction {number} is there"
            if status == "OK":
                assert stored.get(number) == 2, f"transaction {number} was told committed and is not there"
            elif status != "UNKNOWN":
                assert number not in stored, f"transaction {number} was told {status} and is there"
        return self.committed()


def test_sessions_ended_at_random(asking, db):
    db.execute("create table pairs (id int, n int)")
    store = asking.open(db.dsn, connections=4)
    rng, spared = random.Random(4), db.connection.info.backend_pid
    with Transfers(store) as transfers:
        for _ in range(60):
            time.sleep(0.03)
            pids = [pid for pid, _ in db.backends() if pid != spared]
            if pids:
                db.query("select pg_terminate_backend(%s)", [rng.choice(pids)])
        wait_until(transfers.committed)  # on a slow machine none may have outlived its session before
    assert transfers.check(db) > 0
    assert store.query("select 1").status == "OK"
    assert int(store.stats()["leases"]["out"]) == 0
    store.close()


def test_a_server_that_crashes(asking):
    with Server() as server:
        database = Database(server, server.create_database())
        database.execute("create table pairs (id int, n int)")
        store = asking.open(database.dsn, connections=4)
        with Transfers(store) as transfers:
            wait_until(lambda: transfers.committed() > 20)
            server.kill()
            server.start()
            before = transfers.committed()
            wait_until(lambda: transfers.committed() > before + 20)
        database.close()
        database = Database(server, database.name)
        assert transfers.check(database) > 0
        assert store.query("select 1").status == "OK"
        store.close()
        database.close()


@pytest.fixture(scope="module")
def tls_server():
    """A server that speaks TLS, with a certificate of its own making."""
    with contextlib.closing(Server(ssl="on")) as server:
        names = {"ssl_cert_file": server.root / "cert", "ssl_key_file": server.root / "key"}
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-out", names["ssl_cert_file"],
            "-keyout", names["ssl_key_file"])
        names["ssl_key_file"].chmod(0o600)
        server.settings.update(names)
        yield server.start()


def test_copy_and_large_results_under_tls(asking, tls_server):
    """Records of 16 KB hide rows from the socket: nothing may wait for it then."""
    store = asking.open(tls_server.dsn(tcp=True, sslmode="require"), connections=2)
    assert store.rows("select ssl from pg_stat_ssl where pid = pg_backend_pid()") == [[True]]
    for size in (10, 16000, 16384, 20000, 100000):
        assert store.rows("select length(repeat('x', $1)), repeat('x', $1)", [size])[0][0] == size
    store.lease("a")
    store.told("create temp table bulk (n int, text text)", lease="a")
    for width in (1, 50, 15000):
        count = 300000 // width
        piece = "".join(f"{n}\t{'y' * width}\n" for n in range(count // 10))
        told = store.ask("copy_in", lease="a", sql="copy bulk from stdin", data=[piece], repeat=10).answer()
        assert told.status == "OK", told
        out = store.ask("copy_out", lease="a", sql="copy bulk to stdout", sizes=True).answer()
        assert json.loads(out.result)["bytes"] == len(piece) * 10
        store.told("truncate bulk", lease="a")
    endless = "copy (select repeat('x', 1000), generate_series(1, 10000000)) to stdout"
    assert store.ask("copy_out", lease="a", sql=endless, stop=3, sizes=True).answer().status == "OK"
    assert store.rows("select 1", lease="a") == [[1]]
    store.give_back("a")
    store.close()


def test_a_link_that_falls_silent(asking, db, proxy):
    """The deadline is kept though nobody can be asked to stop, and the session is given up for another."""
    store = asking.open(Database(db.server, db.name, proxy).dsn, connections=2)
    assert store.query("select 1").status == "OK"
    proxy.stall()
    begun = time.monotonic()
    answer = store.query("select 2", deadline_ms=500)
    assert answer.status in ("UNKNOWN", "DEADLINE") and time.monotonic() - begun < 15
    proxy.resume()
    wait_until(lambda: store.query("select 3", deadline_ms=2000).status == "OK")
    store.close()


def test_links_cut_under_statements(asking, db, proxy):
    db.execute("create table pairs (id int, n int)")
    store = asking.open(Database(db.server, db.name, proxy).dsn, connections=4)
    told = {}
    for turn in range(8):
        calls = [store.submit_query("insert into pairs select $1::int, 1 from pg_sleep(0.01)", [turn * 100 + n]) for n in range(40)]
        wait_until(lambda: any(call.done() for call in calls))  # and so others are under way
        proxy.cut()
        for n, answer in enumerate(answers(calls)):
            told[turn * 100 + n] = answer.status
    stored = dict(db.query("select id, count(*) from pairs group by id"))
    assert all(count == 1 for count in stored.values()), "a statement was sent twice"
    for number, status in told.items():
        assert status in ("OK", "UNKNOWN", "UNAVAILABLE"), status
        assert (number in stored) or status != "OK", f"{number} was told OK and is not there"
        assert (number not in stored) or status != "UNAVAILABLE", f"{number} was told {status} and is there"
    assert {"OK", "UNKNOWN"} <= set(told.values())
    store.close()
