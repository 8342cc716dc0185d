"""Where any of several phases is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["any_of"]


def any_of(phases: NDArray[np.uint8], codes: Iterable[int]) -> NDArray[np.bool_]:
    """Tell which pixels hold one of the codes, without temporaries of the size of a canvas.

    Examples
    --------
    >>> any_of(np.array([0, 4, 6], dtype=np.uint8), (4, 6))
    array([False,  True,  True])
    """
    wanted = np.zeros(256, dtype=np.bool_)
    wanted[list(codes)] = True
    return np.asarray(wanted[phases])
