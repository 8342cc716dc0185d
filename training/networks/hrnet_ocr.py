"""HRNet with object-contextual representations: high resolution kept, regions pooled over the tile.

The high-resolution network is timm's; where it brings features back to a higher resolution by
repeating pixels, the segmentation network of the authors interpolates, and so does this one. The
weights of petroscope's HRNet fill it (`training.foreign`).

References
----------
Wang et al. 2020, doi:10.1109/TPAMI.2020.2983686 (HRNet).
Yuan, Chen & Wang 2020, doi:10.1007/978-3-030-58539-6_11 (object-contextual representations).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from training.networks.encoders import TIMM_PREFIX, require_encoder
from training.networks.resampling import resampled
from training.torchvision_schemas import declare_torchvision_operators

__all__ = ["HRNET_STRIDE_PX", "HRNetOCR"]

HRNET_STRIDE_PX = 32
HRNETS = tuple(
    f"{TIMM_PREFIX}hrnet_{variant}"
    for variant in ("w18_small", "w18_small_v2", "w18", "w30", "w32", "w40", "w44", "w48", "w64")
)
DROPOUT = 0.05  # of Yuan et al.


class HRNetOCR(nn.Module):
    """Four branches of falling resolution, joined, and judged with the object regions of the tile.

    Parameters
    ----------
    in_channels, classes : int
        Channels of the normalised image and of the logits.
    encoder : str
        ``tu-hrnet_w18`` and its like.
    middle_channels : int
        Channels of the joined features; those of keys and values are half of them.
    object_regions : int, optional
        Soft regions whose features are pooled; default: one for each class.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        encoder: str = "tu-hrnet_w18",
        middle_channels: int = 512,
        object_regions: int | None = None,
    ) -> None:
        super().__init__()
        self.stride_px = HRNET_STRIDE_PX
        self.encoder, width = _high_resolution(encoder, in_channels)
        self.regions = nn.Sequential(
            nn.Conv2d(width, width, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, object_regions or classes, 1),
        )
        self.join = nn.Sequential(
            nn.Conv2d(width, middle_channels, 3, padding=1),
            nn.BatchNorm2d(middle_channels),
            nn.ReLU(inplace=True),
        )
        self.context = ObjectContext(middle_channels)
        self.head = nn.Conv2d(middle_channels, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, C, H, W), sides multiples of 32, to logits (N, K, H, W)."""
        finest, *coarser = self.encoder(image)
        joined = torch.cat([finest, *(resampled(one, finest) for one in coarser)], dim=1)
        features = self.context(self.join(joined), self.regions(joined))
        return resampled(self.head(features), image)


class ObjectContext(nn.Module):
    """Joins to every pixel the features of the regions that it resembles.

    Parameters
    ----------
    channels : int
        Channels of the features, before and after.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        keys = channels // 2
        self.of_pixels = nn.Sequential(*_projection(channels, keys), *_projection(keys, keys))
        self.of_regions = nn.Sequential(*_projection(channels, keys), *_projection(keys, keys))
        self.values = nn.Sequential(*_projection(channels, keys))
        self.back = nn.Sequential(*_projection(keys, channels))
        self.fuse = nn.Sequential(*_projection(2 * channels, channels), nn.Dropout2d(DROPOUT))

    def forward(self, features: Tensor, region_scores: Tensor) -> Tensor:
        """Map features (N, C, H, W) and scores of R regions (N, R, H, W) to features."""
        belonging = torch.softmax(region_scores.flatten(2), dim=2)
        pooled = torch.matmul(features.flatten(2), belonging.transpose(1, 2))[..., None]
        keys, values = self.of_regions(pooled)[..., 0], self.values(pooled)[..., 0]
        queries = self.of_pixels(features)
        resemblance = torch.matmul(queries.flatten(2).transpose(1, 2), keys)
        weights = torch.softmax(resemblance * keys.shape[1] ** -0.5, dim=2)
        context = torch.matmul(values, weights.transpose(1, 2)).view_as(queries)
        fused: Tensor = self.fuse(torch.cat([self.back(context), features], dim=1))
        return fused


def _high_resolution(name: str, in_channels: int) -> tuple[nn.Module, int]:
    """Build four branches, at a quarter of the image to a thirty-second; count their channels."""
    require_encoder(name, HRNETS)
    declare_torchvision_operators()
    import timm

    encoder = timm.create_model(
        name.removeprefix(TIMM_PREFIX),
        pretrained=False,
        in_chans=in_channels,
        features_only=True,
        feature_location="",
        out_indices=(1, 2, 3, 4),
    )
    for module in encoder.modules():
        if isinstance(module, nn.Upsample):
            module.mode, module.align_corners = "bilinear", True
    info: Any = encoder.feature_info
    return encoder, sum(info.channels())


def _projection(in_channels: int, out_channels: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    convolution = nn.Conv2d(in_channels, out_channels, 1, bias=False)
    return convolution, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)
