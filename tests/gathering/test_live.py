"""GatheRing 1.0.0 from PyPI on StateKeep: its own code, StateKeep's classes in pycopg's place, StateKeep's schemas."""
import json

CALLS = 65


def test_gathering_s_database_methods_work(gathering_peer, gathering_database):
    environment = {"DATABASE_URL": gathering_database, "SECRET_KEY": "x" * 32, "DISABLE_AUTH": "true"}
    seeded = gathering_peer.run("-m", "statekeep.gathering.migrate", "--seed", "--url", gathering_database)
    assert seeded.returncode == 0, seeded.stderr
    done = gathering_peer.run("live_calls.py", **environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    calls = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    failed = {call["name"]: call["error"] for call in calls if call["error"]}
    assert not failed
    assert len(calls) == CALLS
    results = {call["name"]: call["result"] for call in calls}
    assert results["Scheduler._try_acquire_action_lock"] == "True"
    assert "a1" in results["DatabaseService.get_agent"] and "MemoryResult" in results["VectorStore.search_memories"]
