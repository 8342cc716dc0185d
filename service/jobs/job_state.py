"""What is told of an analysis that is not, or not yet, a result."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from petrography.report.review import Status
from service.catalogue import ENDED, AnalysisRecord, State

__all__ = ["JobState", "has_ended", "state_of"]


class JobState(BaseModel):
    """How an analysis stands."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    state: State
    """queued, running, done, failed, cancelled, or dead: given up after faults of the service."""
    sample_id: str | None
    model: str
    progress_fraction: float | None = Field(ge=0.0, le=1.0)
    stage: str | None
    """What was finished last, or is being done by the tile."""
    status: Status | None
    """Of the result."""
    problem: dict[str, Any] | None
    """Why there is no result: the problem document of a synchronous request."""
    href: str
    """Where the result is, or will be."""
    events: str
    """Where its progress is told as it happens."""
    created_utc: datetime
    updated_utc: datetime


def state_of(record: AnalysisRecord, href_root: str) -> JobState:
    """Describe a record.

    Parameters
    ----------
    record : AnalysisRecord
        What the catalogue knows.
    href_root : str
        Where the protocol shows analyses.
    """
    href = f"{href_root}/{record.analysis_id}"
    return JobState(
        id=record.analysis_id,
        state=record.state,
        sample_id=record.sample_id,
        model=record.model,
        progress_fraction=record.progress_fraction,
        stage=record.stage,
        status=record.status,
        problem=None if record.problem is None else dict(record.problem),
        href=href,
        events=f"{href}/events",
        created_utc=record.created_utc,
        updated_utc=record.updated_utc,
    )


def has_ended(record: AnalysisRecord) -> bool:
    """Tell whether nothing goes on any more."""
    return record.state in ENDED
