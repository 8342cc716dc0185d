"""JPEG (ITU-T T.81) with the colour conventions of JFIF and of Adobe's four-ink files."""

from __future__ import annotations

from typing import Any, cast

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from petrography.errors import DamagedImageError, UnsupportedImageError
from petrography.image_codec.held_whole import coefficient_bytes, require_holdable
from petrography.image_codec.jpeg_header import JpegHeader, read_jpeg_header
from petrography.image_codec.limits import ImageLimits, require_pixels
from petrography.image_codec.orientation import exif_orientation
from petrography.image_codec.raster import Layout, Raster, decoder_faults
from petrography.image_codec.signature import Encoded
from petrography.workspace import Workspace, copied_by_strips, row_strips

__all__ = ["decode_jpeg"]

_LAYOUTS: dict[int, Layout] = {1: "grey", 3: "rgb", 4: "cmyk"}
_END_MARKER = b"\xff\xd9"
# What libjpeg paints where the data ran out: all coefficients zero.
_EMPTY_BLOCK = 128
# Harmless scan data of all bit patterns, without 0xFF, for the test of `_require_enough_data`.
_MORE_SCAN_DATA = bytes(range(1, 255)) * 16


def decode_jpeg(data: Encoded, limits: ImageLimits, workspace: Workspace) -> Raster:
    """Decode a JPEG.

    Parameters
    ----------
    data : bytes or memoryview
        A whole file that begins with a start-of-image marker.
    limits : ImageLimits
        Checked against the frame header before anything is decoded.
    workspace : Workspace
        Gives the array of the samples.

    Returns
    -------
    Raster
        8-bit samples.

    Raises
    ------
    DamagedImageError
        If the stream is cut off, even where a decoder would paint the rest grey.
    UnsupportedImageError
        If the coding or the number of components is not read.
    ImageTooLargeError
        If the frame is over the pixel limit, or progressive and too large to be held at once.
    """
    header = read_jpeg_header(data)
    require_pixels(header.height_px, header.width_px, limits)
    if header.end < header.least_bytes:
        msg = (
            f"is damaged: {header.end} bytes cannot hold a JPEG of {header.width_px} x "
            f"{header.height_px} pixels"
        )
        raise DamagedImageError(msg)
    layout = _LAYOUTS.get(len(header.components))
    if layout is None:
        msg = f"is a JPEG of {len(header.components)} components; wanted 1, 3 or 4"
        raise UnsupportedImageError(msg)
    require_holdable(
        coefficient_bytes(header),
        "progressive coding with coefficients",
        "save it as a baseline JPEG, or as a TIFF in tiles or strips",
    )
    stream = data[: header.end]
    samples = _decode(stream, header, workspace)
    _require_enough_data(samples, stream, header, workspace)
    if layout == "cmyk":
        # Four-ink files follow Adobe: they store 255 minus ink.
        samples = copied_by_strips(samples, workspace, lambda rows: 255 - rows, samples.shape)
    return Raster(
        samples=samples,
        layout=layout,
        media_type="image/jpeg",
        lossy=True,
        orientation=exif_orientation(header.exif) if header.exif else 1,
        pages=header.pictures,
        warnings=_profile_warnings(header.profile),
    )


def _decode(stream: Encoded, header: JpegHeader, workspace: Workspace) -> NDArray[np.uint8]:
    inks = "CMYK" if len(header.components) == 4 else None
    with decoder_faults("JPEG"):
        shape = (header.height_px, header.width_px, len(header.components))
        samples: NDArray[Any] = workspace.empty(shape, np.uint8)
        imagecodecs.jpeg8_decode(cast("bytes", stream), outcolorspace=inks, out=samples)
    return samples


def _require_enough_data(
    samples: NDArray[np.uint8], stream: Encoded, header: JpegHeader, workspace: Workspace
) -> None:
    """Refuse a stream whose scan data ended early though an end marker follows.

    The decoder pads such a stream with empty, mid-grey blocks and says nothing. A last pixel of
    that grey may be chance, so the stream is decoded again with more scan data: a whole image
    does not look at it, one that ran out does.
    """
    if (samples[-1, -1] != _EMPTY_BLOCK).any():
        return
    longer = b"".join([stream[: -len(_END_MARKER)], _MORE_SCAN_DATA, _END_MARKER])
    again = _decode(longer, header, workspace)
    strips = row_strips(header.height_px, header.width_px)
    if not all(np.array_equal(again[rows], samples[rows]) for rows in strips):
        msg = (
            f"is truncated: the scan data of the JPEG end before its {header.width_px} x "
            f"{header.height_px} pixels do"
        )
        raise DamagedImageError(msg)


def _profile_warnings(profile: bytes) -> tuple[str, ...]:
    # Names in ICC profiles are ASCII (version 2) or UTF-16 (version 4).
    if not profile or b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile:
        return ()
    return ("the embedded colour profile was ignored; sRGB was assumed",)
