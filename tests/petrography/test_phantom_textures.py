"""Textures against their closed forms: areas, outlines, contacts, widths, directions."""

from __future__ import annotations

import math
from typing import get_args

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

from petrography.phantoms.arrangement import arrange, claim_level, majority_labels
from petrography.phantoms.chance import Chance
from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.phantoms.grain_laws import GrainLaw
from petrography.phantoms.recipes import (
    RECIPES,
    THIN_SECTIONS,
    VOID,
    Recipe,
    draw_composition,
)
from petrography.phantoms.textures import (
    OVERSAMPLING,
    Alteration,
    Canvas,
    CleavagePits,
    Crystals,
    Discs,
    Disease,
    Facies,
    Flames,
    GrowthZones,
    Lamellae,
    ReplacementRims,
    Texture,
    Veinlets,
    WholeGrains,
)
from petrography.phantoms.textures.inclusions import onto_planes

ALL_RECIPES = {**RECIPES, **THIN_SECTIONS}


def canvas_of(seed: int, shape_px: tuple[int, int] = (200, 300), grain_px: float = 60.0) -> Canvas:
    canvas = Canvas(shape_px, Chance("test", seed), GrainLaw(grain_px))
    # Lengths are checked as they are written, so the image must be of middling coarseness.
    canvas.__dict__["coarseness"] = 1.0
    return canvas


class TestGaussianFields:
    def test_variance_of_the_mean_is_that_of_the_integral_range(self) -> None:
        # Integral range of exp(-h²/2ℓ²) in the plane: 2πℓ².
        side, length_px = 128, 4.0
        means = [
            gaussian_field((side, side), [length_px], np.random.default_rng(seed)).mean()
            for seed in range(400)
        ]
        expected = 2 * math.pi * length_px**2 / side**2
        # The variance of 400 values has a standard error of 7 %.
        assert np.mean(np.square(means)) == pytest.approx(expected, rel=0.25)


class TestFacies:
    LENGTHS = (6.0,), (1.0,)

    def fields(self, seed: int, correlation: float) -> tuple[NDArray[np.float32], ...]:
        canvas = canvas_of(seed)
        return tuple(
            Facies(field, "high", *self.LENGTHS, correlation=correlation).score(canvas, 1)
            for field in ("first", "second")
        )

    @pytest.mark.parametrize("correlation", [0.0, 0.6, -0.7])
    def test_proportions_are_bivariate_normal_integrals(self, correlation: float) -> None:
        level_1, level_2 = 0.4, -0.3
        shares = []
        for seed in range(12):
            first, second = self.fields(seed, correlation)
            shares.append(float(((first > level_1) & (second > level_2)).mean()))
        covariance = [[1.0, correlation], [correlation, 1.0]]
        expected = multivariate_normal(cov=covariance).cdf([-level_1, -level_2])
        # The reflected lower quadrant; standard error about 0.004.
        assert np.mean(shares) == pytest.approx(float(expected), abs=0.015)

    def test_opposite_sides_of_a_field_never_touch(self) -> None:
        canvas = canvas_of(3)
        phases = np.zeros(canvas.shape, dtype=np.uint8)
        high, low = (Facies("first", "high", *self.LENGTHS), Facies("first", "low", *self.LENGTHS))
        for code, texture in ((1, high), (2, low)):
            score = texture.score(canvas, code)
            phases[score >= claim_level(score, phases == 0, 0.3)] = code
        around_1 = cv2.dilate((phases == 1).astype(np.uint8), np.ones((3, 3)))
        assert not np.any(around_1.astype(bool) & (phases == 2))

    def test_second_of_a_side_is_a_shell_around_the_first(self) -> None:
        canvas = canvas_of(4)
        texture = Facies("first", "high", *self.LENGTHS)
        phases = np.zeros(canvas.shape, dtype=np.uint8)
        for code in (1, 2):
            score = texture.score(canvas, code)
            phases[(phases == 0) & (score >= claim_level(score, phases == 0, 0.2))] = code
        around_1 = cv2.dilate((phases == 1).astype(np.uint8), np.ones((3, 3))).astype(bool)
        assert not np.any(around_1 & (phases == 0))


class TestVeinlets:
    def test_bands_cover_their_width_times_the_length_of_the_zero_line(self) -> None:
        texture, covered = Veinlets(25.0, stretch=1.0, unevenness=0.0), []
        for seed in range(10):
            score = texture.score(canvas_of(seed), 1)
            covered.append(float((score >= -1.5).mean()))
        # Bands 3 px wide, 1/2ℓ long per area; what bends and crosses changes it by some percent.
        assert np.mean(covered) == pytest.approx(3.0 / 50.0, rel=0.12)


