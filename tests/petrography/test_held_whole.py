"""What a decoder would hold in memory as a whole is bounded."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from petrography.errors import ImageTooLargeError
from petrography.image_codec import decode_image, held_whole
from petrography.image_codec.held_whole import coefficient_bytes
from petrography.image_codec.jpeg_header import read_jpeg_header

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)


def tiff(**options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, PIXELS, photometric="rgb", **options)
    return file.getvalue()


def jpeg(*, progressive: bool, subsampling: int = 0) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG", progressive=progressive, subsampling=subsampling)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (
            tiff(compression="zlib", rowsperstrip=64),
            "a compressed strip .* in strips of fewer rows",
        ),
        (jpeg(progressive=True), "progressive coding .* save it as a baseline JPEG"),
    ],
)
def test_what_is_held_as_a_whole_has_a_limit(
    content: bytes, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert decode_image(content).pixels.shape == PIXELS.shape
    monkeypatch.setattr(held_whole, "MOST_HELD_BYTES", 64 * 96 * 3 - 1)
    with pytest.raises(ImageTooLargeError, match=what):
        decode_image(content)


@pytest.mark.parametrize(
    "content",
    [
        tiff(rowsperstrip=64),
        tiff(compression="zlib", rowsperstrip=16),
        tiff(compression="zlib", tile=(16, 16)),
        jpeg(progressive=False),
    ],
)
def test_what_is_decoded_in_parts_has_none(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_whole, "MOST_HELD_BYTES", 96 * 16 * 3)
    assert decode_image(content).pixels.shape == PIXELS.shape


def test_coefficients_take_two_bytes_each() -> None:
    sizes = [
        coefficient_bytes(read_jpeg_header(jpeg(progressive=True, subsampling=one)))
        for one in (0, 2)
    ]
    assert sizes == [6 * 64 * 96, 3 * 64 * 96]
