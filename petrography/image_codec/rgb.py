"""Samples of any kind to the 8-bit RGB that is analysed, and what was done to them in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import DamagedImageError, UnsupportedImageError
from petrography.image_codec.raster import Raster
from petrography.images import Image
from petrography.workspace import Workspace, copied_by_strips, row_strips

__all__ = ["eight_bit_rows", "to_rgb"]

# From rows of samples to the same rows of what is made of them.
RowChange: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]

# Depths of camera sensors: a 12-bit camera fills only the lowest 12 bits of a 16-bit file.
_SENSOR_BITS = (8, 10, 12, 14, 16)


def to_rgb(raster: Raster, workspace: Workspace) -> tuple[Image, tuple[str, ...]]:
    """Make an 8-bit RGB image.

    Alpha is dropped, not composited: the ore under a mask is still ore, and a background would
    be invented. Ink (CMYK) is converted without a colour profile.

    Parameters
    ----------
    raster : Raster
        Samples of any layout and depth.
    workspace : Workspace
        Gives the array of the image, where the samples are not yet what is wanted.

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
        change: RowChange | None = _from_palette(samples[..., 0], raster.palette)
        warnings.append(f"a palette of {len(raster.palette)} colours was applied")
    else:
        change, said = _colours_of(samples, raster)
        warnings += said
    if change is None and samples.flags.c_contiguous:
        return samples.view(np.uint8), tuple(warnings)
    shape = (*samples.shape[:2], 3)
    return copied_by_strips(samples, workspace, change or np.asarray, shape), tuple(warnings)


def _colours_of(samples: NDArray[Any], raster: Raster) -> tuple[RowChange | None, list[str]]:
    """What makes RGB of rows of samples, None where they are that, and what to say of it."""
    eight_bit, warnings = eight_bit_rows(samples, raster.bits)
    inverted = raster.white_is_zero
    if inverted:
        warnings.append("grey counts down from white in this file; it was inverted")
    if raster.layout == "grey":
        warnings.append("the image is grey: red, green and blue are equal, colour cannot help")
    elif raster.layout == "cmyk":
        warnings.append("CMYK ink was converted to RGB without a colour profile")
    elif eight_bit is None and not inverted:
        return None, warnings

    def change(rows: NDArray[Any]) -> NDArray[Any]:
        levels = rows if eight_bit is None else eight_bit(rows)
        levels = 255 - levels if inverted else levels
        if raster.layout == "grey":
            return np.asarray(cv2.cvtColor(np.ascontiguousarray(levels), cv2.COLOR_GRAY2RGB))
        return _from_ink(levels) if raster.layout == "cmyk" else levels

    return change, warnings


def _alpha_warning(alpha: NDArray[Any], raster: Raster) -> str:
    opaque = 1.0 if alpha.dtype.kind == "f" else (1 << (raster.bits or 16)) - 1
    strips = row_strips(*alpha.shape)
    see_through = sum(np.count_nonzero(alpha[rows] != opaque) for rows in strips) / alpha.size
    stored = "with their stored colour"
    if raster.alpha == "premultiplied":
        stored = "with their stored colour, which is darkened by alpha"
    return (
        f"the alpha channel was dropped: {see_through:.1%} of the pixels are not opaque and were "
        f"analysed {stored}"
    )


def _from_palette(indices: NDArray[Any], palette: NDArray[np.uint8]) -> RowChange:
    largest = int(_extremes(indices)[1])
    if largest >= len(palette):
        msg = f"is damaged: it uses palette index {largest}, but the palette has {len(palette)}"
        raise DamagedImageError(msg)
    return lambda rows: np.take(palette, rows[..., 0], axis=0)


def _from_ink(ink: NDArray[Any]) -> Image:
    light = 255 - ink[..., :3].astype(np.uint16)
    light *= 255 - ink[..., 3:].astype(np.uint16)
    return ((light + 127) // 255).astype(np.uint8)


def eight_bit_rows(samples: NDArray[Any], bits: int | None) -> tuple[RowChange | None, list[str]]:
    """Find what scales rows of samples to uint8, and say so.

    Parameters
    ----------
    samples : ndarray of uint8, uint16 or float, shape (height, width, channels)
        The whole image: its largest value may decide.
    bits : int or None
        Significant bits; None where a 16-bit file does not say.

    Returns
    -------
    change : callable or None
        From rows of samples to rows of uint8; None where they are that.
    warnings : list of str
        What it does, and whether samples above the stated white were clipped.

    Raises
    ------
    UnsupportedImageError
        If floating-point samples are not in [0, 1].
    """
    if samples.dtype.kind == "f":
        return _from_fractions(samples)
    # OME metadata call 8 bits significant in files of 16 too.
    if bits == 8 and samples.dtype == np.uint8:
        return None, []
    largest = int(_extremes(samples)[1])
    used_bits, why = (bits, "as the file says") if bits else _sensor_bits(largest)
    white = (1 << used_bits) - 1
    scaled = np.arange(np.iinfo(samples.dtype).max + 1, dtype=np.int64)
    table = np.minimum((scaled * 255 + white // 2) // white, 255).astype(np.uint8)
    warning = f"{used_bits}-bit samples ({why}) were scaled to 8 bit: {white} became 255"
    if largest > white:
        warning += f"; larger ones, up to {largest}, were clipped to it"
    return lambda rows: np.asarray(np.take(table, rows)), [warning]


def _sensor_bits(largest: int) -> tuple[int, str]:
    bits = next(bits for bits in _SENSOR_BITS if largest < 1 << bits)
    return bits, f"the largest of this 16-bit file is {largest}"


def _from_fractions(samples: NDArray[Any]) -> tuple[RowChange, list[str]]:
    smallest, largest = (float(value) for value in _extremes(samples))
    # Written so that a NaN, which compares false with everything, is refused too.
    if not (smallest >= 0.0 and largest <= 1.0):
        msg = (
            f"has floating-point samples from {smallest:g} to {largest:g}; wanted [0, 1], or "
            "convert it to 8 or 16 bit"
        )
        raise UnsupportedImageError(msg)

    def change(rows: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.rint(rows.astype(np.float32) * 255.0), dtype=np.uint8)

    return change, ["floating-point samples in [0, 1] were scaled to 8 bit: 1.0 became 255"]


def _extremes(samples: NDArray[Any]) -> tuple[Any, Any]:
    """Smallest and largest sample, NaN if there is one, strip by strip."""
    strips = list(row_strips(samples.shape[0], samples.shape[1]))
    smallest = np.array([samples[rows].min() for rows in strips]).min()
    return smallest, np.array([samples[rows].max() for rows in strips]).max()
