"""The part of a label image that is annotated, found from strips, where it is a rectangle."""

from __future__ import annotations

import numpy as np

from petrography.images import Labels
from petrography.minerals import UNLABELLED_CODE

__all__ = ["AnnotatedFrame"]


class AnnotatedFrame:
    """Looks for the rectangle that is annotated in strips that are pushed from top to bottom.

    Parameters
    ----------
    width_px : int
        Of the label image.

    Examples
    --------
    >>> labels = np.full((5, 6), 255, dtype=np.uint8)
    >>> labels[1:4, 2:4] = 0
    >>> frame = AnnotatedFrame(6)
    >>> frame.add(labels)
    >>> frame.finish()
    (3, 2)
    """

    def __init__(self, width_px: int) -> None:
        self._columns = np.zeros(width_px, dtype=np.bool_)
        self._first_row, self._end_row = -1, 0
        self._rows = self._annotated_px = 0

    def add(self, strip: Labels) -> None:
        """Take the next rows, uint8 (rows, width)."""
        known = strip != UNLABELLED_CODE
        rows = np.flatnonzero(known.any(axis=1))
        if len(rows):
            if self._first_row < 0:
                self._first_row = self._rows + int(rows[0])
            self._end_row = self._rows + int(rows[-1]) + 1
            self._columns |= known.any(axis=0)
            self._annotated_px += int(np.count_nonzero(known))
        self._rows += len(strip)

    def finish(self) -> tuple[int, int] | None:
        """Give (height, width) of the annotated rectangle; None where it is none, or nothing."""
        columns = np.flatnonzero(self._columns)
        if not len(columns):
            return None
        shape = self._end_row - self._first_row, int(columns[-1] - columns[0]) + 1
        return shape if shape[0] * shape[1] == self._annotated_px else None
