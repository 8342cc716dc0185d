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

__all__ = ["LARGEST_CORRECTION", "Autocovariance", "LagPairs", "TextureScale", "texture_scale"]

# Where the autocovariance asks for more, it is the autocovariance that is not to be trusted.
LARGEST_CORRECTION = 4.0
# Variance of the cells over that of the pixels: one odd pixel in the largest image gives far more,
# rounding in the transform far less.
_ROUNDING = 1e-20
# Lags that so small a part of the pairs of lag 0 lie at are rounding in the transform, or a few
# pixels that say nothing.
_FEWEST_PAIRS_FRACTION = 1e-9


@dataclass(frozen=True)
class LagPairs:
    """How much of the annotated field lies upon itself when it is moved, in the order of an FFT.

    Attributes
    ----------
    cells2 : ndarray of float64, shape (2 rows, 2 columns)
        By lag: pairs of annotated pixels, in units of those of two cells that are annotated
        throughout. The sum over all lags is the square of the annotated area in cells.
    shape : tuple of int
        Rows and columns of the field.
    """

    cells2: Counts
    shape: tuple[int, ...]

    @property
    def annotated_fraction(self) -> float:
        """Annotated part of all cells."""
        return math.sqrt(max(float(self.cells2.sum()), 0.0)) / math.prod(self.shape)

    @classmethod
    def of(cls, field: Counts, cell_area_px: float) -> LagPairs:
        """Count them.

        Parameters
        ----------
        field : ndarray of float64, shape (rows, columns)
            Annotated pixels per cell.
        cell_area_px : float
            Mean pixels of a cell.
        """
        counted = _products(field) / cell_area_px**2
        seen = counted > _FEWEST_PAIRS_FRACTION * counted[0, 0]
        return cls(np.where(seen, counted, 0.0), field.shape)


@dataclass(frozen=True)
class Autocovariance:
    """Autocovariance of a field of cells, at all lags, in the order of an FFT.

    Attributes
    ----------
    values : ndarray of float64, shape (2 rows, 2 columns)
        By lag.
    pairs : LagPairs
        Of the field that it was estimated on.
    """

    values: Counts
    pairs: LagPairs

    @classmethod
    def of(cls, residual: Counts, pairs: LagPairs) -> Autocovariance:
        """Estimate it from deviations from the mean, each lag over the pairs that it has."""
        seen = pairs.cells2 > 0.0
        products = _products(residual)
        return cls(
            np.divide(products, pairs.cells2, out=np.zeros_like(products), where=seen), pairs
        )

    def truncated(self) -> Autocovariance:
        """Set lags beyond the first zero of the mean over directions to 0: noise from there."""
        shape = self.pairs.shape
        lag_rows, lag_columns = _lags(shape)
        radius = np.hypot(lag_rows[:, None], lag_columns[None, :])
        ring = radius.astype(np.int64).ravel()
        mean = np.bincount(ring, self.values.ravel()) / np.maximum(np.bincount(ring), 1)
        limit = max(1, max(shape) // 2)
        zeros = np.flatnonzero(mean[:limit] <= 0.0)
        reach = zeros[0] if zeros.size else limit
        return Autocovariance(np.where(radius < reach, self.values, 0.0), self.pairs)

    def variance_of_mean(self) -> float:
        """Variance of the mean over the annotated field."""
        return float((self.values * self.pairs.cells2).sum() / self.pairs.cells2.sum())

    def variance_of_block(self, rows: float, columns: float) -> float:
        """Variance of the mean over a rectangle of `rows` x `columns` cells."""
        lag_rows, lag_columns = _lags(self.pairs.shape)
        weight_rows = np.clip(1.0 - lag_rows / rows, 0.0, None)
        weight_columns = np.clip(1.0 - lag_columns / columns, 0.0, None)
        return float(weight_rows @ self.values @ weight_columns) / (rows * columns)

    def correction(self, block_rows: int, block_columns: int, observed: int) -> float:
        """Factor by which the scatter of blocks understates the error of the whole image.

        Parameters
        ----------
        block_rows, block_columns : int
            Blocks down and across.
        observed : int
            Those of them in which something is annotated.
        """
        rows, columns = self.pairs.shape
        reach = self.truncated()
        # Subtracting the mean of the image lowered every lag by the variance of that mean.
        lifted = np.where(reach.values != 0.0, reach.values + reach.variance_of_mean(), 0.0)
        raised = Autocovariance(lifted, self.pairs)
        whole = raised.variance_of_mean()
        block = raised.variance_of_block(rows / block_rows, columns / block_columns)
        if whole <= 0.0 or block <= whole:
            return LARGEST_CORRECTION if block > 0.0 else 1.0
        # Blocks at the rim of the field are partly annotated, and vary by that much less.
        blocks = block_rows * block_columns * self.pairs.annotated_fraction
        factor = math.sqrt(blocks * (observed - 1) / observed * whole / (block - whole))
        return min(max(factor, 1.0), LARGEST_CORRECTION)


def _products(cells: Counts) -> Counts:
    """Sum the products of all cells with those at each lag, nothing around them."""
    rows, columns = cells.shape
    padded = (2 * rows, 2 * columns)
    power = np.abs(scipy.fft.rfft2(cells, padded)) ** 2
    return np.asarray(scipy.fft.irfft2(power, padded), dtype=np.float64)


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
    pairs = LagPairs.of(field, cells.cell_area_px)
    covariance = sum(
        (
            Autocovariance.of(counts - share * field, pairs).values
            for counts, share in zip(cells.counts, shares, strict=True)
        ),
        start=np.zeros(()),
    )
    smallest_px2 = float(MIN_GRAIN_AREA_PX)
    # Pixels vary by p (1 - p), means over cells by less.
    variance_of_pixels = float((shares * (1.0 - shares)).sum()) * cells.cell_area_px**2
    if covariance.flat[0] <= _ROUNDING * variance_of_pixels:
        return TextureScale(smallest_px2, 0.0)
    texture = Autocovariance(covariance, pairs).truncated()
    whole = float(texture.values.sum())
    range_of_cells_px2 = max(whole / float(texture.values[0, 0]) * cells.cell_area_px, 0.0)
    return TextureScale(
        max(whole / variance_of_pixels * cells.cell_area_px, smallest_px2),
        math.sqrt(range_of_cells_px2 / (2.0 * math.pi)),
    )
