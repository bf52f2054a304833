"""The command `statekeep`, as installed: $STATEKEEP_COMMAND, else the first one on PATH."""
import contextlib
import json
import os
import pty
import re
import shutil
import subprocess

import pytest

from conftest import ROOT
from server import Server, free_port

SECRET = "hunter2-never-shown"
INVALID, UNAVAILABLE, USAGE = 3, 7, 64


@pytest.fixture(scope="session")
def command():
    found = os.environ.get("STATEKEEP_COMMAND") or shutil.which("statekeep")
    assert found, "no command statekeep: build it, or set STATEKEEP_COMMAND"
    return found


@pytest.fixture
def statekeep(command):
    """Runs the command; standard output, standard error and exit code. No run may show the secret."""
    def run(*words, dsn=None, stdin="", code=0, **environment):
        line = [command, *words, *(["--dsn", dsn] if dsn else [])]
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith("PG") and name not in ("STATEKEEP_DSN", "DATABASE_URL")}
        done = subprocess.run(line, input=stdin, capture_output=True, text=True, timeout=300, env={**clean, **environment})
        assert SECRET not in done.stdout + done.stderr
        assert done.returncode == code, done.stdout + done.stderr
        return done
    return run


@pytest.fixture
def ready(server, database, statekeep):
    """The DSN of a database with the tables."""
    statekeep("setup", dsn=server.dsn(database))
    return server.dsn(database)


def columns(server, database, table):
    return {row[0] for row in server.query("select column_name from information_schema.columns where table_name = %s",
                                           [table], database)}


STATE_COLUMNS = {"agent_id", "session_id", "state", "created_at", "updated_at"}


def test_version_is_the_header_s(statekeep):
    header = (ROOT / "core/include/statekeep.h").read_text()
    assert statekeep("--version").stdout == f'statekeep {re.search(r"KEEP_VERSION .(.*).$", header, re.M)[1]}\n'


def test_help(statekeep):
    commands = re.findall(r"^  (\w+) +\w", statekeep("--help").stdout, re.M)
    assert commands == ["setup", "check", "call", "stats", "bench"]
    for name in commands:
        assert f"usage: statekeep {name}" in statekeep(name, "--help").stdout


@pytest.mark.parametrize("words", [
    [], ["nonsense"], ["setup", "--nonsense"], ["setup", "--rounds", "3"], ["stats", "word"], ["bench", "--ms", "0"],
    ["bench", "--rounds", "x"], ["setup", "--table", "x"], ["setup", "--table", "=x"], ["call", "a", "b", "c"]])
def test_wrong_command_lines(statekeep, words):
    assert statekeep(*words, code=USAGE).stderr


@pytest.mark.parametrize("words", [["setup"], ["setup", "--sql"], ["check"]])
def test_an_unknown_store_is_refused_with_the_known_ones(statekeep, words):
    """Before anything is opened, let alone made: the DSN leads nowhere."""
    done = statekeep(*words, "state", "nonsense", dsn="host=nowhere.invalid", code=USAGE)
    assert 'no store "nonsense"; the stores are acp, checkpoint, gathering, room, schedule, state' in done.stderr and not done.stdout


def tables(server, database):
    return {row[0] for row in server.query(
        "select table_name from information_schema.tables where table_schema = 'public'", database=database)}


TABLES = {"acp": {"acp_events", "acp_runs", "acp_sessions"}, "checkpoint": {"agent_checkpoints"},
          "schedule": {"action_leases"}, "state": {"agent_states"}}
ALL_TABLES = set().union(*TABLES.values())


def test_setup_makes_the_tables_again_and_again(server, database, statekeep):
    for _ in range(2):
        done = statekeep("setup", dsn=server.dsn(database))
        assert done.stdout == "acp.setup: done\ncheckpoint.setup: done\nschedule.setup: done\nstate.setup: done\n"
    assert tables(server, database) == ALL_TABLES
    assert columns(server, database, "agent_states") == STATE_COLUMNS


