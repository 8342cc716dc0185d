"""Mistakes of a mineral map: correction, effective sample size, intervals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from petrography.model_card import ModelCard
from petrography.report import not_found
from petrography.statistics import Composition, map_errors, modal_composition
from petrography.statistics.held_out import (
    DEFAULT_EFFECTIVE_SIZE,
    HeldOutConfusion,
    effective_size,
    held_out_confusion,
)
from petrography.statistics.map_errors import corrected_shares
from tests.tiny_model import tiny_card

Shares = NDArray[np.float64]


def held_out(counts: Any, **changes: Any) -> HeldOutConfusion:
    known = HeldOutConfusion(
        codes=(0, 1, 6),
        counts=np.array(counts, dtype=np.float64),
        images=12,
        effective_size=8.0,
        is_measured=True,
        data="painted images",
        association=None,
        is_restricted=False,
    )
    return replace(known, **changes)


def composition_of(percent: dict[int, float], side: int = 200) -> Composition:
    """A map of random pixels with these shares."""
    codes = np.array(list(percent), dtype=np.uint8)
    counts = np.round(np.array(list(percent.values())) * side * side / 100).astype(int)
    counts[0] += side * side - counts.sum()
    pixels = np.random.default_rng(1).permutation(np.repeat(codes, counts))
    return modal_composition(pixels.reshape(side, side))


# --- correction ------------------------------------------------------------------------------


@given(
    hnp.arrays(np.float64, (4, 4), elements=st.floats(0.0, 0.12)),
    hnp.arrays(np.float64, 4, elements=st.floats(0.0, 1.0)).filter(lambda a: a.sum() > 0.1),
)
@settings(deadline=None)
def test_a_known_confusion_is_undone(noise: Shares, raw: Shares) -> None:
    # At least 0.64 on the diagonal: far from singular.
    rates = noise * (1 - np.eye(4))
    rates += np.diag(1 - rates.sum(axis=1))
    truth = raw / raw.sum()
    np.testing.assert_allclose(corrected_shares(rates.T @ truth, rates), truth, atol=1e-4)


@given(
    hnp.arrays(np.float64, (4, 4), elements=st.floats(0.01, 1.0)),
    hnp.arrays(np.float64, 4, elements=st.floats(0.0, 1.0)).filter(lambda a: a.sum() > 0.1),
)
@settings(deadline=None)
def test_corrected_shares_are_shares_whatever_the_map_shows(raw: Shares, seen: Shares) -> None:
    found = corrected_shares(seen / seen.sum(), raw / raw.sum(axis=1, keepdims=True))
    assert found.min() >= 0.0
    assert found.sum() == pytest.approx(1.0)


def test_the_correction_by_hand() -> None:
    # A tenth of the chalcopyrite is mapped as pyrite: 18 % of the map are 20 % of the truth.
    errors = map_errors(
        composition_of({0: 50, 1: 18, 6: 32}), held_out([[9, 0, 0], [0, 90, 10], [0, 0, 5]])
    )
    percent = {one.code: one.corrected_percent for one in errors.shares}
    assert percent == pytest.approx({0: 50.0, 1: 20.0, 6: 30.0}, abs=1e-3)


def test_a_phase_that_the_map_never_shows_can_be_there() -> None:
    errors = map_errors(composition_of({0: 50, 6: 50}), held_out([[1, 0, 0], [0, 0, 1], [0, 1, 9]]))
    # All chalcopyrite is mapped as pyrite, and a map without any has no room for true pyrite.
    percent = {one.code: one.corrected_percent for one in errors.shares}
    assert percent == pytest.approx({0: 50.0, 1: 50.0, 6: 0.0}, abs=1e-3)


# --- effective size --------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2.0, 8.0, 40.0])
def test_the_effective_size_of_simulated_images_is_found(size: float) -> None:
    generator = np.random.default_rng(4)
    rates = np.array([[0.9, 0.08, 0.02], [0.2, 0.7, 0.1], [0.05, 0.15, 0.8]])
    found = []
    for _ in range(20):
        images = [
            np.array([1e5 * generator.dirichlet(size * row) for row in rates]) for _ in range(40)
        ]
        found.append(effective_size(images))
    # 40 images of three classes tell it to a seventh, the mean of 20 such sets to a few per cent.
    assert np.mean([one for one in found if one is not None]) == pytest.approx(size, rel=0.12)


def test_too_few_images_or_no_scatter_tell_no_size() -> None:
    one = np.array([[9.0, 1.0], [2.0, 8.0]])
    assert effective_size([one, one.T]) is None
    assert effective_size([one, one, one]) is None


# --- intervals -------------------------------------------------------------------------------


def test_intervals_cover_the_truth_of_images_with_confusions_of_their_own() -> None:
    generator = np.random.default_rng(9)
    rates = np.array([[0.9, 0.06, 0.04], [0.1, 0.8, 0.1], [0.05, 0.1, 0.85]])
    truth = np.array([0.5, 0.2, 0.3])
    covered = []
    for _ in range(120):
        images = [
            1e5 * np.array([generator.dirichlet(8 * row) for row in rates]) * truth[:, None]
            for _ in range(13)
        ]
        shown = 100.0 * images[0].sum(axis=0) / images[0].sum()
        size = effective_size(images[1:])
        assert size is not None
        # A map without scatter of its own, so that the interval is that of the mistakes alone.
        plain = composition_of({0: 34.0, 1: 33.0, 6: 33.0})
        exact = replace(
            plain,
            phases=tuple(
                replace(one, area_percent=float(share), ci95_percent=(float(share),) * 2)
                for one, share in zip(plain.phases, shown, strict=True)
            ),
        )
        errors = map_errors(exact, held_out(np.sum(images[1:], axis=0), effective_size=size))
        for one, share in zip(errors.shares, 100 * truth, strict=True):
            assert one.total_ci95_percent is not None
            covered.append(one.total_ci95_percent[0] <= share <= one.total_ci95_percent[1])
    # 360 intervals, dependent by threes: a true 95 % falls below 90 % once in hundreds of runs.
    assert 0.90 <= np.mean(covered) <= 0.995


def test_a_faultless_model_widens_nothing() -> None:
    composition = composition_of({0: 50, 1: 18, 6: 32})
    errors = map_errors(composition, held_out(np.diag([5, 6, 7])))
    for phase, one in zip(composition.phases, errors.shares, strict=True):
        assert one.total_ci95_percent == pytest.approx(phase.ci95_percent)
        assert one.corrected_percent == pytest.approx(phase.area_percent)
    assert errors.warnings == ()


@given(hnp.arrays(np.int64, (3, 3), elements=st.integers(1, 60)))
@settings(deadline=None, max_examples=30)
def test_intervals_are_never_narrower_than_the_sampling(counts: NDArray[np.int64]) -> None:
    composition = composition_of({0: 50, 1: 18, 6: 32}, side=64)
    errors = map_errors(composition, held_out(counts))
    for phase, one in zip(composition.phases, errors.shares, strict=True):
        assert phase.ci95_percent is not None
        assert one.total_ci95_percent is not None
        assert 0.0 <= one.total_ci95_percent[0] <= phase.ci95_percent[0] + 1e-9
        assert phase.ci95_percent[1] - 1e-9 <= one.total_ci95_percent[1] <= 100.0


def test_equal_maps_get_equal_figures() -> None:
    composition = composition_of({0: 50, 1: 18, 6: 32}, side=64)
    confusion = held_out([[9, 1, 0], [1, 8, 1], [0, 2, 9]])
    assert map_errors(composition, confusion).shares == map_errors(composition, confusion).shares


# --- warnings --------------------------------------------------------------------------------


def test_what_stands_against_it_is_said() -> None:
    composition = composition_of({0: 50, 1: 18, 6: 32}, side=64)
    unseen = map_errors(composition, held_out([[9, 1, 0], [0, 0, 0], [0, 2, 9]]))
    assert any(one.startswith("Ccp: no held-out pixels") for one in unseen.warnings)
    twins = map_errors(composition, held_out([[9, 0, 0], [0, 50, 50], [0, 49, 51]]))
    assert any("hardly tells some phases apart" in one for one in twins.warnings)
    one_image = map_errors(composition, held_out(np.eye(3) + 1, images=1))
    assert any("too few for intervals" in one for one in one_image.warnings)
    assert all(one.total_ci95_percent is None for one in one_image.shares)


def test_the_limit_of_what_was_not_found_counts_what_the_map_misses() -> None:
    labels = np.random.default_rng(1).integers(0, 2, (64, 64)).astype(np.uint8)
    composition = modal_composition(labels, looked_for=(0, 1, 6, 8))
    # Of six held-out pixels in ten the model names six; 8 is no class of the confusion.
    known = held_out([[9, 1, 0], [1, 8, 1], [4, 0, 6]])
    pyrite, sphalerite = not_found(composition, known)
    assert pyrite.upper_percent is not None
    assert pyrite.map_upper_percent == pytest.approx(pyrite.upper_percent / 0.6, abs=1e-4)
    assert pyrite.reported_percent == pyrite.map_upper_percent
    assert sphalerite.map_upper_percent is None
    assert sphalerite.reported_percent == sphalerite.upper_percent
    blind = not_found(composition, held_out([[9, 1, 0], [1, 8, 1], [9, 1, 0]]))[0]
    assert blind.map_upper_percent == 100.0
    unseen = not_found(composition, held_out([[9, 1, 0], [1, 8, 1], [0, 0, 0]]))[0]
    assert unseen.map_upper_percent is None
    assert not_found(composition)[0].map_upper_percent is None


def test_exactly_like_phases_still_give_shares() -> None:
    errors = map_errors(
        composition_of({0: 50, 1: 18, 6: 32}), held_out([[9, 0, 0], [0, 5, 5], [0, 5, 5]])
    )
    assert sum(one.corrected_percent for one in errors.shares) == pytest.approx(100.0)
    assert errors.warnings


# --- which confusion -------------------------------------------------------------------------


def evaluation(association: str | None, confusion: Any, images: int = 4, **more: Any) -> Any:
    return {
        "data": "painted",
        "images": [f"a{k}" for k in range(images)],
        "association": association,
        "resampling": "1",
        "mean_iou": 0.5,
        "pixel_accuracy": 0.5,
        "iou": {},
        "baseline_mean_iou": 0.1,
        "baseline_pixel_accuracy": 0.1,
        "baseline_iou": {},
        "confusion": confusion,
        "confusion_codes": [0, 1, 2, 6],
    } | more


def card_with(*evaluations: Any) -> ModelCard:
    return tiny_card(evaluations=list(evaluations))


OPEN = [[9, 1, 0, 0], [1, 9, 0, 0], [0, 0, 9, 1], [0, 2, 0, 9]]
GIVEN = [[8, 1, 1, 0], [1, 9, 0, 0], [0, 0, 9, 1], [0, 2, 0, 9]]


def test_the_confusion_is_that_of_the_same_classes() -> None:
    card = card_with(evaluation("S1", GIVEN), evaluation(None, OPEN))
    # S1 holds all four classes of the tiny model, so told S1 and open are the same question.
    found = held_out_confusion(card, (0, 1, 2, 6))
    assert found is not None
    assert found.counts.tolist() == GIVEN
    assert (found.images, found.is_restricted, found.is_measured) == (4, False, False)
    assert found.effective_size == DEFAULT_EFFECTIVE_SIZE


def test_another_association_takes_the_open_one_restricted() -> None:
    card = card_with(evaluation("S1", GIVEN), evaluation(None, OPEN))
    found = held_out_confusion(card, (0, 1, 6))
    assert found is not None
    assert found.counts.tolist() == [[9, 1, 0], [1, 9, 0], [0, 2, 9]]
    assert found.is_restricted
    warnings = map_errors(composition_of({0: 50, 6: 50}, side=64), found).warnings
    assert any("approximate" in one for one in warnings)


def test_confusions_of_images_tell_the_size() -> None:
    single = [
        {
            "name": f"a{k}",
            "pixel_accuracy": 0.5,
            "mean_iou": 0.5,
            "mean_modal_error_pp": 1.0,
            "confusion": (np.array(OPEN) + k * np.eye(4, dtype=int)[::-1]).tolist(),
        }
        for k in range(4)
    ]
    found = held_out_confusion(card_with(evaluation(None, OPEN, per_image=single)), (0, 1, 2, 6))
    assert found is not None
    assert found.is_measured
    assert found.effective_size > 0


def test_a_card_without_a_confusion_corrects_nothing() -> None:
    assert held_out_confusion(tiny_card(), (0, 1)) is None
    nothing = np.zeros((4, 4), dtype=int).tolist()
    assert held_out_confusion(card_with(evaluation(None, nothing)), (0, 1, 2, 6)) is None
