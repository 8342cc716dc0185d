"""Enlarging by rows: equal to enlarging the whole array at once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from petrography.model_card import TileGeometry
from petrography.segmentation import Segmentation, segment
from petrography.segmentation.enlargement import RowEnlarger
from tests.petrography.tile_predictors import (
    CODES,
    GEOMETRIES,
    HALO,
    ByFunction,
    by_colour,
    one_hot,
    random_image,
    softmax,
)


def same(one: Segmentation, other: Segmentation) -> None:
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.confidence, other.confidence)


# Enlargement


def interpolation(length: int, output_length: int) -> NDArray[np.float64]:
    """Bilinear weights as a matrix (output, input): half-pixel centres, edges continued."""
    centre = (np.arange(output_length) + 0.5) * length / output_length - 0.5
    distance = np.abs(np.clip(centre, 0, length - 1)[:, np.newaxis] - np.arange(length))
    return np.maximum(0.0, 1.0 - distance)


def enlarged(planes: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    enlarger = RowEnlarger(planes.shape[0], planes.shape[1:], shape)
    rows = [
        row.copy() for index in range(planes.shape[1]) for row in enlarger.put(planes[:, index])
    ]
    return np.stack(rows, axis=1)


def random_probabilities(shape: tuple[int, int, int], seed: int = 0) -> NDArray[np.float32]:
    return softmax(np.random.default_rng(seed).normal(size=(1, *shape)) * 2)[0]


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 99), st.integers(1, 99))
def test_rows_are_interpolated_as_the_formula_says(
    height_px: int, width_px: int, output_height_px: int, output_width_px: int
) -> None:
    planes = random_probabilities((3, height_px, width_px))
    wanted = np.einsum(
        "yr,krc,xc->kyx",
        interpolation(height_px, output_height_px),
        planes.astype(np.float64),
        interpolation(width_px, output_width_px),
    )
    given_planes = enlarged(planes, (output_height_px, output_width_px))
    # Coordinates up to 99 carry a float32 rounding of 4e-6 into the weights.
    np.testing.assert_allclose(given_planes, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(127, 199), (128, 200), (64, 301), (190, 100), (1000, 101)])
def test_rows_are_what_opencv_makes_of_the_whole_array(shape: tuple[int, int]) -> None:
    planes = random_probabilities((4, 64, 100))
    whole = np.stack(
        [cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_LINEAR) for plane in planes]
    )
    # Both round float32 weights, in another order.
    np.testing.assert_allclose(enlarged(planes, shape), whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("shape", [(140, 181), (201, 90), (70, 91), (35, 45), (3, 2), (1, 1)])
def test_the_map_is_decided_after_enlarging_the_whole_array(
    geometry: TileGeometry, shape: tuple[int, int]
) -> None:
    pixels = random_image(70, 90)
    whole = enlarged(by_colour(pixels[np.newaxis])[0], shape)
    result = segment(
        pixels, ByFunction(by_colour), geometry=geometry, codes=CODES, output_shape=shape
    )
    second, first = np.sort(whole, axis=0)[-2:]
    # Blending rounds by 1e-7: only where two classes are that close may the label differ.
    is_clear = first - second > 1e-6
    assert is_clear.mean() > 0.99
    labels = np.take(CODES, whole.argmax(axis=0))
    np.testing.assert_array_equal(result.labels[is_clear], labels[is_clear])
    np.testing.assert_allclose(result.confidence, 255 * first, atol=0.5 + 1e-3)


@pytest.mark.parametrize("shape", [(140, 180), (99, 250), (20, 30)])
def test_the_map_does_not_depend_on_the_height_of_the_bands(shape: tuple[int, int]) -> None:
    maps = [
        segment(
            random_image(70, 90),
            ByFunction(by_colour),
            geometry=HALO.model_copy(update={"size_px": size_px}),
            codes=CODES,
            output_shape=shape,
        )
        for size_px in (32, 18, 256)
    ]
    same(maps[0], maps[1])
    same(maps[0], maps[2])


def test_the_decision_comes_after_the_interpolation() -> None:
    def second_choice(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        palette = np.array([[0.6, 0.0, 0.4, 0.0], [0.0, 0.6, 0.4, 0.0]], dtype=np.float32)
        return np.moveaxis(palette[tiles[..., 0]], -1, 1)

    # Class 2 is first in neither pixel, but halfway between them: (0.3, 0.3, 0.4, 0).
    pixels = np.array([[[0, 0, 0], [1, 0, 0]]], dtype=np.uint8)
    result = segment(
        pixels, ByFunction(second_choice), geometry=HALO, codes=CODES, output_shape=(1, 3)
    )
    assert result.labels.tolist() == [[CODES[0], CODES[2], CODES[1]]]
    assert result.confidence.tolist() == [[153, 102, 153]]


def test_the_first_of_equal_classes_wins() -> None:
    # Halfway between a sure class 0 and a sure class 1.
    pixels = np.array([[[0, 0, 0], [1, 0, 0]]], dtype=np.uint8)
    result = segment(pixels, ByFunction(one_hot), geometry=HALO, codes=CODES, output_shape=(1, 3))
    assert result.labels.tolist() == [[CODES[0], CODES[0], CODES[1]]]
    assert result.confidence.tolist() == [[255, 128, 255]]
