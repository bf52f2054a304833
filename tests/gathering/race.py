"""One of the processes of test_races.py: 16 threads that all want to run the same scheduled action, ROUNDS times a new one.

race.py DSN NAME ROUNDS     prints a JSON list of the runs that it was given, [round, token] each
"""
import json
import sys
import threading
from datetime import UTC, datetime

from statekeep.gathering import Config, Database

THREADS = 16


def main(dsn, name, rounds):
    due = datetime(2026, 1, 1, tzinfo=UTC)
    given = []

    def want():
        for number in range(rounds):
            with db.action(number, namespace=name, due=due, ttl=30) as run:
                if run is not None:
                    given.append((number, run.token))

    with Database(Config.from_url(dsn)) as db:
        db.execute("select 1")
        print("ready", flush=True)
        sys.stdin.readline()
        threads = [threading.Thread(target=want) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(json.dumps(given))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
