"""The statistics of a mineral map."""

from __future__ import annotations

from dataclasses import dataclass

from petrography.images import Labels
from petrography.statistics import (
    MIN_GRAIN_AREA_PX,
    Composition,
    Contacts,
    Grains,
    TextureStatistics,
    measure_contacts,
    measure_grains,
    measure_textures,
    modal_composition,
)
from petrography.statistics.comminution import CellKind

__all__ = ["Measured", "measure"]


@dataclass(frozen=True, eq=False)
class Measured:
    """The statistics of a label image."""

    composition: Composition
    grains: Grains
    contacts: Contacts
    textures: TextureStatistics


def measure(
    labels: Labels,
    *,
    min_grain_area_px: int = MIN_GRAIN_AREA_PX,
    cells: CellKind = "squares",
) -> Measured:
    """Measure composition, grains, contacts and textures of a label image.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 not annotated.
    min_grain_area_px : int
        Components below it are counted but not measured.
    cells : {"squares", "voronoi"}
        What intact ore is broken into for its liberation potential.

    Raises
    ------
    LabelImageError
        If a code names no mineral or nothing is annotated.
    """
    composition = modal_composition(labels)
    grains = measure_grains(labels, min_area_px=min_grain_area_px)
    textures = measure_textures(labels, grains, cells=cells)
    return Measured(composition, grains, measure_contacts(labels), textures)
