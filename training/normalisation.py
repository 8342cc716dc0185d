"""Mean and deviation of every input channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from petrography.channels import RGB_CHANNELS
from training.config import InputConfig
from training.lumenstone import Field
from training.networks.build import MEAN, STD

__all__ = ["input_statistics"]

# Every so-manieth row and column: a mean over millions of pixels needs no more.
_SAMPLING_STEP_PX = 4
# A channel that is the same everywhere is not blown up.
_LEAST_STD = 1.0


def input_statistics(
    fields: Sequence[Field], config: InputConfig, channels: Sequence[str]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Choose mean and standard deviation of every channel, on the scale 0-255.

    Colours have one mean and deviation for all three, for their differences are the colour, and
    keep those of LumenStone, so that weights can be gone on with. Other channels are measured.

    Parameters
    ----------
    fields : sequence of Field
        Training fields, at least one.
    config : InputConfig
        What it states is taken.
    channels : sequence of str
        Names of the channels.

    Returns
    -------
    tuple of float, tuple of float
        Means and deviations, one for each channel.
    """
    if config.mean is not None and config.std is not None:
        return config.mean, config.std
    if tuple(channels) == RGB_CHANNELS:
        return MEAN, STD
    step = slice(None, None, _SAMPLING_STEP_PX)
    sample = np.concatenate(
        [field.image[step, step].reshape(-1, len(channels)) for field in fields]
    )
    means, deviations = sample.mean(axis=0), np.maximum(sample.std(axis=0), _LEAST_STD)
    colours = [set(RGB_CHANNELS) <= set(channels) and name in RGB_CHANNELS for name in channels]
    return (
        tuple(np.where(colours, MEAN[0], means).round(3).tolist()),
        tuple(np.where(colours, STD[0], deviations).round(3).tolist()),
    )
