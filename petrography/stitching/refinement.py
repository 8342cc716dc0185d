"""Links made exact: small patches of both fields, at full resolution, laid on one another.

A field is loaded once and gives all patches that its links want, so memory holds one field.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.images import Image
from petrography.registration import Matrix, Points, applied, fit_similarity, inverted
from petrography.stitching.affine import border, magsac_affine
from petrography.stitching.fields import Survey
from petrography.stitching.lenses import LensMap
from petrography.stitching.matching import Link

__all__ = ["Edge", "refine_links"]

MOST_PATCHES = 48
FEWEST_PATCHES = 8
# A link of fewer points (one, from phase correlation) cannot be fitted anew.
FEWEST_POINTS = 3
# Half the side of a patch, and how far it is sought around its expected place.
WIDE_RADIUS_PX, NARROW_RADIUS_PX = 16, 9
SEARCH_PX = 12
# An overlap this narrow gets the small patches.
NARROW_OVERLAP_PX = 80
SMALLEST_CORRELATION = 0.55
# Weakest corner that is tried, over the strongest: scratches in an even mineral are weak.
CORNER_QUALITY = 0.005
# After the affine map of an edge, which takes up what the lens still does to a strip.
AGREEMENT_PX = 2.0
SMALLEST_AGREEING_SHARE = 0.4

Patch = NDArray[np.uint8]


@dataclass(frozen=True)
class Edge:
    """Two fields and the points that they share, measured to a fraction of a pixel.

    Attributes
    ----------
    first, second : int
        Indices of the fields.
    first_xy, second_xy : ndarray of float64, shape (n, 2)
        The same places in pixels of the first and the second field, as photographed.
    method : str
        How the link was found.
    """

    first: int
    second: int
    first_xy: Points
    second_xy: Points
    method: str

    def in_order(self) -> Edge:
        """Give the same with the lower index first."""
        if self.first < self.second:
            return self
        return Edge(self.second, self.first, self.second_xy, self.first_xy, self.method)


@dataclass(frozen=True)
class _View:
    """How the second field of a link lies on the photograph of the first, through the lens."""

    link: Link
    lenses: Sequence[LensMap]

    def straight(self, first_xy: Points, second_xy: Points) -> tuple[Points, Points]:
        """Undistorted places of points of both photographs."""
        first, second = self.lenses[self.link.first], self.lenses[self.link.second]
        return first.undistort(first_xy), second.undistort(second_xy)

    @property
    def matrix(self) -> Matrix:
        """From undistorted places of the second to those of the first."""
        if len(self.link.first_xy) < FEWEST_POINTS:
            return self.link.matrix
        first, second = self.straight(self.link.first_xy, self.link.second_xy)
        return fit_similarity(second, first)

    def to_first(self, points_xy: Points) -> Points:
        """From the photograph of the second to that of the first."""
        first, second = self.lenses[self.link.first], self.lenses[self.link.second]
        return first.distort(applied(self.matrix, second.undistort(points_xy)))

    def to_second(self, points_xy: Points) -> Points:
        """From the photograph of the first to that of the second."""
        first, second = self.lenses[self.link.first], self.lenses[self.link.second]
        return second.distort(applied(inverted(self.matrix), first.undistort(points_xy)))


@dataclass
class _Comparison:
    """What is compared for one link."""

    view: _View
    radius_px: int
    points_xy: Points
    patches: list[Patch]
    surroundings: list[Patch]


def refine_links(
    links: Sequence[Link],
    surveys: Sequence[Survey],
    lenses: Sequence[LensMap],
    load: Callable[[int], Image],
) -> list[Edge]:
    """Measure shared points of all links at full resolution.

    Parameters
    ----------
    links : sequence of Link
        Good to about `SEARCH_PX`.
    surveys : sequence of Survey
        Of all fields.
    lenses : sequence of LensMap
        Of all fields, as well as they are known; only where to look depends on them.
    load : callable
        Gives the image of a field by index; called at most twice for each field that has a link.

    Returns
    -------
    list of Edge
        In the order of the links; a link whose patches do not agree has none.
    """
    edges = _measured(links, surveys, lenses, load)
    # Patches of the one field may be too faint to be found in the other where those of the other
    # are not; which of them is the first is chance.
    missed = [link.turned_round() for link in links if link.pair not in edges]
    edges |= _measured(missed, surveys, lenses, load)
    return [edges[link.pair] for link in links if link.pair in edges]


def _measured(
    links: Sequence[Link],
    surveys: Sequence[Survey],
    lenses: Sequence[LensMap],
    load: Callable[[int], Image],
) -> dict[tuple[int, int], Edge]:
    """Seek patches of the first field of every link in the second; by the pair, in order."""
    comparisons = [_plan(_View(link, lenses), surveys) for link in links]
    wanted = [c for c in comparisons if len(c.points_xy) >= FEWEST_PATCHES]
    for index in sorted({i for c in wanted for i in (c.view.link.first, c.view.link.second)}):
        # Green alone: chromatic aberration shifts red and blue to either side of it.
        grey = np.ascontiguousarray(load(index)[:, :, 1])
        for comparison in wanted:
            if comparison.view.link.first == index:
                comparison.patches = _cut_patches(grey, comparison)
            if comparison.view.link.second == index:
                comparison.surroundings = _cut_surroundings(grey, comparison)
    edges = [(c.view.link.pair, _compare(c)) for c in wanted]
    return {pair: edge.in_order() for pair, edge in edges if edge is not None}


def _plan(view: _View, surveys: Sequence[Survey]) -> _Comparison:
    """Choose well-marked places, spread over the overlap."""
    first, second = surveys[view.link.first], surveys[view.link.second]
    outline = view.to_first(border(second.shape))
    last = np.array([first.shape[1] - 1.0, first.shape[0] - 1.0])
    width_px = float(
        np.min(np.minimum(outline.max(axis=0), last) - np.maximum(outline.min(axis=0), 0))
    )
    radius_px = NARROW_RADIUS_PX if width_px < NARROW_OVERLAP_PX else WIDE_RADIUS_PX
    mask = _interior(first, outline, radius_px + 2)
    distance_px = max(2.0, math.sqrt(cv2.countNonZero(mask) / MOST_PATCHES) / 2)
    marked = cv2.goodFeaturesToTrack(
        first.grey, MOST_PATCHES, CORNER_QUALITY, distance_px, mask=mask, blockSize=5
    )
    # None where there is no corner, though the types of OpenCV do not say so.
    places = np.asarray([] if cast("Any", marked) is None else marked, dtype=np.float64)
    points = np.rint(first.grey_reduction.to_full(places.reshape(-1, 2)))
    return _Comparison(view, radius_px, points, [], [])


def _interior(survey: Survey, polygon: Points, margin_px: int) -> NDArray[np.uint8]:
    """Mask of a polygon without a margin, on the reduced copy of a field."""
    mask = np.zeros(survey.grey.shape, dtype=np.uint8)
    outline = np.rint(survey.grey_reduction.to_reduced(polygon)).astype(np.int32)
    cv2.fillPoly(mask, [outline], 255)
    margin = max(1, math.ceil(margin_px * survey.grey_reduction.factor_x))
    square = np.ones((2 * margin + 1, 2 * margin + 1), dtype=np.uint8)
    eroded = cv2.erode(mask, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(eroded, dtype=np.uint8)


def _cut_patches(grey: NDArray[np.uint8], comparison: _Comparison) -> list[Patch]:
    side = 2 * comparison.radius_px + 1
    return [
        np.asarray(cv2.getRectSubPix(grey, (side, side), (float(x), float(y))), dtype=np.uint8)
        for x, y in comparison.points_xy
    ]


def _cut_surroundings(grey: NDArray[np.uint8], comparison: _Comparison) -> list[Patch]:
    """Cut the surroundings of the expected places, turned and stretched as in the first field."""
    side = 2 * (comparison.radius_px + SEARCH_PX) + 1
    steps = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    cut = []
    for point in comparison.points_xy:
        origin, along_x, along_y = comparison.view.to_second(point + steps)
        linear = np.stack([along_x - origin, along_y - origin], axis=1)
        shift = origin - linear @ np.full(2, (side - 1) / 2)
        matrix = np.hstack([linear, shift[:, None]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        patch = cv2.warpAffine(
            grey, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        cut.append(np.asarray(patch, dtype=np.uint8))
    return cut


def _compare(comparison: _Comparison) -> Edge | None:
    offsets = [
        _offset(patch, around)
        for patch, around in zip(comparison.patches, comparison.surroundings, strict=True)
    ]
    seen = np.array([offset is not None for offset in offsets], dtype=bool)
    found = np.array([offset for offset in offsets if offset is not None]).reshape(-1, 2)
    if len(found) < FEWEST_PATCHES:
        return None
    view = comparison.view
    first_xy = comparison.points_xy[seen]
    second_xy = view.to_second(first_xy + found)
    first, second = view.straight(first_xy, second_xy)
    agreed = magsac_affine(second, first, AGREEMENT_PX)
    if agreed is None:
        return None
    _, right = agreed
    if int(right.sum()) < max(FEWEST_PATCHES, SMALLEST_AGREEING_SHARE * len(offsets)):
        return None
    link = view.link
    return Edge(link.first, link.second, first_xy[right], second_xy[right], link.method)


def _offset(patch: Patch, around: Patch) -> tuple[float, float] | None:
    """Where a patch lies in its surroundings, from their centre; None if it is not there."""
    likeness = cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED)
    _, best, _, (col, row) = cv2.minMaxLoc(likeness)
    last = 2 * SEARCH_PX
    if best < SMALLEST_CORRELATION or not (0 < row < last and 0 < col < last):
        return None
    x = _peak(likeness[row, col - 1], likeness[row, col], likeness[row, col + 1])
    y = _peak(likeness[row - 1, col], likeness[row, col], likeness[row + 1, col])
    return col - SEARCH_PX + x, row - SEARCH_PX + y


def _peak(before: float, at: float, after: float) -> float:
    """Vertex of the parabola through three heights, from the middle one."""
    curvature = float(before) - 2.0 * float(at) + float(after)
    return 0.5 * (float(before) - float(after)) / curvature if curvature < 0.0 else 0.0
