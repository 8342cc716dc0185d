"""What the tags of a TIFF image promise, checked before a decoder believes them (TIFF 6.0)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from petrography.errors import DamagedImageError, UnsupportedImageError
from petrography.image_codec.held_whole import require_holdable
from petrography.image_codec.limits import ImageLimits, require_pixels
from petrography.image_codec.raster import Alpha, Layout
from petrography.image_codec.tiff_directory import MAX_VALUES, Directory

__all__ = ["JPEG_COMPRESSION", "TiffHeader", "read_tiff_header"]

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP_OFFSETS, SAMPLES, STRIP_ROWS, STRIP_BYTES, PLANAR = 273, 277, 278, 279, 284
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 322, 323, 324, 325
EXTRA_SAMPLES, SAMPLE_FORMAT, DEPTH = 338, 339, 32997

_UNCOMPRESSED, JPEG_COMPRESSION = 1, 7
# Compression to its name and the most that a byte of it can grow to; None: no bound is known.
_COMPRESSIONS: dict[int, tuple[str, int | None]] = {
    _UNCOMPRESSED: ("none", 1),
    5: ("LZW", 4096),
    JPEG_COMPRESSION: ("JPEG", None),
    8: ("Deflate", 1032),
    32773: ("PackBits", 128),
    32946: ("Deflate", 1032),
    50000: ("Zstandard", None),
}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_LAYOUTS: dict[int, tuple[Layout, int]] = {
    _WHITE_IS_ZERO: ("grey", 1),
    _BLACK_IS_ZERO: ("grey", 1),
    _RGB: ("rgb", 3),
    _PALETTE: ("palette", 1),
    _CMYK: ("cmyk", 4),
    _YCBCR: ("rgb", 3),
}
_UNSIGNED, _FLOAT = 1, 3
_BIT_DEPTHS = {_UNSIGNED: {1, 2, 4, 8, 10, 12, 14, 16}, _FLOAT: {16, 32, 64}}
_PREMULTIPLIED, _STRAIGHT = 1, 2
_MAX_EXTRA_SAMPLES = 4
# Tiles may overhang the image; more than this in one tile is no tile but a bomb.
_MAX_TILE_BYTES = 1 << 28


@dataclass(frozen=True)
class TiffHeader:
    """One image of a TIFF, its promises found consistent.

    Attributes
    ----------
    width_px, height_px : int
        Size.
    bits : int
        Of one sample.
    floating : bool
        Whether samples are floating point.
    samples : int
        Channels, alpha and extra ones included.
    colour_samples : int
        Channels that `layout` speaks of.
    compression : int
        A key of the table of compressions.
    layout : {'grey', 'rgb', 'cmyk', 'palette'}
        Meaning of the channels.
    white_is_zero : bool
        Whether grey counts down.
    alpha : {'none', 'straight', 'premultiplied'}
        Meaning of the first extra channel.
    planar : bool
        Whether channels are stored one after another.
    tiled : bool
        Tiles or strips.
    block_height_px, block_width_px : int
        Size of a tile or strip.
    segments : tuple of (int, int)
        Offset and length of every tile or strip.
    warnings : tuple of str
        What was assumed.
    """

    width_px: int
    height_px: int
    bits: int
    floating: bool
    samples: int
    colour_samples: int
    compression: int
    layout: Layout
    white_is_zero: bool
    alpha: Alpha
    planar: bool
    tiled: bool
    block_height_px: int
    block_width_px: int
    segments: tuple[tuple[int, int], ...]
    warnings: tuple[str, ...] = ()


def read_tiff_header(
    directory: Directory,
    file_bytes: int,
    limits: ImageLimits,
    *,
    most_extra: int = _MAX_EXTRA_SAMPLES,
) -> TiffHeader:
    """Read and check the tags of one image.

    Parameters
    ----------
    directory : Directory
        Its tags.
    file_bytes : int
        Length of the file that the tags point into.
    limits : ImageLimits
        The pixel limit is checked first.
    most_extra : int
        Channels that an image may have beside those of its layout.

    Returns
    -------
    TiffHeader
        Promises that the file can keep.

    Raises
    ------
    DamagedImageError
        If tags are missing, contradict each other or point outside the file.
    UnsupportedImageError
        If samples, colours or compression are not read.
    ImageTooLargeError
        If the image is over the pixel limit, or a compressed strip too large to be held at once.
    """
    width_px, height_px = directory.number(WIDTH, default=0), directory.number(HEIGHT, default=0)
    require_pixels(height_px, width_px, limits)
    bits, floating = _sample_type(directory)
    compression = directory.number(COMPRESSION, default=1)
    layout, colour_samples, warnings = _layout(directory, compression)
    samples = directory.number(SAMPLES, default=1)
    extra = directory.numbers(EXTRA_SAMPLES)
    tiled = TILE_WIDTH in directory.entries
    block_height_px, block_width_px = _block_shape(directory, tiled, height_px, width_px)
    header = TiffHeader(
        width_px=width_px,
        height_px=height_px,
        bits=bits,
        floating=floating,
        samples=samples,
        colour_samples=colour_samples,
        compression=compression,
        layout=layout,
        white_is_zero=directory.number(PHOTOMETRIC, default=_BLACK_IS_ZERO) == _WHITE_IS_ZERO,
        alpha=_alpha(extra[:1]) if samples > colour_samples else "none",
        planar=directory.number(PLANAR, default=1) == 2,
        tiled=tiled,
        block_height_px=block_height_px,
        block_width_px=block_width_px,
        segments=_segments(directory, tiled),
        warnings=warnings,
    )
    _require_consistent(header, most_extra)
    if header.compression != _UNCOMPRESSED:
        require_holdable(
            _block_bytes(header),
            "a compressed strip of the TIFF",
            "save it in tiles, or in strips of fewer rows",
        )
    _require_segments(header, file_bytes)
    return header


def _sample_type(directory: Directory) -> tuple[int, bool]:
    samples = directory.number(SAMPLES, default=1)
    all_bits = set(directory.numbers(BITS)[:samples]) or {1}
    formats = set(directory.numbers(SAMPLE_FORMAT)[:samples]) or {_UNSIGNED}
    bits, sample_format = min(all_bits), min(formats)
    # 4 is "undefined", which writers use for plain unsigned samples.
    sample_format = _UNSIGNED if sample_format == 4 else sample_format
    uniform = len(all_bits) == 1 and len(formats) == 1
    if not uniform or bits not in _BIT_DEPTHS.get(sample_format, set()):
        kinds = {_UNSIGNED: "unsigned", 2: "signed", _FLOAT: "floating-point"}
        kind = kinds.get(sample_format, "complex or unknown")
        msg = (
            f"has {kind} samples of {sorted(all_bits)} bit; wanted unsigned of 1 to 16 bit, the "
            "same in all channels; convert it to 8 or 16 bit"
        )
        raise UnsupportedImageError(msg)
    return bits, sample_format == _FLOAT


def _layout(directory: Directory, compression: int) -> tuple[Layout, int, tuple[str, ...]]:
    if compression not in _COMPRESSIONS:
        known = ", ".join(sorted({name for name, _ in _COMPRESSIONS.values()}))
        msg = f"uses TIFF compression {compression}; these are read: {known}; save it with LZW"
        raise UnsupportedImageError(msg)
    photometric = directory.number(PHOTOMETRIC, default=_BLACK_IS_ZERO)
    uncoded_ycbcr = photometric == _YCBCR and compression != JPEG_COMPRESSION
    if photometric not in _LAYOUTS or uncoded_ycbcr or directory.number(DEPTH, default=1) != 1:
        msg = (
            f"has TIFF photometric interpretation {photometric} with compression {compression}; "
            "wanted one flat image in grey, RGB, palette or CMYK"
        )
        raise UnsupportedImageError(msg)
    layout, colour_samples = _LAYOUTS[photometric]
    three_greys = layout == "grey" and directory.number(SAMPLES, default=1) == 3
    meaning = set(directory.numbers(EXTRA_SAMPLES))
    if three_greys and not meaning & {_PREMULTIPLIED, _STRAIGHT}:
        # Scientific writers store planar colour this way.
        return "rgb", 3, ("three grey channels were taken as red, green and blue",)
    return layout, colour_samples, ()


def _alpha(extra: tuple[int, ...]) -> Alpha:
    return "premultiplied" if extra == (_PREMULTIPLIED,) else "straight"


def _block_shape(
    directory: Directory, tiled: bool, height_px: int, width_px: int
) -> tuple[int, int]:
    if tiled:
        block = (directory.number(TILE_HEIGHT, default=0), directory.number(TILE_WIDTH, default=0))
    else:
        block = (min(directory.number(STRIP_ROWS, default=height_px), height_px), width_px)
    if min(block) < 1:
        msg = f"is damaged: its TIFF tiles or strips are {block[1]} x {block[0]} px"
        raise DamagedImageError(msg)
    return block


def _segments(directory: Directory, tiled: bool) -> tuple[tuple[int, int], ...]:
    offsets = directory.numbers(TILE_OFFSETS if tiled else STRIP_OFFSETS)
    lengths = directory.numbers(TILE_BYTES if tiled else STRIP_BYTES)
    if len(offsets) != len(lengths) or not offsets:
        msg = (
            f"is damaged: {len(offsets)} offsets and {len(lengths)} lengths of TIFF tiles or "
            "strips; wanted as many of both"
        )
        raise DamagedImageError(msg)
    return tuple(zip(offsets, lengths, strict=True))


def _require_consistent(header: TiffHeader, most_extra: int) -> None:
    extra = header.samples - header.colour_samples
    if not 0 <= extra <= most_extra:
        msg = (
            f"has {header.samples} samples a pixel in a {header.layout} TIFF; wanted "
            f"{header.colour_samples}, or up to {most_extra} extra ones"
        )
        raise UnsupportedImageError(msg)
    if header.layout in {"palette", "cmyk"} and (header.floating or header.bits > 8):
        msg = f"has {header.bits}-bit {header.layout} samples; wanted at most 8 bit"
        raise UnsupportedImageError(msg)
    if header.compression == JPEG_COMPRESSION and (header.bits != 8 or header.layout == "cmyk"):
        msg = f"has {header.bits}-bit {header.layout} JPEG tiles; wanted 8-bit grey or colour"
        raise UnsupportedImageError(msg)
    if header.tiled and _block_bytes(header) > _MAX_TILE_BYTES:
        msg = (
            f"is damaged: TIFF tiles of {header.block_width_px} x {header.block_height_px} px; "
            f"wanted at most {_MAX_TILE_BYTES} bytes each"
        )
        raise DamagedImageError(msg)


def _block_bytes(header: TiffHeader) -> int:
    channels = 1 if header.planar else header.samples
    row_bytes = math.ceil(header.block_width_px * channels * header.bits / 8)
    return row_bytes * header.block_height_px


def _require_segments(header: TiffHeader, file_bytes: int) -> None:
    down = math.ceil(header.height_px / header.block_height_px)
    across = math.ceil(header.width_px / header.block_width_px) if header.tiled else 1
    wanted = down * across * (header.samples if header.planar else 1)
    if wanted > MAX_VALUES or len(header.segments) < wanted:
        msg = (
            f"is damaged: {len(header.segments)} TIFF tiles or strips for an image that takes "
            f"{wanted}; at most {MAX_VALUES} are read"
        )
        raise DamagedImageError(msg)
    name, growth = _COMPRESSIONS[header.compression]
    # The last strip may be shorter than the others.
    rows = header.height_px - (down - 1) * header.block_height_px
    least = _block_bytes(header) * (1 if header.tiled else rows / header.block_height_px)
    for index, (offset, length) in enumerate(header.segments[:wanted]):
        if offset < 8 or length < 1 or offset + length > file_bytes:
            msg = (
                f"is damaged or truncated: TIFF tile or strip {index} takes bytes {offset} to "
                f"{offset + length} of {file_bytes}"
            )
            raise DamagedImageError(msg)
        if growth is not None and length * growth < least:
            msg = f"is damaged: {length} bytes ({name}) cannot hold TIFF tile or strip {index}"
            raise DamagedImageError(msg)
