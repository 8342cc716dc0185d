"""One annotation in memory: what follows from the entries of its record so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.annotation import Annotation, Region, Stroke, Superpixels
from petrography.errors import (
    ConflictError,
    DamagedResultError,
    InputError,
    NothingToUndoError,
)
from petrography.minerals import UNLABELLED_CODE
from petrography.statistics.code_counts import code_counts
from service.engine.annotations.bounds import ink_px, portions
from service.engine.annotations.documents import AnnotationDocument, Figures, StepEntry
from service.engine.annotations.record import standing

__all__ = ["MAX_RECORD_POINTS", "MAX_RECORD_STROKES", "Session"]

# Taken back or not: they are held in memory, at most some 200 MB of one annotation. Fifty times
# what a day of drawing needs.
MAX_RECORD_STROKES, MAX_RECORD_POINTS = 100_000, 1_000_000

Plane: TypeAlias = NDArray[np.uint8]
# Superpixels, labels, confidence, origin and strokes of a large photograph; of a small one, whose
# superpixels are finer, as much again.
_BYTES_PER_PX = 20
# Drawn one by one after a restart, so that each can be taken back without drawing all others anew.
_LAST_STEPS = 8
# What was there before, for the way back.
_BYTES_PER_INK_PX = 10
# A point is two floats and their tuple, and a stroke a model with its own fields.
_BYTES_PER_POINT, _BYTES_PER_STROKE = 120, 800


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
        # Entries so far, with their strokes and the points of these.
        self._counted = (0, 0, 0)

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
        stroke_count, point_count = self._held()
        of_record = point_count * _BYTES_PER_POINT + stroke_count * _BYTES_PER_STROKE
        of_ink = round(self.drawn_px * _BYTES_PER_INK_PX)
        return height_px * width_px * _BYTES_PER_PX + of_ink + of_record

    def require_room(self, strokes: Sequence[Stroke]) -> None:
        """Check that the record has room for the strokes of another step.

        Raises
        ------
        ConflictError
            If not.
        """
        stroke_count, point_count = self._held()
        for given, more, most, what in (
            (stroke_count, len(strokes), MAX_RECORD_STROKES, "strokes"),
            (point_count, _points_of(strokes), MAX_RECORD_POINTS, "points"),
        ):
            if given + more > most:
                msg = (
                    f"the record of annotation {self.begun.id} has {given} {what}, those taken back "
                    f"as well, and the step {more}; at most {most} are kept; wanted a new "
                    "annotation of the same photograph"
                )
                raise ConflictError(msg)

    def _held(self) -> tuple[int, int]:
        """Count strokes and points of the entries, each once, also for another thread."""
        counted, stroke_count, point_count = self._counted
        for entry in self.entries[counted:]:
            counted += 1
            stroke_count += len(entry.strokes)
            point_count += _points_of(entry.strokes)
        self._counted = (counted, stroke_count, point_count)
        return stroke_count, point_count

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
            Asked again and again; what it raises ends the work behind an entry of the record.

        Raises
        ------
        DamagedResultError
            If it cannot be done: the record is not as it was kept.
        """
        try:
            if len(entries) > _LAST_STEPS:
                self._draw_anew([*self.entries, *entries], go_on)
            else:
                for entry in entries:
                    go_on()
                    self._do(entry, go_on)
        except InputError as error:
            msg = f"a step of annotation {self.begun.id} cannot be drawn again: {error}"
            raise DamagedResultError(msg) from error

    def _do(self, entry: StepEntry, go_on: Callable[[], object]) -> None:
        if entry.takes_back is None:
            self.draw(entry.strokes)
            self.note(entry)
        else:
            self.take_back(entry, go_on)

    def _draw_anew(self, entries: list[StepEntry], go_on: Callable[[], object]) -> None:
        """Draw what stands of a record; but for the last few steps as few at a time as possible.

        The labels are those of steps that were drawn one after the other. Until all is drawn
        nothing changes.
        """
        drawn, left = Annotation(self.superpixels), standing(entries)
        earlier, last = left[:-_LAST_STEPS], left[-_LAST_STEPS:]
        strokes = [stroke for entry in earlier for stroke in entry.strokes]
        together = portions(strokes, self.begun.shape)
        for step in (*together, *(entry.strokes for entry in last)):
            go_on()
            drawn.draw(step)
        self.drawn, self.entries, self._standing, self._singly = drawn, entries, left, len(last)

    def draw(self, strokes: Sequence[Stroke], *, max_disputed: int | None = None) -> Region:
        """Draw a step that is no entry yet, and may be dropped again.

        Raises
        ------
        InvalidParameterError
            As `Annotation.draw`. Nothing is drawn then.
        """
        region = self.drawn.draw(strokes, max_disputed=max_disputed)
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

    def take_back(self, entry: StepEntry, go_on: Callable[[], object]) -> Region:
        """Do what an entry says that takes a step back.

        Parameters
        ----------
        entry : StepEntry
            Of the record already.
        go_on : callable
            As for `follow`.

        Returns
        -------
        Region
            What changed lies in it.
        """
        if self._singly and entry.takes_back == self._standing[-1].number:
            region = self.drop()
            self.entries.append(entry)
            self._standing.pop()
            return region
        before = self._planes
        self._draw_anew([*self.entries, entry], go_on)
        return Region.of_difference(before, self._planes)

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


def _points_of(strokes: Sequence[Stroke]) -> int:
    return sum(len(stroke.points) for stroke in strokes)
