"""The size of an image from the begin of its file is that of the decoded image."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from petrography.errors import DamagedImageError, ImageError, UnsupportedImageError
from petrography.image_codec import decode_image, read_size, read_um_per_px


def picture(height_px: int, width_px: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[274] = 6
    return saved(picture(20, 50), "JPEG", exif=exif.tobytes())


def big_tiff(orientation: int = 1) -> bytes:
    file = io.BytesIO()
    pixels = np.zeros((20, 50, 3), dtype=np.uint8)
    tags = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(file, pixels, bigtiff=True, photometric="rgb", extratags=tags)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        saved(picture(20, 50), "PNG"),
        saved(picture(20, 50), "JPEG"),
        saved(picture(20, 50), "JPEG", progressive=True),
        turned(),
        saved(picture(20, 50), "TIFF"),
        big_tiff(),
        big_tiff(orientation=8),
    ],
)
def test_the_size_is_that_of_the_decoded_image(content: bytes) -> None:
    assert read_size(content) == decode_image(content).pixels.shape[:2]


@pytest.mark.parametrize(
    "content",
    [
        saved(picture(20, 50), "PNG", dpi=(40_000, 40_000)),
        saved(picture(20, 50), "JPEG", dpi=(40_000, 40_000)),
        saved(picture(20, 50), "TIFF"),
        saved(picture(20, 50), "TIFF", dpi=(40_000, 40_000)),
        saved(picture(20, 50), "TIFF", dpi=(300, 300)),
    ],
)
def test_the_pixel_size_is_that_of_the_decoded_image(content: bytes) -> None:
    assert read_um_per_px(content) == decode_image(content).um_per_px


def test_a_pixel_size_beyond_the_begin_of_a_file_is_told() -> None:
    content = saved(picture(20, 50), "TIFF", dpi=(40_000, 40_000))
    assert read_um_per_px(content) == pytest.approx(0.635)
    with pytest.raises(DamagedImageError):
        read_um_per_px(content[:12])


def test_the_begin_of_a_photograph_is_enough() -> None:
    content = saved(picture(300, 500), "JPEG")
    assert read_size(content[:1000]) == (300, 500)


def test_a_stack_of_bands_has_a_size() -> None:
    file = io.BytesIO()
    np.save(file, np.zeros((20, 50, 16), dtype=np.uint16))
    assert read_size(file.getvalue()[:200]) == (20, 50)


def test_no_image_and_no_header_are_told_apart() -> None:
    with pytest.raises(UnsupportedImageError, match="GIF"):
        read_size(b"GIF89a" + bytes(50))
    with pytest.raises(DamagedImageError, match="send more of it"):
        read_size(saved(picture(20, 50), "JPEG")[:30])
    with pytest.raises(DamagedImageError, match="width 0"):
        read_size(b"\x89PNG\r\n\x1a\n" + bytes(40))


@given(
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0+", b"\x93NUMPY\1\0"]),
    st.binary(max_size=200),
)
def test_whatever_follows_there_is_a_size_or_an_error_of_ours(start: bytes, rest: bytes) -> None:
    try:
        height_px, width_px = read_size(start + rest)
    except ImageError:
        return
    assert min(height_px, width_px) >= 1
