"""Convex hulls of many components at once, and their calliper diameters.

A hull is kept as two chains, the leftmost and the rightmost pixel of each row with what is not
convex taken out; chains of parts join to the chain of the whole, so hulls need no pixels of blocks
that have passed. Diameters are those of the pixels as unit squares, that is, of the hull of the
centres widened by a square: w(u) = w_centres(u) + |u_row| + |u_column| in every direction u.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.statistics.component_tracking import Indices

__all__ = ["Chains", "HullMeasures", "join_chains", "measure_hulls"]

Floats = NDArray[np.float64]

# Elements of a temporary array of vertex pairs.
_PAIRS = 1_000_000


@dataclass(frozen=True)
class Chains:
    """One side of the hulls of many components, sorted by component, then row.

    Attributes
    ----------
    component, row, column : ndarray of int64, shape (n,)
        Points; for the right side, `column` is the negative of the column.
    """

    component: Indices
    row: Indices
    column: Indices

    def of(self, kept: NDArray[np.bool_]) -> Chains:
        """Chains of the components for which `kept` is true, numbered anew in order."""
        chosen = kept[self.component]
        number = np.cumsum(kept) - 1
        return Chains(number[self.component[chosen]], self.row[chosen], self.column[chosen])


@dataclass(frozen=True)
class HullMeasures:
    """What hulls say of components; arrays of shape (n,).

    Attributes
    ----------
    area_px : ndarray of float64
        Of the convex hull.
    feret_max_px, feret_min_px : ndarray of float64
        Greatest and least distance of two parallel tangents.
    rectangle_length_px, rectangle_width_px : ndarray of float64
        Sides of the bounding rectangle of least area.
    """

    area_px: Floats
    feret_max_px: Floats
    feret_min_px: Floats
    rectangle_length_px: Floats
    rectangle_width_px: Floats


def join_chains(parts: list[Chains]) -> Chains:
    """Make one chain for each component of the points of several.

    Parameters
    ----------
    parts : list of Chains
        Points by component, of one side; at least one part.

    Returns
    -------
    Chains
        The convex chains.
    """
    component, row, column = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("component", "row", "column")
    )
    order = np.lexsort((column, row, component))
    component, row, column = component[order], row[order], column[order]
    first = np.append(True, (np.diff(component) | np.diff(row)) != 0)[: len(row)]
    points = Chains(component[first], row[first], column[first])
    kept = _convex(points)
    return Chains(points.component[kept], points.row[kept], points.column[kept])


def _convex(points: Chains) -> Indices:
    """Indices of the points of the lower hulls, ascending.

    A point above the line between its neighbours, or on it, is no vertex of the hull, and neither
    is it when its neighbours fall as well: all such points are taken out at once, until none is
    left. Components that lose none are finished.
    """
    index = np.arange(len(points.row))
    finished: list[Indices] = []
    while len(index):
        component = points.component[index]
        row, column = points.row[index], points.column[index]
        inner = component[2:] == component[:-2]
        rise = (column[1:-1] - column[:-2]) * (row[2:] - row[:-2])
        line = (column[2:] - column[:-2]) * (row[1:-1] - row[:-2])
        falls = np.zeros(len(index), dtype=np.bool_)
        falls[1:-1] = inner & (rise >= line)
        starts = np.append(0, np.flatnonzero(np.diff(component)) + 1)
        losing = np.logical_or.reduceat(falls, starts)
        loses = np.repeat(losing, np.diff(np.append(starts, len(index))))
        finished.append(index[~loses])
        index = index[loses & ~falls]
    return np.sort(np.concatenate(finished)) if finished else index


def measure_hulls(left: Chains, right: Chains, count: int) -> HullMeasures:
    """Measure the hulls of components 0 to count - 1, each of which has points.

    Parameters
    ----------
    left, right : Chains
        Convex chains, the columns of `right` negative.
    count : int
        Number of components.

    Returns
    -------
    HullMeasures
        Exact but for rounding.
    """
    measured = np.zeros((5, count))
    for chosen, row, column in _polygons(left, right, count):
        measured[:, chosen] = _measure_polygons(row, column)
    return HullMeasures(*measured)


def _polygons(left: Chains, right: Chains, count: int) -> Iterator[tuple[Indices, Floats, Floats]]:
    """Polygons with alike numbers of vertices, as arrays (polygons, vertices).

    Down the left side and up the right; the last vertex is repeated where there are fewer.
    """
    component = np.concatenate([left.component, right.component[::-1]])
    order = np.argsort(component, kind="stable")
    row = np.concatenate([left.row, right.row[::-1]])[order].astype(np.float64)
    column = np.concatenate([left.column, -right.column[::-1]])[order].astype(np.float64)
    vertices = np.bincount(component, minlength=count)
    begins = np.cumsum(vertices) - vertices
    widths = 2 ** np.ceil(np.log2(vertices)).astype(np.int64)
    for width in np.unique(widths).tolist():
        alike = np.flatnonzero(widths == width)
        step = max(1, _PAIRS // width**2)
        for start in range(0, len(alike), step):
            chosen = alike[start : start + step]
            last = vertices[chosen, None] - 1
            place = begins[chosen, None] + np.minimum(np.arange(width), last)
            yield chosen, row[place], column[place]


def _measure_polygons(row: Floats, column: Floats) -> Floats:
    """Rows as the fields of `HullMeasures`."""
    edge_row = np.roll(row, -1, axis=1) - row
    edge_column = np.roll(column, -1, axis=1) - column
    # A point has no edges; the direction of the rows serves as well as any other.
    edge_row = np.where((edge_row == 0) & (edge_column == 0), 1.0, edge_row)
    height, width = np.ptp(row, axis=1), np.ptp(column, axis=1)
    twice_area = np.abs(
        (row * np.roll(column, -1, axis=1) - np.roll(row, -1, axis=1) * column).sum(axis=1)
    )
    across, along = _extents(row, column, edge_row, edge_column)
    # Rows and columns are directions of edges, for the pixels are squares.
    across = np.column_stack([across, height + 1, width + 1])
    along = np.column_stack([along, width + 1, height + 1])
    best = np.argmin(across * along, axis=1)[:, None]
    sides = [np.take_along_axis(side, best, axis=1)[:, 0] for side in (across, along)]
    return np.stack(
        [
            twice_area / 2 + height + width + 1,
            _longest(row, column),
            across.min(axis=1),
            np.maximum(*sides),
            np.minimum(*sides),
        ]
    )


def _extents(
    row: Floats, column: Floats, edge_row: Floats, edge_column: Floats
) -> tuple[Floats, Floats]:
    """Extents of polygons across and along each of their edges."""
    across = edge_row[:, :, None] * column[:, None] - edge_column[:, :, None] * row[:, None]
    along = edge_row[:, :, None] * row[:, None] + edge_column[:, :, None] * column[:, None]
    square = np.abs(edge_row) + np.abs(edge_column)
    length = np.sqrt(edge_row**2 + edge_column**2)
    return (
        (np.ptp(across, axis=2) + square) / length,
        (np.ptp(along, axis=2) + square) / length,
    )


def _longest(row: Floats, column: Floats) -> Floats:
    rows = np.abs(row[:, :, None] - row[:, None]) + 1
    columns = np.abs(column[:, :, None] - column[:, None]) + 1
    longest: Floats = np.sqrt((rows**2 + columns**2).max(axis=(1, 2)))
    return longest
