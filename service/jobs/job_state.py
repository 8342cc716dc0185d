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
    """Name and version."""
    status: Status | None
    """Of the result; null before there is one."""
    version: int
    """Of the result."""
    stage: str | None
    """What was done last, or is being done tile by tile."""
    progress_fraction: float | None = Field(ge=0.0, le=1.0)
    problem: dict[str, Any] | None
    """Why there is no result: members of the problem document of a synchronous request."""
    href: str
    """Where the result is or will be, as long as it is kept."""
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
        status=record.status,
        version=record.version,
        stage=record.stage,
        progress_fraction=record.progress_fraction,
        problem=None if record.problem is None else dict(record.problem),
        href=href,
        events=f"{href}/events",
        created_utc=record.created_utc,
        updated_utc=record.updated_utc,
    )


def has_ended(record: AnalysisRecord) -> bool:
    """Tell whether nothing goes on any more."""
    return record.state in ENDED
