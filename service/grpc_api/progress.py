"""How far an analysis is, from its thread to the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from service.engine import AnalysisEvent

__all__ = ["Progress"]


class Progress:
    """Hands on the newest event; a client that reads slowly misses some between.

    Made in the event loop that reads it.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._newest: AnalysisEvent | None = None

    def tell(self, event: AnalysisEvent) -> None:
        """Take an event; called from any thread."""
        self._loop.call_soon_threadsafe(self._take, event)

    async def until_done(self, working: asyncio.Future[Any]) -> AsyncIterator[AnalysisEvent]:
        """Give events until the work has ended, however that is."""
        working.add_done_callback(lambda _: self._news.set())
        while not working.done():
            await self._news.wait()
            self._news.clear()
            if self._newest is not None:
                event, self._newest = self._newest, None
                yield event

    def _take(self, event: AnalysisEvent) -> None:
        self._newest = event
        self._news.set()
