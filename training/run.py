"""The state of a training run: what is built from a configuration and restored from a checkpoint."""

from __future__ import annotations

import copy
import logging
import math
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from petrography.accuracy import void_border
from petrography.channels import RGB_CHANNELS
from petrography.errors import ConfigurationError
from petrography.fusion import FUSED_CHANNELS
from petrography.minerals import mineral
from training.checkpoint import Checkpoint, load_checkpoint, load_weights
from training.config import ScheduleConfig, TrainingConfig, read_config
from training.crossed_views import without_views
from training.earlier_runs import doubts_about_start
from training.field_checks import (
    reading_warnings,
    require_different_images,
    require_known_codes,
)
from training.lumenstone import (
    Field,
    FieldPaths,
    data_sha256,
    load_fields,
)
from training.networks.build import Normalised, build_network
from training.normalisation import input_statistics
from training.phantom_fields import paint_fields
from training.sampler import BalancedSampler
from training.splitting import split_paths
from training.stage_series import fields_sha256, paint_series
from training.starting import ENCODER, load_initial, require_true_card

__all__ = [
    "LoadedData",
    "Run",
    "balanced_sampler",
    "choose_device",
    "git_commit",
    "load_data",
    "load_training_fields",
    "prepare_run",
    "restore_run",
    "run_folder",
]


_LOG = logging.getLogger(__name__)


@dataclass
class Run:
    """Everything that changes while a network is trained, and the data it is trained on."""

    config: TrainingConfig
    config_toml: str
    device: torch.device
    network: nn.Module
    average: nn.Module
    optimiser: Optimizer
    scheduler: LambdaLR | ReduceLROnPlateau
    scaler: torch.amp.GradScaler
    sampler: BalancedSampler
    fields: Sequence[Field]
    validation: Sequence[Field]
    data_sha256: str
    epoch: int = 0
    best_score: float = -1.0
    history: list[dict[str, Any]] = field(default_factory=list)

    def checkpoint(self) -> Checkpoint:
        """Take a snapshot of the run."""
        return Checkpoint(
            config_toml=self.config_toml,
            epoch=self.epoch,
            network=self.network.state_dict(),
            average=self.average.state_dict(),
            optimiser=self.optimiser.state_dict(),
            scheduler=self.scheduler.state_dict(),
            scaler=self.scaler.state_dict(),
            sampler=self.sampler.state,
            torch_random=torch.get_rng_state(),
            cuda_random=torch.cuda.get_rng_state_all() if self.device.type == "cuda" else [],
            history=self.history,
            best_score=self.best_score,
            git_commit=git_commit(),
            data_sha256=self.data_sha256,
        )


def run_folder(config: TrainingConfig) -> Path:
    """Folder of a run's checkpoints and logs."""
    return config.output / config.name


def _tell_absent_classes(validation: Sequence[Field], classes: Sequence[int]) -> None:
    """Warn of classes that no validation image shows: nothing will be known of them."""
    present = {code for one in validation for code in np.unique(one.truth).tolist()}
    absent = [mineral(code).symbol for code in classes if code not in present]
    if absent:
        _LOG.warning(
            "classes %s occur in no validation image: they are not judged; another split_seed may "
            "keep one",
            ", ".join(absent),
        )


