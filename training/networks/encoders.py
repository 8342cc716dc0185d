"""Encoders by name: those of segmentation-models-pytorch and, as ``tu-<name>``, those of timm.

None is ever loaded with weights of others: a network starts from chance, from a checkpoint of this
project, or from foreign weights (`training.foreign`).
"""

from __future__ import annotations

import difflib

from torch import nn

from petrography.errors import ConfigurationError
from training.torchvision_schemas import declare_torchvision_operators

__all__ = ["build_encoder", "require_encoder"]

TIMM_PREFIX = "tu-"
SUGGESTIONS = 5


def require_encoder(name: str, allowed: tuple[str, ...] | None = None) -> None:
    """Check the name of an encoder before anything is built.

    Parameters
    ----------
    name : str
        The name.
    allowed : tuple of str, optional
        The names that a network takes; default: all that the two libraries know.

    Raises
    ------
    ConfigurationError
        If there is no such encoder; the message lists those that there are.
    """
    if allowed is not None:
        if name not in allowed:
            msg = f"encoder is {name!r}; this network takes {', '.join(allowed)}"
            raise ConfigurationError(msg)
        return
    known, of_timm = _names()
    if name in known or name.partition(".")[0] in of_timm:
        return
    close = difflib.get_close_matches(name, [*known, *of_timm], n=SUGGESTIONS)
    msg = (
        f"encoder is {name!r}; close to it: {', '.join(close) or 'nothing'}; wanted one of "
        f"{', '.join(known)}, or {TIMM_PREFIX}<name of timm>"
    )
    raise ConfigurationError(msg)


def build_encoder(
    name: str, in_channels: int, *, depth: int = 5, output_stride: int = 32
) -> tuple[nn.Module, list[int]]:
    """Build an encoder with fresh weights.

    Parameters
    ----------
    name : str
        Its name.
    in_channels : int
        Channels of the image.
    depth : int
        Stages that are used.
    output_stride : int
        Stride of the deepest of five stages; 8 or 16 dilates what would be shrunk further.

    Returns
    -------
    torch.nn.Module
        Maps (N, C, H, W) to the image and a feature map for each stage.
    list of int
        Their channels.
    """
    declare_torchvision_operators()
    from segmentation_models_pytorch.encoders import get_encoder

    encoder = get_encoder(
        name, in_channels=in_channels, depth=depth, weights=None, output_stride=output_stride
    )
    return encoder, list(encoder.out_channels)


def _names() -> tuple[list[str], set[str]]:
    declare_torchvision_operators()
    import timm
    from segmentation_models_pytorch.encoders import get_encoder_names

    return sorted(get_encoder_names()), {f"{TIMM_PREFIX}{name}" for name in timm.list_models()}
