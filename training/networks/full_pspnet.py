"""PSPNet over all stages of an encoder, whose deep stages may be dilated to output stride 8.

The deeper and heavier sister of `training.networks.pspnet`. It is laid out so that the weights of
petroscope's PSPNet, of which papers on LumenStone report, fill it (`training.foreign`).

References
----------
Zhao et al. 2017, doi:10.1109/CVPR.2017.660. Korshunov et al. 2025, doi:10.17073/2500-0632-2025-05-416.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.networks.encoders import build_encoder, require_encoder
from training.networks.pspnet import BinAverage
from training.networks.resampling import resampled

__all__ = ["FullPSPNet", "pooled_context", "pyramid_of"]

BINS = (1, 2, 3, 6)  # of the paper
HEAD_CHANNELS = 512
DILATED_STRIDE_PX, PLAIN_STRIDE_PX = 8, 32


class FullPSPNet(nn.Module):
    """Encoder, pyramid pooling, two convolutions, enlargement.

    Parameters
    ----------
    in_channels, classes : int
        Channels of the normalised image and of the logits.
    encoder : str
        An encoder name of segmentation-models-pytorch; one that can be dilated if `dilated`.
    dilated : bool
        Whether the two deepest stages keep the size of the features and widen their taps instead:
        output stride 8, else 32.
    """

    def __init__(
        self, in_channels: int, classes: int, *, encoder: str = "resnet18", dilated: bool = True
    ) -> None:
        super().__init__()
        require_encoder(encoder)
        self.stride_px = DILATED_STRIDE_PX if dilated else PLAIN_STRIDE_PX
        self.encoder, widths = build_encoder(encoder, in_channels, output_stride=self.stride_px)
        width = widths[-1]
        self.pyramid, joined = pyramid_of(width)
        self.join = nn.Sequential(*_convolution(joined, HEAD_CHANNELS, 3))
        self.head = nn.Conv2d(HEAD_CHANNELS, classes, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, C, H, W), sides multiples of `stride_px`, to logits (N, K, H, W)."""
        features = self.encoder(image)[-1]
        logits: Tensor = self.head(self.join(pooled_context(features, self.pyramid)))
        return resampled(logits, image)


def pyramid_of(width: int) -> tuple[nn.ModuleList, int]:
    """Build the levels of pyramid pooling over features of `width` channels.

    Returns
    -------
    torch.nn.ModuleList
        One level for each number of bins, for `pooled_context`.
    int
        Channels of what that gives.
    """
    share = width // len(BINS)
    levels = nn.ModuleList(
        nn.Sequential(BinAverage(bins), *_convolution(width, share, 1)) for bins in BINS
    )
    return levels, width + len(BINS) * share


def pooled_context(
    features: Tensor, levels: nn.ModuleList, *, align_corners: bool = True
) -> Tensor:
    """Put beside features (N, C, H, W) what the levels of `pyramid_of` make of the whole tile."""
    pooled = [resampled(level(features), features, align_corners=align_corners) for level in levels]
    return torch.cat([features, *pooled], dim=1)


def _convolution(
    in_channels: int, out_channels: int, kernel_px: int
) -> tuple[nn.Module, nn.Module, nn.Module]:
    convolution = nn.Conv2d(
        in_channels, out_channels, kernel_px, padding=kernel_px // 2, bias=False
    )
    return convolution, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)
