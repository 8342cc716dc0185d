"""Flat fields of lamps that are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petrography.calibration import FlatField, fit_flat_field
from petrography.calibration.tone_curve import light_to_levels


def flat_field_of(light: NDArray[np.floating]) -> FlatField:
    """What a photograph of a mirror under this light measures, shape (height, width, 3)."""
    levels = light_to_levels(0.9 * light / light.max())
    return fit_flat_field([np.rint(levels).astype(np.uint8)])
