"""How many jobs there are, and how long the oldest has waited."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from service.catalogue.rows import now_us
from service.catalogue.schema import ANALYSES

__all__ = ["job_counts", "oldest_queued_s", "waiting_jobs"]

_JOBS = ANALYSES.c.asynchronous.is_(True)
_QUEUED = ANALYSES.c.state == "queued"


def waiting_jobs(connection: Connection, owner: str) -> int:
    """Count the jobs of a tenant that wait."""
    wanted = (ANALYSES.c.owner == owner, _QUEUED, _JOBS)
    return connection.scalar(select(func.count()).where(*wanted)) or 0


def job_counts(connection: Connection) -> dict[str, int]:
    """Count the jobs of all tenants by state."""
    state = ANALYSES.c.state
    rows = connection.execute(select(state, func.count()).where(_JOBS).group_by(state)).all()
    return {str(name): int(count) for name, count in rows}


def oldest_queued_s(connection: Connection) -> float:
    """Tell for how many seconds the oldest waiting job has waited, 0 where none waits.

    A job that was queued again by an operator waits since then: a waiting record does not change.
    """
    since_us = connection.scalar(select(func.min(ANALYSES.c.updated_us)).where(_QUEUED, _JOBS))
    return 0.0 if since_us is None else max(0.0, (now_us() - since_us) / 1e6)
