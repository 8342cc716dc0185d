"""The decision for one mineral in each pixel: the last thing that happens to probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import InternalError

__all__ = ["Decision", "code_table"]

Number = TypeVar("Number", bound=np.generic)

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


class Decision:
    """Takes the most probable class of each pixel of some rows, or parts of rows.

    A few rows with all their classes fit into the cache of a processor core, a whole image does
    not: working by few rows is what makes this fast. The work space is allocated once.

    Parameters
    ----------
    codes : sequence of int
        Mineral code of each class, K of them, at most 255.
    most_px : int
        Most pixels that are decided at a time.
    """

    def __init__(self, codes: Sequence[int], most_px: int) -> None:
        count = len(codes)
        # Rank K stands for class 0: the highest rank among equal classes is the first class.
        self._rank = np.arange(count, 0, -1, dtype=np.uint8)[:, np.newaxis, np.newaxis]
        self._code_of_rank = code_table((0, *reversed(codes)))
        self._highest = np.empty(most_px, dtype=np.float32)
        self._is_highest = np.empty(count * most_px, dtype=np.bool_)
        self._ranked = np.empty(count * most_px, dtype=np.uint8)
        self._best_rank = np.empty(most_px, dtype=np.uint8)

    def decide(
        self,
        probabilities: NDArray[np.float32],
        labels: NDArray[np.uint8],
        confidence: NDArray[np.uint8],
    ) -> None:
        """Write codes and confidence of some rows.

        Parameters
        ----------
        probabilities : ndarray of float32, shape (K, rows, width)
            Probability of each class. Among equal ones the first class wins.
        labels : ndarray of uint8, shape (rows, width)
            Receives the mineral codes.
        confidence : ndarray of uint8, shape (rows, width)
            Receives round(255 * highest probability).

        Raises
        ------
        InternalError
            If the highest probability of a pixel is no number in (0, 1].
        """
        shape = probabilities.shape[1:]
        highest = np.maximum.reduce(probabilities, axis=0, out=_shaped(self._highest, shape))
        _require_probability(highest)
        is_highest = _shaped(self._is_highest, probabilities.shape)
        np.equal(probabilities, highest, out=is_highest)
        ranked = _shaped(self._ranked, probabilities.shape)
        np.multiply(is_highest.view(np.uint8), self._rank, out=ranked)
        best_rank = np.maximum.reduce(ranked, axis=0, out=_shaped(self._best_rank, shape))
        # OpenCV looks up, and rounds half to even, in a third of the time of NumPy.
        cv2.LUT(best_rank, self._code_of_rank, labels)
        cv2.convertScaleAbs(highest, confidence, 255.0)


def _shaped(space: NDArray[Number], shape: tuple[int, ...]) -> NDArray[Number]:
    return space[: math.prod(shape)].reshape(shape)


def _require_probability(highest: NDArray[np.float32]) -> None:
    # Written so that NaN, which compares false with everything, fails as well.
    if highest.min() > 0.0 and highest.max() <= HIGHEST_PROBABILITY:
        return
    msg = (
        f"highest class probability of a pixel lies in [{highest.min()}, {highest.max()}]; "
        "wanted within (0, 1]: the predictor must give probabilities that sum to 1"
    )
    raise InternalError(msg)
