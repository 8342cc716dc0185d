from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from export.calibration import (
    ScoredPixels,
    calibrate,
    expected_calibration_error,
    fit_temperature,
)
from petrography.errors import ConfigurationError
from petrography.model_card import TileGeometry
from training.lumenstone import Field

pytestmark = pytest.mark.torch


def scored_pixels(temperature: float, seed: int = 0, number: int = 40_000) -> ScoredPixels:
    """Truths drawn from softmax(z), scores reported as temperature * z."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 2.0, (number, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = (rng.random((number, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    scaled = (temperature * logits).astype(np.float32)
    return ScoredPixels(scaled, np.minimum(target, 3).astype(np.intp))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_recovers_a_known_temperature(temperature):
    # The standard error of the estimate is about 1 % at 40 000 pixels.
    assert fit_temperature([scored_pixels(temperature)]) == pytest.approx(temperature, rel=0.04)


def test_classes_that_may_not_occur_do_not_matter():
    scored = scored_pixels(2.0)
    masked = np.column_stack([scored.logits, np.full(len(scored.target), -np.inf)])
    assert fit_temperature([ScoredPixels(masked, scored.target)]) == pytest.approx(
        fit_temperature([scored]), rel=1e-4
    )


def test_error_of_a_known_case():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.35, 0.35])
    correct = np.array([True, True, True, False, True, False])
    # Bins: |0.95 - 0.75| * 4/6 + |0.35 - 0.5| * 2/6.
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.2 * 4 / 6 + 0.05)


def test_certainty_of_one_falls_into_the_last_bin():
    assert expected_calibration_error(np.ones(3), np.ones(3, dtype=bool)) == 0.0


def test_one_field_is_not_enough():
    geometry = TileGeometry(size_px=64, multiple_px=8, mode="blend")
    with pytest.raises(
        ConfigurationError, match="at least two validation fields of different ore, given 0"
    ):
        calibrate(torch.nn.Identity(), [], classes=(0, 1), geometry=geometry, data="none")


class Scores(torch.nn.Module):
    """Scores a grey level directly: certain of class 1 by a given margin above 128."""

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, image):
        bright = (image[:, :1] > 128).float() * self.margin
        return torch.cat([self.margin - bright, bright], dim=1)


def noisy_fields(*wrong_shares):
    rng = np.random.default_rng(0)
    for index, wrong_share in enumerate(wrong_shares):
        truth = rng.integers(0, 2, (64, 64)).astype(np.uint8)
        seen = np.where(rng.random(truth.shape) < wrong_share, 1 - truth, truth)
        image = np.repeat((seen * 200).astype(np.uint8)[..., None], 3, axis=2)
        yield Field(f"field{index}", image, truth, (0, 1))


def calibrated(margin, *wrong_shares, same_ore=()):
    return calibrate(
        Scores(margin),
        list(noisy_fields(*wrong_shares)),
        classes=(0, 1),
        geometry=TileGeometry(size_px=64, multiple_px=8, mode="halo"),
        data="noise",
        same_ore=same_ore,
    )


def test_an_overconfident_network_is_cooled():
    found = calibrated(8.0, 0.1, 0.1, 0.1, 0.1)
    # p = 0.9 at a margin of ln 9 = 2.2: the temperature is 8 / 2.2.
    assert found.temperature == pytest.approx(8.0 / np.log(9.0), rel=0.1)
    assert found.ece_before == pytest.approx(0.1, abs=0.01)
    assert found.ece_after < 0.01


def test_a_temperature_that_does_not_help_other_fields_is_not_taken():
    # Right on the whole, but what one half teaches is wrong for the other.
    found = calibrated(float(np.log(0.84 / 0.16)), 0.02, 0.3, 0.02, 0.3)
    assert found.temperature == 1.0
    assert found.ece_after == found.ece_before < 0.02


def test_fields_of_one_ore_are_not_judged_by_each_other():
    margin, shares = float(np.log(0.84 / 0.16)), (0.02, 0.02, 0.3, 0.3)
    # In turns every half has a field of each ore, and one temperature serves both.
    assert calibrated(margin, *shares).temperature != 1.0
    ores = [("field0", "field1"), ("field2", "field3")]
    assert calibrated(margin, *shares, same_ore=ores).temperature == 1.0


def test_one_ore_is_not_enough():
    with pytest.raises(ConfigurationError, match=r"of different ore, given 2 of one"):
        calibrated(8.0, 0.1, 0.1, same_ore=[("field0", "field1")])
