"""How many calls each may have under way, so that nobody keeps the others out.

A call may last as long as its client likes: one that watches the health, sends no message or reads
no answer holds one of the few that the server takes at the same time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Literal, TypeAlias

from petrography.errors import OverloadedError

__all__ = ["Places", "Stranger"]

# Who shows no good key: probes that watch, and all others.
Stranger: TypeAlias = Literal["watching", "asking"]

_RETRY_S = 5


class Places:
    """The calls under way, by who makes them.

    Parameters
    ----------
    most : int
        Calls that the server takes at the same time.
    """

    def __init__(self, most: int) -> None:
        self._of_tenant = max(1, most // 2)
        self._of_strangers = max(1, most // 4)
        self._taken: Counter[tuple[str, bool]] = Counter()

    def take_for_tenant(self, tenant: str) -> None:
        """Take a place for the call of this task, until it ends.

        Raises
        ------
        OverloadedError
            If the tenant has as many calls as it may.
        """
        self._take((tenant, True), self._of_tenant, "of this tenant")

    def take_for_stranger(self, stranger: Stranger) -> None:
        """Take a place of who shows no key; see `take_for_tenant`."""
        self._take((stranger, False), self._of_strangers, "that show no key")

    def _take(self, whose: tuple[str, bool], most: int, which: str) -> None:
        if self._taken[whose] >= most:
            msg = f"{most} calls {which} are under way; wanted no more than these"
            raise OverloadedError(msg, retry_after_s=_RETRY_S)
        task = asyncio.current_task()
        if task is None:
            return
        self._taken[whose] += 1
        task.add_done_callback(lambda _: self._leave(whose))

    def _leave(self, whose: tuple[str, bool]) -> None:
        self._taken[whose] -= 1
        if not self._taken[whose]:
            del self._taken[whose]
