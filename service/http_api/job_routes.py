"""Analyses that are not waited for: followed, cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.responses import Response

from petrography.errors import InvalidParameterError
from service.engine import ANALYSES, Engine
from service.http_api.access import owner_of
from service.http_api.event_streams import EVENT_STREAM, EventStreams
from service.http_api.resources import PROBLEM
from service.http_api.urgency import tenant_of
from service.jobs import (
    Change,
    Jobs,
    JobState,
    changes_of,
    has_ended,
    number_of,
    state_of,
)

__all__ = ["job_routes"]


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
