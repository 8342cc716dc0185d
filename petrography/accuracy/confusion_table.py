"""The confusion of a prediction as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from petrography.minerals import mineral

__all__ = ["confusion_csv"]


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
