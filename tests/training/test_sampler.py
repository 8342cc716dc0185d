from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.errors import ConfigurationError
from training.sampler import BalancedSampler, patch_class_counts

CLASSES = (0, 1, 6)


def rare_class_truths(number: int = 6, rare_share: float = 0.01) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    truths = []
    for index in range(number):
        truth = rng.choice([0, 6], size=(96, 128), p=[0.7, 0.3]).astype(np.uint8)
        if index < 2:
            side = int(np.sqrt(rare_share * truth.size))
            truth[40 : 40 + side, 60 : 60 + side] = 1
        truths.append(truth)
    return truths


def sampler(
    truths: list[np.ndarray], seed: int = 0, strength: float = 0.8, **options: object
) -> BalancedSampler:
    return BalancedSampler(
        truths,
        CLASSES,
        patch_shape_px=(32, 32),
        grid_px=8,
        strength=strength,
        seed=seed,
        names=[f"field{index}" for index in range(len(truths))],
        **options,
    )


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    height=st.integers(20, 50),
    width=st.integers(20, 50),
    patch=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    grid=st.integers(1, 9),
)
def test_counts_equal_counting_by_hand(seed, height, width, patch, grid):
    truth = np.random.default_rng(seed).choice(
        np.array([0, 1, 6, 255], dtype=np.uint8), size=(height, width)
    )
    counts = patch_class_counts(truth, CLASSES, patch_shape_px=patch, grid_px=grid)
    for row in range(counts.shape[1]):
        for col in range(counts.shape[2]):
            window = truth[row * grid :, col * grid :][: patch[0], : patch[1]]
            assert window.shape == patch
            assert counts[:, row, col].tolist() == [(window == code).sum() for code in CLASSES]


def test_grid_reaches_the_last_row_and_column():
    counts = patch_class_counts(
        np.zeros((64, 48), dtype=np.uint8), CLASSES, patch_shape_px=(32, 32), grid_px=1
    )
    assert counts.shape == (3, 33, 17)


def test_positions_follow_equation_2():
    truth = np.zeros((8, 8), dtype=np.uint8)
    truth[:2, :4] = 1
    truth[7, 7] = 6
    drawn = BalancedSampler(
        [truth], (1, 6), patch_shape_px=(4, 4), grid_px=1, strength=1.0, seed=5, names=["one"]
    ).draw(6000)
    expected = patch_class_counts(truth, (1,), patch_shape_px=(4, 4), grid_px=1)[0].astype(float)
    # Patches with class 6 are drawn for class 6 (they hold no pixel of class 1).
    hits = np.zeros_like(expected)
    for patch in drawn:
        hits[patch.row, patch.col] += expected[patch.row, patch.col] > 0
    # 5 sigma of a binomial with about 3000 draws and p < 0.2 is 0.037.
    assert np.abs(hits / hits.sum() - expected / expected.sum()).max() < 0.04


def test_balances_a_class_of_one_percent():
    balanced, uniform = sampler(rare_class_truths()), sampler(rare_class_truths(), strength=0.0)
    balanced.draw(500)
    uniform.draw(500)
    # The rarest class fills at most 12 % of a patch here, so exact balance is out of reach.
    assert balanced.balance() > 5 * uniform.balance()


def test_a_restored_sampler_draws_the_same_plan():
    first, second = sampler(rare_class_truths()), sampler(rare_class_truths())
    first.draw(37)
    second.restore(first.state)
    assert second.draw(50) == first.draw(50)


def test_another_seed_draws_another_plan():
    truths = rare_class_truths()
    assert sampler(truths, seed=1).draw(20) != sampler(truths, seed=2).draw(20)


def test_a_class_that_occurs_nowhere_is_named():
    with pytest.raises(ConfigurationError, match=r"classes \[1\] occur in no training image"):
        sampler([np.zeros((64, 64), dtype=np.uint8) + 6 * np.eye(64, dtype=np.uint8)])


def test_a_field_smaller_than_a_patch_is_named():
    with pytest.raises(ConfigurationError, match=r"field1 is .*at least patch_px \(32, 32\)"):
        sampler([np.zeros((64, 64), dtype=np.uint8), np.zeros((31, 64), dtype=np.uint8)])


def content_of(truths, drawn, code):
    """Pixels of a code in every patch drawn."""
    return np.array(
        [
            np.count_nonzero(
                truths[one.field][one.row : one.row + 32, one.col : one.col + 32] == code
            )
            for one in drawn
        ]
    )


def test_a_higher_position_exponent_seeks_the_middle_of_a_mineral():
    truth = np.zeros((96, 128), dtype=np.uint8)
    truth[30:50, 30:50], truth[0, 0] = 1, 6
    means = []
    for exponent in (0.0, 1.0, 4.0):
        drawn = sampler([truth], strength=1.0, position_exponent=exponent).draw(600)
        content = content_of([truth], drawn, 1)
        means.append(content[content > 0].mean())
    assert means[0] < means[1] < means[2]


def test_a_higher_image_exponent_follows_the_area():
    small, large = np.zeros((96, 128), dtype=np.uint8), np.zeros((96, 128), dtype=np.uint8)
    small[40:44, 60:64], large[20:60, 20:60] = 1, 1
    small[0, 0] = 6

    def share_of_small(exponent):
        drawn = sampler([small, large], strength=1.0, image_exponent=exponent).draw(400)
        of_one = [one for one in drawn if content_of([small, large], [one], 1)[0]]
        return sum(one.field == 0 for one in of_one) / len(of_one)

    assert share_of_small(0.0) == pytest.approx(0.5, abs=0.15)
    assert share_of_small(2.0) < 0.1


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_phantoms_have_their_share_of_the_patches(fraction):
    truths = rare_class_truths()
    plan = sampler(truths, phantoms=[False] * 3 + [True] * 3, phantom_fraction=fraction).draw(800)
    # 4 sigma of a binomial of 800 draws is 0.06.
    assert np.mean([one.field >= 3 for one in plan]) == pytest.approx(fraction, abs=0.06)


def test_a_class_that_only_phantoms_show_is_not_sought_among_photographs():
    truths = rare_class_truths()
    plan = sampler(
        truths[::-1], phantoms=[False] * 4 + [True] * 2, phantom_fraction=0.5, strength=1.0
    ).draw(200)
    assert {one.field for one in plan} == set(range(6))
