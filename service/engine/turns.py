"""The turns of one queue, whose is next, and how long they are thought to take."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

__all__ = ["Turns"]

# Weight of the newest request in the running mean of their duration.
_NEWEST_WEIGHT = 0.2
# Tenants whose last turn is remembered: addresses of clients may be tenants, without end.
_REMEMBERED_TENANTS = 1024


@dataclass(frozen=True, eq=False)
class _Waiter:
    tenant: str
    urgent: bool
    called: asyncio.Future[None]


class Turns:
    """Some turns, shared between tenants, and given out in the order of arrival to each of them.

    Who is urgent is before who is not. Of the tenants that wait, the one that holds the fewest
    turns is next, and of these the one whose last turn began the longest ago: a thousand requests
    of one tenant are one neighbour to the others. The only state is that of one event loop; no
    thread but its own may come here.

    Parameters
    ----------
    count : int
        Turns that may be held at the same time.
    """

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._waiting: list[_Waiter] = []
        self._held: Counter[str] = Counter()
        self._last_turn: OrderedDict[str, int] = OrderedDict()
        self._given = 0
        self._mean_s = 1.0
        # What is thought to be left of everybody here: seconds, and since when they run.
        self._expected: dict[object, tuple[float, float | None]] = {}

    @asynccontextmanager
    async def taken(
        self, expected_s: float | None = None, tenant: str = "", *, urgent: bool = False
    ) -> AsyncIterator[None]:
        """Wait for a turn and hold it for the length of the block.

        Parameters
        ----------
        expected_s : float, optional
            Seconds that it is thought to take; without it the mean of those before.
        tenant : str
            Whose turn it is.
        urgent : bool
            Whether it goes before those that are not.
        """
        key, seconds = object(), self._mean_s if expected_s is None else expected_s
        self._expected[key] = (seconds, None)
        try:
            await self._called(tenant, urgent)
            began = time.perf_counter()
            self._expected[key] = (seconds, began)
            try:
                yield
            finally:
                elapsed = time.perf_counter() - began
                self._mean_s += _NEWEST_WEIGHT * (elapsed - self._mean_s)
                self._give_back(tenant)
        finally:
            del self._expected[key]

    async def _called(self, tenant: str, urgent: bool) -> None:
        """Wait until it is the tenant's turn, which is then held."""
        waiter = _Waiter(tenant, urgent, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._call()
        try:
            await waiter.called
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            else:  # called, and gone in the same moment
                self._give_back(tenant)
            raise

    def _call(self) -> None:
        """Give free turns to those who wait."""
        while self._free:
            # One whose task was cancelled stands here until that task has its say.
            patient = [waiter for waiter in self._waiting if not waiter.called.done()]
            if not patient:
                return
            # min() takes the first of equals: within a tenant, who came first.
            waiter = min(patient, key=self._precedence)
            self._waiting.remove(waiter)
            self._free -= 1
            self._held[waiter.tenant] += 1
            self._remember(waiter.tenant)
            waiter.called.set_result(None)

    def _precedence(self, waiter: _Waiter) -> tuple[bool, int, int]:
        held = self._held[waiter.tenant]
        return not waiter.urgent, held, self._last_turn.get(waiter.tenant, 0)

    def _remember(self, tenant: str) -> None:
        self._given += 1
        self._last_turn[tenant] = self._given
        self._last_turn.move_to_end(tenant)
        if len(self._last_turn) > _REMEMBERED_TENANTS:
            self._last_turn.popitem(last=False)

    def _give_back(self, tenant: str) -> None:
        self._free += 1
        self._held[tenant] -= 1
        if not self._held[tenant]:
            del self._held[tenant]
        self._call()

    def expected_wait_s(self) -> float:
        """Seconds until one who comes now is thought to have a turn, were all of one tenant.

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
