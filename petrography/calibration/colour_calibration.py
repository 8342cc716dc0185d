"""A stored colour calibration: what was fitted, from what, how well, and under which id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from petrography.calibration.anchors import Colour
from petrography.field_types import Code, Finite, NotNegative, Sha256
from petrography.stored_documents import Document, content_sha256, parsed

__all__ = [
    "CalibrationInput",
    "ColourCalibration",
    "FittedAnchor",
    "Mode",
    "Model",
    "parse_calibration",
]

Row = tuple[Finite, Finite, Finite]
Mode = Literal["individual", "series", "white-reference"]
Model = Literal["affine", "diagonal-offset", "white-balance"]


class FittedAnchor(Document):
    """One phase before and after calibration.

    Attributes
    ----------
    code : int
        The phase.
    seen_rgb, corrected_rgb, reference_rgb : tuple of float
        Its colour in the photograph, after calibration and in the reference, 0-255.
    area_px : int
        Labelled pixels used.
    weight : float
        Weight in the fit, at most 1.
    distance_before, distance_after : float
        CIEDE2000 to the reference.
    """

    code: Code
    seen_rgb: Colour
    corrected_rgb: Colour
    reference_rgb: Colour
    area_px: int = Field(ge=1)
    weight: float = Field(gt=0.0, le=1.0)
    distance_before: NotNegative
    distance_after: NotNegative


class CalibrationInput(Document):
    """SHA-256 of the pixels of one image and of its labels."""

    image_sha256: Sha256
    labels_sha256: Sha256


class ColourCalibration(Document):
    """A colour correction in linear light and the account of how it came about.

    A pixel with levels v becomes ``255 ([(v / 255) ** gamma, 1] @ matrix) ** (1 / gamma)``.

    Attributes
    ----------
    id : str
        SHA-256 of everything else but `made_utc`: equal calibrations have equal ids.
    mode : {"individual", "series", "white-reference"}
        From one image, from several of one microscope, or from a white without labels.
    model : {"affine", "diagonal-offset", "white-balance"}
        Free numbers: 12, 6 or 3.
    gamma : float
        Exponent of the tone curve.
    matrix : tuple of 4 rows of 3 float
        Rows: red, green, blue, offset of the photograph; columns: red, green, blue of the result.
    reference : str
        Name of the colour reference.
    reference_sha256 : str or None
        Of the content of the reference; None in calibrations of old.
    made_utc : str or None
        When it was first kept, ISO 8601; no part of the id.
    anchors : tuple of FittedAnchor
        Phases that the fit used.
    mean_distance_before, mean_distance_after : float or None
        Weighted means over the anchors; None without labels.
    condition_number : float or None
        Of the anchors' light with a column of ones; above 1000 they do not settle the matrix.
    white_rgb : tuple of float or None
        The white that was given instead of labels.
    inputs : tuple of CalibrationInput
        What it was fitted to.
    warnings : tuple of str
        One sentence each.
    """

    schema_version: Literal[1] = 1
    id: Sha256
    mode: Mode
    model: Model
    gamma: float = Field(gt=0.0, le=10.0)
    matrix: tuple[Row, Row, Row, Row]
    reference: str
    reference_sha256: Sha256 | None = None
    made_utc: str | None = None
    anchors: tuple[FittedAnchor, ...]
    mean_distance_before: NotNegative | None
    mean_distance_after: NotNegative | None
    condition_number: NotNegative | None
    white_rgb: Colour | None
    inputs: tuple[CalibrationInput, ...]
    warnings: tuple[str, ...]

    @model_validator(mode="after")
    def _unaltered(self) -> ColourCalibration:
        since = {"reference_sha256"} if self.reference_sha256 is None else set()
        content = self.model_dump(mode="json", exclude={"id", "made_utc", *since})
        if self.id != content_sha256(content):
            msg = "the id is not that of the content: the calibration was altered; fit it anew"
            raise ValueError(msg)
        return self

    @classmethod
    def of(
        cls,
        *,
        mode: Mode,
        model: Model,
        gamma: float,
        matrix: Sequence[Sequence[float]],
        reference: str,
        reference_sha256: str | None = None,
        anchors: tuple[FittedAnchor, ...] = (),
        condition_number: float | None = None,
        white_rgb: Colour | None = None,
        inputs: tuple[CalibrationInput, ...] = (),
        warnings: tuple[str, ...] = (),
    ) -> ColourCalibration:
        """Put a calibration together and give it its id."""
        content: dict[str, object] = {
            "schema_version": 1,
            "mode": mode,
            "model": model,
            "gamma": gamma,
            "matrix": [[round(float(one), 9) for one in row] for row in matrix],
            "reference": reference,
            "anchors": [one.model_dump(mode="json") for one in anchors],
            "mean_distance_before": _mean(anchors, [one.distance_before for one in anchors]),
            "mean_distance_after": _mean(anchors, [one.distance_after for one in anchors]),
            "condition_number": condition_number,
            "white_rgb": None if white_rgb is None else [float(one) for one in white_rgb],
            "inputs": [one.model_dump(mode="json") for one in inputs],
            "warnings": list(warnings),
        }
        if reference_sha256 is not None:
            content["reference_sha256"] = reference_sha256
        return cls.model_validate_json(json.dumps({"id": content_sha256(content), **content}))


def _mean(anchors: Sequence[FittedAnchor], distances: Sequence[float]) -> float | None:
    total = sum(one.weight for one in anchors)
    pairs = zip(anchors, distances, strict=True)
    return round(sum(one.weight * apart for one, apart in pairs) / total, 3) if anchors else None


def parse_calibration(data: bytes, *, source: str) -> ColourCalibration:
    """Read a stored calibration.

    Raises
    ------
    InvalidParameterError
        If a field is missing, unknown or impossible, or the content does not match the id.
    """
    return parsed(ColourCalibration, data, what="colour calibration", source=source)
