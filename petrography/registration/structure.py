"""What images of one field share whatever their light: local structure, free of brightness.

Exposure, shading and the brightness of turning grains differ between views; edges stay. Two kinds
of structure are compared: `contrast` (brightness against its surroundings) between views of the same
light, and `edges` (gradient magnitude against its surroundings) between PPL and XPL, where contrast
may be inverted.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import RegistrationError
from petrography.images import Image

__all__ = [
    "Grey",
    "Kind",
    "green_light",
    "key_point_image",
    "require_structure",
    "structure",
]

Grey: TypeAlias = NDArray[np.float32]
Kind: TypeAlias = Literal["contrast", "edges"]

# Detail finer than the first is noise, coarser than the second is shading.
_FINE_PX, _COARSE_PX = 2.0, 24.0
# Sensor noise of 3 grey levels leaves 0.4 after smoothing by 2 px; ore leaves 5 to 30.
_LEAST_DETAIL_LEVELS = 1.2
_MOST_SATURATED_FRACTION = 0.6
_SATURATED_LEVEL = 254
_LEAST_SIDE_PX = 64
# Contrast below this many grey levels is not blown up to that of a grain boundary.
_CONTRAST_FLOOR_LEVELS = 2.0
# Surroundings of the local normalisation, in units of the smoothing.
_SURROUNDINGS = 8.0
_LEAST_SURROUNDINGS_PX = 12.0


def green_light(pixels: Image) -> Grey:
    """Green channel of an image, float32 in [0, 255].

    Lenses draw red and blue a little larger or smaller, and beside; a mixture of channels would be
    displaced by turns of the stage. Sensors have twice as many green pixels, too.
    """
    return pixels[..., 1].astype(np.float32)


def require_structure(pixels: Image, name: str) -> None:
    """Refuse an image on which nothing can be matched.

    Raises
    ------
    RegistrationError
        If a side is below 64 px, more than 60 % of the pixels are saturated, or the detail between
        2 and 24 px is below 1.2 grey levels: a blank field.
    """
    height_px, width_px = pixels.shape[:2]
    if min(height_px, width_px) < _LEAST_SIDE_PX:
        msg = f"{name} is {width_px}x{height_px} px; registration needs {_LEAST_SIDE_PX} px a side"
        raise RegistrationError(msg)
    saturated = float(np.mean(pixels.min(axis=2) >= _SATURATED_LEVEL))
    if saturated > _MOST_SATURATED_FRACTION:
        msg = (
            f"{name} is saturated: {saturated:.0%} of its pixels are white, at most "
            f"{_MOST_SATURATED_FRACTION:.0%} can be worked with; expose it shorter"
        )
        raise RegistrationError(msg)
    detail = detail_levels(green_light(pixels))
    if detail < _LEAST_DETAIL_LEVELS:
        msg = (
            f"{name} is blank: its detail is {detail:.2f} grey levels (standard deviation between "
            f"2 and 24 px), at least {_LEAST_DETAIL_LEVELS} is needed; use a field with grains"
        )
        raise RegistrationError(msg)


def detail_levels(grey: Grey) -> float:
    """Standard deviation, in grey levels, of what is coarser than noise and finer than shading."""
    fine = cv2.GaussianBlur(grey, (0, 0), _FINE_PX)
    return float(np.std(fine - cv2.GaussianBlur(grey, (0, 0), _COARSE_PX)))


def structure(grey: Grey, kind: Kind, smoothing_px: float) -> Grey:
    """Structure of an image: mean about 0 and standard deviation about 1 everywhere.

    Parameters
    ----------
    grey : ndarray of float32, shape (height, width)
        Green light, grey levels.
    kind : {"contrast", "edges"}
        What to look at.
    smoothing_px : float
        Standard deviation of the Gaussian that takes noise away first.

    Returns
    -------
    ndarray of float32, shape (height, width)
        Clipped to [-4, 4], so that a speck of dust weighs no more than an edge.
    """
    smooth = np.asarray(cv2.GaussianBlur(grey, (0, 0), smoothing_px), dtype=np.float32)
    seen = _gradient_magnitude(smooth) if kind == "edges" else smooth
    floor = _CONTRAST_FLOOR_LEVELS / (2.0 * smoothing_px if kind == "edges" else 1.0)
    return _normalised(seen, max(_SURROUNDINGS * smoothing_px, _LEAST_SURROUNDINGS_PX), floor)


def _gradient_magnitude(smooth: Grey) -> Grey:
    across = cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1.0 / 32.0)
    down = cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1.0 / 32.0)
    return np.asarray(cv2.magnitude(across, down), dtype=np.float32)


def _normalised(seen: Grey, surroundings_px: float, floor: float) -> Grey:
    centred = seen - cv2.GaussianBlur(seen, (0, 0), surroundings_px)
    spread = cv2.GaussianBlur(centred * centred, (0, 0), surroundings_px)
    unclipped = centred / np.sqrt(spread + floor * floor)
    return np.asarray(np.clip(unclipped, -4.0, 4.0), dtype=np.float32)


def key_point_image(grey: Grey, kind: Kind) -> NDArray[np.uint8]:
    """Make an 8-bit picture of the structure, for detectors of key points."""
    if kind == "contrast":
        equaliser = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8))
        return np.asarray(equaliser.apply(grey.round().astype(np.uint8)), dtype=np.uint8)
    return np.asarray(np.clip(structure(grey, "edges", 1.5) * 40 + 100, 0, 255), dtype=np.uint8)
