"""How far a network sees, measured on the network itself.

Tiles may be cropped to their cores where two things hold: nothing beyond some margin reaches a
pixel, and the network computes the same wherever a tile begins. Neither is believed: the reach is
measured with weights that can only add, on an image of zeros with a lit end, so that the faintest
influence shows; then a cut with that margin is compared with the whole under weights of chance.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

__all__ = ["exact_halo_px"]

# Relative difference of float64 sums taken in another order: a thousand times what was seen.
ROUNDING = 1e-9


@torch.no_grad()
def exact_halo_px(
    network: nn.Module, *, in_channels: int, stride_px: int, limit_px: int
) -> int | None:
    """Least margin with which tiles cropped to their cores equal the whole image.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (N, C, H, W) to logits; it is copied, not changed.
    in_channels : int
        Channels of its image.
    stride_px : int
        Tiles begin at multiples of it.
    limit_px : int
        A wider margin is of no use.

    Returns
    -------
    int or None
        A multiple of `stride_px`; None where no margin up to the limit is enough, because the
        network sees farther, pools over the whole tile, or counts positions from the tile's border.
    """
    limit_px -= limit_px % stride_px
    reach_px = _reach_px(network, in_channels, stride_px, limit_px)
    if reach_px is None:
        return None
    halo_px = -(-reach_px // stride_px) * stride_px
    exact = _cut_equals_whole(network, in_channels, stride_px, halo_px)
    return halo_px if exact else None


def _reach_px(network: nn.Module, in_channels: int, stride_px: int, limit_px: int) -> int | None:
    """Farthest pixel beyond the border of a tile that is seen within it, along both axes."""
    adding = _only_adding(network)
    lit_px = 2 * stride_px
    strip = torch.zeros(1, in_channels, stride_px, lit_px + limit_px + stride_px)
    strip[..., :lit_px] = 1.0
    for_axes = (strip, strip.flip(3), strip.transpose(2, 3), strip.transpose(2, 3).flip(2))
    reaches = [_seen_px(adding, image) for image in for_axes]
    if None in reaches:
        return None
    reach_px = max(one for one in reaches if one is not None) - lit_px
    return reach_px if reach_px <= limit_px else None


def _seen_px(adding: nn.Module, image: Tensor) -> int | None:
    """Count of positions along the strip, from its lit end on, that see light; None if none does."""
    answer = (adding(image) - adding(torch.zeros_like(image))).abs().sum(dim=(0, 1))
    # A sum without end comes of light, too.
    seen = ((answer > 0) | ~torch.isfinite(answer)).any(dim=int(image.shape[2] > image.shape[3]))
    from_lit_end = seen if image[0, 0, 0, 0] > 0 else seen.flip(0)
    positions = from_lit_end.nonzero()
    return int(positions.max()) + 1 if len(positions) else None


def _only_adding(network: nn.Module) -> nn.Module:
    """Copy a network with weights above zero and nothing added or normalised."""
    network = copy.deepcopy(network).eval()
    generator = torch.Generator().manual_seed(0)
    for name, weight in [*network.named_parameters(), *network.named_buffers()]:
        if name.endswith(("bias", "running_mean")):
            weight.zero_()
        elif weight.ndim > 1:
            # Over the channels and half of the taps: through many layers, neither the sum of all
            # taps overflows nor the product of single ones vanishes.
            scale = weight.shape[1] * math.sqrt(weight[0, 0].numel())
            weight.uniform_(0.5 / scale, 1.5 / scale, generator=generator)
        elif weight.dtype.is_floating_point:
            weight.fill_(1.0)
    return network


def _cut_equals_whole(network: nn.Module, in_channels: int, stride_px: int, halo_px: int) -> bool:
    """Compare the core of a cut with the same pixels of the whole, along both axes."""
    network = copy.deepcopy(network).double().eval()
    generator = torch.Generator().manual_seed(0)
    length_px = 2 * halo_px + 2 * stride_px
    shape = (1, in_channels, 2 * stride_px, length_px + 2 * stride_px)
    strip = torch.randn(shape, generator=generator, dtype=torch.float64)
    for image, axis in ((strip, 3), (strip.transpose(2, 3), 2)):
        cut = image.narrow(axis, stride_px, length_px)
        got = network(cut).narrow(axis, halo_px, 2 * stride_px)
        wanted = network(image).narrow(axis, stride_px + halo_px, 2 * stride_px)
        if not _equal(got, wanted):
            return False
    return True


def _equal(got: Tensor, wanted: Tensor) -> bool:
    return bool((got - wanted).abs().max() <= ROUNDING * wanted.abs().max())
