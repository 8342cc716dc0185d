"""The networks of segmentation-models-pytorch, made fit for ONNX at every size.

Names of weights stay those of the library, so that its state dictionaries load.
"""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from petrography.errors import ConfigurationError
from training.network_config import NetworkConfig
from training.networks.encoders import TIMM_PREFIX, require_encoder
from training.networks.pspnet import BinAverage, pspnet
from training.torchvision_schemas import declare_torchvision_operators

__all__ = ["library_network"]

# Said by other fields, or nothing that a segmentation of this project could have.
_SAID_ELSEWHERE = frozenset(
    {
        "encoder_name",
        "encoder_depth",
        "encoder_weights",
        "in_channels",
        "classes",
        "activation",
        "upsampling",
        "aux_params",
        "kwargs",
    }
)


def library_network(config: NetworkConfig, *, in_channels: int, classes: int) -> nn.Module:
    """Build a network of the library without pretrained weights.

    Parameters
    ----------
    config : NetworkConfig
        Its architecture is one of the library's.
    in_channels, classes : int
        Channels of the normalised image and of the logits.

    Raises
    ------
    ConfigurationError
        If the encoder or an option is unknown.
    """
    declare_torchvision_operators()
    from segmentation_models_pytorch import MODEL_ARCHITECTURES_MAPPING

    require_encoder(config.encoder)
    network_class = MODEL_ARCHITECTURES_MAPPING[config.architecture]
    _require_options(config, set(inspect.signature(network_class.__init__).parameters) - {"self"})
    arguments: dict[str, Any] = dict(config.options)
    if config.encoder_depth is not None:
        arguments["encoder_depth"] = config.encoder_depth
    network: nn.Module
    if config.architecture == "pspnet":
        network = pspnet(in_channels, classes, encoder=config.encoder, **arguments)
    else:
        network = network_class(
            config.encoder,
            encoder_weights=None,
            in_channels=in_channels,
            classes=classes,
            **arguments,
        )
        _average_by_products(network)
    if config.half_pixel_centres:
        _enlarge_about_centres(network)
    return network


def _require_options(config: NetworkConfig, known: set[str]) -> None:
    if config.encoder.startswith(TIMM_PREFIX):
        return  # what the network does not know goes to the encoder, which refuses by itself
    known -= _SAID_ELSEWHERE
    unknown = sorted(set(config.options) - known)
    if unknown:
        msg = (
            f"options {unknown} are not those of {config.architecture}; wanted some of "
            f"{', '.join(sorted(known))}"
        )
        raise ConfigurationError(msg)


def _average_by_products(module: nn.Module) -> None:
    """Replace adaptive pooling to several bins, which exports for the traced size only."""
    for name, child in module.named_children():
        if isinstance(child, nn.AdaptiveAvgPool2d) and isinstance(child.output_size, int):
            if child.output_size > 1:
                setattr(module, name, BinAverage(child.output_size))
        else:
            _average_by_products(child)


def _enlarge_about_centres(network: nn.Module) -> None:
    """Replace the enlargement of the logits, the second module of every head of the library."""
    head = network.get_submodule("segmentation_head")
    aligned = head.get_submodule("1")
    if not isinstance(aligned, nn.Upsample):
        msg = "this network does not enlarge its logits; leave half_pixel_centres out"
        raise ConfigurationError(msg)
    centred = nn.Upsample(scale_factor=aligned.scale_factor, mode="bilinear", align_corners=False)
    head.add_module("1", centred)
