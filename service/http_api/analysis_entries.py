"""What is told of an analysis beside its result: where it stands, alone or in a list."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from petrography.errors import ConflictError
from service.catalogue import AnalysisRecord
from service.engine import ANALYSES
from service.http_api.problems import problem_response
from service.http_api.resources import root_of
from service.jobs import JobState, state_of

__all__ = ["AnalysisEntry", "AnalysisList", "entry_of", "unfinished_response"]

# The same in the list, alone, in events and in callbacks.
AnalysisEntry: TypeAlias = JobState
_RETRY_S = 2


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
    return state_of(record, root_of(ANALYSES))


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
