"""How well the borders of the classes are drawn, apart from their areas.

References
----------
Csurka, Larlus & Perronnin 2013, BMVC, doi:10.5244/C.27.32 (boundary F1, "BF score").
Cheng, Girshick, Dollár, Berg & Kirillov 2021, CVPR, doi:10.1109/CVPR46437.2021.01508 (boundary
IoU).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.accuracy.confusion import require_same_shape
from petrography.errors import InvalidParameterError
from petrography.images import Labels
from petrography.minerals import UNLABELLED_CODE

__all__ = ["BorderCounts", "count_borders"]

Mask = NDArray[np.bool_]
_COUNTS = 6


@dataclass(frozen=True, eq=False)
class BorderCounts:
    """Border pixels by class: sums over images.

    Attributes
    ----------
    codes : tuple of int
        Classes, K of them.
    counts : ndarray of int64, shape (K, 6)
        Predicted border pixels, those of them near a true border, true border pixels, those near
        a predicted one, and intersection and union of the border bands.
    """

    codes: tuple[int, ...]
    counts: NDArray[np.int64]

    def __add__(self, other: BorderCounts) -> BorderCounts:
        return BorderCounts(self.codes, self.counts + other.counts)

    def f1(self) -> dict[int, float]:
        """Boundary F1 by code, for classes that have a border in truth or prediction."""
        found = {}
        for code, row in zip(self.codes, self.counts.tolist(), strict=True):
            predicted, predicted_near, true, true_near, *_ = row
            if predicted or true:
                precision = predicted_near / predicted if predicted else 0.0
                recall = true_near / true if true else 0.0
                total = precision + recall
                found[code] = 2 * precision * recall / total if total else 0.0
        return found

    def iou(self) -> dict[int, float]:
        """Boundary IoU by code, for classes that have a border in truth or prediction."""
        return {
            code: row[4] / row[5]
            for code, row in zip(self.codes, self.counts.tolist(), strict=True)
            if row[5]
        }


def count_borders(
    truth: Labels, prediction: Labels, codes: Sequence[int], *, tolerance_px: int
) -> BorderCounts:
    """Compare the borders of a prediction with those of the truth.

    A border pixel of a class has a direct neighbour of another class; neither the edge of the
    image nor that of an unannotated area is a border. Two border pixels match within the
    tolerance, centre to centre. The band of a class, for boundary IoU, are its pixels within the
    tolerance of another class.

    Parameters
    ----------
    truth, prediction : ndarray of uint8, shape (height, width)
        Codes. Where the truth is 255 nothing is judged, and predicted borders within the tolerance
        of it neither: what they should match was not drawn.
    codes : sequence of int
        The classes.
    tolerance_px : int
        At least 1.

    Returns
    -------
    BorderCounts
        Counts of this image.

    Raises
    ------
    LabelImageError
        If the shapes differ.
    InvalidParameterError
        If the tolerance is below 1.
    """
    require_same_shape(truth, prediction)
    if tolerance_px < 1:
        msg = f"tolerance_px is {tolerance_px}; wanted 1 or more pixels"
        raise InvalidParameterError(msg)
    annotated = truth != UNLABELLED_CODE
    sure = annotated if annotated.all() else ~_near(~annotated, tolerance_px)
    counts = np.zeros((len(codes), _COUNTS), dtype=np.int64)
    for row, code in enumerate(codes):
        true, predicted = truth == code, prediction == code
        if true.any() or (predicted & annotated).any():
            borders = _Borders(true, predicted, annotated, tolerance_px)
            counts[row] = borders.counted(annotated, sure)
    return BorderCounts(tuple(codes), counts)


class _Borders:
    """Borders and bands of one class in truth and prediction."""

    def __init__(self, true: Mask, predicted: Mask, annotated: Mask, tolerance_px: int) -> None:
        self._true = _rim(true, annotated & ~true, tolerance_px)
        self._predicted = _rim(predicted, ~predicted, tolerance_px)
        self._tolerance_px = tolerance_px

    def counted(self, annotated: Mask, sure: Mask) -> tuple[int, ...]:
        (true, true_band), (predicted, predicted_band) = self._true, self._predicted
        judged = predicted & sure
        return tuple(
            int(np.count_nonzero(mask))
            for mask in (
                judged,
                judged & _near(true, self._tolerance_px),
                true,
                true & _near(predicted, self._tolerance_px),
                true_band & predicted_band,
                (true_band | predicted_band) & annotated,
            )
        )


def _rim(inside: Mask, outside: Mask, width_px: int) -> tuple[Mask, Mask]:
    """Border and band of an area: its pixels within 1 and within `width_px` of the others."""
    distance = _distance(outside)
    return inside & (distance <= 1.0), inside & (distance <= width_px)


def _near(mask: Mask, radius_px: int) -> Mask:
    near: Mask = _distance(mask) <= radius_px
    return near


def _distance(mask: Mask) -> NDArray[np.float32]:
    """Distance of every pixel to the nearest pixel of a mask; far where there is none."""
    if not mask.any():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    away = (~mask).view(np.uint8)
    distance: NDArray[np.float32] = cv2.distanceTransform(
        away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    ).view(np.float32)
    # Roots of whole numbers come with the rounding of float32.
    return distance - np.float32(1e-4)
