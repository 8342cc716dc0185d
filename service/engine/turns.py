"""The turns of one queue, and how long they are thought to take."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["Turns"]

# Weight of the newest request in the running mean of their duration.
_NEWEST_WEIGHT = 0.2


class Turns:
    """Some turns, given out in the order of arrival.

    Parameters
    ----------
    count : int
        Turns that may be held at the same time.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = asyncio.Semaphore(count)
        self._mean_s = 1.0
        # What is thought to be left of everybody here: seconds, and since when they run.
        self._expected: dict[object, tuple[float, float | None]] = {}

    @asynccontextmanager
    async def taken(self, expected_s: float | None = None) -> AsyncIterator[None]:
        """Wait for a turn and hold it for the length of the block."""
        key, seconds = object(), self._mean_s if expected_s is None else expected_s
        self._expected[key] = (seconds, None)
        try:
            async with self._free:
                began = time.perf_counter()
                self._expected[key] = (seconds, began)
                try:
                    yield
                finally:
                    elapsed = time.perf_counter() - began
                    self._mean_s += _NEWEST_WEIGHT * (elapsed - self._mean_s)
        finally:
            del self._expected[key]

    def expected_wait_s(self) -> float:
        """Seconds until one who comes now is thought to have a turn.

        No less than nothing where one runs longer than was thought.
        """
        now = time.perf_counter()
        free_in_s = [0.0] * self._count
        # In the order of arrival everybody gets the turn that is free first.
        for seconds, began in self._expected.values():
            left = seconds if began is None else max(0.0, seconds - (now - began))
            heapq.heapreplace(free_in_s, free_in_s[0] + left)
        return free_in_s[0]

    def seconds_a_turn(self) -> float:
        """Seconds after which, on average, one turn ends."""
        return self._mean_s / self._count
