"""Series on a rotating stage: matrices carry the content, optics turn with the stage."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Image
from petrography.phantoms import StageSeries, View, stage_series
from petrography.phantoms.anisotropy import ANISOTROPIES
from petrography.phantoms.arrangement import Section
from petrography.phantoms.chance import Chance
from petrography.phantoms.mosaics import Mosaic
from petrography.phantoms.optics import decode_srgb
from petrography.phantoms.orientations import Orientations
from petrography.phantoms.polarised_light import Polars
from petrography.phantoms.polish import Relief
from petrography.phantoms.recipes import RECIPES
from petrography.phantoms.samples import Samples
from petrography.phantoms.specimen import Specimen
from petrography.phantoms.stage_geometry import draw_turns, field_on_section, inside_reference
from petrography.phantoms.surface import PolishedSection, polished_section
from petrography.phantoms.thin_section import ThinSection, thin_section
from petrography.phantoms.windows import Window

PLAIN, CROSSED = Polars(analyser=False), Polars(analyser=True)
FLAT = Relief(strength=0.0, slope_strength=0.0, width_px=1.0, lamp_rad=0.0)
SIZE = (150, 200)
GRAIN_SIZE = (60, 90)
GRAIN = Window(0, 0, *GRAIN_SIZE)


def aggregate(code: int) -> Samples:
    """A field full of one phase in three grains side by side, turned differently."""
    cells = np.repeat(np.arange(3, dtype=np.int32), 30)[None, :].repeat(60, axis=0)
    grains = Mosaic(cells, np.full(GRAIN_SIZE, 9.0, dtype=np.float32), np.zeros((3, 2)))
    axes = Orientations(
        np.array([0.3, 1.2, 2.8], dtype=np.float32), np.array([0.7, 1.1, 1.5], dtype=np.float32)
    )
    phases = np.full((120, 180), code, dtype=np.uint8)
    return Samples(Section(phases, phases, grains, grains, axes, axes), GRAIN_SIZE, per_px=2)


def ore(code: int, recipe: str) -> PolishedSection:
    return polished_section(aggregate(code), RECIPES[recipe], Chance(recipe, 3))


def rock(code: int) -> ThinSection:
    return thin_section(aggregate(code), Chance("quartz", 3))


def full_turn(specimen: Specimen, polars: Polars) -> NDArray[np.float32]:
    """Green light of a grain at twelve steps of 30 degrees."""
    turns = np.deg2rad(np.arange(0.0, 360.0, 30.0))
    return np.array([specimen.light(GRAIN, polars, turn, FLAT)[..., 1] for turn in turns])


@cache
def series(recipe: str, seed: int = 4) -> StageSeries:
    return stage_series(recipe, seed, *SIZE, views=4, step_deg=25.0, uncrossing_deg=0.0)


def linear_green(image: Image) -> NDArray[np.float64]:
    levels = decode_srgb(np.arange(256, dtype=np.float32) / np.float32(255.0))
    return levels[image[..., 1]].astype(np.float64)


def brought_back(view: View) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A view and its borders in the frame of view 0."""
    inverse = cv2.invertAffineTransform(view.matrix)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = SIZE[1], SIZE[0]
    image = cv2.warpAffine(linear_green(view.image), inverse, size, flags=flags)
    seen = cv2.warpAffine(np.ones(SIZE, dtype=np.float32), inverse, size, flags=flags)
    return np.asarray(image), np.asarray(seen) > 0.999


