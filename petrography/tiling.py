"""Cutting an image into tiles that a network can see, and the weights to join them again.

A tile reads one window and writes another. In mode ``halo`` the write windows are the cores of
the tiles and divide the image; in mode ``blend`` they overlap and are averaged by weights.

The image is thought of as continued without end by reflection at its borders, and a tile reads
from that continuation. So what a pixel sees beyond the border depends on the image alone, never
on the grid of tiles, and nothing is ever padded inside the image.

References
----------
Ronneberger, Fischer & Brox 2015, doi:10.1007/978-3-319-24574-4_28 (overlapping tiles, mirrored
border).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Image
from petrography.model_card import TileGeometry

__all__ = [
    "Tile",
    "Window",
    "blend_weights",
    "plan_tiles",
    "read_window",
    "tile_count",
    "tile_overlap_px",
]

# Standard deviation of the Gaussian window over the tile side: Isensee et al. 2021,
# doi:10.1038/s41592-020-01008-z.
GAUSSIAN_SIGMA_FRACTION = 0.125
# Smallest Gaussian weight over the largest: the corner of a tile at the border of an image is
# seen by one tile only and must not vanish in float32.
GAUSSIAN_FLOOR_FRACTION = 1e-3


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of pixels.

    Attributes
    ----------
    row, col : int
        First row and column, relative to the first pixel of the image; may lie outside of it.
    height, width : int
        Sides in pixels, at least 1.
    """

    row: int
    col: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Tile:
    """What is read for one call of the network and which pixels it answers for.

    Attributes
    ----------
    read : Window
        Square of ``size_px``; reaches outside the image at its borders.
    write : Window
        Inside both `read` and the image.
    """

    read: Window
    write: Window


@dataclass(frozen=True, slots=True)
class _Span:
    """One side of a tile: where reading starts, where writing starts and how far it goes."""

    read_start: int
    write_start: int
    write_length: int


def plan_tiles(
    height_px: int, width_px: int, geometry: TileGeometry
) -> tuple[tuple[Tile, ...], ...]:
    """Plan the tiles that cover an image.

    Tiles are squares of ``geometry.size_px`` and start at whole multiples of
    ``geometry.multiple_px``, so that a network with that stride sees every pixel in the same phase
    in all tiles.

    Parameters
    ----------
    height_px, width_px : int
        Size of the image, at least 1 x 1; it may be smaller than a tile.
    geometry : TileGeometry
        How the model wants to be fed.

    Returns
    -------
    tuple of tuple of Tile
        Rows of tiles from top to bottom, each from left to right. ``halo``: the write windows
        cover every pixel exactly once. ``blend``: they cover every pixel at least once, overlap
        by at least ``geometry.overlap_fraction`` and are spread evenly.

    Raises
    ------
    InvalidParameterError
        If a side of the image is below 1.

    Examples
    --------
    >>> geometry = TileGeometry(size_px=64, multiple_px=8, mode="halo", halo_px=16)
    >>> [tile.write.col for tile in plan_tiles(20, 70, geometry)[0]]
    [0, 32, 64]
    """
    if height_px < 1 or width_px < 1:
        msg = f"image is {height_px} x {width_px} px; wanted at least 1 x 1"
        raise InvalidParameterError(msg)
    columns = tuple(_spans(width_px, geometry))
    return tuple(
        tuple(_tile(row, column, geometry.size_px) for column in columns)
        for row in _spans(height_px, geometry)
    )


def _tile(row: _Span, column: _Span, size_px: int) -> Tile:
    return Tile(
        read=Window(row.read_start, column.read_start, size_px, size_px),
        write=Window(row.write_start, column.write_start, row.write_length, column.write_length),
    )


def _spans(length_px: int, geometry: TileGeometry) -> Iterator[_Span]:
    if geometry.mode == "halo":
        core_px = geometry.size_px - 2 * geometry.halo_px
        for start in range(0, length_px, core_px):
            yield _Span(start - geometry.halo_px, start, min(core_px, length_px - start))
    else:
        for start in _blend_origins(length_px, geometry):
            yield _Span(start, start, min(geometry.size_px, length_px - start))


def _blend_origins(length_px: int, geometry: TileGeometry) -> Iterator[int]:
    """Start of every tile along one axis, counted in strides of the network and spread evenly.

    Even spreading turns what the last tile has too much into overlap for all of them.
    """
    last, gaps = _blend_gaps(length_px, geometry)
    for index in range(gaps + 1):
        yield last * index // max(gaps, 1) * geometry.multiple_px


def _blend_gaps(length_px: int, geometry: TileGeometry) -> tuple[int, int]:
    """Start of the last tile along one axis, in strides of the network, and the steps up to it."""
    multiple_px, size_px = geometry.multiple_px, geometry.size_px
    last = max(0, math.ceil((length_px - size_px) / multiple_px))
    # The small number forgives the last bit of 1 - overlap_fraction: 0.7 * 640 is 448, not 447.
    wanted_step_px = size_px * (1.0 - geometry.overlap_fraction) + 1e-6
    step = max(1, math.floor(wanted_step_px / multiple_px))
    return last, math.ceil(last / step)


