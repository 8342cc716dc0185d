"""``/v1/calibrations``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeAlias

from fastapi import APIRouter, Request
from starlette.responses import Response

from petrography.calibration import ColourCalibration
from service.engine import (
    CALIBRATIONS,
    CalibrationRequest,
    Engine,
    Finished,
    FlatFieldCalibration,
    LensCalibration,
)
from service.http_api.access import owner_of
from service.http_api.forms import CALIBRATION
from service.http_api.resources import (
    PROBLEM,
    add_reading_routes,
    created_response,
    received,
    root_of,
    upload_body,
)
from service.http_api.upload import Upload

__all__ = ["calibration_routes"]

Calibration: TypeAlias = ColourCalibration | FlatFieldCalibration | LensCalibration


def calibration_routes(engine: Engine) -> APIRouter:
    """Build the routes under ``/v1/calibrations``."""
    router = APIRouter(prefix=root_of(CALIBRATIONS), tags=["calibrations"], responses=PROBLEM)

    @router.post(
        "",
        status_code=201,
        summary="Fit a calibration",
        description=(
            "Of the colours: from labels of some pixels of a photograph, from several photographs "
            "of a series, or from the colour of a white. Of the shading, `kind` `flat_field`: from "
            "blanks. Of the distortion, `kind` `lens`: from a target. The id is the digest of the content: the same request "
            "gives the same calibration. Analyses name it in `calibration`, `flat_field` or "
            "`lens`."
        ),
        responses={201: {"model": Calibration, "description": "The calibration."}},
        response_class=Response,
        openapi_extra=upload_body(CALIBRATION),
    )
    async def post_calibration(request: Request) -> Response:
        def work(upload: Upload[CalibrationRequest]) -> Coroutine[Any, Any, Finished]:
            files = upload.files
            return engine.calibrate(
                files["image"],
                files["labels"],
                upload.request,
                dark=files["dark"],
                owner=owner_of(request),
            )

        return created_response(CALIBRATIONS, await received(request, engine, CALIBRATION, work))

    add_reading_routes(router, engine, CALIBRATIONS, Calibration)
    return router
