"""How far an analysis is, from its thread to the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from service.engine import AnalysisEvent

__all__ = ["Progress"]


class Progress:
    """Hands on the id of the analysis, and then the newest event.

    A client that reads slowly misses some events between. Made in the event loop that reads it.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._accepted: str | None = None
        self._newest: AnalysisEvent | None = None

    def accept(self, analysis_id: str) -> None:
        """Take the id; called in the event loop, before any event."""
        self._accepted = analysis_id
        self._news.set()

    def tell(self, event: AnalysisEvent) -> None:
        """Take an event; called from any thread."""
        self._loop.call_soon_threadsafe(self._take, event)

    async def until_done(self, working: asyncio.Future[Any]) -> AsyncIterator[str | AnalysisEvent]:
        """Give the id and events until the work has ended, however that is."""
        working.add_done_callback(lambda _: self._news.set())
        while not working.done():
            await self._news.wait()
            self._news.clear()
            if self._accepted is not None:
                analysis_id, self._accepted = self._accepted, None
                yield analysis_id
            if self._newest is not None:
                event, self._newest = self._newest, None
                yield event

    def _take(self, event: AnalysisEvent) -> None:
        self._newest = event
        self._news.set()
