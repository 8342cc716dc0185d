"""Analyses that are not waited for: taken with ``Prefer: respond-async``, followed, cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from petrography.errors import InvalidParameterError
from service.catalogue import AnalysisRecord
from service.engine import ANALYSES, Engine, digest_of_upload
from service.http_api.access import owner_of
from service.http_api.event_streams import EVENT_STREAM, EventStreams
from service.http_api.forms import JOB
from service.http_api.idempotency import stated_key
from service.http_api.resources import PROBLEM
from service.http_api.upload import Upload, receive_upload
from service.http_api.urgency import stated_priority, tenant_of
from service.jobs import (
    Change,
    JobRequest,
    Jobs,
    JobState,
    Submission,
    changes_of,
    has_ended,
    number_of,
    state_of,
)
from service.uploads import image_and_views

__all__ = ["PREFER_HEADER", "job_routes", "prefers_async", "submitted_response"]

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


async def submitted_response(request: Request, engine: Engine, jobs: Jobs) -> Response:
    """Receive an upload and answer 202 as soon as it is safe.

    Parameters
    ----------
    request : Request
        Its body was not read yet: a full queue refuses it before.
    engine : Engine
        Bounds how many bodies arrive at the same time.
    jobs : Jobs
        Takes it.
    """
    engine.require_ready()
    key = stated_key(request)
    with engine.admission.place(tenant_of(request)):
        async with receive_upload(request, JOB, engine.settings) as upload:
            submission = await asyncio.to_thread(_submission, request, upload, key)
            begun = await jobs.submit(submission)
    record = await jobs.record(owner_of(request), begun.analysis_id)
    state = state_of(record, ANALYSES.href_root)
    headers = {"Preference-Applied": "respond-async", **_waiting_headers(record)}
    headers["Location"] = state.href
    return Response(state.model_dump_json(), 202, headers, "application/json")


def job_routes(jobs: Jobs, engine: Engine) -> APIRouter:
    """Build the routes; they go before that of the kept files, whose names they share."""
    streams = EventStreams(engine.settings.event_streams)
    router = APIRouter(prefix=ANALYSES.href_root, tags=["analyses"], responses=PROBLEM)

    @router.get(
        "/{result_id}/events",
        summary="Follow an analysis",
        description=(
            "Server-sent events (`curl -N`): `progress` with the state as JSON, at the end one "
            "named after it: `done`, `failed`, `cancelled` or `dead`. `Last-Event-ID` goes on "
            "behind an event; 204 says that there is nothing more."
        ),
        responses={
            200: {"description": "The events.", "content": {EVENT_STREAM: {}}},
            204: {"description": "The last event is known already."},
        },
        response_class=Response,
    )
    async def get_events(request: Request, result_id: str) -> Response:
        owner, after = owner_of(request), _last_event(request)
        record = await jobs.record(owner, result_id)
        if has_ended(record) and after is not None and number_of(record) <= after:
            return Response(status_code=204)
        changes = changes_of(
            lambda: jobs.record_now(owner, result_id),
            after=after,
            # The job goes on in the next process, and who follows it finds that one.
            given_up=lambda: engine.readiness.is_told_to_stop,
        )
        return streams.response(tenant_of(request), _events(changes))

    @router.delete(
        "/{result_id}",
        summary="Cancel an analysis",
        description="Of one that waits or runs; one that has ended stays as it is (409).",
        responses={200: {"model": JobState, "description": "It is cancelled."}},
        response_class=Response,
    )
    async def delete_analysis(request: Request, result_id: str) -> Response:
        record = await jobs.cancel(owner_of(request), result_id)
        state = state_of(record, ANALYSES.href_root)
        return Response(state.model_dump_json(), media_type="application/json")

    return router


def _submission(request: Request, upload: Upload[JobRequest], key: str | None) -> Submission:
    image, views = image_and_views(upload)
    # Without a callback it is what a client who waits asks for, under the same key the same.
    asked = upload.request.analysis() if upload.request.callback is None else upload.request
    return Submission(
        request=upload.request,
        files={"image": image, **views},
        href_root=ANALYSES.href_root,
        body_sha256="" if key is None else digest_of_upload(upload.files, asked),
        owner=owner_of(request),
        tenant=tenant_of(request),
        priority=stated_priority(request),
        idempotency_key=key,
    )


def _waiting_headers(record: AnalysisRecord) -> dict[str, str]:
    """Ask for the next look after a tenth of the time so far: nobody waits much too long."""
    age_s = (datetime.now(UTC) - record.created_utc).total_seconds()
    seconds = min(max(1, round(age_s / 10.0)), _LONGEST_RETRY_S)
    return {"Retry-After": str(seconds), "Cache-Control": "no-store"}


def _last_event(request: Request) -> int | None:
    text = request.headers.get("last-event-id")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        msg = f"Last-Event-ID is {text[:50]!r}; wanted the id of an event of this stream"
        raise InvalidParameterError(msg)
    return int(text)


async def _events(changes: AsyncIterator[Change | None]) -> AsyncIterator[str]:
    """Write changes as server-sent events (WHATWG HTML, section 9.2)."""
    async for change in changes:
        if change is None:
            yield ": still here\n\n"
            continue
        state = state_of(change.record, ANALYSES.href_root)
        name = state.state if has_ended(change.record) else "progress"
        yield f"id: {change.number}\nevent: {name}\ndata: {state.model_dump_json()}\n\n"
