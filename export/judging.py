"""Judging a published model on any folder in the LumenStone layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from export.onnx_predictor import open_graph
from petrography.accuracy import NearestColour
from petrography.errors import ConfigurationError, ModelCardError
from petrography.minerals import mineral
from petrography.model_card import (
    Evaluation,
    ModelCard,
    newest_version,
    parse_card,
    sha256_hex,
)
from training.evaluation import EvaluatedModel, evaluate_fields
from training.lumenstone import find_fields, load_fields

__all__ = ["accuracy_table", "find_model", "judge_model", "verified_model"]


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


def judge_model(
    folder: Path,
    data_root: Path,
    subsets: Mapping[str, str],
    *,
    split: str = "test",
    resampling_factor: float | None = None,
) -> tuple[Evaluation, ...]:
    """Judge a model on the images of a LumenStone-layout folder, at their own pixel.

    Parameters
    ----------
    folder : Path
        ``models/<name>/<version>``.
    data_root : Path
        Folder that holds the subsets.
    subsets : mapping of str to str
        Sub-folder to association.
    split : str
        ``train`` or ``test``.
    resampling_factor : float, optional
        Model pixels per image pixel; default: the card's, for images as they leave the camera.

    Returns
    -------
    tuple of Evaluation
        See `training.evaluation.evaluate_fields`.

    Raises
    ------
    ConfigurationError
        If the images cannot be used.
    ModelCardError
        If the model folder is broken.
    """
    card, onnx_bytes = verified_model(folder)
    graph = open_graph(onnx_bytes, classes=card.classes)
    factor = card.default_resampling_factor if resampling_factor is None else resampling_factor
    model = EvaluatedModel(graph.predictor_for, card.classes, card.tile, factor, card.channels)
    colours: Mapping[int, tuple[float, ...]] = card.training_bands or card.training_colours_rgb
    baseline = NearestColour(tuple(colours), tuple(colours.values()))
    fields = load_fields(find_fields(data_root, subsets, split=split), channels=card.channels)
    return evaluate_fields(
        model, baseline, fields, data=f"{', '.join(subsets)} {split}, {len(fields)} images"
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
    return "\n".join(lines)
