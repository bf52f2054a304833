"""The embedded server under everything that may happen to its users, its supervisor and itself.

Each user is a process (tests/unit/embedded_user.c), compiled here from the core's sources, or taken from
$STATEKEEP_EMBEDDED_USER. Runs as root and as a normal user; cases that only one of them can have are skipped.
"""

import contextlib
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

HERE = pathlib.Path(__file__).resolve()
PROJECT = HERE.parents[2]
ROOT = os.geteuid() == 0
PATIENCE_S = 60.0
LINGER_MS = 8000  # longer than a busy machine holds up what is to happen meanwhile
UNAVAILABLE, INVALID = 7, 3

needs_root = pytest.mark.skipif(not ROOT, reason="needs root")


@pytest.fixture(scope="session")
def program():
    """Path of the compiled user program, readable by every account."""
    given = os.environ.get("STATEKEEP_EMBEDDED_USER")
    if given:
        yield given
        return
    core = PROJECT / "core"
    sources = [*sorted((core / "src").glob("embedded*.c")), core / "src" / "supervisor.c", core / "src" / "io.c",
               core / "src" / "watch.c", PROJECT / "tests" / "unit" / "embedded_user.c"]
    include = subprocess.check_output(["pg_config", "--includedir"], text=True).strip()
    with place_for_all() as directory:
        target = directory / "embedded_user"
        subprocess.check_call(["cc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-g", f"-I{core / 'include'}",
                               f"-I{core / 'src'}", f"-I{include}", *map(str, sources), "-o", str(target), "-lpq",
                               "-pthread"])
        yield str(target)


@contextlib.contextmanager
def place_for_all():
    """A directory that the server's account can reach, unlike pytest's own below one of root's."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="embedded-test-", dir="/tmp"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def home():
    """STATEKEEP_HOME of the whole run, so that all tests share one template."""
    with place_for_all() as directory:
        yield directory


@pytest.fixture
def place():
    """A directory for one test's servers. Whatever still runs there in the end is a failure."""
    with place_for_all() as directory:
        yield directory
        try:
            eventually(lambda: not working_in(directory))
        finally:
            for pid in working_in(directory):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


class User:
    """A process that joins `dsn` and takes commands; see embedded_user.c."""

    def __init__(self, program, home, dsn, *, prefix=(), environment=None, arguments=(), **options):
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "STATEKEEP"))}
        variables |= {"STATEKEEP_HOME": str(home)} | (environment or {})
        self.process = subprocess.Popen([*prefix, program, dsn, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env=variables, bufsize=0, **options)
        self.buffer = b""
        self.conninfo = None

    def line(self):
        """The next line it prints; fails when none comes in time."""
        until = time.monotonic() + 2 * PATIENCE_S
        while b"\n" not in self.buffer:
            assert select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))[0], "no answer"
            part = os.read(self.process.stdout.fileno(), 65536)
            assert part, f"the user ended: {self.process.wait()}"
            self.buffer += part
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode()

    def joined(self):
        """Waits until it has joined; gives self."""
        line = self.line()
        assert line.startswith("joined "), line
        self.conninfo = line.split(" ", 2)[2]
        return self

    def failure(self):
        """Waits until joining failed; gives (status, message)."""
        word, status, message = self.line().split(" ", 2)
        assert word == "failed"
        assert self.process.wait(PATIENCE_S) == 1
        return int(status), message.replace("\\n", "\n")

    def ask(self, command):
        self.process.stdin.write(command.encode() + b"\n")
        return self.line()

    def query(self, sql):
        """The first value that `sql` gives."""
        line = self.ask(f"query {sql}")
        assert line.startswith("row"), line
        return line[4:]

    @property
    def directory(self):
        return pathlib.Path(re.search(r"host='([^']*)'", self.conninfo)[1])

    def leave(self):
        assert self.ask("leave") == "left"
        assert self.process.wait(PATIENCE_S) == 0
        self.close()

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.close()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def user(program, home, place):
    """Starts users; those that a test forgot are killed, before its place is looked over."""
    made = []

    def start(dsn, **options):
        made.append(User(program, home, dsn, **options))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.kill()


