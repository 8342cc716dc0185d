"""A rectangle of an image."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Region"]

Boxes: TypeAlias = NDArray[np.int32]


class Region(NamedTuple):
    """A rectangle of pixels; empty if height and width are 0.

    Attributes
    ----------
    row, column : int
        The first.
    height, width : int
        How many.
    """

    row: int
    column: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """What cuts it out of an image."""
        return (
            slice(self.row, self.row + self.height),
            slice(self.column, self.column + self.width),
        )

    @property
    def is_empty(self) -> bool:
        """Whether it has no pixels."""
        return self.height == 0 or self.width == 0

    @classmethod
    def of_slices(cls, rows: slice, columns: slice) -> Region:
        """Rectangle that two slices with first and end cut out."""
        return cls(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)

    @classmethod
    def around(cls, boxes: Boxes) -> Region:
        """Smallest around boxes, shape (count, 4): first row, first column, and those after the last."""
        if not len(boxes):
            return cls(0, 0, 0, 0)
        row, column = boxes[:, :2].min(axis=0).tolist()
        row_end, column_end = boxes[:, 2:].max(axis=0).tolist()
        return cls(row, column, row_end - row, column_end - column)
