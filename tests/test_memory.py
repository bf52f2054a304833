"""The search for memories by likeness at a size that matters: what it finds, and by which way. How the operations behave
call by call is in the conformance vectors."""
from concurrent.futures import ThreadPoolExecutor

import compile as compiler
import pytest

OPS = {op.name: op for op in compiler.read() if op.name.startswith(("gathering.", "memory."))}
ROWS, CENTRES, QUERIES, NEAREST = 10_000, 200, 40, 10
# 10,000 embeddings around 200 centres, as those of real texts have neighbours; 1 % belong to an agent that has few, 7 % to
# one that has many. Written row by row with the index in place.
FILL = f"""
    create table centres as
    select c, array(select random_normal() from generate_series(1, 1536) where c > 0) as at from generate_series(1, {CENTRES}) as c;
    insert into agent.agents (name) select 'agent ' || i from generate_series(1, 3) as i;
    insert into memory.memories (scope, agent_id, key, value, memory_type, tags, embedding)
    select 'agent', case when i % 100 = 0 then 1 when i % 100 < 8 then 2 else 3 end, 'key ' || i, 'memory number ' || i,
        (case when i % 500 = 1 then 'decision' else 'fact' end)::public.memory_type, array['tag ' || i % 400],
        array(select c.x + 0.3 * random_normal() from unnest(c.at) as c(x) where i > 0)::vector
    from generate_series(1, {ROWS}) as i join centres as c on c.c = 1 + i * 7919 % {CENTRES};
    create table queries as
    select q, array(select c.x + 0.3 * random_normal() from unnest(c.at) as c(x) where q > 0)::vector as at
    from generate_series(1, {QUERIES}) as q join centres as c on c.c = 1 + q * 31 % {CENTRES};
"""


@pytest.fixture(scope="module")
def filled(vector_server):
    """A connection to a database with the memories, with the settings of the engine's connections."""
    name = vector_server.create_database()
    with vector_server.connect(name) as connection:
        connection.execute(OPS["gathering.setup"].text({}))
        connection.execute("set jit = off; select setseed(0.5)")
        connection.execute(FILL)
        connection.execute("set enable_seqscan = off; set plan_cache_mode = force_generic_plan")
        yield connection
    vector_server.drop_database(name)


def recall(connection, arguments="", condition="true"):
    """The share of the true nearest that a search finds, over all queries. The truth is computed without the index."""
    [share] = connection.execute(f"""
        select avg((select count(*) from unnest(s.ids) as i where i = any (t.ids))::float8 / {NEAREST})
        from queries as q
        cross join lateral (select array_agg(n.id) as ids from memory.nearest(q.at {arguments}, p_limit => {NEAREST}) as n) as s
        cross join lateral (select array(
            select m.id from memory.memories as m where {condition} order by (m.embedding <=> q.at) + 0 limit {NEAREST}) as ids) as t
        """).fetchone()
    return share


def scans(connection):
    """How often the index was asked so far."""
    connection.execute("select pg_stat_force_next_flush()")
    return connection.execute("select idx_scan from pg_stat_user_indexes where indexrelname = 'idx_memories_embedding'").fetchone()[0]


def test_nearly_all_neighbours_are_found_straight_after_inserting(filled):
    before = scans(filled)
    assert recall(filled) >= 0.95
    assert scans(filled) - before == QUERIES


@pytest.mark.parametrize("arguments, condition", [
    (", p_agent_id => 1", "m.agent_id = 1"),
    (", p_types => '{decision}'", "m.memory_type = 'decision'"),
    (", p_tags => '{tag 7, tag 8}'", "m.tags && '{tag 7, tag 8}'"),
    (", p_scope => 'agent', p_tags => '{tag 9}'", "m.tags && '{tag 9}'")])
def test_a_filter_that_leaves_few_is_searched_exactly(filled, arguments, condition):
    before = scans(filled)
    assert recall(filled, arguments, condition) == 1
    assert scans(filled) == before


def test_a_filter_that_leaves_many_is_searched_by_the_index(filled):
    before = scans(filled)
    assert recall(filled, ", p_agent_id => 3", "m.agent_id = 3") >= 0.95
    assert scans(filled) > before


