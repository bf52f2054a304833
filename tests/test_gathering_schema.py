"""gathering.setup: on empty databases and on those that GatheRing 1.0.0's own migrations made, with pgvector and without."""
import pathlib
import re
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import compile as compiler
import psycopg
import pytest

from conftest import ROOT
from server import find_programs

OPS = {op.name: op.text({}) for op in compiler.read() if op.name.startswith("gathering.")}
SCHEMAS = ["agent", "audit", "auth", "circle", "communication", "memory", "project", "public", "review"]
# What GatheRing's migrations make and ours make otherwise: no extension is needed for a token, an action has a default
# kind, and HNSW stands in for IVFFlat.
OTHERWISE = {("column", "agent.sessions", "session_token"), ("column", "circle.scheduled_actions", "action_type")}


@pytest.fixture(scope="session")
def peer_migrations():
    """The folder of GatheRing 1.0.0's migrations, from its wheel on PyPI, kept below build/."""
    folder = ROOT / "build" / "peer"
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("gathering-1.0.0*.whl")):
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, "gathering==1.0.0"],
                       check=True)
    [wheel] = folder.glob("gathering-1.0.0*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if re.fullmatch(r"gathering/db/migrations/\d.*\.sql", name)])
    return folder / "gathering" / "db" / "migrations"


def run_peer(server, database, migrations):
    """As GatheRing's document says: psql, file by file, on through errors. Its seventh file has ten; the first asks for
    two extensions that are not there, of which it uses one function."""
    server.query("create function public.uuid_generate_v4() returns uuid language sql as 'select gen_random_uuid()'",
                 database=database)
    failed = {}
    for file in sorted(migrations.glob("*.sql")):
        done = subprocess.run([find_programs() / "psql", "-q", "-X", server.dsn(database), "-f", file], capture_output=True, text=True)
        failed[file.name[:3]] = done.stderr.count("ERROR")
    assert failed == {"001": 2, "002": 0, "003": 0, "004": 0, "005": 0, "006": 0, "007": 10}


@pytest.fixture
def places(vector_server):
    """Makes empty databases on the server with pgvector: each an autocommit connection."""
    made = []

    def make():
        made.append(vector_server.connect(vector_server.create_database()))
        return made[-1]
    yield make
    for connection in made:
        name = connection.info.dbname
        connection.close()
        vector_server.drop_database(name)


@pytest.fixture
def peers(vector_server, peer_migrations, places):
    """A database made by GatheRing's migrations."""
    connection = places()
    run_peer(vector_server, connection.info.dbname, peer_migrations)
    return connection


def setup(connection):
    connection.execute(OPS["gathering.setup"])


def shape(connection):
    """What a schema is made of, as {(kind, place, name): definition}."""
    rows = connection.execute("""
        select 'column', a.attrelid::regclass::text, a.attname::text, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
            a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated)
        from pg_attribute as a join pg_class as c on c.oid = a.attrelid
        left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where c.relkind in ('r', 'v') and c.relnamespace::regnamespace::text = any (%(schemas)s) and a.attnum > 0
            and not a.attisdropped
        union all
        select 'index', schemaname, indexname, indexdef from pg_indexes where schemaname = any (%(schemas)s)
        union all
        select 'constraint', conrelid::regclass::text, pg_get_constraintdef(oid), '' from pg_constraint
        where conrelid <> 0 and connamespace::regnamespace::text = any (%(schemas)s)
        union all
        select 'label', t.typname, e.enumlabel, '' from pg_enum as e join pg_type as t on t.oid = e.enumtypid
        union all
        select 'trigger', tgrelid::regclass::text, tgfoid::regprocedure::text, '' from pg_trigger where not tgisinternal
        union all
        select 'function', '', p.oid::regprocedure::text, pg_get_function_result(p.oid) from pg_proc as p
        where p.pronamespace::regnamespace::text in ('agent', 'memory') or p.proname = 'update_updated_at'
        """, {"schemas": SCHEMAS}).fetchall()
    return {tuple(row[:3]): row[3] for row in rows}


def differing(theirs, ours):
    """What is theirs and not ours, but for what is so on purpose."""
    found = {}
    for key, definition in theirs.items():
        if key not in OTHERWISE and ours.get(key) != definition and "USING ivfflat" not in definition:
            found[key] = definition, ours.get(key)
    return found


def test_an_empty_database_gets_all_that_gathering_makes(places, peers):
    ours = places()
    setup(ours)
    assert differing(shape(peers), shape(ours)) == {}


def test_a_database_of_gathering_s_own_becomes_the_same(places, peers):
    fresh = places()
    setup(fresh)
    before = shape(peers)
    setup(peers)
    after = shape(peers)
    assert differing(before, after) == {}
    assert {key for key in after.keys() ^ shape(fresh).keys()} == set()
    notes = [row[3] for row in peers.execute(OPS["gathering.status"]) if row[3]]
    assert len(notes) == 1 and "memory.memories: HNSW replaces IVFFlat" in notes[0]


def test_an_upgrade_keeps_the_rows(peers):
    peers.execute("insert into agent.agents (name, persona_id) select 'a', id from agent.personas order by id limit 1")
    peers.execute("""insert into memory.memories (scope, agent_id, key, value, embedding)
        values ('agent', 1, 'k', 'the cats were running', array_fill(0.5::real, array[1536])::vector)""")
    peers.execute("insert into circle.circles (name) values ('c')")
    peers.execute("insert into circle.events (circle_id, event_type, source_agent_id, data) values (1, 'e', 1, '{\"n\": 1}')")
    tables = [row[0] for row in peers.execute("""select format('%%I.%%I', schemaname, tablename) from pg_tables
        where schemaname = any (%s)""", (SCHEMAS,))]
    counts = {name: peers.execute(f"select count(*) from {name}").fetchone() for name in tables}
    setup(peers)
    assert {name: peers.execute(f"select count(*) from {name}").fetchone() for name in tables} == counts
    assert peers.execute("select count(*) from agent.models where model_name is null or model_alias is null").fetchone() == (0,)
    assert peers.execute("select agent_id, event_data from circle.events").fetchall() == [(1, {"n": 1})]
    assert peers.execute("select id, similarity from memory.nearest(array_fill(1::real, array[1536])::vector)").fetchall() == [(1, 1)]
    assert peers.execute("select id from memory.memories where value_fts @@ to_tsquery('english', 'cat & run')").fetchall() == [(1,)]


def test_gathering_is_told_what_is_there_already(places, peer_migrations):
    """Its own set-up runs what its table of migrations lacks: the files that only bring data, which then work."""
    connection = places()
    setup(connection)
    told = {row[0] for row in connection.execute("select version from public.migrations")}
    left = [file for file in sorted(peer_migrations.glob("*.sql")) if file.name[:3] not in told]
    assert [file.name[:3] for file in left] == ["002", "003"]
    for file in left:
        connection.execute(file.read_text())
    assert connection.execute("select count(*) from agent.personas").fetchone() == (64,)
    made = connection.execute("select agent.create_agent_from_persona('ahmed_hassan')").fetchone()[0]
    [config] = connection.execute("select agent.get_agent_config(%s)", (made,)).fetchone()
    assert config["name"] == "Ahmed Hassan" and config["model"]["model_id"]
    assert connection.execute("select role, model_name from agent.agents_full where id = %s", (made,)).fetchone()[0]
    with pytest.raises(psycopg.errors.RaiseException, match="Persona not found: nobody"):
        connection.execute("select agent.create_agent_from_persona('nobody')")


def test_the_document_s_columns_and_views_are_there_and_can_be_written(places):
    connection = places()
    setup(connection)
    connection.execute("insert into agent.agents (name, role, personality, config) values ('a', 'r', '{}', '{}')")
    assert connection.execute("select provider, model from agent.agents").fetchone() == ("anthropic", "claude-sonnet-4-20250514")
    connection.execute("insert into agent.sessions (agent_id, context) values (1, '{\"n\": 1}')")
    connection.execute("insert into circle.circles (name, config) values ('c', '{}')")
    connection.execute("insert into circle.memberships (circle_id, agent_id, role) values (1, 1, 'lead')")
    connection.execute("insert into conversation.conversations (topic) values ('t')")
    connection.execute("insert into conversation.messages (conversation_id, role, content) values (1, 'user', 'hello')")
    connection.execute("insert into pipeline.pipelines (name) values ('p')")
    connection.execute("insert into pipeline.runs (pipeline_id, status) values (1, 'timeout')")
    connection.execute("insert into schedule.scheduled_actions (agent_id, name, schedule_type) values (1, 's', 'interval')")
    connection.execute("insert into schedule.scheduled_action_runs (scheduled_action_id, run_number) values (1, 1)")
    connection.execute("insert into agent.providers (name) values ('v')")
    connection.execute("insert into agent.models (provider_id, model_name, model_alias) values (1, 'm-1', 'M 1')")
    assert connection.execute("select name, model_id, display_name from agent.models").fetchone() == ("m-1", "m-1", "M 1")
    counted = [connection.execute(f"select count(*) from {name}").fetchone()[0] for name in (
        "circle.members", "communication.messages", "circle.pipeline_runs", "public.scheduled_actions_dashboard",
        "public.circle_dashboard", "public.agent_dashboard", "pipeline.pipeline_runs", "circle.circle_members")]
    assert counted == [1] * 8


def test_racing_set_ups_all_succeed_and_run_once(vector_server, places):
    connection = places()
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(vector_server.query, OPS["gathering.setup"], database=connection.info.dbname) for _ in range(8)]:
            done.result()
    assert connection.execute("select count(*) = max(version) from public.statekeep_migrations").fetchone() == (True,)