def choose_device(wanted: str) -> torch.device:
    """Turn ``auto``, ``cpu`` or ``cuda`` into a device.

    Raises
    ------
    ConfigurationError
        If CUDA is demanded and absent.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        msg = (
            "device is cuda, but torch sees no CUDA device; wanted one, or device = 'cpu' or 'auto'"
        )
        raise ConfigurationError(msg)
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(wanted)


def prepare_run(config_toml: str, *, source: str, resumed: Checkpoint | None = None) -> Run:
    """Load the data and build the network, optimiser and sampler of a new run.

    What costs nothing to check is checked before any image is read or painted.

    Parameters
    ----------
    config_toml : str
        The run's TOML.
    source : str
        Where it comes from, for messages.
    resumed : Checkpoint, optional
        What `restore_run` will bring the run to: then its start was checked when it began.

    Raises
    ------
    ConfigurationError
        If the configuration or any image or mask cannot be used, or the run starts from one that
        was fitted to its validation images.
    """
    config = read_config(config_toml, source=source)
    if config.foreign is not None:
        msg = (
            f"{source} has a section [foreign], for `petroserve import`; a run starts from what that "
            "writes by network.initial_weights"
        )
        raise ConfigurationError(msg)
    device = choose_device(config.device)
    network = _fresh_network(config, device, initial=resumed is None)
    if resumed is None:
        require_true_card(config, source=source)
        for doubt in doubts_about_start(config):
            _LOG.warning("whether validation images were seen before cannot be told: %s", doubt)
    data = load_data(config)
    _tell_absent_classes(data.validation, config.data.classes)
    if config.data.train_on_all:
        _LOG.warning(
            "train_on_all: the validation images are trained on too, their scores judge nothing; "
            "export last.pt, judged by a version that was trained without them"
        )
    _normalise(network, config, data.train)
    optimiser = _optimiser(network, config.schedule)
    return Run(
        config=config,
        config_toml=config_toml,
        device=device,
        network=network,
        average=copy.deepcopy(network).eval().requires_grad_(False),
        optimiser=optimiser,
        scheduler=_scheduler(optimiser, config.schedule),
        scaler=torch.amp.GradScaler(device.type, enabled=device.type == "cuda"),
        sampler=balanced_sampler(config, data.train),
        fields=data.train,
        validation=data.validation,
        data_sha256=data.sha256,
    )


@dataclass(frozen=True)
class LoadedData:
    """Fields to train on and to validate on, and the digest of the former."""

    train: Sequence[Field]
    validation: Sequence[Field]
    sha256: str


def load_data(config: TrainingConfig) -> LoadedData:
    """Read, or paint, the fields of a configuration.

    Raises
    ------
    ConfigurationError
        If any image or mask cannot be used.
    """
    if config.stage_series is not None:
        fused, folder = config.channels == FUSED_CHANNELS, config.output / "painted"
        painted = paint_series(config.stage_series, fused=fused, folder=folder)
        return LoadedData(*painted, fields_sha256(painted[0]))
    train_paths, validation_paths = split_paths(config.data)
    train = load_training_fields(config, train_paths)
    validation = load_fields(
        validation_paths,
        resampling_factor=config.data.resampling_factor,
        channels=config.channels,
    )
    require_known_codes(validation, validation_paths, config.data.classes)
    if not config.data.train_on_all:
        photograph = len(RGB_CHANNELS) if config.data.views else None
        require_different_images(train, validation, channels=photograph)
    for warning in reading_warnings((one.name, one.warnings) for one in (*train, *validation)):
        _LOG.warning("%s", warning)
    return LoadedData(train, validation, data_sha256(train_paths))


def load_training_fields(config: TrainingConfig, paths: Sequence[FieldPaths]) -> tuple[Field, ...]:
    """Load the photographs of a run, without the borders that teach nothing, and paint its phantoms.

    Photographs that are fused with views come once more without: the network is to serve both.

    Raises
    ------
    ConfigurationError
        If an image, a mask or a recipe cannot be used.
    """
    border_px = config.data.ignored_border_px
    photographs = load_fields(
        paths, resampling_factor=config.data.resampling_factor, channels=config.channels
    )
    require_known_codes(photographs, paths, config.data.classes)
    if border_px:
        photographs = tuple(
            replace(one, truth=void_border(one.truth, border_px, frame_px=0)) for one in photographs
        )
    if config.data.views:
        photographs = (*photographs, *map(without_views, photographs))
    if config.phantoms is None:
        return photographs
    return (*photographs, *paint_fields(config.phantoms, config.data.classes))


def _fresh_network(config: TrainingConfig, device: torch.device, *, initial: bool) -> Normalised:
    torch.manual_seed(config.seed)
    network = build_network(
        config.network, classes=len(config.data.classes), channels=len(config.channels)
    ).to(device)
    if initial:
        load_initial(network, config.network, config.input)
    # Channels last is twice as fast in reduced precision; torch's own annotation forgot the call.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _normalise(network: Normalised, config: TrainingConfig, fields: Sequence[Field]) -> None:
    """Set mean and deviation, unless they came with the weights."""
    if config.network.normalised_start is not None:
        return
    mean, std = input_statistics(fields, config.input, config.channels)
    network.mean.copy_(torch.tensor(mean).view(1, -1, 1, 1))
    network.std.copy_(torch.tensor(std).view(1, -1, 1, 1))


def restore_run(run: Run, path: Path) -> None:
    """Bring a freshly prepared run to the state of its checkpoint.

    Raises
    ------
    ConfigurationError
        If the checkpoint is of another configuration or of other data.
    """
    saved = load_checkpoint(path)
    if saved.config != run.config or saved.data_sha256 != run.data_sha256:
        what = "configuration" if saved.config != run.config else "training data"
        msg = f"{path} was written with another {what}; choose another name or remove it"
        raise ConfigurationError(msg)
    commit = git_commit()
    if saved.git_commit != commit:
        _LOG.warning("%s was written at commit %s, this is %s", path, saved.git_commit, commit)
    load_weights(run.network, saved.network, source=path)
    load_weights(run.average, saved.average, source=path)
    run.optimiser.load_state_dict(saved.optimiser)
    run.scheduler.load_state_dict(saved.scheduler)
    run.scaler.load_state_dict(saved.scaler)
    run.sampler.restore(saved.sampler)
    torch.set_rng_state(saved.torch_random)
    # On another number of devices nothing can go on bit for bit.
    if run.device.type == "cuda" and len(saved.cuda_random) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(saved.cuda_random)
    run.epoch, run.best_score, run.history = saved.epoch, saved.best_score, saved.history


def git_commit() -> str:
    """Commit of the code, with ``+`` when files differ from it; ``unknown`` outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    try:
        described = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty=+"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()


