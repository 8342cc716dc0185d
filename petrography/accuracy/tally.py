"""Everything that is counted on one image; tallies of images add up to that of a set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from petrography.accuracy.borders import BorderCounts, count_borders
from petrography.accuracy.confusion import Confusion, confusion_matrix
from petrography.accuracy.reliability import ReliabilityCounts, count_reliability
from petrography.accuracy.void_border import void_border
from petrography.images import Confidence, Labels

__all__ = ["Tally", "sum_of", "tally_image"]


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts of one image, or of several.

    Attributes
    ----------
    confusion, inner_confusion : ndarray of int64, shape (K, K)
        Rows are the truth; of all annotated pixels, and of those away from borders and frame.
    borders : BorderCounts
        Borders within the same distance.
    reliability : ReliabilityCounts or None
        Pixels by confidence, where there is one.
    unmapped_px : int
        Annotated pixels that the prediction leaves open, which are counted nowhere else.
    """

    confusion: Confusion
    inner_confusion: Confusion
    borders: BorderCounts
    reliability: ReliabilityCounts | None
    unmapped_px: int = 0

    def __add__(self, other: Tally) -> Tally:
        # A set of which some images have no confidence has none.
        both = None
        if self.reliability is not None and other.reliability is not None:
            both = self.reliability + other.reliability
        return Tally(
            self.confusion + other.confusion,
            self.inner_confusion + other.inner_confusion,
            self.borders + other.borders,
            both,
            self.unmapped_px + other.unmapped_px,
        )


def sum_of(tallies: Iterable[Tally]) -> Tally:
    """Sum of one tally or more."""
    return reduce(add, tallies)


def tally_image(
    truth: Labels,
    prediction: Labels,
    codes: Sequence[int],
    *,
    border_px: int,
    confidence: Confidence | None = None,
) -> Tally:
    """Count everything on one image.

    Parameters
    ----------
    truth : ndarray of uint8, shape (height, width)
        Codes of `codes`, 255 where nothing is annotated.
    prediction : ndarray of uint8, shape (height, width)
        Codes of `codes`.
    codes : sequence of int
        The classes.
    border_px : int
        Radius of the void border, tolerance of border pixels and width of border bands; at least
        1.
    confidence : ndarray of uint8, shape (height, width), optional
        255 times the probability of the predicted code.

    Raises
    ------
    LabelImageError
        If the shapes differ or a code is not among `codes`.
    InvalidParameterError
        If `border_px` is below 1.
    """
    borders = count_borders(truth, prediction, codes, tolerance_px=border_px)
    inner = void_border(truth, border_px)
    reliability = None
    if confidence is not None:
        reliability = count_reliability(truth, prediction, confidence)
    return Tally(
        confusion_matrix(truth, prediction, codes),
        confusion_matrix(inner, prediction, codes),
        borders,
        reliability,
    )
