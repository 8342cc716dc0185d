"""Who may still change the end of an analysis: a result that is being kept is not cancelled.

The claim lies in the row that a cancellation changes as well, so that whichever comes first keeps
the other out, in whatever process.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, case, not_, or_, update

from service.catalogue.rows import changed_us, now_us
from service.catalogue.schema import ANALYSES

__all__ = ["KEEPING", "claimed", "is_free", "released", "stage_unless_claimed"]

# The stage of an analysis whose result is being kept.
KEEPING = "keeping"


def is_free() -> ColumnElement[bool]:
    """Select what nobody has claimed."""
    return not_(and_(ANALYSES.c.state == "running", _is_claimed()))


def stage_unless_claimed(stage: str) -> ColumnElement[str]:
    """Set a stage; progress that is told late does not take a claim away."""
    return case((_is_claimed(), KEEPING), else_=stage)


def claimed(connection: Connection, analysis_id: str) -> bool:
    """Claim an analysis; returns whether it was still wanted."""
    wanted = and_(ANALYSES.c.analysis_id == analysis_id, _goes_on())
    now = now_us()
    claim = {"state": "running", "stage": KEEPING, "updated_us": changed_us(now), "alive_us": now}
    return connection.execute(update(ANALYSES).where(wanted).values(claim)).rowcount == 1


def released(connection: Connection, analysis_id: str) -> None:
    """Give a claim back, where there is one."""
    mine = and_(ANALYSES.c.analysis_id == analysis_id, _is_claimed(), _goes_on())
    connection.execute(
        update(ANALYSES).where(mine).values(stage=None, updated_us=changed_us(now_us()))
    )


def _is_claimed() -> ColumnElement[bool]:
    # Nothing is equal to NULL, nor unequal.
    return and_(ANALYSES.c.stage.is_not(None), ANALYSES.c.stage == KEEPING)


def _goes_on() -> ColumnElement[bool]:
    return or_(ANALYSES.c.state == "queued", ANALYSES.c.state == "running")
