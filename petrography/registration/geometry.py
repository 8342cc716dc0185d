"""Plane transforms as 2x3 matrices: apply, join, invert, fit, and say what they do to a view.

A matrix takes (x, y, 1) of one image to (x, y) of another; x is the column and y the row, and the
centre of the first pixel is (0, 0).
"""

from __future__ import annotations

import math
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.images import Image

__all__ = [
    "Matrix",
    "Points",
    "Shape",
    "applied",
    "as_matrix",
    "corner_shift_px",
    "fit_affine",
    "fit_similarity",
    "inverted",
    "joined",
    "overlap_fraction",
    "rotation_about",
    "rotation_deg",
    "scale_of",
    "symmetric_errors_px",
    "valid_mask",
    "warp_to_reference",
]

Matrix: TypeAlias = NDArray[np.float64]
Points: TypeAlias = NDArray[np.float64]
Shape: TypeAlias = tuple[int, int]

# Samples along each side of an image when the overlap is measured: 1/64 of a side is enough.
_OVERLAP_SAMPLES = 64


def as_matrix(linear: NDArray[np.float64], shift: NDArray[np.float64]) -> Matrix:
    """Join a 2x2 linear part and a shift to a 2x3 matrix."""
    return np.hstack([linear, np.reshape(shift, (2, 1))])


