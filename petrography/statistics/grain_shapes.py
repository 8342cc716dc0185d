"""Shapes of grains: what their sums and hulls say in the terms of particle analysis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.statistics.component_sums import Total
from petrography.statistics.component_tracking import Indices
from petrography.statistics.convex_hulls import HullMeasures

__all__ = ["GrainShapes", "shapes_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GrainShapes:
    """Shapes of grains, as columns of a table; each array has shape (n,).

    Lengths and areas are those of pixels as unit squares: a square of 10 x 10 px has an area of
    100, a least Feret diameter of 10 and a greatest of 14.14 px.

    Attributes
    ----------
    perimeter_px : ndarray of float64
        Crofton's estimate from the crossings of lines in four directions; where the edge of the
        image cuts a grain, the cut counts.
    feret_max_px, feret_min_px : ndarray of float64
        Greatest and least distance of two parallel tangents.
    rectangle_length_px, rectangle_width_px : ndarray of float64
        Sides of the bounding rectangle of least area.
    hull_area_px : ndarray of float64
        Of the convex hull.
    ellipse_major_px, ellipse_minor_px : ndarray of float64
        Axes (full, not half) of the ellipse with the same second moments.
    orientation_deg : ndarray of float64
        Of the major axis against the rows of the image, counter-clockwise as it is seen, in
        [0, 180); 0 where no direction is longer.
    euler_number : ndarray of int64
        One less the number of holes.

    References
    ----------
    ISO 9276-6:2008 (Feret diameters, solidity). Legland, Kiêu & Devaux 2007, Image Anal. Stereol.
    26:83, doi:10.5566/ias.v26.p83-92 (Crofton perimeter of pixel images).
    """

    perimeter_px: Floats
    feret_max_px: Floats
    feret_min_px: Floats
    rectangle_length_px: Floats
    rectangle_width_px: Floats
    hull_area_px: Floats
    ellipse_major_px: Floats
    ellipse_minor_px: Floats
    orientation_deg: Floats
    euler_number: Indices

    @property
    def aspect_ratio(self) -> Floats:
        """Major over minor axis of the ellipse, at least 1; that of a square and a disc is 1."""
        ratio: Floats = self.ellipse_major_px / self.ellipse_minor_px
        return ratio

    def circularity(self, area_px: Indices) -> Floats:
        """4 pi area / perimeter²: 1 for a disc, less for all else.

        Pixel noise lets small discs come out above 1; nothing is cut off.
        """
        circularity: Floats = 4.0 * np.pi * area_px / self.perimeter_px**2
        return circularity

    def solidity(self, area_px: Indices) -> Floats:
        """Area over that of the convex hull, in (0, 1]."""
        solidity: Floats = area_px / self.hull_area_px
        return solidity


def shapes_of(totals: Indices, hulls: HullMeasures) -> GrainShapes:
    """Compute the shapes of components.

    Parameters
    ----------
    totals : ndarray of int64, shape (9, n)
        Sums, rows as in `Total`.
    hulls : HullMeasures
        Of the same components.

    Returns
    -------
    GrainShapes
        One entry a component.
    """
    major, minor, orientation = _ellipse(totals)
    return GrainShapes(
        perimeter_px=_crofton(totals),
        feret_max_px=hulls.feret_max_px,
        feret_min_px=hulls.feret_min_px,
        rectangle_length_px=hulls.rectangle_length_px,
        rectangle_width_px=hulls.rectangle_width_px,
        hull_area_px=hulls.area_px,
        ellipse_major_px=major,
        ellipse_minor_px=minor,
        orientation_deg=orientation,
        euler_number=totals[Total.EULER_TWELFTHS] // 12,
    )


def _crofton(totals: Indices) -> Floats:
    axial = totals[Total.AXIAL_CROSSINGS] / 2.0
    return np.asarray(np.pi / 8.0 * (axial + totals[Total.DIAGONAL_CROSSINGS] / np.sqrt(2.0)))


def _ellipse(totals: Indices) -> tuple[Floats, Floats, Floats]:
    area = totals[Total.AREA].astype(np.float64)
    row, column = totals[Total.ROW] / area, totals[Total.COLUMN] / area
    # A pixel is a square with a spread of its own, 1/12.
    rows = totals[Total.ROW_ROW] / area - row**2 + 1.0 / 12.0
    columns = totals[Total.COLUMN_COLUMN] / area - column**2 + 1.0 / 12.0
    mixed = totals[Total.ROW_COLUMN] / area - row * column
    spread = np.hypot(rows - columns, 2.0 * mixed)
    major = np.sqrt(8.0 * (rows + columns + spread))
    minor = np.sqrt(8.0 * np.maximum(rows + columns - spread, 0.0))
    # Rows grow downwards, angles upwards.
    angle = np.degrees(0.5 * np.arctan2(-2.0 * mixed, columns - rows)) % 180.0
    return major, minor, np.where(angle < 180.0, angle, 0.0)
