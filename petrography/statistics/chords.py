"""Lengths of chords: how long the runs of one phase along rows and columns are.

A chord is a run of pixels of one phase, with another annotated phase at both of its ends. Where
the edge of the image or an unannotated pixel cuts it off, its length is not known and it is left
out: `ChordLengths.length_px` beside the area says how much was. Long chords are cut more often, so
the distribution of a phase whose chords are about as long as the image is too fine.

References
----------
Underwood 1970, *Quantitative Stereology*, ch. 4 (distribution of intercept lengths). King 1982,
Powder Technol. 31, 167-182 (linear intercepts in mineralogy).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from petrography.images import Labels
from petrography.minerals import UNLABELLED_CODE

__all__ = ["ChordCounter", "ChordLengths"]

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ChordLengths:
    """Distribution of the chords of one phase, of rows and columns together.

    Attributes
    ----------
    counts : ndarray of int64, shape (longest + 1,)
        Chords by their length in pixels.
    """

    counts: Counts = field(default_factory=lambda: np.zeros(1, dtype=np.int64))

    @property
    def count(self) -> int:
        """Number of chords."""
        return int(self.counts.sum())

    @property
    def length_px(self) -> int:
        """Length of all chords together."""
        return int((self.counts * np.arange(len(self.counts))).sum())

    def percentiles_px(
        self, percents: tuple[float, ...], *, by_length: bool = False
    ) -> tuple[int, ...] | None:
        """Lengths up to which chords make up given shares.

        Parameters
        ----------
        percents : tuple of float
            In (0, 100].
        by_length : bool
            Whether they are shares of the length of all chords, not of their number.

        Returns
        -------
        tuple of int or None
            In pixels; None without a chord.

        Examples
        --------
        >>> chords = ChordLengths(np.array([0, 3, 0, 0, 1]))
        >>> chords.percentiles_px((50.0, 80.0)), chords.percentiles_px((50.0,), by_length=True)
        ((1, 4), (4,))
        """
        weights = self.counts * np.arange(len(self.counts)) if by_length else self.counts
        below = np.cumsum(weights)
        if not below[-1]:
            return None
        wanted = np.array(percents) / 100.0 * float(below[-1])
        return tuple(np.searchsorted(below, wanted).tolist())


class ChordCounter:
    """Counts chords in label strips that are pushed from top to bottom.

    It looks at the places only where two neighbours differ, which whoever pushes has found; the
    cut into strips changes nothing.
    """

    def __init__(self) -> None:
        self._counts: dict[int, Counts] = {}
        self._rows = 0
        # Of each column: the row of its latest change, and whether a chord can begin there.
        self._changed_at: Counts | None = None
        self._begun: NDArray[np.bool_] | None = None

    def add_rows(self, strip: Labels, changes: Counts) -> None:
        """Count along rows.

        Parameters
        ----------
        strip : ndarray of uint8, shape (rows, width)
            The next rows.
        changes : ndarray of int64, shape (n,)
            Flat places of ``strip[:, :-1]`` whose right neighbour is another, in rising order.
        """
        row, column = np.divmod(changes, max(strip.shape[1] - 1, 1))
        before, after = strip[row, column], strip[row, column + 1]
        # Between two changes that follow each other in a row lies a chord of one phase.
        whole = (row[1:] == row[:-1]) & (before[:-1] != UNLABELLED_CODE)
        whole &= (before[1:] != UNLABELLED_CODE) & (after[1:] != UNLABELLED_CODE)
        self._count(before[1:][whole], np.diff(column)[whole])

    def add_columns(self, block: Labels, changes: Counts) -> None:
        """Count along columns.

        Parameters
        ----------
        block : ndarray of uint8, shape (rows, width)
            The next rows behind the last one of before.
        changes : ndarray of int64, shape (n,)
            Flat places of ``block[:-1]`` whose lower neighbour is another.
        """
        width = block.shape[1]
        if self._changed_at is None or self._begun is None:
            self._changed_at = np.zeros(width, dtype=np.int64)
            self._begun = np.zeros(width, dtype=bool)
        row, column = np.divmod(changes, width)
        order = np.argsort(column, kind="stable")
        row, column = row[order], column[order]
        before, after = block[row, column], block[row + 1, column]
        row += self._rows
        begins = before != UNLABELLED_CODE
        first = np.append(True, column[1:] != column[:-1])[: len(column)]
        since = np.where(first, self._changed_at[column], np.append(0, row[:-1])[: len(row)])
        begun = np.where(first, self._begun[column], np.append(False, begins[:-1])[: len(row)])
        whole = begun & begins & (after != UNLABELLED_CODE)
        self._count(before[whole], (row - since)[whole])
        # Of several changes of a column the last is kept.
        last = np.append(column[1:] != column[:-1], True)[: len(column)]
        self._changed_at[column[last]], self._begun[column[last]] = row[last], begins[last]
        self._rows += len(block) - 1

    def of(self, code: int) -> ChordLengths:
        """Distribution of one phase, so far."""
        counts = self._counts.get(code)
        return ChordLengths() if counts is None else ChordLengths(counts.copy())

    def _count(self, codes: NDArray[np.uint8], lengths_px: Counts) -> None:
        for code in np.flatnonzero(np.bincount(codes, minlength=256)).tolist():
            found = np.bincount(lengths_px[codes == code])
            known = self._counts.get(code, np.zeros(0, dtype=np.int64))
            longer, shorter = (found, known) if len(found) > len(known) else (known, found)
            longer[: len(shorter)] += shorter
            self._counts[code] = longer