def test_setup_makes_the_tables_of_the_stores_named(server, database, statekeep):
    assert statekeep("setup", "acp", dsn=server.dsn(database)).stdout == "acp.setup: done\n"
    assert tables(server, database) == TABLES["acp"]
    done = statekeep("setup", "state", "checkpoint", "state", "schedule", dsn=server.dsn(database))
    assert done.stdout == "state.setup: done\ncheckpoint.setup: done\nschedule.setup: done\n"
    assert tables(server, database) == ALL_TABLES


def schemas(server, database):
    return {row[0] for row in server.query("select nspname from pg_namespace", database=database)}


def test_setup_makes_rooms_for_who_asks_for_them(server, database, statekeep):
    """Their tables have names that somebody else's could have."""
    dsn = server.dsn(database)
    assert statekeep("setup", "room", dsn=dsn).stdout == "room.setup: done\n"
    assert {"rooms", "events", "schema_version"} < tables(server, database)
    out = statekeep("check", "room", dsn=dsn).stdout
    assert store_lines(out) == [
        fine("room"), "note feature not set up: room.add_participant, room.create_identity, room.update_participant"]
    assert "→ statekeep call room.setup_extras makes it" in out


@pytest.mark.parametrize("words", [["gathering"], ["--schema", "gathering"]])
def test_setup_makes_whole_schemas_for_who_names_them(server, database, statekeep, words):
    statekeep("setup", dsn=server.dsn(database))
    assert "agent" not in schemas(server, database)
    for _ in range(2):
        assert statekeep("setup", *words, dsn=server.dsn(database)).stdout == "gathering.setup: done\n"
    assert {"agent", "circle", "memory", "conversation", "pipeline", "schedule"} <= schemas(server, database)
    assert "nothing is wrong" in statekeep("check", "gathering", dsn=server.dsn(database)).stdout


def test_setup_under_another_name(server, database, statekeep):
    server.query("create schema app", database=database)
    statekeep("setup", "--table", 'agent_states=app."My; States"', dsn=server.dsn(database))
    assert columns(server, database, "My; States") == STATE_COLUMNS
    done = statekeep("setup", "--table", "agent_states=x; drop table y", dsn=server.dsn(database), code=INVALID)
    assert "double quotes" in done.stderr


def test_setup_prints_sql_that_makes_the_tables(server, database, statekeep):
    """Without a server: what is printed is run by hand."""
    sql = statekeep("setup", "--sql", dsn=f"host=127.0.0.1 port={free_port()}").stdout
    server.query(sql, database=database)
    assert tables(server, database) == ALL_TABLES
    assert columns(server, database, "agent_states") == STATE_COLUMNS


def test_setup_prints_the_sql_of_the_stores_named(server, database, statekeep):
    sql = statekeep("setup", "checkpoint", "--sql", dsn=f"host=127.0.0.1 port={free_port()}").stdout
    server.query(sql, database=database)
    assert tables(server, database) == TABLES["checkpoint"]


def test_call_keeps_every_digit(server, database, ready, statekeep):
    digits = "1234567890" * 40
    state = f'{{"n": [9007199254740993, {digits}, 1.10, -0.0], "deep": {"[" * 2000}"]"{"]" * 2000}}}'
    statekeep("call", "state.save", '{"agent_id": "a", "state":' + state + ' ,"session_id": "s"}', dsn=ready)
    [(kept,)] = server.query("select state::text = %s::jsonb::text from agent_states", [state], database)
    assert kept
    assert digits in statekeep("call", "state.load", '["a", "s"]', dsn=ready).stdout


def test_call_reads_standard_input_and_decodes_text(server, database, ready, statekeep):
    agent = 'é"\\/\n\t😀'
    for number, escaped in enumerate([True, False]):
        words = json.dumps([agent, f"s{number}", {}], ensure_ascii=escaped)
        statekeep("call", "state.save", "-", stdin=words, dsn=ready)
    assert server.query("select distinct agent_id from agent_states", database=database) == [(agent,)]
    listed = statekeep("call", "state.list", json.dumps({"agent_id": agent, "limit": 1, "offset": None}), dsn=ready)
    assert listed.stdout == '["s1"]\n'
    assert statekeep("call", "state.load", '["nobody", "s"]', dsn=ready).stdout == "null\n"


