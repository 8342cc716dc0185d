"""Registration of two images: known places are found again, all else is refused with the reason."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from petrography.errors import ImageError, InvalidParameterError, RegistrationError
from petrography.images import Image
from petrography.phantoms import phantom
from petrography.registration import register
from tests.petrography.stage_truth import MARGIN_PX, Matrix, error_px, reference_of, turn, view_of

SHAPE = (300, 380)


@pytest.fixture(scope="module")
def section() -> Image:
    return phantom("S2", 4, SHAPE[0] + 2 * MARGIN_PX, SHAPE[1] + 2 * MARGIN_PX).image


@pytest.fixture(scope="module")
def reference(section: Image) -> Image:
    return reference_of(section)


# 0.05 px without noise, 0.15 with that of a camera: a tenth of what a sixth of a grain boundary is.
@pytest.mark.parametrize(("noise_levels", "within_px"), [(0.0, 0.05), (4.0, 0.15)])
@pytest.mark.parametrize(
    ("angle_deg", "scale", "shift"),
    [
        (0.0, 1.0, (7.3, -4.6)),
        (15.0, 1.0, (0.0, 0.0)),
        (-73.0, 1.0, (21.4, 9.8)),
        (180.0, 1.0, (-12.6, 30.2)),
        (3.0, 1.12, (5.5, 2.5)),
    ],
)
def test_known_places_are_found(
    section: Image,
    reference: Image,
    angle_deg: float,
    scale: float,
    shift: tuple[float, float],
    noise_levels: float,
    within_px: float,
) -> None:
    true = turn(angle_deg, SHAPE, scale=scale, shift=shift)
    moving = view_of(section, true, SHAPE, noise_levels=noise_levels)

    found = register(reference, moving, name="turned")

    assert error_px(found.as_matrix(), true, SHAPE) <= within_px
    assert (found.name, found.model, found.method) == ("turned", "similarity", "key points")
    assert abs((found.rotation_deg - angle_deg + 180.0) % 360.0 - 180.0) <= 0.05
    assert found.rmse_px <= 1.0
    assert found.inliers >= 100
    assert found.inlier_fraction >= 0.8
    assert found.correlation >= 0.8


def test_an_image_lies_on_itself(reference: Image) -> None:
    found = register(reference, reference)

    np.testing.assert_allclose(found.as_matrix(), np.eye(2, 3), atol=1e-3)
    assert found.overlap_fraction == 1.0


def test_sizes_may_differ(section: Image, reference: Image) -> None:
    shape = (200, 430)
    true = turn(31.0, shape, shift=(60.0, 40.0))

    found = register(reference, view_of(section, true, shape))

    assert error_px(found.as_matrix(), true, shape) <= 0.1
    assert 0.3 <= found.overlap_fraction <= 0.8


def test_overlap_is_the_share_of_the_reference(section: Image, reference: Image) -> None:
    true = turn(0.0, SHAPE, shift=(95.0, 0.0))

    found = register(reference, view_of(section, true, SHAPE))

    assert found.overlap_fraction == pytest.approx(0.75, abs=0.02)


def sheared(stretch: float) -> Matrix:
    """A view that is wider than the reference by a factor."""
    true = turn(10.0, SHAPE, shift=(4.0, 6.0))
    true[:, :2] = true[:, :2] @ np.diag([stretch, 1.0])
    return true


def test_affine_is_taken_where_it_is_earned(section: Image, reference: Image) -> None:
    true = sheared(1.03)

    found = register(reference, view_of(section, true, SHAPE, noise_levels=3.0))

    assert found.model == "affine"
    assert error_px(found.as_matrix(), true, SHAPE) <= 0.2


def test_affine_is_not_taken_for_noise(section: Image, reference: Image) -> None:
    """Ten views of one stretch only by what interpolation does: none may earn two parameters."""
    places = [turn(36.0 * number, SHAPE, shift=(3.3, 1.7)) for number in range(1, 10, 3)]
    views = [view_of(section, true, SHAPE, noise_levels=6.0, seed=7) for true in places]

    assert [register(reference, view).model for view in views] == ["similarity"] * len(views)


def test_exposure_and_shading_do_not_matter(section: Image, reference: Image) -> None:
    true = turn(-25.0, SHAPE, shift=(2.2, 8.1))
    shading = np.linspace(0.45, 0.85, SHAPE[1])[None, :, None]
    moving = np.rint(view_of(section, true, SHAPE) * shading).astype(np.uint8)

    found = register(reference, moving)

    assert error_px(found.as_matrix(), true, SHAPE) <= 0.15


@pytest.mark.parametrize("given_deg", [20.0, -20.0, 340.0, 18.0])
def test_the_stage_may_be_read_in_either_sense_and_a_little_wrong(
    section: Image, reference: Image, given_deg: float
) -> None:
    true = turn(-20.0, SHAPE, shift=(1.5, 2.5))

    found = register(reference, view_of(section, true, SHAPE), stage_angle_deg=given_deg)

    assert error_px(found.as_matrix(), true, SHAPE) <= 0.1


def test_the_same_images_give_the_same_answer(section: Image, reference: Image) -> None:
    moving = view_of(section, turn(50.0, SHAPE, shift=(3.0, 4.0)), SHAPE, noise_levels=3.0)

    first, again = (register(reference.copy(), moving.copy()) for _ in range(2))

    assert first == again
    assert type(first).model_validate_json(first.model_dump_json()) == first


def test_edges_are_matched_where_contrast_is_inverted(section: Image, reference: Image) -> None:
    true = turn(2.0, SHAPE, shift=(9.0, -5.0))
    moving = 255 - view_of(section, true, SHAPE, noise_levels=2.0)

    found = register(reference, moving)

    assert error_px(found.as_matrix(), true, SHAPE) <= 0.5


def test_correlation_finds_what_key_points_do_not(section: Image, reference: Image) -> None:
    """Noise of every pixel drowns the key points; the edges of grains still correlate."""
    true = turn(4.0, SHAPE, shift=(13.0, -7.0))
    rng = np.random.default_rng(3)
    reference, moving = (
        np.clip(image + 45.0 * rng.standard_normal(image.shape), 0, 255).astype(np.uint8)
        for image in (reference, view_of(section, true, SHAPE))
    )

    found = register(reference, moving)

    assert found.method == "correlation"
    assert error_px(found.as_matrix(), true, SHAPE) <= 1.0


BAD_IMAGES = {
    "blank": (np.full((*SHAPE, 3), 90, dtype=np.uint8), "moving is blank: its detail is 0.00"),
    "saturated": (np.full((*SHAPE, 3), 255, dtype=np.uint8), "moving is saturated: 100%"),
    "small": (np.full((40, 300, 3), 90, dtype=np.uint8), "moving is 300x40 px"),
    "only noise": (
        np.random.default_rng(0).normal(128, 3, (*SHAPE, 3)).astype(np.uint8),
        "moving is blank",
    ),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_images_without_structure_are_refused(reference: Image, case: str) -> None:
    image, said = BAD_IMAGES[case]
    with pytest.raises(RegistrationError, match=said):
        register(reference, image)
    with pytest.raises(RegistrationError, match=said.replace("moving", "the reference")):
        register(image, reference)


@pytest.mark.parametrize("recipe", ["S2", "S1", "quartz"])
def test_another_section_is_refused(reference: Image, recipe: str) -> None:
    other = phantom(recipe, 91, *SHAPE).image
    with pytest.raises(RegistrationError, match="other cannot be registered") as refusal:
        register(reference, other, name="other")
    for what in ("key points on contrast", "key points on edges", "correlation of edges"):
        assert what in str(refusal.value)


def test_places_beside_each_other_are_refused(section: Image) -> None:
    with pytest.raises(RegistrationError, match="two images of one place that overlap"):
        register(np.ascontiguousarray(section[:, :320]), np.ascontiguousarray(section[:, 330:]))


def test_a_sliver_of_overlap_is_refused(section: Image, reference: Image) -> None:
    true = turn(0.0, SHAPE, shift=(0.0, 0.0))
    large = view_of(section, true, SHAPE)
    tiny = np.ascontiguousarray(large[100:166, 100:170])
    with pytest.raises(RegistrationError):
        register(reference, tiny)


def test_images_too_small_to_be_sure_are_refused_with_a_size_that_is_enough(
    section: Image,
) -> None:
    small = np.ascontiguousarray(section[:100, :100])
    with pytest.raises(RegistrationError, match=r"too small or too plain to be sure.*150 x 150 px"):
        register(small, small)
    enough = np.ascontiguousarray(section[:150, :150])
    assert np.allclose(register(enough, enough).matrix, np.eye(2, 3), atol=0.05)


def test_a_mirrored_view_is_refused(reference: Image) -> None:
    with pytest.raises(RegistrationError, match="cannot be registered"):
        register(reference, np.ascontiguousarray(reference[:, ::-1]))


def test_a_turn_that_the_stage_did_not_make_is_refused(section: Image, reference: Image) -> None:
    moving = view_of(section, turn(12.0, SHAPE, shift=(0.0, 0.0)), SHAPE)
    with pytest.raises(RegistrationError, match=r"turned by .*12\.0 degrees, the stage by 0"):
        register(reference, moving, stage_angle_deg=0.0)


def test_a_stack_of_unlike_arrays_is_refused(reference: Image) -> None:
    grey = cv2.cvtColor(reference, cv2.COLOR_RGB2GRAY)
    for wrong in (grey, reference.astype(np.uint16), reference.astype(np.float32)):
        with pytest.raises((ImageError, InvalidParameterError)):
            register(reference, wrong)


@pytest.mark.parametrize("angle_deg", [float("nan"), float("inf")])
def test_an_endless_stage_angle_is_refused(reference: Image, angle_deg: float) -> None:
    with pytest.raises(InvalidParameterError, match="finite number of degrees"):
        register(reference, reference, stage_angle_deg=angle_deg)
