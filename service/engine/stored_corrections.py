"""The calibrations that an analysis names, from where they are kept."""

from __future__ import annotations

import json
from dataclasses import replace

from petrography.calibration import Corrections, parse_calibration
from petrography.errors import InvalidParameterError
from petrography.pipeline import AnalysisRequest
from service.engine.artefact_store import ArtefactStore
from service.engine.kinds import CALIBRATIONS
from service.engine.optics import FlatFieldCalibration, LensCalibration

__all__ = ["stored_corrections", "stored_optics"]

# A colour calibration says by its fields what it is.
_COLOUR = "colour"


def stored_corrections(
    store: ArtefactStore, request: AnalysisRequest, owner: str = ""
) -> Corrections:
    """Read what an analysis of a tenant corrects, from what this tenant keeps.

    Raises
    ------
    CalibrationNotFoundError
        If a calibration that the request names is not kept.
    InvalidParameterError
        If it is of another kind.
    """
    colours = _content(store, request.calibration, _COLOUR, owner)
    return replace(
        stored_optics(store, request.flat_field, request.lens, owner),
        calibration=None if colours is None else parse_calibration(colours, source="calibration"),
    )


def stored_optics(
    store: ArtefactStore, flat_field_id: str | None, lens_id: str | None, owner: str = ""
) -> Corrections:
    """Read a flat field and a lens of a tenant.

    Raises
    ------
    CalibrationNotFoundError, InvalidParameterError
        As `stored_corrections`.
    """
    shading = _content(store, flat_field_id, "flat_field", owner)
    distortion = _content(store, lens_id, "lens", owner)
    return Corrections(
        flat_field=(
            None
            if shading is None
            else FlatFieldCalibration.model_validate_json(shading).flat_field
        ),
        lens=None if distortion is None else LensCalibration.model_validate_json(distortion).lens,
    )


def _content(
    store: ArtefactStore, calibration_id: str | None, wanted: str, owner: str
) -> bytes | None:
    if calibration_id is None:
        return None
    content = store.use(CALIBRATIONS, calibration_id, owner)
    kind = json.loads(content).get("kind", _COLOUR)
    if kind != wanted:
        msg = f"calibration {calibration_id} is of kind {kind!r}; wanted {wanted!r}"
        raise InvalidParameterError(msg)
    return content