@pytest.mark.parametrize("arguments, says", [
    ("", "neither a JSON object nor"), ("7", "neither"), ("[", "not a JSON array"), ('["a",]', "not a JSON array"),
    ('["a" "b"]', "not a JSON array"), ('["a","b"', "not a JSON array"), ('["a","b"] x', "something follows"),
    ('["a","b","c"]', "more arguments"), ("{", "not a JSON object"), ('{"agent_id"}', "not a JSON object"),
    ('{"agent_id":"a",}', "not a JSON object"), ('{agent_id:"a"}', "not a JSON object"),
    ('{"agent":"a"}', 'no argument "agent"'), ('{"agent_id":"a","agent_id":"b"}', "given twice"),
    ('["a", 5]', "session_id: want a JSON string"), ('["a", "\\u0000"]', "session_id: not a valid"),
    ('["a", "\\x"]', "session_id: not a valid"), ('["a", {"b": "]"}]', "session_id: want a JSON string"),
    ('["a", "b"] ]', "something follows")])
def test_call_refuses_malformed_arguments(statekeep, arguments, says):
    """Before anything is opened: the DSN leads nowhere."""
    done = statekeep("call", "state.load", arguments, dsn="host=nowhere.invalid", code=INVALID)
    assert says in done.stderr


def test_call_fails_with_the_status_as_exit_code(ready, statekeep):
    error = json.loads(statekeep("call", "state.save", '["", "s", {}]', dsn=ready, code=INVALID).stderr)
    assert error["status"] == "INVALID" and error["op"] == "state.save"
    error = json.loads(statekeep("call", "state.save", '["a", "s", {"a":}]', dsn=ready, code=INVALID).stderr)
    assert error["sqlstate"] == "22P02"
    assert "no operation" in statekeep("call", "state.nope", dsn=ready, code=INVALID).stderr
    nowhere = f"host=127.0.0.1 port={free_port()} connect_timeout=1 password={SECRET}"
    error = json.loads(statekeep("call", "admin.ping", dsn=nowhere, code=UNAVAILABLE).stderr)
    assert error["status"] == "UNAVAILABLE"


def test_call_without_an_operation_lists_them(statekeep):
    assert "state.save(agent_id text, session_id text, state json)" in statekeep("call").stdout


def test_stats(ready, statekeep):
    statekeep("call", "state.save", '["a", "s", {}]', dsn=ready)
    stats = json.loads(statekeep("stats", dsn=ready).stdout)
    assert stats["state.count"] == 1 and stats["engine"]["calls"]["OK"] >= 1


def test_stats_without_tables(server, database, statekeep):
    stats = json.loads(statekeep("stats", dsn=server.dsn(database)).stdout)
    assert "state.count" not in stats and stats["engine"]["connections"]["opened"] >= 1


BENCH = ["bench", "--rounds", "1", "--ms", "20"]


def test_bench_prints_every_line_and_leaves_no_row(server, database, ready, statekeep):
    done = statekeep(*BENCH, dsn=ready)
    lines = re.findall(r"^(save|load) +(\d+)((?: +[\d.]+){5})$", done.stdout, re.M)
    assert [(op, callers) for op, callers, _ in lines] == [
        (op, callers) for op in ("save", "load") for callers in ("1", "64", "256")]
    assert all(float(number) > 0 for _, _, numbers in lines for number in numbers.split())
    assert server.query("select count(*) from agent_states", database=database) == [(0,)]
    assert done.stderr == ""


def read_terminal(master):
    """All that was written to a terminal that nobody has open any more; it comes piece by piece, some of it late."""
    text = b""
    with contextlib.suppress(OSError):  # how Linux tells the end
        while part := os.read(master, 1 << 16):
            text += part
    return text.decode()


