"""Contacts between phases: how long they are, and what they say of who sits beside whom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from petrography.errors import LabelImageError
from petrography.images import Labels, require_labels
from petrography.minerals import BACKGROUND_CODE, RESIN_CODE, UNLABELLED_CODE
from petrography.statistics.code_counts import code_counts
from petrography.statistics.halos import FoundHalos, HaloFilter
from petrography.statistics.neighbour_pairs import LENGTH_PER_PAIR_PX, NeighbourPairs

__all__ = ["BAND_ROWS", "FREE_CODES", "RESIN_CODE", "ContactStream", "Contacts", "measure_contacts"]

# A boundary against resin is open to reagents; in the classes of LumenStone the background is resin
# and gangue in one.
FREE_CODES = (BACKGROUND_CODE, RESIN_CODE)
# Rows that are looked at together: work space, not result.
BAND_ROWS = 256


@dataclass(frozen=True, eq=False)
class Contacts:
    """Contact lengths between the phases of a label image.

    Attributes
    ----------
    codes : tuple of int
        Phases that occur, in rising order; index i below belongs to ``codes[i]``.
    pairs : ndarray of int64, shape (4, n, n)
        Neighbouring pixels of two phases, by direction (`DIRECTIONS`); symmetric in the phases.
    area_px : ndarray of int64, shape (n,)
        Pixels of each phase, halos included.
    halos_removed : bool
        Whether ribbons up to 2 px were taken out first.
    halo_px : ndarray of int64, shape (n,)
        Pixels of each phase that this gave to others.
    """

    codes: tuple[int, ...]
    pairs: NDArray[np.int64]
    area_px: NDArray[np.int64]
    halos_removed: bool
    halo_px: NDArray[np.int64]

    @cached_property
    def length_px(self) -> NDArray[np.float64]:
        """Contact lengths, shape (n, n), symmetric, 0 on the diagonal."""
        return np.asarray(np.tensordot(LENGTH_PER_PAIR_PX, self.pairs, axes=1), dtype=np.float64)

    @property
    def boundary_px(self) -> NDArray[np.float64]:
        """Length of the whole boundary of each phase, shape (n,)."""
        return np.asarray(self.length_px.sum(axis=1))

    @property
    def association_percent(self) -> NDArray[np.float64]:
        """Share of the boundary of phase i that is against phase j, shape (n, n); rows sum to 100.

        The row of a phase without boundary is 0.
        """
        return 100.0 * _over(self.length_px, self.boundary_px[:, None])

    @property
    def contact_percent(self) -> NDArray[np.float64]:
        """Share of all contact length that is between i and j, shape (n, n), symmetric."""
        return 100.0 * _over(self.length_px, np.asarray(self.length_px.sum() / 2.0))

    @property
    def enrichment(self) -> NDArray[np.float64]:
        """Association over what contacts by chance would give, shape (n, n); above 1 is preferred.

        By chance phase i meets phase j in proportion to the share of j in the boundaries of all
        phases but i. 0 on the diagonal and where there is nothing to compare.
        """
        boundary = self.boundary_px
        others = boundary.sum() - boundary
        by_chance = 100.0 * _over(np.broadcast_to(boundary, self.length_px.shape), others[:, None])
        return _over(self.association_percent, by_chance)

    @property
    def free_fraction(self) -> NDArray[np.float64]:
        """Share of the boundary of each phase that is against background or resin, shape (n,)."""
        free = np.isin(self.codes, FREE_CODES)
        return _over(self.length_px[:, free].sum(axis=1), self.boundary_px)

    @property
    def specific_surface_per_px(self) -> NDArray[np.float64]:
        """Boundary over area of each phase in the section, shape (n,), per pixel."""
        return self.boundary_px / np.maximum(self.area_px, 1)


def _over(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quotient, 0 where the whole is 0."""
    whole = np.broadcast_to(whole, part.shape)
    quotient = np.zeros(part.shape)
    np.divide(part, whole, out=quotient, where=whole > 0.0)
    return quotient


