"""Leaves that strokes of several labels cross: each pixel goes to the nearest stroke within the leaf."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import scipy
from numpy.typing import NDArray

__all__ = ["nearest_seed"]

Codes: TypeAlias = NDArray[np.uint8]
Flat: TypeAlias = NDArray[np.int64]

# Right, down, and the two diagonals: (rows, columns, length).
_STEPS = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 2.0**0.5), (1, -1, 2.0**0.5))


def nearest_seed(inside: NDArray[np.bool_], seeds: NDArray[np.int16]) -> Codes:
    """Label the pixels of a leaf by the seed that is nearest on a way within the leaf.

    Parameters
    ----------
    inside : ndarray of bool, shape (height, width)
        The leaf.
    seeds : ndarray of int16, shape (height, width)
        Code of each drawn pixel, -1 elsewhere.

    Returns
    -------
    ndarray of uint8, shape (number of pixels inside,)
        In the order of rows. Of seeds as near as each other the search decides, always the same.
    """
    rows, columns = np.nonzero(inside)
    number = np.full((inside.shape[0] + 1, inside.shape[1] + 2), -1, dtype=np.int32)
    number[rows, columns + 1] = np.arange(len(rows))
    one, other, length = _neighbours(number, rows, columns + 1)
    graph = scipy.sparse.csr_array((length, (one, other)), shape=(len(rows), len(rows)))
    seed_of = seeds[rows, columns]
    _, _, nearest = scipy.sparse.csgraph.dijkstra(
        graph,
        directed=False,
        indices=np.flatnonzero(seed_of >= 0),
        min_only=True,
        return_predecessors=True,
    )
    codes: Codes = seed_of[nearest].astype(np.uint8)
    return codes


def _neighbours(
    number: NDArray[np.int32], rows: Flat, columns: Flat
) -> tuple[Flat, Flat, NDArray[np.float64]]:
    ones, others, lengths = [], [], []
    for down, right, length in _STEPS:
        other = number[rows + down, columns + right]
        touching = np.flatnonzero(other >= 0)
        ones.append(touching)
        others.append(other[touching])
        lengths.append(np.full(len(touching), length))
    return np.concatenate(ones), np.concatenate(others), np.concatenate(lengths)
