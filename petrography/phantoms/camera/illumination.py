"""How unevenly the lamp lights the field."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.camera.settings import Camera
from petrography.phantoms.coarse_grids import Shape

__all__ = ["illumination"]


def illumination(camera: Camera, shape: Shape) -> NDArray[np.float32]:
    """Light of the lamp by pixel and colour.

    Parameters
    ----------
    camera : Camera
        Vignetting, its tint and the tilt.
    shape : tuple of int
        Rows and columns of the field.

    Returns
    -------
    ndarray of float32, shape (height, width, 3)
        1 in the centre of the field; ``1 - vignetting`` in the corners without tilt and tint.
    """
    height_px, width_px = shape
    row = ((np.arange(height_px) + 0.5) * 2.0 / height_px - 1.0)[:, None]
    column = ((np.arange(width_px) + 0.5) * 2.0 / width_px - 1.0)[None, :]
    loss = (camera.vignetting * 0.5 * (row**2 + column**2)).astype(np.float32)
    tilted = (1.0 + camera.tilt[0] * row + camera.tilt[1] * column).astype(np.float32)
    light = np.multiply.outer(loss, -np.array(camera.vignetting_tint, dtype=np.float32))
    light += tilted[..., None]
    return light
