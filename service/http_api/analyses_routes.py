"""``/v1/analyses``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from petrography.pipeline import AnalysisRequest
from petrography.report import Result
from service.engine import ANALYSES, Engine, Finished
from service.http_api.forms import ANALYSIS
from service.http_api.resources import (
    PROBLEM,
    add_reading_routes,
    created_response,
    root_of,
    upload_body,
)
from service.http_api.upload import Upload
from service.http_api.urgency import PRIORITY_HEADER, stated_priority, tenant_of

__all__ = ["analysis_routes"]


def analysis_routes(engine: Engine) -> APIRouter:
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
        responses={201: {"model": Result, "description": "The finished analysis."}},
        response_class=Response,
        openapi_extra={**upload_body(ANALYSIS), "parameters": [PRIORITY_HEADER]},
    )
    async def post_analysis(request: Request) -> Response:
        def work(upload: Upload[AnalysisRequest]) -> Coroutine[Any, Any, Finished]:
            (image,) = upload.files["image"]
            views = {view.part: upload.files[view.part][0] for view in upload.request.views}
            return engine.analyse(
                image,
                upload.request,
                views=views,
                href_root=root_of(ANALYSES),
                priority=stated_priority(request),
                tenant=tenant_of(request),
            )

        return await created_response(request, engine, ANALYSES, ANALYSIS, work)

    add_reading_routes(router, engine, ANALYSES, Result)
    return router
