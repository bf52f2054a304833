#!/usr/bin/env python3
"""Checks the annotated SQL and writes what is made from it.

    compile.py                 writes the three generated files
    compile.py --check         fails when one of them is stale
    compile.py --prepare DSN   prepares every statement on a database where the set-up operations have run, and compares
                               parameters and columns with the annotations (needs psycopg)

Reads migrations/*.sql and ops/*.sql. It does not parse SQL: it looks at comments, $1 and {slots}, and PostgreSQL judges
the rest. The grammar of the annotations is in REFERENCE.md, which this program writes.
"""
import argparse
import pathlib
import re
import sys
from dataclasses import dataclass, field, replace
from itertools import groupby

import emit

HERE = pathlib.Path(__file__).resolve().parent
TYPES = ("text", "int", "bool", "json", "time", "bytes", "document", "vector")
KINDS = ("none", "one", "maybe", "many")
STATUSES = ("ABSENT", "CONFLICT", "INVALID")
POLICIES = {"batch": ("yes", "no"), "writes": ("yes", "no"), "engine": ("yes",), "resend": ("yes", "key", "no"),
            "same key": ("any", "last", "serial", "conflict")}
DIRECTIVE = re.compile(rf"(op|args|gives|key|needs|fails|{'|'.join(POLICIES)}):(?: +|$)(.*)")
# Names that cannot be parameters of the typed C functions, in C or C++ or because the functions use them themselves.
RESERVED = set("""auto bool break case catch char class const continue default delete do double else enum explicit extern
    false float for friend goto if inline int long mutable namespace new operator private protected public register return
    short signed sizeof static struct switch template this throw true try typedef typename union unsigned using virtual
    void volatile while store args deadline_ms""".split())
# PostgreSQL's types of parameters: in array form one array holds that argument of every call of a batch. Lists and
# times travel as JSON and text; the statement casts them. {vector} in a statement is the type of its vectors: pgvector's,
# or real[] where the server has none.
SCALARS = {"text": "text", "int": "bigint", "bool": "boolean", "json": "jsonb", "time": "text", "bytes": "bytea",
           "document": "text", "vector": "vector"}
STATEMENT_BYTES = 16 * 1024  # a longer text pins a session on some cloud proxies
LIMIT_OP_COLUMNS = 40  # catalog.h's
LITERAL_BYTES = 4095  # the longest string literal every C11 compiler must take
TABLE = re.compile(r"^-- table: (\w+) (\S+)$", re.M)
MIGRATIONS = re.compile(r"^-- migrations: (\w+)$", re.M)
FRAGMENT = re.compile(r"^-- text: (\w+)\n((?:.+\n)+)", re.M)
SLOT = re.compile(r"\{([a-z_][a-z0-9_]*)(?::(literal)|:(index) ([a-z0-9_]+))?\}")


class Mistake(Exception):
    """An annotation or a statement that breaks a rule; the text names the file, the operation and the rule."""


@dataclass
class Argument:
    name: str
    type: str
    nullable: bool
    nonempty: bool
    list: bool

    def parameter(self, batch):
        """The name of PostgreSQL's type of this argument's parameter."""
        scalar = "jsonb" if self.list else SCALARS[self.type]
        return scalar + "[]" if batch else scalar


