"""Judge a photograph before any model sees it: exposure, focus, and whether its colours are known.

The danger is not a refusal but a silent shift of colour, after which a mineral map looks as good as
ever and is wrong. No labels are needed.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from petrography.calibration.anchors import Colour
from petrography.calibration.colour_difference import ciede2000, lab_of_levels
from petrography.calibration.tone_curve import levels_to_light, light_to_levels
from petrography.errors import InvalidParameterError
from petrography.field_types import Fraction, NotNegative
from petrography.images import Image, clipped_fraction, require_image

__all__ = ["InputQuality", "hue_distance", "judge_input", "sharpness"]

_Floats = NDArray[np.float64]

# One per cent is what specular edges and dust make in a well exposed field.
_MAX_CLIPPED_FRACTION = 0.01
# No channel above this level: nothing that could be told apart.
_DARK_LEVEL = 16
_MAX_DARK_FRACTION = 0.5
# LumenStone fields of dark sphalerite alone still reach level 100 in their brightest per cent.
_LEAST_BRIGHT_LEVEL = 80.0
# 41 LumenStone images have 0.23 (5th percentile) or more, the same blurred by 1.5 px 0.16 (95th
# percentile) or less, whatever the ore and with noise of 3 levels added.
_LEAST_SHARPNESS = 0.16
# See docs/decisions/0007-calibrate-first.md.
_MAX_HUE_DISTANCE = 3.0

# Modes: cells of 16 levels a side, the most frequent that make up nine tenths of the pixels.
_CELL_LEVELS = 16
_COVERED_FRACTION = 0.9
_SAMPLES = 250_000
# Focus is measured on about so many pixels, in bands of whole rows spread over the image: more do
# not change the figure, and time and memory would grow with the image.
_FOCUS_SAMPLE_PX = 2_500_000
_BAND_ROWS = 128
# Rows enough for the levels of any image: each is a sample of thousands of pixels.
_LEVEL_SAMPLE_ROWS = 1024
# Below it the hue is that of flare and rounding.
_BRIGHT_LEVEL = 60.0
# Exposures of LumenStone images differ by a standard deviation of 0.34 in the logarithm.
_EXPOSURES = np.exp(np.linspace(-0.8, 0.6, 15))

_LUMA = np.array([[0.2126, 0.7152, 0.0722]], dtype=np.float32)
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
# Sums of squares of the kernels: how they amplify the variance of white noise.
_NOISE_GAIN, _LAPLACIAN_GAIN = 36.0, 20.0


class InputQuality(BaseModel):
    """What a photograph is fit for.

    Attributes
    ----------
    clipping_fraction : float
        Share of the pixels with a channel at 255.
    dark_fraction : float
        Share of the pixels with no channel above 16.
    bright_level : float
        Level that the brightest channel exceeds in one pixel of a hundred.
    focus : float
        See `sharpness`.
    colour_distance : float or None
        See `hue_distance`; None where too little of the image is bright or no colours are known.
    warnings : tuple of str
        One sentence each.
    calibrate_first : bool
        The hue is so far from the training colours that a mineral map would be guesswork.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clipping_fraction: Fraction
    dark_fraction: Fraction
    bright_level: float = Field(ge=0.0, le=255.0)
    focus: NotNegative
    colour_distance: NotNegative | None = None
    warnings: tuple[str, ...]
    calibrate_first: bool


def judge_input(
    pixels: Image,
    card_colours: Mapping[int, Colour],
    covered: NDArray[np.bool_] | None = None,
) -> InputQuality:
    """Measure exposure, focus and hue of a photograph.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        sRGB.
    card_colours : mapping of int to tuple of float
        Mean colours of the phases in the training images, 0-255: ``training_colours_rgb`` of a
        model card.
    covered : ndarray of bool, shape (height, width), optional
        What is judged, at least one pixel: not the black around the fields of a panorama and in
        the corners of a straightened picture, and not what is outside a region.

    Returns
    -------
    InputQuality
        Figures and a verdict.

    Raises
    ------
    InvalidParameterError
        If `pixels` is no RGB image.
    """
    clipping = clipped_fraction(require_image(pixels), covered)
    below = _shares_below(pixels, covered)
    dark, bright_level = float(below[_DARK_LEVEL]), float(np.searchsorted(below, 0.99))
    focus = sharpness(pixels, covered)
    distance = hue_distance(pixels, card_colours, covered) if card_colours else None
    far = distance is not None and distance > _MAX_HUE_DISTANCE
    return InputQuality(
        clipping_fraction=round(clipping, 6),
        dark_fraction=round(dark, 6),
        bright_level=bright_level,
        focus=round(focus, 4),
        colour_distance=None if distance is None else round(distance, 3),
        warnings=(
            *_exposure_warnings(clipping, dark, bright_level),
            *_focus_warnings(focus),
            *_hue_warnings(distance),
        ),
        calibrate_first=far,
    )


