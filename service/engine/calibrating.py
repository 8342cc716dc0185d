"""From photographs with labels, or a white, to a colour calibration and its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from petrography.calibration import (
    ColourCalibration,
    ColourReference,
    apply_calibration,
    fit_calibration,
    fit_series_calibration,
    lumenstone_reference,
)
from petrography.errors import InvalidParameterError
from petrography.image_codec import ImageLimits, decode_labels, encode_jpeg
from petrography.images import Image, Labels
from service.engine.course import Course
from service.engine.documents import document_bytes, preview
from service.engine.source_files import NamedFile, decode_file

__all__ = ["CalibrationRequest", "calibrate"]

Level = Annotated[float, Field(ge=0.0, le=255.0, allow_inf_nan=False)]


class CalibrationRequest(BaseModel):
    """What is asked of a colour calibration, apart from the images."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    reference: Literal["lumenstone"] | ColourReference = "lumenstone"
    """Colours to reach: those of the shipped models' training images, or others."""
    white_rgb: tuple[Level, Level, Level] | None = None
    """Colour of a neutral mirror or white plate in the same light, instead of labels."""

    def colour_reference(self) -> ColourReference:
        """Find the colours to reach."""
        return lumenstone_reference() if self.reference == "lumenstone" else self.reference


def calibrate(
    images: Sequence[NamedFile],
    labels: Sequence[NamedFile],
    request: CalibrationRequest,
    *,
    limits: ImageLimits,
    course: Course,
) -> tuple[ColourCalibration, dict[str, bytes]]:
    """Fit a colour calibration.

    Parameters
    ----------
    images : sequence of NamedFile
        One photograph, or several of one series.
    labels : sequence of NamedFile
        Their label images in the same order; none when a white is given.
    request : CalibrationRequest
        What is wanted.
    limits : ImageLimits
        Of every image.
    course : Course
        Told the stages.

    Returns
    -------
    tuple of ColourCalibration and dict of str to bytes
        The calibration; its files by name.

    Raises
    ------
    InputError
        If images, labels or request cannot be used.
    """
    _require_pairs(images, labels, request)
    with course.stage("fit_colours"):
        calibration = _fitted(images, labels, request, limits, course)
    with course.stage("preview"):
        first = preview(decode_file(images[0], limits).pixels)
        picture = encode_jpeg(apply_calibration(first, calibration))
    files = {"calibration.json": document_bytes(calibration), "calibrated.jpg": picture}
    return calibration, files


def _require_pairs(
    images: Sequence[NamedFile], labels: Sequence[NamedFile], request: CalibrationRequest
) -> None:
    if len(labels) not in {0, len(images)}:
        msg = (
            f"{len(images)} images and {len(labels)} label images are given; wanted as many, in "
            "the same order"
        )
        raise InvalidParameterError(msg)
    if len(images) > 1 and (request.white_rgb is not None or not labels):
        msg = (
            f"{len(images)} images are given without labels; wanted labels of each, or one image "
            "and a white"
        )
        raise InvalidParameterError(msg)


def _fitted(
    images: Sequence[NamedFile],
    labels: Sequence[NamedFile],
    request: CalibrationRequest,
    limits: ImageLimits,
    course: Course,
) -> ColourCalibration:
    reference = request.colour_reference()
    if len(images) > 1:
        return fit_series_calibration(_pairs(images, labels, limits, course), reference)
    known = _decoded_labels(labels[0], limits) if labels else None
    pixels = decode_file(images[0], limits).pixels
    return fit_calibration(pixels, known, reference, white_rgb=request.white_rgb)


def _pairs(
    images: Sequence[NamedFile],
    labels: Sequence[NamedFile],
    limits: ImageLimits,
    course: Course,
) -> Iterator[tuple[Image, Labels]]:
    """Decode one pair after the other, so that only one is in memory."""
    for image, known in zip(images, labels, strict=True):
        course.go_on()
        yield decode_file(image, limits).pixels, _decoded_labels(known, limits)


def _decoded_labels(file: NamedFile, limits: ImageLimits) -> Labels:
    return decode_labels(file.read(), limits=limits, name=file.name[:100] or "label image")
