"""Where a straight-seeing lens would have put a point: a measured lens, or one number.

A photographed point lies at ``d = u * (1 + k1 * |u|**2)`` where ``u`` is its undistorted place,
both from the centre of the image and over half its diagonal.

References
----------
Brown 1966, "Decentering distortion of lenses", Photogrammetric Engineering 32(3), 444-462.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from petrography.calibration.lens import LensModel, distort_points, undistort_points
from petrography.registration import Points

__all__ = [
    "LARGEST_K1",
    "LensMap",
    "MeasuredLens",
    "RadialLens",
    "centre_xy",
    "half_diagonal_px",
]

# Beyond 4/27 a barrel lens would show the corners of the image twice or not at all.
LARGEST_K1 = 0.1
_NEWTON_STEPS = 6


def centre_xy(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Give the centre of an image of (height, width), between its middle pixels if even."""
    return np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])


def half_diagonal_px(shape: tuple[int, int]) -> float:
    """Give half the diagonal of an image of (height, width)."""
    return 0.5 * math.hypot(*shape)


class LensMap(Protocol):
    """What placing and drawing need to know of a lens."""

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the fields in pixels."""

    def distort(self, points_xy: Points, /) -> Points:
        """From undistorted places to where they are photographed, shape (n, 2)."""

    def undistort(self, points_xy: Points, /) -> Points:
        """From photographed points to their undistorted places, shape (n, 2)."""


@dataclass(frozen=True)
class MeasuredLens:
    """A lens that was measured before.

    Attributes
    ----------
    model : LensModel
        Its distortion.
    """

    model: LensModel

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the fields in pixels."""
        return self.model.height_px, self.model.width_px

    def distort(self, points_xy: Points) -> Points:
        """From undistorted places to where they are photographed."""
        return distort_points(points_xy, self.model)

    def undistort(self, points_xy: Points) -> Points:
        """From photographed points to their undistorted places."""
        return undistort_points(points_xy, self.model)


@dataclass(frozen=True)
class RadialLens:
    """Distortion of all fields of one size.

    Attributes
    ----------
    shape : tuple of int
        (height, width) of the fields.
    k1 : float
        Relative displacement at the corners; 0 is a perfect lens.
    """

    shape: tuple[int, int]
    k1: float = 0.0

    def as_model(self) -> LensModel:
        """Give what can be stored and used again."""
        return LensModel(height_px=self.shape[0], width_px=self.shape[1], k1=self.k1)

    def distort(self, points_xy: Points) -> Points:
        """From undistorted places to where they are photographed."""
        u = (points_xy - centre_xy(self.shape)) / half_diagonal_px(self.shape)
        stretch = 1.0 + self.k1 * (u**2).sum(axis=-1, keepdims=True)
        return np.asarray(u * stretch * half_diagonal_px(self.shape) + centre_xy(self.shape))

    def undistort(self, points_xy: Points) -> Points:
        """From photographed points to their undistorted places."""
        if self.k1 == 0.0:
            return points_xy
        d = (points_xy - centre_xy(self.shape)) / half_diagonal_px(self.shape)
        radius = np.sqrt((d**2).sum(axis=-1, keepdims=True))
        u = radius.copy()
        for _ in range(_NEWTON_STEPS):
            u -= (u * (1.0 + self.k1 * u**2) - radius) / (1.0 + 3.0 * self.k1 * u**2)
        stretch = np.divide(u, radius, out=np.ones_like(u), where=radius > 0)
        return np.asarray(d * stretch * half_diagonal_px(self.shape) + centre_xy(self.shape))