@dataclass
class Operation:
    name: str
    source: str  # the file, relative to sql/
    args: list = field(default_factory=list)
    gives: str = "none"
    bare: bool = False  # one value instead of an object of columns
    columns: list = field(default_factory=list)  # `a.b` is the field b of an object a
    batch: bool = False
    writes: bool = False
    engine: bool = False  # answered without SQL
    key: list = field(default_factory=list)
    same_key: str = "any"
    resend: str = "no"
    needs: str = ""  # the opt-in operation that must have run, besides the store's own set-up
    fails: list = field(default_factory=list)  # (status, when)
    doc: str = ""
    sql: str = ""
    names: dict = field(default_factory=dict)  # of slots whose table has another name than the slot
    single: str = ""  # a batched statement's form for one call: plain parameters, no column n

    def alone(self):
        """The single form as an operation of its own."""
        return replace(self, sql=self.single, single="", batch=False)

    def forms(self):
        """Every statement that may be sent for it."""
        return [] if self.engine else [self, self.alone()] if self.single else [self]

    def vectors(self):
        """Whether it takes vectors, and so has a form for servers without pgvector."""
        return any(arg.type == "vector" for arg in self.args)

    def pieces(self):
        """The statement as (kind, text, suffix): kind "text", "vector", or "identifier", "literal", "index" for a slot."""
        end = 0
        for slot in SLOT.finditer(self.sql):
            if slot.start() > end:
                yield "text", self.sql[end:slot.start()], ""
            yield "vector" if slot[0] == "{vector}" else slot[2] or slot[3] or "identifier", slot[1], slot[4] or ""
            end = slot.end()
        if end < len(self.sql):
            yield "text", self.sql[end:], ""

    def tables(self):
        """The slots of its statement, in order of the alphabet."""
        return sorted({slot for kind, slot, _ in self.pieces() if kind not in ("text", "vector")})

    def text(self, tables, vector="vector"):
        """The statement with every slot filled: `tables` gives the table name of a slot (default: its peer's)."""
        def filled(kind, text, suffix):
            if kind in ("text", "vector"):
                return text if kind == "text" else vector
            schema, _, table = tables.get(text, self.names.get(text, text)).rpartition(".")
            if kind == "index":
                return f'"idx_{table}_{suffix}"'
            name = f'"{schema}"."{table}"' if schema else f'"{table}"'
            return f"'{name}'" if kind == "literal" else name
        return "".join(filled(*piece) for piece in self.pieces())


def parse_args(text):
    args = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"([a-z][a-z0-9_]*) ([a-z]+)(\+?)(\[\])?(\?)?", item)
        if not match or match[2] not in TYPES or (match[3] and match[2] != "text"):
            raise Mistake(f"not an argument: {item!r}")
        if match[1] in RESERVED:
            raise Mistake(f"{match[1]!r} cannot be the name of an argument")
        args.append(Argument(match[1], match[2], bool(match[5]), bool(match[3]), bool(match[4])))
    if len({arg.name for arg in args}) != len(args):
        raise Mistake("two arguments have one name")
    return args


def parse_gives(text):
    match = re.fullmatch(r"(\w+)(?: (\w+)| \{([\w., ]+)\})?", text)
    if not match or match[1] not in KINDS:
        raise Mistake(f"not a result: {text!r}")
    columns = [match[2]] if match[2] else [name.strip() for name in (match[3] or "").split(",") if name.strip()]
    if bool(columns) == (match[1] == "none"):
        raise Mistake("a result needs columns, and none has none")
    if len(columns) > LIMIT_OP_COLUMNS:
        raise Mistake(f"a result has at most {LIMIT_OP_COLUMNS} columns")
    objects = [name for name, _ in groupby(columns, lambda name: name.rpartition(".")[0]) if name]
    if len({*objects, *columns}) != len(objects) + len(columns) or any("." in name for name in objects):
        raise Mistake("a name stands for one value; the fields of an object stand side by side and are no objects")
    return match[1], bool(match[2]), columns


def parse_fails(text):
    fails = []
    for item in filter(None, (part.strip() for part in text.split(";"))):
        status, _, when = item.partition(" ")
        if status not in STATUSES or not when:
            raise Mistake(f"not a failure: {item!r}")
        fails.append((status, when))
    return fails


def parse_directives(lines):
    """The directives above an operation's description, as {name: value}; takes their lines off `lines`."""
    found = {}
    while lines and DIRECTIVE.match(lines[0][3:]):
        for part in re.split(r" {2,}", lines.pop(0)[3:].rstrip()):
            match = DIRECTIVE.fullmatch(part)
            if not match:
                raise Mistake(f"not a directive: {part!r}")
            if match[1] in found and match[1] not in ("args", "fails"):
                raise Mistake(f"{match[1]!r} is given twice")
            between = {"args": ", ", "fails": "; "}.get(match[1], "")
            found[match[1]] = found[match[1]] + between + match[2] if match[1] in found else match[2]
    for name, allowed in POLICIES.items():
        if found.get(name, allowed[0]) not in allowed:
            raise Mistake(f"{name} is {' or '.join(allowed)}, not {found[name]!r}")
    return found


def statements(lines):
    """The statement and its single form, which a line "-- single: why" heads."""
    forms = [[], []]
    form = forms[0]
    for line in lines:
        if line.startswith("-- single: "):
            form = forms[1]
        elif not line.lstrip().startswith("--"):
            form.append(line.rstrip())
    return ["\n".join(form).strip().removesuffix(";").rstrip() for form in forms]


