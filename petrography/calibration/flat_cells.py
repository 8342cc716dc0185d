"""From photographs of a blank to the smooth light of the lamp on a coarse grid."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.calibration.tone_curve import levels_to_light
from petrography.images import Image

__all__ = ["MOST_CELLS", "cell_medians", "smooth_shading"]

_Floats = NDArray[np.float64]

# Cells along the longer side: fine enough for vignetting and the shadow of dust on the sensor,
# coarse enough that the noise of a cell is far below one level.
MOST_CELLS = 64
# The lamp is a smooth surface of this total degree up to local differences; a cell that departs
# from it by more than so many robust deviations is a speck. Less than 8 % may be the shadow of dust
# on the sensor, which is to be corrected; more than 25 % is no lamp, however uneven the rest.
_DEGREE = 4
_FOREIGN_DEVIATIONS = 6.0
_FOREIGN_FRACTIONS = (0.08, 0.25)
_ROUNDS = 5
# Of the Gaussian over what the surface leaves, in cells.
_SMOOTHING_CELLS = 1.0


def cell_medians(pixels: Image, gamma: float) -> _Floats:
    """Median light of each channel in every cell, shape (cell rows, cell columns, 3)."""
    rows, columns = _cell_bounds(pixels.shape[0], pixels.shape[1])
    medians = np.array(
        [
            [_median_level(pixels[top:bottom, left:right]) for left, right in _pairs(columns)]
            for top, bottom in _pairs(rows)
        ]
    )
    return levels_to_light(medians, gamma)


def smooth_shading(cells: _Floats) -> tuple[_Floats, float]:
    """Smooth the light of a blank and bridge cells that are no blank.

    Parameters
    ----------
    cells : ndarray of float64, shape (rows, columns, 3)
        Median light.

    Returns
    -------
    shading : ndarray of float64, same shape
        Smooth light.
    foreign_fraction : float
        Share of the cells that were bridged.
    """
    surface, foreign = _surface(cells)
    left = np.where(foreign[..., None], 0.0, cells - surface)
    # Normalised convolution: bridged cells and the outside of the field do not count.
    weights = cv2.GaussianBlur(
        (~foreign).astype(np.float64), (0, 0), _SMOOTHING_CELLS, borderType=cv2.BORDER_CONSTANT
    )
    blurred = cv2.GaussianBlur(left, (0, 0), _SMOOTHING_CELLS, borderType=cv2.BORDER_CONSTANT)
    local = np.asarray(blurred).reshape(left.shape) / np.maximum(weights, 1e-3)[..., None]
    return surface + local, float(foreign.mean())


def _cell_bounds(height_px: int, width_px: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First pixel of every row and column of cells, and the end."""
    longer = max(height_px, width_px)
    bounds = []
    for length_px in (height_px, width_px):
        cells = min(length_px, max(1, round(MOST_CELLS * length_px / longer)))
        bounds.append(np.rint(np.linspace(0, length_px, cells + 1)).astype(np.intp))
    return bounds[0], bounds[1]


def _surface(cells: _Floats) -> tuple[_Floats, NDArray[np.bool_]]:
    """Polynomial surface of each channel, fitted without the cells that depart from it."""
    terms = _terms(cells.shape[0], cells.shape[1])
    values = cells.reshape(-1, 3)
    foreign: NDArray[np.bool_] = np.zeros(len(values), dtype=np.bool_)
    surface = np.broadcast_to(np.median(values, axis=0), values.shape)
    for _ in range(_ROUNDS):
        # The first round looks for cells far from the median light of the whole field.
        apart = np.abs(values / np.maximum(surface, 1e-9) - 1.0)
        spread = 1.4826 * np.median(apart, axis=0)
        limit = np.clip(_FOREIGN_DEVIATIONS * spread, *_FOREIGN_FRACTIONS)
        foreign = np.asarray((apart > limit).any(axis=1), dtype=np.bool_)
        if np.count_nonzero(~foreign) < 2 * terms.shape[1]:
            foreign = np.zeros_like(foreign)
        coefficients = np.linalg.lstsq(terms[~foreign], values[~foreign], rcond=None)[0]
        surface = terms @ coefficients
    return np.asarray(surface).reshape(cells.shape), foreign.reshape(cells.shape[:2])


def _terms(rows: int, columns: int) -> _Floats:
    """Chebyshev products up to the total degree, as many as the grid can settle."""
    down = np.polynomial.chebyshev.chebvander(_from_minus_one_to_one(rows), min(_DEGREE, rows - 1))
    across = np.polynomial.chebyshev.chebvander(
        _from_minus_one_to_one(columns), min(_DEGREE, columns - 1)
    )
    products = [
        np.outer(down[:, i], across[:, j]).ravel()
        for i in range(down.shape[1])
        for j in range(across.shape[1])
        if i + j <= _DEGREE
    ]
    return np.stack(products, axis=1)


def _from_minus_one_to_one(length: int) -> _Floats:
    return (np.arange(length) + 0.5) * 2.0 / length - 1.0


def _pairs(bounds: NDArray[np.intp]) -> list[tuple[int, int]]:
    return list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))


def _median_level(cell: Image) -> list[float]:
    """Median of each channel, between levels by the share of pixels below: noise makes it finer."""
    return [_channel_median(np.bincount(cell[..., channel].ravel())) for channel in range(3)]


def _channel_median(histogram: NDArray[np.intp]) -> float:
    above = np.cumsum(histogram)
    half = above[-1] / 2.0
    level = int(np.searchsorted(above, half))
    return level - 0.5 + float((half - above[level] + histogram[level]) / histogram[level])
