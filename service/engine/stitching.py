"""From overlapping fields to a panorama and its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

from petrography.calibration import Corrections, FlatField, LensModel, parse_flat_field
from petrography.errors import InvalidParameterError
from petrography.field_types import Sha256
from petrography.image_codec import ImageLimits, TiffCompression, encode_jpeg, write_pyramid
from petrography.images import Image
from petrography.pipeline import AnalysisRequest, UmPerPx
from petrography.stitching import (
    GridLayout,
    Matcher,
    PanoramaField,
    Stitching,
    StitchReport,
    stitch,
)
from service.engine.course import Course
from service.engine.documents import document_bytes
from service.engine.draft import Draft
from service.engine.field_maps import JoinedFields, covered_by_fields, segment_fields
from service.engine.input_digests import InputDigests, NotingDigests
from service.engine.source_files import NamedFile, require_distinct_names

__all__ = ["PANORAMA_FILE", "Panorama", "PanoramaRequest", "StitchedPanorama", "stitch_panorama"]

PANORAMA_FILE = "panorama.ome.tif"
Model = Literal["auto", "translation", "similarity", "affine"]


class PanoramaRequest(BaseModel):
    """What is asked of a panorama, apart from the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    grid: GridLayout | None = None
    """Where the fields lie, in the order in which they are sent; without it they find their
    places themselves."""
    model: Model = "auto"
    """What a field may do against the others; `auto` takes the simplest that fits."""
    flat_field: Literal["estimate", "none"] | Sha256 = "estimate"
    """Whether to find the shading from the overlaps; or the id of a calibration. One that is kept
    elsewhere is sent as a part of the same name."""
    lens: Literal["estimate", "none"] | Sha256 | LensModel = "estimate"
    """Whether to find the distortion from the overlaps; or the id of a calibration; or a measured
    one."""
    um_per_px: UmPerPx | None = None
    """Pixel size of the fields in micrometres; overrules what the files say."""
    compression: TiffCompression = "jpeg"
    """Of the panorama; `deflate` loses nothing."""
    analysis: AnalysisRequest | None = None
    """Analyse the panorama as well."""
    segmentation: Literal["fields", "panorama"] = "fields"
    """What the analysis segments: every field as it was photographed, with the maps joined along
    the seams, or the panorama."""

    @field_validator("analysis")
    @classmethod
    def _of_no_single_field(cls, analysis: AnalysisRequest | None) -> AnalysisRequest | None:
        if analysis is not None and (analysis.named_parts or analysis.flat_field or analysis.lens):
            msg = "views and region belong to one field, and shading and lens are corrected while stitching"
            raise ValueError(msg)
        return analysis

    def optics_ids(self) -> tuple[str | None, str | None]:
        """Ids of the flat field and the lens, where they are named by one."""
        lens = None if isinstance(self.lens, LensModel) else self.lens
        flat_field, lens = (
            None if one in {"estimate", "none"} else one for one in (self.flat_field, lens)
        )
        return flat_field, lens


class Panorama(StitchReport):
    """A panorama that is kept: its report, its identity and what was made of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    """Identity."""
    um_per_px: float | None
    """Pixel size that the panorama states."""
    field_warnings: tuple[str, ...]
    """What was converted, assumed or left out when the fields were read."""
    analysis_id: str | None
    """The analysis that was asked for; it and the panorama have one id."""
    inputs: tuple[InputDigests, ...]
    """The fields, in the order in which they were sent, then a flat field that was sent."""


@dataclass(frozen=True)
class StitchedPanorama:
    """What is known of a panorama when its files are written.

    Attributes
    ----------
    report : StitchReport
        Content of ``report.json``.
    um_per_px : float or None
        Pixel size that the file states.
    field_warnings : tuple of str
        From reading the fields.
    stitching : Stitching
        The panorama itself.
    inputs : tuple of InputDigests
        What it was made from.
    """

    report: StitchReport
    um_per_px: float | None
    field_warnings: tuple[str, ...]
    stitching: Stitching
    inputs: tuple[InputDigests, ...]

    def document(self, panorama_id: str, analysis_id: str | None) -> bytes:
        """Write the content of ``panorama.json``."""
        panorama = Panorama(
            **dict(self.report),
            id=panorama_id,
            um_per_px=self.um_per_px,
            field_warnings=self.field_warnings,
            analysis_id=analysis_id,
            inputs=self.inputs,
        )
        return document_bytes(panorama)

    def joined(self, request: PanoramaRequest, folder: Path | None) -> JoinedFields:
        """Tell of what it was made, and how its map is joined from its fields, if it is."""
        by_field = request.segmentation == "fields"
        segmented = partial(segment_fields, self.stitching, folder=folder)
        covered = partial(covered_by_fields, self.stitching)
        return JoinedFields(len(self.stitching.placed), segmented if by_field else None, covered)


class _Reading:
    """Fields as they are read, and what reading them told."""

    def __init__(self, limits: ImageLimits, course: Course) -> None:
        self._limits, self._noting = limits, NotingDigests(limits)
        self._course = course
        self._told: dict[str, tuple[float | None, tuple[str, ...]]] = {}

    def field(self, file: NamedFile) -> PanoramaField:
        """Make a field of a file; it is decoded at every load, to hold no more than is needed."""

        def load() -> Image:
            self._course.go_on()
            decoded = self._noting.decoded(file)
            self._told[file.name] = (decoded.um_per_px, decoded.warnings)
            return decoded.pixels

        return PanoramaField(file.name, load)

    def inputs(
        self, files: Sequence[NamedFile], flat_field: NamedFile | None
    ) -> tuple[InputDigests, ...]:
        """Give the digests of what was read."""
        sent = () if flat_field is None else NotingDigests(self._limits).of(flat_field)
        return (*self._noting.of(*files), *sent)

    @property
    def um_per_px(self) -> float | None:
        """Pixel size, if all fields state the same."""
        sizes = {um_per_px for um_per_px, _ in self._told.values()}
        return sizes.pop() if len(sizes) == 1 else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was converted, assumed or left out, by the name of the field."""
        return tuple(
            f"{name}: {warning}"
            for name, (_, warnings) in self._told.items()
            for warning in warnings
        )


