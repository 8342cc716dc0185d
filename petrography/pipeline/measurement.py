"""The statistics of a mineral map."""

from __future__ import annotations

from dataclasses import dataclass

from petrography.images import Labels
from petrography.statistics import (
    MIN_GRAIN_AREA_PX,
    Composition,
    Grains,
    Particles,
    ParticleStream,
    measure_grains,
    modal_composition,
)

__all__ = ["Measured", "measure"]


@dataclass(frozen=True, eq=False)
class Measured:
    """The statistics of a label image."""

    composition: Composition
    grains: Grains
    particles: Particles | None = None


def measure(
    labels: Labels,
    *,
    min_grain_area_px: int = MIN_GRAIN_AREA_PX,
    touching_grains: bool = False,
) -> Measured:
    """Measure the modal composition and the grains of a label image.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 not annotated.
    min_grain_area_px : int
        Components below it are counted but not measured.
    touching_grains : bool
        Whether touching grains of one mineral are told apart as well.

    Raises
    ------
    LabelImageError
        If a code names no mineral or nothing is annotated.
    """
    composition = modal_composition(labels)
    grains = measure_grains(labels, min_area_px=min_grain_area_px)
    particles = _particles(grains) if touching_grains else None
    return Measured(composition, grains, particles)


def _particles(grains: Grains) -> Particles:
    stream = ParticleStream(grains)
    stream.add(grains.component_map)
    return stream.finish()
