"""PSPNet with a ResNet encoder that exports to ONNX at every size.

The network is segmentation-models-pytorch's. Its pyramid is replaced: exported with dynamic sides its
adaptive pooling silently computes the bins of the traced size. Here every bin is an average written
as two matrix products whose weights are computed from the shape, inside the graph.

References
----------
Zhao et al. 2017, doi:10.1109/CVPR.2017.660. Korshunov et al. 2025, doi:10.17073/2500-0632-2025-05-416.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from training.networks.resampling import resampled
from training.torchvision_schemas import declare_torchvision_operators

__all__ = ["PSPNET_DEPTH", "BinAverage", "PyramidBlock", "pspnet"]

PSPNET_DEPTH = 3  # the library's: three stages, features of an eighth of the size


class BinAverage(nn.Module):
    """Adaptive average pooling to a fixed number of bins, as two matrix products.

    Parameters
    ----------
    bins : int
        Bins along each axis; bin i covers floor(i*n/bins) to ceil((i+1)*n/bins), as
        `torch.nn.AdaptiveAvgPool2d` does.
    """

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.bins = bins

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, bins, bins)."""
        rows = _bin_weights(features.shape[2], self.bins, features)
        cols = _bin_weights(features.shape[3], self.bins, features)
        return torch.matmul(torch.matmul(rows, features), cols.transpose(0, 1))


def _bin_weights(length: int, bins: int, like: Tensor) -> Tensor:
    """Averaging weights, shape (bins, length), rows summing to 1."""
    position = torch.arange(length, device=like.device)[None, :]
    index = torch.arange(bins, device=like.device)[:, None]
    start = torch.div(index * length, bins, rounding_mode="floor")
    stop = torch.div((index + 1) * length + bins - 1, bins, rounding_mode="floor")
    inside = ((position >= start) & (position < stop)).to(like.dtype)
    return inside / inside.sum(dim=1, keepdim=True)


def pspnet(
    in_channels: int,
    classes: int,
    *,
    encoder: str = "resnet18",
    encoder_depth: int = PSPNET_DEPTH,
    **options: Any,
) -> nn.Module:
    """Build a PSPNet over the first stages of an encoder, without pretrained weights.

    Parameters
    ----------
    in_channels, classes : int
        Channels of the normalised image and of the logits.
    encoder : str
        An encoder name of segmentation-models-pytorch.
    encoder_depth : int
        Stages of the encoder that are used; each halves the size of the features.
    **options
        Further arguments of the library's PSPNet.

    Returns
    -------
    torch.nn.Module
        Maps (N, C, H, W), sides multiples of ``2**encoder_depth``, to logits (N, K, H, W).
    """
    declare_torchvision_operators()
    import segmentation_models_pytorch as smp

    network = smp.PSPNet(
        encoder,
        encoder_weights=None,
        in_channels=in_channels,
        classes=classes,
        encoder_depth=encoder_depth,
        upsampling=2**encoder_depth,
        **options,
    )
    pyramid = network.decoder.psp
    pyramid.blocks = nn.ModuleList(
        PyramidBlock(block.pool[1], block.pool_size) for block in pyramid.blocks
    )
    module: nn.Module = network
    return module


class PyramidBlock(nn.Module):
    """One level of the pyramid: bins, a 1x1 convolution, and back to the size of the features.

    Parameters
    ----------
    convolution : torch.nn.Module
        What follows the bins.
    bins : int
        Bins along each axis.
    """

    def __init__(self, convolution: nn.Module, bins: int) -> None:
        super().__init__()
        # Named as in segmentation-models-pytorch, so that its state dictionaries load.
        self.pool = nn.Sequential(BinAverage(bins), convolution)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H, W)."""
        return resampled(self.pool(features), features)
