"""Liberation of particles in resin: by composition and by free surface.

In a section particles look purer than they are in space: both figures overestimate liberation
(King & Schneider 1998, Powder Technology 98, 21-37; Spencer & Sutherland 2000, Image Anal. Stereol.
19, 175-182). Classes and thresholds follow Fandrich et al. 2007, Int. J. Miner. Process. 84, 310-320.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.images import Labels, require_labels
from petrography.minerals import UNLABELLED_CODE
from petrography.statistics.contacts import BAND_ROWS, RESIN_CODE
from petrography.statistics.grain_stream import GrainStream
from petrography.statistics.grains import with_named_components
from petrography.statistics.halos import HaloFilter
from petrography.statistics.label_blocks import block_rows
from petrography.statistics.locking import LOCKING_CLASSES, PARTNER_FRACTION
from petrography.statistics.neighbour_pairs import LENGTH_PER_PAIR_PX, NeighbourPairs
from petrography.statistics.share_classes import (
    CLASSES,
    KNOWN_CODES,
    Areas,
    area_by_class,
    columns_of,
)
from petrography.workspace import IN_MEMORY, Workspace

__all__ = ["MIN_PARTICLE_AREA_PX", "Particles", "measure_particles"]

# As for grains: smaller ones are mostly outline.
MIN_PARTICLE_AREA_PX = 10


@dataclass(frozen=True, eq=False)
class Particles:
    """Particles in resin, a row for each.

    Attributes
    ----------
    codes : tuple of int
        Phases that particles hold, in rising order; background among them is gangue.
    area_px : ndarray of int64, shape (n, k)
        Pixels of each phase in each particle.
    boundary_px : ndarray of float64, shape (n, k)
        Length of the boundary of each phase in each particle, inside it and against resin.
    free_px : ndarray of float64, shape (n, k)
        The part of it against resin.
    small : int
        Particles below `MIN_PARTICLE_AREA_PX`, which are left out.
    """

    codes: tuple[int, ...]
    area_px: Areas
    boundary_px: NDArray[np.float64]
    free_px: NDArray[np.float64]
    small: int

    def __len__(self) -> int:
        return len(self.area_px)

    @property
    def by_composition_px(self) -> Areas:
        """Area of each phase by its share of the area of its particle, shape (k, CLASSES)."""
        return area_by_class(self.area_px)

    @property
    def by_free_surface_px(self) -> Areas:
        """Area of each phase by the free share of its boundary in its particle, (k, CLASSES)."""
        share = self.free_px / np.where(self.boundary_px > 0.0, self.boundary_px, 1.0)
        # A phase whose boundary is not seen, as the edge of the image cuts it off, is not free.
        place = np.minimum((share * CLASSES + 1e-9).astype(np.int64), CLASSES - 1)
        count = len(self.codes)
        place += np.arange(count) * CLASSES
        total = np.bincount(place.ravel(), weights=self.area_px.ravel(), minlength=count * CLASSES)
        return total.astype(np.int64).reshape(count, CLASSES)

    @property
    def by_locking_px(self) -> Areas:
        """Area of each phase by the locking class of its particle, shape (k, 4).

        The class counts the other phases with at least `PARTNER_FRACTION` of the particle each.
        """
        whole = self.area_px.sum(axis=1, keepdims=True)
        present = self.area_px >= PARTNER_FRACTION * whole
        partners = present.sum(axis=1, keepdims=True) - present
        place = np.minimum(partners, len(LOCKING_CLASSES) - 1)
        found = [
            np.where(place == k, self.area_px, 0).sum(axis=0) for k in range(len(LOCKING_CLASSES))
        ]
        return np.stack(found, axis=1)


def measure_particles(
    labels: Labels, *, remove_halos: bool = True, workspace: Workspace = IN_MEMORY
) -> Particles | None:
    """Measure the particles of a section of particles in resin.

    A particle is an 8-connected component of what is neither resin nor unannotated. Particles that
    the edge of the image cuts are included with what is seen of them. What is in memory follows the
    width of the image and the number of particles, some 3 kB each.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes, resin 37; 255 not annotated.
    remove_halos : bool
        Whether boundaries are measured without ribbons of 1 or 2 px between two other phases; areas
        are those of the labels.
    workspace : Workspace, optional
        Gives the array of the particle numbers, four bytes a pixel, where there is resin.

    Returns
    -------
    Particles or None
        None without resin or without a particle.

    Raises
    ------
    LabelImageError
        If the array is no label image or a code names no mineral.

    Examples
    --------
    >>> labels = np.full((40, 40), 37, dtype=np.uint8)
    >>> labels[10:30, 10:20] = 1
    >>> labels[10:30, 20:30] = 6
    >>> measure_particles(labels).area_px.tolist()
    [[200, 200]]
    """
    require_labels(labels)
    # By bands, for most maps hold no resin and may be larger than memory.
    bands = (labels[top : top + BAND_ROWS] for top in range(0, len(labels), BAND_ROWS))
    if not any((band == RESIN_CODE).any() for band in bands):
        return None
    particle, count = _numbered(labels, workspace)
    if not count:
        return None
    areas_px = _areas(labels, particle, count)
    kept = areas_px.sum(axis=1) >= MIN_PARTICLE_AREA_PX
    used = [k for k in range(len(KNOWN_CODES)) if areas_px[kept][:, k].any()]
    lengths = _lengths(labels, particle, count, remove_halos=remove_halos)
    boundary_px, free_px = (one[kept][:, used] for one in lengths)
    return Particles(
        codes=tuple(KNOWN_CODES[k] for k in used),
        area_px=areas_px[kept][:, used],
        boundary_px=boundary_px,
        free_px=free_px,
        small=int(np.count_nonzero(~kept)),
    )


def _numbered(labels: Labels, workspace: Workspace) -> tuple[NDArray[np.uint32], int]:
    """Number the particles from 1, by their first pixels; 0 outside. Also gives how many."""
    height_px, width_px = labels.shape
    names = workspace.empty(labels.shape, np.uint32)
    rows = min(BAND_ROWS, block_rows(width_px))
    stream = GrainStream((height_px, width_px), min_area_px=1, rows=rows, names=names)
    for top in range(0, height_px, BAND_ROWS):
        band = labels[top : top + BAND_ROWS]
        # As grains of one mineral, whichever.
        stream.add(((band != RESIN_CODE) & (band != UNLABELLED_CODE)).astype(np.uint8))
    found = stream.finish()
    return with_named_components(found, names).component_map, len(found)


def _bands(
    labels: Labels, particle: NDArray[np.uint32]
) -> Iterator[tuple[Labels, NDArray[np.uint32]]]:
    """Go through rows, so that what is computed of each pixel is there for a few rows only."""
    for top in range(0, len(labels), BAND_ROWS):
        yield labels[top : top + BAND_ROWS], particle[top : top + BAND_ROWS]


def _areas(labels: Labels, particle: NDArray[np.uint32], count: int) -> Areas:
    width = len(KNOWN_CODES)
    total = np.zeros(count * width, dtype=np.int64)
    for codes, numbers in _bands(labels, particle):
        place = _nodes(codes, numbers)
        np.add.at(total, place[place >= 0], 1)
    return total.reshape(-1, width)


def _nodes(labels: Labels, particle: NDArray[np.uint32]) -> Areas:
    """Phase in a particle as one number, -1 outside particles."""
    place = (particle.astype(np.int64) - 1) * len(KNOWN_CODES) + columns_of(labels)
    return np.where(particle > 0, place, -1)


def _lengths(
    labels: Labels, particle: NDArray[np.uint32], count: int, *, remove_halos: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Boundary and free surface of each phase in each particle."""
    width = len(KNOWN_CODES)
    pairs = np.zeros((2, 4, count * width), dtype=np.int64)
    sides = _Sides()
    for codes, numbers in _measured_bands(labels, particle, remove_halos=remove_halos):
        for direction, place, free in sides.push(codes, numbers):
            np.add.at(pairs[0, direction], place, 1)
            np.add.at(pairs[1, direction], place[free], 1)
    boundary_px, free_px = np.tensordot(pairs, LENGTH_PER_PAIR_PX, axes=(1, 0))
    return boundary_px.reshape(count, width), free_px.reshape(count, width)


