"""Contacts grain by grain, and how grains are locked."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from petrography.errors import LabelImageError
from petrography.statistics import measure_contacts, measure_grains
from petrography.statistics.grain_axes import AxesStream
from petrography.statistics.grain_contacts import (
    GrainContacts,
    GrainContactStream,
    measure_grain_contacts,
)
from petrography.statistics.locking import LOCKING_CLASSES, grain_locking
from tests.petrography.contact_fields import bodies, with_halos

Labels = NDArray[np.uint8]

FIELDS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=20),
    elements=st.sampled_from([0, 1, 6, 37, 255]),
)


def grain_contacts(
    labels: Labels, *, min_area_px: int = 1, remove_halos: bool = True
) -> GrainContacts:
    grains = measure_grains(labels, min_area_px=min_area_px)
    return measure_grain_contacts(labels, grains, remove_halos=remove_halos)


@given(FIELDS, st.integers(1, 6), st.lists(st.integers(0, 19), max_size=6), st.booleans())
@settings(deadline=None, max_examples=200)
def test_the_cut_into_strips_changes_nothing(
    labels: Labels, min_area_px: int, cuts: list[int], remove_halos: bool
) -> None:
    grains = measure_grains(labels, min_area_px=min_area_px)
    whole = measure_grain_contacts(labels, grains, remove_halos=remove_halos)
    stream = GrainContactStream(
        grains.code, grains.centroid_px, grains.touches_edge, remove_halos=remove_halos
    )
    bounds = sorted({cut % len(labels) for cut in cuts} - {0})
    for strip, numbers in zip(
        np.split(labels, bounds), np.split(grains.component_map, bounds), strict=True
    ):
        stream.add(strip, numbers)
    parts = stream.finish()
    for name in ("grain", "neighbour", "neighbour_code", "length_px"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name), strict=True)
    for name in ("area_px", "centroid_px", "major_px", "minor_px", "angle_rad", "touches_edge"):
        np.testing.assert_array_equal(getattr(parts.axes, name), getattr(whole.axes, name))


@given(FIELDS)
@settings(deadline=None, max_examples=150)
def test_grains_of_a_phase_have_its_contacts_together(labels: Labels) -> None:
    contacts = grain_contacts(labels, remove_halos=False)
    phases = measure_contacts(labels, remove_halos=False)
    for place, code in enumerate(phases.codes):
        if code == 0:
            continue
        of_phase = contacts.by_phase_px[contacts.code == code].sum(axis=0)
        wanted = dict(zip(phases.codes, phases.length_px[place].tolist(), strict=True))
        for other, length_px in zip(contacts.phases, of_phase.tolist(), strict=True):
            assert length_px == pytest.approx(wanted[other], abs=1e-9)


@given(FIELDS)
@settings(deadline=None, max_examples=100)
def test_contacts_are_mutual_and_axes_those_of_the_grains(labels: Labels) -> None:
    grains = measure_grains(labels, min_area_px=1)
    contacts = measure_grain_contacts(labels, grains)
    between = contacts.neighbour > 0
    there = list(
        zip(
            contacts.grain[between].tolist(),
            contacts.neighbour[between].tolist(),
            contacts.length_px[between].tolist(),
            strict=True,
        )
    )
    assert {(b, a, length) for a, b, length in there} == set(there)
    np.testing.assert_array_equal(contacts.axes.area_px, grains.area_px)
    np.testing.assert_allclose(contacts.axes.centroid_px, grains.centroid_px, atol=1e-4)
    np.testing.assert_array_equal(contacts.axes.touches_edge, grains.touches_edge)


def test_axes_of_a_grain_of_millions_of_rows_fit_into_the_sums() -> None:
    strip = np.ones((100_000, 2), dtype=np.uint32)
    stream = AxesStream(np.array([[1_500_000.0, 0.5]]), np.array([True]))
    for _ in range(30):
        stream.add(strip)
    axes = stream.finish()
    assert axes.major_px[0] == pytest.approx(4.0 * 3_000_000 / math.sqrt(12), rel=1e-9)
    assert axes.minor_px[0] == pytest.approx(4.0 * 2 / math.sqrt(12), rel=1e-3)
    assert axes.centroid_px[0].tolist() == [1_499_999.5, 0.5]


def test_axes_of_a_turned_rectangle() -> None:
    row, column = np.indices((300, 300)) - 149.5
    turn = math.radians(25)
    along = column * math.cos(turn) + row * math.sin(turn)
    across = row * math.cos(turn) - column * math.sin(turn)
    labels = ((abs(along) < 90) & (abs(across) < 20)).astype(np.uint8)
    axes = grain_contacts(labels).axes
    # The second moment of a side s is s²/12, that of an ellipse of the axis a is a²/16.
    assert axes.major_px[0] == pytest.approx(180 * math.sqrt(16 / 12), rel=0.01)
    assert axes.minor_px[0] == pytest.approx(40 * math.sqrt(16 / 12), rel=0.01)
    assert math.degrees(axes.angle_rad[0]) == pytest.approx(25, abs=0.3)


def test_grains_without_a_number_are_neighbours_all_the_same() -> None:
    labels = np.zeros((40, 40), dtype=np.uint8)
    labels[10:30, 10:30] = 1
    labels[18:20, 30:32] = 6
    contacts = grain_contacts(labels, min_area_px=10, remove_halos=False)
    assert contacts.neighbour.tolist() == [0, 0]
    assert contacts.neighbour_code.tolist() == [0, 6]
    assert contacts.boundary_px[0] == pytest.approx(80, rel=0.08)


def test_a_halo_counts_for_the_grain_that_it_hides() -> None:
    truth = bodies(3, 30.0, codes=(1, 6))
    clean = grain_contacts(truth, min_area_px=10)
    spoilt = with_halos(truth, 8, both_sides=False)
    found = grain_contacts(spoilt, min_area_px=10)
    lengths = [one.length_px[one.neighbour_code == 6].sum() for one in (clean, found)]
    assert lengths[1] == pytest.approx(lengths[0], rel=0.03)


def test_locking_by_hand() -> None:
    labels = np.full((100, 100), 8, dtype=np.uint8)
    labels[:, 50:] = 0
    labels[10:20, 10:20] = 1  # inside sphalerite
    labels[40:60, 40:60] = 6  # half in sphalerite, half in background
    labels[70:80, 70:80] = 2  # in background
    locking = grain_locking(grain_contacts(labels))
    contacts = grain_contacts(labels)
    by_code = {int(code): place for place, code in enumerate(contacts.code)}
    chalcopyrite, pyrite, galena, sphalerite = (by_code[code] for code in (1, 6, 2, 8))
    assert locking.is_enclosed.tolist() == [k == chalcopyrite for k in range(4)]
    assert locking.host[chalcopyrite] == sphalerite + 1
    assert locking.enclosed_fraction[pyrite] == pytest.approx(0.5, abs=0.02)
    assert locking.free_fraction[pyrite] == pytest.approx(0.5, abs=0.02)
    assert (locking.host[galena], locking.cover_code[galena]) == (0, 255)
    assert locking.free_fraction[galena] == 1.0
    # Of the boundary of sphalerite, 80 px are background, 40 pyrite and 40 chalcopyrite.
    assert locking.cover_code[sphalerite] in {1, 6}
    assert locking.rim_fraction[sphalerite] == pytest.approx(0.25, abs=0.02)
    names = [LOCKING_CLASSES[k] for k in locking.class_index.tolist()]
    assert (names[galena], names[pyrite], names[chalcopyrite], names[sphalerite]) == (
        "liberated",
        "binary",
        "binary",
        "ternary",
    )


def test_a_grain_that_covers_everything_has_no_boundary() -> None:
    locking = grain_locking(grain_contacts(np.full((9, 9), 6, dtype=np.uint8)))
    assert locking.boundary_px.tolist() == [0.0]
    assert (locking.host.tolist(), locking.cover_code.tolist()) == ([0], [255])
    assert not locking.is_enclosed.any()


def test_without_grains_there_is_an_empty_table() -> None:
    contacts = grain_contacts(np.zeros((5, 7), dtype=np.uint8))
    assert len(contacts.grain) == len(grain_locking(contacts).host) == 0


def test_labels_and_numbers_of_other_sizes_are_refused() -> None:
    labels = np.ones((6, 6), dtype=np.uint8)
    with pytest.raises(LabelImageError, match=r"\(6, 5\).*\(6, 6\)"):
        measure_grain_contacts(labels[:, :5], measure_grains(labels))
    with pytest.raises(LabelImageError, match="at least one"):
        GrainContactStream(
            np.zeros(0, dtype=np.uint8), np.zeros((0, 2)), np.zeros(0, dtype=np.bool_)
        ).finish()
