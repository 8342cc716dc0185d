"""Distributions of grain sizes: quantiles, sieves, edge correction, intercepts, ASTM numbers."""

from __future__ import annotations

import math
from dataclasses import astuple, replace
from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from petrography.report import grain_entries
from petrography.report.grain_figure_entries import intercept_entry, shape_entry
from petrography.statistics import measure_grains, summarise_grains
from petrography.statistics.intercepts import (
    InterceptStream,
    MeanIntercept,
    astm_number_from_count,
    astm_number_from_intercept,
)
from petrography.statistics.size_distributions import (
    FEWEST_ABOVE_P80,
    SIEVES_PX,
    SIEVES_UM,
    edge_weights,
    p80_interval,
    sieve_classes,
    size_quantiles,
)

Labels = NDArray[np.uint8]
SIZES = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(1.0, 3000.0))


def discs(
    rng: np.random.Generator, side: int, count: int, radii: NDArray[np.float64]
) -> tuple[Labels, NDArray[np.float64]]:
    """Discs that do not touch, scattered over more than the image, and the radii that were drawn."""
    margin = int(radii.max()) + 2
    labels = np.zeros((side + 2 * margin, side + 2 * margin), dtype=np.uint8)
    drawn = []
    for _ in range(count):
        radius = float(rng.choice(radii))
        y, x = rng.uniform(radius + 1, len(labels) - radius - 2, size=2)
        top, left = int(y - radius - 1), int(x - radius - 1)
        size = math.ceil(2 * radius) + 4
        rows, columns = np.mgrid[top : top + size, left : left + size]
        window = labels[top : top + size, left : left + size]
        disc = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
        near = (rows - y) ** 2 + (columns - x) ** 2 <= (radius + 2) ** 2
        if not window[near[: len(window), : window.shape[1]]].any():
            window[disc[: len(window), : window.shape[1]]] = 1
            drawn.append(radius)
    return labels[margin:-margin, margin:-margin], np.array(drawn)


# --- sieves and curves -----------------------------------------------------------------------


@given(SIZES)
@settings(deadline=None, max_examples=60)
def test_sieve_classes_hold_every_grain_once_and_say_what_passes(
    ecd: NDArray[np.float64],
) -> None:
    area_px = np.maximum(1, (ecd**2 * math.pi / 4)).astype(np.int64)
    classes = sieve_classes(ecd, area_px, SIEVES_UM)
    assert sum(one.count for one in classes) == len(ecd)
    assert sum(one.area_percent for one in classes) == pytest.approx(100.0)
    for one in classes:
        upper = math.inf if one.upper is None else one.upper
        passing = area_px[ecd <= upper].sum() / area_px.sum()
        assert one.passing_percent == pytest.approx(100.0 * passing)


@pytest.mark.parametrize("apertures", [SIEVES_PX, SIEVES_UM])
def test_sieves_are_a_root_of_two_series(apertures: tuple[float, ...]) -> None:
    steps = np.diff(np.log2(apertures))
    # Nominal apertures are rounded.
    assert steps == pytest.approx(0.5, abs=0.09)
    assert np.log2(apertures[-1] / apertures[0]) / len(steps) == pytest.approx(0.5, abs=0.005)


def test_no_grain_has_no_classes_and_no_interval() -> None:
    nothing = np.zeros(0)
    assert sieve_classes(nothing, nothing.astype(np.int64), SIEVES_PX) == ()
    assert p80_interval(nothing, nothing.astype(np.int64)) is None


# --- interval of the P80 ---------------------------------------------------------------------


def test_p80_intervals_of_log_normal_sizes_cover_the_truth() -> None:
    # Weighted with area, a log-normal law of standard deviation s is shifted by 2 s².
    spread, rng = 0.3, np.random.default_rng(1)
    truth = math.exp(2 * spread**2 + 0.8416 * spread)
    covered = []
    for _ in range(40):
        ecd = np.exp(rng.normal(0.0, spread, 300))
        bounds = p80_interval(ecd, (1e6 * ecd**2).astype(np.int64))
        assert bounds is not None
        covered.append(bounds[0] <= truth <= bounds[1])
    # 0.95 less three standard errors of 40 trials.
    assert np.mean(covered) >= 0.85


