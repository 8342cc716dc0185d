"""PNG (W3C Recommendation, third edition, and ISO/IEC 15948).

The chunks are walked here; the decoder gets only the header and the pixel data, so that
compressed text and profiles are never inflated.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from petrography.errors import DamagedImageError, UnsupportedImageError
from petrography.image_codec.limits import ImageLimits, require_pixels
from petrography.image_codec.orientation import exif_orientation
from petrography.image_codec.raster import Layout, Raster, decoder_faults
from petrography.image_codec.signature import Encoded
from petrography.workspace import Workspace

__all__ = ["decode_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A chunk is at least 12 bytes; encoders write pixel data in pieces of 8 KiB and more.
_MAX_CHUNKS = 1 << 18
# A deflate stream cannot grow by more than this (zlib technical details, zlib.net/zlib_tech.html).
_MAX_INFLATION = 1032
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE_COLOUR, _ALPHA_COLOURS = 3, {4, 6}


@dataclass(frozen=True)
class _Header:
    width_px: int
    height_px: int
    depth_bits: int
    colour: int
    interlace: int

    @property
    def packed_bytes(self) -> int:
        """Size of the rows before deflate, each with its filter byte."""
        row_bits = self.width_px * self.depth_bits * _CHANNELS[self.colour]
        return self.height_px * (1 + math.ceil(row_bits / 8))


@dataclass
class _Chunks:
    """Chunks that matter: the first of each kind, and all pixel data."""

    header: _Header
    first: dict[bytes, memoryview] = field(default_factory=dict)
    pixel_data: list[memoryview] = field(default_factory=list)


def decode_png(data: Encoded, limits: ImageLimits, workspace: Workspace) -> Raster:
    """Decode a PNG; of an animation the default image.

    Parameters
    ----------
    data : bytes or memoryview
        A whole file that begins with the PNG signature.
    limits : ImageLimits
        Checked against the header before anything is decoded.
    workspace : Workspace
        Gives the array of the samples.

    Returns
    -------
    Raster
        Samples of 8 bit or less as uint8, of 16 bit as uint16; palette images as indices.

    Raises
    ------
    DamagedImageError
        If the chunks are cut off or contradict each other, or the pixels cannot be decoded.
    UnsupportedImageError
        If there is a critical chunk that the standard does not know.
    ImageTooLargeError
        If the header is over the pixel limit.
    """
    chunks = _walk(data, limits)
    header = chunks.header
    samples = _decode_pixels(chunks, workspace)
    layout: Layout = "rgb" if header.colour in {2, 6} else "grey"
    return Raster(
        samples=samples,
        layout="palette" if header.colour == _PALETTE_COLOUR else layout,
        media_type="image/png",
        bits=None if header.depth_bits == 16 else header.depth_bits,
        alpha="straight" if header.colour in _ALPHA_COLOURS else "none",
        palette=_palette(chunks) if header.colour == _PALETTE_COLOUR else None,
        transparent=_transparent(chunks),
        orientation=exif_orientation(bytes(chunks.first.get(b"eXIf", b""))),
        pages=2 if b"acTL" in chunks.first else 1,
        warnings=_warnings(chunks),
    )


def _walk(data: Encoded, limits: ImageLimits) -> _Chunks:
    view = memoryview(data)
    position = len(_SIGNATURE)
    kind, body, position = _chunk(view, position)
    if kind != b"IHDR":
        msg = f"is damaged: the first PNG chunk is {_name(kind)}, wanted IHDR"
        raise DamagedImageError(msg)
    chunks = _Chunks(_header(body))
    require_pixels(chunks.header.height_px, chunks.header.width_px, limits)
    for _ in range(_MAX_CHUNKS):
        begin = position
        kind, body, position = _chunk(view, position)
        if kind == b"IEND":
            return chunks
        if kind == b"IDAT":
            chunks.pixel_data.append(view[begin:position])
        else:
            _require_known(kind)
            chunks.first.setdefault(kind, body)
    msg = f"is damaged: more than {_MAX_CHUNKS} PNG chunks"
    raise DamagedImageError(msg)


def _chunk(view: memoryview, position: int) -> tuple[bytes, memoryview, int]:
    """Return kind and body of the chunk at a position, and where the next one begins."""
    if position + 12 > len(view):
        msg = f"is truncated: the PNG ends after {len(view)} bytes without an IEND chunk"
        raise DamagedImageError(msg)
    length = int.from_bytes(view[position : position + 4], "big")
    kind = bytes(view[position + 4 : position + 8])
    end = position + 12 + length
    if end > len(view):
        msg = (
            f"is truncated: PNG chunk {_name(kind)} at byte {position} needs {end} bytes, the "
            f"file has {len(view)}"
        )
        raise DamagedImageError(msg)
    body = view[position + 8 : end - 4]
    # The decoder checks the pixel data itself; what is read here is checked here.
    critical = kind in {b"IHDR", b"PLTE"}
    if critical and zlib.crc32(view[position + 4 : end - 4]) != _crc_field(view, end):
        msg = f"is damaged: the checksum of PNG chunk {_name(kind)} is wrong"
        raise DamagedImageError(msg)
    return kind, body, end


def _crc_field(view: memoryview, end: int) -> int:
    return int.from_bytes(view[end - 4 : end], "big")


def _require_known(kind: bytes) -> None:
    ancillary = bool(kind[0] & 0x20)
    if kind != b"PLTE" and not ancillary:
        msg = f"has the critical PNG chunk {_name(kind)}, which no standard defines; save it anew"
        raise UnsupportedImageError(msg)


def _name(kind: bytes) -> str:
    return ascii(kind.decode("latin-1"))


def _header(body: memoryview) -> _Header:
    if len(body) != 13:
        msg = f"is damaged: the PNG header has {len(body)} bytes, wanted 13"
        raise DamagedImageError(msg)
    width_px, height_px, depth, colour, compression, filtering, interlace = struct.unpack(
        ">IIBBBBB", body
    )
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        msg = (
            f"is damaged: the PNG header says depth {depth}, colour type {colour}, compression "
            f"{compression}, filter {filtering}, interlace {interlace}, which do not go together"
        )
        raise DamagedImageError(msg)
    return _Header(width_px, height_px, depth, colour, interlace)


def _decode_pixels(chunks: _Chunks, workspace: Workspace) -> NDArray[Any]:
    header = chunks.header
    held = sum(len(chunk) for chunk in chunks.pixel_data)
    if held * _MAX_INFLATION < header.packed_bytes:
        msg = (
            f"is damaged: {held} bytes of pixel data cannot hold {header.width_px} x "
            f"{header.height_px} pixels"
        )
        raise DamagedImageError(msg)
    with decoder_faults("PNG"):
        samples = workspace.empty(
            (header.height_px, header.width_px, _CHANNELS[header.colour]),
            np.uint16 if header.depth_bits == 16 else np.uint8,
        )
        imagecodecs.png_decode(_clean_copy(chunks), out=samples)
    if header.depth_bits < 8:
        # The decoder spreads 1, 2 and 4 bit over 0-255; the stored value is wanted.
        samples //= 255 // ((1 << header.depth_bits) - 1)
    return samples


def _clean_copy(chunks: _Chunks) -> bytes:
    """Write the PNG again with header and pixels only.

    A palette image becomes a grey one, so that its indices come out instead of colours.
    """
    header = chunks.header
    colour = 0 if header.colour == _PALETTE_COLOUR else header.colour
    body = b"IHDR" + struct.pack(
        ">IIBBBBB",
        header.width_px,
        header.height_px,
        header.depth_bits,
        colour,
        0,
        0,
        header.interlace,
    )
    first = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    last = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    return b"".join([_SIGNATURE, first, *chunks.pixel_data, last])


def _palette(chunks: _Chunks) -> NDArray[np.uint8]:
    body = chunks.first.get(b"PLTE", memoryview(b""))
    if len(body) % 3 or not 3 <= len(body) <= 768:
        msg = f"is damaged: the PNG palette has {len(body)} bytes, wanted 3 to 768, three a colour"
        raise DamagedImageError(msg)
    return np.frombuffer(body, dtype=np.uint8).reshape(-1, 3)


def _transparent(chunks: _Chunks) -> NDArray[np.int64] | None:
    """Samples that tRNS marks; a chunk that breaks the standard marks none, as in other readers."""
    body, header = chunks.first.get(b"tRNS", memoryview(b"")), chunks.header
    if header.colour == _PALETTE_COLOUR:
        # One alpha for each colour, opaque where it ends.
        return np.flatnonzero(np.frombuffer(body, dtype=np.uint8) != 255).reshape(-1, 1)
    channels = _CHANNELS[header.colour]
    if header.colour in _ALPHA_COLOURS or len(body) != 2 * channels:
        return None
    # Of 16 bits those of the depth count.
    stated = np.frombuffer(body, dtype=">u2").astype(np.int64)
    return (stated & ((1 << header.depth_bits) - 1)).reshape(1, channels)


def _warnings(chunks: _Chunks) -> tuple[str, ...]:
    warnings = []
    profile_name = bytes(chunks.first.get(b"iCCP", b""))[:80].split(b"\0")[0]
    if profile_name and b"srgb" not in profile_name.lower():
        named = ascii(profile_name.decode("latin-1"))
        warnings.append(f"the colour profile {named} was ignored; sRGB was assumed")
    if b"tRNS" in chunks.first:
        warnings.append("the transparent colours of the PNG were taken as opaque")
    return tuple(warnings)
