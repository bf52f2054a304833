"""sql/compile.py: what it refuses, and what it makes."""
import json
import re
import subprocess
import sys

import compile as compiler
import emit
import pytest

GOOD = """-- op: thing.put
-- args: id text+, tags text[]?, at time?
-- gives: maybe {id, tags}
-- batch: yes    key: id    same key: serial    resend: no    writes: yes
-- fails: ABSENT no such thing; CONFLICT another one
-- Puts a thing
-- where it belongs.
insert into {things} as t
    -- not {a slot}
select $1::text[], $2::jsonb[], $3::text[]::timestamptz[];
"""


def parse(text):
    return compiler.parse_operation(text, "ops/thing.sql")


def test_an_operation_is_read_whole():
    op = parse(GOOD)
    assert op.name == "thing.put" and op.doc == "Puts a thing where it belongs."
    assert [emit.type_text(arg) for arg in op.args] == ["text+", "text[]?", "time?"]
    assert (op.gives, op.bare, op.columns) == ("maybe", False, ["id", "tags"])
    assert op.batch and op.writes and not op.engine
    assert (op.key, op.same_key, op.resend) == (["id"], "serial", "no")
    assert op.fails == [("ABSENT", "no such thing"), ("CONFLICT", "another one")]
    assert not op.sql.endswith(";")


def test_a_row_is_written_around_its_values():
    def row(gives):
        op = parse(GOOD.replace("maybe {id, tags}", gives))
        heads = emit.column_heads(op)
        return json.loads("".join(f"{head}{n}" for n, head in enumerate(heads)) + emit.row_tail(op))

    assert row("maybe id") == 0
    assert row("maybe {id, tags}") == {"id": 0, "tags": 1}
    assert row("maybe {a.b, a.c}") == {"a": {"b": 0, "c": 1}}
    assert row("maybe {x, a.b, a.c, y, d.e}") == {"x": 0, "a": {"b": 1, "c": 2}, "y": 3, "d": {"e": 4}}


def test_migrations_stand_for_their_files(tmp_path):
    """As rows that PostgreSQL reads: the tag of the quotes is in none of them."""
    (tmp_path / "001_first.sql").write_text("select 'it''s';\n")
    (tmp_path / "002_second.sql").write_text("select $a$2$a$;\n")
    rows, names = (text for _, text in compiler.migrations(tmp_path))
    assert rows == "(1, 'first', $migration$select 'it''s';$migration$),\n(2, 'second', $migration$select $a$2$a$;$migration$)"
    assert names == "(1, 'first'), (2, 'second')"
    (tmp_path / "004_fourth.sql").write_text("select 4;\n")
    with pytest.raises(compiler.Mistake, match="not migration 003"):
        compiler.migrations(tmp_path)
    (tmp_path / "004_fourth.sql").rename(tmp_path / "003_third.sql").write_text("$migration$")
    with pytest.raises(compiler.Mistake, match="holds"):
        compiler.migrations(tmp_path)


def test_args_and_fails_may_be_continued():
    op = parse(GOOD.replace("id text+, tags", "id text+\n-- args: tags").replace("; CONFLICT", "\n-- fails: CONFLICT"))
    assert len(op.args) == 3 and len(op.fails) == 2


