"""Virtual comminution: what would be liberated if intact ore were broken to a size.

The section is cut into cells of the size x, as if cracks ran through the minerals regardless of
them; a mineral is liberated in a cell that it nearly fills. This is a *liberation potential of
intact ore*: real breakage follows grain boundaries in part, which liberates more, and a section
shows pieces as purer than they are in space, which overestimates liberation (Spencer & Sutherland
2000, Image Anal. Stereol. 19, 175-182).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError, LabelImageError
from petrography.images import Labels, require_labels
from petrography.minerals import UNLABELLED_CODE
from petrography.statistics.code_counts import code_counts
from petrography.statistics.share_classes import (
    CLASSES,
    KNOWN_CODES,
    Areas,
    area_by_class,
    area_by_share,
    columns_of,
    liberated_fraction,
)

__all__ = ["CellKind", "Comminution", "GridComminution", "comminute_grid", "comminute_voronoi"]

CellKind: TypeAlias = Literal["squares", "voronoi"]
# Pixels of each phase in rows of cells, shape (rows, cells), by code; one that is not there has none.
Planes: TypeAlias = dict[int, NDArray[Any]]

# Cells of fewer pixels are mostly boundary.
_FINEST_PX = 4
_BAND_ROWS = 256
# OpenCV counts in single precision, exact up to 2**24: so many columns of a band of finest cells.
_COUNTED_COLUMNS = 1 << 17
# Where more of the cells hold several phases, looking at all of them is as fast.
_FEW_MIXED_FRACTION = 0.25
_WIDTH = len(KNOWN_CODES) + 1


@dataclass(frozen=True, eq=False)
class Comminution:
    """Minerals by their shares of the cells of a series of sizes.

    Attributes
    ----------
    cells : {"squares", "voronoi"}
        Shape of the cells.
    codes : tuple of int
        Phases that occur in cells, in rising order.
    sizes_px : tuple of int
        Sides of squares, or square roots of the mean area of other cells, in rising order.
    cell_counts : tuple of int
        Cells of each size; those that the edge of the image cuts, and those of which less than half
        is annotated, are left out.
    by_class_px : ndarray of int64, shape (sizes, n, CLASSES)
        Area of each phase in cells of each class of its share.
    """

    cells: CellKind
    codes: tuple[int, ...]
    sizes_px: tuple[int, ...]
    cell_counts: tuple[int, ...]
    by_class_px: Areas

    def liberated_fraction(self, percent: int) -> NDArray[np.float64]:
        """Share of each phase in cells that hold at least so much of it, shape (sizes, n)."""
        return liberated_fraction(self.by_class_px, percent)

    def liberation_size_px(
        self, percent: int = 90, wanted_fraction: float = 0.8
    ) -> tuple[float | None, ...]:
        """Size to which the ore must be broken so that a share of each phase is liberated.

        Interpolated on the logarithm of the size where the share first falls below the wanted one;
        None where it is below from the finest size on, or not below up to the coarsest.
        """
        liberated = self.liberated_fraction(percent)
        return tuple(_crossing(self.sizes_px, each, wanted_fraction) for each in liberated.T)


def _crossing(
    sizes_px: tuple[int, ...], shares: NDArray[np.float64], wanted: float
) -> float | None:
    below = np.flatnonzero(shares < wanted)
    if len(below) == 0 or below[0] == 0:
        return None
    k = int(below[0])
    part = (shares[k - 1] - wanted) / (shares[k - 1] - shares[k])
    low, high = math.log(sizes_px[k - 1]), math.log(sizes_px[k])
    return math.exp(low + float(part) * (high - low))


class _Level:
    """Cells of one size; four of them make a cell of the next."""

    def __init__(self, size_px: int) -> None:
        self.size_px = size_px
        self.cells = 0
        self.by_class_px = np.zeros((len(KNOWN_CODES), CLASSES), dtype=np.int64)
        self._waiting: Planes = {}

    def add(self, planes: Planes) -> Planes:
        """Add rows of cells; give the rows of the next size that they complete."""
        whole_px = _total(planes)
        kept = 2 * whole_px >= self.size_px**2
        self.cells += int(np.count_nonzero(kept))
        for code, plane in planes.items():
            found = _sorted_by_share(plane, whole_px, kept)
            self.by_class_px[KNOWN_CODES.index(code)] += found
        planes = _below(self._waiting, planes)
        rows = len(next(iter(planes.values()))) // 2 * 2
        self._waiting = {code: plane[rows:] for code, plane in planes.items()}
        # A cell of the next size has four times as many pixels.
        kind = np.uint16 if 4 * self.size_px**2 < 1 << 16 else np.int64
        return {code: _fours(plane[:rows], kind) for code, plane in planes.items()}


def _below(upper: Planes, lower: Planes) -> Planes:
    """Lay rows of cells below others; a phase that one of them lacks has no pixel there."""
    if not upper:
        return lower
    above, below = (np.zeros_like(next(iter(each.values()))) for each in (upper, lower))
    return {
        code: np.concatenate([upper.get(code, above), lower.get(code, below)])
        for code in upper | lower
    }


def _fours(plane: NDArray[np.integer], kind: type[np.integer]) -> NDArray[np.integer]:
    """Sums over squares of 2 x 2 cells; the last column of an odd number is left out."""
    width = plane.shape[1] // 2 * 2
    pairs = plane[::2, :width].astype(kind) + plane[1::2, :width]
    return np.asarray(pairs[:, ::2] + pairs[:, 1::2])


def _total(planes: Planes) -> NDArray[Any]:
    """Pixels of all phases in each cell, twice of which the type of the planes holds."""
    first, *others = planes.values()
    total = first.copy()
    for plane in others:
        total += plane
    return total


def _sorted_by_share(plane: NDArray[Any], whole_px: NDArray[Any], kept: NDArray[np.bool_]) -> Areas:
    """Area of one phase by its share of the cells that are kept, shape (CLASSES,)."""
    if plane.dtype == np.uint8:
        return _sorted_finest(plane, whole_px, kept.view(np.uint8))
    inside = kept & (plane > 0)
    return area_by_share(plane[inside].astype(np.int64), whole_px[inside].astype(np.int64))


def _sorted_finest(
    plane: NDArray[np.uint8], whole_px: NDArray[np.uint8], kept: NDArray[np.uint8]
) -> Areas:
    """Sort the finest cells, of which few kinds exist and very many: each kind is counted."""
    kinds = _FINEST_PX**2 + 1
    count = np.zeros(kinds**2, dtype=np.int64)
    for left in range(0, plane.shape[1], _COUNTED_COLUMNS):
        columns = slice(left, left + _COUNTED_COLUMNS)
        planes = [np.ascontiguousarray(one[:, columns]) for one in (plane, whole_px, kept)]
        ranges = [0, kinds, 0, kinds]
        found = cv2.calcHist(planes[:2], [0, 1], planes[2], [kinds, kinds], ranges)
        count += np.asarray(found, dtype=np.int64).ravel()
    area_px, all_px = np.divmod(np.arange(kinds**2), kinds)
    return area_by_share(area_px, all_px, count)


class GridComminution:
    """Breaks label strips into squares as they are pushed from top to bottom.

    Sizes double from 4 px on; memory grows with the width only.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the whole image.

    Raises
    ------
    InvalidParameterError
        If a side is below 1.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        if min(shape) < 1:
            msg = f"the shape is {shape}; wanted sides of at least 1 px"
            raise InvalidParameterError(msg)
        self._shape = shape
        doublings = max(0, int(math.log2(max(1.0, min(shape) / (2 * _FINEST_PX)))))
        self._levels = [_Level(_FINEST_PX * 2**k) for k in range(doublings + 1)]
        self._rest = np.zeros((0, shape[1]), dtype=np.uint8)
        self._rows = 0

    def add(self, strip: Labels) -> None:
        """Push the next rows, shape (rows, width).

        Raises
        ------
        LabelImageError
            If the strip has another width, more rows than announced are pushed, or a code names no
            mineral.
        """
        require_labels(strip)
        self._rows += len(strip)
        if strip.shape[1] != self._shape[1] or self._rows > self._shape[0]:
            msg = f"a strip {strip.shape} up to row {self._rows}; wanted {self._shape} in all"
            raise LabelImageError(msg)
        for top in range(0, len(strip), _BAND_ROWS):
            band = np.concatenate([self._rest, strip[top : top + _BAND_ROWS]])
            rows = len(band) // _FINEST_PX * _FINEST_PX
            self._rest = band[rows:]
            if rows:
                self._push(_finest_cells(band[:rows]))

    def finish(self) -> Comminution:
        """Sum up.

        Raises
        ------
        LabelImageError
            If fewer rows than announced were pushed.
        """
        if self._rows != self._shape[0]:
            msg = f"{self._rows} rows were pushed; wanted {self._shape[0]}"
            raise LabelImageError(msg)
        return _comminution("squares", [(x.size_px, x.cells, x.by_class_px) for x in self._levels])

    def _push(self, planes: Planes) -> None:
        for level in self._levels:
            if not planes or next(iter(planes.values())).size == 0:
                return
            planes = level.add(planes)


