"""The adapter of the Python package without asyncio: a thread for each call in flight."""

import concurrent.futures
import json
import sys

import python_calls
import statekeep

THREADS = 1024


class Adapter:
    def __init__(self):
        self.stores, self.dsns = {}, {}
        self.threads = concurrent.futures.ThreadPoolExecutor(THREADS)

    def serve(self):
        for line in sys.stdin:
            request = json.loads(line)
            getattr(self, "do_" + request["do"])(request)
        self.threads.shutdown()
        for store in self.stores.values():
            store.close()

    def do_hello(self, request):
        python_calls.hello(request, "python threads", ordered=False, cancels=False)

    def do_open(self, request):
        name = request["store"]
        try:
            self.stores[name] = statekeep.open(request["dsn"], **request["options"])
            self.dsns[name] = request["dsn"]
            python_calls.answer(request, None)
        except statekeep.Error as error:
            python_calls.answer_error(request, error)

    def do_call(self, request):
        self.threads.submit(self.call, request)

    def call(self, request):
        try:
            store = self.stores[request["store"]]
            python_calls.answer(request, store.call(request["op"], **python_calls.call_arguments(request)))
        except statekeep.Error as error:
            python_calls.answer_error(request, error)

    def do_close(self, request):
        self.stores[request["store"]].close()
        python_calls.answer(request, None)

    def do_fork(self, request):
        inherited, dsn = self.stores[request["store"]], self.dsns[request["store"]]

        def child():
            with statekeep.open(dsn) as own:
                return {"inherited": ping(inherited), "own": ping(own)}

        python_calls.fork(request, child)


def ping(store):
    try:
        store.admin.ping()
    except statekeep.Error as error:
        return error.status
    return "OK"


Adapter().serve()