@pytest.mark.parametrize("old, new, complaint", [
    ("thing.put", "Thing", "noun.verb"),
    ("id text+", "id string", "not an argument"),
    ("id text+", "id int+", "not an argument"),
    ("id text+", "class text", "cannot be the name"),
    ("tags text[]?", "id text", "one name"),
    ("maybe {id, tags}", "some id", "not a result"),
    ("maybe {id, tags}", "none id", "none has none"),
    ("maybe {id, tags}", "one", "needs columns"),
    ("maybe {id, tags}", "maybe {a.id, tags, a.name}", "side by side"),
    ("maybe {id, tags}", "maybe {a.b.id, tags}", "no objects"),
    ("maybe {id, tags}", "maybe {tags, tags.id}", "one value"),
    ("maybe {id, tags}", "maybe {id, id}", "one value"),
    ("maybe {id, tags}", "maybe {" + ", ".join(f"c{n}" for n in range(41)) + "}", "at most 40"),
    ("batch: yes", "batch: perhaps", "batch is yes or no"),
    ("batch: yes", "batsh: yes", "below the description"),
    ("writes: yes", "write: yes", "not a directive"),
    ("batch: yes", "args:", "'batch' is not said"),
    ("resend: no", "resend: key", "needs an argument 'key'"),
    ("key: id    same key: serial    ", "", "a batch of writes needs a key"),
    ("same key: serial    ", "", "belong together"),
    ("key: id", "key: name", "not an argument"),
    ("writes: yes", "writes: yes    batch: no", "given twice"),
    ("ABSENT no such thing", "GONE no such thing", "not a failure"),
    ("-- Puts a thing\n-- where it belongs.\n", "", "description"),
    ("$3::text[]", "$4::text[]", "declared"),
    ("$3::text[]::timestamptz[]", "null", "declared"),
    ("insert", "select 1; insert", "one statement"),
    ("{things}", "{Things}", "not a slot"),
    ("{things}", "{things:table}", "not a slot"),
    ("tags text[]?", "tags vector", "vectors travel alone"),
    ("insert", "insert" + " " * compiler.STATEMENT_BYTES, "longer than"),
])
def test_a_mistake_is_named(old, new, complaint):
    assert old in GOOD
    with pytest.raises(compiler.Mistake, match=re.escape(complaint)):
        parse(GOOD.replace(old, new, 1))


def test_a_single_form_is_a_statement_of_its_own():
    op = parse(GOOD + "-- single: quicker\nselect $1::text, $2::jsonb, $3::text;\n")
    batched, alone = op.forms()
    assert batched.batch and not alone.batch and batched.sql == parse(GOOD).sql
    assert alone.sql == "select $1::text, $2::jsonb, $3::text"
    assert [arg.parameter(alone.batch) for arg in alone.args] == ["text", "jsonb", "text"]
    with pytest.raises(compiler.Mistake, match="declared"):
        parse(GOOD + "-- single: quicker\nselect $1::text;\n")
    with pytest.raises(compiler.Mistake, match="for what is batched"):
        parse(GOOD.replace("batch: yes", "batch: no") + "-- single: quicker\nselect $1::text, $2::jsonb, $3::text;\n")


def test_the_engines_own_operations_have_no_statement():
    text = "-- op: admin.thing\n-- args:\n-- gives: one thing\n-- engine: yes\n-- A thing.\n"
    assert parse(text).engine
    with pytest.raises(compiler.Mistake, match="neither SQL"):
        parse(text + "select 1;\n")


def test_names_are_unique_and_slots_have_a_migration(tmp_path):
    (tmp_path / "ops").mkdir()
    (tmp_path / "migrations").mkdir()
    (tmp_path / "ops" / "one.sql").write_text(GOOD)
    with pytest.raises(compiler.Mistake, match="no migration makes the table 'things'"):
        compiler.read(tmp_path)
    (tmp_path / "ops" / "two.sql").write_text(GOOD)
    with pytest.raises(compiler.Mistake, match="is in ops/one.sql too"):
        compiler.read(tmp_path)


def test_what_is_needed_is_an_operation(tmp_path):
    for folder in ("ops", "migrations"):
        (tmp_path / folder).mkdir()
    (tmp_path / "migrations" / "001.sql").write_text(
        GOOD.replace("thing.put", "thing.setup").replace("insert into", "create table if not exists"))
    needing = GOOD.replace("resend: no", "resend: no    needs: thing.setup_labels")
    (tmp_path / "ops" / "thing.sql").write_text(needing)
    with pytest.raises(compiler.Mistake, match="thing.put: there is no operation 'thing.setup_labels' to need"):
        compiler.read(tmp_path)
    (tmp_path / "migrations" / "002.sql").write_text(GOOD.replace("thing.put", "thing.setup_labels"))
    ops = compiler.read(tmp_path)
    assert [(entry["op"], entry["needs"], entry["tables"]) for entry in json.loads(emit.catalog(ops))] == [
        ("thing.put", "thing.setup_labels", ["things"]), ("thing.setup", None, ["things"]),
        ("thing.setup_labels", None, ["things"])]
    assert emit.reference(ops).count("Needs `thing.setup_labels`.") == 1


