"""Whether a network can be built and trained, found out before any image is read."""

from __future__ import annotations

from functools import lru_cache

import torch

from petrography.errors import ConfigurationError
from training.network_config import NetworkConfig
from training.networks.build import build_weightless, stride_px

__all__ = ["network_problem"]

_CLASSES = 3


@lru_cache(maxsize=32)
def network_problem(
    network_json: str, *, patch_px: int, batch: int, channels: int = 3
) -> str | None:
    """Build a network and send the shape of a batch through it, without computing anything.

    Parameters
    ----------
    network_json : str
        A `NetworkConfig` as JSON: text, so that the answer can be remembered.
    patch_px, batch : int
        Side and number of the training patches.
    channels : int
        Channels of the image.

    Returns
    -------
    str or None
        What is wrong, None if nothing is.
    """
    config = NetworkConfig.model_validate_json(network_json)
    shape = (batch, channels, patch_px, patch_px)
    try:
        network = build_weightless(config, classes=_CLASSES, channels=channels)
        logits = network.train()(torch.empty(shape, device="meta"))
        step_px = stride_px(network.network)
    except ConfigurationError as error:
        return str(error)
    except (RuntimeError, ValueError) as error:
        return f"{config.architecture} cannot take {batch} patches of {patch_px} px: {error}"
    if patch_px % step_px:
        return f"{config.architecture} wants patches of a multiple of {step_px} px, not {patch_px}"
    if logits.shape != (batch, _CLASSES, patch_px, patch_px):
        return f"{config.architecture} answers {patch_px} px by {tuple(logits.shape[2:])} px"
    return None
