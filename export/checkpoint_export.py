"""From a checkpoint to ``models/<name>/<version>/``: graph, proof, calibration, accuracy, card.

Nothing appears in the models folder until everything is proven; it then appears at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from export.calibration import calibrate
from export.config_lines import with_guided_filter, without_folders
from export.graph import OPSET, to_onnx
from export.judge_figures import judge_of, judged_by
from export.onnx_predictor import open_graph
from export.parity import prove_parity, untraced_side_px
from export.tiling_proof import prove_tiling
from export.timing import time_graphs
from export.version_folder import chosen_version, publish
from petrography.accuracy import NearestColour, fit_nearest_colour
from petrography.channels import RGB_CHANNELS, colours_or_bands
from petrography.errors import ConfigurationError, field_problems
from petrography.minisign import SecretKey
from petrography.model_card import (
    Calibration,
    Evaluation,
    GridShift,
    HaloProof,
    ModelCard,
    Parity,
    TileGeometry,
    Timing,
    TrainingRecord,
    sha256_hex,
)
from petrography.tiling import Window, read_window
from training.checkpoint import Checkpoint, load_checkpoint, load_weights
from training.config import DataConfig, NetworkConfig, TrainingConfig
from training.earlier_runs import doubts_about_start
from training.evaluation import EvaluatedModel, evaluate_fields
from training.lumenstone import Field, data_sha256, load_fields
from training.networks.build import Normalised, build_network, tile_geometry
from training.networks.description import described
from training.run import git_commit, load_data
from training.splitting import split_paths

__all__ = ["export_checkpoint"]


@dataclass(frozen=True)
class _Candidate:
    """A network that is to become a version, and what it is proven and judged on."""

    saved: Checkpoint
    network: Normalised
    geometry: TileGeometry
    train: Sequence[Field]
    validation: Sequence[Field]
    judge: ModelCard | None
    doubts: tuple[str, ...]

    @property
    def classes(self) -> tuple[int, ...]:
        return self.saved.config.data.classes

    @property
    def channels(self) -> tuple[str, ...]:
        return self.saved.config.channels

    @property
    def judged_on(self) -> str:
        return f"{len(self.validation)} validation images of {self.saved.config.card.data}"


@dataclass(frozen=True)
class _Proof:
    """What was measured on the exported graph, or lent by its judge."""

    parity: tuple[Parity, ...]
    tiling: HaloProof | GridShift | None
    evaluations: tuple[Evaluation, ...]
    baseline: NearestColour


def export_checkpoint(
    checkpoint: Path,
    models: Path,
    *,
    data_root: Path | None = None,
    version: int | None = None,
    tile_px: int | None = None,
    judge: Path | None = None,
    key: SecretKey | None = None,
    guided_filter: bool = False,
) -> Path:
    """Export the averaged weights of a checkpoint as a new version of its model.

    Parameters
    ----------
    checkpoint : Path
        Written by `training.loop.train`.
    models : Path
        The models folder.
    data_root : Path, optional
        Where the data lie now; default: where they lay in training.
    version : int, optional
        Default: one above the highest that exists.
    tile_px : int, optional
        Side of the tiles in service; see `training.networks.build.tile_geometry`.
    judge : Path, optional
        For a run on all images, ``models/<name>/<version>`` of one without the validation images:
        its held-out figures, temperature and agreement of blended tiles enter the card; see
        `export.judge_figures`.
    key : SecretKey, optional
        Signs the version.
    guided_filter : bool
        Put a guided filter behind a network that was trained without; the card says so.

    Returns
    -------
    Path
        The new folder ``models/<name>/<version>``.

    Raises
    ------
    ConfigurationError
        If the checkpoint or the data cannot be used or are not those of the training, the judge
        does not fit, the graph does not agree with the checkpoint, a halo does not cover the
        receptive field, the version is no version or exists, or a run that this one started from was
        fitted to its validation images.
    """
    saved = load_checkpoint(checkpoint)
    if guided_filter:
        saved = replace(saved, config_toml=with_guided_filter(saved.config_toml))
    config = _where_the_data_lie(saved.config, data_root)
    target = models / saved.config.name
    version = chosen_version(target, version)
    geometry = _geometry(saved, tile_px)
    judged = judge_of(config, geometry, judge)
    doubts = doubts_about_start(config)
    train, validation = _fields(saved, config.data)
    network = build_network(
        saved.config.network,
        classes=len(saved.config.data.classes),
        channels=len(saved.config.channels),
    ).eval()
    load_weights(network, saved.average, source=checkpoint)
    candidate = _Candidate(saved, network, geometry, train, validation, judged, doubts)
    calibration = _calibration(candidate)
    onnx_bytes = _graph_of(candidate, calibration)
    proof = _proven(candidate, onnx_bytes, calibration)
    card = _card(candidate, version, onnx_bytes, calibration, proof)
    return publish(target / str(version), onnx_bytes, card, key=key)


def _where_the_data_lie(config: TrainingConfig, root: Path | None) -> TrainingConfig:
    if root is None:
        return config
    return config.model_copy(update={"data": config.data.model_copy(update={"root": root})})


def _geometry(saved: Checkpoint, tile_px: int | None) -> TileGeometry:
    config = saved.config
    try:
        return tile_geometry(
            config.network, patch_px=max(config.sampler.patch_shape_px), tile_px=tile_px
        )
    except ValidationError as error:
        msg = f"tile_px {tile_px} does not fit the network: {field_problems(error)}"
        raise ConfigurationError(msg) from None


def _fields(saved: Checkpoint, data: DataConfig) -> tuple[Sequence[Field], Sequence[Field]]:
    if saved.config.stage_series is not None:
        painted = load_data(saved.config)
        _require_those_trained_on(saved, painted.sha256, "sections that are painted here")
        return painted.train, painted.validation
    train_paths, validation_paths = split_paths(data)
    _require_those_trained_on(saved, data_sha256(train_paths), f"images under {data.root}")
    load = partial(
        load_fields, resampling_factor=data.resampling_factor, channels=saved.config.channels
    )
    return load(train_paths), load(validation_paths)


def _require_those_trained_on(saved: Checkpoint, sha256: str, what: str) -> None:
    if sha256 != saved.data_sha256:
        msg = f"the training {what} are not those that the checkpoint was fitted to"
        raise ConfigurationError(msg)


def _calibration(one: _Candidate) -> Calibration:
    """Fit the temperature, or take that of the judge: images of the training tell none."""
    if one.judge is not None:
        return one.judge.calibration
    return calibrate(
        one.network,
        one.validation,
        classes=one.classes,
        geometry=one.geometry,
        data=one.judged_on,
        same_ore=one.saved.config.data.same_ore,
    )


def _graph_of(one: _Candidate, calibration: Calibration) -> bytes:
    return to_onnx(
        one.network,
        classes=len(one.classes),
        temperature=calibration.temperature,
        tile_px=one.geometry.size_px,
        channels=len(one.channels),
    )


def _proven(one: _Candidate, onnx_bytes: bytes, calibration: Calibration) -> _Proof:
    graph = open_graph(onnx_bytes, classes=one.classes)
    tiles = _parity_tiles(one.validation, one.geometry)
    parity = prove_parity(one.network, graph, tiles, temperature=calibration.temperature)
    examples = ((colours_or_bands(field.image, one.channels), field.truth) for field in one.train)
    baseline = fit_nearest_colour(examples, one.classes)
    model = EvaluatedModel(graph.predictor_for, one.classes, one.geometry, channels=one.channels)
    return _Proof(
        parity=parity,
        tiling=_tiling_proof(one, model),
        evaluations=_evaluations(one, model, baseline),
        baseline=baseline,
    )


def _tiling_proof(one: _Candidate, model: EvaluatedModel) -> HaloProof | GridShift | None:
    if one.judge is None or one.geometry.mode == "halo":
        return prove_tiling(model, one.validation, data=one.judged_on)
    # What is measured rather than proven is measured on images that were not seen in training.
    return one.judge.tiling_proof


def _evaluations(
    one: _Candidate, model: EvaluatedModel, baseline: NearestColour
) -> tuple[Evaluation, ...]:
    if one.judge is None:
        return evaluate_fields(model, baseline, one.validation, data=one.judged_on)
    return one.judge.evaluations


def _parity_tiles(
    fields: Sequence[Field], geometry: TileGeometry
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Real tiles at the traced size, and at one with a side that was not traced."""
    size, other = geometry.size_px, untraced_side_px(geometry)
    square = [read_window(one.image, Window(0, 0, size, size)) for one in fields[:2]]
    oblong = [read_window(one.image, Window(0, 0, other, size)) for one in fields[:1]]
    return np.stack(square), np.stack(oblong)


