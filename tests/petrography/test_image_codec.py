"""Every kind of file that is read, decoded to known pixels; limits."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageOps

from petrography.errors import (
    BodyTooLargeError,
    ImageChannelsError,
    ImageTooLargeError,
    UnsupportedImageError,
)
from petrography.image_codec import (
    ImageLimits,
    decode_image,
    decode_labels,
)
from tests.image_files import (
    grey_image,
    interlaced_png,
    oriented_exif,
    pillow_file,
    png_chunk,
    png_header,
    rgb_image,
    rgba_image,
    tiff_file,
    valid_files,
    with_chunk,
)

RGB, GREY, RGBA = rgb_image(), grey_image(), rgba_image()
GREY_AS_RGB = np.dstack([GREY, GREY, GREY])
DEEP = RGB.astype(np.uint16) * 257


def warned(data: bytes) -> str:
    return " | ".join(decode_image(data).warnings)


# Pixels ------------------------------------------------------------------------------------

TIFF_WAYS: dict[str, dict[str, Any]] = {
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
    "big": {"bigtiff": True},
    "big-endian": {"byteorder": ">"},
    "big big-endian tiles": {"bigtiff": True, "byteorder": ">", "tile": (32, 16)},
    "lzw": {"compression": "lzw"},
    "deflate tiles": {"compression": "zlib", "tile": (32, 32)},
    "predictor": {"compression": "zlib", "predictor": 2, "rowsperstrip": 8},
    "packbits": {"compression": "packbits"},
    "zstd": {"compression": "zstd"},
}


@pytest.mark.parametrize("options", TIFF_WAYS.values(), ids=TIFF_WAYS)
@pytest.mark.parametrize("planar", [False, True], ids=["chunky", "planar"])
@pytest.mark.parametrize("samples", [RGB, DEEP], ids=["8 bit", "16 bit"])
def test_a_tiff_gives_its_pixels_however_it_is_stored(
    samples: NDArray[Any], planar: bool, options: dict[str, Any]
) -> None:
    stored = np.moveaxis(samples, 2, 0).copy() if planar else samples
    planar_config = "separate" if planar else "contig"
    data = tiff_file(stored, photometric="rgb", planarconfig=planar_config, **options)
    decoded = decode_image(data)
    np.testing.assert_array_equal(decoded.pixels, RGB)
    assert decoded.media_type == "image/tiff"
    assert bool(decoded.warnings) == (samples is DEEP)


@pytest.mark.parametrize("tiled", [False, True], ids=["strips", "tiles"])
def test_a_jpeg_tiff_is_within_jpeg_error(tiled: bool) -> None:
    way: dict[str, Any] = {"tile": (32, 32)} if tiled else {"rowsperstrip": 16}
    data = tiff_file(RGB, photometric="rgb", compression="jpeg", **way)
    # Quality 75 or better on soft blobs: a few grey levels; a channel mix-up would be 100.
    assert np.abs(decode_image(data).pixels.astype(int) - RGB).mean() < 6.0


def test_png_and_jpeg_give_the_pixels_of_other_decoders() -> None:
    np.testing.assert_array_equal(decode_image(pillow_file(RGB, format="PNG")).pixels, RGB)
    for options in ({}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}):
        data = pillow_file(RGB, format="JPEG", quality=90, **options)
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        decoded = decode_image(data)
        np.testing.assert_array_equal(decoded.pixels, expected)
        assert decoded.warnings == ()
        assert decoded.media_type == "image/jpeg"


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (8, 8), (13, 21)])
def test_interlaced_pngs_of_any_size_are_read(shape: tuple[int, int]) -> None:
    np.testing.assert_array_equal(
        decode_labels(interlaced_png(GREY[: shape[0], : shape[1]])), GREY[: shape[0], : shape[1]]
    )


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "TIFF"])
def test_one_pixel_is_an_image(image_format: str) -> None:
    data = pillow_file(np.full((1, 1, 3), 77, dtype=np.uint8), format=image_format)
    assert decode_image(data).pixels.tolist() == [[[77, 77, 77]]]


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "TIFF"])
def test_grey_becomes_three_equal_channels_and_says_so(image_format: str) -> None:
    decoded = decode_image(pillow_file(GREY, format=image_format))
    assert np.abs(decoded.pixels.astype(int) - GREY_AS_RGB).max() <= (
        8 if image_format == "JPEG" else 0
    )
    assert "grey" in " ".join(decoded.warnings)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_is_scaled(bits: int) -> None:
    levels = (1 << bits) - 1
    values = np.arange(WIDE := 16, dtype=np.uint8) % (levels + 1)
    packed = np.packbits(((values[:, None] >> np.arange(bits)[::-1]) & 1).astype(np.uint8))
    idat = imagecodecs.zlib_encode(b"\0" + packed.tobytes())
    data = png_header(WIDE, 1, bits, 0) + png_chunk(b"IDAT", idat) + png_chunk(b"IEND", b"")
    assert decode_image(data).pixels[0, :, 1].tolist() == (values * (255 // levels)).tolist()
    assert f"{bits}-bit" in warned(data)
    assert decode_labels(data)[0].tolist() == values.tolist()


def test_one_bit_tiff_counts_from_black_or_from_white() -> None:
    bright = GREY > 127
    black = tiff_file(bright, photometric="minisblack")
    white = tiff_file(bright, photometric="miniswhite")
    np.testing.assert_array_equal(decode_image(black).pixels[..., 0], bright * np.uint8(255))
    np.testing.assert_array_equal(decode_image(white).pixels[..., 0], ~bright * np.uint8(255))
    assert "inverted" in warned(white)


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_a_palette_is_applied(image_format: str) -> None:
    image = PillowImage.fromarray(RGB).quantize(16)
    data = pillow_file(image, format=image_format)
    np.testing.assert_array_equal(decode_image(data).pixels, np.asarray(image.convert("RGB")))
    assert "palette" in warned(data)
    np.testing.assert_array_equal(decode_labels(data), np.asarray(image))


def test_a_tiff_palette_of_8_bit_values_is_not_black() -> None:
    colours = np.zeros((3, 256), dtype=np.uint16)
    colours[1] = np.arange(256)
    decoded = decode_image(tiff_file(GREY, photometric="palette", colormap=colours))
    np.testing.assert_array_equal(decoded.pixels[..., 1], GREY)


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_ink_is_converted(image_format: str) -> None:
    ink = np.zeros((16, 16, 4), dtype=np.uint8)
    ink[...] = (0, 255, 51, 102)  # no cyan, full magenta, 20 % yellow, 40 % black
    data = pillow_file(PillowImage.fromarray(ink, "CMYK"), format=image_format)
    # (255 - ink) * (255 - black) / 255; JPEG may be off by a little.
    assert np.abs(decode_image(data).pixels[8, 8].astype(int) - (153, 0, 122)).max() <= 3
    assert "CMYK" in warned(data)


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_alpha_is_dropped_and_its_share_told(image_format: str) -> None:
    data = pillow_file(RGBA, format=image_format)
    np.testing.assert_array_equal(decode_image(data).pixels, RGB)
    assert "32.8% of the pixels are not opaque" in warned(data)  # 22 of 67 columns


def test_grey_with_alpha_and_premultiplied_alpha() -> None:
    grey_alpha = RGBA[..., [0, 3]]
    data = bytes(imagecodecs.png_encode(np.ascontiguousarray(grey_alpha)))
    np.testing.assert_array_equal(decode_image(data).pixels, GREY_AS_RGB)
    associated = tiff_file(RGBA, photometric="rgb", extrasamples=["assocalpha"])
    np.testing.assert_array_equal(decode_image(associated).pixels, RGB)
    assert "darkened by alpha" in warned(associated)


def test_further_channels_are_left_out() -> None:
    five = np.dstack([RGBA, GREY])
    data = tiff_file(five, photometric="rgb", extrasamples=["unassalpha", "unspecified"])
    np.testing.assert_array_equal(decode_image(data).pixels, RGB)
    assert "1 further channels" in warned(data)


def test_three_grey_planes_are_colour() -> None:
    planes = np.moveaxis(RGB, 2, 0).copy()
    data = tiff_file(planes, photometric="minisblack", planarconfig="separate")
    np.testing.assert_array_equal(decode_image(data).pixels, RGB)
    assert "red, green and blue" in warned(data)


# Depth -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("write", [imagecodecs.png_encode, tiff_file], ids=["png", "tiff"])
def test_sixteen_bit_files_are_scaled_by_the_camera_that_filled_them(write: Any, bits: int) -> None:
    white = (1 << bits) - 1
    samples = np.linspace(0, white, 60).round().astype(np.uint16).reshape(3, 20)
    decoded = decode_image(bytes(write(samples)))
    np.testing.assert_allclose(decoded.pixels[..., 0], samples * 255.0 / white, atol=0.5)
    assert f"{bits}-bit samples" in " ".join(decoded.warnings)


def test_ome_metadata_say_how_many_bits_count() -> None:
    dark = np.full((4, 4), 1000, dtype=np.uint16)
    data = tiff_file(dark, ome=True, metadata={"SignificantBits": 12})
    assert decode_image(data).pixels[0, 0, 0] == round(1000 * 255 / 4095)
    assert "as the file says" in warned(data)


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("colours", [1, 3])
def test_samples_above_the_stated_white_are_white_and_that_is_said(bits: int, colours: int) -> None:
    white = (1 << bits) - 1
    grey = np.array([[0, white // 5, white]], dtype=np.uint16)
    samples = np.dstack([grey, grey, grey]) if colours == 3 else grey
    options: dict[str, Any] = {"photometric": "rgb" if colours == 3 else "minisblack"}
    options |= {"ome": True, "metadata": {"SignificantBits": bits}}
    exact, above = (
        decode_image(tiff_file(one, **options)) for one in (samples, samples + samples // white)
    )
    np.testing.assert_array_equal(exact.pixels, above.pixels)
    np.testing.assert_array_equal(exact.pixels[0], np.repeat([[0], [51], [255]], 3, axis=1))
    assert "clipped" not in " ".join(exact.warnings)
    assert f"larger ones, up to {white + 1}, were clipped to it" in " ".join(above.warnings)


def test_fractions_are_scaled_and_other_floats_refused() -> None:
    fractions = (GREY / 255).astype(np.float32)
    np.testing.assert_array_equal(decode_image(tiff_file(fractions)).pixels, GREY_AS_RGB)
    for wrong in (fractions * 3, fractions - 1, np.full_like(fractions, np.nan)):
        with pytest.raises(UnsupportedImageError, match=r"wanted \[0, 1\]"):
            decode_image(tiff_file(wrong))


@pytest.mark.parametrize("dtype", [np.uint32, np.int16, np.complex64])
def test_other_sample_types_are_refused(dtype: Any) -> None:
    with pytest.raises(UnsupportedImageError, match="wanted unsigned of 1 to 16 bit"):
        decode_image(tiff_file(np.ones((4, 4), dtype=dtype)))


# What surrounds the pixels ------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_undone_as_pillow_does(orientation: int) -> None:
    exif = oriented_exif(orientation)
    png = pillow_file(RGB, format="PNG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(PillowImage.open(io.BytesIO(png))))
    jpeg = pillow_file(RGB, format="JPEG", quality=95, exif=exif)
    tiff = tiff_file(RGB, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    np.testing.assert_array_equal(decode_image(png).pixels, expected)
    np.testing.assert_array_equal(decode_image(tiff).pixels, expected)
    assert np.abs(decode_image(jpeg).pixels.astype(int) - expected).mean() < 4.0
    for data in (png, jpeg, tiff):
        assert ("orientation" in warned(data)) == (orientation != 1)
        assert decode_image(data).pixels.flags.c_contiguous


def test_broken_or_absurd_exif_counts_as_upright() -> None:
    png = pillow_file(RGB, format="PNG")
    for exif in (b"", b"II", b"MM\0*\0\0\0\x08", oriented_exif(99).tobytes()[6:]):
        np.testing.assert_array_equal(decode_image(with_chunk(png, b"eXIf", exif)).pixels, RGB)


def test_profiles_other_than_srgb_are_named() -> None:
    wide, srgb = b"a wide gamut profile", b"...sRGB IEC61966..."
    for image_format in ("PNG", "JPEG", "TIFF"):
        assert "profile" in warned(pillow_file(RGB, format=image_format, icc_profile=wide)) or (
            image_format == "PNG"  # Pillow writes the name "ICC Profile"
        )
    assert "profile" not in warned(pillow_file(RGB, format="JPEG", icc_profile=srgb))
    assert "profile" not in warned(pillow_file(RGB, format="TIFF", icc_profile=srgb))
    png = pillow_file(RGB, format="PNG")
    assert "'Display P3'" in warned(with_chunk(png, b"iCCP", b"Display P3\0\0junk"))
    assert warned(with_chunk(png, b"iCCP", b"sRGB\0\0junk")) == ""
    assert "transparent" in warned(with_chunk(png, b"tRNS", bytes(6)))


@pytest.mark.parametrize(
    "options",
    [{"ome": True, "metadata": {"axes": "CYX"}}, {"imagej": True, "metadata": {"axes": "CYX"}}],
)
def test_channels_in_pages_of_their_own_are_not_taken_for_grey(options: dict[str, Any]) -> None:
    planes = np.ascontiguousarray(np.moveaxis(RGB, 2, 0))
    data = tiff_file(planes, photometric="minisblack", **options)
    with pytest.raises(ImageChannelsError, match=r"has 3 channels in pages .*photometric RGB"):
        decode_image(data)
    # A stack of times or depths has one channel.
    times = options | {"metadata": {"axes": "TYX"}}
    assert "at least 3" in warned(tiff_file(planes, photometric="minisblack", **times))


def test_colours_as_samples_are_read_whatever_the_metadata_say() -> None:
    data = tiff_file(RGB, photometric="rgb", ome=True, metadata={"axes": "YXS"})
    np.testing.assert_array_equal(decode_image(data).pixels, RGB)


def test_of_several_images_the_first_is_taken() -> None:
    pages = np.stack([RGB, 255 - RGB, RGB])
    data = tiff_file(pages, photometric="rgb")
    np.testing.assert_array_equal(decode_image(data).pixels, RGB)
    assert "at least 3" in warned(data)
    frames = [PillowImage.fromarray(255 - RGB)]
    animation = pillow_file(RGB, format="PNG", save_all=True, append_images=frames)
    np.testing.assert_array_equal(decode_image(animation).pixels, RGB)
    assert "several images" in warned(animation)
    pair = pillow_file(RGB, format="MPO", save_all=True, append_images=frames)
    assert "several images" in warned(pair)


def test_bytes_behind_the_end_of_an_image_do_not_matter() -> None:
    for data in (pillow_file(RGB, format="PNG"), pillow_file(RGB, format="JPEG")):
        np.testing.assert_array_equal(
            decode_image(data + b"trailer").pixels, decode_image(data).pixels
        )


# Limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["png grey", "jpeg", "tiff strips lzw"])
def test_limits_are_inclusive_and_the_message_has_the_facts(name: str) -> None:
    data = valid_files()[name]
    pixels = 45 * 67
    decode_image(data, limits=ImageLimits(max_bytes=len(data), max_pixels=pixels))
    with pytest.raises(ImageTooLargeError, match=f"field 3 has 67 x 45 = {pixels}.*{pixels - 1}"):
        decode_image(data, limits=ImageLimits(max_pixels=pixels - 1), name="field 3")
    with pytest.raises(BodyTooLargeError, match=f"{len(data)} bytes.*{len(data) - 1}"):
        decode_labels(data, limits=ImageLimits(max_bytes=len(data) - 1))


# Real photographs --------------------------------------------------------------------------


@pytest.mark.lumenstone
def test_real_photographs_and_masks_decode_as_opencv_does() -> None:
    folder = os.environ.get("PETROSERVE_LUMENSTONE")
    if folder is None:
        pytest.skip("PETROSERVE_LUMENSTONE names no folder of real images")
    photographs = sorted(Path(folder).rglob("*.jpg"))[:6]
    masks = sorted(Path(folder).rglob("*.png"))[:6]
    assert photographs
    assert masks
    for path in photographs:
        data = path.read_bytes()
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        np.testing.assert_array_equal(decode_image(data).pixels, expected)
    for path in masks:
        data = path.read_bytes()
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        first = expected.reshape(*expected.shape[:2], -1)[..., 0]
        np.testing.assert_array_equal(decode_labels(data), first)
