"""The shapes of grains as columns of their table."""

from __future__ import annotations

import numpy as np

from petrography.report.table import Column
from petrography.statistics import GrainTable

__all__ = ["grain_shape_columns"]

_DIGITS = 3


def grain_shape_columns(grains: GrainTable, um_per_px: float | None) -> tuple[Column, ...]:
    """Columns of lengths, in px and um, and of pure numbers.

    Parameters
    ----------
    grains : GrainTable
        The grains.
    um_per_px : float, optional
        Pixel size; the physical columns are empty without it.
    """
    shapes = grains.shapes
    lengths = (
        ("perimeter", shapes.perimeter_px, "Crofton perimeter, holes and cuts included"),
        ("feret_max", shapes.feret_max_px, "greatest distance of two parallel tangents"),
        ("feret_min", shapes.feret_min_px, "least distance of two parallel tangents"),
        ("rectangle_length", shapes.rectangle_length_px, "bounding rectangle of least area"),
        ("rectangle_width", shapes.rectangle_width_px, "bounding rectangle of least area"),
    )
    numbers = (
        ("aspect_ratio", shapes.aspect_ratio, "major over minor axis of the equal ellipse"),
        ("circularity", grains.circularity, "4 pi area / perimeter²"),
        ("solidity", grains.solidity, "area over that of the convex hull"),
        ("orientation_deg", shapes.orientation_deg, "major axis against rows, counter-clockwise"),
    )
    unit = np.nan if um_per_px is None else um_per_px
    return (
        *(
            Column(f"{name}_{suffix}", "number", length * factor, definition, _DIGITS)
            for name, length, definition in lengths
            for suffix, factor in (("px", 1.0), ("um", unit))
        ),
        *(Column(name, "number", values, text, _DIGITS) for name, values, text in numbers),
        Column("euler_number", "integer", shapes.euler_number, "1 less the number of holes"),
    )
