"""Joining the answers for one row of tiles after the other into bands as wide as the image.

Class-deep arrays exist here only: one band as high as a tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import InternalError
from petrography.model_card import TileGeometry
from petrography.tiling import Tile, blend_weights
from petrography.workspace import IN_MEMORY, Workspace

__all__ = ["Answers", "Plan", "blended_bands", "cropped_bands", "written"]

Plan: TypeAlias = Sequence[Sequence[Tile]]
Number = TypeVar("Number", bound=np.generic)
# From a row of tiles to each tile with its (K, size, size) probabilities.
Answers: TypeAlias = Callable[[Sequence[Tile]], Iterable[tuple[Tile, NDArray[np.float32]]]]


def cropped_bands(
    plan: Plan,
    answers: Answers,
    *,
    class_count: int,
    width_px: int,
    workspace: Workspace = IN_MEMORY,
) -> Iterator[NDArray[np.float32]]:
    """Put the cores of the tiles side by side (mode ``halo``).

    Parameters
    ----------
    plan : rows of Tile
        From `plan_tiles`.
    answers : callable
        Gives each tile of a row with its probabilities, shape (K, size, size).
    class_count : int
        K.
    width_px : int
        Width of the image.
    workspace : Workspace, optional
        Gives the array of the band, which of a wide image and many classes is large.

    Yields
    ------
    ndarray of float32, shape (K, height, width)
        Bands from top to bottom without gap. The array is used again for the next band.
    """
    store = workspace.empty((class_count, plan[0][0].write.height, width_px), np.float32)
    for row in plan:
        band = store[:, : row[0].write.height]
        for tile, probabilities in answers(row):
            write = tile.write
            band[:, :, write.col : write.col + write.width] = written(tile, probabilities)
        yield band


def blended_bands(
    plan: Plan,
    answers: Answers,
    *,
    geometry: TileGeometry,
    class_count: int,
    width_px: int,
    workspace: Workspace = IN_MEMORY,
) -> Iterator[NDArray[np.float32]]:
    """Average overlapping tiles with their weights (mode ``blend``).

    Sums are kept for one band as high as a tile, which rolls down: what the next row of tiles
    does not touch any more is divided by its weight and given out.

    Parameters
    ----------
    plan, answers, class_count, width_px, workspace
        As for `cropped_bands`.
    geometry : TileGeometry
        Window of the weights.

    Yields
    ------
    ndarray of float32, shape (K, height, width)
        Bands from top to bottom without gap. The array is used again for the next band.

    Raises
    ------
    InternalError
        If a pixel lies in no tile: it has no weight and so no probability.
    """
    weights = blend_weights(geometry)
    tops = [row[0].write.row for row in plan]
    last = plan[-1][0].write
    # One plane for each class and one for the weights.
    height_px = plan[0][0].write.height
    sums: NDArray[np.float32] = workspace.empty((class_count + 1, height_px, width_px), np.float32)
    sums.fill(0.0)
    for row, top, next_top in zip(plan, tops, [*tops[1:], last.row + last.height], strict=True):
        for tile, probabilities in answers(row):
            _accumulate(sums, tile, probabilities, weights)
        yield _normalised(sums[:, : next_top - top], top)
        _roll(sums, next_top - top)


def written(tile: Tile, planes: NDArray[Number]) -> NDArray[Number]:
    """Part of a tile's planes, shape (..., size, size), that belongs to its write window."""
    row, col = tile.write.row - tile.read.row, tile.write.col - tile.read.col
    return planes[..., row : row + tile.write.height, col : col + tile.write.width]


def _accumulate(
    sums: NDArray[np.float32],
    tile: Tile,
    probabilities: NDArray[np.float32],
    weights: NDArray[np.float32],
) -> None:
    """Add a tile, whose write window starts in the first row of the band, in place."""
    write = tile.write
    target = sums[:, : write.height, write.col : write.col + write.width]
    weight = written(tile, weights)
    for plane, total in zip(written(tile, probabilities), target[:-1], strict=True):
        cv2.accumulateProduct(plane, weight, total)
    target[-1] += weight


def _normalised(sums: NDArray[np.float32], top: int) -> NDArray[np.float32]:
    """Divide finished rows by their weight, in place."""
    planes, weight = sums[:-1], sums[-1]
    if not weight.min() > 0.0:
        row, col = (int(index[0]) for index in np.nonzero(~(weight > 0.0)))
        msg = f"pixel (row {top + row}, column {col}) lies in no tile; wanted a weight above 0"
        raise InternalError(msg)
    np.divide(planes, weight, out=planes)
    return planes


def _roll(sums: NDArray[np.float32], rows: int) -> None:
    """Move the band down by `rows`: unfinished rows go to the top, zeros follow."""
    kept = sums.shape[1] - rows
    for plane in sums:
        plane[:kept] = plane[rows:]
        plane[kept:] = 0.0
