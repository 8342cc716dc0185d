"""Contact lengths against what is known of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from petrography.errors import LabelImageError
from petrography.statistics import Contacts, ContactStream, measure_contacts
from tests.petrography.contact_fields import disc, layers
from tests.petrography.crofton import crofton_length_px

Labels = NDArray[np.uint8]

FIELDS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=24),
    elements=st.sampled_from([0, 1, 1, 1, 6, 37, 255]),
)


def length(contacts: Contacts, a: int, b: int) -> float:
    place = contacts.codes.index
    return float(contacts.length_px[place(a), place(b)])


def streamed(labels: Labels, cuts: list[int], *, remove_halos: bool = True) -> Contacts:
    stream = ContactStream(remove_halos=remove_halos)
    for strip in np.split(labels, sorted({cut % len(labels) for cut in cuts} - {0})):
        stream.add(strip)
    return stream.finish()


@pytest.mark.parametrize("radius_px", [5.0, 12.5, 40.0, 90.0])
def test_a_disc_has_its_circumference(radius_px: float) -> None:
    contacts = measure_contacts(disc(radius_px))
    assert length(contacts, 0, 1) == pytest.approx(2 * math.pi * radius_px, rel=0.02)


@pytest.mark.parametrize("angle_deg", range(0, 180, 15))
def test_straight_layers_keep_the_error_of_four_directions(angle_deg: int) -> None:
    labels = layers(angle_deg, [-30.0, 0.0, 30.0], [1, 6, 1, 6])
    contacts = measure_contacts(labels)
    # Three boundaries through a frame of 160 x 200 px; where they leave it is cut off the corners.
    inner = labels[20:-20, 20:-20]
    along = contact_length_of_lines(angle_deg, [-30.0, 0.0, 30.0], inner.shape)
    assert length(measure_contacts(inner), 1, 6) / along == pytest.approx(1.0, abs=0.065)
    assert contacts.codes == (1, 6)


def contact_length_of_lines(
    angle_deg: float, edges_px: list[float], shape: tuple[int, ...]
) -> float:
    """Length of straight lines inside a rectangle around the middle of `layers`."""
    angle, total = math.radians(angle_deg), 0.0
    half = (shape[0] / 2, shape[1] / 2)
    along = np.linspace(-300.0, 300.0, 600_001)
    for edge in edges_px:
        column = edge * math.cos(angle) - along * math.sin(angle)
        row = edge * math.sin(angle) + along * math.cos(angle)
        total += 0.001 * np.count_nonzero((abs(row) < half[0]) & (abs(column) < half[1]))
    return total


def test_the_mean_over_all_directions_is_unbiased() -> None:
    ratios = []
    for angle_deg in np.arange(0.0, 180.0, 4.5):
        inner = layers(angle_deg, [0.0], [1, 6], shape=(440, 480))[20:-20, 20:-20]
        true = contact_length_of_lines(angle_deg, [0.0], inner.shape)
        ratios.append(length(measure_contacts(inner), 1, 6) / true)
    # One pair in 400 is missing where the line leaves the image.
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.004)
    # cos + sin of the formula: 0.948 along an axis or a diagonal, 1.026 between them.
    assert (min(ratios), max(ratios)) == pytest.approx((0.948, 1.026), abs=0.015)


def test_a_checkerboard_of_squares_counts_every_edge_once() -> None:
    side, count = 20, 6
    board = (np.indices((count, count)).sum(axis=0) % 2).astype(np.uint8)
    labels = np.kron(board, np.ones((side, side), dtype=np.uint8))
    contacts = measure_contacts(labels)
    straight = 2 * count * (count - 1) * side
    # Along an axis: n of one axis and, less the ends, n of each diagonal, by π/8 (n + 2n/√2).
    assert contacts.pairs[:2, 0, 1].sum() == straight
    assert length(contacts, 0, 1) == pytest.approx(0.948 * straight, rel=0.03)


def test_pairs_are_those_of_the_plain_formula() -> None:
    labels = np.random.default_rng(1).integers(0, 2, (40, 50)).astype(np.uint8)
    contacts = measure_contacts(labels, remove_halos=False)
    assert length(contacts, 0, 1) == pytest.approx(crofton_length_px(labels), rel=1e-12)


@given(FIELDS, st.lists(st.integers(0, 23), max_size=6), st.booleans())
@settings(deadline=None, max_examples=200)
def test_the_cut_into_strips_changes_nothing(
    labels: Labels, cuts: list[int], remove_halos: bool
) -> None:
    whole = measure_contacts(labels, remove_halos=remove_halos)
    parts = streamed(labels, cuts, remove_halos=remove_halos)
    assert parts.codes == whole.codes
    for name in ("pairs", "area_px", "halo_px"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name), strict=True)


def test_bands_of_a_tall_image_are_one_image() -> None:
    labels = np.repeat(np.random.default_rng(2).integers(0, 4, (70, 9)), 8, axis=0)
    labels = np.repeat(labels, 8, axis=1).astype(np.uint8)
    rows = list(range(1, len(labels)))
    np.testing.assert_array_equal(streamed(labels, rows).pairs, measure_contacts(labels).pairs)


def test_what_nobody_annotated_and_the_edge_are_no_contact() -> None:
    labels = np.full((30, 30), 255, dtype=np.uint8)
    labels[:10] = 1
    labels[20:] = 6
    contacts = measure_contacts(labels)
    assert contacts.codes == (1, 6)
    assert not contacts.length_px.any()
    assert not contacts.association_percent.any()
    assert not contacts.enrichment.any()


def test_association_by_hand() -> None:
    # Bands of 20 px: 6 | 1 | 0 | 1: chalcopyrite has one contact with pyrite, two with background.
    labels = np.repeat(np.repeat(np.uint8([6, 1, 0, 1]), 20)[:, None], 50, axis=1)
    contacts = measure_contacts(labels)
    assert contacts.codes == (0, 1, 6)
    np.testing.assert_allclose(
        contacts.association_percent,
        [[0, 100, 0], [200 / 3, 0, 100 / 3], [0, 100, 0]],
        rtol=1e-12,
    )
    np.testing.assert_allclose(contacts.free_fraction, [0.0, 2 / 3, 0.0], rtol=1e-12)
    np.testing.assert_allclose(contacts.contact_percent.sum(), 200.0)
    # Boundaries are 2 : 3 : 1 long. Of those but its own, background would meet 3/4 chalcopyrite.
    np.testing.assert_allclose(contacts.enrichment[0], [0.0, 4 / 3, 0.0], rtol=1e-12)
    np.testing.assert_allclose(contacts.enrichment[1], [1.0, 0.0, 1.0], rtol=1e-12)
    edge = contacts.length_px[1, 2]
    np.testing.assert_allclose(
        contacts.specific_surface_per_px, edge * np.array([2e-3, 1.5e-3, 1e-3])
    )


@given(FIELDS)
@settings(deadline=None, max_examples=100)
def test_matrices_agree_with_each_other(labels: Labels) -> None:
    contacts = measure_contacts(labels)
    np.testing.assert_array_equal(contacts.length_px, contacts.length_px.T)
    assert not np.diagonal(contacts.length_px).any()
    rows = contacts.association_percent.sum(axis=1)
    np.testing.assert_allclose(rows, np.where(contacts.boundary_px > 0, 100.0, 0.0), atol=1e-9)
    assert contacts.area_px.sum() == np.count_nonzero(labels != 255)


def test_one_phase_alone_has_no_contact() -> None:
    contacts = measure_contacts(np.ones((5, 5), dtype=np.uint8))
    assert contacts.codes == (1,)
    assert contacts.length_px.tolist() == [[0.0]]
    assert contacts.contact_percent.tolist() == [[0.0]]


def test_what_is_no_label_image_is_refused() -> None:
    with pytest.raises(LabelImageError, match="int64"):
        measure_contacts(np.zeros((4, 4), dtype=np.int64))
    with pytest.raises(LabelImageError, match="at least one"):
        ContactStream().finish()
