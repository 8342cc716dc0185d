"""Accuracy of a model on whole fields, seen the way the service sees them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.accuracy import (
    Confusion,
    NearestColour,
    RankCounts,
    SetMetrics,
    Tally,
    confusion_matrix,
    measure_set,
    tally_image,
)
from petrography.channels import RGB_CHANNELS, colours_or_bands
from petrography.images import Labels, resample_image
from petrography.minerals import ASSOCIATIONS, class_index_table, mineral
from petrography.model_card import Evaluation, ImageScores, TileGeometry
from petrography.segmentation import Predictor, Segmentation, segment
from training.lumenstone import Field

__all__ = [
    "BORDER_PX",
    "EvaluatedModel",
    "OnSeen",
    "evaluate_fields",
    "evaluation_of",
    "measure_fields",
    "pooled_confusion",
]

Mode: TypeAlias = Literal["given", "open"]
# Called with a field, whether its association was given, and the map of the model.
OnSeen: TypeAlias = Callable[[Field, Mode, Segmentation], None]

# Annotators agree to two or three pixels, even at half of LumenStone's pixel.
BORDER_PX = 3
_ROWS_AT_ONCE = 32


@dataclass(frozen=True)
class EvaluatedModel:
    """What must be known of a model to try it on fields.

    Attributes
    ----------
    predictor_for : callable
        From the codes that may occur to a `petrography.segmentation.Predictor`.
    classes : tuple of int
        Codes of the outputs.
    geometry : TileGeometry
        How images are cut.
    resampling_factor : float
        Model pixels per pixel of the field; labels are judged at the pixel of the field.
    channels : tuple of str
        Names of the channels of the fields.
    """

    predictor_for: Callable[[Sequence[int]], Predictor]
    classes: tuple[int, ...]
    geometry: TileGeometry
    resampling_factor: float = 1.0
    channels: tuple[str, ...] = RGB_CHANNELS

    def predict(self, field: Field, allowed: Sequence[int]) -> Labels:
        """Segment a field; returns codes, uint8 of the field's shape."""
        return self.see(field, allowed).labels

    def see(
        self, field: Field, allowed: Sequence[int], ranks: RankCounts | None = None
    ) -> Segmentation:
        """Segment a field, and add the ranks of its probabilities to `ranks`."""
        watch = None if ranks is None else _RankWatch(field.truth, self.classes, ranks)
        seen = segment(
            resample_image(field.image, self.resampling_factor),
            self.predictor_for(allowed),
            geometry=self.geometry,
            codes=self.classes,
            output_shape=field.truth.shape,
            on_probabilities=None if watch is None else watch.add,
        )
        if watch is not None:
            watch.flush()
        return seen


class _RankWatch:
    """Counts the probabilities of an image while they pass, some rows at a time."""

    def __init__(self, truth: Labels, classes: Sequence[int], ranks: RankCounts) -> None:
        self._target = class_index_table(classes, other=len(classes))[truth]
        self._ranks = ranks
        self._rows: list[NDArray[np.float32]] = []
        self._first = 0

    def add(self, row: int, probabilities: NDArray[np.float32]) -> None:
        self._rows.append(probabilities.copy())
        if len(self._rows) == _ROWS_AT_ONCE:
            self.flush()
            self._first = row + 1

    def flush(self) -> None:
        if self._rows:
            target = self._target[self._first : self._first + len(self._rows)]
            self._ranks.add(np.concatenate(self._rows, axis=1), target.ravel())
            self._rows = []


def pooled_confusion(
    fields: Iterable[Field], predict: Callable[[Field], Labels], codes: Sequence[int]
) -> NDArray[np.int64]:
    """Dataset-level confusion, rows truth, columns prediction, summed over fields."""
    matrices = [confusion_matrix(field.truth, predict(field), codes) for field in fields]
    return np.asarray(np.sum(matrices, axis=0), dtype=np.int64)


def evaluate_fields(
    model: EvaluatedModel, baseline: NearestColour, fields: Iterable[Field], *, data: str
) -> tuple[Evaluation, ...]:
    """Judge a model beside the nearest-colour baseline, for the model card.

    Parameters
    ----------
    model, baseline, fields
        As for `measure_fields`.
    data : str
        What the fields are.

    Returns
    -------
    tuple of Evaluation
        One for each set of `measure_fields`.
    """
    measured = measure_fields(model, baseline, fields)
    return tuple(
        evaluation_of(one, data=data, resampling_factor=model.resampling_factor) for one in measured
    )


