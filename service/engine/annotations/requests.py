"""What is asked of annotations."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from petrography.annotation import MAX_STROKES, Stroke
from petrography.pipeline import UmPerPx
from petrography.report import Sample

__all__ = ["AnnotationRequest", "StepRequest"]


class AnnotationRequest(BaseModel):
    """What is asked of a new annotation, apart from the photograph."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    association: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Classes that are offered: S1, S2, S3, or codes or symbols separated by commas, with the
    background; without it all that there are."""
    um_per_px: UmPerPx | None = None
    """Pixel size in micrometres; overrules what the file says."""
    sample: Sample | None = None
    """What was photographed."""


class StepRequest(BaseModel):
    """One step: strokes that are drawn, and taken back, together."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    strokes: Annotated[tuple[Stroke, ...], Field(min_length=1, max_length=MAX_STROKES)]
    """In their order: later ones lie over earlier ones."""
