"""The input gate: exposure, focus and hue, without labels."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from petrography.calibration import (
    apply_calibration,
    fit_calibration,
    hue_distance,
    judge_input,
    lumenstone_reference,
    sharpness,
)
from petrography.calibration.tone_curve import change_light
from petrography.errors import InvalidParameterError
from petrography.image_codec import decode_image
from petrography.images import Image
from petrography.phantoms import Phantom, filtered, phantom

KNOWN = {one.code: one.colour_rgb for one in lumenstone_reference().colours}


@cache
def section(seed: int = 0) -> Phantom:
    return phantom("S2", seed, 480, 640)


def exposed(pixels: Image, factor: float) -> Image:
    return change_light(pixels, lambda light, _: light * np.float32(factor))


def test_a_usual_photograph_passes() -> None:
    quality = judge_input(section().image, KNOWN)
    assert quality.warnings == ()
    assert not quality.calibrate_first
    assert quality.focus > 0.16


@pytest.mark.parametrize("name", ["blue", "yellow"])
@pytest.mark.parametrize("seed", range(3))
def test_behind_a_filter_it_says_calibrate_first(name: str, seed: int) -> None:
    quality = judge_input(filtered(section(seed).image, name), KNOWN)
    assert quality.calibrate_first
    assert any(one.startswith("calibrate first") for one in quality.warnings)


def test_after_calibration_it_passes() -> None:
    seen = filtered(section().image, "blue")
    calibrated = apply_calibration(
        seen, fit_calibration(seen, section().labels, lumenstone_reference())
    )
    assert not judge_input(calibrated, KNOWN).calibrate_first


@pytest.mark.parametrize("factor", [0.6, 1.3])
def test_the_exposure_alone_does_not_matter_to_the_hue(factor: float) -> None:
    before = hue_distance(section().image, KNOWN)
    after = hue_distance(exposed(section().image, factor), KNOWN)
    assert before is not None
    assert after == pytest.approx(before, abs=1.0)


def test_a_known_colour_has_no_distance() -> None:
    patch = np.full((20, 20, 3), (184, 165, 130), dtype=np.uint8)
    assert hue_distance(patch, {1: (184.0, 165.0, 130.0)}) == pytest.approx(0.0, abs=0.05)
    assert hue_distance(patch[..., ::-1].copy(), {1: (184.0, 165.0, 130.0)}) > 15


def test_a_dark_image_has_no_hue() -> None:
    quality = judge_input(np.full((40, 40, 3), 9, dtype=np.uint8), KNOWN)
    assert quality.colour_distance is None
    assert not quality.calibrate_first
    assert quality.dark_fraction == 1.0
    said = " ".join(quality.warnings)
    for word in ("black", "under-exposed", "out of focus", "too little"):
        assert word in said


def test_over_exposure_is_measured_and_said() -> None:
    glaring = section().image.copy()
    glaring[:96] = 255
    quality = judge_input(glaring, KNOWN)
    assert quality.clipping_fraction == pytest.approx(0.2, abs=0.01)
    assert any("over-exposed" in one for one in quality.warnings)


def test_without_known_colours_only_the_rest_is_judged() -> None:
    quality = judge_input(section().image, {})
    assert quality.colour_distance is None
    assert not quality.calibrate_first
    with pytest.raises(InvalidParameterError, match="no known colours"):
        hue_distance(section().image, {})


def test_bright_level_is_the_brightest_per_cent() -> None:
    image = np.full((100, 100, 3), 50, dtype=np.uint8)
    image[:2] = 190
    assert judge_input(image, KNOWN).bright_level == 190.0
    image[1] = 50
    assert judge_input(image, KNOWN).bright_level == 50.0


# --- focus -----------------------------------------------------------------------------------


def test_blur_lowers_the_sharpness_in_order() -> None:
    image = section().image
    scores = [sharpness(cv2.GaussianBlur(image, (0, 0), blur)) for blur in (0.5, 1, 2, 3)]
    assert sharpness(image) > scores[1]
    assert scores == sorted(scores, reverse=True)
    assert any(
        "focus" in one for one in judge_input(cv2.GaussianBlur(image, (0, 0), 3), {}).warnings
    )


def test_neither_contrast_nor_noise_makes_it_sharp() -> None:
    image = section().image
    blurred = cv2.GaussianBlur(image, (0, 0), 3)
    noise = 4 * np.random.default_rng(0).standard_normal(image.shape)
    noisy = np.clip(np.rint(blurred + noise), 0, 255).astype(np.uint8)
    assert sharpness(noisy) < 0.16 < sharpness(image)
    assert sharpness(image // 2) == pytest.approx(sharpness(image), rel=0.1)


def test_an_even_field_and_one_pixel_have_none() -> None:
    assert sharpness(np.full((50, 50, 3), 77, dtype=np.uint8)) == 0.0
    assert sharpness(np.full((1, 1, 3), 77, dtype=np.uint8)) == 0.0


@pytest.mark.real_data
def test_real_images_pass_and_filtered_ones_do_not() -> None:
    root = os.environ.get("PETROSERVE_REAL_DATA")
    if root is None:
        pytest.skip("PETROSERVE_REAL_DATA names no folder of real images")
    found = sorted(Path(root).glob("lumenstone/S?v1/imgs/train/*.jpg"))[::8]
    assert found
    plain, blue, yellow = [], [], []
    for path in found:
        image = decode_image(path.read_bytes()).pixels[::2, ::2].copy()
        plain.append(judge_input(image, KNOWN).calibrate_first)
        blue.append(judge_input(filtered(image, "blue"), KNOWN).calibrate_first)
        yellow.append(judge_input(filtered(image, "yellow"), KNOWN).calibrate_first)
    assert np.mean(plain) <= 0.2
    assert np.mean(blue) >= 0.9
    assert np.mean(yellow) >= 0.9


@pytest.mark.parametrize("blur_px", [0.0, 2.0])
def test_a_large_photograph_is_judged_by_bands_as_the_whole(blur_px: float) -> None:
    small = section().image
    if blur_px:
        small = np.asarray(cv2.GaussianBlur(small, (0, 0), blur_px), dtype=np.uint8)
    # 11 MPix made of copies, mirrored so that no seam is an edge.
    pair = np.concatenate([small, small[::-1]])
    large = np.tile(np.concatenate([pair, pair[:, ::-1]], axis=1), (3, 3, 1))
    of_small, of_large = judge_input(small, KNOWN), judge_input(large, KNOWN)
    assert of_large.focus == pytest.approx(of_small.focus, rel=0.08)
    assert of_large.bright_level == pytest.approx(of_small.bright_level, abs=1)
    assert of_large.dark_fraction == pytest.approx(of_small.dark_fraction, abs=0.01)
    assert len(of_large.warnings) == len(of_small.warnings)


def test_what_was_not_photographed_is_judged_nowhere() -> None:
    image = section().image
    blurred = cv2.GaussianBlur(image, (0, 0), 4.0)
    height_px, width_px = image.shape[:2]
    wide = np.zeros((2 * height_px + 40, 2 * width_px + 30, 3), dtype=np.uint8)
    covered = np.zeros(wide.shape[:2], dtype=bool)
    for top, left in ((0, 0), (height_px // 2, width_px + 30), (height_px + 40, 0)):
        wide[top : top + height_px, left : left + width_px] = blurred
        covered[top : top + height_px, left : left + width_px] = True
    alone, judged = judge_input(blurred, KNOWN), judge_input(wide, KNOWN, covered)
    assert judged.focus == pytest.approx(alone.focus, rel=0.5)
    assert any("out of focus" in warning for warning in judged.warnings)
    assert judged.dark_fraction == pytest.approx(alone.dark_fraction, abs=0.01)
    assert judged.clipping_fraction == pytest.approx(alone.clipping_fraction, abs=0.01)
    assert judged.bright_level == pytest.approx(alone.bright_level, abs=3)
    assert judged.colour_distance == pytest.approx(alone.colour_distance, abs=0.3)
    # Without knowing what was photographed the rim is sharp and black.
    unknowing = judge_input(wide, KNOWN)
    assert unknowing.focus > 2 * judged.focus
    assert unknowing.dark_fraction > judged.dark_fraction + 0.2


def test_a_mask_that_covers_all_changes_nothing() -> None:
    image = section().image
    everything = np.ones(image.shape[:2], dtype=bool)
    assert judge_input(image, KNOWN, everything) == judge_input(image, KNOWN)


def test_one_photographed_pixel_between_the_sampled_rows_is_found() -> None:
    picture = np.zeros((3000, 40, 3), dtype=np.uint8)
    covered = np.zeros(picture.shape[:2], dtype=bool)
    picture[1, 7] = 200
    covered[1, 7] = True
    quality = judge_input(picture, KNOWN, covered)
    assert (quality.bright_level, quality.dark_fraction, quality.focus) == (200.0, 0.0, 0.0)
