"""Grains of a label image that arrives in strips, measured as they pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Labels
from petrography.statistics.annotated_frame import AnnotatedFrame
from petrography.statistics.component_sums import Least, Runs, Total, find_runs, window_totals
from petrography.statistics.component_tracking import ComponentTracker, Indices, TrackedBlock
from petrography.statistics.convex_hulls import (
    Chains,
    HullMeasures,
    join_chains,
    measure_hulls,
)
from petrography.statistics.grain_shapes import shapes_of
from petrography.statistics.grain_table import (
    MIN_GRAIN_AREA_PX,
    GrainTable,
    SmallComponents,
)
from petrography.statistics.intercepts import InterceptStream
from petrography.statistics.label_blocks import BlockCutter, block_rows

__all__ = ["GrainStream"]

# Sums of squares of coordinates stay below it, so they fit into 64 bits.
_LARGEST_SUM = 2**62


@dataclass(frozen=True)
class _Components:
    """What is known of components; columns of arrays belong together."""

    name: Indices
    code: NDArray[np.uint8]
    totals: Indices
    least: Indices
    left: Chains
    right: Chains

    def of(self, kept: NDArray[np.bool_]) -> _Components:
        return _Components(
            self.name[kept],
            self.code[kept],
            self.totals[:, kept],
            self.least[:, kept],
            self.left.of(kept),
            self.right.of(kept),
        )


@dataclass(frozen=True)
class _Closed:
    """Grains that are complete, hulls measured."""

    name: Indices
    code: NDArray[np.uint8]
    totals: Indices
    least: Indices
    hulls: NDArray[np.float64]


class GrainStream:
    """Accumulator of grains over label strips, pushed from top to bottom.

    The result is exactly the same for every height of the strips, and that of the whole image.
    What is kept follows the width of the image and the number of grains.

    Parameters
    ----------
    shape : tuple of int
        (height, width) of the label image, each at least 1.
    min_area_px : int
        Smallest area of a grain, at least 1.
    rows : int, optional
        Rows of the blocks in which the work is done; it changes no result but the time.
    names : ndarray of uint32, shape `shape`, optional
        Receives one more than the name of the component at each pixel, 0 outside components: with
        `GrainTable.number_of_name` the number of each pixel's grain.

    Raises
    ------
    InvalidParameterError
        If `min_area_px` is below 1, or a side is so long (about 3 million px) that sums of squared
        coordinates do not fit into 64 bits.

    Examples
    --------
    >>> labels = np.zeros((32, 32), dtype=np.uint8)
    >>> labels[5:15, 8:18] = 1
    >>> stream = GrainStream(labels.shape)
    >>> for row in range(0, 32, 4):
    ...     stream.add(labels[row : row + 4])
    >>> stream.finish().area_px.tolist()
    [100]
    """

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        min_area_px: int = MIN_GRAIN_AREA_PX,
        rows: int | None = None,
        names: NDArray[np.uint32] | None = None,
    ) -> None:
        _require_sums_to_fit(shape)
        if min_area_px < 1:
            msg = f"min_area_px is {min_area_px}; wanted a whole number of pixels, at least 1"
            raise InvalidParameterError(msg)
        self._shape, self._min_area_px = shape, min_area_px
        self._rows = rows or block_rows(shape[1])
        self._cutter = BlockCutter(shape, self._rows)
        self._tracker = ComponentTracker(shape)
        self._intercepts = InterceptStream()
        self._frame = AnnotatedFrame(shape[1])
        self._names = names
        self._open: _Components | None = None
        self._closed: list[_Closed] = []
        self._small = np.zeros((2, 256), dtype=np.int64)

    def add(self, strip: Labels) -> None:
        """Take the next rows.

        Parameters
        ----------
        strip : ndarray of uint8, shape (rows, width)
            Mineral codes, any number of rows.

        Raises
        ------
        LabelImageError
            If dtype or width are others, or more rows come than the image has.
        """
        for block in self._cutter.add(strip):
            self._intercepts.add(block)
            self._frame.add(block)
            self._measure(self._tracker.track(block))

    def finish(self) -> GrainTable:
        """State that no more rows come and give the table.

        Raises
        ------
        LabelImageError
            If rows are missing.
        """
        self._cutter.finish()
        name, code, totals, least, hulls = self._all_closed()
        order = np.argsort(least[Least.FIRST_PIXEL])
        totals, least = totals[:, order], least[:, order]
        roots = self._tracker.roots()
        number = np.zeros(len(roots), dtype=np.uint32)
        number[name[order]] = np.arange(1, len(order) + 1)
        bbox_px = _boxes(least)
        return GrainTable(
            shape_px=self._shape,
            frame_px=self._frame.finish(),
            code=code[order],
            area_px=totals[Total.AREA],
            centroid_px=_centroids(totals, self._shape),
            bbox_px=bbox_px,
            touches_edge=_touches_edge(bbox_px, self._shape) | (least[Least.MINUS_IS_CUT] < 0),
            shapes=shapes_of(totals, HullMeasures(*hulls[:, order])),
            min_area_px=self._min_area_px,
            small=self._small_components(),
            intercepts=self._intercepts.finish(),
            block_rows=self._rows,
            number_of_name=number[roots],
        )

    def _measure(self, block: TrackedBlock) -> None:
        if self._names is not None:
            _write_names(self._names, block)
        components = _joined(block, self._open, self._shape)
        if components is None:
            self._open = None
            return
        is_open = np.zeros(block.count, dtype=np.bool_)
        is_open[block.still_open] = True
        area_px = components.totals[Total.AREA]
        self._close(components.of(~is_open & (area_px >= self._min_area_px)))
        small = ~is_open & (area_px < self._min_area_px)
        np.add.at(self._small[0], components.code[small], 1)
        np.add.at(self._small[1], components.code[small], area_px[small])
        self._open = components.of(is_open)

    def _close(self, grains: _Components) -> None:
        hulls = measure_hulls(grains.left, grains.right, len(grains.name))
        columns = [
            hulls.area_px,
            hulls.feret_max_px,
            hulls.feret_min_px,
            hulls.rectangle_length_px,
            hulls.rectangle_width_px,
        ]
        self._closed.append(
            _Closed(grains.name, grains.code, grains.totals, grains.least, np.stack(columns))
        )

    def _all_closed(
        self,
    ) -> tuple[Indices, NDArray[np.uint8], Indices, Indices, NDArray[np.float64]]:
        closed = self._closed or [_closed_nothing()]
        return (
            np.concatenate([part.name for part in closed]),
            np.concatenate([part.code for part in closed]),
            np.concatenate([part.totals for part in closed], axis=1),
            np.concatenate([part.least for part in closed], axis=1),
            np.concatenate([part.hulls for part in closed], axis=1),
        )

    def _small_components(self) -> dict[int, SmallComponents]:
        count, area_px = self._small.tolist()
        return {
            code: SmallComponents(count[code], area_px[code]) for code in range(256) if count[code]
        }


def _write_names(names: NDArray[np.uint32], block: TrackedBlock) -> None:
    # The last entry is that of number 0, whose component is -1.
    name = np.append(block.name + 1, 0).astype(np.uint32)[block.component_of]
    rows = slice(block.first_row, block.first_row + block.rows)
    np.take(name, block.numbers[1 : block.rows + 1, 1:-1], out=names[rows], mode="clip")


def _joined(
    block: TrackedBlock, before: _Components | None, shape: tuple[int, int]
) -> _Components | None:
    """All components that are open before the block or occur in it; None where there are none."""
    runs = find_runs(block)
    if block.count == 0:
        return None
    totals = np.zeros((len(Total), block.count), dtype=np.int64)
    totals[Total.AXIAL_CROSSINGS :] = window_totals(block)
    least = np.full((len(Least), block.count), np.iinfo(np.int64).max, dtype=np.int64)
    least[Least.MINUS_IS_CUT] = -block.is_cut.astype(np.int64)
    left: list[Chains] = []
    right: list[Chains] = []
    if before is not None:
        for row, values in zip(totals, before.totals, strict=True):
            np.add.at(row, block.owner, values)
        for row, values in zip(least, before.least, strict=True):
            np.minimum.at(row, block.owner, values)
        for side, chains in ((left, before.left), (right, before.right)):
            side.append(Chains(block.owner[chains.component], chains.row, chains.column))
    if runs is not None:
        totals[: Total.AXIAL_CROSSINGS, runs.occurring] += runs.totals(shape)
        places = least[: Least.MINUS_IS_CUT]
        places[:, runs.occurring] = np.minimum(places[:, runs.occurring], runs.least(shape[1]))
        _add_points(runs, left, right)
    return _Components(block.name, block.code, totals, least, join_chains(left), join_chains(right))


def _add_points(runs: Runs, left: list[Chains], right: list[Chains]) -> None:
    first, last = runs.outermost()
    left.append(Chains(runs.component[first], runs.row[first], runs.first[first]))
    right.append(Chains(runs.component[last], runs.row[last], -runs.last[last]))


def _closed_nothing() -> _Closed:
    return _Closed(
        np.zeros(0, dtype=np.int64),
        np.zeros(0, dtype=np.uint8),
        np.zeros((len(Total), 0), dtype=np.int64),
        np.zeros((len(Least), 0), dtype=np.int64),
        np.zeros((5, 0)),
    )


def _centroids(totals: Indices, shape: tuple[int, int]) -> NDArray[np.float64]:
    sums = totals[[Total.ROW, Total.COLUMN]] / totals[Total.AREA]
    middle = np.array([shape[0] // 2, shape[1] // 2])
    return np.asarray(sums.T + middle, dtype=np.float64)


def _boxes(least: Indices) -> Indices:
    first_row, first_column, minus_last_row, minus_last_column = least[
        Least.FIRST_ROW : Least.MINUS_IS_CUT
    ]
    return np.stack([first_row, first_column, 1 - minus_last_row, 1 - minus_last_column], axis=1)


def _touches_edge(bbox_px: Indices, shape: tuple[int, int]) -> NDArray[np.bool_]:
    starts, ends = bbox_px[:, :2], bbox_px[:, 2:]
    touches: NDArray[np.bool_] = (starts == 0).any(axis=1) | (ends == shape).any(axis=1)
    return touches


def _require_sums_to_fit(shape: tuple[int, int]) -> None:
    height, width = shape
    if height >= 1 and width >= 1 and height * width * max(shape) ** 2 // 12 < _LARGEST_SUM:
        return
    msg = (
        f"label image is {height} x {width} px; wanted sides of at least 1 px, and at most about "
        "3 million px for a line or 85 000 px for a square; cut it into parts"
    )
    raise InvalidParameterError(msg)
