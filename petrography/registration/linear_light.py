"""From the levels of a photograph to light, and what its steps hide."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["encoded_levels", "linear_colour", "linear_luminance", "quantum_variance", "smoothed"]

# IEC 61966-2-1 (sRGB).
_KNEE_LEVEL, _KNEE_SLOPE, _OFFSET, _EXPONENT = 0.04045, 12.92, 0.055, 2.4
# Rec. ITU-R BT.709, linear light.
_LUMINANCE = (0.2126, 0.7152, 0.0722)


def _linear(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    power = ((encoded + _OFFSET) / (1.0 + _OFFSET)) ** _EXPONENT
    return np.where(encoded <= _KNEE_LEVEL, encoded / _KNEE_SLOPE, power)


_LIGHT_OF_LEVEL = _linear(np.arange(256) / 255.0)
_STEP_OF_LEVEL = np.gradient(_LIGHT_OF_LEVEL)
# Half-way in levels, not in light, so that rounding is that of a camera.
_LIGHT_BETWEEN_LEVELS = _linear(np.linspace(0.5, 254.5, 255, dtype=np.float64) / 255.0).astype(
    np.float32
)


def linear_luminance(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Luminance of an sRGB or grey image in linear light, 0 to 1, shape (height, width)."""
    if pixels.ndim == 2:
        return _LIGHT_OF_LEVEL.astype(np.float32)[pixels]
    light = np.zeros(pixels.shape[:2], dtype=np.float32)
    for channel, weight in enumerate(_LUMINANCE):
        light += (weight * _LIGHT_OF_LEVEL).astype(np.float32)[pixels[..., channel]]
    return light


def linear_colour(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bring an sRGB image of any number of channels to linear light, 0 to 1, in its shape."""
    return _LIGHT_OF_LEVEL.astype(np.float32)[pixels]


def encoded_levels(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Encode linear light as sRGB levels, the inverse of `linear_colour`; clipped to 0 and 255."""
    return np.searchsorted(_LIGHT_BETWEEN_LEVELS, light).astype(np.uint8)


def quantum_variance(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Variance that rounding to 8 bits of sRGB adds, at each brightness in linear light."""
    step = np.interp(light, _LIGHT_OF_LEVEL, _STEP_OF_LEVEL)
    return np.asarray(step**2 / 12.0, dtype=np.float32)


def smoothed(
    light: NDArray[np.float32], covered: NDArray[np.bool_], smoothing_px: float
) -> NDArray[np.float32]:
    """Smooth by a Gaussian that takes nothing from where the view shows nothing."""
    weight = covered.astype(np.float32)
    summed = cv2.GaussianBlur(light * weight, (0, 0), smoothing_px)
    share = cv2.GaussianBlur(weight, (0, 0), smoothing_px)
    return np.asarray(np.where(covered, summed / np.maximum(share, 1e-6), 0.0), dtype=np.float32)