def mismatch(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """1 minus the correlation."""
    return 1.0 - float(np.corrcoef(first, second)[0, 1])


class TestGeometry:
    def test_view_0_is_the_reference(self) -> None:
        made = series("S1")
        for view in (made.ppl[0], made.xpl[0]):
            assert view.stage_angle_deg == 0.0
            assert view.matrix == pytest.approx(np.eye(2, 3))
            assert view.valid.all()

    def test_axis_of_the_stage_stays_in_its_place_but_for_the_play(self) -> None:
        axis_px, turns = draw_turns([0.0, 40.0, 170.0], SIZE, Chance("S1", 5))
        for turn in turns:
            # Two standard deviations of 1 px in each direction, and the scale about the axis.
            assert turn.matrix @ [*axis_px, 1.0] == pytest.approx(axis_px, abs=2.0 * 1.5)
            angle = np.degrees(np.arctan2(turn.matrix[0, 1], turn.matrix[0, 0]))
            assert angle == pytest.approx(turn.nominal_deg, abs=0.2 + 1e-9)
            assert np.linalg.det(turn.matrix[:, :2]) == pytest.approx(1.0, abs=2.5e-3)

    def test_section_holds_every_corner_of_every_view(self) -> None:
        _, turns = draw_turns(np.arange(0.0, 360.0, 15.0).tolist(), SIZE, Chance("S2", 8))
        field, section = field_on_section(turns, SIZE, rim_px=3)
        corners = np.array([[0, 0, 1], [199, 0, 1], [0, 149, 1], [199, 149, 1]])
        places = np.concatenate([corners @ turn.matrix.T for turn in turns])
        places += [field.column, field.row]
        assert places.min() >= 3.0
        assert (places.max(axis=0) <= [section[1] - 4.0, section[0] - 4.0]).all()

    def test_turning_is_clockwise_on_the_picture(self) -> None:
        _, turns = draw_turns([0.0, 90.0], SIZE, Chance("S1", 5))
        back = turns[1].matrix[:, :2]
        # What lies to the right in view 0 lies below after a quarter turn.
        assert back @ [0.0, 1.0] == pytest.approx([1.0, 0.0], abs=0.01)

    def test_validity_mask_is_that_of_each_pixel(self) -> None:
        view = series("S1").ppl[2]
        for row, column in [(0, 0), (75, 100), (149, 199), (3, 120), (140, 8)]:
            x, y = view.matrix @ [column, row, 1.0]
            assert view.valid[row, column] == (-0.5 <= x <= 199.5 and -0.5 <= y <= 149.5)
        assert 0.5 < view.valid.mean() < 1.0

    def test_half_turn_about_the_middle_leaves_all_valid(self) -> None:
        half_turn = np.array([[-1.0, 0.0, 199.0], [0.0, -1.0, 149.0]])
        assert inside_reference(half_turn, SIZE).all()


class TestContent:
    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_matrix_brings_the_content_back(self, number: int) -> None:
        made = series("S1")
        reference = linear_green(made.ppl[0].image)
        image, seen = brought_back(made.ppl[number])
        residual = mismatch(image[seen], reference[seen])
        assert residual < 0.02
        # The matrix is right to a fraction of a pixel: moving by one pixel is worse each way.
        for way in (-1, 1):
            for axis in (0, 1):
                moved = np.roll(image, way, axis=axis)
                inner = cv2.erode(seen.astype(np.uint8), np.ones((5, 5))) > 0
                assert mismatch(moved[inner], reference[inner]) > 1.3 * residual

    @pytest.mark.parametrize("code", [0, 2, 6, 8, 11])
    def test_light_of_an_isotropic_phase_does_not_change_with_the_stage(self, code: int) -> None:
        stack = full_turn(ore(code, "S1"), PLAIN)
        assert np.ptp(stack, axis=0).max() < 1e-6

    @pytest.mark.parametrize("code", [2, 6])
    def test_isotropic_minerals_are_exactly_dark_between_perfect_polars(self, code: int) -> None:
        # Pyrite and galena have no internal reflections either.
        light = ore(code, "S1").light(GRAIN, CROSSED, 0.3, FLAT)
        assert light.max() == 0.0

    def test_zinc_blende_and_gangue_glow_between_crossed_polars(self) -> None:
        blende, gangue = (ore(code, "S1").light(GRAIN, CROSSED, 0.3, FLAT) for code in (8, 0))
        assert 0.0 < blende.mean() < 0.01
        assert blende[..., 0].mean() > 2.0 * blende[..., 2].mean()
        assert 0.0 < gangue.mean() < 0.01

    @pytest.mark.parametrize(("code", "recipe"), [(5, "S2"), (1, "S2"), (4, "S1")])
    @pytest.mark.parametrize(("polars", "order"), [(PLAIN, 2), (CROSSED, 4)])
    def test_each_grain_has_the_harmonic_of_its_light(
        self, code: int, recipe: str, polars: Polars, order: int
    ) -> None:
        spectrum = np.abs(np.fft.rfft(full_turn(ore(code, recipe), polars), axis=0))
        others = spectrum[[k for k in range(1, 7) if k != order]]
        # Twelve equal steps of 32-bit sums: the other harmonics are rounding.
        assert (others.max(axis=0) < 2e-3 * spectrum[order] + 1e-5).all()
        assert spectrum[order].min() > 0.0

    def test_extinction_follows_the_axis_of_each_grain(self) -> None:
        specimen = ore(5, "S2")
        for column, axis_rad in [(15, 0.3), (45, 1.2), (75, 2.8)]:
            # The axis stands along the polariser: dark. Half way between two extinctions: bright.
            dark, bright = (
                specimen.light(GRAIN, CROSSED, turn - axis_rad, FLAT)[30, column].mean()
                for turn in (0.0, np.pi / 4.0)
            )
            assert dark < 1e-6 * bright

    def test_anisotropic_is_where_the_labels_say(self) -> None:
        made = series("S2")
        assert np.array_equal(made.anisotropic, np.isin(made.labels, list(ANISOTROPIES)))

    def test_crossed_polars_show_grains_that_plain_light_hardly_tells_apart(self) -> None:
        made = stage_series("S2", 4, *SIZE, views=1, uncrossing_deg=0.0)
        grains = made.labels == 5
        contrast = [
            float(linear_green(view.image)[grains].std() / linear_green(view.image)[grains].mean())
            for view in (made.ppl[0], made.xpl[0])
        ]
        assert contrast[1] > 2.0 * contrast[0]

    def test_uncrossing_lights_isotropic_grains(self) -> None:
        specimen = ore(6, "S1")
        uncrossed = Polars(analyser=True, uncrossing_rad=0.1)
        lit, plain = (specimen.light(GRAIN, polars, 0.0, FLAT) for polars in (uncrossed, PLAIN))
        assert lit == pytest.approx(plain * np.sin(0.1) ** 2, rel=1e-4)


class TestThinSection:
    @pytest.mark.parametrize("code", [32, 33])
    def test_crystals_go_dark_four_times_in_a_turn(self, code: int) -> None:
        spectrum = np.abs(np.fft.rfft(full_turn(rock(code), CROSSED), axis=0))
        others = spectrum[[1, 2, 3, 5, 6]]
        assert (others.max(axis=0) < 1e-3 * spectrum[4]).all()

    def test_quartz_extinguishes_in_waves_and_feldspar_at_once(self) -> None:
        spread = []
        for code in (32, 33):
            spectrum = np.fft.rfft(full_turn(rock(code), CROSSED), axis=0)[4]
            # Phase of the 4ψ harmonic over 4, within the first grain.
            turned = np.angle(spectrum[:, :30] / spectrum[0, 0]) / 4.0
            spread.append(np.rad2deg(turned.std()))
        assert spread[0] > 0.5
        assert spread[1] == pytest.approx(0.0, abs=1e-3)

    def test_plagioclase_shows_two_sets_of_lamellae(self) -> None:
        specimen = rock(34)
        spectrum = np.fft.rfft(full_turn(specimen, CROSSED), axis=0)[4][:, :30]
        turned = np.angle(spectrum / spectrum[0, 0]) / 4.0
        two = np.unique(np.round(turned, 3))
        assert two.size == 2
        extinction = float(specimen.grains.twin_extinction_rad[0])
        assert abs(two[1] - two[0]) == pytest.approx(2.0 * extinction, abs=2e-3)

    @pytest.mark.parametrize("code", [0, 32, 33, 34, 35])
    def test_light_is_a_share_of_the_lamp(self, code: int) -> None:
        specimen = rock(code)
        plain, crossed = (specimen.light(GRAIN, polars, 0.4, FLAT) for polars in (PLAIN, CROSSED))
        assert crossed.min() >= 0.0
        assert (crossed <= plain + 1e-6).all()
        assert plain.max() <= 1.0

    def test_quartz_is_the_clearest_in_plain_light(self) -> None:
        clear = {
            code: np.median(rock(code).light(GRAIN, PLAIN, 0.0, FLAT)) for code in range(32, 36)
        }
        assert max(clear, key=clear.__getitem__) == 32
        assert min(clear, key=clear.__getitem__) == 35

    def test_pores_are_blue_and_isotropic(self) -> None:
        specimen = replace(rock(0), pore_level=-9.0)
        plain = specimen.light(GRAIN, PLAIN, 0.0, FLAT)
        assert (plain[..., 2] > 2.0 * plain[..., 0]).all()
        assert specimen.light(GRAIN, CROSSED, 0.5, FLAT).max() == 0.0


class TestSeries:
    @pytest.mark.parametrize("recipe", ["S1", "quartz"])
    def test_same_arguments_same_series(self, recipe: str) -> None:
        first, again = (stage_series(recipe, 9, 40, 50, views=2) for _ in range(2))
        for one, other in zip(first.ppl + first.xpl, again.ppl + again.xpl, strict=True):
            assert one.image.tobytes() == other.image.tobytes()
            assert one.matrix.tobytes() == other.matrix.tobytes()
        assert first.labels.tobytes() == again.labels.tobytes()
        assert first.truth == again.truth

    def test_partners_have_one_angle_and_one_matrix(self) -> None:
        made = series("S1")
        for plain, crossed in zip(made.ppl, made.xpl, strict=True):
            assert plain.stage_angle_deg == crossed.stage_angle_deg
            assert np.array_equal(plain.matrix, crossed.matrix)
            assert plain.image.shape == crossed.image.shape == (*SIZE, 3)

    @pytest.mark.parametrize(("views", "last_deg"), [(6, 75.0), (30, 348.0)])
    def test_default_steps(self, views: int, last_deg: float) -> None:
        made = stage_series("S1", 1, 4, 5, views=views)
        assert made.ppl[-1].stage_angle_deg == pytest.approx(last_deg)

    def test_truth_is_json_and_repeats_the_matrices(self) -> None:
        made = series("S2")
        truth = json.loads(json.dumps(made.truth))
        assert truth == made.truth
        for view, stated in zip(made.ppl, truth["views"], strict=True):
            assert np.array_equal(stated["matrix"], view.matrix)
        assert truth["uncrossing_deg"] == pytest.approx(0.0)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"views": 0}, "views is 0"),
            ({"views": 2, "step_deg": 0.0}, "step_deg is 0.0"),
            ({"views": 2, "step_deg": float("nan")}, "step_deg is nan"),
            ({"views": 2, "uncrossing_deg": 30.0}, "uncrossing_deg is 30.0"),
            ({"views": 2, "uncrossing_deg": float("nan")}, "uncrossing_deg is nan"),
        ],
    )
    def test_impossible_requests_are_refused(self, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(InvalidParameterError, match=message):
            stage_series("S1", 0, 8, 8, **arguments)
        with pytest.raises(InvalidParameterError, match=r"'S9'.*quartz"):
            stage_series("S9", 0, 8, 8, views=1)
