"""What compile.py writes, as text: the engine's table, the typed C functions and the reference page."""
import json
import re
import textwrap

SPLIT_BYTES = 2000  # of a literal of SQL; C11 compilers need not take more than 4,095
NOTICE = "Made by sql/compile.py from the annotated SQL. Change that, not this."
RESULTS = {"none": "null", "one": "{}", "maybe": "{}, or null when there is none", "many": "an array of {}"}
SAME_KEY = {
    "any": "calls of one key may share a batch",
    "last": "of several in one batch the last is stored; all of them are told its outcome",
    "serial": "one after the other; never two in one batch",
    "conflict": "compared with what is stored; never two in one batch",
}
RESEND = {
    "yes": "sent again by the engine when the link breaks",
    "key": "sent again by the engine when the link breaks, if `key` is given",
    "no": "not sent again: UNKNOWN when the link breaks after sending",
}
REFERENCE_HEAD = """# Operations

<!-- {notice} -->

Every store is a set of operations, called by name with arguments in the order given here, from every language alike.
In C each has a typed function (`statekeep_ops.h`); `keep_catalog()` gives this page as JSON.

| Type | What is passed | Given back as |
|---|---|---|
| `text` | UTF-8 without NUL; `text+` must not be empty | JSON string |
| `int` | decimal digits of a 64-bit integer | JSON number |
| `bool` | `true` or `false` | JSON boolean |
| `json` | a JSON text; kept as PostgreSQL's `jsonb` keeps it, every digit of its numbers included | the JSON value |
| `time` | ISO 8601 with an offset | JSON string |
| `bytes` | the bytes | JSON string, base64 |
| `document` | as `json`, but kept character by character, as PostgreSQL's `json` keeps it | the JSON value |
| `vector` | 32-bit floats, packed as the machine has them (the languages take lists of numbers) | |

`?` after a type: may be null. `[]` after a type: a list, passed as a JSON array. Every operation can also fail in the
ways that are every call's: INVALID, DEADLINE, CANCELLED, UNKNOWN (writes only), UNAVAILABLE, FULL, CLOSED, FORKED,
NO_MEMORY, INTERNAL; below are only those that are its own.

## How an operation is written

One statement under `sql/ops/` (or, when it makes tables, `sql/migrations/`) below comments of this form:

```sql
-- op: noun.verb
-- args: agent_id text+, key text?, tags text[]      none: leave it empty; may be repeated for more
-- gives: none | one X | maybe X | many X            X: a column, or {{several, columns}}; "a.b" is field b of an object a
-- batch: yes | no       yes: one array for each argument; the first column is then `n`, the item's number
-- key: agent_id         calls with equal keys keep their order
-- same key: any | last | serial | conflict          (see Order below)
-- resend: yes | key | no
-- writes: yes | no
-- needs: noun.setup_x   an opt-in that must have run once, besides noun.setup; most operations have none
-- fails: ABSENT no such session; CONFLICT another version
-- engine: yes           answered by the engine: no statement and none of the six above
-- A description of one or more lines.
insert … ;
-- single: why           below a batched statement: its form for one call, with plain parameters and without `n`
insert … ;
```

Several of these may share a line, two or more spaces apart. Lists are `jsonb` parameters, times `text` ones; the
statement casts them. Table names are slots: `{{agent_states}}` an identifier, `{{agent_states:literal}}` the same in
quotes as a string, `{{agent_states:index suffix}}` the name of an index. A slot's table must be made by a migration. Its
name is the slot's, unless the migration's head says otherwise: `-- table: room_events events`. The lines
from a comment `-- text: name` to the next empty line stand wherever the file says `{{+name}}` below it.
"""
REFERENCE_ORDER = """
### Order

| `same key` | Calls of one key that wait together |
|---|---|
{rows}
"""


def sentence(op):
    """What a call results in, in words."""
    shape = op.columns[0] if op.bare else "{" + ", ".join(op.columns) + "}"
    return RESULTS[op.gives].format(shape)


def type_text(arg):
    return arg.type + "+" * arg.nonempty + "[]" * arg.list + "?" * arg.nullable


