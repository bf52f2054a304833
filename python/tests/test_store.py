import gc
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import statekeep


@pytest.fixture
def store(dsn):
    with statekeep.open(dsn) as store:
        yield store


def test_save_and_load(store, agent):
    assert store.state.save(agent, "s", {"n": [1, 2.5, None, "é\U0001f600"]}) is None
    assert store.state.load(agent_id=agent, session_id="s") == {"n": [1, 2.5, None, "é\U0001f600"]}
    assert store.call("state.list", agent_id=agent) == ["s"]


def test_json_text_keeps_every_digit(store, agent):
    digits = '{"cost": 1.10, "long": 9007199254740993, "wide": ' + "7" * 400 + "}"
    for text in (digits, digits.encode()):
        store.state.save(agent, "s", statekeep.Json(text))
        assert store.state.load(agent, "s", raw=True) == digits
    assert store.state.load(agent, "s")["long"] == 9007199254740993


def test_none_is_json_null_in_a_document_and_absent_elsewhere(store, agent):
    store.state.save(agent, "s", None)
    assert store.state.load(agent, "s", raw=True) == "null"
    assert store.state.list(agent, limit=None) == ["s"]
    with pytest.raises(statekeep.Invalid):
        store.state.save(None, "s", {})


def test_the_server_s_refusal_is_told(store, agent):
    with pytest.raises(statekeep.Invalid) as caught:
        store.state.save(agent, "s", statekeep.Json("{"))
    assert caught.value.op == "state.save" and caught.value.sqlstate == "22P02" and not caught.value.retry
    assert store.state.load(agent, "s") is None


def test_many_threads_get_their_own_answers(store, agent):
    def work(number):
        for turn in range(20):
            store.state.save(agent, f"s{number}", [number, turn])
            assert store.state.load(agent, f"s{number}") == [number, turn]

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(work, range(64)))


def test_a_full_queue_makes_threads_wait(dsn, agent):
    with statekeep.open(dsn, queue=2) as store, ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda i: store.state.save(agent, f"s{i}", i), range(400)))
        assert list(pool.map(lambda i: store.state.load(agent, f"s{i}"), range(400))) == list(range(400))


def test_waiting_for_room_ends_by_the_deadline(silent):
    store = statekeep.open(**silent, queue=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(store.admin.ping)
        for _ in range(200):
            with pytest.raises(statekeep.Deadline) as told:
                store.state.load("a", "s", timeout=0.05)
            if "queue" in str(told.value):  # else it was there before the first one
                break
        assert "queue" in str(told.value) and not first.done()
        store.close(0)
        with pytest.raises(statekeep.Closed):
            first.result(60)


def test_timeout_is_the_engine_s_deadline(silent):
    with statekeep.open(**silent) as store:
        started = time.monotonic()
        with pytest.raises(TimeoutError) as caught:
            store.state.load("a", "s", timeout=0.2)
        assert isinstance(caught.value, statekeep.Deadline)
        assert 0.19 < time.monotonic() - started < 20  # the call's own, not the store's of 30 s


@pytest.fixture
def interruptible():
    """Python raises KeyboardInterrupt also where it was started by a shell that had its jobs ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_keyboard_interrupt_ends_a_call(silent, interruptible):
    with statekeep.open(**silent) as store:
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            store.admin.ping()
        assert time.monotonic() - started < 20  # not at the call's deadline, which is after 30 s
        store.close(0)


def test_a_signal_that_raises_nothing_interrupts_nothing(silent):
    seen = []
    store = statekeep.open(**silent)

    def signals():
        for _ in range(5):
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.05)
        store.close(0)

    thread = threading.Thread(target=signals)
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(True))
    try:
        thread.start()
        with pytest.raises(statekeep.Closed):  # which ends the call: no signal did
            store.admin.ping()
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)
    assert seen


def test_other_threads_run_while_one_waits(silent):
    with statekeep.open(**silent) as store, ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        call = pool.submit(store.admin.ping, timeout=20)
        sum(range(1000))
        time.sleep(0.05)
        assert time.monotonic() - started < 10 and not call.done()
        store.close(0)
        with pytest.raises(statekeep.Closed):
            call.result(60)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_opens_its_own(dsn, store, agent):
    store.state.save(agent, "s", 1)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            try:
                store.state.load(agent, "s")
            except statekeep.Forked:
                with statekeep.open(dsn) as own:
                    code = 0 if own.state.load(agent, "s") == 1 else 2
            store.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.state.load(agent, "s") == 1
    assert store.admin.stats()["connections"]["lost"] == 0


def python(code, *arguments):
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=150)


def test_the_interpreter_exits_though_a_thread_waits(silent):
    code = """if True:
        import statekeep, sys, threading, time
        store = statekeep.open(sys.argv[1], connect_ms=60000)
        threading.Thread(target=store.admin.ping, daemon=True).start()
        time.sleep(0.3)
        print("over")
    """
    ended = python(code, silent["dsn"])
    assert (ended.returncode, ended.stdout) == (0, "over\n"), ended.stderr


def test_the_interpreter_exits_though_a_task_waits(silent):
    code = """if True:
        import asyncio, statekeep, sys
        async def main():
            store = await statekeep.connect(sys.argv[1], connect_ms=60000)
            asyncio.create_task(wait(store))
            await asyncio.sleep(0.2)
            print("over")
        async def wait(store):
            await store.admin.ping()
        asyncio.run(main())
    """
    ended = python(code, silent["dsn"])
    assert (ended.returncode, ended.stdout) == (0, "over\n"), ended.stderr


def test_a_store_that_is_forgotten_warns(dsn):
    store = statekeep.open(dsn)
    with pytest.warns(ResourceWarning, match="unclosed <statekeep.store.Store"):
        del store
        gc.collect()


def test_after_close_every_call_is_closed(dsn):
    with statekeep.open(dsn) as store:
        store.admin.ping()
    store.close()
    with pytest.raises(statekeep.Closed) as caught:
        store.state.load("a", "s")
    assert caught.value.op == "state.load"
