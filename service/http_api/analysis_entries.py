"""What is told of an analysis beside its result: where it stands, alone or in a list."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from petrography.errors import ConflictError
from petrography.report.review import Status
from service.catalogue import AnalysisRecord, State
from service.engine import ANALYSES
from service.http_api.problems import problem_response
from service.http_api.resources import root_of

__all__ = ["AnalysisEntry", "AnalysisList", "entry_of", "unfinished_response"]

_RETRY_S = 2


class AnalysisEntry(BaseModel):
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
    """What was done last."""
    progress_fraction: float | None = Field(ge=0.0, le=1.0)
    problem: dict[str, Any] | None
    """Why there is no result: members of a problem document."""
    href: str
    """Where the result is or will be, as long as it is kept."""
    created_utc: datetime
    updated_utc: datetime


class AnalysisList(BaseModel):
    """Some analyses, those that were begun last first."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    analyses: list[AnalysisEntry]
    next_cursor: str | None
    """For the next page; null where this is the last."""
    as_of_utc: datetime
    """`updated_since` of the next look at what changed: a little before this one."""


def entry_of(record: AnalysisRecord) -> AnalysisEntry:
    """Describe a record."""
    return AnalysisEntry(
        id=record.analysis_id,
        state=record.state,
        sample_id=record.sample_id,
        model=record.model,
        status=record.status,
        version=record.version,
        stage=record.stage,
        progress_fraction=record.progress_fraction,
        problem=None if record.problem is None else dict(record.problem),
        href=f"{root_of(ANALYSES)}/{record.analysis_id}",
        created_utc=record.created_utc,
        updated_utc=record.updated_utc,
    )


def unfinished_response(record: AnalysisRecord) -> Response:
    """Answer for an analysis without a result: 202 while there may be one, else why there is none.

    Raises
    ------
    ConflictError
        If it was cancelled.
    """
    entry = entry_of(record)
    if record.state in {"queued", "running"}:
        headers = {
            "Location": entry.href,
            "Retry-After": str(_RETRY_S),
            "Cache-Control": "no-store",
        }
        return Response(entry.model_dump_json(), 202, headers, "application/json")
    if record.problem is not None:
        return problem_response(dict(record.problem) | {"instance": entry.href})
    msg = f"analysis {record.analysis_id} was {record.state}; wanted a new request, with a new key"
    raise ConflictError(msg)