def literal(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("??", "?\\?")
    return f'"{escaped}"'


def function_name(op):
    return "keep_" + op.name.replace(".", "_")


def constant(prefix, word):
    return f"{prefix}_{word.upper()}"


def comment(paragraphs):
    """A C comment, wrapped."""
    lines = [line for text in paragraphs for line in wrapped(text)]
    return "/* " + "\n".join(lines).replace("\n", "\n * ").replace(" * \n", " *\n") + " */"


def wrapped(text):
    safe = text.replace("*/", "* /")
    if safe.startswith("  "):  # a row of a table
        return [safe]
    return textwrap.wrap(safe, 92, break_long_words=False, break_on_hyphens=False)


def split_pieces(op):
    for kind, text, suffix in op.pieces():
        if kind != "text":
            yield kind, text, suffix
            continue
        line_start = ""
        for line in text.splitlines(keepends=True):
            if line_start and len((line_start + line).encode()) > SPLIT_BYTES:
                yield kind, line_start, ""
                line_start = ""
            line_start += line
        yield kind, line_start, ""


def piece_source(kind, text, suffix):
    shown = literal(text)
    if kind == "text" and "\\n" in shown:
        shown = shown.replace("\\n", '\\n"\n     "').removesuffix('\n     ""')
    return f"    {{{constant('PIECE', kind)}, {shown}, {literal(suffix) if suffix else 'NULL'}}},\n"


def arg_source(arg):
    flags = ", ".join(str(flag).lower() for flag in (arg.nullable, arg.nonempty, arg.list))
    return f"    {{{literal(arg.name)}, {constant('ARG', arg.type)}, {flags}}},\n"


def column_heads(op):
    """What stands in a row's JSON before each value."""
    if op.bare:
        return [""]
    heads, inside = [], ""
    for name in op.columns:
        outer, _, field = name.rpartition(".")
        enter = f'"{outer}":{{' if outer and outer != inside else ""
        heads.append("}" * bool(inside and outer != inside) + ("," if heads else "{") + enter + f'"{field}":')
        inside = outer
    return heads


def row_tail(op):
    """What stands behind the last value."""
    return "" if op.bare else "}}" if "." in op.columns[-1] else "}"


def arrays_source(op, symbol):
    out = ""
    if op.args:
        out += f"static const struct arg_spec {symbol}_args[] = {{\n{''.join(map(arg_source, op.args))}}};\n"
    if op.columns:
        heads = ", ".join(f"{{{literal(head)}, {len(head)}}}" for head in column_heads(op))
        out += f"static const struct column_spec {symbol}_columns[] = {{{heads}}};\n"
    if op.key:
        names = [arg.name for arg in op.args]
        indexes = ", ".join(str(names.index(name)) for name in op.key)
        out += f"static const int {symbol}_key[] = {{{indexes}}};\n"
    for name, form in zip(("sql", "single"), op.forms()):
        pieces = "".join(piece_source(*piece) for piece in split_pieces(form))
        out += f"static const struct sql_piece {symbol}_{name}[] = {{\n{pieces}}};\n"
    return out + "\n" if out else out


def statement_source(op, symbol):
    names = [arg.name for arg in op.args]
    fails = "; ".join(f"{status} {when}" for status, when in op.fails)

    def array(name, items):
        return f".{name} = {symbol}_{name}, .{name.removesuffix('s')}_count = {len(items)}" if items else ""

    forms = [array(name, list(split_pieces(form))) for name, form in zip(("sql", "single"), op.forms())]
    fields = [
        f".name = {literal(op.name)}", array("args", op.args), array("columns", op.columns), array("key", op.key), *forms,
        f".tail = {literal(row_tail(op))}" if op.columns else "",
        f".gives = {constant('GIVES', op.gives)}",
        f".same_key = {constant('SAME_KEY', op.same_key)}", f".resend = {constant('RESEND', op.resend)}",
        f".resend_arg = {names.index('key') if op.resend == 'key' else -1}",
        *(f".{flag} = true" for flag in ("batch", "writes", "engine") if getattr(op, flag)),
        ".vectors = true" if op.vectors() else "",
        f".fails = {literal(fails)}", f".doc = {literal(op.doc)}",
    ]
    return "    {" + ",\n     ".join(filter(None, fields)) + "},\n"


def catalog(ops):
    return json.dumps([{
        "op": op.name,
        "args": [{"name": arg.name, "type": "json" if arg.type == "document" else arg.type, "nullable": arg.nullable, "nonempty": arg.nonempty,
                  "list": arg.list} for arg in op.args],
        "gives": op.gives, "bare": op.bare, "columns": op.columns, "batch": op.batch, "writes": op.writes,
        "key": op.key, "resend": op.resend, "tables": op.tables(), "needs": op.needs or None,
        "fails": [{"status": status, "when": when} for status, when in op.fails], "doc": op.doc,
    } for op in ops], separators=(",", ":"))


def byte_rows(text):
    """Character constants, 20 to a row: a literal of this length is more than C11 promises to take. Each operation begins
    a row, so that a change of one leaves the others' rows as they are."""
    shown = {"'": "'\\''", "\\": "'\\\\'"}
    rows = ""
    for part in re.split(r'(?=\{"op":)', text):
        chars = [shown.get(char, f"'{char}'") for char in part]
        rows += "".join("    " + ",".join(chars[at:at + 20]) + ",\n" for at in range(0, len(chars), 20))
    return rows + "    0,\n"


def table_slots(ops):
    return sorted({slot for op in ops for slot in op.tables()})


def table_names(ops):
    names = ops[0].names if ops else {}
    return [names.get(slot, slot) for slot in table_slots(ops)]


def table(ops):
    symbols = [op.name.replace(".", "_") for op in ops]
    return (
        f"/* {NOTICE}\n * Included by catalog.c alone. Sorted by name. */\n/* clang-format off */\n"
        "#ifndef KEEP_OPS_TABLE_H\n#define KEEP_OPS_TABLE_H\n\n#include \"catalog.h\"\n\n"
        + "".join(map(arrays_source, ops, symbols))
        + "static const struct statement_spec KEEP_STATEMENTS[] = {\n"
        + "".join(map(statement_source, ops, symbols)) + "};\n\n"
        + f"enum {{ KEEP_STATEMENT_COUNT = {len(ops)} }};\n\n"
        + "/* The slots for table names, and what their tables are called when an option does not say. */\n"
        + f"static const char *const KEEP_TABLES[] = {{{', '.join(map(literal, table_slots(ops)))}}};\n"
        + f"static const char *const KEEP_TABLE_NAMES[] = {{{', '.join(map(literal, table_names(ops)))}}};\n\n"
        + f"static const char KEEP_CATALOG_JSON[] = {{\n{byte_rows(catalog(ops))}}};\n\n#endif\n")


def function_source(op):
    width = max((len(arg.name) for arg in op.args), default=0)
    args = [f"  {arg.name:{width}}  {type_text(arg)}" for arg in op.args]
    fails = [f"Fails: {status} {when}." for status, when in op.fails]
    parameters = "".join(f", keep_text\u00a0{arg.name}" for arg in op.args)
    passed = ["const keep_text args[] = {" + ", ".join(arg.name for arg in op.args) + "};"] if op.args else []
    name = literal(op.name)
    call = f"keep_submit(store, {name}, {'args' if op.args else 'NULL'}, {len(op.args)}, deadline_ms)"
    body = "".join(f"    {line}\n" for line in [*passed, f"return {call};"])
    head = textwrap.fill(  # a no-break space keeps a type and its name on one line
        f"static inline keep_op {function_name(op)}(keep_store *store{parameters}, int\u00a0deadline_ms)\u00a0{{",
        98, subsequent_indent=" " * 8).replace("\u00a0", " ")
    doc = comment([f"{op.name}: {op.doc}", *args, f"Result: {sentence(op)}.", *fails])
    return f"{doc}\n{head}\n{body}}}\n"


def header(ops):
    return (
        f"/* {NOTICE}\n *\n * One typed function for each operation: keep_submit() with the arguments counted by the "
        "compiler. Numbers,\n * booleans and times are text too, lists are JSON arrays; {NULL, 0} is null, where the type "
        "ends in \"?\".\n * Everything is copied; the ticket and deadline_ms are those of keep_submit(). */\n"
        "/* clang-format off */\n#ifndef STATEKEEP_OPS_H\n#define STATEKEEP_OPS_H\n\n#include \"statekeep.h\"\n\n"
        + "\n".join(map(function_source, ops)) + "\n#endif\n")


def operation_section(op):
    signature = f"{op.name}({', '.join(f'{arg.name} {type_text(arg)}' for arg in op.args)})"
    facts = [f"Gives {sentence(op)}."]
    if op.engine:
        facts.append("Answered by the engine, without a server.")
    else:
        facts.append("Travels in batches." if op.batch else "Travels alone.")
        if op.key:
            facts.append(f"Key: {', '.join(op.key)}; same key: {op.same_key}.")
        facts.append(f"{'Writes' if op.writes else 'Reads'}; {RESEND[op.resend]}.")
        if op.needs:
            facts.append(f"Needs `{op.needs}`.")
    paragraphs = [op.doc, " ".join(facts), *(f"- {status}: {when}." for status, when in op.fails)]
    filled = (textwrap.fill(text, 120, subsequent_indent="  " * text.startswith("- "), break_on_hyphens=False)
              for text in paragraphs)
    return f"### `{signature}`\n\n" + "\n\n".join(filled) + "\n"


def reference(ops):
    rows = "\n".join(f"| `{name}` | {text} |" for name, text in SAME_KEY.items())
    text = REFERENCE_HEAD.format(notice=NOTICE) + REFERENCE_ORDER.format(rows=rows)
    noun = ""
    for op in ops:
        if op.name.split(".")[0] != noun:
            noun = op.name.split(".")[0]
            text += f"\n## {noun}\n"
        text += "\n" + operation_section(op)
    return text


def files(ops):
    """The generated files: path from the repository's root → text."""
    return {
        "core/src/ops_table.h": table(ops),
        "core/include/statekeep_ops.h": header(ops),
        "sql/REFERENCE.md": reference(ops),
    }
