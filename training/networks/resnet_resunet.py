"""ResUNet whose way down is a ResNet: the residual blocks of `resunet` on the way up only.

Laid out so that the weights of petroscope's ResUNet with a backbone fill it (`training.foreign`).
Two of its habits are kept for that: the last skip is the pooled stem, a quarter of the image, so
that what was enlarged to a half is resampled back; and the logits are enlarged at the end.

References
----------
Khvostikov et al. 2021, doi:10.5194/isprs-archives-XLIV-2-W1-2021-113-2021 (the blocks).
He et al. 2016, doi:10.1109/CVPR.2016.90 (the encoder).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.encoders import build_encoder, require_encoder
from training.networks.resampling import resampled
from training.networks.resunet import ConvRes

__all__ = ["ResNetResUNet"]

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
DILATED_STRIDE_PX, PLAIN_STRIDE_PX = 8, 32


class ResNetResUNet(nn.Module):
    """A ResNet with four residual blocks above it.

    Parameters
    ----------
    in_channels, classes : int
        Channels of the normalised image and of the logits.
    encoder : {"resnet18", "resnet34", "resnet50", "resnet101", "resnet152"}
        The ResNet.
    filters : int
        Channels of the last block.
    dilated : bool
        Whether the two deepest stages keep the size of the features and widen their taps instead.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        encoder: str = "resnet18",
        filters: int = 16,
        dilated: bool = False,
    ) -> None:
        super().__init__()
        require_encoder(encoder, RESNETS)
        self.stride_px = DILATED_STRIDE_PX if dilated else PLAIN_STRIDE_PX
        self.encoder, channels = build_encoder(encoder, in_channels, output_stride=self.stride_px)
        _, stem, *stages = channels
        skips = [*stages[-2::-1], stem]
        widths = [*stages[-2::-1], filters]
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(before, width, kernel_size=2, stride=2)
            for before, width in zip([stages[-1], *widths[:-1]], widths, strict=True)
        )
        self.decoder = nn.ModuleList(
            ConvRes(width + skip, width, "conv-bn-relu")
            for width, skip in zip(widths, skips, strict=True)
        )
        self.head = nn.Conv2d(filters, classes, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, C, H, W), sides multiples of `stride_px`, to logits (N, K, H, W)."""
        _, stem, *stages = self.encoder(image)
        features = stages[-1]
        skips = [*stages[-2::-1], functional.max_pool2d(stem, 3, stride=2, padding=1)]
        for skip, upsample, block in zip(skips, self.upsample, self.decoder, strict=True):
            features = block(torch.cat([resampled(upsample(features), skip), skip], dim=1))
        return resampled(self.head(features), image)