def balanced_sampler(config: TrainingConfig, fields: Sequence[Field]) -> BalancedSampler:
    """Plan patches of fields as a configuration asks for it."""
    return BalancedSampler(
        [one.truth for one in fields],
        config.data.classes,
        patch_shape_px=config.sampler.patch_shape_px,
        grid_px=config.sampler.grid_px,
        strength=config.sampler.strength,
        image_exponent=config.sampler.image_exponent,
        position_exponent=config.sampler.position_exponent,
        phantoms=[one.phantom for one in fields],
        phantom_fraction=0.0 if config.phantoms is None else config.phantoms.fraction,
        seed=config.seed,
        names=[one.name for one in fields],
    )


def _optimiser(network: nn.Module, config: ScheduleConfig) -> Adam:
    """Adam over all weights, those of the encoder at a rate of their own where one is asked for."""
    rate, factor = config.learning_rate, config.encoder_learning_rate_factor
    # The history tells the rate of the first group.
    groups: list[dict[str, Any]] = [{"params": [*network.parameters()]}]
    if factor != 1.0:
        named = [*network.named_parameters()]
        groups = [
            {"params": [one for name, one in named if not name.startswith(ENCODER)]},
            {
                "params": [one for name, one in named if name.startswith(ENCODER)],
                "lr": rate * factor,
            },
        ]
    return Adam(groups, lr=rate, weight_decay=config.weight_decay)


def _scheduler(optimiser: Optimizer, config: ScheduleConfig) -> LambdaLR | ReduceLROnPlateau:
    if config.schedule == "plateau":
        return ReduceLROnPlateau(optimiser, mode="max", factor=0.1, patience=config.patience)
    total = config.epochs * config.steps_per_epoch

    def rate(step: int) -> float:
        if step < config.warmup_steps:
            return (step + 1) / config.warmup_steps
        progress = (step - config.warmup_steps) / max(1, total - config.warmup_steps)
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))

    return LambdaLR(optimiser, rate)
