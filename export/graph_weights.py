"""Weights of an exported graph laid back onto the network that it was exported from.

The exporter folds a normalisation into the convolution before it. It is unfolded again with the
mean and variance that the convolution's answers have on images at hand: in evaluation the network
then computes what the graph computes, and in training what it normalises with stays true.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from petrography.errors import ConfigurationError
from training.networks.build import Normalised

__all__ = ["GraphLayer", "lay_onto", "restore_normalisation"]

Convolution: TypeAlias = nn.Conv2d | nn.ConvTranspose2d

# Names of tensors begin so in the graph: `export.graph.ServedGraph` calls its network this.
_PREFIX = "network."
_PROBE_PX = 128
# Channels whose weights are shorter than this share of fresh ones were scaled to nothing.
_OFF = 1e-6


@dataclass
class GraphLayer:
    """A convolution, the normalisation that follows it, and sums of what it answers."""

    convolution: Convolution
    normalisation: nn.BatchNorm2d | None = None
    total: Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.float64))
    squares: Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.float64))
    count: int = 0

    def hear(self, _module: nn.Module, _given: object, answer: Tensor) -> None:
        """Add an answer; a forward hook."""
        values = answer.double()
        self.total = self.total + values.sum(dim=(0, 2, 3))
        self.squares = self.squares + values.square().sum(dim=(0, 2, 3))
        self.count += answer.numel() // answer.shape[1]


def lay_onto(network: Normalised, onnx_bytes: bytes, *, stride_px: int) -> tuple[GraphLayer, ...]:
    """Give a network the weights of its exported graph; what was folded stays folded for now.

    Parameters
    ----------
    network : Normalised
        Of the architecture that was exported, in evaluation mode. Changed in place.
    onnx_bytes : bytes
        The graph, in float32.
    stride_px : int
        Sides of tiles are multiples of it.

    Returns
    -------
    tuple of GraphLayer
        For `restore_normalisation`.

    Raises
    ------
    ConfigurationError
        If the graph is of another network, or holds what no convolution and no name accounts for.
    """
    graph = onnx.load_from_string(onnx_bytes).graph
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    named = {
        name.removeprefix(_PREFIX): torch.from_numpy(value.copy())
        for name, value in values.items()
        if name.removeprefix(_PREFIX) in network.state_dict()
    }
    network.load_state_dict(named, strict=False)
    layers = _layers(network, stride_px, named=frozenset(named))
    folded = _convolutions(graph, values)
    if len(layers) != len(folded):
        msg = f"the graph has {len(folded)} convolutions, the network {len(layers)}"
        raise ConfigurationError(msg)
    for layer, (weight, bias) in zip(layers, folded, strict=True):
        _fill(layer, weight, bias)
    return tuple(layers)


def restore_normalisation(
    network: Normalised, layers: Sequence[GraphLayer], images: Sequence[Tensor]
) -> None:
    """Unfold every normalisation, with statistics of what its convolution answers to images.

    Parameters
    ----------
    network : Normalised
        From `lay_onto`. Changed in place; in evaluation it computes what it did.
    layers : sequence of GraphLayer
        From `lay_onto`.
    images : sequence of Tensor, uint8 (N, C, H, W)
        Batches such as the network will be trained on.
    """
    folded = [layer for layer in layers if layer.normalisation is not None]
    with ExitStack() as listening, torch.inference_mode():
        for layer in folded:
            listening.callback(layer.convolution.register_forward_hook(layer.hear).remove)
        for batch in images:
            network(batch.float())
    for layer in layers:
        if layer.normalisation is not None:
            _unfold(layer, layer.normalisation)


@torch.no_grad()
def _unfold(layer: GraphLayer, normalisation: nn.BatchNorm2d) -> None:
    """Move bias and scale from the convolution to the normalisation that they came from.

    Channels get the length that fresh weights have, or steps of one size would turn some of them
    far and others not at all; the normalisation takes it back. Channels that training has switched
    off stay off.
    """
    weight = layer.convolution.weight
    length = weight.flatten(1).norm(dim=1)
    fan_out = weight[0, 0].numel() * weight.shape[0]
    wanted = (2.0 / fan_out * weight[0].numel()) ** 0.5
    stretch = torch.where(length > _OFF * wanted, wanted / length, torch.ones_like(length))
    mean = layer.total / layer.count
    variance = (layer.squares / layer.count - mean.square()).clamp_min(0.0)
    weight.mul_(stretch.view(-1, *[1] * (weight.dim() - 1)))
    _set_statistics(normalisation, mean * stretch, variance * stretch.square())
    deviation = (normalisation.get_buffer("running_var") + normalisation.eps).sqrt()
    normalisation.weight.copy_(deviation / stretch)
    normalisation.bias.add_(mean)


@torch.no_grad()
def _fill(layer: GraphLayer, weight: NDArray[Any], bias: NDArray[Any] | None) -> None:
    convolution, normalisation = layer.convolution, layer.normalisation
    if weight.shape != tuple(convolution.weight.shape):
        msg = (
            f"a convolution of the graph has weights {weight.shape}, that of the network "
            f"{tuple(convolution.weight.shape)}"
        )
        raise ConfigurationError(msg)
    convolution.weight.copy_(torch.from_numpy(weight.copy()))
    kept = torch.zeros(convolution.out_channels)
    if bias is not None:
        kept = torch.from_numpy(bias.copy())
    if normalisation is None:
        if convolution.bias is not None:
            convolution.bias.copy_(kept)
        return
    if convolution.bias is not None:
        convolution.bias.zero_()
    # The identity, plus the bias that the graph gives.
    one = torch.ones_like(kept)
    _set_statistics(normalisation, one - one, one - normalisation.eps)
    normalisation.weight.fill_(1.0)
    normalisation.bias.copy_(kept)


def _set_statistics(normalisation: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    normalisation.get_buffer("running_mean").copy_(mean)
    normalisation.get_buffer("running_var").copy_(variance)


def _convolutions(
    graph: onnx.GraphProto, values: dict[str, NDArray[Any]]
) -> list[tuple[NDArray[Any], NDArray[Any] | None]]:
    """Weights and biases of the convolutions of a graph, in the order in which they compute."""
    # Of equal tensors the exporter keeps one, and passes it on under the names of the others.
    known = dict(values)
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in known:
            known[node.output[0]] = known[node.input[0]]
    found = []
    for node in graph.node:
        if node.op_type in {"Conv", "ConvTranspose"}:
            bias = known[node.input[2]] if len(node.input) > 2 else None
            found.append((known[node.input[1]], bias))
    return found


def _layers(network: Normalised, stride_px: int, *, named: frozenset[str]) -> list[GraphLayer]:
    """Convolutions in the order in which they compute, with the normalisation folded into them."""
    names = {module: name for name, module in network.named_modules()}
    layers: list[GraphLayer] = []
    answers: list[Tensor] = []
    folded: set[nn.Module] = set()
    lost: list[str] = []

    def is_told(module: nn.Module) -> bool:
        return all(
            f"{names[module]}.{own}" in named for own, _ in module.named_parameters("", False)
        )

    def begins(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        # What the graph tells by its own name was not folded.
        if not isinstance(module, nn.BatchNorm2d) or is_told(module):
            return
        for layer, answer in zip(layers, answers, strict=True):
            if given[0] is answer and isinstance(layer.convolution, nn.Conv2d):
                layer.normalisation = module
                folded.add(module)

    def ends(module: nn.Module, _given: object, answer: Tensor) -> None:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            layers.append(GraphLayer(module))
            answers.append(answer)
        elif module not in folded and not is_told(module):
            lost.append(names[module])

    with ExitStack() as listening, torch.inference_mode():
        for module in network.modules():
            listening.callback(module.register_forward_pre_hook(begins).remove)
            listening.callback(module.register_forward_hook(ends).remove)
        side_px = -(-_PROBE_PX // stride_px) * stride_px
        network(torch.zeros(1, network.mean.numel(), side_px, side_px))
    if lost:
        msg = (
            f"the graph no longer tells the weights of {', '.join(lost[:3])}; only networks of "
            "convolutions and their normalisation can be laid back"
        )
        raise ConfigurationError(msg)
    return layers
