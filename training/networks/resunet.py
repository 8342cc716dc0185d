"""ResUNet of Khvostikov et al. 2021: a U-Net of five levels with residual convolution blocks.

Two 3x3 convolutions and a 1x1 shortcut are summed in every block; the order of normalisation and
activation is a parameter because the paper leaves it open (its figure and later work differ).

References
----------
Khvostikov, Korshunov, Krylov & Boguslavskiy 2021, doi:10.5194/isprs-archives-XLIV-2-W1-2021-113-2021.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["RESUNET_HALO_PX", "RESUNET_STRIDE_PX", "BlockOrder", "ConvRes", "ResUNet"]

BlockOrder = Literal["conv-relu-bn", "conv-bn-relu"]

LEVELS = 5
# Distances of the taps in the encoder of the dilated network, level by level; the sizes of the
# features stay as they are.
DILATIONS = (1, 1, 2, 4, 4)
RESUNET_STRIDE_PX = 2 ** (LEVELS - 1)
# Exact interval propagation through five levels reaches 107 px; rounded up to the stride.
RESUNET_HALO_PX = 112


class ConvRes(nn.Module):
    """Residual convolution block.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    order : {"conv-relu-bn", "conv-bn-relu"}
        Order of activation and normalisation, on both branches; nothing follows the sum.
    dilation : int
        Distance of the taps of the 3x3 convolutions.
    """

    def __init__(
        self, in_channels: int, out_channels: int, order: BlockOrder, dilation: int = 1
    ) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *_convolution(in_channels, out_channels, 3, order, dilation),
            *_convolution(out_channels, out_channels, 3, order, dilation),
        )
        self.shortcut = nn.Sequential(*_convolution(in_channels, out_channels, 1, order))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H, W)."""
        total: Tensor = self.branch(features) + self.shortcut(features)
        return total


class ResUNet(nn.Module):
    """Five-level residual U-Net.

    Parameters
    ----------
    in_channels : int
        Channels of the normalised image.
    classes : int
        Channels of the logits.
    filters : int
        Filters of the first level, doubled at each of the four poolings; 8 and seven classes give
        the 510 231 parameters of the paper.
    order : {"conv-relu-bn", "conv-bn-relu"}
        See `ConvRes`.
    dilated : bool
        Whether the deeper blocks of the encoder have dilated convolutions (2, 4 and 4).
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        filters: int = 16,
        order: BlockOrder = "conv-bn-relu",
        dilated: bool = False,
    ) -> None:
        super().__init__()
        self.stride_px = RESUNET_STRIDE_PX
        widths = [filters * 2**level for level in range(LEVELS)]
        dilations = DILATIONS if dilated else (1,) * LEVELS
        self.encoder = nn.ModuleList(
            ConvRes(before, width, order, dilation)
            for before, width, dilation in zip(
                [in_channels, *widths[:-1]], widths, dilations, strict=True
            )
        )
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(2 * width, width, kernel_size=2, stride=2)
            for width in widths[-2::-1]
        )
        self.decoder = nn.ModuleList(ConvRes(2 * width, width, order) for width in widths[-2::-1])
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(filters, classes, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Map a normalised image (N, C, H, W), sides multiples of 16, to logits (N, K, H, W)."""
        skips: list[Tensor] = []
        features = image
        for level, block in enumerate(self.encoder):
            features = block(features if level == 0 else self.pool(features))
            skips.append(features)
        for skip, upsample, block in zip(skips[-2::-1], self.upsample, self.decoder, strict=True):
            features = block(torch.cat([skip, upsample(features)], dim=1))
        logits: Tensor = self.head(features)
        return logits


def _convolution(
    in_channels: int, out_channels: int, kernel_px: int, order: BlockOrder, dilation: int = 1
) -> tuple[nn.Module, nn.Module, nn.Module]:
    convolution = nn.Conv2d(
        in_channels,
        out_channels,
        kernel_px,
        padding=kernel_px // 2 * dilation,
        dilation=dilation,
    )
    normalise, activate = nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)
    if order == "conv-bn-relu":
        return convolution, normalise, activate
    return convolution, activate, normalise
