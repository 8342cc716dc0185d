"""Exact outlines of grains along pixel edges.

A grain is 8-connected; what hangs together only by a corner is no valid polygon, so a grain is cut
into its 4-connected pieces and each piece becomes one polygon with its holes. All pieces of a
band of rows are traced together: straight runs of pixel edges are found with array operations, each run
is linked to the one that follows it, and the links are walked. Coordinates are pixel corners, so
the polygons of a grain have exactly its area in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import cc3d
import numpy as np
from numpy.typing import NDArray

from petrography.report.grain_bands import grain_bands
from petrography.statistics import Grains

__all__ = ["Polygon", "Ring", "grain_polygons"]

Ring: TypeAlias = NDArray[np.int64]
"""Shape (n, 2), closed: (x, y) = (column, row) of pixel corners, the last is the first again."""
Polygon: TypeAlias = list[Ring]
"""The shell, then the holes."""

Pieces: TypeAlias = NDArray[np.uint32]
Indices: TypeAlias = NDArray[np.int64]

# Headings, clockwise on the screen. A run is walked with its piece on the right-hand side.
_EAST, _SOUTH, _WEST, _NORTH = range(4)
_RIGHT, _LEFT = 1, 3
# From the corner at the end of a run to the pixel ahead on the left, in the padded map.
_AHEAD_ROW, _AHEAD_COLUMN = np.array([0, 1, 1, 0]), np.array([1, 1, 0, 0])


@dataclass(frozen=True)
class _Runs:
    """Straight runs of pixel edges; every array has one entry a run."""

    piece: Indices
    heading: Indices
    start: Indices
    """Corner number, row * stride + column."""
    end: Indices
    stride: int


def grain_polygons(grains: Grains) -> Iterator[list[Polygon]]:
    """Trace the outlines of all grains, one grain after the other.

    Parameters
    ----------
    grains : Grains
        The grains.

    Yields
    ------
    list of Polygon
        Per grain, by number, one polygon for each 4-connected piece. Coordinates are (x, y) =
        (column, row) of pixel corners: the image spans 0 to width and 0 to height. Shells run
        clockwise on the screen (positive area with y downwards), holes the other way. No polygon
        of a grain of `too_large_to_draw`.
    """
    done = 0
    for band in grain_bands(grains):
        yield from ([] for _ in range(done, band.first_number - 1))
        done = band.first_number - 1 + band.count
        yield from _traced(band.numbers, np.array([band.left_column, band.top_row]))
    yield from ([] for _ in range(done, len(grains)))


def _traced(numbers: Pieces, origin: Indices) -> list[list[Polygon]]:
    """Outlines of grains 1, 2, ... of a map with an empty rim of one pixel, moved by an origin."""
    found = cc3d.connected_components(numbers, connectivity=4, out_dtype=np.uint32)
    pieces: Pieces = np.asarray(found, dtype=np.uint32)
    runs = _find_runs(pieces)
    across = np.flatnonzero(runs.heading == _EAST)
    order, starts = _walk(_next_run(runs, pieces), across)
    return _assemble(runs, order, starts, _grain_of_piece(runs, across, numbers), origin)


def _grain_of_piece(runs: _Runs, across: Indices, numbers: Pieces) -> Indices:
    """Number of the grain of each piece; every piece has an upper edge, walked to the east."""
    row, column = np.divmod(runs.start[across], runs.stride)
    piece = runs.piece[across]
    grain_of_piece = np.zeros(int(piece.max()) + 1, dtype=np.int64)
    grain_of_piece[piece] = numbers[row + 1, column + 1]
    return grain_of_piece


def _find_runs(padded: Pieces) -> _Runs:
    stride = padded.shape[1] - 1
    parts = [
        _directed(heading, edges, stride) for heading, edges in _straight_edges(padded).items()
    ]
    piece, heading, start, end = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Runs(piece=piece, heading=heading, start=start, end=end, stride=stride)


def _directed(
    heading: int, edges: tuple[Indices, Indices, Indices, Indices], stride: int
) -> tuple[Indices, Indices, Indices, Indices]:
    piece, line, first, last = edges
    along, across = (1, stride) if heading in {_EAST, _WEST} else (stride, 1)
    low, high = line * across + first * along, line * across + last * along
    start, end = (low, high) if heading in {_EAST, _SOUTH} else (high, low)
    return piece, np.full(len(piece), heading), start, end


def _straight_edges(
    padded: Pieces,
) -> dict[int, tuple[Indices, Indices, Indices, Indices]]:
    """Piece, line, first and last corner on the line, of the runs of each heading."""
    above, below = _sides(padded)
    left, right = _sides(padded.T)
    return {_EAST: below, _SOUTH: left, _WEST: above, _NORTH: right}


def _sides(
    plane: Pieces,
) -> tuple[tuple[Indices, Indices, Indices, Indices], tuple[Indices, Indices, Indices, Indices]]:
    """Runs between each line of pixels and the next, with the piece before and after the line."""
    length = plane.shape[1]
    edge = np.flatnonzero(plane[1:] != plane[:-1])
    # By row and column: flattening the transposed map would copy it.
    line, place = np.divmod(edge, length)
    before, after = plane[line, place], plane[line + 1, place]
    return _runs_of(edge, before, length), _runs_of(edge, after, length)


def _runs_of(
    edge: Indices, value: Pieces, length: int
) -> tuple[Indices, Indices, Indices, Indices]:
    inside = value != 0
    edge, piece = edge[inside], value[inside].astype(np.int64)
    # The rim of the padded map is empty, so no run goes on from one line to the next.
    breaks = np.flatnonzero((np.diff(edge) != 1) | (np.diff(piece) != 0)) + 1
    first = edge[np.concatenate([[0], breaks])] if len(edge) else edge
    last = edge[np.concatenate([breaks, [len(edge)]]) - 1] if len(edge) else edge
    run_piece = piece[np.concatenate([[0], breaks])] if len(edge) else piece
    return run_piece, first // length, first % length - 1, last % length


def _next_run(runs: _Runs, padded: Pieces) -> Indices:
    """Index of the run that follows each run: left where the piece goes on there, else right.

    Turning left at a corner where two pixels of a piece touch diagonally keeps both on one ring;
    such pixels of a 4-connected piece always enclose a hole, and no ring meets itself.
    """
    row, column = runs.end // runs.stride, runs.end % runs.stride
    ahead_left = padded[row + _AHEAD_ROW[runs.heading], column + _AHEAD_COLUMN[runs.heading]]
    turn = np.where(ahead_left == runs.piece, _LEFT, _RIGHT)
    starts = runs.heading * padded.size + runs.start
    wanted = (runs.heading + turn) % 4 * padded.size + runs.end
    # Each run starts where exactly one run ends: both sorted, the keys are the same.
    following = np.empty_like(starts)
    following[np.argsort(wanted)] = np.argsort(starts)
    return following


def _walk(following: Indices, across: Indices) -> tuple[Indices, Indices]:
    """Follow the links: horizontal runs in ring order, and where each ring starts among them.

    Runs turn at every link, so each second one is horizontal and only these are walked.
    """
    after = following[following].tolist()
    seen = bytearray(len(after))
    order: list[int] = []
    starts: list[int] = []
    for first in across.tolist():
        if seen[first]:
            continue
        starts.append(len(order))
        run = first
        while not seen[run]:
            seen[run] = 1
            order.append(run)
            run = after[run]
    return np.array(order), np.array(starts)


def _assemble(
    runs: _Runs, order: Indices, starts: Indices, grain_of_piece: Indices, origin: Indices
) -> list[list[Polygon]]:
    corner = np.stack([runs.start[order], runs.end[order]], axis=1).ravel()
    points = np.stack([corner % runs.stride, corner // runs.stride], axis=1)
    first, end = 2 * starts, 2 * np.append(starts[1:], len(order))
    piece = runs.piece[order[starts]]
    hole = _twice_area(points, first, end) < 0
    closed = np.insert(points, end, points[first], axis=0) + origin
    extra = np.arange(len(starts))
    rings = [closed[low:high] for low, high in zip(first + extra, end + extra + 1, strict=True)]
    grains: list[list[Polygon]] = [[] for _ in range(int(grain_of_piece.max()))]
    # Per grain and piece, the shell first; rings of one kind stay in the order of their top run.
    for ring in np.lexsort((hole, piece, grain_of_piece[piece])).tolist():
        polygons = grains[grain_of_piece[piece[ring]] - 1]
        if hole[ring]:
            polygons[-1].append(rings[ring])
        else:
            polygons.append([rings[ring]])
    return grains


def _twice_area(points: Indices, first: Indices, end: Indices) -> Indices:
    """Twice the signed area of each ring, positive when it runs clockwise on the screen."""
    following = np.arange(1, len(points) + 1)
    following[end - 1] = first
    x, y = points.T
    areas: Indices = np.add.reduceat(x * y[following] - x[following] * y, first)
    return areas
