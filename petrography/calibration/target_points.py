"""Find the points of a calibration target: centres of dots or corners of a chessboard."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Image

__all__ = ["chessboard_points", "dot_points"]

_Floats = NDArray[np.float64]

_LEAST_DOT_PX = 12
# A dot against the median dot; its box filled like a disc (pi / 4), blur and pixels allowed for.
_AREA_RATIO = (0.4, 2.5)
_BOX_FILL = (0.6, 0.95)
_BOX_ASPECT = 1.6
# A neighbour in the grid lies this near to where the step before points, in steps.
_STEP_TOLERANCE = 0.25


def dot_points(image: Image) -> tuple[_Floats, _Floats]:
    """Centres of the dots of a square grid, and which dot is which.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Dark dots on a bright ground or the other way round; dust and missing dots do no harm.

    Returns
    -------
    indices : ndarray of float64, shape (n, 2)
        Column and row in the grid, whole numbers that begin anywhere.
    points : ndarray of float64, shape (n, 2)
        (x, y) in the photograph.
    """
    candidates = [_centres(image, polarity) for polarity in (1, -1)]
    grids = [_walk(centres) for centres in candidates]
    return max(grids, key=lambda grid: len(grid[0]))


def chessboard_points(image: Image, rows: int, columns: int) -> tuple[_Floats, _Floats]:
    """Inner corners of a chessboard, as `dot_points`.

    Raises
    ------
    InvalidParameterError
        If not all corners are found.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    flags = cv2.CALIB_CB_ACCURACY | cv2.CALIB_CB_NORMALIZE_IMAGE
    found, corners = cv2.findChessboardCornersSB(grey, (columns, rows), flags=flags)
    if not found:
        msg = (
            f"no chessboard of {rows} x {columns} inner corners (rows x columns) is in the image; "
            "wanted all corners in the field, sharp and evenly lit"
        )
        raise InvalidParameterError(msg)
    row, column = np.divmod(np.arange(rows * columns), columns)
    indices = np.column_stack([column, row]).astype(np.float64)
    return indices, np.asarray(corners, dtype=np.float64).reshape(-1, 2)


def _centres(image: Image, polarity: int) -> _Floats:
    """Centres of round spots that are brighter (+1) or darker (-1) than their surroundings."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    ground = cv2.GaussianBlur(grey, (0, 0), max(2.0, max(grey.shape) / 40.0))
    contrast = polarity * (grey - ground)
    level, mask = cv2.threshold(
        np.clip(contrast, 0, 255).astype(np.uint8), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU
    )
    _, marks, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    kept = _round_ones(np.asarray(stats, dtype=np.int32), grey.shape)
    if kept.size == 0:
        return np.empty((0, 2))
    # The centre of gravity of the contrast is finer than that of the thresholded pixels.
    weight = np.where(mask > 0, contrast - np.float32(level), 0.0).astype(np.float64)
    row, column = np.indices(grey.shape, dtype=np.float64)
    sums = [
        np.bincount(marks.ravel(), (weight * place).ravel(), minlength=len(stats))
        for place in (1.0, column, row)
    ]
    total = np.maximum(sums[0][kept], 1e-9)
    return np.column_stack([sums[1][kept] / total, sums[2][kept] / total])


def _round_ones(stats: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Components that look like whole dots of one size; the first component is the ground."""
    left, top, width, height, area = (stats[:, k].astype(np.float64) for k in range(5))
    box = np.maximum(width * height, 1.0)
    whole = (left > 0) & (top > 0) & (left + width < shape[1]) & (top + height < shape[0])
    aspect = np.maximum(width, height) / np.maximum(np.minimum(width, height), 1.0)
    disc = (area / box > _BOX_FILL[0]) & (area / box < _BOX_FILL[1]) & (aspect < _BOX_ASPECT)
    good = whole & disc & (area >= _LEAST_DOT_PX)
    good[0] = False
    if not good.any():
        return np.empty(0, dtype=np.intp)
    relative = area / np.median(area[good])
    return np.flatnonzero(good & (relative > _AREA_RATIO[0]) & (relative < _AREA_RATIO[1]))


def _walk(centres: _Floats) -> tuple[_Floats, _Floats]:
    """Number the dots by going from neighbour to neighbour, from the middle outwards."""
    if len(centres) < 4:
        return np.empty((0, 2)), np.empty((0, 2))
    tree = scipy.spatial.KDTree(centres)
    first = int(tree.query(np.median(centres, axis=0))[1])
    across, down = _steps_at(centres, tree, first)
    place = {first: (0, 0)}
    queue = deque([(first, across, down)])
    while queue:
        dot, across, down = queue.popleft()
        column, row = place[dot]
        for step, move in ((across, (1, 0)), (-across, (-1, 0)), (down, (0, 1)), (-down, (0, -1))):
            off, other = tree.query(centres[dot] + step)
            to = (column + move[0], row + move[1])
            if off > _STEP_TOLERANCE * np.hypot(*step) or other in place:
                continue
            place[int(other)] = to
            # The step just made is the best guess for the next: the grid bends slowly.
            made = (centres[other] - centres[dot]) * (move[0] + move[1])
            queue.append((int(other), made, down) if move[0] else (int(other), across, made))
    dots = sorted(place)
    return np.array([place[dot] for dot in dots], dtype=np.float64), centres[dots]


def _steps_at(centres: _Floats, tree: scipy.spatial.KDTree, dot: int) -> tuple[_Floats, _Floats]:
    """Steps to the next column and row: the most horizontal and most vertical of the nearest."""
    _, near = tree.query(centres[dot], k=min(5, len(centres)))
    steps = centres[near[1:]] - centres[dot]
    slope = np.abs(steps[:, 0]) / np.maximum(np.hypot(steps[:, 0], steps[:, 1]), 1e-9)
    across, down = steps[int(np.argmax(slope))], steps[int(np.argmin(slope))]
    return across * np.sign(across[0] or 1.0), down * np.sign(down[1] or 1.0)
