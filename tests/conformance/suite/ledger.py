"""Load that remembers what it was told, and holds it against what the server has afterwards."""

import collections
import random
import threading

from .adapter import ANSWER_SECONDS, Json, answers
from .gate import load, save

WAVE = 32  # calls written at once
AHEAD = 4  # waves in flight


class Ledger:
    """Saves of ever new sessions and loads of acknowledged ones, until the block ends; then the truth.

    Every save has a session of its own, so each outcome can be checked alone: told OK, it is there; told a failure, it
    is not there, and it does not come later; only UNKNOWN leaves both open.
    """

    def __init__(self, store, database, agent="a", answer_seconds=ANSWER_SECONDS):
        self.store, self.database, self.agent = store, database, agent
        self.answer_seconds = answer_seconds  # after this long a call counts as lost
        self.saves = {}  # session: status
        self.reads = collections.Counter()
        self.failures = []  # errors of saves and loads
        self.wrong = []
        self._number = 0
        self._random = random.Random(11)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._problem = None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *exception):
        self._stop.set()
        self._thread.join()
        if self._problem and kind is None:
            raise self._problem

    def document(self, session):
        return f'{{"session": "{session}"}}'

    def saved(self):
        """How many saves have been acknowledged so far."""
        return sum(status == "OK" for status in list(self.saves.values()))

    def _wave(self):
        known = [session for session, status in self.saves.items() if status == "OK"]
        calls = []
        for _ in range(WAVE):
            if known and self._random.random() < 0.4:
                calls.append((self._random.choice(known), True))
            else:
                self._number += 1
                calls.append((f"s{self._number}", False))
        requests = [
            load(session, self.agent) if is_read else save(session, Json(self.document(session)), self.agent)
            for session, is_read in calls
        ]
        return list(zip(calls, self.store.submit_all(requests)))

    def _collect(self, wave):
        for ((session, is_read), _), answer in zip(wave, answers([call for _, call in wave], self.answer_seconds)):
            if answer.status != "OK":
                self.failures.append(answer.error)
            if not is_read:
                self.saves[session] = answer.status
                continue
            self.reads[answer.status] += 1
            if answer.status == "OK" and answer.result != self.document(session):
                self.wrong.append(f"{session} was read as {answer.result}")

    def _run(self):
        waves = collections.deque()
        try:
            while not self._stop.is_set():
                waves.append(self._wave())
                if len(waves) == AHEAD:
                    self._collect(waves.popleft())
            while waves:
                self._collect(waves.popleft())
        except AssertionError as problem:
            self._problem = problem

    def check(self):
        """Compares what was told with what is there; gives how often each status was told of a save."""
        assert not self.wrong, self.wrong[:3]
        stored = self.database.states(self.agent)
        for session, status in self.saves.items():
            if status == "OK":
                assert stored.get(session) == self.document(session), (
                    f"{session} was acknowledged and is {stored.get(session)}"
                )
            elif status != "UNKNOWN":
                assert session not in stored, f"{session} was told {status} and is there"
        assert not stored.keys() - self.saves.keys()
        for error in self.failures:
            assert error["status"] != "UNKNOWN" or error.get("reason") == "link", error
        return collections.Counter(self.saves.values())
