"""Scheduled actions that several processes look after."""
import json
import pathlib
import subprocess
import sys

import statekeep

ROUNDS = 1000
PROCESSES = 2
RACE = pathlib.Path(__file__).with_name("race.py")


def test_an_action_that_32_threads_of_2_processes_want_runs_once(server, database):
    with statekeep.open(server.dsn(database)) as store:
        store.schedule.setup()
    racers = [subprocess.Popen([sys.executable, RACE, server.dsn(database), "race", str(ROUNDS)], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(PROCESSES)]
    try:
        assert all(racer.stdout.readline() == "ready\n" for racer in racers)
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        runs = [tuple(run) for racer in racers for run in json.loads(racer.communicate(timeout=300)[0])]
    finally:
        for racer in racers:
            racer.kill()
            racer.wait()
    assert sorted(runs) == [(number, 1) for number in range(ROUNDS)]
