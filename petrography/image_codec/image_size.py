"""Size and pixel size of an image from the begin of its file, without decoding anything.

For telling beforehand what an image will take; whether it can be read at all is for the decoder.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from petrography.errors import DamagedImageError
from petrography.image_codec.npy import is_npy, npy_shape
from petrography.image_codec.orientation import exif_orientation
from petrography.image_codec.pixel_size import read_scale
from petrography.image_codec.signature import Encoded, Format, recognise
from petrography.image_codec.tiff_directory import read_directory, read_header

__all__ = ["read_size", "read_um_per_px"]

_WIDTH, _HEIGHT, _ORIENTATION = 256, 257, 274
# From the first orientation on that exchanges height and width.
_LYING = 5
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_APP1, _SCAN = 0xE1, 0xDA


def read_size(data: Encoded) -> tuple[int, int]:
    """Read the size of an image.

    Parameters
    ----------
    data : bytes or memoryview
        The begin of a PNG, JPEG, TIFF or .npy file, to the end of its header at least: 64 KiB do
        for nearly all but TIFF, whose directory often stands at the end.

    Returns
    -------
    tuple of int
        Height and width in pixels, as the image is shown (its orientation is heeded, but for that
        of a PNG).

    Raises
    ------
    UnsupportedImageError
        If the bytes begin like none of these formats.
    DamagedImageError
        If the header is not whole or says nothing that is possible.

    Examples
    --------
    >>> import numpy as np
    >>> from petrography.image_codec import encode_png
    >>> read_size(encode_png(np.zeros((20, 50), dtype=np.uint8))[:40])
    (20, 50)
    """
    reader = _of_npy if is_npy(data) else _READERS[recognise(data)]
    try:
        height_px, width_px = reader(data)
    except (struct.error, IndexError, ValueError) as error:
        msg = f"has no whole header in its first {len(data)} bytes; send more of it"
        raise DamagedImageError(msg) from error
    if height_px < 1 or width_px < 1:
        msg = f"has width {width_px} and height {height_px} px; wanted at least 1 x 1"
        raise DamagedImageError(msg)
    return height_px, width_px


def read_um_per_px(data: Encoded) -> float | None:
    """Read the pixel size that decoding an image would give.

    Parameters
    ----------
    data : bytes or memoryview
        As for `read_size`; of a TIFF what its first directory points to must be in it.

    Returns
    -------
    float or None
        Micrometres; None where the file states none that can be believed, as PNG, JPEG and .npy
        never do.

    Raises
    ------
    UnsupportedImageError
        If the bytes begin like none of these formats.
    DamagedImageError
        If the directory of a TIFF is not whole.

    Examples
    --------
    >>> import numpy as np
    >>> from petrography.image_codec import encode_png
    >>> read_um_per_px(encode_png(np.zeros((20, 50), dtype=np.uint8)))
    """
    if is_npy(data) or recognise(data) != "tiff":
        return None
    try:
        return read_scale(read_directory(data, *read_header(data))).um_per_px
    except (struct.error, IndexError, ValueError) as error:
        msg = f"has no whole directory in its first {len(data)} bytes; send more of it"
        raise DamagedImageError(msg) from error


def _of_png(data: Encoded) -> tuple[int, int]:
    width_px, height_px = struct.unpack_from(">II", data, 16)
    return height_px, width_px


def _of_npy(data: Encoded) -> tuple[int, int]:
    height_px, width_px = npy_shape(data)[:2]
    return height_px, width_px


def _of_jpeg(data: Encoded) -> tuple[int, int]:
    """Go from segment to segment up to the frame header; EXIF stands before it."""
    position, orientation = 2, 1
    while True:
        while data[position + 1] == 0xFF:  # fill bytes
            position += 1
        marker = data[position + 1]
        length = struct.unpack_from(">H", data, position + 2)[0]
        body = bytes(data[position + 4 : position + 2 + length])
        if marker in _FRAMES:
            height_px, width_px = struct.unpack_from(">HH", body, 1)
            return (width_px, height_px) if orientation >= _LYING else (height_px, width_px)
        if data[position] != 0xFF or marker == _SCAN or length < 2:
            msg = f"is damaged: no JPEG frame header before byte {position}"
            raise DamagedImageError(msg)
        if marker == _APP1 and body.startswith(b"Exif\0\0"):
            orientation = exif_orientation(body[6:])
        position += 2 + length


def _of_tiff(data: Encoded) -> tuple[int, int]:
    directory = read_directory(data, *read_header(data))
    height_px = directory.number(_HEIGHT, default=0)
    width_px = directory.number(_WIDTH, default=0)
    lying = directory.number(_ORIENTATION, default=1) in range(_LYING, 9)
    return (width_px, height_px) if lying else (height_px, width_px)


_READERS: dict[Format, Callable[[Encoded], tuple[int, int]]] = {
    "png": _of_png,
    "jpeg": _of_jpeg,
    "tiff": _of_tiff,
}
