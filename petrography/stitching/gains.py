"""Exposures made equal: one factor per field, the same for all channels, so colours stay.

References
----------
Brown & Lowe 2007, doi:10.1007/s11263-006-0002-3, section 6, here in logarithms, where it is linear
and fields do not shrink towards black.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from petrography.stitching.flat_fielding import Shading
from petrography.stitching.overlaps import Overlap

__all__ = ["estimate_gains"]

# As logarithms of levels: how exposures are expected to differ, and how surely an overlap tells.
GAIN_SPREAD, OVERLAP_SCATTER = 0.1, 0.01
# An overlap of this many samples tells with that surety.
FULL_OVERLAP_SAMPLES = 200


def estimate_gains(
    members: Sequence[int], overlaps: Sequence[Overlap], shadings: Mapping[int, Shading]
) -> dict[int, float]:
    """Find the factor on the levels of every field that makes overlaps equal.

    Parameters
    ----------
    members : sequence of int
        Fields that are placed.
    overlaps : sequence of Overlap
        Between them.
    shadings : mapping of int to Shading
        Shading of each field, where it is corrected.

    Returns
    -------
    dict of int to float
        By field; their geometric mean is 1.
    """
    at = {member: place for place, member in enumerate(members)}
    normal = np.eye(len(members)) / GAIN_SPREAD**2
    pull = np.zeros(len(members))
    for overlap in overlaps:
        first, second = at[overlap.first], at[overlap.second]
        share = min(1.0, len(overlap.first_xy) / FULL_OVERLAP_SAMPLES)
        weight = share / OVERLAP_SCATTER**2
        difference = _difference(overlap, shadings)
        normal[[first, second], [first, second]] += weight
        normal[[first, second], [second, first]] -= weight
        pull[first] -= weight * difference
        pull[second] += weight * difference
    logs = np.linalg.solve(normal, pull)
    gains = np.exp(logs - logs.mean())
    return {member: float(gains[place]) for member, place in at.items()}


def _difference(overlap: Overlap, shadings: Mapping[int, Shading]) -> float:
    """Median difference of the logarithms of the levels, first minus second."""
    first, second = overlap.first_log, overlap.second_log
    if overlap.first in shadings:
        first = first + _log_correction(shadings[overlap.first], overlap.first_xy)
    if overlap.second in shadings:
        second = second + _log_correction(shadings[overlap.second], overlap.second_xy)
    return float(np.median(first - second))


def _log_correction(shading: Shading, points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(shading.correction(points))
