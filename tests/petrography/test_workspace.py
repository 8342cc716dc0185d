"""Every step that takes a workspace gives the same in one that lies elsewhere, cut anyhow."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray

from petrography import workspace
from petrography.calibration import ColourCalibration, apply_calibration, colour_distance
from petrography.channels import picture
from petrography.errors import ImageTooLargeError
from petrography.image_codec import decode_bands, decode_image, encode_jpeg, encode_png
from petrography.images import Image, clipped_fraction, resample_image
from petrography.model_card import TileGeometry
from petrography.segmentation import segment
from tests.image_files import pillow_file, tiff_file
from tests.petrography.tile_predictors import CODES, GEOMETRIES, ByFunction

RNG = np.random.default_rng(5)
RGB = RNG.integers(0, 256, (37, 53, 3), dtype=np.uint8)
SIXTEEN = RNG.integers(0, 4096, (37, 53, 3), dtype=np.uint16)
FILES: dict[str, bytes] = {
    "png": encode_png(RGB),
    "grey png": encode_png(RGB[..., 0].copy()),
    "one-bit png": pillow_file(RGB[..., 0] > 99, format="PNG"),
    "jpeg": encode_jpeg(RGB),
    "turned jpeg": pillow_file(
        RGB,
        format="JPEG",
        exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0",
    ),
    "striped tiff": tiff_file(RGB, rowsperstrip=5),
    "tiled tiff": tiff_file(RGB, tile=(16, 32), compression="zlib"),
    "planar tiff": tiff_file(np.moveaxis(RGB, -1, 0), planarconfig="separate", photometric="rgb"),
    "big-endian bigtiff": tiff_file(SIXTEEN, byteorder=">", bigtiff=True),
    "16-bit tiff": tiff_file(SIXTEEN, rowsperstrip=7, compression="lzw"),
    "alpha tiff": tiff_file(np.dstack([RGB, RGB[..., :1]]), extrasamples=["unassalpha"]),
    "float tiff": tiff_file((RGB / 255.0).astype(np.float32), photometric="rgb"),
    "inverted tiff": tiff_file(RGB[..., 0].copy(), photometric="miniswhite"),
}


class Elsewhere:
    """A workspace whose arrays hold rubbish at first and are counted."""

    def __init__(self) -> None:
        self.given = 0

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[np.generic]:
        self.given += 1
        array = np.empty(shape, dtype)
        array.view(np.uint8).fill(0xAB)
        return array


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("strip_px", [1, 100, 999])
def test_an_image_is_decoded_the_same_by_strips_of_any_height(
    name: str, strip_px: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = decode_image(FILES[name])
    monkeypatch.setattr(workspace, "STRIP_PX", strip_px)
    elsewhere = Elsewhere()
    parts = decode_image(memoryview(FILES[name]), workspace=elsewhere)
    assert elsewhere.given >= 1
    np.testing.assert_array_equal(parts.pixels, whole.pixels)
    assert (parts.warnings, parts.um_per_px) == (whole.warnings, whole.um_per_px)


def test_bands_are_decoded_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = RNG.integers(0, 9999, (11, 13, 7), dtype=np.uint16)
    file = io.BytesIO()
    np.save(file, np.asfortranarray(stack))
    for data in (file.getvalue(), tiff_file(stack, planarconfig="contig")):
        whole = decode_bands(data, count=7)
        monkeypatch.setattr(workspace, "STRIP_PX", 30)
        parts = decode_bands(data, count=7, workspace=Elsewhere())
        monkeypatch.undo()
        np.testing.assert_array_equal(parts.pixels, whole.pixels)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 5])),
    factor=st.floats(0.05, 3.0),
)
def test_resampling_into_a_workspace_is_resampling(
    shape: tuple[int, int, int], factor: float
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    inside = resample_image(pixels, factor, Elsewhere())
    np.testing.assert_array_equal(inside, resample_image(pixels, factor))
    for channel in range(shape[2] if shape[2] > 3 else 0):
        alone = resample_image(np.ascontiguousarray(pixels[..., channel : channel + 1]), factor)
        np.testing.assert_allclose(inside[..., channel : channel + 1], alone, atol=1)


@settings(max_examples=30, deadline=None)
@given(strip_px=st.integers(1, 3000), channels=st.sampled_from([2, 3]))
def test_counts_do_not_depend_on_the_strips(strip_px: int, channels: int) -> None:
    pixels = RGB[..., :channels].copy()
    pixels[3:9, 4:20] = 255
    labels = (RGB[..., 0] // 90).astype(np.uint8)
    colours = {0: (1.0, 2.0, 3.0), 2: (200.0, 100.0, 0.0)}
    wanted = float((pixels == 255).any(axis=2).mean())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workspace, "STRIP_PX", strip_px)
        assert clipped_fraction(pixels) == pytest.approx(wanted, abs=1e-15)
        distance = colour_distance(RGB, labels, colours)
    assert distance == colour_distance(RGB, labels, colours)


def test_colours_and_pictures_are_made_in_the_workspace(identity: ColourCalibration) -> None:
    elsewhere = Elsewhere()
    calibrated = apply_calibration(RGB, identity, elsewhere)
    np.testing.assert_array_equal(calibrated, apply_calibration(RGB, identity))
    shown = picture(RGB, ("a", "b", "c"), ("c", "a", "b"), elsewhere)
    np.testing.assert_array_equal(shown, RGB[..., [2, 0, 1]])
    assert elsewhere.given == 2


@pytest.fixture
def identity() -> ColourCalibration:
    rows = [[0.9, 0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.2, 0.8], [0.01, 0.0, 0.0]]
    return ColourCalibration.of(
        mode="individual", model="affine", gamma=2.2, matrix=rows, reference="none"
    )


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("output_shape", [None, (50, 91)])
def test_a_map_is_made_the_same_in_the_workspace_and_shown_band_by_band(
    geometry: TileGeometry, output_shape: tuple[int, int] | None
) -> None:
    def probabilities(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        closeness = [1.0 + np.abs(tiles[..., 0].astype(np.float32) - 60 * k) for k in range(4)]
        planes = 1.0 / np.stack(closeness, axis=1)
        return np.asarray(planes / planes.sum(axis=1, keepdims=True), dtype=np.float32)

    def made(**options: Any) -> tuple[Image, Image]:
        done = segment(
            RGB,
            ByFunction(probabilities),
            geometry=geometry,
            codes=CODES,
            output_shape=output_shape,
            **options,
        )
        return done.labels, done.confidence

    bands: list[NDArray[np.uint8]] = []
    inside = made(workspace=Elsewhere(), on_band=lambda band: bands.append(band.labels.copy()))
    for one, other in zip(inside, made(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(np.concatenate(bands), inside[0])


@pytest.mark.parametrize(
    "read", [decode_image, lambda data, **options: decode_bands(data, count=3, **options)]
)
def test_a_workspace_without_room_is_not_taken_for_a_damaged_file(
    read: Callable[..., object],
) -> None:
    class Full:
        def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[np.generic]:
            msg = f"no room for {shape} of {dtype}"
            raise ImageTooLargeError(msg)

    for data in (FILES["png"], FILES["jpeg"], FILES["striped tiff"]):
        with pytest.raises(ImageTooLargeError, match="no room"):
            read(data, workspace=Full())
