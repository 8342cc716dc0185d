"""How far the colours of a photograph are from those that a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from petrography.calibration.colour_difference import ciede2000, lab_of_levels
from petrography.images import Image, Labels
from petrography.workspace import row_strips

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
    areas_px, sums = _sums_by_code(pixels[step, step], labels[step, step])
    compared = [code for code in np.flatnonzero(areas_px).tolist() if code in colours_rgb]
    if not compared:
        return None
    areas = areas_px[compared]
    seen = sums[compared] / areas[:, np.newaxis]
    wanted = np.array([colours_rgb[code] for code in compared])
    differences = ciede2000(lab_of_levels(seen), lab_of_levels(wanted))
    return float(np.average(differences, weights=areas))


def _sums_by_code(pixels: Image, labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pixels of every code 0-255, and their colours summed up, strip by strip."""
    areas = np.zeros(256, dtype=np.int64)
    sums = np.zeros((256, 3), dtype=np.float64)
    for rows in row_strips(*labels.shape):
        codes = labels[rows].ravel()
        areas += np.bincount(codes, minlength=256)
        for channel in range(3):
            levels = pixels[rows, :, channel].ravel()
            sums[:, channel] += np.bincount(codes, levels, minlength=256)
    return areas, sums
