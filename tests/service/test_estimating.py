"""Seconds beside the network, from analyses of all sizes."""

from __future__ import annotations

import pytest

from service.engine import OtherRate

_PX = 8_000_000


def test_the_cost_of_every_image_is_not_scaled_by_pixels() -> None:
    rate = OtherRate()
    for px in [1] * 15 + [200_000] * 5:
        rate.add(px, 0.1 + 0.2e-6 * px)
    seconds, basis = rate.seconds(_PX)
    assert seconds == pytest.approx(0.15e-6 * _PX + 0.1, abs=0.1)
    assert basis == "assumed"
    assert rate.seconds(1) == (pytest.approx(0.1, abs=0.03), "analyses")


def test_small_and_large_images_tell_both_costs() -> None:
    rate = OtherRate()
    for _ in range(3):
        rate.add(100_000, 0.1 + 0.2e-6 * 100_000)
        rate.add(_PX, 0.1 + 0.2e-6 * _PX)
    for px in (1, 500_000, _PX, 100 * _PX):
        assert rate.seconds(px) == (pytest.approx(0.1 + 0.2e-6 * px), "analyses")


def test_large_images_alone_tell_seconds_for_each_pixel() -> None:
    rate = OtherRate()
    rate.add(_PX, 1.6)
    assert rate.seconds(2 * _PX) == (pytest.approx(3.2), "analyses")


def test_no_cost_is_below_nothing() -> None:
    rate = OtherRate()
    rate.add(1, 9.0)
    rate.add(_PX, 1.0)
    for px in (1, _PX, 10 * _PX):
        assert rate.seconds(px)[0] == pytest.approx(1.0)
