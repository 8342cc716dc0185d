"""How long the boundaries of a label image are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def crofton_length_px(labels: NDArray[np.int_]) -> float:
    """Boundary length of a label image, counted along rows, columns and both diagonals."""
    horizontal = np.count_nonzero(labels[:, 1:] != labels[:, :-1])
    vertical = np.count_nonzero(labels[1:] != labels[:-1])
    falling = np.count_nonzero(labels[1:, 1:] != labels[:-1, :-1])
    rising = np.count_nonzero(labels[1:, :-1] != labels[:-1, 1:])
    return math.pi / 8 * (horizontal + vertical + (falling + rising) / math.sqrt(2))