def command_line(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def status_line(pid):
    """(state, parent) of a process; None when there is none."""
    with contextlib.suppress(OSError):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], int(fields[1])
    return None


def working_in(directory):
    """Processes that name the directory or have it as their own."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            working = os.readlink(f"/proc/{name}/cwd")
            if f"{directory}/" in f"{working}/" or str(directory) in command_line(name):
                found.append(int(name))
    return found


def alive(pid):
    """Whether it runs; what only waits to be buried does not."""
    status = status_line(pid)
    return status is not None and status[0] not in "ZX"


def eventually(condition):
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def server_of(directory):
    return int((directory / "data" / "postmaster.pid").read_text().split("\n")[0])


def supervisor_of(directory):
    return status_line(server_of(directory))[1]


def stopped(server):
    return lambda: not alive(server)


def starts(directory):
    return (directory / "log").read_text().count("starting PostgreSQL")


def test_twenty_users_at_once_make_one_server(user, place):
    """Nobody is first: all find an empty directory, and all get the same server."""
    root = place / "many"
    users = [user(f"embedded:{root}?linger_ms=0") for _ in range(20)]
    identifiers = {one.joined().query("select system_identifier from pg_control_system()") for one in users}
    assert len(identifiers) == 1
    assert starts(root) == 1
    server = server_of(root)
    for one in users[1:]:
        one.leave()
    assert users[0].query("select 1") == "1"
    users[0].leave()
    eventually(stopped(server))


def test_first_users_share_the_first_template(program, place):
    """First users of many directories make one template, and no half of one is ever copied."""
    users = [User(program, place / "home", f"embedded:{place}/{n}?linger_ms=0") for n in range(6)]
    servers = []
    for one in users:
        assert one.joined().query("select count(*) from pg_class where relname = 'pg_class'") == "1"
        servers.append(server_of(one.directory))
    for one in users:
        one.leave()
    for server in servers:
        eventually(stopped(server))
    templates = [path.name for path in (place / "home" / "cache").iterdir() if path.is_dir()]
    assert len(templates) == 1


def test_data_stay(user, place):
    first = user(f"embedded:{place}/db?linger_ms=0").joined()
    server = server_of(first.directory)
    first.query("create table kept as select 42 as value")
    first.leave()
    eventually(stopped(server))
    second = user(f"embedded:{place}/db?linger_ms=0").joined()
    assert second.query("select value from kept") == "42"
    assert starts(place / "db") == 2
    second.leave()


def test_leaving_and_joining_at_once(user, place):
    """A newcomer meets a server that is just being stopped."""
    for _ in range(10):
        one = user(f"embedded:{place}/db?linger_ms=0").joined()
        assert one.query("select 1") == "1"
        one.leave()


def test_server_lingers(user, place):
    first = user(f"embedded:{place}/db?linger_ms={LINGER_MS}").joined()
    server = server_of(first.directory)
    first.leave()
    second = user(f"embedded:{place}/db").joined()
    assert server_of(second.directory) == server
    second.leave()
    assert alive(server)
    eventually(stopped(server))


def test_killed_user(user, place):
    """The kernel's count forgets it."""
    one = user(f"embedded:{place}/db?linger_ms=0").joined()
    other = user(f"embedded:{place}/db").joined()
    server = server_of(one.directory)
    one.kill()
    time.sleep(0.5)
    assert other.query("select 1") == "1"
    assert server_of(other.directory) == server
    other.kill()
    eventually(stopped(server))


def test_user_killed_while_starting(user, place):
    """At any moment of the first start; the next user gets a whole server."""
    for delay_ms in (5, 20, 50, 100, 200):
        one = user(f"embedded:{place}/{delay_ms}?linger_ms=0")
        time.sleep(delay_ms / 1000)
        one.kill()
        other = user(f"embedded:{place}/{delay_ms}?linger_ms=0").joined()
        assert other.query("select count(*) > 0 from pg_proc") == "t"
        other.leave()


