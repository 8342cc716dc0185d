from __future__ import annotations

import math

import pytest

from petrography.errors import InvalidParameterError
from petrography.images import require_possible_scale
from petrography.model_input import choose_resampling
from tests.tiny_model import tiny_card


def test_a_known_pixel_size_decides():
    chosen = choose_resampling(tiny_card(um_per_px=1.2), um_per_px=0.6)
    assert (chosen.factor, chosen.degradation) == (0.5, None)
    assert "pixel size 1.2" in chosen.reason


def test_an_estimated_pixel_size_is_called_an_estimate():
    card = tiny_card(um_per_px=None, um_per_px_estimate=1.2)
    chosen = choose_resampling(card, um_per_px=2.4)
    assert (chosen.factor, chosen.degradation) == (2.0, None)
    assert "estimated pixel size" in chosen.reason


def test_the_requests_factor_overrules_the_scale():
    chosen = choose_resampling(tiny_card(um_per_px=1.2), um_per_px=0.6, factor=1.0)
    assert (chosen.factor, chosen.reason) == (1.0, "factor of the request")


def test_without_any_statement_the_default_is_taken_and_said():
    chosen = choose_resampling(tiny_card(default_resampling_factor=0.5))
    assert chosen.factor == 0.5
    assert "scale missing: resampled by 0.5" in chosen.degradation


def test_a_model_without_pixel_size_leaves_the_image_alone_and_says_so():
    chosen = choose_resampling(tiny_card(um_per_px=None), um_per_px=0.6)
    assert chosen.factor == 1.0
    assert "states no pixel size" in chosen.degradation


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-300, 1e5, math.nan, math.inf, -math.inf])
def test_an_impossible_scale_is_refused(value):
    with pytest.raises(InvalidParameterError, match="wanted micrometres per pixel"):
        require_possible_scale(value)
    with pytest.raises(InvalidParameterError, match="wanted micrometres per pixel"):
        choose_resampling(tiny_card(), um_per_px=value)


@pytest.mark.parametrize("value", [1e-9, 1 / 33, 8.01, 1e12, math.nan, math.inf, 0.0, -1.0])
def test_an_absurd_factor_is_refused(value):
    with pytest.raises(InvalidParameterError, match="resampling_factor asks for a resampling by"):
        choose_resampling(tiny_card(), factor=value)


def test_an_absurd_scale_is_refused():
    with pytest.raises(InvalidParameterError, match="um_per_px asks for a resampling by 2000"):
        choose_resampling(tiny_card(um_per_px=0.5), um_per_px=1000.0)