def evaluation_of(found: SetMetrics, *, data: str, resampling_factor: float) -> Evaluation:
    """Write the figures of a set as they stand in the model card."""
    baseline = found.baseline
    return Evaluation(
        data=data,
        images=found.images,
        association=found.association,
        resampling=f"{resampling_factor:g} model pixels per image pixel",
        mean_iou=found.mean_iou,
        pixel_accuracy=found.pixel_accuracy,
        iou={one.code: one.iou for one in found.classes},
        baseline_mean_iou=0.0 if baseline is None else baseline.mean_iou,
        baseline_pixel_accuracy=0.0 if baseline is None else baseline.pixel_accuracy,
        baseline_iou=_known({one.code: one.baseline_iou for one in found.classes}),
        confusion=found.confusion,
        confusion_codes=found.confusion_codes,
        absent=found.absent,
        balanced_accuracy=_known({one.code: one.balanced_accuracy for one in found.classes}),
        border_px=found.border_px,
        void_border_mean_iou=found.void_border_mean_iou,
        boundary_f1=_known({one.code: one.boundary_f1 for one in found.classes}),
        ece=found.ece,
        modal_error_pp={one.code: one.modal_error_pp for one in found.classes},
        mean_modal_error_pp=float(np.mean([one.mean_modal_error_pp for one in found.per_image])),
        per_image=tuple(
            ImageScores(
                name=one.name,
                pixel_accuracy=one.pixel_accuracy,
                mean_iou=one.mean_iou,
                mean_modal_error_pp=one.mean_modal_error_pp,
                confusion=one.confusion,
            )
            for one in found.per_image
        ),
    )


def _known(figures: dict[int, float | None]) -> dict[int, float]:
    return {code: figure for code, figure in figures.items() if figure is not None}


@dataclass(frozen=True, eq=False)
class _Group:
    """What is counted of the fields of one association, under one mode."""

    tallies: dict[str, Tally]
    ranks: RankCounts
    baseline: Confusion

    @classmethod
    def empty(cls, classes: int) -> _Group:
        return cls({}, RankCounts.empty(classes), np.zeros((classes, classes), dtype=np.int64))


def measure_fields(
    model: EvaluatedModel,
    baseline: NearestColour,
    fields: Iterable[Field],
    *,
    border_px: int = BORDER_PX,
    on_seen: OnSeen | None = None,
) -> tuple[SetMetrics, ...]:
    """Judge a model beside the nearest-colour baseline on every set that makes sense.

    Parameters
    ----------
    model : EvaluatedModel
        The model.
    baseline : NearestColour
        Fitted on the training fields.
    fields : iterable of Field
        Fields that the model was not fitted to; one is held at a time.
    border_px : int
        Distance within which borders are judged; see `petrography.accuracy.tally_image`.
    on_seen : callable, optional
        Told of every map.

    Returns
    -------
    tuple of SetMetrics
        Each association alone with its classes given, all fields with theirs given, and all
        fields with all classes open.
    """
    groups: dict[tuple[tuple[int, ...], Mode], _Group] = {}
    for one in fields:
        for mode, allowed in _modes(model, one):
            empty = _Group.empty(len(model.classes))
            group = groups.setdefault((one.annotated, mode), empty)
            seen = _count(model, baseline, one, allowed, group, border_px)
            if on_seen is not None:
                on_seen(one, mode, seen)
    return tuple(_measured(model, groups, border_px))


def _modes(model: EvaluatedModel, one: Field) -> list[tuple[Mode, Sequence[int]]]:
    if set(one.annotated) >= set(model.classes):
        return [("given", model.classes)]  # open is the same
    return [("given", one.annotated), ("open", model.classes)]


def _count(
    model: EvaluatedModel,
    baseline: NearestColour,
    one: Field,
    allowed: Sequence[int],
    group: _Group,
    border_px: int,
) -> Segmentation:
    """Add a field to its group."""
    seen = model.see(one, allowed, group.ranks)
    group.tallies[one.name] = tally_image(
        one.truth, seen.labels, model.classes, border_px=border_px, confidence=seen.confidence
    )
    colours = baseline.predict(colours_or_bands(one.image, model.channels), allowed=allowed)
    group.baseline[...] += confusion_matrix(one.truth, colours, model.classes)
    return seen


def _measured(
    model: EvaluatedModel, groups: dict[tuple[tuple[int, ...], Mode], _Group], border_px: int
) -> Iterable[SetMetrics]:
    given = {codes: group for (codes, mode), group in groups.items() if mode == "given"}
    opened = [groups.get((codes, "open"), group) for codes, group in given.items()]
    names = {codes: _association_name(codes) for codes in given}
    for codes, name in names.items():
        yield _set(model, name, codes, [given[codes]], border_px)
    if len(names) > 1:
        told = f"{'+'.join(names.values())}, each given"
        possible = {code for codes in given for code in codes}
        yield _set(model, told, possible, list(given.values()), border_px)
    yield _set(model, None, model.classes, opened, border_px)


def _association_name(codes: tuple[int, ...]) -> str:
    named = {of_subset: name for name, of_subset in ASSOCIATIONS.items()}
    return named.get(codes) or ",".join(mineral(code).symbol for code in codes)


def _set(
    model: EvaluatedModel,
    association: str | None,
    possible: Collection[int],
    groups: Sequence[_Group],
    border_px: int,
) -> SetMetrics:
    empty = _Group.empty(len(model.classes))
    return measure_set(
        association or "all classes open",
        {image: tally for one in groups for image, tally in one.tallies.items()},
        model.classes,
        association=association,
        possible=[code for code in model.classes if code in possible],
        border_px=border_px,
        ranks=sum((one.ranks for one in groups), empty.ranks),
        baseline=sum((one.baseline for one in groups), empty.baseline),
    )
