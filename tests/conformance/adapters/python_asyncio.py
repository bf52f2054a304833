"""The adapter of the Python package under asyncio: one task for each call; on uvloop with --uvloop."""

import asyncio
import json
import sys

import python_calls
import statekeep


class Adapter:
    def __init__(self):
        self.stores, self.dsns, self.tasks = {}, {}, {}

    async def serve(self):
        reader = asyncio.StreamReader(limit=1 << 30)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            request = json.loads(line)
            await getattr(self, "do_" + request["do"])(request)
        await asyncio.gather(*self.tasks.values())
        for store in self.stores.values():
            await store.close()

    async def do_hello(self, request):
        python_calls.hello(request, "python asyncio", ordered=True, cancels=True)

    async def do_open(self, request):
        name = request["store"]
        try:
            self.stores[name] = await statekeep.connect(request["dsn"], **request["options"])
            self.dsns[name] = request["dsn"]
            python_calls.answer(request, None)
        except statekeep.Error as error:
            python_calls.answer_error(request, error)

    async def do_call(self, request):
        task = asyncio.create_task(self.call(request))
        self.tasks[request["id"]] = task
        task.add_done_callback(lambda done: self.called(request, done))

    async def call(self, request):
        store = self.stores[request["store"]]
        return await store.call(request["op"], **python_calls.call_arguments(request))

    def called(self, request, task):
        del self.tasks[request["id"]]
        if task.cancelled():
            python_calls.answer_error(request, statekeep.Cancelled("the task was cancelled", request["op"]))
        elif task.exception():
            python_calls.answer_error(request, task.exception())
        else:
            python_calls.answer(request, task.result())

    async def do_cancel(self, request):
        if request["id"] in self.tasks:
            self.tasks[request["id"]].cancel()

    async def do_close(self, request):
        await self.stores[request["store"]].close()
        python_calls.answer(request, None)

    async def do_fork(self, request):
        inherited, dsn = self.stores[request["store"]], self.dsns[request["store"]]

        def child():
            asyncio._set_running_loop(None)  # the parent's loop is not the child's
            return asyncio.run(self.child_pings(inherited, dsn))

        python_calls.fork(request, child)

    @staticmethod
    async def child_pings(inherited, dsn):
        async with statekeep.connect(dsn) as own:
            return {"inherited": await status(inherited.admin.ping()), "own": await status(own.admin.ping())}


async def status(future):
    try:
        await future
    except statekeep.Error as error:
        return error.status
    return "OK"


if "--uvloop" in sys.argv:
    import uvloop

    uvloop.install()
asyncio.run(Adapter().serve())