def test_progress_is_shown_on_a_terminal(command, ready):
    master, terminal = pty.openpty()
    try:
        try:
            subprocess.run([command, *BENCH, "--dsn", ready], stdout=subprocess.DEVNULL, stderr=terminal, check=True, timeout=300)
        finally:
            os.close(terminal)
        shown = read_terminal(master)
    finally:
        os.close(master)
    assert "%" in shown and "[" in shown
    assert shown.endswith("\x1b[K")  # and is taken away at the end


def store_lines(out):
    """What check says of stores, a line each with single blanks, without what to do about it."""
    return [" ".join(line.split()) for line in out.splitlines() if line[6:25].strip() in ("store", "table", "feature")]


def fine(store):
    return f"ok store {store}: its operations can be planned, with the rights they need"


def missing(store, *names):
    return f"WRONG table {store}: there is no " + ", ".join(f'"{name}"' for name in names or sorted(TABLES[store]))


def test_check_finds_nothing_wrong(server, ready, database, statekeep):
    statekeep("call", "checkpoint.setup_versions", dsn=ready)
    out = statekeep("check", dsn=ready).stdout
    assert "nothing is wrong" in out and "none: a direct connection" in out
    assert "WRONG" not in out and "note" not in out
    assert store_lines(out) == [fine("acp"), fine("checkpoint"), fine("schedule"), fine("state")]
    assert server.query("select count(*) from agent_states", database=database) == [(0,)]


def test_check_notes_a_feature_that_is_not_set_up(ready, statekeep):
    out = statekeep("check", "checkpoint", dsn=ready).stdout
    assert store_lines(out) == [
        fine("checkpoint"), "note feature not set up: checkpoint.load_version, checkpoint.save_version"]
    assert "→ statekeep call checkpoint.setup_versions makes it" in out and "nothing is wrong" in out


def test_check_wants_no_store_that_nobody_asked_for(server, database, statekeep):
    dsn = server.dsn(database)
    statekeep("setup", "state", dsn=dsn)
    out = statekeep("check", dsn=dsn).stdout
    assert store_lines(out) == [*(f"note store {name}: not set up" for name in ("acp", "checkpoint", "schedule")), fine("state")]
    assert "→ statekeep setup checkpoint makes it" in out and "nothing is wrong" in out
    assert store_lines(statekeep("check", "state", dsn=dsn).stdout) == [fine("state")]
    out = check_finds(statekeep, dsn, "→ run statekeep setup checkpoint", words=["state", "checkpoint", "state"])
    assert store_lines(out) == [fine("state"), missing("checkpoint")]
    out = check_finds(statekeep, dsn, words=["--table", "acp_runs=runs"])
    assert store_lines(out) == [
        missing("acp", "acp_events", "runs", "acp_sessions"), "note store checkpoint: not set up",
        "note store schedule: not set up", fine("state")]


def test_check_tells_half_a_store_from_none(server, database, ready, statekeep):
    server.query("drop table agent_states, agent_checkpoints, acp_events, action_leases", database=database)
    assert store_lines(check_finds(statekeep, ready, "1 thing is wrong")) == [
        'WRONG table acp.clear: relation "acp_events" does not exist', "note store checkpoint: not set up",
        "note store schedule: not set up", "note store state: not set up"]
    server.query("drop table acp_runs, acp_sessions", database=database)
    assert store_lines(check_finds(statekeep, ready, "4 things are wrong", "→ run statekeep setup acp")) == [
        missing("acp"), missing("checkpoint"), missing("schedule"), missing("state")]


def check_finds(statekeep, dsn, *signs, words=(), **environment):
    out = statekeep("check", *words, dsn=dsn, code=1, **environment).stdout
    for sign in signs:
        assert sign in out, out
    return out


def test_check_takes_the_environment_s_dsn_and_names_it(statekeep):
    out = check_finds(statekeep, None, "$DATABASE_URL: scheme", DATABASE_URL=f"mysql://root:{SECRET}@h/d")
    assert "→ write postgres://" in out


