"""Proof that two images laid over each other show the same place: block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.errors import RegistrationError
from petrography.registration.geometry import (
    Matrix,
    Points,
    applied,
    inverted,
    joined,
    scale_of,
)
from petrography.registration.refinement import at_the_scale_of, laid_over
from petrography.registration.structure import Grey, Kind, structure
from petrography.registration.working_size import working_image

__all__ = ["Agreement", "compare_blocks", "require_agreement"]

_BLOCKS_A_SIDE = 10
_BLOCK_PX = (32, 128)
_SEARCH_PX = 8
_AGREES_PX = 2.0
_SMOOTHING_PX = 1.5
# A block of structure weaker than this (1 is usual) is featureless and says nothing.
_LEAST_STRUCTURE = 0.3
# Three blocks and the search around them, with a border that is not seen in both.
_SURE_SIDE_PX = 150
# Of the block, so much must be valid in both images.
_LEAST_VALID_FRACTION = 0.98
_LEAST_AGREEING_BLOCKS = 5
_LEAST_AGREEING_FRACTION = 0.25
# Chance that so many blocks agree although the images show different places.
_MOST_CHANCE = 1e-6


@dataclass(frozen=True)
class Agreement:
    """Which blocks of the reference were found where the transform says.

    Attributes
    ----------
    moving, reference : ndarray of float64, shape (n, 2)
        Centres (x, y) of the blocks in the reference, and where they were found in the moving
        image, px.
    agrees : ndarray of bool, shape (n,)
        Found where the transform puts them.
    agrees_px : float
        How near is near enough: 2 px of the working copy.
    """

    moving: Points
    reference: Points
    agrees: NDArray[np.bool_]
    agrees_px: float

    @property
    def fraction(self) -> float:
        """Share of the blocks that agree, 0 when there are none."""
        return float(self.agrees.mean()) if len(self.agrees) else 0.0

    @property
    def chance(self) -> float:
        """Probability of at least so many agreements between images of different places."""
        once = np.pi * _AGREES_PX**2 / (2 * _SEARCH_PX + 1) ** 2
        return float(scipy.special.bdtrc(int(self.agrees.sum()) - 1, len(self.agrees), once))


def compare_blocks(reference: Grey, moving: Grey, matrix: Matrix, kind: Kind) -> Agreement:
    """Search every block of the overlap in the other image, 8 px around its place.

    Parameters
    ----------
    reference, moving : ndarray of float32, shape (height, width)
        Green light.
    matrix : ndarray of float64, shape (2, 3)
        Moving to reference.
    kind : {"contrast", "edges"}
        Structure to compare.
    """
    there = working_image(reference)
    here = at_the_scale_of(there, moving, matrix)
    small = joined(there.from_full, joined(matrix, here.to_full))
    fixed = structure(there.grey, kind, _SMOOTHING_PX)
    warped, valid = laid_over(structure(here.grey, kind, _SMOOTHING_PX), small, fixed.shape)
    pairs = np.array(list(_found_blocks(fixed, warped, valid))).reshape(-1, 2, 2)
    agrees = np.linalg.norm(pairs[:, 1] - pairs[:, 0], axis=1) <= _AGREES_PX
    agrees_px = _AGREES_PX * scale_of(there.to_full)
    full = applied(there.to_full, pairs.reshape(-1, 2)).reshape(-1, 2, 2)
    return Agreement(applied(inverted(matrix), full[:, 1]), full[:, 0], agrees, agrees_px)


def _found_blocks(
    fixed: Grey, warped: Grey, valid: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Centre (x, y) of every block with structure, and where the laid-over image shows it."""
    height_px, width_px = fixed.shape
    block_px = int(np.clip(min(fixed.shape) // _BLOCKS_A_SIDE, *_BLOCK_PX))
    reach = block_px + 2 * _SEARCH_PX
    for row in range(0, height_px - reach + 1, block_px):
        for col in range(0, width_px - reach + 1, block_px):
            window = slice(row, row + reach), slice(col, col + reach)
            if valid[window].mean() < _LEAST_VALID_FRACTION:
                continue
            inner = fixed[window][_SEARCH_PX:-_SEARCH_PX, _SEARCH_PX:-_SEARCH_PX]
            if min(float(inner.std()), float(warped[window].std())) < _LEAST_STRUCTURE:
                continue
            centre = np.array([col, row], dtype=np.float64) + (reach - 1) / 2.0
            yield centre, centre + _best_shift(inner, warped[window])


def _best_shift(inner: Grey, window: Grey) -> NDArray[np.float64]:
    likeness = cv2.matchTemplate(
        np.ascontiguousarray(window), np.ascontiguousarray(inner), cv2.TM_CCOEFF_NORMED
    )
    row, col = np.unravel_index(int(likeness.argmax()), likeness.shape)
    x = _vertex(likeness[row, max(col - 1, 0) : col + 2])
    y = _vertex(likeness[max(row - 1, 0) : row + 2, col])
    return np.array([col + x, row + y], dtype=np.float64) - _SEARCH_PX


def _vertex(three: NDArray[Any]) -> float:
    """Place of the top of a parabola through three values, 0 at the middle one."""
    if len(three) < 3:
        return 0.0
    left, middle, right = map(float, three)
    curvature = left - 2.0 * middle + right
    return 0.5 * (left - right) / curvature if curvature < 0.0 else 0.0


def require_agreement(agreement: Agreement) -> None:
    """Refuse a transform that blocks all over the overlap do not confirm.

    Raises
    ------
    RegistrationError
        If fewer than 5 blocks or than a quarter of them agree, or so many could agree by chance.
    """
    agreeing, blocks = int(agreement.agrees.sum()), len(agreement.agrees)
    if blocks < _LEAST_AGREEING_BLOCKS:
        msg = (
            f"the overlap is too small or too plain to be sure: {blocks} blocks of "
            f"{_BLOCK_PX[0]} px or more with structure lie in it, at least "
            f"{_LEAST_AGREEING_BLOCKS} are wanted, for which an overlap of {_SURE_SIDE_PX} x "
            f"{_SURE_SIDE_PX} px is enough"
        )
        raise RegistrationError(msg)
    convincing = (
        agreeing >= _LEAST_AGREEING_BLOCKS
        and agreement.fraction >= _LEAST_AGREEING_FRACTION
        and agreement.chance <= _MOST_CHANCE
    )
    if not convincing:
        msg = (
            f"only {agreeing} of {blocks} blocks of the overlap show the same structure in both "
            f"images; at least {_LEAST_AGREEING_BLOCKS}, and {_LEAST_AGREEING_FRACTION:.0%} of "
            "them, must"
        )
        raise RegistrationError(msg)
