import asyncio
import gc
import os
import random
import threading

import pytest

import statekeep


def test_save_and_load(run, dsn, agent):
    async def main():
        async with statekeep.connect(dsn) as store:
            assert await store.state.save(agent, "s", {"n": 1}) is None
            assert await store.state.load(agent_id=agent, session_id="s") == {"n": 1}
            assert await store.call("state.load", agent_id=agent, session_id="s", raw=True) == '{"n": 1}'
            assert await store.state.load(agent, "another") is None

    run(main())


def test_connect_can_be_awaited(run, dsn):
    async def main():
        store = await statekeep.connect(dsn)
        try:
            assert isinstance(store, statekeep.aio.Store)
            assert await store.admin.ping() is None
        finally:
            await store.close()

    run(main())


def test_answers_go_to_their_own_calls(run, dsn, agent):
    async def main():
        async with statekeep.connect(dsn) as store:
            await asyncio.gather(*(store.state.save(agent, f"s{i}", i) for i in range(500)))
            loaded = await asyncio.gather(*(store.state.load(agent, f"s{i}") for i in range(500)))
            assert loaded == list(range(500))

    run(main())


def test_calls_of_one_turn_travel_together(run, dsn, agent):
    async def main():
        async with statekeep.connect(dsn) as store:
            await store.admin.ping()
            before = (await store.admin.stats())["batches"]
            await asyncio.gather(*(store.state.save(agent, f"s{i}", i) for i in range(64)))
            after = (await store.admin.stats())["batches"]
            assert after["calls"] - before["calls"] == 64
            assert after["count"] - before["count"] <= 4

    run(main())


def test_a_thousand_cancelled_at_random(run, dsn, agent):
    chance = random.Random(7)

    async def load(store, number, delay):
        await asyncio.sleep(delay)
        assert await store.state.load(agent, f"s{number % 100}") == number % 100
        return number

    async def main():
        async with statekeep.connect(dsn) as store:
            await asyncio.gather(*(store.state.save(agent, f"s{i}", i) for i in range(100)))
            tasks = [asyncio.create_task(load(store, i, chance.random() * 0.05)) for i in range(3000)]
            victims = set(chance.sample(tasks, 1000))
            loop = asyncio.get_running_loop()
            for victim in victims:
                loop.call_later(chance.random() * 0.06, victim.cancel)
            answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 150)
            for number, (task, answer) in enumerate(zip(tasks, answers, strict=True)):
                assert answer == number or (task in victims and isinstance(answer, asyncio.CancelledError))
            assert any(isinstance(answer, asyncio.CancelledError) for answer in answers)
            assert await store.state.load(agent, "s1") == 1
            assert (await store.admin.stats())["connections"]["lost"] == 0

    run(main())


def test_an_unsent_call_that_is_cancelled_never_happens(run, dsn, agent):
    async def main():
        async with statekeep.connect(dsn) as store:
            call = store.state.save(agent, "s", 1)
            assert call.cancel()
            await store.admin.ping()
            assert await store.state.load(agent, "s") is None

    run(main())


def test_wait_for_lets_go(run, silent):
    async def main():
        async with statekeep.connect(**silent) as store:
            with pytest.raises(TimeoutError) as caught:
                await asyncio.wait_for(store.admin.ping(), 0.05)
            assert not isinstance(caught.value, statekeep.Error)
            await store.close(0)

    run(main())


def test_timeout_is_the_engine_s_deadline(run, silent):
    async def main():
        async with statekeep.connect(**silent) as store:
            with pytest.raises(statekeep.Deadline):
                await store.state.load("a", "s", timeout=0.05)

    run(main())


def test_a_bad_argument_fails_in_its_own_future(run, dsn, agent):
    async def main():
        async with statekeep.connect(dsn) as store:
            bad = [1, "\ud800", "", "a\0b"]
            answers = await asyncio.gather(
                *(store.state.save(id, "s", {}) for id in bad), store.state.save(agent, "s", {"ok": True}),
                store.state.save(agent, "t", {1, 2}), return_exceptions=True,
            )  # fmt: skip
            assert [type(answer) for answer in answers] == [statekeep.Invalid] * 4 + [type(None), statekeep.Invalid]

    run(main())


