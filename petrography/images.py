"""Images as plain arrays: what shape and type they have, how they are resampled and judged.

An image is ``(height, width, 3)`` uint8 sRGB, a label image ``(height, width)`` uint8 codes.
Axes are (row, column) everywhere.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError, LabelImageError
from petrography.workspace import IN_MEMORY, Workspace, row_strips

__all__ = [
    "MAX_UM_PER_PX",
    "MIN_UM_PER_PX",
    "Confidence",
    "Image",
    "Labels",
    "clipped_fraction",
    "require_image",
    "require_labels",
    "require_possible_scale",
    "resample_image",
    "resample_labels",
    "resampled_shape",
]

Image: TypeAlias = NDArray[np.uint8]
Labels: TypeAlias = NDArray[np.uint8]
Confidence: TypeAlias = NDArray[np.uint8]

# From the pixel of an electron microscope to that of a coarse scanner.
MIN_UM_PER_PX, MAX_UM_PER_PX = 1e-4, 1e4
# OpenCV cannot average squares of two by two of more channels than this.
_MOST_AT_ONCE = 4


def require_image(pixels: NDArray[np.generic]) -> Image:
    """Check that an array is an RGB image.

    Parameters
    ----------
    pixels : ndarray
        Wanted: uint8, shape (height, width, 3), both sides at least 1.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        The same array.

    Raises
    ------
    InvalidParameterError
        If dtype or shape is another.
    """
    if pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size > 0:
        return pixels.view(np.uint8)
    msg = f"image is {pixels.dtype} {pixels.shape}; wanted uint8 (height, width, 3), sides >= 1"
    raise InvalidParameterError(msg)


def require_labels(labels: NDArray[np.generic]) -> Labels:
    """Check that an array is a label image: uint8, shape (height, width), not empty.

    Raises
    ------
    LabelImageError
        If dtype or shape is another.
    """
    if labels.dtype == np.uint8 and labels.ndim == 2 and labels.size > 0:
        return labels.view(np.uint8)
    msg = f"label image is {labels.dtype} {labels.shape}; wanted uint8 (height, width), sides >= 1"
    raise LabelImageError(msg)


def resampled_shape(height_px: int, width_px: int, factor: float) -> tuple[int, int]:
    """Size of an image after resampling; a side never falls below one pixel.

    Examples
    --------
    >>> resampled_shape(2547, 3396, 0.5)
    (1274, 1698)
    """
    return max(1, math.ceil(height_px * factor)), max(1, math.ceil(width_px * factor))


def resample_image(pixels: Image, factor: float, workspace: Workspace = IN_MEMORY) -> Image:
    """Resample an image: averaging areas when it shrinks, linear when it grows.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, C)
        The image.
    factor : float
        Size of the result over the size of `pixels`, above 0.
    workspace : Workspace, optional
        Gives the array of the result.

    Returns
    -------
    ndarray of uint8
        `pixels` itself when `factor` is 1.
    """
    if factor == 1.0:
        return pixels
    height_px, width_px = resampled_shape(pixels.shape[0], pixels.shape[1], factor)
    method = cv2.INTER_AREA if factor < 1.0 else cv2.INTER_LINEAR
    channels = pixels.shape[2]
    resampled: Image = workspace.empty((height_px, width_px, channels), np.uint8)
    if channels <= _MOST_AT_ONCE:
        return _resize(pixels, resampled, method)
    for first in range(0, channels, _MOST_AT_ONCE):
        some = slice(first, min(first + _MOST_AT_ONCE, channels))
        count = some.stop - some.start
        part: Image = workspace.empty((*pixels.shape[:2], count), np.uint8)
        part[:] = pixels[..., some]
        small = workspace.empty((height_px, width_px, count), np.uint8)
        resampled[..., some] = _resize(part, small, method)
    return resampled


def _resize(pixels: Image, target: Image, method: int) -> Image:
    size = target.shape[1], target.shape[0]
    cv2.resize(pixels, size, dst=target, interpolation=method)
    return target


def resample_labels(labels: Labels, shape: tuple[int, int]) -> Labels:
    """Resample a label image to a given (height, width) by the nearest pixel."""
    if labels.shape == shape:
        return labels
    resampled = cv2.resize(labels, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resampled, dtype=np.uint8)


def clipped_fraction(pixels: Image, covered: NDArray[np.bool_] | None = None) -> float:
    """Share of pixels with a channel at 255, where the colour is lost.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, C)
        The image.
    covered : ndarray of bool, shape (height, width), optional
        What counts, at least one pixel.

    Returns
    -------
    float
        In [0, 1].
    """
    clipped_px, counted_px = 0, pixels.shape[0] * pixels.shape[1]
    for rows in row_strips(pixels.shape[0], pixels.shape[1]):
        clipped = _clipped(pixels[rows])
        clipped_px += int(np.count_nonzero(clipped if covered is None else clipped & covered[rows]))
    if covered is not None:
        counted_px = int(np.count_nonzero(covered))
    return float(clipped_px / counted_px)


def _clipped(pixels: Image) -> NDArray[np.bool_]:
    if pixels.shape[2] != 3:
        return np.asarray((pixels == 255).any(axis=2))
    return np.asarray(cv2.inRange(pixels, (0, 0, 0), (254, 254, 254)) == 0)


def require_possible_scale(um_per_px: float) -> float:
    """Check a pixel size in micrometres: from that of an electron microscope to that of a scanner.

    Raises
    ------
    InvalidParameterError
        If it is not a number from 0.0001 to 10000.
    """
    if MIN_UM_PER_PX <= um_per_px <= MAX_UM_PER_PX:
        return um_per_px
    msg = (
        f"um_per_px is {um_per_px:g}; wanted micrometres per pixel, from {MIN_UM_PER_PX:g} to "
        f"{MAX_UM_PER_PX:g}"
    )
    raise InvalidParameterError(msg)
