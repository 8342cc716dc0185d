"""``/v1/panoramas``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.engine import (
    ANALYSES,
    PANORAMAS,
    Engine,
    Finished,
    Panorama,
    PanoramaRequest,
    asked_analysis,
    model_for,
)
from service.http_api.access import owner_of
from service.http_api.forms import PANORAMA
from service.http_api.resources import (
    PROBLEM,
    add_reading_routes,
    created_response,
    received,
    root_of,
    upload_body,
)
from service.http_api.upload import Upload
from service.http_api.urgency import tenant_of

__all__ = ["panorama_routes"]


def panorama_routes(engine: Engine) -> APIRouter:
    """Build the routes under ``/v1/panoramas``."""
    router = APIRouter(prefix=root_of(PANORAMAS), tags=["panoramas"], responses=PROBLEM)

    @router.post(
        "",
        status_code=201,
        summary="Join fields to a panorama",
        description=(
            "What fits nothing else with certainty is left out and named. With `analysis` the "
            "panorama is analysed as well, and the answer names its `analysis_id`."
        ),
        responses={201: {"model": Panorama, "description": "The panorama."}},
        response_class=Response,
        openapi_extra=upload_body(PANORAMA),
    )
    async def post_panorama(request: Request) -> Response:
        async def work(upload: Upload[PanoramaRequest]) -> Finished:
            def stitch(analysis_id: str | None = None) -> Coroutine[Any, Any, Finished]:
                return engine.stitch(
                    upload.files["field"],
                    next(iter(upload.files["flat_field"]), None),
                    upload.request,
                    href_root=root_of(ANALYSES),
                    tenant=tenant_of(request),
                    owner=owner_of(request),
                    analysis_id=analysis_id,
                )

            analysis = upload.request.analysis
            if analysis is None:
                return await stitch()
            asked = asked_analysis(
                analysis,
                await model_for(engine.repository, analysis.model, upload.files["field"]),
                owner=owner_of(request),
                key=None,
                body_sha256="",
                priority="bulk",
            )
            return await engine.recorded.make(asked, stitch)

        return created_response(PANORAMAS, await received(request, engine, PANORAMA, work))

    add_reading_routes(router, engine, PANORAMAS, Panorama)
    return router
