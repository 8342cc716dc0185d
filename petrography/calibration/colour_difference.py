"""CIEDE2000 between colours given as encoded levels or as linear light."""

from __future__ import annotations

import numpy as np
import skimage
from numpy.typing import NDArray

__all__ = ["ciede2000", "lab_of_levels", "lab_of_light"]

_Floats = NDArray[np.float64]


def lab_of_levels(colours_rgb: _Floats) -> _Floats:
    """CIELAB (D65) of sRGB levels 0-255, shape (..., 3)."""
    return np.asarray(skimage.color.rgb2lab(np.asarray(colours_rgb, dtype=np.float64) / 255.0))


def lab_of_light(light: _Floats) -> _Floats:
    """CIELAB (D65) of linear light with sRGB primaries, shape (..., 3).

    Goes on smoothly below zero, so that a fit can come back from there.
    """
    return np.asarray(
        skimage.color.xyz2lab(np.asarray(light) @ skimage.color.colorconv.xyz_from_rgb.T)
    )


def ciede2000(one_lab: _Floats, other_lab: _Floats) -> _Floats:
    """CIEDE2000 of CIELAB colours, shape (..., 3) to (...), broadcast against each other.

    References
    ----------
    Sharma, Wu & Dalal 2005, doi:10.1002/col.20070.
    """
    one, other = np.broadcast_arrays(one_lab, other_lab)
    return np.asarray(skimage.color.deltaE_ciede2000(one, other), dtype=np.float64)
