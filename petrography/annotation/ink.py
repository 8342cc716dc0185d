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
    codes : ndarray of uint8, shape (height, width)
        Drawn code; 255 where nothing is drawn or something was erased.
    kinds : ndarray of uint8, shape (height, width)
        `Kind` of each pixel.
    seeds : ndarray of int32, shape (number of leaves, 256)
        Pixels of each code that spread from each leaf; under 255 those of the eraser.
    """

    leaves: NDArray[np.int32]
    codes: Codes
    kinds: Codes
    seeds: NDArray[np.int32]

    @classmethod
    def on(cls, leaves: NDArray[np.int32], count: int) -> Ink:
        """Begin with an image on which nothing is drawn."""
        nothing = np.full(leaves.shape, UNLABELLED_CODE, dtype=np.uint8)
        return cls(leaves, nothing, np.zeros_like(nothing), np.zeros((count, 256), dtype=np.int32))

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
        return np.flatnonzero(np.bincount(self.leaves.ravel()[pixels], minlength=1))

    def restore(self, before: Before) -> None:
        """Take a change back."""
        self._put(before.pixels, before.codes, before.kinds)

    def _erased_in(self, leaves: Flat) -> Flat:
        """Pixels of these leaves that were erased, which a later stroke takes back."""
        erased_from = leaves[self.seeds[leaves, UNLABELLED_CODE] > 0]
        if not len(erased_from):
            return np.zeros(0, dtype=np.int64)
        erased = np.flatnonzero(self.kinds.ravel() == Kind.ERASED)
        return erased[np.isin(self.leaves.ravel()[erased], erased_from)]

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
        for code in np.flatnonzero(np.bincount(codes)):
            leaves = self.leaves.ravel()[spreading[codes == code]]
            in_leaf = np.bincount(leaves, minlength=len(self.seeds))
            self.seeds[:, code] += (sign * in_leaf).astype(np.int32)


def _code_of(stroke: Stroke) -> int:
    return UNLABELLED_CODE if stroke.code is None else stroke.code


def _kind_of(stroke: Stroke) -> Kind:
    if stroke.code is None:
        return Kind.ERASED_EXACTLY if stroke.exact else Kind.ERASED
    return Kind.EXACT if stroke.exact else Kind.SPREADING
