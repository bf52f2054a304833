"""Nobody who is interrupted or cancelled takes a pool's connection with him."""

import asyncio
import itertools
import os
import queue
import signal
import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import pytest

from statekeep import sql
from statekeep.gathering import (
    AsyncDatabaseService,
    AsyncPooledDatabase,
    Config,
    PooledDatabase,
    engine,
    failures,
    gate,
)
from statekeep.gathering import service as services

WATCHED = {gate.__file__, engine.__file__}


@pytest.fixture(scope="module")
def config(dsn):
    return Config.from_url(dsn)


def service_of(config, size):
    return AsyncDatabaseService(config.embedded or config.url, 0, size)


class Interrupt(BaseException):
    """What a signal's handler raises."""


def at_line(function, number, happen):
    """Runs the function; `happen` is called at the `number`-th line of what lends. Whether it came so far."""
    left = number

    def trace_line(frame, event, _):
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                happen()
        return trace_line

    def trace_call(frame, event, _):
        code = frame.f_code
        lends = code.co_filename in WATCHED or code is sql.Held.give_back.__code__
        finalizes = "__del__" in (code.co_name, frame.f_back.f_code.co_name)  # what that raises Python itself drops
        return trace_line if lends and not finalizes else None

    former = sys.gettrace()
    sys.settrace(trace_call)
    try:
        function()
    except (Interrupt, failures.PoolTimeout):
        pass
    finally:
        sys.settrace(former)
    return left <= 0


def interrupt(*_):
    raise Interrupt


@pytest.mark.filterwarnings("ignore:a lease was dropped:ResourceWarning")
def test_an_interrupt_anywhere_leaks_no_place(config):
    def borrow():
        with pool.connect():
            pass

    with PooledDatabase(config, 0, 2, timeout=5) as pool:
        borrow()
        for number in itertools.count(1):
            met = at_line(borrow, number, interrupt)
            assert pool.stats["pool_available"] == 2, f"lost at line {number}"
            if not met:
                break
        assert number > 30
        deadline = time.monotonic() + 60
        while pool._engine.store.admin.stats()["leases"]["out"]:  # until the server has reset them
            assert time.monotonic() < deadline
            pool.execute("select 1")


def test_who_is_interrupted_in_line_lets_the_others_pass(config):
    def alarm():
        deadline = time.monotonic() + 60
        while not pool.stats["requests_waiting"]:
            if time.monotonic() > deadline:
                return
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGALRM)

    former = signal.signal(signal.SIGALRM, interrupt)
    thread = threading.Thread(target=alarm)
    try:
        with PooledDatabase(config, 0, 1) as pool:
            with pool.connect():
                thread.start()
                with pytest.raises(Interrupt), pool.connect():
                    pass
                assert pool.stats["requests_waiting"] == 0
            with pool.connect():
                pass
            assert pool.stats["pool_available"] == 1
    finally:
        thread.join()
        signal.signal(signal.SIGALRM, former)


def test_the_collector_may_end_a_place_in_the_midst_of_another_s_entering(monkeypatch):
    class Turn(queue.SimpleQueue):
        def get(self, timeout):
            try:
                return super().get(timeout=timeout)
            except queue.Empty:
                waited.append(number)
                raise

    def end():
        if not waited:
            ended.append(number)
        first.leave()

    monkeypatch.setattr(gate, "queue", types.SimpleNamespace(SimpleQueue=Turn, Empty=queue.Empty))
    waited, ended = [], []
    for number in itertools.count(1):
        turns, second = gate.Gate(1), []
        first = turns.enter(1)
        at_line(lambda: second.append(turns.enter(1)), number, end)
        if number not in ended:
            break  # so far it does not come before the waiting is over
        assert second and (turns.out, turns.waiting) == (1, 0), f"overheard at line {number}"
    assert number > 10


def test_turns_are_taken_in_order_and_no_more_than_the_size_are_within():
    turns, order, told, most = gate.Gate(2), [], queue.SimpleQueue(), []

    def work(number):
        place = turns.enter(30)
        order.append(number)
        most.append(turns.out)
        told.get()
        place.leave()
        place.leave()  # does nothing

    threads = []
    for number in range(8):
        threads.append(threading.Thread(target=work, args=[number]))
        threads[-1].start()
        while turns.out + turns.waiting <= number:
            time.sleep(0.001)
    with pytest.raises(failures.PoolTimeout, match="2 of 2 are out, 6 wait"):
        turns.enter(0.01)
    for number in range(3, 11):
        told.put(None)
        while len(order) < min(number, 8):  # until the next one is within
            time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert sorted(order[:2]) == [0, 1] and order[2:] == [2, 3, 4, 5, 6, 7] and max(most) == 2
    assert (turns.out, turns.waiting) == (0, 0)


