"""Flat field: a known lamp is evened out, what is no blank is refused."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.calibration import (
    FlatField,
    apply_flat_field,
    fit_flat_field,
    parse_flat_field,
)
from petrography.calibration.tone_curve import levels_to_light, light_to_levels
from petrography.errors import InvalidParameterError, MissingPartError
from petrography.images import Image

HEIGHT, WIDTH = 360, 480


def lamp(height_px: int = HEIGHT, width_px: int = WIDTH, strength: float = 0.25) -> np.ndarray:
    """Vignetting about a place off the centre, different for each colour."""
    row = np.linspace(-1, 1, height_px)[:, None]
    column = np.linspace(-1, 1, width_px)[None]
    r2 = (row - 0.1) ** 2 + (column + 0.15) ** 2
    return (1 - strength * 0.5 * r2)[..., None] * np.array([0.8, 0.75, 0.68])


def photograph(light: np.ndarray, seed: int = 0, noise: float = 1.5, dark: float = 0.0) -> Image:
    rng = np.random.default_rng(seed)
    levels = light_to_levels(light + dark) + noise * rng.standard_normal(light.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def tiles(seed: int = 3) -> np.ndarray:
    """Squares of 40 px of known light."""
    small = np.random.default_rng(seed).uniform(0.1, 0.8, (HEIGHT // 40, WIDTH // 40, 3))
    return small.repeat(40, axis=0).repeat(40, axis=1)


def error_by_tile(evened: Image, wanted: np.ndarray) -> np.ndarray:
    """Mean error of each square in grey levels, so that noise averages out."""
    error = evened - light_to_levels(wanted)
    return error.reshape(HEIGHT // 40, 40, WIDTH // 40, 40, 3).mean(axis=(1, 3))


@pytest.mark.parametrize("dark", [0.0, 0.006])
def test_a_known_lamp_is_evened_out(dark: float) -> None:
    shading = lamp() / lamp().mean(axis=(0, 1))
    frame = photograph(np.full((HEIGHT, WIDTH, 3), dark), noise=0.0)
    flat = fit_flat_field([photograph(0.8 * lamp(), dark=dark)], frame)
    seen = photograph(tiles() * shading * 0.8, seed=1, dark=dark)
    assert np.abs(error_by_tile(seen, tiles() * 0.8)).max() > 8
    # A quarter of a level in the mean; one at the rim, where a cell sees half its surroundings.
    apart = np.abs(error_by_tile(apply_flat_field(seen, flat), tiles() * 0.8))
    assert apart.mean() < 0.3
    assert apart.max() < 1.0


def test_the_lamp_itself_becomes_even() -> None:
    shot = photograph(lamp(), noise=0.5)
    flat = fit_flat_field([shot])
    assert flat.least_light == pytest.approx((lamp() / lamp().mean(axis=(0, 1))).min(), abs=0.02)
    evened = apply_flat_field(shot, flat)
    assert cv2.blur(evened, (21, 21)).std(axis=(0, 1)).max() < 0.5
    # Mean brightness and colour stay.
    assert evened.mean(axis=(0, 1)) == pytest.approx(shot.mean(axis=(0, 1)), abs=1.0)


def test_specks_are_bridged() -> None:
    clean, dirty = photograph(lamp()), photograph(lamp())
    cv2.circle(dirty, (300, 100), 25, (30, 30, 30), -1)
    cv2.circle(dirty, (60, 300), 6, (250, 250, 250), -1)
    flat = fit_flat_field([dirty])
    assert 0.003 < flat.foreign_fraction < 0.05
    gains = [np.array(fit_flat_field([image]).gains) for image in (clean, dirty)]
    # A cell that the speck covers by less than half keeps a trace of it.
    assert np.abs(gains[0] / gains[1] - 1).max() < 0.05
    assert np.abs(gains[0] / gains[1] - 1).mean() < 0.001


def test_a_speck_in_one_of_three_images_does_no_harm() -> None:
    images = [photograph(lamp(), seed=seed) for seed in range(3)]
    cv2.rectangle(images[1], (100, 100), (260, 230), (20, 20, 20), -1)
    flat = fit_flat_field(images)
    wanted = fit_flat_field([images[0], images[2]])
    assert flat.foreign_fraction == 0.0
    assert flat.images == 3
    assert np.array(flat.gains) == pytest.approx(np.array(wanted.gains), rel=0.01)


def test_a_local_shadow_on_the_sensor_is_corrected() -> None:
    row, column = np.mgrid[0:HEIGHT, 0:WIDTH]
    shadow = 1 - 0.05 * np.exp(-((row - 200) ** 2 + (column - 150) ** 2) / (2 * 40.0**2))
    shot = photograph(lamp() * shadow[..., None], noise=0.5)
    evened = cv2.blur(apply_flat_field(shot, fit_flat_field([shot])), (15, 15))
    assert np.ptp(evened[150:250, 100:200, 1]) <= 2


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 80), st.integers(1, 80))
def test_any_size_works_and_an_even_lamp_changes_nothing(height_px: int, width_px: int) -> None:
    blank = np.full((height_px, width_px, 3), 180, dtype=np.uint8)
    flat = fit_flat_field([blank])
    image = np.random.default_rng(0).integers(0, 255, (height_px, width_px, 3), dtype=np.uint8)
    assert np.array_equal(apply_flat_field(image, flat), image)


def test_a_flat_field_survives_json() -> None:
    flat = fit_flat_field([photograph(lamp())])
    assert parse_flat_field(flat.model_dump_json().encode(), source="x") == flat


# --- what is refused -------------------------------------------------------------------------


def test_no_image() -> None:
    with pytest.raises(MissingPartError, match="no photograph of a blank"):
        fit_flat_field([])


def test_saturated() -> None:
    with pytest.raises(InvalidParameterError, match="saturated"):
        fit_flat_field([photograph(1.5 * lamp())])


def test_black() -> None:
    with pytest.raises(InvalidParameterError, match="too dark"):
        fit_flat_field([photograph(0.01 * lamp())])


def test_as_dark_as_its_dark_frame() -> None:
    shot = photograph(lamp())
    with pytest.raises(InvalidParameterError, match="too dark"):
        fit_flat_field([shot], shot)


def test_other_sizes() -> None:
    one, other = photograph(lamp()), photograph(lamp(100, 120))
    with pytest.raises(InvalidParameterError, match="flat image 2 is"):
        fit_flat_field([one, other])
    with pytest.raises(InvalidParameterError, match="dark image is"):
        fit_flat_field([one], other)
    with pytest.raises(InvalidParameterError, match=r"480 x 360 px"):
        apply_flat_field(other, fit_flat_field([one]))


def test_ore_is_no_blank() -> None:
    with pytest.raises(InvalidParameterError, match="no even blank"):
        fit_flat_field([photograph(tiles())])


def test_a_dark_side() -> None:
    light = lamp() * np.linspace(0.02, 1.0, WIDTH)[None, :, None]
    with pytest.raises(InvalidParameterError, match="of the mean light"):
        fit_flat_field([photograph(light)])


def test_more_cells_than_shading_has_are_refused() -> None:
    # One row of a megabyte would become tens of gigabytes when it is laid over a photograph.
    flat = {"height_px": 2, "width_px": 2, "gains": [[[1, 1, 1]]] * 65, "least_light": 1.0}
    with pytest.raises(InvalidParameterError, match="65 rows of 1 cells; at most 64"):
        parse_flat_field(json.dumps(flat).encode(), source="flat.json")
    flat["gains"] = [[[1, 1, 1]] * 64] * 64
    assert len(parse_flat_field(json.dumps(flat).encode(), source="flat.json").gains) == 64


@pytest.mark.parametrize("gains", [[], [[]], [[[1, 1, 1]], [[1, 1, 1], [1, 1, 1]]], [[[0, 1, 1]]]])
def test_broken_files(gains: list[object]) -> None:
    flat = {"height_px": 2, "width_px": 2, "gains": gains, "least_light": 1.0}
    with pytest.raises(InvalidParameterError, match="is no flat field"):
        parse_flat_field(str(flat).replace("'", '"').encode(), source="flat.json")


def test_gains_are_inverse_to_the_light() -> None:
    # Two cells, the right one with half the light: doubled at its centre, evened in between.
    flat = FlatField(
        height_px=1, width_px=4, gains=[[[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]], least_light=0.5
    )
    image = np.full((1, 4, 3), 100, dtype=np.uint8)
    gains = levels_to_light(apply_flat_field(image, flat)[0, :, 0].astype(float)) / levels_to_light(
        np.array(100.0)
    )
    assert gains == pytest.approx([0.75, 1.25, 1.75, 2.25], rel=0.02)
