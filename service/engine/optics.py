"""Flat fields and lenses of a microscope: from photographs of targets to what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from petrography.calibration import (
    Corrections,
    FlatField,
    LensModel,
    fit_flat_field,
    fit_lens_from_grid,
    optics_id,
)
from petrography.errors import InvalidParameterError
from petrography.image_codec import ImageLimits, encode_jpeg
from petrography.images import Image
from service.engine.course import Course
from service.engine.documents import document_bytes, preview
from service.engine.source_files import NamedFile, decode_file

__all__ = [
    "FlatFieldCalibration",
    "LensCalibration",
    "LensTarget",
    "fit_flat_field_files",
    "fit_lens_file",
]


class LensTarget(BaseModel):
    """What a photograph shows that tells the distortion: equal squares or dots on a lattice."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    pattern: Literal["dots", "chessboard"] = "dots"
    """What the target shows."""
    rows: int | None = None
    """Dots, or inner corners; a chessboard wants it."""
    columns: int | None = None
    """Dots, or inner corners; a chessboard wants it."""
    tangential: bool = False
    """Whether to fit p1 and p2 too."""


class FlatFieldCalibration(BaseModel):
    """A flat field that is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    """Identity: the digest of the flat field."""
    kind: Literal["flat_field"] = "flat_field"
    flat_field: FlatField
    """What analyses apply; as a file it is also the part `flat_field` of a panorama."""


class LensCalibration(BaseModel):
    """A lens that is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    """Identity: the digest of the lens."""
    kind: Literal["lens"] = "lens"
    lens: LensModel
    """What analyses and panoramas apply."""


def fit_flat_field_files(
    images: Sequence[NamedFile], dark: Sequence[NamedFile], *, limits: ImageLimits, course: Course
) -> tuple[str, dict[str, bytes]]:
    """Measure a flat field.

    Parameters
    ----------
    images : sequence of NamedFile
        Blanks, of one size.
    dark : sequence of NamedFile
        None, or one photograph without light.
    limits : ImageLimits
        Of every image.
    course : Course
        Told the stages.

    Returns
    -------
    tuple of str and dict of str to bytes
        Its id; its files by name.

    Raises
    ------
    InputError
        If the images are no blanks, or cannot be read.
    """
    with course.stage("fit_flat_field"):
        unlit = decode_file(dark[0], limits).pixels if dark else None
        blanks = [_decoded(file, limits, course) for file in images]
        flat = fit_flat_field(blanks, unlit)
    made = FlatFieldCalibration(id=optics_id(flat), flat_field=flat)
    files = {"calibration.json": document_bytes(made), "flat_field.json": document_bytes(flat)}
    return made.id, files | _picture(blanks[0], Corrections(flat_field=flat))


def fit_lens_file(
    images: Sequence[NamedFile], target: LensTarget, *, limits: ImageLimits, course: Course
) -> tuple[str, dict[str, bytes]]:
    """Measure a lens.

    Parameters
    ----------
    images : sequence of NamedFile
        One photograph of a target.
    target : LensTarget
        What it shows.
    limits : ImageLimits
        Of the image.
    course : Course
        Told the stages.

    Raises
    ------
    InputError
        If there are several images, or no target is found in it.
    """
    if len(images) != 1:
        msg = f"{len(images)} images are given; wanted one photograph of a target"
        raise InvalidParameterError(msg)
    pixels = decode_file(images[0], limits).pixels
    with course.stage("fit_lens"):
        lens = fit_lens_from_grid(
            pixels,
            target.rows,
            target.columns,
            target=target.pattern,
            tangential=target.tangential,
        )
    made = LensCalibration(id=optics_id(lens), lens=lens)
    files = {"calibration.json": document_bytes(made), "lens.json": document_bytes(lens)}
    return made.id, files | _picture(pixels, Corrections(lens=lens))


def _decoded(file: NamedFile, limits: ImageLimits, course: Course) -> Image:
    course.go_on()
    return decode_file(file, limits).pixels


def _picture(pixels: Image, corrections: Corrections) -> dict[str, bytes]:
    """Show the first photograph as it becomes."""
    return {"calibrated.jpg": encode_jpeg(preview(corrections.evened(pixels)))}
