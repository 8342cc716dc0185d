"""Where the light of a place falls on the sensor: turned, scaled, distorted, split by colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.camera.settings import Camera
from petrography.phantoms.coarse_grids import Shape

__all__ = ["Lens", "Projection", "composed", "projected"]

_Floats = NDArray[np.float64]

# Squared radii of the table that inverts the distortion; linear between them it is right to 1e-8.
_TABLE_STEPS = 8192
_NEWTON_STEPS = 12
_BAND_ROWS = 128


@dataclass(frozen=True)
class Lens:
    """Radial distortion about the centre of the field (Brown 1966; Conrady 1919).

    A point at the offset (x, y) from the centre, in units of half the diagonal of the field, is
    seen at ``(x, y) (1 + k1 r² + k2 r⁴)``.

    Attributes
    ----------
    k1, k2 : float
        Coefficients; the magnitude of their sum is at most 0.2.

    References
    ----------
    Brown 1966, Photogrammetric Engineering 32(3):444-462. Conrady 1919,
    doi:10.1093/mnras/79.5.384.
    """

    k1: float = 0.0
    k2: float = 0.0

    @property
    def straight(self) -> bool:
        """Whether nothing is distorted."""
        return self.k1 == 0.0 and self.k2 == 0.0

    def distorted(self, points_px: _Floats, shape: Shape) -> _Floats:
        """Where points of the undistorted picture are seen.

        Parameters
        ----------
        points_px : ndarray of float64, shape (..., 2)
            Positions (x, y) on a field of `shape`.
        shape : tuple of int
            Rows and columns of the field.

        Returns
        -------
        ndarray of float64, shape (..., 2)
            Positions (x, y) in the photograph.
        """
        centre, unit = _centre_and_unit(shape)
        offset = (points_px - centre) / unit
        squared = np.sum(offset**2, axis=-1, keepdims=True)
        return np.asarray(centre + unit * offset * (1.0 + squared * (self.k1 + squared * self.k2)))

    def undistorted(self, points_px: _Floats, shape: Shape) -> _Floats:
        """Where points of the photograph belong: the inverse of `distorted`, to 1e-4 px."""
        centre, unit = _centre_and_unit(shape)
        offset = (points_px - centre) / unit
        factor = self._inverse_factor(np.sum(offset**2, axis=-1))
        return np.asarray(centre + unit * offset * factor[..., None])

    def _inverse_factor(self, squared: _Floats) -> _Floats:
        """Radius before over radius after distortion, by the squared radius after it."""
        # The corners of the field are at 1, so all parts of a field share one table.
        after = np.sqrt(np.linspace(0.0, max(float(squared.max()), 1.0 + 1e-9), _TABLE_STEPS))
        before = after.copy()
        for _ in range(_NEWTON_STEPS):
            r2 = before**2
            error = before * (1.0 + r2 * (self.k1 + r2 * self.k2)) - after
            before -= error / (1.0 + r2 * (3.0 * self.k1 + 5.0 * r2 * self.k2))
        factor = np.divide(before, after, out=np.ones_like(after), where=after > 0.0)
        return np.interp(squared, after**2, factor)


@dataclass(frozen=True)
class Projection:
    """How a photograph lies on the light that it shows.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns of the photograph.
    matrix : ndarray of float64, shape (2, 3)
        Takes (x, y, 1) of the undistorted photograph to (x, y) of the light; centres of pixels have
        whole coordinates.
    lens : Lens
        Distortion of the photograph.
    """

    shape: Shape
    matrix: _Floats
    lens: Lens

    def places(self) -> Iterator[tuple[slice, _Floats]]:
        """Give, for bands of rows, where the pixels would lie in the undistorted photograph.

        Yields
        ------
        band : slice
            Rows of the photograph.
        places : ndarray of float64, shape (rows, width, 2)
            Positions (x, y).
        """
        columns = np.arange(self.shape[1], dtype=np.float64)
        for top in range(0, self.shape[0], _BAND_ROWS):
            rows = np.arange(top, min(top + _BAND_ROWS, self.shape[0]), dtype=np.float64)
            seen = np.stack(np.meshgrid(columns, rows), axis=-1)
            yield slice(top, top + rows.size), self.lens.undistorted(seen, self.shape)


def composed(outer: _Floats, inner: _Floats) -> _Floats:
    """Matrix, shape (2, 3), that does first `inner` and then `outer`."""
    return np.asarray(
        np.hstack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2:] + outer[:, 2:]])
    )


def projected(
    light: NDArray[np.float32], projection: Projection, camera: Camera
) -> NDArray[np.float32]:
    """Bring light to the sensor, each colour by its own magnification and shift.

    Beyond the border the light is mirrored.

    Parameters
    ----------
    light : ndarray of float32, shape (rows, columns, 3)
        Linear RGB; blurred before, or fine detail aliases.
    projection : Projection
        Place and lens of the photograph, which green follows.
    camera : Camera
        Lateral colour.

    Returns
    -------
    ndarray of float32, shape (*projection.shape, 3)
        Interpolated by cubics at places rounded to 1/32 px.
    """
    red, blue = (_lateral_colour(camera, colour, projection.shape) for colour in (0, 1))
    matrices = [composed(projection.matrix, colour) for colour in (red, np.eye(2, 3), blue)]
    channels = [np.ascontiguousarray(light[..., channel]) for channel in range(3)]
    resampled = _straight if projection.lens.straight else _curved
    return resampled(channels, matrices, projection)


def _straight(
    channels: list[NDArray[np.float32]], matrices: Sequence[_Floats], projection: Projection
) -> NDArray[np.float32]:
    height_px, width_px = projection.shape
    result = np.empty((height_px, width_px, 3), dtype=np.float32)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    for channel, (light, matrix) in enumerate(zip(channels, matrices, strict=True)):
        if np.array_equal(matrix, np.eye(2, 3)):
            result[..., channel] = light[:height_px, :width_px]
            continue
        size, border = (width_px, height_px), cv2.BORDER_REFLECT
        result[..., channel] = cv2.warpAffine(light, matrix, size, flags=flags, borderMode=border)
    return result


def _curved(
    channels: list[NDArray[np.float32]], matrices: Sequence[_Floats], projection: Projection
) -> NDArray[np.float32]:
    result = np.empty((*projection.shape, 3), dtype=np.float32)
    for band, undistorted in projection.places():
        for channel, (light, matrix) in enumerate(zip(channels, matrices, strict=True)):
            places = (undistorted @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
            across, down = places[..., 0], places[..., 1]
            result[band, :, channel] = cv2.remap(
                light, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
            )
    return result


def _lateral_colour(camera: Camera, colour: int, shape: Shape) -> _Floats:
    """Matrix from the photograph to the light for red (0) or blue (1)."""
    (centre_x, centre_y), _ = _centre_and_unit(shape)
    scale = 1.0 / (1.0 + camera.colour_scale[colour])
    down, right = camera.colour_shift_px[colour]
    return np.array(
        [
            [scale, 0.0, centre_x - scale * (centre_x + right)],
            [0.0, scale, centre_y - scale * (centre_y + down)],
        ]
    )


def _centre_and_unit(shape: Shape) -> tuple[_Floats, float]:
    """Centre (x, y) of a field in pixels, and half its diagonal."""
    height_px, width_px = shape
    centre = np.array([(width_px - 1) / 2.0, (height_px - 1) / 2.0])
    return centre, 0.5 * float(np.hypot(height_px, width_px))
