"""GatheRing's own data, taken from its package's migrations; that PostgreSQL takes them is tested with the schemas."""

import sys
from pathlib import Path

import pytest

from statekeep.gathering import seeds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package `gathering` with migrations."""
    folder = tmp_path / "gathering" / "db" / "migrations"
    folder.mkdir(parents=True)
    (tmp_path / "gathering" / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "001_tables.sql").write_text("create table t ();")
    (folder / "002_models.sql").write_text("INSERT INTO agent.models VALUES (1);\n")
    (folder / "003_personas.sql").write_text("DO $$ BEGIN END $$;\n")
    (folder / "005_tools.sql").write_text(
        "CREATE TABLE agent.skills ();\nINSERT INTO agent.skills (name) VALUES\n-- a; b\n('git, it''s;')\n"
        "ON CONFLICT (name) DO UPDATE SET\n    name = excluded.name;\nCREATE VIEW v AS SELECT 1;\n"
    )
    return folder


def test_only_data_is_taken(folder: Path) -> None:
    found = dict(seeds.statements(folder))
    assert list(found) == ["002_models", "003_personas", "005_tools"]
    assert found["002_models"].startswith("INSERT INTO agent.models")
    assert found["005_tools"].startswith("INSERT INTO agent.skills") and found["005_tools"].endswith("excluded.name;")
    assert "CREATE" not in found["005_tools"]


def test_a_folder_of_something_else_is_refused(folder: Path) -> None:
    (folder / "005_tools.sql").write_text("CREATE TABLE agent.skills ();\n")
    with pytest.raises(ValueError, match="inserts no skills"):
        list(seeds.statements(folder))
    (folder / "003_personas.sql").unlink()
    with pytest.raises(FileNotFoundError, match="003"):
        list(seeds.statements(folder))


def test_the_installed_package_is_found_without_importing_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gathering", raising=False)
    monkeypatch.setattr(sys, "path", [str(folder.parents[2]), *sys.path])
    assert seeds.installed() == folder


def test_no_package_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "gathering", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert seeds.installed() is None
