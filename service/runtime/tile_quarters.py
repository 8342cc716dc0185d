"""Less than a tile at a time: quarters of it, or tiles of half the side.

Quarters overlap, each with the margin that the network looks at.

For networks whose halo covers all that they see, the core of the tile comes out as from the whole
tile, up to the rounding of another batch shape. The rim of the tile, which nobody uses, does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petrography.model_card import TileGeometry

__all__ = ["half_px", "joined_quarters", "quarter_px", "quarters_of"]

# Below this share of the side there is nothing to gain.
_WORTH_WHILE = 0.8
# What a card may state at least.
_LEAST_TILE_PX = 32


def quarter_px(geometry: TileGeometry) -> int | None:
    """Side of a quarter in pixels; None where a tile cannot be quartered, or nothing is gained.

    Examples
    --------
    >>> quarter_px(TileGeometry(size_px=512, multiple_px=16, mode="halo", halo_px=96))
    352
    """
    half_px = -(-geometry.size_px // 2)
    multiple = geometry.multiple_px
    side_px = -(-(half_px + geometry.halo_px) // multiple) * multiple
    exact = geometry.mode == "halo"
    return side_px if exact and side_px <= _WORTH_WHILE * geometry.size_px else None


def half_px(geometry: TileGeometry) -> int | None:
    """Side of the tiles that an image is cut into where whole ones do not fit into memory.

    Half the side is a quarter of the memory. It is not halved again: a network with global pooling
    knows its surroundings from the tile, and with less of them the map is another one.

    Parameters
    ----------
    geometry : TileGeometry
        Of the card.

    Returns
    -------
    int or None
        Half the side, up to a multiple that the network takes. None where tiles are not blended,
        for these can be quartered, and where a tile is too small.

    Examples
    --------
    >>> half_px(TileGeometry(size_px=960, multiple_px=8, mode="blend"))
    480
    """
    side_px = -(-geometry.size_px // (2 * geometry.multiple_px)) * geometry.multiple_px
    useful = _LEAST_TILE_PX <= side_px <= _WORTH_WHILE * geometry.size_px
    return side_px if geometry.mode == "blend" and useful else None


def quarters_of(tile: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """Cut a tile.

    Parameters
    ----------
    tile : ndarray of uint8, shape (height, width, channels)
        The tile.
    side_px : int
        From `quarter_px`.

    Returns
    -------
    ndarray of uint8, shape (4, side, side, channels)
        Top left, top right, bottom left, bottom right.
    """
    first, last = slice(None, side_px), slice(-side_px, None)
    return np.stack([tile[rows, columns] for rows in (first, last) for columns in (first, last)])


def joined_quarters(quarters: NDArray[Any], size_px: int) -> NDArray[Any]:
    """Join the answers for quarters, shape (4, ..., side, side), to (..., size, size)."""
    near, far = size_px // 2, size_px - size_px // 2
    joined = np.empty((*quarters.shape[1:-2], size_px, size_px), dtype=quarters.dtype)
    spans = ((slice(None, near), slice(None, near)), (slice(-far, None), slice(-far, None)))
    places = [(rows, columns) for rows in spans for columns in spans]
    for quarter, ((rows, from_rows), (columns, from_columns)) in zip(quarters, places, strict=True):
        joined[..., rows, columns] = quarter[..., from_rows, from_columns]
    return joined
