"""False ribbons along boundaries are found, real veins are not taken for them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from petrography.errors import LabelImageError
from petrography.statistics import measure_contacts
from petrography.statistics.halos import HaloFilter, remove_halos
from tests.petrography.contact_fields import bodies, layers, with_halos

Labels = NDArray[np.uint8]

ANGLES_DEG = range(0, 180, 6)
FIELDS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=20),
    elements=st.sampled_from([0, 1, 6]),
)


def coarse(labels: Labels, factor: int) -> Labels:
    return np.kron(labels, np.ones((factor, factor), dtype=np.uint8))


@pytest.mark.parametrize("angle_deg", ANGLES_DEG)
@pytest.mark.parametrize("width_px", [1.0, 1.5, 2.0])
def test_ribbons_up_to_two_pixels_between_two_phases_go(angle_deg: int, width_px: float) -> None:
    labels = layers(angle_deg, [-width_px / 2, width_px / 2], [1, 8, 6])
    without, changed_px = remove_halos(labels)
    # At the edge of the image nobody sees how wide a phase is.
    assert 8 not in without[5:-5, 5:-5]
    assert changed_px == np.count_nonzero(labels != without) > 0
    assert set(np.unique(labels[labels != without])) == {8}


@pytest.mark.parametrize("angle_deg", ANGLES_DEG)
@pytest.mark.parametrize("width_px", [3.0, 3.5, 4.0])
def test_veins_from_three_pixels_on_stay(angle_deg: int, width_px: float) -> None:
    labels = layers(angle_deg, [-width_px / 2, width_px / 2], [1, 8, 6])
    without, changed_px = remove_halos(labels)
    # Where a vein leaves the image at a slant it ends in a thin tip.
    np.testing.assert_array_equal(without[5:-5, 5:-5], labels[5:-5, 5:-5])
    assert changed_px <= 4


@pytest.mark.parametrize("width_px", [1.0, 2.0])
def test_a_thin_vein_inside_one_phase_is_no_halo(width_px: float) -> None:
    labels = layers(30, [-width_px / 2, width_px / 2], [1, 8, 1])
    assert remove_halos(labels)[1] == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("both_sides", "false_share"), [(False, 0.02), (True, 0.08)], ids=["1 px", "2 px"]
)
def test_contacts_of_the_truth_come_back(seed: int, both_sides: bool, false_share: float) -> None:
    truth = bodies(seed, 16.0)
    known = measure_contacts(truth, remove_halos=False)
    spoilt = with_halos(truth, 4, both_sides=both_sides)
    got, raw = (measure_contacts(spoilt, remove_halos=off) for off in (True, False))
    true_pairs = np.ix_(*[[got.codes.index(code) for code in known.codes]] * 2)
    error = np.abs(got.length_px[true_pairs] - known.length_px)[known.length_px > 0]
    # Every pair within 8 % of its true length, where without the filter hardly any is left.
    assert (error / known.length_px[known.length_px > 0]).max() < 0.08
    assert raw.length_px[true_pairs].sum() < 0.25 * known.length_px.sum()
    false = got.codes.index(4)
    assert got.boundary_px[false] < false_share * known.boundary_px.sum() / 2
    assert raw.boundary_px[false] > 1.5 * known.boundary_px.sum() / 2


@pytest.mark.parametrize("seed", range(3))
def test_clean_bodies_keep_their_contacts(seed: int) -> None:
    truth = bodies(seed, 16.0)
    clean, raw = (measure_contacts(truth, remove_halos=off) for off in (True, False))
    assert clean.length_px.sum() == pytest.approx(raw.length_px.sum(), rel=0.02)
    assert clean.area_px.tolist() == raw.area_px.tolist()


def test_who_lost_pixels_is_told() -> None:
    labels = np.repeat(np.uint8([[1] * 9 + [8] + [6] * 9]), 20, axis=0)
    contacts = measure_contacts(labels)
    assert dict(zip(contacts.codes, contacts.halo_px.tolist(), strict=True)) == {1: 0, 6: 0, 8: 20}
    assert contacts.area_px.tolist() == [180, 180, 20]


def test_pixels_that_nobody_annotated_stay_and_are_no_phase() -> None:
    labels = np.repeat(np.uint8([[1] * 9 + [255] + [6] * 9]), 20, axis=0)
    assert remove_halos(labels)[1] == 0
    beside = np.repeat(np.uint8([[1] * 9 + [8] + [255] * 9]), 20, axis=0)
    assert remove_halos(beside)[1] == 0


@given(FIELDS, st.integers(1, 4), st.lists(st.integers(0, 79), max_size=8))
@settings(deadline=None, max_examples=200)
def test_the_cut_into_strips_changes_nothing(labels: Labels, factor: int, cuts: list[int]) -> None:
    labels = with_halos(coarse(labels, factor), 8, both_sides=bool(factor % 2))
    numbers = np.arange(labels.size, dtype=np.uint32).reshape(labels.shape)
    parts = HaloFilter()
    done = [
        parts.add(strip, number)
        for strip, number in zip(
            *(
                np.split(one, sorted({cut % len(labels) for cut in cuts} - {0}))
                for one in (labels, numbers)
            ),
            strict=True,
        )
    ]
    done.append(parts.finish())
    without = np.concatenate([one for one, _ in done])
    whole, changed_px = remove_halos(labels)
    np.testing.assert_array_equal(without, whole, strict=True)
    assert parts.changed_px.sum() == changed_px == np.count_nonzero(labels != whole)
    # The map that travels along comes from the pixel whose phase was taken.
    source = np.concatenate([number for _, number in done])
    np.testing.assert_array_equal(labels.ravel()[source], whole)


@pytest.mark.parametrize("seed", range(4))
def test_knots_beside_knots_come_out_the_same_from_strips(seed: int) -> None:
    # A knot takes the phase of a body that is none itself, which rows far from it decide.
    rng = np.random.default_rng(seed)
    labels = coarse(rng.choice(np.uint8([1, 6, 8, 9]), size=(20, 20)), 3)
    labels[rng.random(labels.shape) < 0.1] = 9
    whole, changed_px = remove_halos(labels)
    for rows in (1, 4):
        parts = HaloFilter()
        done = [parts.add(labels[top : top + rows])[0] for top in range(0, len(labels), rows)]
        np.testing.assert_array_equal(np.concatenate([*done, parts.finish()[0]]), whole)
        assert parts.changed_px.sum() == changed_px


def test_without_pixels_there_is_nothing_to_do() -> None:
    with pytest.raises(LabelImageError, match="at least 1 px"):
        remove_halos(np.zeros((0, 4), dtype=np.uint8))


@settings(deadline=None, max_examples=200)
@given(FIELDS, *(st.lists(st.integers(0, 19), max_size=6) for _ in range(2)))
def test_halos_that_were_found_once_need_not_be_found_again(
    labels: Labels, first_cuts: list[int], second_cuts: list[int]
) -> None:
    numbers = np.arange(labels.size, dtype=np.uint32).reshape(labels.shape)
    seeking = HaloFilter()
    wanted = filtered(seeking, labels, numbers, first_cuts)
    found = seeking.found()
    assert found is not None
    knowing = HaloFilter(found)
    given_layers = filtered(knowing, labels, numbers, second_cuts)
    for layer, other in zip(given_layers, wanted, strict=True):
        np.testing.assert_array_equal(layer, other, strict=True)
    np.testing.assert_array_equal(knowing.changed_px, seeking.changed_px)


def filtered(
    filtering: HaloFilter, labels: Labels, numbers: NDArray[np.uint32], cuts: list[int]
) -> list[NDArray[np.generic]]:
    bounds = sorted({cut % len(labels) for cut in cuts} - {0})
    strips = zip(np.split(labels, bounds), np.split(numbers, bounds), strict=True)
    given_strips = [filtering.add(*strip) for strip in strips]
    given_strips.append(filtering.finish())
    return [np.concatenate(layers) for layers in zip(*given_strips, strict=True)]


def test_too_many_halos_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("petrography.statistics.halos._MOST_KEPT_PX", 5)
    filtering = HaloFilter()
    filtering.add(np.repeat(np.uint8([[1, 1, 1, 8, 8, 6, 6, 6]]), 8, axis=0))
    filtering.finish()
    assert filtering.found() is None