class TestLamellae:
    @pytest.mark.parametrize("width_px", [2.0, 4.0])
    def test_share_is_width_over_spacing(self, width_px: float) -> None:
        score = Lamellae(16.0, unevenness=0.0).score(canvas_of(1), 1)
        assert (score >= -width_px / 2).mean() == pytest.approx(width_px / 16.0, rel=0.05)

    def test_two_directions_cross(self) -> None:
        score = Lamellae(16.0, directions=2, unevenness=0.0).score(canvas_of(1), 1)
        # Stripes of 1/4 in two independent directions: 1 - (1 - 1/4)².
        assert (score >= -2.0).mean() == pytest.approx(1.0 - 0.75**2, rel=0.05)

    def test_plates_run_along_the_axis_of_the_grain(self) -> None:
        canvas = canvas_of(2, grain_px=150.0)
        score = Lamellae(12.0, unevenness=0.0).score(canvas, 1)[::OVERSAMPLING, ::OVERSAMPLING]
        cells, angles = canvas.grains.cells, canvas.orientations.in_plane_rad
        down, right = (np.gradient(score, axis=axis) for axis in range(2))
        tested = 0
        for cell in np.unique(cells):
            inside = (cells == cell) & (canvas.grains.edge_distance_px > 4.0)
            steep = inside & (np.hypot(down, right) > 0.5)
            if steep.sum() < 200:
                continue
            along = math.cos(angles[cell]) * right[steep] + math.sin(angles[cell]) * down[steep]
            assert np.abs(along).mean() < 0.1
            tested += 1
        assert tested >= 5

    def test_spacing_is_kept_inside_a_grain(self) -> None:
        canvas = canvas_of(5, grain_px=4000.0)
        canvas.orientations.in_plane_rad[:] = 0.0
        score = Lamellae(20.0, unevenness=0.0).score(canvas, 1)
        column = score[:, 100] if len(np.unique(canvas.grains.cells[:, 50])) == 1 else score[:, 500]
        crests = np.flatnonzero((column[1:-1] > column[:-2]) & (column[1:-1] >= column[2:]))
        assert np.diff(crests) == pytest.approx(20.0 * OVERSAMPLING, abs=2.0)


