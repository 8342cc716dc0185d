"""Joining tiles: equal to the whole image at once, and to the weighted mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from petrography.errors import InternalError
from petrography.images import Image
from petrography.model_card import TileGeometry
from petrography.segmentation import segment
from petrography.segmentation.joining import blended_bands, cropped_bands
from petrography.tiling import Tile, blend_weights, plan_tiles, read_window
from tests.petrography.tile_predictors import (
    CODES,
    GAUSSIAN,
    HALO,
    HANN,
    ByFunction,
    random_image,
    small_net,
)

SIDES = st.integers(1, 96)

# Tiled = whole image


def whole_image_at_once(pixels: Image, geometry: TileGeometry) -> NDArray[np.float32]:
    """The reference: the image padded by reflection, run through the net as one tile."""
    halo_px = geometry.halo_px
    height, width = pixels.shape[:2]
    margins = ((halo_px, halo_px + height % 2), (halo_px, halo_px + width % 2), (0, 0))
    padded = np.pad(pixels, margins, mode="reflect")
    probabilities = small_net(padded[np.newaxis])[0]
    return probabilities[:, halo_px : halo_px + height, halo_px : halo_px + width]


def tiled(pixels: Image, geometry: TileGeometry) -> NDArray[np.float32]:
    plan = plan_tiles(*pixels.shape[:2], geometry)
    bands = cropped_bands(plan, partial(answers, pixels), class_count=4, width_px=pixels.shape[1])
    return np.concatenate([band.copy() for band in bands], axis=1)


def answers(pixels: Image, row: tuple[Tile, ...]) -> list[tuple[Tile, NDArray[np.float32]]]:
    return [(tile, small_net(read_window(pixels, tile.read)[np.newaxis])[0]) for tile in row]


@settings(max_examples=25, deadline=None)
@given(SIDES, SIDES, st.integers(0, 9))
def test_tiles_with_enough_halo_are_the_whole_image(
    height_px: int, width_px: int, seed: int
) -> None:
    pixels = random_image(height_px, width_px, seed)
    whole = whole_image_at_once(pixels, HALO)
    np.testing.assert_allclose(tiled(pixels, HALO), whole, atol=1e-6, rtol=0)
    result = segment(pixels, ByFunction(small_net), geometry=HALO, codes=CODES)
    np.testing.assert_array_equal(result.labels, np.take(CODES, whole.argmax(axis=0)))
    np.testing.assert_array_equal(result.confidence, np.rint(255 * whole.max(axis=0)))


def test_a_halo_below_the_reach_is_not_enough() -> None:
    pixels = random_image(90, 90)
    for halo_px, is_enough in [(2, False), (4, False), (6, True), (8, True)]:
        geometry = HALO.model_copy(update={"halo_px": halo_px})
        difference = np.abs(tiled(pixels, geometry) - whole_image_at_once(pixels, geometry))
        assert (difference.max() < 1e-6) == is_enough


# Blending


def blended_at_once(
    pixels: Image, geometry: TileGeometry, function: Callable[..., NDArray[np.float32]]
) -> NDArray[np.float64]:
    """The reference: sums over the whole image in float64."""
    height, width = pixels.shape[:2]
    sums, weights = np.zeros((4, height + 32, width + 32)), np.zeros((height + 32, width + 32))
    for tile in (tile for row in plan_tiles(height, width, geometry) for tile in row):
        rows, columns = (slice(start, start + 32) for start in (tile.read.row, tile.read.col))
        window = blend_weights(geometry).astype(np.float64)
        sums[:, rows, columns] += window * function(read_window(pixels, tile.read)[np.newaxis])[0]
        weights[rows, columns] += window
    return (sums[:, :height, :width] / weights[:height, :width]).astype(np.float64)


@settings(max_examples=25, deadline=None)
@given(SIDES, SIDES, st.sampled_from([HANN, GAUSSIAN]))
def test_blending_is_the_weighted_mean_of_all_tiles(
    height_px: int, width_px: int, geometry: TileGeometry
) -> None:
    pixels = random_image(height_px, width_px)
    wanted = blended_at_once(pixels, geometry, small_net)
    bands = blended_bands(
        plan_tiles(height_px, width_px, geometry),
        partial(answers, pixels),
        geometry=geometry,
        class_count=4,
        width_px=width_px,
    )
    given_bands = np.concatenate([band.copy() for band in bands], axis=1)
    np.testing.assert_allclose(given_bands, wanted, atol=1e-6, rtol=0)


def blended_plainly(
    pixels: Image, geometry: TileGeometry, plan: tuple[tuple[Tile, ...], ...]
) -> NDArray[np.float32]:
    """The reference: single precision sums over the whole image, tile after tile."""
    sums = np.zeros((5, *pixels.shape[:2]), dtype=np.float32)
    for row in plan:
        for tile, planes in answers(pixels, row):
            write = tile.write
            place = slice(write.row, None), slice(write.col, None)
            size = slice(write.height), slice(write.width)
            weight = blend_weights(geometry)[size]
            for plane, total in zip(planes, sums[:-1], strict=True):
                cv2.accumulateProduct(plane[size], weight, total[place][size])
            sums[-1][place][size] += weight
    return np.asarray(sums[:-1] / sums[-1])


@settings(max_examples=50, deadline=None)
@given(SIDES, SIDES, st.sampled_from([HANN, GAUSSIAN]), st.floats(0.0, 0.75))
def test_pieces_have_the_bytes_of_sums_over_the_whole_image(
    height_px: int, width_px: int, geometry: TileGeometry, overlap_fraction: float
) -> None:
    pixels = random_image(height_px, width_px)
    geometry = geometry.model_copy(update={"overlap_fraction": overlap_fraction})
    plan = plan_tiles(height_px, width_px, geometry)
    bands = blended_bands(
        plan, partial(answers, pixels), geometry=geometry, class_count=4, width_px=width_px
    )
    given_bands = np.concatenate([band.copy() for band in bands], axis=1)
    wanted = blended_plainly(pixels, geometry, plan)
    assert given_bands.tobytes() == wanted.tobytes()


@settings(max_examples=25, deadline=None)
@given(SIDES, SIDES, st.sampled_from([HANN, GAUSSIAN]))
def test_a_map_is_the_same_whether_its_probabilities_are_shown_or_not(
    height_px: int, width_px: int, geometry: TileGeometry
) -> None:
    pixels, net = random_image(height_px, width_px), ByFunction(small_net)
    result = segment(pixels, net, geometry=geometry, codes=CODES)
    rows: list[NDArray[np.float32]] = []
    shown = segment(
        pixels,
        net,
        geometry=geometry,
        codes=CODES,
        on_probabilities=lambda _, row: rows.append(row.copy()),
    )
    seen = np.stack(rows, axis=1)
    np.testing.assert_array_equal(result.labels, np.take(CODES, seen.argmax(axis=0)))
    np.testing.assert_array_equal(result.confidence, np.rint(np.float32(255) * seen.max(axis=0)))
    np.testing.assert_array_equal(result.labels, shown.labels)
    np.testing.assert_array_equal(result.confidence, shown.confidence)


def test_hann_blending_leaves_no_step() -> None:
    """Tiles that contradict each other wholly pass into each other along sin²."""
    calls = iter(range(100))

    def contradictory(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        planes = np.zeros((len(tiles), 2, 32, 32), dtype=np.float32)
        planes[:, next(calls) % 2] = 1.0
        return planes

    result = segment(random_image(32, 96), ByFunction(contradictory), geometry=HANN, codes=(0, 1))
    first = np.where(result.labels == 0, result.confidence, 255.0 - result.confidence)
    # The steepest slope of sin²(π x / 32) is π / 32 a pixel; rounding adds one level.
    assert np.abs(np.diff(first, axis=1)).max() <= 255 * np.pi / 32 + 1
    assert first.min() < 5
    assert first.max() > 250


def test_a_pixel_without_a_tile_is_an_error_and_no_mineral() -> None:
    geometry = HANN.model_copy(update={"overlap_fraction": 0.0})
    first, _, third = plan_tiles(32, 96, geometry)[0]
    bands = blended_bands(
        [(first, third)],
        partial(answers, random_image(32, 96)),
        geometry=geometry,
        class_count=4,
        width_px=96,
    )
    with pytest.raises(InternalError, match=r"pixel \(row 0, column 32\) lies in no tile"):
        next(bands)