def applied(matrix: Matrix, points: Points) -> Points:
    """Take points, shape (n, 2) as (x, y), through a matrix."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)


def joined(second: Matrix, first: Matrix) -> Matrix:
    """Matrix that does `first` and then `second`.

    Examples
    --------
    >>> shift = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 3.0]])
    >>> joined(shift, shift)[:, 2]
    array([4., 6.])
    """
    return as_matrix(second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2])


def inverted(matrix: Matrix) -> Matrix:
    """Matrix of the way back."""
    back = np.asarray(np.linalg.inv(matrix[:, :2]), dtype=np.float64)
    return as_matrix(back, -back @ matrix[:, 2])


def rotation_about(angle_deg: float, x: float, y: float) -> Matrix:
    """Rotation about a point, from the x axis towards the y axis (clockwise as seen).

    Examples
    --------
    >>> np.round(rotation_about(90.0, 1.0, 0.0) @ [2.0, 0.0, 1.0], 12)
    array([1., 1.])
    """
    angle = math.radians(angle_deg)
    linear = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre = np.array([x, y])
    return as_matrix(linear, centre - linear @ centre)


def rotation_deg(matrix: Matrix) -> float:
    """Angle by which a matrix turns, from the x axis towards the y axis, in [-180, 180]."""
    (a, b), (c, d) = matrix[:, :2]
    return math.degrees(math.atan2(c - b, a + d))


def scale_of(matrix: Matrix) -> float:
    """Root of the factor by which a matrix changes areas; 0 where it mirrors."""
    return math.sqrt(max(0.0, float(np.linalg.det(matrix[:, :2]))))


def fit_similarity(
    moving: Points, reference: Points, weights: NDArray[np.float64] | None = None
) -> Matrix:
    """Similarity (shift, turn and scale) that takes `moving` to `reference`, least squares.

    Parameters
    ----------
    moving, reference : ndarray of float64, shape (n, 2)
        Points as (x, y); n at least 2.
    weights : ndarray of float64, shape (n,), optional
        Not negative; all equal if not given.

    References
    ----------
    Umeyama 1991, doi:10.1109/34.88573; in the plane it is a complex division.
    """
    share = np.full(len(moving), 1.0 / len(moving)) if weights is None else weights / weights.sum()
    from_centre, to_centre = share @ moving, share @ reference
    source = (moving - from_centre) @ np.array([1.0, 1.0j])
    target = (reference - to_centre) @ np.array([1.0, 1.0j])
    turn = complex((share * source.conj()) @ target / (share @ np.abs(source) ** 2))
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return as_matrix(linear, to_centre - linear @ from_centre)


def fit_affine(moving: Points, reference: Points, weights: NDArray[np.float64]) -> Matrix:
    """Affine transform that takes `moving` to `reference` (n at least 3), least squares."""
    share = weights / weights.sum()
    from_centre, to_centre = share @ moving, share @ reference
    root = np.sqrt(share)[:, None]
    solved = np.linalg.lstsq(root * (moving - from_centre), root * (reference - to_centre))[0]
    return as_matrix(solved.T, to_centre - solved.T @ from_centre)


def symmetric_errors_px(matrix: Matrix, moving: Points, reference: Points) -> NDArray[np.float64]:
    """Root mean square of the two distances, forth and back, of every pair of points."""
    forth = np.sum((applied(matrix, moving) - reference) ** 2, axis=1)
    back = np.sum((applied(inverted(matrix), reference) - moving) ** 2, axis=1)
    return np.asarray(np.sqrt((forth + back) / 2.0), dtype=np.float64)


def corner_shift_px(one: Matrix, other: Matrix, shape: Shape) -> float:
    """Largest distance between where two matrices take the corners of an image."""
    height_px, width_px = shape
    right, low = width_px - 1.0, height_px - 1.0
    corners = np.array([[0.0, 0.0], [right, 0.0], [0.0, low], [right, low]])
    return float(np.linalg.norm(applied(one, corners) - applied(other, corners), axis=1).max())


def overlap_fraction(matrix: Matrix, moving_shape: Shape, reference_shape: Shape) -> float:
    """Share of the reference that the moved image covers, in [0, 1].

    Examples
    --------
    >>> half = np.array([[1.0, 0.0, 50.0], [0.0, 1.0, 0.0]])
    >>> overlap_fraction(half, (80, 100), (80, 100))
    0.5
    """
    y, x = (_samples(side_px) for side_px in reference_shape)
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    back = applied(inverted(matrix), grid)
    height_px, width_px = moving_shape
    inside = (back >= -0.5).all(axis=1) & (back <= [width_px - 0.5, height_px - 0.5]).all(axis=1)
    return float(inside.mean())


def _samples(side_px: int) -> NDArray[np.float64]:
    return (np.arange(_OVERLAP_SAMPLES) + 0.5) * side_px / _OVERLAP_SAMPLES - 0.5


def warp_to_reference(
    pixels: Image, matrix: Matrix, shape: Shape
) -> tuple[Image, NDArray[np.bool_]]:
    """Lay an image over the reference.

    Cubic interpolation, so that noise and fine lines keep most of their contrast.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        The moving image.
    matrix : ndarray of float64, shape (2, 3)
        Takes (x, y, 1) of the moving image to (x, y) of the reference.
    shape : tuple of int
        (height, width) of the reference.

    Returns
    -------
    ndarray of uint8, shape (*shape, 3)
        Black where the moving image has nothing.
    ndarray of bool, shape `shape`
        Where every pixel that was mixed lies inside the moving image.
    """
    own_shape = (pixels.shape[0], pixels.shape[1])
    if own_shape == shape and np.array_equal(matrix, np.eye(2, 3)):
        return pixels, np.ones(shape, dtype=np.bool_)
    size = (shape[1], shape[0])
    warped = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_CUBIC)
    valid = valid_mask(matrix, own_shape, shape)
    warped[~valid] = 0
    return np.asarray(warped, dtype=np.uint8), valid


def valid_mask(
    matrix: Matrix, moving_shape: Shape, shape: Shape, margin_px: float = 1.0
) -> NDArray[np.bool_]:
    """Pixels of the reference whose place in the moving image is `margin_px` inside its edge."""
    back = inverted(matrix).astype(np.float32)
    x = np.arange(shape[1], dtype=np.float32)[None, :]
    y = np.arange(shape[0], dtype=np.float32)[:, None]
    inside = np.ones(shape, dtype=np.bool_)
    for (a, b, c), side_px in zip(back, reversed(moving_shape), strict=True):
        place = a * x + b * y + c
        inside &= (place >= margin_px) & (place <= side_px - 1 - margin_px)
    return inside
