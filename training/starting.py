"""What a run starts from, compared with its configuration before any image is read."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from petrography.channels import RGB_CHANNELS
from petrography.errors import ConfigurationError
from training.checkpoint import Checkpoint, load_checkpoint, load_weights, told_misfits
from training.config import InputConfig, NetworkConfig, TrainingConfig
from training.deepening import deepened

__all__ = ["ENCODER", "load_initial", "require_true_card", "resumed_checkpoint"]

# Names of an encoder's tensors begin so, whatever stands behind it.
ENCODER = "network.encoder."


def resumed_checkpoint(config: TrainingConfig, path: Path) -> Checkpoint | None:
    """Read the checkpoint that a run goes on from; None where it begins.

    Raises
    ------
    ConfigurationError
        If the checkpoint cannot be read or is of another configuration.
    """
    if not path.exists():
        return None
    saved = load_checkpoint(path)
    if saved.config != config:
        msg = f"{path} was written with another configuration; choose another name or remove it"
        raise ConfigurationError(msg)
    return saved


def require_true_card(config: TrainingConfig, *, source: str) -> None:
    """Check that the card states no other share of phantoms than the run shows.

    Raises
    ------
    ConfigurationError
        If it does.
    """
    stated, shown = config.card.phantom_fraction, config.phantom_fraction
    if stated is not None and stated != shown:
        msg = (
            f"{source} states card.phantom_fraction {stated:g}, but {shown:g} of the patches are "
            "phantoms; leave the statement out"
        )
        raise ConfigurationError(msg)


def load_initial(network: nn.Module, config: NetworkConfig, stated: InputConfig) -> None:
    """Give a fresh network the weights, or some of them, of an earlier run where one is named.

    Parameters
    ----------
    network : torch.nn.Module
        A `training.networks.build.Normalised`.
    config : NetworkConfig
        Names the earlier runs.
    stated : InputConfig
        Mean and deviation that the configuration asks for, if it does.

    Raises
    ------
    ConfigurationError
        If the earlier checkpoint cannot be read, is of another network, or was normalised otherwise
        than is stated.
    """
    if config.initial_weights is not None:
        initial = load_checkpoint(config.initial_weights)
        load_weights(network, initial.average, source=config.initial_weights)
    if config.initial_colours is not None:
        _load_colours(network, config.initial_colours)
    if config.initial_shallower is not None:
        shallower = load_checkpoint(config.initial_shallower)
        completed = deepened(shallower.average, network.state_dict())
        load_weights(network, completed, source=config.initial_shallower)
    if config.initial_encoder is not None:
        _load_encoder(network, config.initial_encoder)
    if config.normalised_start is not None:
        _require_stated_normalisation(network, stated, config.normalised_start)


def _require_stated_normalisation(network: nn.Module, stated: InputConfig, path: Path) -> None:
    """Normalisation comes with the weights: stating another would have no effect."""
    for name, wanted in (("mean", stated.mean), ("std", stated.std)):
        given = network.get_buffer(name).flatten()
        # As they are kept, in float32.
        if wanted is not None and not torch.equal(given, torch.tensor(wanted).to(given)):
            msg = (
                f"input.{name} is {wanted}, but the weights in {path} were trained with "
                f"{tuple(given.tolist())}; leave mean and std out, or state these"
            )
            raise ConfigurationError(msg)


def _load_colours(network: nn.Module, path: Path) -> None:
    """Take the weights of a network that sees the colours; all other channels begin with weight 0."""
    fresh, colours = network.state_dict(), load_checkpoint(path).average
    widened = {name: _widened(value, fresh.get(name)) for name, value in colours.items()}
    for name in ("mean", "std"):
        given, wanted = colours[name].flatten(), fresh[name].flatten()[: len(RGB_CHANNELS)]
        if not torch.equal(given, wanted):
            msg = f"{path} has {name} {given.tolist()} for its channels; wanted {wanted.tolist()}"
            raise ConfigurationError(msg)
        # Channels that it never saw are measured.
        widened[name] = fresh[name]
    load_weights(network, widened, source=path)


def _widened(weight: torch.Tensor, fresh: torch.Tensor | None) -> torch.Tensor:
    """Let what weighs the three colours weigh as many channels as it now shall, the others by 0."""
    if fresh is None or weight.ndim != 4 or weight.shape[1] != len(RGB_CHANNELS):
        return weight
    further = fresh.shape[1] - weight.shape[1]
    return torch.nn.functional.pad(weight, (0, 0, 0, 0, 0, max(further, 0)))


def _load_encoder(network: nn.Module, path: Path) -> None:
    encoder = {
        name: value
        for name, value in load_checkpoint(path).average.items()
        if name.startswith(ENCODER)
    }
    wanted = {name for name in network.state_dict() if name.startswith(ENCODER)}
    if not wanted or set(encoder) != wanted:
        msg = (
            f"{path} holds another encoder than the configuration asks for: "
            f"{sorted(set(encoder) ^ wanted)[:3]} are in one of them only"
        )
        raise ConfigurationError(msg)
    try:
        network.load_state_dict(encoder, strict=False)
    except RuntimeError as error:
        # The rest of the network is not compared: it has other classes.
        ours = {**network.state_dict(), **encoder}
        misfits = told_misfits(network, ours)
        msg = f"{path} holds an encoder of another size than the configuration asks for: {misfits}"
        raise ConfigurationError(msg) from error
