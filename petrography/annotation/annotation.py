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
from petrography.errors import InvalidParameterError, NothingToUndoError
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
        shape = superpixels.shape
        self.labels: Labels = np.full(shape, UNLABELLED_CODE, dtype=np.uint8)
        self.confidence: Confidence = np.zeros(shape, dtype=np.uint8)
        self.origin: NDArray[np.uint8] = np.zeros(shape, dtype=np.uint8)
        self._boxes = _leaf_boxes(superpixels.leaves)
        self._ink = Ink.on(superpixels.leaves, self._boxes)
        self._steps: list[list[Before]] = []
        self._of_leaf: LeafLabels = spread(superpixels, self._ink.seeds)
        # Of the pixels of disputed leaves; what it says elsewhere is never looked at.
        self._settled = np.full_like(self.labels, UNLABELLED_CODE)

    @property
    def step_count(self) -> int:
        """How many steps there are to take back."""
        return len(self._steps)

    def draw(self, strokes: Sequence[Stroke], *, max_disputed: int | None = None) -> Region:
        """Draw strokes, in one step.

        Parameters
        ----------
        strokes : sequence of Stroke
            In their order: later ones lie over earlier ones.
        max_disputed : int, optional
            How many superpixels that the strokes touch may have strokes of several labels, before
            or after: their pixels are told apart one by one.

        Returns
        -------
        Region
            What changed lies in it; empty if nothing did.

        Raises
        ------
        InvalidParameterError
            If there are no strokes or too many, a point is not on the image, or too much is
            disputed. Nothing is drawn then.
        """
        require_inside(strokes, self._superpixels.shape)
        step = [before for stroke in strokes for before in self._ink.draw(stroke)]
        if max_disputed is not None:
            self._require_few_disputes(step, max_disputed)
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
        self._restore(step)
        return self._update(step)

    def _restore(self, step: Sequence[Before]) -> None:
        for before in reversed(step):
            self._ink.restore(before)

    def _require_few_disputes(self, step: Sequence[Before], most: int) -> None:
        inked = self._inked(step)
        # Those of before as well: taking the step back settles them again.
        disputed = self._of_leaf.disputed[inked]
        disputed |= np.count_nonzero(self._ink.seeds[inked], axis=1) > 1
        count = int(np.count_nonzero(disputed))
        if count > most:
            self._restore(step)
            msg = (
                f"the strokes of the step touch {count} superpixels that strokes of several labels "
                f"cross; at most {most} are taken in this step; wanted fewer or shorter strokes"
            )
            raise InvalidParameterError(msg)

    def _inked(self, step: Sequence[Before]) -> Leaves:
        return self._ink.leaves_of(np.concatenate([before.pixels for before in step]))

    def _update(self, step: Sequence[Before]) -> Region:
        """Label again what a change of ink reaches."""
        inked = self._inked(step)
        was, now = self._of_leaf, spread(self._superpixels, self._ink.seeds)
        self._of_leaf = now
        changed = (was.codes != now.codes) | (was.confidence != now.confidence)
        changed |= was.disputed != now.disputed
        changed[inked] = True
        for leaf in inked[now.disputed[inked]].tolist():
            self._settle(leaf)
        return self._paint(Region.around(self._boxes[changed]))

    def _settle(self, leaf: int) -> None:
        """Label the pixels of a disputed leaf, one by one."""
        row, column, row_end, column_end = self._boxes[leaf].tolist()
        box = slice(row, row_end), slice(column, column_end)
        inside = self._superpixels.leaves[box] == leaf
        kinds = self._ink.kinds[box]
        spreading = inside & ((kinds == Kind.SPREADING) | (kinds == Kind.ERASED))
        seeds = np.where(spreading, self._ink.codes[box].astype(np.int16), np.int16(-1))
        self._settled[box][inside] = nearest_seed(inside, seeds)

    def _paint(self, region: Region) -> Region:
        """Write the labels of a region; what changed of it is returned."""
        if region.is_empty:
            return region
        box = region.slices
        before = [plane[box].copy() for plane in self._planes]
        leaves = self._superpixels.leaves[box]
        for plane, of_leaf in zip(self._planes, _planes_of(self._of_leaf), strict=True):
            plane[box] = of_leaf[leaves]
        self._paint_disputes(box)
        self._paint_ink(box)
        after = [plane[box] for plane in self._planes]
        return Region.of_difference(before, after).within(region)

    @property
    def _planes(self) -> tuple[Labels, Confidence, NDArray[np.uint8]]:
        return self.labels, self.confidence, self.origin

    def _paint_disputes(self, box: tuple[slice, slice]) -> None:
        # Found in the flat array, as below.
        disputed = self._of_leaf.disputed[self._superpixels.leaves[box]]
        rows, columns = np.divmod(np.flatnonzero(disputed), disputed.shape[1])
        codes = self._settled[box][rows, columns]
        erased = codes == UNLABELLED_CODE
        self.labels[box][rows, columns] = codes
        self.confidence[box][rows[erased], columns[erased]] = 0
        self.origin[box][rows, columns] = np.where(erased, Origin.NONE, Origin.PROPAGATED)

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
