"""Apply a stored colour calibration to a photograph."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.calibration.colour_calibration import ColourCalibration
from petrography.calibration.tone_curve import change_light
from petrography.images import Image, require_image
from petrography.workspace import IN_MEMORY, Workspace

__all__ = ["apply_calibration"]


def apply_calibration(
    pixels: Image, calibration: ColourCalibration, workspace: Workspace = IN_MEMORY
) -> Image:
    """Correct the colours of a photograph.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        sRGB.
    calibration : ColourCalibration
        Fitted to this photograph or to its series.
    workspace : Workspace, optional
        Gives the array of the result.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        sRGB; channels that leave the range are clipped. The same bytes for the same input.

    Raises
    ------
    InvalidParameterError
        If `pixels` is no RGB image.
    """
    matrix = np.array(calibration.matrix, dtype=np.float32).T

    def corrected(light: NDArray[np.float32], _: slice) -> NDArray[np.float32]:
        return np.asarray(cv2.transform(light, matrix), dtype=np.float32)

    return change_light(
        require_image(pixels), corrected, gamma=calibration.gamma, workspace=workspace
    )
