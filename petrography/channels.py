"""Names of the channels of an image: which are colours, and what people are shown of the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from petrography.workspace import IN_MEMORY, Workspace, copied_by_strips

__all__ = ["RGB_CHANNELS", "colours_or_bands", "picture"]

RGB_CHANNELS = ("R", "G", "B")
Levels = NDArray[np.uint8]


def picture(
    pixels: Levels,
    channels: Sequence[str],
    shown: Sequence[str] | None = None,
    workspace: Workspace = IN_MEMORY,
) -> Levels:
    """Make an RGB picture for people of an image of any channels.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, C)
        The image.
    channels : sequence of str
        Names of its channels.
    shown : sequence of str, optional
        The three channels to show; by default R, G and B where they are there, else the first
        three. Of fewer than three, the first is shown as grey.
    workspace : Workspace, optional
        Gives the array of the picture.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        `pixels` itself where it is RGB already.

    Examples
    --------
    >>> stack = np.arange(4, dtype=np.uint8).reshape(1, 1, 4)
    >>> picture(stack, ("a", "b", "c", "d"), shown=("d", "a", "b")).ravel().tolist()
    [3, 0, 1]
    >>> picture(stack[..., 2:], ("c", "d")).ravel().tolist()
    [2, 2, 2]
    """
    places = [channels.index(name) for name in shown or _shown(channels)]
    if places == [0, 1, 2] == list(range(pixels.shape[2])):
        return pixels
    shape = (*pixels.shape[:2], 3)
    return copied_by_strips(pixels, workspace, lambda rows: rows[..., places], shape)


def colours_or_bands(pixels: Levels, channels: Sequence[str]) -> Levels:
    """What a classifier of single pixels sees: red, green and blue where they are, else all bands.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, C)
        The image.
    channels : sequence of str
        Names of its channels.
    """
    return picture(pixels, channels) if _has_colours(channels) else pixels


def _shown(channels: Sequence[str]) -> Sequence[str]:
    if _has_colours(channels):
        return RGB_CHANNELS
    return channels[:3] if len(channels) >= 3 else (channels[0],) * 3


def _has_colours(channels: Sequence[str]) -> bool:
    return set(RGB_CHANNELS) <= set(channels)
