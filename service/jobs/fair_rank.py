"""Where in its queue a job stands, so that tenants take turns in it.

Start-time fair queueing: each job is in a round, and rounds are worked on one after the other. The
first job of a tenant is in the round that the queue has come to, each further one in the round
behind the tenant's last. Whoever hands in a thousand jobs so has one in every round, and a newcomer
is next whenever he comes. The round is the priority under which DBOS keeps the job: it outlives
every process, and no process has to know of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["FIRST_RANK", "fair_rank", "rank_after"]

# Before it are the jobs of versions that knew two ranks only, 1 and 10: they go first.
FIRST_RANK = 100
# DBOS takes no more. A queue that is empty begins anew, so it is reached by none that ever is.
_LAST_RANK = 2**31 - 1


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


def fair_rank(dbos: Any, queue: str, version: str, tenant: str) -> int:
    """Rank a job that is about to be enqueued.

    Parameters
    ----------
    dbos : DBOS or DBOSClient
        Who knows the queue.
    queue : str
        Its name.
    version : str
        Of the workflows that are worked on: others wait for ever and count for nothing.
    tenant : str
        Whose job it is.

    Raises
    ------
    sqlalchemy.exc.SQLAlchemyError
        If the database does not answer.
    """

    def ranks(*statuses: str, **which: Any) -> list[int]:
        found = dbos.list_workflows(
            queue_name=queue,
            app_version=version,
            status=list(statuses),
            load_input=False,
            load_output=False,
            **which,
        )
        return [one.priority or 0 for one in found]

    oldest_waiting = ranks("ENQUEUED", limit=1)
    last = ranks("ENQUEUED", "PENDING", user=tenant, sort_desc=True, limit=1)
    return rank_after(ranks("PENDING"), max(oldest_waiting, default=None), max(last, default=None))