class TestInclusions:
    @pytest.mark.parametrize("elongation", [1.0, 3.0])
    def test_discs_cover_as_a_boolean_model(self, elongation: float) -> None:
        texture, covered = Discs(20.0, 4.0, size_spread=0.3, elongation=elongation), []
        for seed in range(8):
            score = texture.score(canvas_of(seed), 1)
            covered.append(float((score >= -1.0).mean()))
        # E[r²] of a log-normal radius.
        mean_area = math.pi * 16.0 * math.exp(2 * 0.3**2)
        assert np.mean(covered) == pytest.approx(1.0 - math.exp(-mean_area / 400.0), rel=0.10)

    def test_points_move_to_the_nearest_plane_only(self) -> None:
        rng = np.random.default_rng(0)
        points, angles = rng.uniform(0, 500, (400, 2)), rng.uniform(0, math.pi, 400)
        moved = onto_planes(points, angles, 12.0)
        normals = np.column_stack([np.cos(angles), -np.sin(angles)])
        height = np.sum(normals * moved, axis=1) / 12.0
        way = moved - points
        assert height == pytest.approx(np.rint(height), abs=1e-9)
        assert np.linalg.norm(way, axis=1).max() <= 6.0 + 1e-9
        # Across the planes: no part of the way runs along them.
        assert np.sum(way * normals[:, ::-1] * [1, -1], axis=1) == pytest.approx(0.0, abs=1e-9)

    def test_disease_lines_up_on_twin_planes_and_swarms(self) -> None:
        canvas = canvas_of(6, shape_px=(400, 400), grain_px=5000.0)
        canvas.orientations.in_plane_rad[:] = 0.0
        texture = Disease(8.0, 1.2, plane_spacing_px=20.0, swarm_px=60.0, swarming=1.0)
        blebs = texture.score(canvas, 1) >= -1.0
        by_row = blebs.mean(axis=1)
        phase = 2 * math.pi * (np.arange(blebs.shape[0]) + 0.5) / (20.0 * OVERSAMPLING)
        # Planes at whole multiples of the spacing: the rows there hold nearly all blebs.
        assert float(np.sum(by_row * np.cos(phase)) / by_row.sum()) > 0.8
        blocks = blebs.reshape(10, 80, 10, 80).mean(axis=(1, 3))
        # Even blebs, about 70 in a block, would vary by 0.15 of the mean.
        assert blocks.std() > 0.35 * blocks.mean()

    def test_flames_start_at_boundaries_and_follow_the_axis(self) -> None:
        canvas = canvas_of(7, grain_px=90.0)
        canvas.orientations.in_plane_rad[:] = math.pi / 2
        flames = Flames(6.0, 24.0, 3.0, nearness_px=4.0).score(canvas, 1) >= -1.0
        near = canvas.grains.edge_distance_px.repeat(2, axis=0).repeat(2, axis=1) < 12.0
        assert flames[near].mean() > 3 * flames[~near].mean()
        down = np.count_nonzero(flames[1:] != flames[:-1])
        right = np.count_nonzero(flames[:, 1:] != flames[:, :-1])
        assert right > 4 * down

    def test_cleavage_pits_of_a_grain_are_triangles_that_point_one_way(self) -> None:
        canvas = canvas_of(8, shape_px=(400, 400), grain_px=5000.0)
        canvas.orientations.in_plane_rad[:] = 0.0
        pits = CleavagePits(40.0, 12.0, size_spread=0.0).score(canvas, 2) >= -1.0
        mean_area = math.sqrt(3.0) / 4.0 * 12.0**2
        assert pits.mean() == pytest.approx(1.0 - math.exp(-mean_area / 1600.0), rel=0.3)
        count, _, stats, centroids = cv2.connectedComponentsWithStats(pits.astype(np.uint8))
        whole = [
            n for n in range(1, count) if stats[n, 4] == pytest.approx(4 * mean_area, rel=0.08)
        ]
        assert len(whole) > 10
        for n in whole:
            # The centroid of a triangle lies at a third of its height from the base.
            left, width = stats[n, cv2.CC_STAT_LEFT], stats[n, cv2.CC_STAT_WIDTH]
            assert (centroids[n, 0] + 0.5 - left) / width == pytest.approx(2 / 3, abs=0.06)


class TestAlteration:
    def square(self, canvas: Canvas) -> NDArray[np.uint8]:
        phases = np.zeros(canvas.shape, dtype=np.uint8)
        phases[50:350, 100:500] = 1
        return phases

    def test_rim_covers_its_depth_times_the_front(self) -> None:
        canvas = canvas_of(0)
        phases = self.square(canvas)
        score = ReplacementRims((0,), 0.0, unevenness_px=50.0).score_in(phases, canvas, 12)
        depth = 10.0
        rim = (phases == 1) & (score >= -depth)
        expected = 2 * (300 + 400) * depth - 4 * depth**2
        assert rim.sum() == pytest.approx(expected, rel=0.03)

    def test_uneven_rim_has_the_same_median_depth(self) -> None:
        canvas = canvas_of(1)
        phases = np.zeros(canvas.shape, dtype=np.uint8)
        phases[200:] = 1
        score = ReplacementRims((0,), 0.5, unevenness_px=15.0).score_in(phases, canvas, 12)
        depths = (score[200:] >= -10.0).sum(axis=0)
        assert np.median(depths) == pytest.approx(10.0, abs=3.0)
        assert depths.std() > 2.0

    def test_cracks_are_fronts_too(self) -> None:
        canvas = canvas_of(2)
        phases = np.full(canvas.shape, 1, dtype=np.uint8)
        phases[:, 300] = VOID
        score = ReplacementRims((0, VOID), 0.0, unevenness_px=50.0).score_in(phases, canvas, 12)
        assert (score >= -8.0).sum() == pytest.approx(17 * phases.shape[0], rel=0.02)

    def test_zones_of_half_the_height_cover_a_third(self) -> None:
        canvas = canvas_of(3)
        phases = np.ones(canvas.shape, dtype=np.uint8)
        phases[0] = 0
        score = GrowthZones((1,), 20.0, speckle=0.0).score_in(phases, canvas, VOID)
        # cos > 1/2 over a third of each turn.
        assert (score[1:] > 0.5).mean() == pytest.approx(1 / 3, abs=0.03)
        crossings = np.count_nonzero(np.diff(score[1:, 300] > 0.0))
        assert crossings == pytest.approx(2 * phases.shape[0] / (20.0 * OVERSAMPLING), abs=1)


