"""Smooth fields are computed on coarse grids and enlarged: a large image then costs seconds.

A grid of step s covers the canvas with square cells of s canvas pixels, from the upper left corner.
Steps are powers of two, so grids nest.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["enlarge_grid", "grid_shape", "grid_step"]

Shape = tuple[int, int]


def grid_step(length_px: float, *, cells_per_length: float) -> int:
    """Largest power of two (at least 1) that leaves so many grid cells in a length.

    Examples
    --------
    >>> grid_step(100.0, cells_per_length=3.0)
    32
    """
    return 1 << max(0, math.floor(math.log2(max(length_px / cells_per_length, 1.0))))


def grid_shape(shape: Shape, step: int) -> Shape:
    """Rows and columns of a grid that covers a canvas of `shape` pixels."""
    return -(-shape[0] // step), -(-shape[1] // step)


def enlarge_grid(
    grid: NDArray[np.float32], factor: int, shape: Shape, *, interpolation: int = cv2.INTER_CUBIC
) -> NDArray[np.float32]:
    """Enlarge a grid by a whole factor and cut it to a shape.

    Parameters
    ----------
    grid : ndarray of float32, shape (rows, columns)
        Values at cell centres.
    factor : int
        How many times finer the result is.
    shape : tuple of int
        Rows and columns of the result, at most `factor` times those of `grid`.
    interpolation : int
        A method of OpenCV.

    Returns
    -------
    ndarray of float32, shape `shape`
        The enlarged field.
    """
    if factor == 1:
        return grid[: shape[0], : shape[1]]
    size = (grid.shape[1] * factor, grid.shape[0] * factor)
    enlarged = np.asarray(cv2.resize(grid, size, interpolation=interpolation), dtype=np.float32)
    return enlarged[: shape[0], : shape[1]]
