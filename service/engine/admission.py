"""Who may come in and whose turn it is: bounded work, bounded queue, turns shared between tenants.

Small analyses have turns of their own, so that they pass by the large ones.

A place is taken before the body of a request is read, so that the bytes that wait on disk are
bounded as well; a turn is taken before the image is read into memory.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from petrography.errors import OverloadedError
from service import tracing
from service.engine.divided_places import DividedPlaces
from service.engine.turns import Turns
from service.runtime import Priority
from service.telemetry import Telemetry

__all__ = ["Admission"]

_LONGEST_RETRY_S = 300


class Admission:
    """Places and turns of one process.

    Parameters
    ----------
    concurrent : int
        Requests that are worked on at the same time.
    interactive : int
        Interactive ones that are worked on beside them.
    queue_length : int
        Requests that may wait beside them.
    telemetry : Telemetry
        Told depth of the queue and waiting times.
    """

    def __init__(
        self, *, concurrent: int, queue_length: int, telemetry: Telemetry, interactive: int = 0
    ) -> None:
        self._places = DividedPlaces(concurrent + interactive + queue_length)
        self._jobs = 0
        self._running = 0
        # When each of those who wait for a turn came, in seconds since 1970; the oldest first.
        self._arrivals: dict[object, float] = {}
        bulk = Turns(concurrent)
        self._turns: dict[Priority, Turns] = {
            "bulk": bulk,
            "interactive": Turns(interactive) if interactive else bulk,
        }
        self._telemetry = telemetry

    @property
    def taken(self) -> int:
        """Places that are taken, by those who are worked on and those who wait."""
        return self._places.taken + self._jobs

    @contextmanager
    def place(self, tenant: str) -> Iterator[None]:
        """Take a place for the length of the block.

        Parameters
        ----------
        tenant : str
            Who shares the places with others; see `service.engine.divided_places.DividedPlaces`.

        Raises
        ------
        OverloadedError
            If all places are taken, or those that are left are for other tenants.
        """
        if not self._places.has_one_for(tenant):
            raise OverloadedError(self._full(tenant), retry_after_s=self._retry_after_s())
        self._places.take(tenant)
        self._show_depth()
        try:
            yield
        finally:
            self._places.give_back(tenant)
            self._show_depth()

    @contextmanager
    def further_place(self) -> Iterator[None]:
        """Bring a place for the length of the block, beside those that requests take.

        For jobs, whose files wait on the disk already: they take turns like requests, but no
        request is refused because of them.
        """
        self._jobs += 1
        self._show_depth()
        try:
            yield
        finally:
            self._jobs -= 1
            self._show_depth()

    @asynccontextmanager
    async def turn(
        self, priority: Priority = "bulk", expected_s: float | None = None, tenant: str = ""
    ) -> AsyncIterator[None]:
        """Wait for a turn and hold it for the length of the block.

        Parameters
        ----------
        priority : {"interactive", "bulk"}
            In which of the two queues; in one for both, who is interactive is first.
        expected_s : float, optional
            Seconds that it is thought to take; without it the mean of those before.
        tenant : str
            Who shares the turns with others.
        """
        with self._waiting() as begin:
            # Where small analyses have no turns of their own they go before the large ones.
            urgent = priority == "interactive"
            async with self._turns[priority].taken(expected_s, tenant, urgent=urgent):
                begin()
                self._running += 1
                self._show_depth()
                try:
                    yield
                finally:
                    self._running -= 1
                    self._show_depth()

    @contextmanager
    def _waiting(self) -> Iterator[Callable[[], None]]:
        """Count one who waits until the turn has come, or nobody asks for it any more."""
        arrived, ticket = time.perf_counter(), object()
        self._arrivals[ticket] = time.time()
        self._show_oldest()

        def leave() -> None:
            if self._arrivals.pop(ticket, None) is not None:
                self._show_oldest()

        def begin() -> None:
            leave()
            waited_s = time.perf_counter() - arrived
            self._telemetry.queue_wait_seconds.observe(waited_s)
            tracing.past_span("queue", waited_s)

        try:
            yield begin
        finally:
            leave()

    def expected_wait_s(self, priority: Priority) -> float:
        """Seconds until one who comes now is thought to have a turn."""
        return self._turns[priority].expected_wait_s()

    def _show_depth(self) -> None:
        self._telemetry.queue_depth.set(self.taken - self._running)

    def _show_oldest(self) -> None:
        self._telemetry.observe_oldest_waiting(next(iter(self._arrivals.values()), None))

    def _full(self, tenant: str) -> str:
        told = (
            f"{self._running} requests are worked on and {self.taken - self._running} wait; "
            f"{self._places.count + self._jobs} are accepted at a time"
        )
        if not self._places.free:
            return told
        kept, held = self._places.kept_from(tenant), self._places.held_by(tenant)
        return f"{told}, the last {kept} from others than you, who have {held} under way"

    def _retry_after_s(self) -> int:
        """Time until about one place is free."""
        expected = min(turns.seconds_a_turn() for turns in self._turns.values())
        return min(_LONGEST_RETRY_S, max(1, math.ceil(expected)))
