"""Written by one binding, read, listed, searched and deleted by another, for every pair."""

import pytest
from suite import documents, registry
from suite.adapter import Json, Native, answers
from suite.exact import as_jsonb

NAMES = registry.selected()
NATIVE = {"text": "Grüße 😀", "list": [1, True, None], "deep": {"": [{}]}}


@pytest.mark.parametrize("reader_name", NAMES)
@pytest.mark.parametrize("writer_name", NAMES)
def test_written_by_one_read_by_another(adapters, db, writer_name, reader_name):
    writer = adapters.get(writer_name).open(db.dsn)
    writer.ok("state.setup")
    texts = documents.edges()
    calls = [("state.save", {"agent_id": "é", "session_id": name, "state": Json(text)}) for name, text in texts.items()]
    assert {answer.status for answer in answers(writer.submit_all(calls))} == {"OK"}
    writer.ok("state.save", agent_id="é", session_id="native", state=Native(NATIVE))

    reader = adapters.get(reader_name).open(db.dsn)
    loads = [("state.load", {"agent_id": "é", "session_id": name}) for name in texts]
    found = [answer.result for answer in answers(reader.submit_all(loads))]
    assert found == as_jsonb(db.connection, texts.values())
    assert reader.ok("state.load", agent_id="é", session_id="native")["text"] == NATIVE["text"]
    assert set(reader.ok("state.list", agent_id="é")) == {*texts, "native"}
    assert [row["session_id"] for row in reader.ok("state.search", contains=Native({"text": NATIVE["text"]}))] == [
        "native"
    ]
    assert int(reader.ok("state.count")) == len(texts) + 1
    reader.ok("state.delete", agent_id="é", session_id="native")
    assert writer.load("é", "native") == "null"
    writer.close()
    reader.close()


@pytest.mark.parametrize("reader_name", NAMES)
@pytest.mark.parametrize("writer_name", NAMES)
def test_a_checkpoint_of_one_is_gone_on_from_by_another(adapters, db, writer_name, reader_name):
    writer = adapters.get(writer_name).open(db.dsn)
    writer.ok("checkpoint.setup")
    writer.ok("checkpoint.setup_versions")
    texts = documents.edges()
    calls = [("checkpoint.save", {"thread_id": name, "state": Json(text)}) for name, text in texts.items()]
    assert {answer.status for answer in answers(writer.submit_all(calls))} == {"OK"}
    writer.ok("checkpoint.save", thread_id="", state=Native(NATIVE))

    reader = adapters.get(reader_name).open(db.dsn)
    loads = [("checkpoint.load", {"thread_id": name}) for name in texts]
    found = [answer.result for answer in answers(reader.submit_all(loads))]
    assert found == as_jsonb(db.connection, texts.values())
    found = reader.ok("checkpoint.load_version", thread_id="")
    assert found["state"]["text"] == NATIVE["text"] and int(found["version"]) == 1
    assert set(reader.ok("checkpoint.list")) == {"", *texts}
    assert int(reader.ok("checkpoint.save_version", thread_id="", state=Native([1]), expected=1)) == 2
    late = writer.call("checkpoint.save_version", thread_id="", state=Native([2]), expected=1)
    assert late.status == "CONFLICT"
    assert reader.ok("checkpoint.copy", from_id="", to_id="copy") == "copy"
    rows = writer.ok("checkpoint.load_many", thread_ids=Native(["copy", "none", ""]))
    assert [(row["thread_id"], [int(n) for n in row["state"]]) for row in rows] == [("copy", [1]), ("", [1])]
    reader.ok("checkpoint.delete", thread_id="")
    assert writer.ok("checkpoint.load", thread_id="") is None
    writer.close()
    reader.close()
