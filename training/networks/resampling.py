"""Features of one size brought to that of others."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

__all__ = ["resampled"]


def resampled(features: Tensor, like: Tensor, *, align_corners: bool = True) -> Tensor:
    """Bring features to the size of others; of that size already, they stay as they are.

    Parameters
    ----------
    features : torch.Tensor, shape (N, C, H, W)
        What is brought.
    like : torch.Tensor, shape (N, C', H', W')
        Of the size that is wanted.
    align_corners : bool
        Whether corner pixels lie upon each other (as in the published networks), or the middles
        of all pixels where they belong.
    """
    size = (like.shape[2], like.shape[3])
    return functional.interpolate(features, size=size, mode="bilinear", align_corners=align_corners)
