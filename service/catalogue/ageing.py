"""What time does to records: abandoned ones end, jobs are overdue, old ones are forgotten."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, select, update

from service.catalogue.keys import lease_end_us
from service.catalogue.records import ENDED, State
from service.catalogue.rows import changed_us, microseconds, now_us
from service.catalogue.schema import ANALYSES

__all__ = ["OldRecord", "abandoned_ended", "forgotten", "job_ids", "old_records"]

_ABANDONED = {
    "type": "urn:petroserve:problem:internal-error",
    "title": "Internal error",
    "status": 500,
    "detail": "The process that worked on it ended; ask again.",
}
# Bound parameters of one statement.
_CHUNK = 500


class OldRecord(NamedTuple):
    """A record that ended long ago."""

    updated_us: int
    analysis_id: str
    owner: str
    state: str


def abandoned_ended(connection: Connection) -> int:
    """Mark synchronous analyses whose process died as failed; returns how many."""
    ended = (
        update(ANALYSES)
        .where(
            ANALYSES.c.asynchronous.is_(False),
            ANALYSES.c.state.not_in(ENDED),
            ANALYSES.c.alive_us < lease_end_us(),
        )
        .values(state="failed", problem=json.dumps(_ABANDONED), updated_us=changed_us(now_us()))
    )
    return connection.execute(ended).rowcount


def job_ids(
    connection: Connection, states: Collection[State], before: datetime, analysis_id: str | None
) -> frozenset[str]:
    """Name the jobs of some states, or one if it is, that have not changed since a time."""
    wanted = [
        ANALYSES.c.asynchronous.is_(True),
        ANALYSES.c.state.in_(states),
        ANALYSES.c.updated_us < microseconds(before),
    ]
    if analysis_id is not None:
        wanted.append(ANALYSES.c.analysis_id == analysis_id)
    return frozenset(connection.scalars(select(ANALYSES.c.analysis_id).where(*wanted)))


def old_records(
    connection: Connection, before: datetime, after: OldRecord | None, limit: int
) -> list[OldRecord]:
    """List what ended before a time, the oldest first, behind one of them."""
    table = ANALYSES.c
    wanted = [table.state.in_(ENDED), table.updated_us < microseconds(before)]
    if after is not None:
        same = (table.updated_us == after.updated_us) & (table.analysis_id > after.analysis_id)
        wanted.append((table.updated_us > after.updated_us) | same)
    listed = (
        select(table.updated_us, table.analysis_id, table.owner, table.state)
        .where(*wanted)
        .order_by(table.updated_us, table.analysis_id)
        .limit(limit)
    )
    return [OldRecord(*row) for row in connection.execute(listed)]


def forgotten(connection: Connection, records: Collection[OldRecord], before: datetime) -> int:
    """Forget those of some records that have not changed meanwhile; returns how many."""
    ids = [record.analysis_id for record in records]
    removed = 0
    for start in range(0, len(ids), _CHUNK):
        removed += connection.execute(
            ANALYSES.delete().where(_named(ids[start : start + _CHUNK]), _ended(before))
        ).rowcount
    return removed


def _named(ids: Collection[str]) -> ColumnElement[bool]:
    return ANALYSES.c.analysis_id.in_(ids)


def _ended(before: datetime) -> ColumnElement[bool]:
    return ANALYSES.c.state.in_(ENDED) & (ANALYSES.c.updated_us < microseconds(before))
