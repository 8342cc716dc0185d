"""Which classes a prediction is judged on, and its confusion as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from petrography.accuracy.confusion import require_same_shape
from petrography.errors import LabelImageError
from petrography.images import Labels
from petrography.minerals import MINERALS, UNLABELLED_CODE, mineral, parse_association

__all__ = ["classes_to_judge", "confusion_csv"]


def classes_to_judge(
    truth: Labels, prediction: Labels, *, association: str | None = None
) -> tuple[int, ...]:
    """Choose the classes that count.

    Parameters
    ----------
    truth, prediction : ndarray of uint8, shape (height, width)
        Codes; 255 in the truth is not judged.
    association : str, optional
        As of `petrography.minerals.parse_association`. Without it every class counts that occurs
        in the truth, or in the prediction where the truth is annotated.

    Returns
    -------
    tuple of int
        Codes, ascending.

    Raises
    ------
    LabelImageError
        If the shapes differ or nothing is annotated.
    InvalidParameterError
        If the association or a code is unknown.

    Examples
    --------
    >>> truth = np.array([[0, 1, 255]], dtype=np.uint8)
    >>> classes_to_judge(truth, np.array([[0, 6, 8]], dtype=np.uint8))
    (0, 1, 6)
    """
    require_same_shape(truth, prediction)
    judged = truth != UNLABELLED_CODE
    if not judged.any():
        msg = "no pixel of the truth is annotated (all are 255); wanted mineral codes"
        raise LabelImageError(msg)
    if association is not None:
        return parse_association(association, classes=tuple(sorted(MINERALS)))
    found = {*np.unique(truth[judged]).tolist(), *np.unique(prediction[judged]).tolist()}
    return tuple(mineral(code).code for code in sorted(found))


def confusion_csv(confusion: NDArray[np.int64], codes: Sequence[int]) -> str:
    """Write a confusion matrix as CSV: rows truth, columns prediction, in pixels.

    Parameters
    ----------
    confusion : ndarray of int64, shape (K, K + 1)
        From `confusion_with_other`.
    codes : sequence of int
        The K classes.

    Examples
    --------
    >>> print(confusion_csv(np.array([[3, 1, 0], [0, 5, 2]]), (0, 6)), end="")
    truth,Bg,Py/Mrc,other
    Bg,3,1,0
    Py/Mrc,0,5,2
    """
    symbols = [mineral(code).symbol for code in codes]
    rows = [
        [symbol, *map(str, row)] for symbol, row in zip(symbols, confusion.tolist(), strict=True)
    ]
    return "".join(f"{','.join(line)}\n" for line in [["truth", *symbols, "other"], *rows])
