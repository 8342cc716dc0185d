"""Colour anchors: the mean colour that each labelled phase has in a photograph."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from petrography.calibration.tone_curve import levels_to_light, light_to_levels
from petrography.errors import LabelImageError
from petrography.field_types import Code, Fraction
from petrography.images import Image, Labels, require_image, require_labels
from petrography.minerals import UNLABELLED_CODE

__all__ = ["Anchor", "Colour", "colour_anchors", "pixels_sha256", "weight_of_area"]

Colour = tuple[float, float, float]

# Annotators draw the border of a grain to two or three pixels, and the optics blur it as far.
_BORDER_PX = 3
# Below this many pixels inside the border the border is taken too: thin strokes have no inside.
_LEAST_INNER_PX = 200
# Fewer pixels than this are no colour: a slip of the pen.
_LEAST_PX = 25
# Share of each channel's darkest and brightest pixels that is left out: pits, scratches, specks.
_TRIMMED_FRACTION = 0.1
# Beyond this area more pixels tell nothing new: the mineral differs from place to place.
_FULL_WEIGHT_PX = 20_000


class Anchor(BaseModel):
    """Colour of one phase in one photograph.

    Attributes
    ----------
    code : int
        The phase.
    colour_rgb : tuple of float
        Robust mean in linear light, encoded, 0-255.
    area_px : int
        Pixels that it was taken from.
    clipped_fraction : float
        Share of them with a channel at 255: their true colour is not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    colour_rgb: Colour
    area_px: int = Field(ge=1)
    clipped_fraction: Fraction


def colour_anchors(pixels: Image, labels: Labels) -> dict[int, Anchor]:
    """Measure the colour of every labelled phase.

    A rim of 3 px inside every label is passed over, a tenth of the pixels at either end of each
    channel is cut off, and the rest is averaged in linear light.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        The photograph, sRGB.
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 where nothing is labelled.

    Returns
    -------
    dict of int to Anchor
        By code, in rising order. A phase with fewer than 25 px is left out.

    Raises
    ------
    LabelImageError
        If the sizes differ or no phase has enough labelled pixels.
    """
    if require_image(pixels).shape[:2] != require_labels(labels).shape:
        msg = (
            f"labels are {labels.shape} (height, width), the image is {pixels.shape[:2]}; wanted "
            "the same size: label the photograph itself, not a resampled copy"
        )
        raise LabelImageError(msg)
    codes = [code for code in np.unique(labels).tolist() if code != UNLABELLED_CODE]
    found = {code: _anchor(pixels, labels, code) for code in codes}
    anchors = {code: anchor for code, anchor in found.items() if anchor is not None}
    if not anchors:
        msg = (
            f"no phase has {_LEAST_PX} labelled pixels (codes seen: {codes}); label some of each "
            "mineral, or calibrate from a white reference instead"
        )
        raise LabelImageError(msg)
    return anchors


def weight_of_area(area_px: int) -> float:
    """Weight of a squared difference: the root of the area, relative to a large area, at most 1."""
    return min(1.0, float(np.sqrt(area_px / _FULL_WEIGHT_PX)))


def pixels_sha256(array: NDArray[np.uint8]) -> str:
    """SHA-256 of an array's pixels, row by row, whatever file they came from."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def _anchor(pixels: Image, labels: Labels, code: int) -> Anchor | None:
    mask = cv2.inRange(labels, code, code)
    kernel = np.ones((2 * _BORDER_PX + 1, 2 * _BORDER_PX + 1), dtype=np.uint8)
    inner = cv2.erode(mask, kernel)
    if cv2.countNonZero(inner) < _LEAST_INNER_PX:
        inner = mask
    area_px = cv2.countNonZero(inner)
    if area_px < _LEAST_PX:
        return None
    histograms = [
        cv2.calcHist([pixels], [channel], inner, [256], [0, 256]).ravel() for channel in range(3)
    ]
    red, green, blue = (_trimmed_mean_level(one.astype(np.float64)) for one in histograms)
    clipped = cv2.bitwise_not(cv2.inRange(pixels, (0, 0, 0), (254, 254, 254)))
    return Anchor(
        code=code,
        colour_rgb=(red, green, blue),
        area_px=area_px,
        clipped_fraction=cv2.countNonZero(cv2.bitwise_and(clipped, inner)) / area_px,
    )


def _trimmed_mean_level(histogram: NDArray[np.float64]) -> float:
    """Encoded mean light of the pixels between the trimmed tails of a histogram of 256 levels."""
    above = np.cumsum(histogram)
    low, high = _TRIMMED_FRACTION * above[-1], (1.0 - _TRIMMED_FRACTION) * above[-1]
    kept = np.clip(np.minimum(above, high) - np.maximum(above - histogram, low), 0.0, None)
    mean = np.average(levels_to_light(np.arange(256.0)), weights=kept)
    return round(float(light_to_levels(np.asarray(mean))), 3)
