"""Pyramids: the image comes back, its halves are halves, equal images are equal bytes."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from uuid import UUID
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import tifffile

from petrography.errors import InvalidParameterError, LabelImageError
from petrography.image_codec import (
    TiffCompression,
    decode_image,
    decode_labels,
    write_label_pyramid,
    write_pyramid,
)
from petrography.images import Image


@pytest.fixture(scope="module")
def image() -> Image:
    y, x = np.mgrid[0:1030, 0:1501]
    channels = [x // 6, y // 5, (x + y) // 10]
    return np.stack(channels, axis=2).astype(np.uint8)


def pieces(image: Image, rows: int) -> Iterator[Image]:
    return (image[top : top + rows] for top in range(0, image.shape[0], rows))


def written(image: Image, rows: int, compression: TiffCompression = "deflate") -> bytes:
    file = io.BytesIO()
    height, width = image.shape[:2]
    write_pyramid(file, pieces(image, rows), height, width, um_per_px=0.5, compression=compression)
    return file.getvalue()


@pytest.mark.parametrize(("compression", "off"), [("deflate", 0), ("jpeg", 4)])
def test_the_image_and_its_scale_come_back(
    image: Image, compression: TiffCompression, off: int
) -> None:
    decoded = decode_image(written(image, 300, compression))
    assert decoded.um_per_px == pytest.approx(0.5)
    assert np.abs(decoded.pixels.astype(int) - image.astype(int)).max() <= off


def test_jpeg_colours_are_no_second_time_converted_by_bio_formats(image: Image) -> None:
    # It converts what its decoder has made RGB where the tag says that both colour planes are whole.
    with tifffile.TiffFile(io.BytesIO(written(image, 300, "jpeg"))) as tiff:
        pages = [level.keyframe for level in tiff.series[0].levels]
        assert [page.tags["YCbCrSubSampling"].value for page in pages] == [(2, 1)] * 3
        tiff.filehandle.seek(pages[0].dataoffsets[0])
        tile = tiff.filehandle.read(pages[0].databytecounts[0])
    frame = tile.index(b"\xff\xc0")
    sampling = tile[frame + 11 : frame + 20 : 3]
    assert sampling == bytes([0x21, 0x11, 0x11]), "the tag says what the tiles hold"


def test_rows_may_come_in_any_pieces(image: Image) -> None:
    assert written(image, 7) == written(image, 1030)


def test_every_level_is_half_of_the_one_before(image: Image) -> None:
    with tifffile.TiffFile(io.BytesIO(written(image, 256))) as tiff:
        levels = [level.asarray() for level in tiff.series[0].levels]
        assert tiff.is_ome
    assert [level.shape for level in levels] == [(1030, 1501, 3), (515, 751, 3), (258, 376, 3)]
    for finer, coarser in itertools.pairwise(levels):
        even = finer[: finer.shape[0] // 2 * 2, : finer.shape[1] // 2 * 2].astype(float)
        means = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, 3).mean(axis=(1, 3))
        inner = coarser[: means.shape[0], : means.shape[1]]
        assert np.abs(means - inner).max() <= 0.5


@pytest.mark.parametrize(
    ("height_px", "width_px"), [(512, 768), (768, 512), (768, 768), (1280, 960), (1536, 2048)]
)
def test_sides_that_are_whole_tiles_at_one_level_only(height_px: int, width_px: int) -> None:
    labels = np.arange(height_px * width_px, dtype=np.uint32).reshape(height_px, width_px) % 7
    labels = labels.astype(np.uint8)
    file = io.BytesIO()
    write_label_pyramid(file, iter([labels]), height_px, width_px)
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tiff:
        for level in tiff.series[0].levels:
            assert np.array_equal(level.asarray(), labels)
            labels = labels[::2, ::2]


def test_a_small_image_is_one_level() -> None:
    small = np.full((1, 1, 3), 77, dtype=np.uint8)
    with tifffile.TiffFile(io.BytesIO(written(small, 1))) as tiff:
        assert len(tiff.series[0].levels) == 1
        assert (tiff.series[0].asarray() == 77).all()


@pytest.mark.parametrize(
    ("shape", "said"),
    [((4, 9, 3), "wanted an image of 8 x 4"), ((3, 8, 3), "3 rows came"), ((5, 8, 3), "down to 5")],
)
def test_rows_of_another_size_are_refused(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(InvalidParameterError, match=said):
        write_pyramid(io.BytesIO(), [np.zeros(shape, dtype=np.uint8)], 4, 8)


@pytest.mark.parametrize("rows", [1, 100, 1030])
def test_codes_come_back_and_every_level_keeps_every_second(image: Image, rows: int) -> None:
    labels = np.ascontiguousarray(image[..., 0] // 9)
    file = io.BytesIO()
    write_label_pyramid(file, pieces(labels, rows), *labels.shape, um_per_px=0.5)
    np.testing.assert_array_equal(decode_labels(file.getvalue()), labels)
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tiff:
        levels = [level.asarray() for level in tiff.series[0].levels]
        assert tiff.is_ome
    assert len(levels) == 3
    for finer, coarser in itertools.pairwise(levels):
        np.testing.assert_array_equal(finer[::2, ::2], coarser)


def test_pictures_are_no_codes(image: Image) -> None:
    with pytest.raises(LabelImageError):
        write_label_pyramid(io.BytesIO(), [image], 1030, 1501)


def named(labels: np.ndarray, cut: int, um_per_px: float | None = None) -> str:
    file = io.BytesIO()
    write_label_pyramid(file, pieces(labels, cut), *labels.shape, um_per_px=um_per_px)
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tiff:
        return ET.fromstring(tiff.ome_metadata).attrib["UUID"]


def test_the_identifier_of_a_file_is_that_of_its_content() -> None:
    labels = np.zeros((300, 400), dtype=np.uint8)
    other = labels.copy()
    other[299, 399] = 1
    assert named(labels, 7) == named(labels, 300) == named(labels.copy(), 100)
    names = {named(labels, 7), named(other, 7), named(labels.T, 7), named(labels, 7, 0.5)}
    assert len(names) == 4
    assert all(UUID(name.removeprefix("urn:uuid:")).int for name in names)
