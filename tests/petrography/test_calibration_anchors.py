"""Anchors and references: the colour of labelled phases, robustly and in linear light."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petrography.calibration import (
    build_reference,
    colour_anchors,
    lumenstone_reference,
    parse_reference,
)
from petrography.calibration.colour_difference import lab_of_levels
from petrography.calibration.tone_curve import change_light, levels_to_light, light_to_levels
from petrography.errors import InvalidParameterError, LabelImageError
from petrography.registration import linear_colour
from tests.petrography.coloured_patches import COLOURS, behind, patches

# --- the tone curve --------------------------------------------------------------------------


def test_decoding_and_encoding_changes_no_level() -> None:
    every = np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, axis=2)
    assert np.array_equal(change_light(every, lambda light, _: light), every)


def test_how_far_the_power_is_from_the_srgb_curve() -> None:
    levels = np.arange(256, dtype=np.uint8)
    higher = light_to_levels(linear_colour(levels)) - levels
    assert higher[[7, 21, 30, 40, 60]] == pytest.approx([8.55, 6.58, 5.40, 4.25, 2.40], abs=0.01)
    assert higher.argmax() == 7
    assert np.abs(higher[73:]).max() < 1.5 < higher[72]


def test_strips_do_not_show() -> None:
    rng = np.random.default_rng(0)
    tall = rng.integers(0, 256, (70_000, 5, 3), dtype=np.uint8)

    def halved(light: np.ndarray, _: slice) -> np.ndarray:
        return light * np.float32(0.5)

    parts = [change_light(part, halved) for part in np.array_split(tall, 7)]
    assert np.array_equal(change_light(tall, halved), np.concatenate(parts))


@given(st.lists(st.floats(0.0, 255.0), min_size=1, max_size=5))
def test_the_curve_has_an_inverse(levels: list[float]) -> None:
    assert light_to_levels(levels_to_light(np.array(levels))) == pytest.approx(levels, abs=1e-9)


# --- anchors ---------------------------------------------------------------------------------


def test_anchors_are_the_colours_of_the_patches() -> None:
    anchors = colour_anchors(*patches())
    assert {code: one.colour_rgb for code, one in anchors.items()} == {
        code: pytest.approx(colour, abs=0.01) for code, colour in COLOURS.items()
    }
    # 24 px patches without a rim of 3 px; the image border takes nothing away.
    assert anchors[1].area_px == 18 * 18
    assert anchors[0].area_px == 21 * 18


def test_specks_and_the_blurred_border_do_not_count() -> None:
    pixels, labels = patches((1, 8), side_px=64)
    pixels = pixels.copy()
    pixels[:, 62:66] = 255
    pixels[40:45, 20:25] = 0
    clean = colour_anchors(*patches((1, 8), side_px=64))
    for code, anchor in colour_anchors(pixels, labels).items():
        assert anchor.colour_rgb == pytest.approx(clean[code].colour_rgb, abs=0.01)


def test_thin_strokes_count_whole() -> None:
    pixels, labels = patches((1,), side_px=100)
    stroke = np.full_like(labels, 255)
    stroke[50:53, 10:90] = 1
    assert colour_anchors(pixels, stroke)[1].area_px == 3 * 80


def test_the_mean_is_taken_in_light() -> None:
    chequered = np.zeros((60, 60, 3), dtype=np.uint8)
    chequered[::2] = 200
    anchor = colour_anchors(chequered, np.ones((60, 60), dtype=np.uint8))[1]
    # The trimmed tails are alike, so the mean is half the light of 200.
    assert anchor.colour_rgb[0] == pytest.approx(200 * 0.5 ** (1 / 2.2), abs=0.01)


def test_saturated_pixels_are_counted() -> None:
    pixels, labels = patches((1,), side_px=60)
    pixels = pixels.copy()
    pixels[:42, :, 0] = 255
    assert colour_anchors(pixels, labels)[1].clipped_fraction == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("shape", [(10, 10), (48, 143)])
def test_labels_of_another_size_are_refused(shape: tuple[int, int]) -> None:
    pixels, _ = patches()
    with pytest.raises(LabelImageError, match="same size"):
        colour_anchors(pixels, np.ones(shape, dtype=np.uint8))


def test_an_unlabelled_image_is_refused() -> None:
    pixels, labels = patches()
    with pytest.raises(LabelImageError, match="25 labelled pixels"):
        colour_anchors(pixels, np.full_like(labels, 255))


# --- the reference ---------------------------------------------------------------------------


def test_the_reference_averages_images_in_light() -> None:
    pixels, labels = patches()
    brighter = behind(pixels, 1.2 * np.eye(3))
    built = build_reference([(pixels, labels), (brighter, labels)], "two", "test")
    expected = light_to_levels(1.1 * levels_to_light(np.array(COLOURS[8])))
    assert built.colour_of(8) == pytest.approx(expected, abs=0.4)
    assert all(one.images == 2 and one.spread > 0.5 for one in built.colours)
    assert built.colour_of(3) is None


def test_the_shipped_reference_has_the_ten_phases() -> None:
    shipped = lumenstone_reference()
    assert [one.code for one in shipped.colours] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 11]
    # Chalcopyrite is yellow, bornite brownish pink, galena neutral, sphalerite dark.
    yellow = {one.code: lab_of_levels(np.array(one.colour_rgb)) for one in shipped.colours}
    assert yellow[1][2] > 15 > yellow[2][2]
    assert yellow[4][1] > 5
    assert yellow[8][0] < yellow[2][0] < yellow[6][0]


def test_a_reference_survives_json() -> None:
    shipped = lumenstone_reference()
    assert parse_reference(shipped.model_dump_json().encode(), source="x") == shipped


@pytest.mark.parametrize("data", [b"", b"[]", b'{"name": "x", "source": "", "colours": []}'])
def test_a_broken_reference_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidParameterError, match=r"ref\.json is no colour reference"):
        parse_reference(data, source="ref.json")


def test_a_reference_of_no_phase_is_refused() -> None:
    pixels, labels = patches()
    with pytest.raises(LabelImageError, match="code 99"):
        build_reference([(pixels, np.full_like(labels, 99))], "x", "")
    with pytest.raises(LabelImageError, match="unsaturated"):
        build_reference([(np.full_like(pixels, 255), labels)], "x", "")
