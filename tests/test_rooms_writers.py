"""Writers of one room beside each other, RoomKit's own statements among them: no deadlock, no long wait, no gap."""
import json
import math
import os
import pathlib
import threading
import time
import warnings

import compile as compiler
import psycopg
import pytest

OPS = {op.name: op for op in compiler.read()}
SECONDS = 10
LONGEST_WAIT = 1.0  # seconds, on a machine that has nothing else to do
HANGS = 60 * LONGEST_WAIT  # on any machine: the server ends a statement that takes so long, as an error
STOOD_STILL = 0.25 * LONGEST_WAIT  # what a statement that waits for nobody takes where the machine is at fault
IDLE = 0.25  # share of the processors that others have, at most, on a machine that has nothing else to do
TASKS = 16


def event(name, **fields):
    return json.dumps({
        "id": name, "room_id": "room", "content": {"type": "text", "body": "hello"},
        "source": {"channel_id": "sms", "channel_type": "sms"}, **fields})


class Machine:
    """What others had of the machine since this was made: processors, and by a session that writes to a table of its own, how
    long it stood still."""

    def __init__(self, dsn, connections):
        self.pids = [os.getpid(), *(connection.info.backend_pid for connection in connections)]
        self.still = 0.0
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.connection.execute("create table pulse (at timestamptz)")
        self.begun, self.spent = time.monotonic(), self.spent_by_others()

    def pulse(self, until):
        while time.monotonic() < until:
            begun = time.monotonic()
            self.connection.execute("insert into pulse values (now())")
            self.still = max(self.still, time.monotonic() - begun)
            time.sleep(0.02)
        self.connection.close()

    def spent_by_others(self):
        """In seconds; infinite where that cannot be known."""
        figures = pathlib.Path("/proc/stat")
        if not figures.exists():
            return math.inf
        user, nice, system, _, _, *interrupts = map(int, figures.read_text().split("\n", 1)[0].split()[1:9])
        ours = [pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13] for pid in self.pids]
        ticks = user + nice + system + sum(interrupts) - sum(int(count) for pair in ours for count in pair)
        return ticks / os.sysconf("SC_CLK_TCK")

    def others(self):
        """Their share of the processors."""
        share = (self.spent_by_others() - self.spent) / (time.monotonic() - self.begun) / os.cpu_count()
        return share if math.isfinite(share) else 1.0


class Writer:
    """A session that calls operations as the engine sends them, or RoomKit's statements as it sends those."""

    def __init__(self, dsn, name):
        self.name, self.calls, self.count, self.longest = name, 0, 0, 0.0
        self.connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
        self.connection.execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set jit = off")
        self.connection.execute(f"set statement_timeout = '{HANGS}s'")

    def prepare(self, name):
        op = OPS[name]
        types = ", ".join(arg.parameter(op.batch) for arg in op.args)
        self.connection.execute(f"prepare {op.name.replace('.', '_')}({types}) as {op.text({})}")

    def call(self, name, *columns):
        """A batch of one for each element of the columns."""
        arguments = ", ".join(
            psycopg.sql.Literal(column).as_string(self.connection) + "::" + arg.parameter(OPS[name].batch)
            for column, arg in zip(columns, OPS[name].args))
        self.connection.execute(f"execute {name.replace('.', '_')}({arguments})")

    def new_events(self, count):
        self.count += count
        return [event(f"{self.name}-{number}") for number in range(self.count - count, self.count)]

    def append(self):
        events = self.new_events(4)
        self.call("room.add_event_auto_index", ["room"] * 4, events)

    def commit(self):
        events = self.new_events(4)
        self.call("room.commit_event", ["room"] * 4, events, [True, False, True, False])

    def change(self):
        """An edit of the writer's own event, committed with it."""
        edit, = self.new_events(1)
        target = event(f"{self.name}-target", metadata={"edited": self.count})
        self.call("room.commit_change", "room", edit, target, True)

    def update(self):
        """Gives the writer's own event a new idempotency key."""
        target = f"{self.name}-target"
        self.call("room.update_event", target, event(target, idempotency_key=f"{self.name} {self.calls}"))

    def roomkit(self, *statements):
        """RoomKit's transaction: its statements one after the other, each with a round trip of its own."""
        with self.connection.transaction():
            for statement in statements:
                self.connection.execute(statement)
            index, = self.connection.execute(
                "insert into event_sequences (room_id, next_index) values ('room', 1) on conflict (room_id) do update"
                " set next_index = event_sequences.next_index + 1 returning next_index - 1").fetchone()
            self.count += 1
            self.connection.execute(
                "insert into events (id, room_id, content, source_channel_id, source_channel_type, index)"
                " values (%s, 'room', '{}', 'sms', 'sms', %s)", (f"{self.name}-{self.count - 1}", index))
            if statements:
                self.connection.execute(
                    "update rooms set event_count = event_count + 1, latest_index = %s where id = 'room'", (index,))

    def roomkit_append(self):
        self.roomkit()

    def roomkit_commit(self):
        self.roomkit("select * from rooms where id = 'room' for update")

    def run(self, action, until, failures):
        try:
            while time.monotonic() < until:
                begun = time.monotonic()
                action()
                self.calls += 1
                self.longest = max(self.longest, time.monotonic() - begun)
        except psycopg.Error as error:
            failures.append(f"{self.name}: {error}")