def tile_count(length_px: int, geometry: TileGeometry) -> int:
    """Count the tiles along one side of an image, as `plan_tiles` lays them.

    Parameters
    ----------
    length_px : int
        Height or width of the image.
    geometry : TileGeometry
        As for `plan_tiles`.

    Examples
    --------
    >>> tile_count(70, TileGeometry(size_px=64, multiple_px=8, mode="halo", halo_px=16))
    3
    """
    if geometry.mode == "halo":
        return math.ceil(length_px / (geometry.size_px - 2 * geometry.halo_px))
    return _blend_gaps(length_px, geometry)[1] + 1


def tile_overlap_px(length_px: int, geometry: TileGeometry) -> int:
    """Most pixels that neighbouring tiles along one side both write; 0 in mode ``halo``.

    Parameters
    ----------
    length_px : int
        Height or width of the image.
    geometry : TileGeometry
        As for `plan_tiles`.
    """
    last, gaps = (0, 0) if geometry.mode == "halo" else _blend_gaps(length_px, geometry)
    return geometry.size_px - last // gaps * geometry.multiple_px if gaps else 0


def read_window(image: Image, window: Window) -> Image:
    """Read a window of an image that is continued by reflection at its borders.

    The border pixel itself is not repeated (``reflect`` of `numpy.pad`); a window that reaches
    further than the image is wide sees it mirrored again and again, and one pixel is continued
    as itself.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
        The image, not empty.
    window : Window
        Any rectangle of at least 1 x 1, inside the image or not.

    Returns
    -------
    ndarray of uint8, shape (window.height, window.width, channels)
        A view where the window lies inside the image, else a copy.

    Examples
    --------
    >>> row = np.array([[[1], [2], [3]]], dtype=np.uint8)
    >>> read_window(row, Window(0, -2, 1, 9))[0, :, 0].tolist()
    [3, 2, 1, 2, 3, 2, 1, 2, 3]
    """
    rows = _seen_part(window.row, window.height, image.shape[0])
    columns = _seen_part(window.col, window.width, image.shape[1])
    if rows is None or columns is None:
        return image[np.ix_(*_reflected_places(window, image.shape))]
    inside = image[rows.inside, columns.inside]
    beyond_px = (rows.before, rows.after, columns.before, columns.after)
    if not any(beyond_px):
        return inside
    # Ten times as fast as gathering every pixel by its index.
    mirrored = cv2.copyMakeBorder(inside, *beyond_px, cv2.BORDER_REFLECT_101)
    shape = window.height, window.width, image.shape[2]
    return np.asarray(mirrored, dtype=np.uint8).reshape(shape)


@dataclass(frozen=True, slots=True)
class _SeenPart:
    """One side of a window: what lies inside the image, and how much before and after it."""

    inside: slice
    before: int
    after: int


def _seen_part(start: int, count: int, length_px: int) -> _SeenPart | None:
    """Cut a side of a window; None where what lies beyond mirrors more than what lies inside."""
    first, last = max(start, 0), min(start + count, length_px)
    before, after = first - start, start + count - last
    # The whole side can be mirrored again and again, a part of it only as far as it goes.
    if last - first < length_px and max(before, after) >= last - first:
        return None
    return _SeenPart(slice(first, last), before, after)


def _reflected_places(
    window: Window, shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows = _reflected(window.row, window.height, shape[0])
    return rows, _reflected(window.col, window.width, shape[1])


def _reflected(start: int, count: int, length_px: int) -> NDArray[np.intp]:
    """Indices inside an axis for `count` positions from `start` on its continuation."""
    if length_px == 1:
        return np.zeros(count, dtype=np.intp)
    period = 2 * (length_px - 1)
    phase = np.arange(start, start + count, dtype=np.intp) % period
    return np.minimum(phase, period - phase)


def blend_weights(geometry: TileGeometry) -> NDArray[np.float32]:
    """Weight of every pixel of a tile when overlapping tiles are averaged.

    ``hann``: sin²(π (x + 1/2) / N) along both axes. Tiles that overlap by half add up to 1, and a
    tile fades to almost nothing at its rim, so no step is left where it begins.
    ``gaussian``: σ of an eighth of the side, at least a thousandth of the largest weight.

    Parameters
    ----------
    geometry : TileGeometry
        Side and window of the tiles.

    Returns
    -------
    ndarray of float32, shape (size_px, size_px)
        In (0, 1], symmetric.

    References
    ----------
    Isensee et al. 2021, doi:10.1038/s41592-020-01008-z (Gaussian importance of a patch).
    """
    position = np.arange(geometry.size_px) + 0.5
    if geometry.window == "hann":
        profile = np.sin(np.pi * position / geometry.size_px) ** 2
        weights = np.outer(profile, profile)
    else:
        sigma_px = GAUSSIAN_SIGMA_FRACTION * geometry.size_px
        profile = np.exp(-0.5 * ((position - geometry.size_px / 2) / sigma_px) ** 2)
        weights = np.outer(profile, profile)
        weights = np.maximum(weights, GAUSSIAN_FLOOR_FRACTION * weights.max())
    return weights.astype(np.float32)