def _card(
    one: _Candidate, version: int, onnx_bytes: bytes, calibration: Calibration, proof: _Proof
) -> ModelCard:
    config, said = one.saved.config, one.saved.config.card
    coloured = set(RGB_CHANNELS) <= set(config.channels)
    return ModelCard(
        name=config.name,
        version=version,
        description=said.description,
        architecture=described(config.network),
        classes=config.data.classes,
        channels=config.channels,
        mean=tuple(one.network.mean.flatten().tolist()),
        std=tuple(one.network.std.flatten().tolist()),
        um_per_px=said.um_per_px,
        um_per_px_estimate=said.um_per_px_estimate,
        default_resampling_factor=said.default_resampling_factor,
        training_colours_rgb=_colours(proof.baseline) if coloured else {},
        training_bands={} if coloured else _bands(proof.baseline),
        shown_channels=config.input.shown,
        tile=one.geometry,
        calibration=calibration,
        evaluations=proof.evaluations,
        training=_training_record(one),
        parity=proof.parity,
        weight_terms=said.weight_terms,
        git_commit=git_commit(),
        exported_utc=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        opset=OPSET,
        onnx_sha256=sha256_hex(onnx_bytes),
        tiling_proof=proof.tiling,
        timings=_timings(onnx_bytes, one.geometry, config),
        judged_by=None if one.judge is None else judged_by(one.judge, config),
    )


