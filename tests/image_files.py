"""Small image files of every kind, written by other libraries or by hand."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image as PillowImage

HEIGHT_PX, WIDTH_PX = 45, 67


def grey_image() -> NDArray[np.uint8]:
    """Paint soft blobs that use the whole range, shape (45, 67)."""
    noise = np.random.default_rng(7).normal(size=(HEIGHT_PX, WIDTH_PX))
    soft = cv2.GaussianBlur(noise, (0, 0), 3.0)
    return np.asarray(cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX), dtype=np.uint8)


def rgb_image() -> NDArray[np.uint8]:
    """Three different channels, shape (45, 67, 3)."""
    grey = grey_image()
    return np.dstack([grey, np.roll(grey, 9, axis=1), 255 - grey])


def rgba_image() -> NDArray[np.uint8]:
    """An RGB image whose left third is see-through."""
    alpha = np.full((HEIGHT_PX, WIDTH_PX), 255, dtype=np.uint8)
    alpha[:, : WIDTH_PX // 3] = 40
    return np.dstack([rgb_image(), alpha])


def pillow_file(image: PillowImage.Image | NDArray[Any], **options: Any) -> bytes:
    if not isinstance(image, PillowImage.Image):
        image = PillowImage.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, **options)
    return stream.getvalue()


def tiff_file(samples: NDArray[Any], **options: Any) -> bytes:
    """Write a TIFF; options of the file go to the writer, the others to the image."""
    of_file = {"bigtiff", "byteorder", "ome", "imagej"}
    stream = io.BytesIO()
    file_options = {key: value for key, value in options.items() if key in of_file}
    with tifffile.TiffWriter(stream, **file_options) as writer:
        writer.write(samples, **{k: v for k, v in options.items() if k not in of_file})
    return stream.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width_px: int, height_px: int, depth: int, colour: int, interlace: int = 0) -> bytes:
    body = struct.pack(">IIBBBBB", width_px, height_px, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", body)


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """Insert a chunk behind the PNG header (33 bytes)."""
    return png[:33] + png_chunk(kind, body) + png[33:]


def with_transparency(png: bytes, body: bytes) -> bytes:
    """Insert a tRNS chunk where the standard wants it, before the pixel data."""
    at = png.index(b"IDAT") - 4
    return png[:at] + png_chunk(b"tRNS", body) + png[at:]


def interlaced_png(grey: NDArray[np.uint8]) -> bytes:
    """Write the seven passes of Adam7 (PNG third edition, 8.1), unfiltered."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    rows = b""
    for row, column, row_step, column_step in [*passes, (1, 0, 2, 1)]:
        part = grey[row::row_step, column::column_step]
        if part.size:
            rows += b"".join(b"\0" + line.tobytes() for line in part)
    height_px, width_px = grey.shape
    header = png_header(width_px, height_px, 8, 0, interlace=1)
    return header + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def oriented_exif(orientation: int) -> PillowImage.Exif:
    exif = PillowImage.Exif()
    exif[274] = orientation
    return exif


def tiff_directory(
    tags: list[tuple[int, int, int, int]], *, next_offset: int = 0, tail: bytes = b""
) -> bytes:
    """Write a little-endian TIFF of (tag, type, count, value or offset) at byte 8."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return head + entries + struct.pack("<I", next_offset) + tail


def valid_files() -> dict[str, bytes]:
    """One file of every kind that is read, by name."""
    grey, rgb, rgba = grey_image(), rgb_image(), rgba_image()
    deep = rgb.astype(np.uint16) * 257
    ink = PillowImage.fromarray(rgb).convert("CMYK")
    files = {
        "png grey": pillow_file(grey, format="PNG"),
        "png rgba": pillow_file(rgba, format="PNG"),
        "png 16": bytes(imagecodecs.png_encode(deep)),
        "png 1": pillow_file(grey > 127, format="PNG"),
        "png palette": pillow_file(PillowImage.fromarray(rgb).quantize(16), format="PNG"),
        "png interlaced": interlaced_png(grey),
        "jpeg": pillow_file(rgb, format="JPEG", quality=92),
        "jpeg progressive": pillow_file(rgb, format="JPEG", progressive=True),
        "jpeg grey": pillow_file(grey, format="JPEG"),
        "jpeg cmyk": pillow_file(ink, format="JPEG"),
        "jpeg turned": pillow_file(rgb, format="JPEG", exif=oriented_exif(6)),
        "tiff 1": tiff_file(grey > 127, photometric="minisblack"),
        "tiff float": tiff_file((grey / 255).astype(np.float32), compression="zlib", predictor=3),
        "tiff big-endian": tiff_file(deep, photometric="rgb", bigtiff=True, byteorder=">"),
        "tiff predictor": tiff_file(deep, photometric="rgb", compression="lzw", predictor=2),
        "tiff planar": tiff_file(
            np.moveaxis(rgb, 2, 0).copy(),
            photometric="rgb",
            planarconfig="separate",
            compression="lzw",
        ),
        "tiff cmyk": pillow_file(ink, format="TIFF", compression="tiff_deflate"),
        "tiff ome": tiff_file(grey, ome=True, metadata={"PhysicalSizeX": 0.5}),
        "tiff imagej": tiff_file(grey, imagej=True, resolution=(2, 2), metadata={"unit": "um"}),
        "tiff palette": tiff_file(
            grey, photometric="palette", colormap=np.arange(768, dtype=np.uint16).reshape(3, 256)
        ),
    }
    for compression in ("none", "lzw", "zlib", "packbits", "jpeg", "zstd"):
        options = {"compression": compression, "photometric": "rgb"}
        files[f"tiff strips {compression}"] = tiff_file(rgb, rowsperstrip=16, **options)
        files[f"tiff tiles {compression}"] = tiff_file(rgb, tile=(32, 32), **options)
    return files


def empty_png(width_px: int, height_px: int, *, pixel_data: bytes = b"") -> bytes:
    """A colour PNG that states a size and holds whatever pixel data is given."""
    head = png_header(width_px, height_px, 8, 2)
    return head + png_chunk(b"IDAT", pixel_data) + png_chunk(b"IEND", b"")


def jpeg_of_size(width_px: int, height_px: int) -> bytes:
    """A small JPEG whose header states another size."""
    data = bytearray(valid_files()["jpeg"])
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height_px, width_px)
    return bytes(data)
