"""Files whose parts contradict each other."""

from __future__ import annotations

import pytest

from petrography.errors import (
    DamagedImageError,
    UnsupportedImageError,
)
from petrography.image_codec import ImageLimits, decode_image
from tests.flat_memory import flat_memory
from tests.image_files import (
    empty_png,
    jpeg_of_size,
    png_chunk,
    png_header,
    rgb_image,
    tiff_directory,
    valid_files,
    with_chunk,
)

FILES = valid_files()
RGB = rgb_image()
SMALL = ImageLimits(max_pixels=1_000_000)
SHORT, LONG, LONG8 = 3, 4, 16


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
