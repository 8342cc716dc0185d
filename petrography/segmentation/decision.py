"""The decision for one mineral in each pixel: the last thing that happens to probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InternalError

__all__ = ["RowDecision", "code_table"]

# Interpolated and averaged float32 probabilities may exceed 1 by rounding only.
HIGHEST_PROBABILITY = 1.001


def code_table(codes: Sequence[int]) -> NDArray[np.uint8]:
    """Look-up table from the number of a class to its mineral code.

    Returns
    -------
    ndarray of uint8, shape (256,)
        Entries past the last class are 0 and never looked up: class numbers are checked.
    """
    table = np.zeros(256, dtype=np.uint8)
    table[: len(codes)] = codes
    return table


class RowDecision:
    """Takes the most probable class of each pixel of one image row.

    A row with all its classes fits into the cache of a processor core, a whole image does not:
    working by rows is what makes this fast. The work space is allocated once.

    Parameters
    ----------
    codes : sequence of int
        Mineral code of each class, K of them, at most 255.
    width_px : int
        Pixels in a row.
    """

    def __init__(self, codes: Sequence[int], width_px: int) -> None:
        count = len(codes)
        # Rank K stands for class 0: the highest rank among equal classes is the first class.
        self._rank = np.arange(count, 0, -1, dtype=np.uint8)[:, np.newaxis]
        self._code_of_rank = code_table((0, *reversed(codes)))
        self._highest = np.empty(width_px, dtype=np.float32)
        self._is_highest = np.empty((count, width_px), dtype=np.bool_)
        self._ranked = np.empty((count, width_px), dtype=np.uint8)
        self._best_rank = np.empty(width_px, dtype=np.uint8)

    def decide(
        self,
        probabilities: NDArray[np.float32],
        labels: NDArray[np.uint8],
        confidence: NDArray[np.uint8],
    ) -> None:
        """Write codes and confidence of one row.

        Parameters
        ----------
        probabilities : ndarray of float32, shape (K, width)
            Probability of each class. Among equal ones the first class wins.
        labels : ndarray of uint8, shape (width,)
            Receives the mineral codes.
        confidence : ndarray of uint8, shape (width,)
            Receives round(255 * highest probability).

        Raises
        ------
        InternalError
            If the highest probability of a pixel is no number in (0, 1].
        """
        highest = np.maximum.reduce(probabilities, axis=0, out=self._highest)
        _require_probability(highest)
        np.equal(probabilities, highest, out=self._is_highest)
        np.multiply(self._is_highest.view(np.uint8), self._rank, out=self._ranked)
        best_rank = np.maximum.reduce(self._ranked, axis=0, out=self._best_rank)
        np.take(self._code_of_rank, best_rank, out=labels, mode="clip")
        np.multiply(highest, np.float32(255.0), out=highest)
        np.rint(highest, out=highest)
        np.minimum(highest, np.float32(255.0), out=confidence, casting="unsafe")


def _require_probability(highest: NDArray[np.float32]) -> None:
    # Written so that NaN, which compares false with everything, fails as well.
    if highest.min() > 0.0 and highest.max() <= HIGHEST_PROBABILITY:
        return
    msg = (
        f"highest class probability of a pixel lies in [{highest.min()}, {highest.max()}]; "
        "wanted within (0, 1]: the predictor must give probabilities that sum to 1"
    )
    raise InternalError(msg)