def test_pieces_join_to_the_statement():
    op = parse(GOOD.replace("{things} as", "{things} {things:literal} {things:index by_id} as"))
    assert 'into "app"."t" \'"app"."t"\' "idx_t_by_id" as' in op.text({"things": "app.t"})
    assert 'into "things" ' in op.text({})
    long = parse(GOOD.replace("$1::text[]", "$1::text[]" + ",\n    null" * 800))
    pieces = list(emit.split_pieces(long))
    assert "".join(text for kind, text, _ in pieces if kind == "text") == long.sql.replace("{things}", "")
    assert max(len(text) for _, text, _ in pieces) <= emit.SPLIT_BYTES


def test_literals_survive_the_c_compiler(tmp_path):
    text = 'a "quoted" \\ back??/slash\nü€😀'
    source = tmp_path / "literal.c"
    source.write_text(f"#include <stdio.h>\nint main(void) {{ fputs({emit.literal(text)}, stdout); return 0; }}\n")
    subprocess.run(["cc", "-std=c11", "-Wall", "-Werror", "-o", tmp_path / "literal", source], check=True)
    assert subprocess.run([tmp_path / "literal"], capture_output=True, check=True).stdout.decode() == text


def test_the_catalog_in_c_is_json_of_every_operation(tmp_path):
    ops = compiler.read()
    (tmp_path / "print.c").write_text(
        '#include "ops_table.h"\n#include <stdio.h>\nint main(void) {\n'
        "    for (int i = 0; i < KEEP_STATEMENT_COUNT; i++) fprintf(stderr, \"%s\\n\", KEEP_STATEMENTS[i].name);\n"
        "    puts(KEEP_CATALOG_JSON);\n    return 0;\n}\n")
    subprocess.run(["cc", "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-I", compiler.HERE.parent / "core/src",
                    "-o", tmp_path / "print", tmp_path / "print.c"], check=True)
    done = subprocess.run([tmp_path / "print"], capture_output=True, check=True, text=True)
    assert [entry["op"] for entry in json.loads(done.stdout)] == [op.name for op in ops]
    assert done.stderr.split() == sorted(done.stderr.split()) == [op.name for op in ops]


def test_a_stale_file_is_noticed(tmp_path):
    for name in ["sql", *emit.files([])]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-r", compiler.HERE, tmp_path], check=True)
    command = [sys.executable, tmp_path / "sql" / "compile.py"]
    subprocess.run(command, check=True)
    subprocess.run([*command, "--check"], check=True)
    with open(tmp_path / "core/src/ops_table.h", "a") as file:
        file.write("\n")
    done = subprocess.run([*command, "--check"], capture_output=True, text=True)
    assert done.returncode != 0 and "core/src/ops_table.h" in done.stderr


def test_a_table_may_have_another_name_than_its_slot(tmp_path):
    for folder in ("migrations", "ops"):
        (tmp_path / folder).mkdir()
    (tmp_path / "migrations" / "001_thing.sql").write_text("-- table: thing_parts app.parts\n\n" + GOOD.replace(
        "insert into {things} as t", "create table if not exists {thing_parts} -- {thing_parts:index id}"))
    op, = compiler.read(tmp_path)
    assert op.text({}).startswith('create table if not exists "app"."parts" -- "idx_parts_id"')
    assert op.text({"thing_parts": "mine"}).startswith('create table if not exists "mine" -- "idx_mine_id"')
    assert emit.table_slots([op]) == ["thing_parts"] and emit.table_names([op]) == ["app.parts"]


def test_a_text_stands_where_it_is_named():
    text = "-- text: inner\n1,\n    2\n\n-- text: outer\n{+inner}, 3\n\n-- op: thing.put\nselect {+outer}\n"
    assert compiler.with_fragments(text).strip() == "-- op: thing.put\nselect 1,\n    2, 3"
