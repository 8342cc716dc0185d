"""Checkpoints: everything that a run needs to go on bit for bit, written atomically."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from petrography.errors import ConfigurationError
from training.config import TrainingConfig, read_config
from training.sampler import SamplerState

__all__ = ["Checkpoint", "load_checkpoint", "load_weights", "save_checkpoint", "told_misfits"]

_FORMAT = 1
_MISFITS_NAMED = 3


@dataclass(frozen=True)
class Checkpoint:
    """State of a run at the end of an epoch.

    Attributes
    ----------
    config_toml : str
        The TOML text of the run.
    epoch : int
        Epochs finished.
    network, average, optimiser, scheduler, scaler : dict
        State dictionaries; `average` is the moving average of the weights that is exported.
    sampler : SamplerState
        Where the plan of patches stands.
    torch_random : Tensor
        State of torch's generator on the CPU (dropout there); patches have seeds of their own.
    history : list of dict
        One entry per epoch: loss, learning rate, validation scores.
    best_score : float
        Best validation mean IoU so far.
    git_commit : str
        Commit of the code that wrote it.
    data_sha256 : str
        Digest of the training images and masks.
    origin : str or None
        Where the weights come from if not from a run (`training.foreign`).
    told_before : str or None
        What a model card tells of the runs before, where the checkpoint was made of a published
        model (`export.reopening`) and theirs are gone.
    cuda_random : list of Tensor
        States of the generators of all CUDA devices, where the run is on one.
    """

    config_toml: str
    epoch: int
    network: dict[str, Any]
    average: dict[str, Any]
    optimiser: dict[str, Any]
    scheduler: dict[str, Any]
    scaler: dict[str, Any]
    sampler: SamplerState
    torch_random: torch.Tensor
    history: list[dict[str, Any]]
    best_score: float
    git_commit: str
    data_sha256: str
    origin: str | None = None
    told_before: str | None = None
    cuda_random: list[torch.Tensor] = field(default_factory=list)

    @property
    def config(self) -> TrainingConfig:
        """The run's configuration."""
        return read_config(self.config_toml, source="configuration of the checkpoint")


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint to a temporary name, flush it to disk, then rename it into place.

    Raises
    ------
    ConfigurationError
        If the folder does not take it; a checkpoint of this name that is there stays as it is.
    """
    temporary = path.with_suffix(path.suffix + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_flushed(checkpoint, temporary)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        # Torch raises an error of its own over that of the disk, which alone tells what it was.
        reason = error if isinstance(error, OSError) else error.__context__ or error
        msg = f"{path} cannot be written: {getattr(reason, 'strerror', None) or reason}"
        raise ConfigurationError(msg) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _write_flushed(checkpoint: Checkpoint, path: Path) -> None:
    content = {**vars(checkpoint), "sampler": asdict(checkpoint.sampler), "format": _FORMAT}
    with path.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; only tensors and plain values are unpickled.

    Raises
    ------
    ConfigurationError
        If the file is missing, damaged, or no checkpoint of this project.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        msg = f"{path} cannot be read as a checkpoint: {error.strerror or error}"
        raise ConfigurationError(msg) from error
    except Exception as error:  # torch raises many kinds for a damaged file
        # Without torch's own words: they advise to load what may run code.
        msg = (
            f"{path} cannot be read as a checkpoint: it is damaged, cut off or something else "
            f"({type(error).__name__}); wanted one that `petroserve train`, `import` or `reopen` wrote"
        )
        raise ConfigurationError(msg) from error
    if not isinstance(content, dict) or content.pop("format", None) != _FORMAT:
        msg = (
            f"{path} is no checkpoint of format {_FORMAT} written by `petroserve train`; weights of "
            "other projects are brought by `petroserve import`"
        )
        raise ConfigurationError(msg)
    try:
        sampler = content.pop("sampler")
        state = SamplerState(sampler["drawn"], tuple(sampler["shown_px"]))
        return Checkpoint(**content, sampler=state)
    except (KeyError, TypeError) as error:
        msg = f"{path} is an incomplete checkpoint: {error}"
        raise ConfigurationError(msg) from error


def load_weights(network: nn.Module, weights: Mapping[str, Any], *, source: Path) -> None:
    """Give a network the weights of a checkpoint.

    Parameters
    ----------
    network : torch.nn.Module
        Of the architecture that the checkpoint should have.
    weights : mapping of str to Tensor
        `Checkpoint.network` or `Checkpoint.average`.
    source : Path
        The checkpoint, for the message.

    Raises
    ------
    ConfigurationError
        If they are of another network.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        msg = (
            f"{source} holds weights of another network than the configuration asks for: "
            f"{told_misfits(network, weights)}"
        )
        raise ConfigurationError(msg) from error


def told_misfits(network: nn.Module, weights: Mapping[str, Any]) -> str:
    """Say in one line where weights are not those of a network.

    Parameters
    ----------
    network : torch.nn.Module
        What they should fit.
    weights : mapping of str to Tensor
        State dictionary.
    """
    wanted = network.state_dict()
    # By the part of the network: of another one hundreds of tensors are strange.
    alone = Counter(".".join(name.split(".")[:2]) for name in wanted.keys() ^ weights.keys())
    misshaped = [
        f"size mismatch for {name}, {tuple(weights[name].shape)} instead of {tuple(one.shape)}"
        for name, one in wanted.items()
        if name in weights and weights[name].shape != one.shape
    ]
    told = [f"{number} tensors of {part} are in one only" for part, number in alone.items()]
    return "; ".join((*sorted(told), *misshaped[:_MISFITS_NAMED]))
