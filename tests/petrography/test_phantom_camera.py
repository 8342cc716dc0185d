"""The camera of phantoms step by step, the filters, and fields that agree between windows."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.phantoms import filtered
from petrography.phantoms.camera import (
    Camera,
    Lens,
    Projection,
    draw_camera,
    illumination,
    photograph,
)
from petrography.phantoms.camera.optics_blur import blurred
from petrography.phantoms.camera.projection import composed, projected
from petrography.phantoms.camera.sensor import developed, tone_curve
from petrography.phantoms.chance import Chance
from petrography.phantoms.filters import FILTERS
from petrography.phantoms.optics import decode_srgb, encode_srgb
from petrography.phantoms.polish import HARDNESS_VHN, Relief
from petrography.phantoms.recipes import RECIPES
from petrography.phantoms.surface import END_MEMBERS
from petrography.phantoms.windows import Window, fine_field, smooth_field

PLAIN = Camera((1.0, 1.0, 1.0), 0.0, 0.5, 0.0, (0.0, 0.0), 1e6, 0.0)
SHAPE = (61, 81)


def bumps() -> NDArray[np.float32]:
    """Smooth coloured light, so that interpolation is exact to 1e-3."""
    rng = np.random.default_rng(0)
    noise = rng.random((*SHAPE, 3)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 5.0), dtype=np.float32)


def centroid(light: NDArray[np.float32]) -> NDArray[np.float64]:
    """Centre (x, y) of the light of one channel."""
    rows, columns = np.indices(light.shape)
    return np.array([(light * columns).sum(), (light * rows).sum()]) / light.sum()


def spot(x: float, y: float) -> NDArray[np.float32]:
    """A round white spot of a standard deviation of 3 px on black."""
    rows, columns = np.indices(SHAPE)
    squared = (columns - x) ** 2 + (rows - y) ** 2
    return np.repeat(np.exp(-squared / 18.0)[..., None], 3, axis=-1).astype(np.float32)


class TestBlur:
    @settings(deadline=None, max_examples=20)
    @given(blur_px=st.floats(0.5, 3.0), defocus_px=st.floats(0.0, 3.0))
    def test_light_of_a_spot_is_neither_made_nor_lost(
        self, blur_px: float, defocus_px: float
    ) -> None:
        light = spot(40.0, 30.0)
        spread = blurred(light, replace(PLAIN, blur_px=blur_px, defocus_px=defocus_px))
        assert spread.sum() == pytest.approx(light.sum(), rel=1e-3)
        assert centroid(spread[..., 1]) == pytest.approx([40.0, 30.0], abs=0.05)
        assert spread.max() <= light.max() + 1e-6

    def test_even_light_stays_as_it_is(self) -> None:
        even = np.full((*SHAPE, 3), (0.2, 0.5, 0.7), dtype=np.float32)
        camera = replace(PLAIN, blur_px=1.5, defocus_px=2.0, veil_fraction=0.2)
        assert blurred(even, camera) == pytest.approx(even, abs=1e-5)

    def test_defocus_makes_a_disc(self) -> None:
        light = np.zeros((*SHAPE, 3), dtype=np.float32)
        light[30, 40] = 1.0
        disc = blurred(light, replace(PLAIN, blur_px=0.3, defocus_px=3.0))[..., 0]
        inside = [disc[30, 40], disc[30, 42], disc[28, 40]]
        assert inside == pytest.approx([1.0 / (9.0 * math.pi)] * 3, rel=0.05)
        assert disc[30, 44] < 0.05 * disc[30, 40]

    def test_veil_lights_what_is_far_from_the_light(self) -> None:
        clear, veiled = (
            blurred(spot(40.0, 30.0), replace(PLAIN, veil_fraction=fraction))
            for fraction in (0.0, 0.1)
        )
        assert clear[2, 2, 0] < 1e-6
        assert veiled[2, 2, 0] > 1e-4


class TestProjection:
    def test_unit_projection_changes_nothing(self) -> None:
        light = bumps()
        same = projected(light, Projection(SHAPE, np.eye(2, 3), Lens()), PLAIN)
        assert same.tobytes() == light.tobytes()

    def test_content_moves_as_the_matrix_says(self) -> None:
        turn = np.deg2rad(20.0)
        matrix = np.array([[np.cos(turn), np.sin(turn), 3.2], [-np.sin(turn), np.cos(turn), 21.7]])
        seen = np.array([33.0, 25.0])
        light = spot(*(matrix @ [*seen, 1.0]))
        view = projected(light, Projection(SHAPE, matrix, Lens()), PLAIN)
        # Places are rounded to 1/32 px.
        assert centroid(view[..., 1]) == pytest.approx(seen, abs=0.02)

    def test_lens_moves_a_point_as_brown_and_conrady_say(self) -> None:
        lens = Lens(k1=-0.05, k2=0.01)
        half_diagonal = math.hypot(*SHAPE) / 2.0
        radius = (60.0 - 40.0) / half_diagonal
        expected = 40.0 + 20.0 * (1.0 - 0.05 * radius**2 + 0.01 * radius**4)
        assert lens.distorted(np.array([60.0, 30.0]), SHAPE) == pytest.approx([expected, 30.0])
        view = projected(spot(60.0, 30.0), Projection(SHAPE, np.eye(2, 3), lens), PLAIN)
        assert centroid(view[..., 1]) == pytest.approx([expected, 30.0], abs=0.1)

    @settings(deadline=None, max_examples=40)
    @given(
        k1=st.floats(-0.1, 0.1),
        k2=st.floats(-0.02, 0.02),
        x=st.floats(0.0, 80.0),
        y=st.floats(0.0, 60.0),
    )
    def test_undistorting_is_the_inverse_of_distorting(
        self, k1: float, k2: float, x: float, y: float
    ) -> None:
        lens, point = Lens(k1, k2), np.array([x, y])
        there = lens.undistorted(point, SHAPE)
        assert lens.distorted(there, SHAPE) == pytest.approx(point, abs=1e-4)

    def test_red_and_blue_are_shifted_and_scaled_against_green(self) -> None:
        camera = replace(
            PLAIN, colour_shift_px=((0.5, -0.25), (-0.75, 0.0)), colour_scale=(0.01, -0.01)
        )
        view = projected(spot(60.0, 30.0), Projection(SHAPE, np.eye(2, 3), Lens()), camera)
        centres = [centroid(view[..., channel]) for channel in range(3)]
        assert centres[0] == pytest.approx([40.0 + 20.0 * 1.01 - 0.25, 30.5], abs=0.05)
        assert centres[1] == pytest.approx([60.0, 30.0], abs=1e-4)
        assert centres[2] == pytest.approx([40.0 + 20.0 * 0.99, 29.25], abs=0.05)

    def test_composition_does_the_inner_map_first(self) -> None:
        double = np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
        shift = np.array([[1.0, 0.0, 5.0], [0.0, 1.0, -3.0]])
        assert composed(double, shift) @ [1.0, 1.0, 1.0] == pytest.approx([12.0, -4.0])


class TestIllumination:
    def test_flat_is_what_the_photograph_of_a_mirror_shows(self) -> None:
        camera = replace(PLAIN, vignetting=0.3, tilt=(0.05, -0.03), vignetting_tint=(1.1, 1.0, 0.9))
        mirror = np.full((*SHAPE, 3), 0.5, dtype=np.float32)
        image = photograph(mirror, camera, np.random.default_rng(0))
        linear = decode_srgb(image.astype(np.float32) / np.float32(255.0))
        flat = illumination(camera, SHAPE)
        # Half a grey level at 0.5 is 0.0023.
        assert np.abs(linear / 0.5 - flat).max() < 0.007
        assert flat[30, 40] == pytest.approx([1.0, 1.0, 1.0], abs=1e-3)

    def test_colour_matrix_acts_before_the_gains(self) -> None:
        swap = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
        camera = replace(PLAIN, colour_matrix=swap, gain_rgb=(0.5, 1.0, 1.0))
        light = np.full((8, 8, 3), (0.2, 0.4, 0.6), dtype=np.float32)
        image = photograph(light, camera, np.random.default_rng(0))
        expected = 255.0 * encode_srgb(np.array([0.2, 0.2, 0.6], dtype=np.float32))
        assert np.abs(image - expected).max() <= 0.51


class TestSensor:
    def test_tone_curve_is_srgb_and_contrast_keeps_its_ends_and_middle(self) -> None:
        plain, steep = tone_curve(0.0), tone_curve(0.4)
        levels = np.linspace(0.0, 1.0, 65_536, dtype=np.float32)
        assert plain == pytest.approx(255.0 * encode_srgb(levels), abs=1e-3)
        assert (np.diff(steep) >= 0.0).all()
        middle = int(np.searchsorted(plain, 127.5))
        assert steep[[0, middle, -1]] == pytest.approx([0.0, 127.5, 255.0], abs=0.01)
        slope = (steep[middle + 50] - steep[middle - 50]) / (
            plain[middle + 50] - plain[middle - 50]
        )
        assert slope == pytest.approx(1.4, rel=1e-3)

    def test_sharpening_overshoots_at_an_edge_only(self) -> None:
        step = np.full((20, 40, 3), 0.1, dtype=np.float32)
        step[:, 20:] = 0.4
        soft, sharp = (
            developed(step, replace(PLAIN, sharpening=strength), np.random.default_rng(0))
            for strength in (0.0, 0.8)
        )
        assert np.array_equal(sharp[:, [0, 39]], soft[:, [0, 39]])
        assert sharp[10, 20, 0] > soft[10, 20, 0]
        assert sharp[10, 19, 0] < soft[10, 19, 0]

    def test_jpeg_changes_little_and_less_at_higher_quality(self) -> None:
        light = bumps()
        raw, fine, coarse = (
            developed(light, replace(PLAIN, jpeg_quality=quality), np.random.default_rng(0))
            for quality in (0, 95, 50)
        )
        losses = [np.abs(image.astype(int) - raw).mean() for image in (fine, coarse)]
        assert 0.0 < losses[0] < losses[1] < 3.0

    def test_settings_are_drawn_in_their_ranges_and_told_as_json(self) -> None:
        spread = RECIPES["S1"].camera
        for seed in range(50):
            camera = draw_camera(spread, np.random.default_rng(seed))
            assert 0.05 <= camera.vignetting <= 0.3
            assert 88 <= camera.jpeg_quality <= 96
            assert camera.as_json()["colour_matrix"] == np.eye(3).tolist()


class TestRelief:
    PHASES = np.repeat(np.array([[2] * 30 + [6] * 30], dtype=np.uint8), 40, axis=0)

    def test_hard_side_is_dark_and_soft_side_bright(self) -> None:
        factor = Relief(0.5, 0.0, 1.2, 0.0).factor(self.PHASES)[20]
        assert factor[[2, 57]] == pytest.approx([1.0, 1.0], abs=1e-4)
        assert factor[28] > 1.02
        assert factor[31] < 0.98
        assert factor.min() > 0.7

    def test_oblique_light_turns_against_the_stage(self) -> None:
        relief = Relief(0.0, 0.05, 1.2, lamp_rad=0.0)
        towards, away, along = (
            relief.factor(self.PHASES, turn)[20, 30] - 1.0 for turn in (0.0, math.pi, math.pi / 2)
        )
        assert towards < -0.01
        assert away > 0.01
        assert along == pytest.approx(0.0, abs=1e-6)

    def test_every_phase_of_polished_ore_has_a_hardness(self) -> None:
        assert set(END_MEMBERS) <= set(HARDNESS_VHN)


class TestFilters:
    @pytest.mark.parametrize("name", ["blue", "yellow", "warm"])
    def test_filter_is_its_affine_map_in_linear_light(self, name: str) -> None:
        rng = np.random.default_rng(1)
        image = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        behind = filtered(image, name)
        linear = decode_srgb(image.astype(np.float32) / np.float32(255.0))
        expected = 255.0 * encode_srgb(FILTERS[name].apply(linear))
        assert np.abs(behind - expected).max() <= 0.501

    @pytest.mark.parametrize("name", ["blue", "yellow", "warm"])
    def test_white_is_not_clipped_so_the_filter_can_be_undone(self, name: str) -> None:
        white = FILTERS[name].apply(np.ones((1, 3), dtype=np.float32))
        assert white.max() <= 1.0
        assert np.linalg.cond(FILTERS[name].matrix) < 5.0

    def test_filters_have_the_colours_of_their_names(self) -> None:
        grey = np.full((1, 1, 3), 180, dtype=np.uint8)
        red, _, blue = filtered(grey, "blue")[0, 0].astype(int)
        assert blue > red + 30
        for name in ("yellow", "warm"):
            red, _, blue = filtered(grey, name)[0, 0].astype(int)
            assert red > blue + 30

    def test_unknown_filter_says_what_is_known(self) -> None:
        with pytest.raises(InvalidParameterError, match=r"'pink'.*blue, yellow, warm"):
            filtered(np.zeros((1, 1, 3), dtype=np.uint8), "pink")
        with pytest.raises(InvalidParameterError, match="wanted uint8"):
            filtered(np.zeros((1, 1), dtype=np.uint8), "blue")


class TestWindows:
    @settings(deadline=None, max_examples=15)
    @given(row=st.integers(0, 300), column=st.integers(0, 500))
    def test_fields_agree_wherever_windows_overlap(self, row: int, column: int) -> None:
        chance = Chance("S1", 1)
        whole, part = Window(0, 0, 400, 600), Window(row, column, 90, 70)
        fine = [fine_field(window, 2.0, chance, "specks") for window in (whole, part)]
        assert fine[0][part.rows, part.columns] == pytest.approx(fine[1], abs=1e-5)
        smooth = smooth_field((400, 600), 30.0, chance.stream("stains"))
        assert smooth.on(whole)[part.rows, part.columns] == pytest.approx(smooth.on(part), abs=1e-5)

    def test_fields_are_standard_normal_with_their_covariance(self) -> None:
        field = fine_field(Window(-40, 70, 900, 900), 3.0, Chance("S1", 2), "specks")
        assert field.mean() == pytest.approx(0.0, abs=0.03)
        assert field.std() == pytest.approx(1.0, abs=0.03)
        assert np.mean(field[:, 3:] * field[:, :-3]) == pytest.approx(math.exp(-0.5), abs=0.03)
        smooth = [
            smooth_field((300, 300), 20.0, Chance("S1", seed).stream("stains")).on(
                Window(0, 0, 300, 300)
            )
            for seed in range(20)
        ]
        assert np.std(smooth) == pytest.approx(1.0, abs=0.08)

    def test_window_with_a_margin_is_cut_to_the_section(self) -> None:
        window = Window(2, 50, 10, 20).grown(5)
        assert window == Window(-3, 45, 20, 30)
        assert window.inside((30, 60)) == Window(0, 45, 17, 15)
