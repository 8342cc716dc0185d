"""The shift between two nominal neighbours that show too little for features.

The whole of both fields takes part, so that scratches and grain too weak to be told apart one by
one add up. A shift is believed only if the overlap that it makes looks alike on both sides.

References
----------
Kuglin & Hines 1975 (phase correlation); Preibisch, Saalfeld & Tomancak 2009,
doi:10.1093/bioinformatics/btp184 (several peaks, each judged by the correlation of its overlap).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.stitching.affine import identity
from petrography.stitching.fields import Survey
from petrography.stitching.layout import GridLayout, Neighbours
from petrography.stitching.matching import Link

__all__ = ["link_by_phase"]

PEAKS = 8
PEAK_RADIUS_PX = 3
# Correlation of structure in the overlap; unrelated fields of ore stay below 0.05.
SMALLEST_CORRELATION = 0.15
SMALLEST_OVERLAP_PX = 12
# How far a step may miss its nominal length, over the side of a field, when an overlap is stated.
STEP_TOLERANCE_FRACTION = 0.15
# The same when none is stated.
SMALLEST_STEP, LARGEST_SIDESTEP = 0.2, 0.3

Grey = NDArray[np.float32]
Shift = tuple[int, int]


def link_by_phase(
    neighbours: Neighbours, surveys: Sequence[Survey], grid: GridLayout
) -> Link | None:
    """Link two neighbours of a grid by phase correlation; None if no shift is convincing.

    Parameters
    ----------
    neighbours : Neighbours
        The pair and its step on the grid.
    surveys : sequence of Survey
        Of all fields.
    grid : GridLayout
        Its overlap, where stated, limits the shifts that are considered.

    Returns
    -------
    Link or None
        With a matrix that only shifts, good to about a pixel of the reduced copies.
    """
    first, second = surveys[neighbours.first], surveys[neighbours.second]
    if first.shape != second.shape:
        return None
    structures = structure(first.grey), structure(second.grey)
    shifts = [s for s in _shifts(*structures) if _is_possible(s, neighbours, first, grid)]
    judged = [(correlation(*structures, shift), shift) for shift in shifts]
    likeness, shift = max(judged, default=(0.0, (0, 0)))
    if likeness < SMALLEST_CORRELATION:
        return None
    reduction, matrix = first.grey_reduction, identity()
    matrix[:, 2] = shift[0] / reduction.factor_x, shift[1] / reduction.factor_y
    middle = np.array([[first.shape[1] / 2, first.shape[0] / 2]])
    points = middle + matrix[:, 2] / 2, middle - matrix[:, 2] / 2
    return Link(neighbours.first, neighbours.second, *points, matrix, "phase")


def structure(grey: NDArray[np.uint8]) -> Grey:
    """Take out shading and noise: the difference of two smoothings, of mean 0."""
    values = grey.astype(np.float32)
    band = cv2.GaussianBlur(values, (0, 0), 1.0) - cv2.GaussianBlur(values, (0, 0), 8.0)
    return np.asarray(band - band.mean(), dtype=np.float32)


def _shifts(first: Grey, second: Grey) -> Iterator[Shift]:
    """Shifts of the second against the first at the highest peaks, each read in all four ways."""
    height, width = (cv2.getOptimalDFTSize(side) for side in first.shape)
    spectra = [np.fft.rfft2(values, (height, width)) for values in (first, second)]
    cross = spectra[0] * np.conj(spectra[1])
    surface = np.fft.irfft2(cross / (np.abs(cross) + 1e-9), (height, width)).astype(np.float32)
    surface = np.asarray(cv2.GaussianBlur(surface, (0, 0), 1.0), dtype=np.float32)
    for _ in range(PEAKS):
        row, col = np.unravel_index(int(surface.argmax()), surface.shape)
        for y in (int(row), int(row) - height):
            for x in (int(col), int(col) - width):
                yield x, y
        around = np.s_[
            max(0, row - PEAK_RADIUS_PX) : row + PEAK_RADIUS_PX + 1,
            max(0, col - PEAK_RADIUS_PX) : col + PEAK_RADIUS_PX + 1,
        ]
        surface[around] = -np.inf


def _is_possible(shift: Shift, neighbours: Neighbours, survey: Survey, grid: GridLayout) -> bool:
    height, width = (int(side) for side in survey.grey.shape)
    x, y = shift[0] / width, shift[1] / height
    along, across = (x, abs(y)) if neighbours.step_x else (y, abs(x))
    if grid.overlap_fraction is None:
        return along > SMALLEST_STEP and across < LARGEST_SIDESTEP
    missed = abs(along - (1.0 - grid.overlap_fraction))
    return missed <= STEP_TOLERANCE_FRACTION and across <= STEP_TOLERANCE_FRACTION


def correlation(first: Grey, second: Grey, shift: Shift) -> float:
    """Pearson correlation of the overlap that a shift of the second field makes.

    Returns
    -------
    float
        In [-1, 1]; 0 where the overlap is too narrow to be judged.
    """
    height, width = first.shape
    x, y = shift
    if width - abs(x) < SMALLEST_OVERLAP_PX or height - abs(y) < SMALLEST_OVERLAP_PX:
        return 0.0
    ours = first[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]
    theirs = second[max(0, -y) : height + min(0, -y), max(0, -x) : width + min(0, -x)]
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    size = float(np.sqrt((ours**2).sum(dtype=np.float64) * (theirs**2).sum(dtype=np.float64)))
    return float((ours * theirs).sum(dtype=np.float64)) / size if size > 0.0 else 0.0
