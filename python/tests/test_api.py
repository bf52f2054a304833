import ast
import copy
import inspect
import pathlib
import pickle

import pytest

import statekeep
from statekeep import _core, errors
from statekeep.operations import CATALOG, NOUNS


@pytest.fixture(scope="module")
def store():
    """Never used against its server: what is tested here is refused before."""
    with statekeep.open("host=127.0.0.1 port=1 connect_timeout=1", connect_ms=50) as store:
        yield store


def test_each_status_has_its_class():
    names = [name.removeprefix("KEEP_") for name in vars(_core) if name.startswith("KEEP_")]
    failures = [name for name in names if name not in ("PENDING", "OK", "VERSION")]
    assert len(failures) == 12
    for name in failures:
        error = errors.from_status(getattr(_core, "KEEP_" + name), None)
        assert error.status == name and type(error) in vars(statekeep).values()


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (statekeep.Invalid, ValueError),
        (statekeep.Deadline, TimeoutError),
        (statekeep.Unavailable, ConnectionError),
        (statekeep.NoMemory, MemoryError),
    ],
)
def test_errors_are_also_python_s_own(cls, base):
    assert issubclass(cls, base) and issubclass(cls, statekeep.Error)


def test_an_error_survives_pickling():
    text = (
        '{"status":"UNKNOWN","op":"state.save","message":"lost","sqlstate":"57P01","detail":"d",'
        '"retry":true,"reason":"link"}'
    )
    for cls in (errors.Unknown, errors.Deadline, errors.Invalid):
        error = errors.from_status(next(i for i in range(1, 13) if type(errors.from_status(i, None)) is cls), text)
        for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(twin) is cls and str(twin) == "lost"
            assert (twin.op, twin.sqlstate, twin.detail) == ("state.save", "57P01", "d")
            assert twin.retry is True and twin.reason == "link"


def test_methods_have_signatures_and_say_what_they_do(store):
    parameters = inspect.signature(store.state.list).parameters
    assert list(parameters) == ["agent_id", "limit", "offset", "timeout", "raw"]
    assert parameters["limit"].default is None and parameters["timeout"].kind is inspect.Parameter.KEYWORD_ONLY
    assert store.state.save.__doc__.startswith("Stores the state of a session")
    assert store.state.save.__qualname__ == "State.save"


def test_type_checkers_see_the_same_methods():
    stubs = pathlib.Path(statekeep.__file__).with_name("_methods.pyi").read_text()
    classes = {node.name: node for node in ast.parse(stubs).body if isinstance(node, ast.ClassDef)}
    for noun, operations in NOUNS.items():
        for prefix in ("", "Async"):
            methods = classes[prefix + noun.title()].body
            seen = {m.name: [a.arg for a in m.args.args + m.args.kwonlyargs] for m in methods}
            real = {op.split(".")[1] for op in CATALOG if op.startswith(noun + ".")}
            assert seen == {name: list(inspect.signature(getattr(operations, name)).parameters) for name in real}


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.call("state.nothing"),
        lambda store: store.call("admin.ping\0"),
        lambda store: store.call("state.load", agent_id="a"),
        lambda store: store.call("state.load", agent_id="a", session_id="s", more=1),
        lambda store: store.state.load("a", 1),
        lambda store: store.state.load("a\ud800", "s"),
        lambda store: store.state.list("a", limit="3"),
        lambda store: store.state.list("a", limit=True),
        lambda store: store.state.save("a", "s", float("nan")),
        lambda store: store.state.save("a", "s", object()),
        lambda store: store.state.save("a", "s", {"text": "\udfff"}),
        lambda store: store.state.save("a", "s", statekeep.Json(b"\xff")),
    ],
)
def test_bad_arguments_are_invalid(store, call):
    with pytest.raises(statekeep.Invalid) as caught:
        call(store)
    assert str(caught.value)


def test_missing_arguments_are_python_s_own_error(store):
    with pytest.raises(TypeError, match="session_id"):
        store.state.load("a")


def test_an_unknown_noun_is_named(store):
    with pytest.raises(AttributeError, match="nothing"):
        store.nothing.load()


@pytest.mark.parametrize(
    ("dsn", "options"),
    [
        ("embedded:\0", {}),
        ("postgresql://host:port:word/db", {}),
        ("", {"no_such_option": 1}),
        (None, {"connections": 0}),
        (None, {"tables": {"agent_states": object()}}),
        ("host=x password=s3cret nonsense", {}),
    ],
)
def test_a_wrong_dsn_or_option_is_told_at_once(dsn, options):
    with pytest.raises(statekeep.Invalid) as caught:
        statekeep.open(dsn, **options)
    assert "s3cret" not in str(caught.value)


def test_json_wants_text():
    with pytest.raises(TypeError):
        statekeep.Json({"a": 1})
