"""A PNG of one 8-bit channel, written row by row while it is made (W3C Recommendation, third edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import require_labels

__all__ = ["write_png_rows"]

# As `petrography.image_codec.encoding`: fast rather than small, for maps that are mostly flat.
_LEVEL, _WINDOW_BITS, _MEMORY_LEVEL = 1, 15, 9
_SUB_FILTER = 1
_EIGHT_BITS, _GREY = 8, 0


def write_png_rows(
    file: BinaryIO, rows: Iterable[NDArray[np.uint8]], height_px: int, width_px: int
) -> None:
    """Write a label or confidence image that comes from top to bottom.

    Parameters
    ----------
    file : binary file
        Open for writing.
    rows : iterable of ndarray of uint8, shape (rows, width_px)
        The image in pieces of any number of rows; equal images give equal bytes if they are cut
        alike.
    height_px, width_px : int
        Its whole size.

    Raises
    ------
    InvalidParameterError
        If the rows are of another width, too few or too many.
    LabelImageError
        If a piece is not uint8 of two axes.
    """
    header = struct.pack(">IIBBBBB", width_px, height_px, _EIGHT_BITS, _GREY, 0, 0, 0)
    file.write(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header))
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL, zlib.Z_RLE)
    taken_px, seen_px = 0, width_px
    for piece in rows:
        taken_px, seen_px = taken_px + len(require_labels(piece)), piece.shape[1]
        if seen_px != width_px:
            break
        if packed := deflate.compress(_filtered(piece).data):
            file.write(_chunk(b"IDAT", packed))
    if (taken_px, seen_px) != (height_px, width_px):
        msg = f"{taken_px} rows of {seen_px} px came; wanted {height_px} rows of {width_px} px"
        raise InvalidParameterError(msg)
    file.write(_chunk(b"IDAT", deflate.flush()) + _chunk(b"IEND", b""))


def _filtered(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each row as differences from the pixel on the left, behind the number of that filter."""
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), dtype=np.uint8)
    filtered[:, 0] = _SUB_FILTER
    filtered[:, 1] = rows[:, 0]
    np.subtract(rows[:, 1:], rows[:, :-1], out=filtered[:, 2:])
    return filtered


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return b"".join([struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)])