def test_killed_supervisor(user, place):
    """Its server stops with it, and the users that are left get it back by asking."""
    one = user(f"embedded:{place}/db?linger_ms=0").joined()
    other = user(f"embedded:{place}/db?linger_ms=0").joined()
    one.query("create table kept as select 42 as value")
    server = server_of(one.directory)
    os.kill(supervisor_of(one.directory), signal.SIGKILL)
    eventually(stopped(server))
    assert one.ask("ensure") == "ensured"
    assert other.ask("ensure") == "ensured"
    assert other.query("select value from kept") == "42"
    assert starts(place / "db") == 2
    server = server_of(one.directory)
    one.leave()
    other.leave()
    eventually(stopped(server))


def test_supervisor_killed_and_joined_at_once(user, place):
    """Users that join while a server without a supervisor goes down end up with one that stays."""
    one = user(f"embedded:{place}/db?linger_ms=0").joined()
    os.kill(supervisor_of(one.directory), signal.SIGKILL)
    other = user(f"embedded:{place}/db?linger_ms=0").joined()
    assert other.ask("ensure") == "ensured"
    assert other.query("select 1") == "1"
    one.leave()
    other.leave()


def test_killed_server_comes_back(user, place):
    """What was committed is there again."""
    one = user(f"embedded:{place}/db?linger_ms=0").joined()
    one.query("create table kept as select 42 as value")
    server = server_of(one.directory)
    time.sleep(1.2)  # a younger one counts as one that cannot start
    os.kill(server, signal.SIGKILL)
    eventually(lambda: one.ask("query select value from kept") == "row 42")
    assert server_of(one.directory) != server
    one.leave()


def test_young_server_killed(user, place):
    """The supervisor gives up on it; asking brings it back."""
    one = user(f"embedded:{place}/db?linger_ms=0").joined()
    os.kill(server_of(one.directory), signal.SIGKILL)
    assert one.ask("ensure") == "ensured"
    assert one.query("select 1") == "1"
    one.leave()


