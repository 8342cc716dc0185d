"""From reflected light to a photograph: optics, lamp, exposure, noise, tone curve, 8 bits."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.images import Image
from petrography.phantoms.optics import CAMERA_GAIN, encode_srgb
from petrography.phantoms.recipes import CameraSpread

__all__ = ["Camera", "draw_camera", "photograph"]

# Width of the point spread at a total magnification of 50 (NA 0.13-0.15) is about 0.8 µm.
_BLUR_PX = (0.9, 1.8)
_VIGNETTING = (0.05, 0.30)
_TILT = 0.04
# Signal to noise at white and read noise of a compact camera.
_SNR_AT_WHITE = (50.0, 90.0)
_READ_NOISE = 0.0015


@dataclass(frozen=True)
class Camera:
    """Settings of one photograph.

    Attributes
    ----------
    gain_rgb : tuple of float
        Exposure times white balance times the gains of the fitted camera.
    flare : float
        Stray light, fraction of a mirror.
    blur_px : float
        Standard deviation of the point spread.
    vignetting : float
        Light lost in the corners, fraction.
    tilt : tuple of float
        Change of light from the centre to the lower and to the right edge, fraction.
    snr_at_white : float
        Signal over shot noise where the signal is 1.
    read_noise : float
        Standard deviation, fraction of white.
    """

    gain_rgb: tuple[float, float, float]
    flare: float
    blur_px: float
    vignetting: float
    tilt: tuple[float, float]
    snr_at_white: float
    read_noise: float

    def as_json(self) -> dict[str, object]:
        """Settings as plain numbers and lists."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


def draw_camera(spread: CameraSpread, rng: np.random.Generator) -> Camera:
    """Draw the settings of one photograph."""
    exposure = spread.exposure_median * math.exp(spread.exposure * rng.standard_normal())
    red, blue = np.exp(np.array(spread.white_balance) * rng.standard_normal(2))
    gains = np.array(CAMERA_GAIN) * exposure * np.array([red, 1.0, blue])
    down, right = _TILT * rng.standard_normal(2)
    return Camera(
        gain_rgb=(float(gains[0]), float(gains[1]), float(gains[2])),
        flare=rng.uniform(*spread.flare_percent) / 100.0,
        blur_px=rng.uniform(*_BLUR_PX),
        vignetting=rng.uniform(*_VIGNETTING),
        tilt=(float(down), float(right)),
        snr_at_white=rng.uniform(*_SNR_AT_WHITE),
        read_noise=_READ_NOISE,
    )


def photograph(light: NDArray[np.float32], camera: Camera, rng: np.random.Generator) -> Image:
    """Take a photograph.

    Parameters
    ----------
    light : ndarray of float32, shape (height, width, 3)
        Linear RGB, a mirror is 1; overwritten.
    camera : Camera
        Settings.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        sRGB.
    """
    light += np.float32(camera.flare)
    exposed = np.asarray(cv2.GaussianBlur(light, (0, 0), camera.blur_px), dtype=np.float32)
    exposed *= _illumination(camera, light.shape[0], light.shape[1])[..., None]
    exposed *= np.array(camera.gain_rgb, dtype=np.float32)
    noise = rng.standard_normal(exposed.shape, dtype=np.float32)
    variance = exposed / np.float32(camera.snr_at_white**2) + np.float32(camera.read_noise**2)
    noise *= np.sqrt(variance, out=variance)
    exposed += noise
    encoded = encode_srgb(exposed)
    encoded *= np.float32(255.0)
    return np.rint(encoded, out=encoded).astype(np.uint8)


def _illumination(camera: Camera, height_px: int, width_px: int) -> NDArray[np.float32]:
    """Light of the lamp by pixel; 1 in the centre of the field."""
    row = ((np.arange(height_px) + 0.5) * 2.0 / height_px - 1.0)[:, None]
    column = ((np.arange(width_px) + 0.5) * 2.0 / width_px - 1.0)[None, :]
    corners = 1.0 - camera.vignetting * 0.5 * (row**2 + column**2)
    tilted: NDArray[np.float64] = corners + camera.tilt[0] * row + camera.tilt[1] * column
    return tilted.astype(np.float32)
