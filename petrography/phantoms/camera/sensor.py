"""From light on the sensor to a file: noise, tone curve, sharpening, 8 bits, JPEG."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.image_codec import decode_image, encode_jpeg
from petrography.images import Image
from petrography.phantoms.camera.settings import Camera
from petrography.phantoms.optics import encode_srgb

__all__ = ["developed", "tone_curve"]

# Steps of the tone curve between black and white: 1/20 of a grey level where it is steepest.
_TONE_STEPS = 65_535
_SHARPENING_PX = 1.2
# Rows that are worked on at once, to keep the memory of a large field small.
_BAND_ROWS = 128


def developed(light: NDArray[np.float32], camera: Camera, rng: np.random.Generator) -> Image:
    """Read the sensor out and develop the picture.

    Parameters
    ----------
    light : ndarray of float32, shape (height, width, 3)
        Linear RGB, 1 is the white of the camera.
    camera : Camera
        Noise, tone, sharpening and JPEG.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        sRGB.
    """
    toned = np.empty_like(light)
    curve = tone_curve(camera.contrast)
    for top in range(0, light.shape[0], _BAND_ROWS):
        band = slice(top, top + _BAND_ROWS)
        read = _with_noise(light[band], camera, rng)
        np.clip(read, 0.0, 1.0, out=read)
        read *= np.float32(_TONE_STEPS)
        read += np.float32(0.5)
        np.take(curve, read.astype(np.uint16), out=toned[band])
    if camera.sharpening > 0.0:
        toned = _sharpened(toned, camera.sharpening)
    np.rint(toned, out=toned)
    image = np.clip(toned, 0.0, 255.0, out=toned).astype(np.uint8)
    if camera.jpeg_quality == 0:
        return image
    return decode_image(encode_jpeg(image, quality=camera.jpeg_quality)).pixels


@lru_cache(maxsize=8)
def tone_curve(contrast: float) -> NDArray[np.float32]:
    """Grey level, 0-255, of 65 536 equal steps of linear light from black to white.

    Parameters
    ----------
    contrast : float
        0 gives the sRGB curve; above it, an S-curve makes middle tones steeper by this fraction and
        leaves black, middle grey and white where they are.

    Returns
    -------
    ndarray of float32, shape (65536,), read-only
        Rising where `contrast` is at most 0.5.
    """
    linear = np.linspace(0.0, 1.0, _TONE_STEPS + 1, dtype=np.float32)
    encoded = encode_srgb(linear)
    curve = encoded + np.float32(4.0 * contrast) * encoded * (1 - encoded) * (encoded - 0.5)
    curve *= np.float32(255.0)
    curve.setflags(write=False)
    return np.asarray(curve, dtype=np.float32)


def _with_noise(
    light: NDArray[np.float32], camera: Camera, rng: np.random.Generator
) -> NDArray[np.float32]:
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    # Interpolation may leave light a little below nothing.
    variance = np.maximum(light, np.float32(0.0))
    variance *= np.float32(1.0 / camera.snr_at_white**2)
    variance += np.float32(camera.read_noise**2)
    noise *= np.sqrt(variance, out=variance)
    noise += light
    return noise


def _sharpened(toned: NDArray[np.float32], strength: float) -> NDArray[np.float32]:
    soft = cv2.GaussianBlur(toned, (0, 0), _SHARPENING_PX)
    sharp = cv2.addWeighted(toned, 1.0 + strength, soft, -strength, 0.0)
    return np.asarray(sharp, dtype=np.float32)
