"""How a record may change: from which states each is reached, and what no longer holds there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, update

from service.catalogue.claims import is_free, stage_unless_claimed
from service.catalogue.records import State
from service.catalogue.rows import changed_us, now_us
from service.catalogue.schema import ANALYSES

__all__ = ["noted"]

# From which states each may be reached; what is done stays done.
_BEFORE: dict[State, tuple[State, ...]] = {
    # Again, by an operator; of two at the same time one does it.
    "queued": ("failed", "dead"),
    "running": ("queued", "running"),
    "done": ("queued", "running", "done"),
    "failed": ("queued", "running", "failed"),
    # Once: what is cancelled again stays as it was.
    "cancelled": ("queued", "running"),
    "dead": ("queued", "running", "failed", "dead"),
}
# Whoever names the version of a result has it: its process was given up too early, or before it
# could note it. A cancellation stays what it was told to be.
_BEFORE_A_RESULT: tuple[State, ...] = (*_BEFORE["done"], "failed", "dead")
# What no longer holds in a state.
_LEFT_BEHIND: dict[State, dict[str, Any]] = {
    "queued": {"problem": None},
    "done": {"problem": None, "progress_fraction": 1.0},
}


def noted(
    connection: Connection, analysis_id: str, state: State, changes: Mapping[str, Any]
) -> bool:
    """Change a record, unless its state cannot follow the one there is.

    Parameters
    ----------
    connection : Connection
        Committing by itself.
    analysis_id : str
        Whose.
    state : str
        As for `Catalogue.note`.
    changes : mapping of str to object
        Other columns.

    Returns
    -------
    bool
        Whether it was changed.
    """
    now = now_us()
    values: dict[str, Any] = {"alive_us": now, **changes, **_LEFT_BEHIND.get(state, {})}
    if state == "running" and "stage" in values:
        values["stage"] = stage_unless_claimed(values["stage"])
    values |= {"state": state, "updated_us": changed_us(now)}
    known = and_(ANALYSES.c.analysis_id == analysis_id, _may_become(state, changes))
    return connection.execute(update(ANALYSES).where(known).values(values)).rowcount == 1


def _may_become(state: State, changes: Mapping[str, Any]) -> ColumnElement[bool]:
    is_kept = state == "done" and "version" in changes
    before = _BEFORE_A_RESULT if is_kept else _BEFORE[state]
    possible: ColumnElement[bool] = ANALYSES.c.state.in_(before)
    if "version" in changes:
        possible = and_(possible, ANALYSES.c.version <= changes["version"])
    if state == "cancelled":
        possible = and_(possible, is_free())
        if "problem" in changes:
            # Its client went, which tells nobody anything; now somebody is told that it is cancelled.
            untold = and_(ANALYSES.c.state == "cancelled", ANALYSES.c.problem.is_(None))
            possible = or_(possible, untold)
    return possible
