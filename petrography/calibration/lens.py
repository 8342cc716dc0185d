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

from petrography.errors import InvalidParameterError
from petrography.images import Image, require_image
from petrography.stored_documents import parsed
from petrography.workspace import row_strips

__all__ = [
    "LensModel",
    "distort_points",
    "parse_lens",
    "photographed",
    "undistort",
    "undistort_points",
]

_Floats = NDArray[np.float64]
Coefficient = Annotated[float, Field(ge=-0.5, le=0.5)]

# Steps of Newton's method: 3 or 4 for any real lens, more beside a fold.
_MOST_STEPS = 50
# Half diagonals: below 1e-7 px in any photograph.
_SMALL_OFFSET = 1e-12
# Points along each side of the picture at which a lens is tried.
_CHECKED = 33
_MOST_MISSED_PX = 1e-3
# Area in the photograph of a small area of the field, at least.
_LEAST_GROWTH = 0.1
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
        Root mean square distance of the points of the target, or of the overlaps of fields, that it
        was fitted to; None where it was stated.
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
    def _one_place_for_each_pixel(self) -> LensModel:
        sides = (np.linspace(0.0, side - 1.0, _CHECKED) for side in (self.width_px, self.height_px))
        picture = np.stack(np.meshgrid(*sides), axis=-1)
        straight = undistort_points(picture, self)
        back = distort_points(straight, self)
        if np.abs(back - picture).max() > _MOST_MISSED_PX:
            msg = (
                f"with {self._coefficients()} no place in the field is seen in some parts of the "
                "border of the picture; wanted a lens under which each pixel shows one place, "
                "such as -0.14 < k1 < 0.5 alone"
            )
            raise ValueError(msg)
        # The picture that is made straight has the size of the photograph.
        places = (np.concatenate([straight, picture]) - self.centre_px) / self.unit_px
        if np.linalg.det(_slopes(places, self)).min() <= _LEAST_GROWTH:
            msg = f"{self._coefficients()} fold the picture inside the field; no lens does that"
            raise ValueError(msg)
        return self

    def _coefficients(self) -> str:
        named = {name: getattr(self, name) for name in ("k1", "k2", "k3", "p1", "p2")}
        return ", ".join(f"{name} = {value:g}" for name, value in named.items() if value)

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

    By Newton's method. A point outside the photograph may show no place at all; it becomes one that
    is seen near it.

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
    offset, share = seen.copy(), np.ones((*seen.shape[:-1], 1))
    error = _seen(offset, lens) - seen
    for _ in range(_MOST_STEPS):
        if np.abs(error).max(initial=0.0) < _SMALL_OFFSET:
            break
        tried = offset - share * _newton_step(offset, error, lens)
        left = _seen(tried, lens) - seen
        # Beside a fold a whole step leads astray.
        nearer = _squared(left) < _squared(error)
        offset, error = np.where(nearer, tried, offset), np.where(nearer, left, error)
        share = np.where(nearer, np.minimum(1.0, 2.0 * share), share / 4.0)
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
        sRGB, cubic interpolation. What lies outside the photograph is black, see `photographed`.

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
    columns, rows = _places(lens, slice(0, height_px))
    # The outermost pixels go on, so that no black is mixed into what was photographed.
    straight = cv2.remap(pixels, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    straight[~_inside(columns, rows, lens)] = 0
    return np.asarray(straight, dtype=np.uint8)


def photographed(lens: LensModel) -> NDArray[np.bool_] | None:
    """Which pixels of the straight picture the photograph shows.

    Through a pincushion lens (k1 > 0) the corners of the straight picture lie outside it.

    Parameters
    ----------
    lens : LensModel
        The distortion.

    Returns
    -------
    ndarray of bool, shape (height, width), or None
        Where the place of a pixel lies within the photograph; None where all do.
    """
    shape = (lens.height_px, lens.width_px)
    shown = np.empty(shape, dtype=np.bool_)
    for rows in row_strips(*shape):
        shown[rows] = _inside(*_places(lens, rows), lens)
    return None if shown.all() else shown


def parse_lens(data: bytes, *, source: str) -> LensModel:
    """Read a stored lens model.

    Raises
    ------
    InvalidParameterError
        If a field is missing, unknown or impossible.
    """
    return parsed(LensModel, data, what="lens model", source=source)


def _places(lens: LensModel, rows: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row in the photograph of every pixel of rows of the straight picture."""
    (x, y), unit = lens.centre_px, lens.unit_px
    camera, strip = (
        np.array([[unit, 0.0, x], [0.0, unit, y - top], [0.0, 0.0, 1.0]]) for top in (0, rows.start)
    )
    coefficients = np.array([lens.k1, lens.k2, lens.p1, lens.p2, lens.k3])
    size = (lens.width_px, rows.stop - rows.start)
    columns, lines = cv2.initUndistortRectifyMap(
        camera, coefficients, np.eye(3), strip, size, cv2.CV_32FC1
    )
    return np.asarray(columns, dtype=np.float32), np.asarray(lines, dtype=np.float32)


def _inside(
    columns: NDArray[np.float32], rows: NDArray[np.float32], lens: LensModel
) -> NDArray[np.bool_]:
    """Which places lie on a pixel of the photograph."""
    inside = (columns >= -0.5) & (columns <= lens.width_px - 0.5)
    return np.asarray(inside & (rows >= -0.5) & (rows <= lens.height_px - 0.5))


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


def _slopes(offset: _Floats, lens: LensModel) -> _Floats:
    """How the distorted offset changes with the offset, shape (..., 2, 2)."""
    x, y = offset[..., 0], offset[..., 1]
    r2 = x**2 + y**2
    radial = 1.0 + r2 * (lens.k1 + r2 * (lens.k2 + r2 * lens.k3))
    # Twice the change of the radial part with r².
    bent = 2.0 * (lens.k1 + r2 * (2.0 * lens.k2 + r2 * 3.0 * lens.k3))
    crossed = x * y * bent + 2.0 * (lens.p1 * x + lens.p2 * y)
    across = radial + x**2 * bent + 2.0 * lens.p1 * y + 6.0 * lens.p2 * x
    down = radial + y**2 * bent + 2.0 * lens.p2 * x + 6.0 * lens.p1 * y
    return np.stack([np.stack([across, crossed], -1), np.stack([crossed, down], -1)], axis=-2)


def _newton_step(offset: _Floats, error: _Floats, lens: LensModel) -> _Floats:
    """By how much each offset is too large, were the distortion as even as it is there."""
    (a, b), (c, d) = np.moveaxis(_slopes(offset, lens), (-2, -1), (0, 1))
    x, y = error[..., 0], error[..., 1]
    area = (a * d - b * c)[..., None]
    # On a fold there is no such step; none is taken.
    area = np.where(area == 0.0, np.inf, area)
    return np.stack([d * x - b * y, a * y - c * x], axis=-1) / area


def _squared(offset: _Floats) -> _Floats:
    return np.asarray((offset**2).sum(axis=-1, keepdims=True))
