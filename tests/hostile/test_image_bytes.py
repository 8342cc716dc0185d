"""Bytes that are broken, cut off or meant to harm: only our errors come out, memory stays flat."""

from __future__ import annotations

import random
import zlib
from contextlib import suppress

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.errors import (
    DamagedImageError,
    ImageError,
    ImageTooLargeError,
    InputError,
    LabelImageError,
    UnsupportedImageError,
)
from petrography.image_codec import ImageLimits, decode_image, decode_labels, encode_png
from petrography.image_codec.raster import decoder_faults
from tests.flat_memory import flat_memory
from tests.image_files import (
    empty_png,
    grey_image,
    jpeg_of_size,
    pillow_file,
    png_chunk,
    rgb_image,
    tiff_directory,
    tiff_file,
    valid_files,
    with_chunk,
)

FILES = valid_files()
RGB = rgb_image()
SMALL = ImageLimits(max_pixels=1_000_000)
SHORT, LONG, LONG8 = 3, 4, 16


def answer(data: bytes) -> None:
    """Decode both ways; anything but an answer or one of our errors fails the test."""
    with suppress(InputError):
        decoded = decode_image(data, limits=SMALL)
        assert decoded.pixels.dtype == np.uint8
        assert decoded.pixels.shape[2:] == (3,)
    with suppress(InputError):
        assert decode_labels(data, limits=SMALL).ndim == 2


# Any bytes ---------------------------------------------------------------------------------


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=6),
    st.floats(0, 1),
    st.booleans(),
)
def test_only_our_errors_leave_a_mutated_file(
    name: str, edits: list[tuple[float, bytes]], end: float, cut: bool
) -> None:
    data = bytearray(FILES[name])
    for where, new in edits:
        # Squared, so that headers are hit more often than pixels.
        at = int(where * where * (len(data) - 1))
        data[at : at + len(new)] = new
    answer(bytes(data[: int(end * len(data))] if cut else data))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0+\0\x08\0\0"]),
    st.binary(max_size=200),
)
def test_only_our_errors_leave_random_bytes(signature: bytes, rest: bytes) -> None:
    answer(signature + rest)


@pytest.mark.parametrize("name", sorted(FILES))
def test_hundreds_of_mutations_of_every_format(name: str) -> None:
    draw = random.Random(name)
    for _ in range(100):
        data = bytearray(FILES[name])
        header_only = draw.random() < 0.6
        for _ in range(draw.choice((1, 1, 2, 8))):
            at = draw.randrange(min(len(data), 300) if header_only else len(data))
            data[at] = draw.choice((0, 1, 2, 128, 255, draw.randrange(256)))
        if draw.random() < 0.3:
            begin = draw.randrange(len(data))
            del data[begin : begin + draw.randrange(1, 300)]
        answer(bytes(data))


