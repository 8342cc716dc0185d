"""Label images in, and pictures out."""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image as PillowImage

from petrography.errors import (
    ImageTooLargeError,
    InvalidParameterError,
    LabelImageError,
)
from petrography.image_codec import (
    decode_image,
    decode_labels,
    encode_jpeg,
    encode_png,
)
from tests.image_files import (
    grey_image,
    pillow_file,
    rgb_image,
    rgba_image,
    tiff_file,
    with_transparency,
)

RGB, GREY, RGBA = rgb_image(), grey_image(), rgba_image()
GREY_AS_RGB = np.dstack([GREY, GREY, GREY])
CODES = np.array([[0, 1, 2], [2, 1, 2]], dtype=np.uint8)
DEEP = RGB.astype(np.uint16) * 257


def warned(data: bytes) -> str:
    return " | ".join(decode_image(data).warnings)


# Labels ------------------------------------------------------------------------------------


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_labels_survive_png(labels: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(decode_labels(encode_png(labels)), labels)


@pytest.mark.parametrize(
    "data",
    [
        tiff_file(GREY, compression="zlib"),
        tiff_file(GREY.astype(np.uint16)),
        encode_png(GREY_AS_RGB),
        pillow_file(np.dstack([GREY_AS_RGB, np.full_like(GREY, 255)]), format="PNG"),
        bytes(imagecodecs.png_encode(GREY.astype(np.uint16))),
    ],
    ids=["tiff", "16-bit tiff", "three equal channels", "opaque alpha", "16-bit png"],
)
def test_label_layouts_that_are_read(data: bytes) -> None:
    np.testing.assert_array_equal(decode_labels(data), GREY)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (pillow_file(GREY, format="JPEG"), "lossy"),
        (tiff_file(RGB, photometric="rgb", compression="jpeg"), "lossy"),
        (encode_png(RGB), "3 channels that differ"),
        (pillow_file(np.dstack([GREY_AS_RGB, GREY]), format="PNG"), "transparent"),
        (tiff_file(np.full((4, 4), 256, dtype=np.uint16)), "the value 256"),
        (tiff_file(GREY.astype(np.float32)), "float32"),
        (tiff_file(GREY, photometric="miniswhite"), "inverted"),
        (tiff_file(np.stack([GREY, GREY])), "several images"),
    ],
)
def test_label_layouts_that_are_refused(data: bytes, found: str) -> None:
    with pytest.raises(LabelImageError, match=f"truth .*{found}.*wanted a PNG or TIFF"):
        decode_labels(data, name="truth")


def palette_png(codes: NDArray[np.uint8]) -> bytes:
    image = PillowImage.fromarray(codes)
    image.putpalette(range(12))
    return pillow_file(image, format="PNG")


TRANSPARENT = {
    "palette": with_transparency(palette_png(CODES), b"\x00\xff\xff"),
    "half in the palette": with_transparency(palette_png(CODES), b"\xff\xff\x80"),
    "grey": with_transparency(encode_png(CODES), b"\x00\x02"),
    "grey, 16 bit": with_transparency(
        bytes(imagecodecs.png_encode(CODES.astype(np.uint16))), b"\x00\x01"
    ),
    "colour": with_transparency(encode_png(np.dstack([CODES] * 3)), b"\x00\x01" * 3),
}
OPAQUE = {
    "palette": with_transparency(palette_png(CODES), b"\xff\xff\xff"),
    "unused in the palette": with_transparency(palette_png(CODES), b"\xff\xff\xff\x00"),
    "unused grey": with_transparency(encode_png(CODES), b"\x00\x07"),
    "unused colour": with_transparency(
        encode_png(np.dstack([CODES] * 3)), b"\x00\x01\x00\x01\x00\x02"
    ),
    "no entry": with_transparency(encode_png(CODES), b"\x00"),
}


@pytest.mark.parametrize("kind", TRANSPARENT)
def test_codes_that_are_marked_transparent_are_refused(kind: str) -> None:
    with pytest.raises(LabelImageError, match=r"truth has transparent pixels.*wanted"):
        decode_labels(TRANSPARENT[kind], name="truth")


@pytest.mark.parametrize("kind", OPAQUE)
def test_transparency_that_no_pixel_has_does_not_matter(kind: str) -> None:
    np.testing.assert_array_equal(decode_labels(OPAQUE[kind]), CODES)


# Encoders ----------------------------------------------------------------------------------


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=30).map(lambda s: (*s, 3))))
def test_images_survive_png(pixels: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(decode_image(encode_png(pixels)).pixels, pixels)


def test_encoders_are_deterministic_and_read_any_strides() -> None:
    turned = np.rot90(RGB)
    for encode in (encode_png, encode_jpeg):
        assert encode(turned) == encode(turned.copy())
    assert encode_png(turned[..., 0]) == encode_png(turned[..., 0].copy())


def test_jpeg_is_close_and_smaller_at_less_quality() -> None:
    data = encode_jpeg(RGB, quality=95)
    assert np.abs(decode_image(data).pixels.astype(int) - RGB).mean() < 4.0
    assert len(encode_jpeg(RGB, quality=30)) < len(encode_jpeg(RGB)) < len(data)


@given(st.sampled_from([(3,), (0, 4), (4, 4, 1), (4, 4, 4), (1, 2, 3, 3)]))
def test_encoders_refuse_what_is_no_image(shape: tuple[int, ...]) -> None:
    for encode in (encode_png, encode_jpeg):
        with pytest.raises(InvalidParameterError, match="wanted uint8"):
            encode(np.zeros(shape, dtype=np.uint8))


def test_encoders_refuse_other_types_qualities_and_sizes() -> None:
    floating: Any = RGB.astype(np.float32)
    with pytest.raises(InvalidParameterError, match="float32"):
        encode_png(floating)
    with pytest.raises(InvalidParameterError, match="quality is 0"):
        encode_jpeg(RGB, quality=0)
    with pytest.raises(ImageTooLargeError, match="65501"):
        encode_jpeg(np.zeros((1, 65_501, 3), dtype=np.uint8))