def migrations(folder):
    """What stands for {migrations} and {migration names}: rows (version, name, sql) and (version, name) of the files of a
    folder, which are numbered from 1 without a gap."""
    rows, names = [], []
    for version, path in enumerate(sorted(folder.glob("*.sql")), 1):
        number, _, name = path.stem.partition("_")
        text = path.read_text(encoding="utf-8").strip()
        if number != f"{version:03}" or "$migration$" in text:
            raise Mistake(f"{path.name}: not migration {version:03}, or it holds $migration$")
        rows.append(f"({version}, '{name}', $migration${text}$migration$)")
        names.append(f"({version}, '{name}')")
    if not rows:
        raise Mistake(f"there are no migrations in {folder.name}")
    return [("{migrations}", ",\n".join(rows)), ("{migration names}", ", ".join(names))]


def parse_operation(text, source, stand_ins=()):
    """The operation of a text; `stand_ins` are put into its statement: pairs (stand-in, text)."""
    lines = text.split("\n")
    op = Operation(name=lines[0][7:].strip(), source=source)
    try:
        if not re.fullmatch(r"[a-z][a-z0-9]*\.[a-z][a-z0-9_]*", op.name):
            raise Mistake("a name is noun.verb")
        found = parse_directives(lines)
        doc = []
        while lines and lines[0].startswith("-- "):
            if DIRECTIVE.match(lines[0][3:]):
                raise Mistake(f"{lines[0][3:]!r} stands below the description")
            doc.append(lines.pop(0)[3:].strip())
        op.doc = " ".join(doc)
        op.sql, op.single = statements(lines)
        for name, whole in stand_ins:
            op.sql = op.sql.replace(name, whole)
        op.args = parse_args(found.get("args", ""))
        op.gives, op.bare, op.columns = parse_gives(found.get("gives", ""))
        op.fails = parse_fails(found.get("fails", ""))
        op.key = [name.strip() for name in found.get("key", "").split(",") if name.strip()]
        op.same_key, op.resend = found.get("same key", "any"), found.get("resend", "no")
        op.needs = found.get("needs", "")
        op.batch, op.writes, op.engine = (found.get(name) == "yes" for name in ("batch", "writes", "engine"))
        check(op, found)
    except Mistake as mistake:
        raise Mistake(f"{source}: {op.name}: {mistake}") from None
    return op


def check(op, found):
    names = [arg.name for arg in op.args]
    if not op.doc or len(op.doc) > LITERAL_BYTES:
        raise Mistake("a description is needed, of at most 4,095 bytes")
    if unknown := [name for name in op.key if name not in names]:
        raise Mistake(f"the key {unknown[0]!r} is not an argument")
    if op.engine:
        if op.sql or {"batch", "key", "same key", "resend", "writes", "needs"} & set(found):
            raise Mistake("what the engine answers has neither SQL nor a way to run it")
        return
    if missing := [name for name in ("args", "gives", "batch", "resend", "writes") if name not in found]:
        raise Mistake(f"{missing[0]!r} is not said")
    if op.batch and not op.args:
        raise Mistake("a batch is made of arguments, and there are none")
    if op.batch and op.writes and not op.key:
        raise Mistake("a batch of writes needs a key: without one, order and locks are left to chance")
    if bool(op.key) != ("same key" in found):
        raise Mistake("'key' and 'same key' belong together")
    if op.resend == "key" and "key" not in names:
        raise Mistake("'resend: key' needs an argument 'key'")
    if op.batch and op.vectors():
        raise Mistake("vectors travel alone: an array of them names a type whose number only the server knows")
    if op.single and not op.batch:
        raise Mistake("a single form is for what is batched")
    for form in op.forms():
        check_sql(form)


def check_sql(op):
    if not op.sql:
        raise Mistake("there is no statement")
    if len(op.sql.encode()) > STATEMENT_BYTES and "$migration$" not in op.sql:
        raise Mistake(f"the statement is longer than {STATEMENT_BYTES} bytes")
    used = {int(number) for number in re.findall(r"\$(\d+)", op.sql)}
    if used != set(range(1, len(op.args) + 1)):
        raise Mistake(f"{len(op.args)} arguments are declared, the statement uses {sorted(used) or 'none'}")
    outside = re.sub(r"\$([a-z_]*)\$.*?\$\1\$|'[^']*'|\"[^\"]*\"", "", op.sql, flags=re.S)
    if ";" in outside:
        raise Mistake("an operation is one statement")
    if brace := re.search(r"\{[^}]*\}?", SLOT.sub("", outside)):
        raise Mistake(f"not a slot: {brace[0]!r}")


