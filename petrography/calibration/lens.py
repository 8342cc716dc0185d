"""Straighten the picture: Brown-Conrady distortion about the centre of the field.

References
----------
Brown 1966, Photogrammetric Engineering 32(3):444-462. Conrady 1919, doi:10.1093/mnras/79.5.384.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from petrography.calibration.stored_documents import parsed
from petrography.errors import InvalidParameterError
from petrography.images import Image, require_image

__all__ = ["LensModel", "distort_points", "parse_lens", "undistort", "undistort_points"]

_Floats = NDArray[np.float64]
Coefficient = Annotated[float, Field(ge=-0.5, le=0.5)]

_MOST_STEPS = 50
# Half diagonals: below 1e-7 px in any photograph.
_SMALL_OFFSET = 1e-12
# OpenCV's remapping keeps coordinates in 16 bits.
_MAX_SIDE_PX = 32_000


class LensModel(BaseModel):
    """Distortion of an objective and camera at one magnification.

    A point at the offset (x, y) from the centre of the field, in units of half the diagonal, is
    seen at ``x (1 + k1 r² + k2 r⁴ + k3 r⁶) + 2 p1 x y + p2 (r² + 2 x²)`` and, for y, with x and y,
    p1 and p2 changed over.

    Attributes
    ----------
    height_px, width_px : int
        Size of the photographs that it fits.
    k1, k2, k3, p1, p2 : float
        Radial and tangential coefficients.
    rmse_px : float or None
        Of the target, or the overlaps of fields, that it was fitted to; None where it was stated.
    points : int
        Points that were used.
    warnings : tuple of str
        One sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    height_px: int = Field(ge=1, le=_MAX_SIDE_PX)
    width_px: int = Field(ge=1, le=_MAX_SIDE_PX)
    k1: Coefficient = 0.0
    k2: Coefficient = 0.0
    k3: Coefficient = 0.0
    p1: Coefficient = 0.0
    p2: Coefficient = 0.0
    rmse_px: float | None = Field(default=None, ge=0.0)
    points: int = Field(default=0, ge=0)
    warnings: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _no_fold(self) -> LensModel:
        radius = np.linspace(0.0, 1.0, 101)
        growth = 1.0 + 3 * self.k1 * radius**2 + 5 * self.k2 * radius**4 + 7 * self.k3 * radius**6
        if growth.min() <= 0.1:
            msg = "the coefficients fold the picture inside the field; no lens does that"
            raise ValueError(msg)
        return self

    @property
    def centre_px(self) -> _Floats:
        """Centre of the field, (x, y)."""
        return np.array([(self.width_px - 1) / 2.0, (self.height_px - 1) / 2.0])

    @property
    def unit_px(self) -> float:
        """Half the diagonal of the field."""
        return math.hypot(self.width_px, self.height_px) / 2.0

    @property
    def largest_shift_px(self) -> float:
        """How far the distortion moves a corner of the field at most."""
        right, bottom = self.width_px - 1.0, self.height_px - 1.0
        corners = np.array([[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]])
        moved = distort_points(corners, self) - corners
        return float(np.hypot(moved[:, 0], moved[:, 1]).max())


def distort_points(points_px: _Floats, lens: LensModel) -> _Floats:
    """Where points of the straight picture are seen in the photograph.

    Parameters
    ----------
    points_px : ndarray of float64, shape (..., 2)
        Positions (x, y), pixel centres at whole numbers.
    lens : LensModel
        The distortion.

    Returns
    -------
    ndarray of float64, shape (..., 2)
        Positions (x, y).
    """
    offset = (np.asarray(points_px, dtype=np.float64) - lens.centre_px) / lens.unit_px
    return np.asarray(lens.centre_px + lens.unit_px * _seen(offset, lens))


def undistort_points(points_px: _Floats, lens: LensModel) -> _Floats:
    """Where points of the photograph lie in the straight picture: the inverse, to 1e-6 px.

    Parameters
    ----------
    points_px : ndarray of float64, shape (..., 2)
        Positions (x, y).
    lens : LensModel
        The distortion.

    Returns
    -------
    ndarray of float64, shape (..., 2)
        Positions (x, y).

    Examples
    --------
    >>> lens = LensModel(height_px=100, width_px=200, k1=-0.05)
    >>> point = np.array([[10.0, 20.0]])
    >>> np.allclose(undistort_points(distort_points(point, lens), lens), point)
    True
    """
    seen = (np.asarray(points_px, dtype=np.float64) - lens.centre_px) / lens.unit_px
    offset = seen.copy()
    for _ in range(_MOST_STEPS):
        # The distortion is close to the identity, so its error is nearly the error of the offset.
        error = _seen(offset, lens) - seen
        offset -= error
        if np.abs(error).max(initial=0.0) < _SMALL_OFFSET:
            break
    return np.asarray(lens.centre_px + lens.unit_px * offset)


def undistort(pixels: Image, lens: LensModel) -> Image:
    """Straighten a photograph.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        sRGB, of the size of the lens model.
    lens : LensModel
        The distortion.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        sRGB, cubic interpolation. What lies outside the photograph is black.

    Raises
    ------
    InvalidParameterError
        If the photograph has another size than the lens model.
    """
    height_px, width_px = require_image(pixels).shape[:2]
    if (height_px, width_px) != (lens.height_px, lens.width_px):
        msg = (
            f"the photograph is {width_px} x {height_px} px, the lens was measured on "
            f"{lens.width_px} x {lens.height_px} px; wanted photographs of the same camera setting"
        )
        raise InvalidParameterError(msg)
    centre, unit = lens.centre_px, lens.unit_px
    camera = np.array([[unit, 0.0, centre[0]], [0.0, unit, centre[1]], [0.0, 0.0, 1.0]])
    coefficients = np.array([lens.k1, lens.k2, lens.p1, lens.p2, lens.k3])
    columns, rows = cv2.initUndistortRectifyMap(
        camera, coefficients, np.eye(3), camera, (width_px, height_px), cv2.CV_32FC1
    )
    return np.asarray(cv2.remap(pixels, columns, rows, cv2.INTER_CUBIC), dtype=np.uint8)


def parse_lens(data: bytes, *, source: str) -> LensModel:
    """Read a stored lens model.

    Raises
    ------
    InvalidParameterError
        If a field is missing, unknown or impossible.
    """
    return parsed(LensModel, data, what="lens model", source=source)


def _seen(offset: _Floats, lens: LensModel) -> _Floats:
    """Distorted offset of an offset from the centre, both in units of half the diagonal."""
    x, y = offset[..., 0], offset[..., 1]
    r2 = x**2 + y**2
    radial = 1.0 + r2 * (lens.k1 + r2 * (lens.k2 + r2 * lens.k3))
    return np.stack(
        [
            x * radial + 2.0 * lens.p1 * x * y + lens.p2 * (r2 + 2.0 * x**2),
            y * radial + 2.0 * lens.p2 * x * y + lens.p1 * (r2 + 2.0 * y**2),
        ],
        axis=-1,
    )
