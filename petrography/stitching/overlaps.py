"""The same places seen in two fields: their colours, for shading and gains.

Levels are compared by their logarithm. An image is encoded by a power (light = level ** 2.2), so a
factor on light is a factor on levels too, and nothing has to be decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.registration import Matrix, Points, applied, inverted
from petrography.stitching.fields import Survey
from petrography.stitching.lenses import LensMap
from petrography.stitching.refinement import Edge

__all__ = ["Overlap", "sample_overlap", "sample_overlaps"]

# Every second pixel of the reduced copies in x and y, then evenly thinned to so many.
STEP_PX = 2
MOST_SAMPLES = 400
# The copies are smoothed, so that what is left of misplacement does not matter.
SMOOTHING_PX = 2.0
# Levels that may be clipped or that are mostly noise say nothing about light.
DARKEST, BRIGHTEST = 8.0, 247.0


@dataclass(frozen=True)
class Overlap:
    """Places that two fields share.

    Attributes
    ----------
    first, second : int
        Indices of the fields.
    first_xy, second_xy : ndarray of float64, shape (n, 2)
        Where they are in the photographs, in pixels.
    first_log, second_log : ndarray of float64, shape (n, 3)
        Natural logarithm of the levels of red, green and blue.
    """

    first: int
    second: int
    first_xy: Points
    second_xy: Points
    first_log: NDArray[np.float64]
    second_log: NDArray[np.float64]


def sample_overlaps(
    edges: Sequence[Edge],
    surveys: Sequence[Survey],
    matrices: Mapping[int, Matrix],
    lenses: Sequence[LensMap],
) -> list[Overlap]:
    """Sample the overlaps of all edges; edges without usable places have none."""
    overlaps = [sample_overlap(edge, surveys, matrices, lenses) for edge in edges]
    return [overlap for overlap in overlaps if len(overlap.first_xy)]


def sample_overlap(
    edge: Edge,
    surveys: Sequence[Survey],
    matrices: Mapping[int, Matrix],
    lenses: Sequence[LensMap],
) -> Overlap:
    """Sample the overlap of two placed fields evenly.

    Parameters
    ----------
    edge : Edge
        Names the fields.
    surveys : sequence of Survey
        Of all fields.
    matrices : mapping of int to ndarray, shape (2, 3)
        From undistorted pixels of a field to the panorama.
    lenses : sequence of LensMap
        Of all fields.

    Returns
    -------
    Overlap
        At most `MOST_SAMPLES` places, none clipped in either field.
    """
    first, second = surveys[edge.first], surveys[edge.second]
    height, width = first.colour.shape[:2]
    rows, cols = np.mgrid[0:height:STEP_PX, 0:width:STEP_PX]
    first_xy = first.colour_reduction.to_full(np.stack([cols.ravel(), rows.ravel()], axis=1))
    on_panorama = applied(matrices[edge.first], lenses[edge.first].undistort(first_xy))
    undistorted = applied(inverted(matrices[edge.second]), on_panorama)
    second_xy = lenses[edge.second].distort(undistorted)
    last = np.array([second.shape[1] - 1, second.shape[0] - 1])
    inside = np.flatnonzero(((second_xy >= 0) & (second_xy <= last)).all(axis=1))
    inside = inside[:: max(1, -(-len(inside) // MOST_SAMPLES))]
    first_xy, second_xy = first_xy[inside], second_xy[inside]
    levels = _levels(first, first_xy), _levels(second, second_xy)
    usable = np.ones(len(inside), dtype=bool)
    for values in levels:
        usable &= ((values > DARKEST) & (values < BRIGHTEST)).all(axis=1)
    logs = [np.log(values[usable]) for values in levels]
    return Overlap(edge.first, edge.second, first_xy[usable], second_xy[usable], logs[0], logs[1])


def _levels(survey: Survey, points_xy: Points) -> NDArray[np.float64]:
    smooth = cv2.GaussianBlur(survey.colour, (0, 0), SMOOTHING_PX)
    places = survey.colour_reduction.to_reduced(points_xy).astype(np.float32)
    if not len(places):
        return np.empty((0, 3))
    seen = cv2.remap(
        smooth.astype(np.float32),
        np.ascontiguousarray(places[:, 0]),
        np.ascontiguousarray(places[:, 1]),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(seen, dtype=np.float64).reshape(-1, 3)
