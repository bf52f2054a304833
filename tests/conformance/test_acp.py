"""Runs, sessions and events: written by one binding, read and deleted by another, and kept character by character."""

import pytest
from suite import documents, registry
from suite.adapter import Json, answers
from suite.exact import parse

NAMES = registry.selected()
# What only a text column can hold, beside what any JSON column can.
EXACT = ['{"b": 1,  "a":2, "a":3}', '["\\u0000", "\\ud800"]', "[1E400, 0.1000, -0.0, 9007199254740993]"]


@pytest.mark.parametrize("reader_name", NAMES)
@pytest.mark.parametrize("writer_name", NAMES)
def test_written_by_one_read_by_another(adapters, db, writer_name, reader_name):
    writer = adapters.get(writer_name).open(db.dsn)
    writer.ok("acp.setup")
    texts = [*EXACT, *documents.edges().values()]
    for n, text in enumerate(texts):
        writer.ok("event.add", run_id="é", event_type="generic", data=Json(text))
        writer.ok("session.save", id=f"s{n}", history=Json(f"[{text}]"), state=Json(text))
    writer.ok("run.save", run_id="é", agent_name="a", status="created", output=Json(f"[{texts[0]}]"))

    reader = adapters.get(reader_name).open(db.dsn)
    wanted = [parse(text) for text in texts]
    assert [row["data"] for row in reader.ok("event.list", run_id="é")] == wanted
    assert [parse(reader.call("session.load", id=f"s{n}").result)["state"] for n in range(len(texts))] == wanted
    assert [run["output"] for run in reader.ok("run.find", agent_name="a")["runs"]] == [[wanted[0]]]
    assert int(reader.ok("run.delete", run_id="é")) == 1
    assert writer.ok("event.data", run_id="é") == []
    writer.close()
    reader.close()


def test_real_conversations_as_histories(adapter, db, trajectories):
    store = adapter.open(db.dsn)
    store.ok("acp.setup")
    texts = trajectories.read_text().splitlines()
    calls = [("session.save", {"id": f"s{n}", "history": Json(f"[{text}]")}) for n, text in enumerate(texts)]
    assert {answer.status for answer in answers(store.submit_all(calls))} == {"OK"}
    kept = dict(db.query("select id, history from acp_sessions"))
    assert kept == {f"s{n}": f"[{text}]" for n, text in enumerate(texts)}
    loaded = answers(store.submit_all([("session.load", {"id": f"s{n}"}) for n in range(len(texts))]))
    assert [parse(answer.result)["history"] for answer in loaded] == [[parse(text)] for text in texts]
    store.close()


def test_a_run_that_is_saved_and_deleted_at_once_is_whole_or_gone(adapter, db):
    store = adapter.open(db.dsn)
    store.ok("acp.setup")
    for _ in range(20):
        calls = [("run.save", {"run_id": "r", "agent_name": "a", "status": "s"}), ("run.delete", {"run_id": "r"})] * 8
        assert {answer.status for answer in answers(store.submit_all(calls))} == {"OK"}
    assert db.query("select count(*) <= 1, count(*) filter (where agent_name <> 'a') from acp_runs") == [(True, 0)]
    store.close()
