"""A published model as a checkpoint again, for a run to start from: fine-tuning on one's own ore."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from export.config_lines import config_of_card
from export.graph_weights import lay_onto, restore_normalisation
from export.judging import verified_model
from export.onnx_predictor import open_graph
from export.parity import prove_parity
from petrography.errors import ConfigurationError
from petrography.model_card import ModelCard
from training.batches import epoch_batches
from training.checkpoint import Checkpoint, save_checkpoint
from training.config import NetworkConfig, TrainingConfig, config_text, read_config
from training.networks.build import Normalised, build_network
from training.networks.build import stride_px as stride_of
from training.room import require_writable
from training.run import balanced_sampler, load_data, run_folder
from training.sampler import SamplerState

__all__ = ["REOPENED_CHECKPOINT", "reopen_model"]

REOPENED_CHECKPOINT = "reopened.pt"
# Batches over which the answers of every convolution are measured: of 4 patches of 640 px they are
# 26 million pixels at full size, 0.4 million at an eighth of it.
_BATCHES = 16


def reopen_model(folder: Path, config_path: Path) -> Path:
    """Make a checkpoint of a published model, to start the run of a configuration from.

    Parameters
    ----------
    folder : Path
        ``models/<name>/<version>``, in float32.
    config_path : Path
        The TOML of the run that will start from it. Its images show what the layers of the network
        answer, which the exported graph no longer tells.

    Returns
    -------
    Path
        ``reopened.pt`` in the folder of the run, for ``network.initial_weights``. It is of the run
        that trained the model: whoever starts from it is told when validation images were seen.

    Raises
    ------
    ConfigurationError
        If configuration, data or model cannot be used, or they do not fit each other.
    ModelCardError
        If the model folder is broken.
    """
    wanted = read_config(config_text(config_path), source=str(config_path))
    require_writable(run_folder(wanted))
    card, onnx_bytes = verified_model(folder)
    trained = _trained(card, folder)
    _require_fit(trained, wanted, config_path)
    network = _fresh(trained, card)
    layers = lay_onto(network, onnx_bytes, stride_px=stride_of(network.network))
    batches = list(_batches(wanted))
    restore_normalisation(network, layers, batches)
    tiles = [batches[0].permute(0, 2, 3, 1).numpy(), _smaller(batches[0], card)]
    graph = open_graph(onnx_bytes, classes=card.classes)
    prove_parity(network, graph, tiles, temperature=card.calibration.temperature)
    path = run_folder(wanted) / REOPENED_CHECKPOINT
    save_checkpoint(_checkpoint(card, trained, network), path)
    return path


def _trained(card: ModelCard, folder: Path) -> TrainingConfig:
    if card.precision != "float32":
        msg = f"{folder} is in {card.precision}, which no training gave; wanted the float32 version"
        raise ConfigurationError(msg)
    return config_of_card(card)


def _require_fit(trained: TrainingConfig, wanted: TrainingConfig, config_path: Path) -> None:
    """Check that images and network of a configuration are those of the model."""
    if wanted.stage_series is not None or wanted.channels != trained.channels:
        msg = f"{config_path} sees {wanted.channels}; wanted images of {trained.channels}"
        raise ConfigurationError(msg)
    without = {*NetworkConfig.STARTS}
    given = wanted.network.model_dump(exclude=without)
    differing = {
        name: (given[name], value)
        for name, value in trained.network.model_dump(exclude=without).items()
        if given[name] != value
    }
    if differing:
        told = "; ".join(f"{name} = {a!r}, wanted {b!r}" for name, (a, b) in differing.items())
        msg = f"{config_path} asks for another [network] than the model is: {told}"
        raise ConfigurationError(msg)


def _fresh(trained: TrainingConfig, card: ModelCard) -> Normalised:
    return build_network(
        trained.network,
        classes=len(card.classes),
        channels=len(card.channels),
        mean=card.mean,
        std=card.std,
    ).eval()


def _batches(config: TrainingConfig) -> Iterator[Tensor]:
    """Patches as the run will draw them."""
    data = load_data(config)
    drawn = epoch_batches(
        data.train,
        balanced_sampler(config, data.train),
        steps=_BATCHES,
        classes=config.data.classes,
        config=config.sampler,
        augmentation=config.augmentation,
        channels=config.channels,
    )
    yield from (image for image, _, _ in islice(drawn, _BATCHES))


def _smaller(batch: Tensor, card: ModelCard) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Tiles of another size than the patches have."""
    multiple_px = card.tile.multiple_px
    side_px = max(multiple_px, batch.shape[2] // 2 // multiple_px * multiple_px)
    return np.ascontiguousarray(batch[:, :, :side_px].permute(0, 2, 3, 1).numpy())


def _checkpoint(card: ModelCard, trained: TrainingConfig, network: Normalised) -> Checkpoint:
    """As the run that trained it left it; only its average is ever used."""
    weights = network.state_dict()
    return Checkpoint(
        config_toml=card.training.config_toml,
        epoch=card.training.steps // trained.schedule.steps_per_epoch,
        network=weights,
        average=weights,
        optimiser={},
        scheduler={},
        scaler={},
        sampler=SamplerState(0, ()),
        torch_random=torch.get_rng_state(),
        history=[],
        best_score=-1.0,
        git_commit=card.training.git_commit or "unknown",
        data_sha256=card.training.data_sha256,
        told_before=card.training.started_from,
    )
