"""Judging a published model on any folder in the LumenStone layout."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from export.onnx_predictor import open_graph
from petrography.accuracy import ModelMetrics, NearestColour
from petrography.errors import ConfigurationError, ModelCardError
from petrography.minerals import UNLABELLED_CODE, mineral
from petrography.model_card import (
    Evaluation,
    ModelCard,
    newest_version,
    parse_card,
    sha256_hex,
)
from petrography.model_input import MAX_FACTOR, MIN_FACTOR
from training.evaluation import (
    BORDER_PX,
    EvaluatedModel,
    OnSeen,
    evaluation_of,
    measure_fields,
)
from training.field_checks import reading_warnings
from training.lumenstone import FieldPaths, load_field

__all__ = [
    "JudgedModel",
    "accuracy_table",
    "check_fields",
    "data_name",
    "evaluations_of",
    "find_model",
    "measure_model",
    "open_model",
    "verified_model",
]

_LOG = logging.getLogger(__name__)

OnDone: TypeAlias = Callable[[], object]


def find_model(models: Path, name: str) -> Path:
    """Folder of ``name:version``, or of ``name``: the float32 version of its newest weights.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    base, _, version = name.partition(":")
    folder = models / base
    found = sorted(int(one.name) for one in folder.glob("*") if one.name.isdigit())
    if not found or (version and not (version.isdigit() and int(version) in found)):
        msg = f"{models} holds no model {name!r}; versions of {base!r} there: {found}"
        raise ConfigurationError(msg)
    return folder / (version or str(_newest_float32(folder, found)))


def _newest_float32(folder: Path, versions: Sequence[int]) -> int:
    cards = [
        parse_card(path.read_bytes(), source=str(path))
        for path in (folder / str(version) / "model.json" for version in versions)
    ]
    chosen = newest_version(cards, "float32")
    if chosen is None:
        msg = f"{folder} holds variants only, versions {versions}; name one of them"
        raise ConfigurationError(msg)
    return chosen.version


@dataclass(frozen=True)
class JudgedModel:
    """A published model that is open, with the baseline of its card."""

    card: ModelCard
    model: EvaluatedModel
    baseline: NearestColour


def open_model(folder: Path, *, resampling_factor: float | None = None) -> JudgedModel:
    """Open a published model.

    Parameters
    ----------
    folder : Path
        ``models/<name>/<version>``.
    resampling_factor : float, optional
        Model pixels per image pixel; default: the card's, for images as they leave the camera.

    Raises
    ------
    ConfigurationError
        If the factor is not positive, or beyond what the service resamples by.
    ModelCardError
        If the model folder is broken.
    """
    card, onnx_bytes = verified_model(folder)
    factor = card.default_resampling_factor if resampling_factor is None else resampling_factor
    if not MIN_FACTOR <= factor <= MAX_FACTOR:
        msg = (
            f"resampling_factor is {factor}; wanted model pixels per image pixel, above 0: "
            f"{MIN_FACTOR:g} to {MAX_FACTOR:g}"
        )
        raise ConfigurationError(msg)
    graph = open_graph(onnx_bytes, classes=card.classes)
    colours: Mapping[int, tuple[float, ...]] = card.training_bands or card.training_colours_rgb
    return JudgedModel(
        card,
        EvaluatedModel(graph.predictor_for, card.classes, card.tile, factor, card.channels),
        NearestColour(tuple(colours), tuple(colours.values())),
    )


def check_fields(
    paths: Sequence[FieldPaths], models: Sequence[ModelCard], *, on_checked: OnDone | None = None
) -> None:
    """Read every image and mask once, so that no model runs for hours before one is refused.

    Parameters
    ----------
    paths : sequence of FieldPaths
        What is to be judged on.
    models : sequence of ModelCard
        Those that are to be judged.
    on_checked : callable, optional
        Called after every field.

    Raises
    ------
    ConfigurationError
        If a file cannot be read or has other channels than a model sees, sizes differ, or a mask
        has codes that its association does not annotate or a model does not know, or no annotated
        pixel; the message names the file. Also if the models see different channels.
    """
    channels = _common_channels(models)
    classes = [code for code in models[0].classes if all(code in one.classes for one in models)]
    told: list[tuple[str, Sequence[str]]] = []
    for one in paths:
        field = load_field(one, channels=channels)
        told.append((one.name, field.warnings))
        found = set(np.unique(field.truth).tolist()) - {UNLABELLED_CODE}
        unknown = sorted(found - set(classes))
        if unknown or not found:
            fault = f"holds codes {unknown}" if unknown else "has no annotated pixel"
            msg = f"{one.mask} {fault}; wanted pixels of {list(classes)}, which the model knows"
            raise ConfigurationError(msg)
        if on_checked is not None:
            on_checked()
    for warning in reading_warnings(told):
        _LOG.warning("%s", warning)


