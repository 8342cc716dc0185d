"""Mean intercept lengths of phases, and grain size numbers of ASTM E112.

A test line through every row and every column of pixels: the mean intercept of a phase is the
length of the lines inside it over the number of its intercepts. Every intercept has two ends; where
the edge of the image, or unannotated pixels, cut one off, that end is not counted, so that half an
intercept is half an intercept.

The numbers G are those of a material whose grains are the components of one phase: touching grains
of one mineral are one component, so they are lower bounds of G (upper bounds of the size) where
such grains occur.

References
----------
ASTM E112-13(2021), doi:10.1520/E0112-13R21: intercept and planimetric (Jeffries) procedures, and
the formulae of G. Underwood 1970, *Quantitative Stereology*, ch. 2 (mean intercept length).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from petrography.images import Labels
from petrography.minerals import BACKGROUND_CODE, UNLABELLED_CODE
from petrography.statistics.chords import ChordCounter, ChordLengths
from petrography.statistics.code_counts import code_counts

__all__ = [
    "InterceptStream",
    "MeanIntercept",
    "astm_number_from_count",
    "astm_number_from_intercept",
]

_CODES = 256
_MM_PER_UM = 1e-3


@dataclass(frozen=True)
class MeanIntercept:
    """Intercepts of one phase.

    Attributes
    ----------
    area_px : int
        Pixels of the phase, components below the minimum area included: the length of the lines
        of one direction inside it.
    horizontal_ends, vertical_ends : int
        Ends of intercepts along rows and along columns.
    chords : ChordLengths
        How long the intercepts are that lie whole in the image.
    """

    area_px: int
    horizontal_ends: int
    vertical_ends: int
    chords: ChordLengths = field(default_factory=ChordLengths, compare=False)

    @property
    def horizontal_px(self) -> float | None:
        """Mean intercept along rows; None where no intercept ends inside the image."""
        return self._mean(self.area_px, self.horizontal_ends)

    @property
    def vertical_px(self) -> float | None:
        """Mean intercept along columns; None where no intercept ends inside the image."""
        return self._mean(self.area_px, self.vertical_ends)

    @property
    def mean_px(self) -> float | None:
        """Mean intercept of both directions together."""
        return self._mean(2 * self.area_px, self.horizontal_ends + self.vertical_ends)

    @staticmethod
    def _mean(length_px: int, ends: int) -> float | None:
        return 2.0 * length_px / ends if ends else None


class InterceptStream:
    """Accumulator of intercepts over label strips, pushed from top to bottom.

    Examples
    --------
    >>> labels = np.zeros((8, 20), dtype=np.uint8)
    >>> labels[:, 5:15] = 1
    >>> stream = InterceptStream()
    >>> stream.add(labels[:3])
    >>> stream.add(labels[3:])
    >>> stream.finish()[1].horizontal_px, stream.finish()[1].vertical_px
    (10.0, None)
    """

    def __init__(self) -> None:
        self._area_px = np.zeros(_CODES, dtype=np.int64)
        self._ends = np.zeros((2, _CODES), dtype=np.int64)
        self._chords = ChordCounter()
        self._last_row: Labels | None = None

    def add(self, strip: Labels) -> None:
        """Take the next rows.

        Parameters
        ----------
        strip : ndarray of uint8, shape (rows, width)
            Mineral codes; 255 not annotated.
        """
        if not len(strip):
            return
        self._area_px += code_counts(strip)
        across = _changes(strip[:, :-1], strip[:, 1:])
        self._ends[0] += _ends(strip[:, :-1], strip[:, 1:], across)
        self._chords.add_rows(strip, across)
        block = strip if self._last_row is None else np.concatenate([self._last_row, strip])
        down = _changes(block[:-1], block[1:])
        self._ends[1] += _ends(block[:-1], block[1:], down)
        self._chords.add_columns(block, down)
        self._last_row = strip[-1:].copy()

    def finish(self) -> dict[int, MeanIntercept]:
        """Intercepts of each mineral that occurs, by code."""
        codes = set(np.flatnonzero(self._area_px).tolist()) - {BACKGROUND_CODE, UNLABELLED_CODE}
        found = {}
        for code in sorted(codes):
            along_rows, along_columns = self._ends[:, code].tolist()
            area_px, chords = int(self._area_px[code]), self._chords.of(code)
            found[code] = MeanIntercept(area_px, along_rows, along_columns, chords)
        return found


def _changes(one: Labels, next_one: Labels) -> NDArray[np.int64]:
    """Flat places where two shifted views of the labels differ."""
    return np.flatnonzero(one != next_one)


def _ends(one: Labels, next_one: Labels, changes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ends of intercepts of each code at the changes between two views."""
    place = np.divmod(changes, max(one.shape[1], 1))
    before, after = one[place], next_one[place]
    known = (before != UNLABELLED_CODE) & (after != UNLABELLED_CODE)
    ends = np.bincount(before[known], minlength=_CODES)
    ends += np.bincount(after[known], minlength=_CODES)
    return ends


def astm_number_from_intercept(mean_um: float) -> float:
    """Grain size number G of a mean intercept.

    Parameters
    ----------
    mean_um : float
        Mean intercept in micrometres, above 0.

    Examples
    --------
    >>> round(astm_number_from_intercept(320.0), 2), round(astm_number_from_intercept(14.1), 1)
    (-0.0, 9.0)
    """
    return -6.643856 * math.log10(mean_um * _MM_PER_UM) - 3.288


def astm_number_from_count(grains_per_mm2: float) -> float:
    """Grain size number G of a number of grains per area (planimetric procedure).

    Parameters
    ----------
    grains_per_mm2 : float
        Grains in a square millimetre of the phase, those that the edge cuts counted half.

    Examples
    --------
    >>> round(astm_number_from_count(15.5), 2), round(astm_number_from_count(3970.0), 1)
    (1.0, 9.0)
    """
    return 3.321928 * math.log10(grains_per_mm2) - 2.954
