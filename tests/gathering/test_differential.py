"""One program twice: with pycopg from PyPI, and with StateKeep's classes in the place of pycopg's."""
import json

# What differs, and why it stays so: in a session of pycopg's a statement that fails spoils all that come after it; here
# each statement is a transaction of its own.
DIFFERENCES = {
    "session goes on": (["raises", "psycopg", "InFailedSqlTransaction", "25P02"], [{"one": "int 1"}]),
}


def test_a_program_sees_the_same(pycopg_peer, server, database):
    environment = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "postgres", "PGDATABASE": database}
    answers = {}
    for stands_in, module in ((False, "pycopg.database"), (True, "statekeep.gathering.database")):
        done = pycopg_peer.run("calls.py", stands_in=stands_in, **environment)
        assert done.returncode == 0 and done.stderr.splitlines()[-1] == module, done.stderr
        answers[stands_in] = [json.loads(line) for line in done.stdout.splitlines()]
    theirs, ours = answers[False], answers[True]
    assert [name for name, _ in ours] == [name for name, _ in theirs] and len(theirs) > 90
    different = {name: (was, got) for (name, was), (_, got) in zip(theirs, ours) if was != got}
    assert different == DIFFERENCES, json.dumps(different, indent=1)
