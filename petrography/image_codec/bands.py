"""Stacks of bands: images of any number of channels, decoded to 8 bit without making colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petrography.errors import ImageChannelsError, UnsupportedImageError
from petrography.image_codec.decoding import DecodedImage, decode_raster, named
from petrography.image_codec.limits import ImageLimits, require_bytes
from petrography.image_codec.npy import decode_npy, is_npy
from petrography.image_codec.orientation import upright
from petrography.image_codec.raster import Raster
from petrography.image_codec.rgb import eight_bit_rows
from petrography.image_codec.signature import Encoded, recognise
from petrography.image_codec.tiff import decode_tiff_bands
from petrography.images import Image
from petrography.workspace import IN_MEMORY, Workspace, copied_by_strips

__all__ = ["decode_bands"]

_DEFAULT_LIMITS = ImageLimits()


def decode_bands(
    data: Encoded,
    *,
    count: int,
    limits: ImageLimits = _DEFAULT_LIMITS,
    name: str = "image",
    workspace: Workspace = IN_MEMORY,
) -> DecodedImage:
    """Decode a stack of bands.

    Parameters
    ----------
    data : bytes or memoryview
        A whole file: a TIFF with the bands as samples of one page (interleaved or planar) or as
        pages, a .npy of shape (height, width, bands), or a PNG or JPEG of so few channels.
    count : int
        Bands that are wanted; a stack with more or fewer is never cut or filled up.
    limits : ImageLimits, optional
        Checked before anything is decoded: as many values as an RGB image may have.
    name : str, optional
        What messages call the stack.
    workspace : Workspace, optional
        Gives the arrays that are as large as the stack.

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
        raster = _read(data, count, limits, workspace)
        _require_bands(raster, count)
        pixels, warnings = _levels(raster, workspace)
    return DecodedImage(
        pixels=upright(pixels, raster.orientation, workspace),
        um_per_px=raster.um_per_px,
        scale_source=raster.scale_source,
        warnings=(*raster.warnings, *warnings),
        media_type=raster.media_type,
    )


def _levels(raster: Raster, workspace: Workspace) -> tuple[Image, list[str]]:
    samples = raster.samples
    eight_bit, warnings = eight_bit_rows(samples, raster.bits)

    def change(rows: NDArray[Any]) -> NDArray[Any]:
        levels = rows if eight_bit is None else eight_bit(rows)
        return 255 - levels if raster.white_is_zero else levels

    if eight_bit is None and not raster.white_is_zero and samples.flags.c_contiguous:
        return samples.view(np.uint8), warnings
    return copied_by_strips(samples, workspace, change, samples.shape), warnings


def _read(data: Encoded, count: int, limits: ImageLimits, workspace: Workspace) -> Raster:
    if is_npy(data):
        return decode_npy(data, limits, workspace)
    if recognise(data) == "tiff":
        return decode_tiff_bands(data, count, limits, workspace)
    return decode_raster(data, limits, workspace)


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
