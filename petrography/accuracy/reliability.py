"""Whether confidence means what it says: pixels by confidence, and how many of them are right.

References
----------
Guo, Pleiss, Sun & Weinberger 2017, doi:10.48550/arXiv.1706.04599 (expected calibration error).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.accuracy.confusion import require_same_shape, row_bands
from petrography.errors import LabelImageError
from petrography.images import Confidence, Labels
from petrography.minerals import UNLABELLED_CODE

__all__ = ["CALIBRATION_BINS", "ReliabilityBin", "ReliabilityCounts", "count_reliability"]

CALIBRATION_BINS = 15  # as in the paper


@dataclass(frozen=True)
class ReliabilityBin:
    """Pixels of one bin of confidence: mean confidence and share that is right, in [0, 1]."""

    low: float
    high: float
    pixels: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, eq=False)
class ReliabilityCounts:
    """Pixels by confidence and rightness: sums over images.

    Attributes
    ----------
    counts : ndarray of int64, shape (256, 2)
        Annotated pixels by confidence (0-255): wrong ones, right ones.
    """

    counts: NDArray[np.int64]

    def __add__(self, other: ReliabilityCounts) -> ReliabilityCounts:
        return ReliabilityCounts(self.counts + other.counts)

    def bins(self, count: int = CALIBRATION_BINS) -> tuple[ReliabilityBin, ...]:
        """Sum up over equal bins of confidence; bins without a pixel are left out."""
        confidence = np.arange(256) / 255.0
        index = np.minimum((confidence * count).astype(np.intp), count - 1)
        pixels = self.counts.sum(axis=1)
        totals = np.bincount(index, weights=pixels, minlength=count)
        sums = np.bincount(index, weights=pixels * confidence, minlength=count)
        right = np.bincount(index, weights=self.counts[:, 1], minlength=count)
        return tuple(
            ReliabilityBin(
                k / count,
                (k + 1) / count,
                int(totals[k]),
                float(sums[k] / totals[k]),
                float(right[k] / totals[k]),
            )
            for k in range(count)
            if totals[k]
        )

    def expected_calibration_error(self, count: int = CALIBRATION_BINS) -> float | None:
        """Mean difference of confidence and accuracy over the bins, weighted by pixels.

        Examples
        --------
        >>> counts = np.zeros((256, 2), dtype=np.int64)
        >>> counts[204] = 1, 3  # confidence 0.8; 3 of 4 are right
        >>> round(ReliabilityCounts(counts).expected_calibration_error(), 6)
        0.05
        """
        total = int(self.counts.sum())
        if not total:
            return None
        gaps = (abs(one.confidence - one.accuracy) * one.pixels for one in self.bins(count))
        return sum(gaps) / total


def count_reliability(
    truth: Labels, prediction: Labels, confidence: Confidence
) -> ReliabilityCounts:
    """Count the annotated pixels of an image by confidence and rightness.

    Parameters
    ----------
    truth, prediction : ndarray of uint8, shape (height, width)
        Codes; 255 in the truth is not judged.
    confidence : ndarray of uint8, shape (height, width)
        255 times the probability of the predicted code.

    Raises
    ------
    LabelImageError
        If the shapes differ.
    """
    require_same_shape(truth, prediction)
    if confidence.shape != truth.shape:
        msg = f"confidence is {confidence.shape} px, truth {truth.shape}; wanted the same size"
        raise LabelImageError(msg)
    counts = np.zeros(512, dtype=np.int64)
    for rows in row_bands(truth.shape):
        judged = truth[rows] != UNLABELLED_CODE
        right = (truth[rows] == prediction[rows])[judged]
        pairs = confidence[rows][judged].astype(np.intp) * 2 + right
        counts += np.bincount(pairs, minlength=512)
    return ReliabilityCounts(counts.reshape(256, 2))
