"""Parts of a large section: noise and smooth fields that agree wherever two windows overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.chance import Chance
from petrography.phantoms.coarse_grids import Shape, enlarge_grid, grid_shape, grid_step
from petrography.phantoms.gaussian_fields import gaussian_field

__all__ = ["SmoothField", "Window", "fine_field", "smooth_field"]

_BLOCK_PX = 256
# A Gaussian filter is cut where it is down to 3e-4.
_REACH_SIGMAS = 4.0
_CELLS_PER_LENGTH = 3.0
# Cubic interpolation looks two cells around.
_RIM_CELLS = 2


@dataclass(frozen=True)
class Window:
    """A rectangle of image pixels of a section.

    Attributes
    ----------
    row, column : int
        Upper left pixel.
    height_px, width_px : int
        Size.
    """

    row: int
    column: int
    height_px: int
    width_px: int

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.height_px, self.width_px

    @property
    def rows(self) -> slice:
        """Rows of the section."""
        return slice(self.row, self.row + self.height_px)

    @property
    def columns(self) -> slice:
        """Columns of the section."""
        return slice(self.column, self.column + self.width_px)

    def grown(self, margin_px: int) -> Window:
        """Window with a margin on all sides, which may lie outside the section."""
        return Window(
            self.row - margin_px,
            self.column - margin_px,
            self.height_px + 2 * margin_px,
            self.width_px + 2 * margin_px,
        )

    def inside(self, shape: Shape) -> Window:
        """Part of the window that lies on a section of `shape`."""
        top, left = max(self.row, 0), max(self.column, 0)
        bottom = min(self.row + self.height_px, shape[0])
        right = min(self.column + self.width_px, shape[1])
        return Window(top, left, bottom - top, right - left)


@dataclass(frozen=True)
class SmoothField:
    """A smooth field of a whole section, kept on a coarse grid.

    Attributes
    ----------
    grid : ndarray of float32, shape (rows, columns)
        Values at the centres of cells; a rim of two cells lies outside the section.
    step : int
        Pixels per cell.
    """

    grid: NDArray[np.float32]
    step: int

    def on(self, window: Window) -> NDArray[np.float32]:
        """Values on the pixels of a window that lies inside the section."""
        top, left = window.row // self.step, window.column // self.step
        bottom = -(-(window.row + window.height_px) // self.step)
        right = -(-(window.column + window.width_px) // self.step)
        cells = self.grid[top : bottom + 2 * _RIM_CELLS, left : right + 2 * _RIM_CELLS]
        enlarged = enlarge_grid(
            cells, self.step, (cells.shape[0] * self.step, cells.shape[1] * self.step)
        )
        first = (top - _RIM_CELLS) * self.step, (left - _RIM_CELLS) * self.step
        row, column = window.row - first[0], window.column - first[1]
        return enlarged[row : row + window.height_px, column : column + window.width_px]


def smooth_field(shape: Shape, length_px: float, rng: np.random.Generator) -> SmoothField:
    """Draw a standard normal field of one correlation length for a section of `shape`."""
    step = grid_step(length_px, cells_per_length=_CELLS_PER_LENGTH)
    rows, columns = grid_shape(shape, step)
    rimmed = rows + 2 * _RIM_CELLS, columns + 2 * _RIM_CELLS
    return SmoothField(gaussian_field(rimmed, (length_px / step,), rng), step)


def fine_field(window: Window, length_px: float, chance: Chance, name: str) -> NDArray[np.float32]:
    """Draw the part of a standard normal field that a window shows.

    The white noise below it is drawn block by block, each block from its own stream, so the same
    place has the same value in every window.

    Parameters
    ----------
    window : Window
        Where; it may reach outside the section.
    length_px : float
        Correlation length ℓ of a few pixels; the covariance is exp(-h²/2ℓ²).
    chance : Chance
        Source of chance.
    name : str
        Name of the field.

    Returns
    -------
    ndarray of float32, shape `window.shape`
        The field, up to rounding the same in all windows.
    """
    sigma_px = length_px / math.sqrt(2.0)
    reach_px = math.ceil(_REACH_SIGMAS * sigma_px)
    noise = _white_noise(window.grown(reach_px), chance, name)
    bell = cv2.getGaussianKernel(2 * reach_px + 1, sigma_px, cv2.CV_32F)
    # Each pass keeps the variance of white noise.
    kernel = np.asarray(bell / np.linalg.norm(bell), dtype=np.float32)
    field = cv2.sepFilter2D(noise, cv2.CV_32F, kernel, kernel)
    inner = slice(reach_px, -reach_px)
    return np.asarray(field[inner, inner], dtype=np.float32)


def _white_noise(window: Window, chance: Chance, name: str) -> NDArray[np.float32]:
    noise = np.empty(window.shape, dtype=np.float32)
    bottom, right = window.row + window.height_px, window.column + window.width_px
    for block_row in range(window.row // _BLOCK_PX, -(-bottom // _BLOCK_PX)):
        for block_column in range(window.column // _BLOCK_PX, -(-right // _BLOCK_PX)):
            rng = chance.stream(name, block_row, block_column)
            block = rng.standard_normal((_BLOCK_PX, _BLOCK_PX), dtype=np.float32)
            row, column = (
                block_row * _BLOCK_PX - window.row,
                block_column * _BLOCK_PX - window.column,
            )
            top, left = max(row, 0), max(column, 0)
            part = block[top - row :, left - column :]
            part = part[: window.height_px - top, : window.width_px - left]
            noise[top : top + part.shape[0], left : left + part.shape[1]] = part
    return noise
