"""Views laid over the reference, and what they show together between crossed polars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Image
from petrography.registration.anisotropy import AnisotropyMap, anisotropy
from petrography.registration.geometry import Matrix, Shape, warp_to_reference
from petrography.registration.harmonics import HarmonicStack, xpl_harmonics
from petrography.registration.series_report import RegistrationReport, XplSummary
from petrography.registration.stage_view import StageView
from petrography.registration.view_registration import identity

__all__ = ["Overlay", "overlay_views"]

_LEAST_XPL_VIEWS = 3
# Views and fitted planes stay below 0.8 GB, or 4 bytes a value; larger images are reduced for them.
_MOST_VALUES = 200_000_000
_VALUES_A_VIEW, _FITTED_PLANES = 2, 10


@dataclass(frozen=True)
class Overlay:
    """What views that lie over each other show together.

    Attributes
    ----------
    report : RegistrationReport
        With the summary of the harmonics, or the reason why there are none.
    harmonics : HarmonicStack or None
        Of the views between crossed polars; None where they are fewer than 3 or their angles tell
        too little.
    anisotropy : AnisotropyMap or None
        Of the harmonics.
    """

    report: RegistrationReport
    harmonics: HarmonicStack | None = None
    anisotropy: AnisotropyMap | None = None


@dataclass(frozen=True)
class _Crossed:
    """A view between crossed polars on the reference."""

    name: str
    turn_deg: float
    pixels: Image
    valid: NDArray[np.bool_]


def overlay_views(
    reference: StageView,
    views: Sequence[StageView],
    report: RegistrationReport,
    *,
    on_registered: Callable[[str, Image], None] | None = None,
    on_crossed: Callable[[Image, NDArray[np.bool_]], None] | None = None,
) -> Overlay:
    """Lay views over the reference, and fit the harmonics of those between crossed polars.

    The angles of the harmonics are the turns that were measured in the images.

    Parameters
    ----------
    reference : StageView
        As it was registered; counts as a view where it is between crossed polars.
    views : sequence of StageView
        As they were registered; read one after the other.
    report : RegistrationReport
        Of `register_views`.
    on_registered : callable, optional
        Takes the name of each view and its pixels on the reference, black where there are none.
    on_crossed : callable, optional
        Takes each view between crossed polars on the reference, at the size at which harmonics are
        fitted, and where it shows the field.
    """
    shape = (report.height_px, report.width_px)
    count = sum(view.light == "XPL" for view in (reference, *views))
    fitted_shape = _fitted_shape(shape, count)
    crossed = []
    for view in (reference, *views):
        if view is reference and view.light != "XPL":
            continue
        lies = identity(view.name) if view is reference else report.view(view.name)
        pixels, valid = _on_reference(view, lies.as_matrix(), shape)
        if on_registered is not None and view is not reference:
            on_registered(view.name, pixels)
        if view.light != "XPL":
            continue
        turn_deg = -lies.rotation_deg % 360.0
        # A reduced pixel is valid if all that it was made of is.
        whole = _reduced(valid.astype(np.uint8) * np.uint8(255), fitted_shape) == 255
        small = _reduced(pixels, fitted_shape)
        if on_crossed is not None:
            on_crossed(small, whole)
        if count >= _LEAST_XPL_VIEWS:
            crossed.append(_Crossed(view.name, turn_deg, small, whole))
    return _turning(report, crossed) if crossed else Overlay(report)


def _on_reference(view: StageView, matrix: Matrix, shape: Shape) -> tuple[Image, NDArray[np.bool_]]:
    """Lay a view over the reference: its pixels, and where it shows the field."""
    pixels, valid = warp_to_reference(view.read(), matrix, shape)
    if view.valid is None:
        return pixels, valid
    # Cubic interpolation mixes one pixel more on each side than linear interpolation.
    whole = cv2.erode(view.valid.astype(np.uint8) * np.uint8(255), np.ones((3, 3), dtype=np.uint8))
    valid = valid & (cv2.warpAffine(whole, matrix, shape[::-1], flags=cv2.INTER_LINEAR) == 255)
    return np.where(valid[..., None], pixels, np.uint8(0)), valid


def _fitted_shape(shape: Shape, views: int) -> Shape:
    """Shape at which harmonics are fitted: that of the reference unless it is very large."""
    most_px = _MOST_VALUES / (_VALUES_A_VIEW * views + _FITTED_PLANES)
    factor = min(1.0, float(most_px / (shape[0] * shape[1])) ** 0.5)
    return max(1, int(shape[0] * factor)), max(1, int(shape[1] * factor))


def _reduced(pixels: Image, shape: Shape) -> Image:
    if pixels.shape[:2] == shape:
        return pixels
    small = cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def _turning(report: RegistrationReport, crossed: Sequence[_Crossed]) -> Overlay:
    try:
        stack = xpl_harmonics(
            [one.pixels for one in crossed],
            [one.turn_deg for one in crossed],
            [one.valid for one in crossed],
        )
    except InvalidParameterError as refusal:
        doubts = (*report.warnings, f"no anisotropy map: {refusal}")
        return Overlay(report.model_copy(update={"warnings": doubts}))
    found = anisotropy(stack)
    summary = _summary(crossed, stack, found)
    return Overlay(report.model_copy(update={"xpl": summary}), stack, found)


def _summary(crossed: Sequence[_Crossed], stack: HarmonicStack, found: AnisotropyMap) -> XplSummary:
    height_px, width_px = stack.valid.shape
    tested = int(found.tested.sum())
    return XplSummary(
        views=tuple(one.name for one in crossed),
        turns_deg=tuple(one.turn_deg for one in crossed),
        model=stack.model,
        height_px=height_px,
        width_px=width_px,
        covered_percent=100.0 * float(stack.valid.mean()),
        tested_percent=100.0 * float(found.tested.mean()),
        anisotropic_percent=100.0 * int(found.anisotropic.sum()) / tested if tested else None,
        noise_floor=_floor(found) if tested else None,
        false_positive_fraction=found.false_positive_fraction,
        warnings=stack.warnings,
    )


def _floor(found: AnisotropyMap) -> float:
    return round(float(np.median(found.noise_floor[found.tested])), 6)
