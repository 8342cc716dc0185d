from __future__ import annotations

import numpy as np
import pytest

from petrography.calibration import colour_distance

COLOURS = {0: (30.0, 30.0, 30.0), 1: (200.0, 180.0, 140.0)}


@pytest.fixture
def section():
    labels = np.zeros((64, 64), dtype=np.uint8)
    labels[:16] = 1
    pixels = np.array([COLOURS[0], COLOURS[1]], dtype=np.uint8)[labels]
    return pixels, labels


def test_the_training_colours_have_no_distance(section):
    assert colour_distance(*section, COLOURS) == pytest.approx(0.0, abs=1e-6)


def test_lightness_alone_is_known():
    # Sharma et al. 2005, CIEDE2000: for greys a*=b*=0, dE = |dL| / S_L with
    # S_L = 1 + 0.015 (Lm - 50)^2 / sqrt(20 + (Lm - 50)^2); sRGB 119 and 130 have L* 50.034, 54.368.
    pixels = np.full((8, 8, 3), 130, dtype=np.uint8)
    lightness, reference = 54.368, 50.034
    off = ((lightness + reference) / 2 - 50) ** 2
    expected = (lightness - reference) / (1 + 0.015 * off / np.sqrt(20 + off))
    distance = colour_distance(pixels, np.ones((8, 8), np.uint8), {1: (119.0, 119.0, 119.0)})
    assert distance == pytest.approx(expected, abs=0.02)


def test_phases_weigh_by_their_area(section):
    pixels, labels = section
    changed = pixels.copy()
    changed[:16] = (150, 150, 200)
    all_of_it = colour_distance(changed[:16], labels[:16], COLOURS)
    assert colour_distance(changed, labels, COLOURS) == pytest.approx(all_of_it / 4, rel=1e-6)


def test_another_lamp_is_farther(section):
    pixels, labels = section
    warm = (pixels * np.array([1.0, 0.9, 0.7])).astype(np.uint8)
    assert colour_distance(warm, labels, COLOURS) > 3.0


def test_without_a_reference_there_is_no_distance(section):
    assert colour_distance(*section, {7: (1.0, 2.0, 3.0)}) is None


def test_one_pixel_has_a_distance():
    pixel = np.full((1, 1, 3), 30, dtype=np.uint8)
    assert colour_distance(pixel, np.zeros((1, 1), np.uint8), COLOURS) == pytest.approx(0.0)
