"""The simulator must find bugs: each planted one is one replacement in a copy of the engine's sources, and the simulator
has to fail within 20,000 seeds. A text that is no longer in the sources fails the test: plant the bug anew."""

import os
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 2000
# Every change of the engine deals its histories anew. The rarest of these bugs shows in one of some 1,300, so that of 2,000
# none may show it; of 20,000 one does.
PLANT_SEEDS = 20_000
HANG_SECONDS = 900


class Plant(NamedTuple):
    """One bug: in which file of core/src which text is replaced."""

    file: str
    healthy: str
    sick: str


PLANTS = {
    "lost waiter: the host is not woken": Plant(
        "wait.c",
        "bool host_called = store->watched && store->done.count > 0;",
        "bool host_called = false;",
    ),
    "lost waiter: nobody lets the next call of a key go": Plant(
        "key.c",
        "if (oldest == op && next && next->state == OP_BLOCKED)",
        "if (oldest == op && next && next->state == OP_BLOCKED && op->sequence % 16)",
    ),
    "lost waiter: what is held for returning threads is held without end": Plant(
        "wait.c",
        "if (now_us < store->held_until_us) {",
        "if (store->held_until_us) {",
    ),
    "a call that was sent ends by the limit for a free connection": Plant(
        "op.c",
        "bool wants = op->state == OP_QUEUED && op->not_before_us == 0 &&",
        "bool wants = op->not_before_us == 0 &&",
    ),
    "double completion: an awaited ticket is also given by keep_next()": Plant(
        "op.c",
        "op->awaited ? OP_TAKEN : OP_DONE",
        "OP_DONE",
    ),
    "stale answer: ordinals swapped": Plant(
        "result.c",
        "batch->sent[item - 1]",
        "batch->sent[batch->sent_count - item]",
    ),
    "a plain save is sent again after its link broke": Plant(
        "batch.c",
        "return spec->resend == RESEND_YES ||",
        "return spec->resend != RESEND_KEY ||",
    ),
    "order: a call does not wait for the elder ones of its key": Plant(
        "key.c",
        "        (*at)->key_tail = op;\n        return false;",
        "        (*at)->key_tail = op;\n        return true;",
    ),
    "order: a cancelled call that was sent lets the next one go": Plant(
        "op.c",
        "    else if (!op->conn)\n        key_leave(store, op);",
        "    else if (!op->conn || status == KEEP_CANCELLED)\n        key_leave(store, op);",
    ),
    "committed is told before the commit is read": Plant(
        "conn.c",
        "        if (keep_io.PQstatus(conn->link) == CONNECTION_BAD) {\n",
        "        if (conn->answered && keep_io.PQstatus(conn->link) == CONNECTION_BAD) {\n"
        "            conn->ending = true;\n"
        "            conn_range_over(conn);\n"
        "            return;\n"
        "        }\n"
        "        if (keep_io.PQstatus(conn->link) == CONNECTION_BAD) {\n",
    ),
    "the server's last words after an answer are taken for a refusal": Plant(
        "conn.c",
        "return !conn->answered && function",
        "return function",
    ),
    "a superseded save is told success whatever became of the other": Plant(
        "batch.c",
        "        batch_refuse(conn, culprit);\n",
        "        batch_refuse(conn, culprit);\n"
        "        for (int i = range.from; i < culprit; i++)\n"
        "            if (op_live(batch->items[i]))\n"
        '                op_finish_ok(conn->store, batch->items[i], "null");\n',
    ),
    "a refused batch takes its neighbours along": Plant(
        "batch.c",
        "} else if (failure == FAILURE_ALL || failure == FAILURE_PREPARED) {",
        "} else if (true) {",
    ),
    "a batch of one call too many": Plant(
        "batch.c",
        "if (share > store->options.batch)\n        share = store->options.batch;",
        "if (share > store->options.batch)\n        share = store->options.batch + 1;",
    ),
    "the queue takes one call too many": Plant(
        "op.c",
        "store->held_count + kept < queue",
        "store->held_count + kept <= queue",
    ),
    "a deadline that nobody keeps": Plant(
        "api.c",
        "    step_arm(store, op->deadline_us);\n",
        "",
    ),
    "a result is never cleared": Plant(
        "conn.c",
        "    keep_io.PQclear(conn->rows);\n",
        "",
    ),
    "a socket is closed while the watch looks at it": Plant(
        "conn.c",
        "if (state == CONN_DOWN || (state == CONN_BUSY && conn_looks_away(conn))) {",
        "if (state == CONN_BUSY && conn_looks_away(conn)) {",
    ),
    "what could not be sent is never flushed": Plant(
        "conn.c",
        "writes ? WATCH_READ | WATCH_WRITE : WATCH_READ",
        "WATCH_READ",
    ),
    "a pooler's lost statement is the caller's problem": Plant(
        "batch.c",
        "if (failure == FAILURE_PREPARED && conn->named) {",
        "if (failure == FAILURE_PREPARED && conn->named && conn->index) {",
    ),
    "a call whose write is in doubt is told that nothing was stored": Plant(
        "op.c",
        "if (op->in_doubt && silent) {",
        "if (op->in_doubt && silent && false) {",
    ),
    "a call behind the range that broke is in doubt, too": Plant(
        "batch.c",
        "op_lost(batch->items[i], current && !certainly_not, why,",
        "op_lost(batch->items[i], !certainly_not, why,",
    ),
    "a deadline leaves a call in doubt that is not under way": Plant(
        "op.c",
        "spec->writes && batch_under_way(op))",
        "spec->writes)",
    ),
    "two calls that compare one key's version share a batch": Plant(
        "batch.c",
        "if (policy != SAME_KEY_ANY && policy != SAME_KEY_LAST)",
        "if (policy == SAME_KEY_SERIAL)",
    ),
    "calls travel together that their statement cannot take": Plant(
        "batch.c",
        "if (op->alone || !statement->spec->batch)",
        "if (op->alone)",
    ),
    "a missing row is told as success": Plant(
        "result.c",
        "else if (empty && spec->gives == GIVES_ONE)",
        "else if (empty && spec->gives == GIVES_ONE && op->sequence % 16)",
    ),
    "one declared failure is told as another": Plant(
        "result.c",
        'strncmp(fails, "CONFLICT ", 9) == 0 ? KEEP_CONFLICT',
        'strncmp(fails, "CONFLICT ", 9) == 0 ? KEEP_ABSENT',
    ),
    "a slot is lost when a call is released under way": Plant(
        "op.c",
        "    if (op->state == OP_RELEASED)\n        op_free(store, op);",
        "",
    ),
    "nobody wakes up for the next attempt to connect": Plant(
        "pool.c",
        "        step_arm(store, store->retry_us); /* nobody may have waited when it was set */\n",
        "",
    ),
    "a batch goes on over a link whose end has arrived": Plant(
        "conn.c",
        "if (conn->batch.range_count > 0 && conn_alive(conn))",
        "if (conn->batch.range_count > 0)",
    ),
    "an answer that libpq has no memory for is taken for a refusal": Plant(
        "conn.c",
        'return !severity || strcmp(severity, "ERROR") != 0;',
        'return severity && strcmp(severity, "ERROR") != 0;',
    ),
    "two operations prepare one name": Plant(
        "catalog.c",
        "hash_text(hash_text(0xcbf29ce484222325u, operation), form->sql)",
        "hash_text(0xcbf29ce484222325u, form->sql)",
    ),
    "closing turns at full speed": Plant(
        "api.c",
        "store->watched && store->done.count > done)",
        "store->watched && store->done.count > 0)",
    ),
    "sql: a session goes to the next with what the last one left": Plant(
        "session.c",
        "session->left |= op->scanned & (SCAN_CHANGES | SCAN_FORGETS);",
        "",
    ),
    "sql: a session goes to the next with an open transaction": Plant(
        "session.c",
        "bool open = keep_io.PQtransactionStatus(conn->link) != PQTRANS_IDLE;",
        "bool open = false;",
    ),
    "sql: a lease's session serves others, too": Plant(
        "session.c",
        "conn->state == CONN_IDLE && !session->lease &&",
        "conn->state == CONN_IDLE &&",
    ),
    "sql: what a broken link leaves in doubt is told as not done": Plant(
        "session.c",
        "bool doubt = !certainly_not &&",
        "bool doubt = false && !certainly_not &&",
    ),
    "sql: a statement is sent again after its link broke": Plant(
        "session.c",
        "bool unsent = certainly_not && !conn->flushed && op->kind == OP_QUERY;",
        "bool unsent = op->kind == OP_QUERY;",
    ),
    "sql: a lease whose ticket nobody read never comes back": Plant(
        "op.c",
        "    if (op->unread)\n        lease_return(store, op->unread);\n",
        "",
    ),
    "sql: one lease too many": Plant(
        "lease.c",
        "return store->conn_count - 1;",
        "return store->conn_count;",
    ),
    "sql: a deadline that nobody keeps": Plant(
        "sql.c",
        "    step_arm(store, op->deadline_us);\n",
        "",
    ),
    "sql: past its deadline a statement is told not to have happened": Plant(
        "sql.c",
        "bool doubt = op->state == OP_SENT && sql_at_work(op);",
        "bool doubt = false;",
    ),
    "sql: past its deadline a transaction's statement is told not to have happened": Plant(
        "sql.c",
        "bool doubt = op->state == OP_SENT && sql_at_work(op);",
        "bool doubt = op->state == OP_SENT && sql_in_doubt(op);",
    ),
    "sql: the timer goes off for what cannot be done": Plant(
        "pool.c",
        "waiting[role] > 0 && store->retry_us > now_us &&",
        "waiting[role] > 0 &&",
    ),
    "note: the youngest is given first": Plant(
        "note.c",
        "    if (session->last_note)\n        session->last_note->next = note;\n    else\n        session->notes = note;\n",
        "    note->next = session->notes;\n    session->notes = note;\n",
    ),
    "note: nobody wakes who waits for one": Plant(
        "note.c",
        "        while (session->listeners.first && note_give(conn, session->listeners.first))\n            ;\n",
        "",
    ),
    "note: the youngest call is served first": Plant(
        "note.c",
        "note_give(conn, session->listeners.first))",
        "note_give(conn, session->listeners.last))",
    ),
    "note: what libpq gave is never freed": Plant(
        "note.c",
        "        keep_io.PQfreemem(notify);\n",
        "",
    ),
    "note: the next lease is given what was kept for the last one": Plant(
        "lease.c",
        "    notes_free(session);\n",
        "",
    ),
    "note: the next lease listens to what the last one did": Plant(
        "session.c",
        "close all;unlisten *;",
        "close all;",
    ),
    "note: an idle session's are not looked for": Plant(
        "conn.c",
        "    if (stands && conn->role == ROLE_SQL)\n        note_take(conn);\n",
        "",
    ),
    "note: those that come with an answer are not looked for": Plant(
        "session.c",
        "    note_take(conn);\n    struct op *op",
        "    struct op *op",
    ),
    "note: one that comes in front of a COPY waits for its end": Plant(
        "session.c",
        "            note_take(conn); /* what is under way may take its time */\n",
        "            ;\n",
    ),
    "copy: rows of a call that was refused memory leave all the same": Plant(
        "copy.c",
        "    } else if (put == 0) {",
        "    } else if (false) {",
    ),
    "copy: a broken one is ended as if it were whole": Plant(
        "copy.c",
        "        copy_end(conn, why);\n",
        "        copy_end(conn, NULL);\n",
    ),
    "copy: rows of a broken one are not thrown away": Plant(
        "copy.c",
        "    session->phase = SESSION_DISCARD;\n",
        "",
    ),
    "copy: a call for rows is finished before there are any": Plant(
        "copy.c",
        "        if (size == 0 && session->phase == SESSION_COPY_OUT && op->result.size == 0)\n            return false;\n",
        "",
    ),
    "copy: a row is given twice": Plant(
        "copy.c",
        "            buffer_append(&session->op->result, row, (size_t)size);\n",
        "            buffer_append(&session->op->result, row, (size_t)size),\n"
        "                buffer_append(&session->op->result, row, session->op->sequence % 16 ? 0 : (size_t)size);\n",
    ),
    "copy: rows that nobody asks for are read": Plant(
        "conn.c",
        "session.phase == SESSION_COPY_OUT && !conn->session.op;",
        "session.phase == SESSION_COPY_OUT && !conn->session.op && false;",
    ),
    "copy: what libpq gave is never freed": Plant(
        "copy.c",
        "            keep_io.PQfreemem(row);\n",
        "            (void)row;\n",
    ),
    "copy: a call without memory for a row is taken for the COPY's begin": Plant(
        "copy.c",
        "if (size == -2 && keep_io.PQstatus(conn->link) == CONNECTION_OK) {",
        "if (false) {",
    ),
    "copy: its last rows are told to be its end": Plant(
        "session.c",
        "session->copied = op->result.size > 0;",
        "session->copied = false;",
    ),
    "copy: a lease that is given back leaves it open": Plant(
        "lease.c",
        'copy_break(conn, "the lease was given back");',
        "(void)0;",
    ),
    "copy: who lets go leaves it open": Plant(
        "session.c",
        '        copy_break(conn, "the caller let go");\n',
        "        (void)0;\n",
    ),
    "copy: another statement waits for its end": Plant(
        "lease.c",
        'copy_break(conn, "another statement came");',
        "(void)0;",
    ),
    "copy: one that failed by its caller's will is in doubt": Plant(
        "copy.c",
        "return op->kind == OP_COPY_IN && op->args[1].data;",
        "return false;",
    ),
    "an allocation that failed is used": Plant(
        "op.c",
        "        if (!op)\n            break;\n        *op = ",
        "        *op = ",
    ),
}