def _finest_cells(labels: Labels) -> Planes:
    """Pixels of each phase in the finest cells, shape (rows, cells)."""
    inside = labels[:, : labels.shape[1] // _FINEST_PX * _FINEST_PX]
    lowest, is_mixed = _mixed_cells(inside)
    if np.count_nonzero(is_mixed) > _FEW_MIXED_FRACTION * is_mixed.size:
        return {code: _sums_of_sixteen(inside == code) for code in _annotated(labels)}
    place = np.flatnonzero(is_mixed)
    # Four columns as one word; what is mixed lies beside each other, as in a narrow band.
    words = np.ascontiguousarray(inside).view(np.uint32)
    rows = [words[k::_FINEST_PX].ravel()[place] for k in range(_FINEST_PX)]
    mixed = np.stack(rows).view(np.uint8)
    planes = {}
    for code in _annotated(lowest, mixed, labels[:, inside.shape[1] :]):
        planes[code] = (lowest == code).view(np.uint8) * np.uint8(_FINEST_PX**2)
        planes[code].ravel()[place] = _sums_of_sixteen(mixed == code)[0]
    return planes


def _mixed_cells(labels: Labels) -> tuple[Labels, NDArray[np.bool_]]:
    """The lowest code of the first column of each finest cell, and where that is not its only one."""
    rows = [labels[k::_FINEST_PX] for k in range(_FINEST_PX)]
    lowest, highest = functools.reduce(np.minimum, rows), functools.reduce(np.maximum, rows)
    first = np.ascontiguousarray(lowest[:, ::_FINEST_PX])
    # Four columns as one word: all of a cell is one phase where both words repeat its first byte.
    of_one_phase = first.astype(np.uint32) * np.uint32(0x01010101)
    is_mixed = lowest.view(np.uint32) != of_one_phase
    is_mixed |= highest.view(np.uint32) != of_one_phase
    return first, is_mixed


def _annotated(*labels: Labels) -> list[int]:
    """Phases that occur; without any, rows of cells still count as rows."""
    counts = sum((code_counts(some) for some in labels), np.zeros(256, dtype=np.int64))
    codes = np.flatnonzero(counts).astype(np.uint8)
    columns_of(codes)
    return codes[codes != UNLABELLED_CODE].tolist() or [0]


def _sums_of_sixteen(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Count what is set in squares of 4 x 4 pixels."""
    ones = mask.view(np.uint8)
    columns = ones[::4] + ones[1::4] + ones[2::4] + ones[3::4]
    # A product with 0x01010101 gathers the sum of the four bytes of a word in its highest one.
    sums = (columns.view(np.uint32) * np.uint32(0x01010101)) >> np.uint32(24)
    return np.asarray(sums, dtype=np.uint8)


def _comminution(cells: CellKind, levels: list[tuple[int, int, Areas]]) -> Comminution:
    filled = [level for level in levels if level[1] > 0]
    table = np.zeros((len(filled), _WIDTH - 1, CLASSES), dtype=np.int64)
    for place, (_, _, by_class_px) in enumerate(filled):
        table[place] = by_class_px
    order = [k for k in range(len(KNOWN_CODES)) if table[:, k].any()]
    return Comminution(
        cells=cells,
        codes=tuple(KNOWN_CODES[k] for k in order),
        sizes_px=tuple(size_px for size_px, _, _ in filled),
        cell_counts=tuple(count for _, count, _ in filled),
        by_class_px=table[:, order],
    )


def comminute_grid(labels: Labels) -> Comminution:
    """Break a label image into squares of 4, 8, 16, ... px, up to half its shorter side.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 not annotated.

    Returns
    -------
    Comminution
        The liberation potential.

    Raises
    ------
    LabelImageError
        If the array is no label image or a code names no mineral.

    Examples
    --------
    >>> labels = np.zeros((64, 64), dtype=np.uint8)
    >>> labels[:32] = 1
    >>> broken = comminute_grid(labels)
    >>> broken.sizes_px, broken.liberated_fraction(90)[:, 1].tolist()
    ((4, 8, 16, 32), [1.0, 1.0, 1.0, 1.0])
    """
    height, width = require_labels(labels).shape
    grid = GridComminution((height, width))
    grid.add(labels)
    return grid.finish()


def comminute_voronoi(labels: Labels, *, seed: int = 0) -> Comminution:
    """Break a label image into the cells of random points, of the same sizes as `comminute_grid`.

    A pixel belongs to the nearest of as many independent random points as give the mean area of a
    square; distances are those of a chamfer mask of 5 x 5 px, right to 2 %.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 not annotated. The whole image is in memory.
    seed : int
        Of the random points.

    Returns
    -------
    Comminution
        The liberation potential.

    Raises
    ------
    LabelImageError
        If the array is no label image or a code names no mineral.
    """
    columns = columns_of(require_labels(labels))
    rng = np.random.default_rng(seed)
    levels = []
    size_px = _FINEST_PX
    while size_px <= max(_FINEST_PX, min(labels.shape) // 2):
        cells = _voronoi_cells((labels.shape[0], labels.shape[1]), size_px, rng)
        levels.append((size_px, *_inner_cells(columns, cells)))
        size_px *= 2
    return _comminution("voronoi", levels)


def _voronoi_cells(
    shape: tuple[int, int], size_px: int, rng: np.random.Generator
) -> NDArray[np.int32]:
    points = rng.integers(0, shape, size=(max(1, round(shape[0] * shape[1] / size_px**2)), 2))
    field = np.ones(shape, dtype=np.uint8)
    field[points[:, 0], points[:, 1]] = 0
    _, cells = cv2.distanceTransformWithLabels(
        field, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    return np.asarray(cells, dtype=np.int32)


def _inner_cells(columns: NDArray[np.uint8], cells: NDArray[np.int32]) -> tuple[int, Areas]:
    """Cells that the edge does not cut: how many, and areas by class."""
    count = int(cells.max()) + 1
    place = cells.astype(np.int64).ravel() * _WIDTH + columns.ravel()
    areas_px = np.bincount(place, minlength=count * _WIDTH).reshape(count, _WIDTH)
    cut = np.zeros(count, dtype=bool)
    for edge in (cells[0], cells[-1], cells[:, 0], cells[:, -1]):
        cut[edge] = True
    annotated, whole_px = areas_px[:, :-1], areas_px.sum(axis=1)
    inner = ~cut & (whole_px > 0) & (2 * annotated.sum(axis=1) >= whole_px)
    return int(np.count_nonzero(inner)), area_by_class(annotated[inner])
