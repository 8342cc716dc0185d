from __future__ import annotations

import numpy as np
import pytest

from petrography.errors import InvalidParameterError, LabelImageError
from petrography.images import (
    clipped_fraction,
    require_image,
    require_labels,
    resample_image,
    resample_labels,
    resampled_shape,
)


@pytest.fixture
def texture():
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=["grey", "RGBA", "16 bit", "empty"],
)
def test_what_is_no_image_is_refused_with_its_shape(pixels):
    with pytest.raises(InvalidParameterError, match=r"wanted uint8 \(height, width, 3\)"):
        require_image(pixels)


@pytest.mark.parametrize(
    "labels",
    [np.zeros((4, 4, 1), np.uint8), np.zeros((4, 4), np.int64), np.zeros((0, 3), np.uint8)],
)
def test_what_is_no_label_image_is_refused(labels):
    with pytest.raises(LabelImageError, match=r"wanted uint8 \(height, width\)"):
        require_labels(labels)


def test_shrinking_by_two_averages_four_pixels(texture):
    expected = texture.reshape(30, 2, 40, 2, 3).mean(axis=(1, 3))
    assert np.abs(resample_image(texture, 0.5) - expected).max() <= 0.51


def test_growing_by_two_interpolates(texture):
    assert resample_image(texture, 2.0).shape == (120, 160, 3)


def test_no_resampling_copies_nothing(texture):
    assert resample_image(texture, 1.0) is texture


@pytest.mark.parametrize("factor", [1 / 32, 0.1, 0.999])
def test_a_side_never_vanishes(factor):
    one = np.full((1, 1, 3), 77, dtype=np.uint8)
    assert np.array_equal(resample_image(one, factor), one)
    assert resampled_shape(1, 1000, factor)[0] == 1


def test_labels_never_mix(texture):
    labels = np.where(texture[..., 0] > 128, np.uint8(8), np.uint8(1))
    for shape in [(30, 40), (31, 43), (120, 161), (60, 80)]:
        resampled = resample_labels(labels, shape)
        assert resampled.shape == shape
        assert set(np.unique(resampled)) == {1, 8}


def test_clipping_is_the_share_of_pixels_with_a_full_channel():
    pixels = np.full((10, 10, 3), 100, dtype=np.uint8)
    pixels[:2, :5, 1] = 255
    assert clipped_fraction(pixels) == pytest.approx(0.1)
