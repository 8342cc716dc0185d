"""``/v1/panoramas``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from fastapi import APIRouter, Request

from service.engine import (
    ANALYSES,
    PANORAMAS,
    Engine,
    Finished,
    OnEvent,
    Panorama,
    PanoramaRequest,
    asked_analysis,
    model_for,
)
from service.http_api.access import owner_of
from service.http_api.forms import PANORAMA
from service.http_api.resources import Making, result_routes
from service.http_api.upload import Upload
from service.http_api.urgency import tenant_of

__all__ = ["panorama_routes"]

_JOINING = Making(
    PANORAMAS,
    PANORAMA,
    Panorama,
    "Join fields to a panorama",
    "What fits nothing else with certainty is left out and named. With `analysis` the panorama is "
    "analysed as well, and the answer names its `analysis_id`.",
)


def panorama_routes(engine: Engine) -> APIRouter:
    """Build the routes under ``/v1/panoramas``."""

    async def join(request: Request, upload: Upload[PanoramaRequest]) -> Finished:
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

    return result_routes(engine, _JOINING, join)
