"""What is told of an analysis: its span, the fields of its log, and how usual its input was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from petrography.model_card import ModelCard
from petrography.report import UNSCALED, Result
from service import tracing
from service.logs import bound
from service.telemetry import Telemetry

__all__ = [
    "KINDS_OF_DEGRADATION",
    "count_degradations",
    "kind_of_degradation",
    "observe_result",
    "observed",
]

# What a result had to do without is said in words; a metric needs one of few.
_KINDS = (
    ("no_scale", re.compile(re.escape(UNSCALED))),
    ("resampling", re.compile(r"scale missing:|.*states no pixel size:")),
    ("gpu_memory", re.compile(r"GPU memory ran out")),
    ("provider", re.compile(r"\w+ instead of \w+$")),
    ("association", re.compile(r"association .* does not know")),
    ("views", re.compile(r".*(crossed polars|stage angles|views overlap)")),
    ("overlay_reduced", re.compile(r"overlay\.jpg shows")),
    ("png_left_out", re.compile(r"the map has \d+ pixels and a PNG")),
    ("outlines_left_out", re.compile(r"outlines of \d+ grains")),
    ("trained_on_phantoms", re.compile(r".*was trained on phantoms only")),
)
_OTHER = "other"
KINDS_OF_DEGRADATION = (*(kind for kind, _ in _KINDS), _OTHER)


def kind_of_degradation(said: str) -> str:
    """Find the kind of a degradation, one of `KINDS_OF_DEGRADATION`.

    Examples
    --------
    >>> kind_of_degradation("cpu instead of cuda")
    'provider'
    """
    return next((kind for kind, pattern in _KINDS if pattern.match(said)), _OTHER)


@contextmanager
def observed(analysis_id: str, card: ModelCard) -> Iterator[None]:
    """Tell, for the length of a block, of which analysis log and spans are."""
    model = card.full_name
    attributes = {"petroserve.analysis.id": analysis_id, "petroserve.model": model}
    with tracing.span("analysis", attributes), bound(analysis_id=analysis_id, model=model):
        yield


def count_degradations(telemetry: Telemetry) -> None:
    """Begin to count every kind at 0: of a series that begins at 1 `increase` misses the first."""
    for kind in KINDS_OF_DEGRADATION:
        telemetry.degradations.labels(kind)


def observe_result(telemetry: Telemetry, result: Result) -> None:
    """Record how far the image of an analysis was from those that its model knows."""
    for said in result.degradations:
        telemetry.degradations.labels(kind_of_degradation(said)).inc()
    if result.model is None:
        return
    model = result.model.full_name
    quality, uncertainty = result.quality, result.uncertainty
    telemetry.observe_input(
        model,
        hue_distance=quality.hue_distance,
        colour_distance=quality.colour_distance,
        mean_confidence=uncertainty.mean_confidence if uncertainty else None,
    )
    if quality.calibrate_first:
        telemetry.calibrate_first.labels(model).inc()
