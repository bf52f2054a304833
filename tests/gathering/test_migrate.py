"""python -m statekeep.gathering.migrate."""
from statekeep.gathering import Database, migrate


def test_it_tells_what_it_would_do_does_it_and_does_it_once(vector_server, capsys):
    name = vector_server.create_database()
    url = vector_server.url(name)
    with Database.from_url(url) as db:
        assert migrate.main(["--url", url, "--dry-run"]) == 0
        assert "create table if not exists agent.agents" in capsys.readouterr().out
        assert migrate.main(["--url", url, "--status"]) == 0
        assert capsys.readouterr().out == "nothing was applied\n" and not db.schema_exists("agent")
        assert migrate.main(["--url", url]) == 0
        applied = capsys.readouterr().out
        assert migrate.main(["--url", url]) == 0
        assert capsys.readouterr().out == applied and applied.count("\n") > 5
        assert {"agents", "sessions"} <= set(db.list_tables("agent")) and db.table_exists("action_leases")
    vector_server.drop_database(name)


def test_a_server_that_is_not_there_is_told(capsys):
    assert migrate.main(["--url", "postgresql://postgres@127.0.0.1:1/x"]) == 1
    assert "127.0.0.1" in capsys.readouterr().err