def test_a_set_up_that_fails_leaves_nothing(places):
    connection = places()
    connection.execute("create schema memory; create view memory.memories as select 1 as id")
    with pytest.raises(psycopg.errors.WrongObjectType):
        setup(connection)
    assert connection.execute("select to_regclass('public.statekeep_migrations'), to_regnamespace('agent')").fetchone() == (None, None)
    assert len(connection.execute(OPS["gathering.plan"]).fetchall()) == len(list(
        pathlib.Path(ROOT / "sql/migrations/gathering").glob("*.sql")))


def test_a_set_up_goes_on_where_an_older_one_ended(places):
    connection, whole = places(), places()
    steps = connection.execute(OPS["gathering.plan"]).fetchall()
    setup(whole)
    connection.execute("""create table public.statekeep_migrations (store text, version integer, name text,
        applied_at timestamptz default now(), note text, primary key (store, version))""")
    for version, name, text in steps[:8]:
        connection.execute(text)
        connection.execute("insert into public.statekeep_migrations (store, version, name) values ('gathering', %s, %s)",
                           (version, name))
    assert [row[0] for row in connection.execute(OPS["gathering.plan"])] == [row[0] for row in steps[8:]]
    setup(connection)
    assert connection.execute(OPS["gathering.plan"]).fetchall() == []
    ended, direct = ({key: value for key, value in shape(made).items() if "statekeep_migrations" not in key[1]}
                     for made in (connection, whole))
    assert ended == direct


