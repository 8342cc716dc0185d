"""Photographs behind a colour filter: known linear changes for the colour calibration to undo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Image, require_image
from petrography.phantoms.optics import decode_srgb, encode_srgb

__all__ = ["FILTERS", "ColourFilter", "filtered"]


@dataclass(frozen=True)
class ColourFilter:
    """An affine map of linear RGB.

    Attributes
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Rows give red, green and blue behind the filter: transmission on the diagonal, the overlap
        of filter and sensor beside it.
    offset : ndarray of float64, shape (3,)
        Light that the filter scatters into the picture, 1 is white.
    """

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]

    def apply(self, linear: NDArray[np.float32]) -> NDArray[np.float32]:
        """Light behind the filter; linear RGB, shape (..., 3)."""
        behind = linear @ self.matrix.T + self.offset
        return np.asarray(behind, dtype=np.float32)


# Conversion and contrast filters of microscopes in rough numbers: blue daylight filter, yellow
# filter, and a halogen lamp run low. No channel grows, so nothing is clipped.
FILTERS: dict[str, ColourFilter] = {
    "blue": ColourFilter(
        np.array([[0.42, 0.05, 0.02], [0.04, 0.62, 0.06], [0.01, 0.07, 0.88]]),
        np.array([0.004, 0.006, 0.012]),
    ),
    "yellow": ColourFilter(
        np.array([[0.90, 0.06, 0.00], [0.05, 0.80, 0.03], [0.02, 0.10, 0.30]]),
        np.array([0.010, 0.008, 0.003]),
    ),
    "warm": ColourFilter(
        np.array([[0.95, 0.03, 0.00], [0.02, 0.74, 0.02], [0.00, 0.05, 0.50]]),
        np.array([0.006, 0.005, 0.003]),
    ),
}


def filtered(image: Image, name: str) -> Image:
    """See a photograph as if a colour filter had been in the way of the light.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        sRGB.
    name : str
        A key of `FILTERS`.

    Returns
    -------
    ndarray of uint8, same shape
        sRGB; exact in linear light up to rounding, for no filter drives a channel over white.

    Raises
    ------
    InvalidParameterError
        If the filter is unknown or the array is no image.
    """
    require_image(image)
    if name not in FILTERS:
        msg = f"filter is {name!r}; known filters are {', '.join(FILTERS)}"
        raise InvalidParameterError(msg)
    linear_by_level = decode_srgb(np.arange(256, dtype=np.float32) / np.float32(255.0))
    behind = FILTERS[name].apply(linear_by_level[image])
    encoded = encode_srgb(behind)
    encoded *= np.float32(255.0)
    return np.rint(encoded, out=encoded).astype(np.uint8)