def test_a_filter_far_from_the_query_is_searched_exactly(filled):
    """Agent 2 is in few of the neighbourhoods. The index, which looks around the query, finds too few of its memories, and
    where it goes on it finds farther ones first."""
    before = scans(filled)
    assert recall(filled, ", p_agent_id => 2", "m.agent_id = 2") >= 0.99
    assert scans(filled) > before
    short, long = filled.execute("""select count(*) filter (where n.kept < 10), count(*) filter (where n.gone_on = 10)
        from queries as q cross join lateral (select
            (select count(*) from memory.nearest_by_index(q.at, 2, null, null, null, null, 10, 100, false)) as kept,
            (select count(*) from memory.nearest_by_index(q.at, 2, null, null, null, null, 10, 100, true)) as gone_on) as n""").fetchone()
    assert short > QUERIES / 2 and long == QUERIES


def test_gathering_s_function_finds_the_same(filled):
    assert filled.execute("""
        select count(*) from queries as q
        cross join lateral (select array_agg(id) as ids from memory.nearest(q.at, 3, p_limit => 5, p_threshold => 0.7)) as n
        cross join lateral (select array_agg(id) as ids from memory.search_similar_memories(q.at, 3, 'agent', 5)) as s
        where s.ids is distinct from n.ids""").fetchone() == (0,)


def test_what_was_deleted_or_has_expired_is_never_found(filled):
    [query, first] = filled.execute("select q.at::text, n.id from queries as q, memory.nearest(q.at, p_limit => 1) as n limit 1").fetchone()
    for change in ("is_active = false", "expires_at = now() - interval '1 second'"):
        with filled.transaction(force_rollback=True):
            filled.execute(f"update memory.memories set {change} where id = %s", (first,))
            found = filled.execute("select id from memory.nearest(%s::vector) union all "
                                   "select id from memory.search_similar_memories(%s::vector)", (query, query)).fetchall()
            assert len(found) >= 10 and (first,) not in found


def test_the_settings_of_a_search_end_with_it(filled):
    filled.execute("select * from queries as q, memory.nearest(q.at, p_effort => 77) limit 1")
    assert filled.execute("select current_setting('hnsw.ef_search'), current_setting('enable_sort')").fetchone() == ("40", "on")


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if name.startswith("memory.") and op.vectors()])
def test_plans_read_no_whole_table(filled, name):
    op = OPS[name]
    arguments = ", ".join(f"null::{arg.parameter(False)}" for arg in op.args)
    filled.execute("prepare operation as " + op.text({}))
    try:
        lines = [row[0] for row in filled.execute(f"explain (costs off) execute operation({arguments})")]
    finally:
        filled.execute("deallocate operation")
    assert not [line for line in lines if "Seq Scan on" in line], "\n".join(lines)


def test_racing_recalls_count_every_access(vector_server, filled):
    """Also where two find the same memories in opposite order."""
    filled.execute("update memory.memories set access_count = 0 where access_count > 0")
    call = OPS["memory.recall"].text({})
    texts = [row[0] for row in filled.execute("select at::text from queries where q <= 4")]
    arguments = ", ".join(f"null::{arg.parameter(False)}" for arg in OPS["memory.recall"].args[1:])

    def recalls(number):
        with vector_server.connect(filled.info.dbname) as connection:
            connection.execute("prepare operation as " + call)
            return sum(len(connection.execute(f"execute operation('{texts[(number + i) % 4]}', {arguments})").fetchall())
                       for i in range(10))
    with ThreadPoolExecutor(8) as pool:
        found = sum(pool.map(recalls, range(8)))
    assert found == 8 * 10 * NEAREST
    assert filled.execute("select sum(access_count) from memory.memories").fetchone() == (found,)


def test_embeddings_of_another_size_are_taken_after_changing_the_column(vector_server):
    name = vector_server.create_database()
    try:
        with vector_server.connect(name) as connection:
            connection.execute(OPS["gathering.setup"].text({}))
            connection.execute("alter table memory.memories alter column embedding type vector(3)")
            connection.execute(OPS["gathering.index"].text({}))
            assert connection.execute(OPS["memory.info"].text({})).fetchone() == ("vector", 3, "hnsw", None)
            connection.execute("insert into memory.memories (scope, key, value, embedding) values ('global', 'k', 'v', '[1,2,3]')")
            assert connection.execute("select id, similarity from memory.nearest('[2,4,6]'::vector)").fetchall() == [(1, 1)]
            with pytest.raises(Exception, match="2 dimensions, the memories have 3"):
                connection.execute("select * from memory.nearest('[2,4]'::vector)")
    finally:
        vector_server.drop_database(name)
