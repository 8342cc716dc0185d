"""ROC curves of one class against the rest, from ranks or from histograms.

The area under the ROC curve is the chance that a pixel of the class is given a higher probability
than a pixel of any other, ties counted half. It needs probabilities: what is computed from a hard
mask as (sensitivity + specificity) / 2 is balanced accuracy, whatever a table calls it.

References
----------
Hanley & McNeil 1982, Radiology 143:29, doi:10.1148/radiology.143.1.7063747.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError

__all__ = ["ROC_BINS", "RankCounts", "roc_auc"]

ROC_BINS = 4096
# Probabilities crowd at 0 and 1, so bins are even in the logit; float32 tells no more from 1.
_LARGEST_LOGIT = 16.0
_NEAREST_TO_0 = np.float32(1.0 / (1.0 + np.exp(_LARGEST_LOGIT)))


def roc_auc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve as a rank statistic, ties counted half.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Larger means more likely of the class.
    positive : ndarray of bool, shape (n,)
        Whether it is of the class.

    Returns
    -------
    float
        In [0, 1]; 0.5 is chance.

    Raises
    ------
    InvalidParameterError
        If there is no positive or no negative.

    Examples
    --------
    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    positives = int(np.count_nonzero(positive))
    negatives = positive.size - positives
    if not positives or not negatives:
        msg = f"a ROC curve wants both kinds, given {positives} positive and {negatives} negative"
        raise InvalidParameterError(msg)
    # Half a second of imports, which a service that evaluates nothing can do without.
    from scipy.stats import rankdata

    ranks = float(rankdata(scores)[positive].sum())
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


@dataclass(frozen=True, eq=False)
class RankCounts:
    """Pixels by class, bin of its probability, and whether they are of it: sums over images.

    Attributes
    ----------
    positive, everything : ndarray of int64, shape (K, 4096)
        Annotated pixels of the class, and all annotated ones; bins are even in the logit.
    """

    positive: NDArray[np.int64]
    everything: NDArray[np.int64]

    @classmethod
    def empty(cls, classes: int) -> RankCounts:
        """Counts of nothing."""
        shape = (classes, ROC_BINS)
        return cls(np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64))

    def add(self, probabilities: NDArray[np.float32], target: NDArray[np.integer]) -> None:
        """Count pixels, in place.

        Parameters
        ----------
        probabilities : ndarray of float32, shape (K, n)
            In [0, 1].
        target : ndarray of int, shape (n,)
            Index of the true class; K or more for a pixel that nobody annotated.
        """
        classes = len(self.positive)
        annotated = target < classes
        true = target[annotated].astype(np.intp)
        bins = _bins(probabilities[:, annotated])
        bins += (np.arange(classes, dtype=np.intp) * ROC_BINS)[:, None]
        flat = np.bincount(bins.ravel(), minlength=self.everything.size)
        self.everything[...] += flat.reshape(self.everything.shape)
        own = bins[true, np.arange(true.size)]
        self.positive[...] += np.bincount(own, minlength=flat.size).reshape(self.positive.shape)

    def __add__(self, other: RankCounts) -> RankCounts:
        return RankCounts(self.positive + other.positive, self.everything + other.everything)

    def areas(self) -> list[tuple[float, float] | None]:
        """Area under the ROC curve of every class, and by how much binning can have moved it.

        Returns
        -------
        list of (area, bound) or None
            In the order of the classes; None without a pixel of the class or without any other.
            The rank statistic of the pixels themselves lies within `bound` of `area`.
        """
        return [
            _area(positive.astype(np.float64), (everything - positive).astype(np.float64))
            for positive, everything in zip(self.positive, self.everything, strict=True)
        ]

    def calibration_errors(self, bins: int = 15) -> list[float | None]:
        """Calibration error of the probability of every class, over equal bins of it.

        Returns
        -------
        list of float or None
            Mean absolute difference of probability and frequency, weighted by pixels; None
            without pixels. A bin of the logit stands for its centre, which is off by 0.1 % of
            probability at most.
        """
        centres = (np.arange(ROC_BINS) + 0.5) / ROC_BINS * 2 * _LARGEST_LOGIT - _LARGEST_LOGIT
        probability = 1.0 / (1.0 + np.exp(-centres))
        index = np.minimum((probability * bins).astype(np.intp), bins - 1)
        errors: list[float | None] = []
        for positive, everything in zip(self.positive, self.everything, strict=True):
            gaps = np.bincount(index, weights=everything * probability - positive, minlength=bins)
            total = int(everything.sum())
            errors.append(float(np.abs(gaps).sum() / total) if total else None)
        return errors


def _bins(probabilities: NDArray[np.float32]) -> NDArray[np.intp]:
    clipped = np.clip(probabilities, _NEAREST_TO_0, np.float32(1.0) - _NEAREST_TO_0)
    logit = np.log(clipped) - np.log1p(-clipped)
    share = (logit + _LARGEST_LOGIT) / (2 * _LARGEST_LOGIT)
    bins: NDArray[np.intp] = np.clip(share * ROC_BINS, 0, ROC_BINS - 1).astype(np.intp)
    return bins


def _area(
    positive: NDArray[np.float64], negative: NDArray[np.float64]
) -> tuple[float, float] | None:
    pairs = float(positive.sum()) * float(negative.sum())
    if pairs == 0.0:
        return None
    below = np.cumsum(negative) - negative
    tied = float(positive @ negative) / pairs
    return float(positive @ below) / pairs + tied / 2, tied / 2
