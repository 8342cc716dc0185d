"""The table of grains: what is known of each when the whole image has passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.statistics.grain_shapes import GrainShapes
from petrography.statistics.intercepts import MeanIntercept

__all__ = ["MIN_GRAIN_AREA_PX", "GrainTable", "SmallComponents"]

# Automated mineralogy leaves out grains below 10-20 px: their size is mostly pixel outline.
MIN_GRAIN_AREA_PX = 10


@dataclass(frozen=True)
class SmallComponents:
    """Components of one mineral below the minimum area: counted, not measured.

    Attributes
    ----------
    count, area_px : int
        How many, and their pixels together.
    """

    count: int
    area_px: int


@dataclass(frozen=True, kw_only=True)
class GrainTable:
    """The grains of a label image, as columns of a table; row i describes grain ``i + 1``.

    Grains are numbered along rows, top to bottom, by their first pixel.

    Attributes
    ----------
    shape_px : tuple of int
        (height, width) of the label image.
    frame_px : tuple of int, or None
        (height, width) of the part that is annotated; None where that is no rectangle.
    code : ndarray of uint8, shape (n,)
        Mineral codes.
    area_px : ndarray of int64, shape (n,)
        Pixels.
    centroid_px : ndarray of float64, shape (n, 2)
        (row, column) of the centre of mass; the centre of the first pixel is (0, 0).
    bbox_px : ndarray of int64, shape (n, 4)
        First row, first column, and one past the last row and column.
    touches_edge : ndarray of bool, shape (n,)
        Whether the grain is cut by the edge of the image, or may be: one of its pixels has an
        unannotated one among its eight neighbours.
    shapes : GrainShapes
        Perimeter, diameters, axes and the like.
    min_area_px : int
        Components below it are not in the table.
    small : mapping of int to SmallComponents
        What was left out, by mineral code.
    intercepts : mapping of int to MeanIntercept
        Intercepts of all pixels of each mineral, by code.
    block_rows : int
        Rows of the blocks in which the components were found.
    number_of_name : ndarray of uint32
        Grain number of every component that such blocks show, 0 for one that is no grain. With
        it `number_strips` finds the grains again without measuring them.
    """

    shape_px: tuple[int, int]
    frame_px: tuple[int, int] | None
    code: NDArray[np.uint8]
    area_px: NDArray[np.int64]
    centroid_px: NDArray[np.float64]
    bbox_px: NDArray[np.int64]
    touches_edge: NDArray[np.bool_]
    shapes: GrainShapes
    min_area_px: int
    small: Mapping[int, SmallComponents]
    intercepts: Mapping[int, MeanIntercept]
    block_rows: int
    number_of_name: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.code)

    @property
    def id(self) -> NDArray[np.int64]:
        """Grain numbers 1 to n."""
        return np.arange(1, len(self) + 1, dtype=np.int64)

    @property
    def ecd_px(self) -> NDArray[np.float64]:
        """Equivalent circle diameter: that of the circle of the same area."""
        return np.asarray(np.sqrt(self.area_px * (4.0 / np.pi)), dtype=np.float64)

    @property
    def circularity(self) -> NDArray[np.float64]:
        """4 pi area / perimeter²."""
        return self.shapes.circularity(self.area_px)

    @property
    def solidity(self) -> NDArray[np.float64]:
        """Area over that of the convex hull."""
        return self.shapes.solidity(self.area_px)
