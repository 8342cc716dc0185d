"""``/v1/analyses``."""

from __future__ import annotations

import asyncio
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from petrography.pipeline import AnalysisRequest
from petrography.report import Result
from service.catalogue import AnalysisRecord
from service.engine import ANALYSES, Engine, Finished, analyse_upload, digest_of_upload
from service.engine.derived_files import open_file
from service.http_api.access import owner_of
from service.http_api.analysis_entries import unfinished_response
from service.http_api.analysis_reading_routes import add_analysis_reading
from service.http_api.forms import ANALYSIS, JOB
from service.http_api.idempotency import IDEMPOTENCY_HEADER, stated_key
from service.http_api.resources import (
    PROBLEM,
    add_file_route,
    created_response,
    received,
    receiving,
    upload_body,
)
from service.http_api.submitting import PREFER_HEADER, accepted_response, prefers_async
from service.http_api.upload import Upload
from service.http_api.urgency import PRIORITY_HEADER, stated_priority, tenant_of
from service.jobs import JobRequest, Jobs, JobState, Submission
from service.uploads import image_and_named

__all__ = ["analysis_routes"]


def analysis_routes(engine: Engine, jobs: Jobs) -> APIRouter:
    """Build the routes under ``/v1/analyses``."""
    router = APIRouter(prefix=ANALYSES.href_root, tags=["analyses"], responses=PROBLEM)

    @router.post(
        "",
        status_code=201,
        summary="Analyse one image",
        description=(
            "Views of the same place may come in parts of their own, which the request describes: "
            '`-F x30=@x30.png -F \'request={"views": [{"part": "x30", "light": "XPL", '
            '"stage_angle_deg": 30}]}\'`. A mask of what is to be analysed, 0 where nothing is, '
            'may come in one as well: `-F mask=@mask.png -F \'request={"region": "mask"}\'`.'
        ),
        responses={
            201: {"model": Result, "description": "The finished analysis."},
            202: {
                "model": JobState,
                "description": (
                    "With `Prefer: respond-async`, and where an earlier request with this "
                    "Idempotency-Key is being answered."
                ),
            },
        },
        response_class=Response,
        openapi_extra={
            **upload_body(JOB),
            "parameters": [PRIORITY_HEADER, IDEMPOTENCY_HEADER, PREFER_HEADER],
        },
    )
    async def post_analysis(request: Request) -> Response:
        key = stated_key(request)
        if prefers_async(request):
            async with receiving(request, engine, JOB) as upload:
                submission = await asyncio.to_thread(_submission, request, upload, key)
                return await accepted_response(request, jobs, submission)

        async def work(upload: Upload[AnalysisRequest]) -> Finished | AnalysisRecord:
            return await analyse_upload(
                engine,
                upload,
                href_root=ANALYSES.href_root,
                tenant=tenant_of(request),
                owner=owner_of(request),
                key=key,
                priority=stated_priority(request),
            )

        made = await received(request, engine, ANALYSIS, work)
        if isinstance(made, AnalysisRecord):
            return unfinished_response(made)
        return created_response(ANALYSES, made)

    add_analysis_reading(router, engine, jobs)
    add_file_route(router, ANALYSES, partial(open_file, engine.recorded))
    return router


def _submission(request: Request, upload: Upload[JobRequest], key: str | None) -> Submission:
    image, named = image_and_named(upload)
    analysis, callback = upload.request.analysis(), upload.request.callback
    # Without a callback it is what a client who waits asks for, under the same key the same.
    asked = analysis if callback is None else upload.request
    return Submission(
        request=analysis,
        files={"image": image, **named},
        href_root=ANALYSES.href_root,
        body_sha256="" if key is None else digest_of_upload(upload.files, asked),
        callback=callback,
        owner=owner_of(request),
        tenant=tenant_of(request),
        priority=stated_priority(request),
        idempotency_key=key,
    )
