"""Whether a network can be built and trained, found out before any image is read."""

from __future__ import annotations

from functools import lru_cache

import torch

from petrography.errors import ConfigurationError
from training.network_config import NetworkConfig
from training.networks.build import build_weightless, stride_px

__all__ = ["described_shape", "network_problem"]

_CLASSES = 3


@lru_cache(maxsize=32)
def network_problem(
    network_json: str, *, patch_shape_px: tuple[int, int], batch: int, channels: int = 3
) -> str | None:
    """Build a network and send the shape of a batch through it, without computing anything.

    Parameters
    ----------
    network_json : str
        A `NetworkConfig` as JSON: text, so that the answer can be remembered.
    patch_shape_px : tuple of int
        Rows and columns of the training patches.
    batch : int
        Their number.
    channels : int
        Channels of the image.

    Returns
    -------
    str or None
        What is wrong, None if nothing is.
    """
    config = NetworkConfig.model_validate_json(network_json)
    shape, size = (batch, channels, *patch_shape_px), described_shape(patch_shape_px)
    try:
        network = build_weightless(config, classes=_CLASSES, channels=channels)
        logits = network.train()(torch.empty(shape, device="meta"))
        step_px = stride_px(network.network)
    except ConfigurationError as error:
        return str(error)
    except (RuntimeError, ValueError) as error:
        return f"{config.architecture} cannot take {batch} patches of {size} px: {error}"
    if any(side % step_px for side in patch_shape_px):
        return f"{config.architecture} wants patches of a multiple of {step_px} px, not {size}"
    if logits.shape != (batch, _CLASSES, *patch_shape_px):
        return f"{config.architecture} answers {size} px by {tuple(logits.shape[2:])} px"
    return None


def described_shape(shape_px: tuple[int, int]) -> str:
    """Write one side for a square, rows x columns for others."""
    rows, cols = shape_px
    return f"{rows}" if rows == cols else f"{rows} x {cols}"