def stitch_panorama(
    files: Sequence[NamedFile],
    flat_field: NamedFile | None,
    request: PanoramaRequest,
    stored: Corrections,
    draft: Draft,
    *,
    limits: ImageLimits,
    max_px: int,
    matcher: Matcher | None = None,
    course: Course,
) -> StitchedPanorama:
    """Join fields and write ``report.json``, ``panorama.ome.tif`` and ``preview.jpg``.

    Parameters
    ----------
    files : sequence of NamedFile
        The fields; each is read several times, one at a time.
    flat_field : NamedFile or None
        A measured flat field as JSON.
    request : PanoramaRequest
        What is wanted; its analysis is not made here.
    stored : Corrections
        The flat field and the lens that it names.
    draft : Draft
        Where the files go.
    limits : ImageLimits
        Of every field; of the pixels of a panorama that is to be analysed.
    max_px : int
        Of a panorama.
    matcher : callable, optional
        Finds the overlaps, instead of SIFT features.
    course : Course
        Told the stages, and asked at every step.

    Raises
    ------
    InputError
        If fields or request cannot be used, or nothing fits together with certainty.
    """
    require_distinct_names(files, "field")
    flat = _flat_field(flat_field, request, stored)
    reading = _Reading(limits, course)
    with course.stage("stitch"):
        stitching = stitch(
            [reading.field(file) for file in files],
            grid=request.grid,
            model=request.model,
            flat_field=flat,
            lens=_lens(request, stored),
            matcher=matcher,
            max_px=max_px if request.analysis is None else min(max_px, limits.max_pixels),
            on_progress=lambda _step, _done, _total: course.go_on(),
        )
    um_per_px = reading.um_per_px if request.um_per_px is None else request.um_per_px
    with course.stage("draw"):
        _draw(stitching, um_per_px, request.compression, draft, course)
    draft.write("report.json", document_bytes(stitching.report))
    inputs = reading.inputs(files, flat_field)
    return StitchedPanorama(stitching.report, um_per_px, reading.warnings, stitching, inputs)


def _lens(request: PanoramaRequest, stored: Corrections) -> LensModel | Literal["estimate"] | None:
    if isinstance(request.lens, LensModel):
        return request.lens
    return "estimate" if request.lens == "estimate" else stored.lens


def _flat_field(
    file: NamedFile | None, request: PanoramaRequest, stored: Corrections
) -> FlatField | Literal["estimate"] | None:
    if file is None:
        return "estimate" if request.flat_field == "estimate" else stored.flat_field
    if request.flat_field != "estimate":
        msg = f"a flat field is sent, but flat_field is {request.flat_field!r}; leave one out"
        raise InvalidParameterError(msg)
    return parse_flat_field(file.read(), source=f"part 'flat_field' ({file.name[:100]})")


def _draw(
    stitching: Stitching,
    um_per_px: float | None,
    compression: TiffCompression,
    draft: Draft,
    course: Course,
) -> None:
    def strips() -> Iterator[Image]:
        for strip in stitching.rows():
            course.go_on()
            yield strip

    with draft.create(PANORAMA_FILE) as file:
        write_pyramid(
            file, strips(), *stitching.shape, um_per_px=um_per_px, compression=compression
        )
    draft.write("preview.jpg", encode_jpeg(stitching.preview()))
