"""Joining the answers for one row of tiles after the other into bands as wide as the image.

The band, as high as a tile, has all classes: for those who want whole rows of probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from petrography.model_card import TileGeometry
from petrography.segmentation.blending import Answers, Plan, blended_pieces, written
from petrography.workspace import IN_MEMORY, Workspace

__all__ = ["blended_bands", "cropped_bands"]


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
    store = workspace.empty((class_count, plan[0][0].write.height, width_px), np.float32)
    for band in blended_pieces(
        plan,
        answers,
        geometry=geometry,
        class_count=class_count,
        width_px=width_px,
        workspace=workspace,
    ):
        for piece in band.pieces:
            store[:, piece.rows, piece.columns] = piece.probabilities
        yield store[:, : band.height_px]