def test_few_large_grains_have_no_interval() -> None:
    ecd = np.array([1.0] * 500 + [50.0] * (FEWEST_ABOVE_P80 - 1))
    area_px = (100 * ecd**2).astype(np.int64)
    assert size_quantiles(ecd, area_px).p80 > 1.0
    assert p80_interval(ecd, area_px) is None


# --- shapes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("solidity", "written"), [(0.98765, 0.988), (0.99996, 1.0), (0.000444321, 0.000444)]
)
def test_solidity_is_never_written_as_nothing(solidity: float, written: float) -> None:
    # 0.0004 is that of a crack of one pixel along two sides of an image of 9000 x 9000 px.
    labels = np.zeros((10, 10), dtype=np.uint8)
    labels[2:8, 2:8] = 1
    (summary,) = summarise_grains(measure_grains(labels))
    assert summary.shapes is not None
    thin = replace(summary, shapes=replace(summary.shapes, solidity=solidity))
    entry = shape_entry(thin, None)
    assert entry is not None
    assert entry.solidity == written


# --- edge correction -------------------------------------------------------------------------


def test_edge_correction_is_unbiased_over_all_places_of_the_image() -> None:
    # A pattern that repeats for ever, seen through a small image at every place.
    pattern = np.zeros((20, 20), dtype=np.uint8)
    pattern[2:4, 1:3] = pattern[6:16, 2:4] = pattern[3:13, 8:17] = pattern[17, 10:13] = 1
    sizes = (3, 4, 20, 90)
    seen, corrected = np.zeros(len(sizes)), np.zeros(len(sizes))
    for down in range(20):
        for right in range(20):
            field = np.roll(pattern, (down, right), axis=(0, 1))[:14, :13]
            grains = measure_grains(field, min_area_px=1)
            weights = edge_weights(grains)
            for k, size in enumerate(sizes):
                of_size = (grains.area_px == size) & (weights > 0)
                seen[k] += np.count_nonzero(of_size)
                corrected[k] += weights[of_size].sum()
    # Each stands once in the pattern: as often in the image as its area is of the pattern's.
    expected = 14 * 13
    assert corrected == pytest.approx(expected)
    assert seen[-1] < 0.2 * expected
    assert seen[0] > 0.5 * expected


def test_grains_on_the_edge_have_no_weight_and_small_ones_almost_one() -> None:
    labels = np.zeros((100, 100), dtype=np.uint8)
    labels[:5, :5] = 1
    labels[50:54, 50:54] = 1
    weights = edge_weights(measure_grains(labels))
    assert weights.tolist() == [0.0, 100 * 100 / 95**2]


def test_how_the_image_lies_changes_no_size() -> None:
    # Two grains of 16 px, of which the long one weighs twice as much for the edge.
    labels = np.zeros((24, 24), dtype=np.uint8)
    labels[2:5, 2:5] = labels[8, 4:20] = labels[14:18, 10:14] = 1
    upright, upside_down = (
        summarise_grains(measure_grains(one, min_area_px=1))[0].edge_corrected
        for one in (labels, labels[::-1])
    )
    assert upright is not None
    assert upside_down is not None
    for name in ("ecd_px_by_number", "ecd_px_by_area"):
        sizes, turned = astuple(getattr(upright, name)), astuple(getattr(upside_down, name))
        assert turned == pytest.approx(sizes, rel=1e-9)


# --- intercepts and ASTM numbers -------------------------------------------------------------


