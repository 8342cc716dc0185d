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

__all__ = ["GrainBand", "grain_bands", "too_large_to_draw", "undrawn_grains"]

# Most pixels of a band, but for grains that alone are larger: an image up to it is one band, so that
# no part of it is looked at twice. Drawing takes some 25 bytes for each.
_MAX_BAND_PX = 10_000_000
_MIN_BAND_ROWS = 256
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
    numbers : ndarray of uint32, shape (height + 2, width + 2)
        A rectangle of the image that holds them whole: 1 to `count` in place of their numbers, 0
        elsewhere and on the rim of one pixel around the rectangle.
    top_row, left_column : int
        Of the rectangle in the image, without the rim.
    """

    first_number: int
    count: int
    numbers: NDArray[np.uint32]
    top_row: int
    left_column: int


def grain_bands(grains: Grains, *, band_rows: int | None = None) -> Iterator[GrainBand]:
    """Go through all grains by number, a band of rows in memory at a time.

    Parameters
    ----------
    grains : Grains
        The grains; of their map, which may lie in a file, only the rows of a band are read.
    band_rows : int, optional
        Rows in which the grains of a band begin. A grain that is taller is a band of its own.
        Without it as many as keep a band below ten megapixels.

    Yields
    ------
    GrainBand
        Each grain is in exactly one, but those of `too_large_to_draw`, which are in none.
    """
    if band_rows is None:
        band_rows = _rows_for(grains.shape_px)
    top, bottom = grains.bbox_px[:, 0], grains.bbox_px[:, 2]
    left_out = too_large_to_draw(grains)
    alone = (bottom - top > band_rows) | left_out
    # A new run of grains begins with every band of rows, and before and after a tall one.
    breaks = np.flatnonzero((np.diff(top // band_rows) != 0) | alone[1:] | alone[:-1]) + 1
    edges = [0, *breaks.tolist(), len(grains)] if len(grains) else []
    for first, end in itertools.pairwise(edges):
        if not left_out[first]:
            yield _band(grains, first, end)


def _rows_for(shape_px: tuple[int, int]) -> int:
    height_px, width_px = shape_px
    if height_px * width_px <= _MAX_BAND_PX:
        return height_px
    # Grains that begin in the last row of a band reach as far again below it.
    return max(_MIN_BAND_ROWS, _MAX_BAND_PX // (2 * width_px))


def too_large_to_draw(grains: Grains) -> NDArray[np.bool_]:
    """Tell which grains reach over more than 16 megapixels, rectangle by rectangle."""
    sides = grains.bbox_px[:, 2:] - grains.bbox_px[:, :2]
    return np.asarray(sides.prod(axis=1) > _MAX_RECTANGLE_PX, dtype=np.bool_)


def undrawn_grains(grains: Grains) -> tuple[str, ...]:
    """Say how many grains `too_large_to_draw` leaves out of the outlines; nothing where none is."""
    count = int(too_large_to_draw(grains).sum())
    if not count:
        return ()
    return (
        (
            f"outlines of {count} grains that reach over more than 16 megapixels were left out: "
            "the mineral map shows them, the tables measure them"
        ),
    )


def _band(grains: Grains, first: int, end: int) -> GrainBand:
    boxes = grains.bbox_px[first:end]
    top, left = boxes[:, :2].min(axis=0).tolist()
    bottom, right = boxes[:, 2:].max(axis=0).tolist()
    numbers = np.zeros((bottom - top + 2, right - left + 2), dtype=np.uint32)
    inner = numbers[1:-1, 1:-1]
    np.subtract(grains.component_map[top:bottom, left:right], first, out=inner, dtype=np.uint32)
    # Unsigned, smaller numbers wrap to huge ones: one comparison leaves the others out.
    inner[inner > end - first] = 0
    return GrainBand(first + 1, end - first, numbers, top, left)
