"""PSPNet with a ResNet encoder that exports to ONNX at every size.

The network is segmentation-models-pytorch's. Its pyramid is replaced: exported with dynamic sides its
adaptive pooling silently computes the bins of the traced size. Here every average is written as two
matrix products whose weights are computed from the shape, inside the graph: over the bins of a tile,
as published, or over windows of a fixed size around every feature, which know no tile.

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

__all__ = ["PSPNET_DEPTH", "BinAverage", "PyramidBlock", "WindowAverage", "pspnet"]

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


class WindowAverage(nn.Module):
    """Average over a square window around every feature; of the window, what lies in the tile.

    Parameters
    ----------
    window : int
        Its side in features, odd.
    """

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H, W)."""
        rows = _window_weights(features.shape[2], self.window, features)
        cols = _window_weights(features.shape[3], self.window, features)
        return torch.matmul(torch.matmul(rows, features), cols.transpose(0, 1))


def _bin_weights(length: int, bins: int, like: Tensor) -> Tensor:
    """Averaging weights, shape (bins, length), rows summing to 1."""
    position = torch.arange(length, device=like.device)[None, :]
    index = torch.arange(bins, device=like.device)[:, None]
    start = torch.div(index * length, bins, rounding_mode="floor")
    stop = torch.div((index + 1) * length + bins - 1, bins, rounding_mode="floor")
    return _averaging((position >= start) & (position < stop), like)


def _window_weights(length: int, window: int, like: Tensor) -> Tensor:
    """Averaging weights, shape (length, length), rows summing to 1."""
    position = torch.arange(length, device=like.device)
    return _averaging((position[None, :] - position[:, None]).abs() <= window // 2, like)


def _averaging(inside: Tensor, like: Tensor) -> Tensor:
    weights = inside.to(like.dtype)
    return weights / weights.sum(dim=1, keepdim=True)


def pspnet(
    in_channels: int,
    classes: int,
    *,
    encoder: str = "resnet18",
    encoder_depth: int = PSPNET_DEPTH,
    window_px: int | None = None,
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
    window_px : int, optional
        Side of the windows of the coarsest level of the pyramid, px; those of a level with more
        bins are smaller by their number. Default: the bins themselves.
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
        PyramidBlock(_average(block.pool_size, window_px, 2**encoder_depth), block.pool[1])
        for block in pyramid.blocks
    )
    module: nn.Module = network
    return module


def _average(bins: int, window_px: int | None, stride_px: int) -> nn.Module:
    if window_px is None:
        return BinAverage(bins)
    return WindowAverage(2 * (window_px // (2 * bins * stride_px)) + 1)


class PyramidBlock(nn.Module):
    """One level of the pyramid: averages, a 1x1 convolution, and back to the size of the features.

    Parameters
    ----------
    average : torch.nn.Module
        `BinAverage` or `WindowAverage`.
    convolution : torch.nn.Module
        What follows the averages.
    """

    def __init__(self, average: nn.Module, convolution: nn.Module) -> None:
        super().__init__()
        # Named as in segmentation-models-pytorch, so that its state dictionaries load.
        self.pool = nn.Sequential(average, convolution)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H, W)."""
        return resampled(self.pool(features), features)
