"""Plane transforms, the consensus of matches, and the proof by blocks: rules on made-up points."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from petrography.errors import RegistrationError
from petrography.phantoms import phantom
from petrography.registration import warp_to_reference
from petrography.registration.consensus import agree
from petrography.registration.geometry import (
    applied,
    corner_shift_px,
    fit_affine,
    fit_similarity,
    inverted,
    joined,
    overlap_fraction,
    rotation_about,
    rotation_deg,
    scale_of,
    symmetric_errors_px,
    valid_mask,
)
from petrography.registration.key_points import Matches, match_key_points
from petrography.registration.refinement import refine
from petrography.registration.structure import green_light
from petrography.registration.verification import compare_blocks, require_agreement
from petrography.registration.working_size import working_image

Floats = NDArray[np.float64]
POINTS = np.random.default_rng(0).uniform(0, 800, (200, 2))


def similarity(angle_deg: float, scale: float, x: float, y: float) -> Floats:
    matrix = rotation_about(angle_deg, 300.0, 200.0)
    matrix[:, :2] *= scale
    matrix[:, 2] += (x, y)
    return matrix


SIMILARITIES = st.builds(
    similarity,
    st.floats(-180, 180),
    st.floats(0.3, 3.0),
    st.floats(-500, 500),
    st.floats(-500, 500),
)


@settings(max_examples=60, deadline=None)
@given(SIMILARITIES, SIMILARITIES)
def test_transforms_join_and_invert(first: Floats, second: Floats) -> None:
    both = joined(second, first)
    np.testing.assert_allclose(applied(both, POINTS), applied(second, applied(first, POINTS)))
    np.testing.assert_allclose(applied(inverted(both), applied(both, POINTS)), POINTS, atol=1e-6)
    assert scale_of(both) == pytest.approx(scale_of(first) * scale_of(second))


@settings(max_examples=60, deadline=None)
@given(SIMILARITIES)
def test_fits_find_exact_transforms(true: Floats) -> None:
    weights = np.ones(len(POINTS))
    for fit in (fit_similarity, fit_affine):
        found = fit(POINTS, applied(true, POINTS), weights)
        np.testing.assert_allclose(found, true, atol=1e-7)
    assert rotation_deg(found) == pytest.approx(rotation_deg(true), abs=1e-6)
    assert symmetric_errors_px(true, POINTS, applied(true, POINTS)).max() < 1e-6


def test_points_without_weight_do_not_count() -> None:
    true = similarity(20.0, 1.1, 5.0, 6.0)
    moved = applied(true, POINTS)
    moved[:50] += 90.0
    weights = np.ones(len(POINTS))
    weights[:50] = 0.0
    np.testing.assert_allclose(fit_similarity(POINTS, moved, weights), true, atol=1e-8)
    np.testing.assert_allclose(fit_affine(POINTS, moved, weights), true, atol=1e-8)


def test_a_mirror_has_no_scale() -> None:
    assert scale_of(np.array([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])) == 0.0


def test_corner_shift_is_the_largest() -> None:
    turned = rotation_about(1.0, 0.0, 0.0)
    diagonal_px = math.hypot(299, 399)
    wanted = 2 * diagonal_px * math.sin(math.radians(0.5))
    assert corner_shift_px(turned, np.eye(2, 3), (300, 400)) == pytest.approx(wanted)


def test_overlap_counts_the_reference() -> None:
    quarter = np.array([[1.0, 0.0, 100.0], [0.0, 1.0, 50.0]])
    assert overlap_fraction(quarter, (100, 200), (100, 200)) == pytest.approx(0.25, abs=0.02)
    assert overlap_fraction(similarity(0.0, 1.0, 900.0, 0.0), (100, 200), (100, 200)) == 0.0


def test_valid_pixels_have_all_their_neighbours() -> None:
    shifted = np.array([[1.0, 0.0, 10.0], [0.0, 1.0, 0.0]])
    valid = valid_mask(shifted, (30, 40), (30, 40))
    assert not valid[:, :11].any()
    assert valid[1:-1, 11:].all()


def test_whole_pixels_are_moved_unchanged() -> None:
    image = phantom("S1", 2, 60, 70).image
    shifted = np.array([[1.0, 0.0, 10.0], [0.0, 1.0, 5.0]])

    warped, valid = warp_to_reference(image, shifted, (60, 70))

    np.testing.assert_array_equal(warped[6:, 11:], image[1:-5, 1:-10])
    assert not warped[~valid].any()
    same, everywhere = warp_to_reference(image, np.eye(2, 3), (60, 70))
    np.testing.assert_array_equal(same, image)
    assert everywhere.all()


@pytest.mark.parametrize("factor", [None, 0.5, 1.7])
def test_working_copies_keep_pixel_centres(factor: float | None) -> None:
    """The middle of a bell stays where it is, to a hundredth of a pixel."""
    x, y = 731.3, 402.8
    bell = np.exp(-((np.arange(1800) - x) ** 2)[None, :] / 800.0) * np.exp(
        -((np.arange(1000) - y) ** 2)[:, None] / 800.0
    )
    working = working_image(bell.astype(np.float32), factor)
    weight = working.grey / working.grey.sum()
    rows, cols = np.indices(weight.shape)
    middle = np.array([[(weight * cols).sum(), (weight * rows).sum()]], dtype=np.float64)
    np.testing.assert_allclose(applied(working.to_full, middle), [[x, y]], atol=0.01)


def matches(moving: Floats, reference: Floats) -> Matches:
    return Matches(moving, reference, np.zeros(len(moving)), len(moving), len(reference), 1.0)


def test_half_of_the_matches_may_be_wrong() -> None:
    true = similarity(33.0, 0.9, 12.0, -40.0)
    rng = np.random.default_rng(1)
    reference = applied(true, POINTS) + rng.normal(0, 0.3, POINTS.shape)
    reference[:100] = rng.uniform(0, 800, (100, 2))

    found = agree(matches(POINTS, reference))

    assert found.model == "similarity"
    np.testing.assert_allclose(applied(found.matrix, POINTS), applied(true, POINTS), atol=0.2)
    assert 95 <= found.inliers(found.matrix).sum() <= 105


REFUSED = {
    "nothing": (POINTS[:0], POINTS[:0], "0 of 0 matches agree"),
    "few": (POINTS[:19], POINTS[:19], "0 of 19 matches agree"),
    "one point": (POINTS[:1].repeat(30, axis=0), POINTS[:1].repeat(30, axis=0), "agree"),
    "unrelated": (POINTS, POINTS[::-1].copy(), "of 200 matches agree on one transform"),
    "mirrored": (POINTS, POINTS * [-1.0, 1.0], "matches agree on one transform, at least 20"),
    "too large": (POINTS, POINTS * 5.0, "agree on a scale of 5"),
    "stretched": (
        POINTS / 60.0,
        POINTS / 60.0 * [1.3, 1.0],
        "stretches one axis more than 1.15",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_stage_does_is_refused(case: str) -> None:
    moving, reference, said = REFUSED[case]
    with pytest.raises(RegistrationError, match=said):
        agree(matches(moving, reference))


def test_a_picture_of_nothing_has_no_key_points() -> None:
    blank = np.full((100, 100), 90, dtype=np.float32)
    assert len(match_key_points(blank, blank, "contrast").moving) == 0


def test_refining_without_overlap_keeps_the_start() -> None:
    grey = green_light(phantom("S2", 1, 120, 140).image)
    start = np.array([[1.0, 0.0, 500.0], [0.0, 1.0, 0.0]])
    refined = refine(grey, grey, start, model="similarity", kind="contrast")
    assert refined.correlation == 0.0
    np.testing.assert_array_equal(refined.matrix, start)


def test_blocks_tell_how_many_agree() -> None:
    grey = green_light(phantom("S2", 1, 300, 340).image)

    right = compare_blocks(grey, grey, np.eye(2, 3), "contrast")
    wrong = compare_blocks(grey, grey, rotation_about(180.0, 170.0, 150.0), "contrast")
    outside = compare_blocks(grey, grey, similarity(0.0, 1.0, 900.0, 0.0), "contrast")

    assert right.fraction == 1.0
    assert right.chance < 1e-20
    require_agreement(right)
    assert wrong.chance > 1e-6
    assert outside.fraction == 0.0
    with pytest.raises(RegistrationError, match="blocks of the overlap show the same"):
        require_agreement(wrong)
    with pytest.raises(RegistrationError, match="too small or too plain to be sure: 0 blocks"):
        require_agreement(outside)
