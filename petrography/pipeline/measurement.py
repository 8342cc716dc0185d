"""The statistics of a mineral map."""

from __future__ import annotations

from dataclasses import dataclass

from petrography.images import Labels, require_labels
from petrography.statistics import (
    MIN_GRAIN_AREA_PX,
    Composition,
    Grains,
    GrainStream,
    Particles,
    ParticleStream,
    modal_composition,
    with_component_map,
)
from petrography.workspace import IN_MEMORY, Workspace, row_strips

__all__ = ["Measured", "Measuring", "measure"]


@dataclass(frozen=True, eq=False)
class Measured:
    """The statistics of a label image."""

    composition: Composition
    grains: Grains
    particles: Particles | None = None


class Measuring:
    """Measures a label image that comes in strips from top to bottom, whatever their heights.

    Parameters
    ----------
    shape : tuple of int
        (height, width) of the whole image.
    min_grain_area_px : int
        Components below it are counted but not measured.
    touching_grains : bool
        Whether touching grains of one mineral are told apart as well.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        min_grain_area_px: int = MIN_GRAIN_AREA_PX,
        touching_grains: bool = False,
    ) -> None:
        self._grains = GrainStream(shape, min_area_px=min_grain_area_px)
        self._touching_grains = touching_grains

    def add(self, strip: Labels) -> None:
        """Take the next rows, uint8 (rows, width).

        Raises
        ------
        LabelImageError
            If they are of another type or width, or too many.
        """
        self._grains.add(strip)

    def finish(self, labels: Labels, workspace: Workspace = IN_MEMORY) -> Measured:
        """Give the statistics.

        Parameters
        ----------
        labels : ndarray of uint8, shape (height, width)
            The same image again, wherever it lies.
        workspace : Workspace, optional
            Gives the array of the grain numbers.

        Raises
        ------
        LabelImageError
            If rows are missing, a code names no mineral or nothing is annotated.
        """
        composition = modal_composition(labels)
        grains = with_component_map(self._grains.finish(), labels, workspace)
        particles = _particles(grains) if self._touching_grains else None
        return Measured(composition, grains, particles)


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
    height_px, width_px = require_labels(labels).shape
    measuring = Measuring(
        (height_px, width_px),
        min_grain_area_px=min_grain_area_px,
        touching_grains=touching_grains,
    )
    measuring.add(labels)
    return measuring.finish(labels)


def _particles(grains: Grains) -> Particles:
    stream = ParticleStream(grains)
    for rows in row_strips(*grains.shape_px):
        stream.add(grains.component_map[rows])
    return stream.finish()
