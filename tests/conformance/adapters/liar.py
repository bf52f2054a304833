"""An adapter of plain SQL, and one that lies.

With `none` it is the reference: every operation is one statement of its own over psycopg, without StateKeep; it shows
that the suite asks only for what PostgreSQL and the operations' descriptions say. With the name of a lie it gives wrong
answers of one kind; the suite must catch each.
"""

import base64
import concurrent.futures
import itertools
import json
import re
import sys
import threading
import time

import psycopg

OPERATIONS = {
    "admin.ping": [],
    "admin.stats": [],
    "admin.setup_sql": ["op"],
    "state.setup": [],
    "state.index": [],
    "state.save": ["agent_id", "session_id", "state"],
    "state.load": ["agent_id", "session_id"],
    "state.delete": ["agent_id", "session_id"],
    "state.list": ["agent_id", "limit", "offset"],
    "state.count": [],
    "state.search": ["contains", "limit", "offset"],
}
OPTIONAL = {"limit", "offset"}
LIMITS = {"connections": (1, 128), "queue": (1, 1 << 20), "argument_bytes": (1, 1 << 30), "connect_ms": (1, 1 << 30)}
OPTIONS = {*LIMITS, "tables", "deadline_ms", "lock_ms", "queue_bytes", "batch", "batch_bytes"}
PGX_KEYS = r"(pool_\w+|default_query_exec_mode|statement_cache_capacity)"

SETUP = """
create table {table} (agent_id text not null, session_id text not null, state jsonb not null,
    created_at timestamptz default now(), updated_at timestamptz default now(), primary key (agent_id, session_id));
create index {by_agent} on {table} (agent_id);
create index {by_time} on {table} (updated_at);
"""


class Refused(Exception):
    """A call that ends with a status of its own."""

    def __init__(self, status, message, sqlstate=None):
        super().__init__(message)
        self.status, self.sqlstate = status, sqlstate


def invalid(message):
    return Refused("INVALID", message)


