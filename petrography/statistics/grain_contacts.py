"""Contacts grain by grain: who touches whom, and over which length."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from petrography.errors import LabelImageError
from petrography.images import Labels, require_labels
from petrography.minerals import UNLABELLED_CODE
from petrography.statistics.contacts import BAND_ROWS
from petrography.statistics.grain_axes import AxesStream, GrainAxes
from petrography.statistics.grains import Grains
from petrography.statistics.halos import FoundHalos, HaloFilter
from petrography.statistics.neighbour_pairs import LENGTH_PER_PAIR_PX, NeighbourPairs, Strip

__all__ = ["GrainContactStream", "GrainContacts", "measure_grain_contacts"]

# Nodes: 0-255 for what belongs to no grain, by code, and 255 + n for grain n.
_GRAIN_NODES = 255
# Tables of pairs are merged when they hold more rows than this.
_MAX_ROWS = 4_000_000


@dataclass(frozen=True, eq=False)
class GrainContacts:
    """Contacts of grains, a row for each grain and each of its neighbours.

    Rows are sorted by grain, then by the neighbour. Background, and components that are too small
    to be grains, are neighbours without a number, together for each phase.

    Attributes
    ----------
    code : ndarray of uint8, shape (n,)
        Phase of grain ``i + 1``.
    axes : GrainAxes
        Areas, lengths and directions of the grains.
    grain : ndarray of int64, shape (m,)
        Number of the grain.
    neighbour : ndarray of int64, shape (m,)
        Number of the other grain, 0 for what is no grain.
    neighbour_code : ndarray of uint8, shape (m,)
        Phase on the other side.
    length_px : ndarray of float64, shape (m,)
        Length of the contact.
    """

    code: NDArray[np.uint8]
    axes: GrainAxes
    grain: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    neighbour_code: NDArray[np.uint8]
    length_px: NDArray[np.float64]

    @cached_property
    def boundary_px(self) -> NDArray[np.float64]:
        """Length of the whole boundary of each grain, shape (n,)."""
        return np.asarray(self.by_phase_px.sum(axis=1), dtype=np.float64)

    @cached_property
    def phases(self) -> tuple[int, ...]:
        """Phases that grains have or touch, in rising order."""
        return tuple(np.union1d(self.code, self.neighbour_code).tolist())

    @cached_property
    def by_phase_px(self) -> NDArray[np.float64]:
        """Contact of each grain with each phase, shape (n, k); column j is ``phases[j]``."""
        width = len(self.phases)
        column = np.searchsorted(np.asarray(self.phases, dtype=np.int64), self.neighbour_code)
        cell = (self.grain - 1) * width + column
        total = np.bincount(cell, weights=self.length_px, minlength=len(self.code) * width)
        return np.asarray(total.reshape(len(self.code), width), dtype=np.float64)


class GrainContactStream:
    """Counts the contacts of grains in strips that are pushed from top to bottom.

    Memory grows with the strips and with the number of neighbours, not with the image.

    Parameters
    ----------
    code : ndarray of uint8, shape (n,)
        Phases of the grains, which are numbered from 1.
    centroid_px : ndarray of float64, shape (n, 2)
        Their (row, column), about which moments are summed.
    touches_edge : ndarray of bool, shape (n,)
        Whether each is cut by the edge of the image or of what is annotated.
    remove_halos : bool
        Whether ribbons of 1 or 2 px between two other phases are taken out first; a pixel of one
        then counts for the grain whose phase it takes.
    halos : FoundHalos, optional
        Those ribbons, where somebody has looked for them already.
    """

    def __init__(
        self,
        code: NDArray[np.uint8],
        centroid_px: NDArray[np.float64],
        touches_edge: NDArray[np.bool_],
        *,
        remove_halos: bool = True,
        halos: FoundHalos | None = None,
    ) -> None:
        self._code = code
        self._filter = HaloFilter(halos) if remove_halos else None
        self._axes = AxesStream(centroid_px, touches_edge)
        self._neighbours = NeighbourPairs()
        self._tables: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []
        self._table_rows = 0
        self._rows = 0

    def add(self, labels: Labels, numbers: NDArray[np.uint32]) -> None:
        """Push the next rows.

        Parameters
        ----------
        labels : ndarray of uint8, shape (rows, width)
            Mineral codes; 255 not annotated.
        numbers : ndarray of uint32, shape (rows, width)
            Grain numbers, 0 outside grains.

        Raises
        ------
        LabelImageError
            If the labels are no label image or the numbers have another shape.
        """
        require_labels(labels)
        if numbers.shape != labels.shape:
            msg = f"labels are {labels.shape}, grain numbers {numbers.shape}; wanted one shape"
            raise LabelImageError(msg)
        self._rows += len(labels)
        for top in range(0, len(labels), BAND_ROWS):
            band = labels[top : top + BAND_ROWS], numbers[top : top + BAND_ROWS]
            self._axes.add(band[1])
            self._count(*(band if self._filter is None else self._filter.add(*band)))

    def finish(self) -> GrainContacts:
        """Sum up; nothing can be pushed afterwards.

        Raises
        ------
        LabelImageError
            If nothing was pushed.
        """
        if self._rows == 0:
            msg = "no row of labels was pushed; wanted at least one"
            raise LabelImageError(msg)
        if self._filter is not None:
            self._count(*self._filter.finish())
        keys, pairs = _merged(self._tables)
        low, high = (keys >> np.uint64(32)).astype(np.int64), (keys & 0xFFFFFFFF).astype(np.int64)
        both_grains = low > _GRAIN_NODES
        grain = np.concatenate([high, low[both_grains]]) - _GRAIN_NODES
        other = np.concatenate([low, high[both_grains]])
        length_px = (LENGTH_PER_PAIR_PX[[0, 2]] @ pairs.T).astype(np.float64)
        return self._table(grain, other, np.concatenate([length_px, length_px[both_grains]]))

    def _table(
        self, grain: NDArray[np.int64], other: NDArray[np.int64], length_px: NDArray[np.float64]
    ) -> GrainContacts:
        neighbour = np.maximum(other - _GRAIN_NODES, 0)
        phase_of = np.concatenate([np.arange(256, dtype=np.uint8), self._code])
        other_code = phase_of[other]
        # Where a halo is taken out, two grains of one phase may come to touch: no phase boundary.
        kept = np.flatnonzero(other_code != self._code[grain - 1])
        order = kept[np.lexsort((other[kept], grain[kept]))]
        return GrainContacts(
            code=self._code,
            axes=self._axes.finish(),
            grain=grain[order],
            neighbour=neighbour[order],
            neighbour_code=other_code[order],
            length_px=length_px[order],
        )

    def _count(self, labels: Strip, numbers: Strip) -> None:
        nodes = np.where(numbers > 0, numbers + np.uint32(_GRAIN_NODES), labels)
        for direction, first, second in self._neighbours.push_unlike(nodes):
            low, high = np.minimum(first, second), np.maximum(first, second)
            kept = (high > _GRAIN_NODES) & (low != UNLABELLED_CODE)
            keys = low[kept].astype(np.uint64) << np.uint64(32) | high[kept]
            self._append(keys, is_diagonal=direction >= 2)

    def _append(self, keys: NDArray[np.uint64], *, is_diagonal: bool) -> None:
        found, count = np.unique(keys, return_counts=True)
        pairs = np.zeros((len(found), 2), dtype=np.int64)
        pairs[:, int(is_diagonal)] = count
        self._tables.append((found, pairs))
        self._table_rows += len(found)
        if self._table_rows > _MAX_ROWS:
            self._tables = [_merged(self._tables)]
            # Merged tables may be as large as that themselves.
            self._table_rows = 0


def _merged(
    tables: list[tuple[NDArray[np.uint64], NDArray[np.int64]]],
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """One table of all: keys in rising order, straight and diagonal pairs."""
    if not tables:
        return np.zeros(0, dtype=np.uint64), np.zeros((0, 2), dtype=np.int64)
    keys = np.concatenate([keys for keys, _ in tables])
    pairs = np.concatenate([pairs for _, pairs in tables])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    summed = np.add.reduceat(pairs[order], first) if len(first) else pairs
    return keys[first], summed


def measure_grain_contacts(
    labels: Labels,
    grains: Grains,
    *,
    remove_halos: bool = True,
    halos: FoundHalos | None = None,
) -> GrainContacts:
    """Measure the contacts of the grains of a label image.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 not annotated.
    grains : Grains
        Measured on the same labels.
    remove_halos : bool
        Whether ribbons of 1 or 2 px between two other phases are taken out first.
    halos : FoundHalos, optional
        Those ribbons, where somebody has looked for them already.

    Returns
    -------
    GrainContacts
        Lengths by the formula of `petrography.statistics.measure_contacts`.

    Raises
    ------
    LabelImageError
        If labels and grains have different sizes.

    Examples
    --------
    >>> from petrography.statistics import measure_grains
    >>> labels = np.full((40, 40), 8, dtype=np.uint8)
    >>> labels[10:30, 10:30] = 1
    >>> contacts = measure_grain_contacts(labels, measure_grains(labels))
    >>> contacts.grain.tolist(), contacts.neighbour.tolist()
    ([1, 2], [2, 1])
    """
    stream = GrainContactStream(
        grains.code,
        grains.centroid_px,
        grains.touches_edge,
        remove_halos=remove_halos,
        halos=halos,
    )
    stream.add(labels, grains.component_map)
    return stream.finish()
