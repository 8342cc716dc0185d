"""Gaussian random fields: the source of irregular outlines, blebs, pits, cracks and stains.

A field is standard normal at every pixel. With the covariance exp(-h²/2ℓ²) its level set
{Z > u} covers the fraction Φ(-u) of the area, and its outline has the length per area
exp(-u²/2) / 2ℓ.

References
----------
Adler & Taylor 2007, *Random Fields and Geometry*, doi:10.1007/978-0-387-48116-6 (level sets).
Lantuéjoul 2002, *Geostatistical Simulation*, doi:10.1007/978-3-662-04808-5 (simulation).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.special import ndtri

from petrography.phantoms.coarse_grids import Shape, enlarge_grid, grid_shape, grid_step

__all__ = ["gaussian_field", "level_for_fraction"]

# The spectrum is down to exp(-0.5 * (3π)²) at the Nyquist frequency of such a grid.
_CELLS_PER_LENGTH = 3.0
# The field is periodic; beyond so many lengths the covariance is below 4e-4 and the far side is cut.
_PADDING_LENGTHS = 4.0


def gaussian_field(
    shape: Shape,
    lengths_px: Sequence[float],
    rng: np.random.Generator,
    *,
    weights: Sequence[float] | None = None,
    stretch: float = 1.0,
    angle_rad: float = 0.0,
) -> NDArray[np.float32]:
    """Draw a standard normal field that mixes one or more correlation lengths.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns, at least 1.
    lengths_px : sequence of float
        Correlation lengths ℓ of the parts, each above 0.
    rng : numpy.random.Generator
        Source of chance.
    weights : sequence of float, optional
        Amplitudes of the parts, scaled so that the sum has variance 1; equal by default.
    stretch : float
        Length along `angle_rad` over length across it; their product stays ℓ².
    angle_rad : float
        Direction of the longer axis, from the column axis towards the row axis.

    Returns
    -------
    ndarray of float32, shape `shape`
        Mean 0 and variance 1 over realisations (up to 1 % lost by interpolation).
    """
    amplitudes = np.asarray(weights if weights is not None else np.ones(len(lengths_px)))
    amplitudes = amplitudes / np.linalg.norm(amplitudes)
    narrow = max(1.0, math.sqrt(stretch))
    total = np.zeros((1, 1), dtype=np.float32)
    step = 0
    for length_px, amplitude in sorted(zip(lengths_px, amplitudes, strict=True), reverse=True):
        finer = grid_step(length_px / narrow, cells_per_length=_CELLS_PER_LENGTH)
        part = _periodic_field(
            grid_shape(shape, finer), length_px / finer, rng, stretch=stretch, angle_rad=angle_rad
        )
        part *= np.float32(amplitude)
        total = part if step == 0 else part + enlarge_grid(total, step // finer, part.shape)
        step = finer
    return enlarge_grid(total, step, shape)


def level_for_fraction(fraction: float) -> float:
    """Level u for which {Z > u} covers a fraction of the area, in (0, 1)."""
    return float(-ndtri(fraction))


def _periodic_field(
    shape: Shape, length: float, rng: np.random.Generator, *, stretch: float, angle_rad: float
) -> NDArray[np.float32]:
    """Filter white noise by the square root of a Gaussian spectrum on a padded torus."""
    padding = math.ceil(_PADDING_LENGTHS * length * math.sqrt(max(stretch, 1 / stretch)))
    rows, columns = (fft.next_fast_len(side + padding, real=True) for side in shape)
    row_frequency = 2.0 * np.pi * fft.fftfreq(rows).astype(np.float32)[:, None]
    column_frequency = 2.0 * np.pi * fft.rfftfreq(columns).astype(np.float32)[None, :]
    along = math.cos(angle_rad) * column_frequency + math.sin(angle_rad) * row_frequency
    across = math.cos(angle_rad) * row_frequency - math.sin(angle_rad) * column_frequency
    along *= along * np.float32(-0.25 * length**2 * stretch)
    along -= across * across * np.float32(0.25 * length**2 / stretch)
    response = np.exp(along, out=along)
    spectrum = fft.rfft2(rng.standard_normal((rows, columns), dtype=np.float32))
    response /= math.sqrt(_variance(response, columns))
    spectrum *= response
    field = fft.irfft2(spectrum, s=(rows, columns), overwrite_x=True)
    return np.ascontiguousarray(field[: shape[0], : shape[1]], dtype=np.float32)


def _variance(response: NDArray[np.float32], columns: int) -> float:
    """Variance that a response, given on half of the spectrum, leaves of white noise."""
    by_column = np.einsum("ij,ij->j", response, response, dtype=np.float64)
    # Columns stand for their mirror images too, but the first and, of an even number, the last.
    alone = by_column[0] + (by_column[-1] if columns % 2 == 0 else 0.0)
    total = 2.0 * by_column.sum() - alone
    return float(total / (response.shape[0] * columns))
