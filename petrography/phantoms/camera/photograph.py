"""The way of the light through microscope and camera, step by step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petrography.images import Image
from petrography.phantoms.camera.illumination import illumination
from petrography.phantoms.camera.optics_blur import blurred
from petrography.phantoms.camera.projection import Lens, Projection, projected
from petrography.phantoms.camera.sensor import developed
from petrography.phantoms.camera.settings import Camera

__all__ = ["photograph"]


def photograph(
    light: NDArray[np.float32],
    camera: Camera,
    rng: np.random.Generator,
    projection: Projection | None = None,
) -> Image:
    """Take a photograph.

    Parameters
    ----------
    light : ndarray of float32, shape (rows, columns, 3)
        Linear RGB, a mirror is 1.
    camera : Camera
        Settings.
    rng : numpy.random.Generator
        Source of the noise.
    projection : Projection, optional
        Where the photograph lies on the light; all of it, straight, by default.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        sRGB, of the size of the projection.
    """
    if projection is None:
        projection = Projection(light.shape[:2], np.eye(2, 3), Lens())
    exposed = projected(blurred(light, camera), projection, camera)
    exposed += np.float32(camera.flare)
    exposed *= illumination(camera, projection.shape)
    mixing = np.array(camera.colour_matrix) * np.array(camera.gain_rgb)[:, None]
    exposed = np.asarray(exposed @ mixing.T.astype(np.float32), dtype=np.float32)
    return developed(exposed, camera, rng)
