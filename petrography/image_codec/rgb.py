"""Samples of any kind to the 8-bit RGB that is analysed, and what was done to them in words."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import DamagedImageError, UnsupportedImageError
from petrography.image_codec.raster import Raster
from petrography.images import Image

__all__ = ["to_eight_bits", "to_rgb"]

# Depths of camera sensors: a 12-bit camera fills only the lowest 12 bits of a 16-bit file.
_SENSOR_BITS = (8, 10, 12, 14, 16)


def to_rgb(raster: Raster) -> tuple[Image, tuple[str, ...]]:
    """Make an 8-bit RGB image.

    Alpha is dropped, not composited: the ore under a mask is still ore, and a background would
    be invented. Ink (CMYK) is converted without a colour profile.

    Parameters
    ----------
    raster : Raster
        Samples of any layout and depth.

    Returns
    -------
    pixels : ndarray of uint8, shape (height, width, 3)
        sRGB, C-contiguous.
    warnings : tuple of str
        One sentence for each thing that was converted or left out.

    Raises
    ------
    DamagedImageError
        If a palette index has no colour.
    UnsupportedImageError
        If floating-point samples are not in [0, 1].
    """
    samples, warnings = raster.samples, list(raster.warnings)
    if raster.alpha != "none":
        warnings.append(_alpha_warning(samples[..., -1], raster))
        samples = samples[..., :-1]
    if raster.palette is not None:
        pixels = _from_palette(samples[..., 0], raster.palette)
        warnings.append(f"a palette of {len(raster.palette)} colours was applied")
        return pixels, tuple(warnings)
    pixels, depth_warnings = to_eight_bits(samples, raster.bits)
    warnings += depth_warnings
    if raster.white_is_zero:
        pixels = 255 - pixels
        warnings.append("grey counts down from white in this file; it was inverted")
    if raster.layout == "grey":
        pixels = np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_GRAY2RGB))
        warnings.append("the image is grey: red, green and blue are equal, colour cannot help")
    elif raster.layout == "cmyk":
        pixels = _from_ink(pixels)
        warnings.append("CMYK ink was converted to RGB without a colour profile")
    return np.ascontiguousarray(pixels, dtype=np.uint8), tuple(warnings)


def _alpha_warning(alpha: NDArray[Any], raster: Raster) -> str:
    opaque = 1.0 if alpha.dtype.kind == "f" else (1 << (raster.bits or 16)) - 1
    see_through = float((alpha != opaque).mean())
    stored = "with their stored colour"
    if raster.alpha == "premultiplied":
        stored = "with their stored colour, which is darkened by alpha"
    return (
        f"the alpha channel was dropped: {see_through:.1%} of the pixels are not opaque and were "
        f"analysed {stored}"
    )


def _from_palette(indices: NDArray[Any], palette: NDArray[np.uint8]) -> Image:
    largest = int(indices.max())
    if largest >= len(palette):
        msg = f"is damaged: it uses palette index {largest}, but the palette has {len(palette)}"
        raise DamagedImageError(msg)
    return np.take(palette, indices, axis=0)


def _from_ink(ink: NDArray[Any]) -> Image:
    light = 255 - ink[..., :3].astype(np.uint16)
    light *= 255 - ink[..., 3:].astype(np.uint16)
    return ((light + 127) // 255).astype(np.uint8)


def to_eight_bits(samples: NDArray[Any], bits: int | None) -> tuple[NDArray[Any], list[str]]:
    """Scale samples to uint8, and say so; `bits` is None where a 16-bit file does not say.

    Raises
    ------
    UnsupportedImageError
        If floating-point samples are not in [0, 1].
    """
    if samples.dtype.kind == "f":
        return _from_fractions(samples)
    if bits == 8:
        return samples, []
    used_bits, why = (bits, "as the file says") if bits else _sensor_bits(samples)
    white = (1 << used_bits) - 1
    table = np.arange(np.iinfo(samples.dtype).max + 1, dtype=np.int64)
    table = np.minimum((table * 255 + white // 2) // white, 255)
    warning = f"{used_bits}-bit samples ({why}) were scaled to 8 bit: {white} became 255"
    return table.astype(np.uint8)[samples], [warning]


def _sensor_bits(samples: NDArray[Any]) -> tuple[int, str]:
    largest = int(samples.max())
    bits = next(bits for bits in _SENSOR_BITS if largest < 1 << bits)
    return bits, f"the largest of this 16-bit file is {largest}"


def _from_fractions(samples: NDArray[Any]) -> tuple[NDArray[Any], list[str]]:
    smallest, largest = float(samples.min()), float(samples.max())
    # Written so that a NaN, which compares false with everything, is refused too.
    if not (smallest >= 0.0 and largest <= 1.0):
        msg = (
            f"has floating-point samples from {smallest:g} to {largest:g}; wanted [0, 1], or "
            "convert it to 8 or 16 bit"
        )
        raise UnsupportedImageError(msg)
    pixels = np.rint(samples.astype(np.float32) * 255.0).astype(np.uint8)
    return pixels, ["floating-point samples in [0, 1] were scaled to 8 bit: 1.0 became 255"]
