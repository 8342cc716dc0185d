"""Whole-number sums over the pixels of components: what shapes are computed from.

All sums are exact, so they do not depend on how an image is cut. Two kinds of places are looked
at: horizontal runs of one component (areas and moments), and the 2 x 2 windows in which not all
pixels are equal (perimeter and Euler number). Both are few beside the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from petrography.statistics.component_tracking import Indices, TrackedBlock

__all__ = ["Least", "Runs", "Total", "find_runs", "window_totals"]


class Total(IntEnum):
    """Sums over the pixels of a component; coordinates are counted from the middle of the image."""

    AREA = 0
    ROW = 1
    COLUMN = 2
    ROW_ROW = 3
    COLUMN_COLUMN = 4
    ROW_COLUMN = 5
    AXIAL_CROSSINGS = 6
    """Steps out of the component along rows and columns, each counted twice."""
    DIAGONAL_CROSSINGS = 7
    """Steps out of the component along both diagonals."""
    EULER_TWELFTHS = 8
    """Twelve times the Euler number of the 8-connected component."""


class Least(IntEnum):
    """Minima over the pixels of a component."""

    FIRST_PIXEL = 0
    """row * width + column of the first pixel along rows."""
    FIRST_ROW = 1
    FIRST_COLUMN = 2
    MINUS_LAST_ROW = 3
    MINUS_LAST_COLUMN = 4
    MINUS_IS_CUT = 5
    """-1 where a pixel has an unannotated neighbour, else 0; not found from runs."""


# Of a corner of a 2 x 2 window: how many of its two neighbours in row and column are equal to it,
# times 2, plus whether the one across the diagonal is.
_STATES = 6
# Crossings to row and column neighbours, crossing to the diagonal neighbour, twelfths of the
# Euler number. Gray 1971, doi:10.1109/T-C.1971.223289: 4 chi = Q1 - Q3 - 2 QD for 8-connected
# sets, Q1, Q3 and QD windows with one, three and two diagonal pixels; a window of three is met
# from three corners, one of two from two.
_PER_STATE = np.array(
    [[2, 1, 3], [2, 0, -3], [1, 1, 0], [1, 0, -1], [0, 1, -1], [0, 0, 0]], dtype=np.int64
)


@dataclass(frozen=True)
class Runs:
    """Horizontal runs of one component in a block, sorted by component, then along rows.

    Attributes
    ----------
    component : ndarray of int64, shape (n,)
        Index of the component in the block.
    row, first, last : ndarray of int64, shape (n,)
        Row and columns in the image, the last included.
    starts : ndarray of int64, shape (m,)
        Where in the arrays each component that occurs begins.
    """

    component: Indices
    row: Indices
    first: Indices
    last: Indices
    starts: Indices

    @property
    def occurring(self) -> Indices:
        """Components that have a run, ascending; shape (m,)."""
        return self.component[self.starts]

    def totals(self, shape: tuple[int, int]) -> Indices:
        """Sums of area and moments; shape (6, m), rows as in `Total`."""
        height, width = shape
        row, first = self.row - height // 2, self.first - width // 2
        n = self.last - self.first + 1
        column = n * first + n * (n - 1) // 2
        squares = n * first**2 + first * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6
        sums = (n, n * row, column, n * row**2, squares, row * column)
        return np.stack([np.add.reduceat(values, self.starts) for values in sums])

    def least(self, width: int) -> Indices:
        """Minima of positions; shape (5, m), rows as in `Least` up to MINUS_LAST_COLUMN."""
        ends = np.append(self.starts[1:], len(self.row)) - 1
        return np.stack(
            [
                self.row[self.starts] * width + self.first[self.starts],
                self.row[self.starts],
                np.minimum.reduceat(self.first, self.starts),
                -self.row[ends],
                -np.maximum.reduceat(self.last, self.starts),
            ]
        )

    def outermost(self) -> tuple[Indices, Indices]:
        """Indices of the first and of the last run of each component in each row."""
        differs = np.diff(self.component) | np.diff(self.row)
        steps = np.flatnonzero(differs)
        return np.append(0, steps + 1), np.append(steps, len(self.row) - 1)


def find_runs(block: TrackedBlock) -> Runs | None:
    """Find the runs of a block, the row before it left out; None where there is none."""
    inside = slice(1, block.rows + 1)
    codes = block.codes[inside]
    stride = codes.shape[1] - 1
    differs = codes[:, 1:] != codes[:, :-1]
    begins = np.flatnonzero(differs & (codes[:, 1:] != 0))
    ends = np.flatnonzero(differs & (codes[:, :-1] != 0))
    if not len(begins):
        return None
    row, first = np.divmod(begins, stride)
    last = ends % stride - 1
    component = block.component_of[block.numbers[inside][row, first + 1]]
    order = np.argsort(component, kind="stable")
    component = component[order]
    starts = np.append(0, np.flatnonzero(np.diff(component)) + 1)
    return Runs(component, row[order] + block.first_row, first[order], last[order], starts)


def window_totals(block: TrackedBlock) -> Indices:
    """Crossings and Euler numbers from the windows whose lower row is in the block.

    Parameters
    ----------
    block : TrackedBlock
        The block; at the bottom of the image its frame adds the windows below the last row.

    Returns
    -------
    ndarray of int64, shape (3, components)
        Rows as in `Total`, from AXIAL_CROSSINGS on.
    """
    seen = np.zeros(block.count * _STATES, dtype=np.int64)
    for component, state in _corners(block):
        seen += np.bincount(component * _STATES + state, minlength=len(seen))
    return (seen.reshape(-1, _STATES) @ _PER_STATE).T


def _corners(block: TrackedBlock) -> Iterator[tuple[Indices, NDArray[np.uint8]]]:
    """Component and state of the four corners of each window with unequal pixels."""
    codes, stride = block.codes, block.codes.shape[1]
    upper, lower = codes[:-1], codes[1:]
    mixed = upper[:, :-1] != upper[:, 1:]
    mixed |= upper[:, :-1] != lower[:, :-1]
    mixed |= upper[:, :-1] != lower[:, 1:]
    row, column = np.divmod(np.flatnonzero(mixed), stride - 1)
    place = row * stride + column
    flat_codes, flat_numbers = codes.ravel(), block.numbers.ravel()
    a, b, c, d = (flat_codes[place + step] for step in (0, 1, stride, stride + 1))
    top, bottom, left, right = a == b, c == d, a == c, b == d
    falling, rising = a == d, b == c
    corners = (
        (a, 0, top, left, falling),
        (b, 1, top, right, rising),
        (c, stride, bottom, left, rising),
        (d, stride + 1, bottom, right, falling),
    )
    for code, step, along_row, along_column, across in corners:
        inside = code != 0
        state = 2 * (along_row.astype(np.uint8) + along_column) + across
        yield block.component_of[flat_numbers[place[inside] + step]], state[inside]
