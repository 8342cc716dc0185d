"""Touching grains: as many as were drawn, the same by strips, sums kept."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.report import grain_entries
from petrography.statistics import Particles, ParticleStream, measure_grains, summarise_grains

Labels = NDArray[np.uint8]


def discs(shape: tuple[int, int], *placed: tuple[float, float, float]) -> Labels:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, dtype=np.uint8)
    for row, column, radius in placed:
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = 1
    return labels


def told_apart(labels: Labels, height: int | None = None, largest_px: int = 512) -> Particles:
    grains = measure_grains(labels, min_area_px=1)
    stream = ParticleStream(grains, largest_crop_px=largest_px)
    for row in range(0, len(labels), height or len(labels)):
        stream.add(grains.component_map[row : row + (height or len(labels))])
    return stream.finish()


@pytest.mark.parametrize("apart", [1.5, 1.7, 1.9])
@pytest.mark.parametrize("radius", [8.0, 30.0])
def test_discs_that_touch_are_counted_one_by_one(radius: float, apart: float) -> None:
    step = apart * radius
    chain = [(radius + 3, radius + 3 + step * k, radius) for k in range(4)]
    labels = discs((int(2 * radius + 7), int(5 * step + 2 * radius)), *chain)
    parts = told_apart(labels)
    assert parts.grain.tolist() == [1] * 4
    assert parts.area_px.sum() == np.count_nonzero(labels)
    # A lens is shared by two.
    half = apart / 2
    lens = 2 * math.acos(half) - 2 * half * math.sqrt(1 - half**2)
    expected = radius**2 * np.array([math.pi - lens / 2 * ends for ends in (1, 2, 2, 1)])
    assert parts.area_px == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("apart", [0.3, 0.6])
def test_discs_that_overlap_almost_wholly_are_one(apart: float) -> None:
    # Their neck is sqrt(1 - apart²/4) of a radius: less than a tenth below it.
    labels = discs((60, 100), (30, 35, 20), (30, 35 + apart * 20, 20))
    assert told_apart(labels).grain.tolist() == [1]


def test_a_rough_disc_and_a_rectangle_are_one() -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:120, :120] - 60
    angle = np.arctan2(rows, columns)
    radius = 40 + sum(
        rng.normal(0, 0.5) * np.cos(k * angle + rng.uniform(0, 6)) for k in range(3, 25)
    )
    rough = (np.hypot(rows, columns) <= radius).astype(np.uint8)
    assert told_apart(rough).grain.tolist() == [1]
    rectangle = np.zeros((60, 120), dtype=np.uint8)
    rectangle[10:40, 10:110] = 1
    assert told_apart(rectangle).grain.tolist() == [1]


def test_three_grains_around_a_gap() -> None:
    labels = discs((120, 120), (40, 40, 24), (40, 84, 24), (78, 62, 24))
    assert told_apart(labels).grain.tolist() == [1, 1, 1]


IMAGES = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=30),
    elements=st.sampled_from([0, 1, 1, 1, 6]),
)


@given(IMAGES, st.integers(1, 9))
@settings(deadline=None, max_examples=40)
def test_strips_give_the_same_and_parts_sum_to_their_grain(labels: Labels, height: int) -> None:
    whole, cut = told_apart(labels), told_apart(labels, height)
    assert np.array_equal(whole.grain, cut.grain)
    assert np.array_equal(whole.area_px, cut.area_px)
    area_px = measure_grains(labels, min_area_px=1).area_px
    sums = np.bincount(whole.grain, weights=whole.area_px, minlength=len(area_px) + 1)[1:]
    assert np.array_equal(sums, area_px)
    assert (whole.area_px > 0).all()


@pytest.mark.parametrize("seed", [53, 63, 128, 152])
def test_a_grain_is_cut_alike_beside_any_other_grains(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fields = [
        discs(
            (48, 48),
            *((*rng.integers(10, 38, 2), radius) for radius in rng.integers(3, 9, 5).tolist()),
        )
        for _ in range(2)
    ]
    alone = np.concatenate([told_apart(field).area_px for field in fields])
    together = told_apart(np.hstack([fields[0], np.zeros((48, 2), dtype=np.uint8), fields[1]]))
    assert sorted(together.area_px.tolist()) == sorted(alone.tolist())


def test_what_exceeds_the_largest_crop_stays_whole_and_is_counted() -> None:
    labels = discs((40, 120), (20, 20, 12), (20, 40, 12), (20, 80, 12))
    parts = told_apart(labels, largest_px=30)
    assert parts.grain.tolist() == [1, 2]
    assert parts.too_large.tolist() == [True, False]
    grains = measure_grains(labels)
    (summary,) = summarise_grains(grains, parts)
    touching = grain_entries((summary,), um_per_px=2.0)["Ccp"].touching
    assert touching is not None
    assert (touching.particles, touching.divided, touching.too_large) == (2, 0, 1)
    assert touching.ecd_px is not None
    assert touching.ecd_um is not None
    assert touching.ecd_um.area_p80 == pytest.approx(2 * touching.ecd_px.area_p80, abs=2e-3)


def test_missing_rows_are_an_error() -> None:
    grains = measure_grains(discs((40, 40), (20, 20, 12)))
    stream = ParticleStream(grains)
    stream.add(grains.component_map[:25])
    with pytest.raises(InvalidParameterError, match="end at 25; wanted all"):
        stream.finish()
