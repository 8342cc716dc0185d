"""Which format the first bytes announce."""

from __future__ import annotations

from typing import Literal, TypeAlias

from petrography.errors import UnsupportedImageError

__all__ = ["IMAGE_SUFFIXES", "Encoded", "Format", "recognise"]

# A whole file, in memory or mapped: what is read of it is not copied.
Encoded: TypeAlias = bytes | memoryview

Format: TypeAlias = Literal["png", "jpeg", "tiff"]

# Of files that are looked for in folders; what a file is, its first bytes say.
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")

_READ: tuple[tuple[bytes, Format], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
)

# Formats that people do send; naming them makes the refusal useful.
_KNOWN = (
    (0, b"GIF8", "a GIF"),
    (0, b"BM", "a BMP"),
    (8, b"WEBP", "a WebP"),
    (4, b"ftyp", "a HEIC, AVIF or video file"),
    (0, b"\0\0\0\x0cjP", "a JPEG 2000 file"),
    (0, b"\xff\x0a", "a JPEG XL file"),
    (0, b"%PDF", "a PDF"),
    (0, b"ZISRAWFILE", "a Zeiss CZI"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (128, b"DICM", "a DICOM file"),
    (0, b"IIU\0", "a camera raw file"),
)


# The signature that lies deepest, that of DICOM, ends at byte 132.
_HEAD_BYTES = 256


def recognise(data: Encoded) -> Format:
    """Name the format by its signature.

    Parameters
    ----------
    data : bytes or memoryview
        A whole file.

    Returns
    -------
    {'png', 'jpeg', 'tiff'}
        The format.

    Raises
    ------
    UnsupportedImageError
        If there are no bytes or they begin like none of the formats that are read.

    Examples
    --------
    >>> recognise(b"II*\\0rest")
    'tiff'
    """
    if not len(data):
        msg = "is empty (0 bytes); wanted a PNG, JPEG or TIFF"
        raise UnsupportedImageError(msg)
    head = bytes(data[:_HEAD_BYTES])
    for start, image_format in _READ:
        if head.startswith(start):
            return image_format
    looks = next((what for at, start, what in _KNOWN if head.startswith(start, at)), None)
    found = f"looks like {looks}" if looks else f"begins with the bytes {head[:8].hex(' ')}"
    msg = f"{found}, which is not read; wanted a PNG, JPEG or TIFF"
    raise UnsupportedImageError(msg)
