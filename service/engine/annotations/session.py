"""One annotation in memory: what follows from the entries of its record so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.annotation import MAX_STROKES, Annotation, Region, Stroke, Superpixels
from petrography.errors import (
    ConflictError,
    DamagedResultError,
    InputError,
    NothingToUndoError,
)
from petrography.minerals import UNLABELLED_CODE
from petrography.statistics.code_counts import code_counts
from service.engine.annotations.bounds import ink_px
from service.engine.annotations.documents import AnnotationDocument, Figures, StepEntry
from service.engine.annotations.record import standing

__all__ = ["Session"]

Plane: TypeAlias = NDArray[np.uint8]
# Superpixels, labels, confidence, origin and strokes of a large photograph; of a small one, whose
# superpixels are finer, as much again.
_BYTES_PER_PX = 20
# Drawn one by one after a restart, so that each can be taken back without drawing all others anew.
_LAST_STEPS = 8
# What was there before, for the way back.
_BYTES_PER_INK_PX = 10


class Session:
    """An annotation as it is after the last entry that was followed.

    Used by one thread at a time.

    Parameters
    ----------
    begun : AnnotationDocument
        As it was begun.
    superpixels : Superpixels
        Prepared from its photograph.
    """

    def __init__(self, begun: AnnotationDocument, superpixels: Superpixels) -> None:
        self.begun = begun
        self.superpixels = superpixels
        self.drawn = Annotation(superpixels)
        self.entries: list[StepEntry] = []
        self._standing: list[StepEntry] = []
        self._ink_px: dict[int, float] = {}
        # Steps that were drawn by themselves, and so can be taken back by themselves.
        self._singly = 0

    @property
    def drawn_px(self) -> float:
        """Ink of the steps that stand, see `service.engine.annotations.bounds`."""
        return sum(map(self._ink_of, self._standing))

    def _ink_of(self, entry: StepEntry) -> float:
        """Count the ink of a step once, also for who asks from another thread."""
        known = self._ink_px.get(entry.number)
        if known is None:
            known = self._ink_px[entry.number] = ink_px(entry.strokes, self.begun.shape)
        return known

    @property
    def size_bytes(self) -> int:
        """Memory that it takes, roughly."""
        height_px, width_px = self.begun.shape
        return height_px * width_px * _BYTES_PER_PX + round(self.drawn_px * _BYTES_PER_INK_PX)

    @property
    def state(self) -> int:
        """Entries so far: another number wherever labels may be others."""
        return len(self.entries)

    def follow(self, entries: Sequence[StepEntry], go_on: Callable[[], object]) -> None:
        """Do what others have done.

        Parameters
        ----------
        entries : sequence of StepEntry
            Behind the last one.
        go_on : callable
            Asked before the work; what it raises leaves all as it was.

        Raises
        ------
        DamagedResultError
            If it cannot be done: the record is not as it was kept.
        """
        if not entries:
            return
        go_on()
        self.entries += entries
        try:
            if len(entries) == 1 and entries[0].takes_back is None:
                self.draw(entries[0].strokes)
                self._standing += entries
            else:
                self._standing = standing(self.entries)
                self._draw_anew()
        except InputError as error:
            msg = f"a step of annotation {self.begun.id} cannot be drawn again: {error}"
            raise DamagedResultError(msg) from error

    def _draw_anew(self) -> None:
        """Draw all steps that stand; but for the last few as few at a time as possible.

        The labels are those of steps that were drawn one after the other.
        """
        self.drawn, self._singly = Annotation(self.superpixels), 0
        earlier, last = self._standing[:-_LAST_STEPS], self._standing[-_LAST_STEPS:]
        strokes = [stroke for entry in earlier for stroke in entry.strokes]
        for first in range(0, len(strokes), MAX_STROKES):
            self.drawn.draw(strokes[first : first + MAX_STROKES])
        for entry in last:
            self.draw(entry.strokes)

    def draw(self, strokes: Sequence[Stroke]) -> Region:
        """Draw a step that is no entry yet, and may be dropped again.

        Raises
        ------
        InvalidParameterError
            If a point is not on the image. Nothing is drawn then.
        """
        region = self.drawn.draw(strokes)
        self._singly += 1
        return region

    def drop(self) -> Region:
        """Drop the step that was just drawn."""
        self._singly -= 1
        return self.drawn.undo()

    def note(self, entry: StepEntry) -> None:
        """Take the step that was just drawn for an entry of the record."""
        self.entries.append(entry)
        self._standing.append(entry)

    def take_back(self, entry: StepEntry) -> Region:
        """Do what an entry says that takes the last step back.

        Returns
        -------
        Region
            What changed lies in it.
        """
        self.entries.append(entry)
        self._standing.pop()
        if self._singly:
            return self.drop()
        before = self._planes
        self._draw_anew()
        return _difference(before, self._planes)

    @property
    def _planes(self) -> tuple[Plane, Plane, Plane]:
        return self.drawn.labels, self.drawn.confidence, self.drawn.origin

    def require_last(self, number: int) -> None:
        """Check that a step is the last one that stands.

        Raises
        ------
        NothingToUndoError
            If none stands.
        ConflictError
            If another one is.
        """
        if not self._standing:
            msg = f"step {number} cannot be taken back: no step of the annotation stands"
            raise NothingToUndoError(msg)
        last = self._standing[-1].number
        if number != last:
            msg = f"step {number} cannot be taken back: only the last step that stands can, {last}"
            raise ConflictError(msg)

    def figures(self) -> Figures:
        """Tell how far it is."""
        counts = code_counts(self.drawn.labels)
        labelled = int(counts.sum() - counts[UNLABELLED_CODE])
        shares = {
            code: int(count) / labelled
            for code, count in enumerate(counts)
            if count and code != UNLABELLED_CODE
        }
        return Figures(
            steps=len(self._standing),
            last_step=self._standing[-1].number if self._standing else None,
            annotated_fraction=labelled / int(counts.sum()),
            area_fraction=shares,
        )


def _difference(before: Sequence[Plane], after: Sequence[Plane]) -> Region:
    """Smallest rectangle around what is different."""
    unlike = np.zeros(before[0].shape, dtype=np.bool_)
    for one, other in zip(before, after, strict=True):
        unlike |= one != other
    rows, columns = np.flatnonzero(unlike.any(axis=1)), np.flatnonzero(unlike.any(axis=0))
    if not len(rows):
        return Region(0, 0, 0, 0)
    return Region(
        int(rows[0]),
        int(columns[0]),
        int(rows[-1] - rows[0]) + 1,
        int(columns[-1] - columns[0]) + 1,
    )
