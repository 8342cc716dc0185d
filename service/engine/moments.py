"""Turns for work of a moment, whose client looks on: it does not wait behind analyses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from petrography.errors import OverloadedError
from service.engine.divided_places import DividedPlaces
from service.engine.turns import Turns

__all__ = ["AT_ONCE", "Moments"]

# Two, so that who has much to read again does not hold up all others.
AT_ONCE = 2
# Each takes a fraction of a second: more than that wait longer than anybody looks on.
_PLACES = 64
_RETRY_S = 1


class Moments:
    """Places and turns of one process, shared between tenants."""

    def __init__(self) -> None:
        self._places = DividedPlaces(_PLACES)
        self._turns = Turns(AT_ONCE)
        # As long as somebody holds one or waits for it.
        self._alone: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, tenant: str, subject: Hashable) -> AsyncIterator[None]:
        """Wait for a turn and hold it for the length of the block.

        Parameters
        ----------
        tenant : str
            Who shares the turns with others.
        subject : hashable
            What is worked on: by one at a time, the others wait for it without a turn.

        Raises
        ------
        OverloadedError
            If too many wait, or the places that are left are for other tenants.
        """
        if not self._places.has_one_for(tenant):
            msg = (
                f"{self._places.taken} requests for annotations are worked on or wait; "
                f"{self._places.count} are accepted at a time"
            )
            raise OverloadedError(msg, retry_after_s=_RETRY_S)
        self._places.take(tenant)
        try:
            alone = self._alone.setdefault(subject, asyncio.Lock())
            async with alone, self._turns.taken(tenant=tenant):
                yield
        finally:
            self._places.give_back(tenant)
