"""ResUNet with pyramid pooling: stages of an encoder, pooled context, residual blocks above.

The blocks on the way up are those of `training.networks.resunet`; what is deepest sees the averages
of `training.networks.full_pspnet` over the whole tile, so that a grain is judged beside its
neighbours although exposure differs from image to image.

References
----------
Khvostikov et al. 2021, doi:10.5194/isprs-archives-XLIV-2-W1-2021-113-2021 (the blocks).
Zhao et al. 2017, doi:10.1109/CVPR.2017.660 (pyramid pooling).
He et al. 2016, doi:10.1109/CVPR.2016.90 (the encoder by default).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from petrography.errors import ConfigurationError
from training.networks.encoders import build_encoder, require_encoder
from training.networks.full_pspnet import pooled_context, pyramid_of
from training.networks.resunet import ConvRes

__all__ = ["PyramidResUNet"]

LEAST_DEPTH, DEFAULT_DEPTH = 2, 3


class PyramidResUNet(nn.Module):
    """Stages of an encoder, pyramid pooling, a residual block at every size up to half the image.

    Parameters
    ----------
    in_channels, classes : int
        Channels of the normalised image and of the logits.
    encoder : str
        An encoder name of segmentation-models-pytorch.
    encoder_depth : int
        Its stages that are used, 2 to 5; 3 reach an eighth of the image.
    filters : int
        Channels of the last block.

    Raises
    ------
    ConfigurationError
        If there is no such encoder, or it is a single stage, above which there is nothing to build.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        encoder: str = "resnet18",
        encoder_depth: int = DEFAULT_DEPTH,
        filters: int = 16,
    ) -> None:
        super().__init__()
        require_encoder(encoder)
        if encoder_depth < LEAST_DEPTH:
            msg = (
                f"encoder_depth is {encoder_depth}; pyramid-resunet takes {LEAST_DEPTH} to 5 stages"
            )
            raise ConfigurationError(msg)
        self.stride_px = 2**encoder_depth
        self.encoder, channels = build_encoder(encoder, in_channels, depth=encoder_depth)
        deepest, skips = channels[-1], channels[-2:0:-1]
        widths = [*skips[:-1], filters]
        self.pyramid, joined = pyramid_of(deepest)
        self.join = ConvRes(joined, deepest, "conv-bn-relu")
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(before, width, kernel_size=2, stride=2)
            for before, width in zip([deepest, *widths[:-1]], widths, strict=True)
        )
        self.decoder = nn.ModuleList(
            ConvRes(width + skip, width, "conv-bn-relu")
            for width, skip in zip(widths, skips, strict=True)
        )
        self.head = nn.Conv2d(filters, classes, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, C, H, W), sides multiples of `stride_px`, to logits (N, K, H, W)."""
        _, *skips, features = self.encoder(image)
        features = self.join(pooled_context(features, self.pyramid, align_corners=False))
        for skip, upsample, block in zip(skips[::-1], self.upsample, self.decoder, strict=True):
            features = block(torch.cat([upsample(features), skip], dim=1))
        logits: Tensor = functional.interpolate(
            self.head(features), size=image.shape[2:], mode="bilinear", align_corners=False
        )
        return logits
