"""pycopg's own tests, those without mocks, with StateKeep's classes in the place of pycopg's.

They are read from pycopg's source archive on PyPI when this runs. What they need beside Database and the pools
(timescale, spatial, etl) is pycopg's own at work on StateKeep's databases."""
import subprocess
import tarfile
import xml.etree.ElementTree as ElementTree

import pytest

import server as servers

FILES = [
    "test_database_integration", "test_integration", "test_pool_commit", "test_pool_stress", "test_parity",
    "test_migration_atomicity", "test_migration_edge_cases", "test_named_params", "test_savepoints",
    "test_session_edge_cases", "test_config", "test_utils", "test_exceptions",
]
PASSED = 323
# They need PostGIS; pycopg's own run of them without it skips them as well.
SKIPPED = 2


@pytest.fixture(scope="session")
def suite(pycopg_peer, tmp_path_factory):
    """The directory of pycopg's tests."""
    place = tmp_path_factory.mktemp("pycopg")
    done = subprocess.run([pycopg_peer.python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
                           "--no-deps", "--no-binary", "pycopg", "--dest", place, "pycopg==1.2.0"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"NOT RUN: pycopg's source archive cannot be had from PyPI: {done.stderr[-300:]}")
    with tarfile.open(next(place.glob("pycopg-*.tar.gz"))) as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # not in Debian 12's Python 3.11.2
        archive.extractall(place, **safely)
    return next(place.glob("pycopg-*/tests"))


def test_pycopg_s_own_tests_pass(suite, pycopg_peer, server, tmp_path):
    programs = servers.find_programs()
    environment = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "postgres", "PGPASSWORD": "any"}
    path = f"{programs}:{servers.os.environ['PATH']}"
    done = pycopg_peer.run(suite / "setup_test_db.py", stands_in=False, **environment)
    assert "complete" in done.stdout, done.stdout + done.stderr
    report = tmp_path / "report.xml"
    # From a bare directory, so that the pycopg beside the tests is not the one that is imported.
    copy = tmp_path / "tests"
    copy.mkdir()
    for file in suite.glob("*.py"):
        (copy / file.name).write_bytes(file.read_bytes())
    done = pycopg_peer.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", f"--junitxml={report}",
        *(f"tests/{name}.py" for name in FILES), cwd=tmp_path, timeout=600, PATH=path, PGDATABASE="pycopg_test",
        **environment)
    cases = [(case.get("classname") + "." + case.get("name"), {child.tag for child in case})
             for case in ElementTree.parse(report).iter("testcase")]
    failed = [name for name, kinds in cases if kinds & {"failure", "error"}]
    skipped = [name for name, kinds in cases if "skipped" in kinds]
    assert not failed, "\n".join(failed) + done.stdout[-5000:]
    assert (len(cases) - len(skipped), len(skipped)) == (PASSED, SKIPPED), skipped


def test_it_is_statekeep_that_is_tested(pycopg_peer):
    done = pycopg_peer.run("-c", "import pycopg; print(pycopg.Database.__module__, pycopg.pool.PooledDatabase.__module__)")
    assert done.stdout.split() == ["statekeep.gathering.database", "statekeep.gathering.pool"], done.stderr
