"""``/v1/analyses``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from petrography.pipeline import AnalysisRequest
from petrography.report import Result
from service.catalogue import AnalysisRecord, NewAnalysis
from service.engine import (
    ANALYSES,
    Engine,
    Finished,
    OnEvent,
    asked_analysis,
    digest_of_upload,
    model_for,
    priority_of,
    size_if_known,
)
from service.engine.derived_files import open_file
from service.http_api.access import owner_of
from service.http_api.analysis_entries import unfinished_response
from service.http_api.analysis_reading_routes import add_analysis_reading
from service.http_api.forms import ANALYSIS, JOB
from service.http_api.idempotency import IDEMPOTENCY_HEADER, stated_key
from service.http_api.job_routes import PREFER_HEADER, prefers_async, submitted_response
from service.http_api.resources import (
    PROBLEM,
    add_file_route,
    created_response,
    received,
    root_of,
    upload_body,
)
from service.http_api.upload import Upload
from service.http_api.urgency import PRIORITY_HEADER, stated_priority, tenant_of
from service.jobs import Jobs, JobState
from service.repository import LoadedModel
from service.runtime import Priority

__all__ = ["analysis_routes"]


def analysis_routes(engine: Engine, jobs: Jobs) -> APIRouter:
    """Build the routes under ``/v1/analyses``."""
    router = APIRouter(prefix=root_of(ANALYSES), tags=["analyses"], responses=PROBLEM)

    @router.post(
        "",
        status_code=201,
        summary="Analyse one image",
        description=(
            "Views of the same place may come in parts of their own, which the request describes: "
            '`-F x30=@x30.png -F \'request={"views": [{"part": "x30", "light": "XPL", '
            '"stage_angle_deg": 30}]}\'`.'
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
        if prefers_async(request):
            return await submitted_response(request, engine, jobs)
        key = stated_key(request)

        async def work(upload: Upload[AnalysisRequest]) -> Finished | AnalysisRecord:
            (image,) = upload.files["image"]
            views = {view.part: upload.files[view.part][0] for view in upload.request.views}
            model = await model_for(engine.repository, upload.request.model, [image])
            asked, priority = await _asked(request, engine, upload, model, key)

            def analyse(analysis_id: str, on_event: OnEvent) -> Awaitable[Finished]:
                return engine.analyse(
                    image,
                    upload.request,
                    views=views,
                    href_root=root_of(ANALYSES),
                    priority=priority,
                    tenant=tenant_of(request),
                    owner=asked.owner,
                    analysis_id=analysis_id,
                    model=model,
                    on_event=on_event,
                )

            return await engine.recorded.analyse(asked, analyse)

        made = await received(request, engine, ANALYSIS, work)
        if isinstance(made, AnalysisRecord):
            return unfinished_response(made)
        return created_response(ANALYSES, made)

    add_analysis_reading(router, engine, jobs)
    add_file_route(router, ANALYSES, partial(open_file, engine.recorded))
    return router


async def _asked(
    request: Request,
    engine: Engine,
    upload: Upload[AnalysisRequest],
    model: LoadedModel,
    key: str | None,
) -> tuple[NewAnalysis, Priority]:
    """Describe what an upload asks for, to record it."""

    def asked() -> tuple[NewAnalysis, Priority]:
        shape = size_if_known(upload.files["image"][0])
        priority = stated_priority(request) or priority_of(shape, engine.settings)
        # Reading the whole upload again is for those who may send it again.
        digest = "" if key is None else digest_of_upload(upload.files, upload.request)
        new = asked_analysis(
            upload.request,
            model,
            owner=owner_of(request),
            key=key,
            body_sha256=digest,
            priority=priority,
        )
        return new, priority

    return await asyncio.to_thread(asked)
