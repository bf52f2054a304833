"""What a program that uses pycopg sees, as JSON lines: run by test_differential.py with pycopg's own classes and with
StateKeep's in their place. The database is that of PGHOST, PGPORT, PGUSER and PGDATABASE."""
import asyncio
import datetime
import decimal
import json
import sys
import uuid

import pycopg
from psycopg.types.json import Jsonb

CONFIG = pycopg.Config.from_env(load_dotenv_file=False)
MOMENT = datetime.datetime(2024, 2, 29, 12, 30, 15, 123456)
# Each is put as a parameter and taken back as a column, and asked for its type.
VALUES = [
    None, True, False, 0, 1, -1, 32767, 32768, 2**31 - 1, 2**31, 2**63 - 1, 2**63, -(2**63), 1.0, 0.1, 1e300, -2.5e-7,
    float("inf"), float("nan"), decimal.Decimal("1.10"), decimal.Decimal("NaN"), decimal.Decimal("1E+30"), "", "text",
    "ünï 'q\" \\ %", b"", b"\x00\xff\\", MOMENT, MOMENT.replace(tzinfo=datetime.timezone.utc), MOMENT.date(), MOMENT.time(),
    datetime.timedelta(days=1, seconds=2, microseconds=3), datetime.timedelta(days=-1, hours=5), uuid.UUID(int=2**100),
    [1, 2, None], [1, 70000], [2**40], [[1, 2], [3, 4]], [1.5, None], ["a", None, "b c", "", "{}", 'q"', "NULL"], [],
    [True, False], [MOMENT], [b"a\\"], [decimal.Decimal("1.50")], [uuid.UUID(int=7)],
]
READS = [
    "select 1::int2 a, 2::int4 b, 3::int8 c, 4::oid d, 1.5::float4 e, 2::float8 f, 1.10::numeric g",
    "select '{\"a\": [1, 2.50, null]}'::json a, '{\"b\": {\"c\": true}}'::jsonb b, 'null'::jsonb c",
    "select '1 year 2 mons 3 days 04:05:06.789'::interval a, '-00:00:01'::interval b, '2 days'::interval c",
    "select '2024-01-01 10:00:00+02'::timestamptz a, '10:00:00'::time b, '10:00:00.5+02'::timetz c",
    "select '\\xdeadbeef'::bytea a, 'x'::char(3) b, 'n'::name c, true d, null::text e",
    "select '10.0.0.1'::inet a, '10.0.0.0/8'::cidr b, '10.0.0.1/8'::inet c",
    "select '{{1,2},{3,NULL}}'::int[] a, '{a,\"b,c\",NULL,\"\"}'::text[] b, '{1.5}'::numeric[] c, '{}'::int[] d",
    "select 1 as a, 2 as a",
    "select 'active'::text as status where false",
    "values (1, 'x'), (2, null)",
    "show search_path",
    "select 5 % 3 as rest, 'a%b' as text",
]
FAILURES = [
    ("selekt 1", None), ("select * from nowhere", None), ("select nothing", None), ("select 1/0", None),
    ("select %s", [1, 2]), ("select %s", []), ("select %(a)s", {"b": 1}), ("select %d", [1]),
    ("select 'x'::int", None), ("insert into diff (id) values (1)", None), ("insert into diff (id) values (null)", None),
    ("insert into diff (id, small) values (99, 100000)", None), ("select pg_sleep(%s)", ["soon"]),
]


