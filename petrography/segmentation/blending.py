"""Averaging overlapping tiles with their weights, piece by piece.

A few rows of a tile at a time are weighed, added to what the tiles before left there, and given
out where no later tile reaches: all of it in the cache of a processor core. What is kept of all
classes is only where tiles overlap: a seam to the next tile and one to the next row of tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import InternalError
from petrography.model_card import TileGeometry
from petrography.tiling import Tile, blend_weights
from petrography.workspace import IN_MEMORY, Workspace

__all__ = ["PIECE_ROWS", "Answers", "Piece", "PieceBand", "Plan", "blended_pieces", "written"]

_Floats: TypeAlias = NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)
Plan: TypeAlias = Sequence[Sequence[Tile]]
# From a row of tiles to each tile with its (K, size, size) probabilities.
Answers: TypeAlias = Callable[[Sequence[Tile]], Iterable[tuple[Tile, _Floats]]]

# Of a tile of 960 px and 10 classes they are 600 kB: they stay in the cache of a core.
PIECE_ROWS = 16


@dataclass(frozen=True, eq=False)
class Piece:
    """A rectangle of finished probabilities.

    Attributes
    ----------
    rows, columns : slice
        Where it lies in its band.
    probabilities : ndarray of float32, shape (K, rows, columns)
        Used again for the next piece.
    """

    rows: slice
    columns: slice
    probabilities: _Floats


@dataclass(frozen=True, eq=False)
class PieceBand:
    """Rows of the image that one row of tiles finishes.

    Attributes
    ----------
    top, height_px : int
        First row and number of rows.
    pieces : iterator of Piece
        Each pixel of the band once; to be read to its end before the next band.
    """

    top: int
    height_px: int
    pieces: Iterator[Piece]


def blended_pieces(
    plan: Plan,
    answers: Answers,
    *,
    geometry: TileGeometry,
    class_count: int,
    width_px: int,
    workspace: Workspace = IN_MEMORY,
) -> Iterator[PieceBand]:
    """Average overlapping tiles with their weights (mode ``blend``).

    Parameters
    ----------
    plan, answers, class_count, width_px, workspace
        As for `petrography.segmentation.joining.blended_bands`.
    geometry : TileGeometry
        Window of the weights.

    Yields
    ------
    PieceBand
        From top to bottom without gap. What is added to a pixel is added in the order of the tiles.

    Raises
    ------
    InternalError
        If a pixel lies in no tile: it has no weight and so no probability.
    """
    weights = blend_weights(geometry)
    down = [(row[0].write.row, row[0].write.height) for row in plan]
    cuts = _cuts(down, down[-1][0] + down[-1][1])
    below_px = max(cut.length - cut.finished for cut in cuts)
    below = workspace.empty((class_count + 1, below_px, width_px), np.float32)
    for row, cut in zip(plan, cuts, strict=True):
        pieces = _pieces_of_row(row, cut, answers(row), weights, below)
        yield PieceBand(cut.start, cut.finished, pieces)


@dataclass(frozen=True, slots=True)
class _Cut:
    """One side of a tile.

    `start` is its place in the image; its first `carried` pixels have sums of the tiles before, and
    to its first `finished` pixels, of `length`, no tile behind it adds anything.
    """

    start: int
    carried: int
    finished: int
    length: int


def _cuts(spans: Sequence[tuple[int, int]], end_px: int, row: int | None = None) -> list[_Cut]:
    """Cut tiles beside each other, given as start and length; `row` says that they lie in a row."""
    cuts, reached = [], 0
    for (start, length), (next_start, _) in pairwise([*spans, (end_px, 0)]):
        if start > reached or next_start > start + length:
            gap = reached if start > reached else start + length
            place = f"row {gap}, column 0" if row is None else f"row {row}, column {gap}"
            msg = f"pixel ({place}) lies in no tile; wanted a weight above 0"
            raise InternalError(msg)
        cuts.append(_Cut(start, reached - start, next_start - start, length))
        reached = start + length
    return cuts


def _pieces_of_row(
    row: Sequence[Tile],
    down: _Cut,
    answers: Iterable[tuple[Tile, _Floats]],
    weights: _Floats,
    below: _Floats,
) -> Iterator[Piece]:
    planes, width_px = below.shape[0], below.shape[2]
    across = _cuts([(tile.write.col, tile.write.width) for tile in row], width_px, down.start)
    aside_px = max(cut.length - cut.finished for cut in across)
    seams = _Seams(down, below, np.empty((planes, down.length, aside_px), np.float32))
    block = np.empty((planes, PIECE_ROWS, max(cut.length for cut in across)), np.float32)
    for (tile, probabilities), cut in zip(answers, across, strict=True):
        seen, weight = written(tile, probabilities), written(tile, weights)
        for rows in _rows_of_pieces(down):
            sums = block[:, : rows.stop - rows.start, : cut.length]
            known = seams.take_up(sums, rows, cut)
            _add(sums, seen[:, rows], weight[rows], known)
            seams.leave(sums, rows, cut)
            if rows.stop <= down.finished:
                columns = slice(cut.start, cut.start + cut.finished)
                yield Piece(rows, columns, _normalised(sums[:, :, : cut.finished]))


def _rows_of_pieces(down: _Cut) -> Iterator[slice]:
    """Cut the rows of a tile so that those of a piece are all carried or not, finished or not."""
    edges = {*range(0, down.length, PIECE_ROWS), down.carried, down.finished, down.length}
    return (slice(first, last) for first, last in pairwise(sorted(edges)))


@dataclass(frozen=True, eq=False)
class _Seams:
    """Sums that later tiles go on with: those beside a tile and those below a row of tiles.

    One plane for each class and one, the last, for the weights. What is taken up is taken from
    where the same piece or a later one leaves its own.
    """

    down: _Cut
    below: _Floats
    aside: _Floats

    def take_up(self, sums: _Floats, rows: slice, across: _Cut) -> int:
        """Begin a piece with what is there; gives the number of its columns that have something."""
        carried = across.carried
        sums[:, :, :carried] = self.aside[:, rows, :carried]
        if rows.stop > self.down.carried:
            return carried
        columns = slice(across.start + carried, across.start + across.length)
        sums[:, :, carried:] = self.below[:, rows, columns]
        return across.length

    def leave(self, sums: _Floats, rows: slice, across: _Cut) -> None:
        """Keep what other tiles go on with."""
        finished, down = across.finished, self.down.finished
        self.aside[:, rows, : across.length - finished] = sums[:, :, finished:]
        if rows.start >= down:
            columns = slice(across.start, across.start + finished)
            self.below[:, rows.start - down : rows.stop - down, columns] = sums[:, :, :finished]


def _add(sums: _Floats, seen: _Floats, weight: _Floats, known: int) -> None:
    """Add a piece to sums, of which the columns from `known` on have none yet, in place."""
    # OpenCV takes two thirds of the time of NumPy for views like these.
    for plane, total in zip(seen, sums[:-1], strict=True):
        if known:
            cv2.accumulateProduct(plane[:, :known], weight[:, :known], total[:, :known])
        if known < weight.shape[1]:
            cv2.multiply(plane[:, known:], weight[:, known:], total[:, known:])
    sums[-1, :, :known] += weight[:, :known]
    sums[-1, :, known:] = weight[:, known:]


def _normalised(sums: _Floats) -> _Floats:
    """Divide finished sums by their weight, in place."""
    planes, weight = sums[:-1], sums[-1]
    for plane in planes:
        cv2.divide(plane, weight, plane)
    return planes


def written(tile: Tile, planes: NDArray[Number]) -> NDArray[Number]:
    """Part of a tile's planes, shape (..., size, size), that belongs to its write window."""
    row, col = tile.write.row - tile.read.row, tile.write.col - tile.read.col
    return planes[..., row : row + tile.write.height, col : col + tile.write.width]
