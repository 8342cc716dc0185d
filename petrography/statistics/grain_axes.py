"""Lengths and directions of grains from their second moments, counted exactly strip by strip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["AxesStream", "GrainAxes"]

# A pixel is a square: its own second moment about its centre.
_PIXEL_MOMENT = 1.0 / 12.0


@dataclass(frozen=True, eq=False)
class GrainAxes:
    """Ellipses with the second moments of the grains; row i describes grain ``i + 1``.

    Attributes
    ----------
    area_px : ndarray of int64, shape (n,)
        Pixels.
    centroid_px : ndarray of float64, shape (n, 2)
        (row, column).
    major_px, minor_px : ndarray of float64, shape (n,)
        Axes of the ellipse of the same second moments.
    angle_rad : ndarray of float64, shape (n,)
        Direction of the major axis from the column axis towards the row axis, in (-π/2, π/2].
    touches_edge : ndarray of bool, shape (n,)
        Whether the grain is cut by the edge of the image or of what is annotated, so that the rest
        describes a part of it.
    """

    area_px: NDArray[np.int64]
    centroid_px: NDArray[np.float64]
    major_px: NDArray[np.float64]
    minor_px: NDArray[np.float64]
    angle_rad: NDArray[np.float64]
    touches_edge: NDArray[np.bool_]


class AxesStream:
    """Sums the moments of grains over strips of grain numbers that are pushed from top to bottom.

    The sums are whole numbers, so that the cut into strips changes nothing.

    Parameters
    ----------
    near_px : ndarray of float64, shape (n, 2)
        A (row, column) near the middle of each grain, by number from 1: moments are summed about
        it, for about the corner of the image they would not fit into 64 bits where a grain is
        millions of pixels long, and lose digits far from it.
    touches_edge : ndarray of bool, shape (n,)
        Whether each is cut, as its table tells.
    """

    def __init__(self, near_px: NDArray[np.float64], touches_edge: NDArray[np.bool_]) -> None:
        count = len(near_px)
        self._origin = np.zeros((2, count + 1), dtype=np.int64)
        self._origin[:, 1:] = np.rint(near_px).T
        # Rows: pixels, sums of row, column, row², column² and row x column.
        self._sums = np.zeros((6, count + 1), dtype=np.int64)
        self._rows = 0
        self._touches_edge = touches_edge

    def add(self, numbers: NDArray[np.uint32]) -> None:
        """Push the next rows, shape (rows, width); 0 outside grains."""
        grain, row, first, end = _runs(numbers)
        down, right = self._origin[:, grain]
        row, first, end = row + self._rows - down, first - right, end - right
        length = end - first
        columns = (first + end - 1) * length // 2
        squares = _sum_of_squares(end) - _sum_of_squares(first)
        terms = (length, row * length, columns, row * row * length, squares, row * columns)
        for total, term in zip(self._sums, terms, strict=True):
            np.add.at(total, grain, term)
        self._rows += len(numbers)

    def finish(self) -> GrainAxes:
        """Sum up."""
        area_px = self._sums[0, 1:]
        with np.errstate(invalid="ignore"):
            row, column, row2, column2, both = self._sums[1:, 1:] / area_px
        down = row2 - row * row + _PIXEL_MOMENT
        right = column2 - column * column + _PIXEL_MOMENT
        mixed = both - row * column
        middle, spread = (down + right) / 2.0, np.hypot((right - down) / 2.0, mixed)
        return GrainAxes(
            area_px=area_px,
            centroid_px=np.stack([row, column], axis=1) + self._origin[:, 1:].T,
            major_px=4.0 * np.sqrt(middle + spread),
            minor_px=4.0 * np.sqrt(np.maximum(middle - spread, _PIXEL_MOMENT)),
            angle_rad=0.5 * np.arctan2(2.0 * mixed, right - down),
            touches_edge=self._touches_edge,
        )


def _sum_of_squares(end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum of the squares of 0 to end - 1."""
    return (end - 1) * end * (2 * end - 1) // 6


def _runs(
    numbers: NDArray[np.uint32],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Runs of one grain along rows: grain, row, first column, one past the last column."""
    height, width = numbers.shape
    begins = np.ones((height, width), dtype=bool)
    np.not_equal(numbers[:, 1:], numbers[:, :-1], out=begins[:, 1:])
    start = np.flatnonzero(begins)
    grain = numbers.ravel()[start].astype(np.int64)
    end = np.append(start[1:], numbers.size)
    inside = grain > 0
    start, end, grain = start[inside], end[inside], grain[inside]
    row = start // width
    return grain, row, start - row * width, end - row * width
