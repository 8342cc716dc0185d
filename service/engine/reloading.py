"""Looking at the models folder while it is served, again and again or when somebody says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from petrography.errors import AuditUnavailableError
from service.repository import Changes, FolderWatch
from service.runtime import give_back_memory

__all__ = ["Reloading"]

T = TypeVar("T")
_log = logging.getLogger("petroserve.engine")


class Reloading:
    """One task that looks at a models folder.

    Parameters
    ----------
    watch : FolderWatch
        Compares the folder with what is served.
    every_s : float
        Seconds between two looks; 0: only when asked.
    take_over : callable
        Told what changed, in the event loop; where it says that the audit log takes no entry, it
        is told the same again before the next look.
    """

    def __init__(
        self,
        watch: FolderWatch,
        every_s: float,
        take_over: Callable[[Changes], Awaitable[object]],
    ) -> None:
        self._watch = watch
        self._every_s = every_s or None
        self._take_over = take_over
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pending: Changes | None = None
        self._has_changed = False
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """What stood in the way at the last look."""
        return self._problem

    def ask(self) -> None:
        """Look soon, and take what is there as complete; called in the event loop."""
        self._asked.set()

    def begin(self) -> None:
        """Begin to look; called in the event loop."""
        self._task = asyncio.create_task(self._look_for_ever())

    async def end(self) -> None:
        """End; a look that was begun is finished."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _look_for_ever(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._asked.wait()
            at_once = self._asked.is_set()
            self._asked.clear()
            await self._look(at_once=at_once)

    async def _look(self, *, at_once: bool) -> None:
        """Look and take over; what cannot be taken over now is so before the next look."""
        try:
            if self._pending is None:
                looking = asyncio.to_thread(self._watch.look, at_once=at_once)
                self._pending = await _to_its_end(looking)
            if self._pending is not None:
                await _to_its_end(self._take_over(self._pending))
            await self._give_back_memory()
        except AuditUnavailableError as error:
            self._tell_problem(f"what the models folder holds cannot be taken over: {error}")
        except Exception:  # noqa: BLE001 - what is served must go on, and so must the looking
            # Tried again it would fail again; the next look finds what is there then.
            self._pending = None
            _log.exception("the models folder could not be looked at; the models are served on")
            self._problem = "the last look at the models folder failed; the log says why"
        else:
            self._pending = self._problem = None

    async def _give_back_memory(self) -> None:
        """Give back what models left: at the look that let them go and, as they may drain, the next."""
        had_changed, self._has_changed = self._has_changed, self._pending is not None
        if had_changed or self._has_changed:
            await asyncio.to_thread(give_back_memory)

    def _tell_problem(self, problem: str) -> None:
        if problem != self._problem:
            _log.error("%s; the models are served on", problem)
        self._problem = problem


async def _to_its_end(work: Awaitable[T]) -> T:
    """Await work in a thread: it cannot be stopped, and what it opens must not outlive the service."""
    working = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise
