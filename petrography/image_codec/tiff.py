"""TIFF and BigTIFF (TIFF 6.0): the first image, decoded by tifffile from a clean copy.

The copy has one directory with only the tags that the pixels need. So the decoder meets no
private tags, no further pages and no vendor formats, whatever the file says.
"""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from petrography.errors import DamagedImageError, ImageChannelsError
from petrography.image_codec.jpeg_header import read_jpeg_header
from petrography.image_codec.limits import ImageLimits, require_values
from petrography.image_codec.orientation import valid_orientation
from petrography.image_codec.pixel_size import (
    Scale,
    channels_of_image,
    read_scale,
    significant_bits,
)
from petrography.image_codec.raster import Raster, decoder_faults
from petrography.image_codec.signature import Encoded
from petrography.image_codec.spliced_file import SplicedFile
from petrography.image_codec.tiff_directory import (
    Directory,
    page_offsets,
    read_directory,
    read_header,
)
from petrography.image_codec.tiff_header import (
    JPEG_COMPRESSION,
    TiffHeader,
    read_tiff_header,
)
from petrography.workspace import Workspace

__all__ = ["decode_tiff", "decode_tiff_bands"]

_ORIENTATION, _COLOUR_MAP, _ICC_PROFILE = 274, 320, 34675
_FILL_ORDER, _PREDICTOR, _SAMPLES_PER_PIXEL = 266, 317, 277
# Tags that change how pixels are decoded; everything else stays behind.
_DECODING_TAGS = (
    256, 257, 258, 259, 262, _FILL_ORDER, 273, 277, 278, 279, 284, _PREDICTOR,
    322, 323, 324, 325, 338, 339, 347, 530,
)  # fmt: skip


def decode_tiff(data: Encoded, limits: ImageLimits, workspace: Workspace) -> Raster:
    """Decode the first image of a TIFF.

    Parameters
    ----------
    data : bytes or memoryview
        A whole file that begins with a TIFF or BigTIFF signature.
    limits : ImageLimits
        Checked against the tags before anything is decoded.
    workspace : Workspace
        Gives the array of the samples.

    Returns
    -------
    Raster
        With the pixel size, if the file states one that can be believed.

    Raises
    ------
    DamagedImageError
        If the file is cut off, its tags contradict each other, or pixels cannot be decoded.
    ImageChannelsError
        If the channels of the image lie in pages of their own.
    UnsupportedImageError
        If samples, colours or compression are not read.
    ImageTooLargeError
        If the image is over the pixel limit.
    """
    order, big, offset = read_header(data)
    directory = read_directory(data, order, big, offset)
    header = read_tiff_header(directory, len(data), limits)
    pages = len(page_offsets(data, directory, offset))
    _require_whole_colours(header, pages, channels_of_image(directory))
    samples = _checked_samples(data, directory, header, workspace)
    scale = read_scale(directory)
    has_alpha = header.alpha != "none"
    return Raster(
        samples=samples[..., : header.colour_samples + has_alpha],
        layout=header.layout,
        media_type="image/tiff",
        bits=_bits(directory, header),
        alpha=header.alpha,
        palette=_palette(directory, header) if header.layout == "palette" else None,
        white_is_zero=header.white_is_zero,
        lossy=header.compression == JPEG_COMPRESSION,
        pages=pages,
        orientation=valid_orientation(directory.number(_ORIENTATION, default=1)),
        um_per_px=scale.um_per_px,
        scale_source=scale.source,
        warnings=_warnings(directory, header, scale),
    )


def decode_tiff_bands(
    data: Encoded, count: int, limits: ImageLimits, workspace: Workspace
) -> Raster:
    """Decode all samples of all pages of a TIFF as bands.

    Parameters
    ----------
    data : bytes or memoryview
        A whole file that begins with a TIFF or BigTIFF signature.
    count : int
        Bands that are wanted; nothing is decoded of a file with another number.
    limits : ImageLimits
        Checked against the tags before anything is decoded.
    workspace : Workspace
        Gives the arrays of the samples.

    Returns
    -------
    Raster
        Samples of shape (height, width, count), page after page.

    Raises
    ------
    ImageChannelsError
        If the file has another number of bands.
    DamagedImageError
        If the file is damaged, or its pages differ in size or type.
    UnsupportedImageError, ImageTooLargeError
        As `decode_tiff`.
    """
    order, big, offset = read_header(data)
    directory = read_directory(data, order, big, offset)
    offsets = page_offsets(data, directory, offset)
    stated = directory.number(_SAMPLES_PER_PIXEL, default=1) * len(offsets)
    if stated != count:
        msg = (
            f"has {stated} channels in {len(offsets)} pages; wanted {count} bands in a TIFF "
            "(samples or pages) or .npy (height, width, bands)"
        )
        raise ImageChannelsError(msg)
    pages = [read_directory(data, order, big, one) for one in offsets]
    headers = [read_tiff_header(page, len(data), limits, most_extra=count) for page in pages]
    require_values(headers[0].height_px, headers[0].width_px, count, limits)
    _require_alike(headers)
    samples = _side_by_side(
        [
            _checked_samples(data, page, header, workspace)
            for page, header in zip(pages, headers, strict=True)
        ],
        workspace,
    )
    scale = read_scale(directory)
    return Raster(
        samples=samples,
        layout=headers[0].layout,
        media_type="image/tiff",
        bits=_bits(directory, headers[0]),
        white_is_zero=headers[0].white_is_zero,
        lossy=headers[0].compression == JPEG_COMPRESSION,
        orientation=valid_orientation(directory.number(_ORIENTATION, default=1)),
        um_per_px=scale.um_per_px,
        scale_source=scale.source,
        warnings=scale.warnings,
    )


# Tiles are read and decoded in batches of about so many bytes.
_READ_BYTES = 1 << 24


def _require_whole_colours(header: TiffHeader, pages: int, channels: int) -> None:
    """Refuse a file of which the first page alone would be one of several channels."""
    if header.samples == 1 and 1 < channels <= pages:
        msg = (
            f"has {channels} channels in pages of their own, and which are red, green and blue is "
            "not told; wanted them as samples of one page (photometric RGB), or one grey channel"
        )
        raise ImageChannelsError(msg)


def _require_alike(headers: list[TiffHeader]) -> None:
    kinds = {
        (one.height_px, one.width_px, one.samples, one.bits, one.floating, one.layout)
        for one in headers
    }
    if len(kinds) > 1:
        sizes = sorted({f"{one.width_px} x {one.height_px}" for one in headers})
        msg = f"is damaged: the pages of its bands differ in size, type or colours ({', '.join(sizes)})"
        raise DamagedImageError(msg)


def _side_by_side(planes: list[NDArray[Any]], workspace: Workspace) -> NDArray[Any]:
    """Lay the samples of pages behind each other along the last axis."""
    height_px, width_px = planes[0].shape[:2]
    whole = workspace.empty(
        (height_px, width_px, sum(plane.shape[2] for plane in planes)), planes[0].dtype
    )
    begin = 0
    for plane in planes:
        whole[..., begin : begin + plane.shape[2]] = plane
        begin += plane.shape[2]
    return whole


def _checked_samples(
    data: Encoded, directory: Directory, header: TiffHeader, workspace: Workspace
) -> NDArray[Any]:
    _require_plain_coding(directory)
    if header.compression == JPEG_COMPRESSION:
        _require_whole_jpegs(data, header)
    return _decode_samples(data, directory, header, workspace)


def _require_plain_coding(directory: Directory) -> None:
    predictor = directory.number(_PREDICTOR, default=1)
    fill_order = directory.number(_FILL_ORDER, default=1)
    if predictor not in {1, 2, 3} or fill_order not in {1, 2}:
        msg = f"is damaged: TIFF predictor {predictor} (1-3) or fill order {fill_order} (1-2)"
        raise DamagedImageError(msg)


def _require_whole_jpegs(data: Encoded, header: TiffHeader) -> None:
    """Check that no tile is cut off, which decodes to grey, or larger than it should be."""
    for offset, length in header.segments:
        jpeg = read_jpeg_header(data[offset : offset + length])
        if jpeg.width_px > header.block_width_px or jpeg.height_px > header.block_height_px:
            msg = (
                f"is damaged: a JPEG tile of {jpeg.width_px} x {jpeg.height_px} px in a TIFF of "
                f"tiles or strips of {header.block_width_px} x {header.block_height_px}"
            )
            raise DamagedImageError(msg)


def _decode_samples(
    data: Encoded, directory: Directory, header: TiffHeader, workspace: Workspace
) -> NDArray[Any]:
    copy = _clean_copy(data, directory)
    with decoder_faults("TIFF"), tifffile.TiffFile(copy) as tiff:
        page = tiff.pages[0].aspage()
        if page.dtype is None:
            msg = "samples of no type"
            raise ValueError(msg)
        stored = workspace.empty(page.shaped, page.dtype)
        # One thread: whoever decodes many images at once decides how many cores that takes.
        page.asarray(out=stored, squeeze=False, maxworkers=1, buffersize=_READ_BYTES)
        # Axes: channel if planar, depth, row, column, channel if not planar.
        samples = np.moveaxis(stored[:, 0], 0, -2).reshape(
            header.height_px, header.width_px, header.samples
        )
    return samples.view(np.uint8) if samples.dtype == np.bool_ else samples


def _clean_copy(data: Encoded, directory: Directory) -> io.BufferedReader:
    """Append a directory of the decoding tags alone and point the file header at it."""
    order = directory.order
    offset_code, inline_size = ("Q", 8) if directory.big else ("I", 4)
    begin = len(data) + len(data) % 2
    tags = [tag for tag in _DECODING_TAGS if tag in directory.entries]
    count = struct.pack(order + ("Q" if directory.big else "H"), len(tags))
    values_at = begin + len(count) + len(tags) * (4 + 2 * inline_size) + inline_size
    table, values = bytearray(count), bytearray()
    for tag in tags:
        entry = directory.entries[tag]
        raw = bytes(entry.raw)
        if len(raw) > inline_size:
            values += bytes(len(values) % 2)
            pointer = struct.pack(order + offset_code, values_at + len(values))
            values += raw
        else:
            pointer = raw.ljust(inline_size, b"\0")
        table += struct.pack(order + "HH" + offset_code, tag, entry.kind, entry.count) + pointer
    table += bytes(inline_size)
    first = bytes(data[:8] if directory.big else data[:4])
    head = first + struct.pack(order + offset_code, begin)
    tail = bytes(len(data) % 2) + table + values
    return io.BufferedReader(SplicedFile([head, memoryview(data)[len(head) :], tail]))


def _bits(directory: Directory, header: TiffHeader) -> int | None:
    if header.bits != 16 or header.floating:
        return header.bits
    stated = significant_bits(directory)
    return stated if stated is not None and 8 <= stated <= 16 else None


def _palette(directory: Directory, header: TiffHeader) -> NDArray[np.uint8]:
    stored = np.array(directory.numbers(_COLOUR_MAP), dtype=np.int64)
    colours = 1 << header.bits
    if stored.size != 3 * colours or stored.min() < 0 or stored.max() > 0xFFFF:
        msg = f"is damaged: the TIFF palette has {stored.size} values, wanted {3 * colours}"
        raise DamagedImageError(msg)
    # The standard wants 16 bit; some writers fill in 8.
    eight_bit = stored if stored.max() < 256 else stored >> 8
    return eight_bit.reshape(3, colours).T.astype(np.uint8)


def _warnings(directory: Directory, header: TiffHeader, scale: Scale) -> tuple[str, ...]:
    warnings = [*header.warnings, *scale.warnings]
    dropped = header.samples - header.colour_samples - (header.alpha != "none")
    if dropped:
        warnings.append(f"{dropped} further channels of the TIFF were left out")
    profile = directory.entries.get(_ICC_PROFILE)
    if profile is not None and b"sRGB" not in bytes(profile.raw[:4096]):
        warnings.append("the embedded colour profile was ignored; sRGB was assumed")
    return tuple(warnings)
