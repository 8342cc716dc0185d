"""Annotation of photographs by strokes.

`beginning` prepares a photograph, `record` keeps what was done to it entry by entry, `session` is
what follows from a record, `sessions` those in memory, `drawing` joins them, `bounds` says how much
may be drawn, `pictures` are the files, and `annotations` is what protocols ask.
"""

from __future__ import annotations

from service.engine.annotations.annotations import Annotations
from service.engine.annotations.documents import (
    AnnotationDocument,
    Proposals,
    StepAnswer,
    StepList,
)
from service.engine.annotations.drawing import Stepped
from service.engine.annotations.requests import AnnotationRequest, StepRequest

__all__ = [
    "AnnotationDocument",
    "AnnotationRequest",
    "Annotations",
    "Proposals",
    "StepAnswer",
    "StepList",
    "StepRequest",
    "Stepped",
]
