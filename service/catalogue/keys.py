"""What an idempotency key that was used before leads to.

References
----------
draft-ietf-httpapi-idempotency-key-header, The Idempotency-Key HTTP Header Field, section 2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from petrography.errors import IdempotencyConflictError
from service.catalogue.records import Begun, NewAnalysis
from service.catalogue.rows import changed_us, now_us
from service.catalogue.schema import ANALYSES

__all__ = ["LEASE_S", "begun_before", "inserted", "lease_end_us"]

# Who works on a synchronous analysis says that it lives well within this; after it nobody is
# thought to.
LEASE_S = 60.0


def lease_end_us() -> int:
    """Tell since when a process at work must have said that it lives."""
    return now_us() - int(LEASE_S * 1_000_000)


def inserted(connection: Connection, row: Mapping[str, Any]) -> bool:
    """Add a row, unless its key is taken; returns whether it was added."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    once = dialect.insert(ANALYSES).values(row)
    once = once.on_conflict_do_nothing(
        index_elements=[ANALYSES.c.owner, ANALYSES.c.idempotency_key]
    )
    added = connection.execute(once.returning(ANALYSES.c.analysis_id))
    return added.scalar_one_or_none() is not None


def begun_before(connection: Connection, new: NewAnalysis) -> Begun | None:
    """Find what a key was used for; None if it is free again.

    Parameters
    ----------
    connection : Connection
        Committing by itself.
    new : NewAnalysis
        What is asked for now; it has a key.

    Raises
    ------
    IdempotencyConflictError
        If it was something else.
    """
    same_key = select(ANALYSES).where(
        ANALYSES.c.owner == new.owner, ANALYSES.c.idempotency_key == new.idempotency_key
    )
    row = connection.execute(same_key).one_or_none()
    if row is None:
        return None
    if row.body_sha256 != new.body_sha256:
        msg = (
            f"the idempotency key {new.idempotency_key!r} was used for another request, analysis "
            f"{row.analysis_id}; wanted the same image and request, or a new key"
        )
        raise IdempotencyConflictError(msg)
    fresh = _is_unanswered(row) and _taken_over(connection, row, new)
    return Begun(row.analysis_id, fresh, taken_over=fresh)


def _is_unanswered(row: Row[Any]) -> bool:
    """Whether nobody will ever answer it, so that asking again means: do it."""
    if row.asynchronous:
        # A job that was taken is tried while disk or database stand in the way; only one that could
        # not be taken has failed of it.
        return row.state == "failed" and _status_of(row) == 503
    if row.state in {"queued", "running"}:
        return bool(row.alive_us < lease_end_us())
    if row.state == "failed":
        # What the client has to mend would end the same way again; a fault of ours may be gone.
        status = _status_of(row)
        return status >= 500 or status == 429
    # Its client went; where there is a problem somebody was told that it is cancelled for good.
    return row.state == "cancelled" and row.problem is None


def _status_of(row: Row[Any]) -> int:
    return int(json.loads(row.problem or "{}").get("status", 500))


def _taken_over(connection: Connection, row: Row[Any], new: NewAnalysis) -> bool:
    """Begin it again, unless somebody else did meanwhile."""
    now = now_us()
    unchanged = (
        ANALYSES.c.analysis_id == row.analysis_id,
        ANALYSES.c.state == row.state,
        ANALYSES.c.updated_us == row.updated_us,
        ANALYSES.c.alive_us == row.alive_us,
    )
    again = {
        "state": "queued",
        "asynchronous": new.asynchronous,
        # The one of before may not be served any more.
        "model": new.model,
        "priority": new.priority,
        "problem": None,
        "stage": None,
        "progress_fraction": None,
        "updated_us": changed_us(now),
        "alive_us": now,
    }
    return connection.execute(update(ANALYSES).where(*unchanged).values(again)).rowcount == 1
