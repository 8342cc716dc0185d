"""Bytes that are broken, cut off or meant to harm: only our errors come out, memory stays flat."""

from __future__ import annotations

import random
import resource
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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
from tests.image_files import (
    grey_image,
    pillow_file,
    png_chunk,
    png_header,
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


@contextmanager
def flat_memory(mebibytes: int = 16) -> Iterator[None]:
    """Fail if arrays, or the process as a whole, grow by more than this."""
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < mebibytes << 20
    finally:
        tracemalloc.stop()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 4 * mebibytes << 10


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


def empty_png(width_px: int, height_px: int, *, pixel_data: bytes = b"") -> bytes:
    head = png_header(width_px, height_px, 8, 2)
    return head + png_chunk(b"IDAT", pixel_data) + png_chunk(b"IEND", b"")


def jpeg_of_size(width_px: int, height_px: int) -> bytes:
    data = bytearray(FILES["jpeg"])
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height_px, width_px)
    return bytes(data)


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


# Inconsistent ------------------------------------------------------------------------------

PNG = FILES["png grey"]
BASE_TAGS = [
    (256, LONG, 1, 4), (257, LONG, 1, 4), (258, SHORT, 1, 8), (259, SHORT, 1, 1),
    (262, SHORT, 1, 1), (273, LONG, 1, 8), (277, SHORT, 1, 1), (278, LONG, 1, 4),
    (279, LONG, 1, 16),
]  # fmt: skip


def altered_tiff(*changes: tuple[int, int, int, int], next_offset: int = 0) -> bytes:
    tags = {tag[0]: tag for tag in BASE_TAGS} | {change[0]: change for change in changes}
    ordered = [tags[tag] for tag in sorted(tags) if tags[tag][1]]
    return tiff_directory(ordered, next_offset=next_offset, tail=bytes(64))


def test_the_tiff_that_the_next_tests_alter_is_read() -> None:
    assert decode_image(altered_tiff()).pixels.shape == (4, 4, 3)


GONE = (0, 0, 0)
DAMAGED_TIFFS = {
    "no width": altered_tiff((256, *GONE)),
    "height 0": altered_tiff((257, LONG, 1, 0)),
    "rows 0": altered_tiff((278, LONG, 1, 0)),
    "tile height 0": altered_tiff((322, LONG, 1, 16), (323, LONG, 1, 0)),
    "no offsets": altered_tiff((273, *GONE)),
    "no lengths": altered_tiff((279, *GONE)),
    "text for offsets": altered_tiff((273, 2, 4, 8)),
    "offset outside": altered_tiff((273, LONG, 1, 100_000)),
    "length outside": altered_tiff((279, LONG, 1, 100_000)),
    "empty strip": altered_tiff((279, LONG, 1, 0)),
    "too many offsets": altered_tiff((273, LONG, 1 << 31, 8)),
    "predictor": altered_tiff((317, SHORT, 1, 9)),
    "circle": altered_tiff(next_offset=8),
    "next page outside": altered_tiff(next_offset=99_999),
    "palette missing": altered_tiff((262, SHORT, 1, 3)),
    "fewer samples than colours": altered_tiff((320, 5, 1, 8), (262, SHORT, 1, 3)),
    "no directory": b"II*\0\0\0\0\0",
    "directory outside": b"II*\0\xff\xff\xff\xff",
    "header cut": b"II*\0\0",
    "big header cut": b"II+\0\x08\0\0\0",
    "big header wrong": b"II+\0\x07\0\0\0" + bytes(16),
    "no tags": tiff_directory([]),
    "too many tags": tiff_directory([(40_000, SHORT, 1, 0)] * 5000),
}


@pytest.mark.parametrize("data", DAMAGED_TIFFS.values(), ids=DAMAGED_TIFFS)
def test_inconsistent_tiffs_are_damaged(data: bytes) -> None:
    with flat_memory(2), pytest.raises(DamagedImageError, match=r"image (is damaged|has width)"):
        decode_image(data)


UNSUPPORTED_TIFFS = {
    "compression": altered_tiff((259, SHORT, 1, 34712)),
    "photometric": altered_tiff((262, SHORT, 1, 8)),
    "raw ycbcr": altered_tiff((262, SHORT, 1, 6), (277, SHORT, 1, 3)),
    "volume": altered_tiff((32997, LONG, 1, 5)),
    "32 bit": altered_tiff((258, SHORT, 1, 32)),
    "signed": altered_tiff((339, SHORT, 1, 2)),
    "too few samples": altered_tiff((262, SHORT, 1, 2)),
    "too many samples": altered_tiff((277, SHORT, 1, 300)),
    "16-bit palette": altered_tiff((262, SHORT, 1, 3), (258, SHORT, 1, 16)),
    "16-bit jpeg": altered_tiff((259, SHORT, 1, 7), (258, SHORT, 1, 16)),
    "ink in jpeg": altered_tiff((259, SHORT, 1, 7), (262, SHORT, 1, 5), (277, SHORT, 1, 4)),
}


@pytest.mark.parametrize("data", UNSUPPORTED_TIFFS.values(), ids=UNSUPPORTED_TIFFS)
def test_tiffs_of_kinds_that_are_not_read_say_what_is(data: bytes) -> None:
    with pytest.raises(UnsupportedImageError, match=r"wanted|these are read"):
        decode_image(data)


