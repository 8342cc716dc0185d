"""What held-out images tell of the mistakes of a mineral map: their confusion, and its scatter.

A model is judged on few images. Within one image mistakes go together: a grain, or a photograph
that is a little too dark, is wrong as a whole. So a confusion matrix pooled over millions of
pixels is worth far less than millions of independent ones. How much is measured here from the
confusions of the single images: the shares of one row scatter between images about as if every
image had held a handful of independent pixels of that class, the *effective sample size*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.minerals import association_codes
from petrography.model_card import Evaluation, ModelCard

__all__ = ["DEFAULT_EFFECTIVE_SIZE", "HeldOutConfusion", "effective_size", "held_out_confusion"]

Counts = NDArray[np.float64]

# For cards without confusions of single images. `effective_size` of the validation images of
# lumenstone-pspnet:2 is 6.1 (S1 given), 3.4 (S2 given) and 4.2 (all classes open); see
# docs/decisions/0010-held-out-confusion.md.
DEFAULT_EFFECTIVE_SIZE = 4.0
# A scatter between two images says next to nothing.
_FEWEST_IMAGES = 3
_SMALLEST_SIZE = 0.5


@dataclass(frozen=True, eq=False)
class HeldOutConfusion:
    """The confusion of a model on images that it was not fitted to.

    Attributes
    ----------
    codes : tuple of int
        The classes that may occur, K of them.
    counts : ndarray of float64, shape (K, K)
        Pixels; rows are the truth.
    images : int
        How many images they come from.
    effective_size : float
        Independent pixels of a class that one image is worth.
    is_measured : bool
        Whether the effective size was measured on the images, or is the default.
    data : str
        Which images.
    association : str or None
        What the model was told of them; None for all classes open.
    is_restricted : bool
        Whether another set of classes may occur than when the confusion was measured.
    """

    codes: tuple[int, ...]
    counts: Counts
    images: int
    effective_size: float
    is_measured: bool
    data: str
    association: str | None
    is_restricted: bool

    @property
    def rates(self) -> Counts:
        """Chance of each predicted class, by true class, shape (K, K); rows sum to 1.

        A class without a held-out pixel is taken as never mistaken; see `unseen`.
        """
        totals = self.counts.sum(axis=1, keepdims=True)
        return np.where(totals > 0, self.counts / np.maximum(totals, 1.0), np.eye(len(self.codes)))

    @property
    def unseen(self) -> tuple[int, ...]:
        """Classes without a held-out pixel."""
        totals = self.counts.sum(axis=1)
        return tuple(code for code, total in zip(self.codes, totals, strict=True) if total == 0)

    def recall(self, code: int) -> float | None:
        """Share of the held-out pixels of a class that are named right; None where there are none.

        Parameters
        ----------
        code : int
            Mineral code, also of what may not occur.
        """
        if code not in self.codes or code in self.unseen:
            return None
        row = self.codes.index(code)
        return float(self.rates[row, row])


def held_out_confusion(card: ModelCard, allowed: Sequence[int]) -> HeldOutConfusion | None:
    """Find the confusion that fits the classes that may occur.

    Parameters
    ----------
    card : ModelCard
        The model.
    allowed : sequence of int
        Codes that may occur in the analysis, of those of the card.

    Returns
    -------
    HeldOutConfusion or None
        That of the evaluation with the same classes; else that with all classes open, restricted
        to the allowed ones. None where the card has none with a pixel.
    """
    chosen = _evaluation(card, set(allowed))
    if chosen is None:
        return None
    evaluation, is_restricted = chosen
    codes = tuple(code for code in evaluation.confusion_codes if code in allowed)
    rows = [evaluation.confusion_codes.index(code) for code in codes]
    counts = np.array(evaluation.confusion, dtype=np.float64)[np.ix_(rows, rows)]
    if not counts.any():
        return None
    single = [np.array(one.confusion, dtype=np.float64) for one in evaluation.per_image]
    size = effective_size([one[np.ix_(rows, rows)] for one in single])
    return HeldOutConfusion(
        codes=codes,
        counts=counts,
        images=len(evaluation.images),
        effective_size=DEFAULT_EFFECTIVE_SIZE if size is None else size,
        is_measured=size is not None,
        data=evaluation.data,
        association=evaluation.association,
        is_restricted=is_restricted,
    )


def _evaluation(card: ModelCard, allowed: set[int]) -> tuple[Evaluation, bool] | None:
    for one in card.evaluations:
        if one.association is not None and _told(one.association) & set(card.classes) == allowed:
            return one, False
    opened = next((one for one in card.evaluations if one.association is None), None)
    return None if opened is None else (opened, allowed != set(card.classes))


def _told(association: str) -> set[int]:
    """Codes of an association; none for a set of images with different ones."""
    try:
        return set(association_codes(association))
    except InvalidParameterError:
        return set()


def effective_size(confusions: Sequence[Counts]) -> float | None:
    """Measure how many independent pixels of a class an image is worth.

    A row of the confusion of one image is seen as drawn from a Dirichlet distribution about the
    row pooled over the images, with the concentration that is returned. It is found by moments:
    the expected scatter of a row with rates m is sum m (1 - m) / (size + 1). Images weigh as much
    as the class fills of them, for the share of a mineral of which an image holds a few grains
    says little.

    Parameters
    ----------
    confusions : sequence of ndarray of float64, shape (K, K)
        By image; rows are the truth.

    Returns
    -------
    float or None
        At least 0.5; None with fewer than three images, or where no row scatters.
    """
    if len(confusions) < _FEWEST_IMAGES:
        return None
    pooled = np.sum(confusions, axis=0)
    expected = found = 0.0
    for row, total in enumerate(pooled.sum(axis=1)):
        mean = pooled[row] / max(total, 1.0)
        rates = [
            (one[row] / one[row].sum(), _share(one, row)) for one in confusions if one[row].any()
        ]
        if len(rates) > 1:
            # The mean of n images lies nearer to them than the truth does.
            correction = len(rates) / (len(rates) - 1)
            expected += sum(weight for _, weight in rates) * float((mean * (1.0 - mean)).sum())
            found += correction * sum(w * float(((rate - mean) ** 2).sum()) for rate, w in rates)
    return max(expected / found - 1.0, _SMALLEST_SIZE) if found > 0.0 else None


def _share(confusion: Counts, row: int) -> float:
    return float(confusion[row].sum() / confusion.sum())
