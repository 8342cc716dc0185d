"""The statistics of a mineral map."""

from __future__ import annotations

from dataclasses import dataclass

from petrography.images import Labels
from petrography.statistics import (
    MIN_GRAIN_AREA_PX,
    Composition,
    Contacts,
    Grains,
    measure_contacts,
    measure_grains,
    modal_composition,
)

__all__ = ["Measured", "measure"]


@dataclass(frozen=True, eq=False)
class Measured:
    """The statistics of a label image."""

    composition: Composition
    grains: Grains
    contacts: Contacts


def measure(labels: Labels, *, min_grain_area_px: int = MIN_GRAIN_AREA_PX) -> Measured:
    """Measure the modal composition, the grains and the contacts of a label image.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 not annotated.
    min_grain_area_px : int
        Components below it are counted but not measured.

    Raises
    ------
    LabelImageError
        If a code names no mineral or nothing is annotated.
    """
    composition = modal_composition(labels)
    grains = measure_grains(labels, min_area_px=min_grain_area_px)
    return Measured(composition, grains, measure_contacts(labels))
