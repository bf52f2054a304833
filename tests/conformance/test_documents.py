"""Documents come back as jsonb keeps them: every digit, every character, every level."""

import random

import pytest
from suite import documents
from suite.adapter import Json, answers
from suite.exact import as_jsonb, parse
from suite.gate import load, save


def there_and_back(adapter, states, texts):
    """Saves texts, loads them, compares each with what the server itself makes of the text."""
    store = adapter.open(states.dsn)
    names = [f"s{n}" for n in range(len(texts))]
    saved = answers(store.submit_all([save(name, Json(text)) for name, text in zip(names, texts)]))
    assert [answer.status for answer in saved] == ["OK"] * len(texts)
    loaded = answers(store.submit_all([load(name) for name in names]))
    for name, answer, wanted in zip(names, loaded, as_jsonb(states.connection, texts)):
        assert answer.status == "OK", answer
        assert answer.result == wanted, f"{name}: {answer.result[:300]} is not {wanted[:300]}"
    store.close()


def test_real_conversations(adapter, states, trajectories):
    texts = trajectories.read_text().splitlines()
    there_and_back(adapter, states, texts)
    assert len(states.states()) == len(texts) > 10


@pytest.mark.parametrize("name", documents.edges())
def test_edges_of_json(adapter, states, name):
    there_and_back(adapter, states, [documents.edges()[name]])


def test_deep_documents(adapter, states):
    there_and_back(adapter, states, [documents.nested(depth) for depth in (1000, 2000, 3001)])


def test_a_document_too_deep_for_the_server_fails_alone(adapter, states):
    store = adapter.open(states.dsn)
    calls = store.submit_all(
        [save("s", Json("1")), save("deep", Json(documents.nested(200_000))), save("t", Json("2"))]
    )
    first, deep, last = answers(calls)
    assert (first.status, last.status) == ("OK", "OK")
    assert (deep.status, deep.error["sqlstate"]) == ("INVALID", "54001")
    assert states.states() == {"s": "1", "t": "2"}
    store.close()


def test_random_documents(adapter, states):
    rng = random.Random(7)
    there_and_back(adapter, states, [documents.generated(rng) for _ in range(300)])


def test_every_character_of_every_plane_as_an_id(adapter, states):
    store = adapter.open(states.dsn)
    ids = [character for text in documents.planes() for character in next(iter(parse(text)))]
    calls = [save(f"{n} {character}", Json(str(n)), agent=character) for n, character in enumerate(ids)]
    assert {answer.status for answer in answers(store.submit_all(calls))} == {"OK"}
    loads = answers(store.submit_all([load(f"{n} {character}", agent=character) for n, character in enumerate(ids)]))
    assert [answer.result for answer in loads] == [str(n) for n in range(len(ids))]
    store.close()
