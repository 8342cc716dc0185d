"""Work that is not waited for: ``Prefer: respond-async`` and the answer 202."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import Request
from starlette.responses import Response

from service.catalogue import AnalysisRecord
from service.engine import ANALYSES
from service.http_api.access import owner_of
from service.jobs import Jobs, Submission, state_of

__all__ = ["PREFER_HEADER", "accepted_response", "prefers_async"]

_LONGEST_RETRY_S = 30
PREFER_HEADER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "example": "respond-async"},
    "description": (
        "RFC 7240. `respond-async`: answer 202 at once; the analysis goes on without its client "
        "and survives a restart of the service."
    ),
}


def prefers_async(request: Request) -> bool:
    """Tell whether the client does not wait (RFC 7240 section 4.1)."""
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    names = (one.partition(";")[0].partition("=")[0].strip().lower() for one in preferences)
    return "respond-async" in names


async def accepted_response(request: Request, jobs: Jobs, submission: Submission) -> Response:
    """Hand in what is not waited for, and answer 202 as soon as it is safe.

    Parameters
    ----------
    request : Request
        Who asks.
    jobs : Jobs
        Takes it.
    submission : Submission
        What is asked.
    """
    begun = await jobs.submit(submission)
    record = await jobs.record(owner_of(request), begun.analysis_id)
    state = state_of(record, ANALYSES.href_root)
    headers = {"Preference-Applied": "respond-async", **_waiting_headers(record)}
    headers["Location"] = state.href
    return Response(state.model_dump_json(), 202, headers, "application/json")


def _waiting_headers(record: AnalysisRecord) -> dict[str, str]:
    """Ask for the next look after a tenth of the time so far: nobody waits much too long."""
    age_s = (datetime.now(UTC) - record.created_utc).total_seconds()
    seconds = min(max(1, round(age_s / 10.0)), _LONGEST_RETRY_S)
    return {"Retry-After": str(seconds), "Cache-Control": "no-store"}