def shown(value):
    """A value with its type, so that 1 and 1.0 and Decimal(1) differ; rows as dicts, whatever their class."""
    if isinstance(value, dict):
        return {str(key): shown(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return f"datetime {value.astimezone(datetime.timezone.utc)!s}"
    return f"{type(value).__name__} {value!s}"


def tell(name, function):
    try:
        result = shown(function())
    except Exception as error:
        package = type(error).__module__.split(".")[0].replace("statekeep", "pycopg")  # whose own errors have its names
        result = ["raises", package, type(error).__name__, getattr(error, "sqlstate", None)]
    print(json.dumps([name, result]))


def synchronous(db):
    for value in VALUES:
        tell(f"value {value!r}", lambda: db.execute("select %s as it, pg_typeof(%s)::text as type", [value, value]))
    for sql in READS:
        tell(sql, lambda: db.execute(sql))
    for sql, params in FAILURES:
        tell(f"{sql} {params}", lambda: db.execute(sql, params))
    tell("jsonb", lambda: db.execute("select %s as it, pg_typeof(%s)::text as type", [Jsonb({"a": 1}), Jsonb([1])]))
    tell("named", lambda: db.execute("select %(a)s + %(b)s * %(a)s as it", {"a": 2, "b": 3}))
    tell("any", lambda: db.execute("select id from diff where id = any(%s) order by id", [[1, 3, 5]]))
    tell("like", lambda: db.execute("select body from diff where body like '%%2' and id < %s", [100]))
    tell("several", lambda: db.execute("select 1 as a; select 2 as b"))
    tell("insert", lambda: db.insert("diff", {"id": 50, "body": "x", "tags": ["a", "b"], "at": MOMENT}))
    tell("do nothing", lambda: db.insert("diff", {"id": 50}, on_conflict="do nothing"))
    tell("insert_many", lambda: db.insert_many("diff", [{"id": 51, "body": "y"}, {"id": 52}]))
    tell("upsert", lambda: db.upsert("diff", {"id": 51, "body": "z"}, ["id"]))
    tell("update_where", lambda: db.update_where("diff", {"body": "w"}, {"id": 52}))
    tell("find", lambda: db.find("diff", {"body": "w"}, columns=["id", "body"]))
    tell("get", lambda: db.get("diff", {"id": 51}))
    tell("count", lambda: db.count("diff"))
    tell("exists", lambda: [db.exists("diff", {"id": 51}), db.exists("diff", {"id": 510})])
    tell("page", lambda: vars(db.paginate_keyset("diff", 2, order_by="id", after=[2], with_total=True)))
    for turned in (False, True):
        order = {"order_by": ["small", "id"], "descending": turned}
        tell(f"pages {turned}", lambda: [
            db.paginate("diff", 4, offset=1, **order), vars(db.paginate_page("diff", 4, **order)),
            vars(db.paginate_keyset("diff", 4, **order))])
    tell("execute_many", lambda: db.execute_many("update diff set small = %s where id = %s", [(1, 1), (2, 2), (3, 999)]))
    tell("fetch_val", lambda: [db.fetch_val("select 7"), db.fetch_val("select 7 where false"), db.fetch_one("select 1 a")])
    tell("copy_insert", lambda: db.copy_insert("diff", [{"id": 60, "body": "t\tn\n\\"}, {"id": 61, "body": None}]))
    tell("copied", lambda: db.execute("select id, body from diff where id >= 60 order by id"))
    tell("delete_where", lambda: db.delete_where("diff", where_sql="id >= %s", where_params=[50]))
    tell("stream", lambda: list(db.stream("select id from diff order by id", batch_size=2)))
    tell("tables", lambda: [db.schema.list_tables(), db.schema.list_schemas(), db.schema.table_exists("diff")])
    tell("table_info", lambda: db.schema.table_info("diff"))
    tell("keys", lambda: [db.schema.primary_key("diff"), db.schema.foreign_keys("diff_child")])
    tell("indexes", lambda: [db.schema.list_indexes("diff"), db.schema.list_constraints("diff")])
    tell("bad names", lambda: db.schema.drop_table("x; drop table diff"))
    tell("no predicate", lambda: db.delete_where("diff"))
    tell("rows of an update", lambda: db.execute("update diff set small = 5 where id = 1"))
    with db.connect() as connection:
        tell("statusmessage", lambda: connection.execute("update diff set small = 6 where id < 3").statusmessage)
        tell("rowcount", lambda: connection.execute("select * from diff where id < 3").rowcount)
        tell("description", lambda: [c.name for c in connection.execute("select 1 a, 2 b").description])
        tell("status", lambda: connection.info.transaction_status.name)
    tell("discarded", lambda: db.fetch_val("select small from diff where id = 2"))
    with db.session() as session:
        tell("failure in a session", lambda: session.execute("select nothing"))
        tell("session goes on", lambda: session.execute("select 1 as one"))


async def asynchronous(db):
    async def rows():
        async with db.transaction() as connection:
            cursor = await connection.execute("select id, body from diff order by id limit 2")
            return [await cursor.fetchone(), await cursor.fetchall()]

    results = await asyncio.gather(*(db.execute("select %s::int as n", [n]) for n in range(5)))
    tell("gathered", lambda: results)
    fetched = await rows()
    tell("fetched", lambda: [list(row.values()) if isinstance(row, dict) else list(row) for row in
                             [fetched[0], *fetched[1]]])
    value = await db.fetch_val("select 'x'")
    tell("async value", lambda: value)


def main():
    db = pycopg.Database(CONFIG)
    db.execute("drop table if exists diff_child, diff")
    db.execute("create table diff (id int primary key, body text, small int2, tags text[], at timestamp)")
    db.execute("create table diff_child (id int primary key, parent int references diff (id))")
    db.execute("insert into diff (id, body, small) select n, 'body ' || n, n % 3 from generate_series(1, 9) as n")
    synchronous(db)
    asyncio.run(asynchronous(pycopg.AsyncDatabase(CONFIG)))
    print(pycopg.Database.__module__, file=sys.stderr)


main()
