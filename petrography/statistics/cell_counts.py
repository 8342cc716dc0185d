"""Counting codes on a coarse grid, from strips: all that modal composition needs of an image.

An image of any size becomes at most 64 x 64 cells of counts, so intervals cost the same for all
sizes, and the memory does not grow with the image. The counts are whole numbers in fixed places:
strips of any height give the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError, LabelImageError
from petrography.images import Labels, require_labels
from petrography.minerals import MINERALS, UNLABELLED_CODE

__all__ = ["CellCounter", "CellCounts", "Counts", "count_cells", "even_edges"]

Counts = NDArray[np.float64]

# Cells along the longer side: the resolution of textures that the block size can answer to.
_CELLS_LONG_SIDE = 64
# Counting needs eight bytes and more a pixel; of so many pixels at a time.
_PIXELS_AT_A_TIME = 1 << 20


@dataclass(frozen=True)
class CellCounts:
    """Pixels of each code in the cells of a regular grid.

    Attributes
    ----------
    codes : tuple of int
        Codes that occur, ascending.
    counts : ndarray of float64, shape (codes, rows, columns)
        Whole numbers of pixels.
    height_px, width_px : int
        Size of what the cells cover.
    """

    codes: tuple[int, ...]
    counts: Counts
    height_px: int
    width_px: int

    @property
    def cell_px(self) -> tuple[float, float]:
        """Mean height and width of a cell."""
        return self.height_px / self.counts.shape[1], self.width_px / self.counts.shape[2]

    @property
    def cell_area_px(self) -> float:
        """Mean area of a cell."""
        return math.prod(self.cell_px)

    def annotated(self) -> CellCounts:
        """Leave out the pixels that nobody annotated, and the rim of cells that hold no others.

        Raises
        ------
        LabelImageError
            If a code names no mineral, or nothing is annotated.
        """
        codes = tuple(code for code in self.codes if code != UNLABELLED_CODE)
        unknown = [code for code in codes if code not in MINERALS]
        if unknown:
            msg = f"label image holds codes {unknown}; wanted {sorted(MINERALS)}, or 255 for none"
            raise LabelImageError(msg)
        if not codes:
            msg = "no pixel of the label image is annotated (all are 255); wanted mineral codes"
            raise LabelImageError(msg)
        counts = self.of(codes)
        rows, height_px = _within(counts.sum(axis=(0, 2)), self.height_px)
        columns, width_px = _within(counts.sum(axis=(0, 1)), self.width_px)
        return CellCounts(codes, counts[:, rows, columns], height_px, width_px)

    def of(self, codes: tuple[int, ...]) -> Counts:
        """Counts of some codes, shape (codes that occur of them, rows, columns)."""
        return self.counts[[code in codes for code in self.codes]]


class CellCounter:
    """Counts the codes of a label image that comes in strips, from top to bottom.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the whole image, each at least 1.

    Raises
    ------
    InvalidParameterError
        If a side is below 1.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        if min(shape) < 1:
            msg = f"shape is {shape}; wanted height and width of at least 1"
            raise InvalidParameterError(msg)
        self.shape = shape
        cell_px = math.ceil(max(shape) / _CELLS_LONG_SIDE)
        self._row_edges = even_edges(shape[0], math.ceil(shape[0] / cell_px))
        column_edges = even_edges(shape[1], math.ceil(shape[1] / cell_px))
        columns = len(column_edges) - 1
        self._bin_of_column = np.repeat(np.arange(columns) * 256, np.diff(column_edges))
        self._counts = np.zeros((len(self._row_edges) - 1, columns, 256), dtype=np.int64)
        self._seen_px = 0

    def add(self, strip: Labels) -> None:
        """Count the next rows.

        Parameters
        ----------
        strip : ndarray of uint8, shape (rows, width)
            Any number of rows.

        Raises
        ------
        LabelImageError
            If the strip is no label image of this width, or there are more rows than announced.
        """
        rows, width_px = require_labels(strip).shape
        height_px = self.shape[0]
        if width_px != self.shape[1] or self._seen_px + rows > height_px:
            msg = (
                f"strip of {rows} x {width_px} px after {self._seen_px} rows of an image of "
                f"{height_px} x {self.shape[1]} px; wanted the width of the image and at most "
                f"{height_px - self._seen_px} rows"
            )
            raise LabelImageError(msg)
        most = max(1, _PIXELS_AT_A_TIME // width_px)
        done = 0
        while done < rows:
            cell = int(np.searchsorted(self._row_edges, self._seen_px, side="right")) - 1
            part = min(most, int(self._row_edges[cell + 1]) - self._seen_px, rows - done)
            self._count(cell, strip[done : done + part])
            self._seen_px += part
            done += part

    def _count(self, cell: int, strip: Labels) -> None:
        bins = (strip + self._bin_of_column).ravel()
        columns = self._counts.shape[1]
        self._counts[cell] += np.bincount(bins, minlength=columns * 256).reshape(columns, 256)

    def finish(self) -> CellCounts:
        """Give the counts of the codes that occur.

        Raises
        ------
        LabelImageError
            If rows are missing.
        """
        if self._seen_px < self.shape[0]:
            msg = f"{self._seen_px} rows were added; wanted all {self.shape[0]} of the image"
            raise LabelImageError(msg)
        present = np.flatnonzero(self._counts.any(axis=(0, 1)))
        by_code = self._counts[:, :, present].transpose(2, 0, 1)
        counts = np.ascontiguousarray(by_code, dtype=np.float64)
        return CellCounts(tuple(int(code) for code in present), counts, *self.shape)


def count_cells(labels: Labels) -> CellCounts:
    """Count codes on a grid of at most 64 cells a side.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Label image.

    Returns
    -------
    CellCounts
        Counts of the codes that occur.

    Raises
    ------
    LabelImageError
        If the array is no label image.
    """
    height_px, width_px = require_labels(labels).shape
    counter = CellCounter((height_px, width_px))
    counter.add(labels)
    return counter.finish()


def _within(pixels: Counts, length_px: int) -> tuple[slice, int]:
    """Cells along a side from the first that holds pixels to the last, and their length."""
    first, last = np.flatnonzero(pixels)[[0, -1]]
    edges = even_edges(length_px, pixels.size)
    return slice(first, last + 1), int(edges[last + 1] - edges[first])


def even_edges(length: int, parts: int) -> NDArray[np.int64]:
    """Edges of `parts` almost equal whole-numbered parts of a length."""
    return (np.arange(parts + 1, dtype=np.int64) * length) // parts
