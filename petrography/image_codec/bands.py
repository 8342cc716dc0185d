"""Stacks of bands: images of any number of channels, decoded to 8 bit without making colours."""

from __future__ import annotations

import numpy as np

from petrography.errors import ImageChannelsError, UnsupportedImageError
from petrography.image_codec.decoding import DecodedImage, decode_raster, named
from petrography.image_codec.limits import ImageLimits, require_bytes
from petrography.image_codec.npy import decode_npy, is_npy
from petrography.image_codec.orientation import upright
from petrography.image_codec.raster import Raster
from petrography.image_codec.rgb import to_eight_bits
from petrography.image_codec.signature import recognise
from petrography.image_codec.tiff import decode_tiff_bands

__all__ = ["decode_bands"]

_DEFAULT_LIMITS = ImageLimits()


def decode_bands(
    data: bytes, *, count: int, limits: ImageLimits = _DEFAULT_LIMITS, name: str = "image"
) -> DecodedImage:
    """Decode a stack of bands.

    Parameters
    ----------
    data : bytes
        A whole file: a TIFF with the bands as samples of one page (interleaved or planar) or as
        pages, a .npy of shape (height, width, bands), or a PNG or JPEG of so few channels.
    count : int
        Bands that are wanted; a stack with more or fewer is never cut or filled up.
    limits : ImageLimits, optional
        Checked before anything is decoded: as many values as an RGB image may have.
    name : str, optional
        What messages call the stack.

    Returns
    -------
    DecodedImage
        Pixels of `count` channels; samples of 16 bit are scaled to 8, with a warning.

    Raises
    ------
    ImageChannelsError
        If the file has another number of bands.
    UnsupportedImageError
        If the bytes are no such file, or samples are a palette or ink.
    DamagedImageError
        If the file is truncated or inconsistent.
    ImageTooLargeError, BodyTooLargeError
        If it is over the limits.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> np.save(file, np.zeros((2, 5, 16), dtype=np.uint8))
    >>> decode_bands(file.getvalue(), count=16).pixels.shape
    (2, 5, 16)
    """
    with named(name):
        require_bytes(len(data), limits)
        raster = _read(data, count, limits)
        _require_bands(raster, count)
        samples, warnings = to_eight_bits(raster.samples, raster.bits)
    pixels = np.ascontiguousarray(255 - samples if raster.white_is_zero else samples)
    return DecodedImage(
        pixels=upright(pixels, raster.orientation),
        um_per_px=raster.um_per_px,
        scale_source=raster.scale_source,
        warnings=(*raster.warnings, *warnings),
        media_type=raster.media_type,
    )


def _read(data: bytes, count: int, limits: ImageLimits) -> Raster:
    if is_npy(data):
        return decode_npy(data, limits)
    if recognise(data) == "tiff":
        return decode_tiff_bands(data, count, limits)
    return decode_raster(data, limits)


def _require_bands(raster: Raster, count: int) -> None:
    if raster.layout in {"palette", "cmyk"}:
        msg = f"is a {raster.layout} image; wanted a stack of {count} bands"
        raise UnsupportedImageError(msg)
    if raster.samples.shape[2] != count:
        msg = (
            f"has {raster.samples.shape[2]} channels; wanted {count} bands in a TIFF (samples or "
            "pages) or .npy (height, width, bands)"
        )
        raise ImageChannelsError(msg)
