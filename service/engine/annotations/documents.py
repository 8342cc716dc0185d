"""What is told of annotations."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from petrography.annotation import Stroke
from petrography.field_types import Code, Count, Fraction, Positive
from petrography.report import Sample
from service.engine.input_digests import InputDigests

__all__ = [
    "AnnotationDocument",
    "AnnotationFile",
    "Figures",
    "OfferedClass",
    "Proposals",
    "ProposedRegion",
    "Rectangle",
    "StepAnswer",
    "StepEntry",
    "StepList",
]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class OfferedClass(_Told):
    """A class that strokes may have."""

    code: Code
    """In label images."""
    symbol: str
    """IMA-CNMNC, for mixtures joined by a slash."""
    name: str
    """In English."""
    colour: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
    """In overlays, for example #ffd228."""


class AnnotationFile(_Told):
    """A file of an annotation."""

    name: str
    """Its name."""
    media_type: str
    """What it is."""
    href: str
    """Where it is."""


class Figures(_Told):
    """How far an annotation is."""

    steps: Count
    """Steps that stand: drawn and not taken back."""
    last_step: int | None
    """Number of the last of them: the one that can be taken back."""
    annotated_fraction: Fraction
    """Share of the pixels that have a label."""
    area_fraction: dict[int, Fraction]
    """Share of the labelled pixels that each class has, by its code."""


class _Begun(_Told):
    """What an annotation is from its begin on."""

    id: str
    """Identity."""
    created_utc: AwareDatetime
    """When it was begun."""
    sample: Sample | None
    """What was photographed."""
    image: InputDigests
    """The photograph as it was sent."""
    image_warnings: tuple[str, ...]
    """What was converted, assumed or left out when it was read."""
    shape: tuple[int, int]
    """Rows and columns of the photograph, and of all label images."""
    um_per_px: Positive | None
    """Pixel size in micrometres; null where nobody told it."""
    association: str | None
    """As it was asked for."""
    classes: tuple[OfferedClass, ...]
    """What strokes may have."""
    levels: tuple[int, ...]
    """Superpixels of each level, the coarsest first."""
    software: dict[str, str]
    """Versions of what found the superpixels."""
    artefacts: tuple[AnnotationFile, ...]
    """Its files. The photograph and the superpixels stay, the others follow from the steps that
    stand."""


class AnnotationDocument(Figures, _Begun):
    """An annotation that is kept, as it stands."""


class Rectangle(_Told):
    """A part of the image; empty where height and width are 0."""

    row: Count
    """The first."""
    column: Count
    """The first."""
    height: Count
    """Rows."""
    width: Count
    """Columns."""


class _Changed(_Told):
    """What was done, and where it shows."""

    step: int
    """Number of the step that was drawn or taken back."""
    changed: Rectangle
    """All that changed lies in it."""
    labels_png: str | None
    """The labels in it, as the Base64 of an 8-bit PNG; null where it is empty."""


class StepAnswer(Figures, _Changed):
    """What a step, or taking one back, has changed."""


class StepEntry(_Told):
    """One entry of the record of an annotation: a step, or that one was taken back."""

    number: Annotated[int, Field(ge=1)]
    """Of the entry, from 1 without gaps; a step is called by it."""
    id: str
    """Of this entry alone."""
    made_utc: AwareDatetime
    """When."""
    tenant: str | None
    """For whom; null where no keys are asked for."""
    key_id: str | None
    """By whose key, or the subject of the token."""
    takes_back: int | None
    """The step that this entry takes back; null for a step."""
    strokes: tuple[Stroke, ...]
    """What was drawn; empty where a step is taken back."""


class StepList(_Told):
    """The record of an annotation: all that was ever done to it, in order."""

    annotation: str
    """Which."""
    entries: tuple[StepEntry, ...]
    """The steps that stand, drawn one after the other, give its label images."""


class ProposedRegion(_Told):
    """A place that is worth annotating next."""

    region: Rectangle
    """Where it is."""
    centre: tuple[float, float]
    """A place in it, row and column."""
    score: float
    """The higher the more it is worth; of two proposals of one answer."""


class Proposals(_Told):
    """Where to annotate next, the best first."""

    proposals: tuple[ProposedRegion, ...]
    """None where nothing is left."""