def sharpness(pixels: Image, covered: NDArray[np.bool_] | None = None) -> float:
    """Variance of the Laplacian at half scale over that at quarter scale, noise taken off.

    One octave is the measure of the next, so that neither contrast nor what is seen counts. A
    sharp photograph has about 0.35, one blurred by 3 px less than 0.1, an even field 0.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        sRGB.
    covered : ndarray of bool, shape (height, width), optional
        As for `judge_input`; what lies beside an uncovered pixel does not count either.

    Returns
    -------
    float
        Not negative.

    References
    ----------
    Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548 (variance of Laplacian). Immerkaer 1996,
    doi:10.1006/cviu.1996.0060 (noise).
    """
    bands = [
        (np.asarray(cv2.transform(pixels[rows], _LUMA), dtype=np.uint8), _part(covered, rows))
        for rows in _bands(*pixels.shape[:2])
    ]
    second = [_second_differences(band, part) for band, part in bands]
    if not any(one.size for one in second):
        return 0.0
    # The median passes over edges, which are few; 0.6745 is that of a normal deviation.
    noise = (_smooth_median(np.abs(np.concatenate(second))) / 0.6745) ** 2 / _NOISE_GAIN
    half = _detail(bands, 2, noise)
    quarter = _detail(bands, 4, noise)
    return half / quarter if quarter > 0.0 else 0.0


def hue_distance(
    pixels: Image,
    colours_rgb: Mapping[int, Colour],
    covered: NDArray[np.bool_] | None = None,
) -> float | None:
    """How far the bright colours of a photograph are from known ones, whatever the exposure.

    The most frequent colours are compared by CIEDE2000 with every known colour under every
    exposure; the smallest differences are averaged by area. Dark places have no hue and are left
    out.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        sRGB.
    colours_rgb : mapping of int to tuple of float
        Known colours, 0-255, at least one.
    covered : ndarray of bool, shape (height, width), optional
        As for `judge_input`.

    Returns
    -------
    float or None
        CIEDE2000 units; None where less than a hundredth of the image is bright.

    Raises
    ------
    InvalidParameterError
        If no colour is known.
    """
    if not colours_rgb:
        msg = "no known colours are given; wanted at least one, such as those of a model card"
        raise InvalidParameterError(msg)
    modes, shares = _modes(pixels, covered)
    bright = modes.max(axis=1) > _BRIGHT_LEVEL
    if shares[bright].sum() < 0.01:
        return None
    light = levels_to_light(np.array(list(colours_rgb.values())))
    exposed = light_to_levels(light[None] * _EXPOSURES[:, None, None]).reshape(-1, 3)
    seen = lab_of_levels(modes[bright])
    nearest = ciede2000(seen[:, None], lab_of_levels(exposed)[None]).min(axis=1)
    return float(np.average(nearest, weights=shares[bright]))


