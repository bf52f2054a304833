"""The adapter of the Python package under asyncio: one task for each call; on uvloop with --uvloop."""

import asyncio
import contextlib
import json
import sys

import python_calls
import statekeep


class Adapter:
    def __init__(self):
        self.stores, self.dsns, self.tasks, self.leases = {}, {}, {}, {}

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
        self.start(request, self.call(request))

    def start(self, request, work):
        task = asyncio.create_task(work)
        self.tasks[request["id"]] = task
        task.add_done_callback(lambda done: self.called(request, done))

    async def call(self, request):
        store = self.stores[request["store"]]
        return await store.call(request["op"], **python_calls.call_arguments(request))

    def called(self, request, task):
        del self.tasks[request["id"]]
        if task.cancelled():
            python_calls.answer_error(request, statekeep.Cancelled("the task was cancelled", request.get("op")))
        elif task.exception():
            python_calls.answer_error(request, task.exception())
        else:
            python_calls.answer(request, task.result())

    def where(self, request):
        """The lease of a request, or its store."""
        return self.leases[request["lease"]] if "lease" in request else self.stores[request["store"]]

    async def do_lease(self, request):
        self.start(request, self.lease(request))

    async def lease(self, request):
        store = self.stores[request["store"]]
        self.leases[request["lease"]] = await store.lease(timeout=python_calls.timeout(request))

    async def do_return(self, request):
        self.start(request, self.give_back(request))

    async def give_back(self, request):
        self.leases[request["lease"]].close()

    async def do_query(self, request):
        self.start(request, self.query(request))

    async def query(self, request):
        return python_calls.rows(await self.where(request).query(
            request["sql"], python_calls.parameters(request), timeout=python_calls.timeout(request)))

    async def do_copy_in(self, request):
        self.start(request, self.copy_in(request))

    async def copy_in(self, request):
        try:
            return python_calls.copied(await self.where(request).copy_in(
                request["sql"], python_calls.pieces(request), timeout=python_calls.timeout(request)))
        except RuntimeError as error:  # a source that fails is its user's own exception
            raise statekeep.Invalid(str(error), "sql.copy_in", "57014") from error

    async def do_copy_out(self, request):
        self.start(request, self.copy_out(request))

    async def copy_out(self, request):
        copied = python_calls.Copied(request)
        async with contextlib.aclosing(self.where(request).copy_out(
                request["sql"], timeout=python_calls.timeout(request))) as pieces:
            async for piece in pieces:
                if copied.add(piece):
                    break
        return copied.text()

    async def do_notification(self, request):
        self.start(request, self.notification(request))

    async def notification(self, request):
        async with contextlib.aclosing(
                self.where(request).notifications(python_calls.timeout(request))) as notifications:
            async for notification in notifications:
                return python_calls.notified(notification)
        raise statekeep.Deadline("nothing came", "sql.notification")

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
