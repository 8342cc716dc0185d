"""``/v1/calibrations``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeAlias

from fastapi import APIRouter, Request

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
from service.http_api.resources import Making, result_routes
from service.http_api.upload import Upload
from service.http_api.urgency import tenant_of

__all__ = ["calibration_routes"]

Calibration: TypeAlias = ColourCalibration | FlatFieldCalibration | LensCalibration

_FITTING = Making(
    CALIBRATIONS,
    CALIBRATION,
    Calibration,
    "Fit a calibration",
    "Of the colours: from labels of some pixels of a photograph, from several photographs of a "
    "series, or from the colour of a white. Of the shading, `kind` `flat_field`: from blanks. Of "
    "the distortion, `kind` `lens`: from a target. The id is the digest of the content: the same "
    "request gives the same calibration. Analyses name it in `calibration`, `flat_field` or "
    "`lens`.",
)


def calibration_routes(engine: Engine) -> APIRouter:
    """Build the routes under ``/v1/calibrations``."""

    def fit(request: Request, upload: Upload[CalibrationRequest]) -> Coroutine[Any, Any, Finished]:
        files = upload.files
        return engine.imaging.calibrate(
            files["image"],
            files["labels"],
            upload.request,
            dark=files["dark"],
            tenant=tenant_of(request),
            owner=owner_of(request),
        )

    return result_routes(engine, _FITTING, fit)
