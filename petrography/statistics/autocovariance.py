"""How far a texture is correlated: the autocovariance of counts on cells, and its integral.

The *integral range* is the area of one independent sample: the variance of a fraction p over an
area A is p (1 - p) A2 / A where A is large against A2, so A / A2 is how many independent samples
the area is worth.

References
----------
Kanit et al. 2003, Int. J. Solids Struct. 40:3647, doi:10.1016/S0020-7683(03)00143-4.
Lantuéjoul 1991, J. Microsc. 161:387, doi:10.1111/j.1365-2818.1991.tb03099.x (ergodicity and
integral range).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from petrography.statistics.cell_counts import CellCounts, Counts
from petrography.statistics.grain_table import MIN_GRAIN_AREA_PX

__all__ = ["LARGEST_CORRECTION", "Autocovariance", "TextureScale", "texture_scale"]

# Where the autocovariance asks for more, it is the autocovariance that is not to be trusted.
LARGEST_CORRECTION = 4.0
# Variance of the cells over that of the pixels: one odd pixel in the largest image gives far more,
# rounding in the transform far less.
_ROUNDING = 1e-20


@dataclass(frozen=True)
class Autocovariance:
    """Autocovariance of a field of cells, at all lags, in the order of an FFT.

    Attributes
    ----------
    values : ndarray of float64, shape (2 rows, 2 columns)
        By lag.
    shape : tuple of int
        Rows and columns of the field.
    """

    values: Counts
    shape: tuple[int, ...]

    @classmethod
    def of(cls, residual: Counts) -> Autocovariance:
        """Estimate it from deviations from the mean, each lag over the pairs that it has."""
        rows, columns = residual.shape
        padded = (2 * rows, 2 * columns)
        power = np.abs(scipy.fft.rfft2(residual, padded)) ** 2
        products = scipy.fft.irfft2(power, padded)
        lag_rows, lag_columns = _lags(residual.shape)
        pairs = (rows - lag_rows)[:, None] * (columns - lag_columns)[None, :]
        return cls(np.where(pairs > 0, products / np.maximum(pairs, 1), 0.0), residual.shape)

    def truncated(self) -> Autocovariance:
        """Set lags beyond the first zero of the mean over directions to 0: noise from there."""
        lag_rows, lag_columns = _lags(self.shape)
        radius = np.hypot(lag_rows[:, None], lag_columns[None, :])
        ring = radius.astype(np.int64).ravel()
        mean = np.bincount(ring, self.values.ravel()) / np.maximum(np.bincount(ring), 1)
        limit = max(1, max(self.shape) // 2)
        zeros = np.flatnonzero(mean[:limit] <= 0.0)
        reach = zeros[0] if zeros.size else limit
        return Autocovariance(np.where(radius < reach, self.values, 0.0), self.shape)

    def variance_of_mean(self, rows: float, columns: float) -> float:
        """Variance of the mean over a rectangle of `rows` x `columns` cells."""
        lag_rows, lag_columns = _lags(self.shape)
        weight_rows = np.clip(1.0 - lag_rows / rows, 0.0, None)
        weight_columns = np.clip(1.0 - lag_columns / columns, 0.0, None)
        return float(weight_rows @ self.values @ weight_columns) / (rows * columns)

    def correction(self, block_rows: int, block_columns: int) -> float:
        """Factor by which the scatter of blocks understates the error of the whole image.

        Parameters
        ----------
        block_rows, block_columns : int
            Blocks down and across.
        """
        rows, columns = self.shape
        reach = self.truncated()
        # Subtracting the mean of the image lowered every lag by the variance of that mean.
        lift = reach.variance_of_mean(rows, columns)
        raised = Autocovariance(np.where(reach.values != 0.0, reach.values + lift, 0.0), self.shape)
        whole = raised.variance_of_mean(rows, columns)
        block = raised.variance_of_mean(rows / block_rows, columns / block_columns)
        if whole <= 0.0 or block <= whole:
            return LARGEST_CORRECTION if block > 0.0 else 1.0
        factor = math.sqrt((block_rows * block_columns - 1) * whole / (block - whole))
        return min(max(factor, 1.0), LARGEST_CORRECTION)


def _lags(shape: tuple[int, ...]) -> tuple[Counts, Counts]:
    """Absolute lags down and across, in cells, of an array padded to twice `shape`."""
    rows, columns = (np.abs(scipy.fft.fftfreq(2 * size, d=1.0 / (2 * size))) for size in shape)
    return np.rint(rows), np.rint(columns)


@dataclass(frozen=True)
class TextureScale:
    """How coarse a texture is.

    Attributes
    ----------
    integral_range_px2 : float
        Area of one independent sample, at least that of the smallest grain: what is finer are
        single mistaken pixels.
    correlation_length_px : float
        Of the means over cells, for choosing blocks; a little more than that of the phases where
        the texture is not much coarser than the cells.
    """

    integral_range_px2: float
    correlation_length_px: float


def texture_scale(cells: CellCounts, field: Counts) -> TextureScale | None:
    """Measure the texture as a whole: the autocovariances of all phases summed.

    Parameters
    ----------
    cells : CellCounts
        Counts of the phases.
    field : ndarray of float64, shape (rows, columns)
        Their sum.

    Returns
    -------
    TextureScale or None
        None for one phase alone, which shows no texture. Where all cells have the same mixture
        (a regular pattern finer than they are) nothing is coarser than the smallest grain.
    """
    if len(cells.codes) < 2:
        return None
    shares = cells.counts.sum(axis=(1, 2)) / max(field.sum(), 1.0)
    covariance = sum(
        (
            Autocovariance.of(counts - share * field).values
            for counts, share in zip(cells.counts, shares, strict=True)
        ),
        start=np.zeros(()),
    )
    smallest_px2 = float(MIN_GRAIN_AREA_PX)
    # Pixels vary by p (1 - p), means over cells by less.
    variance_of_pixels = float((shares * (1.0 - shares)).sum()) * float(field.mean()) ** 2
    if covariance.flat[0] <= _ROUNDING * variance_of_pixels:
        return TextureScale(smallest_px2, 0.0)
    texture = Autocovariance(covariance, field.shape).truncated()
    whole, cell_px2 = float(texture.values.sum()), math.prod(cells.cell_px)
    range_of_cells_px2 = max(whole / float(texture.values[0, 0]) * cell_px2, 0.0)
    return TextureScale(
        max(whole / variance_of_pixels * cell_px2, smallest_px2),
        math.sqrt(range_of_cells_px2 / (2.0 * math.pi)),
    )
