"""What one photograph is taken with."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from petrography.phantoms.optics import CAMERA_GAIN
from petrography.phantoms.recipes import CameraSpread

__all__ = ["IDENTITY", "Camera", "draw_camera"]

Colours = tuple[float, float, float]

IDENTITY: tuple[Colours, Colours, Colours] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

# Width of the point spread at a total magnification of 50 (NA 0.13-0.15) is about 0.8 µm.
_BLUR_PX = (0.9, 1.8)
_DEFOCUS_PX = 1.2
_VEIL_FRACTION = 0.02
_VIGNETTING = (0.05, 0.30)
_TILT = 0.04
# Lateral colour of a microscope objective, and of a camera that looks in at an angle: edges at the
# top of grains are greenish and those at the bottom orange in LumenStone (Khvostikov et al. 2021,
# doi:10.5194/isprs-archives-XLIV-2-W1-2021-113-2021).
_COLOUR_SCALE = 6e-4
_COLOUR_SHIFT_PX = (0.15, 0.45)
# Signal to noise at white and read noise of a compact camera.
_SNR_AT_WHITE = (50.0, 90.0)
_READ_NOISE = 0.0015
_SHARPENING = (0.0, 0.5)
_JPEG_QUALITY = (88, 97)


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
    defocus_px : float
        Radius of the disc that a point becomes out of focus.
    veil_fraction : float
        Light spread widely around its place.
    colour_scale : tuple of float
        How much larger than green the red and the blue picture are, fraction.
    colour_shift_px : tuple of tuple of float
        Shift (row, column) of the red and of the blue picture against the green one.
    vignetting_tint : tuple of float
        Vignetting of red, green and blue over `vignetting`.
    colour_matrix : tuple of tuple of float
        What filter, lamp and sensor do to linear RGB before the gains; rows give red, green, blue.
    contrast : float
        S-curve on top of the sRGB curve, 0 for none; middle tones become so much steeper.
    sharpening : float
        Strength of the unsharp mask, fraction.
    jpeg_quality : int
        1-100; 0 for no JPEG.
    """

    gain_rgb: Colours
    flare: float
    blur_px: float
    vignetting: float
    tilt: tuple[float, float]
    snr_at_white: float
    read_noise: float
    defocus_px: float = 0.0
    veil_fraction: float = 0.0
    colour_scale: tuple[float, float] = (0.0, 0.0)
    colour_shift_px: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    vignetting_tint: Colours = (1.0, 1.0, 1.0)
    colour_matrix: tuple[Colours, Colours, Colours] = IDENTITY
    contrast: float = 0.0
    sharpening: float = 0.0
    jpeg_quality: int = 0

    def as_json(self) -> dict[str, object]:
        """Settings as plain numbers and lists."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def _plain(value: object) -> object:
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def draw_camera(spread: CameraSpread, rng: np.random.Generator) -> Camera:
    """Draw the settings of one photograph."""
    exposure = spread.exposure_median * math.exp(spread.exposure * rng.standard_normal())
    red, blue = np.exp(np.array(spread.white_balance) * rng.standard_normal(2))
    gains = np.array(CAMERA_GAIN) * exposure * np.array([red, 1.0, blue])
    down, right = _TILT * rng.standard_normal(2)
    shift_px = rng.uniform(*_COLOUR_SHIFT_PX)
    return Camera(
        gain_rgb=(float(gains[0]), float(gains[1]), float(gains[2])),
        flare=rng.uniform(*spread.flare_percent) / 100.0,
        blur_px=rng.uniform(*_BLUR_PX),
        vignetting=rng.uniform(*_VIGNETTING),
        tilt=(float(down), float(right)),
        snr_at_white=rng.uniform(*_SNR_AT_WHITE),
        read_noise=_READ_NOISE,
        defocus_px=rng.uniform(0.0, _DEFOCUS_PX),
        veil_fraction=rng.uniform(0.0, _VEIL_FRACTION),
        colour_scale=(
            float(_COLOUR_SCALE * rng.standard_normal()),
            float(_COLOUR_SCALE * rng.standard_normal()),
        ),
        colour_shift_px=((shift_px, 0.0), (-shift_px, 0.0)),
        vignetting_tint=(rng.uniform(0.9, 1.1), 1.0, rng.uniform(0.9, 1.1)),
        sharpening=rng.uniform(*_SHARPENING),
        jpeg_quality=int(rng.integers(*_JPEG_QUALITY)),
    )
