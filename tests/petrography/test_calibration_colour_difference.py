"""CIEDE2000 against the published test data."""

from __future__ import annotations

import numpy as np
import pytest

from petrography.calibration import ciede2000
from petrography.calibration.colour_difference import lab_of_levels, lab_of_light

# Sharma, Wu & Dalal 2005, doi:10.1002/col.20070, table 1: L1 a1 b1, L2 a2 b2, difference.
SHARMA = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0010 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""
PAIRS = np.array([line.split() for line in SHARMA.strip().splitlines()], dtype=np.float64)


def test_all_published_pairs_are_here() -> None:
    assert PAIRS.shape == (34, 7)


@pytest.mark.parametrize("pair", PAIRS.tolist())
def test_a_published_pair(pair: list[float]) -> None:
    one, other, published = np.array(pair[:3]), np.array(pair[3:6]), pair[6]
    # Four decimals are published.
    assert ciede2000(one, other) == pytest.approx(published, abs=5.1e-5)
    assert ciede2000(other, one) == pytest.approx(published, abs=5.1e-5)


def test_many_pairs_at_once_and_one_against_many() -> None:
    together = ciede2000(PAIRS[:, :3], PAIRS[:, 3:6])
    assert together == pytest.approx(PAIRS[:, 6], abs=5.1e-5)
    assert ciede2000(PAIRS[:, :3], PAIRS[0, :3])[0] == 0.0


def test_lab_of_light_agrees_with_lab_of_levels_where_the_curves_do() -> None:
    # White, and black: the curves of gamma 2.2 and of sRGB meet there.
    ends = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert lab_of_light(ends) == pytest.approx(lab_of_levels(255.0 * ends), abs=0.01)


def test_lab_goes_on_below_black() -> None:
    below, black = lab_of_light(np.array([[-0.01, -0.01, -0.01], [0.0, 0.0, 0.0]]))
    assert below[0] < black[0]
    assert np.isfinite(below).all()
