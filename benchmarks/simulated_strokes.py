"""Strokes that a geologist might draw on an image whose truth is known: short lines inside grains."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.annotation import Stroke
from petrography.minerals import UNLABELLED_CODE

__all__ = ["simulated_strokes"]

Labels = NDArray[np.uint8]

# Nobody draws closer to a border than that.
_MARGIN_PX = 4
_STEP_PX = 4.0


def simulated_strokes(
    truth: Labels, count: int, seed: int, *, length_px: float = 120.0, width_px: float = 5.0
) -> list[Stroke]:
    """Draw straight strokes within grains, one for each mineral first, then at random places.

    Parameters
    ----------
    truth : ndarray of uint8, shape (height, width)
        Mineral codes; 255 is not annotated.
    count : int
        How many strokes.
    seed : int
        Of the random places and directions. The strokes of a smaller count are the first of those
        of a larger one.
    length_px, width_px : float
        Of a stroke, shorter where its grain ends.

    Returns
    -------
    list of Stroke
        Minerals in falling order of area, then places in proportion to area.
    """
    rng = np.random.default_rng(seed)
    inner = _inner(truth)
    places = np.flatnonzero(inner != UNLABELLED_CODE)
    area_px = np.bincount(inner.ravel()[places], minlength=UNLABELLED_CODE)
    minerals = np.argsort(-area_px, kind="stable")[: np.count_nonzero(area_px)]
    firsts = [rng.choice(np.flatnonzero(inner == code)) for code in minerals]
    starts = [*firsts, *rng.choice(places, size=count)][:count]
    angles = rng.uniform(0.0, math.pi, len(starts))
    return [
        _stroke(inner, int(start), angle, length_px, width_px)
        for start, angle in zip(starts, angles, strict=True)
    ]


def _inner(truth: Labels) -> Labels:
    """Truth where all around is of the same mineral, 255 elsewhere."""
    side = 2 * _MARGIN_PX + 1
    window = np.ones((side, side), dtype=np.uint8)
    same = cv2.erode(truth, window) == cv2.dilate(truth, window)
    return np.where(same, truth, np.uint8(UNLABELLED_CODE))


def _stroke(inner: Labels, start: int, angle: float, length_px: float, width_px: float) -> Stroke:
    row, column = divmod(start, inner.shape[1])
    code = int(inner[row, column])
    ahead = list(_walk(inner, (row, column), angle, length_px / 2))
    back = list(_walk(inner, (row, column), angle + math.pi, length_px / 2))
    points = (*reversed(back), (float(row), float(column)), *ahead)
    return Stroke(code=code, points=points, width_px=width_px)


def _walk(
    inner: Labels, start: tuple[int, int], angle: float, length_px: float
) -> Iterator[tuple[float, float]]:
    """Points of a straight line until it leaves its grain."""
    code = inner[start]
    for step in range(1, int(length_px / _STEP_PX) + 1):
        row = start[0] + step * _STEP_PX * math.sin(angle)
        column = start[1] + step * _STEP_PX * math.cos(angle)
        place = math.floor(row + 0.5), math.floor(column + 0.5)
        if not (0 <= place[0] < inner.shape[0] and 0 <= place[1] < inner.shape[1]):
            return
        if inner[place] != code:
            return
        yield row, column
