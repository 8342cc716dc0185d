"""From a configuration to a network with its normalisation and its tile geometry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from petrography.model_card import TileGeometry
from training.config import NetworkConfig
from training.networks.pspnet import PSPNET_STRIDE_PX, pspnet
from training.networks.resunet import RESUNET_HALO_PX, RESUNET_STRIDE_PX, ResUNet

__all__ = [
    "MEAN",
    "STD",
    "Normalised",
    "build_network",
    "geometry_for_small_fields",
    "tile_geometry",
]

# One mean and deviation for all channels: the differences between channels are the colour.
# Rounded grey levels of the LumenStone train images (mean 102, deviation 57).
MEAN = (102.0, 102.0, 102.0)
STD = (57.0, 57.0, 57.0)
# What sees views between crossed polars is a ResUNet too, over more channels.
_RESUNETS = ("resunet", "xpl-fusion")


class Normalised(nn.Module):
    """A network that takes images as they are, on the scale 0-255.

    Parameters
    ----------
    network : torch.nn.Module
        Maps normalised (N, C, H, W) to logits.
    mean, std : sequence of float
        Per channel, on the scale 0-255.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, network: nn.Module, mean: Sequence[float] = MEAN, std: Sequence[float] = STD
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, C, H, W), 0-255, to logits (N, K, H, W)."""
        logits: Tensor = self.network((image - self.mean) / self.std)
        return logits


def build_network(
    config: NetworkConfig,
    *,
    classes: int,
    channels: int = 3,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Normalised:
    """Build the network of a configuration with fresh weights.

    Parameters
    ----------
    config : NetworkConfig
        Which network.
    classes, channels : int
        Of its output and its input.
    mean, std : sequence of float, optional
        Per channel, on the scale 0-255; by default 102 and 57.
    """
    network = _bare_network(config, classes, channels)
    return Normalised(network, mean or MEAN[:1] * channels, std or STD[:1] * channels)


def _bare_network(config: NetworkConfig, classes: int, channels: int) -> nn.Module:
    if config.architecture in _RESUNETS:
        return ResUNet(channels, classes, filters=config.filters, order=config.order)
    return pspnet(channels, classes, encoder=config.encoder)


def tile_geometry(
    config: NetworkConfig, *, patch_px: int, tile_px: int | None = None
) -> TileGeometry:
    """Choose how images are cut for a network: exact cores for the ResUNet, blending for others.

    Parameters
    ----------
    config : NetworkConfig
        The network.
    patch_px : int
        Side of the training patches.
    tile_px : int, optional
        Side of the tiles. Default: 1024 for the ResUNet, whose cores are exact at any size; the
        training patch for a network with global pooling, which sees then what it saw in training.
        A larger tile can still serve it better (docs/decisions/0005): measure it.
    """
    if config.architecture in _RESUNETS:
        return TileGeometry(
            size_px=tile_px or 1024,
            multiple_px=RESUNET_STRIDE_PX,
            mode="halo",
            halo_px=RESUNET_HALO_PX,
        )
    return TileGeometry(
        size_px=tile_px or patch_px,
        multiple_px=PSPNET_STRIDE_PX,
        mode="blend",
        overlap_fraction=0.125,
    )


def geometry_for_small_fields(
    geometry: TileGeometry, sides_px: Iterable[tuple[int, int]]
) -> TileGeometry:
    """Shrink the tile of an exact geometry to the largest of some fields.

    Halo tiles give the same labels at any size, and the rest of a large tile is wasted on a small
    field. Blended tiles stay as they are.

    Parameters
    ----------
    geometry : TileGeometry
        Of the service.
    sides_px : iterable of (int, int)
        (height, width) of the fields.
    """
    if geometry.mode != "halo":
        return geometry
    largest_px = max(max(sides) for sides in sides_px) + 2 * geometry.halo_px
    fitted_px = -(-largest_px // geometry.multiple_px) * geometry.multiple_px
    return geometry.model_copy(update={"size_px": min(geometry.size_px, fitted_px)})
