"""Tiles: every pixel is written, what is read is the reflected image, weights add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.errors import InvalidParameterError
from petrography.model_card import TileGeometry
from petrography.tiling import (
    Window,
    blend_weights,
    plan_tiles,
    read_window,
    tile_count,
    tile_overlap_px,
)

SIZE_PX = 32
SIDES = st.integers(1, 3 * SIZE_PX)


@st.composite
def halo_geometries(draw: st.DrawFn) -> TileGeometry:
    multiple_px = draw(st.sampled_from([1, 2, 4, 8]))
    halo_px = multiple_px * draw(st.integers(0, (SIZE_PX // 2 - 1) // multiple_px))
    return TileGeometry(size_px=SIZE_PX, multiple_px=multiple_px, mode="halo", halo_px=halo_px)


@st.composite
def blend_geometries(draw: st.DrawFn) -> TileGeometry:
    return TileGeometry(
        size_px=SIZE_PX,
        multiple_px=draw(st.sampled_from([1, 2, 8, 16, 32])),
        mode="blend",
        overlap_fraction=draw(st.floats(0.0, 0.75)),
        window=draw(st.sampled_from(["hann", "gaussian"])),
    )


def count_writes(height_px: int, width_px: int, geometry: TileGeometry) -> np.ndarray:
    writes = np.zeros((height_px, width_px), dtype=int)
    for row in plan_tiles(height_px, width_px, geometry):
        for tile in row:
            write = tile.write
            assert write.row + write.height <= height_px
            assert write.col + write.width <= width_px
            writes[write.row : write.row + write.height, write.col : write.col + write.width] += 1
    return writes


@settings(deadline=None)
@given(SIDES, SIDES, halo_geometries())
def test_cores_cover_every_pixel_exactly_once(
    height_px: int, width_px: int, geometry: TileGeometry
) -> None:
    assert (count_writes(height_px, width_px, geometry) == 1).all()


@settings(deadline=None)
@given(SIDES, SIDES, blend_geometries())
def test_blended_tiles_cover_every_pixel(
    height_px: int, width_px: int, geometry: TileGeometry
) -> None:
    assert (count_writes(height_px, width_px, geometry) >= 1).all()


@settings(deadline=None)
@given(SIDES, SIDES, st.one_of(halo_geometries(), blend_geometries()))
def test_tiles_start_in_the_phase_of_the_network_and_keep_their_halo(
    height_px: int, width_px: int, geometry: TileGeometry
) -> None:
    for row in plan_tiles(height_px, width_px, geometry):
        for tile in row:
            read, write = tile.read, tile.write
            assert (read.height, read.width) == (SIZE_PX, SIZE_PX)
            assert read.row % geometry.multiple_px == read.col % geometry.multiple_px == 0
            assert write.row - read.row == write.col - read.col == geometry.halo_px
            assert write.height <= SIZE_PX - 2 * geometry.halo_px
            assert write.width <= SIZE_PX - 2 * geometry.halo_px


@settings(deadline=None)
@given(st.integers(SIZE_PX, 300), blend_geometries())
def test_neighbours_overlap_at_least_as_much_as_wanted(
    width_px: int, geometry: TileGeometry
) -> None:
    columns = [tile.read.col for tile in plan_tiles(1, width_px, geometry)[0]]
    # A stride of the network is the least that tiles can advance.
    widest_step = max(geometry.multiple_px, SIZE_PX * (1 - geometry.overlap_fraction) + 1e-6)
    steps = np.diff(columns)
    assert (steps <= widest_step).all()
    assert (steps > 0).all()
    assert columns[-1] - (width_px - SIZE_PX) < geometry.multiple_px


@settings(deadline=None)
@given(SIDES, st.one_of(halo_geometries(), blend_geometries()))
def test_tiles_are_counted_as_they_are_planned(length_px: int, geometry: TileGeometry) -> None:
    (row,) = plan_tiles(1, length_px, geometry)
    assert tile_count(length_px, geometry) == len(row)
    starts = [tile.write.col for tile in row]
    most_px = 0 if geometry.mode == "halo" or len(row) == 1 else SIZE_PX - min(np.diff(starts))
    assert tile_overlap_px(length_px, geometry) == most_px


def test_even_spreading_gives_the_fewest_tiles() -> None:
    geometry = TileGeometry(size_px=64, multiple_px=8, mode="blend", overlap_fraction=0.25)
    # 200 px: 64 + 3 steps of at most 48; the last tile would be 8 px over, so 200 - 64 = 136
    # is shared out as 40 + 48 + 48.
    columns = [tile.read.col for tile in plan_tiles(64, 200, geometry)[0]]
    assert columns == [0, 40, 88, 136]


@pytest.mark.parametrize("overlap", [0.1, 0.2, 0.3, 0.7])
def test_rounding_of_the_overlap_never_costs_a_stride(overlap: float) -> None:
    geometry = TileGeometry(size_px=640, multiple_px=64, mode="blend", overlap_fraction=overlap)
    step_px = round(640 * (1 - overlap))
    columns = [tile.read.col for tile in plan_tiles(1, 640 + 5 * step_px, geometry)[0]]
    assert columns == [index * step_px for index in range(6)]


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (-1, 5)])
def test_an_image_without_pixels_is_refused(shape: tuple[int, int]) -> None:
    geometry = TileGeometry(size_px=32, multiple_px=1, mode="halo")
    with pytest.raises(InvalidParameterError, match=f"image is {shape[0]} x {shape[1]} px"):
        plan_tiles(*shape, geometry)


@settings(deadline=None)
@given(
    height_px=st.integers(1, 12),
    width_px=st.integers(1, 12),
    before=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    after=st.tuples(st.integers(0, 40), st.integers(0, 40)),
)
def test_reading_beyond_the_border_is_reflection_as_numpy_defines_it(
    height_px: int, width_px: int, before: tuple[int, int], after: tuple[int, int]
) -> None:
    image = np.arange(height_px * width_px * 3, dtype=np.uint16).astype(np.uint8)
    image = image.reshape(height_px, width_px, 3)
    margins = ((before[0], after[0]), (before[1], after[1]), (0, 0))
    padded = np.pad(image, margins, mode="reflect")
    window = Window(-before[0], -before[1], padded.shape[0], padded.shape[1])
    np.testing.assert_array_equal(read_window(image, window), padded)


@settings(deadline=None)
@given(
    sides=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    starts=st.tuples(st.integers(-20, 20), st.integers(-20, 20)),
    window_sides=st.tuples(st.integers(1, 25), st.integers(1, 25)),
    channels=st.sampled_from([1, 3, 7]),
)
def test_any_window_is_a_part_of_the_reflected_image(
    sides: tuple[int, int], starts: tuple[int, int], window_sides: tuple[int, int], channels: int
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*sides, channels), dtype=np.uint8)
    padded = np.pad(image, [(20, 45), (20, 45), (0, 0)], mode="reflect")
    wanted = padded[20 + starts[0] :, 20 + starts[1] :][: window_sides[0], : window_sides[1]]
    np.testing.assert_array_equal(read_window(image, Window(*starts, *window_sides)), wanted)


def test_a_window_inside_the_image_is_not_copied() -> None:
    image = np.zeros((10, 12, 3), dtype=np.uint8)
    window = read_window(image, Window(2, 3, 8, 9))
    assert window.shape == (8, 9, 3)
    assert np.shares_memory(window, image)


def test_a_window_wholly_outside_the_image_reads_the_reflection() -> None:
    image = np.arange(4, dtype=np.uint8).reshape(1, 4, 1)
    assert read_window(image, Window(7, 6, 1, 3))[0, :, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("size_px", [32, 48, 512])
def test_hann_tiles_that_overlap_by_half_add_up_to_one(size_px: int) -> None:
    geometry = TileGeometry(size_px=size_px, multiple_px=1, mode="blend", window="hann")
    weights = blend_weights(geometry).astype(np.float64)
    half = size_px // 2
    total = (
        weights[:half, :half]
        + weights[half:, :half]
        + weights[:half, half:]
        + weights[half:, half:]
    )
    # Four float32 weights below 1, each rounded to 6e-8.
    np.testing.assert_allclose(total, 1.0, atol=2.4e-7, rtol=0)


@pytest.mark.parametrize("window", ["hann", "gaussian"])
def test_weights_are_symmetric_positive_and_largest_in_the_middle(window: str) -> None:
    weights = blend_weights(
        TileGeometry.model_validate(
            {"size_px": 96, "multiple_px": 1, "mode": "blend", "window": window}
        )
    )
    assert weights.shape == (96, 96)
    assert weights.dtype == np.float32
    assert weights.min() > 0
    assert weights[47, 48] == weights.max() <= 1
    np.testing.assert_array_equal(weights, weights.T)
    np.testing.assert_allclose(weights, weights[::-1, ::-1], rtol=1e-6)


def test_the_gaussian_has_the_stated_width_and_floor() -> None:
    weights = blend_weights(
        TileGeometry(size_px=64, multiple_px=1, mode="blend", window="gaussian")
    )
    # One standard deviation is 64 / 8 = 8 px: pixels 31 and 39 lie 0.5 and 7.5 px off the centre.
    assert weights[31, 39] / weights[31, 31] == pytest.approx(
        np.exp(-0.5 * (7.5**2 - 0.5**2) / 8**2), rel=1e-6
    )
    assert weights.min() == pytest.approx(1e-3 * weights.max(), rel=1e-6)
    assert weights[0, 0] == weights[0, 32]
