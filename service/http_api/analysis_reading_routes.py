"""Below ``/v1/analyses``: the list, the versions of a result, and reviews."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import Response

from petrography.report import Result, result_json
from petrography.report.review import Status
from service.audit import asking
from service.catalogue import MAX_PAGE, AnalysisRecord, State
from service.engine import ANALYSES, CorrectionRequest, Engine, correct
from service.http_api.access import owner_of
from service.http_api.analysis_entries import (
    AnalysisList,
    unfinished_response,
)
from service.http_api.artefact_response import REVALIDATED, artefact_response
from service.http_api.json_body import receive_json
from service.http_api.resources import Responses, json_body
from service.jobs import Jobs, JobState, state_of

__all__ = ["add_analysis_reading"]

# A change that is written while a list is read may carry an earlier time than the list.
_MARGIN = timedelta(seconds=5)
_DATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]", re.ASCII)
_Version = Annotated[
    int | None,
    Query(ge=1, le=999_999_999, description="One of its versions; without it the newest."),
]
_DOCUMENT: Responses = {
    200: {"model": Result, "description": "The result: its newest version, or the wanted one."},
    202: {"model": JobState, "description": "It is being made."},
    304: {"description": "The result is the one that If-None-Match names."},
}


def _dated(text: object) -> object:
    """Let pass what is written as a date: pydantic would take a number for seconds."""
    if isinstance(text, str) and not _DATED.match(text):
        msg = "wanted a time with its zone, such as 2026-01-31T12:00:00Z (RFC 3339)"
        raise ValueError(msg)
    return text


class _Wanted(BaseModel):
    """What a list is to show."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    sample_id: Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None
    """Only those of this sample."""
    state: State | None = None
    """Only those whose work is there."""
    status: Status | None = None
    """Only those whose result has this status."""
    updated_since: Annotated[AwareDatetime, BeforeValidator(_dated)] | None = None
    """Only those that changed since: `as_of_utc` of the last list."""
    cursor: Annotated[str, Field(max_length=128)] | None = None
    """`next_cursor` of the page before."""
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50
    """Analyses of a page."""


def add_analysis_reading(router: APIRouter, engine: Engine, jobs: Jobs) -> None:
    """Add the routes that tell of analyses, before those of their files.

    Parameters
    ----------
    router : APIRouter
        With the prefix of analyses.
    engine : Engine
        What keeps them.
    jobs : Jobs
        Told of reviews, for the callbacks.
    """

    @router.get("", summary="List analyses, those that were begun last first")
    def get_analyses(request: Request, wanted: Annotated[_Wanted, Query()]) -> AnalysisList:
        as_of_utc = datetime.now(UTC) - _MARGIN
        page = engine.recorded.catalogue.page(owner_of(request), **dict(wanted))
        entries = [state_of(record, ANALYSES.href_root) for record in page.records]
        return AnalysisList(analyses=entries, next_cursor=page.next_cursor, as_of_utc=as_of_utc)

    def get_document(request: Request, result_id: str, version: _Version = None) -> Response:
        found = engine.recorded.document(result_id, owner_of(request), version)
        if isinstance(found, AnalysisRecord):
            return unfinished_response(found)
        return artefact_response(request, found, REVALIDATED)

    for path, what in (("/{result_id}", "an analysis"), ("/{result_id}/result.json", "its result")):
        router.add_api_route(
            path,
            get_document,
            name=what,
            summary=f"Read {what}",
            responses=_DOCUMENT,
            response_class=Response,
        )

    @router.post(
        "/{result_id}/corrections",
        status_code=201,
        summary="Approve, correct or reject an analysis: its next version",
        description=(
            "Nothing is overwritten: `GET /v1/analyses/{id}` gives the new version from now on, "
            "`?version=` every earlier one."
        ),
        responses={201: {"model": Result, "description": "The new version."}},
        response_class=Response,
        openapi_extra=json_body(CorrectionRequest),
    )
    async def post_correction(request: Request, result_id: str) -> Response:
        asked = await receive_json(request, CorrectionRequest, engine.settings)
        engine.barcodes.require(asked.sample, owner_of(request))
        result = await asyncio.to_thread(
            correct,
            engine.recorded.catalogue,
            engine.store,
            result_id,
            asked,
            at=datetime.now(UTC),
            owner=owner_of(request),
            who=asking(),
            put_on_record=engine.audit.reviewed,
        )
        await jobs.tell_reviewed(owner_of(request), result, ANALYSES.href_root)
        location = f"{ANALYSES.href_root}/{result.id}?version={result.version}"
        return Response(result_json(result), 201, {"Location": location}, "application/json")