def with_fragments(text):
    """A file's text with its fragments where it names them; a fragment may name those above it."""
    for name, lines in reversed(FRAGMENT.findall(text)):
        text = text.replace(f"{{+{name}}}", lines.rstrip("\n"))
    return FRAGMENT.sub("", text)


def read(root=HERE):
    """All operations, sorted by name."""
    ops, names = {}, {}
    for path in [*sorted((root / "migrations").glob("*.sql")), *sorted((root / "ops").glob("*.sql"))]:
        source = path.relative_to(root).as_posix()
        whole = path.read_text(encoding="utf-8")
        names.update(TABLE.findall(whole))
        whole = with_fragments(whole)
        folder = MIGRATIONS.search(whole)
        stand_ins = migrations(root / "migrations" / folder[1]) if folder else []
        for text in re.split(r"^(?=-- op:)", whole, flags=re.M)[1:]:
            op = parse_operation(text, source, stand_ins)
            if op.name in ops:
                raise Mistake(f"{source}: {op.name}: is in {ops[op.name].source} too")
            ops[op.name] = op
    made = {name for op in ops.values() for name in re.findall(r"create table if not exists \{(\w+)\}", op.sql)}
    for op in ops.values():
        op.names = names
        if unknown := [slot for slot in op.tables() if slot not in made]:
            raise Mistake(f"{op.source}: {op.name}: no migration makes the table {unknown[0]!r}")
        if op.needs and op.needs not in ops:
            raise Mistake(f"{op.source}: {op.name}: there is no operation {op.needs!r} to need")
    return [ops[name] for name in sorted(ops)]


def vector_type(connection):
    """What {vector} stands for on the server of a psycopg connection."""
    return connection.execute("select case when to_regtype('vector') is null then 'real[]' else 'vector' end").fetchone()[0]


def prepare(connection, op, tables):
    """Prepares one operation on a psycopg connection and compares what the server says with what is declared."""
    protocol = connection.pgconn
    vector = vector_type(connection)
    result = protocol.prepare(b"", op.text(tables, vector).encode())
    if result.error_message:
        raise Mistake(f"{op.source}: {op.name}: {result.error_message.decode().strip()}")
    described = protocol.describe_prepared(b"")
    oids = [described.param_type(index) for index in range(described.nparams)]
    names = [row[0] for row in connection.execute(
        "select format_type(o, null) from unnest(%s::oid[]) with ordinality as t(o, n) order by n", (oids,))]
    expected = [vector if arg.type == "vector" else arg.parameter(op.batch) for arg in op.args]
    if names != expected:
        raise Mistake(f"{op.source}: {op.name}: parameters are {names}, declared are {expected}")
    if op.gives == "none":
        return
    columns = [described.fname(index).decode() for index in range(described.nfields)]
    expected = ["n"] * op.batch + op.columns
    if columns != expected:
        raise Mistake(f"{op.source}: {op.name}: columns are {columns}, declared are {expected}")


def prepare_all(dsn, ops, tables):
    import psycopg
    with psycopg.connect(dsn, autocommit=True) as connection:
        for op in ops:
            for form in op.forms():
                prepare(connection, form, tables)


def main():
    parser = argparse.ArgumentParser(description="Compiles the annotated SQL.")
    parser.add_argument("--check", action="store_true", help="fail when a generated file is stale")
    parser.add_argument("--prepare", metavar="DSN", help="prepare every statement on this migrated database")
    options = parser.parse_args()
    ops = read()
    if options.prepare is not None:
        prepare_all(options.prepare, ops, {})
        print(f"{sum(len(op.forms()) for op in ops)} statements prepared")
        return
    stale = []
    for name, text in emit.files(ops).items():
        path = HERE.parent / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not options.check:
                path.write_text(text, encoding="utf-8")
    if options.check and stale:
        raise Mistake(f"stale, run sql/compile.py: {', '.join(stale)}")


if __name__ == "__main__":
    try:
        main()
    except Mistake as mistake:
        sys.exit(f"compile.py: {mistake}")
