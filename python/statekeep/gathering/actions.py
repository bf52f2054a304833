"""Scheduled actions that one process runs, of all that look after them.

A row with an expiry holds while the action runs; no transaction is open and no connection is held meanwhile, so a pool
of 20 runs 100 actions. Whoever cannot ask the database runs nothing: it fails closed."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .. import errors
from ..operations import call
from .failures import failure

logger = logging.getLogger(__name__)


@dataclass
class Run:
    """An action that is this process's to run. `token` is higher than those of all runs before: store it with results,
    and results of a run whose time was over can be refused. `lost` becomes true when somebody else has taken over."""

    action: str
    token: int
    holder: str = field(repr=False)
    lost: bool = False


def _wanted(namespace: str, action_id: int | str, due: datetime | None, ttl: float) -> dict[str, Any]:
    return {
        "action": f"{namespace}:{action_id}",
        "holder": uuid.uuid4().hex,
        "ttl_ms": max(1, int(ttl * 1000)),
        "due": due,
    }


def _given(wanted: dict[str, Any], taken: dict[str, Any] | None) -> Run | None:
    return None if taken is None else Run(wanted["action"], taken["token"], wanted["holder"])


class Actions:
    """The method `action` of databases for threads."""

    _engine: Any

    @contextmanager
    def action(
        self, action_id: int | str, *, namespace: str = "scheduler", due: datetime | None = None, ttl: float = 60.0
    ) -> Iterator[Run | None]:
        """A Run for the block when the action is ours to run, else None: somebody else runs it, has run it, or the
        database cannot be asked.

        Args:
            due: when this run was due. Once a run ends well, none due then or before is given again.
            ttl: seconds after which others may take over when this process is gone; renewed while the block runs.
        """
        wanted = _wanted(namespace, action_id, due, ttl)
        try:
            run = _given(wanted, call(self._engine.calls, "schedule.acquire", wanted, None, False))
        except Exception as error:
            logger.warning("action %s is not run: the database cannot be asked: %s", wanted["action"], error)
            run = None
        if run is None:
            yield None
            return
        over = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(run, ttl, over), name="statekeep action", daemon=True)
        renewing.start()
        done = False
        try:
            yield run
            done = True
        finally:
            over.set()
            renewing.join()
            self._finish(run, done)

    def _renew(self, run: Run, ttl: float, over: threading.Event) -> None:
        arguments = {"action": run.action, "token": run.token, "ttl_ms": int(ttl * 1000)}
        while not over.wait(ttl / 3) and not run.lost:
            try:
                call(self._engine.calls, "schedule.renew", arguments, ttl / 3, False)
            except errors.Conflict:
                run.lost = True
            except errors.Error as error:
                logger.warning("action %s could not be renewed: %s", run.action, error)

    def _finish(self, run: Run, done: bool) -> None:
        arguments = {"action": run.action, "token": run.token, "done": done}
        try:
            call(self._engine.calls, "schedule.finish", arguments, None, False)
        except errors.Error as error:
            if done:
                raise failure(error) from error
            logger.warning("action %s could not be let go: %s", run.action, error)  # its time ends by itself


class AsyncActions:
    """The method `action` of databases for asyncio."""

    _engine: Any

    @asynccontextmanager
    async def action(
        self, action_id: int | str, *, namespace: str = "scheduler", due: datetime | None = None, ttl: float = 60.0
    ) -> AsyncIterator[Run | None]:
        """A Run for the block when the action is ours to run, else None: somebody else runs it, has run it, or the
        database cannot be asked.

        Args:
            due: when this run was due. Once a run ends well, none due then or before is given again.
            ttl: seconds after which others may take over when this process is gone; renewed while the block runs.
        """
        wanted = _wanted(namespace, action_id, due, ttl)
        try:
            run = _given(wanted, await call(self._engine.calls, "schedule.acquire", wanted, None, False))
        except Exception as error:
            logger.warning("action %s is not run: the database cannot be asked: %s", wanted["action"], error)
            run = None
        if run is None:
            yield None
            return
        renewing = asyncio.create_task(self._renew(run, ttl))
        done = False
        try:
            yield run
            done = True
        finally:
            renewing.cancel()
            await self._finish(run, done)

    async def _renew(self, run: Run, ttl: float) -> None:
        arguments = {"action": run.action, "token": run.token, "ttl_ms": int(ttl * 1000)}
        while not run.lost:
            await asyncio.sleep(ttl / 3)
            try:
                await call(self._engine.calls, "schedule.renew", arguments, ttl / 3, False)
            except errors.Conflict:
                run.lost = True
            except errors.Error as error:
                logger.warning("action %s could not be renewed: %s", run.action, error)

    async def _finish(self, run: Run, done: bool) -> None:
        arguments = {"action": run.action, "token": run.token, "done": done}
        try:
            await call(self._engine.calls, "schedule.finish", arguments, None, False)
        except errors.Error as error:
            if done:
                raise failure(error) from error
            logger.warning("action %s could not be let go: %s", run.action, error)  # its time ends by itself
