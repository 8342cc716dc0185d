"""The progress of an analysis as it happens, read from the catalogue: from any process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from service.catalogue import AnalysisRecord
from service.jobs.job_state import has_ended

__all__ = ["Change", "changes_of", "number_of"]

_LOOK_S = 0.25


@dataclass(frozen=True)
class Change:
    """One change of a record.

    Attributes
    ----------
    number : int
        Grows from change to change.
    record : AnalysisRecord
        As it stands from then on.
    """

    number: int
    record: AnalysisRecord


def number_of(record: AnalysisRecord) -> int:
    """Microseconds since 1970 of the last change: its number."""
    whole = int(record.updated_utc.timestamp())
    return whole * 1_000_000 + record.updated_utc.microsecond


async def changes_of(
    read: Callable[[], AnalysisRecord],
    *,
    after: int | None = None,
    given_up: Callable[[], bool] = lambda: False,
    pause_s: float = _LOOK_S,
    heartbeat_s: float = 15.0,
) -> AsyncIterator[Change | None]:
    """Tell the changes of an analysis until it has ended, or nobody is to be told any more.

    Parameters
    ----------
    read : callable
        Reads the record; called in a thread.
    after : int, optional
        The number of the last change that is known already.
    given_up : callable
        Asked at every look whether to tell no more.
    pause_s : float
        Seconds between two looks.
    heartbeat_s : float
        Seconds of silence after which None is told: the connection is to be kept alive.

    Yields
    ------
    Change or None
        What lies between two looks is one change.
    """
    loop = asyncio.get_running_loop()
    spoken = loop.time()
    while True:
        record = await asyncio.to_thread(read)
        number = number_of(record)
        if after is None or number > after:
            after = number
            spoken = loop.time()
            yield Change(number, record)
        elif loop.time() - spoken > heartbeat_s:
            spoken = loop.time()
            yield None
        if has_ended(record) or given_up():
            return
        await asyncio.sleep(pause_s)
