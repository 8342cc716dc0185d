"""From foreign weights to a checkpoint that is exported and judged as any other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from petrography.errors import ConfigurationError
from training.checkpoint import Checkpoint, save_checkpoint
from training.config import TrainingConfig, config_text, read_config
from training.foreign.config import ForeignConfig
from training.foreign.matching import Match, match_weights
from training.foreign.reading import read_foreign_file
from training.lumenstone import data_sha256
from training.networks.build import Normalised, build_network
from training.networks.description import described
from training.run import git_commit, run_folder
from training.sampler import SamplerState
from training.splitting import split_paths

__all__ = ["IMPORTED_CHECKPOINT", "ImportedWeights", "import_weights"]

IMPORTED_CHECKPOINT = "imported.pt"
_PROBE_PX = 256  # a multiple of every stride


@dataclass(frozen=True)
class ImportedWeights:
    """Where the checkpoint lies and what was done, in words."""

    checkpoint: Path
    told: str


def import_weights(file: Path, config_path: Path) -> ImportedWeights:
    """Make a checkpoint of foreign weights.

    Parameters
    ----------
    file : Path
        State dictionary of petroscope or of segmentation-models-pytorch.
    config_path : Path
        The TOML of a run with the section ``[foreign]``. Its data are those that the weights will
        be calibrated and judged with.

    Returns
    -------
    ImportedWeights
        The checkpoint is ``imported.pt`` in the folder of the run.

    Raises
    ------
    ConfigurationError
        If configuration, data or weights cannot be used, or do not fit each other.
    """
    text = config_text(config_path)
    config = read_config(text, source=str(config_path))
    if config.foreign is None:
        msg = f"{config_path} has no section [foreign]; it says what no file of weights does"
        raise ConfigurationError(msg)
    if config.stage_series is not None:
        msg = f"{config_path} has stage_series; foreign weights are judged on photographs"
        raise ConfigurationError(msg)
    network = build_network(
        config.network, classes=len(config.data.classes), channels=len(config.channels)
    ).eval()
    match = match_weights(
        network.network.state_dict(),
        read_foreign_file(file, tensors=config.foreign.tensors),
        network=config.network,
        foreign=config.foreign,
        classes=config.data.classes,
    )
    network.network.load_state_dict({**network.network.state_dict(), **match.weights})
    _normalise_as(network, config.foreign)
    _require_finite_answer(network, file)
    told = _told(file, config, config.foreign, match)
    path = run_folder(config) / IMPORTED_CHECKPOINT
    save_checkpoint(_checkpoint(text, config, network, told), path)
    return ImportedWeights(path, told)


def _normalise_as(network: Normalised, foreign: ForeignConfig) -> None:
    for name, given in (("mean", foreign.mean), ("std", foreign.std)):
        buffer: Tensor = getattr(network, name)
        if len(given) not in {1, buffer.numel()}:
            msg = f"foreign.{name} has {len(given)} numbers; wanted one, or {buffer.numel()}"
            raise ConfigurationError(msg)
        buffer.copy_(torch.tensor(given).view(1, -1, 1, 1))


@torch.inference_mode()
def _require_finite_answer(network: Normalised, file: Path) -> None:
    """Weights that overflow on an image would be found out late otherwise."""
    generator = torch.Generator().manual_seed(0)
    shape = (1, network.mean.numel(), _PROBE_PX, _PROBE_PX)
    image = torch.randint(0, 256, shape, generator=generator)
    if not network(image.float()).isfinite().all():
        msg = f"{file}: the network answers an image with infinite numbers or none"
        raise ConfigurationError(msg)


def _told(file: Path, config: TrainingConfig, foreign: ForeignConfig, match: Match) -> str:
    values = sum(tensor.numel() for tensor in match.weights.values())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    without = f", without {', '.join(match.ignored)}" if match.ignored else ""
    if foreign.part == "encoder":
        return (
            f"foreign weights of {file.name}, SHA-256 {digest}: {values / 1e6:.2f} million values"
            f"{without} laid onto the encoder of {described(config.network)}; {foreign.origin}"
        )
    return (
        f"foreign weights of {file.name}, SHA-256 {digest}: {len(match.weights)} tensors of "
        f"{values / 1e6:.2f} million values{without} laid onto {described(config.network)}; "
        f"outputs {list(match.rows)} of {match.outputs} for the classes "
        f"{list(config.data.classes)}; {foreign.origin}"
    )


def _checkpoint(text: str, config: TrainingConfig, network: Normalised, told: str) -> Checkpoint:
    """As of a run that has not taken a step; only its average is ever used."""
    train, _ = split_paths(config.data)
    return Checkpoint(
        config_toml=text,
        epoch=0,
        network=network.state_dict(),
        average=network.state_dict(),
        optimiser={},
        scheduler={},
        scaler={},
        sampler=SamplerState(0, ()),
        torch_random=torch.get_rng_state(),
        history=[],
        best_score=-1.0,
        git_commit=git_commit(),
        data_sha256=data_sha256(train),
        origin=told,
    )
