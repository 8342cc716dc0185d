"""Mosaics, crystal sections and Boolean models against what stochastic geometry says of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from petrography.phantoms.chance import Chance
from petrography.phantoms.crystals import HABITS, Habit, crystal_sections, plane_sections
from petrography.phantoms.germ_grains import Germs, Outline, germ_gauge
from petrography.phantoms.grain_laws import GrainLaw, GrainModel, draw_grains
from petrography.phantoms.mosaics import (
    johnson_mehl_mosaic,
    laguerre_mosaic,
    mosaic_of_births,
    mosaic_of_weights,
    scatter_points,
)
from petrography.phantoms.orientations import draw_orientations
from tests.petrography.crofton import crofton_length_px

SHAPE = (60, 80)


def seeds_and_numbers(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    seeds = scatter_points(SHAPE, 9.0, 20.0, rng)
    return seeds, rng.uniform(0.0, 60.0, len(seeds))


def pixel_centres(shape: tuple[int, int]) -> NDArray[np.float64]:
    return np.stack(np.meshgrid(*(np.arange(side) + 0.5 for side in shape), indexing="ij"), -1)


class TestLaguerre:
    @settings(deadline=None, max_examples=10)
    @given(seed=st.integers(0, 2**32))
    def test_each_pixel_has_the_seed_of_least_power_distance(self, seed: int) -> None:
        seeds, weights = seeds_and_numbers(seed)
        mosaic = mosaic_of_weights(SHAPE, seeds, weights)
        squares = ((pixel_centres(SHAPE)[:, :, None] - seeds) ** 2).sum(axis=-1) - weights
        chosen = np.take_along_axis(squares, mosaic.cells[..., None], axis=-1)[..., 0]
        assert chosen == pytest.approx(squares.min(axis=-1), abs=1e-6)

    def test_edge_distance_is_that_to_the_radical_line(self) -> None:
        seeds = np.array([[30.0, 20.0], [30.0, 60.0]])
        mosaic = mosaic_of_weights(SHAPE, seeds, np.array([400.0, 0.0]))
        # (x - 20)² - 400 = (x - 60)² at x = 45.
        expected = np.abs(np.arange(SHAPE[1]) + 0.5 - 45.0)
        assert mosaic.edge_distance_px == pytest.approx(np.tile(expected, (SHAPE[0], 1)), abs=1e-3)

    def test_equal_weights_give_the_voronoi_mosaic(self) -> None:
        seeds, _ = seeds_and_numbers(0)
        nearest = np.linalg.norm(pixel_centres(SHAPE)[:, :, None] - seeds, axis=-1).argmin(axis=-1)
        for mosaic in (
            mosaic_of_weights(SHAPE, seeds, np.full(len(seeds), 7.0)),
            mosaic_of_births(SHAPE, seeds, np.full(len(seeds), 7.0)),
        ):
            assert np.array_equal(mosaic.cells, nearest)

    def test_cell_areas_spread_with_the_sizes(self) -> None:
        spreads = []
        for size_spread in (0.0, 0.6):
            mosaic = laguerre_mosaic((400, 400), 16.0, size_spread, np.random.default_rng(3))
            areas = np.bincount(mosaic.cells.ravel())
            spreads.append(float(areas[areas > 0].std() / areas[areas > 0].mean()))
        # Poisson-Voronoi cells have the coefficient of variation 0.53; cut cells add a little.
        assert spreads[0] == pytest.approx(0.56, abs=0.07)
        assert spreads[1] > 1.3 * spreads[0]


class TestJohnsonMehl:
    @settings(deadline=None, max_examples=10)
    @given(seed=st.integers(0, 2**32))
    def test_each_pixel_has_the_first_to_arrive(self, seed: int) -> None:
        seeds, births = seeds_and_numbers(seed)
        mosaic = mosaic_of_births(SHAPE, seeds, births)
        arrival = np.linalg.norm(pixel_centres(SHAPE)[:, :, None] - seeds, axis=-1) + births
        chosen = np.take_along_axis(arrival, mosaic.cells[..., None], axis=-1)[..., 0]
        assert chosen == pytest.approx(arrival.min(axis=-1), abs=1e-9)

    def test_boundary_of_two_is_a_hyperbola(self) -> None:
        seeds = np.array([[30.0, 20.0], [30.0, 60.0]])
        mosaic = mosaic_of_births(SHAPE, seeds, np.array([0.0, 12.0]))
        row, column = np.argwhere(np.diff(mosaic.cells, axis=1) != 0).T
        # |x - p| - |x - q| = 12: half axis 6, half distance of the foci 20.
        across, along = column + 1.0 - 40.0, row + 0.5 - 30.0
        expected = 6.0 * np.sqrt(1.0 + along**2 / (20.0**2 - 6.0**2))
        assert across == pytest.approx(expected, abs=0.75)

    def test_edge_distance_grows_from_nothing_at_the_boundary(self) -> None:
        seeds = np.array([[30.0, 20.0], [30.0, 60.0]])
        mosaic = mosaic_of_births(SHAPE, seeds, np.array([0.0, 12.0]))
        # Along the line of the seeds the boundary is crossed at right angles, at x = 46.
        near = slice(40, 52)
        expected = np.abs(np.arange(SHAPE[1]) + 0.5 - 46.0)[near]
        assert mosaic.edge_distance_px[30, near] == pytest.approx(expected, abs=0.05)

    def test_late_seeds_have_no_cell(self) -> None:
        seeds = np.array([[30.0, 20.0], [30.0, 60.0]])
        mosaic = mosaic_of_births(SHAPE, seeds, np.array([0.0, 41.0]))
        assert not mosaic.cells.any()
        late, equal = (
            johnson_mehl_mosaic((300, 300), 15.0, spread, np.random.default_rng(0))
            for spread in (2.0, 0.0)
        )
        assert len(np.unique(late.cells)) < 0.6 * len(np.unique(equal.cells))


class TestGrainLaws:
    @pytest.mark.parametrize("model", ["voronoi", "laguerre", "johnson-mehl"])
    def test_mosaic_covers_the_image_in_coarser_and_finer_grains(self, model: GrainModel) -> None:
        law, counts = GrainLaw(20.0, model, spread=0.3), []
        for coarseness in (0.5, 1.0, 2.0):
            rng = np.random.default_rng(1)
            mosaic = draw_grains(law, (101, 203), coarseness, rng, step=2)
            assert mosaic.cells.shape == mosaic.edge_distance_px.shape == (101, 203)
            assert 0 <= mosaic.cells.min() <= mosaic.cells.max() < len(mosaic.seeds_px)
            assert (mosaic.edge_distance_px >= 0).all()
            counts.append(len(np.unique(mosaic.cells)))
        assert counts[0] > 2 * counts[1] > 4 * counts[2]


class TestOrientations:
    def test_axes_are_spread_evenly_over_the_half_sphere(self) -> None:
        axes = draw_orientations(40_000, np.random.default_rng(0))
        assert axes.in_plane_rad.dtype == axes.polar_rad.dtype == np.float32
        assert 0 <= axes.in_plane_rad.min() <= axes.in_plane_rad.max() < math.pi
        assert 0 <= axes.polar_rad.min() <= axes.polar_rad.max() <= math.pi / 2
        # Means of cos τ, sin² τ and the double angle of a uniform axis.
        assert np.cos(axes.polar_rad).mean() == pytest.approx(0.5, abs=0.01)
        assert (np.sin(axes.polar_rad) ** 2).mean() == pytest.approx(2 / 3, abs=0.01)
        assert np.cos(2 * axes.in_plane_rad).mean() == pytest.approx(0.0, abs=0.02)

    def test_more_grains_follow(self) -> None:
        rng = np.random.default_rng(0)
        first, second = draw_orientations(3, rng), draw_orientations(2, rng)
        joined = first.followed_by(second)
        assert joined.in_plane_rad[3:].tolist() == second.in_plane_rad.tolist()
        assert joined.polar_rad[:3].tolist() == first.polar_rad.tolist()


def cut(
    polygon: list[tuple[float, float]], a: float, b: float, c: float
) -> list[tuple[float, float]]:
    """Part of a convex polygon where a x + b y + c <= 1."""
    kept = []
    for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        start, end = a * x0 + b * y0 + c - 1, a * x1 + b * y1 + c - 1
        if start <= 0:
            kept.append((x0, y0))
        if (start <= 0) != (end <= 0):
            t = start / (start - end)
            kept.append((x0 + t * (x1 - x0), y0 + t * (y1 - y0)))
    return kept


def section_polygon(planes: NDArray[np.float32]) -> list[tuple[float, float]]:
    polygon = [(-9.0, -9.0), (9.0, -9.0), (9.0, 9.0), (-9.0, 9.0)]
    for a, b, c in planes.astype(float):
        polygon = cut(cut(polygon, a, b, c), -a, -b, -c) if polygon else []
    return polygon


def polygon_area(polygon: list[tuple[float, float]]) -> float:
    if not polygon:
        return 0.0
    x, y = np.array(polygon).T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


class TestCrystals:
    @pytest.mark.parametrize("habit", ["cube", "octahedron", "prism"])
    def test_mean_section_is_the_volume_over_the_range_of_planes(self, habit: Habit) -> None:
        form = HABITS[habit]
        planes = plane_sections(4000, habit, np.random.default_rng(1))
        areas = np.array([polygon_area(section_polygon(one)) for one in planes])
        # The sections scatter by about their mean: standard error 2 %.
        assert areas.mean() == pytest.approx(form.volume / (2 * form.reach), rel=0.06)

    @pytest.mark.parametrize(("habit", "most"), [("cube", 6), ("octahedron", 6), ("prism", 6)])
    def test_sections_have_three_sides_to_six(self, habit: Habit, most: int) -> None:
        planes = plane_sections(600, habit, np.random.default_rng(2))
        polygons = [section_polygon(one) for one in planes]
        sides = [len(polygon) for polygon in polygons if polygon_area(polygon) > 1e-6]
        assert set(sides) <= set(range(3, most + 1))
        assert {4, 6} <= set(sides)

    def test_cube_sections_hit_as_often_as_the_mean_width_says(self) -> None:
        planes = plane_sections(4000, "cube", np.random.default_rng(3))
        hits = np.mean([polygon_area(section_polygon(one)) > 0 for one in planes])
        # Mean width of a cube of edge 2 is 3, of 2√3 tried; standard error 0.006.
        assert hits == pytest.approx(3.0 / (2.0 * math.sqrt(3.0)), abs=0.02)

    @pytest.mark.parametrize("habit", ["cube", "octahedron"])
    @pytest.mark.parametrize("growth", [0.5, 0.8])
    def test_covered_area_is_that_of_a_boolean_model(self, habit: Habit, growth: float) -> None:
        spacing_px, covered = 24.0, []
        for seed in range(8):
            rng = np.random.default_rng(seed)
            sections = crystal_sections((400, 400), spacing_px, rng, habit=habit, size_spread=0.0)
            covered.append(float((sections.gauge <= growth).mean()))
        form = HABITS[habit]
        mean_area = form.volume * growth**3 * (spacing_px / 2) ** 2 / (2 * form.reach)
        expected = 1.0 - math.exp(-mean_area / spacing_px**2)
        assert np.mean(covered) == pytest.approx(expected, rel=0.08)

    def test_owner_is_a_crystal_nearby(self) -> None:
        rng = np.random.default_rng(4)
        sections = crystal_sections((200, 200), 40.0, rng, habit="prism", size_spread=0.0)
        inside = sections.gauge[:: sections.step, :: sections.step] <= 0.5
        rows, columns = np.nonzero(inside)
        places = (np.column_stack([rows, columns]) + 0.5) * sections.step
        away = np.linalg.norm(places - sections.centres[sections.owner[inside]], axis=1)
        assert away.max() <= 0.5 * 20.0 * HABITS["prism"].reach + 2 * sections.step


def thrown(outline_px: tuple[float, float], seed: int, spacing_px: float = 30.0) -> Germs:
    rng = np.random.default_rng(seed)
    centres = scatter_points((400, 500), spacing_px, 40.0, rng)
    ones = np.ones(len(centres))
    angles = rng.uniform(0.0, 2.0 * math.pi, len(centres))
    return Germs(centres, outline_px[0] * ones, outline_px[1] * ones, angles)


class TestGermGrains:
    @pytest.mark.parametrize(
        ("outline", "half_axes_px", "area_px2"),
        [
            ("ellipse", (6.0, 6.0), math.pi * 36.0),
            ("ellipse", (12.0, 4.0), math.pi * 48.0),
            ("lens", (14.0, 3.0), 8.0 / 3.0 * 42.0),
            ("triangle", (5.0, 5.0), 3.0 * math.sqrt(3.0) * 25.0),
        ],
    )
    def test_covered_area(
        self, outline: Outline, half_axes_px: tuple[float, float], area_px2: float
    ) -> None:
        covered = [
            float((germ_gauge((400, 500), thrown(half_axes_px, seed), outline) <= 1.0).mean())
            for seed in range(8)
        ]
        # About 1800 germs: standard error 2.5 %.
        assert np.mean(covered) == pytest.approx(1.0 - math.exp(-area_px2 / 900.0), rel=0.08)

    def test_outline_of_discs_and_growth(self) -> None:
        radius_px, density = 6.0, 1.0 / 900.0
        for growth in (1.0, 1.8):
            lengths = []
            for seed in range(8):
                gauge = germ_gauge((400, 500), thrown((radius_px, radius_px), seed), "ellipse")
                lengths.append(crofton_length_px((gauge <= growth).astype(np.int_)) / gauge.size)
            radius = growth * radius_px
            expected = density * 2 * math.pi * radius * math.exp(-density * math.pi * radius**2)
            assert np.mean(lengths) == pytest.approx(expected, rel=0.08)

    def test_one_triangle_has_its_corners_where_it_says(self) -> None:
        germs = Germs(np.array([[50.0, 50.0]]), *(np.array([10.0]),) * 2, np.array([0.0]))
        gauge = germ_gauge((100, 100), germs, "triangle")
        inside = np.argwhere(gauge <= 1.0) + 0.5
        # The face of the normal 0 stands to the right; the corner opposite is 20 px to the left.
        assert inside[:, 1].max() == pytest.approx(60.0, abs=0.51)
        assert inside[:, 1].min() == pytest.approx(30.0, abs=1.51)
        assert np.ptp(inside[:, 0]) + 1 == pytest.approx(2 * math.sqrt(3.0) * 10.0, abs=2.0)

    def test_gauge_goes_on_beyond_the_shapes(self) -> None:
        germs = Germs(np.array([[5.0, 5.0]]), *(np.array([2.0]),) * 2, np.array([0.0]))
        gauge = germ_gauge((40, 40), germs, "ellipse")
        diagonal = np.diagonal(gauge)[5:]
        assert np.isfinite(gauge).all()
        assert (np.diff(diagonal) > 0).all()

    def test_without_shapes_nothing_is_near(self) -> None:
        none = np.zeros(0)
        gauge = germ_gauge((6, 7), Germs(np.zeros((0, 2)), none, none, none), "lens")
        assert gauge.shape == (6, 7)
        assert np.isfinite(gauge).all()
        assert (gauge > 1).all()


def test_streams_of_other_names_are_independent() -> None:
    chance = Chance("S1", 3)
    first, second = (chance.stream("axes", code).random(2000) for code in (6, 9))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