class TestWholeGrains:
    def test_grains_are_taken_whole_in_some_order(self) -> None:
        canvas = canvas_of(4, grain_px=25.0)
        score = WholeGrains().score(canvas, 32)
        cells = canvas.grains.cells.repeat(2, axis=0).repeat(2, axis=1)
        taken = score >= claim_level(score, np.ones(canvas.shape, dtype=bool), 0.3)
        assert taken.mean() == pytest.approx(0.3, abs=0.03)
        assert not set(np.unique(cells[taken])) & set(np.unique(cells[~taken]))


class TestCrystals:
    def test_individuals_are_grains_with_axes_of_their_own(self) -> None:
        recipe = RECIPES["S3"]
        chance = Chance("S3", 1)
        canvas = Canvas((200, 240), chance, recipe.grains)
        section = arrange(recipe, {0: 0.5, 9: 0.5}, canvas)
        inside = section.named[::2, ::2] == 9
        first = len(canvas.grains.seeds_px)
        assert (section.ore_grains.cells[inside] >= first).all()
        assert (section.ore_grains.cells[~inside] < first).all()
        count = len(section.ore_grains.seeds_px)
        assert len(section.ore_orientations.polar_rad) == count > first
        assert section.ore_grains.cells.max() < count

    @pytest.mark.parametrize("spacing_px", [3.0, 40.0, 400.0])
    def test_individuals_cover_the_image_at_any_coarseness(self, spacing_px: float) -> None:
        canvas = canvas_of(0, shape_px=(37, 51))
        owners, centres_px = Crystals("prism", spacing_px, 0.3, 0.0).individuals(canvas, 9)
        assert owners.shape == (37, 51)
        assert 0 <= owners.min() <= owners.max() < len(centres_px)


def used(recipe: Recipe) -> set[type[Texture | Alteration]]:
    return {
        *(type(body.texture) for body in recipe.bodies),
        *(type(inclusion.texture) for inclusion in recipe.inclusions),
        *(type(damage.texture) for damage in recipe.damage),
    }


class TestDamage:
    def test_damage_is_seen_but_not_named_and_lies_in_its_hosts(self) -> None:
        recipe, chance = RECIPES["S1"], Chance("S1", 2)
        section = arrange(
            recipe, {0: 0.3, 8: 0.4, 6: 0.3}, Canvas((120, 160), chance, recipe.grains)
        )
        hidden = section.phases != section.named
        most = 0.7 * sum(damage.share[1] for damage in recipe.damage)
        assert 0.002 < hidden.mean() < 1.1 * most
        assert (section.phases[hidden] == VOID).all()
        assert {6, 8} == set(np.unique(section.named[hidden]).tolist())


class TestRecipes:
    def test_every_texture_is_used(self) -> None:
        in_use = set().union(*map(used, ALL_RECIPES.values()))
        assert in_use == {*get_args(Texture), *get_args(Alteration)}

    def test_every_grain_model_is_used(self) -> None:
        laws = [
            law for recipe in ALL_RECIPES.values() for law in (recipe.grains, recipe.gangue_grains)
        ]
        assert {law.model for law in laws} == {"voronoi", "laguerre", "johnson-mehl"}

    @pytest.mark.parametrize("recipe", ALL_RECIPES.values(), ids=lambda recipe: recipe.name)
    def test_only_crystals_are_individuals_and_hosts_are_phases(self, recipe: Recipe) -> None:
        codes = set(recipe.area_fractions)
        for body in recipe.bodies:
            assert isinstance(body.texture, Crystals) or not body.individuals
        for inclusion in recipe.inclusions:
            assert set(inclusion.hosts) <= codes
            assert inclusion.belongs_to in codes
            assert inclusion.code in {VOID, *codes}

    @pytest.mark.parametrize("seed", range(3))
    def test_sandstone_has_its_shares_up_to_a_grain(self, seed: int) -> None:
        recipe = THIN_SECTIONS["quartz"]
        chance = Chance("quartz", seed)
        composition = draw_composition(recipe, chance.stream("composition"))
        law = GrainLaw(20.0, recipe.grains.model, recipe.grains.spread)
        labels = majority_labels(
            arrange(recipe, composition, Canvas((300, 400), chance, law)).phases
        )
        for code, wanted in composition.items():
            assert float((labels == code).mean()) == pytest.approx(wanted, abs=0.05)
