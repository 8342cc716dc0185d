"""What can be asked of an analysis, and the files that answer it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from petrography.field_types import Positive
from petrography.images import MAX_UM_PER_PX, MIN_UM_PER_PX
from petrography.pipeline.modal_options import ModalOptions
from petrography.registration import MAX_STAGE_ANGLE_DEG
from petrography.report import EXPORTS, EXPORTS_ON_REQUEST, ExportName, Sample
from petrography.statistics import MIN_GRAIN_AREA_PX

__all__ = [
    "MEDIA_TYPES",
    "ON_REQUEST",
    "AnalysisRequest",
    "ArtefactName",
    "StageAngleDeg",
    "UmPerPx",
    "ViewRequest",
]

ArtefactName = Literal[
    "labels.png",
    "labels.ome.tif",
    "confidence.png",
    "confidence.ome.tif",
    "overlay.jpg",
    ExportName,
    "anisotropy.png",
    "report.pdf",
]
MEDIA_TYPES: dict[str, str] = {
    "result.json": "application/json",
    "provenance.json": "application/json",
    "labels.png": "image/png",
    "labels.ome.tif": "image/tiff",
    "confidence.png": "image/png",
    "confidence.ome.tif": "image/tiff",
    "overlay.jpg": "image/jpeg",
    **EXPORTS,
    "anisotropy.png": "image/png",
    "report.pdf": "application/pdf",
}
# Files that are made only where a request names them.
ON_REQUEST: frozenset[str] = EXPORTS_ON_REQUEST | {"report.pdf", "confidence.ome.tif"}

PartName = Annotated[str, Field(min_length=1, max_length=200)]
StoredId = Annotated[str, Field(min_length=1, max_length=128)]
UmPerPx = Annotated[float, Field(ge=MIN_UM_PER_PX, le=MAX_UM_PER_PX)]
StageAngleDeg = Annotated[float, Field(ge=-MAX_STAGE_ANGLE_DEG, le=MAX_STAGE_ANGLE_DEG)]


class ViewRequest(BaseModel):
    """Another photograph of the same place, and how it was taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    part: PartName
    """Its name: over HTTP that of the part of the body."""
    light: Literal["PPL", "XPL"] = "XPL"
    """Plane-polarised, or between crossed polars."""
    stage_angle_deg: StageAngleDeg | None = None
    """By how many degrees, -3600 to 3600, the stage was turned since the analysed image, of either
    sense."""


class AnalysisRequest(BaseModel):
    """What is asked of an analysis, apart from the image.

    Attributes
    ----------
    model : str or None
        ``name`` (highest version) or ``name:version``; None for the default model.
    um_per_px : float or None
        Pixel size of the image in micrometres; overrules what the file says.
    resampling_factor : float or None
        Model pixels per image pixel; None derives it from the scale.
    association : str or None
        What may occur: S1, S2, S3, or mineral codes or symbols separated by commas.
    sample : Sample or None
        How the laboratory names what was photographed.
    outputs : tuple of str or None
        Artefacts that are wanted beside the result; None for all but those of `ON_REQUEST`.
    min_grain_area_px : int
        Components below it are counted but not measured.
    touching_grains : bool
        Whether touching grains of one mineral are told apart as well, which takes seconds.
    calibration, flat_field, lens : str or None
        Ids of a stored colour calibration, flat field and lens, which are applied before anything
        is seen.
    views : tuple of ViewRequest
        Other photographs of the same place, which are laid over the image; 3 or more between
        crossed polars tell which phases are anisotropic.
    region : str or None
        The part of a label image of the size of the image that is 0 where nothing is to be
        analysed (a scale bar, a scratch); None analyses all of it.
    modal : ModalOptions
        Bases and uncertainty of the modal composition.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: Annotated[str, Field(max_length=128)] | None = None
    um_per_px: UmPerPx | None = None
    resampling_factor: Positive | None = None
    association: Annotated[str, Field(max_length=256)] | None = None
    sample: Sample | None = None
    outputs: tuple[ArtefactName, ...] | None = None
    min_grain_area_px: Annotated[int, Field(ge=1, le=1_000_000)] = MIN_GRAIN_AREA_PX
    touching_grains: bool = False
    calibration: StoredId | None = None
    flat_field: StoredId | None = None
    lens: StoredId | None = None
    views: tuple[ViewRequest, ...] = ()
    region: PartName | None = None
    modal: ModalOptions = ModalOptions()

    @property
    def named_parts(self) -> tuple[str, ...]:
        """The parts of the files that it names beside the image."""
        region = () if self.region is None else (self.region,)
        return (*(view.part for view in self.views), *region)
