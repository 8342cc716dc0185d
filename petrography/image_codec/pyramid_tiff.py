"""Large images as tiled pyramids: OME-TIFF, written row by row while they are drawn.

Smaller copies of the image, each half of the one before, are made along the way and kept as
compressed tiles until the full image is out, for a TIFF wants them behind it. So memory holds a
few rows of tiles and about a third of the size of the file.

References
----------
OME-TIFF 2016-06 and its sub-resolutions, https://docs.openmicroscopy.org/ome-model/.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import math
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Literal, TypeAlias

import cv2
import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import (
    Image,
    Labels,
    require_image,
    require_labels,
    require_possible_scale,
)

__all__ = ["TiffCompression", "write_label_pyramid", "write_pyramid"]

TiffCompression: TypeAlias = Literal["jpeg", "deflate"]

TILE_PX = 256
# The smallest copy fits on a screen as an overview.
SMALLEST_SIDE_PX = 512
# Classic TIFF addresses 4 GiB; this many bytes of pixels may stay below it in the worst case.
CLASSIC_MAX_BYTES = 3 << 30
_DEFLATE_LEVEL = 6
_UM_PER_CM = 10_000.0
# Stands for the name of the file until all of the content has passed.
_UNNAMED = str(uuid.UUID(int=0))


def write_pyramid(
    file: BinaryIO,
    rows: Iterable[Image],
    height_px: int,
    width_px: int,
    *,
    um_per_px: float | None = None,
    compression: TiffCompression = "jpeg",
    quality: int = 95,
) -> None:
    """Write an image that comes from top to bottom.

    Parameters
    ----------
    file : binary file
        Open for writing and reading, with `seek`.
    rows : iterable of ndarray of uint8, shape (rows, width_px, 3)
        The image in pieces of any number of rows.
    height_px, width_px : int
        Its whole size.
    um_per_px : float, optional
        Pixel size, above 0.
    compression : {"jpeg", "deflate"}
        JPEG 4:2:2, or without loss.
    quality : int
        Of JPEG, 1-100.

    Raises
    ------
    InvalidParameterError
        If the rows are of another width, too few or too many, or the pixel size is impossible.
    """
    checked = (require_image(piece) for piece in rows)
    _write(file, checked, (height_px, width_px), um_per_px, _picture(compression, quality))


def write_label_pyramid(
    file: BinaryIO,
    rows: Iterable[Labels],
    height_px: int,
    width_px: int,
    *,
    um_per_px: float | None = None,
) -> None:
    """Write a label image that comes from top to bottom, without loss.

    Parameters
    ----------
    file : binary file
        Open for writing and reading, with `seek`.
    rows : iterable of ndarray of uint8, shape (rows, width_px)
        The label image in pieces of any number of rows.
    height_px, width_px : int
        Its whole size.
    um_per_px : float, optional
        Pixel size, above 0.

    Raises
    ------
    InvalidParameterError
        If the rows are of another width, too few or too many, or the pixel size is impossible.
    LabelImageError
        If a piece is no label image.

    Notes
    -----
    Codes cannot be averaged: a pixel of a smaller copy is the upper left of the four it stands
    for.
    """
    checked = (require_labels(piece) for piece in rows)
    _write(file, checked, (height_px, width_px), um_per_px, _CODES)


@dataclass(frozen=True)
class _Form:
    """How pixels are stored: axes behind (row, column), bytes of a tile, half of the rows, tags."""

    axes: tuple[int, ...]
    compressed: Callable[[NDArray[np.uint8]], bytes]
    halved: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
    tags: dict[str, Any]


def _write(
    file: BinaryIO,
    rows: Iterable[NDArray[np.uint8]],
    shape: tuple[int, int],
    um_per_px: float | None,
    form: _Form,
) -> None:
    if um_per_px is not None:
        require_possible_scale(um_per_px)
    levels = [_Level(height, width, form) for height, width in _sizes(*shape)]
    for finer, coarser in itertools.pairwise(levels):
        finer.coarser = coarser
    options = {"dtype": np.uint8, "tile": (TILE_PX, TILE_PX), **form.tags}
    big = math.prod((*shape, *form.axes)) > CLASSIC_MAX_BYTES
    content = hashlib.sha256(f"{shape} {um_per_px} {form.tags['compression']}".encode())
    finest = _tiles_of(levels[0], _hashed(rows, content.update))
    with tifffile.TiffWriter(file, bigtiff=big, ome=True) as tiff:
        tiff.write(
            # A chain, which the writer cannot close: it stops at the last tile of the finest level,
            # and the last rows of the coarser ones come after it.
            itertools.chain(finest),
            shape=(*shape, *form.axes),
            subifds=len(levels) - 1,
            metadata=_metadata(form.axes, um_per_px),
            **_resolution(um_per_px, 0),
            **options,
        )
        for _ in finest:
            pass
        for number, level in enumerate(levels[1:], start=1):
            tiff.write(
                iter(level.tiles),
                shape=(level.height_px, level.width_px, *form.axes),
                subfiletype=1,
                metadata=None,
                **_resolution(um_per_px, number),
                **options,
            )
            level.tiles.clear()
    _name_by_content(file, content.hexdigest())


def _hashed(
    rows: Iterable[NDArray[np.uint8]], update: Callable[[memoryview], None]
) -> Iterator[NDArray[np.uint8]]:
    for piece in rows:
        update(np.ascontiguousarray(piece).data)
        yield piece


def _name_by_content(file: BinaryIO, digest: str) -> None:
    """Put the name of the content where the header, which is written first, holds a place for it."""
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        tag = tiff.pages.first.tags["ImageDescription"]
        offset, size_bytes = tag.valueoffset, tag.count
    file.seek(offset)
    place = file.read(size_bytes).index(_UNNAMED.encode())
    file.seek(offset + place)
    file.write(str(uuid.uuid5(uuid.NAMESPACE_OID, digest)).encode())
    file.seek(0, io.SEEK_END)


def _sizes(height_px: int, width_px: int) -> Iterator[tuple[int, int]]:
    yield height_px, width_px
    while max(height_px, width_px) > SMALLEST_SIDE_PX:
        height_px, width_px = -(-height_px // 2), -(-width_px // 2)
        yield height_px, width_px


def _picture(compression: TiffCompression, quality: int) -> _Form:
    if compression == "deflate":
        tags = {"compression": "adobe_deflate", "photometric": "rgb", "predictor": 2}
        return _Form((3,), _deflated, _averaged, tags)
    # Halved across: where the tag says 1 x 1, Bio-Formats (QuPath, Fiji) takes the colours that its
    # JPEG decoder has made RGB for YCbCr still, converts them again, and grey becomes purple.
    tags = {"compression": "jpeg", "photometric": "ycbcr", "subsampling": (2, 1)}
    return _Form((3,), partial(_jpeg, quality=quality), _averaged, tags)


def _metadata(axes: tuple[int, ...], um_per_px: float | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "axes": "YXS" if axes else "YX",
        "UUID": f"urn:uuid:{_UNNAMED}",
    }
    if um_per_px is not None:
        for axis in "XY":
            metadata[f"PhysicalSize{axis}"] = um_per_px
            metadata[f"PhysicalSize{axis}Unit"] = "µm"
    return metadata


def _resolution(um_per_px: float | None, level: int) -> dict[str, Any]:
    if um_per_px is None:
        return {}
    per_cm = _UM_PER_CM / (um_per_px * 2**level)
    return {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}


def _tiles_of(level: _Level, rows: Iterable[NDArray[np.uint8]]) -> Iterator[bytes]:
    """Feed the finest level and give its tiles as they are done."""
    for piece in rows:
        level.take(piece)
        yield from level.tiles
        level.tiles.clear()
    level.finish()
    yield from level.tiles
    level.tiles.clear()


class _Level:
    """One resolution of the pyramid: rows in, compressed tiles out, half the rows onwards."""

    def __init__(self, height_px: int, width_px: int, form: _Form) -> None:
        self.height_px, self.width_px = height_px, width_px
        self.coarser: _Level | None = None
        self.tiles: list[bytes] = []
        self._form = form
        self._waiting = np.empty((0, width_px, *form.axes), dtype=np.uint8)
        self._taken_px = 0

    def take(self, rows: NDArray[np.uint8]) -> None:
        """Take further rows."""
        self._taken_px += rows.shape[0]
        if rows.shape[1] != self.width_px or self._taken_px > self.height_px:
            msg = (
                f"rows of {rows.shape[1]} px reach down to {self._taken_px}; wanted an image of "
                f"{self.width_px} x {self.height_px} px"
            )
            raise InvalidParameterError(msg)
        self._waiting = np.concatenate([self._waiting, rows])
        while len(self._waiting) >= TILE_PX:
            self._pass_on(self._waiting[:TILE_PX])
            self._waiting = self._waiting[TILE_PX:]

    def finish(self) -> None:
        """Pass on the last rows."""
        if self._taken_px != self.height_px:
            msg = f"{self._taken_px} rows came of an image with {self.height_px}"
            raise InvalidParameterError(msg)
        if len(self._waiting):
            self._pass_on(self._waiting)
        if self.coarser is not None:
            self.coarser.finish()

    def _pass_on(self, rows: NDArray[np.uint8]) -> None:
        """Compress a row of tiles and hand its half to the coarser level."""
        # Tiles are whole; what lies beyond the image repeats its border, which JPEG likes best.
        bottom, right = TILE_PX - rows.shape[0], -self.width_px % TILE_PX
        beyond = ((0, bottom), (0, right), (0, 0))[: rows.ndim]
        padded = np.pad(rows, beyond, mode="edge")
        for col in range(0, padded.shape[1], TILE_PX):
            tile = np.ascontiguousarray(padded[:, col : col + TILE_PX])
            self.tiles.append(self._form.compressed(tile))
        if self.coarser is not None:
            self.coarser.take(self._form.halved(rows))


def _jpeg(tile: Image, *, quality: int) -> bytes:
    return bytes(
        imagecodecs.jpeg8_encode(
            tile, level=quality, colorspace="RGB", outcolorspace="YCBCR", subsampling="422"
        )
    )


def _deflated(tile: NDArray[np.uint8]) -> bytes:
    differences = np.asarray(imagecodecs.delta_encode(tile, axis=1)).tobytes()
    return bytes(imagecodecs.zlib_encode(differences, level=_DEFLATE_LEVEL))


def _averaged(rows: Image) -> Image:
    """Average squares of 2 x 2; an odd last row or column is repeated."""
    even = np.pad(rows, ((0, rows.shape[0] % 2), (0, rows.shape[1] % 2), (0, 0)), mode="edge")
    size = even.shape[1] // 2, even.shape[0] // 2
    return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _every_second(rows: Labels) -> Labels:
    # Rows arrive by whole tiles, whose height is even: the first of a piece is always a kept one.
    return rows[::2, ::2]


def _deflated_codes(tile: Labels) -> bytes:
    # Of a map nearly all that can be saved lies in runs: a quarter of the time, a tenth more bytes.
    deflate = zlib.compressobj(1, zlib.DEFLATED, strategy=zlib.Z_RLE)
    return deflate.compress(tile.data) + deflate.flush()


# Without a predictor: runs of one code are what deflate likes best.
_CODES = _Form(
    (),
    _deflated_codes,
    _every_second,
    {"compression": "adobe_deflate", "photometric": "minisblack"},
)