def _common_channels(models: Sequence[ModelCard]) -> tuple[str, ...]:
    seen = {one.channels: f"{one.full_name} sees {one.channels}" for one in models}
    if len(seen) > 1:
        msg = f"{'; '.join(seen.values())}: wanted models of the same channels"
        raise ConfigurationError(msg)
    return models[0].channels


def measure_model(
    judged: JudgedModel,
    paths: Sequence[FieldPaths],
    *,
    border_px: int = BORDER_PX,
    on_seen: OnSeen | None = None,
) -> ModelMetrics:
    """Measure a model on fields, of which one is held in memory at a time.

    Parameters
    ----------
    judged : JudgedModel
        From `open_model`.
    paths : sequence of FieldPaths
        Fields, checked by `check_fields`.
    border_px : int
        Distance within which borders are judged.
    on_seen : callable, optional
        Told of every map.
    """
    card, model = judged.card, judged.model
    fields = (load_field(one, channels=card.channels) for one in paths)
    sets = measure_fields(model, judged.baseline, fields, border_px=border_px, on_seen=on_seen)
    return ModelMetrics(
        name=card.name,
        version=card.version,
        sha256=card.onnx_sha256,
        resampling_factor=model.resampling_factor,
        sets=sets,
    )


def data_name(
    subsets: Mapping[str, str], split: str, images: int, *, views: Iterable[str] = ()
) -> str:
    """Name the images that were judged on.

    Parameters
    ----------
    subsets : mapping of str to str
        Sub-folders and what they annotate.
    split : str
        Of which part of them.
    images : int
        How many.
    views : iterable of str
        How the further photographs of every field were taken.
    """
    seen = f", with views {', '.join(views)}" if views else ""
    return f"{', '.join(subsets)} {split}, {images} images{seen}"


def evaluations_of(measured: ModelMetrics, *, data: str) -> tuple[Evaluation, ...]:
    """Write what was measured as a model card holds it."""
    return tuple(
        evaluation_of(one, data=data, resampling_factor=measured.resampling_factor)
        for one in measured.sets
    )


def verified_model(folder: Path) -> tuple[ModelCard, bytes]:
    """Read card and graph of a model folder.

    Raises
    ------
    ModelCardError
        If the card cannot be read or the graph is not the card's.
    """
    card = parse_card((folder / "model.json").read_bytes(), source=str(folder / "model.json"))
    onnx_bytes = (folder / "model.onnx").read_bytes()
    if sha256_hex(onnx_bytes) != card.onnx_sha256:
        msg = f"{folder / 'model.onnx'} has another SHA-256 than its card states"
        raise ModelCardError(msg)
    return card, onnx_bytes


def accuracy_table(evaluations: Sequence[Evaluation]) -> str:
    """Write evaluations as a Markdown table, the nearest-colour baseline beside every figure."""
    head = "| set | class | IoU | nearest colour |\n|---|---|--:|--:|"
    lines = [head]
    for one in evaluations:
        name = f"{one.data}, " + (one.association or "all classes open")
        lines += [
            f"| {name} | {mineral(code).symbol} | {iou:.3f} | "
            f"{one.baseline_iou.get(code, float('nan')):.3f} |"
            for code, iou in one.iou.items()
        ]
        lines.append(
            f"| {name} | **mean IoU** | **{one.mean_iou:.3f}** | {one.baseline_mean_iou:.3f} |"
        )
        lines.append(
            f"| {name} | **pixel accuracy** | **{one.pixel_accuracy:.3f}** | "
            f"{one.baseline_pixel_accuracy:.3f} |"
        )
        if one.absent:
            symbols = ", ".join(mineral(code).symbol for code in one.absent)
            lines.append(f"| {name} | absent, in no mean: {symbols} | – | – |")
    return "\n".join(lines)