def test_many_threads_lose_no_wake_up():
    turns, within, most = gate.Gate(3), [], []

    def work(number):
        for _ in range(100):
            try:
                place = turns.enter(30 if number % 4 else 0)
            except failures.PoolTimeout:
                continue
            within.append(number)
            most.append(len(within))
            within.remove(number)
            place.leave()

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(16)))
    assert max(most) <= 3 and (turns.out, turns.waiting) == (0, 0)


@pytest.mark.parametrize("turns_of_the_loop", range(1, 8))
def test_a_task_that_is_cancelled_at_its_turn_leaks_no_place(turns_of_the_loop):
    async def hold(turns):
        place = await turns.enter(10)
        try:
            await asyncio.sleep(0)
        finally:
            place.leave()

    async def main():
        turns = gate.AsyncGate(1)
        tasks = [asyncio.create_task(hold(turns)) for _ in range(4)]
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[1].cancel()
        done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
        assert done[2:] == [None, None] and (turns.out, turns.waiting) == (0, 0)

    asyncio.run(main())


def test_a_place_of_a_loop_is_left_from_another_thread(config):
    async def main():
        turns = gate.AsyncGate(1)
        place = await turns.enter(None)
        with pytest.raises(failures.PoolTimeout):
            await turns.enter(0.01)
        waiting = asyncio.create_task(turns.enter(10))
        await asyncio.to_thread(place.leave)
        (await waiting).leave()
        assert turns.out == 0

    asyncio.run(main())


def test_connections_of_before_a_resize_are_ended_when_the_last_one_comes_back(config):
    with PooledDatabase(config, 0, 2) as pool:
        former = pool._engine
        with pool.connect() as first:
            with pool.connect():
                pool.resize(0, 3)
            assert first.execute("select 1 as one")[0]["one"] == pool.execute("select 1 as one")[0]["one"] == 1
        assert former.connections() == 0 < pool._engine.connections()


def test_connections_of_before_a_resize_are_ended_on_a_loop_too(config):
    async def main():
        async with AsyncPooledDatabase(config, 0, 2) as pool:
            former = pool._engine
            async with pool.connect() as first:
                async with pool.connect():
                    await pool.resize(0, 3)
                assert (await first.execute("select 1 as one"))[0]["one"] == 1
            async with asyncio.timeout(60):
                while former.connections():
                    await asyncio.sleep(0.01)
            await pool.execute("select 1")

    asyncio.run(main())


def test_an_advisory_lock_cancelled_within_its_statement_gives_its_connection_back(config, monkeypatch):
    monkeypatch.setattr(services, "_lock", lambda *_: ("select pg_sleep(600)", []))

    async def locked(service):
        async with service.advisory_lock(1, 7):
            pass

    async def main():
        async with service_of(config, 1) as service:
            task = asyncio.create_task(locked(service))
            while not service.stats["pool_size"] or service.stats["pool_available"]:
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait([task])  # which holds the task's frames: nothing is dropped yet
            assert task.cancelled() and service.stats["pool_available"] == 1
            assert (await asyncio.wait_for(service.execute_one("select 1 as one"), 60))["one"] == 1

    asyncio.run(main())


def test_an_advisory_lock_is_held_for_its_block_and_none_that_was_not_got_takes_a_connection(config):
    async def main():
        async with service_of(config, 2) as service:
            async with service.advisory_lock(2, 7) as held:
                async with service.advisory_lock(2, 7) as twice:
                    assert (held, twice, service.stats["pool_available"]) == (True, False, 1)
            with pytest.raises(ZeroDivisionError):
                async with service.advisory_lock(2, 7) as held:
                    assert held
                    raise ZeroDivisionError
            async with service.advisory_lock(2, 7) as held:  # free at once, also when the block raised
                assert held
            assert service.stats["pool_available"] == 2

    asyncio.run(main())


def test_an_advisory_lock_is_not_taken_where_the_statement_fails(config, monkeypatch, caplog):
    monkeypatch.setattr(services, "_lock", lambda *_: ("select 1/0", []))

    async def main():
        async with service_of(config, 1) as service:
            async with service.advisory_lock(1, 7) as held:
                assert held is False and service.stats["pool_available"] == 1

    asyncio.run(main())
    assert "is not taken" in caplog.text
