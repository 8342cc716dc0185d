"""The statistics of a mineral map."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from petrography.images import Labels, require_labels
from petrography.statistics import (
    MIN_GRAIN_AREA_PX,
    RESIN_CODE,
    Composition,
    CompositionCounter,
    Contacts,
    ContactStream,
    Grains,
    GrainStream,
    Particles,
    ParticleStream,
    TextureStatistics,
    measure_textures,
    with_named_components,
)
from petrography.statistics.comminution import CellKind, GridComminution
from petrography.workspace import IN_MEMORY, Workspace, row_strips

__all__ = ["Measured", "Measuring", "MeasuringOptions", "measure"]


@dataclass(frozen=True, eq=False)
class Measured:
    """The statistics of a label image."""

    composition: Composition
    grains: Grains
    contacts: Contacts
    textures: TextureStatistics
    particles: Particles | None = None


@dataclass(frozen=True)
class MeasuringOptions:
    """What is measured of a label image.

    Attributes
    ----------
    min_grain_area_px : int
        Components below it are counted but not measured.
    touching_grains : bool
        Whether touching grains of one mineral are told apart as well.
    cells : {"squares", "voronoi"}
        What intact ore is broken into for its liberation potential.
    not_analysed : collection of int
        Codes that are left out of the analysed area.
    looked_for : collection of int
        Codes that could have been found; those that were not have a detection limit.
    """

    min_grain_area_px: int = MIN_GRAIN_AREA_PX
    touching_grains: bool = False
    cells: CellKind = "squares"
    not_analysed: Collection[int] = (RESIN_CODE,)
    looked_for: Collection[int] = ()


_ALL_DEFAULTS = MeasuringOptions()


class Measuring:
    """Measures a label image that comes in strips from top to bottom, whatever their heights.

    Parameters
    ----------
    shape : tuple of int
        (height, width) of the whole image.
    options : MeasuringOptions
        What is wanted.
    workspace : Workspace, optional
        Gives the arrays of the numbers of grains, and of particles in resin.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        options: MeasuringOptions = _ALL_DEFAULTS,
        workspace: Workspace = IN_MEMORY,
    ) -> None:
        self._options, self._workspace = options, workspace
        self._composition = CompositionCounter(
            shape, not_analysed=options.not_analysed, looked_for=options.looked_for
        )
        self._names = workspace.empty(shape, np.uint32)
        self._grains = GrainStream(shape, min_area_px=options.min_grain_area_px, names=self._names)
        self._contacts = ContactStream()
        self._squares = GridComminution(shape) if options.cells == "squares" else None

    def add(self, strip: Labels) -> None:
        """Take the next rows, uint8 (rows, width).

        Raises
        ------
        LabelImageError
            If they are of another type or width, or too many.
        """
        self._composition.add(strip)
        self._grains.add(strip)
        self._contacts.add(strip)
        if self._squares is not None:
            self._squares.add(strip)

    def finish(
        self, labels: Labels, on_grains: Callable[[Grains], object] = lambda _grains: None
    ) -> Measured:
        """Give the statistics.

        Parameters
        ----------
        labels : ndarray of uint8, shape (height, width)
            The same image again, wherever it lies.
        on_grains : callable
            Given the grains as soon as they are known: their textures take as long again.

        Raises
        ------
        LabelImageError
            If rows are missing, a code names no mineral or nothing is annotated.
        """
        composition = self._composition.finish()
        grains = with_named_components(self._grains.finish(), self._names)
        on_grains(grains)
        particles = _particles(grains) if self._options.touching_grains else None
        squares = None if self._squares is None else self._squares.finish()
        contacts = self._contacts.finish()
        textures = measure_textures(
            labels,
            grains,
            cells=self._options.cells,
            squares=squares,
            halos=self._contacts.found_halos(),
            workspace=self._workspace,
        )
        return Measured(composition, grains, contacts, textures, particles)


def measure(labels: Labels, options: MeasuringOptions = _ALL_DEFAULTS) -> Measured:
    """Measure composition, grains, contacts and textures of a label image.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 not annotated.
    options : MeasuringOptions
        What is wanted.

    Raises
    ------
    LabelImageError
        If a code names no mineral or nothing is annotated.
    """
    height_px, width_px = require_labels(labels).shape
    measuring = Measuring((height_px, width_px), options)
    measuring.add(labels)
    return measuring.finish(labels)


def _particles(grains: Grains) -> Particles:
    stream = ParticleStream(grains)
    for rows in row_strips(*grains.shape_px):
        stream.add(grains.component_map[rows])
    return stream.finish()
