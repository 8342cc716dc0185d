"""The annotation of one photograph: strokes so far, and what follows from them for every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.annotation.disputes import nearest_seed
from petrography.annotation.ink import Before, Ink, Kind
from petrography.annotation.region import Region
from petrography.annotation.spreading import LeafLabels, spread
from petrography.annotation.strokes import Stroke, require_inside
from petrography.annotation.superpixels import Superpixels
from petrography.errors import NothingToUndoError
from petrography.images import Confidence, Labels
from petrography.minerals import UNLABELLED_CODE

__all__ = ["Annotation", "Origin"]

Leaves: TypeAlias = NDArray[np.int64]
CERTAIN = 255


class Origin(IntEnum):
    """Where the label of a pixel is from."""

    NONE = 0
    STROKE = 1
    PROPAGATED = 2


class Annotation:
    """Strokes on one photograph, and the labels that follow from them.

    Everything follows from the strokes in their order: how they were shared out among steps, and
    what was taken back in between, leaves no trace.

    Parameters
    ----------
    superpixels : Superpixels
        Of the photograph.

    Attributes
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 is not annotated.
    confidence : ndarray of uint8, shape (height, width)
        255 is certain, 0 not annotated.
    origin : ndarray of uint8, shape (height, width)
        `Origin` of each label.
    """

    def __init__(self, superpixels: Superpixels) -> None:
        self._superpixels = superpixels
        shape, count = superpixels.shape, superpixels.levels[-1]
        self.labels: Labels = np.full(shape, UNLABELLED_CODE, dtype=np.uint8)
        self.confidence: Confidence = np.zeros(shape, dtype=np.uint8)
        self.origin: NDArray[np.uint8] = np.zeros(shape, dtype=np.uint8)
        self._ink = Ink.on(superpixels.leaves, count)
        self._steps: list[list[Before]] = []
        self._of_leaf: LeafLabels = spread(superpixels, self._ink.seeds)
        self._boxes = _leaf_boxes(superpixels.leaves)
        self._disputes: dict[int, tuple[Leaves, Labels]] = {}

    @property
    def step_count(self) -> int:
        """How many steps there are to take back."""
        return len(self._steps)

    def draw(self, strokes: Sequence[Stroke]) -> Region:
        """Draw strokes, in one step.

        Parameters
        ----------
        strokes : sequence of Stroke
            In their order: later ones lie over earlier ones.

        Returns
        -------
        Region
            What changed lies in it; empty if nothing did.

        Raises
        ------
        InvalidParameterError
            If there are no strokes or too many, or a point is not on the image. Nothing is drawn
            then.
        """
        require_inside(strokes, self._superpixels.shape)
        step = [before for stroke in strokes for before in self._ink.draw(stroke)]
        self._steps.append(step)
        return self._update(step)

    def undo(self) -> Region:
        """Take the last step back.

        Returns
        -------
        Region
            What changed lies in it; empty if nothing did.

        Raises
        ------
        NothingToUndoError
            If there is no step.
        """
        if not self._steps:
            msg = "no step is left to take back: the annotation is as it began"
            raise NothingToUndoError(msg)
        step = self._steps.pop()
        for before in reversed(step):
            self._ink.restore(before)
        return self._update(step)

    def _update(self, step: Sequence[Before]) -> Region:
        """Label again what a change of ink reaches."""
        inked = self._ink.leaves_of(np.concatenate([before.pixels for before in step]))
        was, now = self._of_leaf, spread(self._superpixels, self._ink.seeds)
        self._of_leaf = now
        changed = (was.codes != now.codes) | (was.confidence != now.confidence)
        changed |= was.disputed != now.disputed
        changed[inked] = True
        self._settle_disputes(inked)
        return self._paint(Region.around(self._boxes[changed]))

    def _settle_disputes(self, inked: Leaves) -> None:
        for leaf in inked.tolist():
            self._disputes.pop(leaf, None)
        for leaf in inked[self._of_leaf.disputed[inked]].tolist():
            self._disputes[leaf] = self._settled(leaf)

    def _settled(self, leaf: int) -> tuple[Leaves, Labels]:
        """Pixels of a disputed leaf that nobody drew on, and the label of each."""
        row, column, row_end, column_end = self._boxes[leaf].tolist()
        box = slice(row, row_end), slice(column, column_end)
        inside = self._superpixels.leaves[box] == leaf
        kinds = self._ink.kinds[box]
        spreading = inside & ((kinds == Kind.SPREADING) | (kinds == Kind.ERASED))
        seeds = np.where(spreading, self._ink.codes[box].astype(np.int16), np.int16(-1))
        rows, columns = np.nonzero(inside)
        pixels = (rows + row) * self.labels.shape[1] + columns + column
        bare = kinds[inside] == Kind.NOTHING
        return pixels[bare], nearest_seed(inside, seeds)[bare]

    def _paint(self, region: Region) -> Region:
        """Write the labels of a region; what changed of it is returned."""
        if region.is_empty:
            return region
        box = region.slices
        before = [plane[box].copy() for plane in self._planes]
        leaves = self._superpixels.leaves[box]
        for plane, of_leaf in zip(self._planes, _planes_of(self._of_leaf), strict=True):
            plane[box] = of_leaf[leaves]
        self._paint_disputes(region)
        self._paint_ink(box)
        return _changed_part(region, before, [plane[box] for plane in self._planes])

    @property
    def _planes(self) -> tuple[Labels, Confidence, NDArray[np.uint8]]:
        return self.labels, self.confidence, self.origin

    def _paint_disputes(self, region: Region) -> None:
        for leaf, (pixels, codes) in self._disputes.items():
            if not _overlaps(self._boxes[leaf], region):
                continue
            erased = codes == UNLABELLED_CODE
            self.labels.ravel()[pixels] = codes
            of_leaf = self._of_leaf.confidence[leaf]
            self.confidence.ravel()[pixels] = np.where(erased, 0, of_leaf)
            self.origin.ravel()[pixels] = np.where(erased, Origin.NONE, Origin.PROPAGATED)

    def _paint_ink(self, box: tuple[slice, slice]) -> None:
        # Found in the flat array, which is twenty times as fast as in rows and columns.
        drawn = self._ink.kinds[box] != Kind.NOTHING
        rows, columns = np.divmod(np.flatnonzero(drawn), drawn.shape[1])
        codes = self._ink.codes[box][rows, columns]
        empty = codes == UNLABELLED_CODE
        self.labels[box][rows, columns] = codes
        self.confidence[box][rows, columns] = np.where(empty, 0, CERTAIN)
        self.origin[box][rows, columns] = np.where(empty, Origin.NONE, Origin.STROKE)


def _leaf_boxes(leaves: NDArray[np.int32]) -> NDArray[np.int32]:
    """First row and column of each leaf and those after its last, shape (number of leaves, 4)."""
    found = scipy.ndimage.find_objects(leaves + 1)
    ends = [(rows.start, columns.start, rows.stop, columns.stop) for rows, columns in found]
    return np.array(ends, dtype=np.int32)


def _planes_of(of_leaf: LeafLabels) -> tuple[Labels, Confidence, NDArray[np.uint8]]:
    """Label, confidence and origin of each leaf."""
    origin = np.where(of_leaf.codes == UNLABELLED_CODE, Origin.NONE, Origin.PROPAGATED)
    return of_leaf.codes, of_leaf.confidence, origin.astype(np.uint8)


def _overlaps(box: NDArray[np.int32], region: Region) -> bool:
    row, column, row_end, column_end = box.tolist()
    return bool(
        row < region.row + region.height
        and row_end > region.row
        and column < region.column + region.width
        and column_end > region.column
    )


def _changed_part(
    region: Region, before: Sequence[NDArray[np.uint8]], after: Sequence[NDArray[np.uint8]]
) -> Region:
    unlike = np.zeros((region.height, region.width), dtype=np.bool_)
    for one, other in zip(before, after, strict=True):
        unlike |= one != other
    rows, columns = np.flatnonzero(unlike.any(axis=1)), np.flatnonzero(unlike.any(axis=0))
    if not len(rows):
        return Region(0, 0, 0, 0)
    return Region(
        region.row + int(rows[0]),
        region.column + int(columns[0]),
        int(rows[-1] - rows[0]) + 1,
        int(columns[-1] - columns[0]) + 1,
    )