def identifiers(name):
    """The parts of a table name, as PostgreSQL and the peer would take them."""
    part = r'"(?:[^"\x00-\x1f]|"")+"|[\w$ -]+'
    if not re.fullmatch(rf"(?:{part})(?:\.(?:{part})){{0,2}}", name) or "$statekeep$" in name:
        raise invalid(f"not a table name: {name}")
    result = []
    for text in re.findall(part, name):
        if text.startswith('"'):
            result.append(text[1:-1].replace('""', '"'))
        else:
            result.append(text.lower() if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", text) else text)
    return result


def quote(*parts):
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def refusal(error):
    """A psycopg error as a status."""
    state, message = error.sqlstate, str(error)
    if isinstance(error, psycopg.ProgrammingError) and state is None:
        return invalid(message)
    if state is None or state[:2] in ("08", "53", "57", "28", "3D") or state in ("42P01", "3F000"):
        return Refused("UNAVAILABLE", message, state)
    if state[:2] in ("22", "23", "42", "54", "2F"):
        return Refused("INVALID", message, state)
    return Refused("INTERNAL", message, state)


class Store:
    def __init__(self, dsn, options, lie):
        self.lie, self.closed, self.opened, self.calls, self.submitted, self.held = lie, False, 0, 0, 0, 0
        self.dsn, self.options = self.accept(dsn, options), options
        parts = identifiers(options.get("tables", {}).get("agent_states", "agent_states"))
        plain = parts[-1]
        self.names = {
            "table": quote(*parts),
            "by_agent": quote(f"idx_{plain[:40]}_agent_id"),
            "by_time": quote(f"idx_{plain[:40]}_updated_at"),
            "gin": quote(f"idx_{plain[:40]}_state_gin"),
        }
        self.local = threading.local()
        self.previous = {}
        self.pool = concurrent.futures.ThreadPoolExecutor(options.get("connections", 4))

    @staticmethod
    def accept(dsn, options):
        for name, value in options.items():
            low, high = LIMITS.get(name, (None, None))
            if name not in OPTIONS or (low and not (isinstance(value, int) and low <= value <= high)):
                raise invalid(f"option {name}")
        if not isinstance(options.get("tables", {}), dict):
            raise invalid("tables must be an object")
        for table in options.get("tables", {}):
            if table != "agent_states":
                raise invalid(f"no such table: {table}")
        if re.search(r"pool_max_conns=0", dsn):
            raise invalid("pool_max_conns must be at least 1")
        if "%zz" in dsn or (("://" in dsn) and not dsn.startswith("postgres")):
            raise invalid("not a PostgreSQL URL")
        dsn = re.sub(r"^postgresql\+\w+:", "postgresql:", dsn)
        dsn = re.sub(rf"(?<= ){PGX_KEYS}=\S+", "", dsn)
        dsn = re.sub(rf"{PGX_KEYS}=\w+&?", "", dsn)
        dsn = re.sub(r"(search_path|statement_timeout)=(\w+)&?", "", dsn)
        try:
            psycopg.conninfo.conninfo_to_dict(dsn)
        except psycopg.ProgrammingError:
            raise invalid("not a connection string") from None
        return dsn

    def connection(self):
        if not self.alive(getattr(self.local, "connection", None)):
            try:
                seconds = max(2, self.options.get("connect_ms", 5000) // 1000)
                self.local.connection = psycopg.connect(self.dsn, autocommit=True, connect_timeout=seconds)
            except psycopg.Error as error:
                where = re.sub(r"password=\S+|:[^:/@]+@", "", self.dsn)
                raise Refused("UNAVAILABLE", f"{error} ({where})", state_in(str(error))) from None
            self.opened += 1
        return self.local.connection

    @staticmethod
    def alive(connection):
        try:
            return connection is not None and connection.execute("select 1") is not None
        except psycopg.Error:
            return False

    def query(self, text, *values):
        try:
            with self.connection().cursor() as cursor:
                cursor.execute(text.format(**self.names), values or None)
                return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise refusal(error) from None

    def run(self, op, args):
        if self.closed:
            raise Refused("CLOSED", "the store is closed")
        if op not in OPERATIONS:
            raise invalid(f"no operation {op}")
        values = [self.argument(name, args.get(name)) for name in OPERATIONS[op]]
        self.calls += 1
        return getattr(self, op.replace(".", "_"))(*values)

    def argument(self, name, value):
        if value is None:
            if name in OPTIONAL:
                return None
            raise invalid(f"{name} is missing")
        if isinstance(value, dict):
            ((form, inner),) = value.items()
            value = json.dumps(inner) if form == "value" else inner
            if form.endswith("base64"):
                try:
                    value = base64.b64decode(inner).decode()
                except UnicodeDecodeError:
                    raise invalid(f"{name} is not UTF-8") from None
        if name == "op" or name.endswith("_id") and value == "":
            if value == "":
                raise invalid(f"{name} is empty")
        if isinstance(value, str) and ("\0" in value or len(value) > self.options.get("argument_bytes", 1 << 26)):
            raise invalid(f"{name} holds NUL or is too long")
        return value

    def admin_ping(self):
        self.query("select 1")
        return "null"

    def admin_stats(self):
        return json.dumps(
            {
                "calls": {"submitted": self.submitted, "held": self.held},
                "batches": {"count": self.calls},
                "round_trips": self.calls,
                "connections": {"opened": self.opened},
            }
        )

    def admin_setup_sql(self, op):
        if op not in ("state.setup", "state.index"):
            raise invalid(f"{op} is not a set-up")
        return json.dumps(SETUP.format(**self.names))

    def state_setup(self):
        literal = "'" + self.names["table"].replace("'", "''") + "'::text"
        setup = SETUP.format(**self.names)
        lock = "select pg_advisory_xact_lock(1)"
        try:
            with self.connection().transaction(), self.connection().cursor() as cursor:
                cursor.execute(lock)
                cursor.execute(f"select to_regclass({literal}) is null")
                if cursor.fetchone()[0]:
                    cursor.execute(setup)
        except psycopg.Error as error:
            raise refusal(error) from None
        return "null"

    def state_index(self):
        self.query("create index if not exists {gin} on {table} using gin (state)")
        return "null"

    def state_save(self, agent, session, state):
        if self.lie == "rounds":
            state = json.dumps(json.loads(state, parse_int=float))
        if self.lie == "replaces":
            state = state.replace("\U0001f600", "?")
        if self.lie == "forgets" and self.calls % 16 == 5:
            return "null"
        if self.lie == "stale":
            self.previous.setdefault((agent, session), []).append(state)
        self.query(
            "insert into {table} as t values (%s, %s, %s, clock_timestamp(), clock_timestamp()) on conflict "
            "(agent_id, session_id) do update set state = excluded.state, updated_at = excluded.updated_at",
            agent,
            session,
            state,
        )
        if self.lie == "denies" and self.calls % 16 == 5:
            raise Refused("UNAVAILABLE", "the server cannot be reached")
        return "null"

    def state_load(self, agent, session):
        earlier = self.previous.get((agent, session))
        if earlier:
            return earlier[0]
        rows = self.query("select state::text from {table} where agent_id = %s and session_id = %s", agent, session)
        return rows[0][0] if rows else "null"

    def state_delete(self, agent, session):
        if self.lie != "keeps":
            self.query("delete from {table} where agent_id = %s and session_id = %s", agent, session)
        return "null"

    def state_list(self, agent, limit, offset):
        order = "asc" if self.lie == "oldest_first" else "desc"
        rows = self.query(
            "select session_id from {table} where agent_id = %s order by updated_at " + order + ", session_id "
            "limit %s offset coalesce(%s, 0)",
            agent,
            limit,
            offset,
        )
        return json.dumps([row[0] for row in rows])

    def state_count(self):
        return str(self.query("select count(*) from {table}")[0][0])

    def state_search(self, contains, limit, offset):
        rows = self.query(
            "select to_json(t)::text from (select agent_id, session_id, to_char(updated_at at time zone 'UTC', "
            '\'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\') as updated_at from {table} as u where state @> %s '
            "order by u.updated_at desc, agent_id, session_id limit %s offset coalesce(%s, 0)) t",
            contains,
            limit,
            offset,
        )
        return "[" + ",".join(row[0] for row in rows) + "]"


def state_in(message):
    """The SQLSTATE that a failed connection's message stands for; psycopg does not give it."""
    for words, state in (("database", "3D000"), ("role", "28000"), ("password", "28P01"), ("too many", "53300")):
        if words in message and "FATAL" in message:
            return state
    return None


class Adapter:
    def __init__(self, lie):
        self.lie, self.stores, self.numbers = lie, {}, itertools.count()
        self.lock, self.held, self.calls = threading.Lock(), None, {}

    def serve(self):
        for line in sys.stdin:
            request = json.loads(line)
            getattr(self, f"do_{request['do']}")(request)
        for store in self.stores.values():
            store.pool.shutdown()

    def write(self, message):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    def answer(self, request, status, result=None, error=None):
        """Writes an answer, or what the lie makes of it."""
        with self.lock:
            if request["do"] == "call" and self.calls.pop(request["id"], None) is None:
                return
            message = {"id": request["id"], "status": status}
            message.update({"result": result} if status == "OK" else {"error": error})
            if request.get("op") == "state.load" or self.lie == "swallows" and status == "INVALID":
                message = self.twist(message)
            if message:
                self.write(message)

    def twist(self, message):
        if self.lie == "swallows":
            return {"id": message["id"], "status": "OK", "result": message.get("result", "null")}
        if self.lie == "twice":
            self.write(message)
        if self.lie == "silent" and next(self.numbers) % 50 == 7:
            return None
        if self.lie == "swaps" and next(self.numbers) % 50 in (7, 8):
            if self.held is None:
                self.held = message
                return None
            other, self.held = self.held, None
            self.write({**message, "id": other["id"]})
            return {**other, "id": message["id"]}
        return message

    def fail(self, request, refused):
        store = self.stores.get(request.get("store"))
        message = str(refused) + (f" ({store.dsn})" if self.lie == "leaks" and store else "")
        status = "INTERNAL" if self.lie == "blurs" and refused.status == "INVALID" else refused.status
        error = {"status": status, "message": message, "retry": status in ("UNAVAILABLE", "DEADLINE", "CLOSED", "FULL")}
        if "op" in request:
            error["op"] = request["op"]
        if refused.sqlstate:
            error["sqlstate"] = refused.sqlstate
        self.answer(request, status, error=error)

    def do_hello(self, request):
        can = {"binding": "plain SQL", "ordered": False, "cancels": True, "waits_when_full": True, "forks": False}
        self.answer(request, "OK", json.dumps(can))

    def do_open(self, request):
        try:
            self.stores[request["store"]] = Store(request["dsn"], request["options"], self.lie)
            self.answer(request, "OK", "null")
        except Refused as refused:
            self.fail(request, refused)

    def do_call(self, request):
        store = self.stores[request["store"]]
        end = time.monotonic() + request.get("deadline_ms", 30000) / 1000

        def work():
            try:
                if time.monotonic() > end:
                    raise Refused("DEADLINE", "the time of the call was over")
                self.answer(request, "OK", store.run(request["op"], request["args"]))
            except Refused as refused:
                self.fail(request, refused)

        store.submitted += 1
        if request["op"] == "admin.stats":
            store.held = len(self.calls)
            self.calls[request["id"]] = (request, None)
            return work()
        with self.lock:
            self.calls[request["id"]] = (request, store.pool.submit(work))

    def do_cancel(self, request):
        found = self.calls.get(request["id"])
        if found:
            call, future = found
            future.cancel()
            if self.lie == "reconnects":
                self.stores[call["store"]].opened += 1
            if self.lie == "hangs":
                return
            self.fail(call, Refused("CANCELLED", "the caller let go"))

    def do_close(self, request):
        self.stores[request["store"]].closed = True
        self.answer(request, "OK", "null")


if __name__ == "__main__":
    Adapter(sys.argv[1] if len(sys.argv) > 1 else "none").serve()