@pytest.mark.parametrize("dsn, part", [
    (f"postgres://u:{SECRET}@h:port/d", "port"), (f"postgres://u:{SECRET}%@h/d", "password"),
    (f"host=h password=my {SECRET}", "word 3"), (f"sslmode={SECRET}", "sslmode"),
    (f"u:{SECRET}@host/db", "form"), (f"postgres://u:x/{SECRET}@h/d", "port"),
    (f"embedded:?{SECRET}=1".replace(SECRET, "unknown"), "unknown")])
def test_check_names_the_wrong_part_of_a_dsn(statekeep, dsn, part):
    assert re.search(rf"WRONG connection string .*{part}", check_finds(statekeep, dsn))


def test_check_names_an_unresolvable_host(statekeep):
    check_finds(statekeep, "host=nowhere.invalid", '"nowhere.invalid" cannot be resolved', "WRONG host")


def test_check_tells_refusals_apart(server, statekeep, tmp_path):
    check_finds(statekeep, f"host=127.0.0.1 port={free_port()}", "WRONG server", "Connection refused", "→ start the server")
    check_finds(statekeep, f"host={tmp_path}", "WRONG socket", "→ start the server")
    check_finds(statekeep, server.dsn("missing"), "WRONG database", "3D000", "createdb")
    check_finds(statekeep, server.dsn(user="nobody-at-all"), "WRONG user", "28000")
    check_finds(statekeep, server.dsn(tcp=True, sslmode="require"), "WRONG TLS", "sslmode=prefer")


@pytest.fixture(scope="module")
def strict():
    """A server that asks for passwords over TCP and was set up carelessly."""
    with Server(fsync="off") as running:
        running.query(f"create role anna login password '{SECRET}'")
        (running.root / "data/pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        running.query("select pg_reload_conf()")
        yield running


def test_check_tells_passwords_and_careless_settings(strict, statekeep):
    def dsn(**more):
        return strict.dsn(tcp=True, **{"user": "anna", **more})
    check_finds(statekeep, dsn(password=f"not-{SECRET}"), "WRONG password", "28P01")
    check_finds(statekeep, dsn(), "WRONG password", "PGPASSWORD", PGPASSFILE="/dev/null")
    out = check_finds(statekeep, dsn(password=SECRET), "WRONG table")  # nothing set up there
    assert "fsync is off" in out and "may not create tables" in out


def test_check_tells_what_tables_lack(server, database, ready, statekeep):
    def broken(sql, *signs, words=()):
        for statement in sql:
            server.query(statement, database=database)
        check_finds(statekeep, ready, *signs, words=words)
    broken([], "WRONG table", "elsewhere", words=["--table", "agent_states=elsewhere"])
    broken([], "WRONG options", words=["--table", "nonsense=elsewhere"])
    broken(["alter table agent_states drop constraint agent_states_pkey"], "WRONG key", "no unique or exclusion")
    broken(["alter table agent_states alter state type text"], "WRONG type")
    broken(["alter table agent_states drop updated_at cascade"], "WRONG column", "updated_at")
    broken(["drop table agent_states"], "WRONG table", "→ run statekeep setup state", words=["state"])
    broken(["drop schema public cascade"], "WRONG schema", "search_path")


def test_check_tells_missing_rights_and_read_only(server, database, ready, statekeep):
    for statement in ["create role reader login", "grant select on agent_states to reader"]:
        server.query(statement, database=database)
    try:
        check_finds(statekeep, server.dsn(database, user="reader"), "WRONG rights", "permission denied", "→ grant usage")
    finally:
        server.query("drop owned by reader", database=database)
        server.query("drop role reader")
    server.query(f"alter database {database} set default_transaction_read_only = on")
    check_finds(statekeep, ready, "WRONG read-only")


def test_check_sees_a_pooler(server, pgbouncer, database, ready, statekeep):
    out = statekeep("check", dsn=pgbouncer.dsn(database)).stdout
    assert "one in transaction mode" in out and "nothing is wrong" in out
    check_finds(statekeep, pgbouncer.dsn(database) + " search_path=app", "WRONG pooler", "unsupported startup parameter")
    out = check_finds(statekeep, pgbouncer.dsn("missing"), "missing")
    assert "WRONG" in out