def test_private_tags_that_point_astray_do_no_harm() -> None:
    astray = [(tag, LONG, 1 << 30, 8) for tag in range(50_000, 51_000)]
    unknown = [(52_000, 99, 1, 8)]
    assert decode_image(altered_tiff(*astray, *unknown)).pixels.shape == (4, 4, 3)


def test_tags_that_share_a_large_value_are_not_copied() -> None:
    # 1 000 private tags, each the whole file of 8 MiB.
    tags = [(tag, 7, 8 << 20, 8) for tag in range(50_000, 51_000)]
    data = altered_tiff(*tags) + bytes(8 << 20)
    with flat_memory(40):
        decode_image(data)


DAMAGED_PNGS = {
    "width 0": empty_png(0, 5),
    "height 0": empty_png(5, 0),
    "first chunk": PNG[:8] + png_chunk(b"teXt", b"") + PNG[8:],
    "short header": PNG[:8] + png_chunk(b"IHDR", b"1234") + PNG[33:],
    "depth": png_header(4, 4, 3, 0) + PNG[33:],
    "depth of colour": png_header(4, 4, 4, 2) + PNG[33:],
    "colour": png_header(4, 4, 8, 5) + PNG[33:],
    "interlace": png_header(4, 4, 8, 0, 2) + PNG[33:],
    "header checksum": PNG[:29] + b"abcd" + PNG[33:],
    "no pixels": PNG[:33] + png_chunk(b"IEND", b""),
    "no palette": png_header(67, 45, 8, 3) + PNG[33:],
    "half a colour": with_chunk(png_header(67, 45, 8, 3) + PNG[33:], b"PLTE", b"12345"),
    "index without colour": with_chunk(png_header(67, 45, 8, 3) + PNG[33:], b"PLTE", b"123"),
    "huge chunk": PNG[:33] + b"\xff\xff\xff\xffIDAT" + PNG[41:],
    "junk pixels": empty_png(2, 2, pixel_data=b"no deflate stream"),
}


@pytest.mark.parametrize("data", DAMAGED_PNGS.values(), ids=DAMAGED_PNGS)
def test_inconsistent_pngs_are_damaged(data: bytes) -> None:
    with pytest.raises(DamagedImageError, match=r"image (is damaged|is truncated|has width)"):
        decode_image(data)


def test_an_unknown_critical_chunk_is_unsupported() -> None:
    with pytest.raises(UnsupportedImageError, match="'ABCD'"):
        decode_image(with_chunk(PNG, b"ABCD", b""))


JPEG = FILES["jpeg"]
FRAME = JPEG.index(b"\xff\xc0")
SCAN = JPEG.index(b"\xff\xda")


def jpeg_with(at: int, new: bytes) -> bytes:
    return JPEG[:at] + new + JPEG[at + len(new) :]


DAMAGED_JPEGS = {
    "height 0": jpeg_of_size(5, 0),
    "second frame": JPEG[:FRAME] + JPEG[FRAME : FRAME + 19] + JPEG[FRAME:],
    "no frame": JPEG[:FRAME] + JPEG[FRAME + 19 :],
    "no scan": JPEG[:SCAN] + b"\xff\xd9",
    "nothing": b"\xff\xd8\xff\xd9",
    "sampling 0": jpeg_with(FRAME + 11, b"\0"),
    "unknown component": jpeg_with(SCAN + 5, b"\x77"),
    "frame length": jpeg_with(FRAME + 9, b"\x09"),
    "segment length 0": jpeg_with(FRAME + 2, b"\0\0"),
    "second start": JPEG[:2] + b"\xff\xd8" + JPEG[2:],
    "junk between segments": JPEG[:FRAME] + b"junk" + JPEG[FRAME:],
    "cut in fill bytes": JPEG[:FRAME] + b"\xff" * 50,
    "cut in scan": JPEG[: SCAN + 30],
    "no scan data": JPEG[: SCAN + 14] + b"\xff\xd9",
}


@pytest.mark.parametrize("data", DAMAGED_JPEGS.values(), ids=DAMAGED_JPEGS)
def test_inconsistent_jpegs_are_damaged(data: bytes) -> None:
    with pytest.raises(DamagedImageError, match=r"image (is damaged|is truncated|has width)"):
        decode_image(data)


@pytest.mark.parametrize(
    "data",
    [
        jpeg_with(FRAME + 1, b"\xc3"),
        jpeg_with(FRAME + 1, b"\xc9"),
        jpeg_with(FRAME + 4, b"\x0c"),
        JPEG[: FRAME + 2] + b"\0\x0e" + JPEG[FRAME + 4 : FRAME + 9] + b"\2"
        + JPEG[FRAME + 10 : FRAME + 16] + JPEG[FRAME + 19 : SCAN] + b"\xff\xda\0\x0a\2"
        + JPEG[SCAN + 5 : SCAN + 9] + b"\0\x3f\0" + JPEG[SCAN + 14 :],
    ],
    ids=["lossless", "arithmetic", "12 bit", "two components"],
)  # fmt: skip
def test_jpegs_of_kinds_that_are_not_read_say_what_is(data: bytes) -> None:
    with pytest.raises(UnsupportedImageError, match="wanted"):
        decode_image(data)


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
