"""The suite can fail: each lie of adapters/liar.py is caught by the tests that guard against it.

One pytest run asks the liar in place of a binding, once for each lie and a few tests. The same tests must pass with the
reference, which differs from the liar in nothing but the lie.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent

STATE = "test_vectors.py::test_vector"
LIES = {
    "swaps": ["test_documents.py::test_random_documents"],
    "twice": [f"{STATE}[%s-state: a saved state is loaded]"],
    "silent": ["test_documents.py::test_random_documents"],
    "forgets": ["test_documents.py::test_random_documents"],
    "rounds": [f"{STATE}[%s-state: every digit comes back]", "test_documents.py::test_edges_of_json[%s-beyond 2^53]"],
    "replaces": ["test_documents.py::test_edges_of_json[%s-long text]"],
    "stale": [f"{STATE}[%s-state: saving again replaces the state and keeps the time of creation]"],
    "keeps": [f"{STATE}[%s-state: deleting takes one session and is not an error twice]"],
    "oldest_first": [f"{STATE}[%s-state: sessions are listed most recently saved first]"],
    "swallows": [f"{STATE}[%s-bad_input: an escaped NUL in a document is refused by the server]"],
    "blurs": [f"{STATE}[%s-bad_input: empty ids are refused]"],
    "denies": ["../faults/test_links.py::test_calls_after_all_idle_links_ended_see_no_error"],
    "leaks": [f"{STATE}[%s-bad_input: an unknown operation is refused]"],
    "hangs": ["test_cancelling.py::test_cancelling_every_caller_leaves_a_store_that_works"],
    "reconnects": ["test_cancelling.py::test_a_thousand_cancelled_at_random"],
}


UNBATCHED = "test_batching.py::test_gathered_saves_leave_in_one_batch"


def with_adapter(test, adapter):
    """The id of a test when it asks one adapter."""
    return test.replace("%s", adapter) if "%s" in test else f"{test}[{adapter}]"


@pytest.fixture(scope="module")
def told():
    """{test id: ("passed", "failed" or "error", pytest's reason or "")} of one run of pytest over all of this."""
    asked = [with_adapter(test, f"liar:{lie}") for lie, tests in LIES.items() for test in tests]
    asked += [with_adapter(test, "reference") for test in honest_tests()]
    asked.append(with_adapter(UNBATCHED, "reference"))
    adapters = ",".join(["reference", *(f"liar:{lie}" for lie in LIES)])
    environment = {**os.environ, "STATEKEEP_ADAPTERS": adapters, "STATEKEEP_ANSWER_SECONDS": "12"}
    environment["COLUMNS"] = "300"  # pytest cuts its reasons to the width
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", "-rA", *asked]
    run = subprocess.run(command, env=environment, cwd=HERE, capture_output=True, text=True, timeout=1200)
    lines = re.findall(r"^(PASSED|FAILED|ERROR) \S*?(\w+\.py::.+?\])(?: - (.*))?$", run.stdout, re.MULTILINE)
    assert lines, run.stdout + run.stderr
    return {test: (kind.lower(), reason) for kind, test, reason in reversed(lines)}


def honest_tests():
    return sorted({test for tests in LIES.values() for test in tests})


def outcome(told, test, adapter):
    return told[with_adapter(test, adapter).rpartition("/")[2]]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_caught(told, lie):
    for test in LIES[lie]:
        assert outcome(told, test, f"liar:{lie}")[0] in ("failed", "error"), test


@pytest.mark.parametrize("test", honest_tests())
def test_the_reference_passes_what_catches_a_lie(told, test):
    assert outcome(told, test, "reference")[0] == "passed"


def test_an_honest_adapter_that_sends_every_call_by_itself_is_caught(told):
    kind, reason = outcome(told, UNBATCHED, "reference")
    assert kind == "failed"
    assert re.search(r"\b\d\d\b.*<= 2$", reason), f"it failed, but not for the number of batches: {reason}"