def _measured_bands(
    labels: Labels, particle: NDArray[np.uint32], *, remove_halos: bool
) -> Iterator[tuple[Labels, NDArray[np.uint32]]]:
    if not remove_halos:
        yield from _bands(labels, particle)
        return
    filtering = HaloFilter()
    for band in _bands(labels, particle):
        codes, numbers = filtering.add(*band)
        yield codes, numbers
    codes, numbers = filtering.finish()
    yield codes, numbers


class _Sides:
    """Goes through both sides of all boundaries, band after band."""

    def __init__(self) -> None:
        self._nodes, self._codes = NeighbourPairs(), NeighbourPairs()

    def push(
        self, labels: Labels, particle: NDArray[np.uint32]
    ) -> Iterator[tuple[int, Areas, NDArray[np.bool_]]]:
        """Give direction, phase in a particle, and whether that side is free.

        Free is what lies against resin, or against another particle.
        """
        if not len(labels):
            return
        width = len(KNOWN_CODES)
        for (direction, *nodes), (_, *codes) in zip(
            self._nodes.push(_nodes(labels, particle)), self._codes.push(labels), strict=True
        ):
            unlike = (nodes[0] != nodes[1]) & (codes[0] != 255) & (codes[1] != 255)
            for own, other in ((0, 1), (1, 0)):
                place, beyond = nodes[own][unlike], nodes[other][unlike]
                inside = place >= 0
                place, beyond = place[inside], beyond[inside]
                yield direction, place, (beyond < 0) | (beyond // width != place // width)
