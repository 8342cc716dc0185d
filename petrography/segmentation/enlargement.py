"""Enlarging probabilities row by row, so that no class-deep array is as large as the result.

Bilinear interpolation is separable, and an output row needs two input rows. Each input row is
stretched to the output width once, for all classes together; each output row is then a weighted
mean of two stretched rows. Nothing depends on how the input is divided into bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["RowAxis", "RowEnlarger", "row_axis"]


@dataclass(frozen=True, eq=False)
class RowAxis:
    """Where output rows lie between input rows.

    Attributes
    ----------
    lower : ndarray of int64, shape (output height,)
        The later one of the two input rows that are mixed; never decreases.
    lower_weight : ndarray of float64, shape (output height,)
        Its weight in [0, 1]; row ``lower - 1`` has the rest.
    is_read : ndarray of bool, shape (input height,)
        Input rows that have a weight anywhere. When the image shrinks some have none.
    """

    lower: NDArray[np.int64]
    lower_weight: NDArray[np.float64]
    is_read: NDArray[np.bool_]


def row_axis(height_px: int, output_height_px: int) -> RowAxis:
    """Positions of output rows with half-pixel centres; outer rows are continued at the border.

    Examples
    --------
    >>> axis = row_axis(2, 4)
    >>> axis.lower.tolist(), axis.lower_weight.tolist()
    ([0, 1, 1, 1], [1.0, 0.25, 0.75, 1.0])
    """
    centre = (np.arange(output_height_px) + 0.5) * (height_px / output_height_px) - 0.5
    upper = np.floor(centre)
    is_outside = (upper < 0) | (upper >= height_px - 1)
    weight = np.where(is_outside, 1.0, centre - upper)
    lower = np.clip(upper + 1, 0, height_px - 1).astype(np.int64)
    is_read = np.zeros(height_px, dtype=np.bool_)
    is_read[lower[weight > 0.0]] = True
    is_read[lower[weight < 1.0] - 1] = True
    return RowAxis(lower, weight, is_read)


class RowEnlarger:
    """Takes input rows from top to bottom, gives output rows as soon as they are known.

    Parameters
    ----------
    class_count : int
        K.
    shape, output_shape : tuple of int
        (height, width) of all the rows that will be put in and taken out.
    """

    def __init__(
        self, class_count: int, shape: tuple[int, int], output_shape: tuple[int, int]
    ) -> None:
        self.axis = row_axis(shape[0], output_shape[0])
        self.output_width_px = output_shape[1]
        rows = np.zeros((3, class_count, output_shape[1]), dtype=np.float32)
        self._upper, self._lower, self._mixed = rows
        self._row = 0

    def known_after(self, rows: int) -> int:
        """Output rows that are known when `rows` input rows have been put in."""
        return int(np.searchsorted(self.axis.lower, rows))

    def put(self, probabilities: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Put in the next input row.

        Parameters
        ----------
        probabilities : ndarray of float32, shape (K, width)
            The row, all classes.

        Yields
        ------
        ndarray of float32, shape (K, output width)
            Output rows in order; the array is used again for the next one.
        """
        self._upper, self._lower = self._lower, self._upper
        if self.axis.is_read[self._row]:
            size = (self.output_width_px, probabilities.shape[0])
            cv2.resize(probabilities, size, dst=self._lower, interpolation=cv2.INTER_LINEAR)
        first, end = self.known_after(self._row), self.known_after(self._row + 1)
        self._row += 1
        for weight in self.axis.lower_weight[first:end].tolist():
            cv2.addWeighted(self._upper, 1.0 - weight, self._lower, weight, 0.0, dst=self._mixed)
            yield self._mixed