def test_decoders_write_nothing(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for name, data in FILES.items():
        decode_image(data)
        draw = random.Random(name)
        for _ in range(20):
            broken = bytearray(data)
            for _ in range(3):
                broken[draw.randrange(len(broken))] = draw.randrange(256)
            answer(bytes(broken))
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
    assert caplog.records == []


# Cut off -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_truncated_file_is_an_image(name: str) -> None:
    data = FILES[name]
    # A TIFF may end with values that nobody needs; PNG and JPEG end with a marker.
    longest = 0.6 if name.startswith("tiff") else 1.0
    cuts = {int(len(data) * longest * part / 40) for part in range(40)}
    for length in sorted(cuts - {0}):
        with pytest.raises(ImageError, match=r"truncated|damaged|begins with"):
            decode_image(data[:length])


@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}, {"progressive": True}])
def test_a_cut_jpeg_with_an_end_marker_is_not_half_grey(options: dict[str, bool]) -> None:
    data = pillow_file(RGB, format="JPEG", quality=95, **options)
    begin = data.index(b"\xff\xda") + 40
    # In the first half of a progressive file whole scans are missing.
    end = (begin + len(data)) // 2 if options.get("progressive") else len(data) - 60
    for length in range(begin, end, max(1, (end - begin) // 25)):
        with pytest.raises(DamagedImageError):
            decode_image(data[:length] + b"\xff\xd9")


def test_a_jpeg_that_ends_in_mid_grey_is_whole() -> None:
    grey = np.full((33, 50, 3), 128, dtype=np.uint8)
    np.testing.assert_array_equal(decode_image(pillow_file(grey, format="JPEG")).pixels, grey)


def test_a_cut_tile_inside_a_jpeg_tiff_is_refused() -> None:
    data = bytearray(FILES["tiff tiles jpeg"])
    at = data.rindex(b"\xff\xd9")
    data[at : at + 2] = b"\0\0"
    with pytest.raises(DamagedImageError, match="end-of-image"):
        decode_image(bytes(data))


# Not an image ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "is empty"),
        (b"GIF89a", "a GIF"),
        (b"BM....", "a BMP"),
        (b"RIFF....WEBPVP8 ", "a WebP"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04", "a ZIP"),
        (b"ZISRAWFILE", "a Zeiss CZI"),
        (b"hello", "68 65 6c 6c 6f"),
        (b"\x80\x04\x95", "80 04 95"),
    ],
)
def test_other_bytes_are_named(data: bytes, found: str) -> None:
    with pytest.raises(UnsupportedImageError, match=f"photo .*{found}.*wanted a PNG, JPEG or TIFF"):
        decode_image(data, name="photo")


# Bombs -------------------------------------------------------------------------------------


def tiff_of_size(width_px: int, height_px: int, compression: int = 1, rows: int = 1 << 31) -> bytes:
    tags = [
        (256, LONG, 1, width_px), (257, LONG, 1, height_px), (258, SHORT, 1, 8),
        (259, SHORT, 1, compression), (262, SHORT, 1, 1), (273, LONG, 1, 8), (277, SHORT, 1, 1),
        (278, LONG, 1, rows), (279, LONG, 1, 20),
    ]  # fmt: skip
    return tiff_directory(tags, tail=bytes(64))


@pytest.mark.parametrize(
    "data",
    [
        empty_png(46_000, 46_000),
        empty_png((1 << 31) - 1, (1 << 31) - 1),
        jpeg_of_size(65_535, 65_535),
        tiff_of_size(1_000_000, 1_000_000),
        tiff_of_size((1 << 32) - 1, (1 << 32) - 1),
    ],
    ids=["png", "largest png", "jpeg", "tiff of 10^12 pixels", "largest tiff"],
)
def test_headers_over_the_pixel_limit_are_refused_unread(data: bytes) -> None:
    with flat_memory(1), pytest.raises(ImageTooLargeError, match="the limit is 700000000"):
        decode_image(data)


@pytest.mark.parametrize(
    "data",
    [
        empty_png(26_000, 26_000, pixel_data=zlib.compress(bytes(100_000))),
        jpeg_of_size(26_000, 26_000),
        tiff_of_size(26_000, 26_000),
        tiff_of_size(26_000, 26_000, compression=8),
        tiff_of_size(26_000, 26_000, compression=5),
        tiff_of_size(26_000, 26_000, compression=32773),
        tiff_of_size(26_000, 26_000, rows=1),
    ],
    ids=["png", "jpeg", "tiff", "deflate", "lzw", "packbits", "missing strips"],
)
def test_headers_that_promise_more_than_the_file_holds_cost_nothing(data: bytes) -> None:
    with flat_memory(1), pytest.raises(DamagedImageError, match=r"cannot hold|strips for an"):
        decode_image(data)


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [(b"zTXt", b"Comment\0\0"), (b"iCCP", b"sRGB\0\0"), (b"iTXt", b"Comment\0\1\0\0\0")],
)
def test_compressed_chunks_are_never_inflated(kind: bytes, prefix: bytes) -> None:
    bomb = prefix + zlib.compress(bytes(100 << 20), 9)
    data = with_chunk(pillow_file(RGB, format="PNG"), kind, bomb)
    with flat_memory(2):
        np.testing.assert_array_equal(decode_image(data).pixels, RGB)


