"""What was drawn where: the pixels that strokes themselves cover, before anything spreads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.annotation.strokes import Stroke, drawn_pixels
from petrography.minerals import UNLABELLED_CODE

__all__ = ["Before", "Ink", "Kind"]

Flat: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.uint8]


class Kind(IntEnum):
    """What lies on a pixel."""

    NOTHING = 0
    SPREADING = 1
    EXACT = 2
    ERASED = 3
    ERASED_EXACTLY = 4


class Before(NamedTuple):
    """What pixels had before a stroke."""

    pixels: Flat
    codes: Codes
    kinds: Codes


@dataclass(frozen=True, eq=False)
class Ink:
    """Ink on every pixel of an image, and how much of it lies in each leaf.

    Attributes
    ----------
    leaves : ndarray of int32, shape (height, width)
        Leaf of each pixel.
    boxes : ndarray of int32, shape (number of leaves, 4)
        First row and column of each leaf, and those after its last.
    codes : ndarray of uint8, shape (height, width)
        Drawn code; 255 where nothing is drawn or something was erased.
    kinds : ndarray of uint8, shape (height, width)
        `Kind` of each pixel.
    seeds : ndarray of int32, shape (number of leaves, 256)
        Pixels of each code that spread from each leaf; under 255 those of the eraser.
    """

    leaves: NDArray[np.int32]
    boxes: NDArray[np.int32]
    codes: Codes
    kinds: Codes
    seeds: NDArray[np.int32]

    @classmethod
    def on(cls, leaves: NDArray[np.int32], boxes: NDArray[np.int32]) -> Ink:
        """Begin with an image on which nothing is drawn."""
        nothing = np.full(leaves.shape, UNLABELLED_CODE, dtype=np.uint8)
        seeds = np.zeros((len(boxes), 256), dtype=np.int32)
        return cls(leaves, boxes, nothing, np.zeros_like(nothing), seeds)

    def draw(self, stroke: Stroke) -> list[Before]:
        """Draw a stroke over whatever is there.

        Returns
        -------
        list
            What was there before, to be handed to `restore` in reversed order.
        """
        pixels = drawn_pixels(stroke, self.codes.shape)
        before = []
        if stroke.code is not None and not stroke.exact:
            given_back = self._erased_in(self.leaves_of(pixels))
            before.append(self._put(given_back, UNLABELLED_CODE, Kind.NOTHING))
        before.append(self._put(pixels, _code_of(stroke), _kind_of(stroke)))
        return before

    def leaves_of(self, pixels: Flat) -> Flat:
        """Leaves that pixels lie in, each once, rising."""
        leaves = self.leaves.ravel()[pixels]
        first = int(leaves.min(initial=len(self.seeds)))
        return np.flatnonzero(np.bincount(leaves - first)) + first

    def restore(self, before: Before) -> None:
        """Take a change back."""
        self._put(before.pixels, before.codes, before.kinds)

    def _erased_in(self, leaves: Flat) -> Flat:
        """Pixels of these leaves that were erased, which a later stroke takes back."""
        erased_from = leaves[self.seeds[leaves, UNLABELLED_CODE] > 0]
        if not len(erased_from):
            return np.zeros(0, dtype=np.int64)
        return np.sort(np.concatenate([self._erased_within(leaf) for leaf in erased_from.tolist()]))

    def _erased_within(self, leaf: int) -> Flat:
        row, column, row_end, column_end = self.boxes[leaf].tolist()
        box = slice(row, row_end), slice(column, column_end)
        rows, columns = np.nonzero((self.leaves[box] == leaf) & (self.kinds[box] == Kind.ERASED))
        flat: Flat = (rows + row) * self.leaves.shape[1] + columns + column
        return flat

    def _put(self, pixels: Flat, codes: Codes | int, kinds: Codes | int) -> Before:
        before = Before(pixels, self.codes.ravel()[pixels], self.kinds.ravel()[pixels])
        self._count(pixels, -1)
        self.codes.ravel()[pixels] = codes
        self.kinds.ravel()[pixels] = kinds
        self._count(pixels, 1)
        return before

    def _count(self, pixels: Flat, sign: int) -> None:
        kinds = self.kinds.ravel()[pixels]
        spreading = pixels[(kinds == Kind.SPREADING) | (kinds == Kind.ERASED)]
        codes = self.codes.ravel()[spreading]
        # By the pixels that were drawn, not by all leaves: a step has up to a thousand strokes.
        at = self.leaves.ravel()[spreading].astype(np.int64) * self.seeds.shape[1] + codes
        np.add.at(self.seeds.reshape(-1), at, np.int32(sign))


def _code_of(stroke: Stroke) -> int:
    return UNLABELLED_CODE if stroke.code is None else stroke.code


def _kind_of(stroke: Stroke) -> Kind:
    if stroke.code is None:
        return Kind.ERASED_EXACTLY if stroke.exact else Kind.ERASED
    return Kind.EXACT if stroke.exact else Kind.SPREADING
