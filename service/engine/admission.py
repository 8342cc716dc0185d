"""Who may come in and whose turn it is: bounded work, bounded queue, first come first served.

A place is taken before the body of a request is read, so that the bytes that wait on disk are
bounded as well; a turn is taken before the image is read into memory.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from petrography.errors import OverloadedError
from service.telemetry import Telemetry

__all__ = ["Admission"]

# Weight of the newest request in the running mean of their duration.
_NEWEST_WEIGHT = 0.2
_LONGEST_RETRY_S = 300


class Admission:
    """Places and turns of one process.

    Parameters
    ----------
    concurrent : int
        Requests that are worked on at the same time.
    queue_length : int
        Requests that may wait beside them.
    telemetry : Telemetry
        Told depth of the queue and waiting times.
    """

    def __init__(self, *, concurrent: int, queue_length: int, telemetry: Telemetry) -> None:
        self._concurrent = concurrent
        self._places = concurrent + queue_length
        self._taken = 0
        self._running = 0
        self._turns = asyncio.Semaphore(concurrent)
        self._mean_seconds = 1.0
        self._telemetry = telemetry

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for the length of the block.

        Raises
        ------
        OverloadedError
            If all places are taken.
        """
        if self._taken >= self._places:
            msg = (
                f"{self._running} requests are worked on and {self._taken - self._running} wait; "
                f"{self._places} are accepted at a time"
            )
            raise OverloadedError(msg, retry_after_s=self._retry_after_s())
        self._taken += 1
        self._show_depth()
        try:
            yield
        finally:
            self._taken -= 1
            self._show_depth()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it for the length of the block."""
        arrived = time.perf_counter()
        async with self._turns:
            started = time.perf_counter()
            self._telemetry.queue_wait_seconds.observe(started - arrived)
            self._running += 1
            self._show_depth()
            try:
                yield
            finally:
                self._running -= 1
                self._show_depth()
                elapsed = time.perf_counter() - started
                self._mean_seconds += _NEWEST_WEIGHT * (elapsed - self._mean_seconds)

    def _show_depth(self) -> None:
        self._telemetry.queue_depth.set(self._taken - self._running)

    def _retry_after_s(self) -> int:
        """Time until about one place is free: the oldest request is half done on average."""
        expected = self._mean_seconds / self._concurrent
        return min(_LONGEST_RETRY_S, max(1, math.ceil(expected)))
