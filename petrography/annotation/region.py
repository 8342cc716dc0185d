"""A rectangle of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Region"]

Boxes: TypeAlias = NDArray[np.int32]
Plane: TypeAlias = NDArray[np.uint8]


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

    @classmethod
    def of_difference(cls, before: Sequence[Plane], after: Sequence[Plane]) -> Region:
        """Smallest around the pixels in which any plane is another one; empty where none is.

        Parameters
        ----------
        before, after : sequence of ndarray of uint8, shape (height, width)
            At least one, as many of either.
        """
        unlike = np.zeros(before[0].shape, dtype=np.bool_)
        for one, other in zip(before, after, strict=True):
            unlike |= one != other
        rows, columns = np.flatnonzero(unlike.any(axis=1)), np.flatnonzero(unlike.any(axis=0))
        if not len(rows):
            return cls(0, 0, 0, 0)
        row, column = int(rows[0]), int(columns[0])
        return cls(row, column, int(rows[-1]) + 1 - row, int(columns[-1]) + 1 - column)

    def within(self, outer: Region) -> Region:
        """Tell where this part of a region lies in the image that the region is of."""
        if self.is_empty:
            return self
        return self._replace(row=outer.row + self.row, column=outer.column + self.column)
