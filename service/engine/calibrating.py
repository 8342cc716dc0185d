"""From photographs to a calibration and its files: of colours, shading or distortion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
from service.engine.circumstances import utc_now
from service.engine.course import Course
from service.engine.documents import document_bytes, preview
from service.engine.optics import LensTarget, fit_flat_field_files, fit_lens_file
from service.engine.source_files import NamedFile, decode_file

__all__ = ["CalibrationRequest", "calibrate"]

Level = Annotated[float, Field(ge=0.0, le=255.0, allow_inf_nan=False)]


class CalibrationRequest(BaseModel):
    """What is asked of a calibration, apart from the images."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["colour", "flat_field", "lens"] = "colour"
    """What is calibrated: the colours, from labels or a white; the shading, from blanks (and a
    part `dark` without light); or the distortion, from a photograph of a target."""
    reference: Literal["lumenstone"] | ColourReference = "lumenstone"
    """Colours to reach: those of the shipped models' training images, or others."""
    white_rgb: tuple[Level, Level, Level] | None = None
    """Colour of a neutral mirror or white plate in the same light, instead of labels."""
    target: LensTarget | None = None
    """Of a lens; without it a square lattice of dots."""

    @model_validator(mode="after")
    def _fields_of_the_kind(self) -> CalibrationRequest:
        of_kind = {"reference": "colour", "white_rgb": "colour", "target": "lens"}
        for name in self.model_fields_set & of_kind.keys():
            if self.kind != of_kind[name]:
                msg = f"{name} belongs to kind {of_kind[name]!r}, and kind is {self.kind!r}"
                raise ValueError(msg)
        return self

    def colour_reference(self) -> ColourReference:
        """Find the colours to reach."""
        return lumenstone_reference() if self.reference == "lumenstone" else self.reference


def calibrate(
    images: Sequence[NamedFile],
    labels: Sequence[NamedFile],
    dark: Sequence[NamedFile],
    request: CalibrationRequest,
    *,
    limits: ImageLimits,
    course: Course,
) -> tuple[str, dict[str, bytes]]:
    """Fit a calibration of the kind that is asked for.

    Parameters
    ----------
    images : sequence of NamedFile
        One photograph, or several: of one series for the colours, of blanks for the shading.
    labels : sequence of NamedFile
        For the colours: label images in the same order; none when a white is given.
    dark : sequence of NamedFile
        For the shading: one photograph without light, or none.
    request : CalibrationRequest
        What is wanted.
    limits : ImageLimits
        Of every image; blanks and targets have at most 150 million pixels.
    course : Course
        Told the stages.

    Returns
    -------
    tuple of str and dict of str to bytes
        Its id, which is the digest of its content; its files by name.

    Raises
    ------
    InputError
        If images, labels or request cannot be used.
    """
    _require_parts_of_the_kind(labels, dark, request)
    if request.kind == "flat_field":
        return fit_flat_field_files(images, dark, limits=limits.of_whole(), course=course)
    if request.kind == "lens":
        target = request.target or LensTarget()
        return fit_lens_file(images, target, limits=limits.of_whole(), course=course)
    _require_pairs(images, labels, request)
    with course.stage("fit_colours"):
        calibration = _fitted(images, labels, request, limits, course)
    with course.stage("preview"):
        first = preview(decode_file(images[0], limits).pixels)
        picture = encode_jpeg(apply_calibration(first, calibration))
    made = calibration.model_copy(update={"made_utc": utc_now()})
    files = {"calibration.json": document_bytes(made), "calibrated.jpg": picture}
    return calibration.id, files


def _require_parts_of_the_kind(
    labels: Sequence[NamedFile], dark: Sequence[NamedFile], request: CalibrationRequest
) -> None:
    for part, files, kind in (("labels", labels, "colour"), ("dark", dark, "flat_field")):
        if files and request.kind != kind:
            msg = f"part {part!r} belongs to kind {kind!r}, and kind is {request.kind!r}"
            raise InvalidParameterError(msg)


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