class ContactStream:
    """Counts contacts in label strips that are pushed from top to bottom.

    Memory grows with the width and the height of the strips, not with the image.

    Parameters
    ----------
    remove_halos : bool
        Whether ribbons of 1 or 2 px between two other phases are taken out first.

    Examples
    --------
    >>> stream = ContactStream()
    >>> for rows in np.split(np.repeat(np.uint8([[1, 6]]), 8, axis=1).repeat(12, axis=0), 3):
    ...     stream.add(rows)
    >>> stream.finish().codes
    (1, 6)
    """

    def __init__(self, *, remove_halos: bool = True) -> None:
        self._filter = HaloFilter() if remove_halos else None
        self._neighbours = NeighbourPairs()
        self._pairs = np.zeros((4, 256, 256), dtype=np.int64)
        self._area_px = np.zeros(256, dtype=np.int64)

    def add(self, strip: Labels) -> None:
        """Push the next rows.

        Parameters
        ----------
        strip : ndarray of uint8, shape (rows, width)
            Mineral codes; 255 not annotated. All strips have one width.

        Raises
        ------
        LabelImageError
            If the strip is no label image.
        """
        require_labels(strip)
        for top in range(0, len(strip), BAND_ROWS):
            band = strip[top : top + BAND_ROWS]
            self._area_px += code_counts(band)
            self._count(band if self._filter is None else self._filter.add(band)[0])

    def finish(self) -> Contacts:
        """Sum up; nothing can be pushed afterwards.

        Raises
        ------
        LabelImageError
            If nothing was pushed.
        """
        if not self._area_px.any():
            msg = "no row of labels was pushed; wanted at least one"
            raise LabelImageError(msg)
        if self._filter is not None:
            self._count(self._filter.finish()[0])
        area_px = self._area_px.copy()
        area_px[UNLABELLED_CODE] = 0
        codes = np.flatnonzero(area_px)
        changed_px = np.zeros_like(area_px) if self._filter is None else self._filter.changed_px
        pairs = self._pairs[:, codes][:, :, codes]
        return Contacts(
            codes=tuple(codes.tolist()),
            pairs=pairs + pairs.transpose(0, 2, 1),
            area_px=area_px[codes],
            halos_removed=self._filter is not None,
            halo_px=changed_px[codes],
        )

    def found_halos(self) -> FoundHalos | None:
        """The halos of the labels; None where they were not looked for or are too many to keep."""
        return None if self._filter is None else self._filter.found()

    def _count(self, rows: Labels) -> None:
        for direction, first, second in self._neighbours.push_unlike(rows):
            both = first.astype(np.uint16) << 8 | second
            self._pairs[direction] += np.bincount(both, minlength=65536).reshape(256, 256)


def measure_contacts(labels: Labels, *, remove_halos: bool = True) -> Contacts:
    """Measure the contacts of a label image.

    The length is that of the Cauchy-Crofton formula with the four directions of the pixel grid:
    unbiased for boundaries of all directions together, 5.2 % short to 2.6 % long for a straight one
    (short along rows, columns and diagonals). The edge of the image and pixels that nobody
    annotated are no contact.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 not annotated.
    remove_halos : bool
        Whether ribbons of 1 or 2 px between two other phases are taken out first.

    Returns
    -------
    Contacts
        Lengths, and what follows from them.

    Raises
    ------
    LabelImageError
        If the array is no label image.

    References
    ----------
    Serra 1982, *Image Analysis and Mathematical Morphology*, chapter VIII. Lehmann & Legland 2012,
    hal-02811118. Fandrich et al. 2007, Int. J. Miner. Process. 84, 310-320 (association).

    Examples
    --------
    >>> row, column = np.mgrid[:200, :200]
    >>> disc = np.uint8((row - 99.5) ** 2 + (column - 99.5) ** 2 < 80.0**2)
    >>> float(measure_contacts(disc).length_px[0, 1] / (160.0 * np.pi)).__round__(2)
    1.0
    """
    stream = ContactStream(remove_halos=remove_halos)
    stream.add(labels)
    return stream.finish()
