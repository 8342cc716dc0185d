"""How far the colours of a photograph are from those that a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from petrography.calibration.colour_difference import ciede2000, lab_of_levels
from petrography.images import Image, Labels

__all__ = ["colour_distance"]

# Every fourth row and column: the mean of a phase does not need more, and takes milliseconds.
_SAMPLING_STEP_PX = 4

Colour = tuple[float, float, float]


def colour_distance(
    pixels: Image, labels: Labels, colours_rgb: Mapping[int, Colour]
) -> float | None:
    """Mean CIEDE2000 between the phases of a photograph and their reference colours.

    The mean colour of every phase in the photograph is compared with its reference, and the
    differences are averaged with the areas as weights. Zero is the same colour, about 1 is just
    seen. It grows with another exposure, lamp or camera, and with a wrong mineral map.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        The photograph, sRGB.
    labels : ndarray of uint8, shape (height, width)
        Mineral codes.
    colours_rgb : mapping of int to tuple of float
        Reference sRGB colour (0-255) by code.

    Returns
    -------
    float or None
        Not negative; None where no phase of the photograph has a reference.

    References
    ----------
    Sharma, Wu & Dalal 2005, doi:10.1002/col.20070 (CIEDE2000); IEC 61966-2-1 (sRGB).

    Examples
    --------
    >>> white = np.full((8, 8, 3), 255, dtype=np.uint8)
    >>> colour_distance(white, np.ones((8, 8), dtype=np.uint8), {1: (255.0, 255.0, 255.0)})
    0.0
    """
    step = slice(None, None, _SAMPLING_STEP_PX)
    sampled, codes = pixels[step, step].reshape(-1, 3), labels[step, step].ravel()
    compared = [code for code in np.unique(codes).tolist() if code in colours_rgb]
    if not compared:
        return None
    seen = np.array([sampled[codes == code].mean(axis=0) for code in compared])
    areas = np.array([np.count_nonzero(codes == code) for code in compared])
    wanted = np.array([colours_rgb[code] for code in compared])
    differences = ciede2000(lab_of_levels(seen), lab_of_levels(wanted))
    return float(np.average(differences, weights=areas))
