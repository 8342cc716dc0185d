"""Who owns which part of the panorama: seams run where two fields look the most alike.

Fields are added one after the other, from the middle outwards. Where a field overlaps what is
there, a graph cut finds the line on which both differ least in colour and gradient. This is done
on cells of a few pixels, which is also how wide the feather will be.

References
----------
Kwatra et al. 2003, doi:10.1145/882262.882264 (graph-cut seams).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.images import Image
from petrography.stitching.fields import Survey
from petrography.stitching.mosaic import Box, PlacedField, read_photograph

__all__ = ["NOBODY", "Ownership", "find_seams"]

NOBODY = -1
# The feather is one cell wide; wider than 16 px it would show double contours.
LARGEST_CELL_PX = 16
_MARGIN_CELLS = 2

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ownership:
    """Which field each cell of the panorama is taken from.

    Attributes
    ----------
    cell_px : int
        Side of a cell in pixels of the panorama.
    owners : ndarray of int32, shape (rows, columns)
        Index of the field, `NOBODY` where none reaches.
    picture : ndarray of uint8, shape (rows, columns, 3)
        The panorama, one pixel for each cell.
    """

    cell_px: int
    owners: NDArray[np.int32]
    picture: Image

    @property
    def seams(self) -> Mask:
        """Cells whose upper or left neighbour is taken from another field."""
        owners = self.owners
        crossed = np.zeros(owners.shape, dtype=bool)
        for here, before in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
            both = (owners[here] != NOBODY) & (owners[before] != NOBODY)
            crossed[here] |= both & (owners[here] != owners[before])
        return crossed


def find_seams(
    placed: Sequence[PlacedField], surveys: Sequence[Survey], shape: tuple[int, int]
) -> Ownership:
    """Divide the panorama among its fields.

    Parameters
    ----------
    placed : sequence of PlacedField
        The fields of the panorama.
    surveys : sequence of Survey
        Of all fields.
    shape : tuple of int
        (height, width) of the panorama.

    Returns
    -------
    Ownership
        Every cell whose centre any field shows has an owner.
    """
    cell_px = _cell_px(placed, surveys)
    rows, cols = (-(-side // cell_px) for side in shape)
    canvas = np.zeros((rows, cols, 3), dtype=np.uint8)
    owners = np.full((rows, cols), NOBODY, dtype=np.int32)
    for field in _from_the_middle(placed, shape):
        _add(field, surveys[field.index], cell_px, canvas, owners)
    return Ownership(cell_px, owners, canvas)


def _cell_px(placed: Sequence[PlacedField], surveys: Sequence[Survey]) -> int:
    factors = [surveys[field.index].colour_reduction.factor_x for field in placed]
    # No finer than the copies on which fields are compared.
    return min(LARGEST_CELL_PX, max(1, math.ceil(1.0 / min(factors))))


def _from_the_middle(placed: Sequence[PlacedField], shape: tuple[int, int]) -> list[PlacedField]:
    def distance(field: PlacedField) -> tuple[float, int]:
        top, left, bottom, right = field.box
        offset = (top + bottom - shape[0]) / 2, (left + right - shape[1]) / 2
        return math.hypot(*offset), field.index

    return sorted(placed, key=distance)


def _add(
    field: PlacedField,
    survey: Survey,
    cell_px: int,
    canvas: Image,
    owners: NDArray[np.int32],
) -> None:
    top, left, bottom, right = field.box
    box = (
        max(0, top // cell_px - _MARGIN_CELLS),
        max(0, left // cell_px - _MARGIN_CELLS),
        min(owners.shape[0], bottom // cell_px + 1 + _MARGIN_CELLS),
        min(owners.shape[1], right // cell_px + 1 + _MARGIN_CELLS),
    )
    where = np.s_[box[0] : box[2], box[1] : box[3]]
    seen, shows = _on_cells(field, survey, cell_px, box)
    taken = _taken(canvas[where], owners[where] != NOBODY, seen, shows)
    canvas[where][taken] = seen[taken]
    owners[where][taken] = field.index


def _on_cells(field: PlacedField, survey: Survey, cell_px: int, box: Box) -> tuple[Image, Mask]:
    """The field as it looks on the cells of a box, and which of them it shows."""
    places, factors = field.maps(box, cell_px)
    last = np.array([field.shape[1] - 1, field.shape[0] - 1], dtype=np.float32)
    shows = np.all((places >= 0) & (places <= last), axis=2)
    on_copy = survey.colour_reduction.to_reduced(places).astype(np.float32)
    levels = read_photograph(survey.colour, on_copy, cv2.INTER_LINEAR)
    return np.clip(np.rint(levels * factors), 0, 255).astype(np.uint8), np.asarray(shows)


def _taken(there: Image, covered: Mask, seen: Image, shows: Mask) -> Mask:
    """Cells that the new field takes over from what is there."""
    both = covered & shows
    if not both.any():
        return shows
    # A seam keeps off the rim of either image, so that the feather finds pixels on both sides.
    new = _without_rim(shows) | (shows & ~covered)
    old = _without_rim(covered) | (covered & ~new)
    if not (old & ~new).any():
        return new & ~old
    # The types of OpenCV ask for its own matrices; it takes arrays.
    finder: Any = cv2.detail.GraphCutSeamFinder("COST_COLOR_GRAD")
    images = [there.astype(np.float32), seen.astype(np.float32)]
    masks = [mask.astype(np.uint8) * 255 for mask in (old, new)]
    _, kept = finder.find(images, [(0, 0), (0, 0)], masks)
    return np.asarray(kept.get() > 0) & shows


def _without_rim(mask: Mask) -> Mask:
    eroded = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), dtype=np.uint8), borderValue=0)
    return np.asarray(eroded > 0)