def test_stale_process_number(user, place):
    """After a crash of the machine, the number in PostgreSQL's lock file is that of some other process."""
    one = user(f"embedded:{place}/db?linger_ms=0").joined()
    other = user(f"embedded:{place}/other?linger_ms=0").joined()
    server = server_of(one.directory)
    lock = one.directory / "data" / "postmaster.pid"
    text = lock.read_text()
    supervisor = supervisor_of(one.directory)
    os.kill(supervisor, signal.SIGSTOP)  # or it would have the server stop in order, or start it anew
    os.kill(server, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    one.kill()
    eventually(stopped(server))
    foreign = server_of(other.directory)
    lock.write_text(text.replace(str(server), str(foreign), 1))
    back = user(f"embedded:{place}/db?linger_ms=0").joined()
    assert back.query("select 1") == "1"
    assert alive(foreign)
    back.leave()
    other.leave()


def test_forked_child_does_not_drop_the_hold(user, place):
    one = user(f"embedded:{place}/db?linger_ms=0").joined()
    server = server_of(one.directory)
    assert one.ask("fork") == "forked"
    time.sleep(0.5)
    assert alive(server)
    assert one.query("select 1") == "1"
    one.leave()
    eventually(stopped(server))


def test_server_keeps_no_descriptor_of_its_host(user, place):
    """A pipe of the host ends with the host, though the server outlives it."""
    read, write = os.pipe()
    one = user(f"embedded:{place}/db?linger_ms={LINGER_MS}", pass_fds=[write]).joined()
    os.close(write)
    server = server_of(one.directory)
    one.kill()
    assert select.select([read], [], [], LINGER_MS / 2000)[0] and os.read(read, 1) == b""
    assert alive(server)
    os.close(read)
    eventually(stopped(server))


def test_host_that_ignores_its_children(user, place):
    """Nobody tells such a host how initdb ended."""
    one = user(f"embedded:{place}/db?linger_ms=0", prefix=["sh", "-c", "trap '' CHLD; exec \"$@\"", "sh"],
               environment={"STATEKEEP_HOME": str(place / "home")}).joined()
    assert one.query("select 1") == "1"
    one.leave()


def test_temporary_server_is_private_and_deleted(user):
    one = user("embedded:?temp=1").joined()
    other = user("embedded:?temp=1").joined()
    assert one.directory != other.directory
    directory = one.directory
    one.leave()
    eventually(lambda: not directory.exists())
    directory, server = other.directory, server_of(other.directory)
    other.kill()
    eventually(lambda: not directory.exists() and not alive(server))


def test_temporary_server_is_shared_by_path(user):
    one = user("embedded:?temp=1").joined()
    other = user(f"embedded:{one.directory}?linger_ms=0").joined()
    one.query("create table kept as select 42 as value")
    one.leave()
    time.sleep(0.5)
    assert other.query("select value from kept") == "42"
    directory = other.directory
    other.leave()
    eventually(lambda: not directory.exists())


def test_temporary_server_survives_its_supervisor(user):
    one = user("embedded:?temp=1").joined()
    one.query("create table kept as select 42 as value")
    server, directory = server_of(one.directory), one.directory
    os.kill(supervisor_of(directory), signal.SIGKILL)
    eventually(stopped(server))
    assert one.ask("ensure") == "ensured"
    assert one.query("select value from kept") == "42"
    one.leave()
    eventually(lambda: not directory.exists())


def test_abandoned_temporary_directory_is_swept(user):
    """All of its processes were killed at once; the next temporary server tidies up."""
    one = user("embedded:?temp=1").joined()
    directory, server = one.directory, server_of(one.directory)
    os.kill(supervisor_of(directory), signal.SIGSTOP)
    one.kill()
    os.kill(supervisor_of(directory), signal.SIGKILL)
    eventually(stopped(server))
    assert directory.exists()
    os.utime(directory, (1, 1))
    eventually(lambda: not working_in(directory))
    user("embedded:?temp=1").joined().leave()
    assert not directory.exists()


def test_database_is_made_once(user, place):
    users = [user(f"embedded:{place}/db?linger_ms=0&db=it%27s%20%22mine%22") for _ in range(8)]
    for one in users:
        assert one.joined().query("select current_database()") == 'it\'s "mine"'
    for one in users:
        one.leave()


def test_odd_directory_names(user, place):
    for name in ("it's a place", "a,b", 'quo"ted', "back\\slash", "ümläut"):
        encoded = "".join(f"%{byte:02x}" for byte in name.encode())
        one = user(f"embedded:{place}/{encoded}?linger_ms=0").joined()
        assert one.query("select 1") == "1"
        assert (place / name / "data" / "PG_VERSION").exists()
        one.leave()


def test_path_too_long_for_a_socket(user, place):
    root = place / ("deep" * 10) / ("deeper" * 10)
    one = user(f"embedded:{root}?linger_ms=0").joined()
    other = user(f"embedded:{root}?linger_ms=0").joined()
    assert one.conninfo == other.conninfo and str(place) not in one.conninfo
    assert other.query("select 1") == "1"
    one.leave()
    other.leave()


def test_settings(user, place):
    one = user(f"embedded:{place}/db?linger_ms=0&conf.work_mem=7MB").joined()
    assert one.query("show work_mem") == "7MB"
    assert one.query("show fsync") == "on"
    assert one.query("show listen_addresses") == ""
    one.leave()


def test_variables_of_another_server(user, place):
    """PG… variables do not lead the start astray."""
    others = {"PGHOSTADDR": "192.0.2.1", "PGOPTIONS": "-c no_such=1", "PGPORT": "1", "PGDATA": "/nowhere",
              "PGTARGETSESSIONATTRS": "standby"}
    one = user(f"embedded:{place}/db?linger_ms=0&db=mine", environment=others).joined()
    one.leave()


def test_server_that_cannot_start_says_why(user, place):
    status, message = user(f"embedded:{place}/db?conf.shared_buffers=many").failure()
    assert status == UNAVAILABLE
    assert "shared_buffers" in message and str(place / "db") in message


def test_temporary_server_that_cannot_start_leaves_nothing(user):
    _, message = user("embedded:?temp=1&conf.shared_buffers=many").failure()
    assert not pathlib.Path(re.search(r"/\S*/statekeep-temp-\w{6}", message)[0]).exists()
    one = user("embedded:?temp=1").joined()
    os.kill(server_of(one.directory), signal.SIGKILL)  # too young to be started again
    directory = one.directory
    one.leave()
    eventually(lambda: not directory.exists())


def test_log_holds_no_data(user, place):
    one = user(f"embedded:{place}/db?linger_ms=0").joined()
    assert "error" in one.ask("query select 'sesame'::int")
    one.leave()
    assert "sesame" not in (place / "db" / "log").read_text()


def test_programs_not_where_said(user, place):
    status, message = user(f"embedded:{place}/db?bin=/nowhere/bin").failure()
    assert status == UNAVAILABLE
    assert "/nowhere/bin (bin= of the DSN): no postgres" in message
    status, message = user(f"embedded:{place}/db", environment={"STATEKEEP_PG_BIN": "/nowhere/else"}).failure()
    assert "/nowhere/else (STATEKEEP_PG_BIN): no postgres" in message


@needs_root
def test_programs_nowhere(user, place):
    """The message names every place and the ways out."""
    hide = "mount -t tmpfs none /usr/lib/postgresql && exec \"$@\""
    if subprocess.call(["unshare", "-m", "sh", "-c", hide, "sh", "true"], stderr=subprocess.DEVNULL) != 0:
        pytest.skip("no mount namespaces here")
    status, message = user(f"embedded:{place}/db", prefix=["unshare", "-m", "sh", "-c", hide, "sh"],
                           arguments=["/registered/bin"]).failure()
    assert status == UNAVAILABLE
    for word in ("/registered/bin (registered): no postgres", "pg_config --bindir", "PATH",
                 "/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "apt install postgresql",
                 "statekeep[embedded]", "STATEKEEP_PG_BIN", "DSN of a server"):
        assert word in message


def test_other_major_version(user, place):
    one = user(f"embedded:{place}/db?linger_ms=0").joined()
    major, server = one.query("show server_version_num")[:2], server_of(one.directory)
    one.leave()
    eventually(stopped(server))
    (place / "db" / "data" / "PG_VERSION").write_text("14\n")
    status, message = user(f"embedded:{place}/db").failure()
    assert status == UNAVAILABLE
    assert f"was made by PostgreSQL 14, but only PostgreSQL {major} is here" in message


def test_foreign_directory_is_refused(user, place):
    (place / "mine").mkdir()
    (place / "mine" / "letter").write_text("dear")
    status, message = user(f"embedded:{place}/mine").failure()
    assert status == UNAVAILABLE
    assert "neither empty nor" in message
    assert [path.name for path in (place / "mine").iterdir()] == ["letter"]


def test_damaged_template(user, program, place):
    """A cache that somebody half deleted costs time only."""
    one = User(program, place / "home", f"embedded:{place}/one?linger_ms=0").joined()
    one.leave()
    template = next(path for path in (place / "home" / "cache").iterdir() if path.is_dir())
    shutil.rmtree(template / "base")
    one = User(program, place / "home", f"embedded:{place}/two?linger_ms=0").joined()
    assert one.query("select 1") == "1"
    one.leave()


@needs_root
def test_root_does_not_run_the_server(user, place):
    one = user(f"embedded:{place}/db?linger_ms=0").joined()
    for pid in (server_of(one.directory), supervisor_of(one.directory)):
        assert os.stat(f"/proc/{pid}").st_uid != 0 or "Uid:\t0" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    assert (place / "db").stat().st_mode & 0o777 == 0o700
    one.leave()


@needs_root
def test_root_chooses_the_account(user, place):
    one = user(f"embedded:{place}/db?linger_ms=0", environment={"STATEKEEP_PG_USER": "nobody"}).joined()
    assert os.stat(f"/proc/{server_of(one.directory)}").st_uid == (place / "db").stat().st_uid == 65534
    one.leave()
    status, message = user(f"embedded:{place}/other", environment={"STATEKEEP_PG_USER": "nosuch"}).failure()
    assert status == UNAVAILABLE and "STATEKEEP_PG_USER" in message


@needs_root
def test_root_in_a_closed_directory(user, place):
    (place / "closed").mkdir(mode=0o700)
    status, message = user(f"embedded:{place}/closed/db").failure()
    assert status == UNAVAILABLE
    assert f"may not enter {place}/closed" in message
    assert (place / "closed").stat().st_mode & 0o777 == 0o700


@needs_root
def test_root_does_not_take_a_shared_directory(user, place):
    (place / "shared").mkdir()
    (place / "shared").chmod(0o1777)
    status, message = user(f"embedded:{place}/shared").failure()
    assert status == UNAVAILABLE and "shared by all users" in message
    assert (place / "shared").stat().st_uid == 0


@needs_root
def test_programs_only_root_can_reach_are_copied(user, place):
    """As in a virtual environment below /root; and root's umask does not close what the server must reach."""
    found = pathlib.Path(subprocess.check_output(["pg_config", "--bindir"], text=True).strip())
    tree = place / "closed" / "pg"
    for part in ("bin", "share"):
        (tree / part).mkdir(parents=True)
    shutil.copytree(found.parent / "lib", tree / "lib")
    for name in ("postgres", "initdb"):
        shutil.copy2(found / name, tree / "bin" / name)
    (place / "closed").chmod(0o700)
    careful = ["sh", "-c", "umask 077; exec \"$@\"", "sh"]
    one = user(f"embedded:{place}/new/db?linger_ms=0&bin={tree}/bin", prefix=careful,
               environment={"STATEKEEP_HOME": str(place / "home")}).joined()
    assert one.query("select 1") == "1"
    assert os.readlink(f"/proc/{server_of(one.directory)}/exe").startswith(str(place / "home" / "cache" / "pg-"))
    one.leave()


def as_nobody(place):
    """How root becomes a normal user, and a directory of that user."""
    mine = place / "nobody"
    mine.mkdir()
    os.chown(mine, 65534, 65534)
    return mine, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@needs_root
def test_normal_user(user, place):
    mine, prefix = as_nobody(place)
    variables = {"STATEKEEP_HOME": str(mine / "home")}
    one = user("embedded:?linger_ms=0", prefix=prefix, environment=variables).joined()
    assert one.directory == mine / "home" / "default"
    assert one.query("select 1") == "1"
    one.leave()


@needs_root
def test_normal_user_without_a_home(user, place):
    _, prefix = as_nobody(place)
    variables = {"STATEKEEP_HOME": "", "HOME": "/nonexistent", "XDG_DATA_HOME": "", "XDG_CACHE_HOME": ""}
    one = user("embedded:?temp=1", prefix=prefix, environment=variables).joined()
    assert one.query("select 1") == "1"
    one.leave()
    status, message = user("embedded:", prefix=prefix, environment=variables).failure()
    assert status == UNAVAILABLE and "/nonexistent" in message


@needs_root
def test_users_of_different_accounts(user, place):
    """Root joins a normal user's server as that user's; the other way round is refused."""
    mine, prefix = as_nobody(place)
    theirs = user(f"embedded:{mine}/db?linger_ms=0", prefix=prefix).joined()
    ours = user(f"embedded:{mine}/db?linger_ms=0").joined()
    assert theirs.conninfo == ours.conninfo
    theirs.kill()
    assert ours.query("select 1") == "1"
    server = server_of(ours.directory)
    ours.leave()
    eventually(stopped(server))
    again = user(f"embedded:{mine}/db?linger_ms=0").joined()
    assert os.stat(f"/proc/{server_of(again.directory)}").st_uid == 65534
    again.leave()
    ours = user(f"embedded:{place}/root?linger_ms=0").joined()
    status, message = user(f"embedded:{place}/root", prefix=prefix).failure()
    assert status == UNAVAILABLE
    assert "belongs to another user" in message or "Permission denied" in message
    ours.leave()


def test_bad_dsn(user):
    status, message = user("embedded:?temp=2").failure()
    assert status == INVALID and "temp" in message
