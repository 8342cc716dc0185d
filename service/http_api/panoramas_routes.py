"""``/v1/panoramas``."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from petrography.errors import InvalidParameterError
from petrography.pipeline import AnalysisRequest
from service.engine import (
    ANALYSES,
    PANORAMAS,
    Engine,
    Finished,
    OnEvent,
    Panorama,
    PanoramaRequest,
    asked_analysis,
    digest_of_upload,
    model_for,
    require_distinct_names,
)
from service.http_api.access import owner_of
from service.http_api.disconnection import until_disconnect
from service.http_api.forms import PANORAMA, PANORAMA_JOB
from service.http_api.idempotency import IDEMPOTENCY_HEADER, require_no_key, stated_key
from service.http_api.resources import (
    PROBLEM,
    add_reading_routes,
    created_response,
    received,
    receiving,
    upload_body,
)
from service.http_api.submitting import PREFER_HEADER, accepted_response, prefers_async
from service.http_api.upload import Upload
from service.http_api.urgency import tenant_of
from service.jobs import Jobs, JobState, PanoramaJobRequest, Submission

__all__ = ["panorama_routes"]


def panorama_routes(engine: Engine, jobs: Jobs) -> APIRouter:
    """Build the routes under ``/v1/panoramas``."""
    router = APIRouter(prefix=PANORAMAS.href_root, tags=[PANORAMAS.folder], responses=PROBLEM)

    @router.post(
        "",
        status_code=201,
        summary="Join fields to a panorama",
        description=(
            "What fits nothing else with certainty is left out and named. With `analysis` the "
            "panorama is analysed as well; the analysis has the id of the panorama. Only then "
            "`Prefer: respond-async` is heard, and an Idempotency-Key with it."
        ),
        responses={
            201: {"model": Panorama, "description": "A panorama."},
            202: {
                "model": JobState,
                "description": "With `Prefer: respond-async`: how its analysis stands.",
            },
        },
        response_class=Response,
        openapi_extra={
            **upload_body(PANORAMA_JOB),
            "parameters": [IDEMPOTENCY_HEADER, PREFER_HEADER],
        },
    )
    async def post_panorama(request: Request) -> Response:
        join = partial(_joined, engine, request)
        if not prefers_async(request):
            require_no_key(request)
            return created_response(PANORAMAS, await received(request, engine, PANORAMA, join))
        key = stated_key(request)
        async with receiving(request, engine, PANORAMA_JOB) as upload:
            analysis = upload.request.analysis
            if analysis is not None:
                submission = await asyncio.to_thread(_submission, request, upload, analysis, key)
                return await accepted_response(request, jobs, submission)
            # A preference that cannot be met is passed over: RFC 7240 section 2.
            require_no_key(request)
            _require_no_callback(upload.request)
            finished = await until_disconnect(request.receive, join(upload))
        return created_response(PANORAMAS, finished)

    add_reading_routes(router, engine, PANORAMAS, Panorama)
    return router


async def _joined(
    engine: Engine, request: Request, upload: Upload[PanoramaRequest] | Upload[PanoramaJobRequest]
) -> Finished:
    """Join fields, and record the analysis that may be a part of it."""

    def stitch(**of_analysis: Any) -> Coroutine[Any, Any, Finished]:
        return engine.imaging.stitch(
            upload.files["field"],
            next(iter(upload.files["flat_field"]), None),
            upload.request,
            href_root=ANALYSES.href_root,
            tenant=tenant_of(request),
            owner=owner_of(request),
            **of_analysis,
        )

    analysis = upload.request.analysis
    if analysis is None:
        return await stitch()
    model = await model_for(engine.repository, analysis.model, upload.files["field"])
    asked = asked_analysis(
        analysis,
        model,
        owner=owner_of(request),
        key=None,
        body_sha256="",
        priority="bulk",
    )

    def make(analysis_id: str, on_event: OnEvent) -> Coroutine[Any, Any, Finished]:
        return stitch(analysis_id=analysis_id, model=model, on_event=on_event)

    return await engine.recorded.make(asked, make)


def _submission(
    request: Request,
    upload: Upload[PanoramaJobRequest],
    analysis: AnalysisRequest,
    key: str | None,
) -> Submission:
    # Their names are those of the parts that are kept.
    require_distinct_names(upload.files["field"], "field")
    return Submission(
        request=analysis,
        files={
            f"{part}/{file.name}": file
            for part in ("field", "flat_field")
            for file in upload.files[part]
        },
        href_root=ANALYSES.href_root,
        body_sha256="" if key is None else digest_of_upload(upload.files, upload.request),
        callback=upload.request.callback,
        panorama=upload.request.panorama(),
        owner=owner_of(request),
        tenant=tenant_of(request),
        priority="bulk",
        idempotency_key=key,
    )


def _require_no_callback(asked: PanoramaJobRequest) -> None:
    if asked.callback is not None:
        msg = (
            "callback is stated without analysis, and the panorama is answered when it is joined; "
            "wanted an analysis, or no callback"
        )
        raise InvalidParameterError(msg)
