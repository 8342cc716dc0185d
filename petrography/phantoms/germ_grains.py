"""Boolean models: small shapes thrown at random places, which may overlap.

With λ shapes of mean area A and mean perimeter P per area, independent of each other, the covered
fraction is p = 1 - exp(-λ A) and the outline has the length λ P exp(-λ A) per area.

References
----------
Chiu, Stoyan, Kendall & Mecke 2013, *Stochastic Geometry and its Applications*,
doi:10.1002/9781118658222, chapter 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.coarse_grids import Shape

__all__ = ["MAX_GAUGE", "Germs", "Outline", "continued", "germ_gauge", "windows_around"]

Outline: TypeAlias = Literal["ellipse", "lens", "triangle"]

_Floats: TypeAlias = NDArray[np.float64]

# The gauge is exact up to this; beyond, only its order matters.
MAX_GAUGE = 2.0
# Farthest point of a shape of gauge 1, in its longer half axis; the corner of a triangle lies at
# twice the radius of its inner circle.
_REACH: dict[Outline, float] = {"ellipse": 1.0, "lens": 1.0, "triangle": 2.0}
_TRIANGLE_NORMALS = [(math.cos(a), math.sin(a)) for a in (0.0, 2 * math.pi / 3, 4 * math.pi / 3)]


@dataclass(frozen=True)
class Germs:
    """Places, sizes and directions of shapes.

    Attributes
    ----------
    centres : ndarray of float64, shape (N, 2)
        Positions (row, column).
    half_lengths, half_widths : ndarray of float64, shape (N,)
        Half axes along and across the direction; both are the radius of the inner circle of a
        triangle.
    angles_rad : ndarray of float64, shape (N,)
        Directions, from the column axis towards the row axis.
    """

    centres: _Floats
    half_lengths: _Floats
    half_widths: _Floats
    angles_rad: _Floats


def germ_gauge(shape: Shape, germs: Germs, outline: Outline) -> NDArray[np.float32]:
    """Measure for each pixel how far the shapes must grow to cover it.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    germs : Germs
        Shapes, in pixels.
    outline : {"ellipse", "lens", "triangle"}
        A lens is bounded by two parabolas and pointed at both ends; a triangle is equilateral.

    Returns
    -------
    ndarray of float32, shape `shape`
        {gauge <= g} is the union of all shapes scaled by g (of a lens: the width by g, the length
        by √g), exactly for g up to 2; it rises with the distance from them beyond that.
    """
    gauge = np.full(shape, np.inf, dtype=np.float32)
    reach = np.maximum(germs.half_lengths, germs.half_widths) * _REACH[outline]
    for n, window in windows_around(germs.centres, MAX_GAUGE * reach, shape):
        rows, columns = (
            np.arange(part.start, part.stop, dtype=np.float32) + np.float32(0.5) for part in window
        )
        seen = gauge[window]
        covered = _gauge_of_one(germs, n, outline, rows[:, None], columns[None, :])
        np.minimum(seen, covered, out=seen)
    return continued(gauge, float(np.median(reach)) if len(reach) else 1.0)


def windows_around(
    centres: _Floats, reach: _Floats, shape: Shape
) -> Iterator[tuple[int, tuple[slice, slice]]]:
    """Give the square around each centre as far as it lies on an image.

    Parameters
    ----------
    centres : ndarray of float64, shape (N, 2)
        Positions (row, column).
    reach : ndarray of float64, shape (N,)
        Half the side of the square.
    shape : tuple of int
        Rows and columns of the image.

    Yields
    ------
    tuple of int and two slices
        Number of the centre, rows and columns; centres without any pixel are passed over.
    """
    lows = np.clip(np.floor(centres - reach[:, None]).astype(int), 0, shape)
    highs = np.clip(np.ceil(centres + reach[:, None]).astype(int) + 1, 0, shape)
    for n in np.flatnonzero((lows < highs).all(axis=1)):
        (top, left), (bottom, right) = lows[n].tolist(), highs[n].tolist()
        yield int(n), (slice(top, bottom), slice(left, right))


def _gauge_of_one(
    germs: Germs, n: int, outline: Outline, rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    cos, sin = (np.float32(turn(germs.angles_rad[n])) for turn in (math.cos, math.sin))
    down, right = rows - np.float32(germs.centres[n, 0]), columns - np.float32(germs.centres[n, 1])
    along = (cos * right + sin * down) / np.float32(germs.half_lengths[n])
    across = (cos * down - sin * right) / np.float32(germs.half_widths[n])
    if outline == "ellipse":
        return np.asarray(np.hypot(along, across), dtype=np.float32)
    if outline == "lens":
        return np.asarray(np.abs(across) + along**2, dtype=np.float32)
    sides = [np.float32(x) * along + np.float32(y) * across for x, y in _TRIANGLE_NORMALS]
    return np.asarray(np.maximum(np.maximum(sides[0], sides[1]), sides[2]), dtype=np.float32)


def continued(gauge: NDArray[np.float32], size_px: float) -> NDArray[np.float32]:
    """Let a gauge above `MAX_GAUGE` rise with the distance, so that any area can be claimed.

    Parameters
    ----------
    gauge : ndarray of float32, shape (height, width)
        Infinite where no shape was looked at.
    size_px : float
        Distance over which it rises by 1.

    Returns
    -------
    ndarray of float32, shape (height, width)
        Finite; the same up to `MAX_GAUGE`.
    """
    far = (gauge > MAX_GAUGE).astype(np.uint8)
    if not far.any():
        return gauge
    distance = np.asarray(cv2.distanceTransform(far, cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)
    # Where no shape is in sight the distance means nothing, but must be finite.
    np.minimum(distance, np.float32(sum(gauge.shape)), out=distance)
    distance *= np.float32(1.0 / size_px)
    distance += np.float32(MAX_GAUGE)
    return np.where(far, distance, gauge)
