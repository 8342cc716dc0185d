"""From a configuration to a network with its normalisation and its tile geometry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from petrography.errors import ConfigurationError
from petrography.model_card import TileGeometry
from training.network_config import NetworkConfig
from training.networks.exact_halo import exact_halo_px
from training.networks.full_pspnet import FullPSPNet
from training.networks.guided_filter import GRID_PX, GUIDE_CHANNELS, GuidedFilter
from training.networks.hrnet_ocr import HRNetOCR
from training.networks.library import library_network
from training.networks.pyramid_resunet import DEFAULT_DEPTH, PyramidResUNet
from training.networks.resnet_resunet import ResNetResUNet
from training.networks.resunet import RESUNET_HALO_PX, RESUNET_STRIDE_PX, ResUNet

__all__ = [
    "MEAN",
    "STD",
    "Normalised",
    "build_network",
    "build_weightless",
    "geometry_for_small_fields",
    "stride_px",
    "tile_geometry",
]

# One mean and deviation for all channels: the differences between channels are the colour.
# Rounded grey levels of the LumenStone train images (mean 102, deviation 57).
MEAN = (102.0, 102.0, 102.0)
STD = (57.0, 57.0, 57.0)
# Margins of a sixth on either side make a network see 2.25 times the pixels: still worth exactness.
HALO_TILE_PX, HALO_SHARE = 1024, 1 / 6
# What sees views between crossed polars is a ResUNet too, over more channels.
_RESUNETS = ("resunet", "xpl-fusion")
# All others pool over the tile, attend to it, or enlarge with aligned corners.
MAYBE_EXACT = (*_RESUNETS, "unet", "unetplusplus", "linknet")


class Normalised(nn.Module):
    """A network that takes images as they are, on the scale 0-255.

    Parameters
    ----------
    network : torch.nn.Module
        Maps normalised (N, C, H, W) to logits.
    mean, std : sequence of float
        Per channel, on the scale 0-255.
    guided : bool
        Whether borders are drawn by a `training.networks.guided_filter.GuidedFilter`.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        mean: Sequence[float] = MEAN,
        std: Sequence[float] = STD,
        *,
        guided: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.guided_filter = GuidedFilter() if guided else None
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, C, H, W), 0-255, to logits (N, K, H, W)."""
        normalised = (image - self.mean) / self.std
        logits: Tensor = self.network(normalised)
        if self.guided_filter is not None:
            logits = self.guided_filter(normalised, logits)
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
        The network.
    classes, channels : int
        Channels of the logits and of the image.
    mean, std : sequence of float, optional
        Per channel, on the scale 0-255; by default 102 and 57.

    Raises
    ------
    ConfigurationError
        If the encoder or an option is unknown, or they do not fit each other or the channels.
    """
    try:
        network = _bare_network(config, classes, channels)
    except ConfigurationError:
        raise
    except Exception as error:  # the libraries raise many kinds for what they cannot build
        msg = (
            f"{config.architecture}, encoder {config.encoder}, depth "
            f"{config.encoder_depth or 'as it comes'}, options {config.options or 'none'}, cannot "
            f"be built for {channels} channels: {type(error).__name__}: {error}"
        )
        raise ConfigurationError(msg) from error
    if config.guided_filter:
        _require_guide(network, channels)
    return Normalised(
        network,
        mean or MEAN[:1] * channels,
        std or STD[:1] * channels,
        guided=config.guided_filter,
    )


def _require_guide(network: nn.Module, channels: int) -> None:
    """Check that the guided filter can stand behind a network."""
    if channels != GUIDE_CHANNELS:
        msg = f"guided_filter is led by red, green and blue; the network sees {channels} channels"
        raise ConfigurationError(msg)
    if stride_px(network) % GRID_PX:
        msg = (
            f"guided_filter wants tiles whose sides are multiples of {GRID_PX} px; those of this "
            f"network are multiples of {stride_px(network)} px: take more of its stages"
        )
        raise ConfigurationError(msg)