def test_pixel_data_inflate_no_further_than_the_image() -> None:
    stream = zlib.compress(bytes(100 << 20), 9)
    with flat_memory(2), pytest.raises(DamagedImageError):
        # One strip of 16 x 16 that inflates to 100 MiB.
        decode_image(_one_strip_tiff(16, 16, 8, stream))
    with flat_memory(2):
        answer(empty_png(16, 16, pixel_data=stream))


def _one_strip_tiff(width_px: int, height_px: int, compression: int, stream: bytes) -> bytes:
    tags = [
        (256, LONG, 1, width_px), (257, LONG, 1, height_px), (258, SHORT, 1, 8),
        (259, SHORT, 1, compression), (262, SHORT, 1, 1), (273, LONG, 1, 8 + 2 + 9 * 12 + 4),
        (277, SHORT, 1, 1), (278, LONG, 1, height_px), (279, LONG, 1, len(stream)),
    ]  # fmt: skip
    return tiff_directory(tags, tail=stream)


def test_a_jpeg_tile_larger_than_its_tile_is_refused() -> None:
    with flat_memory(1), pytest.raises(DamagedImageError, match="JPEG tile of 20000 x 20000"):
        decode_image(_one_strip_tiff(16, 16, 7, jpeg_of_size(20_000, 20_000)))


def test_a_tile_far_larger_than_the_image_is_refused() -> None:
    tags = [
        (256, LONG, 1, 1), (257, LONG, 1, 1), (258, SHORT, 1, 8), (259, SHORT, 1, 50000),
        (262, SHORT, 1, 1), (277, SHORT, 1, 1), (322, LONG, 1, 1 << 20), (323, LONG, 1, 1 << 20),
        (324, LONG, 1, 8), (325, LONG, 1, 20),
    ]  # fmt: skip
    with flat_memory(1), pytest.raises(DamagedImageError, match="wanted at most"):
        decode_image(tiff_directory(tags, tail=bytes(64)))


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    data = FILES["jpeg"]
    at = data.index(b"\xff\xda")
    scan = data[at:-2]
    with pytest.raises(UnsupportedImageError, match="more than 100 JPEG scans"):
        decode_image(data[:-2] + scan * 200 + data[-2:])


def test_segments_and_chunks_without_end_are_refused() -> None:
    jpeg = FILES["jpeg"]
    with pytest.raises(DamagedImageError, match="JPEG segments"):
        decode_image(jpeg[:2] + b"\xff\xfe\0\2" * 20_000 + jpeg[2:])
    png = FILES["png grey"]
    with pytest.raises(DamagedImageError, match="PNG chunks"):
        decode_image(png[:33] + png_chunk(b"teXt", b"") * (1 << 18) + png[33:])


# The boundary itself ------------------------------------------------------------------------


def test_a_decoder_without_memory_is_a_large_image() -> None:
    with pytest.raises(ImageTooLargeError, match="memory"), decoder_faults("TIFF"):
        raise MemoryError


def test_a_nameless_fault_is_named() -> None:
    with pytest.raises(DamagedImageError, match="'KeyError'"), decoder_faults("TIFF"):
        raise KeyError


def test_the_cause_of_a_fault_is_kept() -> None:
    with pytest.raises(DamagedImageError) as caught:
        decode_image(empty_png(2, 2, pixel_data=b"no deflate stream"))
    assert isinstance(caught.value.__cause__, imagecodecs.PngError)


def test_a_lossy_label_image_stays_a_label_error() -> None:
    with pytest.raises(LabelImageError):
        decode_labels(FILES["jpeg grey"])
    assert decode_labels(encode_png(grey_image())).shape == (45, 67)
    with pytest.raises(LabelImageError):
        decode_labels(tiff_file(grey_image() / np.float32(255)))
