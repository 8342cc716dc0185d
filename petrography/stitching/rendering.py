"""The panorama from top to bottom in strips; memory holds a strip and the fields that touch it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.images import Image, Labels
from petrography.stitching.mosaic import Box, PlacedField, read_photograph
from petrography.stitching.seams import Ownership

__all__ = ["feather_weights", "render_coverage", "render_labels", "render_rows"]

STRIP_PX = 256
# Share of a pixel that is not worth reading a field for.
_SMALLEST_WEIGHT = 1.0 / 512.0

Floats = NDArray[np.float32]


def render_rows(
    placed: Sequence[PlacedField],
    ownership: Ownership,
    shape: tuple[int, int],
    load: Callable[[int], Image],
    *,
    strip_px: int = STRIP_PX,
) -> Iterator[Image]:
    """Draw the panorama strip by strip.

    Parameters
    ----------
    placed : sequence of PlacedField
        Its fields.
    ownership : Ownership
        Where each is taken.
    shape : tuple of int
        (height, width) of the panorama.
    load : callable
        Gives the image of a field by index.
    strip_px : int
        Rows of a strip; the last may have fewer.

    Yields
    ------
    ndarray of uint8, shape (rows, width, 3)
        From top to bottom; black where no field reaches.
    """
    for strip in _strips(shape, strip_px):
        yield _draw(placed, ownership, strip, load)


def _strips(shape: tuple[int, int], strip_px: int) -> Iterator[Box]:
    return (
        (top, 0, min(top + strip_px, shape[0]), shape[1]) for top in range(0, shape[0], strip_px)
    )


def _draw(
    placed: Sequence[PlacedField],
    ownership: Ownership,
    strip: Box,
    load: Callable[[int], Image],
) -> Image:
    height, width = strip[2] - strip[0], strip[3] - strip[1]
    light = np.zeros((height, width, 3), dtype=np.float32)
    total = np.zeros((height, width), dtype=np.float32)
    for field in placed:
        part = _part(field, ownership, strip)
        if part is None:
            continue
        maps, factors = field.maps(part)
        weights = feather_weights(ownership, field.index, part) * _shown(maps, field.shape)
        levels = read_photograph(load(field.index), maps, cv2.INTER_CUBIC)
        where = _inside(part, strip)
        light[where] += levels * factors * weights[:, :, None]
        total[where] += weights
    light /= np.maximum(total, 1e-6)[:, :, None]
    return np.asarray(np.clip(np.rint(light), 0, 255), dtype=np.uint8)


def _inside(part: Box, strip: Box) -> tuple[slice, slice]:
    return (
        slice(part[0] - strip[0], part[2] - strip[0]),
        slice(part[1] - strip[1], part[3] - strip[1]),
    )


def _part(field: PlacedField, ownership: Ownership, strip: Box) -> Box | None:
    """Part of a strip to which a field contributes."""
    cell = ownership.cell_px
    top, bottom = max(0, strip[0] // cell - 1), strip[2] // cell + 2
    owned = ownership.owners[top:bottom] == field.index
    columns = np.flatnonzero(owned.any(axis=0))
    if not len(columns):
        return None
    rows = np.flatnonzero(owned.any(axis=1)) + top
    part = (
        max(strip[0], (int(rows[0]) - 1) * cell),
        max(strip[1], (int(columns[0]) - 1) * cell),
        min(strip[2], (int(rows[-1]) + 2) * cell),
        min(strip[3], (int(columns[-1]) + 2) * cell),
    )
    return part if part[0] < part[2] and part[1] < part[3] else None


def feather_weights(ownership: Ownership, index: int, part: Box) -> Floats:
    """Weight of a field at the pixels of a part of the panorama.

    1 inside its cells, 0 outside, and linear from centre to centre of two neighbouring cells, so
    the weights of all fields add up to 1 (less where nobody owns a neighbouring cell).

    Returns
    -------
    ndarray of float32, shape (height, width)
        In [0, 1].
    """
    cell = ownership.cell_px
    first_row, first_col = part[0] // cell - 1, part[1] // cell - 1
    rows = np.arange(first_row, -(-part[2] // cell) + 1)
    cols = np.arange(first_col, -(-part[3] // cell) + 1)
    owners = ownership.owners
    rows_kept = np.clip(rows, 0, owners.shape[0] - 1)
    cols_kept = np.clip(cols, 0, owners.shape[1] - 1)
    owned = (owners[np.ix_(rows_kept, cols_kept)] == index).astype(np.float32)
    size = len(cols) * cell, len(rows) * cell
    enlarged = cv2.resize(owned, size, interpolation=cv2.INTER_LINEAR)
    row, col = part[0] - first_row * cell, part[1] - first_col * cell
    return np.asarray(enlarged[row : row + part[2] - part[0], col : col + part[3] - part[1]])


def _shown(maps: Floats, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels that lie inside the photograph."""
    last_x, last_y = np.float32(shape[1] - 0.5), np.float32(shape[0] - 0.5)
    x, y = maps[:, :, 0], maps[:, :, 1]
    return (x > -0.5) & (y > -0.5) & (x < last_x) & (y < last_y)


def render_coverage(
    placed: Sequence[PlacedField],
    ownership: Ownership,
    shape: tuple[int, int],
    *,
    strip_px: int = STRIP_PX,
) -> Iterator[NDArray[np.bool_]]:
    """Tell which pixels of the panorama a field reaches; no field is loaded.

    Parameters
    ----------
    placed, ownership, shape, strip_px
        As in `render_rows`.

    Yields
    ------
    ndarray of bool, shape (rows, width)
        From top to bottom; true where `render_labels` takes the code of a field.
    """
    for strip in _strips(shape, strip_px):
        covered = np.zeros((strip[2] - strip[0], strip[3] - strip[1]), dtype=np.bool_)
        for field in placed:
            part = _part(field, ownership, strip)
            if part is None:
                continue
            maps, _ = field.maps(part)
            weights = feather_weights(ownership, field.index, part) * _shown(maps, field.shape)
            covered[_inside(part, strip)] |= weights > _SMALLEST_WEIGHT
        yield covered


def render_labels(
    placed: Sequence[PlacedField],
    ownership: Ownership,
    shape: tuple[int, int],
    load: Callable[[int], Labels],
    *,
    unknown: int,
) -> Iterator[Labels]:
    """Join label images of the fields along the seams of the panorama.

    Parameters
    ----------
    placed, ownership, shape
        As in `render_rows`.
    load : callable
        Gives the label image of a field by index, uint8 (height, width), as large as the field.
    unknown : int
        Code where no field reaches.

    Yields
    ------
    ndarray of uint8, shape (rows, width)
        The code at the nearest pixel of the field that weighs most.
    """
    for strip in _strips(shape, STRIP_PX):
        size = strip[2] - strip[0], strip[3] - strip[1]
        codes = np.full(size, unknown, dtype=np.uint8)
        heaviest = np.full(size, _SMALLEST_WEIGHT, dtype=np.float32)
        for field in placed:
            part = _part(field, ownership, strip)
            if part is None:
                continue
            maps, _ = field.maps(part)
            weights = feather_weights(ownership, field.index, part) * _shown(maps, field.shape)
            where = _inside(part, strip)
            wins = weights > heaviest[where]
            if not wins.any():
                continue
            seen = read_photograph(load(field.index), maps, cv2.INTER_NEAREST)
            codes[where][wins] = seen[wins]
            heaviest[where][wins] = weights[wins]
        yield codes
