from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.errors import InvalidParameterError
from petrography.fusion import FUSED_CHANNELS, KNOWN_CHANNEL, fused_from_views, fused_input
from petrography.registration import encoded_levels, linear_colour

SHAPE = (6, 9)
PPL = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
EVERYWHERE = np.ones(SHAPE, dtype=bool)
KNOWN = FUSED_CHANNELS.index(KNOWN_CHANNEL)
SPREAD_DEG = [0.0, 30.0, 60.0, 90.0, 120.0, 150.0]


def grain(angle_deg, mean=0.3, swing=0.2, swing_2psi=0.0):
    """A grey grain between crossed polars, in sRGB levels."""
    psi = np.radians(angle_deg)
    light = mean - swing * np.cos(4 * psi) + swing_2psi * np.cos(2 * psi)
    return encoded_levels(np.full((*SHAPE, 3), light, dtype=np.float32))


def fused(angles_deg, **of_grain):
    views = [grain(angle, **of_grain) for angle in angles_deg]
    return fused_from_views(PPL, views, angles_deg, [EVERYWHERE] * len(views))


def test_levels_and_light_are_each_others_inverse():
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(encoded_levels(linear_colour(levels)), levels)
    assert encoded_levels(np.array([-1.0, 2.0], dtype=np.float32)).tolist() == [0, 255]


def test_a_known_grain_has_known_channels():
    image = fused(SPREAD_DEG, swing_2psi=0.05)
    mean, swing, swing_2psi = encoded_levels(np.array([0.3, 0.2, 0.05], dtype=np.float32)).astype(
        int
    )
    assert np.array_equal(image[..., :3], PPL)
    # Views are rounded to levels: a step of a level is 0.01 of light here.
    assert np.abs(image[..., 3:6].astype(int) - mean).max() <= 1
    assert np.abs(image[..., 6].astype(int) - swing_2psi).max() <= 2
    assert np.abs(image[..., 7].astype(int) - swing).max() <= 1
    assert (image[..., KNOWN] == 255).all()


@pytest.mark.parametrize(
    ("angles_deg", "known"),
    [
        ([], 0),
        ([20.0], 51),
        ([0.0, 45.0], 51),
        ([0.0, 90.0, 180.0], 51),  # one angle of 4 psi, three times
        ([0.0, 60.0, 120.0], 153),  # cannot tell 2 psi from 4 psi
        (SPREAD_DEG, 255),
    ],
)
def test_the_last_channel_says_how_much_is_known(angles_deg, known):
    image = fused(angles_deg)
    assert (image[..., KNOWN] == known).all()
    assert np.array_equal(image[..., :3], PPL)
    assert image[..., 6:8].any() == (known > 51)


def test_without_views_all_else_is_dark():
    assert not fused_input(PPL)[..., 3:].any()


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(6)))
def test_the_order_of_the_views_does_not_matter(order):
    image = fused(SPREAD_DEG)
    other = fused([SPREAD_DEG[one] for one in order])
    assert np.abs(image.astype(int) - other.astype(int)).max() <= 1
    assert np.array_equal(image[..., 6:], other[..., 6:])


def test_where_no_view_shows_the_field_nothing_is_known():
    views = [grain(angle) for angle in SPREAD_DEG]
    covered = [EVERYWHERE.copy() for _ in views]
    for one in covered:
        one[:, 0] = False
    covered[0][:, 1] = False  # five views are left
    for one in covered[1:]:
        one[:, 2] = False  # one view is left
    image = fused_from_views(PPL, views, SPREAD_DEG, covered)
    assert image[0, :4, KNOWN].tolist() == [0, 255, 51, 255]
    assert not image[:, 0, 3:].any()
    assert image[0, 2, 3:6].tolist() == views[0][0, 2].tolist()


def test_the_channels_do_not_change_when_the_section_is_turned():
    turned = [angle + 17.0 for angle in SPREAD_DEG]
    views = [grain(angle, swing_2psi=0.05) for angle in SPREAD_DEG]
    one = fused_from_views(PPL, views, SPREAD_DEG, [EVERYWHERE] * 6)
    other = fused_from_views(PPL, views, turned, [EVERYWHERE] * 6)
    assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


def test_a_grey_photograph_is_refused():
    with pytest.raises(InvalidParameterError, match="wanted uint8"):
        fused_input(PPL[..., 0])