def build_weightless(config: NetworkConfig, *, classes: int, channels: int = 3) -> Normalised:
    """Build a network on torch's meta device: shapes in, shapes out, in no time.

    Chance gives the same numbers afterwards as it would have before.

    Raises
    ------
    ConfigurationError
        As `build_network` does.
    """
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                network = build_network(config, classes=classes, channels=channels)
        except ConfigurationError:
            # Some encoders look at values while they are built: they get them.
            network = build_network(config, classes=classes, channels=channels)
    return network.to("meta")


def _bare_network(config: NetworkConfig, classes: int, channels: int) -> nn.Module:
    options: dict[str, Any] = dict(config.options)
    match config.architecture:
        case "resunet" | "xpl-fusion":
            return ResUNet(
                channels,
                classes,
                filters=config.filters,
                order=config.order,
                dilated=config.dilated,
            )
        case "resnet-resunet":
            return ResNetResUNet(
                channels,
                classes,
                encoder=config.encoder,
                filters=config.filters,
                dilated=config.dilated,
            )
        case "pyramid-resunet":
            return PyramidResUNet(
                channels,
                classes,
                encoder=config.encoder,
                encoder_depth=config.encoder_depth or DEFAULT_DEPTH,
                filters=config.filters,
            )
        case "full-pspnet":
            return FullPSPNet(channels, classes, encoder=config.encoder, dilated=config.dilated)
        case "hrnet-ocr":
            return HRNetOCR(
                channels,
                classes,
                encoder=config.encoder,
                object_regions=config.object_regions,
                **options,
            )
    return library_network(config, in_channels=channels, classes=classes)


def stride_px(network: nn.Module) -> int:
    """Total stride of a bare network: sides of tiles must be multiples of it."""
    own: Any = getattr(network, "stride_px", None)
    # The networks of the library leave it to their encoder.
    encoder: Any = network.get_submodule("encoder")
    return int(encoder.output_stride if own is None else own)


def tile_geometry(
    config: NetworkConfig, *, patch_px: int, tile_px: int | None = None
) -> TileGeometry:
    """Choose how images are cut for a network: exact cores where they are had cheaply, or blending.

    Cores are exact for the ResUNet, and for those networks of the library that neither pool over
    the tile nor count positions from its border, as measured by `exact_halo_px`. They are chosen
    where the margin takes at most a sixth of the tile on each side.

    Parameters
    ----------
    config : NetworkConfig
        The network.
    patch_px : int
        Longer side of the training patches.
    tile_px : int, optional
        Side of the tiles. Default: 1024 where cores are exact, for they are so at any size; else
        the training patch, so that a network that pools sees what it saw in training. A larger
        tile can still serve it better (docs/decisions/0005): measure it.
    """
    halo_tile_px = tile_px or HALO_TILE_PX
    key = config.without_starts()
    multiple_px, halo_px = _stride_and_halo_px(key, int(halo_tile_px * HALO_SHARE))
    if halo_px is not None:
        return TileGeometry(
            size_px=halo_tile_px, multiple_px=multiple_px, mode="halo", halo_px=halo_px
        )
    return TileGeometry(
        size_px=tile_px or patch_px,
        multiple_px=multiple_px,
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


@lru_cache(maxsize=32)
def _stride_and_halo_px(network_json: str, limit_px: int) -> tuple[int, int | None]:
    config = NetworkConfig.model_validate_json(network_json)
    if config.architecture in _RESUNETS and not config.dilated:
        return RESUNET_STRIDE_PX, RESUNET_HALO_PX
    if config.architecture not in MAYBE_EXACT:
        return stride_px(build_weightless(config, classes=2).network), None
    # A run must draw the same numbers whether or not its tiles were planned before.
    with torch.random.fork_rng(devices=[]):
        network = build_network(config, classes=2).network
    halo_px = exact_halo_px(network, in_channels=3, stride_px=stride_px(network), limit_px=limit_px)
    return stride_px(network), halo_px
