"""Grains by bands of rows, so that what is drawn or encoded of them needs no more of the map.

Grains are numbered by their first pixel, row after row: those that begin in one band have
consecutive numbers. A grain that reaches far below its band is taken alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.statistics import Grains

__all__ = ["GrainBand", "grain_bands", "too_large_to_draw"]

_BAND_ROWS = 256
# Drawing takes some 40 bytes for each pixel of the rectangle around a grain. A grain above it, such
# as a matrix that holds a whole section together, would be an outline of a million corners.
_MAX_RECTANGLE_PX = 16_000_000


@dataclass(frozen=True, eq=False)
class GrainBand:
    """Some grains with consecutive numbers, and where they are.

    Attributes
    ----------
    first_number : int
        Number of the first of them.
    count : int
        How many they are.
    numbers : ndarray of uint32, shape (height, width)
        A rectangle of the image that holds them whole: 1 to `count` in place of their numbers, 0
        elsewhere.
    top_row, left_column : int
        Of the rectangle in the image.
    """

    first_number: int
    count: int
    numbers: NDArray[np.uint32]
    top_row: int
    left_column: int


def grain_bands(grains: Grains, *, band_rows: int = _BAND_ROWS) -> Iterator[GrainBand]:
    """Go through all grains by number, a band of rows in memory at a time.

    Parameters
    ----------
    grains : Grains
        The grains; of their map, which may lie in a file, only the rows of a band are read.
    band_rows : int
        Rows in which the grains of a band begin. A grain that is taller is a band of its own.

    Yields
    ------
    GrainBand
        Each grain is in exactly one, but those of `too_large_to_draw`, which are in none.
    """
    top, bottom = grains.bbox_px[:, 0], grains.bbox_px[:, 2]
    left_out = too_large_to_draw(grains)
    alone = (bottom - top > band_rows) | left_out
    # A new run of grains begins with every band of rows, and before and after a tall one.
    breaks = np.flatnonzero((np.diff(top // band_rows) != 0) | alone[1:] | alone[:-1]) + 1
    edges = [0, *breaks.tolist(), len(grains)] if len(grains) else []
    for first, end in itertools.pairwise(edges):
        if not left_out[first]:
            yield _band(grains, first, end)


def too_large_to_draw(grains: Grains) -> NDArray[np.bool_]:
    """Tell which grains reach over more than 16 megapixels, rectangle by rectangle."""
    sides = grains.bbox_px[:, 2:] - grains.bbox_px[:, :2]
    return np.asarray(sides.prod(axis=1) > _MAX_RECTANGLE_PX, dtype=np.bool_)


def _band(grains: Grains, first: int, end: int) -> GrainBand:
    boxes = grains.bbox_px[first:end]
    top, left = boxes[:, :2].min(axis=0).tolist()
    bottom, right = boxes[:, 2:].max(axis=0).tolist()
    numbers = grains.component_map[top:bottom, left:right].astype(np.uint32)
    # Unsigned, smaller numbers wrap to huge ones: one comparison leaves the others out.
    numbers -= np.uint32(first)
    numbers[numbers > end - first] = 0
    return GrainBand(first + 1, end - first, numbers, top, left)