def test_a_role_without_rights_to_create_may_set_up_what_is_there(vector_server, places):
    connection = places()
    setup(connection)
    connection.execute("drop role if exists reader")
    connection.execute("create role reader login")
    connection.execute("grant select on public.statekeep_migrations to reader")
    try:
        with vector_server.connect(connection.info.dbname, user="reader") as reader:
            setup(reader)
            assert reader.execute(OPS["gathering.plan"]).fetchall() == []
    finally:
        connection.execute("drop owned by reader")
        connection.execute("drop role reader")


def test_vectors_come_with_the_extension(places):
    """real[] while there is no pgvector, with the same search; gathering.index makes vectors of them once it is there."""
    connection = places()
    setup(connection)
    connection.execute("insert into memory.embeddings_cache (content_hash, embedding) select 'h', array_fill(1, array[1536])::vector")
    connection.execute("drop extension vector cascade")
    connection.execute("select memory.fit_vectors(false)")
    connection.execute("select memory.make_search()")

    def kind():
        return connection.execute("""select format_type(atttypid, atttypmod) from pg_attribute
            where attrelid = 'memory.memories'::regclass and attname = 'embedding'""").fetchone()[0]
    assert kind() == "real[]"
    connection.execute("""insert into memory.memories (scope, key, value, embedding)
        select 'global', 'k' || i, 'v', memory.fitting(array_append(array_fill(0.1::real, array[1535]), i::real))
        from generate_series(1, 20) as i""")
    search = "select id, round(similarity::numeric, 5) from memory.nearest(array_append(array_fill(0.1::real, array[1535]), 9)::{}, p_limit => 5)"
    exactly = connection.execute(search.format("real[]")).fetchall()
    assert exactly[0] == (9, 1) and len(exactly) == 5
    connection.execute("create extension vector")
    [changes] = connection.execute(OPS["gathering.index"]).fetchone()
    assert "memory.memories: real[] is now vector(1536)" in changes
    assert kind() == "vector(1536)"
    assert connection.execute(search.format("vector")).fetchall() == exactly
    assert connection.execute(OPS["gathering.index"]).fetchone() == ([],)
