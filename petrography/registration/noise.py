"""How much a view of a pixel may differ from its harmonics without meaning anything."""

from __future__ import annotations

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.registration.harmonic_fit import Plane, Sums

__all__ = ["noise_of_a_view"]

# Shot noise grows with brightness: so many classes of equal size are told apart.
_BRIGHTNESS_CLASSES = 24
_LEAST_PIXELS_A_CLASS = 200
# So many tell the noise; more only take memory.
_MOST_PIXELS = 1_000_000
# Around grain boundaries views do not match to the last tenth of a pixel.
_AROUND_PX = 7
# Exposures of one setting repeat to about one percent.
_EXPOSURE_PLAY = 0.01


def noise_of_a_view(sums: Sums, quantum: NDArray[np.float32] | None) -> Plane:
    """Standard deviation of one view at every pixel, from what the harmonics leave.

    The larger of two variances, that of pixels of like brightness and that of the pixels around,
    plus those of rounding and of the exposure. The first is robust: its median knows nothing of
    grain boundaries.

    Parameters
    ----------
    sums : Sums
        Of the fit.
    quantum : ndarray of float32, shape (height, width), optional
        Variance of rounding.

    Returns
    -------
    ndarray of float32, shape (height, width)
        NaN where nothing was fitted, and everywhere if no pixel has more views than parameters.
    """
    counted = sums.freedom > 0
    if not counted.any():
        return np.full(counted.shape, np.nan, dtype=np.float32)
    brightness = sums.coefficients[0]
    variance = np.maximum(_of_like_brightness(sums, counted), _of_those_around(sums))
    variance += (_EXPOSURE_PLAY * brightness) ** 2
    if quantum is not None:
        variance += quantum
    return np.where(sums.fitted, np.sqrt(variance), np.float32(np.nan))


def _of_like_brightness(sums: Sums, counted: NDArray[np.bool_]) -> Plane:
    every = max(1, int(counted.sum()) // _MOST_PIXELS)
    freedom, residual, brightness = (
        plane[counted][::every] for plane in (sums.freedom, sums.residual, sums.coefficients[0])
    )
    # The median of chi-squared, by which a median of squares becomes a variance.
    medians = scipy.special.chdtri(np.arange(1, int(freedom.max()) + 1), 0.5)
    variance = residual / medians[freedom - 1]
    classes = int(np.clip(variance.size // _LEAST_PIXELS_A_CLASS, 1, _BRIGHTNESS_CLASSES))
    order = np.argsort(brightness, kind="stable")
    middles, typical = [], []
    for members in np.array_split(order, classes):
        middles.append(float(np.median(brightness[members])))
        typical.append(float(np.median(variance[members])))
    return np.asarray(np.interp(sums.coefficients[0], middles, typical), dtype=np.float32)


def _of_those_around(sums: Sums) -> Plane:
    window = (_AROUND_PX, _AROUND_PX)
    # Pixels without freedom have no residual: the line runs through all their views.
    left = cv2.boxFilter(sums.residual, -1, window, normalize=False)
    views = cv2.boxFilter(sums.freedom.astype(np.float32), -1, window, normalize=False)
    return np.asarray(np.maximum(left, 0.0) / np.maximum(views, 1.0), dtype=np.float32)
