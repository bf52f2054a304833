"""Scheduled actions that one process runs, of all that look after them.

A row with an expiry holds while the action runs; no transaction is open and no connection is held meanwhile, so a pool
of 20 runs 100 actions. Whoever cannot ask the database runs nothing: it fails closed."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .. import errors
from ..operations import call
from .engine import AsyncEngine, Engine
from .failures import failure

logger = logging.getLogger(__name__)


@dataclass
class Run:
    """An action that is this process's to run. `token` is higher than those of all runs before: store it with results,
    and results of a run whose time was over can be refused."""

    action: str
    token: int
    holder: str = field(repr=False)
    until: float = field(repr=False)  # by time.monotonic(), and no later than the row's own expiry
    taken_over: bool = field(default=False, repr=False)

    @property
    def lost(self) -> bool:
        """Whether somebody else has taken over, or may have: it could not be renewed in time."""
        return self.taken_over or time.monotonic() >= self.until


def _wanted(namespace: str, action_id: int | str, due: datetime | None, ttl: float) -> dict[str, Any]:
    return {
        "action": f"{namespace}:{action_id}",
        "holder": uuid.uuid4().hex,
        "ttl_ms": max(1, int(ttl * 1000)),
        "due": due,
    }


def _given(wanted: dict[str, Any], taken: dict[str, Any] | None, until: float) -> Run | None:
    return None if taken is None else Run(wanted["action"], taken["token"], wanted["holder"], until)


class Actions:
    """The method `action` of databases for threads."""

    _engine: Engine

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
        until = time.monotonic() + ttl
        try:
            run = _given(wanted, call(self._engine.calls, "schedule.acquire", wanted, None, False), until)
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
        while not over.wait(ttl / 3) and not run.taken_over:
            until = time.monotonic() + ttl
            try:
                call(self._engine.calls, "schedule.renew", arguments, ttl / 3, False)
                run.until = until
            except errors.Conflict:
                run.taken_over = True
            except Exception as error:  # whatever it is, the next renewal may succeed
                logger.warning("action %s could not be renewed: %s", run.action, error)

    def _finish(self, run: Run, done: bool) -> None:
        arguments = {"action": run.action, "token": run.token, "done": done}
        try:
            call(self._engine.calls, "schedule.finish", arguments, None, False)
        except Exception as error:
            if not done:  # the block's own exception goes on, and the row's time ends by itself
                logger.warning("action %s could not be let go: %s", run.action, error)
            elif isinstance(error, errors.Error):
                raise failure(error) from error
            else:
                raise


class AsyncActions:
    """The method `action` of databases for asyncio."""

    _engine: AsyncEngine

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
        until = time.monotonic() + ttl
        try:
            run = _given(wanted, await call(self._engine.calls, "schedule.acquire", wanted, None, False), until)
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
        while not run.taken_over:
            await asyncio.sleep(ttl / 3)
            until = time.monotonic() + ttl
            try:
                await call(self._engine.calls, "schedule.renew", arguments, ttl / 3, False)
                run.until = until
            except errors.Conflict:
                run.taken_over = True
            except Exception as error:  # whatever it is, the next renewal may succeed
                logger.warning("action %s could not be renewed: %s", run.action, error)

    async def _finish(self, run: Run, done: bool) -> None:
        arguments = {"action": run.action, "token": run.token, "done": done}
        try:
            await call(self._engine.calls, "schedule.finish", arguments, None, False)
        except Exception as error:
            if not done:  # the block's own exception goes on, and the row's time ends by itself
                logger.warning("action %s could not be let go: %s", run.action, error)
            elif isinstance(error, errors.Error):
                raise failure(error) from error
            else:
                raise
