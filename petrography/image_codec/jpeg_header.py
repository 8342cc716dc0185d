"""JPEG markers (ITU-T T.81): size, layout, and whether the stream is whole."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field

from petrography.errors import DamagedImageError, UnsupportedImageError
from petrography.image_codec.signature import Encoded

__all__ = ["JpegHeader", "read_jpeg_header"]

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
# Frame headers; 0xC4 (tables), 0xC8 (reserved) and 0xCC (arithmetic tables) lie between them.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_APP1, _APP2, _APP14 = 0xE1, 0xE2, 0xEE
_MARKER = re.compile(rb"\xff+[^\x00\xff]")
# In scan data 0xFF is followed by 0 (stuffing), 0xD0-0xD7 (restart) or 0xFF (fill), or is a marker.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
# A progressive file has about ten scans and each costs a pass over all coefficients, so a tiny
# file with thousands of them would keep a core busy for hours.
_MAX_SCANS = 100
_MAX_SEGMENTS = 10_000
_BLOCK_PX = 8
_COEFFICIENTS = 64


@dataclass
class JpegHeader:
    """What the markers of a JPEG stream say.

    Attributes
    ----------
    height_px, width_px : int
        Size of the frame; 0 before a frame header is seen.
    components : dict of int to (int, int)
        Horizontal and vertical sampling factors by component.
    progressive : bool
        Whether the coefficients come in several scans.
    scans : int
        Scans seen.
    covered : dict of int to set of int
        Coefficients (0-63) that some scan carries to their last bit, by component.
    exif : bytes
        EXIF block, empty if there is none.
    profile : bytes
        Beginning of the ICC profile, empty if there is none.
    pictures : int
        2 when a multi-picture index is there, else 1.
    end : int
        Offset behind the end-of-image marker.
    """

    height_px: int = 0
    width_px: int = 0
    components: dict[int, tuple[int, int]] = field(default_factory=dict)
    progressive: bool = False
    scans: int = 0
    covered: dict[int, set[int]] = field(default_factory=dict)
    exif: bytes = b""
    profile: bytes = b""
    pictures: int = 1
    end: int = 0

    @property
    def least_bytes(self) -> int:
        """Bytes that the shortest possible Huffman coding of this frame takes.

        Every block has a DC code of at least one bit; blocks are counted one for each minimal
        coded unit, which is never too many.
        """
        across = _BLOCK_PX * max(horizontal for horizontal, _ in self.components.values())
        down = _BLOCK_PX * max(vertical for _, vertical in self.components.values())
        return math.ceil(self.width_px / across) * math.ceil(self.height_px / down) // 8


def read_jpeg_header(data: Encoded) -> JpegHeader:
    """Walk all markers to the end of the image.

    Parameters
    ----------
    data : bytes or memoryview
        A stream that begins with a start-of-image marker; bytes behind its end are ignored.

    Returns
    -------
    JpegHeader
        Of a complete stream.

    Raises
    ------
    DamagedImageError
        If the stream is cut off, or markers are missing or contradict each other.
    UnsupportedImageError
        If the coding is none of 8-bit Huffman-coded baseline, extended or progressive.
    """
    header = JpegHeader()
    position = 2
    for _ in range(_MAX_SEGMENTS):
        marker, position = _next_marker(data, position)
        if marker == _END:
            header.end = position
            _require_complete(header)
            return header
        body = _segment(data, marker, position)
        position += 2 + len(body)
        _take(header, marker, body)
        if marker == _SCAN:
            position = _end_of_scan(data, position)
    msg = f"is damaged: more than {_MAX_SEGMENTS} JPEG segments"
    raise DamagedImageError(msg)


def _next_marker(data: Encoded, position: int) -> tuple[int, int]:
    found = _MARKER.match(data, position)
    if found is not None:
        return data[found.end() - 1], found.end()
    if not bytes(data[position:]).strip(b"\xff"):
        raise _cut_off(data)
    msg = f"is damaged: byte {position} should begin a JPEG marker, found {data[position]:#04x}"
    raise DamagedImageError(msg)


def _segment(data: Encoded, marker: int, position: int) -> memoryview:
    length = int.from_bytes(data[position : position + 2], "big")
    if position + max(length, 2) > len(data):
        raise _cut_off(data)
    if length < 2 or marker <= 0x01 or 0xD0 <= marker <= _START:
        msg = f"is damaged: JPEG marker {marker:#04x} at byte {position} is out of place"
        raise DamagedImageError(msg)
    return memoryview(data)[position + 2 : position + length]


def _cut_off(data: Encoded) -> DamagedImageError:
    msg = f"is truncated: the JPEG ends after {len(data)} bytes without an end-of-image marker"
    return DamagedImageError(msg)


def _end_of_scan(data: Encoded, position: int) -> int:
    found = _NEXT_MARKER.search(data, position)
    if found is None:
        raise _cut_off(data)
    return found.start()


def _take(header: JpegHeader, marker: int, body: memoryview) -> None:
    if marker in _FRAMES:
        _take_frame(header, marker, body)
    elif marker == _SCAN:
        _take_scan(header, body)
    elif marker == _APP1 and bytes(body[:6]) == b"Exif\0\0":
        header.exif = header.exif or bytes(body[6:])
    elif marker == _APP2 and bytes(body[:12]) == b"ICC_PROFILE\0":
        header.profile = header.profile or bytes(body[14:])
    elif marker == _APP2 and bytes(body[:4]) == b"MPF\0":
        header.pictures = 2


def _take_frame(header: JpegHeader, marker: int, body: memoryview) -> None:
    if marker not in {_BASELINE, _EXTENDED, _PROGRESSIVE} or (body and body[0] != 8):
        bits = body[0] if body else 0
        msg = (
            f"is a JPEG of coding {marker:#04x} with {bits}-bit samples; wanted baseline or "
            "progressive with 8 bit; save it as PNG or TIFF"
        )
        raise UnsupportedImageError(msg)
    if header.components or len(body) < 6 or len(body) != 6 + 3 * body[5] or not body[5]:
        msg = "is damaged: the JPEG frame header is inconsistent or repeated"
        raise DamagedImageError(msg)
    header.height_px, header.width_px = struct.unpack_from(">HH", body, 1)
    header.progressive = marker == _PROGRESSIVE
    for at in range(6, len(body), 3):
        sampling = (body[at + 1] >> 4, body[at + 1] & 15)
        if not (1 <= sampling[0] <= 4 and 1 <= sampling[1] <= 4):
            msg = f"is damaged: JPEG sampling factors {sampling} are not within 1 to 4"
            raise DamagedImageError(msg)
        header.components[body[at]] = sampling


def _take_scan(header: JpegHeader, body: memoryview) -> None:
    count = body[0] if body else 0
    chosen = [body[at] for at in range(1, len(body) - 4, 2)] if count else []
    if not chosen or len(body) != 4 + 2 * count or not set(chosen) <= set(header.components):
        msg = "is damaged: a JPEG scan names components that the frame does not have"
        raise DamagedImageError(msg)
    header.scans += 1
    if header.scans > _MAX_SCANS:
        msg = f"has more than {_MAX_SCANS} JPEG scans; a progressive file has about ten"
        raise UnsupportedImageError(msg)
    first, last, shift = 0, _COEFFICIENTS - 1, 0
    if header.progressive:
        first, last, shift = body[-3], body[-2], body[-1] & 15
    if shift:
        return
    for component in chosen:
        header.covered.setdefault(component, set()).update(range(first, last + 1))


def _require_complete(header: JpegHeader) -> None:
    lacking = [
        component
        for component in header.components
        if len(header.covered.get(component, ())) < _COEFFICIENTS
    ]
    if lacking or not header.components:
        msg = (
            f"is truncated: the JPEG has {header.scans} scans, which leave components "
            f"{lacking or 'all'} incomplete"
        )
        raise DamagedImageError(msg)
