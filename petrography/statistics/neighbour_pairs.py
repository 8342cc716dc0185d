"""Pairs of neighbouring pixels in four directions, strip by strip."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["DIRECTIONS", "LENGTH_PER_PAIR_PX", "NeighbourPairs", "Strip"]

Strip: TypeAlias = NDArray[Any]

DIRECTIONS = ("row", "column", "falling diagonal", "rising diagonal")

# Cauchy-Crofton: the length of a curve is π/2 times its crossings with parallel lines times the
# distance of the lines, on the mean over all directions; here over four, and lines along the
# diagonals are 1/√2 apart. Serra 1982, Image Analysis and Mathematical Morphology, chapter VIII;
# Lehmann & Legland 2012, hal-02811118.
LENGTH_PER_PAIR_PX = np.array([1.0, 1.0, 1.0 / math.sqrt(2), 1.0 / math.sqrt(2)]) * (math.pi / 8.0)


class NeighbourPairs:
    """Gives the neighbours in strips that are pushed from top to bottom.

    The pairs of all strips together are those of the whole image, each once, for every cut into
    strips. Beyond the edge of the image there is no neighbour.
    """

    def __init__(self) -> None:
        self._last_row: Strip | None = None

    def push(self, strip: Strip) -> Iterator[tuple[int, Strip, Strip]]:
        """Give the pairs that a strip adds.

        Parameters
        ----------
        strip : ndarray, shape (rows, width)
            The next rows.

        Yields
        ------
        tuple of int, ndarray and ndarray
            Number of the direction in `DIRECTIONS`; upper (or left) and lower (or right) of the
            neighbours, as views of the same shape.
        """
        if len(strip) == 0:
            return
        block = strip if self._last_row is None else np.concatenate([self._last_row, strip])
        self._last_row = strip[-1:].copy()
        yield 0, strip[:, :-1], strip[:, 1:]
        yield 1, block[:-1], block[1:]
        yield 2, block[:-1, :-1], block[1:, 1:]
        yield 3, block[:-1, 1:], block[1:, :-1]

    def push_unlike(self, strip: Strip) -> Iterator[tuple[int, Strip, Strip]]:
        """Give the pairs of different values that a strip adds.

        Parameters
        ----------
        strip : ndarray, shape (rows, width)
            The next rows.

        Yields
        ------
        tuple of int, ndarray and ndarray
            As `push` gives them, the values in one row.
        """
        for direction, first, second in self.push(strip):
            # Few pairs differ: their places are found first, which reads the strip once.
            place = np.divmod(np.flatnonzero(first != second), max(first.shape[1], 1))
            yield direction, first[place], second[place]