def pkg_config(*arguments):
    return shlex.split(subprocess.check_output(["pkg-config", *arguments, "libpq", "libcjson"], text=True))


class Builder:
    """Builds the simulator once, and again with one file of the engine changed."""

    def __init__(self, place: Path):
        self.place = place
        self.compiler = shlex.split(os.environ.get("CC", "cc"))
        self.sources = sorted((ROOT / "core/src").glob("*.c")) + sorted((ROOT / "tests/simulator").glob("*.c"))
        with ThreadPoolExecutor(2) as workers:
            list(workers.map(self.compile, self.sources, map(self.object_of, self.sources)))

    def object_of(self, source: Path) -> Path:
        return self.place / f"{source.parent.name}_{source.stem}.o"

    def compile(self, source: Path, target: Path) -> None:
        folders = [f"-I{ROOT / folder}" for folder in ("core/include", "core/src", "tests/simulator")]
        command = [*self.compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-w", *folders, *pkg_config("--cflags")]
        subprocess.run([*command, "-c", source, "-o", target], check=True)

    def program(self, name: str, changed: Path | None = None) -> Path:
        """Links the simulator; `changed` stands in for the engine's source of the same name."""
        objects = [self.object_of(source) for source in self.sources]
        if changed:
            planted = self.place / f"{name}.o"
            self.compile(changed, planted)
            objects = [planted if made.name == f"src_{changed.stem}.o" else made for made in objects]
        program = self.place / name
        libraries = [*pkg_config("--libs"), "-lpthread", "-lm"]
        subprocess.run([*self.compiler, "-o", program, *objects, *libraries], check=True)
        return program


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    if not shutil.which("pkg-config"):
        pytest.fail("pkg-config is not there")
    return Builder(tmp_path_factory.mktemp("plants"))


def simulate(program: Path, seeds: int) -> subprocess.CompletedProcess:
    command = [program, "--stop", "--seeds", str(seeds)]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS)


def test_healthy_engine_passes(builder):
    run = simulate(builder.program("healthy"), SEEDS)
    assert run.returncode == 0, run.stdout[-2000:]
    assert run.stdout.splitlines()[-1] == f"{SEEDS} passed, 0 failed"


@pytest.mark.parametrize("name", PLANTS)
def test_planted_bug_is_found(builder, name, tmp_path):
    plant = PLANTS[name]
    source = (ROOT / "core/src" / plant.file).read_text()
    assert source.count(plant.healthy) == 1, f"{plant.file} no longer has once: {plant.healthy}"
    changed = tmp_path / plant.file
    changed.write_text(source.replace(plant.healthy, plant.sick))
    program = builder.program(f"plant{list(PLANTS).index(name)}", changed)
    run = simulate(program, PLANT_SEEDS)
    assert run.returncode == 1, f"not found in {PLANT_SEEDS} seeds:\n{run.stdout[-500:]}{run.stderr[-500:]}"
    assert "replay with" in run.stdout
