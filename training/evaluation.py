"""Accuracy of a model on whole fields, seen the way the service sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.accuracy import NearestColour, confusion_matrix, scores
from petrography.channels import RGB_CHANNELS, colours_or_bands
from petrography.images import Labels, resample_image
from petrography.minerals import ASSOCIATIONS, mineral
from petrography.model_card import Evaluation, TileGeometry
from petrography.segmentation import Predictor, segment
from training.lumenstone import Field

__all__ = ["EvaluatedModel", "evaluate_fields", "pooled_confusion"]

Confusions = tuple[NDArray[np.int64], NDArray[np.int64]]


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
        return segment(
            resample_image(field.image, self.resampling_factor),
            self.predictor_for(allowed),
            geometry=self.geometry,
            codes=self.classes,
            output_shape=field.truth.shape,
        ).labels


def pooled_confusion(
    fields: Iterable[Field], predict: Callable[[Field], Labels], codes: Sequence[int]
) -> NDArray[np.int64]:
    """Dataset-level confusion, rows truth, columns prediction, summed over fields."""
    matrices = [confusion_matrix(field.truth, predict(field), codes) for field in fields]
    return np.asarray(np.sum(matrices, axis=0), dtype=np.int64)


def evaluate_fields(
    model: EvaluatedModel, baseline: NearestColour, fields: Sequence[Field], *, data: str
) -> tuple[Evaluation, ...]:
    """Judge a model beside the nearest-colour baseline on every set that makes sense.

    Parameters
    ----------
    model : EvaluatedModel
        The model.
    baseline : NearestColour
        Fitted on the training fields.
    fields : sequence of Field
        Fields that the model was not fitted to.
    data : str
        What they are.

    Returns
    -------
    tuple of Evaluation
        Each association alone with its classes given, all fields with theirs given, and all
        fields with all classes open.
    """
    given = [_confusions(model, baseline, field, field.annotated) for field in fields]
    opened = [_confusions(model, baseline, field, model.classes) for field in fields]
    sets = [(name, chosen, given) for name, chosen in _sets(fields)]
    return tuple(
        _evaluation(model, fields, name, [(one, matrices[one]) for one in chosen], data)
        for name, chosen, matrices in [*sets, (None, range(len(fields)), opened)]
    )


def _sets(fields: Sequence[Field]) -> list[tuple[str | None, Sequence[int]]]:
    """Names of the sets whose association is given, and the fields in each."""
    chosen: dict[tuple[int, ...], list[int]] = {}
    for index, field in enumerate(fields):
        chosen.setdefault(field.annotated, []).append(index)
    sets: list[tuple[str | None, Sequence[int]]] = [
        (_association_name(codes), indices) for codes, indices in chosen.items()
    ]
    if len(sets) > 1:
        names = "+".join(str(name) for name, _ in sets)
        sets.append((f"{names}, each given", range(len(fields))))
    return sets


def _association_name(codes: tuple[int, ...]) -> str:
    named = {of_subset: name for name, of_subset in ASSOCIATIONS.items()}
    return named.get(codes) or ",".join(mineral(code).symbol for code in codes)


def _confusions(
    model: EvaluatedModel, baseline: NearestColour, field: Field, allowed: Sequence[int]
) -> Confusions:
    """Confusion of the model and of the baseline on one field."""
    ours = confusion_matrix(field.truth, model.predict(field, allowed), model.classes)
    seen = colours_or_bands(field.image, model.channels)
    colours = baseline.predict(seen, allowed=allowed)
    return ours, confusion_matrix(field.truth, colours, model.classes)


def _evaluation(
    model: EvaluatedModel,
    fields: Sequence[Field],
    association: str | None,
    judged: Sequence[tuple[int, Confusions]],
    data: str,
) -> Evaluation:
    codes = model.classes
    confusion = np.sum([matrices[0] for _, matrices in judged], axis=0)
    ours = scores(confusion, codes)
    theirs = scores(np.sum([matrices[1] for _, matrices in judged], axis=0), codes)
    return Evaluation(
        data=data,
        images=tuple(fields[index].name for index, _ in judged),
        association=association,
        resampling=f"{model.resampling_factor:g} model pixels per image pixel",
        mean_iou=ours.mean_iou,
        pixel_accuracy=ours.pixel_accuracy,
        iou=ours.iou,
        baseline_mean_iou=theirs.mean_iou,
        baseline_pixel_accuracy=theirs.pixel_accuracy,
        baseline_iou=theirs.iou,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        confusion_codes=codes,
    )
