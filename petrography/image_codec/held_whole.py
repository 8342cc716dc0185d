"""What a decoder holds in memory as a whole, whatever the workspace, and how much of it is taken.

Tiles, strips and rows are decoded into an array that may lie in a file. Two ordinary kinds of
files leave no choice: a compressed strip is inflated as a whole, and the coefficients of a
progressive JPEG are known only after its last scan.
"""

from __future__ import annotations

import math

from petrography.errors import ImageTooLargeError
from petrography.image_codec.jpeg_header import JpegHeader

__all__ = ["MOST_HELD_BYTES", "coefficient_bytes", "require_holdable"]

# Of one strip or one JPEG: some 350 megapixels of grey or RGB, or of photographs with halved colour.
MOST_HELD_BYTES = 1 << 30
_BLOCK_PX, _COEFFICIENT_BYTES = 8, 2


def coefficient_bytes(header: JpegHeader) -> int:
    """Bytes of the coefficients that a progressive JPEG is gathered in; 0 for any other.

    Parameters
    ----------
    header : JpegHeader
        Of a whole stream.
    """
    if not header.progressive:
        return 0
    widest = max(horizontal for horizontal, _ in header.components.values())
    highest = max(vertical for _, vertical in header.components.values())
    blocks = sum(
        math.ceil(header.width_px * horizontal / widest / _BLOCK_PX)
        * math.ceil(header.height_px * vertical / highest / _BLOCK_PX)
        for horizontal, vertical in header.components.values()
    )
    return blocks * _BLOCK_PX**2 * _COEFFICIENT_BYTES


def require_holdable(size_bytes: int, what: str, instead: str) -> None:
    """Refuse a file of which a decoder would hold more than `MOST_HELD_BYTES` at once.

    Parameters
    ----------
    size_bytes : int
        What it would hold.
    what, instead : str
        What that is, and how the image should be saved.

    Raises
    ------
    ImageTooLargeError
        If that is too much.
    """
    if size_bytes > MOST_HELD_BYTES:
        msg = (
            f"has {what} of {size_bytes} bytes, which is decoded in memory as a whole; the limit "
            f"is {MOST_HELD_BYTES}; {instead}"
        )
        raise ImageTooLargeError(msg)
