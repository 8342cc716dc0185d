"""Affine maps between fields, as 2x3 matrices: ``matrix @ (x, y, 1)``, x to the right, y down.

Whole numbers are the centres of pixels.
"""

from __future__ import annotations

import math
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.registration import Matrix, Points

__all__ = [
    "border",
    "corners",
    "identity",
    "is_nearly_rigid",
    "magsac_affine",
    "require_points",
]

# Fields of one section come from one objective: their scales differ by the lens at most.
LARGEST_SCALE_CHANGE = 0.1
LARGEST_SHEAR = 0.1
# Along each side: the border of an undistorted image is curved.
BORDER_POINTS = 33
# Random draws are numbered from this state, so the same fields give the same panorama.
_RANDOM_STATE = 20_240_229


def identity() -> Matrix:
    """Make the map that moves nothing."""
    return np.eye(2, 3)


def corners(shape: tuple[int, int]) -> Points:
    """Give the centres of the four corner pixels of an image of (height, width), clockwise."""
    right, bottom = shape[1] - 1.0, shape[0] - 1.0
    return np.array([[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]])


def border(shape: tuple[int, int]) -> Points:
    """Points along the border of an image of (height, width), clockwise."""
    along = np.linspace(0.0, 1.0, BORDER_POINTS)[:-1]
    zero, one = np.zeros_like(along), np.ones_like(along)
    x = np.concatenate([along, one, 1.0 - along, zero]) * (shape[1] - 1)
    y = np.concatenate([zero, along, one, 1.0 - along]) * (shape[0] - 1)
    return np.stack([x, y], axis=1)


def require_points(points_xy: NDArray[np.floating], what: str) -> Points:
    """Check that an array holds points: shape (n, 2), finite numbers.

    Raises
    ------
    InvalidParameterError
        If it does not.
    """
    points = np.asarray(points_xy, dtype=np.float64)
    if points.ndim == 2 and points.shape[1] == 2 and bool(np.isfinite(points).all()):
        return points
    msg = f"{what} has shape {points.shape}; wanted finite numbers of shape (n, 2), columns x, y"
    raise InvalidParameterError(msg)


def is_nearly_rigid(matrix: Matrix) -> bool:
    """Tell whether a map keeps lengths and angles as two fields of one objective must."""
    stretches = np.linalg.svd(matrix[:, :2], compute_uv=False)
    upright = float(np.linalg.det(matrix[:, :2])) > 0.0
    scale = math.sqrt(abs(float(stretches[0] * stretches[1])))
    return (
        upright
        and abs(scale - 1.0) <= LARGEST_SCALE_CHANGE
        and float(stretches[0]) <= (1.0 + LARGEST_SHEAR) * float(stretches[1])
    )


def magsac_affine(
    source_xy: Points, target_xy: Points, threshold_px: float
) -> tuple[Matrix, NDArray[np.bool_]] | None:
    """Find the affine map on which most pairs of points agree, the wrong pairs left out.

    Parameters
    ----------
    source_xy, target_xy : ndarray, shape (n, 2)
        Pairs, some of them wrong.
    threshold_px : float
        Largest distance of a right pair from the map.

    Returns
    -------
    tuple of matrix and ndarray of bool, shape (n,), or None
        The map and the right pairs; None where none was found.

    References
    ----------
    Barath, Noskova, Ivashechkin & Matas 2020, doi:10.1109/CVPR42600.2020.00138 (MAGSAC++).
    """
    if len(source_xy) < 3:
        return None
    settings = cv2.UsacParams()
    settings.sampler = cv2.SAMPLING_UNIFORM
    settings.score = cv2.SCORE_METHOD_MAGSAC
    settings.loMethod = cv2.LOCAL_OPTIM_SIGMA
    settings.threshold = threshold_px
    settings.confidence = 0.9999
    settings.maxIterations = 5000
    settings.isParallel = False
    settings.randomGeneratorState = _RANDOM_STATE
    found: tuple[Matrix | None, NDArray[np.uint8]]
    found = cast("Any", cv2.estimateAffine2D(source_xy, target_xy, settings))
    matrix, right = found
    if matrix is None or not np.isfinite(matrix).all():
        return None
    return np.asarray(matrix, dtype=np.float64), np.asarray(right).ravel().astype(bool)