def _shares_below(pixels: Image, covered: NDArray[np.bool_] | None) -> _Floats:
    """Share of the pixels whose brightest channel is at most 0, 1 ... 255."""
    step = max(1, pixels.shape[0] // _LEVEL_SAMPLE_ROWS)
    if covered is not None and not covered[::step].any():
        step = 1
    red, green, blue = cv2.split(pixels[::step])
    brightest = cv2.max(cv2.max(red, green), blue)
    mask = None if covered is None else covered[::step].astype(np.uint8)
    counts = cv2.calcHist([brightest], [0], mask, [256], [0, 256]).ravel().astype(np.float64)
    return np.cumsum(counts) / float(counts.sum())


def _modes(pixels: Image, covered: NDArray[np.bool_] | None) -> tuple[_Floats, _Floats]:
    """Mean colour and share of the most frequent cells of the colour cube."""
    step = max(1, round((pixels.shape[0] * pixels.shape[1] / _SAMPLES) ** 0.5))
    sample = pixels[::step, ::step].reshape(-1, 3)
    if covered is not None and covered[::step, ::step].any():
        sample = sample[covered[::step, ::step].ravel()]
    cell = np.zeros(sample.shape[0], dtype=np.int64)
    for channel in range(3):
        cell = cell * (256 // _CELL_LEVELS) + sample[:, channel] // _CELL_LEVELS
    counts = np.bincount(cell)
    sums = np.stack([np.bincount(cell, sample[:, channel]) for channel in range(3)], axis=1)
    order = np.argsort(-counts, kind="stable")
    covered = np.cumsum(counts[order]) / counts.sum()
    frequent = order[: int(np.searchsorted(covered, _COVERED_FRACTION)) + 1]
    return sums[frequent] / counts[frequent, None], counts[frequent] / counts.sum()


def _smooth_median(numbers: NDArray[np.int16]) -> float:
    """Median of whole numbers from 0 up, each taken as spread evenly over its unit."""
    counts = np.bincount(numbers.ravel())
    above = np.cumsum(counts)
    middle = int(np.searchsorted(above, above[-1] / 2.0))
    inside = (above[-1] / 2.0 - above[middle] + counts[middle]) / counts[middle]
    return float(max(0.0, middle - 0.5 + inside))


def _bands(rows: int, columns: int) -> list[slice]:
    """Choose bands of rows at even distances, together about as large as the sample."""
    every = round(rows * columns / _FOCUS_SAMPLE_PX)
    if every < 2:
        return [slice(0, rows)]
    # A last band of a few rows would be all border.
    starts = range(0, rows - _BAND_ROWS // 2, every * _BAND_ROWS)
    return [slice(start, start + _BAND_ROWS) for start in starts] or [slice(0, rows)]


def _part(covered: NDArray[np.bool_] | None, rows: slice) -> NDArray[np.uint8] | None:
    return None if covered is None else covered[rows].astype(np.uint8)


def _second_differences(
    band: NDArray[np.uint8], covered: NDArray[np.uint8] | None
) -> NDArray[np.int16]:
    """What noise makes of every third pixel, where all its neighbours are covered."""
    found = np.asarray(cv2.filter2D(band, cv2.CV_16S, _NOISE_KERNEL)[::3, ::3], dtype=np.int16)
    return found.ravel() if covered is None else found[_eroded(covered)[::3, ::3] > 0]


def _eroded(covered: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Keep the pixels of which every neighbour is covered."""
    return np.asarray(cv2.erode(covered, np.ones((3, 3), dtype=np.uint8)), dtype=np.uint8)


def _detail(
    bands: list[tuple[NDArray[np.uint8], NDArray[np.uint8] | None]], factor: int, noise: float
) -> float:
    """Variance of the Laplacian of a reduced image without that of the noise."""
    squares = count = 0.0
    for grey, covered in bands:
        size = (max(1, grey.shape[1] // factor), max(1, grey.shape[0] // factor))
        small = cv2.resize(grey.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        mask = None if covered is None else _reduced(covered, size)
        _, deviation = cv2.meanStdDev(cv2.Laplacian(small, cv2.CV_32F), mask=mask)
        pixels = small.size if mask is None else cv2.countNonZero(mask)
        squares += float(deviation.item()) ** 2 * pixels
        count += pixels
    # The mean of factor x factor pixels has so much less noise.
    return max(0.0, squares / max(count, 1.0) - _LAPLACIAN_GAIN * noise / factor**2)


def _reduced(covered: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Say which pixels of a reduced image and all their neighbours are covered as a whole."""
    share = cv2.resize(covered.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return _eroded((share > 1.0 - 1e-6).astype(np.uint8))


def _exposure_warnings(clipping: float, dark: float, bright_level: float) -> tuple[str, ...]:
    warnings = []
    if clipping > _MAX_CLIPPED_FRACTION:
        warnings.append(
            f"{clipping:.1%} of the pixels are over-exposed (a channel at 255): bright minerals "
            "cannot be told apart there; photograph with less exposure"
        )
    if dark > _MAX_DARK_FRACTION:
        warnings.append(f"{dark:.0%} of the pixels are black: most of the field shows no ore")
    if bright_level < _LEAST_BRIGHT_LEVEL:
        warnings.append(
            f"99 of 100 pixels are below level {bright_level:.0f}: under-exposed; photograph with "
            "more exposure"
        )
    return tuple(warnings)


def _focus_warnings(focus: float) -> tuple[str, ...]:
    if focus >= _LEAST_SHARPNESS:
        return ()
    return (
        (
            f"the photograph is out of focus or enlarged (sharpness {focus:.2f}, wanted "
            f"{_LEAST_SHARPNESS} or more): borders and small grains are lost"
        ),
    )


def _hue_warnings(distance: float | None) -> tuple[str, ...]:
    if distance is None:
        return ("too little of the field is bright to compare its colours",)
    if distance <= _MAX_HUE_DISTANCE:
        return ()
    return (
        (
            f"calibrate first: the bright colours are {distance:.1f} CIEDE2000 units from those of "
            "the training images at any exposure (a filter, another lamp or camera, or other "
            "minerals): the mineral map would be guesswork"
        ),
    )
