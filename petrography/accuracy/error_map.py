"""A picture of the errors of a prediction."""

from __future__ import annotations

import numpy as np

from petrography.accuracy.confusion import require_same_shape
from petrography.images import Image, Labels
from petrography.minerals import UNLABELLED_CODE

__all__ = ["error_map"]

# Light green against dark red: told apart by lightness too, by readers who see no hue.
_RIGHT_RGB, _WRONG_RGB, _IGNORED_RGB = (120, 200, 120), (190, 20, 30), (128, 128, 128)


def error_map(truth: Labels, prediction: Labels) -> Image:
    """Paint where a prediction is right (green), wrong (red) or not judged (grey).

    Parameters
    ----------
    truth, prediction : ndarray of uint8, shape (height, width)
        Codes; where either is 255 nothing is judged.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        sRGB picture.

    Raises
    ------
    LabelImageError
        If the shapes differ.
    """
    require_same_shape(truth, prediction)
    open_px = (truth == UNLABELLED_CODE) | (prediction == UNLABELLED_CODE)
    verdict = np.where(open_px, np.uint8(2), np.uint8(0))
    verdict[(verdict == 0) & (truth != prediction)] = 1
    colours = np.array([_RIGHT_RGB, _WRONG_RGB, _IGNORED_RGB], dtype=np.uint8)
    return colours[verdict]
