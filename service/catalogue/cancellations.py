"""Cancellations that are still to be put on record: nobody has yet, or the audit log took no entry.

Nobody is at work on what is cancelled, so the time at which somebody last was says it: 0.
"""

from __future__ import annotations

from sqlalchemy import Connection, and_, update

from service.catalogue.rows import now_us
from service.catalogue.schema import ANALYSES

__all__ = ["UNRECORDED", "left_unrecorded", "taken_to_record"]

UNRECORDED = 0


def left_unrecorded(connection: Connection, analysis_id: str) -> None:
    """Take note that a cancellation is not on record."""
    cancelled = and_(ANALYSES.c.analysis_id == analysis_id, ANALYSES.c.state == "cancelled")
    connection.execute(update(ANALYSES).where(cancelled).values(alive_us=UNRECORDED))


def taken_to_record(connection: Connection, analysis_id: str) -> bool:
    """Take over to put a cancellation on record; False where it is, or somebody else does it."""
    unrecorded = and_(
        ANALYSES.c.analysis_id == analysis_id,
        ANALYSES.c.state == "cancelled",
        ANALYSES.c.alive_us == UNRECORDED,
    )
    return (
        connection.execute(update(ANALYSES).where(unrecorded).values(alive_us=now_us())).rowcount
        == 1
    )
