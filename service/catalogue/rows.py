"""Rows of the database as records, and times as numbers."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, or_

from service.catalogue.cursor import place_of
from service.catalogue.records import AnalysisRecord
from service.catalogue.schema import ANALYSES

__all__ = ["after", "changed_us", "microseconds", "now_us", "record_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now_us() -> int:
    """Tell the time in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def changed_us(now: int) -> ColumnElement[int]:
    """Tell when a row is changed: now, but later than at its last change.

    Clocks of several machines differ, and one may be set back. Who follows an analysis goes by the
    times of its changes (`service.jobs.watching`) and would miss one that seems to be older.
    """
    before = ANALYSES.c.updated_us
    return case((before < now, now), else_=before + 1)


def microseconds(moment: datetime) -> int:
    """Count the microseconds since 1970 UTC.

    Parameters
    ----------
    moment : datetime
        With a zone.

    Examples
    --------
    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - _EPOCH) // _MICROSECOND


def record_of(row: Row[Any]) -> AnalysisRecord:
    """Read a whole row."""
    # By the names that the columns have here: a row knows those of the database.
    content = dict(zip(ANALYSES.c.keys(), row, strict=True))
    content["problem"] = None if row.problem is None else json.loads(row.problem)
    for name in ("created", "updated"):
        content[f"{name}_utc"] = _EPOCH + content.pop(f"{name}_us") * _MICROSECOND
    del content["alive_us"]
    return AnalysisRecord(**content)


def after(cursor: str) -> ColumnElement[bool]:
    """Select what comes behind a place, those that were begun last first.

    Raises
    ------
    InvalidParameterError
        If the cursor is none of ours.
    """
    created_us, analysis_id = place_of(cursor)
    begun = ANALYSES.c.created_us
    same = and_(begun == created_us, ANALYSES.c.analysis_id < analysis_id)
    return or_(begun < created_us, same)
