"""Liberation of particles in resin: by composition and by free surface.

In a section particles look purer than they are in space: both figures overestimate liberation
(King & Schneider 1998, Powder Technology 98, 21-37; Spencer & Sutherland 2000, Image Anal. Stereol.
19, 175-182). Classes and thresholds follow Fandrich et al. 2007, Int. J. Miner. Process. 84, 310-320.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray

from petrography.images import Labels, require_labels
from petrography.minerals import UNLABELLED_CODE
from petrography.statistics.contacts import BAND_ROWS, RESIN_CODE
from petrography.statistics.halos import HaloFilter
from petrography.statistics.locking import LOCKING_CLASSES, PARTNER_FRACTION
from petrography.statistics.neighbour_pairs import LENGTH_PER_PAIR_PX, NeighbourPairs
from petrography.statistics.share_classes import (
    CLASSES,
    KNOWN_CODES,
    Areas,
    area_by_class,
    columns_of,
)

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


def measure_particles(labels: Labels, *, remove_halos: bool = True) -> Particles | None:
    """Measure the particles of a section of particles in resin.

    A particle is an 8-connected component of what is neither resin nor unannotated. Particles that
    the edge of the image cuts are included with what is seen of them. The whole image is in memory.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes, resin 37; 255 not annotated.
    remove_halos : bool
        Whether boundaries are measured without ribbons of 1 or 2 px between two other phases; areas
        are those of the labels.

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
    columns = columns_of(labels)
    solid = (labels != RESIN_CODE) & (labels != UNLABELLED_CODE)
    if not solid.any():
        return None
    found = cc3d.connected_components(solid, connectivity=8, out_dtype=np.uint32)
    particle = np.asarray(found, dtype=np.uint32)
    areas_px = _areas(particle, columns)
    kept = areas_px.sum(axis=1) >= MIN_PARTICLE_AREA_PX
    used = [k for k in range(len(KNOWN_CODES)) if areas_px[kept][:, k].any()]
    lengths = _lengths(labels, particle, len(areas_px), remove_halos=remove_halos)
    boundary_px, free_px = (one[kept][:, used] for one in lengths)
    return Particles(
        codes=tuple(KNOWN_CODES[k] for k in used),
        area_px=areas_px[kept][:, used],
        boundary_px=boundary_px,
        free_px=free_px,
        small=int(np.count_nonzero(~kept)),
    )


def _areas(particle: NDArray[np.uint32], columns: NDArray[np.uint8]) -> Areas:
    inside = particle > 0
    width = len(KNOWN_CODES)
    place = (particle[inside].astype(np.int64) - 1) * width + columns[inside]
    count = int(particle.max())
    return np.bincount(place, minlength=count * width).reshape(count, width)


def _lengths(
    labels: Labels, particle: NDArray[np.uint32], count: int, *, remove_halos: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Boundary and free surface of each phase in each particle."""
    if remove_halos:
        filtering = HaloFilter()
        parts = filtering.add(labels, particle), filtering.finish()
        labels, particle = (np.concatenate(pair) for pair in zip(*parts, strict=True))
    width = len(KNOWN_CODES)
    pairs = np.zeros((2, 4, count * width), dtype=np.int64)
    for direction, place, free in _sides(columns_of(labels), labels, particle):
        pairs[0, direction] += np.bincount(place, minlength=count * width)
        pairs[1, direction] += np.bincount(place[free], minlength=count * width)
    boundary_px, free_px = np.tensordot(pairs, LENGTH_PER_PAIR_PX, axes=(1, 0))
    return boundary_px.reshape(count, width), free_px.reshape(count, width)


def _sides(
    columns: NDArray[np.uint8], labels: Labels, particle: NDArray[np.uint32]
) -> Iterator[tuple[int, Areas, NDArray[np.bool_]]]:
    """Go through both sides of all boundaries: direction, phase in a particle, whether free."""
    width = len(KNOWN_CODES)
    node = np.where(particle > 0, (particle.astype(np.int64) - 1) * width + columns, -1)
    for (direction, *nodes), (_, *codes) in zip(
        NeighbourPairs().push(node), NeighbourPairs().push(labels), strict=True
    ):
        unlike = (codes[0] != codes[1]) & (codes[0] != 255) & (codes[1] != 255)
        for own, other in ((0, 1), (1, 0)):
            place = nodes[own][unlike]
            yield direction, place[place >= 0], codes[other][unlike][place >= 0] == RESIN_CODE
