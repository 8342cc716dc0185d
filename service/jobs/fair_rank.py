"""Where in its queue a job stands, so that tenants take turns in it.

Start-time fair queueing: each job is in a round, and rounds are worked on one after the other. The
first job of a tenant is in the round that the queue has come to, each further one in the round
behind the tenant's last. Whoever hands in a thousand jobs so has one in every round, and a newcomer
is next whenever he comes. The round is the priority under which DBOS keeps the job: it outlives
every process, and no process has to know of another.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

__all__ = ["FIRST_RANK", "QueueRanks", "rank_after"]

# Before it are the jobs of versions that knew two ranks only, 1 and 10: they go first.
FIRST_RANK = 100
# DBOS takes no more. A queue that is empty begins anew, so it is reached by none that ever is.
_LAST_RANK = 2**31 - 1
_LOOK_S = 0.5


def rank_after(
    begun: Sequence[int], oldest_waiting: int | None = None, last_of_tenant: int | None = None
) -> int:
    """Rank a job that is handed in now; lower ones are begun first, equal ones as they came.

    Parameters
    ----------
    begun : sequence of int
        Ranks of the jobs that are worked on.
    oldest_waiting : int, optional
        Of the job that has waited the longest.
    last_of_tenant : int, optional
        Of the last job of the same tenant that waits or is worked on.

    Examples
    --------
    >>> rank_after([])
    100
    >>> rank_after([600])
    600
    >>> rank_after([100], oldest_waiting=101, last_of_tenant=1098)
    1099
    >>> rank_after([600], oldest_waiting=601)  # a newcomer, after 500 of the others
    600
    """
    # The highest that was begun is the round that the queue is in. Where only one that takes long
    # is left of those, it is an old one: the oldest that waits is in this round or the next.
    come_to = max([FIRST_RANK, *begun, (oldest_waiting or 0) - 1])
    return min(max(come_to, (last_of_tenant or 0) + 1), _LAST_RANK)


class QueueRanks:
    """The ranks that one process gives in a queue; not for several threads at a time.

    It looks at the database twice a second at most: that takes longer the more jobs wait. What
    other processes did in between makes a turn come a little sooner or later, and no job is lost.

    Parameters
    ----------
    queue : str
        Name of the queue.
    version : str
        Of the workflows that are worked on: others wait for ever and count for nothing.
    """

    def __init__(self, queue: str, version: str) -> None:
        self._which = {"queue_name": queue, "app_version": version}
        self._looked_s = -math.inf
        self._begun: list[int] = []
        self._oldest_waiting: int | None = None
        self._last: dict[str, int | None] = {}

    def next_rank(self, dbos: Any, tenant: str) -> int:
        """Rank a job that is about to be enqueued.

        Parameters
        ----------
        dbos : DBOS or DBOSClient
            Who knows the queue.
        tenant : str
            Whose job it is.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError
            If the database does not answer.
        """
        if time.monotonic() - self._looked_s > _LOOK_S:
            self._look(dbos)
        if tenant not in self._last:
            found = self._ranks(dbos, "ENQUEUED", "PENDING", user=tenant, sort_desc=True, limit=1)
            self._last[tenant] = max(found, default=None)
        rank = rank_after(self._begun, self._oldest_waiting, self._last[tenant])
        self._last[tenant] = rank
        return rank

    def _look(self, dbos: Any) -> None:
        self._begun = self._ranks(dbos, "PENDING")
        self._oldest_waiting = max(self._ranks(dbos, "ENQUEUED", limit=1), default=None)
        self._last.clear()
        self._looked_s = time.monotonic()

    def _ranks(self, dbos: Any, *statuses: str, **which: Any) -> list[int]:
        found = dbos.list_workflows(
            status=list(statuses), load_input=False, load_output=False, **self._which, **which
        )
        return [one.priority or 0 for one in found]