@given(
    hnp.arrays(
        np.uint8,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.sampled_from([0, 1, 6, 255]),
    ),
    st.integers(1, 5),
)
@settings(deadline=None, max_examples=60)
def test_intercepts_do_not_depend_on_the_strips(labels: Labels, height: int) -> None:
    stream = InterceptStream()
    for row in range(0, len(labels), height):
        stream.add(labels[row : row + height])
    found = stream.finish()
    for code in (1, 6):
        inside = labels == code
        if inside.any():
            assert found[code] == MeanIntercept(
                int(inside.sum()), ends(labels, code), ends(labels.T, code)
            )
            lengths = chords(labels, code) + chords(labels.T, code)
            counts = found[code].chords.counts
            assert np.repeat(np.arange(len(counts)), counts).tolist() == sorted(lengths)


def ends(labels: Labels, code: int) -> int:
    pairs = [(a, b) for row in labels.tolist() for a, b in pairwise(row)]
    return sum((a == code) + (b == code) for a, b in pairs if a != b and 255 not in (a, b))


def chords(labels: Labels, code: int) -> list[int]:
    found = []
    for line in labels.tolist():
        runs = [(value, len(list(run))) for value, run in groupby(line)]
        found += [
            length
            for (before, _), ((value, length), (after, _)) in zip(
                runs[:-2], pairwise(runs[1:]), strict=True
            )
            if value == code and 255 not in (before, after)
        ]
    return found


def test_chords_are_reported_with_how_many_the_edge_cut() -> None:
    labels = np.zeros((40, 40), dtype=np.uint8)
    labels[10:20, 5:25] = 1
    labels[30:40, 0:10] = 1
    (summary,) = summarise_grains(measure_grains(labels))
    entry = intercept_entry(summary, 0.5)
    assert entry is not None
    assert entry.chords is not None
    # 10 of 20 px along rows and 20 of 10 px along columns; all of the other grain are cut.
    assert entry.chords.count == 30
    assert entry.chords.whole_percent == pytest.approx(100 * 400 / 600, abs=1e-3)
    px = entry.chords.chord_px
    assert (px.number_p20, px.number_p50, px.number_p80) == (10.0, 10.0, 20.0)
    assert (px.length_p20, px.length_p50, px.length_p80) == (10.0, 10.0, 20.0)
    assert entry.chords.chord_um is not None
    assert entry.chords.chord_um.length_p80 == 10.0


def test_the_mean_intercept_of_discs_is_that_of_geometry() -> None:
    # Cauchy: the mean chord of a convex set is pi * area / perimeter = pi r / 2.
    labels, _ = discs(np.random.default_rng(0), 400, 60, np.array([20.0]))
    mean = measure_grains(labels).intercepts[1].mean_px
    assert mean == pytest.approx(math.pi * 20 / 2, rel=0.03)


def test_a_phase_that_fills_the_image_has_no_intercept() -> None:
    (summary,) = summarise_grains(measure_grains(np.ones((20, 30), dtype=np.uint8)))
    entry = grain_entries((summary,), um_per_px=0.5)["Ccp"]
    assert entry.intercept is not None
    assert entry.intercept.mean_px is None
    assert entry.astm_e112 is not None
    assert entry.astm_e112.from_intercept is None
    assert entry.edge_corrected is None


def test_astm_numbers_of_squares_agree_and_halve_with_every_step() -> None:
    assert astm_number_from_count(2 * 7.75) - astm_number_from_count(7.75) == pytest.approx(1.0)
    assert astm_number_from_intercept(100) - astm_number_from_intercept(
        100 * math.sqrt(2)
    ) == pytest.approx(1.0)
    labels = np.zeros((200, 200), dtype=np.uint8)
    for top in range(12, 190, 20):
        for left in range(12, 190, 20):
            labels[top : top + 16, left : left + 16] = 1
    (summary,) = summarise_grains(measure_grains(labels))
    astm = grain_entries((summary,), um_per_px=2.0)["Ccp"].astm_e112
    assert astm is not None
    assert astm.from_intercept == pytest.approx(astm_number_from_intercept(32.0), abs=0.005)
    assert astm.from_count == pytest.approx(astm_number_from_count(1e6 / 32**2), abs=0.005)
    assert grain_entries((summary,))["Ccp"].astm_e112 is None