def _colours(baseline: NearestColour) -> dict[int, tuple[float, float, float]]:
    return {
        code: (red, green, blue)
        for code, (red, green, blue) in zip(baseline.codes, baseline.colours_rgb, strict=True)
    }


def _bands(baseline: NearestColour) -> dict[int, tuple[float, ...]]:
    return dict(zip(baseline.codes, baseline.colours_rgb, strict=True))


def _timings(
    onnx_bytes: bytes, geometry: TileGeometry, config: TrainingConfig
) -> tuple[Timing, ...]:
    (timings,) = time_graphs(
        [onnx_bytes], geometry, classes=len(config.data.classes), channels=len(config.channels)
    )
    return timings


def _training_record(one: _Candidate) -> TrainingRecord:
    saved, config = one.saved, one.saved.config
    return TrainingRecord(
        data=config.card.data,
        data_terms=config.card.data_terms,
        data_sha256=saved.data_sha256,
        train_images=len(one.train),
        validation_images=len(one.validation),
        phantom_fraction=config.phantom_fraction,
        steps=saved.epoch * config.schedule.steps_per_epoch,
        config_toml=without_folders(saved.config_toml),
        started_from=_with_doubts(_told_before(saved), one.doubts),
        git_commit=saved.git_commit,
    )


def _with_doubts(told: str | None, doubts: Sequence[str]) -> str | None:
    """Add to what is told of the runs before what could not be found out about them."""
    if told is None or not doubts:
        return told
    return f"{told}\nWhether these saw validation images is not known: {'; '.join(doubts)}."


def _origin(network: NetworkConfig) -> str | None:
    """Tell of the runs before, the last one first."""
    for what, path in (
        ("averaged weights", network.initial_weights),
        ("weights for colours", network.initial_colours),
        ("weights of fewer blocks", network.initial_shallower),
        ("encoder", network.initial_encoder),
    ):
        if path is not None:
            return _told(what, path)
    return None


def _told(what: str, path: Path) -> str:
    earlier = load_checkpoint(path)
    told = f"{what} after epoch {earlier.epoch} of the run\n{without_folders(earlier.config_toml)}"
    before = _told_before(earlier)
    return told if before is None else f"{told}\nwhich started from {before}"


def _told_before(saved: Checkpoint) -> str | None:
    return saved.origin or saved.told_before or _origin(saved.config.network)
