"""The statistics of a mineral map."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from petrography.images import Labels
from petrography.statistics import (
    MIN_GRAIN_AREA_PX,
    RESIN_CODE,
    Composition,
    Grains,
    measure_grains,
    modal_composition,
)

__all__ = ["Measured", "measure"]


@dataclass(frozen=True, eq=False)
class Measured:
    """The statistics of a label image."""

    composition: Composition
    grains: Grains


def measure(
    labels: Labels,
    *,
    min_grain_area_px: int = MIN_GRAIN_AREA_PX,
    not_analysed: Collection[int] = (RESIN_CODE,),
    looked_for: Collection[int] = (),
) -> Measured:
    """Measure the modal composition and the grains of a label image.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 not annotated.
    min_grain_area_px : int
        Components below it are counted but not measured.
    not_analysed : collection of int
        Codes that are left out of the analysed area.
    looked_for : collection of int
        Codes that could have been found; those that were not have a detection limit.

    Raises
    ------
    LabelImageError
        If a code names no mineral or nothing is annotated.
    """
    composition = modal_composition(labels, not_analysed=not_analysed, looked_for=looked_for)
    return Measured(composition, measure_grains(labels, min_area_px=min_grain_area_px))
