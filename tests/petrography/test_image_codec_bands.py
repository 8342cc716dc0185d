from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.errors import (
    DamagedImageError,
    ImageChannelsError,
    ImageTooLargeError,
    PetroserveError,
    UnsupportedImageError,
)
from petrography.image_codec import ImageLimits, decode_bands, decode_image, encode_png
from tests.image_files import pillow_file, rgb_image, tiff_file

STACK = np.random.default_rng(4).integers(0, 256, (20, 31, 16), dtype=np.uint8)


def npy_file(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def pages(stack, **options):
    return tiff_file(
        np.ascontiguousarray(np.moveaxis(stack, 2, 0)), photometric="minisblack", **options
    )


LAYOUTS = {
    "pages": pages,
    "pages, packed": lambda stack: pages(stack, compression="zlib", predictor=True),
    "pages, big": lambda stack: pages(stack, bigtiff=True),
    "interleaved": lambda stack: tiff_file(stack, photometric="minisblack", planarconfig="contig"),
    "planar": lambda stack: tiff_file(
        np.ascontiguousarray(np.moveaxis(stack, 2, 0)),
        photometric="minisblack",
        planarconfig="separate",
    ),
    "tiled": lambda stack: tiff_file(
        stack, photometric="minisblack", planarconfig="contig", tile=(16, 16)
    ),
    "numpy": npy_file,
    "numpy, columns first": lambda stack: npy_file(np.asfortranarray(stack)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_bands(layout):
    decoded = decode_bands(LAYOUTS[layout](STACK), count=16)
    assert np.array_equal(decoded.pixels, STACK)
    assert decoded.pixels.flags.c_contiguous
    assert decoded.warnings == ()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_sixteen_bits_are_scaled_and_said(layout, byteorder):
    deep = (STACK.astype(np.uint16) * 257).astype(f"{byteorder}u2")
    decoded = decode_bands(LAYOUTS[layout](deep), count=16)
    assert np.array_equal(decoded.pixels, STACK)
    assert "16-bit samples" in decoded.warnings[0]


def test_sixteen_bit_bands_of_which_eight_count_stay_one_level_each():
    wide = STACK[..., :3].astype(np.uint16)
    data = tiff_file(wide, photometric="rgb", ome=True, metadata={"SignificantBits": 8})
    decoded = decode_bands(data, count=3)
    assert np.array_equal(decoded.pixels, STACK[..., :3])
    assert "8-bit samples (as the file says)" in decoded.warnings[0]


def test_one_band_keeps_its_axis():
    decoded = decode_bands(encode_png(STACK[..., 0]), count=1)
    assert np.array_equal(decoded.pixels, STACK[..., :1])


def test_colours_are_three_bands():
    image = rgb_image()
    assert np.array_equal(decode_bands(encode_png(image), count=3).pixels, image)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (encode_png(rgb_image()), "stack has 3 channels; wanted 16"),
        (pillow_file(rgb_image(), format="JPEG"), "stack has 3 channels; wanted 16"),
        (pages(STACK[..., :15]), "stack has 15 channels in 15 pages; wanted 16"),
        (LAYOUTS["interleaved"](STACK[..., :7]), "stack has 7 channels in 1 pages; wanted 16"),
        (npy_file(STACK[..., :5]), "stack has 5 channels; wanted 16"),
    ],
)
def test_another_number_of_bands_is_refused_by_name(data, said):
    with pytest.raises(ImageChannelsError, match=said):
        decode_bands(data, count=16, name="stack")


@pytest.mark.parametrize(
    "array",
    [STACK.astype(np.float32), STACK[..., 0], STACK.astype(np.int8), STACK.astype(np.uint32)],
)
def test_other_arrays_are_refused(array):
    with pytest.raises(UnsupportedImageError, match="wanted uint8 or uint16 of shape"):
        decode_bands(npy_file(array), count=16)


def test_a_pickle_is_never_opened():
    data = npy_file(np.array([[[{"a": 1}]]], dtype=object), allow_pickle=True)
    with pytest.raises(UnsupportedImageError, match="holds object"):
        decode_bands(data, count=1)


@pytest.mark.parametrize("cut", [3, 40, 127, 5000, -1])
def test_a_cut_array_is_damaged(cut):
    with pytest.raises(PetroserveError):
        decode_bands(npy_file(STACK)[:cut], count=16)


def test_an_array_longer_than_it_says_is_damaged():
    with pytest.raises(DamagedImageError, match=r"bytes of numbers; \(20, 31, 16\)"):
        decode_bands(npy_file(STACK) + b"more", count=16)


@pytest.mark.parametrize("version", [b"\x03\x00", b"\x09\x09"])
def test_another_version_is_damaged(version):
    data = bytearray(npy_file(STACK))
    data[6:8] = version
    with pytest.raises(DamagedImageError, match="header cannot be read"):
        decode_bands(bytes(data), count=16)


def test_a_header_that_is_no_python_is_damaged():
    data = bytearray(npy_file(STACK))
    place = data.index(b":", data.index(b"fortran_order"))
    data[place] = ord("[")  # never closed: numpy's second try with a tokenizer meets the end
    with pytest.raises(DamagedImageError, match=r"header cannot be read \(TokenError\)"):
        decode_bands(bytes(data), count=16)


SMALL = STACK[:3, :4, :2]


@settings(max_examples=150, deadline=None)
@given(
    layout=st.sampled_from(["numpy", "pages", "interleaved", "planar"]),
    position=st.integers(0, 400),
    value=st.integers(0, 255),
)
def test_a_changed_byte_gives_bands_or_an_error_of_ours(layout, position, value):
    data = bytearray(LAYOUTS[layout](SMALL))
    data[position % len(data)] = value
    try:
        decoded = decode_bands(bytes(data), count=2)
    except PetroserveError:
        return
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.ndim == 3
    assert decoded.pixels.shape[2] == 2


def test_pages_of_different_sizes_are_no_stack():
    first = tiff_file(STACK[..., 0], photometric="minisblack")
    assert decode_bands(first, count=1).pixels.shape == (20, 31, 1)
    import tifffile

    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(STACK[..., 0], photometric="minisblack")
        writer.write(STACK[:10, :, 1], photometric="minisblack")
    with pytest.raises(DamagedImageError, match="31 x 10, 31 x 20"):
        decode_bands(file.getvalue(), count=2)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_limit_counts_all_bands(layout):
    data = LAYOUTS[layout](STACK)
    enough = ImageLimits(max_pixels=20 * 31 * 16 // 3 + 1)
    assert decode_bands(data, count=16, limits=enough).pixels.shape == STACK.shape
    with pytest.raises(ImageTooLargeError, match="16 bands = 9920 values"):
        decode_bands(data, count=16, limits=ImageLimits(max_pixels=20 * 31 * 2))


def test_photographs_are_read_as_before():
    with pytest.raises(UnsupportedImageError, match="looks like a NumPy array"):
        decode_image(npy_file(STACK))
    with pytest.raises(UnsupportedImageError, match="16 samples a pixel"):
        decode_image(LAYOUTS["interleaved"](STACK))
