"""The grains as a table: one grain a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petrography.minerals import MINERALS
from petrography.report.grain_shape_columns import grain_shape_columns
from petrography.report.table import Column, Table
from petrography.statistics import Grains

__all__ = ["PLACE_COLUMNS", "tabulated_grains"]

_LENGTH_DIGITS = 3
_BOX = ("min_row", "min_col", "end_row", "end_col")

# Columns that say which grain it is and where, not how large or of what shape.
PLACE_COLUMNS = frozenset(
    {
        "id",
        "code",
        "symbol",
        "centroid_row_px",
        "centroid_col_px",
        *(f"bbox_{corner}_px" for corner in _BOX),
    }
)


def tabulated_grains(grains: Grains, *, um_per_px: float | None = None) -> Table:
    """Tabulate the grains.

    Parameters
    ----------
    grains : Grains
        The grains.
    um_per_px : float, optional
        Pixel size; the physical columns are empty without it.

    Returns
    -------
    Table
        ``grains``: a row for each grain, by its number. Bounding boxes end one past the last
        pixel.
    """
    return Table(
        "grains",
        (
            *_identity_columns(grains),
            *_size_columns(grains, um_per_px),
            *_place_columns(grains),
            Column(
                "touches_edge",
                "integer",
                grains.touches_edge.astype(np.uint8),
                "1 where the edge of the image, or of what is annotated, cuts the grain",
            ),
            *grain_shape_columns(grains, um_per_px),
        ),
    )


def _identity_columns(grains: Grains) -> tuple[Column, ...]:
    return (
        Column("id", "integer", grains.id, "number of the grain, by its first pixel"),
        Column("code", "integer", grains.code, "code of the mineral in the label image"),
        Column("symbol", "text", _symbols(grains.code), "IMA-CNMNC symbol"),
    )


def _symbols(code: NDArray[np.uint8]) -> NDArray[Any]:
    by_code = np.full(256, None, dtype=object)
    by_code[list(MINERALS)] = [phase.symbol for phase in MINERALS.values()]
    symbols: NDArray[Any] = by_code[code]
    return symbols


def _size_columns(grains: Grains, um_per_px: float | None) -> tuple[Column, ...]:
    ecd = "diameter of the circle of equal area"
    return (
        Column("area_px", "integer", grains.area_px, "pixels of the grain"),
        _length("area_um2", _scaled(grains.area_px, um_per_px, 2), "area of the grain"),
        _length("ecd_px", grains.ecd_px, ecd),
        _length("ecd_um", _scaled(grains.ecd_px, um_per_px, 1), ecd),
    )


def _place_columns(grains: Grains) -> tuple[Column, ...]:
    centre = "centre of mass; the centre of the first pixel is 0"
    box = "bounding box; it ends one past the last pixel"
    return (
        _length("centroid_row_px", grains.centroid_px[:, 0], centre),
        _length("centroid_col_px", grains.centroid_px[:, 1], centre),
        *(
            Column(f"bbox_{corner}_px", "integer", grains.bbox_px[:, k], box)
            for k, corner in enumerate(_BOX)
        ),
    )


def _length(name: str, values: NDArray[Any], definition: str) -> Column:
    return Column(name, "number", values, definition, _LENGTH_DIGITS)


def _scaled(values: NDArray[Any], um_per_px: float | None, power: int) -> NDArray[Any]:
    """Lengths or areas in micrometres; empty cells without a scale."""
    if um_per_px is None:
        return np.full(len(values), np.nan)
    return np.asarray(values * um_per_px**power, dtype=np.float64)
