"""Touching grains of one mineral, told apart by a watershed of the distance to the outline.

A connected component may be several grains that touch. Where they meet it is narrower than they
are, so the distance to the outline has a maximum in each of them. Maxima that rise less than a
tenth of the greatest distance above the saddle to a higher one are roughness (h-maxima); the
others are grains, and the watershed between them is where they are cut.

Components are worked on in crops, many of one size side by side, so that an image may come in
strips. A component wider or higher than the largest crop stays whole, and is counted.

References
----------
Soille 2003, *Morphological Image Analysis*, doi:10.1007/978-3-662-05088-0, ch. 6 (h-maxima) and
ch. 9 (watershed of the distance function).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import skimage
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.statistics.component_tracking import Indices
from petrography.statistics.grain_table import GrainTable

__all__ = ["LARGEST_CROP_PX", "MAXIMUM_FRACTION", "ParticleStream", "Particles"]

Levels = NDArray[np.uint16]

# Above it components are mostly a matrix that fills the space between others, which has no grains
# to be told apart; and a crop must fit beside the strips.
LARGEST_CROP_PX = 512
# Height h of a maximum over that of the highest one in the component.
MAXIMUM_FRACTION = 0.1

_SMALLEST_CELL_PX = 8
_BATCH_PX = 1_000_000
# Steps of a pixel in which maxima are compared: whole numbers are exact and quick, and the largest
# distance in a crop fits into 16 bits.
_LEVELS_PER_PX = 128
_SQUARE = np.ones((3, 3), dtype=np.uint8)
# Dilations between two looks whether anything changes.
_STEPS = 8


@dataclass(frozen=True)
class Particles:
    """Parts of the grains of a table.

    Attributes
    ----------
    grain : ndarray of int64, shape (n,)
        Number of the grain that each is a part of, ascending; a grain that is not divided is one
        part.
    area_px : ndarray of int64, shape (n,)
        Pixels; those of the parts of a grain sum to its area.
    too_large : ndarray of bool, shape (grains,)
        Whether a grain exceeds the largest crop and stays whole for that.
    """

    grain: Indices
    area_px: Indices
    too_large: NDArray[np.bool_]

    @property
    def ecd_px(self) -> NDArray[np.float64]:
        """Equivalent circle diameters."""
        return np.asarray(np.sqrt(self.area_px * (4.0 / np.pi)), dtype=np.float64)


class ParticleStream:
    """Accumulator of particles over strips of grain numbers, pushed from top to bottom.

    Parameters
    ----------
    grains : GrainTable
        The grains.
    largest_crop_px : int
        Components wider or higher stay whole.

    Examples
    --------
    >>> from petrography.statistics import measure_grains
    >>> row, column = np.mgrid[:40, :80]
    >>> discs = [(row - 20) ** 2 + (column - at) ** 2 <= 225 for at in (20, 46)]
    >>> grains = measure_grains(np.asarray(discs[0] | discs[1], dtype=np.uint8))
    >>> stream = ParticleStream(grains)
    >>> stream.add(grains.component_map)
    >>> len(grains), len(stream.finish().area_px)
    (1, 2)
    """

    def __init__(self, grains: GrainTable, *, largest_crop_px: int = LARGEST_CROP_PX) -> None:
        boxes = grains.bbox_px
        sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        self._grains = grains
        self._too_large = sides > largest_crop_px
        self._cells = 2 ** np.ceil(np.log2(np.maximum(sides, _SMALLEST_CELL_PX))).astype(np.int64)
        small = np.flatnonzero(~self._too_large)
        self._waiting = small[np.argsort(boxes[small, 2], kind="stable")]
        self._window = np.zeros((0, grains.shape_px[1]), dtype=np.uint32)
        self._first_row = 0
        self._crops: dict[int, list[tuple[int, NDArray[np.bool_]]]] = {}
        self._found: list[tuple[Indices, Indices]] = []

    def add(self, numbers: NDArray[np.uint32]) -> None:
        """Take the next rows of grain numbers.

        Parameters
        ----------
        numbers : ndarray of uint32, shape (rows, width)
            From `number_strips`, or the component map of `Grains`.
        """
        self._window = np.concatenate([self._window, numbers]) if len(self._window) else numbers
        end = self._first_row + len(self._window)
        boxes = self._grains.bbox_px
        complete = int(np.searchsorted(boxes[self._waiting, 2], end, side="right"))
        for index in self._waiting[:complete].tolist():
            self._crop(index, boxes[index])
        self._waiting = self._waiting[complete:]
        wanted = int(boxes[self._waiting, 0].min(initial=end))
        self._window = self._window[max(0, wanted - self._first_row) :].copy()
        self._first_row = max(wanted, self._first_row)

    def finish(self) -> Particles:
        """State that no more rows come and give the particles.

        Raises
        ------
        InvalidParameterError
            If rows are missing.
        """
        if len(self._waiting):
            msg = f"rows of grain numbers end at {self._first_row + len(self._window)}; wanted all"
            raise InvalidParameterError(msg)
        for cell in list(self._crops):
            self._divide(cell)
        whole = np.flatnonzero(self._too_large)
        self._found.append((whole, self._grains.area_px[whole]))
        index = np.concatenate([found[0] for found in self._found])
        area_px = np.concatenate([found[1] for found in self._found])
        order = np.argsort(index, kind="stable")
        return Particles(index[order] + 1, area_px[order], self._too_large)

    def _crop(self, index: int, box: Indices) -> None:
        first_row, first_column, end_row, end_column = box.tolist()
        rows = slice(first_row - self._first_row, end_row - self._first_row)
        mask = self._window[rows, first_column:end_column] == index + 1
        cell = int(self._cells[index])
        crops = self._crops.setdefault(cell, [])
        crops.append((index, mask))
        if len(crops) * cell**2 >= _BATCH_PX:
            self._divide(cell)

    def _divide(self, cell: int) -> None:
        crops = self._crops.pop(cell)
        index = np.array([one for one, _ in crops], dtype=np.int64)
        stack = np.zeros((len(crops), cell + 2, cell + 2), dtype=np.uint8)
        for place, (_, mask) in zip(stack, crops, strict=True):
            place[1 : mask.shape[0] + 1, 1 : mask.shape[1] + 1] = mask
        owner, area_px = _parts(stack)
        self._found.append((index[owner], area_px))


def _parts(stack: NDArray[np.uint8]) -> tuple[Indices, Indices]:
    """Divide masks, each with a frame of zeros: which mask each part is of, and its pixels."""
    count, side, _ = stack.shape
    levels = _distances(stack)
    domes = _domes(levels)
    amount, markers = cv2.connectedComponents(domes.reshape(count * side, side), connectivity=8)
    markers = markers.reshape(stack.shape)
    starts = np.flatnonzero(markers.ravel())
    of_marker = np.zeros(amount, dtype=np.int64)
    of_marker[markers.ravel()[starts]] = starts // side**2
    several = np.bincount(of_marker[1:], minlength=count) > 1
    area_px = np.count_nonzero(stack, axis=(1, 2))
    whole = np.flatnonzero(~several)
    if not several.any():
        return whole, area_px[whole]
    shape = (np.count_nonzero(several) * side, side)
    labels = skimage.segmentation.watershed(
        _heights(levels[several], markers[several] > 0).reshape(shape),
        markers[several].reshape(shape),
        connectivity=_SQUARE > 0,
        mask=stack[several].reshape(shape) > 0,
    )
    parts_px = np.bincount(labels.ravel(), minlength=amount)
    parts_px[0] = 0
    parts = np.flatnonzero(parts_px)
    return (
        np.concatenate([whole, of_marker[parts]]),
        np.concatenate([area_px[whole], parts_px[parts]]),
    )


def _heights(levels: Levels, is_marked: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Turn levels upside down, and set marked pixels of one level apart, row after row.

    The watershed takes equal pixels that wait from the beginning in an order that all images of a
    stack change, and a grain would be cut otherwise beside other grains.
    """
    places = levels.shape[1] * levels.shape[2]
    later = np.arange(places, 0, -1).reshape(levels.shape[1:]) - 1
    return np.asarray(-(levels * float(places) + np.where(is_marked, later, 0)))


