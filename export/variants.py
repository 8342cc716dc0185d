"""A published model in lower precision, as a version of its own with proof that it may stand in.

The variant is compared with the float32 version on the validation images that the training kept
back, with the classes given and with all open. One that disagrees too often is not published.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from export.config_lines import config_of_card
from export.judging import verified_model
from export.onnx_predictor import ExportedGraph, open_graph
from export.parity import untraced_side_px
from export.precision import Converted, to_float16, to_int8
from export.tiling_proof import prove_tiling
from export.timing import time_graphs
from export.version_folder import chosen_version, publish
from petrography.accuracy import NearestColour, confusion_matrix, scores_of_present
from petrography.errors import ConfigurationError
from petrography.minisign import SecretKey
from petrography.model_card import (
    Derivation,
    ModelCard,
    Parity,
    TileGeometry,
    Timing,
    VariantScore,
    sha256_hex,
)
from petrography.tiling import Window, read_window
from training.evaluation import EvaluatedModel, evaluate_fields
from training.lumenstone import Field
from training.run import git_commit, load_data

__all__ = ["LARGEST_IOU_LOSS", "LEAST_AGREEMENT", "VariantOptions", "export_variant"]

# Two annotators of the same ore agree on 91-98 % of the pixels, and where the tiles lie changes up to
# 4 % of a PSPNet's labels: what a variant changes is to stay below both.
LEAST_AGREEMENT = 0.98
# Less than what another choice of validation images changes.
LARGEST_IOU_LOSS = 0.01
# Tiles that int8 ranges are measured on: about as many as there are training images, so that the
# range of a rare bright mineral is seen.
CALIBRATION_TILES = 64
# A rounding that falls the other way moves a probability by far more than float32's own; the
# receptive field is that of the float32 graph, and a wrong one shows as more than this.
VARIANT_HALO_DIFFERENCE = 0.05

LowerPrecision = Literal["float16", "int8"]


@dataclass(frozen=True)
class VariantOptions:
    """How a variant is made and published.

    Attributes
    ----------
    version : int or None
        Default: one above the highest that exists.
    publish_anyway : bool
        Publish below the bound too; the card then says so.
    key : SecretKey or None
        Signs the version.
    least_agreement : float
        Bound on the label agreement, with classes given and with all open.
    largest_iou_loss : float
        Bound on what mean IoU may lose, likewise.
    calibration_tiles : int
        Tiles of training images that int8 ranges are measured on.
    """

    version: int | None = None
    publish_anyway: bool = False
    key: SecretKey | None = None
    least_agreement: float = LEAST_AGREEMENT
    largest_iou_loss: float = LARGEST_IOU_LOSS
    calibration_tiles: int = CALIBRATION_TILES


@dataclass(frozen=True)
class _Graph:
    """A graph and what tries it on fields."""

    onnx_bytes: bytes
    opened: ExportedGraph
    model: EvaluatedModel


@dataclass(frozen=True)
class _Data:
    """The images of the training, split as the training split them."""

    training: Sequence[Field]
    validation: Sequence[Field]
    about: str


def export_variant(
    folder: Path,
    precision: LowerPrecision,
    *,
    data_root: Path | None,
    options: VariantOptions | None = None,
) -> Path:
    """Publish a float32 version in lower precision.

    Parameters
    ----------
    folder : Path
        ``models/<name>/<version>`` of the float32 version.
    precision : {"float16", "int8"}
        What to convert to.
    data_root : Path or None
        Where the images of its training lie; None where they were painted.
    options : VariantOptions, optional
        How it is published.

    Returns
    -------
    Path
        The new folder ``models/<name>/<new version>``.

    Raises
    ------
    ConfigurationError
        If the version is a variant itself, the data are not those of its training, the graph cannot
        be converted, or the variant is too far from the float32 version.
    ModelCardError
        If the model folder is broken.
    """
    options = options or VariantOptions()
    card, onnx_bytes = verified_model(folder)
    _require_float32(card, folder)
    version = chosen_version(folder.parent, options.version)
    data = _load_data(card, data_root)
    base = _graph(card, onnx_bytes)
    converted = _convert(precision, card, onnx_bytes, data.training, options.calibration_tiles)
    variant = _graph(card, converted.onnx_bytes)
    proven = tuple(
        _score(variant.model, base.model, data.validation, given=given) for given in (True, False)
    )
    _require_agreement(proven, precision, options)
    timings = time_graphs(
        (onnx_bytes, converted.onnx_bytes),
        card.tile,
        classes=len(card.classes),
        channels=len(card.channels),
    )
    derivation = Derivation(
        version=card.version,
        onnx_sha256=card.onnx_sha256,
        method=converted.method,
        data=data.about,
        scores=proven,
        least_agreement=options.least_agreement,
        largest_iou_loss=options.largest_iou_loss,
        accepted_below_bound=not _keeps_bounds(proven, options),
        onnx_bytes=len(converted.onnx_bytes),
        float32_onnx_bytes=len(onnx_bytes),
        float32_timings=timings[0],
    )
    of_variant = _card(card, version, derivation, (base, variant), data, timings[1])
    of_variant = ModelCard.model_validate(of_variant.model_dump() | {"precision": precision})
    return publish(folder.parent / str(version), converted.onnx_bytes, of_variant, key=options.key)


def _require_float32(card: ModelCard, folder: Path) -> None:
    if card.derived_from is not None:
        msg = (
            f"{folder} is a {card.precision} variant itself; wanted the float32 version that it "
            f"derives from, {card.name}:{card.derived_from.version}"
        )
        raise ConfigurationError(msg)


def _graph(card: ModelCard, onnx_bytes: bytes) -> _Graph:
    opened = open_graph(onnx_bytes, classes=card.classes)
    model = EvaluatedModel(opened.predictor_for, card.classes, card.tile, channels=card.channels)
    return _Graph(onnx_bytes, opened, model)


def _load_data(card: ModelCard, root: Path | None) -> _Data:
    """Load, or paint, the images of the training and split them as the card says."""
    config = config_of_card(card, root)
    if config.data.subsets and root is None:
        msg = f"{card.full_name} was fitted to photographs; name their folder by --data"
        raise ConfigurationError(msg)
    # Phantoms are no images that a variant could be fitted to or judged on.
    loaded = load_data(config.model_copy(update={"phantoms": None}))
    if loaded.sha256 != card.training.data_sha256:
        msg = (
            f"the training images under {root or 'no folder'} are not those that "
            f"{card.full_name} was fitted to; name the folder of its training by --data"
        )
        raise ConfigurationError(msg)
    about = f"{len(loaded.validation)} validation images of {card.training.data}"
    if config.data.train_on_all:
        about += ", which the training saw too"
    return _Data(loaded.train, loaded.validation, about)


def _convert(
    precision: LowerPrecision,
    card: ModelCard,
    onnx_bytes: bytes,
    training: Sequence[Field],
    calibration_tiles: int,
) -> Converted:
    if precision == "float16":
        return to_float16(onnx_bytes)
    tiles = _tiles(training, card.tile, calibration_tiles)
    return to_int8(onnx_bytes, tiles, classes=card.classes)


def _tiles(fields: Sequence[Field], geometry: TileGeometry, count: int) -> list[NDArray[np.uint8]]:
    """Cut tiles from random places, from every field in turn."""
    rng = np.random.default_rng(0)
    size = geometry.size_px
    order = rng.permutation(len(fields))
    tiles = []
    for index in range(count):
        image = fields[order[index % len(order)]].image
        row, col = (int(rng.integers(0, max(1, side - size + 1))) for side in image.shape[:2])
        window = read_window(image, Window(row, col, size, size))
        tiles.append(np.ascontiguousarray(window)[None])
    return tiles


def _score(
    variant: EvaluatedModel, base: EvaluatedModel, fields: Sequence[Field], *, given: bool
) -> VariantScore:
    """Compare both on whole fields."""
    codes = variant.classes
    agreeing = pixels = 0
    confusions = np.zeros((2, len(codes), len(codes)), dtype=np.int64)
    for field in fields:
        allowed = field.annotated if given else codes
        ours, theirs = variant.predict(field, allowed), base.predict(field, allowed)
        agreeing += int((ours == theirs).sum())
        pixels += ours.size
        confusions += [confusion_matrix(field.truth, one, codes) for one in (ours, theirs)]
    # As in the evaluations of the same card: means over the classes that the truth holds.
    judged, reference = (scores_of_present(confusion, codes) for confusion in confusions)
    return VariantScore(
        classes_given=given,
        label_agreement=agreeing / pixels,
        mean_iou=judged.mean_iou,
        pixel_accuracy=judged.pixel_accuracy,
        float32_mean_iou=reference.mean_iou,
        float32_pixel_accuracy=reference.pixel_accuracy,
    )


def _keeps_bounds(proven: Sequence[VariantScore], options: VariantOptions) -> bool:
    return all(
        one.label_agreement >= options.least_agreement
        and one.float32_mean_iou - one.mean_iou <= options.largest_iou_loss
        for one in proven
    )


def _require_agreement(
    proven: Sequence[VariantScore], precision: LowerPrecision, options: VariantOptions
) -> None:
    if options.publish_anyway or _keeps_bounds(proven, options):
        return
    told = "; ".join(
        f"{'classes given' if one.classes_given else 'all classes open'}: labels agree on "
        f"{one.label_agreement:.2%}, mean IoU {one.mean_iou:.4f} instead of "
        f"{one.float32_mean_iou:.4f}"
        for one in proven
    )
    msg = (
        f"the {precision} variant is too far from its float32 version ({told}); wanted agreement "
        f"on {options.least_agreement:.2%} and a loss of at most {options.largest_iou_loss:g}; it "
        "is not published; --publish-anyway publishes it, and its card says so"
    )
    raise ConfigurationError(msg)


def _card(
    card: ModelCard,
    version: int,
    derivation: Derivation,
    graphs: tuple[_Graph, _Graph],
    data: _Data,
    timings: tuple[Timing, ...],
) -> ModelCard:
    base, variant = graphs
    colours: Mapping[int, tuple[float, ...]] = card.training_bands or card.training_colours_rgb
    baseline = NearestColour(tuple(colours), tuple(colours.values()))
    proof = prove_tiling(
        variant.model, data.validation, data=data.about, max_difference=VARIANT_HALO_DIFFERENCE
    )
    # Where the validation images were trained on, the figures stay those of the version that was
    # judged without them; what the variant loses is in `derivation`.
    evaluations = (
        evaluate_fields(variant.model, baseline, data.validation, data=data.about)
        if card.judged_by is None
        else card.evaluations
    )
    calibrated = f"{card.calibration.data}, in float32 (version {card.version})"
    return card.model_copy(
        update={
            "version": version,
            "derived_from": derivation,
            "calibration": card.calibration.model_copy(update={"data": calibrated}),
            "evaluations": evaluations,
            "parity": _parity(base.opened, variant.opened, data.validation, card.tile),
            "tiling_proof": proof,
            "timings": timings,
            "git_commit": git_commit(),
            "exported_utc": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "onnx_sha256": sha256_hex(variant.onnx_bytes),
        }
    )


def _parity(
    base: ExportedGraph,
    variant: ExportedGraph,
    fields: Sequence[Field],
    geometry: TileGeometry,
) -> tuple[Parity, ...]:
    """Compare both on a tile, and on one of a shape that was never traced."""
    size = geometry.size_px
    proof = []
    for height_px in (size, untraced_side_px(geometry)):
        tile = np.ascontiguousarray(read_window(fields[0].image, Window(0, 0, height_px, size)))
        wanted, given = (graph.probabilities(tile[None]) for graph in (base, variant))
        labels = (graph.labels(tile[None])[0] for graph in (base, variant))
        proof.append(
            Parity(
                height_px=height_px,
                width_px=size,
                max_probability_difference=float(np.abs(wanted - given).max()),
                differing_label_fraction=float(np.not_equal(*labels).mean()),
            )
        )
    return tuple(proof)
