"""Connected components of a label image, block by block, joined across the seams.

A component is open while it reaches the last row that was seen. Only open components can still
grow or merge, so what is kept between blocks is one row of labels and the open components:
memory follows the width of the image, not its height.
"""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.images import Labels
from petrography.minerals import BACKGROUND_CODE, UNLABELLED_CODE

__all__ = ["ComponentTracker", "Indices", "TrackedBlock"]

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class TrackedBlock:
    """The components of one block; every pixel array is framed.

    The frame is the last row of the block before (zeros at the top of the image), a column of
    zeros on either side and, at the bottom of the image, a row of zeros. What hangs together inside
    the frame has a number; what hangs together inside the image so far is a component, with one
    number or several (the feet of an arch).

    Attributes
    ----------
    codes : ndarray of uint8, shape (rows + 1 or 2, width + 2)
        Mineral codes, 0 for background and unannotated pixels.
    numbers : ndarray of uint32, same shape
        Numbers from 1, 0 outside components.
    component_of : ndarray of int64, shape (numbers + 1,)
        Index of the component that each number belongs to; -1 for number 0.
    count : int
        Components in the frame.
    rows : int
        Rows of the block, the frame left off.
    first_row : int
        Row of the image where the block begins.
    owner : ndarray of int64, shape (open components before,)
        Index of the component of this block that each belongs to.
    name : ndarray of int64, shape (count,)
        Name of each component; of several open components that merge, the least of their names.
    code : ndarray of uint8, shape (count,)
        Mineral code of each component.
    still_open : ndarray of int64, shape (open components now,)
        Indices of those that reach the last row.
    is_cut : ndarray of bool, shape (count,)
        Whether a pixel of the component has an unannotated one among its eight neighbours in the
        frame: what is not annotated may go on there.
    """

    codes: Labels
    numbers: NDArray[np.uint32]
    component_of: Indices
    count: int
    rows: int
    first_row: int
    owner: Indices
    name: Indices
    code: NDArray[np.uint8]
    still_open: Indices
    is_cut: NDArray[np.bool_]


class ComponentTracker:
    """Find the components of blocks that arrive from top to bottom.

    Components have names, whole numbers from 0 in the order in which they appear; where two turn
    out to be one, `parents` says so. Equal blocks give equal names.

    Parameters
    ----------
    shape : tuple of int
        (height, width) of the label image.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._height, self._width = shape
        self._next_row = 0
        self._last_codes = np.zeros(self._width, dtype=np.uint8)
        self._last_unknown = np.zeros(self._width, dtype=np.bool_)
        self._last_open = np.full(self._width, -1, dtype=np.int64)
        self._open_names = np.zeros(0, dtype=np.int64)
        self._named = 0
        self._merged: list[tuple[Indices, Indices]] = []

    def track(self, block: Labels) -> TrackedBlock:
        """Find the components of the next block.

        Parameters
        ----------
        block : ndarray of uint8, shape (rows, width)
            The next rows.

        Returns
        -------
        TrackedBlock
            Components, joined to those of the blocks before.
        """
        codes, unknown = self._framed(block)
        found, amount = cc3d.connected_components(
            codes, connectivity=8, out_dtype=np.uint32, return_N=True
        )
        numbers = np.asarray(found, dtype=np.uint32)
        component_of, owner = self._join(numbers[0, 1:-1], amount)
        count = int(component_of.max()) + 1
        first_row, self._next_row = self._next_row, self._next_row + len(block)
        code = _code_of_components(codes, numbers, component_of, count)
        name = self._names(owner, count)
        still_open = self._remember(codes, component_of[numbers[-1, 1:-1]], name)
        return TrackedBlock(
            codes,
            numbers,
            component_of,
            count,
            len(block),
            first_row,
            owner,
            name,
            code,
            still_open,
            _beside(unknown, numbers, component_of, count),
        )

    def roots(self) -> Indices:
        """Least name of the component that each name belongs to; shape (names,)."""
        parents = np.arange(self._named)
        for names, least in self._merged:
            parents[names] = least
        while (parents[parents] != parents).any():
            parents = parents[parents]
        return parents

    def _framed(self, block: Labels) -> tuple[Labels, NDArray[np.bool_]]:
        """The codes, and where nothing is annotated, in the frame."""
        is_last = self._next_row + len(block) == self._height
        codes = np.zeros((len(block) + 1 + is_last, self._width + 2), dtype=np.uint8)
        codes[0, 1:-1] = self._last_codes
        inside = codes[1 : len(block) + 1, 1:-1]
        inside[...] = block
        unknown = np.zeros(codes.shape, dtype=np.bool_)
        unknown[0, 1:-1] = self._last_unknown
        unknown[1 : len(block) + 1, 1:-1] = inside == UNLABELLED_CODE
        inside[unknown[1 : len(block) + 1, 1:-1]] = BACKGROUND_CODE
        self._last_unknown = unknown[len(block), 1:-1].copy()
        return codes, unknown

    def _join(self, context: NDArray[np.uint32], amount: int) -> tuple[Indices, Indices]:
        """Components of numbers and of open components, which meet in the row before the block."""
        reached = self._last_open >= 0
        number = context[reached].astype(np.int64) - 1
        size = amount + len(self._open_names)
        meets = scipy.sparse.coo_array(
            (np.ones(len(number), dtype=np.bool_), (number, amount + self._last_open[reached])),
            shape=(size, size),
        )
        joined = scipy.sparse.csgraph.connected_components(meets, directed=False)[1].astype(
            np.int64
        )
        return np.append(-1, joined[:amount]), joined[amount:]

    def _names(self, owner: Indices, count: int) -> Indices:
        unnamed = np.iinfo(np.int64).max
        name = np.full(count, unnamed, dtype=np.int64)
        np.minimum.at(name, owner, self._open_names)
        differs = self._open_names != name[owner]
        if differs.any():
            self._merged.append((self._open_names[differs], name[owner][differs]))
        fresh = np.flatnonzero(name == unnamed)
        name[fresh] = self._named + np.arange(len(fresh))
        self._named += len(fresh)
        return name

    def _remember(self, codes: Labels, last_row: Indices, name: Indices) -> Indices:
        self._last_codes = codes[-1, 1:-1].copy()
        reached = last_row >= 0
        still_open, place = np.unique(last_row[reached], return_inverse=True)
        self._last_open = np.full(self._width, -1, dtype=np.int64)
        self._last_open[reached] = place
        self._open_names = name[still_open]
        return still_open


def _beside(
    unknown: NDArray[np.bool_], numbers: NDArray[np.uint32], component_of: Indices, count: int
) -> NDArray[np.bool_]:
    """Whether components have an unannotated pixel among their neighbours."""
    is_cut = np.zeros(count + 1, dtype=np.bool_)
    if unknown.any():
        near = cv2.dilate(unknown.view(np.uint8), np.ones((3, 3), dtype=np.uint8)).view(np.bool_)
        # Number 0 is no component: -1, the last place.
        is_cut[component_of[numbers[near]]] = True
    return is_cut[:-1]


def _code_of_components(
    codes: Labels, numbers: NDArray[np.uint32], component_of: Indices, count: int
) -> NDArray[np.uint8]:
    """Code of each component, read where it begins in a row."""
    flat_codes, flat_numbers = codes.ravel(), numbers.ravel()
    starts = np.flatnonzero(flat_numbers[1:] != flat_numbers[:-1]) + 1
    code = np.zeros(count + 1, dtype=np.uint8)
    code[component_of[flat_numbers[starts]]] = flat_codes[starts]
    return code[:-1]
