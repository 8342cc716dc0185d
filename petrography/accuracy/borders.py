"""How well the borders of the classes are drawn, apart from their areas.

References
----------
Csurka, Larlus & Perronnin 2013, BMVC, doi:10.5244/C.27.32 (boundary F1, "BF score").
Cheng, Girshick, Dollár, Berg & Kirillov 2021, CVPR, doi:10.1109/CVPR46437.2021.01508 (boundary
IoU).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.accuracy.confusion import require_same_shape
from petrography.accuracy.void_border import void_border
from petrography.errors import InvalidParameterError
from petrography.images import Labels
from petrography.minerals import UNLABELLED_CODE, class_index_table

__all__ = ["BorderCounts", "count_borders"]

Mask = NDArray[np.bool_]
Bits = NDArray[np.unsignedinteger]
_COUNTS = 6
_ROWS = 64


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
    index = class_index_table(codes, other=len(codes))
    true, predicted = _Rims(truth, index, tolerance_px), _Rims(prediction, index, tolerance_px)
    annotated = truth != UNLABELLED_CODE
    sure = annotated if annotated.all() else annotated & ~_near_any(~annotated, tolerance_px)
    counts = np.zeros((len(codes) + 1, _COUNTS), dtype=np.int64)
    both = true.band & predicted.band & (true.index == predicted.index)
    for column, (masked, of_class) in enumerate(
        (
            (predicted.rim & sure, predicted),
            (predicted.rim & sure & true.is_near(predicted, tolerance_px), predicted),
            (true.rim, true),
            (true.rim & predicted.is_near(true, tolerance_px), true),
            (both, true),
        )
    ):
        counts[:, column] = of_class.counted(masked)
    bands = true.counted(true.band) + predicted.counted(predicted.band & annotated)
    counts[:, 5] = bands - counts[:, 4]
    return BorderCounts(tuple(codes), counts[:-1])


class _Rims:
    """Borders of all classes of a label image at once.

    `rim` and `band` are the pixels within 1 and within `width_px` of another class, `bits` has
    the bit of its class set in every pixel of the rim.
    """

    def __init__(self, labels: Labels, index: NDArray[np.uint16], width_px: int) -> None:
        self.index = index[labels]
        self._classes = int(index.max())
        annotated = labels != UNLABELLED_CODE
        self.rim = annotated & (void_border(labels, 1, frame_px=0) == UNLABELLED_CODE)
        self.band = annotated & (void_border(labels, width_px, frame_px=0) == UNLABELLED_CODE)
        bit = 1 << np.arange(self._classes + 1, dtype=np.uint64)
        bit = bit.astype(np.min_scalar_type(1 << self._classes))
        self.bits = np.where(self.rim, bit[self.index], bit.dtype.type(0))

    def counted(self, mask: Mask) -> NDArray[np.int64]:
        """Pixels of a mask by class, the last for pixels of no class."""
        counted: NDArray[np.int64] = np.bincount(self.index[mask], minlength=self._classes + 1)
        return counted

    def is_near(self, other: _Rims, radius_px: int) -> Mask:
        """Where a pixel of the rim of the other lies near a rim of this one, of the same class."""
        near: Mask = (_spread(self.bits, radius_px) & other.bits) != 0
        return near


def _spread(bits: Bits, radius_px: int) -> Bits:
    """Set the bits of every pixel in all pixels within a radius."""
    height, width = bits.shape
    padded = np.pad(bits, radius_px)
    spread = np.zeros_like(bits)
    # Some rows at a time stay in the cache of a processor core.
    for top in range(0, height, _ROWS):
        block = spread[top : top + _ROWS]
        for row in range(2 * radius_px + 1):
            reach = math.isqrt(radius_px**2 - (row - radius_px) ** 2)
            rows = padded[top + row : top + row + len(block)]
            for left in range(radius_px - reach, radius_px + reach + 1):
                np.bitwise_or(block, rows[:, left : left + width], out=block)
    return spread


def _near_any(mask: Mask, radius_px: int) -> Mask:
    near: Mask = _spread(mask.view(np.uint8), radius_px) != 0
    return near
