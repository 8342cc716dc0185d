"""Random changes of a patch: pose, scale, exposure, white balance, focus and noise.

Light is changed where light is added up, in linear values: real fields of one section differ in
exposure by tens of grey levels while their chromaticity stays. That holds for red, green and blue;
nobody knows the encoding of any other band, whose levels are multiplied. Everything is a function
of the patch's seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.channels import RGB_CHANNELS
from petrography.fusion import KNOWN_CHANNEL
from petrography.images import Image, Labels
from petrography.minerals import UNLABELLED_CODE
from training.config import AugmentationConfig

__all__ = ["augmented_patch"]

# The camera's encoding is taken as this power; the sRGB curve differs by a few grey levels.
_GAMMA = 2.2


def augmented_patch(
    image: Image,
    truth: Labels,
    *,
    row: int,
    col: int,
    patch_shape_px: tuple[int, int],
    config: AugmentationConfig,
    rng: np.random.Generator,
    channels: Sequence[str] = RGB_CHANNELS,
) -> tuple[Image, Labels]:
    """Cut a patch around a place of a field, changed at random.

    Parameters
    ----------
    image, truth : ndarray of uint8, shape (H, W, C) and (H, W)
        The whole field.
    row, col : int
        Top-left corner of the patch before the change of pose.
    patch_shape_px : tuple of int
        Rows and columns of the patch.
    config : AugmentationConfig
        Ranges.
    rng : numpy.random.Generator
        The only source of chance.
    channels : sequence of str
        Names of the channels: those that are not light are moved and not changed otherwise.

    Returns
    -------
    ndarray of uint8, shape (rows, cols, C), and ndarray of uint8, shape (rows, cols)
        Pixels outside the field are mirrored in the image and 255 in the truth.
    """
    rows, cols = patch_shape_px
    to_field = _pose((row, col), patch_shape_px, config, rng)
    size = (cols, rows)
    flags = cv2.WARP_INVERSE_MAP
    pixels = cv2.warpAffine(
        image, to_field, size, flags=flags | cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    labels = cv2.warpAffine(
        truth,
        to_field,
        size,
        flags=flags | cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=UNLABELLED_CODE,
    )
    # OpenCV drops the last axis of an image of one channel.
    moved = np.asarray(pixels, dtype=np.uint8).reshape(rows, cols, image.shape[2])
    return _taken_again(moved, channels, config, rng), np.asarray(labels, dtype=np.uint8)


def _pose(
    corner: tuple[int, int],
    patch_shape_px: tuple[int, int],
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Affine map from patch (x, y) to field (x, y)."""
    angle = math.radians(rng.uniform(-config.rotation_deg, config.rotation_deg))
    scale = math.exp(rng.uniform(-1, 1) * math.log1p(config.scale))
    mirror = -1.0 if config.flip and rng.random() < 0.5 else 1.0
    linear = scale * np.array(
        [[mirror * math.cos(angle), -math.sin(angle)], [mirror * math.sin(angle), math.cos(angle)]]
    )
    half = (np.array(patch_shape_px[::-1]) - 1) / 2
    centre = np.array(corner[::-1]) + half
    return np.column_stack([linear, centre - linear @ half])


def _taken_again(
    pixels: Image, channels: Sequence[str], config: AugmentationConfig, rng: np.random.Generator
) -> Image:
    """Take the colours, and the other bands, again."""
    if tuple(channels) == RGB_CHANNELS:
        return _photograph(pixels, config, rng)
    colours = [channels.index(name) for name in RGB_CHANNELS if name in channels]
    colours = colours if len(colours) == len(RGB_CHANNELS) else []
    bands = [
        place
        for place, name in enumerate(channels)
        if place not in colours and name != KNOWN_CHANNEL
    ]
    taken = pixels.copy()
    if colours:
        taken[..., colours] = _photograph(pixels[..., colours], config, rng)
    if bands:
        taken[..., bands] = _measure(pixels[..., bands], config, rng)
    return taken


def _measure(bands: Image, config: AugmentationConfig, rng: np.random.Generator) -> Image:
    """Take bands again with another exposure, lamp, focus and sensor noise."""
    count = bands.shape[2]
    gain = math.exp(rng.normal(0.0, config.exposure)) * np.exp(
        rng.normal(0.0, config.white_balance, count)
    )
    exposed = bands.astype(np.float32) * gain.astype(np.float32)
    taken = _blurred(exposed, rng.normal(0.0, config.blur_px)).reshape(bands.shape)
    noise = rng.standard_normal(bands.shape, dtype=np.float32) * abs(rng.normal(0.0, config.noise))
    return np.asarray(np.clip(np.rint(taken + noise), 0, 255), dtype=np.uint8)


def _blurred(pixels: NDArray[Any], blur_px: float) -> NDArray[Any]:
    if abs(blur_px) <= 0.3:  # below this the kernel is a single pixel
        return pixels
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), abs(blur_px)))


def _photograph(pixels: Image, config: AugmentationConfig, rng: np.random.Generator) -> Image:
    """Take the patch again with another exposure, lamp, flare, focus and sensor noise."""
    gain = math.exp(rng.normal(0.0, config.exposure)) * np.exp(
        rng.normal(0.0, config.white_balance, 3)
    )
    gain = gain * _lamp(config, rng)
    contrast = math.exp(rng.normal(0.0, config.contrast))
    levels = np.arange(256, dtype=np.float64)[:, None] / 255.0
    light = levels**_GAMMA * gain + _flare(config, rng)
    exposed = np.clip(light, 0.0, 1.0) ** (contrast / _GAMMA)
    table = np.rint(255.0 * exposed).astype(np.uint8)
    exposed_again = np.asarray(cv2.LUT(np.ascontiguousarray(pixels), table[None]))
    taken = _blurred(exposed_again, rng.normal(0.0, config.blur_px))
    noise = rng.normal(0.0, 1.0, (*taken.shape[:2], 1)) * abs(rng.normal(0.0, config.noise))
    return np.asarray(np.clip(np.rint(taken + noise), 0, 255), dtype=np.uint8)


def _lamp(config: AugmentationConfig, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gain of red, green and blue under a warmer or colder lamp; 1 for most patches."""
    # Where there is none nothing is drawn: what other settings draw stays what it was.
    if config.other_lamp_fraction == 0.0 or rng.random() >= config.other_lamp_fraction:
        return np.ones(3)
    warmth = rng.normal(0.0, config.other_lamp)
    return np.asarray(np.exp([warmth, 0.0, -warmth]))


def _flare(config: AugmentationConfig, rng: np.random.Generator) -> float:
    """Stray light of the patch, in linear values; below zero the darkest of it is lost."""
    return 0.0 if config.flare == 0.0 else float(rng.normal(0.0, config.flare))