def _distances(stack: NDArray[np.uint8]) -> Levels:
    """Distance of each pixel to the outline, in levels."""
    flat = stack.reshape(-1, stack.shape[2])
    distance = cv2.distanceTransform(flat, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # The last bit of OpenCV's roots depends on where in memory a row begins; squares of distances
    # are whole numbers.
    squared = np.rint(distance.astype(np.float64) ** 2)
    levels = np.rint(np.sqrt(squared) * _LEVELS_PER_PX).astype(np.uint16)
    return np.asarray(levels.reshape(stack.shape))


def _domes(levels: Levels) -> NDArray[np.uint8]:
    """Mark the pixels of each mask that belong to a maximum which is no roughness.

    What a dilation under the distances, started h below them, does not reach stands out; where it
    stands out by h, there is the top of such a maximum.
    """
    highest = levels.max(axis=(1, 2), keepdims=True)
    height = np.maximum(np.rint(MAXIMUM_FRACTION * highest), 1.0).astype(np.uint16)
    rest = levels - _dilated_under(np.maximum(levels, height) - height, levels)
    domes = (rest > 0).astype(np.uint8)
    tall = rest == height
    flat = (domes.shape[0] * domes.shape[1], domes.shape[2])
    amount, numbers = cv2.connectedComponents(domes.reshape(flat), connectivity=8)
    has_top = np.zeros(amount, dtype=np.uint8)
    has_top[numbers[tall.reshape(flat)]] = 1
    marked: NDArray[np.uint8] = has_top[numbers].reshape(domes.shape)
    return marked


def _dilated_under(below: Levels, ceiling: Levels) -> Levels:
    """Dilate each image of a stack again and again, never above its ceiling, until it stays."""
    result = below.copy()
    moving = np.arange(len(below))
    while len(moving):
        flat = (len(moving) * below.shape[1], below.shape[2])
        before, limit = result[moving].reshape(flat), ceiling[moving].reshape(flat)
        after = before
        for _ in range(_STEPS):
            after = np.minimum(cv2.dilate(after, _SQUARE), limit)
        result[moving] = after.reshape(len(moving), *below.shape[1:])
        changed = (after != before).reshape(len(moving), -1).any(axis=1)
        moving = moving[changed]
    return result
