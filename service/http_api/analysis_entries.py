"""What is told of an analysis beside its result: where it stands, alone or in a list."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from petrography.errors import AnalysisCancelledError
from service.catalogue import AnalysisRecord
from service.engine import ANALYSES
from service.http_api.problems import problem_response
from service.jobs import JobState, state_of

__all__ = ["AnalysisList", "unfinished_response"]

_RETRY_S = 2


class AnalysisList(BaseModel):
    """Some analyses, those that were begun last first."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    analyses: list[JobState]
    next_cursor: str | None
    """For the next page; null where this is the last."""
    as_of_utc: datetime
    """`updated_since` of the next look at what changed: a little before this one."""


def unfinished_response(record: AnalysisRecord) -> Response:
    """Answer for an analysis without a result: 202 while there may be one, else why there is none.

    Raises
    ------
    AnalysisCancelledError
        If it was cancelled, by its client or because its client went.
    """
    state = state_of(record, ANALYSES.href_root)
    if record.state in {"queued", "running"}:
        headers = {
            "Location": state.href,
            "Retry-After": str(_RETRY_S),
            "Cache-Control": "no-store",
        }
        return Response(state.model_dump_json(), 202, headers, "application/json")
    if record.problem is not None:
        return problem_response({"instance": state.href} | dict(record.problem))
    msg = f"analysis {record.analysis_id} was {record.state}; wanted a new request"
    raise AnalysisCancelledError(msg)
