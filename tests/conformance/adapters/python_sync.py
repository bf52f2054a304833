"""The adapter of the Python package without asyncio: a thread for each call in flight."""

import concurrent.futures
import contextlib
import json
import sys

import python_calls
import statekeep

THREADS = 1024


class Adapter:
    def __init__(self):
        self.stores, self.dsns, self.leases = {}, {}, {}
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

    def in_thread(self, request, work):
        def run():
            try:
                python_calls.answer(request, work())
            except statekeep.Error as error:
                python_calls.answer_error(request, error)

        self.threads.submit(run)

    def where(self, request):
        """The lease of a request, or its store."""
        return self.leases[request["lease"]] if "lease" in request else self.stores[request["store"]]

    def do_lease(self, request):
        def take():
            store = self.stores[request["store"]]
            self.leases[request["lease"]] = store.lease(timeout=python_calls.timeout(request))

        self.in_thread(request, take)

    def do_return(self, request):
        self.in_thread(request, lambda: self.leases[request["lease"]].close())

    def do_query(self, request):
        self.in_thread(request, lambda: python_calls.rows(self.where(request).query(
            request["sql"], python_calls.parameters(request), timeout=python_calls.timeout(request))))

    def do_copy_in(self, request):
        def copy():
            try:
                return python_calls.copied(self.where(request).copy_in(
                    request["sql"], python_calls.pieces(request), timeout=python_calls.timeout(request)))
            except RuntimeError as error:  # a source that fails is its user's own exception
                raise statekeep.Invalid(str(error), "sql.copy_in", "57014") from error

        self.in_thread(request, copy)

    def do_copy_out(self, request):
        def copy():
            copied = python_calls.Copied(request)
            with contextlib.closing(self.where(request).copy_out(
                    request["sql"], timeout=python_calls.timeout(request))) as pieces:
                for piece in pieces:
                    if copied.add(piece):
                        break
            return copied.text()

        self.in_thread(request, copy)

    def do_notification(self, request):
        def wait():
            for notification in self.where(request).notifications(python_calls.timeout(request)):
                return python_calls.notified(notification)
            raise statekeep.Deadline("nothing came", "sql.notification")

        self.in_thread(request, wait)

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
