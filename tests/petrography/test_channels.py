from __future__ import annotations

import numpy as np
import pytest

from petrography.channels import colours_or_bands, picture

STACK = np.arange(2 * 3 * 6, dtype=np.uint8).reshape(2, 3, 6)
NAMES = ("blue", "R", "ir", "G", "B", "uv")


@pytest.mark.parametrize(
    ("channels", "shown", "places"),
    [
        (NAMES, None, [1, 3, 4]),
        (NAMES, ("uv", "ir", "blue"), [5, 2, 0]),
        (("a", "b", "c", "d", "e", "f"), None, [0, 1, 2]),
    ],
)
def test_a_picture_shows_the_named_channels_or_the_colours_or_the_first(channels, shown, places):
    assert np.array_equal(picture(STACK, channels, shown), STACK[..., places])


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_channels_are_shown_as_grey(count):
    shown = picture(STACK[..., :count], ("a", "b")[:count])
    assert np.array_equal(shown, np.repeat(STACK[..., :1], 3, axis=2))


def test_a_photograph_is_its_own_picture():
    photograph = STACK[..., :3]
    assert picture(photograph, ("R", "G", "B")) is photograph


def test_a_classifier_of_pixels_sees_colours_where_they_are_and_all_bands_elsewhere():
    assert np.array_equal(colours_or_bands(STACK, NAMES), STACK[..., [1, 3, 4]])
    assert colours_or_bands(STACK, ("a", "b", "c", "d", "e", "f")) is STACK
