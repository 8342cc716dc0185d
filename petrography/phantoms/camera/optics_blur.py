"""What the optics make of a point of light: diffraction, defocus and a wide veil."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.camera.settings import Camera

__all__ = ["blurred"]

_VEIL_PX = 40.0
_VEIL_STEP = 8
# A disc below this radius changes nothing that the pixels could show.
_LEAST_DEFOCUS_PX = 0.4
_SUBPIXELS = 8


def blurred(light: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Spread the light of every point; light beyond the border is taken as mirrored.

    Parameters
    ----------
    light : ndarray of float32, shape (height, width, 3)
        Linear RGB.
    camera : Camera
        Point spread, defocus and veil.

    Returns
    -------
    ndarray of float32, shape (height, width, 3)
        A new array.
    """
    spread = np.asarray(cv2.GaussianBlur(light, (0, 0), camera.blur_px), dtype=np.float32)
    if camera.defocus_px >= _LEAST_DEFOCUS_PX:
        spread = np.asarray(cv2.filter2D(spread, -1, _disc(camera.defocus_px)), dtype=np.float32)
    if camera.veil_fraction > 0.0:
        spread = _veiled(spread, camera.veil_fraction)
    return spread


def _disc(radius_px: float) -> NDArray[np.float32]:
    """Kernel of a uniform disc, sum 1, with partly covered pixels at its edge."""
    reach = math.ceil(radius_px)
    side = (2 * reach + 1) * _SUBPIXELS
    places = (np.arange(side) + 0.5) / _SUBPIXELS - (reach + 0.5)
    inside = places[:, None] ** 2 + places[None, :] ** 2 <= radius_px**2
    shape = (2 * reach + 1, _SUBPIXELS, 2 * reach + 1, _SUBPIXELS)
    kernel = inside.reshape(shape).mean(axis=(1, 3))
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _veiled(light: NDArray[np.float32], fraction: float) -> NDArray[np.float32]:
    height_px, width_px = light.shape[:2]
    size = (-(-width_px // _VEIL_STEP), -(-height_px // _VEIL_STEP))
    coarse = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), _VEIL_PX / _VEIL_STEP)
    veil = cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.addWeighted(light, 1.0 - fraction, veil, fraction, 0.0), dtype=np.float32)
