"""Bytes to an image or a label image, whatever the format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InputError, LabelImageError
from petrography.image_codec.jpeg import decode_jpeg
from petrography.image_codec.limits import ImageLimits, require_bytes
from petrography.image_codec.orientation import upright
from petrography.image_codec.png import decode_png
from petrography.image_codec.raster import Raster
from petrography.image_codec.rgb import to_rgb
from petrography.image_codec.signature import Encoded, Format, recognise
from petrography.image_codec.tiff import decode_tiff
from petrography.images import Image, Labels
from petrography.workspace import IN_MEMORY, Workspace

__all__ = ["DecodedImage", "decode_image", "decode_labels", "decode_raster", "named"]

_DECODERS: dict[Format, Callable[[Encoded, ImageLimits, Workspace], Raster]] = {
    "png": decode_png,
    "jpeg": decode_jpeg,
    "tiff": decode_tiff,
}
_DEFAULT_LIMITS = ImageLimits()
_ROTATED = {
    2: "mirrored", 3: "turned by 180 degrees", 4: "mirrored top to bottom",
    5: "mirrored and turned by 90 degrees", 6: "turned by 90 degrees clockwise",
    7: "mirrored and turned by 90 degrees", 8: "turned by 90 degrees anticlockwise",
}  # fmt: skip


@dataclass(frozen=True)
class DecodedImage:
    """An image that can be analysed.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        sRGB, upright; of a stack of bands (height, width, bands).
    um_per_px : float or None
        Pixel size, None when the file states none that can be believed.
    scale_source : str or None
        Where the pixel size was read: OME metadata, ImageJ calibration or TIFF resolution.
    warnings : tuple of str
        What was converted, assumed or left out, one sentence each.
    media_type : str
        ``image/png``, ``image/jpeg`` or ``image/tiff``; of a stack also ``application/x-npy``.
    """

    pixels: Image
    um_per_px: float | None
    scale_source: str | None
    warnings: tuple[str, ...]
    media_type: str


def decode_image(
    data: Encoded,
    *,
    limits: ImageLimits = _DEFAULT_LIMITS,
    name: str = "image",
    workspace: Workspace = IN_MEMORY,
) -> DecodedImage:
    """Decode a PNG, JPEG or TIFF to what is analysed.

    Whatever can be analysed is, and every liberty taken is a warning.

    Parameters
    ----------
    data : bytes or memoryview
        A whole file, such as a mapped one.
    limits : ImageLimits, optional
        Checked before anything is decoded.
    name : str, optional
        What messages call the image.
    workspace : Workspace, optional
        Gives the arrays that are as large as the image.

    Returns
    -------
    DecodedImage
        Pixels, pixel size and warnings.

    Raises
    ------
    UnsupportedImageError
        If the bytes are no PNG, JPEG or TIFF, or of a kind that is not read.
    DamagedImageError
        If the file is truncated, zero-sized or inconsistent.
    ImageTooLargeError
        If it has more pixels than the limit.
    BodyTooLargeError
        If it has more bytes than the limit.

    Examples
    --------
    >>> from petrography.image_codec import encode_png
    >>> decoded = decode_image(encode_png(np.zeros((2, 5), dtype=np.uint8)))
    >>> decoded.pixels.shape, decoded.media_type
    ((2, 5, 3), 'image/png')
    """
    with named(name):
        require_bytes(len(data), limits)
        raster = decode_raster(data, limits, workspace)
        pixels, warnings = to_rgb(raster, workspace)
    return DecodedImage(
        pixels=upright(pixels, raster.orientation, workspace),
        um_per_px=raster.um_per_px,
        scale_source=raster.scale_source,
        warnings=warnings + _file_warnings(raster),
        media_type=raster.media_type,
    )


def decode_labels(
    data: Encoded, *, limits: ImageLimits = _DEFAULT_LIMITS, name: str = "label image"
) -> Labels:
    """Decode a label image; values are codes and are never scaled.

    Parameters
    ----------
    data : bytes
        A whole PNG or TIFF with one channel, palette indices, or three equal channels.
    limits : ImageLimits, optional
        Checked before anything is decoded.
    name : str, optional
        What messages call the image.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        Codes.

    Raises
    ------
    LabelImageError
        If the image is lossy, transparent, has several pages, differing channels, or values
        that are no codes 0-255.
    UnsupportedImageError, DamagedImageError, ImageTooLargeError, BodyTooLargeError
        As `decode_image`.

    Examples
    --------
    >>> from petrography.image_codec import encode_png
    >>> decode_labels(encode_png(np.array([[0, 8], [1, 255]], dtype=np.uint8))).tolist()
    [[0, 8], [1, 255]]
    """
    with named(name):
        require_bytes(len(data), limits)
        raster = decode_raster(data, limits, IN_MEMORY)
        return upright(_codes(raster), raster.orientation)


@contextmanager
def named(name: str) -> Iterator[None]:
    """Begin the messages of what is refused inside with the name of the file."""
    try:
        yield
    except InputError as error:
        # The cause keeps what a decoder said; the step that raised needs no second mention.
        msg = f"{name} {error}"
        raise type(error)(msg) from error.__cause__


def decode_raster(data: Encoded, limits: ImageLimits, workspace: Workspace) -> Raster:
    """Decode a PNG, JPEG or the first image of a TIFF to samples as they are stored."""
    return _DECODERS[recognise(data)](data, limits, workspace)


def _file_warnings(raster: Raster) -> tuple[str, ...]:
    warnings = []
    if raster.pages > 1:
        warnings.append(
            f"the file holds several images (at least {raster.pages}); the first was analysed"
        )
    if raster.orientation != 1:
        turned = _ROTATED[raster.orientation]
        warnings.append(f"the image was {turned}, as its orientation tag says")
    return tuple(warnings)


def _codes(raster: Raster) -> Labels:
    samples = raster.samples
    if raster.alpha != "none":
        _require(bool((samples[..., -1] == _opaque(raster)).all()), "has transparent pixels")
        samples = samples[..., :-1]
    _require(not raster.lossy, "is lossy (JPEG), so its codes have bled into each other")
    _require(raster.pages == 1, f"holds several images (at least {raster.pages})")
    _require(raster.layout != "cmyk" and not raster.white_is_zero, "is ink or inverted grey")
    _require(samples.dtype.kind == "u", f"has {samples.dtype} values")
    first = samples[..., 0]
    equal = all(np.array_equal(first, samples[..., at]) for at in range(1, samples.shape[2]))
    _require(equal, f"has {samples.shape[2]} channels that differ")
    _require(not _marked_transparent(first, raster), "has transparent pixels")
    largest = int(first.max())
    _require(largest <= 255, f"has the value {largest}")
    return np.ascontiguousarray(first, dtype=np.uint8)


def _marked_transparent(codes: NDArray[Any], raster: Raster) -> bool:
    """Tell whether a pixel, its channels being equal, has samples that stand for transparent."""
    if raster.transparent is None:
        return False
    alike = (raster.transparent == raster.transparent[:, :1]).all(axis=1)
    return bool(np.isin(codes, raster.transparent[alike, 0]).any())


def _opaque(raster: Raster) -> int:
    return (1 << (raster.bits or 16)) - 1


def _require(right: bool, found: str) -> None:
    if not right:
        msg = (
            f"{found}; wanted a PNG or TIFF of codes 0-255 in one channel, palette indices or "
            "three equal channels"
        )
        raise LabelImageError(msg)
