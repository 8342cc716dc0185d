"""Looking at the models folder while it is served, again and again or when somebody says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from service.repository import Changes, FolderWatch

__all__ = ["Reloading"]

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
        Told what changed, in the event loop.
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
        looking = asyncio.ensure_future(asyncio.to_thread(self._watch.look, at_once=at_once))
        try:
            changes = await asyncio.shield(looking)
        except asyncio.CancelledError:
            # A thread cannot be stopped, and what it opens must not outlive the service.
            await asyncio.wait([looking])
            raise
        except Exception:  # noqa: BLE001 - what is served must go on, and so must the looking
            _log.exception("the models folder could not be looked at; the models are served on")
        else:
            if changes is not None:
                await self._take_over(changes)