def test_what_python_cannot_hold_fails_alone(run, dsn, agent):
    wide = statekeep.Json("7" * 5000)  # Python reads integers of 4300 digits

    async def main():
        async with statekeep.connect(dsn) as store:
            await store.state.save(agent, "wide", wide)
            await store.state.save(agent, "flat", 1)
            answers = await asyncio.gather(
                store.state.load(agent, "wide"), store.state.load(agent, "flat"), return_exceptions=True
            )
            assert isinstance(answers[0], ValueError) and answers[1] == 1
            assert await store.state.load(agent, "wide", raw=True) == wide.text

    run(main())


def test_a_full_queue_makes_calls_wait(run, dsn, agent):
    async def main():
        async with statekeep.connect(dsn, queue=4) as store:
            await asyncio.gather(*(store.state.save(agent, f"s{i}", i) for i in range(300)))
            calls = [store.state.load(agent, f"s{i}") for i in range(300)]
            for call in calls[::3]:
                call.cancel()
            answers = await asyncio.gather(*calls, return_exceptions=True)
            for number, answer in enumerate(answers):
                assert answer == number if number % 3 else isinstance(answer, asyncio.CancelledError)

    run(main())


def test_waiting_for_room_ends_by_the_deadline(run, silent):
    async def main():
        async with statekeep.connect(**silent, queue=1) as store:
            first = store.admin.ping()
            with pytest.raises(statekeep.Deadline, match="queue"):
                await store.state.load("a", "s", timeout=0.05)
            assert not first.done()
            waiting = store.state.load("a", "s")
            await store.close(0)
            answers = await asyncio.gather(first, waiting, return_exceptions=True)
            assert [type(answer) for answer in answers] == [statekeep.Closed] * 2

    run(main())


def test_closing_ends_every_call(run, silent):
    async def main():
        store = await statekeep.connect(**silent)
        calls = [store.state.load("a", f"s{i}") for i in range(10)]
        await asyncio.gather(store.close(0.2), store.close(0.2))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(answer, statekeep.Closed) for answer in answers)
        with pytest.raises(statekeep.Closed):
            await store.admin.ping()

    run(main())


def test_closing_waits_for_what_was_sent(run, dsn, agent):
    async def main():
        async with statekeep.connect(dsn) as store:
            await store.admin.ping()
            call = store.state.save(agent, "s", 1)
            await asyncio.sleep(0)
        await call
        async with statekeep.connect(dsn) as store:
            assert await store.state.load(agent, "s") == 1

    run(main())


def test_another_loop_or_thread_is_told_so(run, dsn):
    refused = []

    async def elsewhere(store):
        try:
            await store.admin.ping()
        except RuntimeError as error:
            refused.append(str(error))

    async def main():
        async with statekeep.connect(dsn) as store:
            thread = threading.Thread(target=lambda: asyncio.run(elsewhere(store)))
            thread.start()
            await asyncio.to_thread(thread.join)
            with pytest.raises(RuntimeError, match="another event loop or thread"):
                await asyncio.to_thread(store.admin.ping)

    run(main())
    assert refused == ["the store belongs to another event loop or thread; open one here"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_told_so_and_opens_its_own(run, dsn, agent):
    async def child(store):
        with pytest.raises(statekeep.Forked):
            await store.state.load(agent, "s")
        await store.close()
        async with statekeep.connect(dsn) as own:
            assert await own.state.load(agent, "s") == 1

    async def main():
        async with statekeep.connect(dsn) as store:
            await store.state.save(agent, "s", 1)
            process = os.fork()
            if process == 0:
                code = 1
                try:
                    asyncio._set_running_loop(None)
                    asyncio.run(child(store))
                    code = 0
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
            assert await store.state.load(agent, "s") == 1
            assert (await store.admin.stats())["connections"]["lost"] == 0

    run(main())


def test_a_loop_that_cannot_watch_descriptors(dsn, agent):
    class Proactor(asyncio.SelectorEventLoop):
        def add_reader(self, fd, callback, *args):
            raise NotImplementedError

    async def main():
        async with statekeep.connect(dsn) as store:
            await asyncio.gather(*(store.state.save(agent, f"s{i}", i) for i in range(100)))
            assert await store.state.load(agent, "s7") == 7

    with asyncio.Runner(loop_factory=Proactor) as runner:
        runner.run(main())
    assert not [thread for thread in threading.enumerate() if thread.name == "statekeep"]


def test_a_store_that_is_forgotten_warns(run, dsn):
    async def main():
        store = await statekeep.connect(dsn)
        await store.admin.ping()
        with pytest.warns(ResourceWarning, match="unclosed <statekeep.aio.Store"):
            del store
            gc.collect()

    run(main())
