"""Modal composition by strips, on all bases, with intervals on masses and elements."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import stats

from petrography.errors import InvalidParameterError, LabelImageError
from petrography.minerals import mineral
from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.report import label_image_result, modal_table
from petrography.statistics import (
    Composition,
    CompositionCounter,
    PhaseShare,
    measure_grains,
    modal_composition,
)
from petrography.statistics.assay import mass_fractions
from petrography.statistics.detection import upper_limit
from petrography.statistics.grain_table import MIN_GRAIN_AREA_PX
from petrography.statistics.intervals import FINEST_PHASE, sample_bounds

Labels = NDArray[np.uint8]

LABELS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=150),
    elements=st.sampled_from([0, 1, 2, 37, 255]),
).filter(lambda labels: bool((labels != 255).any()))


def by_strips(labels: Labels, cuts: list[int]) -> Composition:
    counter = CompositionCounter((labels.shape[0], labels.shape[1]), looked_for=(1, 6))
    for top, bottom in pairwise([0, *sorted(cuts), labels.shape[0]]):
        if bottom > top:
            counter.add(labels[top:bottom])
    return counter.finish()


def share(composition: Composition, code: int) -> PhaseShare:
    return next(phase for phase in composition.phases if phase.code == code)


def patchy(seed: int, length_px: float = 4.0, size_px: int = 192) -> Labels:
    """Half background; of the ore half chalcopyrite, half galena, each from a field of its own."""
    rng = np.random.default_rng(seed)
    ore, copper = (gaussian_field((size_px, size_px), (length_px,), rng) > 0 for _ in range(2))
    return np.where(ore, np.where(copper, 1, 2), 0).astype(np.uint8)


# --- strips ----------------------------------------------------------------------------------


@given(LABELS, st.data())
@settings(deadline=None, max_examples=60)
def test_strips_of_any_heights_give_the_same_composition(
    labels: Labels, data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, labels.shape[0]), max_size=12))
    assert by_strips(labels, cuts) == modal_composition(labels, looked_for=(6, 1))


def test_rows_one_by_one_give_the_same_composition() -> None:
    labels = patchy(1)
    assert by_strips(labels, list(range(labels.shape[0]))) == by_strips(labels, [])


def test_a_strip_larger_than_what_is_counted_at_a_time_is_counted_exactly() -> None:
    labels = np.random.default_rng(2).choice([0, 1, 6], (1500, 1100)).astype(np.uint8)
    found = {phase.code: phase.area_px for phase in modal_composition(labels).phases}
    assert found == {code: int((labels == code).sum()) for code in (0, 1, 6)}


@pytest.mark.parametrize("shape", [(3, 5), (5, 4)])
def test_a_strip_that_does_not_fit_is_refused(shape: tuple[int, int]) -> None:
    counter = CompositionCounter((4, 4))
    with pytest.raises(LabelImageError, match=r"wanted the width of the image and at most 4 rows"):
        counter.add(np.zeros(shape, dtype=np.uint8))


def test_missing_rows_are_told() -> None:
    counter = CompositionCounter((4, 4))
    counter.add(np.zeros((3, 4), dtype=np.uint8))
    with pytest.raises(LabelImageError, match="3 rows were added; wanted all 4"):
        counter.finish()


def test_an_image_without_pixels_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="at least 1"):
        CompositionCounter((0, 4))


# --- bases -----------------------------------------------------------------------------------


def test_what_is_not_analysed_is_in_the_field_but_not_in_the_analysed_area() -> None:
    labels = np.full((80, 100), 37, dtype=np.uint8)
    labels[:, :40] = 1
    labels[:, 40:50] = 0
    labels[:, 50:60] = 255
    composition = modal_composition(labels)
    assert (composition.field_px, composition.analysed_px, composition.ore_px) == (7200, 4000, 3200)
    assert share(composition, 1).area_percent == pytest.approx(100 * 40 / 90)
    assert share(composition, 1).analysed_percent == 80.0
    assert share(composition, 37).analysed_percent is None
    assert share(composition, 37).area_percent == pytest.approx(100 * 40 / 90)
    ore_only = modal_composition(labels, not_analysed=(37, 0))
    assert share(ore_only, 1).analysed_percent == 100.0
    assert ore_only.not_analysed == (0, 37)


def test_nothing_left_to_analyse_leaves_the_other_bases_alone() -> None:
    composition = modal_composition(np.full((9, 9), 37, dtype=np.uint8))
    assert (composition.analysed_px, composition.field_px) == (0, 81)
    assert composition.phases[0].area_percent == 100.0


# --- masses and elements ---------------------------------------------------------------------


def test_intervals_of_masses_and_elements_hold_their_values() -> None:
    composition = modal_composition(patchy(3))
    assert composition.element_percent is not None
    assert composition.element_ci95_percent is not None
    for code in (1, 2):
        phase = share(composition, code)
        assert phase.mass_percent is not None
        assert phase.mass_ci95_percent is not None
        assert phase.mass_ci95_percent[0] < phase.mass_percent < phase.mass_ci95_percent[1]
    for element in ("Cu", "Pb", "S", "Fe"):
        low, high = composition.element_ci95_percent[element]
        assert low < composition.element_percent[element] < high


def test_an_element_of_one_mineral_is_known_as_well_as_the_mineral() -> None:
    # Of two minerals, lead is carried by galena alone: its interval is that of the mass of galena
    # times the lead in it.
    composition = modal_composition(patchy(4))
    mass = share(composition, 2).mass_ci95_percent
    assert mass is not None
    assert composition.element_ci95_percent is not None
    lead = mass_fractions(mineral(2).formula or "")["Pb"]
    assert composition.element_ci95_percent["Pb"] == pytest.approx(
        tuple(lead * bound for bound in mass), rel=1e-9
    )


def test_mass_and_element_intervals_cover_the_truth() -> None:
    # Half of the ore is chalcopyrite, half galena, by area.
    whole = 4.2 + 7.5
    lead = 100 * 7.5 / whole * mass_fractions("PbS")["Pb"]
    covered = np.zeros(2)
    for seed in range(40):
        composition = modal_composition(patchy(seed, 3.0, 128))
        mass, elements = share(composition, 1).mass_ci95_percent, composition.element_ci95_percent
        assert mass is not None
        assert elements is not None
        covered += [
            mass[0] <= 420 / whole <= mass[1],
            elements["Pb"][0] <= lead <= elements["Pb"][1],
        ]
    # 38 expected; 33 or fewer have a chance of 1 in 70 for a true 95 %, and the seeds are fixed.
    assert covered.min() >= 34


# --- few samples, rare phases ----------------------------------------------------------------


@given(st.integers(1, 400), st.data())
def test_independent_samples_have_the_interval_of_clopper_and_pearson(
    count: int, data: st.DataObject
) -> None:
    seen = data.draw(st.integers(1, count))
    if seen < count:
        exact = stats.binomtest(seen, count).proportion_ci(0.95, method="exact")
        bounds = sample_bounds(seen / count, float(count), math.inf)
        assert bounds == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_fewer_degrees_of_freedom_make_wider_intervals() -> None:
    widths = [
        high - low for low, high in (sample_bounds(0.2, 50, free) for free in (2, 5, 30, 1e9))
    ]
    assert widths == sorted(widths, reverse=True)


def test_the_rule_of_three() -> None:
    assert upper_limit(10_000) == pytest.approx(3 / 10_000, rel=0.002)


def test_phases_that_were_looked_for_and_not_found_have_a_limit() -> None:
    composition = modal_composition(patchy(5), looked_for=(0, 1, 2, 6, 8, 255))
    samples = composition.design.independent_samples
    assert samples is not None
    assert [limit.code for limit in composition.not_found] == [6, 8]
    assert {limit.upper_percent for limit in composition.not_found} == {100 * upper_limit(samples)}


def test_one_phase_alone_shows_no_texture_to_find_others_by() -> None:
    composition = modal_composition(np.ones((64, 64), dtype=np.uint8), looked_for=(2,))
    assert composition.not_found[0].upper_percent is None


def test_a_speck_says_no_more_than_seeing_nothing() -> None:
    # A few pixels of galena in a coarse texture: without the texture, the blocks would call the
    # galena finely spread and known to a hundredth of a per cent.
    labels = np.where(patchy(6, 24.0) == 1, 1, 0).astype(np.uint8)
    labels[np.random.default_rng(6).random(labels.shape) < 0.0005] = 2
    composition = modal_composition(labels, looked_for=(6,))
    galena = share(composition, 2)
    (pyrite,) = composition.not_found
    assert galena.ci95_percent is not None
    assert pyrite.upper_percent is not None
    assert galena.area_percent < 0.1
    # Two sides of 2.5 % and twice the samples, against one side of 5 %.
    assert galena.ci95_percent[1] > pyrite.upper_percent / FINEST_PHASE


@pytest.mark.parametrize("specks", [1, 4])
def test_a_mistaken_pixel_in_a_barren_field_is_no_texture(specks: int) -> None:
    labels = np.zeros((512, 512), dtype=np.uint8)
    labels[:: 512 // specks, 100] = 2
    composition = modal_composition(labels, looked_for=(1,))
    (pyrite,) = composition.not_found
    assert pyrite.upper_percent == pytest.approx(100 * upper_limit(composition.design.blocks))
    speck = share(composition, 2)
    assert speck.ci95_percent is not None
    assert speck.ci95_percent[1] > pyrite.upper_percent / FINEST_PHASE
    background = share(composition, 0)
    assert background.ci95_percent is not None
    assert background.ci95_percent[0] < 100.0 - pyrite.upper_percent / FINEST_PHASE


def test_no_texture_is_finer_than_the_smallest_grain() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random((256, 256)) < 0.001).astype(np.uint8)
    samples = modal_composition(labels).design.independent_samples
    assert samples == pytest.approx(256**2 / MIN_GRAIN_AREA_PX)


def test_independent_samples_are_those_of_the_texture() -> None:
    # Lantuejoul: the variance of the mean over an area is p (1 - p) A2 / A. A phase cut at the
    # median has the covariance asin(rho) / 2 pi, whose integral range is 2 pi l^2 times ln 2.
    length_px, size_px = 4.0, 256
    found = []
    for seed in range(5):
        field = gaussian_field((size_px, size_px), (length_px,), np.random.default_rng(seed)) > 0
        samples = modal_composition(field.astype(np.uint8)).design.independent_samples
        assert samples is not None
        found.append(samples)
    expected = size_px**2 / (2 * math.pi * length_px**2 * math.log(2))
    assert np.median(found) == pytest.approx(expected, rel=0.25)


def test_few_independent_samples_are_told() -> None:
    composition = modal_composition(patchy(7, 30.0))
    assert any("independent samples of its texture" in one for one in composition.warnings)


def test_fine_even_textures_have_no_warning() -> None:
    composition = modal_composition(patchy(8, 3.0, 256))
    assert composition.warnings == ()
    assert composition.design.error_growth == pytest.approx(1.1, abs=0.25)


def test_bands_across_the_whole_image_are_told() -> None:
    # Fine ore whose grade changes from one side to the other: no block sees another as its equal.
    rng = np.random.default_rng(9)
    grade = np.repeat(np.where(np.arange(256) < 128, 0.25, 0.75)[None, :], 256, axis=0)
    composition = modal_composition((rng.random((256, 256)) < grade).astype(np.uint8))
    assert composition.warnings != ()


def test_one_phase_alone_is_said_to_have_no_limit() -> None:
    labels = np.zeros((64, 64), dtype=np.uint8)
    grains = measure_grains(labels)
    composition = modal_composition(labels, looked_for=(1, 2))
    text = modal_table(label_image_result(composition, grains, identity="a"))
    assert text.endswith("not found: Ccp, Gn (no limit: one phase fills the image)")
