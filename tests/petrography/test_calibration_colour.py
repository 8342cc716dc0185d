"""Colour calibration: known changes of light are undone, doubtful labels are refused or named."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.calibration import (
    apply_calibration,
    build_reference,
    ciede2000,
    colour_anchors,
    fit_calibration,
    fit_series_calibration,
    lumenstone_reference,
    parse_calibration,
)
from petrography.calibration.colour_difference import lab_of_levels
from petrography.calibration.tone_curve import levels_to_light, light_to_levels
from petrography.errors import InvalidParameterError, MissingPartError
from petrography.phantoms import Phantom, filtered, phantom
from tests.petrography.coloured_patches import behind, patches, reference_of

CROSSTALK = np.array([[0.6, 0.05, 0.02], [0.06, 0.8, 0.05], [0.01, 0.08, 0.95]])


# --- fitting ---------------------------------------------------------------------------------


def test_a_known_matrix_is_undone() -> None:
    pixels, labels = patches()
    calibration = fit_calibration(
        behind(pixels, CROSSTALK, 0.01), labels, reference_of(pixels, labels)
    )
    assert calibration.model == "affine"
    assert calibration.mean_distance_before > 8
    # Rounding to 8 bits and the ridge leave less than a just noticeable difference.
    assert calibration.mean_distance_after < 0.8
    corrected = apply_calibration(behind(pixels, CROSSTALK, 0.01), calibration)
    apart = ciede2000(lab_of_levels(corrected), lab_of_levels(pixels))
    assert apart.max() < 2.0


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(0.5, 1.2), min_size=3, max_size=3))
def test_any_lamp_is_undone_by_any_number_of_anchors(gains: list[float]) -> None:
    pixels, labels = patches()
    wanted = reference_of(pixels, labels)
    seen = behind(pixels, np.diag(gains))
    for codes in ((6,), (2, 6), (0, 2, 6), (0, 1, 2, 4, 6, 8)):
        known = np.where(np.isin(labels, codes), labels, 255).astype(np.uint8)
        corrected = apply_calibration(seen, fit_calibration(seen, known, wanted))
        apart = ciede2000(lab_of_levels(corrected), lab_of_levels(pixels))
        # Of rounding to 8 bits.
        assert apart.max() < 2.0, codes


@pytest.mark.parametrize(
    ("codes", "model"),
    [((6,), "white-balance"), ((2, 6), "white-balance"), ((0, 6), "diagonal-offset"), ((0, 2, 6), "diagonal-offset"),
     ((0, 1, 2, 6), "affine")],
)  # fmt: skip
def test_fewer_anchors_give_simpler_models(codes: tuple[int, ...], model: str) -> None:
    pixels, labels = patches()
    known = np.where(np.isin(labels, codes), labels, 255).astype(np.uint8)
    calibration = fit_calibration(pixels, known, reference_of(pixels, labels))
    assert calibration.model == model
    assert [one.code for one in calibration.anchors] == sorted(codes)
    simpler = any("label four or more" in one for one in calibration.warnings)
    assert simpler == (model != "affine")


@cache
def small_phantom(seed: int) -> Phantom:
    return phantom("S1", seed, 300, 400)


def held_out(name: str, seed: int) -> tuple[list[float], list[float]]:
    """Differences of each mineral of a phantom when the others calibrate it: before and after."""
    painted = small_phantom(seed)
    wanted = reference_of(painted.image, painted.labels)
    seen = filtered(painted.image, name)
    before, after = [], []
    for one in wanted.colours[1:]:
        known = np.where(painted.labels == one.code, 255, painted.labels).astype(np.uint8)
        calibration = fit_calibration(seen, known, wanted)
        for distances, image in ((before, seen), (after, apply_calibration(seen, calibration))):
            colour = colour_anchors(image, painted.labels)[one.code].colour_rgb
            target = lab_of_levels(np.array(one.colour_rgb))
            distances.append(float(ciede2000(lab_of_levels(np.array(colour)), target)))
    return before, after


@pytest.mark.parametrize("name", ["blue", "yellow", "warm"])
def test_minerals_without_labels_come_back_on_phantoms(name: str) -> None:
    pairs = [held_out(name, seed) for seed in range(3)]
    before, after = ([one for pair in pairs for one in pair[side]] for side in (0, 1))
    assert len(after) >= 8
    assert np.median(before) > 5.0
    assert np.median(after) < 2.0


def test_a_series_is_calibrated_once() -> None:
    pixels, labels = patches()
    wanted = reference_of(pixels, labels)
    seen = behind(pixels, CROSSTALK)
    halves = [np.where(np.isin(labels, codes), labels, 255).astype(np.uint8)
              for codes in ((0, 1, 2), (2, 4, 6, 8))]  # fmt: skip
    calibration = fit_series_calibration([(seen, half) for half in halves], wanted)
    assert (calibration.mode, calibration.model) == ("series", "affine")
    assert len(calibration.anchors) == 6
    assert len(calibration.inputs) == 2
    assert calibration.mean_distance_after < 0.8


def test_a_white_corrects_the_hue_and_keeps_the_exposure() -> None:
    pixels, labels = patches()
    seen = behind(pixels, np.diag([1.0, 0.8, 0.5]))
    white = light_to_levels(0.8 * np.array([1.0, 0.8, 0.5]))
    wanted = reference_of(pixels, labels)
    calibration = fit_calibration(seen, None, wanted, white_rgb=tuple(white))
    assert (calibration.mode, calibration.model) == ("white-reference", "white-balance")
    corrected = levels_to_light(apply_calibration(seen, calibration).astype(float))
    ratio = corrected[30, 40] / levels_to_light(pixels[30, 40].astype(float))
    assert ratio == pytest.approx([ratio.mean()] * 3, rel=0.03)
    luminance = np.array([0.2126, 0.7152, 0.0722])
    assert luminance @ corrected[30, 40] == pytest.approx(
        luminance @ levels_to_light(seen[30, 40].astype(float)), rel=0.05
    )


def test_equal_input_gives_equal_bytes() -> None:
    painted = phantom("S1", 1, 200, 240)
    seen = filtered(painted.image, "warm")
    one, other = (fit_calibration(seen, painted.labels, lumenstone_reference()) for _ in range(2))
    assert one.model_dump_json() == other.model_dump_json()
    assert np.array_equal(apply_calibration(seen, one), apply_calibration(seen, other))


# --- what is refused or warned of ------------------------------------------------------------


def test_neither_labels_nor_white() -> None:
    with pytest.raises(MissingPartError, match="neither"):
        fit_calibration(patches()[0], None, lumenstone_reference())


def test_both_labels_and_white() -> None:
    with pytest.raises(InvalidParameterError, match="both"):
        fit_calibration(*patches(), lumenstone_reference(), white_rgb=(200.0, 200.0, 200.0))


@pytest.mark.parametrize(
    "white", [(255.0, 200.0, 200.0), (3.0, 200.0, 200.0), (float("nan"), 1.0, 1.0)]
)
def test_a_white_that_cannot_be_measured(white: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidParameterError, match="the white is"):
        fit_calibration(patches()[0], None, lumenstone_reference(), white_rgb=white)


def test_an_empty_series() -> None:
    with pytest.raises(MissingPartError, match="no photographs"):
        fit_series_calibration([], lumenstone_reference())


def test_labels_of_one_colour_that_should_differ() -> None:
    _, labels = patches()
    grey = np.full((*labels.shape, 3), 120, dtype=np.uint8)
    with pytest.raises(InvalidParameterError, match="one colour in the photograph"):
        fit_calibration(grey, labels, lumenstone_reference())


def test_labels_of_one_colour_that_are_alike() -> None:
    pixels, labels = patches((2, 6))
    grey = np.full_like(pixels, 120)
    alike = reference_of(np.full_like(pixels, 140), labels)
    calibration = fit_calibration(grey, labels, alike)
    assert calibration.model == "white-balance"
    assert any("only a gain" in one for one in calibration.warnings)


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [((2, 6), "label four or more"), ((0, 1, 2, 4, 6), "label phases of different colours")],
)
def test_how_labels_of_one_colour_would_allow_more(codes: tuple[int, ...], wanted: str) -> None:
    pixels, labels = patches(codes)
    grey = np.full_like(pixels, 120)
    calibration = fit_calibration(grey, labels, reference_of(np.full_like(pixels, 140), labels))
    (said,) = (one for one in calibration.warnings if "model only" in one)
    assert said.endswith(f"allow a white-balance model only; {wanted}")


@pytest.mark.parametrize(("channel", "name"), [(0, "red"), (2, "blue")])
def test_a_channel_that_was_not_recorded(channel: int, name: str) -> None:
    pixels, labels = patches()
    without = pixels.copy()
    without[..., channel] = 0
    with pytest.raises(InvalidParameterError, match=f"{name} is black"):
        fit_calibration(without, labels, lumenstone_reference())


def test_unknown_codes_are_named_and_left_out() -> None:
    pixels, labels = patches()
    strange = np.where(labels == 8, 77, labels).astype(np.uint8)
    calibration = fit_calibration(pixels, strange, lumenstone_reference())
    assert 77 not in [one.code for one in calibration.anchors]
    assert any("code 77 left out" in one for one in calibration.warnings)


def test_only_unknown_codes() -> None:
    pixels, labels = patches()
    with pytest.raises(InvalidParameterError, match="no labelled phase can be used"):
        fit_calibration(pixels, np.full_like(labels, 33), lumenstone_reference())


def test_saturated_anchors_are_named_and_left_out() -> None:
    pixels, labels = patches()
    glaring = pixels.copy()
    glaring[labels == 6] = 255
    calibration = fit_calibration(glaring, labels, lumenstone_reference())
    assert 6 not in [one.code for one in calibration.anchors]
    assert any("Py/Mrc left out: mostly saturated" in one for one in calibration.warnings)
    assert any("are saturated in the photograph" in one for one in calibration.warnings)


def test_only_saturated_anchors() -> None:
    pixels, labels = patches()
    with pytest.raises(InvalidParameterError, match="mostly saturated"):
        fit_calibration(np.full_like(pixels, 255), labels, lumenstone_reference())


def test_anchors_too_alike_for_a_matrix_are_warned_of() -> None:
    pixels, labels = patches((0, 1, 2, 8))
    greys = np.zeros_like(pixels)
    for code, level in ((0, 40), (1, 80), (2, 120), (8, 200)):
        greys[labels == code] = level
    calibration = fit_calibration(greys, labels, reference_of(greys, labels))
    assert any("condition number" in one for one in calibration.warnings)


def test_wrong_labels_leave_a_residual_that_is_warned_of() -> None:
    pixels, labels = patches()
    swapped = labels.copy()
    swapped[labels == 1], swapped[labels == 8] = 8, 1
    calibration = fit_calibration(pixels, swapped, lumenstone_reference())
    assert any("check these labels" in one for one in calibration.warnings)


def test_dark_labels_only_are_warned_of() -> None:
    pixels, labels = patches((0,))
    calibration = fit_calibration(pixels, labels, lumenstone_reference())
    assert any("all labelled phases are dark" in one for one in calibration.warnings)


def test_a_correction_over_the_white_is_warned_of() -> None:
    pixels, labels = patches()
    known = np.where(labels == 8, labels, 255).astype(np.uint8)
    bright = build_reference([(behind(pixels, 4.0 * np.eye(3)), labels)], "bright", "")
    calibration = fit_calibration(pixels, known, bright)
    assert any("over the white" in one for one in calibration.warnings)


# --- storing ---------------------------------------------------------------------------------


def test_a_calibration_survives_json_and_keeps_its_id() -> None:
    pixels, labels = patches()
    calibration = fit_calibration(pixels, labels, lumenstone_reference())
    stored = calibration.model_dump_json().encode()
    assert parse_calibration(stored, source="x") == calibration
    other = fit_calibration(pixels, labels, reference_of(pixels, labels))
    assert other.id != calibration.id


def test_an_altered_calibration_is_refused() -> None:
    calibration = fit_calibration(*patches(), lumenstone_reference())
    content = json.loads(calibration.model_dump_json())
    content["matrix"][0][0] += 0.1
    with pytest.raises(InvalidParameterError, match="altered"):
        parse_calibration(json.dumps(content).encode(), source="cal.json")


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff\xfe", b'{"id": 3}'])
def test_a_broken_calibration_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidParameterError, match=r"cal\.json is no colour calibration"):
        parse_calibration(data, source="cal.json")


def test_a_calibration_is_not_applied_to_what_is_no_image() -> None:
    calibration = fit_calibration(*patches(), lumenstone_reference())
    with pytest.raises(InvalidParameterError, match="wanted uint8"):
        apply_calibration(np.zeros((4, 4), dtype=np.uint8), calibration)