OWN_EVENT = ("change", "update")  # kinds of writers that have an event of their own from the start


def write_together(server, database, kinds):
    """Lets TASKS writers of these kinds write to one room for SECONDS; the writers, what failed, what others had of the
    processors, and the longest that the machine stood still."""
    dsn = server.dsn(database)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name in ("room.setup", "room.setup_extras"):
            connection.execute(OPS[name].text({}))
        connection.execute("insert into rooms (id) values ('room')")
    writers = [Writer(dsn, f"{kinds[number % len(kinds)]}-{number}") for number in range(TASKS)]
    for writer in writers:
        for name in ("room.add_event_auto_index", "room.commit_event", "room.commit_change", "room.update_event"):
            writer.prepare(name)
        if writer.name.startswith(OWN_EVENT):
            writer.call("room.commit_event", ["room"], [event(f"{writer.name}-target")], [False])
    failures, machine = [], Machine(dsn, [writer.connection for writer in writers])
    until = time.monotonic() + SECONDS
    threads = [threading.Thread(target=machine.pulse, args=(until,))] + [
        threading.Thread(target=writer.run, args=(getattr(writer, writer.name.rpartition("-")[0]), until, failures))
        for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    others = machine.others()
    for writer in writers:
        writer.connection.close()
    return writers, failures, others, machine.still


@pytest.mark.parametrize("kinds", [
    ["append", "commit", "change", "update"], ["append", "commit", "roomkit_commit"],
    ["roomkit_append", "commit", "append"]], ids=["ours", "beside RoomKit's commits", "beside RoomKit's appends"])
def test_writers_of_one_room_never_deadlock(server, database, kinds):
    """RoomKit's own two kinds deadlock with each other; each of them is harmless beside ours. What a writer waits for its turn
    is judged only when nothing else was at work meanwhile, and who waits for nobody was not held up: else it is the machine that
    makes it wait."""
    writers, failures, others, still = write_together(server, database, kinds)
    assert not failures
    longest = max(writer.longest for writer in writers)
    if others <= IDLE and still <= STOOD_STILL:
        assert longest < LONGEST_WAIT
    else:
        warnings.warn(f"others had {others:.0%} of the processors, and the machine stood still for {still:.2f} s: a longest wait"
                      f" of {longest:.2f} s was not judged")
    targets = sum(writer.name.startswith(OWN_EVENT) for writer in writers)
    stored = sum(writer.count for writer in writers) + targets
    assert all(writer.calls > 0 for writer in writers)
    count, lowest, highest, next_index = server.query(
        "select count(*), min(index), max(index), (select next_index from event_sequences) from events", database=database)[0]
    assert (count, lowest, highest, next_index) == (stored, 0, stored - 1, stored)
    committed = sum(writer.count for writer in writers if "append" not in writer.name) + targets
    assert server.query("select event_count from rooms", database=database) == [(committed,)]


def test_batches_of_the_same_rooms_in_any_order_never_deadlock(server, database):
    dsn = server.dsn(database)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(OPS["room.setup"].text({}))
        connection.execute("insert into rooms (id) select 'room ' || i from generate_series(1, 20) as i")
    failures = []

    def write(writer, rooms):
        try:
            for number in range(20):
                events = [json.dumps(json.loads(event(f"{writer.name} {number} {room}")) | {"room_id": room}) for room in rooms]
                writer.call("room.commit_event", rooms, events, [True] * len(rooms))
                writer.call("room.advance_delivered_index", rooms, [number] * len(rooms), [True] * len(rooms))
        except psycopg.Error as error:
            failures.append(str(error))

    rooms = [f"room {number}" for number in range(1, 21)]
    writers = [Writer(dsn, f"writer {number}") for number in range(4)]
    for writer in writers:
        writer.prepare("room.commit_event")
        writer.prepare("room.advance_delivered_index")
    threads = [threading.Thread(target=write, args=(writer, rooms[::-1 if number % 2 else 1][number:]))
               for number, writer in enumerate(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in writers:
        writer.connection.close()
    assert not failures
    assert server.query("select count(*) from rooms where event_count <> latest_index + 1", database=database) == [(0,)]
